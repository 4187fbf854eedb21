"""Text is what a reader reads, whatever the markup."""

import string

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pelican_related_embeddings.text.html import MAX_CHARACTERS, Block, extract_blocks, extract_text
from pelican_related_embeddings.text.markup import tokenize


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
        ('<img src="a.png" alt="not read">', []),
        ("", []),
        ("<p> \n </p>", []),
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
        "<script>the article",
        "<style><p>the article</p>",
        "<!-- the article",
        "<svg><g>the article",
        "<div><div class='toc'><p>the article</p></div>",
        "<pre>code<p>the article</p>",
        "<a class='headerlink' href='#'>the<p>the article</p>",
        "<span class='math'><p>the article</p>",
        "<!-- related: ignore --><p>the article</p>",
        "<a href='x><p>the article</p>",
        "<nav><p>the article</p>",
        "<head><p>the article</p>",
    ],
)
def test_an_unclosed_element_does_not_swallow_the_article(html: str) -> None:
    found = [block for block in extract_blocks(html) if "the article" in block.text]

    assert found
    assert not found[-1].code


def test_title_is_one_line() -> None:
    assert extract_text("A <em>fine</em>\n&amp; good title") == "A fine & good title"


def test_what_utf8_cannot_hold_is_replaced() -> None:
    text = extract_text("a\ud800b\x00c")

    assert text.encode("utf-8") == b"a?b c"


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
    small, large = (count_steps(piece * times) for times in (300, 3000))

    assert large < 15 * small + 1000


def count_steps(html: str) -> int:
    import sys

    steps = 0

    def trace(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(trace)
    try:
        extract_blocks(html)
    finally:
        sys.setprofile(None)
    return steps


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


@settings(max_examples=200, deadline=None)
@given(FRAGMENTS)
def test_tokens_come_in_order_and_end(html: str) -> None:
    position = 0
    for token in tokenize(html):
        if token.kind == "text":
            found = html.find(token.value, position)
            assert found >= position
            position = found + len(token.value)
