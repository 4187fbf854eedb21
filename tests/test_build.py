"""What a blogger gets from the one line: real sites, built by Pelican with the real model."""

import contextlib
import json
import re
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from pelican import signals

from helpers.processes import (
    HEAVY,
    configure,
    end,
    list_imported,
    list_vectors,
    run_pelican,
    start,
    use_service,
    watch_imports,
)
from helpers.service import Service
from helpers.sites import BLOCK, ENVIRONMENT, LINK, TOPICS, Site, list_pages
from pelican_related_embeddings.errors import SettingsError
from pelican_related_embeddings.pages.related import RelatedPosts
from pelican_related_embeddings.store.cache import sum_row

PAGES = [f"{topic}-{number}.html" for topic in TOPICS for number in range(3)]


def test_every_article_shows_its_neighbours_first_and_nothing_else_shows_any(topics: Site) -> None:
    built = topics.build()

    for name, page in list_pages(built.output).items():
        assert len(BLOCK.findall(page)) == (name in PAGES), name
    for topic in TOPICS:
        for number in range(3):
            links = built.links(f"{topic}-{number}.html")
            own = {f"/{topic}-{other}.html" for other in range(3) if other != number}
            assert len(links) == 5
            assert set(links[:2]) == own
    assert built.warnings() == []


def test_links_lead_to_pages_that_were_written(warm_topics: Site) -> None:
    built = warm_topics.build(
        ARTICLE_URL="posts/{slug}/", ARTICLE_SAVE_AS="posts/{slug}/index.html", RELATIVE_URLS=True
    )

    page = "posts/bread-0/index.html"
    links = built.links(page)

    assert len(links) == 5
    for link in links:
        assert ((built.output / page).parent / link / "index.html").is_file()


def test_templates_get_articles_with_records_beside_them(warm_topics: Site) -> None:
    article = warm_topics.build().articles["bread-0.html"]

    related = article.related_posts

    assert isinstance(related, RelatedPosts)
    assert [post.title for post in related][:1] in (["Bread 1"], ["Bread 2"])
    assert [record.article for record in related.records] == list(related)
    scores = [record.score for record in related.records]
    assert scores == sorted(scores, reverse=True)
    assert all(0 <= score <= 1 for score in scores)
    assert any(record.terms for record in related.records)


def test_all_kinds_get_a_list_and_only_published_ones_are_suggested(topics: Site) -> None:
    topics.post("bread-draft", TOPICS["bread"][0] + " Draft.", status="draft")
    topics.post("bread-hidden", TOPICS["bread"][1] + " Hidden.", status="hidden")
    topics.post("bread-0", "Le pain au levain lève lentement. " * 4, lang="fr", date="2024-02-01")
    topics.post("bread-1", "La croûte du pain demande un four chaud. " * 4, lang="fr", date="2024-02-02")
    topics.post("bread-0", TOPICS["bread"][2] + " Draft.", lang="de", status="draft")

    built = topics.build()

    assert len(built.links("drafts/bread-draft.html")) == 5
    assert len(built.links("bread-hidden.html")) == 5
    assert built.links("bread-0-fr.html") == ["/bread-1-fr.html"]
    assert built.links("drafts/bread-0-de.html") == []
    every = [link for name in list_pages(built.output) for link in built.links(name)]
    assert not [link for link in every if "draft" in link or "hidden" in link]
    for name in list_pages(built.output):
        assert f"/{name}" not in built.links(name)


def test_two_posts_with_one_slug_under_dated_urls_may_suggest_each_other(site: Site) -> None:
    """Pelican lists them as translations of one another, but they are different posts."""
    for year, text in zip((2021, 2022, 2023), TOPICS["bread"], strict=True):
        site.write(f"{year}.md", f"Title: Bread of {year}\nDate: {year}-01-01\nSlug: bread\n\n{text}\n")

    built = site.build(ARTICLE_URL="{date:%Y}/{slug}/", ARTICLE_SAVE_AS="{date:%Y}/{slug}/index.html")

    assert sorted(built.links("2021/bread/index.html")) == ["/2022/bread/", "/2023/bread/"]


def test_an_article_without_any_word_has_no_block_and_is_in_no_list(warm_topics: Site) -> None:
    warm_topics.post("picture", "![](loaf.png)", title="!")

    built = warm_topics.build()

    assert built.articles["picture.html"].related_posts == []
    assert built.blocks("picture.html") == []
    assert not any("/picture.html" in built.links(name) for name in PAGES)


@pytest.mark.parametrize("count", [0, 1, 2])
def test_very_small_sites(site: Site, count: int) -> None:
    for number in range(count):
        site.post(f"post-{number}", TOPICS["bread"][number])

    built = site.build()

    for number in range(count):
        assert len(built.links(f"post-{number}.html")) == count - 1
    assert built.warnings() == []


