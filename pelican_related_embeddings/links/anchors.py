"""Find anchors: phrases of a text that could link to a post because they belong to it.

What belongs to a post: the words of its title in their order, those of a heading that has an id, and its
strongest terms. A phrase ends at punctuation, and neither begins nor ends with a word that says little.
"""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import dropwhile
from typing import NamedTuple

import numpy as np

from ..ranking.groups import Group
from ..ranking.term_weights import TermMatrix, count_documents, square_idf
from ..text.function_words import read_function_words
from ..text.passages import Passage
from ..text.terms import Hashes, Word, find_words, hash_word, is_unspaced, join_hashes

STRONGEST = 128  # terms of a post that may carry a link to it
LONG_TITLE = 3  # words; a whole one is an anchor however common its words are
WHOLE = 0.9  # of the weight of a title
MOST_WORDS = 12  # of an anchor that is not a whole title
LEAST_END = 0.4  # of the weight of its strongest word, for the first and the last word of an anchor
MOST_BETWEEN = 2  # function words in a row within an anchor
TITLE, HEADING, TERM = 0, 1, 2  # kinds of anchors, the best first


class Span(NamedTuple):
    """An anchor in a passage: its first and last character offsets, and the words that belong to the post.

    ``share`` is how much of the title or heading it has, from 0 to 1, by the weights of its words, or of all
    of the post's terms, by the squares of theirs; ``weight`` is the sum of the words'. ``fragment`` is the
    id of the heading, or empty. ``named``: it looks like a name: capitals or digits that do not come from
    the beginning of a sentence.
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
    """A title or heading from its first word that is no function word.

    ``places`` are those of the words that are none, ``total`` is their weight.

    ``usual`` is the weight of usual titles, so that one common word is not a whole title.
    """

    kind: int
    words: Sequence[int]
    places: Mapping[int, int]
    total: float
    usual: float = 0.0
    fragment: str = ""

    def share(self, words: Iterable[int], vocabulary: "Vocabulary") -> float:
        """Return how much of it some of its words are, from 0 to 1: all of it, if long, or by weight."""
        weight = sum(map(vocabulary.weigh, words))
        if len(self.places) >= LONG_TITLE and weight >= WHOLE * self.total:
            return 1.0
        return weight / max(self.total, self.usual)


@dataclass(frozen=True, eq=False)
class Profile:
    """What belongs to a post: phrases, and its strongest terms of one word and of two with their weights."""

    phrases: tuple[Phrase, ...]
    terms: Mapping[int, float]

    def cover_title(self, known: Collection[int], vocabulary: "Vocabulary") -> float:
        """Return how much of the title is among some words, from 0 to 1."""
        title = next((one for one in self.phrases if one.kind == TITLE), None)
        if title is None:
            return 0.0
        return title.share((word for word in title.places if word in known), vocabulary)


@dataclass(frozen=True, eq=False)
class Vocabulary:
    """The weights of the words of a language on a site: the squared idf of each term of a published post.

    Those on many posts have a weight too, unlike in the ranking: in its order, a title of common words is
    as good as any other.
    """

    weights: Mapping[int, float]
    function_words: Collection[int]
    highest: float

    def weigh(self, word: int) -> float:
        """Return the weight of a word: 0 for a function word, the highest for one that no post has."""
        return 0.0 if word in self.function_words else self.weights.get(word, self.highest)


def read_vocabulary(group: Group, lang: str) -> Vocabulary:
    """Return the weights of words among the posts of a language."""
    function_words = frozenset(map(hash_word, read_function_words(lang))) or group.terms.stopping
    hashes, frequency = count_documents(group.documents, group.targets, group.terms.dropped)
    weights = square_idf(frequency, len(group.targets)).tolist()
    return Vocabulary(
        dict(zip(hashes.tolist(), weights, strict=True)), function_words, max(weights, default=1.0)
    )


def make_phrase(
    kind: int, text: str, vocabulary: Vocabulary, *, fragment: str = "", usual: float = 0.0
) -> Phrase | None:
    """Return the phrase of a title or heading; None if none of its words has a weight."""
    every = (word.hash for word in find_words(text, {}))
    words = list(dropwhile(vocabulary.function_words.__contains__, every))
    places: dict[int, int] = {}
    for place, word in enumerate(words):
        if word not in vocabulary.function_words:
            places.setdefault(word, place)
    total = sum(map(vocabulary.weigh, places))
    return Phrase(kind, words, places, total, usual, fragment) if total else None


def make_profile(phrases: Sequence[Phrase | None], matrix: TermMatrix, place: int) -> Profile:
    """Return what belongs to the post at a ``place`` of its group."""
    row = slice(matrix.rows.indptr[place], matrix.rows.indptr[place + 1])
    columns, weights = matrix.rows.indices[row], matrix.rows.data[row]
    strongest = np.argsort(-weights, kind="stable")[:STRONGEST]
    terms = dict(zip(matrix.hashes[columns[strongest]].tolist(), weights[strongest].tolist(), strict=True))
    return Profile(tuple(filter(None, phrases)), terms)


@dataclass(frozen=True, eq=False)
class Text:
    """A passage and the hashes of its words, alone and together with the word before (0: none).

    ``free``: whether a word may be part of an anchor. ``places``: where those are that may, by their hashes,
    and the second words of pairs, by those of the pairs.
    """

    passage: Passage
    words: Sequence[Word]
    pairs: Sequence[int]
    free: Sequence[bool]
    places: Mapping[int, Sequence[int]]

    def may_hold(self, span: Span) -> bool:
        """Whether the anchor overlaps no link, code, address, half of a quotation or of brackets."""
        text = self.passage.text
        word = text[text.rfind(" ", 0, span.start) + 1 : span.end]
        free = all(span.end <= start or end <= span.start for start, end in self.passage.fixed)
        return free and "://" not in word and _is_whole(text[span.start : span.end])


def read_text(passage: Passage) -> Text:
    """Return the words of a passage, and which of them may be part of an anchor."""
    words = list(find_words(passage.text, {}))
    free = [all(word.end <= start or end <= word.start for start, end in passage.fixed) for word in words]
    pairs, places = _join_words(words), dict[int, list[int]]()
    for at, usable in enumerate(free):
        if usable:
            for term in filter(None, (words[at].hash, pairs[at])):
                places.setdefault(term, []).append(at)
    return Text(passage, words, pairs, free, places)


def _join_words(words: Sequence[Word]) -> list[int]:
    pairs = [0] * len(words)
    joined = [at for at, word in enumerate(words) if word.joined and at]
    if joined:
        hashes: Hashes = np.array([word.hash for word in words], np.uint64)
        places = np.array(joined)
        both = join_hashes(hashes[places - 1], hashes[places])
        for at, pair in zip(joined, both.tolist(), strict=True):
            pairs[at] = pair
    return pairs


def find_spans(text: Text, profile: Profile, vocabulary: Vocabulary) -> Iterator[Span]:
    """Yield the phrases of a passage that belong to a post, each as long as it can be."""
    for phrase in profile.phrases:
        yield from filter(text.may_hold, _find_phrases(text, phrase, vocabulary))
    yield from filter(text.may_hold, _find_terms(text, profile.terms, vocabulary))


def _find_phrases(text: Text, phrase: Phrase, vocabulary: Vocabulary) -> Iterator[Span]:
    end = -1
    for at in sorted(at for word in phrase.places.keys() & text.places.keys() for at in text.places[word]):
        if at > end:
            end = _follow(text, at, phrase, vocabulary)
            yield _make_span(text, range(at, end + 1), vocabulary, phrase)


def _follow(text: Text, at: int, phrase: Phrase, vocabulary: Vocabulary) -> int:
    """Return the last word of a phrase that begins ``at`` a word."""
    last, end, between = phrase.places[text.words[at].hash], at, 0
    if last == 0 and _holds(text, at, phrase.words):
        return at + len(phrase.words) - 1
    for index in range(at + 1, min(at + MOST_WORDS, len(text.words))):
        word = text.words[index]
        if not text.free[index] or not word.joined:
            break
        place = phrase.places.get(word.hash, -1)
        if place > last:
            last, end, between = place, index, 0
        elif word.hash not in vocabulary.function_words or between == MOST_BETWEEN:
            break
        else:
            between += 1
    return end


def _holds(text: Text, at: int, words: Sequence[int]) -> bool:
    """Whether all of some words stand ``at`` a place, whatever is between them."""
    end = at + len(words)
    return [word.hash for word in text.words[at:end]] == words and all(text.free[at:end])


def _find_terms(text: Text, terms: Mapping[int, float], vocabulary: Vocabulary) -> Iterator[Span]:
    """Yield runs of words that are, alone or with the word before them, among a post's strongest terms."""
    run = range(0)
    for at in sorted(_list_places(text, terms, vocabulary)):
        if run and at == run.stop and text.words[at].joined and len(run) < MOST_WORDS:
            run = range(run.start, at + 1)
        else:
            if run:
                yield _make_span(text, run, vocabulary, terms)
            run = range(at, at + 1)
    if run:
        yield _make_span(text, run, vocabulary, terms)


