"""One block on each article's page and nowhere else, whatever the theme."""

import re
from pathlib import Path

import pytest

from helpers.sites import ROOT, TOPICS, Site, override
from helpers.themes import PLUGIN, THEMES, find_theme

html5lib = pytest.importorskip("html5lib", reason="html5lib is not installed")

NAMES = [f"{topic}-{number}" for topic in TOPICS for number in range(3)]
PAGES = {f"{name}.html" for name in NAMES} | {"drafts/draft.html", "hidden.html", "hut.html", "hut-fr.html"}


@pytest.fixture
def topics(warm_topics: Site) -> Site:
    """The usual site; none of these tests is about vectors."""
    return warm_topics


@pytest.fixture
def blog(topics: Site) -> Site:
    """All that a blog has: published, hidden, draft and translated posts, pages, tags, authors, feeds."""
    for topic, texts in TOPICS.items():
        for number, text in enumerate(texts):
            day = f"2024-02-{number + 1:02d}"
            topics.post(
                f"{topic}-{number}", text, date=day, category=topic, tags=f"t{number}", summary="Of it all."
            )
    topics.post("draft", TOPICS["bread"][0] + " A draft.", status="draft")
    topics.post("hidden", TOPICS["bread"][1] + " Hidden.", status="hidden")
    topics.post("hut", "A mountain hut with bread and stars.")
    topics.post("hut", "Un refuge de montagne, du pain et des étoiles.", lang="fr")
    topics.post("ciel", "Le pain, les étoiles et la montagne du soir.", lang="fr")
    topics.write("pages/about.md", "title: About\nslug: about\n\nAbout us, at some length.\n")
    return topics


def read_pages(output: Path) -> dict[str, str]:
    return {path.relative_to(output).as_posix(): path.read_text("utf-8") for path in output.rglob("*.html")}


def check_html(block: str) -> None:
    """Fail if a piece of HTML breaks a rule of the standard's parser."""
    parser = html5lib.HTMLParser(strict=True)
    parser.parseFragment(block, container="article")


OVERRIDE = (
    '{% extends "!related_embeddings/related_posts.html" %}'
    "{% block related_posts_heading %}{{ super() }}<p>By hand</p>{% endblock %}"
)


@pytest.mark.parametrize("own_template", [False, True], ids=["plain", "override"])
@pytest.mark.parametrize("name", THEMES)
def test_each_article_has_one_block_and_nothing_else_has_any(
    blog: Site, name: str, own_template: bool
) -> None:
    settings = find_theme(name)
    if own_template:
        folder = blog.root / "templates"
        folder.mkdir()
        (folder / "related_posts.html").write_text(OVERRIDE, encoding="utf-8")
        settings["THEME_TEMPLATES_OVERRIDES"] = [str(folder)]

    built = blog.build(
        AUTHOR="Ann", SITENAME="Blog", SITEURL="https://example.org", FEED_ALL_ATOM="all.xml", **settings
    )

    own = THEMES[name].own
    pages = read_pages(built.output)
    assert set(pages) >= PAGES
    for page, text in pages.items():
        blocks = built.blocks(page)
        lists = len(re.findall(own, text)) if own else len(blocks)
        assert lists == (page in {*PAGES, "ciel-fr.html"}), page
        assert not (own and blocks), page
        for block in blocks:
            check_html(block)
            assert ("By hand" in block) == own_template
    assert "related-embeddings" not in built.read("all.xml")
    assert [warning for warning in built.warnings() if PLUGIN in warning] == []


@pytest.mark.parametrize("name", ["simple", "notmyidea", "bulrush"])
def test_a_theme_without_a_list_gets_it_right_after_the_content(blog: Site, name: str) -> None:
    built = blog.build(AUTHOR="Ann", RELATED_EMBEDDINGS_STYLE=False, **find_theme(name))

    page = built.read("bread-0.html")
    content = built.articles["bread-0.html"].content.strip()
    assert content in page
    assert page.split(content)[-1].lstrip().startswith('<section class="related-embeddings"')


