"""Candidates and lists as JSON, for the cache."""

import json
from collections.abc import Iterable, Sequence
from typing import Any

from ..store.cache import compress, decompress
from .selection import Candidate, Candidates, Ranked, Selection


def dump_selection(selection: Selection) -> bytes:
    """Return ``selection`` as bytes."""
    return _dump({"lists": _pack(selection.lists), "warnings": selection.warnings})


def load_selection(content: bytes) -> Selection:
    """Undo ``dump_selection``; raises ``ValueError`` for anything else."""
    try:
        stored = _load(content)
        return Selection(_unpack(stored["lists"]), tuple(stored["warnings"]))
    except (KeyError, TypeError) as error:
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


def load_ranked(content: bytes) -> Ranked:
    """Undo ``dump_ranked``; raises ``ValueError`` for anything else."""
    try:
        stored = _load(content)
        pairs = [(first, second) for first, second in stored["duplicates"]]
        return Ranked(_unpack(stored["candidates"]), stored["depth"], pairs)
    except (KeyError, TypeError) as error:
        raise ValueError("not candidates of ours") from error


def _pack(lists: Sequence[Candidates]) -> list[list[tuple[Any, ...]]]:
    return [
        [(c.row, c.score, c.semantic, c.lexical, c.terms, *([1] if c.pinned else [])) for c in candidates]
        for candidates in lists
    ]


def _unpack(lists: Iterable[Iterable[Sequence[Any]]]) -> tuple[Candidates, ...]:
    return tuple(
        tuple(
            [
                Candidate(row, score, semantic, lexical, tuple(terms), bool(pin))
                for row, score, semantic, lexical, terms, *pin in items
            ]
        )
        for items in lists
    )


def _dump(value: Any) -> bytes:
    return compress(json.dumps(value, separators=(",", ":")))


def _load(content: bytes) -> dict[str, Any]:
    stored = json.loads(decompress(content))
    if not isinstance(stored, dict):
        raise ValueError("not a result of ours")
    return stored
