"""Rank every document's neighbours by the similarity of vectors and of terms together.

Knows nothing of models, of text or of Pelican.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import overload

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import TermCounts
from .score import Calibration, average_evidence, fit_calibration, weigh_evidence
from .selection import Candidate
from .shared_terms import find_reasons
from .term_weights import TermMatrix, recurring_blocks, weigh_terms

DECIMALS = 5  # what is left of a fused similarity before comparing, so that noise decides nothing
BLOCK_PAIRS = 1 << 23  # pairs compared at once: 32 MiB, and up to four times that in between
MATERIAL_ROWS = 1024  # documents whose candidates are made into objects at once
SAMPLE_ROWS, SAMPLE_COLUMNS = 1024, 2048  # documents whose pairs stand for all pairs of a larger site
SMALLEST_SPREAD = 1e-4  # a standard deviation below this is rounding noise: the documents are all alike
TWIN_SHARE = 0.8  # of all terms of two documents in both: near-duplicates (Broder's resemblance)
TWIN_COSINE = 0.99  # the same for documents without terms

NO_CALIBRATION = Calibration(0.0, 0.0, 0)

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True)
class Scale:
    """How one similarity enters the fused one: as ``factor`` x (value - ``mean``).

    ``factor`` is ``share``, its weight in the fusion, over the standard deviation; 0 if all are alike.
    """

    mean: float
    factor: float
    share: float


@dataclass(frozen=True, slots=True)
class Found:
    """The best candidates of some documents.

    ``columns``: (rows, depth) places among the group's candidates, best first, -1 where there are no
    more. ``semantic`` and ``lexical``: (rows, depth) float32, the two parts, whose sum is the fused
    similarity.
    """

    columns: npt.NDArray[np.int32]
    semantic: Vectors
    lexical: Vectors

    def take(self, rows: Rows) -> "Found":
        """Return the candidates of some of the documents."""
        return Found(self.columns[rows], self.semantic[rows], self.lexical[rows])


@dataclass(frozen=True, eq=False)
class Group:
    """The documents of one language, and all that comparing them takes.

    ``rows``: (m,) the site's rows, ascending. ``targets``: (t,) places in ``rows`` of the published
    ones, which alone may be candidates; ``order``: (t,) the tie rank of each. ``vectors``: (m, dim) and
    ``terms``: (m, terms), with those of the targets beside them, the latter transposed.
    ``familiarity``: (m,) float32, the coverage of each document against the usual one.
    """

    rows: Rows
    targets: Rows
    order: Rows
    vectors: Vectors
    target_vectors: Vectors
    missing: Mask
    terms: TermMatrix
    target_weights: sparse.csr_array
    familiarity: Vectors
    semantic: Scale = Scale(0.0, 1.0, 1.0)
    lexical: Scale = Scale(0.0, 1.0, 1.0)
    calibration: Calibration = NO_CALIBRATION

    def compare(self, places: Rows) -> tuple[Vectors, Vectors]:
        """Return the two parts, semantic and lexical, of ``places`` against all targets."""
        return self._compare_vectors(places), self._compare_terms(places)

    def _compare_vectors(self, places: Rows) -> Vectors:
        scale = self.semantic
        if not scale.factor:
            return np.zeros((len(places), len(self.targets)), np.float32)
        values: Vectors = np.multiply(self.vectors[places], scale.factor, dtype=np.float32)
        values = values @ self.target_vectors.T
        values -= np.float32(scale.factor * scale.mean)
        if self.missing.any():
            # Nothing is known of a document without a vector: it is as similar as the average.
            values[self.missing[places]] = 0
            values[:, self.missing[self.targets]] = 0
        return values

    def _compare_terms(self, places: Rows) -> Vectors:
        scale = self.lexical
        if not scale.factor:
            return np.zeros((len(places), len(self.targets)), np.float32)
        factor = np.float32(scale.factor)
        values: Vectors = ((self.terms.rows[places] * factor) @ self.target_weights).toarray()
        values -= factor * np.float32(scale.mean)
        return values


@dataclass(frozen=True, eq=False)
class Ranking:
    """The candidates of every document of a site, and the means to find more.

    ``candidates[row]`` are a document's best candidates, best first, made into objects when asked for.
    ``duplicates`` are pairs of rows whose documents are nearly the same text, the lower row first.
    """

    vectors: Vectors
    documents: Sequence[TermCounts]
    groups: tuple[Group, ...]
    found: tuple[Found, ...]
    blocked: Mapping[int, Collection[int]]
    duplicates: tuple[tuple[int, int], ...]

    @cached_property
    def candidates(self) -> "Candidates":
        """The candidates of each row."""
        return Candidates(self)

    def deepen(self, row: int, eligible: Mask, depth: int) -> tuple[Candidate, ...]:
        """Return the best candidates of one document among the ``eligible`` ones, however far down."""
        group, place = self.find_place(row)
        allowed = np.asarray(eligible, np.bool_)[group.rows[group.targets]]
        found = find_candidates(group, np.array([place]), depth, self.blocked, allowed)
        return make_candidates(group, np.array([place]), found, self.documents)[0]

    def find_place(self, row: int) -> tuple[Group, int]:
        """Return the group of a document and its place there."""
        for group in self.groups:
            place = int(np.searchsorted(group.rows, row))
            if place < len(group.rows) and group.rows[place] == row:
                return group, place
        raise IndexError(f"There is no document {row}.")


class Candidates(Sequence[tuple[Candidate, ...]]):
    """The candidates of each row. Made a few hundred rows at a time: 100,000 posts have millions."""

    def __init__(self, ranking: Ranking) -> None:
        self._ranking = ranking
        self._made: dict[int, tuple[Candidate, ...]] = {}

    def __len__(self) -> int:
        return len(self._ranking.documents)

    @overload
    def __getitem__(self, row: int) -> tuple[Candidate, ...]: ...

    @overload
    def __getitem__(self, row: slice) -> list[tuple[Candidate, ...]]: ...

    def __getitem__(self, row: int | slice) -> tuple[Candidate, ...] | list[tuple[Candidate, ...]]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        if row not in self._made:
            self._made = self._make_around(row)
        return self._made[row]

    def _make_around(self, row: int) -> dict[int, tuple[Candidate, ...]]:
        group, place = self._ranking.find_place(row)
        number = next(i for i, each in enumerate(self._ranking.groups) if each is group)
        first = place - place % MATERIAL_ROWS
        places = np.arange(first, min(first + MATERIAL_ROWS, len(group.rows)))
        found = self._ranking.found[number].take(places)
        made = make_candidates(group, places, found, self._ranking.documents)
        kept = self._made if len(self._ranking.groups) > 1 and len(self) <= 4 * MATERIAL_ROWS else {}
        return {**kept, **dict(zip(group.rows[places].tolist(), made, strict=True))}


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
    """
    published = np.asarray(published, np.bool_)
    dropped = recurring_blocks(terms, published)
    vectors = np.ascontiguousarray(vectors, np.float32)
    groups = tuple(
        build_group(np.flatnonzero(group == number), vectors, terms, published, order, dropped, weight)
        for number in np.unique(group)
    )
    found = tuple(find_candidates(one, np.arange(len(one.rows)), depth, blocked) for one in groups)
    duplicates = sorted(
        pair for one, best in zip(groups, found, strict=True) for pair in find_duplicates(one, best, terms)
    )
    return Ranking(vectors, terms, groups, found, blocked, tuple(duplicates))


