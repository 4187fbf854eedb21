"""Lay out the map: posts close in meaning are close on the map, and keep their places.

t-SNE (van der Maaten and Hinton 2008) started from the two strongest principal components, as Kobak
and Berens (2019) advise for a layout that keeps the global shape.
"""

import math
from collections.abc import Mapping, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_array
from scipy.sparse.linalg import svds
from scipy.spatial import cKDTree
from sklearn.decomposition import PCA
from sklearn.manifold import TSNE
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

Floats = npt.NDArray[np.float64]
Positions = npt.NDArray[np.float32]

FRESH_SHARE = 0.3  # with more new posts than this, the layout is computed again
DRIFT = 0.01  # maximum move of the median post when a map is updated, in widths of the map
PERPLEXITY = 20.0  # about how many neighbours a post is held to
SMALL_PERPLEXITY = 6.0  # the same on small blogs, whose topics are small as well
SMALLEST_TSNE = 12  # posts; fewer have too few neighbours for t-SNE, principal components do
MOST_STRETCH = 1.5  # of one side against the other, to use the space there is
WORD_SHARE = (
    0.25  # of the words in what the map is drawn from: names and rare words that a model does not know
)
WORD_DIMENSIONS = 64  # of the vectors of a map that is drawn from words
COMPONENTS = 50  # directions of the vectors that t-SNE sees; the rest is mostly noise
TSNE_SPREAD = 1.1  # RMS radius of a finished t-SNE layout over sqrt(n), measured for n from 100 to 2,000
NEIGHBORS = 5  # known posts that say where a new one goes
CLOSEST = 16  # points that push a point away; all points of a pile together would throw it off the map
BLOCK = 1 << 22  # similarities of new and known posts held at once: 32 MiB
DECIMALS = 4  # positions are rounded to this, in memory as in the cache


def lay_out(
    vectors: npt.NDArray[np.float32], previous: Mapping[str, tuple[float, float]], keys: Sequence[str]
) -> Positions:
    """Return a place in the unit square for every row of ``vectors``.

    The same arguments give the same result. Posts that have a place in ``previous`` stay near it: the
    median of them moves by about ``DRIFT`` at most, unless more than ``FRESH_SHARE`` of the posts are new.

    Args:
        vectors: (n, dim) float32, rows of unit length or zero.
        previous: Places in the unit square by key; keys of posts that are gone do no harm.
        keys: The n posts' keys, in the order of the rows.

    Returns:
        (n, 2) float32, every value from 0 to 1, rounded to four decimals.
    """
    points = np.asarray(vectors, dtype=np.float64)
    known, places = _look_up(previous, keys)
    if len(points) == 0:
        return np.zeros((0, 2), dtype=np.float32)
    if known.sum() >= max(3, (1 - FRESH_SHARE) * len(keys)):
        positions = _update(points, known, places)
    else:
        positions = _fit_square(_arrange(points))
        if known.sum() >= 3:
            positions = _fit_square(_turn_onto(positions, places, known))
    return _keep_inside(_separate(positions)).round(DECIMALS).astype(np.float32)


def condense_terms(terms: csr_array) -> npt.NDArray[np.float32]:
    """Return (n, dim) unit rows made of (n, t) tf-idf weights: their strongest directions.

    Deerwester et al., "Indexing by latent semantic analysis" (1990).
    """
    if min(terms.shape) <= WORD_DIMENSIONS:
        return np.asarray(terms.toarray(), dtype=np.float32)
    with threadpool_limits(1):  # threads add up in any order
        left, sizes, _ = svds(terms.astype(np.float64), WORD_DIMENSIONS, v0=np.ones(min(terms.shape)))
    vectors = left * sizes
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(vectors / lengths, dtype=np.float32)


