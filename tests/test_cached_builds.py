"""What builds keep in the cache and find there again: through gaps, edits, months and other machines.

The cache file by itself is tested in test_cache.py. Days pass by setting back the stamps in the file.
"""

import contextlib
import json
import os
import re
import sqlite3
import subprocess
import sys
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pelican import Pelican
from pelican.settings import read_settings
from rich.console import Console

from helpers.processes import (
    HEAVY,
    MODELS,
    configure,
    end,
    list_imported,
    list_vectors,
    read_site,
    run_pelican,
    start,
    use_service,
    watch_imports,
    write_many,
)
from helpers.service import Service
from helpers.sites import ENVIRONMENT, TOPICS, Built, Site
from pelican_related_embeddings.encoders.embedding import Context, Found, Text, embed_texts, list_absent
from pelican_related_embeddings.encoders.model import Model
from pelican_related_embeddings.errors import SettingsError, StrictError
from pelican_related_embeddings.messages import Messages
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.store.cache import Cache, compress, decompress, sum_row
from pelican_related_embeddings.text.document import Document
from pelican_related_embeddings.text.terms import TermCounts
from pelican_related_embeddings.topic_map.chart import TopicMap

CACHE = "cache/related_embeddings.sqlite"
MAP = {"RELATED_EMBEDDINGS_MAP": "map.html"}


def watch(site: Site, **settings: Any) -> tuple[str, set[str]]:
    """Build in a process of its own; return what it printed and which packages it imported."""
    printed = run_pelican(site, **watch_imports(site), **settings)
    return " ".join(printed.split()), list_imported(printed)


def query(site: Site, statement: str, *values: Any) -> list[Any]:
    with contextlib.closing(sqlite3.connect(site.root / CACHE, isolation_level=None)) as database:
        return database.execute(statement, values).fetchall()


def let_days_pass(site: Site, days: int) -> None:
    for table in ("texts", "vectors", "results", "models"):
        query(site, f"UPDATE {table} SET day = day - ?", days)


# Texts without a vector


def test_a_text_that_is_refused_costs_the_others_nothing(site: Site, service: Service) -> None:
    """201 posts, one refused: 200 vectors at once, and from then on builds ask for that one alone."""
    write_many(site, 200)
    site.post("forbidden", "A post that the service does not like, about bread and water and stars.")
    service.refuse = "Forbidden"
    settings = use_service(service, RELATED_EMBEDDINGS_MAP="map.html")

    first = site.build(**settings)

    assert len(list_vectors(site)) == 200
    (warning,) = first.warnings()
    assert (
        "1 of 201 articles (forbidden.md) has no vector and is ranked by the words that it shares" in warning
    )
    assert first.links("forbidden.html")
    kept = (site.root / CACHE).read_bytes()
    service.requests.clear()

    second = site.build(**settings)

    assert [said.partition("The site")[2] for said in second.warnings()] == [warning.partition("The site")[2]]
    asked = {text[:9] for request in service.requests for text in request["input"]}
    assert asked == {"dimension", "Forbidden"}
    assert (site.root / CACHE).read_bytes() == kept  # what is ranked or drawn is written
    assert read_site(second.output) == read_site(first.output)
    service.refuse = None

    third = site.build(**settings)

    assert third.warnings() == []
    assert len(list_vectors(site)) == 201


class Choosy:
    """An encoder that refuses long texts."""

    problem = None

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> Any:
        rows = [[np.nan, np.nan] if len(text) > 400 else [1.0, 0.0] for text in texts]
        return np.array(rows, dtype=np.float32)


def test_texts_that_are_refused_keep_none_from_its_turn(tmp_path: Path) -> None:
    """More than are embedded at once, and in any order."""
    texts = [
        (bytes([number]) * 24, Text(Document(f"{number}.md", "", "", f"<p>{'word ' * size}</p>", "en"), b""))
        for number in range(200)
        for size in [200 if number % 3 else 40]
    ]
    chosen = list_absent([text for _, text in texts], Found(Model("m", None), tuple(k for k, _ in texts), {}))
    cache = Cache(tmp_path / "cache.sqlite", pytest.fail)

    made = embed_texts(chosen, Choosy(), Context(Settings(), cache, Messages(Console(), False)))

    assert set(made.vectors) == {key for key, text in texts if len(text.document.html) < 400}
    assert cache.read("vectors", [key for key, _ in texts]) == made.vectors
    assert made.problem
    cache.finish()


