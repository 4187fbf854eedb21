"""The neighbours of every document, ranked by the similarity of vectors and of terms together.

The way into this room: ``rank`` builds the ``groups``, finds what is ``nearest`` in each, looks for
``duplicates``, puts the nearest in ``order`` and makes candidates of it all, with their ``score`` and
``shared_terms``. What becomes of candidates is up to ``selection``.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice

import numpy as np
import numpy.typing as npt

from ..text.terms import Mask, TermCounts
from .duplicates import find_duplicates
from .groups import UNLIMITED, Group, Reach, Vectors, build_group, weigh_pairs
from .nearest import DECIMALS, Found, find_nearest
from .order import REORDERED, Order, put_in_order
from .score import Floats
from .selection import Candidate, Candidates
from .shared_terms import find_reasons
from .small import FEWEST_POSTS, is_accident, is_far, mark_close
from .term_weights import recurring_blocks

TWINS = 16  # nearest documents among which those of nearly the same text are looked for
NOT_CLOSE = "on this small blog, the two are close neither to each other nor to each other's neighbours"
ACCIDENT = "one of the two is short, they share no word of titles or tags, and their meanings are not close"


@dataclass(frozen=True, eq=False)
class Ranking:
    """The candidates of every document of a site, and the means to find more.

    ``vectors``: (n, dim) float32. ``documents``: the terms of each. ``candidates``: those of each, best
    first. ``duplicates``: pairs of rows whose documents are nearly the same text, the lower row first.
    """

    vectors: Vectors
    documents: Sequence[TermCounts]
    groups: tuple[Group, ...]
    orders: tuple[Order, ...]
    candidates: tuple[Candidates, ...]
    duplicates: tuple[tuple[int, int], ...]

    def deepen(self, row: int, eligible: Mask, depth: int) -> Candidates:
        """Return the best candidates of one document among the ``eligible`` ones, however far down."""
        group, order = self._find_group(row)
        place = np.searchsorted(group.rows, [row])
        allowed = np.asarray(eligible, np.bool_)[group.rows[group.targets]]
        found = find_nearest(group, place, max(depth, REORDERED), allowed)
        known = order.columns[place[0]].tolist()
        ranks = {column: rank for rank, column in enumerate(known)}
        keys = [[ranks.get(column, len(known)) for column in found.columns[0].tolist()]]
        slots = np.argsort(np.array(keys, np.intp), axis=1, kind="stable")
        return make_candidates(group, found.take(slots).head(depth))[0]

    def describe_order(self, row: int, other: int) -> list[str]:
        """Return what, beside their own words and meaning, put a document where it is in another's order."""
        group, order = self._find_group(row)
        place, column = np.searchsorted(group.rows, row), np.searchsorted(group.rows[group.targets], other)
        return order.describe(int(place), int(column))

    def describe_refusal(self, row: int, other: int) -> str:
        """Return why a document scores 0 as a candidate of another one."""
        group, _ = self._find_group(row)
        place, column = np.searchsorted(group.rows, row), np.searchsorted(group.rows[group.targets], other)
        return NOT_CLOSE if group.close is not None and not group.close[place, column] else ACCIDENT

    def _find_group(self, row: int) -> tuple[Group, Order]:
        pairs = zip(self.groups, self.orders, strict=True)
        return next((group, order) for group, order in pairs if row in group.rows)


def rank(
    vectors: Vectors,
    terms: Sequence[TermCounts],
    *,
    published: Mask,
    group: npt.NDArray[np.int_],
    order: npt.NDArray[np.int_],
    blocked: Mapping[int, Collection[int]],
    dates: npt.NDArray[np.float64],
    weight: float,
    depth: int,
    reach: Reach = UNLIMITED,
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

        dates: (n,) seconds, 0 where there is none.

        weight: from 0, vectors alone, to 1, terms alone.

        depth: how many candidates to keep of each document, at least 1.

        reach: which pairs may be candidates; what is estimated comes from all.

        languages: of the n documents, whose function words are no reasons; empty if nothing is known.
    """
    published = np.asarray(published, np.bool_)
    vectors = np.ascontiguousarray(vectors, np.float32)
    dropped = recurring_blocks(terms, published)
    groups = tuple(
        mark_close(
            build_group(
                np.flatnonzero(group == number),
                vectors,
                terms,
                published=published,
                order=order,
                blocked=blocked,
                dates=dates,
                dropped=dropped,
                weight=weight,
                reach=reach,
                languages=languages,
            )
        )
        for number in np.unique(group)
    )
    candidates: list[Candidates] = [()] * len(terms)
    duplicates: list[tuple[int, int]] = []
    orders = []
    for one in groups:
        found = find_nearest(one, np.arange(len(one.rows)), max(depth, REORDERED))
        duplicates += find_duplicates(one, look_around(one, found))
        orders.append(put_in_order(one, found))
        best = arrange(found, orders[-1]).head(depth)
        for row, made in zip(one.rows.tolist(), make_candidates(one, best), strict=True):
            candidates[row] = made
    return Ranking(vectors, terms, groups, tuple(orders), tuple(candidates), tuple(sorted(duplicates)))


def look_around(group: Group, found: Found) -> Found:
    """Return what to look for duplicates in: what was found, unless documents of a kind are out of reach."""
    if not group.reach.apart:
        return found
    return find_nearest(replace(group, reach=UNLIMITED), found.places, TWINS)


def arrange(found: Found, order: Order) -> Found:
    """Return what was found for all documents of a group, the first ones of each in their ``order``."""
    rest = np.arange(order.slots.shape[1], found.columns.shape[1])
    return found.take(np.hstack((order.slots, np.tile(rest, (len(found.places), 1)))))


def make_candidates(group: Group, found: Found) -> list[Candidates]:
    """Return the candidates of each of the documents in ``found``, with score and shared terms."""
    slots = found.columns >= 0
    counts = slots.sum(axis=1)
    sources = np.repeat(found.places, counts)
    targets = group.targets[found.columns[slots]]
    made = map(
        Candidate,
        group.rows[targets].tolist(),
        score_pairs(group, found)[slots].tolist(),
        np.round(found.semantic[slots].astype(np.float64), DECIMALS).tolist(),
        np.round(found.lexical[slots].astype(np.float64), DECIMALS).tolist(),
        find_reasons(group.terms, group.documents, sources, targets, languages=group.languages),
    )
    return [tuple(islice(made, count)) for count in counts.tolist()]


def score_pairs(group: Group, found: Found) -> Floats:
    """Return the score of each pair, from its own evidence alone; 0 where ``small`` says why not."""
    evidence = weigh_pairs(group, found.places, found.semantic, found.lexical)
    scores = group.calibration.score(evidence)
    if group.calibration.spread and len(group.targets) >= FEWEST_POSTS:
        scores[is_far(group, found) | is_accident(group, found)] = 0
    return scores
