"""Find the topics of a map: clusters at two levels, the finer ones inside the coarser ones."""

import math

import numpy as np
import numpy.typing as npt
from scipy.cluster.hierarchy import cut_tree, linkage
from sklearn.cluster import KMeans
from sklearn.metrics import silhouette_score
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Ids = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

SMALLEST_SPLIT = 8  # posts; a smaller blog is one cluster
MOST_COARSE = 24  # more names than this cannot be taken in at a glance
MOST_FINE = 160
FINE_SIZE = 9  # posts that a fine cluster holds, about
# Ward's method needs the square of this in memory. More posts are first gathered into this many groups; it is
# also the size from which on a blog has ``MOST_COARSE`` and ``MOST_FINE`` clusters.
MOST_POINTS = 1_800


def find_clusters(positions: npt.NDArray[np.float32]) -> tuple[Ids, Ids]:
    """Return the coarse and the fine cluster of every post, numbered from 0.

    Ward's method on the map, so that a cluster is something one can see; the number of clusters is
    the one with the best silhouette (Rousseeuw 1987) in a range that suits the number of posts.
    Coarse clusters are numbered by size, the largest first; every fine cluster lies in one coarse one.
    Posts on a map of more than ``MOST_POINTS`` are in the clusters of the groups that k-means puts them in.

    Args:
        positions: (n, 2) floats.
    """
    groups, points = _gather(np.asarray(positions, dtype=np.float64))
    size = len(points)
    if size < SMALLEST_SPLIT:
        return np.zeros(len(groups), dtype=np.intp), np.zeros(len(groups), dtype=np.intp)
    tree = linkage(points, "ward")
    root = math.sqrt(size)
    coarse = _cut_best(tree, points, max(2, round(root / 2.2)), min(MOST_COARSE, max(2, round(root / 1.4))))
    fewest = max(int(coarse.max()) + 1, round(0.8 * size / FINE_SIZE))
    fine = _cut_best(tree, points, fewest, max(fewest, min(MOST_FINE, round(1.2 * size / FINE_SIZE))))
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


def _cut_best(tree: Floats, points: Floats, fewest: int, most: int) -> Ids:
    counts = range(fewest, max(fewest, most) + 1, max(1, (most - fewest) // 12))
    cuts = cut_tree(tree, n_clusters=list(counts))
    # The first of equal ones; rounded so that the last bit of a sum does not choose.
    scores = [_score_cut(points, cuts[:, column]) for column in range(cuts.shape[1])]
    return np.asarray(cuts[:, scores.index(max(scores))], dtype=np.intp)


def _score_cut(points: Floats, labels: Ids) -> float:
    if not 2 <= len(np.unique(labels)) < len(points):
        return 0.0
    return round(float(silhouette_score(points, labels)), 6)


def _number_by_size(labels: Ids) -> Ids:
    _, first, inverse, sizes = np.unique(labels, return_index=True, return_inverse=True, return_counts=True)
    ranks = np.empty(len(sizes), dtype=np.intp)
    ranks[np.lexsort((first, -sizes))] = np.arange(len(sizes))
    return np.asarray(ranks[inverse.reshape(-1)])
