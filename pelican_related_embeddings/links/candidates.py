"""Which posts a text could link to, and where in it: every place with what speaks for it, in numbers.

Between ranking and ``likelihood``: candidates are the ranking's own, and the posts whose titles stand in the
text. Each comes with its best places, a place being an anchor in a passage.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from math import log1p

import numpy as np
import numpy.typing as npt
from scipy import sparse

from ..ranking.groups import Group
from ..ranking.neighbours import Ranking
from ..ranking.order import Order
from ..ranking.titles import Titles, read_titles
from ..text.passages import Outline
from ..text.terms import find_columns
from .anchors import (
    HEADING,
    TITLE,
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

NEAREST = 20  # candidates of a post from the ranking
TITLED = 10  # and from the titles that stand in its text
LEAST_TITLE = 0.5  # of a title's weight
PLACES = 4  # of a pair of posts that are looked at closely
FEATURES = ("rank", "value", "title", "heading", "weight", "rivals", "overlap", "lead")

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Place:
    """A place for a link: in the passage ``passage`` of its source, to the document in the row ``target``."""

    source: int
    target: int
    passage: int
    span: Span
    features: tuple[float, ...]


@dataclass(frozen=True, eq=False)
class Ground:
    """The documents of one language, and what finding links between them requires."""

    group: Group
    order: Order
    titles: tuple[str, ...]
    outlines: Sequence[Outline]
    vocabulary: Vocabulary

    @cached_property
    def columns(self) -> sparse.csc_array:
        """The weights of terms, to be read term by term."""
        return self.group.terms.rows.tocsc()

    @cached_property
    def matches(self) -> Titles:
        """The titles and texts over the terms of titles."""
        return read_titles(self.group)

    @cached_property
    def profiles(self) -> dict[int, Profile]:
        """What belongs to a document, by its place; filled as it is needed."""
        return {}

    def profile(self, place: int) -> Profile:
        """Return what belongs to the document at a place."""
        if place not in self.profiles:
            headings = self.outlines[place].headings
            phrases = [make_phrase(TITLE, self.titles[place], self.vocabulary)]
            phrases += [make_phrase(HEADING, one.text, self.vocabulary, one.id) for one in headings]
            self.profiles[place] = make_profile(phrases, self.group.terms, place)
        return self.profiles[place]

    def list_candidates(self, place: int) -> dict[int, tuple[int, float]]:
        """Return the columns of the targets that a document may link to, each with its rank and value."""
        columns, values = self.order.columns[place], self.order.values[place]
        there = columns >= 0
        ranked = {
            int(column): (rank, float(value))
            for rank, (column, value) in enumerate(zip(columns[there], values[there], strict=True))
        }
        found = dict(list(ranked.items())[:NEAREST])
        shares = (self.matches.texts[[place]] @ self.matches.titles[self.group.targets].T).toarray()[0]
        shares[np.isin(self.group.rows[self.group.targets], self._list_blocked(place))] = 0
        best = np.argsort(-shares, kind="stable")[:TITLED]
        last = float(values[there][-1]) if there.any() else 0.0
        for column in best[shares[best] >= LEAST_TITLE].tolist():
            found.setdefault(column, ranked.get(column, (len(ranked), last)))
        return found

    def match_title(self, column: int) -> Floats:
        """Return how much of a target's title stands in the text of each document."""
        target = self.group.targets[[column]]
        found: Floats = (self.matches.texts @ self.matches.titles[target].T).toarray()[:, 0]
        return found

    def _list_blocked(self, place: int) -> list[int]:
        """Return the rows of a document itself and of its translations."""
        row = int(self.group.rows[place])
        return [row, *self.group.blocked.get(row, ())]


class Picked(Sequence[Outline]):
    """Some of the outlines, none of which is read before it is asked for."""

    def __init__(self, outlines: Sequence[Outline], rows: Sequence[int]) -> None:
        self._outlines = outlines
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def __getitem__(self, place: int) -> Outline:  # type: ignore[override] # nobody takes slices of it
        return self._outlines[self._rows[place]]


