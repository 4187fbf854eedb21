#!/usr/bin/env python3
"""Rank synthetic posts and print, as JSON, what that costs beside the bare products that it needs.

    python benchmarks/ranking_speed.py POSTS [--languages 2] [--terms 400]

Vectors lie in clusters, terms follow Zipf's law, as they do on real blogs; a third of the terms are pairs of
words. Posts of several languages alternate. Seconds are CPU seconds; memory is the most that the process had,
in MiB, with Python, the libraries, vectors and terms.
"""

import argparse
import json
import resource
import time
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
from scipy import sparse

from pelican_related_embeddings.pipeline import DEPTH
from pelican_related_embeddings.ranking.nearest import BLOCK_PAIRS
from pelican_related_embeddings.ranking.neighbours import rank
from pelican_related_embeddings.ranking.term_weights import weigh_terms
from pelican_related_embeddings.text.terms import TITLE_WEIGHT, TermCounts, pack

DIMENSIONS = 384
TERMS = 400  # different ones in a post; half of them are in no other post
TITLE = 12  # in a title
VOCABULARY = 40  # other terms per post of the blog: it grows with the blog
COMMONEST = 250  # number of the most frequent term, on about a tenth of the posts; two posts share about 3
USUAL = 1999  # words that pairs of words end with
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


def make_terms(count: int, size: int, random: np.random.Generator) -> Iterator[TermCounts]:
    """Yield the terms of ``count`` posts of one language, about ``size`` of each, as the cache gives them."""
    vocabulary = max(10_000, VOCABULARY * count)
    known = draw_hashes(vocabulary, random)
    for post in range(count):
        shared = draw_numbers(vocabulary, size // 2, random)
        numbers = np.append(shared, np.arange(size // 2) + vocabulary + post * size)
        hashes = np.append(known[shared], draw_hashes(size // 2, random))
        order = np.argsort(hashes)
        counts = np.minimum(random.geometric(0.6, len(order)), 20).astype(np.uint16)
        places = np.repeat(np.arange(len(order)), counts)
        written = [spell_term(number) for number in numbers[order].tolist()]
        packed = pack(written, np.append(len(places), places).astype("<u4"))
        title = np.sort(random.choice(hashes, TITLE))
        counts += np.isin(hashes[order], title) * np.uint16(TITLE_WEIGHT * TITLE)
        terms = TermCounts(hashes[order], counts, draw_hashes(1, random), title, packed)
        yield TermCounts.from_bytes(terms.to_bytes())


def draw_hashes(count: int, random: np.random.Generator) -> npt.NDArray[np.uint64]:
    return random.integers(1, 1 << 63, size=count, dtype=np.uint64)


def draw_numbers(vocabulary: int, size: int, random: np.random.Generator) -> npt.NDArray[np.int64]:
    """Return the numbers of terms that a post shares: number k is on a share of about 1/k of the posts."""
    drawn = (COMMONEST * (vocabulary / COMMONEST) ** random.random(2 * size // 3)).astype(np.int64)
    return np.union1d(drawn, drawn - drawn % 2)


def spell_term(number: int) -> str:
    """Return a word for an even number; for an odd one, the word of the number before it and a usual one."""
    return f"w{number - 1:x} v{number % USUAL:x}" if number % 2 else f"w{number:x}"


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


def measure(count: int, languages: int, size: int) -> dict[str, float]:
    random = np.random.default_rng(0)
    written = [make_terms(len(range(first, count, languages)), size, random) for first in range(languages)]
    terms = [next(written[row % languages]) for row in range(count)]
    vectors = make_vectors(count, random)
    everyone = np.ones(count, dtype=bool)
    started = time.process_time()
    rank(
        vectors,
        terms,
        published=everyone,
        group=np.arange(count) % languages,
        order=np.arange(count),
        blocked={},
        dates=random.permutation(count).astype(np.float64),
        weight=0.65,
        depth=DEPTH,
    )
    ranking = time.process_time() - started
    memory = read_peak()
    bare = [
        multiply(vectors[own], weigh_terms(terms[own], everyone[own]).rows)
        for own in (slice(language, None, languages) for language in range(languages))
    ]
    dense, sparse_seconds = (sum(each) for each in zip(*bare, strict=True))
    return {"ranking": ranking, "dense": dense, "sparse": sparse_seconds, "memory": memory}


def read_peak() -> float:
    """Return the most memory that this process has had, in MiB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("posts", type=int)
    parser.add_argument("--languages", type=int, default=1)
    parser.add_argument("--terms", type=int, default=TERMS)
    chosen = parser.parse_args()
    print(json.dumps(measure(chosen.posts, chosen.languages, chosen.terms)))


if __name__ == "__main__":
    main()
