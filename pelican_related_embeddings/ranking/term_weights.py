"""Weigh the terms of each document against the rest of the site."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..text.terms import Counts, Hashes, Mask, TermCounts, find_columns

STRONGEST_TERMS = 256  # kept of each row: more rank no better, and the product costs far more
RECURRING_BLOCKS = 4  # a block on more published documents than this is part of the furniture
LARGEST_SHARE = 0.15  # of the documents; a term on more of them says little and costs its square
COMMON_SHARE = 1 / 4  # of the documents; a word on more of them explains little to a reader
STOPPING_SHARE = 1 / 2  # of the documents; a word on more of them explains nothing
COMMON_DOCUMENTS = 8  # a term on no more documents than this is never too common
SMALL_SITE = 20  # documents; on fewer, terms of one document count in its length as well
PARTITION_TERMS = 1 << 23  # hashes sorted at once: 64 MiB, and as much again twice in between
CHUNK_TERMS = 1 << 21  # hashes weighed at once


def recurring_blocks(documents: Iterable[TermCounts], counted: Mask) -> Hashes:
    """Return the hashes, ascending, of blocks on more than ``RECURRING_BLOCKS`` counted documents."""
    chosen = [
        np.unique(document.blocks)
        for document, counts in zip(documents, counted.tolist(), strict=True)
        if counts
    ]
    hashes, times = np.unique(_concatenate(chosen), return_counts=True)
    return hashes[times > RECURRING_BLOCKS]


def _concatenate(arrays: list[Hashes]) -> Hashes:
    return np.concatenate(arrays) if arrays else np.empty(0, np.uint64)


@dataclass(frozen=True, eq=False)
class TermMatrix:
    """Weighted terms.

    ``rows``: (n, terms) CSR float32, of unit length or empty. ``hashes``: (terms,) uint64, ascending.
    ``coverage``: (n,) float32, the share of a document's terms, the too frequent ones aside, that
    more than one document has. ``common`` are terms on more than ``COMMON_SHARE`` of the documents, and
    ``stopping`` those on more than ``STOPPING_SHARE``, such as "the".
    """

    rows: sparse.csr_array
    hashes: Hashes
    coverage: npt.NDArray[np.float32]
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
        documents: read by index, more than once: may load them as they are asked for.

        counted: (n,) bool, which documents are published.

        dropped: hashes of blocks that count for nothing, ascending; None means
            ``recurring_blocks(documents, counted)``.
    """
    if dropped is None:
        dropped = recurring_blocks(documents, counted)
    total = int(np.count_nonzero(counted))
    hashes, frequency = _count_documents(documents, counted, dropped)
    fewest, most = _bound_terms(total)
    kept = (frequency >= fewest) & (frequency <= most)
    idf = np.log((1 + total) / (1 + frequency[kept])) + 1
    vocabulary = _Vocabulary(
        hashes[kept], (idf**2).astype(np.float32), frequency[kept] > 1, hashes[frequency > most]
    )
    parts, coverage = [], [np.empty(0, np.float32)]
    for chunk in _split_documents(documents):
        part, covered = _weigh_chunk(chunk, dropped, vocabulary)
        parts.append(part)
        coverage.append(covered)
    rows = sparse.vstack(parts, format="csr") if len(parts) > 1 else (parts or [None])[0]
    if rows is None:
        rows = sparse.csr_array((0, len(vocabulary.hashes)), dtype=np.float32)
    return TermMatrix(
        rows,
        vocabulary.hashes,
        np.concatenate(coverage),
        frozenset(hashes[frequency > max(COMMON_SHARE * total, COMMON_DOCUMENTS / 2)].tolist()),
        frozenset(hashes[frequency > max(STOPPING_SHARE * total, COMMON_DOCUMENTS / 2)].tolist()),
    )


@dataclass(frozen=True, eq=False)
class _Vocabulary:
    """The terms that count, and those that are on too many documents to; hashes ascend."""

    hashes: Hashes
    boosts: npt.NDArray[np.float32]  # idf²
    shared: Mask  # on two documents or more
    frequent: Hashes


