"""Strange and hostile input: whatever a title or an article holds, it is text where it is shown."""

import ast
import contextlib
import datetime as dt
import importlib
import itertools
import json
import re
import xml.etree.ElementTree as ET
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import html5lib
import pytest
from feedgenerator import Atom1Feed, Rss201rev2Feed
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from jinja2 import Environment, FileSystemLoader
from markupsafe import escape
from rich.console import Console

import pelican_related_embeddings
from helpers.maps import Markup, make_map, make_page, make_post, render
from helpers.processes import STRESS, count_steps, finish_steps, use_service
from helpers.service import serve
from helpers.sites import TOPICS, Built, Site
from pelican_related_embeddings.encoders.windows import cut_passages, cut_text
from pelican_related_embeddings.messages import Messages
from pelican_related_embeddings.pages.feeds import append_to_feed
from pelican_related_embeddings.pages.insertion import insert_block
from pelican_related_embeddings.pages.json_file import dump_related
from pelican_related_embeddings.pages.map_page import dump_json
from pelican_related_embeddings.pages.own_templates import TEMPLATES
from pelican_related_embeddings.pages.related import Record, RelatedPosts
from pelican_related_embeddings.pages.template_tools import TemplateTools
from pelican_related_embeddings.ranking.selection import Candidate
from pelican_related_embeddings.ranking.stored import load_ranked, load_selection
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.site.contents import MAX_LINKS
from pelican_related_embeddings.store.cache import compress
from pelican_related_embeddings.text.html import (
    MAX_CHARACTERS,
    MAX_TAGS,
    Block,
    extract_blocks,
    extract_text,
    read_blocks,
)
from pelican_related_embeddings.text.terms import count_terms
from pelican_related_embeddings.topic_map.chart import TopicMap

FRAGMENTS = 10_000 if STRESS else 1_000
TITLES = 2_000 if STRESS else 150
fuzz = settings(
    max_examples=TITLES, deadline=None, derandomize=not STRESS, suppress_health_check=list(HealthCheck)
)

PIECES = [
    "<script>alert(1)</script>", "</script>", "</title>", "</a>", "</li></ul></section>", "<img src=x onerror=a>",
    "' onmouseover='a", '" onmouseover="a', "]]>", "<![CDATA[", "<!--", "-->", "{{ 7*7 }}", "{% raw %}", "{#",
    "\x00", "\x07", "\x1b[31m", "\u202e", "\u2066", "\u2028", "\ud800", "\udfff", "\ufeff", "&amp;", "&#0;", "&#xD800;",
    "&lt;script&gt;", "javascript:alert(1)", "\\", "\\u003c", "é", "爱", "🧁", "שלום", "ﷺ", "\n", "\t", "W" * 300,
]  # fmt: skip
STRANGE = st.lists(
    st.one_of(st.sampled_from(PIECES), st.text(st.characters(exclude_categories=()), max_size=8)), max_size=6
).map("".join)
TAGS = [
    "<p>",
    "</p>",
    "<pre>",
    "<div class=toc>",
    "</div>",
    "<a href='x'>",
    "<svg>",
    "<td class=linenos>",
    "<",
    "&",
]
HTML = st.lists(
    st.one_of(st.sampled_from(PIECES + TAGS), st.text(st.characters(exclude_categories=()), max_size=12)),
    max_size=30,
).map("".join)


# Text


@settings(
    max_examples=FRAGMENTS, deadline=None, derandomize=not STRESS, suppress_health_check=list(HealthCheck)
)
@given(HTML)
def test_any_html_becomes_clean_text_terms_and_passages(html: str) -> None:
    blocks = extract_blocks(html)
    title = extract_text(html)

    for text in (title, *(block.text for block in blocks)):
        assert text == " ".join(text.split())
        assert not re.search(r"[\x00-\x1f\x7f-\x9f]", text)
        text.encode("utf-8")
    terms = count_terms(title, blocks)
    assert type(terms).from_bytes(terms.to_bytes()).to_bytes() == terms.to_bytes()
    for passage in cut_passages([html], [html], lambda text: cut_text(text, 50, 3)).texts:
        passage.encode("utf-8")


