"""Find which posts a text could link to, and where in it: places with numeric evidence.

Between ranking and ``likelihood``: candidates are the ranking's own, and the posts whose titles are in the
text. Each comes with its best places, a place being an anchor in a passage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p
from typing import NamedTuple

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..ranking.groups import Group
from ..ranking.neighbours import Ranking
from ..ranking.order import Order
from ..ranking.titles import Titles, read_titles
from ..text.document import Document
from ..text.html import extract_text
from ..text.passages import Outline, Passage, read_outline
from ..text.terms import find_columns, hash_block
from .anchors import (
    HEADING,
    TERM,
    TITLE,
    WHOLE,
    Profile,
    Span,
    Text,
    Vocabulary,
    find_spans,
    make_phrase,
    make_profile,
    read_text,
    read_vocabulary,
)

NEAREST = 30  # candidates of a post from the ranking
TITLED = 10  # and from the titles that stand in its text
LEAST_TITLE = 0.5  # of a title's weight
PLACES = 8  # of a pair of posts that are looked at closely
KIND_DISCOUNT = 0.25  # of an anchor's weight, for words of a heading; twice that for mere terms

Floats = npt.NDArray[np.float64]
Candidates = Mapping[int, int]  # columns of a group's targets, each with its rank from 0


class Evidence(NamedTuple):
    """The evidence for a place.

    ``rank``: -ln(1 + rank) of the target among the source's candidates. ``name``: how much of the target's
    title the anchor has, if it looks like a name. ``cover``: how much of the title is anywhere in the
    passage, and ``title``: the most of it that is in any of the places. ``overlap``: cosine of the passage's
    terms and the target's, and ``lead``: that over the best passage. ``mass``: the weight of the target's
    terms in the passage, over the best passage. ``rivals``: how many posts are more about the words of an
    anchor that has none of a title or heading. ``meaning``: cosine of the vectors.
    """

    rank: float
    name: float
    cover: float
    title: float
    overlap: float
    lead: float
    mass: float
    rivals: int
    meaning: float = 0.0


class Place(NamedTuple):
    """A place for a link: the passage of a source, the target (both as rows), and the evidence."""

    source: int
    target: int
    passage: int
    span: Span
    evidence: Evidence


@dataclass(frozen=True, eq=False)
class Ground:
    """The documents of one language, and what finding links between them requires."""

    group: Group
    order: Order
    titles: Sequence[str]
    outlines: Sequence[Outline]
    vocabulary: Vocabulary

    @cached_property
    def columns(self) -> sparse.csc_array:
        """The weights of terms, by column."""
        return self.group.terms.rows.tocsc()

    @cached_property
    def matches(self) -> Titles:
        """The titles and texts over the terms of titles."""
        return read_titles(self.group)

    @cached_property
    def usual(self) -> float:
        """The median weight of a title."""
        phrases = [make_phrase(TITLE, title, self.vocabulary) for title in self.titles]
        return float(np.median([one.total if one else 0.0 for one in phrases]))

    @cached_property
    def profiles(self) -> dict[int, Profile]:
        """The profiles of documents by their places; filled when needed."""
        return {}

    def find_profile(self, place: int) -> Profile:
        """Return what belongs to the document at a place."""
        if place not in self.profiles:
            phrases = [make_phrase(TITLE, self.titles[place], self.vocabulary, usual=self.usual)]
            for heading in self.outlines[place].headings:
                phrases.append(
                    make_phrase(HEADING, heading.text, self.vocabulary, fragment=heading.id, usual=self.usual)
                )
            self.profiles[place] = make_profile(phrases, self.group.terms, place)
        return self.profiles[place]

    def list_candidates(self, place: int) -> dict[int, int]:
        """Return the targets that a document may link to."""
        columns = self.order.columns[place]
        ranks = {column: rank for rank, column in enumerate(columns[columns >= 0].tolist())}
        found = dict(list(ranks.items())[:NEAREST])
        shares = (self.matches.texts[[place]] @ self.matches.titles[self.group.targets].T).toarray()[0]
        shares[np.isin(self.group.rows[self.group.targets], self._list_blocked(place))] = 0
        best = np.argsort(-shares, kind="stable")[:TITLED]
        for column in best[shares[best] >= LEAST_TITLE].tolist():
            found.setdefault(column, ranks.get(column, len(ranks)))
        return found

    def match_title(self, column: int) -> Floats:
        """Return how much of a target's title is in the text of each document."""
        target = self.group.targets[[column]]
        found: Floats = (self.matches.texts @ self.matches.titles[target].T).toarray()[:, 0]
        return found

    def _list_blocked(self, place: int) -> list[int]:
        """Return the rows of a document itself and of its translations."""
        row = int(self.group.rows[place])
        return [row, *self.group.blocked.get(row, ())]


