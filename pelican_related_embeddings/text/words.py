"""Each document's words: read from its HTML once, then from the cache.

Knows nothing of Pelican, nor of models.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple, overload

from ..messages import Messages
from ..store.cache import Cache
from ..store.keys import hash_parts
from .document import Document
from .html import MAX_CHARACTERS, Block, extract_blocks, extract_text, read_blocks
from .terms import TermCounts, count_terms, hash_block

TEXT_ROWS = 256  # documents read or written at a time
HELD_DOCUMENTS = 20_000  # whose terms, 10 to 30 kB each, are held in memory; those of a larger site are not


class Words(NamedTuple):
    """What a document says: ``digest`` names its text, ``empty`` tells that it has none but a title."""

    digest: bytes
    empty: bool
    terms: TermCounts


@dataclass(frozen=True, eq=False)
class AllWords:
    """The same of all documents of a site, row by row."""

    digests: list[bytes]
    empty: list[bool]
    terms: Sequence[TermCounts]


class StoredTerms(Sequence[TermCounts]):
    """The terms of a large site's documents, read from the cache each time that they are asked for.

    Documents that are asked for in order are read together. What the cache cannot give is made again.
    """

    def __init__(self, documents: Sequence[Document], rows: Sequence[bytes], cache: Cache) -> None:
        self._documents = documents
        self._rows = rows
        self._cache = cache
        self._held: dict[int, TermCounts] = {}
        self._next = 0

    def __len__(self) -> int:
        return len(self._rows)

    @overload
    def __getitem__(self, row: int) -> TermCounts: ...

    @overload
    def __getitem__(self, row: slice) -> list[TermCounts]: ...

    def __getitem__(self, row: int | slice) -> TermCounts | list[TermCounts]:
        if isinstance(row, slice):
            return [self[each] for each in range(*row.indices(len(self)))]
        row = range(len(self))[row]
        if row not in self._held:
            last = row + (TEXT_ROWS if row in (0, self._next) else 1)
            self._held = dict(self._read(range(row, min(last, len(self)))))
        self._next = row + 1
        return self._held[row]

    def _read(self, places: Iterable[int]) -> Iterator[tuple[int, TermCounts]]:
        keys = {place: self._rows[place] for place in places}
        stored = self._cache.read("texts", keys.values())
        for place, key in keys.items():
            words = _load(stored[key]) if key in stored else None
            yield place, (words or _read(self._documents[place])[0]).terms


def read_words(
    documents: Sequence[Document], keys: Sequence[bytes], cache: Cache, messages: Messages
) -> AllWords:
    """Return the words of ``documents``, whose keys are ``keys``; the terms of many stay in the cache.

    Only documents that the cache does not know are parsed.
    """
    rows = list(keys)
    found = AllWords([], [], [])
    held: list[TermCounts] = []
    cut: list[str] = []
    for start in range(0, len(rows), TEXT_ROWS):
        part = slice(start, start + TEXT_ROWS)
        words, cut_here = _read_part(documents[part], rows[part], cache, messages)
        cut += cut_here
        found.digests.extend(each.digest for each in words)
        found.empty.extend(each.empty for each in words)
        if len(rows) <= HELD_DOCUMENTS:
            held.extend(each.terms for each in words)
    if cut:
        others = f" (and {len(cut) - 1} more)" if len(cut) > 1 else ""
        messages.tell(
            f"{cut[0]}{others} is very long: only its first {MAX_CHARACTERS:,} characters are read."
        )
    terms = held if len(rows) <= HELD_DOCUMENTS else StoredTerms(documents, rows, cache)
    return replace(found, terms=terms)


def _read_part(
    documents: Sequence[Document], rows: Sequence[bytes], cache: Cache, messages: Messages
) -> tuple[list[Words], list[str]]:
    """Return the words of some documents, and the paths of those that are too long to be read whole."""
    stored = cache.read("texts", rows)
    found = {row: words for row, content in stored.items() if (words := _load(content)) is not None}
    fresh: dict[bytes, bytes] = {}
    cut: list[str] = []
    for row, document in zip(rows, documents, strict=True):
        if row not in found:
            found[row], complete = _read(document)
            fresh[row] = _dump(found[row])
            cut += [] if complete else [document.path]
            if found[row].empty:
                messages.note(f"{document.path} has no text, so it gets no related posts.")
    cache.write("texts", fresh)
    return [found[row] for row in rows], cut


def compose_text(document: Document, dropped: frozenset[int]) -> tuple[str, str]:
    """Return the title and the text that a model reads, without the blocks whose hashes are ``dropped``."""
    blocks = [block for block in extract_blocks(document.html) if hash_block(block.text) not in dropped]
    return extract_text(document.title), "\n".join(block.text for block in blocks)


def _read(document: Document) -> tuple[Words, bool]:
    """Return a document's words, and whether they are all of them."""
    title, (blocks, cut) = extract_text(document.title), read_blocks(document.html)
    return Words(_digest(title, blocks), not blocks, count_terms(title, blocks)), not cut


def _digest(title: str, blocks: Sequence[Block]) -> bytes:
    return hash_parts(title, *(f"{block.code:d}{block.text}" for block in blocks))


def _dump(words: Words) -> bytes:
    return words.digest + (b"\x01" if words.empty else b"\x00") + words.terms.to_bytes()


def _load(content: bytes) -> Words | None:
    try:
        return Words(content[:16], content[16:17] == b"\x01", TermCounts.from_bytes(content[17:]))
    except ValueError:
        return None
