"""Each document's words: read from its HTML once, then from the cache.

Knows nothing of Pelican, nor of models.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .cache import Cache, hash_parts
from .documents import Document
from .lexical import TermCounts, count_terms, hash_block
from .text import MAX_CHARACTERS, Block, extract_blocks, extract_text, read_blocks
from .versions import TERMS_VERSION

TEXT_ROWS = 256  # documents per transaction


class Notes(Protocol):
    """Takes remarks for whoever looks into a problem."""

    def note(self, message: str) -> None:
        """Record ``message``."""

    def say(self, message: str) -> None:
        """Tell the author ``message``."""


@dataclass(frozen=True, slots=True)
class Words:
    """What a document says: ``digest`` names its text, ``empty`` tells that it has none but a title."""

    digest: bytes
    empty: bool
    terms: TermCounts


def read_words(
    documents: Sequence[Document], keys: Sequence[bytes], cache: Cache, notes: Notes
) -> list[Words]:
    """Return the words of each of ``documents``, whose keys are ``keys``.

    Only documents that the cache does not know are parsed.
    """
    rows = [hash_parts(f"terms {TERMS_VERSION}", key) for key in keys]
    stored = cache.read("texts", rows)
    found = {row: words for row, content in stored.items() if (words := _load(content)) is not None}
    todo = {row: document for row, document in zip(rows, documents, strict=True) if row not in found}
    fresh: dict[bytes, bytes] = {}
    cut: list[str] = []
    for row, document in todo.items():
        found[row], complete = _read(document, notes)
        cut += [] if complete else [document.path]
        fresh[row] = _dump(found[row])
        if len(fresh) == TEXT_ROWS:
            cache.write("texts", fresh)
            fresh = {}
    cache.write("texts", fresh)
    if cut:
        others = f" (and {len(cut) - 1} more)" if len(cut) > 1 else ""
        notes.say(f"{cut[0]}{others} is very long: only its first {MAX_CHARACTERS:,} characters are read.")
    return [found[row] for row in rows]


def compose_text(document: Document, dropped: frozenset[int]) -> tuple[str, str]:
    """Return the title and the text that a model reads, without the blocks whose hashes are ``dropped``."""
    blocks = [block for block in extract_blocks(document.html) if hash_block(block.text) not in dropped]
    return extract_text(document.title), "\n".join(block.text for block in blocks)


def _read(document: Document, notes: Notes) -> tuple[Words, bool]:
    """Return a document's words, and whether they are all of them."""
    title, (blocks, cut) = extract_text(document.title), read_blocks(document.html)
    if not blocks:
        notes.note(f"{document.path} has no text, so it gets no related posts.")
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
