"""Say why two documents are alike: the terms that count most, as their author wrote them.

Knows nothing of vectors or of Pelican.
"""

import re
from collections.abc import Sequence
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..text.terms import TermCounts, hash_word, is_unspaced
from .term_weights import TermMatrix

REASONS = 4  # terms named at most
CONSIDERED = 6  # strongest shared terms that they are chosen from: many are parts of one another
LEAST_SHARE = 0.05  # of the lexical similarity; a term that contributes less explains nothing
LONGEST_REASON = 4  # words, or characters of a script without spaces, that joined terms may have
_WORD = re.compile(r"\w+")

Rows = npt.NDArray[np.intp]


def find_reasons(
    matrix: TermMatrix, documents: Sequence[TermCounts], sources: Rows, targets: Rows
) -> list[tuple[str, ...]]:
    """Return for each pair of rows the terms that contribute most to its lexical similarity.

    They are spelled as in the second document; at most ``REASONS``, strongest first, none part of
    another.
    """
    columns, starts = _find_strongest(matrix, sources, targets)
    speller = _Speller(matrix)
    spelled = speller.read(_find_written(matrix, documents, targets, columns, starts))
    bounds = starts.tolist()
    return [
        choose_terms([term for term in spelled[start:end] if term is not None])
        for start, end in pairwise(bounds)
    ]


def _find_strongest(matrix: TermMatrix, sources: Rows, targets: Rows) -> tuple[npt.NDArray[np.int32], Rows]:
    """Return the shared terms of each pair, strongest first, and where each pair's begin and end."""
    shared = matrix.rows[sources].multiply(matrix.rows[targets]).tocsr()
    pairs = np.repeat(np.arange(len(sources)), np.diff(shared.indptr))
    whole = np.bincount(pairs, shared.data, minlength=len(sources))
    telling = shared.data >= LEAST_SHARE * whole[pairs]
    pairs, columns, values = pairs[telling], shared.indices[telling], shared.data[telling]
    ranked = np.lexsort((columns, -values, pairs))
    first = np.searchsorted(pairs, np.arange(len(sources)))
    ranked = ranked[np.arange(len(pairs)) - first[pairs] < CONSIDERED]
    starts = np.searchsorted(pairs[ranked], np.arange(len(sources) + 1))
    return columns[ranked], starts


def _find_written(
    matrix: TermMatrix,
    documents: Sequence[TermCounts],
    targets: Rows,
    columns: npt.NDArray[np.int32],
    starts: Rows,
) -> list[str]:
    """Return how each of the pairs' terms is written in the second document of its pair.

    Each document is unpacked once, whichever pairs it is in.
    """
    owners = np.repeat(targets, np.diff(starts))
    order = np.argsort(owners, kind="stable")
    rows, first = np.unique(owners[order], return_index=True)
    written = [""] * len(columns)
    bounds = pairwise([*first.tolist(), len(order)])
    for row, (begin, end) in zip(rows.tolist(), bounds, strict=True):
        places = order[begin:end]
        terms = np.searchsorted(documents[row].hashes, matrix.hashes[columns[places]])
        texts = documents[row].read_written()
        for place, term in zip(places.tolist(), terms.tolist(), strict=True):
            written[place] = texts[term]
    return written


class Spelled(NamedTuple):
    """A term as its author wrote it, and its words (or characters), case folded, to compare."""

    text: str
    words: tuple[str, ...]
    overlap: int = 1  # how many words two terms must share at their ends to be read as one


class _Speller:
    """Takes off terms what says nothing to a reader, and remembers what is left."""

    def __init__(self, matrix: TermMatrix) -> None:
        self.matrix = matrix
        self.silent: dict[str, bool] = {}

    def read(self, texts: Sequence[str]) -> list[Spelled | None]:
        """Return each of ``texts`` as ``trim`` has it; many are the same."""
        known = {text: self.trim(text) for text in dict.fromkeys(texts)}
        return [known[text] for text in texts]

    def trim(self, text: str) -> Spelled | None:
        """Return a term less its first or last word if that says nothing; None if no word is left."""
        if not text.isascii() and is_unspaced(text):
            return Spelled(text, tuple(text), 2)
        words = _WORD.findall(text)
        first, last = 0, len(words)
        while first < last and self.says_nothing(words[last - 1]):
            last -= 1
        while first < last and self.says_nothing(words[first]):
            first += 1
        if first == last:
            return None
        if last - first < len(words):
            spans = [match.span() for match in _WORD.finditer(text)]
            text = text[spans[first][0] : spans[last - 1][1]]
        return Spelled(text, tuple(word.casefold() for word in words[first:last]))

    def says_nothing(self, word: str) -> bool:
        """Whether a word is on most documents, or on many without being written as a name is."""
        known = self.silent.get(word)
        if known is None:
            number = hash_word(word)
            known = len(word) == 1 or number in self.matrix.stopping
            known = known or (number in self.matrix.common and not word[:1].isupper())
            self.silent[word] = known
        return known


def choose_terms(terms: Sequence[Spelled]) -> tuple[str, ...]:
    """Return at most ``REASONS`` of ``terms``, none part of another, overlapping ones joined.

    >>> choose_terms([Spelled(text, tuple(text.split())) for text in ("search", "full text",
    ...     "sqlite", "text search")])
    ('full text search', 'sqlite')
    """
    words = [word for term in terms for word in term.words]
    if len(set(words)) == len(words):
        return tuple(term.text for term in terms[:REASONS])  # none overlaps with another
    chosen: list[Spelled] = []
    for term in terms:
        _add(chosen, term)
    return tuple(term.text for term in chosen[:REASONS])


def _add(chosen: list[Spelled], term: Spelled) -> None:
    """Add a term to those chosen, in place of all that it overlaps with, joined with them."""
    place, index = len(chosen), 0
    while index < len(chosen):
        joined = _overlap(chosen[index], term)
        if joined is None:
            index += 1
            continue
        del chosen[index]
        place, index, term = min(place, index), 0, joined
    chosen.insert(place, term)


def _overlap(one: Spelled, other: Spelled) -> Spelled | None:
    if one.words[0] not in other.words and other.words[0] not in one.words:
        return None  # the usual case, and the quickest
    return _join(one, other) or _join(other, one)


def _join(first: Spelled, second: Spelled) -> Spelled | None:
    """Return what holds both terms, the first one first; None if they do not overlap."""
    if _contains(first, second):
        return first
    overlap = second.overlap
    length = len(first.words) + len(second.words) - overlap
    if length > LONGEST_REASON or min(len(first.words), len(second.words)) <= overlap:
        return None
    if first.words[-overlap:] != second.words[:overlap]:
        return None
    text = first.text + second.text[_measure(second, overlap) :]
    return Spelled(text, first.words + second.words[overlap:], overlap)


def _contains(whole: Spelled, part: Spelled) -> bool:
    size = len(part.words)
    if size == 1:
        return part.words[0] in whole.words
    starts = range(len(whole.words) - size + 1)
    return any(whole.words[at : at + size] == part.words for at in starts)


def _measure(term: Spelled, words: int) -> int:
    """Return how many characters the first few words of a term take."""
    if term.overlap > 1:
        return words
    return next(islice(_WORD.finditer(term.text), words - 1, None)).end()
