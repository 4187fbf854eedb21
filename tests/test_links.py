"""Which links a blog lacks: suggested with a line to paste that builds and resolves, and nothing changed."""

import importlib
import json
import re
from pathlib import Path
from typing import Any

import pytest

from helpers.sites import PLAIN, SUBSITES, Site, needs_subsites
from pelican_related_embeddings.command import cli as command
from pelican_related_embeddings.site.sources import find_line, write_link
from pelican_related_embeddings.text.passages import read_outline, split_sentences

HARNESS = (
    "Before each ride I check the belay loop and the buckles. A climbing harness that fits is worth more than "
    "a light one, and the leg loops should leave room for a flat hand."
)
KNOTS = (
    "The figure eight knot ties the rope to the climbing harness. Dress the strands so that they lie flat, and "
    "leave a tail as long as your hand."
)
BELAY = (
    "Belaying is a matter of habit. Your partner trusts the brake hand, and a figure eight knot is checked by "
    "two people before anybody leaves the ground."
)
FILLERS = {
    "soup": "Leeks and potatoes simmer in stock until a spoon goes through them. Season late, blend half of it.",
    "bread": "Sourdough bread rises slowly because wild yeast shares the dough. Bake the loaf in a hot oven.",
    "stars": "Through a small telescope the rings of Saturn stand clear of the planet. Let the mirror cool.",
    "moons": "Jupiter's moons change places from night to night. Sketch them at the telescope before midnight.",
    "sql": "SQLite keeps a whole database in one file. Create an index on the columns that your query filters.",
    "search": "Full-text search in SQLite uses a virtual table. The query matches tokens, ranked by BM25.",
    "chess": "The opposition decides most pawn endings. Count the squares between the kings before you push.",
    "bees": "A colony that starves in March had stores in January. Heft the hive on a mild afternoon.",
}


def write_climbing(site: Site, **metadata: str) -> None:
    """Three posts on climbing, a Markdown, a reST and an HTML file, among posts on other things."""
    for day, (slug, text) in enumerate(FILLERS.items(), 1):
        site.post(slug, text, date=f"2024-03-{day:02d}")
    lines = "".join(f"{name}: {value}\n" for name, value in metadata.items())
    site.write("climb/harness.md", f"Title: The climbing harness\nDate: 2024-01-02\n{lines}\n{HARNESS}\n")
    title = "A figure eight knot"
    site.write("climb/knots.rst", f"{title}\n{'#' * len(title)}\n\n:date: 2024-01-03\n\n{KNOTS}\n")
    site.write(
        "climb/belay.html",
        "<html><head><title>Belaying with habit</title><meta name='date' content='2024-01-04'></head>"
        f"<body>\n<p>{BELAY}</p>\n</body></html>",
    )


class Shell:
    """Runs the command on one site, in this process."""

    def __init__(self, site: Site, capsys: pytest.CaptureFixture[str]) -> None:
        self.site = site
        self.capsys = capsys

    def run(self, *arguments: str, code: int = 0, **settings: Any) -> str:
        config = {
            **PLAIN,
            "PATH": str(self.site.content),
            "OUTPUT_PATH": str(self.site.root / "output"),
            "CACHE_PATH": str(self.site.root / "cache"),
            **settings,
        }
        path = self.site.root / "pelicanconf.py"
        path.write_text("".join(f"{name} = {value!r}\n" for name, value in config.items()), encoding="utf-8")
        self.capsys.readouterr()
        assert command.main([*arguments, "-s", str(path)]) == code
        captured = self.capsys.readouterr()
        assert "Traceback" not in captured.out + captured.err
        return captured.out

    def ask(self, *arguments: str, **settings: Any) -> Any:
        return json.loads(self.run("links", *arguments, "--json", **settings))


