"""Count the terms of a document.

A term is a word, two words in a row, or two or three characters in a row of a script that puts no
spaces between words. A name such as ``number_of_islands``, ``scrollIntoView``, ``right-to-left`` or
``os.path.join`` is a term, and so is each of its parts.
"""

import hashlib
import re
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import numpy.typing as npt

from .html import Block

TITLE_WEIGHT = 6  # how many times a title counts; any from 3 to 8 ranks equally well
MAX_TERMS = 16_384  # different terms kept of a document; a 10,000-word article has about 13,000
MAX_COUNT = 0xFFFF  # of one term in one document
MAX_WORD = 64  # characters; what is longer is data, not a word

Hashes = npt.NDArray[np.uint64]
Counts = npt.NDArray[np.uint16]
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
_NAMES = re.compile(rf"[^\W{_UNSPACED}]++(?:[.-][^\W{_UNSPACED}]++)*+")
# Not GitHub, SQLite, iPhone: their halves mean something else.
_CAMEL = re.compile(r"(?<![a-z])[a-z]{2,}+[A-Z][a-z]")
_SNAKE_PARTS = re.compile(r"[^\W_]+")
_CAMEL_PARTS = re.compile(r"[A-Z]+(?=[A-Z][a-z])|[A-Z]?[a-z0-9]+|[A-Z]+")

_MAGIC = b"RT02"
_HEADER = struct.Struct("<4sIIIII")  # magic, CRC-32 of the rest, terms, blocks, title terms, bytes packed
_FIRST = np.uint64(0x9E3779B97F4A7C15)  # odd, so that multiplying loses nothing
_SECOND = np.uint64(0xC2B2AE3D27D4EB4F)


@dataclass(frozen=True, slots=True)
class Word:
    """One word of a text and where it stands; ``joined`` if it makes a term with the word before it."""

    hash: int  # of the normalised word
    start: int
    end: int
    joined: bool


