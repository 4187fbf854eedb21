"""Turn a map and its posts into what the page's template shows: an SVG, a list and the card data.

Pure: knows nothing of Pelican, nothing of numpy. Every text that leaves this module is plain text; the
template escapes it. The one exception is ``MapPage.data``, which is JSON made safe for a ``<script>``.
"""

import datetime as dt
import json
import math
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from ..text.html import extract_text
from ..topic_map.chart import Label, MapData

WIDTH, HEIGHT = 1000, 640  # of the map without JavaScript, in CSS pixels
MARGIN = 44  # around the points, so that labels and dots stay inside
COLOURS = 8  # as many as related_map.css has; more cannot be told apart by everybody
LABEL_HEIGHT = 21  # of one line of a label, in CSS pixels
LABEL_SIZE = 15
LONGEST_LABEL = 34  # characters
LONGEST_TITLE = 200
SUMMARY_BUDGET = 32_000  # characters of summaries on a page, so that big blogs still load fast

# Ends a script, a comment or an attribute, or ends a line for an old JavaScript parser.
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


@dataclass(frozen=True, slots=True)
class MapPost:
    """A published post as the map shows it; ``title`` and ``summary`` are HTML, ``url`` is relative."""

    key: str
    slug: str
    title: str
    url: str
    date: dt.datetime | None = None
    category: str = ""
    lang: str = ""
    summary: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """One post on the map; ``x`` and ``y`` are in pixels of the SVG, ``fragment`` is its ``id``."""

    x: str
    y: str
    url: str
    title: str
    fragment: str
    lang: str


@dataclass(frozen=True, slots=True)
class Topic:
    """A coarse cluster: its name, its colour, its outline as an SVG path and its posts."""

    name: str
    colour: int
    outline: str
    points: tuple[Point, ...]


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


@dataclass(frozen=True, slots=True)
class MapPage:
    """All that ``related_map_content.html`` needs, as ``map``."""

    topics: tuple[Topic, ...]
    labels: tuple[PlacedLabel, ...]
    data: str
    count: int
    width: int = WIDTH
    height: int = HEIGHT


@dataclass(frozen=True, slots=True)
class _Placed:
    """A post with its row in the map."""

    post: MapPost
    title: str
    x: float
    y: float
    coarse: int
    fine: int


def build_page(
    data: MapData, posts: Iterable[MapPost], related: Mapping[str, Sequence[str]], page_lang: str = ""
) -> MapPage:
    """Return the page of a map.

    Args:
        data: The map. Posts that it does not hold are left out, and so are its rows without a post.
        posts: The published posts.
        related: For the key of each post the keys of its related posts, best first.
        page_lang: Language of the page; titles in another are marked with theirs.
    """
    placed = _place_posts(data, posts)
    fragments = name_fragments([item.post for item in placed])
    colours = _colour_clusters(placed, len(data.coarse_labels))
    topics = []
    for cluster in sorted({item.coarse for item in placed}):
        members = [item for item in placed if item.coarse == cluster]
        topics.append(
            Topic(
                name=_name_topic(data.coarse_labels[cluster], members),
                colour=colours[cluster],
                outline=_trace_topic(members),
                points=tuple(_make_point(item, fragments, page_lang) for item in members),
            )
        )
    return MapPage(
        topics=tuple(topics),
        labels=tuple(place_labels(_collect_labels(placed, data.coarse_labels, "coarse"), colours)),
        data=_dump_data(placed, data, related),
        count=len(placed),
    )


def _place_posts(data: MapData, posts: Iterable[MapPost]) -> list[_Placed]:
    """Return the posts in the order of the page: by topic, then by finer cluster, then newest first."""
    by_key = {post.key: post for post in posts}
    placed = []
    for key, (x, y), coarse, fine in zip(data.keys, data.positions, data.coarse, data.fine, strict=True):
        if key in by_key:
            post = by_key[key]
            across = MARGIN + x * (WIDTH - 2 * MARGIN)
            down = MARGIN + y * (HEIGHT - 2 * MARGIN)
            placed.append(_Placed(post, read_title(post), round(across), round(down), coarse, fine))
    placed.sort(key=lambda item: item.post.key)
    placed.sort(key=lambda item: item.post.date.isoformat() if item.post.date else "", reverse=True)
    placed.sort(key=lambda item: (item.coarse, item.fine))
    return placed


def find_root(path: str) -> str:
    """Return the way from a page at ``path`` to the site's root: ``"../"`` for ``"related/map.html"``.

    Links relative to the page are shorter than absolute ones, twice a post, and hold on any host.
    """
    return "../" * path.replace("\\", "/").strip("/").count("/") or "./"


