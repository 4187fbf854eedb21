"""The block in templates: where it goes, what it shows, what can be overridden; and feeds."""

import re
import xml.etree.ElementTree as ET
from typing import Any
from urllib.parse import unquote

import pytest

from helpers.cookbook import COOKBOOK, RECIPES, write_recipe
from helpers.sites import ROOT, TOPICS, Site, alter, override
from pelican_related_embeddings.pages.headings import HEADINGS, choose_heading, find_direction

ARTICLES = {f"{topic}-{number}.html" for topic in TOPICS for number in range(3)}
INCLUDE = '{% include "related_posts.html" ignore missing %}'


@pytest.fixture
def topics(warm_topics: Site) -> Site:
    """The usual site; none of these tests is about vectors."""
    return warm_topics


def list_pages_with_blocks(built: Any) -> set[str]:
    names = (path.relative_to(built.output).as_posix() for path in built.output.rglob("*.html"))
    return {name for name in names if built.blocks(name)}


# Where it goes


@pytest.mark.parametrize(
    ("name", "before"),
    [
        (
            "marked.md",
            "title: M\ndate: 2024-01-01\nslug: marked\n\nA loaf of bread.\n\n<!-- related -->\n\nEnd.\n",
        ),
        (
            "marked.md",
            "title: M\ndate: 2024-01-01\nslug: marked\n\nA loaf of bread.\n\n<!--Related-->\n\nEnd.\n",
        ),
        (
            "marked.rst",
            "M\n#\n\n:date: 2024-01-01\n:slug: marked\n\nA loaf of bread.\n\n.. related\n\nEnd.\n",
        ),
        (
            "marked.rst",
            "M\n#\n\n:date: 2024-01-01\n:slug: marked\n\nA loaf of bread.\n\n"
            ".. raw:: html\n\n   <!-- related -->\n\nEnd.\n",
        ),
        (
            "marked.html",
            '<html><head><title>M</title><meta name="date" content="2024-01-01">'
            '<meta name="slug" content="marked"></head><body><p>A loaf of bread.</p>\n'
            "<!-- related -->\n<p>End.</p></body></html>",
        ),
    ],
)
@pytest.mark.parametrize("insert", [True, "marker"])
def test_a_marker_says_where_in_every_reader(
    topics: Site, name: str, before: str, insert: bool | str
) -> None:
    topics.write(name, before)

    built = topics.build(RELATED_EMBEDDINGS_INSERT=insert)

    page = built.read("marked.html")
    assert (
        page.index("A loaf of bread.")
        < page.index('<section class="related-embeddings"')
        < page.index("End.")
    )
    assert not re.search("<!-- ?related", page, re.IGNORECASE)
    assert list_pages_with_blocks(built) == (
        {"marked.html"} if insert == "marker" else {"marked.html", *ARTICLES}
    )


def test_nothing_is_inserted_where_the_blogger_wants_nothing(topics: Site) -> None:
    topics.post("marked", "A loaf of bread.\n\n<!-- related -->\n\nEnd.")

    built = topics.build(RELATED_EMBEDDINGS_INSERT=False)

    assert list_pages_with_blocks(built) == set()
    assert len(built.articles["marked.html"].related_posts) == 5


def test_an_include_is_the_only_block_and_stays_where_it_is(topics: Site) -> None:
    settings = override(topics, article=f"<nav>{INCLUDE}</nav><main>{{{{ article.content }}}}</main>")
    for insert in (True, "marker", False):
        built = topics.build(RELATED_EMBEDDINGS_INSERT=insert, **settings)
        for name in ARTICLES:
            assert len(built.blocks(name)) == 1
            assert built.read(name).index('<section class="related-embeddings') < built.read(name).index(
                "<main>"
            )