@fuzz
@given(HTML, st.integers(1, 9), st.integers(0, 3))
def test_any_text_is_cut_into_windows_that_hold_all_of_it(text: str, size: int, most: int) -> None:
    """Windows of a single character too, which no model has."""
    windows = cut_text(text, size, most)

    assert all(len(window) <= size for window in windows)
    assert len(windows) <= most or not most
    whole = "".join("".join(windows).split())
    assert "".join(text.split()).startswith(whole)
    assert most or whole == "".join(text.split())


@fuzz
@given(STRANGE)
def test_what_is_no_result_is_refused_and_nothing_else(text: str) -> None:
    for content in (
        text,
        json.dumps(text),
        f"{{{text}}}",
        f"[{text}]",
        json.dumps({"lists": text}),
        "{}",
        "[[]]",
        "7",
    ):
        for load in (load_ranked, load_selection):
            with contextlib.suppress(ValueError):
                load(compress(content), ())
        with contextlib.suppress(ValueError):
            TopicMap.from_json(content)


ADVERSARIAL = {
    "unclosed quote": (extract_blocks, "<a title='" * 3000),
    "marks": (extract_blocks, "<!-- related:" + " " * 30_000 + "x-->"),
    "summary": (extract_text, '<a href="' * 30_000),
    "attributes": (extract_text, "<p" + ' a="b"' * 30_000),
    "block tags": (lambda html: insert_block(html, "", html), "<!-- related " * 3000),
    "marker spaces": (lambda html: insert_block(html, "", html), "<!--" + " " * 30_000 + "relate"),
    "one word": (lambda html: count_terms("", extract_blocks(html)), "a" * 100_000),
    "hyphens": (lambda html: count_terms("", extract_blocks(html)), "a-" * 30_000),
    "apostrophes": (lambda html: count_terms("", extract_blocks(html)), "a'" * 30_000),
    "digits": (lambda html: count_terms("", extract_blocks(html)), "1.2_" * 30_000),
    "combining": (lambda html: count_terms("", extract_blocks(html)), "a" + "\u0301" * 30_000),
}


def test_no_expression_backtracks() -> None:
    """In a process that can be ended, since there is no other way out of an expression."""
    finish_steps("test_hostile_input", "read_adversarial")


def read_adversarial() -> Iterator[str]:
    for name, (function, text) in ADVERSARIAL.items():
        yield name
        function(text)


def list_expressions() -> dict[str, re.Pattern[str]]:
    """Every regular expression of the package: those that its modules keep, and those in calls of re."""
    found: dict[str, re.Pattern[str]] = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        name = ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts)
        module = vars(importlib.import_module(name))
        kept = [value for value in module.values() if isinstance(value, re.Pattern)]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and ast.unparse(node.func) in RE_CALLS:
                first = node.args[0]
                written = first.value if isinstance(first, ast.Constant) else module.get(ast.unparse(first))
                assert isinstance(written, str) or kept, f"{path.stem}: {ast.unparse(node)}"
                kept += [re.compile(written)] if isinstance(written, str) else []
        found |= {f"{path.stem}: {pattern.pattern}": pattern for pattern in kept}
    return found


RE_CALLS = {f"re.{name}" for name in "compile search match fullmatch findall finditer split sub".split()}
PACKAGE = Path(pelican_related_embeddings.__file__).parent


def test_no_expression_takes_long_for_what_nearly_matches_it() -> None:
    """Texts of its own letters and words, over and over: a square of their length would take minutes."""
    assert len(list_expressions()) >= 10
    finish_steps("test_hostile_input", "match_nearly")


def match_nearly() -> Iterator[str]:
    for name, pattern in list_expressions().items():
        yield name
        for text in write_near_matches(pattern):
            pattern.search(text)
            pattern.findall(text)