def build_group(
    rows: Rows,
    vectors: Vectors,
    documents: Sequence[TermCounts],
    published: Mask,
    order: npt.NDArray[np.int_],
    dropped: npt.NDArray[np.uint64],
    weight: float,
) -> Group:
    """Return the documents of one group with their similarities standardised and calibrated."""
    whole = len(rows) == len(vectors)
    own = vectors if whole else vectors[rows]
    terms = weigh_terms(_View(documents, rows), published[rows], dropped)
    targets = np.flatnonzero(published[rows])
    every = len(targets) == len(rows)
    bare = Group(
        rows=rows,
        targets=targets,
        order=np.asarray(order)[rows[targets]],
        vectors=own,
        target_vectors=own if every else own[targets],
        missing=np.asarray(~own.any(axis=1)),
        familiarity=_compare_coverage(terms.coverage, targets),
        terms=terms,
        target_weights=(terms.rows if every else terms.rows[targets]).T.tocsr(),
    )
    return standardise(bare, weight)


class _View(Sequence[TermCounts]):
    """Some of the documents, each loaded when it is asked for."""

    def __init__(self, documents: Sequence[TermCounts], rows: Rows) -> None:
        self._documents = documents
        self._rows = rows.tolist()

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place):  # type: ignore[no-untyped-def]
        return self._documents[self._rows[place]]


