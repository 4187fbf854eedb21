"""The links that an author could write: the best place of each pair of posts, if it is good enough.

The way into this room: a ``Finder`` knows a site's study, and what must not be suggested.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

from ..pipeline import Study
from ..ranking.shared_terms import find_reasons
from ..text.html import extract_text
from ..text.passages import Outline, read_outline, split_sentences
from ..text.terms import hash_block
from .anchors import Span
from .candidates import LEAST_TITLE, NEAREST, Ground, Place, find_places, make_grounds
from .likelihood import THRESHOLD, UNDERLINKED_BONUS, squash, weigh

MOST_SOURCES = 40  # that a post is looked for in

Barred = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Suggestion:
    """A link to write: in a sentence of the document ``source``, to the document ``target``; both are rows.

    ``start`` and ``end`` are where the anchor stands in the ``sentence``. ``fragment`` is the id of a heading
    of the target, or nothing. ``likelihood`` is from 0 to 1; ``rank`` puts underlinked targets first.
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

    ``barred`` tells whether a link from one row to another must not be suggested; ``inbound`` how many links
    each document has from others.
    """

    study: Study
    barred: Barred
    inbound: Sequence[int]
    threshold: float = THRESHOLD

    @cached_property
    def grounds(self) -> list[Ground]:
        """The documents of each language."""
        documents = self.study.documents
        titles = [extract_text(document.title) for document in documents]
        return make_grounds(self.study.ranking, titles, Outlines([document.html for document in documents]))

    def find_ground(self, row: int) -> tuple[Ground, int]:
        """Return the documents of a document's language, and its place among them."""
        ground = next(one for one in self.grounds if row in one.group.rows)
        return ground, int(np.searchsorted(ground.group.rows, row))

    def list_links_from(self, row: int) -> list[Suggestion]:
        """Return the links that a document could have, best first."""
        ground, place = self.find_ground(row)
        allowed = self._allow(ground, place, ground.list_candidates(place))
        return self._choose(ground, find_places(ground, place, allowed))

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
            if known and self._allow(ground, place, {column: known}):
                found += find_places(ground, place, {column: known})
        return self._choose(ground, found)

    def list_all(self) -> list[Suggestion]:
        """Return the links that all published documents could have, best first."""
        documents = self.study.documents
        rows = (row for row, document in enumerate(documents) if document.published)
        found = [one for row in rows for one in self.list_links_from(row)]
        return sorted(found, key=_order)

    def _list_sources(self, ground: Ground, column: int) -> list[int]:
        """Return the places of the published documents that a target is near to, or stands in, best first."""
        nearest = ground.order.columns[:, :NEAREST] == column
        shares = ground.match_title(column)
        ranks = np.where(nearest.any(axis=1), nearest.argmax(axis=1), NEAREST)
        sources = np.flatnonzero(nearest.any(axis=1) | (shares >= LEAST_TITLE))
        published = np.isin(sources, ground.group.targets)
        return sorted(sources[published].tolist(), key=lambda at: (ranks[at] - NEAREST * shares[at], at))[
            :MOST_SOURCES
        ]

    def _allow(
        self, ground: Ground, place: int, candidates: dict[int, tuple[int, float]]
    ) -> dict[int, tuple[int, float]]:
        source, rows = int(ground.group.rows[place]), ground.group.rows[ground.group.targets]
        return {at: known for at, known in candidates.items() if not self.barred(source, int(rows[at]))}

    def _choose(self, ground: Ground, places: Iterable[Place]) -> list[Suggestion]:
        """Return what the best places of each pair come to, if they are good enough."""
        best: dict[tuple[int, int], tuple[float, Place]] = {}
        for place in places:
            logit = weigh(place)
            if squash(logit) >= self.threshold:
                pair = place.source, place.target
                if pair not in best or logit > best[pair][0]:
                    best[pair] = logit, place
        chosen = sorted(best.values(), key=lambda one: (-one[0], one[1].target))
        made = [self._make(ground, logit, place) for logit, place in _drop_overlaps(chosen)]
        return sorted(made, key=_order)

    def _make(self, ground: Ground, logit: float, place: Place) -> Suggestion:
        group, span = ground.group, place.span
        source, target = np.searchsorted(group.rows, [place.source, place.target])
        sentence, start = cut_sentence(ground.outlines[int(source)], place.passage, span)
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


def _drop_overlaps(chosen: Sequence[tuple[float, Place]]) -> Iterator[tuple[float, Place]]:
    """Yield the best places first, and none whose anchor a better one has in part."""
    taken: dict[tuple[int, int], list[Span]] = {}
    for logit, place in chosen:
        spans = taken.setdefault((place.source, place.passage), [])
        if all(place.span.end <= one.start or one.end <= place.span.start for one in spans):
            spans.append(place.span)
            yield logit, place


def cut_sentence(outline: Outline, passage: int, span: Span) -> tuple[str, int]:
    """Return the sentence around an anchor, and where the anchor begins in it."""
    whole = outline.passages[passage]
    for start, end in split_sentences(whole):
        if start <= span.start and span.end <= end:
            return whole.text[start:end], span.start - start
    return whole.text, span.start


class Outlines(Sequence[Outline]):
    """The outlines of texts, each read when it is first asked for."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._read: dict[int, Outline] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, row: int) -> Outline:  # type: ignore[override] # nobody takes slices of it
        if row not in self._read:
            self._read[row] = read_outline(self._texts[row])
        return self._read[row]
