"""Find anchors: phrases of a text that could link to a post because they belong to it.

What belongs to a post: the words of its title in their order, those of a heading that has an id, and its
strongest terms. A phrase ends at punctuation, and neither begins nor ends with a function word.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..ranking.term_weights import TermMatrix
from ..text.function_words import read_function_words
from ..text.passages import Passage
from ..text.terms import Hashes, Word, find_words, hash_word, is_unspaced, join_hashes

STRONGEST = 128  # terms of a post that may carry a link to it
MOST_WORDS = 8  # of an anchor
MOST_BETWEEN = 2  # function words in a row within an anchor
TITLE, HEADING, TERM = 0, 1, 2  # kinds of anchors, the best first


class Span(NamedTuple):
    """An anchor in a passage: its first and last character offsets, and the words that belong to the post.

    ``share`` is how much of the title or heading it has, from 0 to 1, by the weights of its words;
    ``weight`` is their sum. ``fragment`` is the id of the heading, or empty. ``named``: it looks like a
    name: capitals or digits that do not come from the beginning of a sentence.
    """

    kind: int
    start: int
    end: int
    words: tuple[int, ...]
    share: float
    weight: float
    fragment: str = ""
    named: bool = False


@dataclass(frozen=True, eq=False)
class Phrase:
    """The words of a title or heading: the place of each, and the weight of all."""

    kind: int
    places: Mapping[int, int]
    total: float
    fragment: str = ""


@dataclass(frozen=True, eq=False)
class Profile:
    """What belongs to a post: phrases, and its strongest terms of one word and of two."""

    phrases: tuple[Phrase, ...]
    terms: frozenset[int]

    def cover_title(self, known: Collection[int], vocabulary: "Vocabulary") -> float:
        """Return how much of the title is among some words, from 0 to 1."""
        title = next((one for one in self.phrases if one.kind == TITLE), None)
        if title is None:
            return 0.0
        return sum(vocabulary.weigh(word) for word in title.places if word in known) / title.total


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The weights of the words of a language on a site.

    ``weights`` has the squared idf of each term that counts; ``empty`` are ``function_words``, and words
    that are on too many posts to distinguish them.
    """

    weights: Mapping[int, float]
    empty: Collection[int]
    function_words: Collection[int]
    highest: float

    def weigh(self, word: int) -> float:
        """Return the weight of a word, 0 for an uninformative one."""
        return 0.0 if word in self.empty else self.weights.get(word, 0.0)

    def expect(self, word: int) -> float:
        """Return the same, also for a word that no other post has."""
        return 0.0 if word in self.empty else self.weights.get(word, self.highest)


def read_vocabulary(matrix: TermMatrix, lang: str) -> Vocabulary:
    """Return the weights of words among the posts of a language."""
    function_words = frozenset(map(hash_word, read_function_words(lang)))
    weights = dict(zip(matrix.hashes.tolist(), matrix.boosts.tolist(), strict=True))
    return Vocabulary(
        weights, function_words | matrix.common, function_words, max(weights.values(), default=0.0)
    )


def list_words(text: str) -> list[Word]:
    """Return the words of a text, whole: not also the parts of those that are written without spaces."""
    return list(find_words(text, {}))


def make_phrase(
    kind: int, text: str, vocabulary: Vocabulary, *, fragment: str = "", least: float = 0.0
) -> Phrase | None:
    """Return the phrase of a title or heading; None if none of its words has a weight.

    ``least`` is the minimum weight of the whole phrase, so that one common word is not a whole title.
    """
    places: dict[int, int] = {}
    for place, word in enumerate(find_words(text, {})):
        places.setdefault(word.hash, place)
    total = sum(map(vocabulary.expect, places))
    return Phrase(kind, places, max(total, least), fragment) if total else None


def make_profile(phrases: Sequence[Phrase | None], matrix: TermMatrix, place: int) -> Profile:
    """Return what belongs to the post at a ``place`` of its group."""
    row = slice(matrix.rows.indptr[place], matrix.rows.indptr[place + 1])
    columns, weights = matrix.rows.indices[row], matrix.rows.data[row]
    strongest = columns[np.argsort(-weights, kind="stable")[:STRONGEST]]
    return Profile(tuple(filter(None, phrases)), frozenset(matrix.hashes[strongest].tolist()))


@dataclass(frozen=True, eq=False)
class Text:
    """A passage and the hashes of its words, alone and together with the word before (0: none)."""

    passage: Passage
    words: Sequence[Word]
    pairs: Sequence[int]
    known: frozenset[int]
    free: Sequence[bool]

    def may_hold(self, span: Span) -> bool:
        """Whether the anchor overlaps no link, code or address of the passage."""
        text = self.passage.text
        word = text[text.rfind(" ", 0, span.start) + 1 : span.end]
        return "://" not in word and all(
            span.end <= start or end <= span.start for start, end in self.passage.fixed
        )