def _compare_coverage(coverage: Vectors, targets: Rows) -> Vectors:
    usual = float(np.median(coverage[targets])) if len(targets) else 0.0
    return np.minimum(coverage / usual, 1).astype(np.float32) if usual else np.ones_like(coverage)


def standardise(group: Group, weight: float) -> Group:
    """Return the group with its scales and calibration, estimated from pairs of its targets.

    Of a large group, from the pairs of a sample of documents, the same one in every build.
    """
    count = len(group.targets)
    rows, columns = _sample(count, SAMPLE_ROWS), _sample(count, SAMPLE_COLUMNS)
    sampled = replace(
        group,
        targets=group.targets[columns],
        target_vectors=group.target_vectors[columns],
        target_weights=group.terms.rows[group.targets[columns]].T.tocsr(),
    )
    semantic, lexical = sampled.compare(group.targets[rows])
    pairs = rows[:, None] != columns
    known = ~group.missing[group.targets]
    seen = pairs & known[rows][:, None] & known[columns]
    scales = (_fit_scale(semantic[seen], 1 - weight), _fit_scale(lexical[pairs], weight))
    semantic, lexical = _scale_values(semantic, scales[0]), _scale_values(lexical, scales[1])
    semantic[~seen] = 0
    fitted = replace(group, semantic=scales[0], lexical=scales[1])
    evidence = weigh_pairs(fitted, group.targets[rows], semantic, lexical)[pairs]
    return replace(fitted, calibration=fit_calibration(evidence, count - 1))


def _scale_values(values: Vectors, scale: Scale) -> Vectors:
    return (values - np.float32(scale.mean)) * np.float32(scale.factor)


def weigh_pairs(group: Group, places: Rows, semantic: Vectors, lexical: Vectors) -> Floats:
    """Return the evidence for pairs, a row for each of ``places``, from the two parts of their scores."""
    return weigh_evidence(
        semantic / (group.semantic.share or 1),
        lexical / (group.lexical.share or 1),
        group.familiarity[places][:, None],
    )


def _sample(count: int, most: int) -> Rows:
    if count <= SAMPLE_ROWS:
        return np.arange(count)
    chosen = np.random.default_rng(0).permutation(count)[: min(count, most)]
    return np.sort(chosen)


def _fit_scale(values: Vectors, share: float) -> Scale:
    if not values.size:
        return Scale(0.0, 0.0, share)
    mean = float(values.mean(dtype=np.float64))
    spread = float(values.std(dtype=np.float64))
    return Scale(mean, share / spread if spread > SMALLEST_SPREAD else 0.0, share)