def make_grounds(ranking: Ranking, titles: Sequence[str], outlines: Sequence[Outline]) -> list[Ground]:
    """Return the ground of each language; ``titles`` and ``outlines`` are those of all documents."""
    return [
        Ground(
            group,
            order,
            tuple(titles[row] for row in group.rows.tolist()),
            Picked(outlines, group.rows.tolist()),
            read_vocabulary(group.terms, group.languages[0] if group.languages else ""),
        )
        for group, order in zip(ranking.groups, ranking.orders, strict=True)
    ]


def weigh_passages(texts: Sequence[Text], ground: Ground) -> tuple[sparse.csr_array, sparse.csr_array]:
    """Return (passages, terms) the weights of each passage's terms, unit rows, and which terms it has."""
    hashes = ground.group.terms.hashes
    found = [
        find_columns(
            np.unique(np.array([*(w.hash for w in one.words), *filter(None, one.pairs)], np.uint64)), hashes
        )
        for one in texts
    ]
    columns = [columns[known] for columns, known in found]
    starts = np.cumsum([0, *map(len, columns)])
    indices = np.concatenate([np.empty(0, np.int32), *columns])
    shape = (len(texts), len(hashes))
    there = sparse.csr_array((np.ones(len(indices), np.float32), indices, starts), shape=shape)
    data = ground.group.terms.boosts[indices].astype(np.float32)
    lengths = np.sqrt(np.add.reduceat(np.r_[data**2, 0], starts[:-1])) if len(texts) else np.empty(0)
    lengths[np.diff(starts) == 0] = 1
    weighed = sparse.csr_array((data / np.repeat(lengths, np.diff(starts)), indices, starts), shape=shape)
    return weighed, there


def count_rivals(words: Sequence[int], ground: Ground, place: int) -> int:
    """Return how many posts are more about some words than the one at ``place``."""
    group = ground.group
    columns, known = find_columns(np.array(words, np.uint64), group.terms.hashes)
    claims = np.zeros(len(group.rows), np.float32)
    matrix = ground.columns
    for column in columns[known].tolist():
        part = slice(matrix.indptr[column], matrix.indptr[column + 1])
        claims[matrix.indices[part]] += matrix.data[part]
    return int(np.count_nonzero(claims[group.targets] > claims[place] + 1e-6))


def find_places(
    ground: Ground, place: int, candidates: Mapping[int, tuple[int, float]], outline: Outline | None = None
) -> Iterator[Place]:
    """Yield the best places for links to ``candidates`` in the text of a document, or in another ``outline``."""
    group = ground.group
    outline = outline or ground.outlines[place]
    texts = [read_text(one) for one in outline.passages]
    columns = list(candidates)
    targets = group.targets[columns]
    weighed, _ = weigh_passages(texts, ground)
    overlaps = (weighed @ group.terms.rows[targets].T).toarray()
    for number, (column, target) in enumerate(zip(columns, targets.tolist(), strict=True)):
        profile = ground.profile(target)
        overlap = overlaps[:, number]
        highest = float(overlap.max(initial=0.0)) or 1.0
        found = []
        for index in np.argsort(-overlap, kind="stable").tolist():
            if overlap[index] <= 0:
                break
            spans = list(find_spans(texts[index], profile, ground.vocabulary))
            if spans:
                best = max(spans, key=lambda one: (one.weight * (1.5 - 0.25 * one.kind), -one.start))
                found.append((index, best))
        found.sort(key=lambda one: -(overlap[one[0]] / highest + one[1].share + 0.02 * one[1].weight))
        for index, span in found[:PLACES]:
            rank, value = candidates[column]
            yield Place(
                int(group.rows[place]),
                int(group.rows[target]),
                index,
                span,
                (
                    -log1p(rank),
                    value,
                    span.share if span.kind == TITLE else 0.0,
                    span.share if span.kind == HEADING else 0.0,
                    span.weight**0.5,
                    -log1p(count_rivals(span.words, ground, target)),
                    float(overlap[index]),
                    float(overlap[index]) / highest,
                ),
            )
