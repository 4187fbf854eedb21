"""Each rule that keeps a post out of a list: what a build leaves out, ``explain`` says, in the same words."""

import json
from pathlib import Path
from typing import Any

import pytest

from helpers.sites import TOPICS, Built, Site, write_topics
from pelican_related_embeddings.command import cli as command
from pelican_related_embeddings.ranking.refusals import Refusal, may_be_suggested
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.document import Document

Case = tuple[str, str, dict[str, Any], str]

# Whose list, which post is missing in it, the settings, and the sentence.
WHOLE_LISTS: dict[Refusal, Case] = {
    Refusal.HIDDEN: (
        "hiding", "bread-2", {}, "the post has the metadata related_posts_hide, so it has no list"
    ),
    Refusal.NO_LISTS: ("bread-0", "bread-2", {"MAX": 0}, "RELATED_EMBEDDINGS_MAX is 0, so no post has a list"),
    Refusal.NO_LIST_ON_PAGES: (
        "about", "bread-2", {"PAGES": ["suggestions"]},
        'the post is a page, and RELATED_EMBEDDINGS_PAGES does not name "sources"',
    ),
    Refusal.PINS_ONLY: (
        "pinning", "bread-2", {},
        "the post has the metadata related_posts_fill: false, so only its pinned posts are shown",
    ),
}  # fmt: skip
ANY_LIST: dict[Refusal, Case] = {
    Refusal.UNPUBLISHED: ("bread-0", "draft", {}, "it is not published"),
    Refusal.NEVER: ("bread-0", "hermit", {}, "hermit.md has the metadata related_posts_never"),
    Refusal.PAGE: (
        "bread-0", "about", {"PAGES": ["sources"]},
        'it is a page, and RELATED_EMBEDDINGS_PAGES does not name "suggestions"',
    ),
    Refusal.EXCLUDED_CATEGORY: (
        "bread-0", "sql-0", {"EXCLUDE": ["category: SQL"]},
        'RELATED_EMBEDDINGS_EXCLUDE names its category "sql"',
    ),
    Refusal.EXCLUDED_TAG: (
        "bread-0", "tagged", {"EXCLUDE": ["tag:Notes"]},
        "RELATED_EMBEDDINGS_EXCLUDE names one of its tags (crumbs, notes)",
    ),
    Refusal.EXCLUDED_PATH: (
        "bread-0", "sql-0", {"EXCLUDE": ["sql-*"]}, "RELATED_EMBEDDINGS_EXCLUDE matches sql-0.md"
    ),
    Refusal.TOO_OLD: (
        "bread-0", "old", {"MAX_AGE_DAYS": 30}, "it is older than RELATED_EMBEDDINGS_MAX_AGE_DAYS = 30 allows"
    ),
}  # fmt: skip
ONE_LIST: dict[Refusal, Case] = {
    Refusal.SELF: ("bread-0", "bread-0", {}, "it is the same post"),
    Refusal.TRANSLATION: (
        "bread-0", "bread-0-fr", {"ACROSS_LANGUAGES": True}, "it is a translation of the post"
    ),
    Refusal.LANGUAGE: (
        "bread-0", "pain-fr", {},
        'it is in another language ("fr", not "en"), and RELATED_EMBEDDINGS_ACROSS_LANGUAGES is False',
    ),
    Refusal.EXCLUDED_HERE: (
        "bread-0", "bread-1", {}, 'bread-0.md names "bread-1" in its metadata related_posts_exclude'
    ),
    Refusal.CATEGORY: (
        "bread-0", "sql-0", {"CATEGORY": "same"},
        'RELATED_EMBEDDINGS_CATEGORY is "same", this post is in "bread" and the other in "sql"',
    ),
    Refusal.NEWER: ("bread-0", "bread-2", {"NEWER": False}, "it is newer, and RELATED_EMBEDDINGS_NEWER is False"),
    Refusal.LINKED: (
        "bread-0", "sql-1", {"SKIP": ["linked"]},
        'the post\'s text already links to it, and RELATED_EMBEDDINGS_SKIP names "linked"',
    ),
    Refusal.SERIES: (
        "bread-0", "bread-2", {"SKIP": ["series"]},
        'it is part of the same series, and RELATED_EMBEDDINGS_SKIP names "series"',
    ),
}  # fmt: skip
CASES = {**WHOLE_LISTS, **ANY_LIST, **ONE_LIST}


