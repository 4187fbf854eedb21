"""Readers see which posts link to the one that they read, where the blogger wants it, and else nothing changes."""

import re

import pytest

from helpers.sites import Built, Site, list_pages, override

SECTION = re.compile(r'<section class="related-embeddings related-embeddings-linked".*?</section>', re.DOTALL)
TEXT = "Sourdough bread rises slowly because wild yeast shares the dough; bake the loaf in a hot oven."


@pytest.fixture
def linked(site: Site) -> Site:
    """Posts that link to one in every way that Pelican resolves, and some that must not count."""
    site.post("target", TEXT, date="2024-01-01")
    site.post(
        "by-file",
        f"{TEXT} I wrote & *baked*, see [the loaf]({{filename}}/target.md#x). Bye.",
        date="2024-01-02",
    )
    site.post(
        "absolute",
        'One. As <a href="https://blog.example/target.html?a=1">told here</a>, two.',
        date="2024-01-04",
    )
    site.post(
        "relative", "Look at [it](./target.html) again, and [again]({filename}target.md).", date="2024-01-03"
    )
    site.post("draft", "A draft [links]({filename}target.md) here.", status="draft")
    site.post("target-fr", "Un texte qui renvoie [ailleurs]({filename}/target.md).", lang="fr")
    site.post("itself", "[Itself]({filename}itself.md) and [elsewhere](https://other.example/target.html).")
    return site


URL = "https://blog.example"


def test_records_have_the_posts_and_sentences_newest_first(linked: Site) -> None:
    built = linked.build(SITEURL=URL)

    records = built.articles["target.html"].linked_from
    assert [(one.article.slug, one.excerpt) for one in records] == [
        ("absolute", "As told here, two."),
        ("relative", "Look at it again, and again."),
        ("by-file", "I wrote & baked, see the loaf."),
    ]
    assert len(built.articles["itself.html"].linked_from) == 0


def test_no_page_changes_while_it_is_off(linked: Site) -> None:
    off = list_pages(linked.build(SITEURL=URL).output)
    on = list_pages(linked.build(SITEURL=URL, RELATED_EMBEDDINGS_BACKLINKS=True).output)

    assert not any("related-embeddings-linked" in page for page in off.values())
    changed = {name for name, page in on.items() if page != off[name]}
    assert changed == {"target.html"}
    added = re.compile(rf"<link[^>]*related_embeddings.css[^>]*>\s*{SECTION.pattern}", re.DOTALL)
    assert added.sub("", on["target.html"], count=1).split() == off["target.html"].split()


def show(built: Built, name: str = "target.html") -> str:
    sections = SECTION.findall(built.read(name))
    assert len(sections) <= 1
    return sections[0] if sections else ""


def test_the_section_follows_the_related_posts_and_escapes_text(linked: Site) -> None:
    built = linked.build(SITEURL=URL, RELATED_EMBEDDINGS_BACKLINKS=True)
    page = built.read("target.html")

    assert page.index('id="related-embeddings-heading"') < page.index("related-embeddings-linked")
    section = show(built)
    assert ">Linked from</h2>" in section
    assert re.findall(r'<a href="([^"]*)"', section) == [
        f"{URL}/{name}.html" for name in ("absolute", "relative", "by-file")
    ]
    assert "I wrote &amp; baked, see the loaf." in section


def test_a_page_without_related_posts_shows_it_too(linked: Site) -> None:
    assert show(linked.build(SITEURL=URL, RELATED_EMBEDDINGS_BACKLINKS=True, RELATED_EMBEDDINGS_MAX=0))


def test_its_heading_is_in_the_language_of_the_post(site: Site) -> None:
    site.post("cible", "Un pain au levain qui lève lentement dans la nuit.", lang="fr")
    site.post("source", "Voir [le pain]({filename}cible-fr.md) du matin.", lang="fr")
    site.post("doel", "Zuurdesembrood rijst langzaam in de nacht.", lang="fi")
    site.post("bron", "Zie [het brood]({filename}doel-fi.md) hier.", lang="fi")
    built = site.build(RELATED_EMBEDDINGS_BACKLINKS=True)

    assert ">Mentionné dans</h2>" in show(built, "cible-fr.html")
    assert ">Linked from</h2>" in show(built, "doel-fi.html")


def test_a_theme_that_shows_backlinks_itself_gets_no_second_list(linked: Site) -> None:
    templates = override(
        linked,
        article="<main>{{ article.content }}{% for one in article.linked_from %}<i>{{ one.article.slug }}</i>{% endfor %}</main>",
    )
    built = linked.build(SITEURL=URL, RELATED_EMBEDDINGS_BACKLINKS=True, **templates)
    assert show(built) == ""
    assert "<i>absolute</i>" in built.read("target.html")


def test_the_section_can_be_changed_block_by_block(linked: Site) -> None:
    templates = override(
        linked,
        linked_from='{% extends "!related_embeddings/linked_from.html" %}'
        "{% block linked_from_item %}<b>{{ backlink.article.slug }}</b>{% endblock %}",
    )
    section = show(linked.build(SITEURL=URL, RELATED_EMBEDDINGS_BACKLINKS=True, **templates))
    assert re.findall("<b>(.*?)</b>", section) == ["absolute", "relative", "by-file"]