def test_the_block_is_valid_with_everything_shown_in_every_language(blog: Site) -> None:
    built = blog.build(
        RELATED_EMBEDDINGS_SHOW=["date", "category", "summary", "image", "terms"],
        RELATED_EMBEDDINGS_STYLE="list",
        RELATED_EMBEDDINGS_ACROSS_LANGUAGES=True,
        RELATED_EMBEDDINGS_MAX=12,
    )

    for page in PAGES:
        (block,) = built.blocks(page)
        check_html(block)


# Themes with a list of their own, by what they read. Each is a template in the manner of a known theme.

MAIN = "<article>{{ article.content }}</article>"
LINK = '<a href="{{ SITEURL }}/{{ related_post.url }}">{{ related_post.title }}</a>'
LOOP = "{% for related_post in article.related_posts %}"
PATTERNS = {
    "flex": f"{MAIN}{{% if article.related_posts %}}<h4>More</h4><ul>{LOOP}<li>{LINK}</li>{{% endfor %}}</ul>"
    "{% endif %}",
    "reflex": f"{{% if article.related_posts %}}<div>{LOOP}<p>{LINK}</p>{{% endfor %}}</div>{{% endif %}}{MAIN}",
    "elegant": MAIN + "{% if article.related_posts %}"
    "{% for related_post in article.related_posts|sort(attribute='date') %}"
    '<a href="{{ SITEURL }}/{{ related_post.url }}">{{ related_post.title|striptags }}'
    "{% if related_post.subtitle %}<small>{{ related_post.subtitle }}</small>{% endif %}</a>"
    "{% endfor %}{% endif %}",
    "plumage": MAIN
    + "{% set related = None %}{% if article.similar_posts %}{% set related = article.similar_posts %}"
    "{% elif article.related_posts %}{% set related = article.related_posts %}{% endif %}"
    "{% if related %}{% for related_post in related %}"
    '<a href="{{ SITEURL }}/{{ related_post.url }}" title="{{ related_post.summary|striptags|e }}">'
    '{{ related_post.title }} <time datetime="{{ related_post.date.isoformat() }}">'
    '{{ related_post.date.strftime("%Y") }}</time></a>{% endfor %}{% endif %}',
    "bootstrap3": "{% if article.related_posts %}<section id='related-posts'><h4>{{ RELATED_POSTS_TEXT|default('R:') }}"
    f"</h4>{LOOP}{LINK}{{% endfor %}}</section>{{% endif %}}{MAIN}",
    "nest": f"{MAIN}{{% if article.related_posts %}}{LOOP}<li>{LINK} {{{{ related_post.locale_date }}}}</li>"
    "{% endfor %}{% endif %}",
    "eevee": MAIN
    + "{% if article.related_posts %}"
    + LOOP
    + '<a href="{{ SITEURL }}/{{ related_post.url }}" '
    'title="{{ related_post.title|striptags }}">{{ related_post.title }}</a>{% endfor %}{% endif %}',
    "bt3-flat": f"{MAIN}{{% if article.related_posts|length > 0 %}}{LOOP}{LINK}{{% endfor %}}{{% endif %}}",
    "minimalxy": f"{MAIN}{{% if article.related_posts is defined %}}{LOOP}{LINK}{{% endfor %}}{{% endif %}}",
    "simplify": f"{MAIN}{{% for related_post in article.related_posts[:3] %}}{LINK}{{% endfor %}}",
    "haerwu": MAIN
    + "{% if article.related_posts|count %}{% for number in range(article.related_posts|count) %}"
    "{% set related_post = article.related_posts[number] %}" + LINK + "{% endfor %}{% endif %}",
    "by-group": MAIN + "{% for group in article.related_posts|groupby('category') %}"
    "{% for related_post in group.list %}" + LINK + "{% endfor %}{% endfor %}",
    "by-selection": MAIN
    + "{% for related_post in article.related_posts|default((), true)|selectattr('url')|list %}"
    + LINK
    + "{% endfor %}",
    "by-first": MAIN
    + "{% set related_post = article.related_posts|first %}{% if related_post %}"
    + LINK
    + "{% endif %}",
}


