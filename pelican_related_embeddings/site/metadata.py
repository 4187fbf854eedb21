"""What an author decides for one post, in its metadata."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..text.document import Document

METADATA = (
    "related_posts",
    "related_posts_exclude",
    "related_posts_fill",
    "related_posts_hide",
    "related_posts_never",
)
_FALSE = frozenset(("false", "no", "off", "0", "n", "f", "none"))


def path_content(content: Any) -> str:
    """Return a content's source file relative to the site's content, with forward slashes."""
    path = getattr(content, "relative_source_path", None)
    return str(path).replace("\\", "/") if path else f"{read_lang(content)}/{getattr(content, 'slug', '')}"


def read_lang(content: Any) -> str:
    """Return a content's language, or nothing where another plugin has taken it away."""
    return str(getattr(content, "lang", ""))


def read_metadata(content: Any) -> Mapping[str, Any]:
    """Return a content's metadata; an article that calls one of its own "metadata" has lost it."""
    return content.metadata if isinstance(content.metadata, Mapping) else {}


def add_decisions(document: Document, metadata: Mapping[str, Any]) -> Document:
    """Return ``document`` with what its author decided."""
    decided = {_fold_name(name): metadata[name] for name in metadata if "related" in name.lower()}
    if not decided:
        return document
    return document._replace(
        pins=_split(decided.get("related_posts")),
        excluded=_split(decided.get("related_posts_exclude")),
        hidden=_is_true(decided.get("related_posts_hide")),
        never=_is_true(decided.get("related_posts_never")),
        fill=_is_true(decided.get("related_posts_fill", True)),
    )


def read_series(content: Any, title: str) -> str:
    """Return what all parts of a content's series have in common, or an empty text.

    The plugin pelican-series sets ``series`` to a dict. Without it, titles that differ in one number only
    belong to a series: its key is then such a title without the number.
    """
    series = getattr(content, "series", None)
    if isinstance(series, Mapping):
        series = series.get("name")
    if isinstance(series, str) and series.strip():
        return f"series {series.strip().casefold()}"
    bare, count = re.subn(r"(?<!\w)(?<!\d\.)\d{1,3}(?!\w|\.\d)", "#", title.casefold())
    return f"title {bare}" if count == 1 else ""


def _split(value: Any) -> tuple[str, ...]:
    """Return the slugs in a metadata value: a text with commas, or a list of such texts."""
    values = value if isinstance(value, list | tuple) else [value]
    texts = [item for item in values if isinstance(item, str)]
    return tuple(dict.fromkeys(slug for text in texts for slug in re.split(r"[,;\s]+", text.strip()) if slug))


def _is_true(value: Any) -> bool:
    if isinstance(value, list | tuple):
        value = value[0] if value else "true"
    return value is not None and str(value).strip().lower() not in _FALSE


def _fold_name(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def find_unknown(contents: Iterable[Any]) -> list[str]:
    """Return a warning for each metadata name that begins like ours and is none of them."""
    found: dict[str, list[str]] = {}
    for content in contents:
        for name in read_metadata(content):
            if name.startswith("related_posts") and _fold_name(name) not in METADATA:
                found.setdefault(name, []).append(path_content(content))
    known = ", ".join(METADATA)
    return [
        f'{paths[0]}{_count_others(paths)}: "{name}" is not a field of this plugin; its fields are {known}.'
        for name, paths in found.items()
    ]


def _count_others(paths: Sequence[str]) -> str:
    return f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
