"""Count the terms of a document and weigh them against the rest of the site.

A term is a word, two words in a row, or two or three characters in a row of a script that puts no
spaces between words. Knows nothing of vectors, of HTML or of Pelican.
"""

import hashlib
import re
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt
from scipy import sparse

from .text import Block

TITLE_WEIGHT = 6  # how many times a title counts; any from 3 to 8 ranks equally well
MAX_TERMS = 16_384  # different terms kept of a document; a 10,000-word article has about 13,000
MAX_WORD = 64  # characters; what is longer is data, not a word
STRONGEST_TERMS = 256  # kept of each row: more rank no better, and the product costs far more
RECURRING_BLOCKS = 4  # a block on more published documents than this is part of the furniture
LARGEST_SHARE = 0.15  # of the documents; a term on more of them says little and costs its square
COMMON_SHARE = 1 / 4  # of the documents; a word on more of them explains little to a reader
STOPPING_SHARE = 1 / 2  # of the documents; a word on more of them explains nothing
COMMON_DOCUMENTS = 8  # a term on no more documents than this is never too common
SMALL_SITE = 20  # documents; on fewer, terms of one document count in its length as well
PARTITION_TERMS = 1 << 23  # hashes sorted at once: 64 MiB, and as much again twice in between
CHUNK_TERMS = 1 << 21  # hashes weighed at once

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

# Han, kana, Hangul, Thai, Lao, Myanmar, Khmer: written without spaces, or with particles attached.
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ecd\u0edc-\u0edf\u1000-\u103f\u1050-\u109d\u1780-\u17d3"
    "\u3005-\u3007\u3041-\u3096\u3099\u309a\u309d-\u309f\u30a1-\u30fa\u30fc-\u30ff\u31f0-\u31ff"
    "\u3400-\u4dbf\u4e00-\u9fff\uac00-\ud7a3\uf900-\ufaff\uff66-\uff9f\U00020000-\U0003ffff"
)
# Python's \w leaves out the vowel signs and accents that words of many scripts are written with.
_MARKS = "\u200c\u200d" + "".join(
    chr(code) for code in range(0x300, 0x1E00) if unicodedata.category(chr(code)) in ("Mn", "Mc")
)
_WORDS = re.compile(rf"([{_UNSPACED}]+)|[^\W{_UNSPACED}]+(?:[{_MARKS}]+[^\W{_UNSPACED}]*)*")
_PAUSE = re.compile(r"[.!?:;,()\[\]\u2026\u2013\u2014|]\s|\s[(\[\u2013\u2014|-]|[\u3000-\u3003\uff01-\uff1f]")
_LONGEST_GAP = 8  # characters between two words that one reads together

_MAGIC = b"RT01"
_HEADER = struct.Struct("<4sIIII")  # magic, CRC-32 of the rest, terms, blocks, bytes packed
_FIRST = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class _Word:
    hash: int  # of the normalised word
    start: int
    end: int
    joined: bool  # makes a term with the word before it