def test_all_articles_alike(site: Site) -> None:
    for number in range(8):
        site.post(f"post-{number}", TOPICS["bread"][0], title="The same")

    built = site.build()

    assert all(article.related_posts is not None for article in built.articles.values())


def test_reading_content_early_would_freeze_it_so_it_is_not_read(warm_topics: Site) -> None:
    """A later plugin may still change an article after ours has looked at it."""
    warm_topics.post("linker", "See [the loaf]({filename}bread-0.md) " + TOPICS["bread"][0])

    def shout(generators: Any) -> None:
        for article in generators[0].articles:
            article._content = article._content.replace("Knead", "KNEAD")

    signals.all_generators_finalized.connect(shout)
    try:
        built = warm_topics.build()
    finally:
        signals.all_generators_finalized.disconnect(shout)

    assert "KNEAD" in built.read("bread-0.html")
    assert 'href="/bread-0.html"' in built.read("linker.html")
    assert built.warnings() == []


def test_feeds_and_summaries_hold_no_block(warm_topics: Site) -> None:
    built = warm_topics.build(
        FEED_ALL_ATOM="feed.xml", FEED_ALL_RSS="rss.xml", RSS_FEED_SUMMARY_ONLY=False, SUMMARY_MAX_LENGTH=None
    )

    for name in ("feed.xml", "rss.xml", "index.html"):
        assert "Knead the flour" in built.read(name)
        assert "related-embeddings" not in built.read(name)
    assert len(built.blocks("bread-0.html")) == 1


def test_nothing_is_inserted_when_the_blogger_says_so(warm_topics: Site) -> None:
    built = warm_topics.build(RELATED_EMBEDDINGS_INSERT=False)

    assert not any(BLOCK.search(page) for page in list_pages(built.output).values())
    assert len(built.articles["bread-0.html"].related_posts) == 5


def test_a_wrong_setting_stops_the_build_before_anything_is_touched(warm_topics: Site) -> None:
    output = warm_topics.root / "output"
    output.mkdir()
    (output / "precious.txt").write_text("mine")

    with pytest.raises(SettingsError) as error:
        warm_topics.build(
            DELETE_OUTPUT_DIRECTORY=True,
            RELATED_EMBEDDINGS_MAX="five",
            RELATED_EMBEDDINGS_WEIGHTS=1,
            OUTPUT_RETENTION=[],
        )

    assert "RELATED_EMBEDDINGS_MAX must be" in str(error.value)
    assert "Did you mean RELATED_EMBEDDINGS_WEIGHT?" in str(error.value)
    assert [path.name for path in output.iterdir()] == ["precious.txt"]


@pytest.mark.parametrize(("option", "shown"), [(None, False), ("--debug", True)])
def test_all_mistakes_in_the_settings_are_told_without_a_traceback(
    site: Site, option: str | None, shown: bool
) -> None:
    site.post("alone", "Hello.")
    configure(site, RELATED_EMBEDDINGS_MAX=-1, RELATED_EMBEDDINGS_WEIGHT=7)

    printed = end(start(site, *filter(None, [option])), code=1)

    assert "RELATED_EMBEDDINGS_MAX must be a whole number of at least 0, got -1." in printed
    assert "RELATED_EMBEDDINGS_WEIGHT must be a number from 0 to 1, got 7." in printed
    assert ("Traceback" in printed) == shown


def test_a_fault_of_another_plugin_keeps_its_traceback(site: Site) -> None:
    site.post("alone", "Hello.")
    (site.root / "broken.py").write_text(
        "from pelican import signals\n\n"
        "def fail(pelican):\n    raise ValueError('not ours')\n\n"
        "def register():\n    signals.initialized.connect(fail)\n"
    )
    configure(site, PLUGINS=["pelican_related_embeddings", "broken"], PLUGIN_PATHS=["."])

    printed = end(start(site), code=1)

    assert "Traceback" in printed
    assert "not ours" in printed


def test_max_is_obeyed(warm_topics: Site) -> None:
    assert len(warm_topics.build(RELATED_EMBEDDINGS_MAX=2).links("bread-0.html")) == 2
    assert warm_topics.build(RELATED_EMBEDDINGS_MAX=0).blocks("bread-0.html") == []


# Templates


