"""Say why two documents are alike: the terms that count most, as their author wrote them.

Knows nothing of vectors or of Pelican.
"""

import re
from collections.abc import Sequence
from functools import lru_cache

import numpy as np
import numpy.typing as npt

from .lexical import TermCounts, TermMatrix, hash_word, is_unspaced

REASONS = 4  # terms named at most
CONSIDERED = 10  # strongest shared terms that they are chosen from: many are parts of one another
LONGEST_REASON = 4  # words, or characters of a script without spaces, that joined terms may have
_WORD = re.compile(r"\w+")

Rows = npt.NDArray[np.intp]


def find_reasons(
    matrix: TermMatrix, documents: Sequence[TermCounts], sources: Rows, targets: Rows
) -> list[tuple[str, ...]]:
    """Return for each pair of rows the terms that contribute most to its lexical similarity.

    They are spelled as in the second document.
    """
    columns, starts = _find_strongest(matrix, sources, targets)
    writer = _Writer(matrix, documents)
    return [
        choose_terms(writer.spell(target, columns[start:end]))
        for target, start, end in zip(
            targets.tolist(), starts[:-1].tolist(), starts[1:].tolist(), strict=True
        )
    ]


def _find_strongest(
    matrix: TermMatrix, sources: Rows, targets: Rows
) -> tuple[list[int], npt.NDArray[np.intp]]:
    """Return the shared terms of each pair, strongest first, and where each pair's begin and end."""
    shared = matrix.rows[sources].multiply(matrix.rows[targets]).tocsr()
    pairs = np.repeat(np.arange(len(sources)), np.diff(shared.indptr))
    ranked = np.lexsort((shared.indices, -np.round(shared.data.astype(np.float64), 7), pairs))
    ranked = ranked[(np.arange(len(pairs)) - shared.indptr[pairs]) < CONSIDERED]
    starts = np.searchsorted(pairs[ranked], np.arange(len(sources) + 1))
    return shared.indices[ranked].tolist(), starts


class _Writer:
    """Spells the terms of a document; remembers how."""

    def __init__(self, matrix: TermMatrix, documents: Sequence[TermCounts]) -> None:
        self.matrix = matrix
        self.documents = documents
        self.spellings: dict[int, dict[int, str]] = {}

    def spell(self, row: int, columns: list[int]) -> list[str]:
        known = self.spellings.get(row)
        if known is None:
            known = self.spellings[row] = self.read(row)
        return [known[column] for column in columns]

    def read(self, row: int) -> dict[int, str]:
        rows = self.matrix.rows
        columns = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        document = self.documents[row]
        written = document.read_written()
        places = np.searchsorted(document.hashes, self.matrix.hashes[columns])
        return {
            column: self.trim(written[place])
            for column, place in zip(columns.tolist(), places.tolist(), strict=True)
        }

    def trim(self, term: str) -> str:
        """Return a term without a first or last word that is on most documents, such as "the"."""
        if is_unspaced(term):
            return term
        words = list(_WORD.finditer(term))
        while len(words) > 1 and hash_word(words[-1][0]) in self.matrix.common:
            words.pop()
        while len(words) > 1 and hash_word(words[0][0]) in self.matrix.common:
            words.pop(0)
        return term[words[0].start() : words[-1].end()] if words else term


def choose_terms(terms: Sequence[str]) -> tuple[str, ...]:
    """Return at most ``REASONS`` of ``terms``, none part of another, overlapping ones joined.

    >>> choose_terms(["search", "full-text", "SQLite", "text search"])
    ('full-text search', 'SQLite')
    """
    chosen: list[str] = []
    for term in terms:
        _add(chosen, term)
    return tuple(chosen[:REASONS])


def _add(chosen: list[str], term: str) -> None:
    for index, other in enumerate(chosen):
        joined = _join(other, term) or _join(term, other)
        if joined:
            rest = chosen[index + 1 :]
            chosen[index:] = [joined, *(one for one in rest if not _contains(joined, one))]
            return
    chosen.append(term)


def _join(first: str, second: str) -> str:
    """Return the text that holds both terms, the first one first; empty if they do not overlap."""
    if _contains(first, second):
        return first
    one, two = _split(first), _split(second)
    overlap = 2 if is_unspaced(second) else 1
    if len(one) + len(two) - overlap > LONGEST_REASON or len(one) == overlap or len(two) == overlap:
        return ""
    if [word for word, _ in one[-overlap:]] != [word for word, _ in two[:overlap]]:
        return ""
    return first + second[two[overlap - 1][1] :]


def _contains(whole: str, part: str) -> bool:
    one, two = [word for word, _ in _split(whole)], [word for word, _ in _split(part)]
    return any(one[at : at + len(two)] == two for at in range(len(one) - len(two) + 1))


@lru_cache(maxsize=1 << 14)
def _split(term: str) -> list[tuple[str, int]]:
    """Return the words of a term, or its characters if it has no spaces, and where each ends."""
    if is_unspaced(term):
        return [(character, place + 1) for place, character in enumerate(term)]
    return [(match[0].casefold(), match.end()) for match in _WORD.finditer(term)]
