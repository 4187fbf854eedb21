"""A published post as the map and the JSON file show it, and its texts without markup."""

import datetime as dt
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from ..text.html import extract_text

LONGEST_TITLE = 200  # characters


@dataclass(frozen=True, slots=True)
class MapPost:
    """A published post; ``title`` and ``summary`` are HTML, ``url`` is relative to the site."""

    key: str
    slug: str
    title: str
    url: str
    date: dt.datetime | None = None
    category: str = ""
    lang: str = ""
    summary: str = ""


def read_title(post: MapPost) -> str:
    """Return a post's title as plain text; never empty, since a link needs a name."""
    return shorten_text(extract_text(post.title), LONGEST_TITLE) or clean_text(post.slug) or post.key


def clean_text(text: str) -> str:
    """Return ``text`` as one line without control characters and without what UTF-8 cannot hold."""
    text = text.encode("utf-8", "replace").decode("utf-8")
    return " ".join("".join(c if unicodedata.category(c) != "Cc" else " " for c in text).split())


def shorten_text(text: str, limit: int) -> str:
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