@pytest.fixture(scope="module")
def blog(warm_cache: Path, tmp_path_factory: pytest.TempPathFactory) -> Site:
    """A site with a post for every rule, and a cache that has what a build makes of it."""
    root = tmp_path_factory.mktemp("refusals")
    (root / "content").mkdir()
    site = Site(root)
    write_topics(site)
    site.post(
        "bread-0", TOPICS["bread"][0] + " [Link]({filename}/sql-1.md)",
        date="2024-02-01", category="bread", related_posts_exclude="bread-1",
    )  # fmt: skip
    site.post("bread-0", "Le pain au levain lève lentement.", lang="fr", date="2024-02-01", category="bread")
    site.post("pain", "Le pain au levain et la farine de blé.", lang="fr")
    site.post("hiding", "Dough, flour and yeast.", related_posts_hide="true")
    site.post("pinning", "Dough, salt and yeast.", related_posts="sql-0", related_posts_fill="false")
    site.post("draft", "Bread, flour and yeast.", status="draft")
    site.post("hermit", "Bread, salt and yeast.", related_posts_never="true")
    site.post("tagged", "Bread, crumbs and yeast.", tags="crumbs, notes")
    site.post("old", "Bread, butter and yeast.", date="2020-01-01")
    site.write("pages/about.md", "title: About\nslug: about\n\nBread and yeast are what this is about.\n")
    return site


def build(blog: Site, settings: dict[str, Any]) -> Built:
    """Build with long lists, so that only a rule keeps a post out of one."""
    long = {"MAX": 30, "MAX_APPEARANCES": 99, "PAGES": ["sources", "suggestions"], **settings}
    return blog.build(**{f"RELATED_EMBEDDINGS_{name}": value for name, value in long.items()})


def list_posts(built: Built, source: str) -> set[str]:
    page = {"about": "pages/about.html", "draft": "drafts/draft.html"}.get(source, f"{source}.html")
    return {Path(link).stem for link in built.links(page)}


def test_every_rule_has_a_case() -> None:
    assert CASES.keys() == set(Refusal)


@pytest.fixture(scope="module")
def everything(blog: Site) -> Built:
    """The site as it is without a setting that keeps anything out, and with all languages together."""
    return build(blog, {"ACROSS_LANGUAGES": True})


@pytest.mark.parametrize("rule", [rule for rule in CASES if CASES[rule][2]], ids=lambda rule: rule.name)
def test_without_its_setting_a_rule_keeps_nothing_out(everything: Built, rule: Refusal) -> None:
    source, target, _, _ = CASES[rule]

    assert (target in list_posts(everything, source)) == (rule is not Refusal.TRANSLATION)


@pytest.mark.parametrize("rule", CASES, ids=lambda rule: rule.name)
def test_what_a_rule_keeps_out_of_a_build_is_explained_by_its_sentence(
    blog: Site, capsys: pytest.CaptureFixture[str], rule: Refusal
) -> None:
    source, target, settings, sentence = CASES[rule]

    built = build(blog, settings)
    explained = explain(blog, capsys, source, target, settings)

    assert target not in list_posts(built, source)
    assert explained["neighbours"][0]["reasons"] == [sentence]
    if rule in WHOLE_LISTS:
        assert sentence in explained["notes"]
        assert list_posts(built, source) == ({"sql-0"} if rule is Refusal.PINS_ONLY else set())


def explain(
    blog: Site, capsys: pytest.CaptureFixture[str], source: str, target: str, settings: dict[str, Any]
) -> Any:
    long = {"MAX": 30, "MAX_APPEARANCES": 99, "PAGES": ["sources", "suggestions"], **settings}
    config = blog.settings(**{f"RELATED_EMBEDDINGS_{name}": value for name, value in long.items()})
    names = ("PATH", "OUTPUT_PATH", "CACHE_PATH", "THEME", "PLUGINS", "TIMEZONE", "SITEURL")
    chosen = {name: config[name] for name in config if name in names or name.startswith("RELATED_")}
    path = blog.root / "pelicanconf.py"
    path.write_text("".join(f"{name} = {value!r}\n" for name, value in chosen.items()), encoding="utf-8")
    capsys.readouterr()
    posts = ["pages/about.md" if name == "about" else f"{name}.md" for name in (source, target)]
    assert command.main(["explain", *posts, "--json", "-s", str(path)]) == 0
    return json.loads(capsys.readouterr().out)


def test_a_rule_says_in_its_sentence_what_it_is_about() -> None:
    source = Document("a.md", "a", "A", "", "en", category="X")
    target = Document("b.md", "b", "B", "", "fr", category="{Y}", tags=("{settings}", "t"))

    sentences = {rule: rule.describe(source, target, Settings(max_age_days=7.5)) for rule in Refusal}

    assert "(" + "{settings}, t)" in sentences[Refusal.EXCLUDED_TAG]
    assert '"{Y}"' in sentences[Refusal.EXCLUDED_CATEGORY]
    assert "= 7.5 allows" in sentences[Refusal.TOO_OLD]
    assert len(set(sentences.values())) == len(Refusal)


def test_what_may_be_suggested_is_told_for_each_document() -> None:
    documents = [
        Document("yes.md", "yes", "Yes", "", "en"),
        Document("no.md", "no", "No", "", "en", never=True),
        Document("b.md", "b", "B", "", "en", category=" Notes"),
    ]

    assert may_be_suggested(documents, Settings(exclude=("category:notes",))) == [True, False, False]
