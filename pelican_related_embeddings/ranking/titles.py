"""How much of one document's title stands in the text of another, as where an author refers to it.

A signal for ``order``. Like the words of ``groups``, but of few terms each, so that its products cost little.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import Counts, Hashes, Mask, find_columns
from .groups import Group, Rows, Vectors, sample_pairs
from .nearest import BLOCK_PAIRS, Found
from .term_weights import BATCH, NO_COUNTS, NO_HASHES

HIGHEST = 3.0  # of 1 + ln tf: a text need not repeat a title to be about it
SHORTEST = 0.3  # of the usual length: in a shorter text a word stands no more by intention
LENGTH_POWER = 0.25

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Titles:
    """The titles and texts of a group's documents, over the terms that titles have.

    ``titles``: (m, terms) CSR float32, the squared idf of a title's terms over their sum. ``texts``: (m,
    terms) CSR float32, how often the text has them, damped and for its length. ``target_titles`` and
    ``target_texts``: (terms, t) CSR, those of the targets.
    """

    titles: sparse.csr_array
    texts: sparse.csr_array
    target_titles: sparse.csr_array
    target_texts: sparse.csr_array

    def match(self, sources: Rows) -> tuple[Vectors, Vectors]:
        """Return the share of a target's title that stands in a source's text, and the other way round.

        (sources, targets) each.
        """
        theirs: Vectors = (self.texts[sources] @ self.target_titles).toarray()
        own: Vectors = (self.titles[sources] @ self.target_texts).toarray()
        return theirs, own


def match_titles(group: Group, found: Found, *, block_pairs: int = BLOCK_PAIRS) -> tuple[Vectors, Mask]:
    """Return ln(1 + z) for the matches of titles of the pairs in ``found``; 0 where z is negative.

    A match is the share of a title that stands in the other's text, the greater of both directions. z is in
    standard deviations from the mean of all pairs of the group's targets, or those of a sample. The second
    value tells where it is the target's title that stands in the source's text.
    """
    titles = read_titles(group)
    theirs, own = shares = np.zeros((2, *found.columns.shape), np.float32)
    size = max(1, block_pairs // max(1, len(group.targets)))
    for start in range(0, len(found.places), size):
        block = slice(start, start + size)
        every = titles.match(found.places[block])
        columns = found.columns[block]
        shares[:, block] = [np.take_along_axis(part, columns, axis=1) for part in every]
    mean, spread = _describe_matches(group, titles)
    if not spread:
        return np.zeros_like(own), theirs >= own
    above = (np.maximum(theirs, own) - mean) / spread
    return np.log1p(np.maximum(above, 0)).astype(np.float32), theirs >= own


def read_titles(group: Group) -> Titles:
    """Return the titles and texts of a group's documents.

    Of a title whose terms have the weights w, on a text that has them tf times: the sum of
    w x min(1 + ln tf, 3), over max(sum of w, its median over the group), over
    (max(length, 0.3 of the median) / median)^0.25.
    """
    terms = group.terms
    named = np.unique(np.concatenate([terms.hashes[:0], *(one.title for one in group.documents)]))
    hashes = named[find_columns(named, terms.hashes)[1]]
    boosts = terms.boosts[find_columns(hashes, terms.hashes)[0]]
    documents = group.documents
    entitled = [np.unique(one.title) for one in documents]
    titles = _stack(entitled, [np.ones(len(one), np.uint16) for one in entitled], hashes)
    titles.data = boosts[titles.indices].astype(np.float64)
    counts = [one.count_text(terms.dropped) for one in documents]
    texts = _stack([one.hashes for one in documents], counts, hashes)
    texts.data = np.minimum(1 + np.log(texts.data.astype(np.float64)), HIGHEST)
    lengths = np.array([count.sum() for count in counts], np.float64)
    titles = _divide(titles, _raise_to_median(titles.sum(axis=1), group.targets, 1.0))
    texts = _divide(texts, _compare_lengths(lengths, group.targets))
    return Titles(titles, texts, titles[group.targets].T.tocsr(), texts[group.targets].T.tocsr())


def _stack(rows: Sequence[Hashes], counts: Sequence[Counts], hashes: Hashes) -> sparse.csr_array:
    """Return how often each row of terms has each of ``hashes``: (rows, hashes)."""
    batches = [slice(start, start + BATCH) for start in range(0, max(1, len(rows)), BATCH)]
    stacked = [_stack_batch(rows[batch], counts[batch], hashes) for batch in batches]
    return sparse.vstack(stacked, format="csr")


def _stack_batch(rows: Sequence[Hashes], counts: Sequence[Counts], hashes: Hashes) -> sparse.csr_array:
    columns, known = find_columns(np.concatenate([NO_HASHES, *rows]), hashes)
    values = np.concatenate([NO_COUNTS, *counts])
    known &= values > 0
    before = np.concatenate(([0], np.cumsum(known)))
    starts = before[np.cumsum([0, *map(len, rows)])].astype(np.int32)
    return sparse.csr_array((values[known], columns[known], starts), shape=(len(rows), len(hashes)))


def _raise_to_median(values: Floats, targets: Rows, share: float) -> Floats:
    median = float(np.median(values[targets])) if len(targets) else 0.0
    return np.maximum(values, share * median or 1.0)


def _compare_lengths(lengths: Floats, targets: Rows) -> Floats:
    median = float(np.median(lengths[targets])) if len(targets) else 0.0
    return (np.maximum(lengths, SHORTEST * median) / (median or 1.0)).clip(min=SHORTEST) ** LENGTH_POWER


def _divide(rows: sparse.csr_array, lengths: Floats) -> sparse.csr_array:
    divided = rows.copy()
    divided.data = (rows.data / np.repeat(lengths, np.diff(rows.indptr))).astype(np.float32)
    return divided


def _describe_matches(group: Group, titles: Titles) -> tuple[float, float]:
    """Return mean and standard deviation of the matches of all pairs of targets, or those of a sample."""
    rows, columns = sample_pairs(len(group.targets))
    sampled = replace(
        titles,
        target_titles=titles.titles[group.targets[columns]].T.tocsr(),
        target_texts=titles.texts[group.targets[columns]].T.tocsr(),
    )
    matches = np.maximum(*sampled.match(group.targets[rows]))[rows[:, None] != columns]
    if not matches.size:
        return 0.0, 0.0
    return float(matches.mean(dtype=np.float64)), float(matches.std(dtype=np.float64))
