"""Guess the language that a text is written in: for hints alone, since no guess may change a list."""

from collections.abc import Callable, Sequence
from functools import cache

from .html import Block
from .names import merge_alike

READ = 1000  # characters of a text that are enough to tell
LEAST = 100  # that are needed
MARGIN = 10.0  # by which the log-likelihood of the best language exceeds that of the next


def guess_language(blocks: Sequence[Block]) -> str:
    """Return the language of prose, such as "fr"; nothing where it cannot be told.

    By py3langid, a naive Bayes classifier over byte n-grams for 97 languages (Lui and Baldwin, "langid.py: An
    Off-the-shelf Language Identification Tool", 2012).
    """
    text = ""
    for block in blocks:
        if not block.code:
            text = f"{text} {block.text}"
        if len(text) >= READ:
            break
    if len(text) < LEAST:
        return ""
    rank = _load_classifier()
    if rank is None:
        return ""
    (best, first), (_, second) = rank(text[:READ])[:2]
    return merge_alike(best) if first - second >= MARGIN else ""


@cache
def _load_classifier() -> Callable[[str], list[tuple[str, float]]] | None:
    """Return what ranks the languages of a text, or None where there is no room for its temporary file."""
    from py3langid import rank

    try:
        rank("")  # loads its model
    except OSError:
        return None
    ranked: Callable[[str], list[tuple[str, float]]] = rank
    return ranked
