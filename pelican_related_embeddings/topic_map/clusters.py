"""Find the topics of a map: clusters at two levels, the finer ones inside the coarser ones."""

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import linkage
from sklearn.cluster import KMeans
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Ids = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

SMALLEST_SPLIT = 8  # posts; a smaller blog is one cluster
SMALLEST = 3  # posts; a smaller coarse cluster joins the nearest one
NEIGHBORS = 5  # posts that a post is linked to when splits are judged, the nearer the more strongly
LARGEST, LARGEST_SHARE = 20, 0.15  # posts, and share of all; a coarse cluster of more than both is split
MOST_COARSE = 24  # more names than this cannot be taken in at a glance
MOST_FINE = 160
FINE_SIZE = (
    14  # posts; a fine cluster of more is split, on a blog that has no more than ``MOST_FINE`` of them
)
SOFTER = 0.8  # how much less a link by chance counts, each time there are too many clusters
# Ward's method needs the square of this in memory. More posts are first gathered into this many groups.
MOST_POINTS = 1_800
BLOCK = 256  # points whose distances to all are held at once


def find_clusters(
    positions: npt.NDArray[np.float32], vectors: npt.NDArray[np.float32] | None = None
) -> tuple[Ids, Ids]:
    """Return the coarse and the fine cluster of every post, numbered from 0.

    Ward's method on the map, so that a cluster is something one can see. Its tree is cut where the clusters
    have the greatest modularity (Newman and Girvan 2004) in the graph that links each post to its
    ``NEIGHBORS`` nearest: a cluster is split while each part has its neighbours among its own, more than by
    chance, or while it is larger than a topic should be. Coarse clusters are numbered by size, the largest
    first; every fine cluster lies in one coarse one. Posts on a map of more than ``MOST_POINTS`` are in the
    clusters of the groups that k-means puts them in.

    Args:
        positions: (n, 2) floats.
        vectors: (n, dim) floats, which say what posts are near each other; by default the positions.
    """
    places = np.asarray(positions, dtype=np.float64)
    groups, points = _gather(places)
    if len(points) < SMALLEST_SPLIT:
        return np.zeros(len(groups), dtype=np.intp), np.zeros(len(groups), dtype=np.intp)
    contents = places if vectors is None else np.asarray(vectors, dtype=np.float64)
    tree = linkage(points, "ward")
    coarse, fine = _cut(tree, _find_nearest(_average(contents, groups, len(points))))
    coarse = _join_small(coarse, points)
    fine = np.unique(np.column_stack([coarse, fine]), axis=0, return_inverse=True)[1].reshape(-1)
    return _number_by_size(coarse[groups]), _number_by_size(fine[groups])


def _gather(positions: Floats) -> tuple[Ids, Floats]:
    """Return the group of every post, and the (groups, 2) middles of at most ``MOST_POINTS`` groups."""
    if len(positions) <= MOST_POINTS:
        return np.arange(len(positions)), positions
    places, at = np.unique(positions, axis=0, return_inverse=True)
    at = at.reshape(-1)
    if len(places) <= MOST_POINTS:
        return at, places
    # Threads add up in any order, and the last bit of a sum decides which group a post is in.
    with threadpool_limits(1):
        found = KMeans(MOST_POINTS, n_init=1, random_state=0).fit(places)
    return np.asarray(found.labels_[at], dtype=np.intp), np.asarray(found.cluster_centers_)


def _average(vectors: Floats, groups: Ids, count: int) -> Floats:
    """Return (count, dim): the mean vector of each group."""
    if len(vectors) == count:
        return vectors
    sums = np.zeros((count, vectors.shape[1]))
    np.add.at(sums, groups, vectors)
    return sums / np.maximum(np.bincount(groups, minlength=count), 1)[:, None]


def _find_nearest(vectors: Floats) -> Ids:
    """Return (n, k): the rows nearest to each row."""
    squares = (vectors**2).sum(axis=1)
    count = min(NEIGHBORS, len(vectors) - 1)
    nearest = np.empty((len(vectors), count), dtype=np.intp)
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        with threadpool_limits(1):
            apart = squares[rows, None] + squares - 2 * vectors[rows] @ vectors.T
        apart[np.arange(len(rows)), rows] = np.inf
        # Rounded so that the last bit of a sum does not choose among equal ones.
        nearest[rows] = np.argsort(apart.round(9), axis=1, kind="stable")[:, :count]
    return nearest