def read_text(passage: Passage) -> Text:
    """Return the words of a passage, and which of them may be part of an anchor."""
    words = list_words(passage.text)
    pairs = [0] * len(words)
    joined = [at for at, word in enumerate(words) if word.joined and at]
    if joined:
        hashes: Hashes = np.array([word.hash for word in words], np.uint64)
        places = np.array(joined)
        both = join_hashes(hashes[places - 1], hashes[places])
        for at, pair in zip(joined, both.tolist(), strict=True):
            pairs[at] = pair
    free = [all(word.end <= start or end <= word.start for start, end in passage.fixed) for word in words]
    known = frozenset(word.hash for word, usable in zip(words, free, strict=True) if usable)
    return Text(passage, words, pairs, known, free)


def find_spans(text: Text, profile: Profile, vocabulary: Vocabulary) -> Iterator[Span]:
    """Yield the phrases of a passage that belong to a post, each as long as it can be."""
    for phrase in profile.phrases:
        if not text.known.isdisjoint(phrase.places):
            yield from filter(text.may_hold, _find_phrases(text, phrase, vocabulary))
    if not profile.terms.isdisjoint(text.known) or not profile.terms.isdisjoint(text.pairs):
        yield from filter(text.may_hold, _find_terms(text, profile.terms, vocabulary))


def _find_phrases(text: Text, phrase: Phrase, vocabulary: Vocabulary) -> Iterator[Span]:
    at, count = 0, len(text.words)
    while at < count:
        end, words = _follow(text, at, phrase, vocabulary)
        if words:
            yield _make_span(text, (at, end), words, vocabulary, phrase=phrase)
        at = max(end, at) + 1


def _follow(text: Text, at: int, phrase: Phrase, vocabulary: Vocabulary) -> tuple[int, list[int]]:
    """Return where a phrase that begins ``at`` a word ends, and its words that have a weight."""
    last, end, words, between = -1, at - 1, [], 0
    for index in range(at, min(at + MOST_WORDS, len(text.words))):
        word = text.words[index]
        if not text.free[index] or (index > at and not word.joined):
            break
        place = phrase.places.get(word.hash, -1)
        telling = vocabulary.weigh(word.hash) > 0
        if place > last and word.hash not in vocabulary.function_words:
            last, end, between = place, index, 0
            words += [word.hash] if telling else []
        elif index == at or telling or between == MOST_BETWEEN:
            break
        else:
            between += 1
    return end, words


def _find_terms(text: Text, terms: frozenset[int], vocabulary: Vocabulary) -> Iterator[Span]:
    """Yield runs of words that are, alone or with the word before them, among a post's strongest terms."""
    first, words = -1, list[int]()
    for index in range(len(text.words) + 1):
        belongs = index < len(text.words) and text.free[index] and _belongs(text, index, terms, vocabulary)
        goes_on = belongs and first >= 0 and text.words[index].joined and index - first < MOST_WORDS
        if first >= 0 and not goes_on:
            yield _make_span(text, (first, index - 1), words, vocabulary)
            first = -1
        if belongs:
            if first < 0:
                first, words = index, []
            words.append(text.words[index].hash)


def _belongs(text: Text, index: int, terms: frozenset[int], vocabulary: Vocabulary) -> bool:
    word = text.words[index].hash
    if vocabulary.weigh(word) <= 0:
        return False
    after = text.pairs[index + 1] if index + 1 < len(text.pairs) else 0
    return word in terms or text.pairs[index] in terms or after in terms


def _make_span(
    text: Text,
    ends: tuple[int, int],
    words: Sequence[int],
    vocabulary: Vocabulary,
    *,
    phrase: Phrase | None = None,
) -> Span:
    start, end = _widen(text.passage.text, text.words[ends[0]].start, text.words[ends[1]].end)
    unique = tuple(dict.fromkeys(words))
    weight = sum(map(vocabulary.weigh, unique))
    named = _is_name(text.passage.text, start, end)
    if phrase is None:
        return Span(TERM, start, end, unique, 0.0, weight, named=named)
    return Span(phrase.kind, start, end, unique, weight / phrase.total, weight, phrase.fragment, named)


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether words are written like a name, and not only because a sentence begins with them."""
    if any(letter.isupper() or letter.isdigit() for letter in text[start + 1 : end]):
        return True
    before = text[:start].rstrip(" \"'([\u00ab\u201c")
    return text[start].isupper() and bool(before) and before[-1] not in ".!?:\u2026"


_INNER = frozenset("-_.'\u2019/@+#")  # characters that hold a word together, such as "full-text"


def _widen(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span extended to whole words, such as "full-text" or "node.js"."""
    if is_unspaced(text[end - 1]) or is_unspaced(text[start]):
        return start, end
    first, last = start, end
    while first > 0 and (text[first - 1].isalnum() or text[first - 1] in _INNER):
        first -= 1
    while last < len(text) and (text[last].isalnum() or text[last] in _INNER):
        last += 1
    while first < start and not text[first].isalnum():
        first += 1
    while last > end and not text[last - 1].isalnum() and text[last - 1] not in "+#":
        last -= 1
    return first, last
