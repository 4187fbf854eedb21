"""The related posts of a site as one JSON file, and how a file is written whole."""

import json
import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..text.html import extract_text
from .map_page import MapPost


class RelatedEntry(NamedTuple):
    """A related post as the JSON file shows it: its key, its score and why it is there."""

    key: str
    score: float
    reasons: tuple[str, ...] = ()


def dump_related(
    posts: Iterable[MapPost], related: Mapping[str, Sequence[RelatedEntry]], site_url: str = ""
) -> str:
    """Return the related posts of a site as JSON, in the order of the posts' URLs.

    Related posts that are not among ``posts``, such as drafts, are left out.
    """
    ordered = sorted(posts, key=lambda post: (post.url, post.key))
    by_key = {post.key: post for post in ordered}
    entries = [
        {
            **_describe_post(post, site_url),
            "related": [
                {
                    "slug": by_key[entry.key].slug,
                    "url": _join_url(site_url, by_key[entry.key].url),
                    "score": round(entry.score, 4),
                    "reasons": list(entry.reasons),
                }
                for entry in related.get(post.key, ())
                if entry.key in by_key
            ],
        }
        for post in ordered
    ]
    # A post a line: json's own indentation takes ten times as long.
    lines = ",\n".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    text = f'{{"version": 1, "posts": [\n{lines}\n]}}\n'
    return text.encode("utf-8", "replace").decode("utf-8")


def _describe_post(post: MapPost, site_url: str) -> dict[str, Any]:
    return {
        "slug": post.slug,
        "url": _join_url(site_url, post.url),
        "title": extract_text(post.title),
        "lang": post.lang,
    }


def _join_url(site_url: str, url: str) -> str:
    return f"{site_url.rstrip('/')}/{url}"


def write_atomically(path: Path, text: str) -> None:
    """Write ``text`` to ``path`` so that a reader sees the old file or the new one, never half of one.

    Raises:
        OSError: The folder cannot be made or written to.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        temporary.write_text(text, encoding="utf-8")
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)
