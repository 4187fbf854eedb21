"""Collect possible names for the topics of a map: terms of the texts, tags and categories."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack

from ..ranking.term_weights import TermMatrix
from ..text.function_words import read_function_words
from ..text.terms import TermCounts

Floats = npt.NDArray[np.float64]
Mask = npt.NDArray[np.bool_]

FREQUENT_SHARE = 0.125  # terms in more of a language's posts than this are its grammar
FEWEST = 20  # posts; fewer in a language are too few to find its function words
OWN_WORDS = 1.6  # how much more a tag or category counts than a word: the author chose it as a name


@dataclass(frozen=True, eq=False)
class Wording:
    """Possible names for clusters.

    ``weights`` is (n, t) CSR float64: how strongly each post has each term or name, none of them 0.
    ``named`` is (n, t) CSR float64: 1 where the author gave a post that name. ``spelled`` has the t of them
    as readers know them, ``favour`` (t,) how much each counts, 0 for those that name nothing. ``languages``
    is (n,), the language of each post; ``functional`` says for each language which of the t are its grammar.
    """

    weights: csr_matrix
    named: csr_matrix
    spelled: Sequence[str]
    favour: Floats
    languages: npt.NDArray[np.str_]
    functional: Mapping[str, Mask]


def gather_wording(
    terms: csr_matrix, vocabulary: Sequence[str], names: Sequence[Iterable[str]], languages: Sequence[str]
) -> Wording:
    """Return possible names for clusters of n posts.

    Args:
        terms: (n, t) tf-idf weights of the posts.
        vocabulary: The t terms, spelled for readers.
        names: Tags and category of each post.
        languages: Language of each post.
    """
    terms, vocabulary = _join_spellings(terms, vocabulary)
    weights, named, spelled, favour = _join_names(terms, vocabulary, names)
    tongues = np.asarray(languages)
    phrases = _find_functional(weights, spelled, favour, tongues)
    functional = {
        language: phrases | _find_function_words(spelled, favour, language)
        for language in sorted(set(tongues.tolist()))
    }
    return Wording(weights, named, spelled, favour, tongues, functional)


def spell_terms(terms: TermMatrix, counts: Iterable[TermCounts]) -> list[str]:
    """Return how each term is written by the first of the documents that has it; "" for one that none has."""
    vocabulary = [""] * len(terms.hashes)
    rows = terms.rows
    for row, document in enumerate(counts):
        columns = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        written = document.read_written()
        places = np.searchsorted(document.hashes, terms.hashes[columns])
        for column, place in zip(columns.tolist(), places.tolist(), strict=True):
            vocabulary[column] = vocabulary[column] or written[place]
    return vocabulary


def fold_name(name: str) -> str:
    """Return ``name`` without what two spellings of one name differ in."""
    return " ".join(name.replace("-", " ").replace("_", " ").casefold().split())


def fold_number(name: str) -> str:
    """Return a folded name without the ending of a plural, in English and languages that form it likewise.

    Two words that it takes for one are only counted together, so it need not be right about each.

    >>> fold_number("Queries"), fold_number("telescopes"), fold_number("glass"), fold_number("CSS")
    ('query', 'telescope', 'glass', 'css')
    """
    folded = fold_name(name)
    if name[:-1].isupper() and name.endswith("s") and len(name) > 2:  # APIs
        return folded[:-1]
    if len(folded) > 4 and folded.endswith("ies"):
        return folded[:-3] + "y"
    plural = len(folded) > 3 and folded[-1] in "sx" and folded[-2] not in "sxiua"
    return folded[:-1] if plural else folded


def _join_spellings(terms: csr_matrix, vocabulary: Sequence[str]) -> tuple[csr_matrix, list[str]]:
    """Return the terms with those that differ in case, hyphens or number as one, spelled as most often."""
    numbers: dict[str, int] = {}
    at = [numbers.setdefault(fold_number(term), len(numbers)) for term in vocabulary]
    if len(numbers) == len(vocabulary):
        return terms, list(vocabulary)
    frequent = np.bincount(terms.indices, minlength=len(vocabulary)).tolist()
    spelled, most = [""] * len(numbers), [-1] * len(numbers)
    for column, number in enumerate(at):
        if frequent[column] > most[number]:
            spelled[number], most[number] = vocabulary[column], frequent[column]
    joining = csr_matrix((np.ones(len(at)), (range(len(at)), at)), shape=(len(at), len(numbers)))
    return csr_matrix(csr_matrix(terms) @ joining), spelled


def _join_names(
    terms: csr_matrix, vocabulary: Sequence[str], names: Sequence[Iterable[str]]
) -> tuple[csr_matrix, csr_matrix, list[str], Floats]:
    """Return the term matrix with tags and categories as further columns, these alone, spelling and favour.

    A name that is also a term takes the term's column: a post about Python need not be tagged so.
    """
    columns = _find_columns(vocabulary, {fold_number(name) for own in names for name in own})
    spelled = list(vocabulary)
    favour = [1.0 if _can_name(term) else 0.0 for term in spelled]
    rows, at = [], []
    for row, own in enumerate(names):
        for name in sorted({name for name in own if name.strip()}):
            column = columns.setdefault(fold_number(name), len(spelled))
            if column == len(spelled):
                spelled.append(name)
                favour.append(OWN_WORDS)
            elif favour[column] <= 1:
                # The text usually has a better spelling than a tag such as "javascript".
                spelled[column] = spelled[column] if name.islower() else name
                favour[column] = OWN_WORDS
            rows.append(row)
            at.append(column)
    shape = (terms.shape[0], len(spelled))
    strong = float(np.quantile(terms.data, 0.95)) if terms.nnz else 1.0  # as a word in a title
    named = csr_matrix((np.ones(len(rows)), (rows, at)), shape=shape)
    named.data[:] = 1  # of two tags that are one name
    empty = csr_matrix((terms.shape[0], shape[1] - terms.shape[1]))
    weights = csr_matrix(hstack([terms, empty]) + strong * named)
    weights.eliminate_zeros()
    return weights, named, spelled, np.array(favour)


def _find_columns(vocabulary: Sequence[str], folded: Collection[str]) -> dict[str, int]:
    """Return the first column of each of the ``folded`` names that is also a term."""
    columns: dict[str, int] = {}
    for column, term in enumerate(vocabulary):
        if (name := fold_number(term)) in folded:
            columns.setdefault(name, column)
    return columns


def _can_name(term: str) -> bool:
    """Return whether a term found in the text can be a name by itself."""
    return len(term) > 1 and all(word[0].isalpha() for word in term.split())


def _find_function_words(spelled: Sequence[str], favour: Floats, language: str) -> Mask:
    """Return which columns begin or end with a function word of a language, or are one; no author's names."""
    words = read_function_words(language)
    return np.array(
        [
            value <= 1
            and any(_is_function_word(part, words) for part in (*term.split()[:1], *term.split()[-1:]))
            for term, value in zip(spelled, favour, strict=True)
        ],
        dtype=np.bool_,
    )