def _list_places(text: Text, terms: Mapping[int, float], vocabulary: Vocabulary) -> set[int]:
    """Return where the words are that are among some terms, alone or in pairs."""
    found: set[int] = set()
    for term in terms.keys() & text.places.keys():
        for at in text.places[term]:
            found |= {at} if text.words[at].hash == term else {at - 1, at}
    return {at for at in found if text.free[at] and text.words[at].hash not in vocabulary.function_words}


def _make_span(
    text: Text, places: range, vocabulary: Vocabulary, source: Phrase | Mapping[int, float]
) -> Span:
    """Return some words as an anchor; ``source`` is what they belong to, a phrase or the post's terms."""
    places = _trim(text, places, vocabulary)
    start, end = _widen(text.passage.text, text.words[places[0]].start, text.words[places[-1]].end)
    every = dict.fromkeys(text.words[at].hash for at in places)
    words = tuple(word for word in every if word not in vocabulary.function_words)
    weight = sum(map(vocabulary.weigh, words))
    named = _is_name(text.passage.text, start, end)
    if isinstance(source, Phrase):
        return Span(
            source.kind, start, end, words, source.share(words, vocabulary), weight, source.fragment, named
        )
    terms = {*words, *(text.pairs[at] for at in places[1:])}
    return Span(TERM, start, end, words, sum(source.get(term, 0) ** 2 for term in terms), weight, named=named)