@dataclass(frozen=True, eq=False, slots=True)
class TermCounts:
    """The terms of one document, whatever the site it is on.

    ``hashes``: (terms,) uint64, sorted, unique. ``counts``: (terms,) uint16, from 1 to ``MAX_COUNT``,
    the title counted ``TITLE_WEIGHT`` times. ``blocks``: (blocks,) uint64, the hash of every block
    that is not code, in reading order. ``title``: (title terms,) uint64, sorted, a term as often as the
    title has it. ``packed`` holds what is seldom read: how the terms were written, and which of them each
    block holds. See ``pack``.
    """

    hashes: Hashes
    counts: Counts
    blocks: Hashes
    title: Hashes
    packed: bytes | memoryview

    def to_bytes(self) -> bytes:
        """Return the counts in a form that any later process reads; about 18 bytes a term."""
        body = b"".join(
            (
                self.hashes.astype("<u8").tobytes(),
                self.counts.astype("<u2").tobytes(),
                self.blocks.astype("<u8").tobytes(),
                self.title.astype("<u8").tobytes(),
                self.packed,
            )
        )
        sizes = (len(self.hashes), len(self.blocks), len(self.title), len(self.packed))
        return _HEADER.pack(_MAGIC, zlib.crc32(body), *sizes) + body

    @classmethod
    def from_bytes(cls, raw: bytes) -> "TermCounts":
        """Return what ``to_bytes`` wrote: views of ``raw``, as copies would double the memory of a site.

        Raises:
            ValueError: ``raw`` is cut, damaged or of another version.
        """
        if len(raw) < _HEADER.size:
            raise ValueError(f"Term counts need at least {_HEADER.size} bytes, got {len(raw)}.")
        magic, crc, terms, blocks, title, packed = _HEADER.unpack_from(raw)
        if magic != _MAGIC or len(raw) != _HEADER.size + 10 * terms + 8 * (blocks + title) + packed:
            raise ValueError(f"Not term counts of this version: {bytes(raw[:4])!r}, {len(raw)} bytes.")
        if zlib.crc32(memoryview(raw)[_HEADER.size :]) != crc:
            raise ValueError("Damaged term counts: the checksum does not match.")
        start = _HEADER.size
        counts_at, blocks_at = start + 8 * terms, start + 10 * terms
        title_at = blocks_at + 8 * blocks
        return cls(
            np.frombuffer(raw, "<u8", terms, start),
            np.frombuffer(raw, "<u2", terms, counts_at),
            np.frombuffer(raw, "<u8", blocks, blocks_at),
            np.frombuffer(raw, "<u8", title, title_at),
            memoryview(raw)[title_at + 8 * title :],
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
        gone = find_columns(self.blocks, dropped)[1]
        if not gone.any():
            return self.counts
        numbers = self._unpack()[1]
        sizes, terms = numbers[: len(self.blocks)], numbers[len(self.blocks) :]
        lost = np.bincount(terms[np.repeat(gone, sizes)], minlength=len(self.hashes))
        return _subtract(self.counts, lost)

    def list_labels(self) -> Hashes:
        """Return the terms outside of all blocks: those of the title and of what else is known about it."""
        return self.hashes[self.count_without(np.unique(self.blocks)) > 0]

    def count_text(self, dropped: Hashes) -> Counts:
        """Return ``count_without(dropped)`` less what stands in the title."""
        entitled = np.bincount(np.searchsorted(self.hashes, self.title), minlength=len(self.hashes))
        return _subtract(self.count_without(dropped), TITLE_WEIGHT * entitled)


def _subtract(counts: Counts, lost: npt.NDArray[np.int_]) -> Counts:
    # A count that was cut off at ``MAX_COUNT`` may be less than what is lost.
    left: Counts = np.maximum(counts.astype(np.int64) - lost, 0).astype(np.uint16)
    return left


def hash_block(text: str) -> int:
    """Return a 64-bit hash of ``text`` that is the same in every process."""
    return _hash(text)


def count_terms(title: str, blocks: Sequence[Block], about: str = "") -> TermCounts:
    """Return the terms of a document; code blocks count for nothing.

    Takes time proportional to the length of the text. Of a document with more than ``MAX_TERMS``
    different terms the most frequent are kept, the earlier ones first. ``about`` is text of no block, which
    therefore is never boilerplate.
    """
    prose = [block.text for block in blocks if not block.code]
    hashes, written, places = _list_terms([*prose, title, about])
    entitled = places == len(prose)
    weights = np.where(entitled, TITLE_WEIGHT, 1)
    terms, first, inverse = np.unique(hashes, return_index=True, return_inverse=True)
    counts = np.bincount(inverse, weights, minlength=len(terms)).astype(np.int64)
    kept = _keep_frequent(counts, first)
    renumbered = np.cumsum(kept) - 1
    in_blocks = kept[inverse] & (places < len(prose))
    sizes = np.bincount(places[in_blocks], minlength=len(prose))
    return TermCounts(
        terms[kept],
        np.minimum(counts[kept], MAX_COUNT).astype(np.uint16),
        np.array([hash_block(text) for text in prose], np.uint64),
        np.sort(hashes[entitled & kept[inverse]]),
        pack(
            _choose_written(inverse, written, kept),
            np.concatenate((sizes, renumbered[inverse[in_blocks]])).astype("<u4"),
        ),
    )


def _keep_frequent(counts: npt.NDArray[np.int64], first: npt.NDArray[np.intp]) -> Mask:
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


def pack(written: list[str], numbers: npt.NDArray[np.uint32]) -> bytes:
    """Return how terms are written and ``numbers``, how many terms each block holds and then which."""
    text = "\n".join(written).encode("utf-8", "replace")
    return zlib.compress(len(text).to_bytes(4, "little") + text + numbers.tobytes(), 6)


def _list_terms(texts: Sequence[str]) -> tuple[Hashes, list[str], npt.NDArray[np.intp]]:
    """Return every occurrence of a term: its hash, how it is written, the number of its text."""
    known: dict[str, int] = {}
    words: list[Word] = []
    written: list[str] = []
    pairs: list[str] = []
    places: list[int] = []
    names: list[tuple[int, str]] = []
    for place, text in enumerate(texts):
        found = list(find_words(text, known))
        written += [text[word.start : word.end] for word in found]
        pairs += [
            " ".join(text[before.start : word.end].replace("_", " ").split())
            for before, word in pairwise(found)
            if word.joined
        ]
        places += [place] * len(found)
        words += found
        names += [(place, name) for name in _find_names(text)]
    hashes = np.array([word.hash for word in words], np.uint64)
    seconds = np.flatnonzero([word.joined for word in words])
    where = np.array(places, np.intp)
    joined = join_hashes(hashes[seconds - 1], hashes[seconds])
    whole = np.array([_look_up(name, known) for _, name in names], np.uint64)
    named = np.array([place for place, _ in names], np.intp)
    owners = np.concatenate((where, where[seconds], named))
    order = np.argsort(owners, kind="stable")
    spelled = [*written, *pairs, *(name for _, name in names)]
    return (
        np.concatenate((hashes, joined, whole))[order],
        [spelled[index] for index in order.tolist()],
        owners[order],
    )


def find_words(text: str, known: dict[str, int]) -> Iterator[Word]:
    """Yield the words of ``text`` in order; ``known`` keeps their hashes for the next text."""
    previous = -1  # where the word before this one ended; -1: this one begins a phrase
    for match in _WORDS.finditer(text):
        start, end = match.span()
        if match.lastindex:
            yield from _find_characters(text, start, end, known)
            previous = -1
            continue
        if end - start > MAX_WORD:
            previous = -1
            continue
        for first, last in split_name(match[0]):
            # A letter says nothing, but a digit tells "part 1" from "part 2".
            if last - first > 1 or match[0][first].isdecimal():
                first, last = start + first, start + last
                joined = previous >= 0 and _reads_on(text, previous, first)
                yield Word(_look_up(text[first:last], known), first, last, joined)
                previous = last


def split_name(word: str) -> list[tuple[int, int]]:
    """Return where the parts of a name such as ``snake_case`` or ``camelCase`` begin and end.

    >>> [("maxItems_v2"[start:end]) for start, end in split_name("maxItems_v2")]
    ['max', 'Items', 'v2']
    """
    if "_" not in word and _CAMEL.match(word) is None:
        return [(0, len(word))]
    return [span for match in _SNAKE_PARTS.finditer(word) for span in _split_camel(*match.span(), word)]


def _split_camel(start: int, end: int, word: str) -> list[tuple[int, int]]:
    if _CAMEL.match(word, start, end) is None or not word.isascii():
        return [(start, end)]
    return [match.span() for match in _CAMEL_PARTS.finditer(word, start, end)]


def _find_names(text: str) -> Iterator[str]:
    """Yield the names in ``text`` that no word and no pair of words stands for."""
    for match in _NAMES.finditer(text):
        name = match[0].strip("_")
        if name.isalnum() and _CAMEL.match(name) is None:
            continue  # as nearly all words are
        if len(name) > MAX_WORD:
            continue
        parts = [last - first for first, last in split_name(re.sub("[.-]", "_", name))]
        if len(parts) > 2 or (len(parts) == 2 and min(parts) == 1):
            yield name


def _find_characters(text: str, start: int, end: int, known: dict[str, int]) -> Iterator[Word]:
    """Yield each two characters in a row; two of them that overlap make a term of three."""
    for position in range(start, max(end - 1, start + 1)):
        stop = min(position + 2, end)
        yield Word(_look_up(text[position:stop], known), position, stop, position > start)


def _reads_on(text: str, end: int, start: int) -> bool:
    """Whether the words around ``text[end:start]`` stand in one phrase."""
    if start - end == 1:
        return True
    return start - end <= _LONGEST_GAP and _PAUSE.search(text, end, start) is None


def join_hashes(first: Hashes, second: Hashes) -> Hashes:
    """Return the hashes of the terms that each two words in a row are."""
    return first * _FIRST + second * _SECOND


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


DIGITS: Hashes = np.sort(np.array([hash_word(str(digit)) for digit in range(10)], np.uint64))


def find_columns(wanted: Hashes, hashes: Hashes) -> tuple[npt.NDArray[np.int32], Mask]:
    """Return where each of ``wanted`` stands in sorted ``hashes``, and whether it is there."""
    columns = np.searchsorted(hashes, wanted).astype(np.int32)
    known = hashes.take(columns, mode="clip") == wanted if len(hashes) else np.zeros(len(wanted), np.bool_)
    return columns, known