def _is_function_word(word: str, words: Collection[str]) -> bool:
    return word.casefold() in words and not (word.isupper() and len(word) > 1)  # IT and US are names


def _find_functional(
    weights: csr_matrix, spelled: Sequence[str], favour: Floats, languages: npt.NDArray[np.str_]
) -> Mask:
    """Return which columns are phrases around a word of grammar, such as "the video" or "using jq".

    There is no list of such words for every language; they are those that are in most of its posts.
    Where the ranking has left the most frequent terms out, they are the ones without a column. Names
    given by the author and words with a capital inside are not words of grammar however frequent.
    """
    usual = np.zeros(len(spelled), dtype=np.bool_)
    for language in sorted(set(languages.tolist())):
        rows = languages == language
        if rows.sum() >= FEWEST:
            usual |= count_posts(weights, rows) / rows.sum() > FREQUENT_SHARE
    telling = {
        fold_name(word) for word, often in zip(spelled, usual, strict=True) if not often or word[0].isupper()
    }
    return np.array(
        [
            value == 1 and " " in word and not all(_tells(part, telling) for part in word.split())
            for word, value in zip(spelled, favour, strict=True)
        ],
        dtype=np.bool_,
    )


def _tells(word: str, telling: set[str]) -> bool:
    # A capital within a word, since one at its beginning may only be that of a sentence.
    return word[1:] != word[1:].lower() or fold_name(word) in telling


def count_posts(weights: csr_matrix, rows: Mask) -> Floats:
    """Return (t,): how many of the posts in ``rows`` have each term."""
    return np.bincount(weights[rows].indices, minlength=weights.shape[1]).astype(np.float64)
