"""The order of each document's nearest: by more than what the two documents say themselves.

After ``nearest``. What is found there stays what it is; these signals decide only what comes first of it, and
nothing here changes a score.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import Mask
from .groups import Group, Rows, Vectors
from .nearest import BLOCK_PAIRS, DECIMALS, Found, measure_nearness
from .titles import match_titles

REORDERED = 50  # nearest of each document that are put in order; 30 and 100 do as well
TITLE_SHARE = 0.35  # of a matching title, beside the nearness
SHARED_SHARE = 0.15  # of the nearness to one another's neighbours; more finds more by tags and less by links
YOUNG_SHARE = 0.85  # more of it on young blogs, where two posts say little by themselves
CLOSEST = 10  # of a document that speak for it; 5 and 20 do as well
DATE_SHARE = 0.5  # more for two documents in a row, and 1/e of that with DATE_POSTS others between them
DATE_POSTS = 10
LEAST_MENTIONED = 0.2  # of what orders a pair; a signal that adds less is not worth a word


@dataclass(frozen=True, eq=False)
class Order:
    """The nearest targets of each document of a group in their final order, and what put them there.

    ``columns``: (m, most) indices into the group's targets, best first, -1 where there are no more.
    ``slots``: (m, most) where each stood in what was found. The signals, (m, most) float32, in the same
    order: ``titles`` and ``shared`` are added to the nearness, and the sum, if positive, is multiplied by
    ``dates``.
    ``theirs``: whether it is the target's title that stands in the document's text. ``values``: the result.
    """

    columns: npt.NDArray[np.int32]
    slots: Rows
    titles: Vectors
    theirs: Mask
    shared: Vectors
    dates: Vectors
    values: Vectors

    def describe(self, place: int, column: int) -> list[str]:
        """Return the signals that speak for a pair, in words."""
        for slot in np.flatnonzero(self.columns[place] == column).tolist():
            at = place, slot
            least = LEAST_MENTIONED * abs(self.values[at])
            title = "its title is in this text" if self.theirs[at] else "this title is in its text"
            sentences = {
                title: self.titles[at] > least,
                "close to the same posts": self.shared[at] > least,
                "written at about the same time": self.dates[at] > 1 + LEAST_MENTIONED,
            }
            return [sentence for sentence, holds in sentences.items() if holds]
        return []


def put_in_order(group: Group, found: Found) -> Order:
    """Return the order of what is nearest to all documents of a group, of which ``found`` has the best."""
    found = found.head(REORDERED)
    there = found.columns >= 0
    nearness = measure_nearness(group, found)
    titles, theirs = match_titles(group, found)
    titles *= TITLE_SHARE
    share = SHARED_SHARE + YOUNG_SHARE * group.youth
    shared = share * compare_neighbours(group, found, np.where(there, nearness + titles, 0))
    dates = compare_dates(group, found)
    values = nearness + titles + shared
    values = np.where(there, np.where(values > 0, values * dates, values), -np.inf)
    ties = group.order[found.columns]
    slots = np.lexsort((ties, -np.round(values.astype(np.float64), DECIMALS)), axis=1)
    signals = (found.columns, titles, theirs, shared, dates, values)
    columns, *ordered = (np.take_along_axis(signal, slots, axis=1) for signal in signals)
    return Order(columns, slots, *ordered)


def compare_neighbours(
    group: Group, found: Found, nearness: Vectors, *, block_pairs: int = BLOCK_PAIRS
) -> Vectors:
    """Return how near the closest neighbours of each document of a pair are to the other one.

    (P C + C P') / 2 with the pairs' nearness in C, where it is positive, and in P of each document's
    ``CLOSEST`` as weights whose sum is 1: one step of a random walk from either end, as relevance is spread
    over a graph by Zhou et al., "Ranking on data manifolds" (2003). ``found`` has all documents of the group.
    """
    near = np.maximum(nearness, 0)
    rest = np.argsort(-np.round(near, DECIMALS), axis=1, kind="stable")[:, CLOSEST:]
    weights = near.copy()
    np.put_along_axis(weights, rest, 0, axis=1)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    walk, links = _stack(weights, found, group), _stack(near, found, group)
    links = links.maximum(_mirror(links, group))
    forth, back = links[group.targets], walk[group.targets].T.tocsr()
    shared = np.zeros(found.columns.shape, np.float32)
    size = max(1, block_pairs // max(1, len(group.targets)))
    for start in range(0, len(found.places), size):
        block = slice(start, start + size)
        reached = (walk[block] @ forth + links[block] @ back).toarray() / 2
        shared[block] = np.take_along_axis(reached, found.columns[block], axis=1)
    return shared


def _mirror(links: sparse.csr_array, group: Group) -> sparse.csr_array:
    """Return the links to each target, as links of the target."""
    count = len(group.targets)
    ones = np.ones(count, np.float32)
    place = sparse.csr_array((ones, (group.targets, np.arange(count))), shape=links.shape)
    return (place @ links[group.targets].T).tocsr()


def _stack(values: Vectors, found: Found, group: Group) -> sparse.csr_array:
    rows, slots = np.nonzero(values)
    shape = (len(found.places), len(group.targets))
    return sparse.csr_array((values[rows, slots], (rows, found.columns[rows, slots])), shape=shape)


def compare_dates(group: Group, found: Found) -> Vectors:
    """Return 1 + 0.5 exp(-r / 10) for each pair, where r is how many targets are dated between the two.

    1 for a document without a date, and for all where fewer than half of the targets have one.
    """
    dates = group.dates[group.targets]
    dated = np.sort(dates[dates != 0])
    if 2 * len(dated) < len(dates):
        return np.ones(found.columns.shape, np.float32)
    before, until = (np.searchsorted(dated, group.dates, side) for side in ("left", "right"))
    sources, targets = found.places[:, None], group.targets[found.columns]
    between = np.maximum(before[targets] - until[sources], before[sources] - until[targets])
    factors = 1 + DATE_SHARE * np.exp(-np.maximum(between, 0) / DATE_POSTS)
    known = (group.dates[sources] != 0) & (group.dates[targets] != 0)
    return np.where(known, factors, 1).astype(np.float32)
