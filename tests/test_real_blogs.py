"""Three real blogs, built with the one line added."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.corpora import NAMES, make_corpus_site, require_corpora
from helpers.sites import BLOCK, ENVIRONMENT, LINK, Site

pytestmark = pytest.mark.corpus


@pytest.fixture(scope="module", params=NAMES)
def blog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = require_corpora()
    site = make_corpus_site(folder, request.param, tmp_path_factory.mktemp(request.param))
    config = (site.root / "pelicanconf.py").read_text(encoding="utf-8")
    (site.root / "pelicanconf.py").write_text(
        config + 'PLUGINS = ["pelican_related_embeddings"]\n', encoding="utf-8"
    )
    build(site)
    yield site
    shutil.rmtree(site.root)


def build(site: Site, *options: str) -> str:
    command = [sys.executable, "-m", "pelican", "content", "-s", "pelicanconf.py", "-o", "output", *options]
    result = subprocess.run(
        command, cwd=site.root, capture_output=True, text=True, check=False, timeout=900, env=ENVIRONMENT
    )
    assert result.returncode == 0, result.stderr
    assert "WARNING" not in result.stdout + result.stderr
    return result.stdout


def read_pages(site: Site) -> dict[str, str]:
    output = site.root / "output"
    return {str(path.relative_to(output)): path.read_text("utf-8") for path in output.rglob("*.html")}


def count_vectors(site: Site) -> int:
    database = sqlite3.connect(site.root / "cache" / "related_embeddings.sqlite")
    try:
        return int(database.execute("SELECT count(*) FROM vectors").fetchone()[0])
    finally:
        database.close()


def test_each_article_has_one_block_whose_links_lead_somewhere(blog: Site) -> None:
    """But for the few articles, no more than one in a hundred or so, that are like no other on the blog."""
    articles = {f"{path.stem}.html" for path in blog.content.glob("*.html")}
    pages = read_pages(blog)
    blocks = {name: BLOCK.findall(page) for name, page in pages.items()}

    assert articles <= set(pages)
    assert {name for name, found in blocks.items() if found} <= articles
    assert sum(not blocks[name] for name in articles) <= 0.02 * len(articles)
    for name, found in blocks.items():
        assert len(found) <= 1, name
        for block in found:
            links = LINK.findall(block)
            assert 1 <= len(links) == len(set(links)) <= 5
            assert f"/{name}" not in links
            assert all((blog.root / "output" / link.lstrip("/")).is_file() for link in links)


def test_without_a_minimum_score_every_article_has_a_block(blog: Site) -> None:
    build(blog, "-e", "RELATED_EMBEDDINGS_MIN_SCORE=0")
    pages = read_pages(blog)
    build(blog)

    for path in blog.content.glob("*.html"):
        assert len(BLOCK.findall(pages[f"{path.stem}.html"])) == 1


def test_the_next_build_embeds_nothing_and_writes_the_same(blog: Site) -> None:
    pages = read_pages(blog)
    cache = (blog.root / "cache" / "related_embeddings.sqlite").read_bytes()

    printed = build(blog)

    assert "embedded" not in printed
    assert read_pages(blog) == pages
    assert (blog.root / "cache" / "related_embeddings.sqlite").read_bytes() == cache


def test_an_edited_post_is_embedded_alone(blog: Site) -> None:
    before = count_vectors(blog)
    post = sorted(Path(blog.content).glob("*.html"))[7]
    text = post.read_text(encoding="utf-8")
    post.write_text(
        text.replace("</body>", "<p>One more thought, added much later.</p></body>"), encoding="utf-8"
    )

    printed = build(blog)

    assert " 1 embedded" in printed
    assert count_vectors(blog) == before + 1