def test_a_service_that_is_down_costs_new_vectors_only_and_is_asked_again(
    topics: Site, service: Service
) -> None:
    settings = use_service(service)
    topics.build(**settings)
    topics.post("new", "A post about bread and the telescope.")
    service.script += ["bad key"] * 9

    built = topics.build(**settings)

    (warning,) = built.warnings()
    assert "1 of 10 articles (new.md) has no vector" in warning
    assert len(list_vectors(topics)) == 9
    service.script.clear()
    assert topics.build(**settings).warnings() == []
    assert len(list_vectors(topics)) == 10


def test_without_embedding_an_unchanged_build_ranks_nothing(topics: Site, service: Service) -> None:
    """Neither with an empty cache nor with one post too many; and what another build made is noticed."""
    settings = use_service(service, RELATED_EMBEDDINGS_EMBED=False, **MAP)

    for _ in range(2):
        printed, imported = watch(topics, **settings)
        assert "9 of 9 articles have no vector" in printed
    assert not imported & HEAVY

    end_build(topics, **{**settings, "RELATED_EMBEDDINGS_EMBED": True})
    printed, imported = watch(topics, **settings)
    assert "no vector" not in printed
    assert not imported & HEAVY

    topics.post("new", "A post about bread and the telescope.")
    for _ in range(2):
        printed, imported = watch(topics, **settings)
        assert "1 of 10 articles (new.md) has no vector" in printed
        assert "WARNING" not in printed
    assert not imported & HEAVY


def end_build(site: Site, **settings: Any) -> str:
    configure(site, **settings)
    return end(start(site))


