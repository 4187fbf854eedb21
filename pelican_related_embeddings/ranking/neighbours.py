"""The neighbours of every document, ranked by the similarity of vectors and of terms together.

The way into this room: ``rank`` builds the ``groups``, finds what is ``nearest`` in each, looks for
``duplicates`` and makes candidates of it all, with their ``score`` and ``shared_terms``. What becomes of
candidates is up to ``selection``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..text.terms import Mask, TermCounts
from .duplicates import find_duplicates
from .groups import Group, Vectors, build_group, weigh_pairs
from .nearest import DECIMALS, Found, find_nearest
from .score import average_evidence
from .selection import Candidate, Candidates
from .shared_terms import find_reasons
from .term_weights import recurring_blocks


@dataclass(frozen=True, eq=False)
class Ranking:
    """The candidates of every document of a site, and the means to find more.

    ``vectors``: (n, dim) float32. ``documents``: the terms of each. ``candidates``: those of each, best
    first. ``duplicates``: pairs of rows whose documents are nearly the same text, the lower row first.
    """

    vectors: Vectors
    documents: Sequence[TermCounts]
    groups: tuple[Group, ...]
    candidates: tuple[Candidates, ...]
    duplicates: tuple[tuple[int, int], ...]

    def deepen(self, row: int, eligible: Mask, depth: int) -> Candidates:
        """Return the best candidates of one document among the ``eligible`` ones, however far down."""
        group = next(group for group in self.groups if row in group.rows)
        place = np.searchsorted(group.rows, [row])
        allowed = np.asarray(eligible, np.bool_)[group.rows[group.targets]]
        return make_candidates(group, find_nearest(group, place, depth, allowed))[0]


def rank(
    vectors: Vectors,
    terms: Sequence[TermCounts],
    *,
    published: Mask,
    group: npt.NDArray[np.int_],
    order: npt.NDArray[np.int_],
    blocked: Mapping[int, Collection[int]],
    weight: float,
    depth: int,
    kinds: npt.NDArray[np.int_] | None = None,
    languages: Sequence[str] = (),
) -> Ranking:
    """Return the best candidates of every document.

    The fused similarity of a pair is (1 - ``weight``) x the standardised cosine of its vectors plus
    ``weight`` x that of its term weights. To standardise is to take off the mean over all pairs of
    published documents of a group, and to divide by the standard deviation (z-scores: Fox and Shaw,
    "Combination of multiple searches", 1994, and Wu, Crestani and Bi, 2006, for why not ranks).

    Args:
        vectors: (n, dim) float32, rows of unit length, or zero where there is no vector.

        terms: the term counts of the n documents.

        published: (n,) bool; only these are candidates and only these count in what is estimated.

        group: (n,) int; candidates come from a document's own group only.

        order: (n,) int, decides between equal scores: the smaller first.

        blocked: for some rows, the rows that are never their candidates.

        weight: from 0, vectors alone, to 1, terms alone.

        depth: how many candidates to keep of each document, at least 1.

        kinds: (n,) int, if candidates come from a document's own kind only; what is estimated comes from all.

        languages: of the n documents, whose function words are no reasons; empty if nothing is known.
    """
    published = np.asarray(published, np.bool_)
    vectors = np.ascontiguousarray(vectors, np.float32)
    dropped = recurring_blocks(terms, published)
    groups = tuple(
        build_group(
            np.flatnonzero(group == number),
            vectors,
            terms,
            published=published,
            order=order,
            blocked=blocked,
            dropped=dropped,
            weight=weight,
            kinds=kinds,
            languages=languages,
        )
        for number in np.unique(group)
    )
    candidates: list[Candidates] = [()] * len(terms)
    duplicates: list[tuple[int, int]] = []
    for one in groups:
        found = find_nearest(one, np.arange(len(one.rows)), depth)
        duplicates += find_duplicates(one, found)
        for row, made in zip(one.rows.tolist(), make_candidates(one, found), strict=True):
            candidates[row] = made
    return Ranking(vectors, terms, groups, tuple(candidates), tuple(sorted(duplicates)))


def make_candidates(group: Group, found: Found) -> list[Candidates]:
    """Return the candidates of each of the documents in ``found``, with score and shared terms."""
    slots = found.columns >= 0
    counts = slots.sum(axis=1)
    sources = np.repeat(found.places, counts)
    targets = group.targets[found.columns[slots]]
    evidence = average_evidence(weigh_pairs(group, found.places, found.semantic, found.lexical))
    made = map(
        Candidate,
        group.rows[targets].tolist(),
        group.calibration.score(evidence[slots]).tolist(),
        np.round(found.semantic[slots].astype(np.float64), DECIMALS).tolist(),
        np.round(found.lexical[slots].astype(np.float64), DECIMALS).tolist(),
        find_reasons(group.terms, group.documents, sources, targets, languages=group.languages),
    )
    return [tuple(islice(made, count)) for count in counts.tolist()]
