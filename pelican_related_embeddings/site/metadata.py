"""What an author decides for one post, in its metadata."""

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ..text.document import Document

METADATA = ("related_posts", "related_posts_exclude", "related_posts_hide", "related_posts_never")
LEAST_ALIKE = 0.85  # of a misspelt name of those and the right one, as difflib measures it
SHORTEST_MISSPELT = 9  # letters; what is shorter can be like none of them
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
    )


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


def describe_misspelt(contents: Iterable[Any]) -> list[str]:
    """Return a warning for each metadata name that is nearly, but not quite, one of ours."""
    close: dict[str, list[str]] = {}
    found: dict[str, list[str]] = {}
    for content in contents:
        for name in read_metadata(content):
            if name not in close:
                folded = _fold_name(name)
                known = folded in METADATA
                close[name] = [] if known or len(name) < SHORTEST_MISSPELT else _find_close(folded)
            if close[name]:
                found.setdefault(name, []).append(path_content(content))
    return [
        f'{paths[0]}{_count_others(paths)}: the metadata name "{name}" means nothing; '
        f'did you mean "{close[name][0]}"?'
        for name, paths in found.items()
    ]


def _find_close(name: str) -> list[str]:
    from difflib import get_close_matches  # late: few sites have names that are worth comparing

    return get_close_matches(name, METADATA, n=1, cutoff=LEAST_ALIKE)


def _count_others(paths: Sequence[str]) -> str:
    return f" (and {len(paths) - 1} more)" if len(paths) > 1 else ""