def join_terms(vectors: npt.NDArray[np.float32], terms: csr_array) -> npt.NDArray[np.float32]:
    """Return (n, dim) rows whose products are those of the vectors and of the terms, ``WORD_SHARE`` of these.

    Args:
        vectors: (n, d) float32, rows of unit length or zero; where all are zero, the words decide alone.
        terms: (n, t) tf-idf weights.
    """
    words = condense_terms(terms)
    if not vectors.any():
        return words
    parts = [math.sqrt(1 - WORD_SHARE) * vectors, math.sqrt(WORD_SHARE) * words]
    return np.hstack(parts).astype(np.float32)


def _look_up(
    previous: Mapping[str, tuple[float, float]], keys: Sequence[str]
) -> tuple[npt.NDArray[np.bool_], Floats]:
    """Return which posts have a usable place already, and the (n, 2) places, 0.5 where there is none."""
    places = np.array([previous.get(key, (math.nan, math.nan)) for key in keys], dtype=np.float64)
    places = places.reshape(len(keys), 2)
    known = np.all((places >= 0) & (places <= 1), axis=1)
    return known, np.where(known[:, None], places, 0.5)


def _arrange(points: Floats) -> Floats:
    """Return a new (n, 2) layout of any size."""
    start = _principal_plane(points)
    if len(points) < SMALLEST_TSNE or np.ptp(points, axis=0).max() < 1e-6:
        return start
    # The scale at which t-SNE should start, so that the first steps are free to unfold it.
    return _run_tsne(points, 1e-4 * start / start[:, 0].std(), exaggeration=12.0)


def _principal_plane(points: Floats) -> Floats:
    """Return the (n, 2) coordinates of strongest variance, equal points a hair apart."""
    spiral = _spiral(len(points))
    if len(points) < 3 or np.ptp(points, axis=0).max() < 1e-6:
        return spiral if len(points) > 2 else np.array([[-1.0, 0.0], [1.0, 0.0]])[: len(points)]
    return _reduce(points, 2) + spiral * 1e-6


def _reduce(points: Floats, components: int) -> Floats:
    count = min(components, *points.shape)
    reduced = PCA(count, svd_solver="full").fit_transform(points)
    return np.pad(reduced, ((0, 0), (0, max(0, 2 - count))))


def _spiral(n: int) -> Floats:
    """Return (n, 2) points spread evenly over the unit disc, as seeds in a sunflower (Vogel 1979)."""
    steps = np.arange(n) + 0.5
    angle = steps * math.pi * (3 - math.sqrt(5))
    radius = np.sqrt(steps / max(n, 1))
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle)])


def choose_perplexity(count: int) -> float:
    """Return about how many neighbours a post is held to, on a blog of so many: no more than a topic has."""
    return min(PERPLEXITY, max(3.0, min(SMALL_PERPLEXITY, count / 5), count / 10))


def _run_tsne(points: Floats, start: Floats, exaggeration: float) -> Floats:
    n = len(points)
    tsne = TSNE(
        perplexity=choose_perplexity(n),
        init=start.astype(np.float32),
        early_exaggeration=exaggeration,
        random_state=0,
    )
    # Threads add up in any order, and t-SNE turns the last bit into another map.
    with threadpool_limits(1):
        result = tsne.fit_transform(_reduce(points, COMPONENTS).astype(np.float32))
    return np.asarray(result, dtype=np.float64)


