"""Where the block goes on a page, and what counts as a list that the page shows."""

import pytest

from pelican_related_embeddings.pages.insertion import insert_block
from pelican_related_embeddings.pages.place import find_link

TEXT = "<p>the content</p>"
PICTURES = '<div class="gallery"><a href="a.jpg"><img src="a.jpg" alt=""></a><img src="b.jpg" alt=""></div>'


def check(page: str, content: str = TEXT, title: str = "T") -> None:
    """Fail unless the block goes to ``|`` in ``page``, whatever white space is around it."""
    put = insert_block(page.replace("|", ""), "|", content, title)
    assert "".join(put.split()) == "".join(page.split())


@pytest.mark.parametrize(
    "page",
    [
        f"<main>{TEXT}|</main>",
        f"<p>before</p>{TEXT}|<p>after</p>",
        # A summary that is the whole text comes before it.
        f"<article><div>{TEXT}</div><div>{TEXT}|</div></article>",
        f"<main><p>{TEXT}</p><article>{TEXT}</article>{TEXT}|</main>",
        # Teasers of the same post come after it.
        f"<main><article>{TEXT}|</article><article class='teaser'>{TEXT}</article></main>",
        f"<article>{TEXT}|</article><div id='sidebar'>{TEXT}</div>",
        f"<div class='teaser'>{TEXT}</div><article>{TEXT}|</article>",
        f"<div>{TEXT}|</div><div class='teaser'>{TEXT}</div>",
    ],
)
def test_the_last_copy_in_the_first_landmark_counts_or_else_the_first(page: str) -> None:
    check(page)


@pytest.mark.parametrize("name", "aside nav footer template noscript textarea script style".split())
def test_copies_where_no_reader_takes_them_for_the_article_do_not_count(name: str) -> None:
    copy = f"<{name} class='a>b'>{TEXT}</{name}>"
    check(f"<body>{copy}<main>{copy}{TEXT}|{copy}</main>{copy}</body>")
    check(f"<body>{copy}<div>{TEXT}|</div>{copy}</body>")
    check(f"<body>{copy}<article><h1>T</h1>|</article>{copy}</body>")


def test_copies_in_the_head_and_in_comments_do_not_count() -> None:
    copy = f"<!-- {TEXT} -->"
    check(f"<head><meta content='{TEXT}'></head><body>{copy}<main>{TEXT}|{copy}</main>{copy}</body>")


def test_an_element_that_nobody_closed_hides_no_article() -> None:
    check(f"<nav><aside></nav><article>{TEXT}|</article>")


@pytest.mark.parametrize(
    "page",
    [
        f"<article><div>{TEXT}</div>{PICTURES}|<div class='comments'><img src='c.jpg'></div></article>",
        f"<article><div>{TEXT}{PICTURES}|</div><footer><img src='c.jpg'></footer></article>",
        f"<article>{TEXT}<h3>Gallery</h3><ul><li><img src='c.jpg'></li></ul>|</article><img src='c.jpg'>",
        f"<article>{TEXT}<figure><img src='c.jpg'></figure>|<p>Filed under</p></article>",
        f"<article>{TEXT}<div>{PICTURES}|<div id='share-buttons'><img src='c.jpg'></div></div></article>",
        f"<article>{TEXT}<script>'<img>'</script><!-- <img> -->{PICTURES}|</article>",
        f"<main><div><div>{TEXT}|</div>{PICTURES}</div></main>",  # perhaps a column of its own
        f"<main><div>{TEXT}{PICTURES}|</div></main>",
        f"<div>{TEXT}<img src='c.jpg'>|</div>{PICTURES}",
        f"<article>{TEXT}|<nav><img src='c.jpg'></nav>{PICTURES}</article>",
        f"<article>{TEXT}|<div class='author-box'><img src='c.jpg'></div></article>",
        f"<article>{TEXT}|<ul><li><img src='c.jpg'></li><li class='share'></li></ul></article>",
        f"<article>{TEXT}|<p>no pictures</p></article>",
    ],
)
def test_pictures_that_belong_to_the_article_come_before_the_block(page: str) -> None:
    check(page)


@pytest.mark.parametrize(
    "page",
    [
        "<article>other</article><article><h1>T</h1>changed|</article>",
        "<main><h1>T</h1><p>changed</p>|</main><footer>T</footer>",
        "<article><header><h1>T</h1></header><footer>by</footer><p>changed</p>|<footer>f</footer></article>",
        "<article><h1>T</h1><p>changed</p>|<div id='comments'>c</div><script>s</script></article>",
        "<article><h1>T</h1><p>changed</p><div id='comments'>c</div> a word more|</article>",
        "<article>other|</article>",
        "<article>other|",
        "<body>other|</body>",
        "other|",
    ],
)
def test_a_theme_that_changes_the_content_gets_the_block_at_the_end_of_the_article(page: str) -> None:
    check(page, "<p>the original</p>")


def test_a_marker_is_replaced_wherever_a_theme_has_put_it() -> None:
    marked = "<p>a text</p><!-- related --><p>its end</p>"
    put = insert_block(f"<!-- related --><main>{marked}</main>", "|", marked)
    assert put == "<!-- related --><main><p>a text</p>|<p>its end</p></main>"
    put = insert_block("<article><P>A TEXT</P><!--Related--></article>", "|", marked)
    assert put == "<article><P>A TEXT</P>|</article>"


@pytest.mark.parametrize(
    ("page", "shown"),
    [
        ("<body><a href='/a.html'>A</a></body>", True),
        ('<body><p><a class="x" href="https://example.org/a.html#top">A</a></body>', True),
        ("<body><aside><a href=../a.html>A</a></aside></body>", True),
        ("<body><a href='/data.html'>A</a><a href='/a.html5'>A</a></body>", False),
        ("<body><p>/a.html</p><img src='/a.html'></body>", False),
        ("<head><link rel='prefetch' href='/a.html'></head><body></body>", False),
        ("<head><a href='/a.html'></a></head><body></body>", False),
        ("<body><script>'<a href=\"/a.html\">'</script><!-- <a href='/a.html'> --></body>", False),
        ("<body><article><a href='/a.html'>in the text</a></article></body>", False),
    ],
)
def test_a_list_is_shown_where_the_body_links_to_its_first_post(page: str, shown: bool) -> None:
    assert find_link(page, "a.html", "<a href='/a.html'>in the text</a>") == shown


@pytest.mark.parametrize("href", ["é%20&amp;b.html", "%C3%A9%20&b.html", "é%20&b.html"])
def test_a_link_is_found_however_a_theme_writes_it(href: str) -> None:
    assert find_link(f'<a href="/{href}">x</a>', "é%20&b.html", "")
