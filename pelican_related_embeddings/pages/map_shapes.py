"""Where the clusters of a map are: their centres, their outlines, and colours that keep them apart."""

import math
from collections.abc import Iterable, Sequence
from statistics import median

WIDTH, HEIGHT = 1000, 640  # of the map without JavaScript, in CSS pixels
MARGIN = 44  # around the points, so that labels and dots stay inside
COLOURS = 8  # as many as related_map.css has; not everybody can tell more of them apart

Place = tuple[float, float]


def scale_position(x: float, y: float) -> Place:
    """Return a position in the unit square in pixels of the map."""
    return round(MARGIN + x * (WIDTH - 2 * MARGIN)), round(MARGIN + y * (HEIGHT - 2 * MARGIN))


def find_centre(places: Sequence[Place]) -> Place:
    """Return the middle of a cluster; medians, so that a stray post does not pull the label away."""
    if not places:
        return 0.0, 0.0
    return median(x for x, _ in places), median(y for _, y in places)


def choose_colours(centres: Sequence[Place]) -> list[int]:
    """Return a colour for each cluster, such that clusters near each other differ."""
    colours: list[int] = []
    for cluster, centre in enumerate(centres):
        # The colour whose nearest bearer is farthest away; unused colours first, in order.
        distances = [
            min(
                (math.dist(centre, centres[other]) for other in range(cluster) if colours[other] == colour),
                default=math.inf,
            )
            for colour in range(COLOURS)
        ]
        colours.append(distances.index(max(distances)))
    return colours


def trace_outlines(clusters: Iterable[Sequence[Place]]) -> str:
    """Return the outlines of clusters as one SVG path: they merge where they touch."""
    return "".join(trace_outline(places) for places in clusters)


def trace_outline(places: Sequence[Place]) -> str:
    """Return the convex hull of a cluster as an SVG path, leaving out what lies far from the rest."""
    middle = find_centre(places)
    typical = median(math.dist(place, middle) for place in places)
    near = sorted({place for place in places if math.dist(place, middle) <= 3 * typical + 1})
    hull = _half_hull(near)[:-1] + _half_hull(near[::-1])[:-1] if len(near) > 1 else near
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in hull) + ("z" if len(hull) > 1 else "h0")


def _half_hull(places: Sequence[Place]) -> list[Place]:
    """Return one side of the convex hull of sorted places (Andrew 1979)."""
    hull: list[Place] = []
    for x, y in places:
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull
