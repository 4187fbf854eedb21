"""The map and the JSON as a blogger gets them: from the settings to the files."""

import json
import sqlite3

import pytest

from helpers.processes import HEAVY, list_imported, run_pelican, watch_imports
from helpers.sites import TOPICS, Site

SETTINGS = {"RELATED_EMBEDDINGS_MAP": "related/map.html", "RELATED_EMBEDDINGS_JSON": "related/posts.json"}


def test_the_map_shows_every_published_article_and_no_other(topics: Site) -> None:
    topics.post("bread-draft", TOPICS["bread"][0], status="draft", title="Secret draft")
    topics.post("bread-hidden", TOPICS["bread"][1], status="hidden", title="Secret hidden")
    built = topics.build(**SETTINGS)

    page = built.read("related/map.html")
    posts = json.loads(built.read("related/posts.json"))["posts"]

    for topic in TOPICS:
        for number in range(3):
            assert f"../{topic}-{number}.html" in page
    assert "Secret" not in page + json.dumps(posts)
    assert len(posts) == 9
    assert all(len(post["related"]) == 5 for post in posts)
    assert built.warnings() == []


def test_the_json_says_what_the_pages_show(topics: Site) -> None:
    built = topics.build(SITEURL="https://example.org", **SETTINGS)

    for post in json.loads(built.read("related/posts.json"))["posts"]:
        assert [other["url"] for other in post["related"]] == built.links(f"{post['slug']}.html")


def test_without_the_settings_nothing_is_written(topics: Site) -> None:
    assert not (topics.build().output / "related").exists()


def test_an_unchanged_map_needs_no_numpy_and_is_the_same(topics: Site) -> None:
    settings = {**watch_imports(topics), **SETTINGS}
    run_pelican(topics, **settings)
    output = topics.root / "output" / "related"
    before = {path.name: path.read_bytes() for path in output.iterdir()}
    printed = run_pelican(topics, **settings)

    assert not list_imported(printed) & HEAVY
    assert {path.name: path.read_bytes() for path in output.iterdir()} == before


def test_the_last_map_is_where_the_next_begins(topics: Site) -> None:
    topics.build(**SETTINGS)
    before = read_places(topics)
    topics.post("bread-3", TOPICS["bread"][0] + " One more.", date="2024-03-01", category="bread")
    topics.build(**SETTINGS)
    after = read_places(topics)

    assert "bread-3.md" in after
    moves = sorted(max(abs(a - b) for a, b in zip(before[path], after[path], strict=True)) for path in before)
    assert moves[len(moves) // 2] < 0.03


def read_places(site: Site) -> dict[str, tuple[float, float]]:
    from pelican_related_embeddings.store.cache import decompress
    from pelican_related_embeddings.topic_map.chart import TopicMap

    database = sqlite3.connect(site.root / "cache" / "related_embeddings.sqlite")
    rows = database.execute("SELECT content FROM results ORDER BY rowid DESC").fetchall()
    database.close()
    maps = []
    for (content,) in rows:
        try:
            maps.append(TopicMap.from_json(decompress(content)))
        except ValueError:
            continue
    return max(maps, key=lambda found: len(found.keys)).list_positions()


@pytest.mark.parametrize("count", [0, 1, 2])
def test_a_very_small_site_has_a_map_too(site: Site, count: int) -> None:
    for number in range(count):
        site.post(f"post-{number}", TOPICS["bread"][number])

    built = site.build(**SETTINGS)

    assert (built.output / "related/map.html").exists() == (count > 0)
    assert len(json.loads(built.read("related/posts.json"))["posts"]) == count
    assert built.warnings() == []
