"""Documents that are compared with one another: those of one language, made comparable.

Between the terms and vectors of a site and its ``neighbours``: a group holds both of some documents, and
knows how a similarity of either kind enters the fused one, how near each document usually is to others, and
what chance alone would give: all of it from the published documents, whichever of them are shown.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from math import log
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import Hashes, Mask, TermCounts
from .score import Calibration, Floats, fit_calibration, weigh_evidence
from .term_weights import TermMatrix, weigh_terms

SAMPLE_ROWS, SAMPLE_COLUMNS = 1024, 2048  # documents whose pairs stand for all pairs of a larger group
YOUNG, GROWN = 30, 100  # published posts of a language; between them, what helps young blogs fades
SMALLEST_SPREAD = 1e-4  # a standard deviation below this is rounding noise: the documents are all alike

NO_CALIBRATION = Calibration(0.0, 0.0, 0)

Vectors = npt.NDArray[np.float32]
Rows = npt.NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Scale:
    """How one similarity enters the fused one: as ``factor`` x (value - ``mean``).

    ``factor`` is ``share``, its weight in the fusion, over the standard deviation; 0 if all are alike.
    """

    mean: float
    factor: float
    share: float


class Reach(NamedTuple):
    """Which pairs of documents may be candidates of one another, as far as that is a matter of arrays.

    ``kinds``: (n,) int, if candidates come from a document's own kind, or, if ``apart``, from all others.
    ``newer``: whether a candidate may be newer than the document. What ``refusals`` allow is within reach;
    that what they refuse is not saves ``selection`` from digging for each document.
    """

    kinds: npt.NDArray[np.int_] | None = None
    apart: bool = False
    newer: bool = True

    def take(self, rows: Rows) -> "Reach":
        """Return it for the documents in ``rows``."""
        return self if self.kinds is None else self._replace(kinds=self.kinds[rows])

    def exclude(self, pairs: Vectors, places: Rows, targets: Rows, dates: Floats) -> None:
        """Put out of reach what may not be a candidate; ``pairs``: (places, targets)."""
        if self.kinds is not None:
            alike = self.kinds[places][:, None] == self.kinds[targets]
            pairs[alike if self.apart else ~alike] = -np.inf
        if not self.newer:
            limits = np.where(dates[places] == 0, np.inf, dates[places])
            pairs[limits[:, None] < dates[targets]] = -np.inf


UNLIMITED = Reach()


@dataclass(frozen=True, eq=False)
class Group:
    """The documents of one language, with everything that comparing them requires.

    ``rows``: (m,) the site's rows, sorted; a document's index among them is its place in the group.
    ``languages``: the language of each, if known. ``documents``: the term counts of each, and ``terms``:
    (m, terms) their weights. ``vectors``: (m, dim), and ``missing``: (m,) bool, where there is none.
    ``familiarity``: (m,) float32, the coverage of each document against the usual one.

    ``targets``: (t,) places of the published documents, which alone may be candidates, with their
    ``target_vectors``: (t, dim) and ``target_weights``: (terms, t). ``order``: (t,) decides between equal
    ones. ``blocked``: for some rows of the site, the rows that are never their candidates. ``dates``: (m,)
    seconds, 0 where there is none. ``usual``: (m,) float32, the mean fused similarity of each document with
    the targets, more than the average document's. ``reach`` says which pairs the settings allow. ``close``:
    (m, t) bool, the pairs that may be shown; None if all may.
    """

    rows: Rows
    documents: Sequence[TermCounts]
    terms: TermMatrix
    vectors: Vectors
    missing: Mask
    familiarity: Vectors
    targets: Rows
    target_vectors: Vectors
    target_weights: sparse.csr_array
    order: Rows
    blocked: Mapping[int, Collection[int]]
    dates: Floats
    usual: Vectors
    reach: Reach = UNLIMITED
    languages: Sequence[str] = ()
    close: Mask | None = None
    semantic: Scale = Scale(0.0, 1.0, 1.0)
    lexical: Scale = Scale(0.0, 1.0, 1.0)
    calibration: Calibration = NO_CALIBRATION

    @property
    def youth(self) -> float:
        """How young the blog is, from 1 to 0; see ``measure_youth``."""
        return measure_youth(len(self.targets))

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


def measure_youth(count: int) -> float:
    """Return 1 for up to ``YOUNG`` posts and 0 from ``GROWN`` on; each doubling takes off as much."""
    return min(1.0, max(0.0, log(GROWN / max(count, 1)) / log(GROWN / YOUNG)))


def share_similarity(weight: float, youth: float) -> tuple[float, float]:
    """Return the shares of the vectors and of the terms in the fused similarity; their sum is 1.

    Few posts share few telling words by anything but accident: there the vectors count up to twice.
    """
    vectors = (1 - weight) * (1 + youth)
    return vectors / (vectors + weight), weight / (vectors + weight)


def build_group(
    rows: Rows,
    vectors: Vectors,
    documents: Sequence[TermCounts],
    *,
    published: Mask,
    order: npt.NDArray[np.int_],
    blocked: Mapping[int, Collection[int]],
    dates: Floats,
    dropped: Hashes,
    weight: float,
    reach: Reach,
    languages: Sequence[str] = (),
) -> Group:
    """Return the group of the documents in ``rows``, with its similarities standardised and calibrated.

    All else is that of the whole site; see ``neighbours.rank``. ``dropped``: hashes of blocks to ignore.
    """
    published = published[rows]
    targets = np.flatnonzero(published)
    own, own_documents = vectors[rows], [documents[row] for row in rows.tolist()]
    terms = weigh_terms(own_documents, published, dropped)
    raw = Group(
        rows=rows,
        documents=own_documents,
        terms=terms,
        vectors=own,
        missing=np.asarray(~own.any(axis=1)),
        familiarity=_compare_coverage(terms.coverage, targets),
        targets=targets,
        target_vectors=own[targets],
        target_weights=terms.rows[targets].T.tocsr(),
        order=np.asarray(order)[rows[targets]],
        blocked=blocked,
        dates=np.asarray(dates, np.float64)[rows],
        usual=np.zeros(len(rows), np.float32),
        reach=reach.take(rows),
        languages=[languages[row] for row in rows.tolist()] if languages else (),
    )
    return standardise(raw, weight)


def _compare_coverage(coverage: Vectors, targets: Rows) -> Vectors:
    usual = float(np.median(coverage[targets])) if len(targets) else 0.0
    return np.minimum(coverage / usual, 1).astype(np.float32) if usual else np.ones_like(coverage)


def standardise(group: Group, weight: float) -> Group:
    """Return the group with its scales and calibration, estimated from pairs of its targets.

    Of a large group, from the pairs of a sample of documents, the same one in every build.
    """
    count = len(group.targets)
    rows, columns = sample_pairs(count)
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
    shares = share_similarity(weight, group.youth)
    scales = (_fit_scale(semantic[seen], shares[0]), _fit_scale(lexical[pairs], shares[1]))
    semantic, lexical = _scale_values(semantic, scales[0]), _scale_values(lexical, scales[1])
    semantic[~seen] = 0
    usual = _scale_usual(group.vectors, group.targets[known], scales[0])
    usual += _scale_usual(group.terms.rows, group.targets, scales[1])
    fitted = replace(group, semantic=scales[0], lexical=scales[1], usual=usual)
    evidence = weigh_pairs(fitted, group.targets[rows], semantic, lexical)[pairs]
    return replace(fitted, calibration=fit_calibration(evidence, count - 1))


def _scale_usual(rows: Vectors | sparse.csr_array, targets: Rows, scale: Scale) -> Vectors:
    """Return the mean similarity of each row with the other ``targets``, as it enters the fused one."""
    squares = np.asarray((rows * rows).sum(axis=1), np.float64)
    sums = np.asarray(rows @ rows[targets].sum(axis=0, dtype=np.float64), np.float64)
    counts = np.full(len(sums), len(targets))
    sums[targets] -= squares[targets]
    counts[targets] -= 1
    usual = scale.factor * (sums / np.maximum(counts, 1) - scale.mean)
    usual[squares == 0] = 0  # nothing is known of it
    return np.asarray(usual, np.float32)


def sample_pairs(count: int) -> tuple[Rows, Rows]:
    """Return the documents, out of ``count``, whose pairs stand for all pairs: rows and columns."""
    return _sample(count, SAMPLE_ROWS), _sample(count, SAMPLE_COLUMNS)


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


def _scale_values(values: Vectors, scale: Scale) -> Vectors:
    return (values - np.float32(scale.mean)) * np.float32(scale.factor)


def weigh_pairs(group: Group, places: Rows, semantic: Vectors, lexical: Vectors) -> Floats:
    """Return the evidence for pairs, a row for each of ``places``, from the two parts of their similarity."""
    return weigh_evidence(
        semantic / (group.semantic.share or 1),
        lexical / (group.lexical.share or 1),
        group.familiarity[places][:, None],
    )
