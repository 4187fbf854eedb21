"""The block in Chromium under rules of well-known themes: below the article's text and inside its column."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pelican
import pytest

from helpers.browser import serve, show
from helpers.cookbook import RECIPES, write_recipe
from helpers.sites import Site, override

pytestmark = pytest.mark.browser

SIDEBAR = "<aside><div><h1>Site</h1><nav><ul><li><a href='/'>Home</a></li></ul></nav></div></aside>"
# Small copies of how themes style their elements, and of their pages.
THEMES = {
    "flex": (
        "body { margin: 0; font-family: sans-serif; color: #222 } aside, aside a { color: #fff }"
        "aside { background: #333; text-align: center; width: 25vw; height: 100vh; position: fixed; z-index: 2;"
        " top: 0; left: 0 } aside div { padding: 20px } main { margin-left: 25vw } article { margin: 40px; max-width: 47.5em }"
        "@media (max-width: 768px) { aside { width: auto; height: auto; position: static } main { margin: 0 } }"
        "div.related-posts { border-top: 1px solid #eee } ul.related-posts { list-style-type: none; padding: 0 }",
        SIDEBAR + "<main><article class='single'><header><h1>{{ article.title }}</h1></header>"
        "<div>{{ article.content }}</div><div class='tag-cloud'></div></article><footer>footer</footer></main>",
    ),
    "notebook": (
        "body { margin: 0 0 0 280px; font: 14px/1.5 sans-serif } #content { width: 60% } .entry-content ul li { margin: 9px }"
        "aside { font-size: 14px; width: 220px; height: 100%; position: fixed; top: 0; left: 0; padding: 30px; color: white;"
        " background: #123; box-shadow: 0 0 3px black } aside > ul { list-style-type: none; padding: 0 10px }"
        "aside > h2 { text-transform: uppercase }",
        SIDEBAR
        + "<section id='content'><article><header class='post_list'><h2>{{ article.title }}</h2></header>"
        "<div class='entry-content'>{{ article.content }}</div></article></section>",
    ),
    "reflex": (
        "body { margin: 0; display: grid; grid-template-columns: 20rem minmax(0, 1fr) }"
        "aside { background-color: #333; text-align: center; position: sticky; top: 0; height: 100vh }"
        "aside > div { padding: 20px } aside nav ul li { display: inline } .entry-content > * { margin: 0 0 1.5em }"
        ".entry-content li { margin-left: 2em; list-style: square }"
        "@media (max-width: 768px) { body { display: block } aside { height: auto; position: static } }",
        SIDEBAR + "<main><article class='single'><div class='entry-content'>{{ article.content }}</div>"
        "<div class='tag-cloud'></div></article></main>",
    ),
    "callouts": (
        "body { max-width: 42rem; margin: auto; font: 18px/1.6 serif }"
        "aside { float: right; width: 40%; margin-right: -45%; border-left: 4px solid; padding: 1em; font-size: 80% }"
        "article aside { float: right; clear: right } li::before { content: '-> ' } section h2 { font-size: 3em }",
        "<main><article><h1>{{ article.title }}</h1>{{ article.content }}<p>Filed</p></article></main>",
    ),
}
MEASURE = """
    const find = (selector) => document.querySelector(selector).getBoundingClientRect();
    const [block, text, column] = [find('.related-embeddings'), find('#last'), find('#first')];
    const parts = [...document.querySelectorAll('.related-embeddings *')].map((e) => e.getBoundingClientRect());
    document.querySelector('.related-embeddings').scrollIntoView({block: 'center'});
    const moved = find('.related-embeddings');
    const seen = document.elementFromPoint(moved.left + moved.width / 2, moved.top + moved.height / 2);
    return {
      below: block.top >= text.bottom,
      inside: [block, ...parts].every((b) => b.left >= column.left - 1 && b.right <= column.right + 1),
      wide: block.width >= 0.9 * column.width,
      seen: !!seen && !!seen.closest('.related-embeddings'),
      navigation: !document.querySelector('nav') || find('nav').height > 0,
      marks: [...document.querySelectorAll('.related-embeddings li')].map(
        (e) => getComputedStyle(e, '::before').content + getComputedStyle(e).listStyleType),
    };
