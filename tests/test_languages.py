"""Blogs in several languages: translations, subsites, suggestions across languages."""

import contextlib
import re
import sqlite3
from typing import Any

import pytest

from helpers.sites import SUBSITES, TOPICS, Site, needs_subsites

FRENCH = {
    "pain": "Le pain au levain lève lentement. On pétrit la farine, l'eau et le sel, puis on cuit la miche.",
    "ciel": "Le télescope montre les anneaux de Saturne. On observe les planètes quand le ciel est calme.",
    "base": "SQLite garde la base de données dans un fichier. Un index accélère chaque requête.",
    "four": "Un four chaud et de la vapeur donnent au pain sa croûte; la farine forte boit plus d'eau.",
}
GERMAN = {
    "brot": "Das Sauerteigbrot geht langsam auf. Mehl, Wasser und Salz kneten und dann im Ofen backen.",
    "stern": "Das Fernrohr zeigt die Ringe des Saturn. Man beobachtet Planeten bei ruhiger Luft.",
    "ofen": "Ein heißer Ofen und Dampf geben dem Brot seine Kruste; starkes Mehl bindet mehr Wasser.",
}


@pytest.fixture
def babel(topics: Site) -> Site:
    """The English posts of ``topics``, French and German ones, and one post in all three languages."""
    for texts, lang in ((FRENCH, "fr"), (GERMAN, "de")):
        for day, (slug, text) in enumerate(texts.items(), 1):
            topics.post(slug, text, lang=lang, date=f"2024-03-{day:02d}", category="all")
    topics.post("oven", "An oven, steam, flour and bread: how a loaf gets its crust.", date="2024-03-20")
    topics.post(
        "oven", "Un four, de la vapeur, de la farine, du pain: la croûte.", lang="fr", date="2024-03-20"
    )
    topics.post("oven", "Ein Ofen, Dampf, Mehl und Brot: die Kruste.", lang="de", date="2024-03-20")
    return topics


def test_lists_keep_to_the_language_of_the_article(babel: Site) -> None:
    built = babel.build()

    for name, article in built.articles.items():
        assert {post.lang for post in article.related_posts} == {article.lang}, name
        assert not {post.slug for post in article.related_posts} & {article.slug}, name
    assert "/oven-fr.html" in built.links("four-fr.html")


def test_the_heading_is_in_the_language_of_the_article(babel: Site) -> None:
    built = babel.build()

    blocks = {article.lang: built.blocks(name)[0] for name, article in built.articles.items()}

    assert ">Articles similaires</h2>" in blocks["fr"]
    assert ">Ähnliche Beiträge</h2>" in blocks["de"]
    assert (
        '<section class="related-embeddings" aria-labelledby="related-embeddings-heading" lang="fr">'
        in blocks["fr"]
    )
    assert '<section class="related-embeddings" aria-labelledby="related-embeddings-heading">' in blocks["en"]
    assert all("hreflang" not in block for block in blocks.values())


def test_across_languages_each_link_tells_its_language_and_no_translation_is_shown(babel: Site) -> None:
    built = babel.build(RELATED_EMBEDDINGS_ACROSS_LANGUAGES=True, RELATED_EMBEDDINGS_MAX=14)

    seen = set()
    for name, article in built.articles.items():
        (block,) = built.blocks(name)
        posts = list(article.related_posts)
        seen |= {(article.lang, post.lang) for post in posts}
        slugs = [post.slug for post in posts]
        assert article.slug not in slugs
        assert slugs.count("oven") <= 1
        # The version of the oven in the reader's language is the one that is suggested.
        assert all(post.lang == article.lang for post in posts if post.slug == "oven")
        foreign = [post.lang for post in posts if post.lang != article.lang]
        assert re.findall(r'<li lang="(\w+)">', block) == foreign
        assert re.findall(r'hreflang="(\w+)"', block) == foreign
    assert len(seen) == 9


def test_an_arabic_post_is_shown_from_right_to_left(babel: Site) -> None:
    babel.post("khubz", "الخبز والطحين والماء والملح والفرن.", lang="ar", date="2024-04-01")
    babel.post("furn", "الفرن الحار يعطي الخبز قشرته.", lang="ar", date="2024-04-02")

    built = babel.build(RELATED_EMBEDDINGS_ACROSS_LANGUAGES=True, RELATED_EMBEDDINGS_MAX=16)

    blocks = {article.slug: built.blocks(name)[0] for name, article in built.articles.items()}
    assert 'lang="ar" dir="rtl">' in blocks["khubz"].split(">")[0] + ">"
    assert '<li lang="en" dir="ltr">' in blocks["khubz"]
    assert "<li><a" in blocks["khubz"]
    assert '<li lang="ar" dir="rtl">' in blocks["bread-0"]
    assert '<li lang="fr">' in blocks["bread-0"]


