"""The author's command tells the truth about a site, and writes nothing but the cache."""

import contextlib
import json
import logging
import os
import sqlite3
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from helpers.corpora import make_corpus_site
from helpers.processes import use_service
from helpers.service import Service
from helpers.sites import ENVIRONMENT, PLAIN, ROOT, TOPICS, Site, override
from pelican_related_embeddings.command import cli as command
from pelican_related_embeddings.command.explain import show_below

COMMAND = [sys.executable, "-m", "pelican_related_embeddings.command.cli"]


def write_settings(site: Site, **settings: Any) -> Path:
    """Write the settings file of a site; all in it is absolute, so that any folder will do."""
    config = {
        **PLAIN,
        "PATH": str(site.content),
        "OUTPUT_PATH": str(site.root / "output"),
        "CACHE_PATH": str(site.root / "cache"),
        **settings,
    }
    path = site.root / "pelicanconf.py"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in config.items()), encoding="utf-8")
    return path


class Shell:
    """Runs the command on one site, in this process: the model is loaded once."""

    def __init__(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = site
        self.capsys = capsys
        self.err = ""

    def run(self, *arguments: str, code: int = 0, **settings: Any) -> str:
        path = write_settings(self.site, **settings)
        self.capsys.readouterr()
        assert command.main([*arguments, "-s", str(path)]) == code
        captured = self.capsys.readouterr()
        self.err = captured.err
        assert "Traceback" not in captured.out + captured.err
        return captured.out

    def ask(self, *arguments: str, **settings: Any) -> Any:
        return json.loads(self.run(*arguments, "--json", **settings))


@pytest.fixture
def shell(warm_topics: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command on the usual site, whose vectors are known."""
    monkeypatch.setenv("COLUMNS", "300")
    return Shell(warm_topics, capsys)


@pytest.fixture
def fresh_shell(topics: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    """The command on the usual site, of which nothing is known."""
    monkeypatch.setenv("COLUMNS", "300")
    return Shell(topics, capsys)


def slugs(items: list[dict[str, Any]]) -> list[str]:
    return [item["post"]["slug"] for item in items]


# Reading the site


def test_nothing_but_the_cache_is_written_and_a_build_then_embeds_nothing(fresh_shell: Shell) -> None:
    keep = fresh_shell.site.root / "output" / "keep.txt"
    keep.parent.mkdir()
    keep.write_text("mine")
    fresh_shell.run("report", CACHE_CONTENT=True, LOAD_CONTENT_CACHE=True, DELETE_OUTPUT_DIRECTORY=True)

    written = {
        path.relative_to(fresh_shell.site.root).as_posix()
        for path in fresh_shell.site.root.rglob("*")
        if path.is_file()
    }
    assert {path for path in written if not path.startswith("content/")} == {
        "pelicanconf.py", "output/keep.txt", "cache/related_embeddings.sqlite"
    }  # fmt: skip
    fresh_shell.site.build()
    assert "embedding" not in fresh_shell.capsys.readouterr().out


def test_the_signal_that_starts_other_plugins_on_their_work_is_not_sent(shell: Shell) -> None:
    (shell.site.root / "writer_plugin.py").write_text(
        "from pathlib import Path\nfrom pelican import signals\n\n\n"
        "def write(generators):\n    Path(generators[0].path, 'written').write_text('x')\n\n\n"
        "def register():\n    signals.all_generators_finalized.connect(write)\n"
    )
    shell.run(
        "explain", "bread-0",
        PLUGIN_PATHS=[str(shell.site.root)], PLUGINS=["pelican_related_embeddings", "writer_plugin"],
    )  # fmt: skip

    assert not (shell.site.content / "written").exists()


def test_wrong_settings_are_all_listed(shell: Shell) -> None:
    shell.run("report", code=2, RELATED_EMBEDDINGS_MAX=-1, RELATED_EMBEDDINGS_MINSCORE=0.5)

    assert "RELATED_EMBEDDINGS_MAX must be a whole number of at least 0, got -1." in shell.err
    assert "RELATED_EMBEDDINGS_MINSCORE is not a setting" in shell.err


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"THEME": "no-such-theme"}, "Could not find the theme no-such-theme"),
        ({"PATH": "no-such-folder"}, "Pelican cannot load this site"),
        ({"PELICAN_CLASS": "pelican.Nothing"}, "Pelican cannot load this site: AttributeError"),
    ],
)
def test_a_site_that_pelican_refuses_is_one_sentence(
    shell: Shell, settings: dict[str, Any], words: str
) -> None:
    shell.run("report", code=2, **settings)

    assert words in shell.err


def test_a_plugin_that_fails_while_reading_is_one_sentence(shell: Shell) -> None:
    (shell.site.root / "failing_plugin.py").write_text(
        "from pelican import signals\n\n\ndef fail(generator):\n    raise ValueError('out of cheese')\n\n\n"
        "def register():\n    signals.article_generator_finalized.connect(fail)\n"
    )
    names = ["pelican_related_embeddings", "failing_plugin"]
    path = write_settings(shell.site, PLUGIN_PATHS=[str(shell.site.root)], PLUGINS=names)
    result = subprocess.run(
        [*COMMAND, "report", "-s", str(path)],
        capture_output=True, text=True, check=False, env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert result.returncode == 2
    assert result.stdout == ""
    assert result.stderr == (
        "pelican-related: Pelican cannot read this site's content: ValueError: out of cheese\n"
    )


def test_a_missing_settings_file_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    assert command.main(["report"]) == 2
    assert "There is no pelicanconf.py in this folder" in capsys.readouterr().err
    assert command.main(["report", "-s", "other.py"]) == 2
    assert "There is no settings file other.py" in capsys.readouterr().err


def test_a_site_without_posts_is_said(site: Site, capsys: pytest.CaptureFixture[str]) -> None:
    Shell(site, capsys).run("report", code=2)


def test_content_may_be_named_before_and_after_the_command(shell: Shell) -> None:
    path = str(write_settings(shell.site))
    found = [
        command.main(["-c", str(shell.site.content), "explain", "bread-0", "-s", path]),
        command.main(["explain", "bread-0", "-c", "nowhere", "-s", path]),
    ]  # fmt: skip

    assert found == [0, 2]


def test_help_and_version_are_readable(capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in (["--help"], ["--version"], ["explain", "--help"], ["cache", "prune", "--help"]):
        with pytest.raises(SystemExit) as stopped:
            command.main(arguments)
        assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert all(name in out for name in ("report", "explain", "search", "cache", "pelican-related 0."))


# report


LOOP = "{% for post in article.related_posts %}{{ post.title }}{% endfor %}"


@pytest.mark.parametrize(
    ("article", "own"),
    [
        (LOOP, True),
        ("{% include 'more.html' %}", True),
        ("{% set posts = article.similar_posts[:3] %}{% for post in posts %}{% endfor %}", True),
        ("{% import 'more.html' as more %}{{ more.show(article.related_posts) }}", True),
        ("{% if article.related_posts %}{% set n = article.related_posts|length %}{% endif %}", False),
        ("{% for post in articles %}{{ post.related_posts|length }}{% endfor %}", False),
        (LOOP + "{% include 'related_posts.html' ignore missing %}", False),
        ("{% include 'missing.html' ignore missing %}{{ article.content }}", False),
    ],
)
def test_a_report_tells_of_a_theme_with_a_list_of_its_own(shell: Shell, article: str, own: bool) -> None:
    settings = override(shell.site, article=article, more=LOOP if "include 'more" in article else "")

    def count_hints(**more: Any) -> int:
        hints = shell.ask("report", **settings, **more)["hints"]
        return sum("the theme shows its own list" in hint for hint in hints)

    assert count_hints() == own
    assert count_hints(RELATED_EMBEDDINGS_INSERT=False) == 0


def test_a_report_counts_posts_languages_and_vectors(fresh_shell: Shell) -> None:
    fresh_shell.site.post("pain", "Le pain au levain et la farine de blé.", lang="fr")
    fresh_shell.site.post("draft", "A draft on bread and flour.", status="draft")
    fresh_shell.site.post("picture", "", title="!")

    first, second = fresh_shell.ask("report")["counts"], fresh_shell.ask("report")["counts"]

    assert first == {
        "published": 11, "unpublished": 1, "without_text": 1, "languages": {"en": 10, "fr": 1},
        "cached": 0, "embedded": 11, "missing": 0,
    }  # fmt: skip
    assert second == {**first, "cached": 11, "embedded": 0}


def test_the_table_of_minimums_tells_what_a_build_with_that_minimum_shows(shell: Shell) -> None:
    cutoffs = shell.ask("report", RELATED_EMBEDDINGS_MAX=3)["cutoffs"]
    articles = {}
    for cutoff in cutoffs[4::4]:
        built = shell.site.build(RELATED_EMBEDDINGS_MAX=3, RELATED_EMBEDDINGS_MIN_SCORE=cutoff["minimum"])
        articles[cutoff["minimum"]] = [len(article.related_posts) for article in built.articles.values()]

    for cutoff in cutoffs[4::4]:
        lengths = articles[cutoff["minimum"]]
        assert cutoff["suggestions"] == sum(lengths)
        assert cutoff["short"] == sum(length < 3 for length in lengths)
        assert cutoff["empty"] == lengths.count(0)
    assert sum(cutoff["here"] for cutoff in cutoffs) == cutoffs[0]["suggestions"]


def test_hubs_and_orphans_are_those_of_the_lists(shell: Shell) -> None:
    shell.site.post("hermit", "Nobody is to be sent here.", related_posts_never="yes")
    report = shell.ask("report", RELATED_EMBEDDINGS_MAX=1)
    built = shell.site.build(RELATED_EMBEDDINGS_MAX=1)
    shown = [post.slug for article in built.articles.values() for post in article.related_posts]

    assert {hub["post"]["slug"]: hub["appearances"] for hub in report["hubs"]} == {
        slug: shown.count(slug) for slug in shown
    }
    everybody = {article.slug for article in built.articles.values()}
    assert {post["slug"] for post in report["orphans"]} == everybody - set(shown) - {"hermit"}


def test_near_duplicates_and_missing_links_are_named_by_source_path(shell: Shell) -> None:
    shell.site.post("bread-copy", TOPICS["bread"][0])
    shell.site.post(
        "stars-3", TOPICS["stars"][0] + " See [moons]({filename}/stars-1.md) and [sky](/stars-2.html)."
    )
    report = shell.ask("report")

    pairs = [{pair["source"]["path"], pair["target"]["path"]} for pair in report["unlinked"]]
    assert {"bread-0.md", "bread-copy.md"} not in pairs
    assert {"stars-3.md", "stars-1.md"} not in pairs
    assert {"stars-3.md", "stars-2.md"} not in pairs
    assert len(pairs) == len({frozenset(pair) for pair in pairs})
    duplicates = [{pair["source"]["path"], pair["target"]["path"]} for pair in report["duplicates"]]
    assert {"bread-0.md", "bread-copy.md"} in duplicates


# explain


def test_the_list_explained_is_the_list_built(shell: Shell) -> None:
    shell.site.post(
        "pinned", "A note on flour.", related_posts="sql-2, stars-0", related_posts_exclude="bread-1"
    )
    built = shell.site.build()
    for article in built.articles.values():
        explained = shell.ask("explain", article.slug, "-n", "0")
        listed = [neighbour for neighbour in explained["neighbours"] if neighbour["place"]]
        assert slugs(listed) == [post.slug for post in article.related_posts]
        scores = [one.score for one in article.related_posts.records]
        assert [one["score"] for one in listed] == pytest.approx(scores, abs=2e-5)  # sums in another order
        assert all(one["reasons"] for one in explained["neighbours"] if not one["place"])
        if article.slug == "pinned":
            assert [one["pinned"] for one in listed] == [True, True, False, False, False]
            assert (explained["pins"], explained["excluded"]) == (["sql-2", "stars-0"], ["bread-1"])


def test_why_a_post_is_not_there_though_no_rule_keeps_it_out(shell: Shell) -> None:
    """The rules are in test_refusals.py."""
    shell.site.post("bread-9", TOPICS["bread"][2] + " Feed it flour.", date="2024-02-01")
    shell.site.post("bread-copy", TOPICS["bread"][2], date="2024-01-01")
    shell.site.post("picture", "", title="!")
    for other, options, words in (
        ("picture", {}, "it has no words"),
        ("sql-0", {"MIN_SCORE": 0.1}, "its score is 0: on this small blog"),
        ("bread-1", {"MIN_SCORE": 1}, "is below RELATED_EMBEDDINGS_MIN_SCORE = 1"),
        ("bread-copy", {}, "it is nearly the same text as bread-9.md, which is in the list"),
        ("sql-0", {"MAX": 2}, "of the candidates; the list has room for 2"),
    ):
        settings = {f"RELATED_EMBEDDINGS_{name}": value for name, value in options.items()}
        (neighbour,) = shell.ask("explain", "bread-0", other, **settings)["neighbours"]
        assert neighbour["place"] is None
        assert any(words in reason for reason in neighbour["reasons"]), neighbour["reasons"]


@pytest.mark.parametrize(
    ("score", "shown"),
    [(0.1234, "0.12"), (0.1449, "0.14"), (0.1496, "0.1496"), (0.149996, "0.149996"), (0.0, "0.00")],
)
def test_a_score_below_the_minimum_is_never_rounded_up_to_it(score: float, shown: str) -> None:
    assert show_below(score, 0.15) == shown


def test_a_post_that_is_in_enough_lists_is_said_to_be(shell: Shell) -> None:
    settings = {"RELATED_EMBEDDINGS_MAX": 1, "RELATED_EMBEDDINGS_MAX_APPEARANCES": 1}
    refused = 0
    for slug in (f"{topic}-{number}" for topic in TOPICS for number in range(3)):
        listed, *others = shell.ask("explain", slug, **settings)["neighbours"]
        better = [one for one in others if one["rank"] < listed["rank"]]
        assert all("already in 1 other lists" in "".join(one["reasons"]) for one in better)
        refused += len(better)

    assert refused


def test_a_table_names_the_post_by_slug_path_or_url(shell: Shell) -> None:
    tables = [shell.run("explain", name) for name in ("bread-0", "bread-0.md", "bread-0.html")]

    assert tables[0] == tables[1] == tables[2]
    assert "bread-2.md" in tables[0]
    assert "sourdough" in tables[0].lower()
    assert "is number" in shell.run("explain", "bread-0", "bread-2")


def test_an_unknown_slug_gets_the_closest(shell: Shell) -> None:
    assert shell.run("explain", "bread0", code=2) == ""
    assert shell.err == 'pelican-related: No post has the slug "bread0". The closest is "bread-0".\n'


def test_hostile_titles_neither_style_nor_move_the_terminal(shell: Shell) -> None:
    shell.site.post(
        "odd", TOPICS["bread"][0], title="[red]A \x1b[2J & <b>bold</b> [/nothing] 标题 \U0001f98a"
    )

    out = shell.run("explain", "odd")

    assert "\x1b" not in out
    assert "[red]A" in out
    assert "& bold [/nothing] 标题 \U0001f98a" in out


# search


@pytest.mark.parametrize(
    ("words", "topic"),
    [
        ("watching planets at night", "stars"),
        ("loaves", "bread"),
        ("BM25", "sql-1"),
    ],
)
def test_a_search_finds_by_meaning_and_by_word(shell: Shell, words: str, topic: str) -> None:
    found = shell.ask("search", *words.split())["found"]

    assert found[0]["post"]["slug"].startswith(topic)
    assert [hit["score"] for hit in found] == sorted((hit["score"] for hit in found), reverse=True)


def test_a_search_without_a_model_goes_by_words(shell: Shell) -> None:
    shell.run("report")
    result = shell.ask("search", "telescope", RELATED_EMBEDDINGS_EMBED=False)

    assert result["model"] is None
    assert "uses words alone" in shell.err
    assert result["found"][0]["post"]["slug"].startswith("stars")
    assert result["found"][0]["terms"] == ["telescope"]


def test_a_search_finds_published_posts_only_and_needs_words(shell: Shell) -> None:
    shell.site.post("draft", "A unique zebra.", status="draft")

    assert "draft" not in slugs(shell.ask("search", "zebra", "-n", "0")["found"])
    shell.run("search", " ", code=2)
    assert "give at least one word" in shell.err


# cache


def test_a_cache_is_shown_and_pruned_from_the_command_line(fresh_shell: Shell) -> None:
    fresh_shell.run("cache", code=2)
    assert "There is no cache file" in fresh_shell.err
    fresh_shell.run("report")
    shown = fresh_shell.run("cache")
    assert "9 vectors, the words of 9 texts" in shown
    assert "9 of 384 dimensions" in shown

    assert fresh_shell.ask("cache", "prune", "--days", "0")["vectors"] == 0
    (fresh_shell.site.content / "bread-0.md").unlink()
    assert "0 vectors removed" in fresh_shell.run("cache", "prune")
    assert "1 vector removed" in fresh_shell.run("cache", "prune", "--days", "0")
    assert fresh_shell.ask("cache")["rows"]["vectors"] == fresh_shell.ask("cache")["rows"]["texts"] == 8
    assert fresh_shell.ask("report")["counts"]["embedded"] == 0


UNKNOWN: dict[str, dict[str, Any]] = {
    "a misspelt model": {"MODEL": "all-MiniLM-L6-v22"},
    "a folder without a model": {"MODEL": "content"},
    "a service that is down": {"ENDPOINT": "http://127.0.0.1:9"},
    "words alone": {"WEIGHT": 1},
    "other windows": {"WINDOWS": 0},
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_vectors_are_not_pruned_where_it_is_not_known_which_are_used(shell: Shell, name: str) -> None:
    shell.run("report")
    options = {f"RELATED_EMBEDDINGS_{option}": value for option, value in UNKNOWN[name].items()}

    shell.run("cache", "prune", "--days", "0", code=2, **options)

    assert "Nothing was removed." in shell.err
    assert shell.ask("cache")["rows"]["vectors"] == 9


def test_damaged_rows_of_a_cache_are_counted(shell: Shell) -> None:
    shell.run("report")
    with contextlib.closing(
        sqlite3.connect(shell.site.root / "cache" / "related_embeddings.sqlite")
    ) as database:
        for table in ("models", "vectors"):
            database.execute(f"UPDATE {table} SET content = 'not what it was' WHERE rowid = 1")
        database.commit()

    shown = shell.run("cache")

    assert "8 vectors, the words of 9 texts" in shown
    assert "2 damaged rows" in shown


# Terminals and pipes


def test_a_reader_that_stops_early_is_no_error(warm_topics: Site) -> None:
    path = write_settings(warm_topics)
    with subprocess.Popen(
        [*COMMAND, "report", "-s", str(path)], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT)},
    ) as process:  # fmt: skip
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no pseudo-terminals")
@pytest.mark.parametrize("program", ["command", "build"])
def test_a_progress_bar_is_shown_on_a_terminal_only(topics: Site, service: Service, program: str) -> None:
    path = write_settings(topics, **use_service(service))
    arguments = [*COMMAND, "report", "-s", str(path)]
    if program == "build":
        arguments = [sys.executable, "-m", "pelican", "-s", str(path)]

    screen = run_on_terminal(arguments)

    assert "0/9" in screen
    assert "9/9" in screen


def test_on_a_pipe_one_line_tells_of_embedding(fresh_shell: Shell) -> None:
    assert "embedding" not in fresh_shell.run("report")
    assert fresh_shell.err == "related_embeddings: embedding 9 articles with all-MiniLM-L6-v2.\n"
    fresh_shell.site.post("one-more", "A post.")
    fresh_shell.site.post("two-more", "Another post.")
    fresh_shell.site.build()
    captured = fresh_shell.capsys.readouterr()
    assert captured.out.count("embedding 2 articles") == 1
    assert "0/2" not in captured.out + captured.err
    logging.getLogger().setLevel(logging.CRITICAL)
    fresh_shell.site.post("three-more", "A third post.")
    fresh_shell.site.build()
    captured = fresh_shell.capsys.readouterr()
    assert "embedding" not in captured.out + captured.err


def run_on_terminal(arguments: list[str]) -> str:
    """Run a program on a terminal of its own; return all that it sent there."""
    import pty

    ours, theirs = pty.openpty()
    sent = b""
    with subprocess.Popen(
        arguments, stdin=theirs, stdout=theirs, stderr=theirs,
        env={**ENVIRONMENT, "PYTHONPATH": str(ROOT), "TERM": "xterm"},
    ) as process:  # fmt: skip
        os.close(theirs)
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # what Linux says when the other end is closed
                break
            if not part:
                break
            sent += part
        assert process.wait() == 0
    os.close(ours)
    return sent.decode(errors="replace")


# Real sites


@pytest.mark.corpus
def test_a_real_blog_is_reported_and_searched(
    corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lines = (corpora / "til.jsonl").read_text(encoding="utf-8").splitlines()[:24]
    (tmp_path / "some.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    (tmp_path / "make_site.py").write_bytes((corpora / "make_site.py").read_bytes())
    shell = Shell(make_corpus_site(tmp_path, "some", tmp_path / "site"), capsys)

    report = shell.ask("report")
    assert report["counts"]["published"] == 24
    assert report["counts"]["missing"] == 0
    assert len(report["hubs"]) + len(report["orphans"]) == 24
    titles = [json.loads(line) for line in lines[::8]]
    for post in titles:
        found = shell.ask("search", post["title"])["found"]
        assert post["slug"] in slugs(found[:3])


def test_the_example_site_is_reported(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(ROOT / "example_site")
    monkeypatch.setenv("COLUMNS", "200")
    override = tmp_path / "pelicanconf.py"
    override.write_text(
        f"import sys\nsys.path.insert(0, {str(ROOT / 'example_site')!r})\nfrom pelicanconf import *\n"
        f"PATH = {str(ROOT / 'example_site' / 'content')!r}\nCACHE_PATH = {str(tmp_path / 'cache')!r}\n"
        f"OUTPUT_PATH = {str(tmp_path / 'output')!r}\n".replace("from pelicanconf", "from example_settings")
    )
    (tmp_path / "example_settings.py").write_bytes((ROOT / "example_site" / "pelicanconf.py").read_bytes())
    monkeypatch.syspath_prepend(str(tmp_path))

    assert command.main(["report", "-s", str(override)]) == 0
    out = capsys.readouterr().out
    assert "64 published (en 57, fr 7)" in out
    documented = (ROOT / "docs" / "command.md").read_text(encoding="utf-8")
    for line in out.splitlines()[2:12]:  # settings and the table of minimums
        assert line.rstrip() in documented.partition("## explain")[0]
    assert "each post in at most 15 lists" in out
    assert "astronomy/messier-marathon.rst" in out
    assert command.main(["search", "comet above the lane", "-s", str(override)]) == 0
    assert "Comet NEOWISE" in capsys.readouterr().out.splitlines()[4]


# evaluate


def link_topics(site: Site) -> None:
    """Let the posts of each topic link to its first."""
    for topic, texts in TOPICS.items():
        for number, text in enumerate(texts):
            link = f"\n\nMore [here]({{filename}}{topic}-0.md)." if number else ""
            site.post(f"{topic}-{number}", text + link, tags=topic, date=f"2024-02-{number + 1:02d}")


def test_evaluate_judges_by_links_and_is_not_misled_by_what_the_settings_leave_out(shell: Shell) -> None:
    link_topics(shell.site)

    found = shell.ask("evaluate", RELATED_EMBEDDINGS_SKIP=["linked"], RELATED_EMBEDDINGS_EXCLUDE=["bread-*"])

    methods = {method["name"]: method["figures"] for method in found["methods"]}
    assert list(methods) == ["tags in common", "words alone", "the model alone", "words and model"]
    assert found["posts"] == 9
    assert found["judged"] == {"recall@5": 9, "inbound@5": 3, "tag share": 0}
    assert methods["words and model"]["recall@5"] == {"mean": 100, "low": 100, "high": 100}
    assert methods["words and model"]["tag share"] is None  # no tag is on a tenth of nine posts
    assert [method["name"] for method in found["methods"] if method["current"]] == ["words and model"]
    assert found["churn"] is None


def test_evaluate_judges_no_post_by_tags_that_are_part_of_its_text(shell: Shell) -> None:
    for number in range(20):
        text = " ".join(TOPICS[("bread", "stars", "sql")[number % 3]])
        shell.site.post(f"long-{number}", f"{text} {text} {number}", tags="rare" if number < 2 else "")
    for number in range(2):
        shell.site.post(f"bread-{number}", TOPICS["bread"][number], tags="brief")

    found = shell.ask("evaluate", RELATED_EMBEDDINGS_WEIGHT=1)

    assert found["posts"] == 29
    assert found["judged"]["tag share"] == 2


def test_evaluate_advises_nothing_that_nine_posts_cannot_tell(shell: Shell) -> None:
    link_topics(shell.site)

    printed = shell.run("evaluate")

    assert "no clear difference in linked posts" in printed
    assert "No other setting is clearly better here." in printed
    assert "words and model <- now" in printed


def test_evaluate_says_that_a_blog_without_links_and_tags_gives_nothing_to_judge_by(shell: Shell) -> None:
    printed = shell.run("evaluate")

    assert "The lists cannot be measured: none of 9 published posts links to another" in printed
    assert shell.ask("evaluate")["methods"] == []


def test_evaluate_without_a_model_compares_what_needs_none(shell: Shell) -> None:
    link_topics(shell.site)

    found = shell.ask("evaluate", RELATED_EMBEDDINGS_WEIGHT=1)

    assert [method["name"] for method in found["methods"]] == ["tags in common", "words alone"]


def test_evaluate_compares_another_model_and_leaves_the_sites_own_vectors_alone(
    shell: Shell, exported: Path
) -> None:
    link_topics(shell.site)
    shell.run("report")

    found = shell.ask("evaluate", "--model", str(exported))

    names = [method["name"] for method in found["methods"]]
    assert names[-2:] == [f"{exported} alone", f"words and {exported}"]
    assert found["methods"][-1]["settings"] == {"MODEL": str(exported)}
    assert found["methods"][-1]["figures"] == found["methods"][-3]["figures"]  # it is the same model
    assert shell.ask("report")["counts"]["embedded"] == 0


def test_churn_takes_the_newest_posts_away_one_after_the_other(shell: Shell) -> None:
    link_topics(shell.site)
    shell.site.post("draft", "Sourdough bread, flour, water.", status="draft")

    changes = shell.ask("evaluate", "--churn", RELATED_EMBEDDINGS_MAX=2)["churn"]

    assert [change["posts"] for change in changes] == [9, 8, 7, 6, 5, 4, 3, 2]
    assert [change["path"] for change in changes][:4] == [
        "stars-2.md",
        "sql-2.md",
        "bread-2.md",
        "stars-1.md",
    ]
    assert changes[0]["changed"] >= changes[0]["showing"] == 2  # the other two posts about stars
    assert "none more than" in shell.run("evaluate", "--churn", RELATED_EMBEDDINGS_MAX=2)
