"""Text is what a reader reads, whatever the markup."""

import string
import subprocess
import sys
import xml.etree.ElementTree as ET

import html5lib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from helpers.processes import count_steps
from pelican_related_embeddings.text.html import (
    MAX_CHARACTERS,
    Block,
    extract_blocks,
    extract_text,
    find_links,
)


def read(html: str) -> list[str]:
    return [block.text for block in extract_blocks(html)]


@pytest.mark.parametrize(
    ("html", "expected"),
    [
        ("<p>a</p><p>b <b>c</b>d</p>", ["a", "b cd"]),
        ("<h1>Title</h1>text<br>more", ["Title", "text more"]),
        ("<ul><li>one<li>two</ul>", ["one", "two"]),
        ("<table><tr><td>a<td>b</tr><tr><td>c</table>", ["a b", "c"]),
        ("1 < 2 and 3 > 2", ["1 < 2 and 3 > 2"]),
        ("a &amp; b&nbsp;c &lt;i&gt;", ["a & b c <i>"]),
        ("soft&shy;ly zero\u200bwidth", ["softly zerowidth"]),
        ('<img src="a.png" alt="A heron">', ["A heron"]),
        ("", []),
        ("<p> \n </p>", []),
        ("<table><tr><td>cell</td></tr>stray</table>", ["stray", "cell"]),
        ("<p>a<p>b<div>c", ["a", "b", "c"]),
        ("</p>a</div>b</body></html>c", ["abc"]),
    ],
)
def test_paragraphs_stay_apart_and_inline_elements_do_not(html: str, expected: list[str]) -> None:
    assert read(html) == expected


@pytest.mark.parametrize(
    "html",
    [
        "a<script>var x = '<p>no</p>';</script>b",
        "a<style>p { color: red }</style>b",
        "a<svg><title>no</title><text>no</text></svg>b",
        "a<math><mi>no</mi></math>b",
        'a<span class="math">\\(no\\)</span>b',
        'a<sup id="fnref:1"><a class="footnote-ref" href="#fn:1">1</a></sup>b',
        'a<a class="headerlink" href="#x" title="Permalink">¶</a>b',
        'a<span class="related-ignore">no</span>b',
        "a<!-- related: ignore --><b>no</b><!-- related: resume -->b",
        "a<!-- no -->b",
        "a<button>no</button>b",
        "a<select><option>no<option>no</select>b",
        "a<noscript><p>no</p></noscript>b",
        "a<template><p>no</p></template>b",
        "a<iframe><p>no</p></iframe>b",
        'a<a class="related-ignore" href="x"><div><p>no</p></div></a>b',
        'a<div class="related-ignore"><div>no</div>no</div>b',
    ],
)
def test_what_is_not_prose_is_left_out(html: str) -> None:
    assert "".join(read(html)).replace(" ", "") == "ab"


def test_tables_of_contents_are_left_out() -> None:
    markdown = '<div class="toc"><ul><li><a href="#a">First</a></li></ul></div><p>Text</p>'
    docutils = '<div class="contents topic"><p class="topic-title">Contents</p><ul><li><a href="#a">First part</a></li></ul></div><p>Text</p>'

    assert read(markdown) == ["Text"]
    assert read(docutils) == ["Text"]


def test_line_numbers_are_left_out_and_code_is_told_from_prose() -> None:
    html = (
        '<p>See <code>x</code>:</p><table class="highlighttable"><tr><td class="linenos"><pre>1\n2</pre></td>'
        '<td class="code"><pre>a = 1\nb = 2</pre></td></tr></table><p>Done.</p>'
    )

    assert extract_blocks(html) == [Block("See x:"), Block("a = 1 b = 2", code=True), Block("Done.")]


@pytest.mark.parametrize(
    "html",
    [
        "<p class=toc>intro<p>the article</p>",
        "<svg><g>the article",
        "<button><p>the article</p>",
        "<div class='related-ignore'><p>the article</p>",
        "<div class='related-ignore'>no</div><div class='related-ignore'><p>the article</p><div>more</div>",
        "<pre>the article",
        "<div><div class='toc'><p>the article</p></div>",
        "<pre>code<p>the article</p>",
        "<a class='headerlink' href='#'>the<p>the article</p>",
        "<span class='math'><p>the article</p>",
        "<!-- related: ignore --><p>the article</p>",
        "<nav><p>the article</p>",
        "<head><p>the article</p>",
    ],
)
def test_an_unclosed_element_does_not_swallow_the_article(html: str) -> None:
    found = [block for block in extract_blocks(html) if "the article" in block.text]

    assert found
    assert not found[-1].code


@pytest.mark.parametrize(
    "html", ["<script>", "<style>", "<textarea>", "<title>", "<!--", "<a href='x>", "<iframe>"]
)
def test_what_no_browser_shows_is_not_read(html: str) -> None:
    """A browser shows nothing after these either, so their author notices."""
    assert read(f"<p>Before.</p>{html}<p>after</p>") == ["Before."]


def test_prose_in_an_element_called_contents_is_kept() -> None:
    prose = '<div class="toc"><p>Our table of contents, as <a href="x">promised</a>, is this.</p></div>'

    assert read(f"{prose}<nav><nav><a href='x'>no</a></nav></nav><p>Text</p>") == [
        "Our table of contents, as promised, is this.",
        "Text",
    ]