@pytest.mark.parametrize("name", PATTERNS)
def test_a_theme_with_a_list_of_its_own_gets_no_second_one(topics: Site, name: str) -> None:
    folder = topics.root / "templates"
    folder.mkdir()
    (folder / "article.html").write_text(PATTERNS[name], encoding="utf-8")

    built = topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)])

    count = {"simplify": 3, "by-first": 1}.get(name, 5)
    for page, article in built.articles.items():
        links = re.findall(r'<a href="/([\w-]+\.html)"', built.read(page))
        assert built.blocks(page) == []
        assert len(links) == count
        assert set(links) <= {post.url for post in article.related_posts}
        if name == "elegant":
            dates = {post.url: post.date for post in article.related_posts}
            assert [dates[link] for link in links] == sorted(dates.values())


@pytest.mark.parametrize(
    ("copied", "count"),
    [
        ("article.related_posts[:3]", 3),
        ("article.related_posts|list", 5),
        ("article.related_posts.copy()", 5),
        ("article.related_posts + []", 5),
        ("[] + article.related_posts", 5),
        ("(article.related_posts + article.related_posts)[5:]", 5),
        ("article.related_posts|reverse|list", 5),
        ("article.related_posts|batch(2)|sum(start=[])", 5),
        ("article.similar_posts[:2] + article.similar_articles[4:]", 3),
        ("article.related_posts * 1", 5),
        ("article.related_posts|sort(attribute='title')", 5),
        ("article.related_posts|rejectattr('url', 'eq', '')|list", 5),
        ("article.related_posts|slice(2)|sum(start=[])", 5),
        ("article.related_posts|unique|list", 5),
    ],
)
def test_a_theme_that_shows_a_copy_of_the_list_gets_no_second_one(
    topics: Site, copied: str, count: int
) -> None:
    folder = topics.root / "templates"
    folder.mkdir()
    loop = f"{{% set posts = {copied} %}}{{% for related_post in posts %}}{LINK}{{% endfor %}}"
    (folder / "article.html").write_text(loop + MAIN, encoding="utf-8")

    built = topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)])

    for page, article in built.articles.items():
        links = re.findall(r'<a href="/([\w-]+\.html)"', built.read(page))
        assert built.blocks(page) == []
        assert len(links) == count
        assert set(links) <= {post.url for post in article.related_posts}


@pytest.mark.parametrize(
    "question",
    [
        "{% if article.related_posts %}1{% endif %}",
        "{{ article.related_posts|length }}",
        "{% if article in article.related_posts %}1{% endif %}",
    ],
)
def test_a_theme_that_only_asks_whether_there_are_any_gets_the_block(topics: Site, question: str) -> None:
    folder = topics.root / "templates"
    folder.mkdir()
    (folder / "article.html").write_text(question + MAIN, encoding="utf-8")

    built = topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)])

    assert all(len(built.blocks(page)) == 1 for page in built.articles)


def test_a_macro_that_shows_the_list_counts_too(topics: Site) -> None:
    macro = f"{{% macro show(posts) %}}{{% for related_post in posts %}}{LINK}{{% endfor %}}{{% endmacro %}}"
    imported = "{% import 'macros.html' as m %}{{ m.show(article.related_posts) }}"
    built = topics.build(**override(topics, macros=macro, article=MAIN + imported))

    assert not any(built.blocks(page) for page in built.articles)


@pytest.mark.parametrize(
    "reading",
    [
        "<head>{% for post in article.related_posts %}<link rel='prefetch' href='/{{ post.url }}'>{% endfor %}"
        "</head>",
        "<head><script type='application/ld+json'>[{% for post in article.related_posts %}"
        "\"<a href='{{ SITEURL }}/{{ post.url }}'>\"{% endfor %}]</script></head>",
        "{% set count = article.related_posts|map(attribute='title')|list|length %}{{ count }}",
    ],
)
def test_a_theme_that_reads_the_list_and_links_to_none_of_it_gets_the_block(
    topics: Site, reading: str
) -> None:
    built = topics.build(**override(topics, article=f"{reading}<body>{MAIN}</body>"))

    assert all(len(built.blocks(page)) == 1 for page in built.articles)


def test_a_sidebar_of_recent_posts_is_no_list_of_related_ones(topics: Site) -> None:
    recent = (
        "<aside>{% for post in articles %}<a href='/{{ post.url }}'>{{ post.title }}</a>{% endfor %}</aside>"
    )
    built = topics.build(**override(topics, article=MAIN + recent))

    assert all(len(built.blocks(page)) == 1 for page in built.articles)


