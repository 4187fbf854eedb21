#!/usr/bin/env python3
"""Rank synthetic posts and print, as JSON, what that costs beside the bare products that it needs.

    python benchmarks/ranking_speed.py POSTS

Vectors lie in clusters, terms follow Zipf's law, as they do on real blogs. Seconds are CPU seconds; the
memory is the most that the process had, vectors and terms included, less what it began with.
"""

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pelican_related_embeddings.pipeline import DEPTH
from pelican_related_embeddings.ranking.neighbours import BLOCK_PAIRS, rank
from pelican_related_embeddings.ranking.term_weights import weigh_terms
from pelican_related_embeddings.store.cache import Cache
from pelican_related_embeddings.text.terms import TermCounts
from pelican_related_embeddings.text.words import HELD_DOCUMENTS, TEXT_ROWS, StoredTerms

DIMENSIONS = 384
TERMS = 300  # different ones in a post, words and pairs of words
VOCABULARY = 40  # different terms per post of the blog: it grows with the blog
CLUSTERS = 200

Vectors = npt.NDArray[np.float32]


def make_vectors(count: int, random: np.random.Generator) -> Vectors:
    centres = random.standard_normal((CLUSTERS, DIMENSIONS))
    vectors = np.empty((count, DIMENSIONS), np.float32)
    for start in range(0, count, 10_000):  # so that making them takes no memory worth measuring
        part = vectors[start : start + 10_000]
        rows = centres[random.integers(CLUSTERS, size=len(part))]
        rows = rows + 1.5 * random.standard_normal(part.shape)
        part[:] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return vectors


def make_terms(count: int, random: np.random.Generator) -> Iterator[TermCounts]:
    """Yield the terms of ``count`` posts: term number k is on about a share of 1/k of them."""
    vocabulary = max(10_000, VOCABULARY * count)
    hashes = random.integers(1, 1 << 63, size=vocabulary, dtype=np.uint64)
    empty = np.empty(0, np.uint64)
    for _ in range(count):
        drawn = np.unique((vocabulary ** random.random(2 * TERMS)).astype(np.int64) - 1)[-TERMS:]
        chosen = np.unique(hashes[drawn])
        counts = np.minimum(random.geometric(0.6, len(chosen)), 20).astype(np.int64)
        yield TermCounts(chosen, counts, empty, b"")


def store_terms(count: int, random: np.random.Generator, path: Path) -> StoredTerms:
    """Return the terms of ``count`` posts as the pipeline has those of a large site: in the cache."""
    cache = Cache(path, print)
    rows = [number.to_bytes(16) for number in range(count)]
    terms = make_terms(count, random)
    for start in range(0, count, TEXT_ROWS):
        part = rows[start : start + TEXT_ROWS]
        cache.write("texts", {row: bytes(17) + one.to_bytes() for row, one in zip(part, terms, strict=False)})
    return StoredTerms([], rows, cache)


def multiply(vectors: Vectors, terms: sparse.csr_array) -> tuple[float, float]:
    """Return the seconds of all dense and of all sparse products, in blocks of the same size as ranking's."""
    size = max(1, BLOCK_PAIRS // len(vectors))
    transposed = terms.T.tocsr()
    seconds = [0.0, 0.0]
    for start in range(0, len(vectors), size):
        block = slice(start, start + size)
        started = time.process_time()
        vectors[block] @ vectors.T
        between = time.process_time()
        (terms[block] @ transposed).toarray()
        seconds[0] += between - started
        seconds[1] += time.process_time() - between
    return seconds[0], seconds[1]


def measure(count: int, folder: Path) -> dict[str, float]:
    before = read_peak()
    random = np.random.default_rng(0)
    terms: Sequence[TermCounts] = (
        list(make_terms(count, random))
        if count <= HELD_DOCUMENTS
        else store_terms(count, random, folder / "cache.sqlite")
    )
    vectors = make_vectors(count, random)
    everyone = np.ones(count, dtype=bool)
    started = time.process_time()
    rank(
        vectors,
        terms,
        published=everyone,
        group=np.zeros(count, dtype=int),
        order=np.arange(count),
        blocked={},
        weight=0.65,
        depth=DEPTH,
    )
    ranking = time.process_time() - started
    memory = read_peak() - before
    dense, sparse_seconds = multiply(vectors, weigh_terms(terms, everyone).rows)
    return {"ranking": ranking, "dense": dense, "sparse": sparse_seconds, "memory": memory}


def read_peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("posts", type=int)
    with tempfile.TemporaryDirectory() as folder:
        print(json.dumps(measure(parser.parse_args().posts, Path(folder))))


if __name__ == "__main__":
    main()
