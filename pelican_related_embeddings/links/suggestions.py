"""Suggest links: the best place of each pair of posts, if it is likely enough.

The entry point of this room is ``Finder``, which has a site's study and the links not to suggest.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..pipeline import Study
from ..ranking.groups import Vectors
from ..ranking.shared_terms import find_reasons
from ..text.passages import Passage, split_sentences
from .anchors import Span
from .candidates import LEAST_TITLE, NEAREST, Candidates, Ground, Place, find_places, make_grounds
from .likelihood import (
    PLACE_WEIGHTS,
    SURE,
    UNDERLINKED_BONUS,
    Standard,
    names_target,
    squash,
    weigh,
    weigh_pair,
)

MOST_SOURCES = 40  # documents searched for links to a post
CLOSELY = 4  # places of a pair whose passages are compared by meaning
REACH = 0.7  # of the likelihood to reach: below it, a passage is not worth a vector

Barred = Callable[[int, int], bool]
Embed = Callable[[Sequence[str]], Vectors]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link to write: in a sentence of the document ``source``, to the document ``target``; both are rows.

    ``start`` and ``end`` are the offsets of the anchor in the ``sentence``. ``fragment`` is the id of a
    heading of the target, or empty. ``likelihood`` is from 0 to 1; ``rank`` puts underlinked targets first.
    """

    source: int
    target: int
    sentence: str
    start: int
    end: int
    fragment: str
    likelihood: float
    rank: float
    terms: tuple[str, ...]

    @property
    def anchor(self) -> str:
        """The words that carry the link."""
        return self.sentence[self.start : self.end]


@dataclass(frozen=True, eq=False)
class Finder:
    """Finds links on a site.

    ``barred`` tells whether a link from one row to another must not be suggested, ``inbound`` how many links
    each document has from others. ``embed`` returns the vectors of passages, zeros where there are none.
    """

    study: Study
    barred: Barred
    inbound: Sequence[int]
    embed: Embed
    standard: Standard = SURE

    @cached_property
    def grounds(self) -> list[Ground]:
        """The documents of each language."""
        return make_grounds(self.study.ranking, self.study.documents)

    def find_ground(self, row: int) -> tuple[Ground, int]:
        """Return the documents of a document's language, and its place among them."""
        ground = next(one for one in self.grounds if row in one.group.rows)
        return ground, int(np.searchsorted(ground.group.rows, row))

    def list_links_from(self, row: int) -> list[Suggestion]:
        """Return the links that a document could have, best first."""
        ground, place = self.find_ground(row)
        allowed = self._allow(ground, place, ground.list_candidates(place))
        return self._choose(ground, find_places(ground, place, allowed)) if allowed else []

    def list_links_to(self, row: int) -> list[Suggestion]:
        """Return the links to a document that others could have, best first."""
        ground, target = self.find_ground(row)
        columns = np.flatnonzero(ground.group.targets == target)
        if not len(columns):
            return []
        column = int(columns[0])
        found: list[Place] = []
        for place in self._list_sources(ground, column):
            known = ground.list_candidates(place).get(column)
            if known is not None and self._allow(ground, place, {column: known}):
                found += find_places(ground, place, {column: known})
        return self._choose(ground, found)

    def list_all(self) -> list[Suggestion]:
        """Return the links that all published documents could have, best first."""
        documents = self.study.documents
        rows = (row for row, document in enumerate(documents) if document.published)
        found = [one for row in rows for one in self.list_links_from(row)]
        return sorted(found, key=_order)

    def _list_sources(self, ground: Ground, column: int) -> list[int]:
        """Return the places of published documents near a target or with its title in them, best first."""
        nearest = ground.order.columns[:, :NEAREST] == column
        shares = ground.match_title(column)
        ranks = np.where(nearest.any(axis=1), nearest.argmax(axis=1), NEAREST)
        sources = np.flatnonzero(nearest.any(axis=1) | (shares >= LEAST_TITLE))
        published = np.isin(sources, ground.group.targets)
        return sorted(sources[published].tolist(), key=lambda at: (ranks[at] - NEAREST * shares[at], at))[
            :MOST_SOURCES
        ]

    def _allow(self, ground: Ground, place: int, candidates: Candidates) -> dict[int, int]:
        source, rows = int(ground.group.rows[place]), ground.group.rows[ground.group.targets]
        return {at: known for at, known in candidates.items() if not self.barred(source, int(rows[at]))}

    def _choose(self, ground: Ground, places: Iterable[Place]) -> list[Suggestion]:
        """Return a suggestion for each pair whose best place is likely enough."""
        pairs: dict[tuple[int, int], list[Place]] = {}
        for place in places:
            pairs.setdefault((place.source, place.target), []).append(place)
        likely = [found for found in pairs.values() if self._is_good(choose_place(found), REACH)]
        chosen = map(choose_place, self._add_meanings(ground, [rate_places(found) for found in likely]))
        good = [place for place in chosen if self._is_good(place)]
        good.sort(key=lambda place: (-weigh_pair(place.evidence), place.source, place.target))
        return sorted((self._make(ground, place) for place in drop_overlaps(good)), key=_order)

    def _is_good(self, place: Place, reach: float = 1.0) -> bool:
        likelihood = squash(weigh_pair(place.evidence))
        return likelihood >= reach * self.standard.likelihood and (
            reach < 1 or names_target(place.span, place.evidence, self.standard)
        )

    def _add_meanings(self, ground: Ground, pairs: Sequence[Sequence[Place]]) -> list[list[Place]]:
        """Return the places with the cosine of passage and target, where there are vectors."""
        places = [place for found in pairs for place in found]
        texts = {(one.source, one.passage): find_passage(ground, one).text for one in places}
        vectors = dict(zip(texts, self.embed(list(texts.values())), strict=True)) if texts else {}
        return [
            [add_meaning(one, vectors[one.source, one.passage], self.study.ranking.vectors) for one in found]
            for found in pairs
        ]

    def _make(self, ground: Ground, place: Place) -> Suggestion:
        group, span, logit = ground.group, place.span, weigh_pair(place.evidence)
        source, target = np.searchsorted(group.rows, [place.source, place.target])
        sentence, start = cut_sentence(find_passage(ground, place), span)
        reasons = find_reasons(
            group.terms, group.documents, np.array([source]), np.array([target]), languages=group.languages
        )
        bonus = UNDERLINKED_BONUS if not self.inbound[place.target] else 0.0
        return Suggestion(
            place.source,
            place.target,
            sentence,
            start,
            start + span.end - span.start,
            span.fragment,
            round(squash(logit), 3),
            round(squash(logit + bonus), 3),
            reasons[0],
        )