def read_title(post: MapPost) -> str:
    """Return a post's title as plain text; never empty, since a link without a name leads nowhere."""
    return _shorten(extract_text(post.title), LONGEST_TITLE) or clean_text(post.slug) or post.key


def clean_text(text: str) -> str:
    """Return ``text`` as one line without control characters and what UTF-8 cannot hold."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if unicodedata.category(c) != "Cc" else " " for c in text).split())


def _shorten(text: str, limit: int) -> str:
    """Cut ``text`` at the last space before ``limit``, or within a word that is longer than that."""
    if len(text) <= limit:
        return text
    head = text[:limit]
    space = head.rfind(" ")
    return (head[:space] if space > limit // 2 else head).rstrip(" ,.;:") + "…"


def name_fragments(posts: Iterable[MapPost]) -> dict[str, str]:
    """Return for each post's key its fragment on the page: the slug, made unique where two share one."""
    fragments: dict[str, str] = {}
    used: set[str] = set()
    for post in posts:
        base = "-".join(clean_text(post.slug).split()) or "post"
        name = base
        if name in used and post.lang:
            name = f"{base}-{post.lang}"
        number = 2
        while name in used:
            name = f"{base}-{number}"
            number += 1
        used.add(name)
        fragments[post.key] = name
    return fragments


def _make_point(item: _Placed, fragments: Mapping[str, str], page_lang: str) -> Point:
    post = item.post
    return Point(
        x=f"{item.x:g}",
        y=f"{item.y:g}",
        url=post.url.lstrip("/"),
        title=item.title,
        fragment=fragments[post.key],
        lang=post.lang if post.lang != page_lang else "",
    )


def _name_topic(label: Label, members: Sequence[_Placed]) -> str:
    """Return a topic's name; one without words of its own is called by one of its posts."""
    return write_label(label) or _shorten(members[0].title, LONGEST_LABEL)


def write_label(label: Label) -> str:
    """Return the words of a label as one text, as many as fit."""
    words = [_shorten(clean_text(word), LONGEST_LABEL) for word in label]
    text = words[0] if words else ""
    for word in words[1:]:
        longer = f"{text} · {word}"
        if len(longer) <= LONGEST_LABEL:
            text = longer
    return text


def _colour_clusters(placed: Sequence[_Placed], count: int) -> list[int]:
    """Return a colour for each cluster, such that clusters near each other differ."""
    centres = [_find_centre([item for item in placed if item.coarse == cluster]) for cluster in range(count)]
    colours: list[int] = []
    for cluster, centre in enumerate(centres):
        # The colour whose nearest bearer is farthest away; unused colours first, in order.
        distances = [
            min(
                [math.dist(centre, centres[other]) for other in range(cluster) if colours[other] == colour]
                or [math.inf]
            )
            for colour in range(COLOURS)
        ]
        colours.append(distances.index(max(distances)))
    return colours


def _find_centre(members: Sequence[_Placed]) -> tuple[float, float]:
    """Return the middle of a cluster; medians, so that a stray post does not pull the label away."""
    if not members:
        return 0.0, 0.0
    return median(item.x for item in members), median(item.y for item in members)


def _trace_topic(members: Sequence[_Placed]) -> str:
    """Return the outlines of a topic's finer clusters as one path: they merge where they touch."""
    places: dict[int, list[tuple[float, float]]] = {}
    for item in members:
        places.setdefault(item.fine, []).append((item.x, item.y))
    return "".join(trace_outline(places[fine]) for fine in sorted(places))


def trace_outline(places: Sequence[tuple[float, float]]) -> str:
    """Return the convex hull of a cluster as an SVG path, leaving out what lies far from the rest."""
    middle = median(x for x, _ in places), median(y for _, y in places)
    typical = median(math.dist(place, middle) for place in places)
    near = sorted({place for place in places if math.dist(place, middle) <= 3 * typical + 1})
    hull = _half_hull(near)[:-1] + _half_hull(near[::-1])[:-1] if len(near) > 1 else near
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in hull) + ("z" if len(hull) > 1 else "h0")


