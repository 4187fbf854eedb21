"""Why two documents are alike: the shared terms that count most, as their author wrote them.

The last step of ``neighbours``: a candidate is shown with these terms as the reason.
"""

import re
from collections.abc import Callable, Collection, Sequence
from functools import cache, partial
from itertools import islice, pairwise
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from ..text.function_words import read_function_words
from ..text.terms import TermCounts, hash_word, is_unspaced, split_name
from .term_weights import TermMatrix

REASONS = 4  # terms named at most
CONSIDERED = 6  # strongest shared terms that they are chosen from: many are parts of one another
LEAST_SHARE = 0.05  # of the lexical similarity; a term that contributes less explains nothing
LONGEST_REASON = 4  # words, or characters of a script without spaces, that joined terms may have
BLOCK_PAIRS = 1 << 12  # pairs of documents whose rows of terms are multiplied at once: about 20 MiB
_WORD = re.compile(r"\w+")

Rows = npt.NDArray[np.intp]


def find_reasons(
    matrix: TermMatrix,
    documents: Sequence[TermCounts],
    sources: Rows,
    targets: Rows,
    *,
    languages: Sequence[str] = (),
    block_pairs: int = BLOCK_PAIRS,
) -> list[tuple[str, ...]]:
    """Return for each pair of rows the terms that contribute most to its lexical similarity.

    They are spelled as in the second document, and without its language's function words at their ends,
    if ``languages`` has those of the documents; at most ``REASONS``, strongest first, none part of another.
    """
    # Most pairs are found from either end: once is enough, as both ends share the same terms.
    keys = np.minimum(sources, targets) * len(documents) + np.maximum(sources, targets)
    keys, same = np.unique(keys, return_inverse=True)
    blocks = [keys[start : start + block_pairs] for start in range(0, max(1, len(keys)), block_pairs)]
    found = [_find_strongest(matrix, *np.divmod(block, max(1, len(documents)))) for block in blocks]
    columns = np.concatenate(found)[same]
    counts = np.count_nonzero(columns >= 0, axis=1)
    written = iter(_find_written(matrix, documents, columns[columns >= 0], np.repeat(targets, counts)))
    choosers = {lang: _make_chooser(matrix, read_function_words(lang)) for lang in {*languages, ""}}
    owners = (languages[place] if languages else "" for place in targets.tolist())
    return [
        choosers[lang](tuple(islice(written, count)))
        for lang, count in zip(owners, counts.tolist(), strict=True)
    ]


def _find_strongest(matrix: TermMatrix, sources: Rows, targets: Rows) -> npt.NDArray[np.int32]:
    """Return the strongest shared terms of each pair, strongest first, and -1 where it has no more."""
    shared = matrix.rows[sources].multiply(matrix.rows[targets]).tocsr()
    pairs = np.repeat(np.arange(len(sources)), np.diff(shared.indptr))
    whole = np.bincount(pairs, shared.data, minlength=len(sources))
    telling = shared.data >= LEAST_SHARE * whole[pairs]
    pairs, columns, values = pairs[telling], shared.indices[telling], shared.data[telling]
    ranked = np.lexsort((-values, pairs))  # of equals, the smaller column first: they were in that order
    slots = np.arange(len(pairs)) - np.searchsorted(pairs, pairs)
    first = slots < CONSIDERED
    strongest = np.full((len(sources), CONSIDERED), -1, np.int32)
    strongest[pairs[first], slots[first]] = columns[ranked][first]
    return strongest


def _find_written(
    matrix: TermMatrix, documents: Sequence[TermCounts], columns: npt.NDArray[np.int32], owners: Rows
) -> list[str]:
    """Return how each term is written in the document that owns it; each document is unpacked only once."""
    written = [""] * len(columns)
    order = np.argsort(owners, kind="stable")
    rows, first = np.unique(owners[order], return_index=True)
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


def _make_chooser(
    matrix: TermMatrix, function_words: Collection[str]
) -> Callable[[tuple[str, ...]], tuple[str, ...]]:
    """Return a function from terms as written to those to show; its answers are kept, as many terms recur."""
    skips = cache(partial(is_uninformative, matrix, function_words))
    trim = cache(partial(trim_term, skips))
    return cache(lambda texts: choose_terms([term for term in map(trim, texts) if term is not None]))


def is_uninformative(matrix: TermMatrix, function_words: Collection[str], word: str) -> bool:
    """Whether a word only holds sentences together, or is on most documents, or on many but not as a name."""
    number = hash_word(word)
    if len(word) == 1 or number in matrix.stopping:
        return True
    if word.casefold() in function_words and not word.isupper():  # IT and US are names
        return True
    return number in matrix.common and not word[:1].isupper()


def trim_term(skips: Callable[[str], bool], text: str) -> Spelled | None:
    """Return a term without the words at its ends that ``skips`` is true of; None if no word is left."""
    if not text.isascii() and is_unspaced(text):
        return Spelled(text, tuple(text), 2)
    spans = _find_spans(text)
    words = [text[start:end] for start, end in spans]
    first, last = 0, len(words)
    while first < last and skips(words[last - 1]):
        last -= 1
    while first < last and skips(words[first]):
        first += 1
    if first == last:
        return None
    if last - first < len(words):
        text = text[spans[first][0] : spans[last - 1][1]]
    return Spelled(text, tuple([word.casefold() for word in words[first:last]]))


def choose_terms(terms: Sequence[Spelled]) -> tuple[str, ...]:
    """Return at most ``REASONS`` of ``terms``, none part of another, overlapping ones joined.

    >>> choose_terms([Spelled(text, tuple(text.split())) for text in ("search", "full text",
    ...     "sqlite", "text search")])
    ('full text search', 'sqlite')
    """
    chosen: list[Spelled] = []
    seen: set[str] = set()
    for term in terms:
        if seen.isdisjoint(term.words):
            chosen.append(term)
        else:
            _join_all(chosen, term)
        seen.update(term.words)
    return tuple([term.text for term in chosen[:REASONS]])


def _join_all(chosen: list[Spelled], term: Spelled) -> None:
    """Add a term to those chosen, in place of all that it overlaps with, joined with them."""
    place, index = len(chosen), 0
    while index < len(chosen):
        joined = _join(chosen[index], term) or _join(term, chosen[index])
        if joined is None:
            index += 1
            continue
        del chosen[index]
        place, index, term = min(place, index), 0, joined
    chosen.insert(place, term)


def _join(first: Spelled, second: Spelled) -> Spelled | None:
    """Return what holds both terms, the first one first; None if they do not overlap."""
    if second.words[0] not in first.words:
        return None  # the usual case, and the quickest
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
    return _find_spans(term.text)[words - 1][1]


def _find_spans(text: str) -> list[tuple[int, int]]:
    """Return where the words of ``text`` begin and end; the parts of a name are words."""
    return [
        (match.start() + start, match.start() + end)
        for match in _WORD.finditer(text)
        for start, end in split_name(match[0])
    ]
