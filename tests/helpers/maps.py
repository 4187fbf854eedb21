"""Pages of maps that are made without a site."""

import datetime as dt
from html.parser import HTMLParser

import jinja2

from pelican_related_embeddings.pages.map_page import build_page
from pelican_related_embeddings.pages.map_post import MapPost
from pelican_related_embeddings.ranking.selection import Candidate
from pelican_related_embeddings.topic_map.chart import TopicMap

from .sites import PACKAGE

HOSTILE = [
    "</script><script>alert(1)</script>Cut",
    "</title></a></svg><img src=x onerror=alert(2)>Image",
    "\"double\" and 'single' onmouseover=alert(3)",
    "<b>Bold</b> &amp; <i>slanted</i> &lt;tag&gt;",
    "{{ 7 * 7 }}{% raw %} ]]> <!-- comment",
    "שלום עולם \u202eevil\u202c",
    "🧁 emoji 👩‍👩‍👧 title",
    "W" * 300,
    "line\u2028separator\u2029and\x00control\x07",
    "",
]


def make_post(slug, title="A title", **more):
    fields = {
        "url": f"posts/{slug}.html",
        "date": dt.datetime(2024, 5, 6),
        "category": "notes",
        "lang": "en",
    }
    return MapPost(key=f"{slug}.md", slug=slug, title=title, **{**fields, **more})


def make_map(posts, coarse=None, labels=None):
    n = len(posts)
    coarse = coarse or [0] * n
    labels = labels or [("topic", str(cluster)) for cluster in range(max(coarse, default=-1) + 1)]
    side = max(1, round(n**0.5))
    return TopicMap(
        keys=tuple(post.key for post in posts),
        positions=tuple(((row % side) / side, min(1.0, row // side / side)) for row in range(n)),
        coarse=tuple(coarse),
        fine=tuple(coarse),
        coarse_labels=tuple(labels),
        fine_labels=tuple(labels),
    )


def make_page(topic_map, posts, related=None, page_lang=""):
    """Return the page of a map; ``related`` has the keys of the related posts of each key."""
    rows = {post.key: row for row, post in enumerate(posts)}
    wanted = [(related or {}).get(post.key, ()) for post in posts]
    lists = [[Candidate(rows.get(key, len(posts)), 0.5) for key in keys] for keys in wanted]
    return build_page(topic_map, dict(enumerate(posts)), lists, page_lang)


def render(page, root="../", **more):
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(PACKAGE / "pages" / "templates"), autoescape=False
    )
    values = {
        "map": page,
        "map_title": "Topic map",
        "map_root": root,
        "SITEURL": "",
        "SITENAME": "A <blog>",
    }
    return environment.get_template("related_map_standalone.html").render({**values, **more})


class Markup(HTMLParser):
    """The elements of a page with their attributes, its links with their text, its JSON."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.links, self.data = [], [], ""
        self._open = None
        self.feed(page)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag == "a":
            self.links.append([dict(attrs).get("href"), ""])
        self._open = tag if tag in ("a", "script") else self._open

    def handle_endtag(self, tag):
        if tag == self._open:
            self._open = None

    def handle_data(self, data):
        if self._open == "a":
            self.links[-1][1] += data
        if self._open == "script" and data.startswith('{"categories"'):
            self.data = data


def boxes_overlap(one, other):
    return one[0] < other[2] and other[0] < one[2] and one[1] < other[3] and other[1] < one[3]
