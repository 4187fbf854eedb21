"""How much of one document's title stands in the text of another, as where an author refers to it.

A signal for ``order``. Like the words of ``groups``, but of few terms each, so that its products cost little.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import Hashes, Mask, TermCounts, find_columns
from .groups import Group, Rows, Vectors, sample_pairs
from .nearest import BLOCK_PAIRS, Found

HIGHEST = 3.0  # of 1 + ln tf: a text need not repeat a title to be about it
SHORTEST = 0.3  # of the usual length: in a shorter text a word stands no more by intention
LENGTH_POWER = 0.25

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Titles:
    """The titles and texts of a group's documents, over the terms that titles have.

    ``titles``: (m, terms) CSR float32, the squared idf of a title's terms over their sum. ``texts``: (m,
    terms) CSR float32, how often the text has them, damped and for its length. Product: ``match``.
    """

    titles: sparse.csr_array
    texts: sparse.csr_array

    def match(self, sources: Rows, targets: Rows) -> tuple[Vectors, Mask]:
        """Return the share of a title that stands in the other's text, the greater of both directions.

        (sources, targets), and where it is the target's title in the source's text.
        """
        theirs: Vectors = (self.texts[sources] @ self.titles[targets].T).toarray()
        own: Vectors = (self.titles[sources] @ self.texts[targets].T).toarray()
        return np.maximum(theirs, own), theirs >= own


def match_titles(group: Group, found: Found, *, block_pairs: int = BLOCK_PAIRS) -> tuple[Vectors, Mask]:
    """Return ln(1 + z) for the matches of titles of the pairs in ``found``; 0 where z is negative.

    z is in standard deviations from the mean of all pairs of the group's targets, or those of a sample. The
    second value tells where it is the target's title that stands in the source's text.
    """
    titles = read_titles(group)
    matches = np.zeros(found.columns.shape, np.float32)
    theirs = np.zeros(found.columns.shape, np.bool_)
    size = max(1, block_pairs // max(1, len(group.targets)))
    for start in range(0, len(found.places), size):
        block = slice(start, start + size)
        every = titles.match(found.places[block], group.targets)
        columns = found.columns[block]
        matches[block], theirs[block] = (np.take_along_axis(part, columns, axis=1) for part in every)
    mean, spread = _describe_matches(group, titles)
    if not spread:
        return np.zeros_like(matches), theirs
    return np.log1p(np.maximum((matches - mean) / spread, 0)).astype(np.float32), theirs


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
    titles = _stack(((one.title, np.ones(len(one.title))) for one in group.documents), hashes)
    titles.data = boosts[titles.indices].astype(np.float64)
    counted = [_count_text(one, terms.dropped) for one in group.documents]
    texts = _stack(((one, np.minimum(1 + np.log(counts), HIGHEST)) for one, counts, _ in counted), hashes)
    lengths = np.array([length for _, _, length in counted], np.float64)
    return Titles(
        _divide(titles, _raise_to_median(titles.sum(axis=1), group.targets, 1.0)),
        _divide(texts, _compare_lengths(lengths, group.targets)),
    )


def _count_text(document: TermCounts, dropped: Hashes) -> tuple[Hashes, Floats, int]:
    """Return the terms of a document's text, how often it has each, and how many it has in all."""
    counts = document.count_text(dropped)
    present = counts > 0
    return document.hashes[present], counts[present].astype(np.float64), int(counts.sum())


def _stack(rows: Iterator[tuple[Hashes, Floats]], hashes: Hashes) -> sparse.csr_array:
    columns, values, starts = [np.empty(0, np.int32)], [np.empty(0)], [0]
    for terms, amounts in rows:
        unique, first = np.unique(terms, return_index=True)
        found, known = find_columns(unique, hashes)
        columns.append(found[known])
        values.append(amounts[first[known]])
        starts.append(starts[-1] + len(columns[-1]))
    parts = (np.concatenate(values), np.concatenate(columns), np.array(starts))
    return sparse.csr_array(parts, shape=(len(starts) - 1, len(hashes)))


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
    matches = titles.match(group.targets[rows], group.targets[columns])[0][rows[:, None] != columns]
    if not matches.size:
        return 0.0, 0.0
    return float(matches.mean(dtype=np.float64)), float(matches.std(dtype=np.float64))
