"""Three real blogs, built with the one line added; one of them, the smallest, with the model.

What the others are for, many posts with everything that real ones hold, does not need vectors: words do.
"""

import re
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from helpers.corpora import NAMES, make_corpus_site, require_corpora
from helpers.processes import end, list_vectors, read_site, start
from helpers.sites import BLOCK, LINK, Site, list_pages

EMBEDDED = "luffy_fr"

pytestmark = pytest.mark.corpus


@dataclass(frozen=True)
class Blog:
    """A real blog that has been built once."""

    site: Site
    embedded: bool

    def build(self, output: str = "output", **settings: Any) -> str:
        """Build again, and return what is printed: no warning."""
        wanted = {**settings, **({} if self.embedded else {"RELATED_EMBEDDINGS_WEIGHT": 1})}
        more = [f"{name}={value}" for name, value in wanted.items()]
        printed = end(start(self.site, "-o", output, *(["-e", *more] if more else [])), patience=900)
        assert "WARNING" not in printed
        return printed

    def list_articles(self) -> set[str]:
        return {f"{path.stem}.html" for path in self.site.content.glob("*.html")}


@pytest.fixture(scope="module", params=NAMES)
def blog(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Blog]:
    site = make_corpus_site(require_corpora(), request.param, tmp_path_factory.mktemp(request.param))
    with (site.root / "pelicanconf.py").open("a", encoding="utf-8") as file:
        file.write('PATH = "content"\nPLUGINS = ["pelican_related_embeddings"]\n')
    built = Blog(site, request.param == EMBEDDED)
    built.build()
    yield built
    shutil.rmtree(site.root)


def test_each_article_has_one_block_whose_links_lead_somewhere(blog: Blog) -> None:
    """But for the few articles, no more than one in a hundred or so, that are like no other on the blog."""
    articles = blog.list_articles()
    pages = list_pages(blog.site.root / "output")
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
            assert all((blog.site.root / "output" / link.lstrip("/")).is_file() for link in links)


def test_the_next_build_embeds_nothing_and_writes_the_same(blog: Blog) -> None:
    before = read_site(blog.site.root / "output")
    cache = blog.site.root / "cache" / "related_embeddings.sqlite"
    kept = cache.read_bytes()

    printed = blog.build()

    assert "embedded" not in printed
    assert read_site(blog.site.root / "output") == before
    assert cache.read_bytes() == kept


def test_without_a_minimum_score_every_article_has_a_block(blog: Blog) -> None:
    blog.build("whole", RELATED_EMBEDDINGS_MIN_SCORE=0)

    pages = list_pages(blog.site.root / "whole")
    assert all(len(BLOCK.findall(pages[name])) == 1 for name in blog.list_articles())


@pytest.mark.parametrize("blog", [EMBEDDED], indirect=True)
def test_an_edited_post_is_embedded_alone(blog: Blog) -> None:
    before = len(list_vectors(blog.site))
    post = sorted(Path(blog.site.content).glob("*.html"))[7]
    text = post.read_text(encoding="utf-8")
    assert before == len(blog.list_articles())
    post.write_text(re.sub("</body>", "<p>One more thought, added later.</p></body>", text), encoding="utf-8")

    assert " 1 embedded" in blog.build()
    assert len(list_vectors(blog.site)) == before + 1
