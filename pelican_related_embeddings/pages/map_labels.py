"""The labels of a map: their text, size, and an empty place near their topic."""

import math
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import NamedTuple

from ..topic_map.chart import Label
from .map_post import clean_text, shorten_text
from .map_shapes import HEIGHT, WIDTH, Place

LONGEST_LABEL = 26  # characters of each of its lines
SMALLEST, LARGEST = 14, 26  # pixels, of the first line; it grows with the root of the topic's posts
SECOND = 13  # pixels, of the second line
DOT = 4  # pixels around the middle of a dot that a label keeps clear of
EDGE = 4  # pixels between a label and the frame
APART = 6  # pixels between two labels
STEP_X, STEP_Y = 16, 10  # pixels between places that are tried
FAR_X, FAR_Y = 15, 18  # maximum steps that a label moves
COVERED = 200  # pixels that a label moves to avoid covering a dot
SAMPLE = 64  # posts of a topic, about, that a label is held near to
FAR = 30  # pixels between a label and its topic from which on a line leads there

_WIDTHS = {"W": 1.1, "F": 1.1}  # in em, for East Asian letters and emoji
Box = tuple[float, float, float, float]  # left, top, right, bottom


class NamedCluster(NamedTuple):
    """A cluster with a name, and where its posts are."""

    number: int
    label: Label
    places: Sequence[Place]
    centre: Place


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A label at its place.

    ``x`` is its middle, ``y`` the base line of the first line, of ``size`` pixels, and ``second`` that of the
    second line. ``leader`` is the path of a line to the topic, if it is far.
    """

    text: str
    more: str
    x: float
    y: float
    second: float
    size: int
    colour: int
    box: Box
    leader: str = ""


@dataclass(frozen=True, slots=True)
class _Shape:
    """How much room a label takes, and what of it is above the first base line."""

    text: str
    more: str
    size: int

    @property
    def width(self) -> float:
        return max(measure_text(self.text, self.size), measure_text(self.more, SECOND))

    @property
    def height(self) -> float:
        return self.size * 1.1 + (SECOND * 1.25 if self.more else 0)


def shorten_words(label: Label) -> list[str]:
    """Return the words of a label, each as plain text that is not too long."""
    return [shorten_text(clean_text(word), LONGEST_LABEL) for word in label]


def write_label(label: Label) -> str:
    """Return the words of a label as one text."""
    return " · ".join(shorten_words(label))


def measure_text(text: str, size: float) -> float:
    """Return about how wide a bold text is, in pixels, erring on the wide side."""
    return (
        sum(_WIDTHS.get(unicodedata.east_asian_width(c), 0.62 if not c.isupper() else 0.76) for c in text)
        * size
    )


def choose_size(posts: int) -> int:
    """Return the size in pixels of the label of a topic with so many posts."""
    return round(min(LARGEST, max(SMALLEST, 10 + 2 * math.sqrt(posts))))


class Dots:
    """How many dots there are in any box, counted in cells (a summed-area table: Crow 1984)."""

    CELL = 4

    def __init__(self, places: Iterable[Place]) -> None:
        self._across, self._down = WIDTH // self.CELL + 1, HEIGHT // self.CELL + 1
        counts = [[0] * self._across for _ in range(self._down)]
        for x, y in places:
            counts[int(y) // self.CELL][int(x) // self.CELL] += 1
        self._sums = [[0] * (self._across + 1)]
        for row in counts:
            above = self._sums[-1]
            here = [0, *accumulate(row)]
            self._sums.append([one + other for one, other in zip(above, here, strict=True)])

    def count(self, box: Box) -> int:
        """Return the number of dots that a box covers or touches."""
        left, top, right, bottom = box
        x0 = max(0, int((left - DOT) // self.CELL))
        y0 = max(0, int((top - DOT) // self.CELL))
        x1 = min(self._across, int((right + DOT) // self.CELL) + 1)
        y1 = min(self._down, int((bottom + DOT) // self.CELL) + 1)
        sums = self._sums
        return sums[y1][x1] - sums[y0][x1] - sums[y1][x0] + sums[y0][x0]


def place_labels(clusters: Iterable[NamedCluster], dots: Dots, colours: Sequence[int]) -> list[PlacedLabel]:
    """Return labels that do not overlap, each where it covers the fewest dots, near its topic.

    A label that fits nowhere loses its second line, and is left out when not even the first one fits.
    """
    placed: list[PlacedLabel] = []
    for cluster in clusters:
        words = [*shorten_words(cluster.label), ""]
        for more in dict.fromkeys((words[1], "")):
            shape = _Shape(words[0], more, choose_size(len(cluster.places)))
            box = _find_room(shape, cluster, dots, [other.box for other in placed])
            if box is not None:
                placed.append(_set_label(shape, box, cluster, colours[cluster.number]))
                break
    return placed


def _find_room(shape: _Shape, cluster: NamedCluster, dots: Dots, taken: Sequence[Box]) -> Box | None:
    """Return the best free place of a label.

    Of all places the ones that cannot be the best are passed over: what is known of each before the
    way to the nearest post is measured is the least that it costs.
    """
    found = [
        (COVERED * dots.count(box) + 0.3 * math.dist(find_middle(box), cluster.centre), box)
        for box in _list_boxes(shape, cluster.centre)
        if not any(_overlap(box, other) for other in taken)
    ]
    best, least = None, math.inf
    own = cluster.places[:: 1 + len(cluster.places) // SAMPLE]
    for cost, box in sorted(found):
        if cost >= least:
            break
        cost += min(measure_gap(box, place) for place in own)
        if cost < least:
            best, least = box, cost
    return best


def _list_boxes(shape: _Shape, centre: Place) -> Iterator[Box]:
    half, height = shape.width / 2, shape.height
    for across in range(-FAR_X, FAR_X + 1):
        x = min(max(centre[0] + across * STEP_X, half + EDGE), WIDTH - half - EDGE)
        for down in range(-FAR_Y, FAR_Y + 1):
            top = centre[1] + down * STEP_Y - height / 2
            if EDGE <= top <= HEIGHT - EDGE - height:
                yield x - half, top, x + half, top + height


def find_middle(box: Box) -> Place:
    """Return the middle of a box."""
    return (box[0] + box[2]) / 2, (box[1] + box[3]) / 2


def measure_gap(box: Box, place: Place) -> float:
    """Return how far a place is from a box, 0 if it is inside."""
    return math.hypot(
        max(box[0] - place[0], 0, place[0] - box[2]), max(box[1] - place[1], 0, place[1] - box[3])
    )


def _set_label(shape: _Shape, box: Box, cluster: NamedCluster, colour: int) -> PlacedLabel:
    nearest = min(cluster.places, key=lambda place: measure_gap(box, place))
    gap = measure_gap(box, nearest)
    x, _ = find_middle(box)
    return PlacedLabel(
        text=shape.text,
        more=shape.more,
        x=round(x, 1),
        y=round(box[1] + 0.86 * shape.size, 1),
        second=round(box[3] - 0.3 * SECOND, 1),
        size=shape.size,
        colour=colour,
        box=box,
        leader=_draw_leader(box, nearest) if gap > FAR else "",
    )


def _draw_leader(box: Box, place: Place) -> str:
    """Return a line from the edge of a label to a post, as an SVG path."""
    x = min(max(place[0], box[0]), box[2])
    y = min(max(place[1], box[1]), box[3])
    return f"M{x:.0f} {y:.0f}L{place[0]:g} {place[1]:g}"


def _overlap(one: Box, other: Box) -> bool:
    return (
        one[0] < other[2] + APART
        and other[0] < one[2] + APART
        and one[1] < other[3] + APART / 2
        and other[1] < one[3] + APART / 2
    )