def test_title_is_one_line() -> None:
    assert extract_text("A <em>fine</em>\n&amp; good title") == "A fine & good title"


def test_what_utf8_cannot_hold_is_replaced() -> None:
    text = extract_text("a\ud800b\x00c")

    assert text.encode("utf-8") == b"a?bc"
    assert read("a\ud800b\x01c&#xD800;") == ["a?b c\ufffd"]


def test_links_are_read_from_attributes_in_their_order() -> None:
    html = (
        '<p><a href="{filename}/with space.md">1</a> <A HREF=2.html class=x>2</A> <a href="R&amp;D.md?a=1&amp;b">3</a>'
        "<a href=\"what's-new.md\">4</a> <a href='100%25.md'>5</a></p> <a name='x'>no link</a> <link href='no.css'>"
        "<!-- <a href='no.md'> --><script>'<a href=\"no.md\">'</script> <p>href='no.md'</p>"
    )

    assert find_links(html) == [
        "{filename}/with space.md",
        "2.html",
        "R&D.md?a=1&b",
        "what's-new.md",
        "100%25.md",
    ]


PLAIN = [
    "R&amp;D",
    "1 < 2, I <3 Pelican",
    "A <em>fine</em> <code>title</code>",
    '<p>Two <a href="x.html" title="y">links</a>.</p>\n<ul>\n<li>one</li>\n<li>two</li>\n</ul>',
    '<p><img alt="" src="a.png"/>Text<br>more<br />and</p><h2 id="b">so</h2><p>on&nbsp;&hellip;</p>',
    "<pre><code>a &lt; b\n</code></pre><blockquote><p>c</p></blockquote>",
    "&am<b>p;</b> <<b>p>",
]


@pytest.mark.parametrize("html", PLAIN)
def test_titles_and_plain_summaries_need_no_parser(html: str) -> None:
    code = (
        "import sys; from pelican_related_embeddings.text.html import extract_text; "
        "print(ascii(extract_text(sys.argv[1])), 'selectolax' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code, html], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == f"{extract_text(f'<!-- parsed -->{html}')!a} False"


def test_a_very_long_article_is_cut() -> None:
    blocks = extract_blocks("<p>word word</p>" * (MAX_CHARACTERS // 8))

    assert MAX_CHARACTERS / 2 < sum(len(block.text) for block in blocks) < 1.2 * MAX_CHARACTERS


HOSTILE = [
    "<!--",
    "<a ",
    '<a ="',
    "<script>",
    "<",
    "<div>",
    "<a class=",
    "<p class=toc>",
    "<span class=math>",
]
HOSTILE += [
    "<!",
    "</",
    "<svg><math>",
    "<nav>",
    "&",
    "&#",
    "<a class=math><p class=math>",
    "<pre>",
    "]]>",
    "\\(",
]


@pytest.mark.parametrize("piece", HOSTILE)
def test_work_grows_with_the_length_and_not_with_its_square(piece: str) -> None:
    """Ten times the input may not take much more than ten times the steps, counted by the interpreter."""
    small, large = (
        count_steps(lambda html=piece * times: extract_blocks(html))  # type: ignore[misc]
        for times in (1200, 12_000)
    )

    assert large < 15 * small + 1000


FRAGMENTS = st.lists(
    st.one_of(
        st.sampled_from(
            "<p> </p> <div class=toc> </div> <pre> </pre> <script> </script> <!-- --> <a href='x'> </a> & &amp; "
            "&#x; <svg> </svg> < > \" ' = </ <! ]]> <td class=linenos>".split()
        ),
        st.text(max_size=12),
    ),
    max_size=40,
).map(" ".join)


@settings(max_examples=300, deadline=None)
@given(FRAGMENTS)
def test_nothing_raises_and_blocks_are_clean(html: str) -> None:
    for block in extract_blocks(html):
        assert block.text == " ".join(block.text.split())
        assert block.text
        block.text.encode("utf-8")


@settings(max_examples=200, deadline=None)
@given(st.text(alphabet=string.ascii_letters + " .,;!?é語", max_size=200))
def test_plain_text_is_kept_whole(text: str) -> None:
    assert " ".join(read(text)) == " ".join(text.split())


TAGS = "p div b i a table tr td ul li pre h2 script style textarea".split()
SOUP = st.lists(
    st.sampled_from(
        [f"<{tag}>" for tag in TAGS]
        + [f"</{tag}>" for tag in TAGS]
        + "one two &amp; &#x61; &lt &notit; < > <!-- --> <a\thref='>'> <br/> <!x> <?x>".split()
    ),
    max_size=25,
).map(" ".join)


@settings(max_examples=500, deadline=None, derandomize=True)
@given(SOUP)
def test_any_soup_of_tags_is_read_as_another_parser_of_html5_reads_it(html: str) -> None:
    tree = html5lib.parse(f"<!DOCTYPE html><body>{html} ", treebuilder="etree", namespaceHTMLElements=False)

    assert "".join("".join(read(html)).split()) == "".join("".join(list_texts(tree)).split())


def list_texts(element: ET.Element) -> list[str]:
    if element.tag in {ET.Comment, "head", "script", "style", "textarea"}:
        return []
    texts = [element.text or ""]
    for child in element:
        texts += [*list_texts(child), child.tail or ""]
    return texts