def write_near_matches(pattern: re.Pattern[str]) -> Iterator[str]:
    letters = sorted(set(re.sub(r"\\[a-zA-Z]|\[[^\]]*\]", "", pattern.pattern)) | set(" a1\n\"'<"))
    words = re.findall(r"[a-z<!{%]{2,}", pattern.pattern)
    pieces = [*letters, *words, *(f"{word} " for word in words), *(f"{one}{' ' * 9}" for one in words)]
    pieces += [f"{one} {two}" for one, two in itertools.pairwise(words)]
    for piece in pieces:
        yield piece * (100_000 // len(piece))
        yield f"{piece}{' ' * 100_000}{piece}"


# Titles and metadata, as the block, the map, the JSON and the feed show them


def parse(html: str) -> ET.Element:
    """What a browser makes of a piece of HTML."""
    found: ET.Element = html5lib.parseFragment(html, treebuilder="etree", namespaceHTMLElements=False)
    return found


def count_elements(tree: ET.Element) -> Counter[str]:
    return Counter(str(element.tag) for element in tree.iter())


def list_attributes(tree: ET.Element) -> set[str]:
    return {name for element in tree.iter() for name in element.attrib}


def read_element(tree: ET.Element, path: str) -> str:
    (element,) = tree.iterfind(path)
    return normalise("".join(element.itertext()))


def normalise(text: str) -> str:
    """What is left of a text in any HTML, for which NUL is no character and a line ends in one way."""
    return " ".join(text.replace("\0", "").replace("\ufffd", "").split())


def make_article(**fields: Any) -> SimpleNamespace:
    about: dict[str, Any] = {"lang": "en", "title": "A title", "url": "post.html", "locale_date": "today"}
    about |= {"date": dt.datetime(2024, 5, 6), "category": "notes", "summary": "", "image": ""}
    return SimpleNamespace(**{**about, **fields})


@pytest.fixture(scope="module")
def environment() -> Environment:
    found = Environment(loader=FileSystemLoader(TEMPLATES), autoescape=False)  # as Pelican has it
    found.globals["related_embeddings"] = TemplateTools(
        Settings(show=("date", "category", "summary", "image", "terms"))
    )
    return found


ELEMENTS = set("DOCUMENT_FRAGMENT link section h2 ul li a img time span".split())
ATTRIBUTES = set(
    "rel class id aria-labelledby lang dir src alt width loading href hreflang datetime data-initial".split()
)


def is_contained(tree: ET.Element) -> bool:
    """Whether a block with one item has that item and nothing that is not ours."""
    found = count_elements(tree)
    return found.keys() <= ELEMENTS and found["li"] == found["a"] == 1 and list_attributes(tree) <= ATTRIBUTES


def render_block(environment: Environment, post: Any, terms: tuple[str, ...] = ()) -> ET.Element:
    source = make_article(related_posts=RelatedPosts([Record(post, 0.5, 0, 0, terms, False)]))
    template = environment.get_template("related_posts.html")
    return parse(template.render(article=source, SITEURL="", DEFAULT_LANG="en"))


@fuzz
@given(STRANGE)
def test_what_is_no_title_is_text_or_an_attribute_in_the_block(environment: Environment, text: str) -> None:
    """A title is HTML by Pelican's custom; a category, a picture, a language and shared words are not."""
    post = make_article(category=text, image=f"/{text}", lang=text, summary=escape(text), url=text)

    tree = render_block(environment, post, (text,))

    assert is_contained(tree)
    assert normalise(tree.find(".//a").attrib["href"]) == normalise(f"/{text}")  # type: ignore[union-attr]
    assert normalise(tree.find(".//a").attrib.get("hreflang", "en")) == normalise(text)  # type: ignore[union-attr]
    for name in ("category", "terms") if text else ():
        assert read_element(tree, f".//span[@class='related-embeddings-{name}']") == normalise(text)


@fuzz
@given(STRANGE)
def test_a_title_written_as_html_is_its_text_in_the_block(environment: Environment, title: str) -> None:
    tree = render_block(environment, make_article(title=escape(title)))

    assert read_element(tree, ".//a") == normalise(title)
    assert is_contained(tree)


@pytest.mark.parametrize("kind", [Atom1Feed, Rss201rev2Feed])
@fuzz
@given(STRANGE)
def test_a_title_is_its_text_in_a_feed_and_the_feed_is_xml(
    environment: Environment, kind: Any, title: str
) -> None:
    """Whatever the related post is called: as text, and as HTML that nobody has escaped."""
    for written in (escape(title), title):
        post = make_article(title=written, url=title)
        source = make_article(
            url="source.html", related_posts=RelatedPosts([Record(post, 0.5, 0, 0, (), False)])
        )
        feed = kind("Blog", "https://example.org/", "About", feed_url="https://example.org/feed")
        feed.add_item("Source", "https://example.org/source.html", "<p>Own</p>", content="<p>Own</p>")
        append_to_feed({"generated_content": {"source": source}}, feed, environment, Messages(Console()))

        parsed = ET.fromstring(feed.writeString("utf-8"))

        texts = [element.text or "" for element in parsed.iter()]
        tree = parse(next(text for text in texts if text.startswith("<p>Own</p>\n")))
        assert tree[0].text == "Own"
        if written is not title:
            assert read_element(tree, ".//a") == normalise(strip_for_xml(title))
            assert count_elements(tree) == Counter("DOCUMENT_FRAGMENT p p strong ul li a".split())
            assert list_attributes(tree) <= {"href"}


def strip_for_xml(text: str) -> str:
    return "".join(letter for letter in text if letter in "\t\n\r" or letter >= " ").translate(
        dict.fromkeys((*range(0xD800, 0xE000), 0xFFFE, 0xFFFF))
    )


@fuzz
@given(STRANGE)
def test_a_title_is_text_on_the_map_and_comes_back_from_its_data(title: str) -> None:
    posts = [make_post("one", title, category=title, summary=title, lang=title), make_post("two")]
    page = make_page(make_map(posts, labels=[(title, "word")]), posts, {"one.md": ["two.md"]})

    rendered = render(page)
    rendered.encode("utf-8", "surrogatepass")
    markup = Markup(rendered)

    kinds = [tag for tag, _ in markup.elements]
    assert kinds.count("script") == 2
    assert "img" not in kinds
    assert not [name for _, attributes in markup.elements for name in attributes if name.startswith("on")]
    data = json.loads(markup.data)
    assert len(data["posts"]) == 2
    assert page.data == markup.data


@fuzz
@given(STRANGE)
def test_any_value_comes_back_from_json_and_ends_no_script(text: str) -> None:
    dumped = dump_json({"text": text})

    assert json.loads(dumped) == {"text": text}
    assert not re.search("[<>&\u2028\u2029]", dumped)


@fuzz
@given(STRANGE)
def test_the_json_of_related_posts_is_json_in_utf8(text: str) -> None:
    posts = [make_post("one", text, lang=text), make_post("two")]

    written = dump_related(dict(enumerate(posts)), [[], [Candidate(0, 0.5)]]).encode("utf-8")

    found = {post["slug"]: post for post in json.loads(written)["posts"]}
    assert found["one"]["title"] == extract_text(text)
    assert found["two"]["related"][0]["slug"] == "one"


# Whole builds


@pytest.fixture
def build(site: Site) -> Any:
    with serve() as service:
        yield lambda **more: site.build(**use_service(service, **more))


def test_hostile_titles_in_a_build_are_parsed_back(site: Site, build: Any) -> None:
    """From front matter to block, feed, JSON and map; what the source may hold is what an author can write."""
    titles = [piece for piece in PIECES if piece.isprintable() and piece.strip() and "raw" not in piece]
    for number, title in enumerate(titles):
        escaped = title.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        site.post(f"post-{number}", f"{TOPICS['bread'][number % 3]} {number}", title=f"Title {escaped}")
    built = build(
        SITEURL="https://example.org",
        FEED_ALL_ATOM="feed.xml",
        RELATED_EMBEDDINGS_FEEDS=True,
        RELATED_EMBEDDINGS_MAP="map.html",
        RELATED_EMBEDDINGS_JSON="related.json",
    )

    assert len(list(ET.fromstring(built.read("feed.xml")).iter("{http://www.w3.org/2005/Atom}entry")))
    for number, _ in enumerate(titles):
        (block,) = built.blocks(f"post-{number}.html")
        assert count_elements(parse(block)).keys() == {
            "DOCUMENT_FRAGMENT",
            "section",
            "h2",
            "ul",
            "li",
            "a",
            "time",
            "span",
        }
    told = {post["slug"]: post["title"] for post in json.loads(built.read("related.json"))["posts"]}
    assert told == {
        f"post-{number}": " ".join(f"Title {title}".split()) for number, title in enumerate(titles)
    }
    assert "49" not in "".join(told.values())
    assert len([tag for tag, _ in Markup(built.read("map.html")).elements if tag == "script"]) == 2


def write_page(site: Site, name: str, html: str) -> None:
    site.write(
        f"{name}.html",
        f'<html><head><title>{name}</title><meta name="date" content="2024-01-01">'
        f'<meta name="slug" content="{name}"></head><body>{html}</body></html>',
    )


def test_giant_and_odd_articles_are_built_and_a_cut_is_said_once(
    site: Site, build: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    megabytes = 50 if STRESS else 5
    odd = {
        "giant": "<p>" + f"{TOPICS['bread'][0]} " * (megabytes * 1_000_000 // 190) + "</p>",
        "line": "word " * 100_000,
        "image": f'<img src="data:image/png;base64,{"iVBORw0KGgo" * 100_000}"> {TOPICS["stars"][0]}',
        "minified": "<pre>" + "var a=1;function(){return a};" * 20_000 + "</pre>",
        "cjk": "机器学习让计算机从数据中学习" * 500,
        "thai": "การเรียนรู้ของเครื่องทำให้คอมพิวเตอร์เรียนรู้" * 200,
        "emoji": "🧁🍞🥖" * 50,
        "unknown": "Qaplaʼ bIQapjajDaq batlh Daqawlu'taH " * 20,
        "empty": "",
        "one-letter": "a",
        "stops": "the and of a to in is",
        "nested": "<div>" * 5000 + "deep" + "</div>" * 5000,
        "surrogates": "&#xD800; &#0; &#1114112; &#xFFFF; bread",
        "templates": "{{ 7*7 }} {% for x in y %} {# bread",
    }
    for name, html in odd.items():
        write_page(site, name, html)
    site.post("tagged", TOPICS["sql"][0], tags=", ".join(f"tag{number}" for number in range(10_000)))

    built: Built = build(TAG_SAVE_AS="")
    first = capsys.readouterr().out
    build(TAG_SAVE_AS="")

    assert built.warnings() == []
    assert set(built.articles) == {f"{name}.html" for name in (*odd, "tagged")}
    for name in ("giant", "line", "image", "minified", "cjk", "thai", "emoji", "unknown", "tagged"):
        assert built.links(f"{name}.html")
    assert "49" not in built.read("templates.html")
    assert first.count("giant.html is very long: only its first 1,000,000 characters are read.") == 1
    assert first.count("very long") == 1
    assert "very long" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "piece", ["Sourdough bread rises slowly. ", "<p>Sourdough bread rises slowly.</p>", "面包", "&amp;", "a-"]
)
def test_a_giant_article_costs_no_more_than_the_limit(piece: str) -> None:
    """Beyond the limit of characters a longer article takes no more steps and has no more words."""
    counts = [times * MAX_CHARACTERS // len(extract_text(piece)) for times in (5, 10)]
    once, twice = (count_steps(lambda html=piece * count: extract_blocks(html)) for count in counts)
    short, long = (extract_blocks(piece * count) for count in counts)

    assert twice < 1.1 * once + 10
    assert short == long
    assert 0 < sum(len(block.text) for block in long) <= MAX_CHARACTERS


@pytest.mark.parametrize("piece", ["<p>", "<br>", "<i></i>", "<script>a</script>"])
def test_a_giant_article_of_tags_is_read_to_the_limit_of_tags(piece: str) -> None:
    html = "First. " + piece * (MAX_TAGS + 10) + " Last."

    assert read_blocks(html) == ([Block("First.")], True)


NESTED = "div|b|a href=x|ul><li|table><td|table|button|form|select|select><option|nobr|svg><p|p><span|font color={}"
NESTED += "|b id={}><p|div></p|div></span|b><p></b|template|x{}|html a{}=x"


@pytest.mark.parametrize("tags", NESTED.split("|"))
def test_an_article_of_elements_that_are_never_closed_is_read_to_a_limit(tags: str) -> None:
    """Parsers look at all that is open, or open it again: a square would take hours and all memory."""
    html = "<p>First.</p>" + "".join(f"<{tags.format(number)}>" for number in range(200_000)) + " Last."

    blocks, cut = read_blocks(html)

    assert cut
    assert blocks == [Block("First.")]


def test_elements_are_nested_as_deeply_as_a_file_can_be_wrong() -> None:
    html = "<div>" * 10_000 + "deep" + "</div>" * 10_000 + "<p>after</p>"

    assert read_blocks(html) == ([Block("deep"), Block("after")], False)


@pytest.mark.parametrize(
    "attributes",
    [
        '"' * 1_000_000,
        " ".join(f"a{number}" for number in range(200_000)),
        " ".join(f"a{number}='x y'" for number in range(200_000)),
        f'src="data:image/png;base64,{"iVBORw0KGgo" * 1_000_000}"',
        f"class='{'math ' * 100_000}'",
    ],
    ids="quotes names values image classes".split(),
)
def test_a_giant_tag_costs_nothing_but_its_attributes(attributes: str) -> None:
    assert read_blocks(f"<p>First. <img {attributes}> Last.</p>") == ([Block("First. Last.")], False)


def test_thousands_of_unknown_slugs_are_a_few_warnings(site: Site, build: Any) -> None:
    for number in range(3):
        site.post(f"post-{number}", TOPICS["bread"][number])
    site.post("pins", TOPICS["bread"][0], related_posts=", ".join(f"nobody-{n}" for n in range(10_000)))

    built: Built = build()

    assert len(built.warnings()) == 11
    assert "9,990 more names in the metadata of 1 post cannot be shown" in built.warnings()[-1]
    assert built.links("pins.html")


def test_thousands_of_links_are_followed_no_further_than_the_limit(site: Site, build: Any) -> None:
    links = "".join(f'<a href="/{number}.html">{number}</a> ' for number in range(MAX_LINKS))
    write_page(
        site, "linking", f'<a href="/near.html">a</a> {links} <a href="/far.html">z</a> {TOPICS["sql"][0]}'
    )
    site.post("near", TOPICS["sql"][1])
    site.post("far", TOPICS["sql"][2])

    built: Built = build(RELATED_EMBEDDINGS_SKIP=["linked"])

    assert built.links("linking.html") == ["/far.html"]


@pytest.mark.parametrize("text", [TOPICS["bread"][0], "🧁🍞🥖", "爱", "a", "the and of"])
def test_a_blog_of_identical_articles_is_built(site: Site, build: Any, text: str) -> None:
    for number in range(12):
        site.post(f"post-{number:02}", text, title="The same")

    built = build(RELATED_EMBEDDINGS_MAP="map.html")

    assert built.warnings() == []
    for name in built.articles:
        assert f"/{name}" not in built.links(name)
        assert len(built.links(name)) == len(set(built.links(name)))