def _cut(tree: Floats, nearest: Ids) -> tuple[Ids, Ids]:
    """Return the coarse and the fine cluster of each point, as numbers of nodes of the tree."""
    children = tree[:, :2].astype(np.intp)
    inside, volume = _count_links(children, nearest)
    size, sizes = len(nearest), tree[:, 3]
    huge = sizes > max(LARGEST, LARGEST_SHARE * size)
    chance = 1.0
    while True:
        split = _choose_splits(children, inside / volume[-1] - chance * (volume / volume[-1]) ** 2)
        coarse = _descend(children, split | huge)
        if len(np.unique(coarse)) <= MOST_COARSE or chance < 0.01:
            break
        chance *= SOFTER
    large = sizes > max(FINE_SIZE, 2 * size / MOST_FINE)
    return coarse, _descend(children, split | huge | large)


def _count_links(children: Ids, nearest: Ids) -> tuple[Floats, Floats]:
    """Return for each node of the tree twice the links within it, and the ends of links that it has.

    A link counts by one over the root of the neighbour's rank.
    """
    size, count = nearest.shape
    weights = np.tile(np.arange(1, count + 1) ** -0.5, size)
    parents = np.full(2 * size - 1, 2 * size - 1, dtype=np.intp)
    parents[children.reshape(-1)] = np.repeat(np.arange(size, 2 * size - 1), 2)
    inside, volume = np.zeros(2 * size - 1), np.zeros(2 * size - 1)
    first, second = np.repeat(np.arange(size), count), nearest.reshape(-1).copy()
    volume[:size] = np.bincount(first, weights, size) + np.bincount(second, weights, size)
    # Up the tree, the lower of both ends first, until they meet: a parent has a greater number.
    while (apart := first != second).any():
        lower = apart & (first < second)
        upper = apart & (first > second)
        first[lower] = parents[first[lower]]
        second[upper] = parents[second[upper]]
    np.add.at(inside, first, 2 * weights)
    for node, (left, right) in enumerate(children, start=size):
        inside[node] += inside[left] + inside[right]
        volume[node] = volume[left] + volume[right]
    return inside, volume


def _choose_splits(children: Ids, worth: Floats) -> npt.NDArray[np.bool_]:
    """Return which merges of the tree to undo, so that the clusters are worth most together."""
    best = worth.copy()
    split = np.zeros(len(children), dtype=np.bool_)
    for at, (left, right) in enumerate(children):
        node = at + len(children) + 1
        parts = best[left] + best[right]
        split[at] = parts > best[node] + 1e-9
        best[node] = max(parts, best[node])
    return split


def _descend(children: Ids, split: npt.NDArray[np.bool_]) -> Ids:
    """Return the node that each point is in, when merges that are ``split`` are undone, from the top down."""
    size = len(children) + 1
    nodes = np.arange(2 * size - 1)
    top = np.ones(2 * size - 1, dtype=np.bool_)
    for at in range(size - 2, -1, -1):
        node = at + size
        undone = bool(top[node] and split[at])
        for child in children[at]:
            top[child] = undone
            if not undone:
                nodes[child] = nodes[node]
    return nodes[:size]


def _join_small(labels: Ids, points: Floats) -> Ids:
    """Return the labels with clusters of fewer than ``SMALLEST`` points joined to the nearest larger ones."""
    numbers, inverse, sizes = np.unique(labels, return_inverse=True, return_counts=True)
    large = np.flatnonzero(sizes >= SMALLEST)
    if len(large) in (0, len(numbers)):
        return labels
    middles = _average(points, inverse.reshape(-1), len(numbers))
    apart = np.linalg.norm(points[:, None] - middles[large], axis=2)
    small = sizes[inverse.reshape(-1)] < SMALLEST
    return np.where(small, numbers[large[apart.argmin(axis=1)]], labels)


def _number_by_size(labels: Ids) -> Ids:
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(len(sizes), dtype=np.intp)
    ranks[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return np.asarray(ranks[inverse.reshape(-1)])