def test_an_include_does_no_harm_in_other_templates(topics: Site) -> None:
    topics.write("pages/about.md", "title: About\nslug: about\nrelated_posts: bread-0\n\nAbout bread.\n")
    texts = {name: f"{name}: {INCLUDE}" for name in ("page", "index", "tags", "archives", "category")}

    built = topics.build(**override(topics, **texts))

    assert built.read("pages/about.html") == "page: "
    assert built.read("index.html") == "index: "
    assert list_pages_with_blocks(built) == ARTICLES
    with_pages = topics.build(RELATED_EMBEDDINGS_PAGES=["sources"], **override(topics, **texts))
    assert len(with_pages.blocks("pages/about.html")) == 1


# What it shows


def test_titles_are_markup_and_everything_else_is_escaped(topics: Site) -> None:
    topics.post(
        "bread-0",
        TOPICS["bread"][0],
        title="Salt &amp; <em>yeast</em>",
        category='R&D "x" <y>',
        summary="Flour & <b>water</b>",
        image='/a".jpg',
    )

    built = topics.build(RELATED_EMBEDDINGS_SHOW=["date", "category", "summary", "image", "terms"])

    (block,) = built.blocks("bread-1.html")
    assert ">Salt &amp; <em>yeast</em></a>" in block
    assert '<span class="related-embeddings-category">R&amp;D &#34;x&#34; &lt;y&gt;</span>' in block
    assert '<span class="related-embeddings-summary">Flour &amp; water</span>' in block
    assert '<img src="/a%22.jpg" alt=""' in block
    assert '<time datetime="2024-01-01T00:00:00+00:00">' in block
    assert re.search(r'<span class="related-embeddings-terms">[^<]+</span>', block)


def test_nothing_but_titles_where_nothing_else_is_wanted(topics: Site) -> None:
    (block,) = topics.build(RELATED_EMBEDDINGS_SHOW=[]).blocks("bread-0.html")

    assert set(re.findall(r"<(\w+)", block)) == {"section", "h2", "ul", "li", "a"}


@pytest.mark.parametrize(
    ("name", "value", "address"),
    [
        ("image", "images/x.jpg", "https://example.org/images/x.jpg"),
        ("thumbnail", "/images/x.jpg", "https://example.org/images/x.jpg"),
        ("cover", "{static}/images/x.jpg", "https://example.org/images/x.jpg"),
        ("featured_image", "https://cdn.example.net/x.jpg", "https://cdn.example.net/x.jpg"),
        ("header_cover", "//cdn.example.net/x.jpg", "//cdn.example.net/x.jpg"),
    ],
)
def test_a_picture_is_taken_from_the_metadata(topics: Site, name: str, value: str, address: str) -> None:
    topics.post("bread-0", TOPICS["bread"][0], category="bread", **{name: value})

    built = topics.build(SITEURL="https://example.org", RELATED_EMBEDDINGS_SHOW=["image"])

    assert re.findall(r'<img src="([^"]*)"', built.blocks("bread-1.html")[0]) == [address]


def test_a_heading_may_be_given_for_all_for_a_language_or_not_at_all(topics: Site) -> None:
    def read_head(title: Any) -> str:
        (block,) = topics.build(RELATED_EMBEDDINGS_TITLE=title).blocks("bread-0.html")
        return block.split("<ul")[0]

    assert '<h2 id="related-embeddings-heading">Related posts</h2>' in read_head(None)
    assert '<h2 id="related-embeddings-heading">See <i>also</i></h2>' in read_head("See <i>also</i>")
    assert ">And now</h2>" in read_head({"EN": "And now", "fr": "Et puis"})
    assert read_head("").strip() == '<section class="related-embeddings" aria-label="Related posts">'


def test_headings_are_there_in_many_languages() -> None:
    assert len(HEADINGS) >= 8
    assert all(text.strip() == text for text in HEADINGS.values())
    assert choose_heading(None, "pt-BR") == choose_heading(None, "pt_PT") == HEADINGS["pt"]
    assert choose_heading(None, "zh-Hant-TW") == HEADINGS["zh-hant"] != HEADINGS["zh"]
    assert choose_heading({"zh_TW": "X"}, "zh-tw") == "X"
    assert choose_heading({"fr": "X"}, "tlh") == HEADINGS["en"]
    assert [find_direction(lang) for lang in ("ar", "he-IL", "fa_IR", "en", "arn")] == [
        *("rtl", "rtl", "rtl"),
        *("ltr", "ltr"),
    ]