def test_an_override_wins_and_may_extend_ours_block_by_block(warm_topics: Site) -> None:
    folder = warm_topics.root / "mine"
    folder.mkdir()
    (folder / "related_posts.html").write_text(
        '{% extends "!related_embeddings/related_posts.html" %}'
        "{% block related_posts_heading %}<h2 id='related-embeddings-heading'>Mine</h2>{% endblock %}"
        "{% block related_posts_item %}{{ record.score }} {{ record.article.title }} "
        "{{ record.terms|join('+') }}{% endblock %}"
    )

    built = warm_topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)])

    (block,) = built.blocks("bread-0.html")
    assert ">Mine</h2>" in block
    assert re.search(r"<li>0\.\d+ Bread [12] ", block)


def test_a_theme_that_includes_or_loops_itself_gets_no_second_block(warm_topics: Site) -> None:
    folder = warm_topics.root / "mine"
    folder.mkdir()
    (folder / "article.html").write_text(
        '<main>{% include "related_posts.html" %}<p>{{ article.content }}</p></main>'
    )
    page = warm_topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)]).read("bread-0.html")
    (folder / "article.html").write_text(
        "{% if article.related_posts %}<ul>{% for post in article.related_posts %}"
        "<li><a href='/{{ post.url }}'>{{ post.title }}</a></li>{% endfor %}</ul>{% endif %}{{ article.content }}"
    )
    looped = warm_topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)])

    assert len(BLOCK.findall(page)) == 1
    assert page.index('<section class="related-embeddings') < page.index("Knead")
    assert looped.read("bread-0.html").count("<li>") == 5
    assert looped.blocks("bread-0.html") == []


def test_the_partial_may_be_included_where_there_is_no_article(warm_topics: Site) -> None:
    folder = warm_topics.root / "mine"
    folder.mkdir()
    (folder / "index.html").write_text('<p>home</p>{% include "related_posts.html" %}')

    assert warm_topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)]).read("index.html") == "<p>home</p>"


@pytest.mark.parametrize("theme", ["simple", "notmyidea"])
def test_the_block_follows_the_content(warm_topics: Site, theme: str) -> None:
    page = warm_topics.build(THEME=theme).read("bread-0.html")

    assert (
        page.index("before baking")
        < page.index("<section class=")
        < page.index("</main>" if theme == "simple" else "</section>")
    )


# The cache


def test_a_second_build_embeds_nothing_and_imports_nothing_heavy(topics: Site) -> None:
    settings = watch_imports(topics)
    first = run_pelican(topics, **settings)
    pages = list_pages(topics.root / "output")
    cache = (topics.root / "cache" / "related_embeddings.sqlite").read_bytes()
    second = run_pelican(topics, **settings)

    assert "embedding 9 articles" in first
    assert list_imported(first) & HEAVY
    assert "embedding" not in second.replace("related_embeddings", "")
    assert not list_imported(second) & HEAVY
    assert list_pages(topics.root / "output") == pages
    assert (topics.root / "cache" / "related_embeddings.sqlite").read_bytes() == cache


def test_a_changed_date_or_pin_needs_neither_model_nor_numpy(warm_topics: Site) -> None:
    settings = watch_imports(warm_topics)
    run_pelican(warm_topics, **settings)
    warm_topics.post("sql-2", TOPICS["sql"][2], date="2025-05-05", category="sql")
    warm_topics.post("sql-1", TOPICS["sql"][1], date="2024-02-08", category="sql", related_posts="stars-0")

    printed = run_pelican(warm_topics, **settings)

    assert not list_imported(printed) & HEAVY
    page = (warm_topics.root / "output" / "sql-1.html").read_text(encoding="utf-8")
    assert LINK.findall(page[page.index('<section class="related-embeddings') :])[0] == "/stars-0.html"


def test_an_edit_embeds_that_article_alone(warm_topics: Site, capsys: pytest.CaptureFixture[str]) -> None:
    before = list_vectors(warm_topics)
    warm_topics.post("sql-2", TOPICS["bread"][0] + " A new text.", date="2024-02-09", category="sql")
    warm_topics.build()

    assert "embedding 1 article " in capsys.readouterr().out
    after = list_vectors(warm_topics)
    assert before.items() <= after.items()
    assert len(after) == len(before) + 1


def test_what_does_not_change_the_text_embeds_nothing(topics: Site) -> None:
    topics.post("sql-2", TOPICS["sql"][2] * 5, date="2024-02-09", category="sql")
    topics.build()
    vectors = list_vectors(topics)
    topics.build(SITEURL="https://example.org", ARTICLE_URL="{slug}/", ARTICLE_SAVE_AS="{slug}/index.html")
    topics.post("sql-2", TOPICS["sql"][2] * 5, category="other", date="2023-01-01", tags="new")
    (topics.content / "sql-1.md").rename(topics.content / "renamed.md")
    topics.build()

    assert len(vectors) == 9
    assert list_vectors(topics) == vectors