def test_a_pin_takes_the_version_in_the_language_of_the_page(babel: Site) -> None:
    babel.post("miche", "Une miche de pain.", lang="fr", related_posts="oven, bread-0", date="2024-03-21")

    built = babel.build()

    article = next(article for article in built.articles.values() if article.slug == "miche")
    assert [(post.slug, post.lang) for post in article.related_posts][:2] == [
        ("oven", "fr"),
        ("bread-0", "en"),
    ]
    assert built.warnings() == []


# Subsites


def build_subsites(site: Site, capture: Any = None, **settings: Any) -> Any:
    """Build the main site in English and subsites in French and German."""
    built = site.build(
        PLUGINS=[SUBSITES, "pelican_related_embeddings"],
        I18N_SUBSITES={"fr": {"SITENAME": "Blog"}, "de": {"SITENAME": "Blog"}},
        SITEURL="https://example.org",
        LOCALE=["C"],
        **settings,
    )
    built.printed = capture.readouterr().out if capture else ""
    return built


@needs_subsites
def test_subsites_share_one_cache_and_embed_each_text_once(babel: Site, capsys: Any) -> None:
    built = build_subsites(babel, capsys)

    counts = [int(count) for count in re.findall(r"(\d+) embedded", built.printed)]
    assert sum(counts) == 19
    caches = list(babel.root.rglob("*.sqlite"))
    assert caches == [babel.root / "cache" / "related_embeddings.sqlite"]
    with contextlib.closing(sqlite3.connect(caches[0])) as connection:
        tables = {name for (name,) in connection.execute("select name from sqlite_master where type='table'")}
    assert tables
    again = build_subsites(babel, capsys)
    assert "embedding" not in again.printed
    assert built.warnings() == again.warnings() == []


@needs_subsites
def test_every_subsite_links_to_its_own_pages(babel: Site) -> None:
    built = build_subsites(babel)

    for folder, slugs in (("", TOPICS), ("fr/", FRENCH), ("de/", GERMAN)):
        pages = [path for path in (built.output / folder).glob("*.html") if path.stem in ("oven", *slugs)]
        assert pages
        for path in pages:
            name = path.relative_to(built.output).as_posix()
            links = built.links(name)
            assert links, name
            for link in links:
                assert link.startswith(f"https://example.org/{folder}")
                assert (built.output / link.removeprefix("https://example.org/")).is_file(), link
                assert path.stem not in link


@needs_subsites
def test_a_post_that_a_subsite_leaves_out_is_not_unknown(babel: Site) -> None:
    babel.post("miche", "Une miche de pain.", lang="fr", related_posts="bread-0, four", date="2024-03-21")
    babel.post("loaf", "A loaf of bread.", related_posts="four, bread-0", date="2024-03-22")

    for policy in ("hide", "remove"):
        built = build_subsites(babel, I18N_UNTRANSLATED_ARTICLES=policy)

        assert built.warnings() == []
        assert built.links("fr/miche.html")[0] == "https://example.org/fr/four.html"
        assert built.links("loaf.html")[0] == "https://example.org/bread-0.html"


@needs_subsites
def test_the_stylesheet_of_a_subsite_is_the_main_sites(babel: Site) -> None:
    built = build_subsites(babel, RELATED_EMBEDDINGS_STYLE="list", RELATIVE_URLS=True)

    for name in ("oven.html", "fr/oven.html"):
        (address,) = re.findall(r'href="([^"]*related_embeddings\.css)"', built.read(name))
        assert ((built.output / name).parent / address).resolve().is_file(), address


# A real multilingual model


def test_a_multilingual_model_suggests_what_is_near_whatever_its_language(
    babel: Site, real_service: str
) -> None:
    settings = {
        "RELATED_EMBEDDINGS_ENDPOINT": real_service,
        "RELATED_EMBEDDINGS_MODEL": "e5-query",
        "RELATED_EMBEDDINGS_ACROSS_LANGUAGES": True,
        "RELATED_EMBEDDINGS_MAX": 4,
        "RELATED_EMBEDDINGS_WEIGHT": 0,  # languages share few words
    }

    built = babel.build(**settings)

    near = {article.slug: list(article.related_posts) for article in built.articles.values()}
    assert "bread" in near["pain"][0].slug or near["pain"][0].slug in ("four", "oven", "brot", "ofen")
    assert {post.slug for post in near["ciel"][:2]} <= {"stern", "stars-0", "stars-1", "stars-2"}
    assert near["base"][0].slug.startswith("sql")
    assert near["stern"][0].lang != "de"
    for article in built.articles.values():
        assert all(post.lang == article.lang for post in article.related_posts if post.slug == "oven")
    assert built.warnings() == []