@pytest.mark.parametrize(
    ("block", "text"),
    [
        ("related_posts", "<p>WHOLE {{ article.related_posts|length }}</p>"),
        ("related_posts_heading", "<h3>HEADING {{ heading }}</h3>"),
        ("related_posts_list", "LIST {% for record in records %}{{ record.score }} {% endfor %}"),
        ("related_posts_item", "ITEM {{ record.article.title }} {{ record.terms|join('+') }}"),
    ],
)
def test_each_block_can_be_overridden(topics: Site, block: str, text: str) -> None:
    template = (
        f'{{% extends "!related_embeddings/related_posts.html" %}}{{% block {block} %}}{text}{{% endblock %}}'
    )

    page = topics.build(**override(topics, related_posts=template)).read("bread-0.html")

    word = text.split()[0].split(">")[-1] if block != "related_posts" else "WHOLE"
    assert len(re.findall(word, page)) == (5 if block == "related_posts_item" else 1)
    assert ("<section" in page) == (block != "related_posts")
    if block == "related_posts_heading":
        assert "HEADING Related posts" in page


def test_a_theme_may_bring_a_template_of_that_name(topics: Site) -> None:
    built = topics.build(**override(topics, related_posts="<p>OWN {{ article.related_posts[0].title }}</p>"))

    assert len(re.findall("<p>OWN Bread [12]</p>", built.read("bread-0.html"))) == 1


# The stylesheet


@pytest.mark.parametrize("style", ["list", "cards"])
def test_a_stylesheet_is_written_and_linked_unless_the_blogger_wants_none(topics: Site, style: str) -> None:
    assert "related_embeddings.css" not in topics.build(RELATED_EMBEDDINGS_STYLE=False).read("bread-0.html")

    built = topics.build(RELATED_EMBEDDINGS_STYLE=style, SITEURL="https://example.org")

    link = '<link rel="stylesheet" href="https://example.org/theme/related_embeddings.css">'
    assert built.read("bread-0.html").count(link) == 1
    assert f".related-embeddings-{style}" in built.read("theme/related_embeddings.css")
    assert "related_embeddings.css" not in built.read("index.html")
    (block,) = built.blocks("bread-0.html")
    assert f'<ul class="related-embeddings-{style}">' in block
    assert "style=" not in block
    assert "<style" not in block


# Pictures

CARDS = {"SITEURL": "https://example.org", "RELATED_EMBEDDINGS_STYLE": "cards"}
HUE = re.compile(r'<span class="related-embeddings-tile related-embeddings-hue-(\d+)" data-initial="(\w)">')


def test_cards_have_pictures_or_tiles_in_the_hue_of_their_category(topics: Site) -> None:
    assert "related-embeddings-tile" not in topics.build(**CARDS).blocks("bread-1.html")[0]
    alter(topics, "bread-0", image="/images/x.jpg")

    built = topics.build(**CARDS, RELATED_EMBEDDINGS_MAX=8)

    (block,) = built.blocks("bread-1.html")
    assert block.count("<img") == 1
    tiles = HUE.findall(block)
    assert len(tiles) == 7
    assert {initial for _, initial in tiles} == {"B", "S"}
    assert len({hue for hue, _ in tiles}) == len(set(tiles)) == 3  # bread, stars, sql
    again = topics.build(**CARDS, RELATED_EMBEDDINGS_MAX=8).blocks("stars-1.html")[0]
    assert set(tiles) <= set(HUE.findall(again))