@pytest.fixture
def shell(site: Site, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Shell:
    monkeypatch.setenv("COLUMNS", "300")
    return Shell(site, capsys)


def pairs(links: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(link["source"], link["target"]) for link in links}


@pytest.mark.parametrize(
    "name", ["climb/knots.rst", "knots.rst", "content/climb/knots.rst", "a figure eight knot"]
)
def test_links_from_and_to_a_post_are_suggested_whatever_it_is_called(shell: Shell, name: str) -> None:
    write_climbing(shell.site)

    links = shell.ask(name)

    assert pairs(links) >= {("climb/knots.rst", "climb/harness.md"), ("climb/belay.html", "climb/knots.rst")}
    outgoing = next(link for link in links if link["target"] == "climb/harness.md")
    assert outgoing["anchor"] == "climbing harness"
    assert outgoing["sentence"] == "The figure eight knot ties the rope to the climbing harness."
    assert outgoing["paste"] == "`climbing harness <{filename}/climb/harness.md>`__"
    incoming = next(link for link in links if link["source"] == "climb/belay.html")
    assert incoming["paste"] == '<a href="{filename}/climb/knots.rst">figure eight knot</a>'
    assert {"source", "target", "sentence", "anchor", "paste", "score", "terms"} <= set(incoming)


def test_what_is_pasted_builds_and_leads_to_the_post(shell: Shell) -> None:
    write_climbing(shell.site)
    links = shell.ask("--all")
    assert len({link["source"].rpartition(".")[2] for link in links}) >= 2

    for link in links:
        path = shell.site.content / link["source"]
        lines = path.read_text(encoding="utf-8").splitlines()
        number = link["line"] - 1
        assert link["anchor"] in lines[number]
        lines[number] = lines[number].replace(link["anchor"], link["paste"], 1)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    built = shell.site.build()

    assert built.warnings() == []
    by_path = {article.relative_source_path: article for article in built.articles.values()}
    for link in links:
        source, target = by_path[link["source"]], by_path[link["target"]]
        assert re.search(rf'href="/?{target.url}"[^>]*>{link["anchor"]}</a>', source.content)
    assert shell.ask("--all") == []


def test_a_draft_gets_links_from_and_to_it_and_no_file_is_changed(shell: Shell) -> None:
    write_climbing(shell.site, status="draft")
    before = {path: path.read_bytes() for path in shell.site.content.rglob("*.*")}

    links = shell.ask("harness.md")

    assert ("climb/knots.rst", "climb/harness.md") in pairs(links)
    assert {path: path.read_bytes() for path in shell.site.content.rglob("*.*")} == before
    assert "climb/harness.md" not in {link["target"] for link in shell.ask("--all")}


def test_dismissed_suggestions_stay_away(shell: Shell) -> None:
    write_climbing(shell.site)
    path = shell.site.content / "climb" / "knots.rst"
    path.write_text(
        path.read_text("utf-8").replace(":date:", ":related_links_ignore: harness, soup\n:date:"), "utf-8"
    )
    path = shell.site.content / "climb" / "harness.md"
    path.write_text(path.read_text("utf-8").replace("Date:", "Slug: harness\nDate:"), "utf-8")

    assert ("climb/knots.rst", "climb/harness.md") not in pairs(shell.ask("knots.rst"))
    report = json.loads(shell.run("report", "--json"))
    unlinked = {frozenset((pair["source"]["path"], pair["target"]["path"])) for pair in report["unlinked"]}
    assert frozenset(("climb/knots.rst", "climb/harness.md")) not in unlinked


def test_posts_without_an_inbound_link_fail_a_build_that_allows_fewer(shell: Shell) -> None:
    write_climbing(shell.site)

    orphans = shell.run("links", "--orphans", "--max-orphans", "10", code=1)
    assert "climb/belay.html:2" in orphans
    shell.run("links", "--orphans", "--max-orphans", "11")


@pytest.mark.parametrize(
    ("path", "anchor", "target", "written"),
    [
        (
            "a.md",
            "arrays [0]",
            "notes/x [1] (y).md",
            r"[arrays \[0\]]({filename}/notes/x%20%5B1%5D%20%28y%29.md)",
        ),
        ("a.rst", "`x` <y>", "b.rst", r"`\`x\` \<y\> <{filename}/b.rst>`__"),
        ("a.html", 'R&D "x"', "what's-new.html", '<a href="{filename}/what%27s-new.html">R&amp;D "x"</a>'),
    ],
)
def test_links_are_written_in_the_syntax_of_the_source(
    path: str, anchor: str, target: str, written: str
) -> None:
    assert write_link(anchor, path, target) == written


def test_a_line_is_found_through_markup(tmp_path: Path) -> None:
    path = tmp_path / "a.md"
    path.write_text("One line.\n\nTwo *words* of\n**R&amp;D** and [a link](http://x.org/) here.\n", "utf-8")

    assert find_line(path, "Two words of R&D and a link here.", 13, 16) == 4
    assert find_line(path, "Nothing of it is there.", 0, 7) is None


def test_passages_leave_out_headings_code_and_quotations() -> None:
    html = (
        '<h2 id="one">Head</h2><p>See <a href="/x">that. Or</a> this, e.g. here. Then <code>a. B</code>.</p>'
        "<blockquote><p>said</p></blockquote><pre>x = 1</pre><ul><li>item</li></ul>"
        "<!-- related: ignore --><p>not this</p><!-- related: resume --><p>Last</p>"
    )
    outline = read_outline(html)

    assert [one.text for one in outline.passages] == [
        "See that. Or this, e.g. here. Then a. B.",
        "item",
        "Last",
    ]
    assert [(one.text, one.id) for one in outline.headings] == [("Head", "one")]
    first = outline.passages[0]
    sentences = [first.text[start:end] for start, end in split_sentences(first)]
    assert sentences == ["See that. Or this, e.g. here.", "Then a. B."]


def test_titles_with_brackets_and_quotes_and_names_with_spaces_can_be_pasted(shell: Shell) -> None:
    write_climbing(shell.site)
    title = 'Racking "cams" [and nuts] & slings'
    text = "Small cams go in front, large ones behind, slings over the shoulder. Sort them before you climb."
    shell.site.write("climb/my rack (1).md", f"Title: {title}\nDate: 2024-01-05\nSlug: rack\n\n{text}\n")
    source = f"On long routes {title} is an art: <em>practise</em> it on the ground with a climbing partner."
    shell.site.write("climb/routes.md", f"Title: Long routes\nDate: 2024-01-06\nSlug: routes\n\n{source}\n")

    link = next(one for one in shell.ask("routes") if one["target"] == "climb/my rack (1).md")
    path = shell.site.content / "climb" / "routes.md"
    written = path.read_text("utf-8")
    assert link["anchor"] in written
    path.write_text(written.replace(link["anchor"], link["paste"], 1), encoding="utf-8")
    built = shell.site.build()

    assert built.warnings() == []
    assert 'href="/rack.html"' in built.articles["routes.html"].content


def test_a_heading_with_an_id_is_led_to(shell: Shell) -> None:
    write_climbing(shell.site)
    body = "<h2 id='prusik'>Tying a prusik loop</h2><p>Three wraps of thin cord grip the rope.</p>"
    text = f"<p>Ropes and cords are cheap.</p>{body}<p>Gear lasts for years.</p>"
    shell.site.write(
        "climb/gear.html",
        "<html><head><title>What is in my bag</title><meta name='date' content='2024-01-07'></head>"
        f"<body>{text}</body></html>",
    )
    shell.site.post("rescue", "To climb back up a rope, tying a prusik loop from thin cord is all you need.")

    link = next(one for one in shell.ask("rescue", "--all") if one["target"] == "climb/gear.html")
    assert link["paste"] == "[tying a prusik loop]({filename}/climb/gear.html#prusik)"


def test_other_languages_and_translations_are_left_out(shell: Shell) -> None:
    write_climbing(shell.site)
    shell.site.post("knots-too", "A figure eight knot and the climbing harness, en deux langues.", lang="fr")

    links = shell.ask("--all")
    assert not [link for link in links if "fr" in link["source"] or "fr" in link["target"]]


@needs_subsites
def test_the_posts_of_subsites_get_links_within_their_language(shell: Shell) -> None:
    write_climbing(shell.site)
    write_french(shell.site)
    settings: dict[str, Any] = {
        "PLUGINS": [SUBSITES, "pelican_related_embeddings"],
        "I18N_SUBSITES": {"fr": {"SITENAME": "Blog"}},
        "SITEURL": "https://example.org",
        "LOCALE": ["C"],
    }

    links = shell.ask("--all", **settings)

    found = pairs(links)
    assert {("fr/noeud.md", "fr/baudrier.md"), ("climb/knots.rst", "climb/harness.md")} <= found
    assert all(source.startswith("fr/") == target.startswith("fr/") for source, target in found)
    for link in links:
        path = shell.site.content / link["source"]
        text = path.read_text("utf-8")
        path.write_text(text.replace(link["anchor"], link["paste"], 1), encoding="utf-8")
    forget_settings()
    built = shell.site.build(**settings)
    assert built.warnings() == []
    page = built.read("fr/noeud.html")
    assert re.search(r'href="https://example.org/fr/baudrier.html">baudrier d.escalade</a>', page)
    assert shell.ask("--all", **settings) == []
    forget_settings()


def forget_settings() -> None:
    """End the command for the plugin, which keeps the settings of a process until a build ends."""
    module: Any = importlib.import_module(f"{SUBSITES}.i18n_subsites")
    module._MAIN_SETTINGS = None


def write_french(site: Site) -> None:
    """Posts in French, one of them the translation of an English one."""
    for slug, title, text in (
        (
            "baudrier",
            "Le baudrier d'escalade",
            "Un bon baudrier vaut mieux qu'un baudrier léger. Serrez bien.",
        ),
        (
            "noeud",
            "Un nœud de huit",
            "Le nœud de huit attache la corde au baudrier d'escalade. Rangez les brins.",
        ),
        ("pain", "Le pain", "Le pain au levain monte lentement dans la nuit, puis cuit au four."),
        ("lune", "La lune", "La lune se lève derrière la colline ; le télescope attend."),
        ("soup", "La soupe", "Poireaux et pommes de terre mijotent dans le bouillon."),
    ):
        head = f"Title: {title}\nSlug: {slug}\nLang: fr\nDate: 2024-02-01\n"
        site.write(f"fr/{slug}.md", f"{head}\n{text}\n")


def test_a_title_of_words_that_most_posts_have_is_found_where_it_stands(shell: Shell) -> None:
    topics = "bread soup chess bees stars moons ropes knots radio tides ferns owls".split()
    for number in range(36):
        topic = topics[number % len(topics)]
        text = f"Routing the table of {topic} under Linux shows how the {topic} of number {number} perform."
        shell.site.post(f"post-{number}", text, title=f"More on {topic} {number}")
    shell.site.post(
        "table", "Prefixes are kept in a trie, and lookups walk it.", title="Routing the table under Linux"
    )
    shell.site.post("later", "Prefixes grow. See “Routing the table under Linux” first; a trie is compact.")

    link = next(one for one in shell.ask("later") if one["target"] == "table.md")
    assert link["anchor"] == "Routing the table under Linux"


def test_a_long_title_is_an_anchor_as_a_whole(shell: Shell) -> None:
    write_climbing(shell.site)
    title = "How to tie a figure eight knot with one hand while the other holds an ice axe"
    shell.site.post("one-hand", "Wrap, cross, poke: the rope does the rest.", title=title)
    shell.site.post("winter", f"Snow and rope. I once wrote on {title.lower()}. It helps in a storm.")

    link = next(one for one in shell.ask("winter") if one["target"] == "one-hand.md")
    assert link["anchor"] == "tie a figure eight knot with one hand while the other holds an ice axe"


def test_an_anchor_neither_begins_nor_ends_with_a_word_that_says_little(shell: Shell) -> None:
    write_climbing(shell.site)
    for number in range(12):
        shell.site.post(
            f"more-{number}", f"I was building shelf {number} all day, and reading page {number} at night."
        )
    shell.site.post(
        "board", "Hang from two fingers, rest, hang again: a hangboard.", title="Building a hangboard"
    )
    shell.site.post("winter", "All winter I kept building a hangboard: hang, rest, hang again.")

    link = next(one for one in shell.ask("winter") if one["target"] == "board.md")
    assert link["anchor"] == "hangboard"
