"""The posts nearest to a few words, by their meaning and by the words themselves.

Beside the pipeline: the author's command searches a site with what was made for ranking it.
"""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from ..text.html import Block
from ..text.terms import TermCounts, count_terms
from .score import fit_calibration
from .selection import Candidate

SATURATION, LENGTH_SHARE = 1.2, 0.75  # the usual k1 and b of BM25
HIGHEST = 6.0  # standard deviations; more than this for a rare word would leave no weight to the meaning
TELLING_SHARE = 0.05  # of a post's weight; a term that gives less, such as "the", explains nothing

Vectors = npt.NDArray[np.float32]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


def search_posts(
    words: str,
    vector: Vectors | None,
    vectors: Vectors,
    documents: Sequence[TermCounts],
    *,
    published: Mask,
    weight: float,
) -> list[Candidate]:
    """Return all published posts, the nearest to ``words`` first; their terms are those of the query.

    Fused as posts are with one another, (1 - ``weight``) of the meaning and ``weight`` of the words, both
    standardised; but over the posts, for this query, and with BM25, since a query of a few words is not a
    post, and a term on a single post is exactly what a search is for.

    Args:
        words: the query.
        vector: (dim,) float32 of unit length, or None to go by words alone.
        vectors: (n, dim) float32, rows of unit length or zero.
        documents: the n posts' terms.
        published: (n,) bool, which of them may be found.
        weight: from 0, vectors alone, to 1, words alone.
    """
    rows = np.flatnonzero(published)
    terms = count_terms("", [Block(words)])
    matches = match_terms(terms, [documents[row] for row in rows.tolist()])
    lexical = weight * _standardise(matches.sum(axis=1))
    semantic = np.zeros(len(rows))
    if vector is not None:
        semantic = (1 - weight) * _standardise((vectors[rows] @ vector).astype(np.float64))
    fused = np.round(semantic + lexical, 5)
    scores = fit_calibration(fused, len(rows)).score(fused)
    written = np.array(terms.read_written(), dtype=object)
    return [
        Candidate(
            int(rows[place]),
            float(scores[place]),
            round(float(semantic[place]), 5),
            round(float(lexical[place]), 5),
            tuple(written[_order_matches(matches[place])].tolist()),
        )
        for place in np.argsort(-fused, kind="stable").tolist()
    ]


def _order_matches(weights: Floats) -> npt.NDArray[np.intp]:
    order: npt.NDArray[np.intp] = np.argsort(-weights, kind="stable")
    telling: npt.NDArray[np.intp] = order[weights[order] > TELLING_SHARE * weights.sum()]
    return telling


def match_terms(terms: TermCounts, documents: Sequence[TermCounts]) -> Floats:
    """Return (n, terms) BM25 weights of a query's terms on each of ``documents``.

    After Robertson and Zaragoza, "The probabilistic relevance framework" (2009).
    """
    counts = np.zeros((len(documents), len(terms.hashes)))
    for row, document in enumerate(documents):
        _, there, asked = np.intersect1d(
            document.hashes, terms.hashes, assume_unique=True, return_indices=True
        )
        counts[row, asked] = document.counts[there]
    lengths = np.array([document.counts.sum() for document in documents], dtype=np.float64)
    longer = LENGTH_SHARE * (lengths / max(lengths.mean() if len(lengths) else 1.0, 1.0)) + 1 - LENGTH_SHARE
    frequency = (counts > 0).sum(axis=0)
    rarity = np.log1p((len(documents) - frequency + 0.5) / (frequency + 0.5))
    weights: Floats = rarity * counts * (SATURATION + 1) / (counts + SATURATION * longer[:, None])
    return weights


def _standardise(values: Floats) -> Floats:
    spread = float(values.std()) if len(values) else 0.0
    if spread < 1e-9:
        return np.zeros(len(values))
    standard: Floats = np.minimum((values - values.mean()) / spread, HIGHEST)
    return standard