@pytest.mark.parametrize(
    ("picture", "address"),
    [
        ("![a]({static}/images/a%20b.jpg)", "https://example.org/images/a%20b.jpg"),
        ("![a](https://cdn.example.net/a.jpg?w=1&h=2)", "https://cdn.example.net/a.jpg?w=1&amp;h=2"),
        ("![a](/images/a.jpg)", "/images/a.jpg"),
        ("![a](pictures/a.jpg)", "https://example.org/posts/pictures/a.jpg"),
        ("![a](../images/a.jpg)", "https://example.org/images/a.jpg"),
        ("<img alt='<b>' data-src='no.jpg' src='/images/it&#39;s.jpg'>", "/images/it&#39;s.jpg"),
        ("![b](https://img.shields.io/b.svg) ![a](/images/a.jpg)", "/images/a.jpg"),
        ("<img src='/p.gif' width='1' height=1><!-- <img src='/c.jpg'> --> ![a](/a.jpg)", "/a.jpg"),
        ("<img src='data:image/gif;base64,AA'> ![a](/a.jpg)", "/a.jpg"),
    ],
)
def test_without_one_in_the_metadata_the_first_picture_of_a_post_counts(
    topics: Site, picture: str, address: str
) -> None:
    topics.write("images/a b.jpg", "a picture")
    topics.post("bread-0", f"{TOPICS['bread'][0]}\n\n{picture}\n\n![z](/z.jpg)", category="bread")

    built = topics.build(**CARDS, STATIC_PATHS=["images"], ARTICLE_URL="posts/{slug}.html")

    (block,) = built.blocks("bread-1.html")
    assert re.findall(r'<img src="([^"]*)"', block) == [address]
    if "static" in picture:
        assert f'src="{unquote(address)}"' in built.read("bread-0.html")


def test_what_is_shown_is_in_the_order_of_the_setting(topics: Site) -> None:
    alter(topics, "bread-0", summary="In short.")

    def list_parts(*show: str) -> list[str]:
        block = topics.build(RELATED_EMBEDDINGS_SHOW=list(show)).blocks("bread-1.html")[0]
        item = next(part for part in block.split("<li>") if "/bread-0.html" in part)
        return re.findall(r'<(time)|class="related-embeddings-(\w+)"', item)

    def name(parts: list[Any]) -> list[str]:
        return [time or part for time, part in parts]

    assert name(list_parts("date", "category", "summary")) == ["meta", "time", "category", "summary"]
    assert name(list_parts("category", "summary", "date")) == ["meta", "category", "summary", "meta", "time"]
    assert name(list_parts("summary", "terms", "date")) == ["summary", "meta", "terms", "time"]


# Feeds

FEEDS = {
    "SITEURL": "https://example.org",
    "FEED_DOMAIN": "https://example.org",
    "FEED_ALL_ATOM": "all.atom.xml",
    "FEED_ALL_RSS": "all.rss.xml",
    "CATEGORY_FEED_ATOM": "{slug}.atom.xml",
}
ATOM = {"a": "http://www.w3.org/2005/Atom"}


def read_feeds(built: Any) -> dict[str, dict[str, tuple[str, str]]]:
    """Return for each feed and each item's link its summary and its content."""
    feeds: dict[str, dict[str, tuple[str, str]]] = {}
    for path in built.output.rglob("*.xml"):
        root = ET.parse(path).getroot()
        items: dict[str, tuple[str, str]] = {}
        for entry in root.findall("a:entry", ATOM):
            link = entry.find("a:link", ATOM)
            summary = entry.findtext("a:summary", "", ATOM)
            items[link.attrib["href"] if link is not None else ""] = (
                summary,
                entry.findtext("a:content", "", ATOM),
            )
        for item in root.iter("item"):
            items[item.findtext("link", "")] = ("", item.findtext("description", ""))
        feeds[path.name] = items
    return feeds


def test_feeds_have_no_list_unless_wanted(topics: Site) -> None:
    for items in read_feeds(topics.build(**FEEDS)).values():
        assert not any("Related posts" in text for texts in items.values() for text in texts)