def test_a_build_that_may_not_embed_says_how_many_vectors_are_missing_and_fails_under_strict(
    topics: Site, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = use_service(service, RELATED_EMBEDDINGS_EMBED=False)
    for _ in range(2):
        assert topics.build(**settings).warnings() == []
        printed = " ".join(capsys.readouterr().out.split())
        assert printed.count("9 of 9 articles have no vector") == 1
        with pytest.raises(StrictError, match="9 of 9 articles have no vector"):
            topics.build(**settings, RELATED_EMBEDDINGS_STRICT=True)
        capsys.readouterr()

    topics.build(**use_service(service))
    topics.build(**settings, RELATED_EMBEDDINGS_STRICT=True)
    assert "no vector" not in capsys.readouterr().out


def test_a_vector_of_the_text_as_it_was_serves_where_none_may_be_made(topics: Site, service: Service) -> None:
    """A paragraph becomes boilerplate when a fifth post repeats it: four old posts keep their vectors."""
    paragraph = "This blog is written by a baker who looks at the stars and keeps notes in a database."
    for number in range(4):
        topics.post(f"old-{number}", f"{TOPICS['bread'][number % 3]} Number {number}.\n\n{paragraph}")
    topics.build(**use_service(service))
    topics.post("fifth", f"{TOPICS['stars'][0]} The fifth.\n\n{paragraph}")
    settings = use_service(service, RELATED_EMBEDDINGS_EMBED=False, RELATED_EMBEDDINGS_STRICT=True)

    with pytest.raises(StrictError, match=r"1 of 14 articles \(fifth.md\) has no vector"):
        topics.build(**settings)
    service.requests.clear()
    topics.build(**use_service(service))

    assert service.count_texts() == 5
    topics.build(**settings)


# Words alone


def test_a_site_that_goes_by_words_alone_never_looks_for_a_model(topics: Site) -> None:
    settings = {
        "RELATED_EMBEDDINGS_WEIGHT": 1,
        "RELATED_EMBEDDINGS_MODEL": "nobody/nothing",
        "RELATED_EMBEDDINGS_STRICT": True,
        **MAP,
    }

    first, imported = watch(topics, **settings)
    assert not imported & MODELS
    second, imported = watch(topics, **settings)

    assert not imported & HEAVY
    assert "WARNING" not in first + second
    assert "vector" not in first + second
    built = Built(topics.root / "output", {})
    assert set(built.links("bread-0.html")[:2]) == {"/bread-1.html", "/bread-2.html"}
    places = read_map(topics).positions
    assert len({(round(x, 2), round(y, 2)) for x, y in places}) == 9


# Months


def read_map(site: Site) -> TopicMap:
    """The map that was drawn last."""
    for (content,) in query(site, "SELECT content FROM results ORDER BY rowid DESC"):
        with contextlib.suppress(ValueError):
            return TopicMap.from_json(decompress(content))
    raise AssertionError("no map was drawn")


def test_two_months_in_which_only_dates_change_lose_nothing(site: Site, service: Service) -> None:
    """Thirty-one builds, two days apart, each with the files' times of a new checkout."""
    write_many(site, 24)
    settings = use_service(service, **MAP)
    site.build(**settings)
    vectors, drawn = list_vectors(site), read_map(site)
    service.requests.clear()
    for day in range(31):
        let_days_pass(site, 2)
        post = site.content / "post-007.md"
        post.write_text(re.sub(r"date: .*", f"date: 2024-03-{day + 1:02}", post.read_text()))
        assert site.build(**settings).warnings() == []

    assert list_vectors(site) == vectors
    assert service.count_texts() == 0
    site.post("new", f"{TOPICS['bread'][0]} A post of the last day.")
    site.build(**settings)
    moved = read_map(site).list_positions()
    steps = [np.hypot(x - moved[key][0], y - moved[key][1]) for key, (x, y) in drawn.list_positions().items()]
    assert np.median(steps) < 0.05
    assert service.count_texts() == 1


def test_what_no_build_uses_goes_in_the_end(topics: Site, service: Service) -> None:
    settings = use_service(service)
    topics.build(**settings)
    (topics.content / "sql-2.md").unlink()
    topics.build(**settings)
    for days in range(0, 64, 8):
        assert len(list_vectors(topics)) == 9 or days > 30
        let_days_pass(topics, 8)
        topics.build(**settings)

    assert len(list_vectors(topics)) == 8


def test_an_unchanged_build_leaves_the_file_as_it_is_but_once_a_week(topics: Site, service: Service) -> None:
    settings = use_service(service, **MAP)
    topics.build(**settings)
    let_days_pass(topics, 6)
    before = (topics.root / CACHE).read_bytes()

    topics.build(**settings)
    assert (topics.root / CACHE).read_bytes() == before
    let_days_pass(topics, 2)
    topics.build(**settings)

    assert query(topics, "SELECT count(*) FROM vectors WHERE day < (SELECT max(day) FROM vectors)") == [(0,)]


# Where the file is


@pytest.fixture
def elsewhere(site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Where a site's cache is when its settings file is read from another folder, whose name is the home's."""
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.chdir(home)

    def locate(name: str = "RELATED_EMBEDDINGS_CACHE", **settings: Any) -> str:
        configure(site, **settings)
        pelican = Pelican(read_settings(str(site.root / "pelicanconf.py")))
        return os.path.relpath(pelican.settings[name], tmp_path)

    return locate


def test_the_cache_is_beside_the_settings_file_wherever_a_build_starts(elsewhere: Callable[..., str]) -> None:
    assert elsewhere() == "cache/related_embeddings.sqlite"
    assert elsewhere(CACHE_PATH=None) == "cache/related_embeddings.sqlite"
    assert elsewhere(RELATED_EMBEDDINGS_CACHE="vectors/blog.sqlite") == "vectors/blog.sqlite"
    assert elsewhere(RELATED_EMBEDDINGS_CACHE="~/blog.sqlite") == "home/blog.sqlite"
    assert elsewhere(RELATED_EMBEDDINGS_CACHE="vectors/../blog.sqlite") == "blog.sqlite"


def test_a_settings_file_of_little_but_paths_is_found_by_them(
    site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/")
    for name in ("content", "theme/templates"):
        (site.root / name).mkdir(parents=True, exist_ok=True)
    (site.root / "pelicanconf.py").write_text(
        'PATH, OUTPUT_PATH, THEME = "content", "out", "theme"\nPLUGINS = ["pelican_related_embeddings"]\n'
        'RELATED_EMBEDDINGS_CACHE = "c.sqlite"\n'
    )

    pelican = Pelican(read_settings(str(site.root / "pelicanconf.py")))

    assert pelican.settings["RELATED_EMBEDDINGS_CACHE"] == str(site.root / "c.sqlite")


def test_a_models_folder_is_beside_the_settings_file_too(
    elsewhere: Callable[..., str], tmp_path: Path
) -> None:
    (tmp_path / "models" / "mine").mkdir(parents=True)

    name = "RELATED_EMBEDDINGS_MODEL"
    assert elsewhere(name, RELATED_EMBEDDINGS_MODEL="models/mine") == "models/mine"
    assert (
        elsewhere(name, RELATED_EMBEDDINGS_MODEL="models/yours") == "home/models/yours"
    )  # a name, unchanged


def test_a_site_that_is_built_from_elsewhere_finds_its_cache(topics: Site, service: Service) -> None:
    settings = {"RELATED_EMBEDDINGS_CACHE": "vectors/blog.sqlite", "PATH": "content", "OUTPUT_PATH": "output"}
    configure(topics, **use_service(service, **settings))
    end(start(topics))
    service.requests.clear()
    (topics.root / "other").mkdir()

    command = [sys.executable, "-m", "pelican", "-s", "../pelicanconf.py"]
    subprocess.run(command, cwd=topics.root / "other", env=ENVIRONMENT, check=True, capture_output=True)

    assert service.requests == []
    assert list((topics.root / "other").iterdir()) == []


@pytest.mark.parametrize(
    ("place", "rule"),
    [
        ("content", "must be a file, got the folder"),
        ("output/deep/cache.sqlite", "must be outside OUTPUT_PATH"),
        ("content/bread-0.md", "is not a cache of this plugin"),
        ("photos.db", "is not a cache of this plugin"),
    ],
)
def test_a_place_that_is_somebody_elses_is_a_wrong_setting(topics: Site, place: str, rule: str) -> None:
    with contextlib.closing(sqlite3.connect(topics.root / "photos.db")) as database:
        database.execute("CREATE TABLE photos (name)")
    before = read_site(topics.root)

    with pytest.raises(SettingsError, match=rule):
        topics.build(RELATED_EMBEDDINGS_CACHE=str(topics.root / place))

    assert read_site(topics.root) == before


# What is believed


def change_results(site: Site, change: Callable[[Any], Any]) -> int:
    """Change the stored candidates and lists, with checksums that fit; return how many there were."""
    changed = 0
    for key, content in query(site, "SELECT key, content FROM results"):
        with contextlib.suppress(ValueError, AttributeError):
            stored = json.loads(decompress(content))
            for name in {"lists", "candidates"} & stored.keys():
                stored[name] = [[change(list(one)) for one in items] for items in stored[name]]
                content = compress(json.dumps(stored))
                update = "UPDATE results SET content = ?, checksum = ? WHERE key = ?"
                query(site, update, content, sum_row(key, content), key)
                changed += 1
    return changed


CHANGES: dict[str, Callable[[Any], Any]] = {
    "a row beyond the last": lambda one: [99, *one[1:]],
    "a row before the first": lambda one: [-1, *one[1:]],
    "a row that is no number": lambda one: ["1", *one[1:]],
    "the row of a draft": lambda one: [3, *one[1:]],
    "a score that is no number": lambda one: [one[0], "high", *one[2:]],
    "a score above one": lambda one: [one[0], 7.0, *one[2:]],
    "words that are numbers": lambda one: [*one[:4], [1, 2], *one[5:]],
    "too few parts": lambda one: one[:2],
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_result_that_cannot_be_is_a_missing_one(topics: Site, service: Service, name: str) -> None:
    topics.post("draft", "A secret draft about bread.", status="draft")
    settings = use_service(service)
    first = topics.build(**settings)
    paths = sorted(["draft.md", *(f"{topic}-{number}.md" for topic in TOPICS for number in range(3))])
    assert paths[3] == "draft.md"
    assert change_results(topics, CHANGES[name]) == 2

    second = topics.build(**settings)

    assert second.warnings() == []
    assert read_site(second.output) == read_site(first.output)


def test_a_model_whose_folder_is_out_of_order_costs_new_vectors_only(
    topics: Site, model_folder: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "model"
    folder.mkdir()
    for path in model_folder.iterdir():
        (folder / path.name).symlink_to(path)
    settings = {"RELATED_EMBEDDINGS_MODEL": str(folder)}
    first = topics.build(**settings)
    (folder / "config.json").unlink()
    (folder / "config.json").symlink_to(tmp_path / "gone")

    second = topics.build(**settings)
    topics.post("new", "A post about bread and the telescope.")
    third = topics.build(**settings)

    assert first.warnings() == second.warnings() == []
    assert read_site(second.output) == read_site(first.output)
    (warning,) = third.warnings()
    assert "1 of 10 articles (new.md) has no vector" in warning
    assert len(list_vectors(topics)) == 9


# What a published cache would tell


def read_everything(site: Site) -> str:
    """All that can be read in a cache file, packed or not."""
    found = [(site.root / CACHE).read_bytes().decode("latin-1")]
    for table in ("texts", "results", "models"):
        for (content,) in query(site, f"SELECT content FROM {table}"):
            found.append(content.decode("latin-1"))
            with contextlib.suppress(zlib.error):
                found.append(zlib.decompress(content).decode("latin-1"))
            with contextlib.suppress(ValueError):
                found += TermCounts.from_bytes(content[20:]).read_written()
    return "\n".join(found).lower()


def test_the_cache_keeps_no_words_of_drafts_or_of_deleted_posts(topics: Site, service: Service) -> None:
    settings = use_service(service, **MAP)
    secret = "The zanzibarquux of bread, water and yeast is planned for spring."
    topics.post("zanzibarquux", secret, status="draft", related_posts="no-zanzibarquux")
    topics.build(**settings)
    assert "zanzibarquux" not in read_everything(topics)
    assert len(list_vectors(topics)) == 10

    topics.post("zanzibarquux", secret)
    topics.build(**settings)
    assert "zanzibarquux" in read_everything(topics)

    topics.post("zanzibarquux", secret, status="draft")
    topics.post("one-more", "Another post about bread.")
    topics.build(**settings)
    assert "zanzibarquux" not in read_texts(topics)

    topics.post("zanzibarquux", secret)
    topics.build(**settings)
    assert "zanzibarquux" in read_texts(topics)
    (topics.content / "zanzibarquux.md").unlink()
    topics.post("one-more", "Another post about stars.")
    topics.build(**settings)
    assert "zanzibarquux" not in read_texts(topics)
    assert str(topics.root).lower() not in read_everything(topics)


def read_texts(site: Site) -> set[str]:
    """The words that are kept of posts."""
    contents = [content for (content,) in query(site, "SELECT content FROM texts")]
    return {
        word.lower() for content in contents for word in TermCounts.from_bytes(content[20:]).read_written()
    }


def test_subsites_that_share_a_file_keep_one_anothers_words(site: Site, service: Service) -> None:
    """In each of them the posts of the other language are drafts."""
    french = "Le pain au levain demande de la farine, de l'eau et du temps. Le zanzibarquux aussi."
    settings = use_service(service)
    for status, lang in (("published", "fr"), ("draft", "en"), ("published", "fr")):
        for number in range(3):
            site.post(
                f"pain-{number}",
                f"{french} {number}.",
                lang="fr",
                status=status if lang == "en" else "published",
            )
            other = "draft" if lang == "fr" else "published"
            site.post(f"bread-{number}", TOPICS["bread"][number], status=other)
        site.build(**settings)
        assert "zanzibarquux" in read_texts(site)
