"""Which pairs may not be shown whatever they score, on blogs of few posts and between posts of few words.

Between ``groups`` and ``neighbours``. A score asks what chance gives: of fourteen other posts five cannot all
be related, though each may be nearer than that; and two posts of few words share one by accident.
"""

from dataclasses import replace
from functools import cache

import numpy as np

from ..text.terms import Mask, find_columns
from .groups import Group, Vectors
from .nearest import Found

FEWEST_POSTS = 4  # of three, each pair is exactly as near as is usual for the two
FEW_POSTS = 200  # of more, hardly a pair is refused that was to be shown
LEAST_NEAR = 0.5  # standard deviations; from 0.3 to 0.7, more are on topic and fewer are found
CLOSEST = 10  # of a post that speak for it; 3 and 5 do as well
FEW_TERMS = 60  # different ones
LEAST_MEANING = 0.5  # standard deviations of the cosine, between posts of few terms


def mark_close(group: Group) -> Group:
    """Return the group with its ``close`` pairs if it has few documents."""
    return replace(group, close=find_close(group)) if len(group.targets) <= FEW_POSTS else group


def find_close(group: Group) -> Mask:
    """Return which targets are close to each document of a group: (m, t) bool.

    C is how much nearer two are than either usually is to others, and P has the ``CLOSEST`` of each document:
    C where it is positive, over the sum. Close are those with C + (P C + C P) / 2 of ``LEAST_NEAR`` or more:
    near to one another, or each near to what is near to the other; see ``order.compare_neighbours``.
    """
    semantic, lexical = group.compare(np.arange(len(group.rows)))
    above: Vectors = semantic + lexical - group.usual[:, None] - group.usual[group.targets]
    above[group.targets, np.arange(len(group.targets))] = 0
    near = np.maximum(above, 0)
    weights = near.copy()
    np.put_along_axis(weights, np.argsort(-near, axis=1, kind="stable")[:, CLOSEST:], 0, axis=1)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    shared = (weights @ near[group.targets] + near @ weights[group.targets].T) / 2
    close: Mask = np.round(above + shared, 5) >= LEAST_NEAR
    return close


def is_far(group: Group, found: Found) -> Mask:
    """Whether pairs are not close, on a blog of few posts."""
    if group.close is None:
        return np.zeros(found.columns.shape, np.bool_)
    far: Mask = ~group.close[found.places[:, None], found.columns]
    return far


def is_accident(group: Group, found: Found) -> Mask:
    """Whether pairs, one of few terms, are near neither in meaning nor by a word that labels both.

    Labels are titles and, of posts of few words, tags, category, summary and links. Nothing is known of the
    meaning of a document without a vector, so none of its pairs is an accident.
    """
    sources, targets = found.places[:, None], group.targets[found.columns]
    few, known = group.terms.sizes < FEW_TERMS, ~group.missing
    doubtful = (few[sources] | few[targets]) & known[sources] & known[targets]
    doubtful &= found.semantic < LEAST_MEANING * group.semantic.share
    doubtful &= (found.columns >= 0) & (group.semantic.factor > 0)
    rows, slots = np.nonzero(doubtful)
    read_labels = cache(lambda place: _read_labels(group, place))
    pairs = zip(found.places[rows].tolist(), targets[rows, slots].tolist(), strict=True)
    doubtful[rows, slots] = [read_labels(one).isdisjoint(read_labels(other)) for one, other in pairs]
    return doubtful


def _read_labels(group: Group, place: int) -> set[int]:
    """Return the terms that label a document, but for those of too many documents to tell anything."""
    labels = group.documents[place].list_labels()
    counted = find_columns(labels, group.terms.hashes)[1]
    return set(labels[counted].tolist()) - group.terms.common