def _fit_square(positions: Floats) -> Floats:
    """Move and scale ``positions`` to fill the unit square, stretching the shorter side a little."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    spans = high - low
    if spans.max() == 0:
        return np.full_like(positions, 0.5)
    return np.asarray((positions - (low + high) / 2) / np.maximum(spans, spans.max() / MOST_STRETCH) + 0.5)


def _update(points: Floats, known: npt.NDArray[np.bool_], places: Floats) -> Floats:
    """Put new posts beside their nearest known ones, then let all drift a little towards a better map."""
    start = _place_new(points, known, places)
    if len(points) < SMALLEST_TSNE or np.ptp(points, axis=0).max() < 1e-6:
        return start
    centred = start - start.mean(axis=0)
    radius = math.sqrt(float((centred**2).sum(axis=1).mean())) or 1.0
    scale = TSNE_SPREAD * math.sqrt(len(points)) / radius
    better = _run_tsne(points, centred * scale, exaggeration=1.0)
    moves = _turn_onto(better, start, known) - start
    typical = float(np.median(np.linalg.norm(moves[known], axis=1)))
    # A whole step whenever that is small; else part of one, so that many builds add up to it.
    stepped = start + moves * min(1.0, DRIFT / max(typical, 1e-9))
    return _turn_onto(stepped, start, known)


def _place_new(points: Floats, known: npt.NDArray[np.bool_], places: Floats) -> Floats:
    """Return ``places`` with every new post at the weighted mean of its nearest known posts."""
    placed = places.copy()
    fresh = np.flatnonzero(~known)
    old_points, old_places = points[known], places[known]
    for rows in np.array_split(fresh, 1 + len(fresh) * len(old_points) // BLOCK):
        scores = points[rows] @ old_points.T
        nearest = np.argsort(-scores, axis=1, kind="stable")[:, :NEIGHBORS]
        top = np.take_along_axis(scores, nearest, axis=1)
        # So steep that a post between two clusters joins one of them and does not float in the middle.
        weights = np.exp(25 * (top - top[:, :1]))
        weights /= weights.sum(axis=1, keepdims=True)
        placed[rows] = (weights[:, :, None] * old_places[nearest]).sum(axis=1)
    return placed


def _turn_onto(positions: Floats, target: Floats, known: npt.NDArray[np.bool_]) -> Floats:
    """Turn, mirror, scale and move ``positions`` so that the known ones fit ``target`` (Procrustes)."""
    source_mean, target_mean = positions[known].mean(axis=0), target[known].mean(axis=0)
    source, wanted = positions[known] - source_mean, target[known] - target_mean
    left, _, right = np.linalg.svd(source.T @ wanted)
    size, wanted_size = float((source**2).sum()), float((wanted**2).sum())
    if size < 1e-18 or wanted_size < 1e-18:
        return positions
    # The ratio of sizes and not the least squares, which would shrink the map a little at every build.
    return np.asarray(
        (positions - source_mean) @ (left @ right) * math.sqrt(wanted_size / size) + target_mean
    )


def _separate(positions: Floats) -> Floats:
    """Push apart points that would cover each other, so that each can be seen and clicked."""
    least = min(0.012, 0.2 / math.sqrt(len(positions)))
    moved = positions + _spiral(len(positions)) * 1e-6
    for _ in range(30):
        pairs = _find_close(moved, least * 0.98)
        if len(pairs) == 0:
            break
        gaps = moved[pairs[:, 0]] - moved[pairs[:, 1]]
        lengths = np.maximum(np.linalg.norm(gaps, axis=1, keepdims=True), 1e-9)
        pushes = gaps / lengths * (least - lengths) / 2
        np.add.at(moved, pairs[:, 0], pushes)
        np.add.at(moved, pairs[:, 1], -pushes)
    return moved


def _find_close(points: Floats, distance: float) -> npt.NDArray[np.intp]:
    """Return (pairs, 2) rows of points nearer than ``distance``: of each point the ``CLOSEST`` at most."""
    _, near = cKDTree(points).query(points, k=CLOSEST + 1, distance_upper_bound=distance)
    first = np.repeat(np.arange(len(points)), CLOSEST + 1)
    second = near.reshape(-1)
    found = (second < len(points)) & (second != first)  # a missing neighbour has the number of points
    # The greater number first while they are sorted: sums are added up in the order of the second points.
    pairs = np.sort(np.column_stack([first, second])[found], axis=1)[:, ::-1]
    return np.unique(pairs, axis=0)[:, ::-1]


def _keep_inside(positions: Floats) -> Floats:
    """Shrink and move the layout by as little as it takes to lie within the unit square."""
    low, high = positions.min(axis=0), positions.max(axis=0)
    span = float((high - low).max())
    if span > 1:
        return np.asarray(np.clip((positions - (low + high) / 2) / span + 0.5, 0, 1))
    return np.asarray(np.clip(positions + np.maximum(-low, 0) - np.maximum(high - 1, 0), 0, 1))