"""


@pytest.fixture(name="address")
def _address(warm_topics: Site) -> Iterator[str]:
    """Where the site is served once it is built."""
    output = Path(warm_topics.root / "output")
    output.mkdir()
    with serve(output) as address:
        yield address


@pytest.mark.parametrize("style", ["list", "cards"])
@pytest.mark.parametrize("name", THEMES)
def test_the_block_is_below_the_text_and_inside_its_column(
    warm_topics: Site, address: str, browser: Any, name: str, style: str
) -> None:
    rules, body = THEMES[name]
    page = f"<!doctype html><html lang=en><head><title>T</title><style>{rules}</style></head><body>{body}</body></html>"
    warm_topics.post(
        "long", "<p id=first>Flour, bread.</p>\n\n<p id=last>Yeast and dough.</p>", image="x.svg"
    )
    warm_topics.build(
        SITEURL=address,
        RELATED_EMBEDDINGS_STYLE=style,
        RELATED_EMBEDDINGS_SHOW=["date", "category", "summary", "terms"],
        **override(warm_topics, article=page),
    )
    for width in (390, 1280):
        show(browser, f"{address}/long.html", width=width)
        found = browser.execute_script(MEASURE)
        marks = set(found.pop("marks"))
        if not (name == "notebook" and width == 390):  # a theme that has no room for its own text there
            assert found == dict.fromkeys(found, True), (width, found)
        assert marks == {"nonenone"}


def write_flex(site: Site) -> str:
    """Write a theme with the rules and the list of Flex, and return its folder."""
    rules, body = THEMES["flex"]
    article, _ = body.removeprefix(f"{SIDEBAR}<main>").split("<footer>")
    link = "<a href='{{ SITEURL }}/{{ post.url }}'>{{ post.title }}</a>"
    own = f"{{% for post in article.related_posts %}}<p>{link}</p>{{% endfor %}}"
    theme = site.root / "flex"
    shutil.copytree(Path(pelican.__file__).parent / "themes" / "simple", theme)
    (theme / "templates" / "base.html").write_text(
        f"<!doctype html><html lang=en><head><title>T</title><style>{rules}</style></head><body>{SIDEBAR}"
        "<main>{% block content %}{% endblock %}<footer>footer</footer></main></body></html>"
    )
    (theme / "templates" / "article.html").write_text(
        "{% extends 'base.html' %}{% block content %}"
        f"{article}<div class='related-posts'>{own}</div>{{% endblock %}}"
    )
    return str(theme)


LINKS = """
    const links = [...document.querySelectorAll('a')].filter((link) => /[a-z]+-[0-9][.]html$/.test(link.href));
    return links.map((link) => {
      link.scrollIntoView({block: 'center'});
      const box = link.getClientRects()[0];
      const seen = document.elementFromPoint(box.left + 2, box.top + box.height / 2);
      return [link.href, box.left >= 0 && box.right <= innerWidth && !!seen && !seen.closest('aside') && link.contains(seen)];
    });
"""


@pytest.mark.parametrize("name", RECIPES)
def test_the_recipes_of_the_cookbook_can_be_read_under_the_rules_of_flex(
    warm_topics: Site, address: str, browser: Any, name: str
) -> None:
    write_recipe(warm_topics, name)
    theme = write_flex(warm_topics)
    warm_topics.build(
        SITEURL=address,
        THEME=theme,
        THEME_TEMPLATES_OVERRIDES=[str(warm_topics.root / "templates")],
        STATIC_PATHS=["extra"],
        RELATED_EMBEDDINGS_MIN_SCORE=0,
    )
    for width in (390, 1280):
        show(browser, f"{address}/bread-1.html", width=width)
        found = browser.execute_script(LINKS)
        assert len(found) == len({link for link, _ in found}) == 5, (width, found)
        assert all(seen for _, seen in found), (width, found)
