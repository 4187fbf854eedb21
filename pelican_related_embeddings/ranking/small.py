"""Refuse pairs whatever their score: on blogs of few posts, and between posts of few words.

Between ``groups`` and ``neighbours``. A score compares with chance. But of fourteen other posts, five are
rarely all related, even if each is closer than chance gives; and short posts share words by accident.
"""

from dataclasses import replace
from functools import cache
from math import log

import numpy as np

from ..text.terms import Mask, find_columns
from .groups import Group, Vectors
from .nearest import Found

FEWEST_POSTS = 4  # of three, each pair is exactly as near as is usual for the two
LEAST_NEAR = 0.21  # standard deviations, for each factor of e of the posts; more refuse more on and off topic
CLOSEST = 10  # of a post that speak for it; 3 and 5 do as well
FEW_TERMS = 60  # different terms; a document of fewer is short
LEAST_MEANING = 1.0  # standard deviations of the cosine, between posts of few terms
LEAST_LABELLED = 0.0  # the same if they share a label; not lower, since "hello" can be one


def mark_close(group: Group) -> Group:
    """Return the group with its ``close`` pairs if the blog is young."""
    return replace(group, close=find_close(group)) if group.youth else group


def find_close(group: Group) -> Mask:
    """Return which targets are close to each document of a group: (m, t) bool.

    C is how much nearer two are than either usually is to others, and P has the ``CLOSEST`` of each document:
    C where it is positive, over the sum. Close are those with C + (P C + C P) / 2 of at least ``LEAST_NEAR``
    times ln t times the youth: close to each other, or to each other's neighbours (compare
    ``order.compare_neighbours``). The logarithm, since the nearest of more posts is nearer by chance.
    """
    semantic, lexical = group.compare(np.arange(len(group.rows)))
    above: Vectors = semantic + lexical - group.usual[:, None] - group.usual[group.targets]
    above[group.targets, np.arange(len(group.targets))] = 0
    near = np.maximum(above, 0)
    weights = near.copy()
    np.put_along_axis(weights, np.argsort(-near, axis=1, kind="stable")[:, CLOSEST:], 0, axis=1)
    weights /= np.maximum(weights.sum(axis=1, keepdims=True), np.finfo(np.float32).tiny)
    shared = (weights @ near[group.targets] + near @ weights[group.targets].T) / 2
    least = LEAST_NEAR * log(max(1, len(group.targets))) * group.youth
    close: Mask = np.round(above + shared, 5) >= least
    return close


def is_far(group: Group, found: Found) -> Mask:
    """Whether pairs are not close, on a blog of few posts."""
    if group.close is None:
        return np.zeros(found.columns.shape, np.bool_)
    far: Mask = ~group.close[found.places[:, None], found.columns]
    return far


def is_accident(group: Group, found: Found) -> Mask:
    """Whether pairs with a short post are neither close in meaning nor above average and share a label.

    Labels are titles and, of posts of few words, tags, category, summary and links. Nothing is known of the
    meaning of a document without a vector, so none of its pairs is an accident.
    """
    sources, targets = found.places[:, None], group.targets[found.columns]
    few, known = group.terms.sizes < FEW_TERMS, ~group.missing
    doubtful = (few[sources] | few[targets]) & known[sources] & known[targets]
    meaning = found.semantic / (group.semantic.share or 1)
    doubtful &= (meaning < LEAST_MEANING) & (found.columns >= 0) & (group.semantic.factor > 0)
    rows, slots = np.nonzero(doubtful & (meaning >= LEAST_LABELLED))
    read_labels = cache(lambda place: _read_labels(group, place))
    pairs = zip(found.places[rows].tolist(), targets[rows, slots].tolist(), strict=True)
    doubtful[rows, slots] = [read_labels(one).isdisjoint(read_labels(other)) for one, other in pairs]
    return doubtful


def _read_labels(group: Group, place: int) -> set[int]:
    """Return the terms that label a document, except those of too many documents."""
    labels = group.documents[place].list_labels()
    counted = find_columns(labels, group.terms.hashes)[1]
    return set(labels[counted].tolist()) - group.terms.common
