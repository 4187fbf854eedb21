"""Where the block goes on a page."""

import pytest

from pelican_related_embeddings.pages.insertion import insert_block


@pytest.mark.parametrize(
    ("page", "content", "expected"),
    [
        ("<main><p>the content</p></main>", "<p>the content</p>", "<main><p>the content</p>\nB\n</main>"),
        (
            "<p>the content</p>,<p>the content</p>!",
            "<p>the content</p>",
            "<p>the content</p>,<p>the content</p>\nB\n!",
        ),
        ("<article>other</article>", "<p>the content</p>", "<article>otherB\n</article>"),
        ("<body><main>other</main></body>", "<p>the content</p>", "<body><main>otherB\n</main></body>"),
        ("<body>other</body>", "", "<body>otherB\n</body>"),
        ("other", "", "other\nB\n"),
        ("<p>a</p><!-- related --><p>b</p>", "<p>a</p><!-- related --><p>b</p>", "<p>a</p>B<p>b</p>"),
    ],
)
def test_the_block_goes_to_the_marker_or_after_the_content(page: str, content: str, expected: str) -> None:
    assert insert_block(page, "B", content) == expected


def test_with_marker_alone_nothing_goes_anywhere_else() -> None:
    assert insert_block("<p>the content</p>", "B", "<p>the content</p>", "marker") == "<p>the content</p>"