def find_candidates(
    group: Group,
    places: Rows,
    depth: int,
    blocked: Mapping[int, Collection[int]],
    allowed: Mask | None = None,
) -> Found:
    """Return the ``depth`` best candidates of each of ``places`` in a group."""
    depth = min(depth, len(group.targets))
    columns = np.full((len(places), depth), -1, np.int32)
    parts = np.zeros((2, len(places), depth), np.float32)
    size = max(1, BLOCK_PAIRS // max(1, len(group.targets)))
    for start in range(0, len(places) if depth else 0, size):
        block = places[start : start + size]
        semantic, lexical = group.compare(block)
        semantic += lexical
        _exclude(semantic, group, block, blocked, allowed)
        rows, chosen, slots = select_best(semantic, group.order, depth)
        columns[start + rows, slots] = chosen
        parts[1, start + rows, slots] = lexical[rows, chosen]
        parts[0, start + rows, slots] = semantic[rows, chosen] - lexical[rows, chosen]
    return Found(columns, parts[0], parts[1])


def _exclude(
    fused: Vectors,
    group: Group,
    places: Rows,
    blocked: Mapping[int, Collection[int]],
    allowed: Mask | None,
) -> None:
    """Put out of reach what may not be a candidate: the document itself and what is blocked."""
    if allowed is not None:
        fused[:, ~allowed] = -np.inf
    targets = group.rows[group.targets]
    for index, row in enumerate(group.rows[places].tolist()):
        unwanted = np.array([row, *blocked.get(row, ())])
        columns = np.searchsorted(targets, unwanted)
        columns[columns == len(targets)] = 0
        fused[index, columns[targets[columns] == unwanted]] = -np.inf


def select_best(fused: Vectors, order: Rows, depth: int) -> tuple[Rows, Rows, Rows]:
    """Return the row, the column and the place of the ``depth`` greatest finite values of each row.

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


def find_duplicates(group: Group, found: Found, documents: Sequence[TermCounts]) -> Iterator[tuple[int, int]]:
    """Yield the pairs of published documents that are nearly the same text, as rows of the site.

    They are looked for among each other's candidates. The measure is the share of all terms of both
    that both have: the resemblance of Broder, "On the resemblance and containment of documents" (1997).
    """
    is_target = np.zeros(len(group.rows), np.bool_)
    is_target[group.targets] = True
    close = (found.columns >= 0) & is_target[:, None]
    close &= _reach(found.lexical, group.lexical, TWIN_SHARE / 2) | _reach(
        found.semantic, group.semantic, TWIN_COSINE
    )
    places, slots = np.nonzero(close)
    others = group.targets[found.columns[places, slots]]
    pairs = {
        (int(min(pair)), int(max(pair)))
        for pair in zip(group.rows[places].tolist(), group.rows[others].tolist(), strict=True)
    }
    for first, second in sorted(pairs):
        if resemble(documents[first], documents[second]):
            yield first, second


def _reach(part: Vectors, scale: Scale, least: float) -> Mask:
    reached: Mask = part >= scale.factor * (least - scale.mean)
    return reached if scale.factor else np.zeros(part.shape, np.bool_)


def resemble(one: TermCounts, other: TermCounts) -> bool:
    """Whether two documents are nearly the same text; without terms they never are."""
    if not len(one.hashes) or not len(other.hashes):
        return False
    shared = len(np.intersect1d(one.hashes, other.hashes, assume_unique=True))
    return shared >= TWIN_SHARE * (len(one.hashes) + len(other.hashes) - shared)


def make_candidates(
    group: Group, places: Rows, found: Found, documents: Sequence[TermCounts]
) -> list[tuple[Candidate, ...]]:
    """Return the candidates of each of ``places`` as objects, with score and reasons."""
    slots = found.columns >= 0
    sources = np.repeat(places, slots.sum(axis=1))
    targets = group.targets[found.columns[slots]]
    evidence = average_evidence(weigh_pairs(group, places, found.semantic, found.lexical))
    made = map(
        Candidate,
        group.rows[targets].tolist(),
        group.calibration.score(evidence[slots]).tolist(),
        np.round(found.semantic[slots].astype(np.float64), DECIMALS).tolist(),
        np.round(found.lexical[slots].astype(np.float64), DECIMALS).tolist(),
        find_reasons(group.terms, _View(documents, group.rows), sources, targets),
    )
    return [tuple(islice(made, count)) for count in slots.sum(axis=1).tolist()]
