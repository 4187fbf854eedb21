"""Turn a map and its posts into what the page's template shows: an SVG, a list and the data of the cards.

Every text that leaves this module is plain text; the template escapes it. The one exception is
``MapPage.data``, which is JSON made safe for a ``<script>``.
"""

import datetime as dt
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ..ranking.selection import Candidate
from ..text.html import extract_text
from ..topic_map.chart import Label, TopicMap
from .headings import find_direction
from .map_labels import (
    LONGEST_LABEL,
    Dots,
    NamedCluster,
    PlacedLabel,
    place_labels,
    shorten_words,
    write_label,
)
from .map_post import MapPost, clean_text, name_fragments, read_title, shorten_text
from .map_shapes import COLOURS, HEIGHT, WIDTH, Place, find_centre, fit_frame, measure_stroke, trace_area
from .map_texts import MapTexts, choose_texts

SUMMARY_BUDGET = 32_000  # characters of summaries on a page, so that the pages of big blogs still load fast
SMALLEST_FINE = 3  # posts; a smaller cluster of the finer ones has no label

# Ends a script, a comment or an attribute, or ends a line for an old JavaScript parser.
_UNSAFE = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


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
    """A coarse cluster: its name, its colour, its area as an SVG path and its posts."""

    name: str
    colour: int
    area: str
    points: tuple[Point, ...]


@dataclass(frozen=True, slots=True)
class MapPage:
    """All that ``related_map_content.html`` needs, as ``map``."""

    topics: tuple[Topic, ...]
    labels: tuple[PlacedLabel, ...]
    data: str
    count: int
    texts: MapTexts
    stroke: int
    width: int = WIDTH
    height: int = HEIGHT

    @property
    def direction(self) -> str:
        """The direction of the script that the texts are in."""
        return find_direction(self.texts.lang)


@dataclass(frozen=True, slots=True)
class _Placed:
    """A post on the map, and its row among all documents."""

    row: int
    post: MapPost
    title: str
    place: Place
    coarse: int
    fine: int


def build_page(
    topic_map: TopicMap,
    posts: Mapping[int, MapPost],
    lists: Sequence[Sequence[Candidate]],
    page_lang: str = "",
) -> MapPage:
    """Return the page of a map.

    Args:
        topic_map: The map. Posts that are not on it are left out, and so are its keys without a post.
        posts: The published posts by their rows.
        lists: The related posts of each row, best first.
        page_lang: Language of the page. Its texts are in that or in English; titles in another than the
            texts are marked with theirs.
    """
    texts = choose_texts(page_lang)
    placed = _place_posts(topic_map, posts)
    topics = _group(placed, "coarse")
    colours = [cluster % COLOURS for cluster in range(len(topic_map.coarse_labels))]
    points = _make_points(placed, texts.lang)
    dots = Dots(item.place for item in placed)
    return MapPage(
        topics=tuple(
            Topic(
                name=_name_topic(topic_map.coarse_labels[cluster], members),
                colour=colours[cluster],
                area=trace_area(item.place for item in members),
                points=tuple(points[item.row] for item in members),
            )
            for cluster, members in topics.items()
        ),
        labels=tuple(place_labels(_list_named(topics, topic_map.coarse_labels), dots, colours)),
        data=_dump_data(topic_map, placed, lists),
        count=len(placed),
        texts=texts,
        stroke=measure_stroke(len(placed)),
    )


def _place_posts(topic_map: TopicMap, posts: Mapping[int, MapPost]) -> list[_Placed]:
    """Return the posts in the order of the page: by topic, then by finer cluster, then newest first."""
    rows = {post.key: row for row, post in posts.items()}
    known = [at for at, key in enumerate(topic_map.keys) if key in rows]
    places = fit_frame([topic_map.positions[at] for at in known])
    placed = []
    for at, place in zip(known, places, strict=True):
        row = rows[topic_map.keys[at]]
        title = read_title(posts[row])
        placed.append(_Placed(row, posts[row], title, place, topic_map.coarse[at], topic_map.fine[at]))
    placed.sort(key=lambda item: item.post.key)
    placed.sort(key=lambda item: item.post.date.isoformat() if item.post.date else "", reverse=True)
    placed.sort(key=lambda item: (item.coarse, item.fine))
    return placed


