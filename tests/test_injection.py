"""Where the block goes, and that the quick way of rendering it is the same as the plain one."""

from pathlib import Path
from typing import Any

import pytest
from conftest import Site
from jinja2 import Environment, meta
from pelican import signals

from pelican_related_embeddings.injection import NEEDED, TEMPLATES, insert_block, render_partial, strip_blocks

SOURCE = (TEMPLATES / "related_posts.html").read_text(encoding="utf-8")


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


def test_the_quick_rendering_knows_all_the_variables_that_the_partial_needs() -> None:
    found = meta.find_undeclared_variables(Environment(autoescape=True).parse(strip_blocks(SOURCE)))

    assert found - {"page", "related_embeddings", "lang", "records", "heading"} == set(
        NEEDED
    )  # the last three are its own
    assert "block" not in strip_blocks(SOURCE).replace("override any block", "").lower().replace(
        "any block", ""
    )


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"RELATED_EMBEDDINGS_SHOW": ["date", "category", "summary", "terms", "image"]},
        {"RELATED_EMBEDDINGS_STYLE": True, "RELATED_EMBEDDINGS_TITLE": "", "DEFAULT_LANG": "de"},
        {"JINJA_ENVIRONMENT": {"trim_blocks": False, "lstrip_blocks": False}},
    ],
)
def test_the_quick_rendering_gives_the_same_bytes(topics: Site, settings: dict[str, Any]) -> None:
    seen = []

    def compare(generator: Any, writer: Any) -> None:
        for article in generator.articles:
            context = {**generator.context, "article": article}
            slow = generator.get_template("related_posts").render(context)
            seen.append((render_partial(generator, context), slow))

    signals.article_writer_finalized.connect(compare)
    try:
        topics.build(**settings)
    finally:
        signals.article_writer_finalized.disconnect(compare)

    assert len(seen) == 9
    assert all(quick == slow and "<li" in quick for quick, slow in seen)


def test_an_overriding_template_is_never_rendered_the_quick_way(topics: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "related_posts.html").write_text('<aside class="related-posts">{{ SITENAME }}</aside>')

    built = topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)], SITENAME="A site")

    assert built.blocks("bread-0.html") == ['<aside class="related-posts">A site</aside>']
