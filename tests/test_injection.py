"""Where the block goes, and that the quick way of rendering it is the same as the plain one."""

import re
from pathlib import Path
from typing import Any

import pytest
from conftest import Site
from pelican import signals
from pelican_related_embeddings.pages.block import find_writer, render_partial

from pelican_related_embeddings.pages.insertion import insert_block

BETWEEN = re.compile(r">\s+<")


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


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"RELATED_EMBEDDINGS_SHOW": ["date", "category", "summary", "terms", "image"]},
        {"RELATED_EMBEDDINGS_STYLE": True, "RELATED_EMBEDDINGS_TITLE": "", "DEFAULT_LANG": "de"},
        {"RELATED_EMBEDDINGS_SHOW": [], "SITEURL": "https://example.org", "THEME_STATIC_DIR": "assets"},
        {"JINJA_ENVIRONMENT": {"trim_blocks": False, "lstrip_blocks": False}},
    ],
)
def test_the_quick_rendering_is_that_of_the_template(topics: Site, settings: dict[str, Any]) -> None:
    """In an article's own language, in another one, and in one that is written from right to left."""
    topics.post(
        "stars-3", "Le télescope montre Saturne et Jupiter.", lang="fr", title="Saturne & <em>Jupiter</em>"
    )
    topics.post("bread-3", "לחם מחמצת, קמח ומים: the sourdough bread.", lang="he")
    seen = []

    def compare(generator: Any, writer: Any) -> None:
        for article in (*generator.articles, *generator.translations):
            context = {**generator.context, "article": article}
            slow = generator.get_template("related_posts").render(context)
            assert find_writer(generator) is not None
            seen.append((render_partial(generator, article, context), slow))

    signals.article_writer_finalized.connect(compare)
    try:
        topics.build(RELATED_EMBEDDINGS_ACROSS_LANGUAGES=True, RELATED_EMBEDDINGS_MAX=10, **settings)
    finally:
        signals.article_writer_finalized.disconnect(compare)

    assert len(seen) == 11
    assert any('dir="rtl"' in quick for quick, _ in seen)
    if "JINJA_ENVIRONMENT" in settings:  # white space between tags is the environment's
        seen = [(BETWEEN.sub("><", quick), BETWEEN.sub("><", slow)) for quick, slow in seen]
    assert all(quick == slow and "<li" in quick for quick, slow in seen)


def test_an_overriding_template_is_never_rendered_the_quick_way(topics: Site, tmp_path: Path) -> None:
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "related_posts.html").write_text('<aside class="related-posts">{{ SITENAME }}</aside>')

    built = topics.build(THEME_TEMPLATES_OVERRIDES=[str(folder)], SITENAME="A site")

    assert built.blocks("bread-0.html") == ['<aside class="related-posts">A site</aside>']