def _group(placed: Sequence[_Placed], level: str) -> dict[int, list[_Placed]]:
    """Return the posts of each cluster of a level, ``coarse`` or ``fine``."""
    groups: dict[int, list[_Placed]] = {}
    for item in placed:
        groups.setdefault(getattr(item, level), []).append(item)
    return groups


def _name_topic(label: Label, members: Sequence[_Placed]) -> str:
    """Return a topic's name; one without words of its own is named after one of its posts."""
    return write_label(label) or shorten_text(members[0].title, LONGEST_LABEL)


def _make_points(placed: Sequence[_Placed], page_lang: str) -> dict[int, Point]:
    """Return the points of the posts by their rows."""
    fragments = name_fragments([item.post for item in placed])
    return {
        item.row: Point(
            x=f"{item.place[0]:g}",
            y=f"{item.place[1]:g}",
            url=item.post.url.lstrip("/"),
            title=item.title,
            fragment=fragments[item.post.key],
            lang=item.post.lang if item.post.lang != page_lang else "",
        )
        for item in placed
    }


def _list_named(clusters: Mapping[int, Sequence[_Placed]], labels: Sequence[Label]) -> list[NamedCluster]:
    """Return the clusters that have a name, the largest first."""
    named = [
        NamedCluster(number, labels[number], places, find_centre(places))
        for number, members in clusters.items()
        if labels[number]
        for places in [[item.place for item in members]]
    ]
    return sorted(named, key=lambda cluster: (-len(cluster.places), cluster.number))


def _dump_data(topic_map: TopicMap, placed: Sequence[_Placed], lists: Sequence[Sequence[Candidate]]) -> str:
    """Return what the script needs and the markup does not say, with every text in it once."""
    names = [clean_text(item.post.category) for item in placed]
    categories = sorted(set(names))
    numbers = {category: number for number, category in enumerate(categories)}
    places = {item.row: place for place, item in enumerate(placed)}
    limit = max(40, min(160, SUMMARY_BUDGET // max(1, len(placed))))
    posts = [
        [
            numbers[name],
            _number_date(item.post.date),
            shorten_text(extract_text(item.post.summary, limit), limit),
            [places[found.row] for found in lists[item.row] if found.row in places],
        ]
        for name, item in zip(names, placed, strict=True)
    ]
    labels = [*_list_labels(placed, "coarse", topic_map), *_list_labels(placed, "fine", topic_map)]
    return dump_json({"categories": categories, "posts": posts, "labels": labels})


def _list_labels(placed: Sequence[_Placed], level: str, topic_map: TopicMap) -> list[list[Any]]:
    """Return the labels of a level, the largest clusters first: words, first post, number of posts, level.

    The posts of a cluster follow one another on the page.
    """
    fine = level == "fine"
    names = topic_map.fine_labels if fine else topic_map.coarse_labels
    first = {getattr(item, level): at for at, item in reversed(list(enumerate(placed)))}
    labels = []
    for cluster in _list_named(_group(placed, level), names):
        at, size = first[cluster.number], len(cluster.places)
        # Of a finer cluster only what the topic around it does not say already.
        around = topic_map.coarse_labels[placed[at].coarse] if fine else ()
        words = [word for word in cluster.label if word not in around][: 1 if fine else 2]
        if words and size >= (SMALLEST_FINE if fine else 1):
            labels.append([shorten_words(tuple(words)), at, size, int(fine)])
    return labels


def _number_date(date: dt.datetime | None) -> int:
    """Return 20240506 for the 6th of May 2024, and 0 for no date."""
    return date.year * 10_000 + date.month * 100 + date.day if date else 0


def dump_json(value: Any) -> str:
    """Return ``value`` as JSON that may stand inside a ``<script>``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
