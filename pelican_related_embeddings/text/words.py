"""The words of every document: parsed from its HTML once, then read from the cache.

The last step of this room. ``html`` finds a document's blocks, ``terms`` counts the terms in them, and what
is counted here is what ranking compares and what names a text that is embedded.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..messages import Messages
from ..store.cache import Cache
from ..store.keys import hash_parts
from .document import Document, is_brief
from .html import MAX_CHARACTERS, Block, extract_blocks, extract_text, find_links, read_blocks
from .language import forget_classifier, guess_language
from .terms import TermCounts, count_terms, hash_block

BATCH = 256  # documents read from the cache, or written to it, at once
FEW_LINKS = 20  # of a document of few words that say something about it
_ADDRESS = re.compile(r"(?i)https?://(?:www\.)?([^/?#:@\s]+)(?::\d+)?/?([^?#]*)")
_LANGUAGE = slice(17, 20)  # of the bytes of a document's words, after its digest and whether it is empty
_PATH_WORDS = re.compile(r"[^\W\d_]{2,}")


class Words(NamedTuple):
    """The words of one document: ``digest`` names its text; if ``empty``, it has none, nor a title or tag.

    ``language`` is a guess at what they are written in, or nothing.
    """

    digest: bytes
    empty: bool
    language: str
    terms: TermCounts


@dataclass(frozen=True, eq=False)
class AllWords:
    """The words of all documents of a site, row by row."""

    digests: list[bytes]
    empty: list[bool]
    languages: list[str]
    terms: list[TermCounts]


def read_words(
    documents: Sequence[Document], keys: Sequence[bytes], cache: Cache, messages: Messages
) -> AllWords:
    """Return the words of ``documents``, whose keys are ``keys``; only those new to the cache are parsed.

    10 to 30 kB a document: the bytes that the cache holds, which are not copied.
    """
    found: list[Words] = []
    cut: list[str] = []
    for start in range(0, len(documents), BATCH):
        batch = slice(start, start + BATCH)
        words, cut_here = _read_batch(documents[batch], keys[batch], cache, messages)
        found += words
        cut += cut_here
    forget_classifier()
    if cut:
        others = f" (and {len(cut) - 1} more)" if len(cut) > 1 else ""
        messages.tell(
            f"{cut[0]}{others} is very long: only its first {MAX_CHARACTERS:,} characters are read."
        )
    return AllWords(
        [one.digest for one in found],
        [one.empty for one in found],
        [one.language for one in found],
        [one.terms for one in found],
    )


def _read_batch(
    documents: Sequence[Document], keys: Sequence[bytes], cache: Cache, messages: Messages
) -> tuple[list[Words], list[str]]:
    """Return the words of some documents, and the paths of those that are too long to be read whole."""
    stored = cache.read("texts", keys)
    found = {key: words for key, content in stored.items() if (words := _unpack(content)) is not None}
    fresh: dict[bytes, bytes] = {}
    cut: list[str] = []
    for key, document in zip(keys, documents, strict=True):
        if key not in found:
            found[key], complete = _parse_words(document)
            if document.published:  # the cache may be published too, and holds words of drafts in no form
                fresh[key] = _pack(found[key])
            cut += [] if complete else [document.path]
            if found[key].empty:
                messages.note(f"{document.path} has no words, so it gets no related posts.")
    cache.write("texts", fresh)
    return [found[key] for key in keys], cut


def _parse_words(document: Document) -> tuple[Words, bool]:
    """Return a document's words, and whether they are all of them."""
    title, (blocks, cut) = extract_text(document.title), read_blocks(document.html)
    about = describe_brief(document)
    terms = count_terms(title, blocks, about)
    empty = not blocks and not len(count_terms(title, [], ". ".join(document.tags)).hashes)
    return Words(_digest(title, blocks, about), empty, guess_language(blocks, document.lang), terms), not cut


def compose_text(document: Document, dropped: frozenset[int]) -> tuple[str, str]:
    """Return the title and the text that a model reads, without the blocks whose hashes are ``dropped``."""
    blocks = [block for block in extract_blocks(document.html) if hash_block(block.text) not in dropped]
    texts = [*(block.text for block in blocks), describe_brief(document)]
    return extract_text(document.title), "\n".join(filter(None, texts))


def describe_brief(document: Document) -> str:
    """Return what else is known of a document of few words: tags, category, summary, where its links lead."""
    if not is_brief(document):
        return ""
    about = [*document.tags, document.category, extract_text(document.summary)]
    about += map(_spell_address, find_links(document.html)[:FEW_LINKS])
    return ". ".join(dict.fromkeys(filter(None, about)))


def _spell_address(address: str) -> str:
    """Return the domain of an address on the web and the words of its path."""
    match = _ADDRESS.match(address)
    return " ".join((match[1], *_PATH_WORDS.findall(match[2]))) if match else ""


def _digest(title: str, blocks: Sequence[Block], about: str) -> bytes:
    return hash_parts(title, *(f"{block.code:d}{block.text}" for block in blocks), *filter(None, [about]))


def _pack(words: Words) -> bytes:
    language = words.language.encode().ljust(_LANGUAGE.stop - _LANGUAGE.start)
    return words.digest + bytes([words.empty]) + language + words.terms.to_bytes()


def _unpack(content: bytes) -> Words | None:
    try:
        terms = TermCounts.from_bytes(content[_LANGUAGE.stop :])
        language = content[_LANGUAGE].decode("ascii").strip()
    except ValueError:
        return None
    return Words(content[:16], content[16:17] == b"\x01", language, terms)
