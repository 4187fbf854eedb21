#!/usr/bin/env python3
"""Rank synthetic posts and print, as JSON, what that costs beside the bare products that it needs.

    python benchmarks/ranking_speed.py POSTS

Vectors lie in clusters, terms follow Zipf's law, as they do on real blogs. Seconds are CPU seconds; the
memory is the most that the process had, vectors and terms included, less what it began with.
"""

import argparse
import json
import resource
import time

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pelican_related_embeddings.lexical import TermCounts, weigh_terms
from pelican_related_embeddings.pipeline import DEPTH
from pelican_related_embeddings.ranking import BLOCK_PAIRS, rank

DIMENSIONS = 384
TERMS = 300  # different ones in a post, words and pairs of words
VOCABULARY = 40  # different terms per post of the blog: it grows with the blog
CLUSTERS = 200

Vectors = npt.NDArray[np.float32]


def make_vectors(count: int, random: np.random.Generator) -> Vectors:
    centres = random.standard_normal((CLUSTERS, DIMENSIONS))
    rows = centres[random.integers(CLUSTERS, size=count)] + 1.5 * random.standard_normal((count, DIMENSIONS))
    unit: Vectors = (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32)
    return unit


def make_terms(count: int, random: np.random.Generator) -> list[TermCounts]:
    """Return the terms of ``count`` posts: term number k is on about a share of 1/k of them."""
    vocabulary = max(10_000, VOCABULARY * count)
    hashes = random.integers(1, 1 << 63, size=vocabulary, dtype=np.uint64)
    empty = np.empty(0, np.uint64)
    documents = []
    for _ in range(count):
        drawn = np.unique((vocabulary ** random.random(2 * TERMS)).astype(np.int64) - 1)[-TERMS:]
        chosen = np.unique(hashes[drawn])
        counts = np.minimum(random.geometric(0.6, len(chosen)), 20).astype(np.int64)
        documents.append(TermCounts(chosen, counts, empty, b""))
    return documents


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


def measure(count: int) -> dict[str, float]:
    before = read_peak()
    random = np.random.default_rng(0)
    vectors, terms = make_vectors(count, random), make_terms(count, random)
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
    print(json.dumps(measure(parser.parse_args().posts)))


if __name__ == "__main__":
    main()
