"""The words of a large site stay in the cache, and are the same as those that are held in memory."""

from pathlib import Path

import numpy as np
import pytest
from conftest import TOPICS

from pelican_related_embeddings.ranking.neighbours import Ranking, rank
from pelican_related_embeddings.store.cache import Cache
from pelican_related_embeddings.text.document import Document, key_document
from pelican_related_embeddings.text.words import StoredTerms, read_words

SENTENCES = [text for texts in TOPICS.values() for text in texts]
POSTS = 600  # more than are read at a time


class Quiet:
    def note(self, message: str) -> None:
        raise AssertionError(message)

    tell = note


@pytest.fixture(scope="module")
def documents() -> list[Document]:
    """Posts of two sentences each, no two alike."""
    pairs = [(one, other) for one in SENTENCES for other in SENTENCES]
    return [
        Document(
            f"{n}.md", f"post-{n}", f"Post {n}", "".join(f"<p>{s}</p>" for s in pairs[n % len(pairs)]), "en"
        )
        for n in range(POSTS)
    ]


def store(documents: list[Document], path: Path) -> tuple[StoredTerms, list[object]]:
    cache, keys = Cache(path, Quiet().note), [key_document(document) for document in documents]
    held = read_words(documents, keys, cache, Quiet()).terms
    return StoredTerms(documents, keys, cache), list(held)


def rank_terms(terms: object) -> Ranking:
    return rank(
        np.zeros((POSTS, 4), np.float32),
        terms,  # type: ignore[arg-type]
        published=np.ones(POSTS, bool),
        group=np.zeros(POSTS, int),
        order=np.arange(POSTS),
        blocked={},
        weight=0.65,
        depth=5,
    )


@pytest.mark.parametrize("order", ["forwards", "backwards", "at random", "the same"])
def test_stored_terms_are_those_that_were_counted(
    documents: list[Document], tmp_path: Path, order: str
) -> None:
    stored, held = store(documents, tmp_path / "cache.sqlite")
    rows = {
        "forwards": list(range(POSTS)),
        "backwards": list(range(-1, -POSTS - 1, -1)),
        "at random": np.random.default_rng(0).permutation(POSTS).tolist(),
        "the same": [7] * 9,
    }[order]

    assert len(stored) == POSTS
    assert [stored[row].to_bytes() for row in rows] == [held[row].to_bytes() for row in rows]  # type: ignore[attr-defined]


def test_ranking_is_the_same_from_stored_terms(documents: list[Document], tmp_path: Path) -> None:
    stored, held = store(documents, tmp_path / "cache.sqlite")

    assert list(rank_terms(stored).candidates) == list(rank_terms(held).candidates)


def test_terms_that_the_cache_has_lost_are_counted_again(documents: list[Document], tmp_path: Path) -> None:
    _, held = store(documents, tmp_path / "cache.sqlite")
    rows = [b"unknown %d" % number for number in range(POSTS)]
    stored = StoredTerms(documents, rows, Cache(tmp_path / "empty.sqlite", Quiet().note))

    assert [one.to_bytes() for one in stored] == [one.to_bytes() for one in held]  # type: ignore[attr-defined]


def test_a_row_that_is_not_there_is_an_error(documents: list[Document], tmp_path: Path) -> None:
    stored, _ = store(documents, tmp_path / "cache.sqlite")

    with pytest.raises(IndexError):
        stored[POSTS]