def _order(one: Suggestion) -> tuple[float, int, int]:
    return -one.rank, one.source, one.target


def rate_places(places: Sequence[Place], weights: Mapping[str, float] = PLACE_WEIGHTS) -> list[Place]:
    """Return the best few places of a pair, best first."""
    return sorted(places, key=lambda one: (-weigh(one.evidence, weights), one.passage))[:CLOSELY]


def choose_place(places: Sequence[Place], weights: Mapping[str, float] = PLACE_WEIGHTS) -> Place:
    """Return the best place of a pair."""
    return rate_places(places, weights)[0]


def add_meaning(place: Place, vector: Vectors, vectors: Vectors) -> Place:
    """Return a place with the cosine of its passage and its target."""
    meaning = float(vector @ vectors[place.target]) if len(vector) == vectors.shape[1] else 0.0
    return place._replace(evidence=place.evidence._replace(meaning=meaning))


def drop_overlaps(places: Iterable[Place]) -> Iterator[Place]:
    """Yield the places, given best first, whose anchors do not overlap that of a better one."""
    taken: dict[tuple[int, int], list[Span]] = {}
    for place in places:
        span, spans = place.span, taken.setdefault((place.source, place.passage), [])
        if all(span.end <= one.start or one.end <= span.start for one in spans):
            spans.append(span)
            yield place


def find_passage(ground: Ground, place: Place) -> Passage:
    """Return the passage that a place is in."""
    source = int(np.searchsorted(ground.group.rows, place.source))
    return ground.outlines[source].passages[place.passage]


def cut_sentence(passage: Passage, span: Span) -> tuple[str, int]:
    """Return the sentence around an anchor, and where the anchor begins in it."""
    for start, end in split_sentences(passage):
        if start <= span.start and span.end <= end:
            return passage.text[start:end], span.start - start
    return passage.text, span.start