def _trim(text: Text, places: range, vocabulary: Vocabulary) -> range:
    """Return a run of words without those at its ends that say little next to the others, such as "using"."""
    weights = [vocabulary.weigh(text.words[place].hash) for place in places]
    least = LEAST_END * max(weights)
    strong = [place for place, weight in zip(places, weights, strict=True) if weight >= least]
    return range(strong[0], strong[-1] + 1)


def _is_name(text: str, start: int, end: int) -> bool:
    """Whether words are written like a name, and not only because a sentence begins with them."""
    if any(letter.isupper() or letter.isdigit() for letter in text[start + 1 : end]):
        return True
    before = text[:start].rstrip(" \"'([\u00ab\u201c")
    return text[start].isupper() and bool(before) and before[-1] not in ".!?:\u2026"


_BRACKETS = ("()", "[]", "{}", "\u00ab\u00bb", "\u201c\u201d")


def _is_whole(text: str) -> bool:
    """Whether every bracket and quotation mark that opens in a text also closes in it."""
    return text.count('"') % 2 == 0 and all(text.count(pair[0]) == text.count(pair[1]) for pair in _BRACKETS)


_INNER = frozenset("-_.'\u2019/@+#")  # characters that hold a word together, such as "full-text"


def _widen(text: str, start: int, end: int) -> tuple[int, int]:
    """Return the span extended to whole words, such as "full-text" or "node.js", quotations and brackets."""
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
    for start, end in ((first, last), (first, last + 1), (first - 1, last), (first - 1, last + 1)):
        if start >= 0 and end <= len(text) and _is_whole(text[start:end]):
            return start, end
    return first, last