def _bound_terms(total: int) -> tuple[int, int]:
    """Return on how few and on how many of ``total`` documents a term must be to count."""
    return 2 if total >= SMALL_SITE else 1, max(int(LARGEST_SHARE * total), COMMON_DOCUMENTS)


def _count_documents(
    documents: Sequence[TermCounts], counted: Mask, dropped: Hashes
) -> tuple[Hashes, Counts]:
    """Return the terms, ascending, and on how many counted documents each is, the rarest left out."""
    chosen = np.flatnonzero(counted).tolist()
    total = sum(len(documents[index].hashes) for index in chosen)
    fewest, _ = _bound_terms(len(chosen))
    hashes, frequency = [np.empty(0, np.uint64)], [np.empty(0, np.int64)]
    for low, high in _partition_hashes(1 + total // PARTITION_TERMS):
        found = [_list_hashes(documents[index], dropped, low, high) for index in chosen]
        terms, times = _count_runs(np.sort(_concatenate(found)))
        hashes.append(terms[times >= fewest])
        frequency.append(times[times >= fewest])
    return np.concatenate(hashes), np.concatenate(frequency)


def _partition_hashes(parts: int) -> Iterator[tuple[int, int]]:
    """Yield ranges of hashes, first and last, that together are all of them."""
    bounds = [(part << 64) // parts for part in range(parts + 1)]
    for low, high in pairwise(bounds):
        yield low, high - 1


def _list_hashes(document: TermCounts, dropped: Hashes, low: int, high: int) -> Hashes:
    hashes = document.hashes
    counts = document.count_without(dropped) if len(dropped) else document.counts
    if counts is not document.counts:
        hashes = hashes[counts > 0]
    first, last = np.searchsorted(hashes, np.array((low, high), np.uint64), side="left")
    last += last < len(hashes) and int(hashes[last]) == high
    return hashes[first:last].copy()  # a view would keep all else that is known of the document in memory


def _count_runs(ordered: Hashes) -> tuple[Hashes, Counts]:
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))[: len(ordered)]
    return ordered[starts], np.diff(np.append(starts, len(ordered)))


def _split_documents(documents: Sequence[TermCounts]) -> Iterator[list[TermCounts]]:
    chunk: list[TermCounts] = []
    size = 0
    for index in range(len(documents)):
        chunk.append(documents[index])
        size += len(chunk[-1].hashes)
        if size > CHUNK_TERMS:
            yield chunk
            chunk, size = [], 0
    if chunk:
        yield chunk


def _weigh_chunk(
    chunk: list[TermCounts], dropped: Hashes, vocabulary: _Vocabulary
) -> tuple[sparse.csr_array, npt.NDArray[np.float32]]:
    """Return the rows of some documents, and the coverage of each."""
    size = len(chunk)
    owners = np.repeat(np.arange(size), [len(one.hashes) for one in chunk])
    terms = _concatenate([one.hashes for one in chunk])
    counts = np.concatenate([one.count_without(dropped) if len(dropped) else one.counts for one in chunk])
    columns, known = find_columns(terms, vocabulary.hashes)
    present = counts > 0
    known &= present
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
    rows = sparse.csr_array((weights, columns, _find_starts(owners, size)), shape=shape)
    return rows, (shared / np.maximum(others, 1)).astype(np.float32)


def _find_starts(owners: npt.NDArray[np.intp], size: int) -> npt.NDArray[np.intp]:
    return np.searchsorted(owners, np.arange(size + 1))


def _keep_strongest(weights: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]) -> Mask:
    """Mark the ``STRONGEST_TERMS`` greatest weights between two starts; of equals, the first."""
    kept = np.ones(len(weights), np.bool_)
    for low in np.flatnonzero(np.diff(starts) > STRONGEST_TERMS).tolist():
        row = slice(starts[low], starts[low + 1])
        kept[row] = False
        kept[starts[low] + np.argsort(-weights[row], kind="stable")[:STRONGEST_TERMS]] = True
    return kept