@dataclass(frozen=True, eq=False)
class TermCounts:
    """The terms of one document, whatever the site it is on.

    ``hashes``: (terms,) uint64, ascending, no two alike. ``counts``: (terms,) int64, at least 1,
    the title counted ``TITLE_WEIGHT`` times. ``blocks``: (blocks,) uint64, the hash of every block
    that is not code, in reading order. ``packed`` holds what is seldom read: how the terms were
    written, and which of them each block holds.
    """

    hashes: Hashes
    counts: Counts
    blocks: Hashes
    packed: bytes | memoryview

    def to_bytes(self) -> bytes:
        """Return the counts in a form that any later process reads; about 18 bytes a term."""
        body = b"".join(
            (
                self.hashes.astype("<u8").tobytes(),
                np.minimum(self.counts, 0xFFFF).astype("<u2").tobytes(),
                self.blocks.astype("<u8").tobytes(),
                self.packed,
            )
        )
        sizes = (len(self.hashes), len(self.blocks), len(self.packed))
        return _HEADER.pack(_MAGIC, zlib.crc32(body), *sizes) + body

    @classmethod
    def from_bytes(cls, raw: bytes) -> "TermCounts":
        """Return what ``to_bytes`` wrote.

        Raises:
            ValueError: ``raw`` is cut, damaged or of another version.
        """
        if len(raw) < _HEADER.size:
            raise ValueError(f"Term counts need at least {_HEADER.size} bytes, got {len(raw)}.")
        magic, crc, terms, blocks, packed = _HEADER.unpack_from(raw)
        if magic != _MAGIC or len(raw) != _HEADER.size + 10 * terms + 8 * blocks + packed:
            raise ValueError(f"Not term counts of this version: {bytes(raw[:4])!r}, {len(raw)} bytes.")
        if zlib.crc32(memoryview(raw)[_HEADER.size :]) != crc:
            raise ValueError("Damaged term counts: the checksum does not match.")
        start = _HEADER.size
        counts_at, blocks_at = start + 8 * terms, start + 10 * terms
        return cls(
            np.frombuffer(raw, "<u8", terms, start),
            np.frombuffer(raw, "<u2", terms, counts_at).astype(np.int64),
            np.frombuffer(raw, "<u8", blocks, blocks_at),
            memoryview(raw)[blocks_at + 8 * blocks :],  # a copy would double the memory of a site
        )

    def _unpack(self) -> tuple[list[str], npt.NDArray[np.uint32]]:
        # Not kept: unpacked, a document takes ten times the memory.
        raw = zlib.decompress(self.packed)
        split = int.from_bytes(raw[:4], "little")
        written = raw[4 : 4 + split].decode("utf-8", "replace").split("\n")
        return written, np.frombuffer(raw, "<u4", offset=4 + split)

    def read_written(self) -> list[str]:
        """Return how each term is most often written in the document, in the order of ``hashes``."""
        return self._unpack()[0]

    def count_without(self, dropped: Hashes) -> Counts:
        """Return ``counts`` less what stands in blocks whose hash is in ``dropped``; 0 is possible."""
        gone = _find_columns(self.blocks, dropped)[1]
        if not gone.any():
            return self.counts
        numbers = self._unpack()[1]
        sizes, terms = numbers[: len(self.blocks)], numbers[len(self.blocks) :]
        lost = np.bincount(terms[np.repeat(gone, sizes)], minlength=len(self.hashes))
        # Counts are cut off at 65,535 on disk, and a cut count may be less than what is lost.
        left: Counts = np.maximum(self.counts - lost, 0)
        return left


def hash_block(text: str) -> int:
    """Return a 64-bit hash of ``text`` that is the same in every process."""
    return _hash(text)


def count_terms(title: str, blocks: Sequence[Block]) -> TermCounts:
    """Return the terms of a document; code blocks count for nothing.

    Takes time proportional to the length of the text. Of a document with more than ``MAX_TERMS``
    different terms the most frequent are kept, the earlier ones first.
    """
    prose = [block.text for block in blocks if not block.code]
    hashes, written, places = _list_terms([*prose, title])
    weights = np.where(places == len(prose), TITLE_WEIGHT, 1)
    terms, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    counts = np.bincount(inverse, weights, minlength=len(terms)).astype(np.int64)
    kept = _keep_frequent(counts, first)
    renumbered = np.cumsum(kept) - 1
    in_blocks = kept[inverse] & (places < len(prose))
    sizes = np.bincount(places[in_blocks], minlength=len(prose))
    return TermCounts(
        terms[kept],
        counts[kept],
        np.array([hash_block(text) for text in prose], np.uint64),
        _pack(
            _choose_written(inverse, written, kept),
            np.concatenate((sizes, renumbered[inverse[in_blocks]])).astype("<u4"),
        ),
    )


def _keep_frequent(counts: Counts, first: npt.NDArray[np.intp]) -> Mask:
    kept = np.ones(len(counts), np.bool_)
    if len(counts) > MAX_TERMS:
        kept[np.lexsort((first, -counts))[MAX_TERMS:]] = False
    return kept


def _choose_written(inverse: npt.NDArray[np.intp], written: list[str], kept: Mask) -> list[str]:
    """Return the most frequent spelling of each kept term; of two alike, the first in the text."""
    best: dict[int, tuple[int, str]] = {}
    for (term, spelling), count in Counter(zip(inverse.tolist(), written, strict=True)).items():
        if count > best.get(term, (0, ""))[0]:
            best[term] = (count, spelling)
    return [best[term][1] for term in np.flatnonzero(kept).tolist()]


