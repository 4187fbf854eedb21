"""The nearest documents of each document of a group, found by comparing all pairs, some rows at a time.

Exact: time grows with the square of the documents, memory does not. What is found are bare numbers;
``neighbours`` makes candidates of them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from ..text.terms import Mask
from .groups import Group, Rows, Vectors

DECIMALS = 5  # kept of a fused similarity before comparing, so that noise decides nothing
BLOCK_PAIRS = 1 << 23  # pairs compared at once: 32 MiB, and up to four times that in between


@dataclass(frozen=True, slots=True)
class Found:
    """The nearest targets of some documents of a group.

    ``places``: (p,) the documents. ``columns``: (p, depth) indices into the group's targets, best first,
    -1 where there are no more. ``semantic`` and ``lexical``: (p, depth) float32, the two parts, whose sum
    is the fused similarity; see ``measure_nearness`` for what they are ordered by.
    """

    places: Rows
    columns: npt.NDArray[np.int32]
    semantic: Vectors
    lexical: Vectors

    def head(self, depth: int) -> "Found":
        """Return the first ``depth`` of each document's."""
        first = slice(depth)
        return Found(self.places, self.columns[:, first], self.semantic[:, first], self.lexical[:, first])

    def take(self, slots: Rows) -> "Found":
        """Return what stands in ``slots``, (p, any number), for each document."""
        return Found(
            self.places,
            np.take_along_axis(self.columns, slots, axis=1),
            np.take_along_axis(self.semantic, slots, axis=1),
            np.take_along_axis(self.lexical, slots, axis=1),
        )


def measure_nearness(group: Group, found: Found) -> Vectors:
    """Return the fused similarity of each pair, less half of what is usual for each of the two.

    Documents that are near to everything would be in all lists. Half, so that what is like few others does
    not become like those: the mean of the plain similarity and of the one that is centred for both, after
    Hara et al., "Localized centering: reducing hubness in large-sample data" (2015).
    """
    usual = group.usual[found.places][:, None] + group.usual[group.targets[found.columns]]
    nearness: Vectors = (found.semantic + found.lexical - usual / 2).astype(np.float32)
    return nearness


def find_nearest(
    group: Group, places: Rows, depth: int, allowed: Mask | None = None, *, block_pairs: int = BLOCK_PAIRS
) -> Found:
    """Return the ``depth`` nearest targets of each of ``places``, of the ``allowed`` ones if given."""
    depth = min(depth, len(group.targets))
    columns = np.full((len(places), depth), -1, np.int32)
    parts = np.zeros((2, len(places), depth), np.float32)
    size = max(1, block_pairs // max(1, len(group.targets)))
    usual = group.usual[group.targets] / 2  # that of the document itself changes none of its lists
    for start in range(0, len(places) if depth else 0, size):
        block = places[start : start + size]
        semantic, lexical = group.compare(block)
        semantic += lexical
        semantic -= usual
        _exclude(semantic, group, block, allowed)
        rows, chosen, slots = select_best(semantic, group.order, depth)
        columns[start + rows, slots] = chosen
        parts[1, start + rows, slots] = lexical[rows, chosen]
        parts[0, start + rows, slots] = semantic[rows, chosen] + usual[chosen] - lexical[rows, chosen]
    return Found(places, columns, parts[0], parts[1])


def _exclude(fused: Vectors, group: Group, places: Rows, allowed: Mask | None) -> None:
    """Put out of reach what may not be a candidate: the document itself, what is blocked or out of reach."""
    if allowed is not None:
        fused[:, ~allowed] = -np.inf
    group.reach.exclude(fused, places, group.targets, group.dates)
    targets = group.rows[group.targets]
    for index, row in enumerate(group.rows[places].tolist()):
        unwanted = np.array([row, *group.blocked.get(row, ())])
        columns = np.searchsorted(targets, unwanted)
        columns[columns == len(targets)] = 0
        fused[index, columns[targets[columns] == unwanted]] = -np.inf


def select_best(fused: Vectors, order: Rows, depth: int) -> tuple[Rows, Rows, Rows]:
    """Return the row, the column and the slot of the ``depth`` greatest finite values of each row.

    Values are rounded to ``DECIMALS``; of equal ones the column of smallest ``order`` comes first.
    Exact: at least ``depth`` values reach the ``depth``-th greatest maximum of disjoint sets of
    columns, so what is below that maximum cannot be among the ``depth`` best.
    """
    maxima = _find_maxima(fused, depth)
    lowest = np.partition(maxima, maxima.shape[1] - depth, axis=1)[:, maxima.shape[1] - depth]
    margin = np.float32(2 * 10.0**-DECIMALS)
    rows, columns = np.nonzero(fused >= (lowest - margin)[:, None])
    values = fused[rows, columns].astype(np.float64)
    finite = np.isfinite(values)
    rows, columns, values = rows[finite], columns[finite], np.round(values[finite], DECIMALS)
    ranked = np.lexsort((order[columns], -values, rows))
    rows, columns = rows[ranked], columns[ranked]
    slots = np.arange(len(rows)) - np.searchsorted(rows, rows)
    kept = slots < depth
    return rows[kept], columns[kept], slots[kept]


def _find_maxima(fused: Vectors, depth: int) -> Vectors:
    """Return the maxima of disjoint sets of columns, at least ``depth`` sets."""
    count = fused.shape[1]
    width = count // (8 * depth)
    if width < 2:
        return fused
    sets = count // width
    whole = fused[:, : sets * width].reshape(len(fused), width, sets).max(axis=1)
    return np.concatenate((whole, fused[:, sets * width :]), axis=1)
