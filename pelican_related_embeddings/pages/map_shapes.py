"""Where the clusters of a map are: places in its frame, centres, and the areas that are coloured."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

WIDTH, HEIGHT = 1000, 640  # of the map without JavaScript, in CSS pixels
MARGIN = 44  # around the points, so that labels and dots stay inside
COLOURS = 24  # as many as related_map.css has, and as a map has topics at most
GRID = 8  # pixels; of posts nearer to each other one is enough to draw an area
NARROW, WIDE = 36, 104  # of the strokes that areas are drawn with

Place = tuple[float, float]


def fit_frame(positions: Sequence[tuple[float, float]]) -> list[Place]:
    """Return positions in pixels of the map: the outermost posts are at its margins."""
    columns = zip(
        _fit([x for x, _ in positions], WIDTH), _fit([y for _, y in positions], HEIGHT), strict=True
    )
    return list(columns)


def _fit(values: Sequence[float], length: int) -> list[float]:
    low, high = min(values, default=0.0), max(values, default=0.0)
    if high - low < 1e-6:
        return [length / 2] * len(values)
    return [round(MARGIN + (value - low) / (high - low) * (length - 2 * MARGIN)) for value in values]


def find_centre(places: Sequence[Place]) -> Place:
    """Return the middle of a cluster; medians, so that a stray post does not pull the label away."""
    if not places:
        return 0.0, 0.0
    return median(x for x, _ in places), median(y for _, y in places)


def trace_area(places: Iterable[Place]) -> str:
    """Return an SVG path with a point where there are posts; a wide round stroke makes it an area."""
    cells = dict.fromkeys((round(x / GRID), round(y / GRID)) for x, y in places)
    return "".join(f"M{GRID * x} {GRID * y}h0" for x, y in cells)


def measure_stroke(count: int) -> int:
    """Return how wide the strokes of the areas are, so that those of neighbouring posts meet."""
    room = math.sqrt(WIDTH * HEIGHT / max(count, 1))
    return round(min(WIDE, max(NARROW, 1.9 * room)))