def _half_hull(places: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """Return one side of the convex hull of sorted places (Andrew 1979)."""
    hull: list[tuple[float, float]] = []
    for x, y in places:
        while len(hull) >= 2:
            (x0, y0), (x1, y1) = hull[-2:]
            if (x1 - x0) * (y - y0) > (y1 - y0) * (x - x0):
                break
            hull.pop()
        hull.append((x, y))
    return hull


def _collect_labels(
    placed: Sequence[_Placed], labels: Sequence[Label], level: str
) -> list[tuple[int, Label, float, float, int]]:
    """Return number, words, centre and size of each named cluster of a level, the largest first."""
    found = []
    for cluster, label in enumerate(labels):
        members = [item for item in placed if getattr(item, level) == cluster]
        if members and label:
            found.append((cluster, label, *_find_centre(members), len(members)))
    return sorted(found, key=lambda entry: (-entry[4], entry[0]))


def place_labels(
    clusters: Iterable[tuple[int, Label, float, float, int]], colours: Sequence[int]
) -> list[PlacedLabel]:
    """Return labels that do not overlap, each as near to its cluster's centre as it can be.

    A label that fits nowhere loses words, and is left out when not even its first word fits.
    """
    placed: list[PlacedLabel] = []
    for cluster, words, x, y, _ in clusters:
        for length in range(len(words), 0, -1):
            text = write_label(words[:length])
            label = _find_room(text, x, y, colours[cluster], placed)
            if label is not None:
                placed.append(label)
                break
    return placed


def _find_room(
    text: str, x: float, y: float, colour: int, placed: Collection[PlacedLabel]
) -> PlacedLabel | None:
    half = measure_text(text) / 2 + 4
    middle = min(max(x, half), WIDTH - half)
    for step in (0, -1, 1, -2, 2, -3, 3):
        for aside in (0, -60, 60) if abs(step) < 3 else (0,):
            across = min(max(middle + aside, half), WIDTH - half)
            down = y + 0.25 * LABEL_HEIGHT + step * 0.6 * LABEL_HEIGHT
            label = PlacedLabel(text, round(across, 1), round(down, 1), colour)
            if (
                label.box()[1] >= 4
                and label.box()[3] <= HEIGHT - 4
                and not any(_overlap(label, other) for other in placed)
            ):
                return label
    return None


def _overlap(one: PlacedLabel, other: PlacedLabel) -> bool:
    left, top, right, bottom = one.box()
    other_left, other_top, other_right, other_bottom = other.box()
    return left < other_right + 6 and other_left < right + 6 and top < other_bottom and other_top < bottom


def measure_text(text: str) -> float:
    """Return about how wide a bold label is, in pixels, erring on the wide side."""
    return (
        sum(_WIDTHS.get(unicodedata.east_asian_width(c), 0.66 if not c.isupper() else 0.8) for c in text)
        * LABEL_SIZE
    )


_WIDTHS = {"W": 1.1, "F": 1.1}  # in em, for East Asian letters and emoji


def _dump_data(placed: Sequence[_Placed], data: MapData, related: Mapping[str, Sequence[str]]) -> str:
    """Return what the script needs and the markup does not say, with every text in it once."""
    rows = {item.post.key: row for row, item in enumerate(placed)}
    categories = sorted({clean_text(item.post.category) for item in placed})
    numbers = {category: number for number, category in enumerate(categories)}
    limit = max(40, min(160, SUMMARY_BUDGET // max(1, len(placed))))
    posts = [
        [
            numbers[clean_text(item.post.category)],
            _number_date(item.post.date),
            _shorten(extract_text(item.post.summary, limit), limit),
            [rows[key] for key in related.get(item.post.key, ()) if key in rows],
        ]
        for item in placed
    ]
    labels = [
        [
            [_shorten(clean_text(w), LONGEST_LABEL) for w in words[: 3 - level]],
            round(x),
            round(y),
            size,
            level,
        ]
        for level, name in enumerate(("coarse", "fine"))
        for _, words, x, y, size in _collect_labels(placed, getattr(data, f"{name}_labels"), name)
    ]
    return dump_json({"categories": categories, "posts": posts, "labels": labels})


def _number_date(date: dt.datetime | None) -> int:
    """Return 20240506 for the 6th of May 2024, and 0 for no date."""
    return date.year * 10_000 + date.month * 100 + date.day if date else 0


def strip_source(source: str) -> str:
    """Return a script or stylesheet of ours without indentation and whole-line comments.

    It must not have texts of several lines. A page carries both, so their size counts.
    """
    source = re.sub(r"^ */\*.*?\*/ *$", "", source, flags=re.MULTILINE | re.DOTALL)
    lines = (line.strip() for line in source.splitlines())
    return "\n".join(line for line in lines if line and not line.startswith("//"))


def dump_json(value: Any) -> str:
    """Return ``value`` as JSON that may stand inside a ``<script>``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