class Outlines(Sequence[Outline]):
    """The outlines of some texts, each read when first needed."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._texts = texts
        self._read: dict[int, Outline] = {}

    def __len__(self) -> int:
        return len(self._texts)

    def __getitem__(self, row: int) -> Outline:  # type: ignore[override] # nobody takes slices of it
        if row not in self._read:
            self._read[row] = read_outline(self._texts[row])
        return self._read[row]


def make_grounds(ranking: Ranking, documents: Sequence[Document]) -> list[Ground]:
    """Return the documents of each language, for finding links between them."""
    grounds = []
    for group, order in zip(ranking.groups, ranking.orders, strict=True):
        own = [documents[row] for row in group.rows.tolist()]
        vocabulary = read_vocabulary(group, own[0].lang)
        titles = [extract_text(document.title) for document in own]
        grounds.append(Ground(group, order, titles, Outlines([one.html for one in own]), vocabulary))
    return grounds


@dataclass(frozen=True, eq=False)
class _Source:
    """The passages of a text, next to its candidates: (passages, candidates) cosine and mass of terms."""

    texts: Sequence[Text]
    overlaps: Floats
    masses: Floats


def find_places(
    ground: Ground, place: int, candidates: Candidates, outline: Outline | None = None
) -> Iterator[Place]:
    """Yield the best places for links to ``candidates`` in a document's text, or in another ``outline``."""
    group, columns = ground.group, list(candidates)
    source = _read_source(ground, outline or ground.outlines[place], group.targets[columns])
    for number, column in enumerate(columns):
        target = int(group.targets[column])
        found, profile = _find_best(ground, source, number, target), ground.find_profile(target)
        covers = [profile.cover_title(source.texts[index].places, ground.vocabulary) for index, _ in found]
        overlap, mass = source.overlaps[:, number], source.masses[:, number]
        for (index, span), cover in zip(found, covers, strict=True):
            evidence = Evidence(
                rank=-log1p(candidates[column]),
                name=span.share if span.kind == TITLE and span.named else 0.0,
                cover=cover,
                title=max(covers),
                overlap=float(overlap[index]),
                lead=float(overlap[index] / overlap.max()),
                mass=float(mass[index] / mass.max()),
                rivals=count_rivals(span.words, ground, target) if span.kind == TERM else 0,
            )
            yield Place(int(group.rows[place]), int(group.rows[target]), index, span, evidence)


def _read_source(ground: Ground, outline: Outline, targets: npt.NDArray[np.intp]) -> _Source:
    dropped = frozenset(ground.group.terms.dropped.tolist())
    blank = read_text(Passage(""))  # boilerplate is no place for a link
    texts = [blank if hash_block(one.text) in dropped else read_text(one) for one in outline.passages]
    there = _count_terms(texts, ground)
    rows = ground.group.terms.rows[targets].T
    boosts = there * ground.group.terms.boosts[None, :]
    lengths = np.sqrt(np.asarray((boosts * boosts).sum(axis=1))).reshape(-1, 1)
    overlaps = (boosts @ rows).toarray() / np.maximum(lengths, 1e-9)
    return _Source(texts, overlaps, (there @ rows).toarray())


def _count_terms(texts: Sequence[Text], ground: Ground) -> sparse.csr_array:
    """Return (passages, terms) which terms each passage has."""
    hashes = ground.group.terms.hashes
    lists = [{*(word.hash for word in one.words), *one.pairs} - {0} for one in texts]
    found = [find_columns(np.array(sorted(one), np.uint64), hashes) for one in lists]
    columns = [columns[known] for columns, known in found]
    indices = np.concatenate([np.empty(0, np.int32), *columns])
    starts = np.cumsum([0, *map(len, columns)])
    shape = (len(texts), len(hashes))
    return sparse.csr_array((np.ones(len(indices), np.float32), indices, starts), shape=shape)


def _find_best(ground: Ground, source: _Source, number: int, target: int) -> list[tuple[int, Span]]:
    """Return passages, each with its best anchor for a target, the most promising first."""
    profile, overlap = ground.find_profile(target), source.overlaps[:, number]
    highest = overlap.max(initial=1e-9)
    found = []
    for index in np.flatnonzero(overlap > 0).tolist():
        spans = find_spans(source.texts[index], profile, ground.vocabulary)
        best = max(spans, key=_weigh_span, default=None)
        if best is not None:
            promise = overlap[index] / highest + best.share + 0.02 * best.weight
            found.append((-promise, index, best))
    return [(index, span) for _, index, span in sorted(found)[:PLACES]]


def _weigh_span(span: Span) -> tuple[bool, float, int]:
    return (
        span.kind == TITLE and span.share >= WHOLE,
        span.weight * (1 - KIND_DISCOUNT * span.kind),
        -span.start,
    )


def count_rivals(words: Sequence[int], ground: Ground, place: int) -> int:
    """Return how many posts are more about some words than the one at ``place``."""
    group, matrix = ground.group, ground.columns
    columns, known = find_columns(np.array(words, np.uint64), group.terms.hashes)
    claims = np.zeros(len(group.rows), np.float32)
    for column in columns[known].tolist():
        part = slice(matrix.indptr[column], matrix.indptr[column + 1])
        claims[matrix.indices[part]] += matrix.data[part]
    return int(np.count_nonzero(claims[group.targets] > claims[place] + 1e-6))
