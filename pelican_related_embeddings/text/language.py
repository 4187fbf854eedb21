"""Guess the language that a text is written in: for hints alone, since no guess may change a list."""

import re
from collections.abc import Callable, Sequence
from functools import cache

from .function_words import read_function_words
from .html import Block
from .names import merge_alike

READ = 1000  # characters of a text that are enough to tell
LEAST = 100  # that are needed
OWN_SHARE = 0.28  # of the words; a text has at most 0.27 function words of a language that is not its own
MARGIN = 10.0  # by which the log-likelihood of the best language exceeds that of the next

_WORD = re.compile(r"[^\W\d_]+")


def guess_language(blocks: Sequence[Block], label: str = "") -> str:
    """Return the language of prose, such as "fr"; nothing where it cannot be told.

    A text that has the function words of its ``label`` is in that language. For others by py3langid, a naive
    Bayes classifier over byte n-grams for 97 languages (Lui and Baldwin, "langid.py: An Off-the-shelf
    Language Identification Tool", 2012), which takes a third of a second to load.
    """
    text = ""
    for block in blocks:
        if not block.code:
            text = f"{text} {block.text}"
        if len(text) >= READ:
            break
    if len(text) < LEAST:
        return ""
    text = text[:READ]
    if is_labelled_rightly(text, label):
        return merge_alike(label)
    rank = _load_classifier()
    if rank is None:
        return ""
    (best, first), (_, second) = rank(text)[:2]
    return merge_alike(best) if first - second >= MARGIN else ""


def is_labelled_rightly(text: str, label: str) -> bool:
    """Return whether a text has as many function words of a language as texts in it have."""
    words = [word.casefold() for word in _WORD.findall(text)]
    function_words = read_function_words(label)
    return sum(word in function_words for word in words) >= OWN_SHARE * max(1, len(words))


@cache
def _load_classifier() -> Callable[[str], list[tuple[str, float]]] | None:
    """Return what ranks the languages of a text, or None where it has no room on disk or in memory."""
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    try:
        rank: Callable[[str], list[tuple[str, float]]] = LanguageIdentifier.from_model_file(MODEL_FILE).rank
    except (OSError, MemoryError):
        return None
    return rank


def forget_classifier() -> None:
    """Free the 80 MB that the classifier takes; the model may need them."""
    _load_classifier.cache_clear()
