"""Candidates and lists as JSON, for the cache.

Whatever is read back is checked: a row that no document has, or a post that may not be shown, makes the whole
result a missing one.
"""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..store.cache import compress, decompress
from ..text.document import Document
from .selection import Candidate, Candidates, Ranked, Selection


def dump_selection(selection: Selection) -> bytes:
    """Return ``selection`` as bytes."""
    return _dump({"lists": _pack(selection.lists), "warnings": selection.warnings})


def load_selection(content: bytes, documents: Sequence[Document]) -> Selection:
    """Undo ``dump_selection`` for the same ``documents``; raises ``ValueError`` for anything else."""
    try:
        stored = _load(content)
        return Selection(_unpack(stored["lists"], documents), tuple(map(_text, stored["warnings"])))
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not a selection of ours") from error


def dump_ranked(ranked: Ranked) -> bytes:
    """Return the candidates and duplicates of ``ranked`` as bytes."""
    return _dump(
        {
            "candidates": _pack(ranked.candidates),
            "depth": ranked.depth,
            "duplicates": sorted(ranked.duplicates),
        }
    )


def load_ranked(content: bytes, documents: Sequence[Document]) -> Ranked:
    """Undo ``dump_ranked`` for the same ``documents``; raises ``ValueError`` for anything else."""
    try:
        stored = _load(content)
        pairs = [(first, second) for first, second in stored["duplicates"]]
        if not all(0 <= row < len(documents) for pair in pairs for row in pair):
            raise ValueError("a duplicate is none of the documents")
        return Ranked(_unpack(stored["candidates"], documents), int(stored["depth"]), pairs)
    except (KeyError, TypeError, RecursionError) as error:
        raise ValueError("not candidates of ours") from error


def _pack(lists: Sequence[Candidates]) -> list[list[tuple[Any, ...]]]:
    return [
        [(c.row, c.score, c.semantic, c.lexical, c.terms, *([1] if c.pinned else [])) for c in candidates]
        for candidates in lists
    ]


def _unpack(
    lists: Sequence[Iterable[Sequence[Any]]], documents: Sequence[Document]
) -> tuple[Candidates, ...]:
    shown = {row for row, document in enumerate(documents) if document.published}
    found = tuple(
        tuple(
            [
                Candidate(row, score, semantic, lexical, tuple(terms), bool(pin))
                for row, score, semantic, lexical, terms, *pin in items
            ]
        )
        for items in lists
    )
    for candidates in found:
        for row, score, semantic, lexical, terms, _ in candidates:
            "".join(terms)  # raises TypeError unless they are texts
            if row not in shown or not (0 <= score <= 1 and semantic + lexical < float("inf")):
                raise ValueError("a candidate that may not be shown")
    if len(found) != len(documents):
        raise ValueError("not a list for each document")
    return found


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise TypeError("not a text")
    return value


def _dump(value: Any) -> bytes:
    return compress(json.dumps(value, separators=(",", ":")))


def _load(content: bytes) -> dict[str, Any]:
    stored = json.loads(decompress(content))
    if not isinstance(stored, dict):
        raise ValueError("not a result of ours")
    return stored