# A theme that has a list of its own where the blogger wants the plugin's block

INCLUDE = '{% include "related_posts.html" ignore missing %}'


def list_hints(capsys: pytest.CaptureFixture[str]) -> list[str]:
    return [line for line in capsys.readouterr().out.splitlines() if "its own list of related posts" in line]


def test_one_hint_a_build_says_that_settings_change_nothing_in_such_a_theme(
    topics: Site, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = override(topics, article=PATTERNS["flex"])
    topics.build(**settings)
    assert len(list_hints(capsys)) == 1

    topics.build(RELATED_EMBEDDINGS_INSERT=False, **settings)
    topics.build()
    assert list_hints(capsys) == []


@pytest.mark.parametrize("insert", [True, "marker"])
@pytest.mark.parametrize("name", PATTERNS)
def test_a_marker_comes_before_the_list_of_a_theme(topics: Site, name: str, insert: bool | str) -> None:
    topics.post("marked", "A loaf of bread.\n\n<!-- related -->\n\nMore of it.", category="bread")

    built = topics.build(RELATED_EMBEDDINGS_INSERT=insert, **override(topics, article=PATTERNS[name]))

    page = built.read("marked.html")
    (block,) = built.blocks("marked.html")
    assert page.index("A loaf of bread.") < page.index(block) < page.index("More of it.")
    assert len(re.findall(r"<a href=", page)) == 5
    assert built.blocks("bread-0.html") == []
    assert len(built.articles["marked.html"].related_posts) == 5


@pytest.mark.parametrize("first", [True, False])
@pytest.mark.parametrize("insert", [True, "marker", False])
@pytest.mark.parametrize("partial", ["own", "extended", "alone"])
def test_an_include_comes_before_the_list_of_a_theme(
    topics: Site, capsys: pytest.CaptureFixture[str], first: bool, insert: bool | str, partial: str
) -> None:
    article = (
        f"<nav>{INCLUDE}</nav>{PATTERNS['flex']}" if first else f"{PATTERNS['flex']}<nav>{INCLUDE}</nav>"
    )
    loop = f"{{% for related_post in article.related_posts %}}{LINK}{{% endfor %}}"
    extends = '{% extends "!related_embeddings/related_posts.html" %}{% block related_posts_list %}'
    partials = {
        "extended": {"related_posts": f"{extends}{loop}{{% endblock %}}"},
        "alone": {"related_posts": loop},
    }
    templates = {"article": article, **partials.get(partial, {})}

    built = topics.build(RELATED_EMBEDDINGS_INSERT=insert, **override(topics, **templates))

    for page in built.articles:
        text = built.read(page)
        assert len(re.findall("<a href=", text)) == 5
        assert len(re.findall("<a href=", text[text.index("<nav>") : text.index("</nav>")])) == 5
    assert list_hints(capsys) == []


def test_an_include_leaves_what_a_theme_has_in_its_head_alone(topics: Site) -> None:
    head = (
        "<head><script>[{% for post in article.related_posts %}'{{ post.url }}',{% endfor %}]</script></head>"
    )

    built = topics.build(**override(topics, article=f"{head}<body>{MAIN}{INCLUDE}</body>"))

    for page in built.articles:
        assert built.read(page).count(".html',") == 5
        assert len(built.blocks(page)) == 1


def test_the_advice_for_flex_and_reflex_shows_the_block_in_place_of_their_list(topics: Site) -> None:
    text = (ROOT / "docs" / "themes.md").read_text(encoding="utf-8")
    (part,) = re.findall(r"`templates/partial/neighbors.html`.*?```jinja\n(.*?)```", text, re.DOTALL)
    (topics.root / "templates" / "partial").mkdir(parents=True)
    (topics.root / "templates" / "partial" / "neighbors.html").write_text(part, encoding="utf-8")
    theme = "pelican-theme-reflex"

    built = topics.build(
        AUTHOR="Ann", THEME_TEMPLATES_OVERRIDES=[str(topics.root / "templates")], **find_theme(theme)
    )

    for page in built.articles:
        assert len(built.blocks(page)) == 1
        assert THEMES[theme].own not in built.read(page)
