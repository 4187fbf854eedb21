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
from .map_labels import LONGEST_LABEL, NamedCluster, PlacedLabel, place_labels, shorten_words, write_label
from .map_post import MapPost, clean_text, name_fragments, read_title, shorten_text
from .map_shapes import HEIGHT, WIDTH, Place, choose_colours, find_centre, scale_position, trace_outlines

SUMMARY_BUDGET = 32_000  # characters of summaries on a page, so that the pages of big blogs still load fast

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
    """A coarse cluster: its name, its colour, its outline as an SVG path and its posts."""

    name: str
    colour: int
    outline: str
    points: tuple[Point, ...]


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
        page_lang: Language of the page; titles in another are marked with theirs.
    """
    placed = _place_posts(topic_map, posts)
    topics = _group(placed, "coarse")
    centres = [_centre(topics.get(cluster, ())) for cluster in range(len(topic_map.coarse_labels))]
    colours = choose_colours(centres)
    points = _make_points(placed, page_lang)
    return MapPage(
        topics=tuple(
            Topic(
                name=_name_topic(topic_map.coarse_labels[cluster], members),
                colour=colours[cluster],
                outline=_trace_topic(members),
                points=tuple(points[item.row] for item in members),
            )
            for cluster, members in topics.items()
        ),
        labels=tuple(place_labels(_list_named(topics, topic_map.coarse_labels), colours)),
        data=_dump_data(topic_map, placed, lists),
        count=len(placed),
    )


def _place_posts(topic_map: TopicMap, posts: Mapping[int, MapPost]) -> list[_Placed]:
    """Return the posts in the order of the page: by topic, then by finer cluster, then newest first."""
    rows = {post.key: row for row, post in posts.items()}
    placed = []
    columns = zip(topic_map.keys, topic_map.positions, topic_map.coarse, topic_map.fine, strict=True)
    for key, position, coarse, fine in columns:
        if key in rows:
            post = posts[rows[key]]
            placed.append(_Placed(rows[key], post, read_title(post), scale_position(*position), coarse, fine))
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


def _centre(members: Sequence[_Placed]) -> Place:
    return find_centre([item.place for item in members])


def _trace_topic(members: Sequence[_Placed]) -> str:
    finer = _group(members, "fine")
    return trace_outlines([item.place for item in finer[cluster]] for cluster in sorted(finer))


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
        NamedCluster(number, labels[number], *_centre(members), len(members))
        for number, members in clusters.items()
        if labels[number]
    ]
    return sorted(named, key=lambda cluster: (-cluster.size, cluster.number))


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
    labels = [
        [shorten_words(cluster.label[: 3 - level]), round(cluster.x), round(cluster.y), cluster.size, level]
        for level, clusters in enumerate(
            (
                _list_named(_group(placed, "coarse"), topic_map.coarse_labels),
                _list_named(_group(placed, "fine"), topic_map.fine_labels),
            )
        )
        for cluster in clusters
    ]
    return dump_json({"categories": categories, "posts": posts, "labels": labels})


def _number_date(date: dt.datetime | None) -> int:
    """Return 20240506 for the 6th of May 2024, and 0 for no date."""
    return date.year * 10_000 + date.month * 100 + date.day if date else 0


def dump_json(value: Any) -> str:
    """Return ``value`` as JSON that may stand inside a ``<script>``."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).translate(_UNSAFE)
