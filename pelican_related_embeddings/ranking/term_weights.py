"""How much each term of a document says about it, next to the other documents of the site.

The lexical half of the ranking: term counts become rows of weights, whose products ``groups`` compares.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import DIGITS, Hashes, Mask, TermCounts, find_columns

STRONGEST_TERMS = 256  # kept of each row: more rank no better, and the product costs far more
RECURRING_BLOCKS = 4  # a block on more published documents than this is boilerplate
LARGEST_SHARE = 0.15  # of the documents; a term on more of them says little and costs its square
COMMON_SHARE = 1 / 4  # of the documents; a word on more of them explains little to a reader
STOPPING_SHARE = 1 / 2  # of the documents; a word on more of them explains nothing
COMMON_DOCUMENTS = 15  # a term on no more documents than this is never too common; any from 12 to 20
EXPLAINING_DOCUMENTS = 4  # a word on no more documents than this always explains something
SMALL_SITE = 10  # documents; on fewer, terms of one document count in its length as well
BATCH = 512  # documents weighed at once, which takes about 40 bytes a term

NO_HASHES, NO_COUNTS = np.empty(0, np.uint64), np.empty(0, np.uint16)

Numbers = npt.NDArray[np.intp]


def recurring_blocks(documents: Sequence[TermCounts], counted: Mask) -> Hashes:
    """Return the hashes, sorted, of blocks on more than ``RECURRING_BLOCKS`` counted documents."""
    found = [np.unique(documents[row].blocks) for row in np.flatnonzero(counted).tolist()]
    hashes, times = np.unique(np.concatenate([NO_HASHES, *found]), return_counts=True)
    return hashes[times > RECURRING_BLOCKS]


@dataclass(frozen=True, eq=False)
class TermMatrix:
    """Weighted terms.

    ``rows``: (n, terms) CSR float32, of unit length or empty. ``hashes``: (terms,) uint64, sorted, and
    ``boosts``: (terms,) float32, the squared idf of each. ``coverage``: (n,) float32, the share of a
    document's terms, the too frequent ones aside, that more than one document has. ``sizes``: (n,), how many
    different terms a document has. ``dropped``: hashes of the blocks that were ignored, sorted. ``common``
    are terms on more than ``COMMON_SHARE`` of the documents, and ``stopping`` those on more than
    ``STOPPING_SHARE``, such as "the".
    """

    rows: sparse.csr_array
    hashes: Hashes
    boosts: npt.NDArray[np.float32]
    coverage: npt.NDArray[np.float32]
    sizes: Numbers
    dropped: Hashes
    common: frozenset[int]
    stopping: frozenset[int]


def weigh_terms(documents: Sequence[TermCounts], counted: Mask, dropped: Hashes | None = None) -> TermMatrix:
    """Return one row of term weights per document; the product of two rows is their similarity.

    The weight of a term is (1 + ln tf) idf², with idf = ln((1 + N) / (1 + df)) + 1: logarithmic tf
    and cosine length after Salton and Buckley, "Term-weighting approaches in automatic text
    retrieval" (1988), smoothed idf as in scikit-learn; the square leans on names and rare terms,
    which is what authors link for. N and df count only the ``counted`` documents: a draft changes
    no row but its own. Terms on one of them or on too many are left out; see ``_bound_terms``.

    Args:
        documents: the terms of the n documents.

        counted: (n,) bool, which documents are published.

        dropped: hashes of blocks to ignore, sorted; None means ``recurring_blocks(documents, counted)``.
    """
    if dropped is None:
        dropped = recurring_blocks(documents, counted)
    total = int(np.count_nonzero(counted))
    hashes, frequency = count_documents(documents, np.flatnonzero(counted), dropped)
    vocabulary = _choose_vocabulary(hashes, frequency, total)
    batches = [
        _weigh_batch(documents[start : start + BATCH], dropped, vocabulary)
        for start in range(0, max(1, len(documents)), BATCH)
    ]
    rows, coverage, sizes = zip(*batches, strict=True)
    return TermMatrix(
        sparse.vstack(rows, format="csr"),
        vocabulary.hashes,
        vocabulary.boosts,
        np.concatenate(coverage),
        np.concatenate(sizes),
        dropped,
        frozenset(hashes[frequency > max(COMMON_SHARE * total, EXPLAINING_DOCUMENTS)].tolist()),
        frozenset(hashes[frequency > max(STOPPING_SHARE * total, EXPLAINING_DOCUMENTS)].tolist()),
    )


def count_documents(
    documents: Sequence[TermCounts], counted: Numbers, dropped: Hashes
) -> tuple[Hashes, Numbers]:
    """Return all terms of the documents in the rows ``counted``, sorted, and on how many of these each is."""
    chosen = [documents[row] for row in counted.tolist()]
    found = [one.hashes[one.count_without(dropped) > 0] if len(dropped) else one.hashes for one in chosen]
    return np.unique(np.concatenate([NO_HASHES, *found]), return_counts=True)


@dataclass(frozen=True, eq=False)
class _Vocabulary:
    """The terms that count, and those that are on too many documents to; hashes are sorted."""

    hashes: Hashes
    boosts: npt.NDArray[np.float32]  # idf²
    shared: Mask  # on two documents or more
    frequent: Hashes


def _choose_vocabulary(hashes: Hashes, frequency: Numbers, total: int) -> _Vocabulary:
    fewest, most = _bound_terms(total)
    frequent = (frequency > most) | find_columns(hashes, DIGITS)[1]  # a digit alone makes no two alike
    kept = (frequency >= fewest) & ~frequent
    boosts = square_idf(frequency[kept], total).astype(np.float32)
    return _Vocabulary(hashes[kept], boosts, frequency[kept] > 1, hashes[frequent])


def square_idf(frequency: Numbers, total: int) -> npt.NDArray[np.float64]:
    """Return the squared idf of terms on so many of ``total`` documents; see ``weigh_terms``."""
    idf: npt.NDArray[np.float64] = np.log((1 + total) / (1 + frequency)) + 1
    return idf**2


def _bound_terms(total: int) -> tuple[int, int]:
    """Return on how few and on how many of ``total`` documents a term must be to count."""
    return 2 if total >= SMALL_SITE else 1, max(int(LARGEST_SHARE * total), COMMON_DOCUMENTS)


def _weigh_batch(
    documents: Sequence[TermCounts], dropped: Hashes, vocabulary: _Vocabulary
) -> tuple[sparse.csr_array, npt.NDArray[np.float32], Numbers]:
    """Return the rows of some documents, and the coverage and the size of each."""
    size = len(documents)
    owners = np.repeat(np.arange(size), [len(one.hashes) for one in documents])
    terms = np.concatenate([NO_HASHES, *(one.hashes for one in documents)])
    left = [one.count_without(dropped) if len(dropped) else one.counts for one in documents]
    counts = np.concatenate([NO_COUNTS, *left])
    columns, known = find_columns(terms, vocabulary.hashes)
    present = counts > 0
    known &= present
    sizes = np.bincount(owners[present], minlength=size)
    present &= ~find_columns(terms, vocabulary.frequent)[1]
    others = np.bincount(owners[present], minlength=size)
    columns, owners, counts = columns[known], owners[known], counts[known]
    shared = np.bincount(owners, vocabulary.shared[columns], minlength=size)
    weights = (1 + np.log(counts.astype(np.float32))) * vocabulary.boosts[columns]
    strong = _keep_strongest(weights, _find_starts(owners, size))
    columns, owners, weights = columns[strong], owners[strong], weights[strong]
    lengths = np.sqrt(np.bincount(owners, weights.astype(np.float64) ** 2, minlength=size))
    weights = (weights / lengths[owners]).astype(np.float32)
    shape = (size, len(vocabulary.hashes))
    starts = _find_starts(owners, size).astype(np.int32)  # as the columns: 64 bits would double all indices
    rows = sparse.csr_array((weights, columns, starts), shape=shape)
    return rows, (shared / np.maximum(others, 1)).astype(np.float32), sizes


def _find_starts(owners: Numbers, size: int) -> Numbers:
    return np.searchsorted(owners, np.arange(size + 1))


def _keep_strongest(weights: npt.NDArray[np.float32], starts: Numbers) -> Mask:
    """Mark the ``STRONGEST_TERMS`` greatest weights between two starts; of equals, the first."""
    kept = np.ones(len(weights), np.bool_)
    for low in np.flatnonzero(np.diff(starts) > STRONGEST_TERMS).tolist():
        row = slice(starts[low], starts[low + 1])
        kept[row] = False
        kept[starts[low] + np.argsort(-weights[row], kind="stable")[:STRONGEST_TERMS]] = True
    return kept
