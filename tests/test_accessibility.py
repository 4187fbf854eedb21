"""The block in Chromium: on a phone and a desk, light and dark, under a strict policy, for axe-core."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from helpers.browser import list_requests, read_complaints, run_axe, serve, show
from helpers.sites import Site
from helpers.themes import THEMES, find_theme

pytestmark = pytest.mark.browser

POLICY = '<meta http-equiv="Content-Security-Policy" content="default-src \'self\'">'
SHOW = ["date", "category", "summary", "image", "terms"]
PICTURE = (
    '<svg xmlns="http://www.w3.org/2000/svg" width="300" height="200" viewBox="0 0 3 2">'
    '<path fill="#c74350" d="M0 0h3v2H0z"/><circle cx="1.5" cy="1" r=".6" fill="#fff"/></svg>'
)
DARK = (
    "<style>@media (prefers-color-scheme: dark) "
    "{ html, body { background: #16191f; color: #eee } a:any-link { color: #9cf } }</style>"
)
THEME_NAMES = ("simple", "notmyidea", "pelican-theme-smallweb")


@pytest.fixture
def blog(warm_topics: Site) -> Site:
    """The usual site, with a picture, a long title and a post in Arabic."""
    warm_topics.write("images/crumb.svg", PICTURE)
    long = "Rindfleischetikettierungsüberwachungsaufgabenübertragungsgesetz and other loaves of bread"
    warm_topics.post("long", "Flour, bread, dough, yeast.", title=long, image="/images/crumb.svg")
    warm_topics.post("khubz", "الخبز والطحين والماء.", lang="ar", title="الخبز والطحين")
    return warm_topics


def build_for(blog: Site, address: str, theme: str, **settings: Any) -> Any:
    return blog.build(
        SITEURL=address,
        AUTHOR="Ann",
        STATIC_PATHS=["images"],
        **{"RELATED_EMBEDDINGS_STYLE": "list", **settings},
        RELATED_EMBEDDINGS_SHOW=SHOW,
        RELATED_EMBEDDINGS_ACROSS_LANGUAGES=True,
        RELATED_EMBEDDINGS_MAX=10,
        **find_theme(theme),
    )


@pytest.fixture
def output(blog: Site) -> Path:
    folder = blog.root / "output"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("style", ["list", "cards"])
@pytest.mark.parametrize("theme", THEME_NAMES)
def test_axe_finds_nothing_in_the_block_and_nothing_overflows(
    blog: Site, output: Path, browser: Any, theme: str, style: str
) -> None:
    assert theme in THEMES
    with serve(output) as address:
        build_for(blog, address, theme, RELATED_EMBEDDINGS_STYLE=style)
        for width in (390, 1280):
            for dark in (False, True):
                show(browser, f"{address}/bread-0.html", width=width, dark=dark)
                if theme != "notmyidea":  # which has dark colours of its own
                    browser.execute_script(
                        f"document.head.insertAdjacentHTML('beforeend', {json.dumps(DARK)})"
                    )
                save_screenshot(browser, f"{theme}-{style}-{width}-{'dark' if dark else 'light'}")
                found = run_axe(browser, ".related-embeddings")
                if (
                    theme == "notmyidea" and dark
                ):  # whose own links are as dim: their colour is not ours to change
                    found = [one for one in found if not one.startswith("color-contrast") or "> a" not in one]
                    colours = browser.execute_script(
                        "return ['.related-embeddings a', 'footer a'].map("
                        "(s) => getComputedStyle(document.querySelector(s)).color)"
                    )
                    assert len(set(colours)) == 1
                assert found == []
                wide = browser.execute_script(
                    "const box = document.querySelector('.related-embeddings').getBoundingClientRect();"
                    "return [...document.querySelectorAll('.related-embeddings *')]"
                    ".filter((e) => e.getBoundingClientRect().right > box.right + 1"
                    " || e.getBoundingClientRect().left < box.left - 1).map((e) => e.outerHTML)"
                )
                assert wide == []


def save_screenshot(browser: Any, name: str) -> None:
    """Keep a picture where ``SCREENSHOTS`` names a folder: whoever changes the style looks at them."""
    if folder := os.environ.get("SCREENSHOTS"):
        browser.execute_script(
            "document.querySelector('.related-embeddings').scrollIntoView({block: 'center'})"
        )
        browser.save_screenshot(str(Path(folder) / f"{name}.png"))


@pytest.mark.parametrize("style", ["list", "cards", False])
def test_a_strict_policy_breaks_nothing(blog: Site, output: Path, browser: Any, style: str | bool) -> None:
    (blog.root / "templates").mkdir()
    (blog.root / "templates" / "article.html").write_text(
        f"<!doctype html><html lang=en><head><title>T</title>{POLICY}</head>"
        "<body><main>{{ article.content }}</main></body></html>",
        encoding="utf-8",
    )
    with serve(output) as address:
        settings = {"THEME_TEMPLATES_OVERRIDES": [str(blog.root / "templates")]}
        built = build_for(blog, address, "simple", RELATED_EMBEDDINGS_STYLE=style, **settings)
        show(browser, f"{address}/bread-0.html")

        assert len(built.blocks("bread-0.html")) == 1
        assert read_complaints(browser) == []
        assert all(request.startswith(address) for request in list_requests(browser))
        marker = browser.execute_script(
            "return getComputedStyle(document.querySelector('.related-embeddings ul')).listStyleType"
        )
        assert (marker == "none") == bool(style)


def test_the_block_is_a_named_region_and_its_links_take_the_keyboard(
    blog: Site, output: Path, browser: Any
) -> None:
    with serve(output) as address:
        built = build_for(blog, address, "simple")
        show(browser, f"{address}/bread-0.html")

        block = browser.find_element("css selector", "section.related-embeddings")
        assert block.aria_role == "region"
        assert block.accessible_name == "Related posts"
        links = browser.find_elements("css selector", ".related-embeddings a")
        assert [link.get_attribute("href") for link in links] == built.links("bread-0.html")
        links[0].send_keys("\ue007")
        assert browser.current_url == built.links("bread-0.html")[0]


def test_a_post_from_right_to_left_is_laid_out_so(blog: Site, output: Path, browser: Any) -> None:
    with serve(output) as address:
        build_for(blog, address, "simple")
        show(browser, f"{address}/bread-0.html")

        item = browser.find_element("css selector", ".related-embeddings li[lang=ar]")
        assert item.value_of_css_property("direction") == "rtl"
        assert item.value_of_css_property("text-align") == "start"


def test_the_heading_of_a_block_from_right_to_left_starts_at_the_right(
    blog: Site, output: Path, browser: Any
) -> None:
    with serve(output) as address:
        for style in ("list", "cards"):
            build_for(blog, address, "simple", RELATED_EMBEDDINGS_STYLE=style)
            show(browser, f"{address}/khubz-ar.html")

            script = (
                "const range = document.createRange(); range.selectNodeContents(arguments[0]);"
                "return range.getBoundingClientRect().right"
            )
            block = browser.find_element("css selector", ".related-embeddings")
            heading = browser.find_element("css selector", ".related-embeddings h2")
            edge = block.rect["x"] + block.rect["width"]
            assert abs(browser.execute_script(script, heading) - edge) < 2


def test_a_date_stays_on_one_line_and_all_of_a_card_is_its_link(
    blog: Site, output: Path, browser: Any
) -> None:
    with serve(output) as address:
        built = build_for(blog, address, "simple", RELATED_EMBEDDINGS_STYLE="cards")
        for width in (300, 390, 500, 1280):
            show(browser, f"{address}/bread-0.html", width=width)
            script = "return [...document.querySelectorAll('.related-embeddings time')].map((e) => e.getClientRects().length + (e.offsetHeight > 1.6 * parseFloat(getComputedStyle(e).fontSize) ? 1 : 0))"
            assert set(browser.execute_script(script)) == {1}

        card = browser.find_element("css selector", ".related-embeddings li:last-child")
        picture = card.find_element("css selector", "img, .related-embeddings-tile")
        scroll = "arguments[0].scrollIntoView({block: 'center'});"
        point = "const b = arguments[0].getBoundingClientRect(); return document.elementFromPoint(b.x + b.width / 2, b.y + b.height / 2).href"
        assert browser.execute_script(scroll + point, picture) == built.links("bread-0.html")[-1]


def test_on_paper_no_card_is_cut_in_two(blog: Site, output: Path, browser: Any) -> None:
    with serve(output) as address:
        build_for(blog, address, "simple", RELATED_EMBEDDINGS_STYLE="cards")
        show(browser, f"{address}/bread-0.html")
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})

        item = browser.find_element("css selector", ".related-embeddings li")
        assert item.value_of_css_property("break-inside") == "avoid"
        tile = browser.find_element("css selector", ".related-embeddings-tile")
        assert not tile.is_displayed()
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})
