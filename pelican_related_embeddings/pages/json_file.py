"""The related posts of a site as one JSON file."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

from ..ranking.selection import Candidate
from ..text.html import extract_text
from .map_post import MapPost


def dump_related(
    posts: Mapping[int, MapPost], lists: Sequence[Sequence[Candidate]], site_url: str = ""
) -> str:
    """Return the related posts of a site as JSON, in the order of the posts' URLs.

    Args:
        posts: The published posts by their rows.
        lists: The related posts of each row, best first; those not among ``posts`` are left out.
        site_url: What all URLs begin with.
    """
    entries = [
        {
            **_describe_post(posts[row], site_url),
            "related": [
                _describe_related(posts[found.row], found, site_url)
                for found in lists[row]
                if found.row in posts
            ],
        }
        for row in sorted(posts, key=lambda row: (posts[row].url, posts[row].key))
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


def _describe_related(post: MapPost, found: Candidate, site_url: str) -> dict[str, Any]:
    return {
        "slug": post.slug,
        "url": _join_url(site_url, post.url),
        "score": round(found.score, 4),
        "reasons": list(found.terms),
    }


def _join_url(site_url: str, url: str) -> str:
    return f"{site_url.rstrip('/')}/{url}"