def _pack(written: list[str], numbers: npt.NDArray[np.uint32]) -> bytes:
    text = "\n".join(written).encode("utf-8", "replace")
    return zlib.compress(len(text).to_bytes(4, "little") + text + numbers.tobytes(), 6)


def _list_terms(texts: Sequence[str]) -> tuple[Hashes, list[str], npt.NDArray[np.intp]]:
    """Return every occurrence of a term: its hash, how it is written, the number of its text."""
    known: dict[str, int] = {}
    words: list[_Word] = []
    written: list[str] = []
    pairs: list[str] = []
    places: list[int] = []
    for place, text in enumerate(texts):
        found = list(_find_words(text, known))
        written += [text[word.start : word.end] for word in found]
        pairs += [
            " ".join(text[before.start : word.end].split()) for before, word in pairwise(found) if word.joined
        ]
        places += [place] * len(found)
        words += found
    hashes = np.array([word.hash for word in words], np.uint64)
    seconds = np.flatnonzero([word.joined for word in words])
    where = np.array(places, np.intp)
    joined = hashes[seconds - 1] * _FIRST + hashes[seconds] * _SECOND
    order = np.argsort(np.concatenate((where, where[seconds])), kind="stable")
    spelled = written + pairs
    return (
        np.concatenate((hashes, joined))[order],
        [spelled[index] for index in order.tolist()],
        np.concatenate((where, where[seconds]))[order],
    )


def _find_words(text: str, known: dict[str, int]) -> Iterator[_Word]:
    previous = -1  # where the word before this one ended; -1: this one begins a phrase
    for match in _WORDS.finditer(text):
        start, end = match.span()
        if match.lastindex:
            yield from _find_characters(text, start, end, known)
            previous = -1
            continue
        if end - start == 1:
            continue
        if end - start > MAX_WORD:
            previous = -1
            continue
        joined = previous >= 0 and _reads_on(text, previous, start)
        yield _Word(_look_up(match[0], known), start, end, joined)
        previous = end


def _find_characters(text: str, start: int, end: int, known: dict[str, int]) -> Iterator[_Word]:
    """Yield each two characters in a row; two of them that overlap make a term of three."""
    for position in range(start, max(end - 1, start + 1)):
        stop = min(position + 2, end)
        yield _Word(_look_up(text[position:stop], known), position, stop, position > start)


def _reads_on(text: str, end: int, start: int) -> bool:
    """Whether the words around ``text[end:start]`` stand in one phrase."""
    if start - end == 1:
        return True
    return start - end <= _LONGEST_GAP and _PAUSE.search(text, end, start) is None


def is_unspaced(term: str) -> bool:
    """Whether a term is of a script that puts no spaces between words."""
    match = _WORDS.match(term)
    return match is not None and match.lastindex is not None


def hash_word(word: str) -> int:
    """Return the hash of the term that ``word`` alone is."""
    return _hash(unicodedata.normalize("NFKC", word).casefold())


def _look_up(word: str, known: dict[str, int]) -> int:
    found = known.get(word)
    if found is None:
        found = known[word] = hash_word(word)
    return found


def _hash(text: str) -> int:
    # Python's own hash() differs from process to process.
    digest = hashlib.blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(digest, "little")


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
    columns, known = _find_columns(terms, vocabulary.hashes)
    present = counts > 0
    known &= present
    present &= ~_find_columns(terms, vocabulary.frequent)[1]
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


def _find_columns(wanted: Hashes, hashes: Hashes) -> tuple[npt.NDArray[np.int32], Mask]:
    columns = np.searchsorted(hashes, wanted)
    known = np.zeros(len(wanted), np.bool_)
    inside = columns < len(hashes)
    known[inside] = hashes[columns[inside]] == wanted[inside]
    return columns.astype(np.int32), known


def _keep_strongest(weights: npt.NDArray[np.float32], starts: npt.NDArray[np.intp]) -> Mask:
    """Mark the ``STRONGEST_TERMS`` greatest weights between two starts; of equals, the first."""
    kept = np.ones(len(weights), np.bool_)
    for low in np.flatnonzero(np.diff(starts) > STRONGEST_TERMS).tolist():
        row = slice(starts[low], starts[low + 1])
        kept[row] = False
        kept[starts[low] + np.argsort(-weights[row], kind="stable")[:STRONGEST_TERMS]] = True
    return kept
