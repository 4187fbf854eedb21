"""What an author decides for one post, in its metadata."""

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import date
from posixpath import normpath
from typing import Any
from urllib.parse import unquote, urlsplit

from ..text.document import Document
from ..text.names import compose

METADATA = (
    "related_posts",
    "related_posts_exclude",
    "related_posts_fill",
    "related_posts_hide",
    "related_posts_never",
    "related_links_ignore",
)
_FALSE = frozenset(("false", "no", "off", "0", "n", "f", "none"))


def path_content(content: Any) -> str:
    """Return a content's source file relative to the site's content, with forward slashes."""
    path = getattr(content, "relative_source_path", None)
    if not path:
        return f"{read_lang(content)}/{getattr(content, 'slug', '')}"
    return compose(str(path).replace("\\", "/"))


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


def read_ignored_links(content: Any) -> tuple[str, ...]:
    """Return the posts that a content's author does not want to be advised to link to."""
    metadata = read_metadata(content)
    found = (metadata[name] for name in metadata if _fold_name(name) == "related_links_ignore")
    return _split(next(found, None))


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
    """Return the names in a metadata value: a text with commas, or what YAML makes of a list or a number."""
    texts = [str(item).strip() for item in _flatten(value) if isinstance(item, str | int | float | date)]
    if len(texts) == 1 and texts[0].startswith("[") and texts[0].endswith("]"):
        texts = [texts[0][1:-1]]  # a list of YAML where metadata is no YAML
    parts = (part.strip().removeprefix("- ") for text in texts for part in re.split(r"[,;\n]", text))
    names = (part.strip(" \t\"'") for part in parts)
    return tuple(dict.fromkeys(compose(name) for name in names if name))


def _flatten(value: Any) -> Iterator[Any]:
    """Yield what a value holds that may be a list, and lists in it."""
    if isinstance(value, list | tuple | set):
        for item in value:
            yield from _flatten(item)
    else:
        yield value


def _is_true(value: Any) -> bool:
    if isinstance(value, list | tuple):
        value = value[0] if value else "true"
    return value is not None and str(value).strip().lower() not in _FALSE


def _fold_name(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")


def find_unknown(contents: Iterable[Any]) -> list[str]:
    """Return a warning for each metadata field that begins like ours and cannot be used."""
    found: dict[str, list[str]] = {}
    for content in contents:
        for name, value in read_metadata(content).items():
            if name.startswith(("related_posts", "related_links_")) and (
                problem := _describe_unusable(name, value)
            ):
                found.setdefault(problem, []).append(path_content(content))
    return [f"{paths[0]}{_count_others(paths)}: {problem}" for problem, paths in found.items()]


def _describe_unusable(name: str, value: Any) -> str:
    """Return what is wrong with a metadata field that begins like ours; nothing if it can be used."""
    if _fold_name(name) not in METADATA:
        return f'"{name}" is not a field of this plugin; its fields are {", ".join(METADATA)}.'
    mapped = any(isinstance(item, Mapping) for item in _flatten(value))
    return f"{name} must be a list of slugs, got a mapping." if mapped else ""


def find_lost(contents: Iterable[Any]) -> list[str]:
    """Return a warning for posts whose address leads to no page: they set ``url`` and not ``save_as``."""
    paths = [
        path_content(content)
        for content in contents
        if getattr(content, "override_url", None)
        and not getattr(content, "override_save_as", None)
        and not urlsplit(str(content.url)).netloc  # the author leads to another site
        and _strip_index(urlsplit(str(content.url)).path) != _strip_index(str(content.save_as))
    ]
    if not paths:
        return []
    return [
        f"{paths[0]}{_count_others(paths)}: the metadata has url but not save_as, so no page is written "
        "where links to this post lead; add save_as."
    ]


def _strip_index(address: str) -> str:
    return (
        normpath(compose(unquote(address)).strip("/"))
        .removesuffix("index.html")
        .strip("/")
        .removesuffix(".html")
    )


def _count_others(paths: Sequence[str]) -> str:
    return f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
