"""The labels of a map: what they say, and where there is room for them."""

import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ..topic_map.chart import Label
from .map_post import clean_text, shorten_text
from .map_shapes import HEIGHT, WIDTH

LABEL_HEIGHT = 21  # of one line of a label, in CSS pixels
LABEL_SIZE = 15
LONGEST_LABEL = 34  # characters

_WIDTHS = {"W": 1.1, "F": 1.1}  # in em, for East Asian letters and emoji


class NamedCluster(NamedTuple):
    """A cluster with a name; ``x`` and ``y`` are its centre, ``size`` is its number of posts."""

    number: int
    label: Label
    x: float
    y: float
    size: int


@dataclass(frozen=True, slots=True)
class PlacedLabel:
    """A label at its place; ``x`` is the middle and ``y`` the base line of the text."""

    text: str
    x: float
    y: float
    colour: int

    def box(self) -> tuple[float, float, float, float]:
        """Return left, top, right and bottom."""
        half = measure_text(self.text) / 2
        return self.x - half, self.y - 0.75 * LABEL_HEIGHT, self.x + half, self.y + 0.25 * LABEL_HEIGHT


def shorten_words(label: Label) -> list[str]:
    """Return the words of a label, each as plain text that is not too long."""
    return [shorten_text(clean_text(word), LONGEST_LABEL) for word in label]


def write_label(label: Label) -> str:
    """Return the words of a label as one text, as many as fit."""
    words = shorten_words(label)
    text = words[0] if words else ""
    for word in words[1:]:
        longer = f"{text} · {word}"
        if len(longer) <= LONGEST_LABEL:
            text = longer
    return text


def measure_text(text: str) -> float:
    """Return about how wide a bold label is, in pixels, erring on the wide side."""
    return (
        sum(_WIDTHS.get(unicodedata.east_asian_width(c), 0.66 if not c.isupper() else 0.8) for c in text)
        * LABEL_SIZE
    )


def place_labels(clusters: Iterable[NamedCluster], colours: Sequence[int]) -> list[PlacedLabel]:
    """Return labels that do not overlap, each as near to its cluster's centre as it can be.

    A label that fits nowhere loses words, and is left out when not even its first word fits.
    """
    placed: list[PlacedLabel] = []
    for cluster in clusters:
        for length in range(len(cluster.label), 0, -1):
            text = write_label(cluster.label[:length])
            label = _find_room(text, (cluster.x, cluster.y), colours[cluster.number], placed)
            if label is not None:
                placed.append(label)
                break
    return placed


def _find_room(
    text: str, centre: tuple[float, float], colour: int, placed: Collection[PlacedLabel]
) -> PlacedLabel | None:
    half = measure_text(text) / 2 + 4
    middle = min(max(centre[0], half), WIDTH - half)
    for step in (0, -1, 1, -2, 2, -3, 3):
        for aside in (0, -60, 60) if abs(step) < 3 else (0,):
            across = min(max(middle + aside, half), WIDTH - half)
            down = centre[1] + 0.25 * LABEL_HEIGHT + step * 0.6 * LABEL_HEIGHT
            label = PlacedLabel(text, round(across, 1), round(down, 1), colour)
            if _is_inside(label) and not any(_overlap(label, other) for other in placed):
                return label
    return None


def _is_inside(label: PlacedLabel) -> bool:
    _, top, _, bottom = label.box()
    return top >= 4 and bottom <= HEIGHT - 4


def _overlap(one: PlacedLabel, other: PlacedLabel) -> bool:
    left, top, right, bottom = one.box()
    other_left, other_top, other_right, other_bottom = other.box()
    return left < other_right + 6 and other_left < right + 6 and top < other_bottom and other_top < bottom