def test_without_a_model_the_site_is_built_with_cached_vectors_and_one_warning(
    topics: Site, tmp_path: Path
) -> None:
    first = topics.build()
    topics.post("sql-2", TOPICS["sql"][2] + " More.", date="2024-02-09", category="sql")
    broken = tmp_path / "broken"
    broken.mkdir()
    built = topics.build(RELATED_EMBEDDINGS_MODEL=str(broken))

    assert len(built.warnings()) == 1
    assert "RELATED_EMBEDDINGS_MODEL" in built.warnings()[0]
    assert all(len(built.links(name)) == 5 for name in PAGES)
    assert first.warnings() == []


def test_embedding_may_be_forbidden(topics: Site) -> None:
    built = topics.build(RELATED_EMBEDDINGS_EMBED=False)

    assert all(len(built.links(name)) == 5 for name in PAGES)
    assert list_vectors(topics) == {}


def test_strict_turns_a_soft_failure_into_a_failing_build(topics: Site, tmp_path: Path) -> None:
    broken = tmp_path / "broken"
    broken.mkdir()

    configure(topics, RELATED_EMBEDDINGS_STRICT=True, RELATED_EMBEDDINGS_MODEL=str(broken))

    assert "StrictError" in end(start(topics), code=1)


def test_quiet_is_quiet_and_fatal_warnings_does_not_abort(topics: Site, service: Service) -> None:
    lines = run_pelican(topics, "-q", "--fatal", "warnings", **use_service(service)).strip().splitlines()

    assert [line for line in lines if not line.startswith("Done: Processed")] == []  # Pelican's own line


def test_builds_repeat_byte_for_byte_whatever_the_hash_seed(topics: Site, service: Service) -> None:
    pages = []
    configure(topics, **use_service(service))
    for seed in ("1", "2"):
        end(start(topics, "-o", f"out{seed}", environment={**ENVIRONMENT, "PYTHONHASHSEED": seed}))
        (topics.root / "cache" / "related_embeddings.sqlite").unlink()
        pages.append(list_pages(topics.root / f"out{seed}"))

    assert pages[0] == pages[1]
    assert len(pages[0]) > len(PAGES)


def test_a_cache_carried_to_another_machine_is_used_without_the_model(topics: Site) -> None:
    """The folder that the model was in is not there, and neither is the model."""
    topics.build()
    path = topics.root / "cache" / "related_embeddings.sqlite"
    with contextlib.closing(sqlite3.connect(path)) as database:
        key, content = database.execute("SELECT key, content FROM models").fetchone()
        model = {**json.loads(content), "folder": "/somewhere/else"}
        content = json.dumps(model).encode()
        database.execute("UPDATE models SET content = ?, checksum = ?", (content, sum_row(key, content)))
        database.commit()
    before = path.read_bytes()

    built = topics.build()

    assert path.read_bytes() == before
    assert all(len(built.links(name)) == 5 for name in PAGES)


# What the author is told


def test_posts_that_say_the_same_are_reported_once(
    warm_topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    warm_topics.post("repost", TOPICS["bread"][0] + " Reposted.", title="Bread 0", date="2024-03-01")
    warm_topics.build()
    first = capsys.readouterr().out
    warm_topics.post("stars-0", TOPICS["stars"][0] + " Edited.", date="2024-02-04", category="stars")
    warm_topics.build()
    second = capsys.readouterr().out

    assert "bread-0.md and repost.md are nearly the same text" in " ".join(first.split())
    assert "nearly the same" not in second


def test_a_site_in_a_language_that_the_model_does_not_know_gets_one_hint(
    site: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    site.post("pain", "Le pain au levain demande de la farine, de l'eau et du temps.", lang="fr")
    site.build(DEFAULT_LANG="fr")
    first = capsys.readouterr().out
    site.post("ciel", "La lunette montre les anneaux de Saturne quand l'air est calme.", lang="fr")
    site.build(DEFAULT_LANG="fr")
    second = capsys.readouterr().out

    assert "made for English" in first
    assert "multilingual" in first
    assert "made for English" not in second


def test_a_minimum_score_cuts_lists_short_and_changes_nothing_else(warm_topics: Site) -> None:
    whole = warm_topics.build().articles
    cut = warm_topics.build(RELATED_EMBEDDINGS_MIN_SCORE=0.8).articles

    for name, article in cut.items():
        scores = {record.article.slug: record.score for record in whole[name].related_posts.records}
        assert [post.slug for post in article.related_posts] == [
            slug for slug, score in scores.items() if score >= 0.8
        ]
    assert 0 < sum(len(article.related_posts) for article in cut.values()) < 45