@pytest.mark.parametrize("more", [{}, {"FEED_APPEND_REF": True}, {"RELATIVE_URLS": True}])
def test_feed_items_end_with_the_list_and_nothing_else_changes(topics: Site, more: dict[str, Any]) -> None:
    topics.post("café-crème", "Coffee, milk and a loaf of sourdough bread.", category="bread")
    more = {**FEEDS, "RSS_FEED_SUMMARY_ONLY": False, **more}
    plain = read_feeds(topics.build(**more))
    indexes = {path.name: path.read_text() for path in (topics.root / "output").glob("*.html")}

    built = topics.build(RELATED_EMBEDDINGS_FEEDS=True, **more)

    feeds = read_feeds(built)
    assert set(feeds) == {"all.atom.xml", "all.rss.xml", "bread.atom.xml", "stars.atom.xml", "sql.atom.xml"}
    for name, items in feeds.items():
        assert set(items) == set(plain[name])
        for link, (summary, content) in items.items():
            assert summary == plain[name][link][0]
            assert content.startswith(plain[name][link][1])
            added = content.removeprefix(plain[name][link][1])
            assert added.count('<li><a href="https://example.org/') == 5, (name, link)
            assert "<strong>Related posts</strong>" in added
    for name, text in indexes.items():
        assert built.read(name) == text


def test_summaries_in_feeds_stay_summaries(topics: Site) -> None:
    built = topics.build(RELATED_EMBEDDINGS_FEEDS=True, **FEEDS)

    assert not any("Related posts" in text for _, text in read_feeds(built)["all.rss.xml"].values())


def test_the_block_in_feeds_can_be_overridden(topics: Site) -> None:
    settings = override(topics, related_posts_feed="MORE {{ article.related_posts|length }}")

    feeds = read_feeds(topics.build(RELATED_EMBEDDINGS_FEEDS=True, **FEEDS, **settings))

    assert all(content.endswith("MORE 5") for _, content in feeds["all.atom.xml"].values())


# The cookbook


def test_every_recipe_of_the_cookbook_is_tested() -> None:
    in_text = COOKBOOK.split("## Recipes")[1].split("## Pages")[0]

    assert len(RECIPES) >= 6
    assert sum(map(len, RECIPES.values())) == in_text.count("```jinja") + in_text.count("```css")


@pytest.mark.parametrize("theme", ["simple", "notmyidea"])
@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_the_cookbook_work(topics: Site, name: str, theme: str) -> None:
    topics.post("bread-0", TOPICS["bread"][0], category="bread", image="images/a.jpg", summary="<b>Bold</b>")
    write_recipe(topics, name)
    folders = {"THEME_TEMPLATES_OVERRIDES": [str(topics.root / "templates")], "STATIC_PATHS": ["extra"]}

    built = topics.build(THEME=theme, **folders)

    page = built.read("bread-1.html")
    links = [link for link in re.findall(r'<a href="/([a-z]+-\d\.html)"', page) if link != "bread-1.html"]
    assert len(links) == len(set(links)) == 5
    assert "bread-0.html" in links
    assert "<b>Bold" not in page
    assert ("/images/a.jpg" in page) == (name == "Cards with thumbnails")
    for sheet in re.findall(r'<link rel="stylesheet" href="/(extra/[^"]+)"', page):
        assert (built.output / sheet).is_file()
    assert page.count('href="/extra/') == sum(path.endswith(".css") for path in RECIPES[name])
    assert built.warnings() == []


def test_the_documentation_names_every_block() -> None:
    partial = (ROOT / "pelican_related_embeddings" / "pages" / "templates" / "related_posts.html").read_text(
        "utf-8"
    )

    blocks = re.findall(r"block (related_posts\w*)", partial)

    assert len(blocks) == 4
    assert all(f"| `{block}` |" in COOKBOOK for block in blocks)
