"""Why a post is not suggested: each rule of the metadata and of the settings, in one place.

Selection checks whether there is a refusal; the command's ``explain`` shows all of them.
"""

import re
from collections.abc import Iterable, Iterator, Sequence
from enum import Enum
from fnmatch import fnmatchcase
from math import inf
from typing import NamedTuple

from ..settings import NAMED, Settings, find_kind
from ..text.document import Document
from ..text.names import fold, fold_reference

DAY = 86400.0
ENTRIES_SHOWN = 5  # of EXCLUDE that match nothing, each with what was probably meant, which takes time
FAR_FUTURE = 253_000_000_000.0  # seconds: year 9987; an undated draft has the last day of year 9999


class Refusal(Enum):
    """Why a document is not in another's list, as a sentence about ``target`` and ``source``."""

    # Of a list as a whole
    HIDDEN = "the post has the metadata related_posts_hide, so it has no list"
    NO_LISTS = "RELATED_EMBEDDINGS_MAX is 0, so no post has a list"
    NO_LIST_ON_PAGES = 'the post is a page, and RELATED_EMBEDDINGS_PAGES does not name "sources"'
    PINS_ONLY = "the post has the metadata related_posts_fill: false, so only its pinned posts are shown"
    # Of a post in any list
    UNPUBLISHED = "it is not published"
    NEVER = "{target.path} has the metadata related_posts_never"
    PAGE = 'it is a page, and RELATED_EMBEDDINGS_PAGES does not name "suggestions"'
    EXCLUDED_CATEGORY = 'RELATED_EMBEDDINGS_EXCLUDE names its category "{target.category}"'
    EXCLUDED_TAG = "RELATED_EMBEDDINGS_EXCLUDE names one of its tags ({tags})"
    EXCLUDED_PATH = "RELATED_EMBEDDINGS_EXCLUDE matches {target.path}"
    TOO_OLD = "it is older than RELATED_EMBEDDINGS_MAX_AGE_DAYS = {settings.max_age_days:g} allows"
    # Of one post in one list
    SELF = "it is the same post"
    TRANSLATION = "it is a translation of the post"
    LANGUAGE = (
        'it is in another language ("{target.lang}", not "{source.lang}"), and '
        "RELATED_EMBEDDINGS_ACROSS_LANGUAGES is False"
    )
    EXCLUDED_HERE = '{source.path} names "{target.slug}" in its metadata related_posts_exclude'
    CATEGORY = (
        'RELATED_EMBEDDINGS_CATEGORY is "{settings.category}", this post is in "{source.category}" and the '
        'other in "{target.category}"'
    )
    NEWER = "it is newer, and RELATED_EMBEDDINGS_NEWER is False"
    LINKED = 'the post\'s text already links to it, and RELATED_EMBEDDINGS_SKIP names "linked"'
    SERIES = 'it is part of the same series, and RELATED_EMBEDDINGS_SKIP names "series"'

    def describe(self, source: Document, target: Document, settings: Settings) -> str:
        """Return the sentence for a post and a list."""
        tags = ", ".join(target.tags)
        return self.value.format(source=source, target=target, settings=settings, tags=tags)


def refuse_list(source: Document, settings: Settings) -> Iterator[Refusal]:
    """Yield why ``source`` has no list at all."""
    if source.hidden:
        yield Refusal.HIDDEN
    if settings.max == 0:
        yield Refusal.NO_LISTS
    if source.is_page and "sources" not in settings.pages:
        yield Refusal.NO_LIST_ON_PAGES


def refuse_fill(source: Document) -> Iterator[Refusal]:
    """Yield why the list of ``source`` is not filled up with suggestions."""
    if source.pins and not source.fill:
        yield Refusal.PINS_ONLY


class Exclusions(NamedTuple):
    """The setting EXCLUDE, sorted by what its entries name; ``oldest`` is the date that is not too old.

    ``unmatched`` are the entries that match no document.
    """

    categories: frozenset[str]
    tags: frozenset[str]
    globs: tuple[str, ...]
    oldest: float
    unmatched: tuple[str, ...]


def read_exclusions(documents: Sequence[Document], settings: Settings) -> Exclusions:
    """Return what keeps a document of a site out of every list."""
    known = {
        "category:": {fold(one.category) for one in documents} if settings.exclude else set(),
        "tag:": {fold(tag) for one in documents for tag in one.tags} if settings.exclude else set(),
    }
    paths = [one.path.casefold() for one in documents] if settings.exclude else []
    named: dict[str, set[str]] = {kind: set() for kind in NAMED}
    globs: list[str] = []
    unmatched = []
    for entry in settings.exclude:
        kind = find_kind(entry)
        if kind:
            name = fold(entry[len(kind) :])
            named[kind].add(name)
            found = name in known[kind]
        else:
            matching = _find_globs(entry, paths)
            globs += matching
            found = bool(matching)
        unmatched += [] if found else [entry]
    oldest = find_newest(documents) - settings.max_age_days * DAY if settings.max_age_days else -inf
    return Exclusions(
        frozenset(named["category:"]), frozenset(named["tag:"]), tuple(globs), oldest, tuple(unmatched)
    )


def _find_globs(entry: str, paths: Sequence[str]) -> list[str]:
    """Return the patterns that an entry comes to, if one matches: a folder's name means all in it.

    Between slashes, two stars stand for any folders or none; one star reaches across slashes anyway.
    """
    bare = fold_reference(entry.replace("\\", "/")).strip("/")
    found = re.sub(r"(^|/)(\*\*/)+", r"\1", bare)
    patterns = list(dict.fromkeys((bare, found, f"{found}/*")))
    return patterns if any(fnmatchcase(path, one) for path in paths for one in patterns) else []


def describe_unmatched(entries: Sequence[str], documents: Sequence[Document]) -> list[str]:
    """Return warnings of entries of EXCLUDE that match nothing: some in full, the rest as a number."""
    warnings = [_describe_entry(entry, documents) for entry in entries[:ENTRIES_SHOWN]]
    if more := entries[ENTRIES_SHOWN:]:
        warnings.append(f"RELATED_EMBEDDINGS_EXCLUDE names {len(more):,} more that match no post.")
    return warnings


def _describe_entry(entry: str, documents: Iterable[Document]) -> str:
    """Return a warning for an entry that matches nothing, with what was probably meant."""
    from difflib import get_close_matches  # late: the entries of most sites match

    kind = find_kind(entry)
    names = {f"category:{one.category}" for one in documents}
    names |= {f"tag:{tag}" for one in documents for tag in one.tags}
    names = {name for name in names if name.startswith(kind)}
    if not kind:
        names |= {f"{one.path.rpartition('/')[0]}/*" for one in documents if "/" in one.path}
    known = {fold(name): name for name in sorted(names)}
    close = [known[name] for name in get_close_matches(fold(entry), known, n=1)]
    hint = f'; did you mean "{close[0]}"?' if close else "."
    return f'RELATED_EMBEDDINGS_EXCLUDE names "{entry}", which matches no post{hint}'


def _matches(path: str, globs: Iterable[str]) -> bool:
    folded = path.casefold()
    return any(fnmatchcase(folded, glob) for glob in globs)


def refuse_post(target: Document, settings: Settings, exclusions: Exclusions) -> Iterator[Refusal]:
    """Yield why ``target`` is in no list."""
    if not target.published:
        yield Refusal.UNPUBLISHED
    if target.never:
        yield Refusal.NEVER
    if target.is_page and "suggestions" not in settings.pages:
        yield Refusal.PAGE
    if exclusions.categories and fold(target.category) in exclusions.categories:
        yield Refusal.EXCLUDED_CATEGORY
    if exclusions.tags and not exclusions.tags.isdisjoint(map(fold, target.tags)):
        yield Refusal.EXCLUDED_TAG
    if exclusions.globs and _matches(target.path, exclusions.globs):
        yield Refusal.EXCLUDED_PATH
    if target.date and target.date < exclusions.oldest:
        yield Refusal.TOO_OLD


def refuse_pair(source: Document, target: Document, settings: Settings) -> Iterator[Refusal]:
    """Yield why ``target`` is not in the list of ``source``."""
    if target.path == source.path:
        yield Refusal.SELF
    if target.path in source.translations:
        yield Refusal.TRANSLATION
    if target.lang != source.lang and not settings.across_languages:
        yield Refusal.LANGUAGE
    if source.excluded and not set(map(fold_reference, source.excluded)).isdisjoint(target.list_names()):
        yield Refusal.EXCLUDED_HERE
    if settings.category != "any":
        same = fold(target.category) == fold(source.category)
        if same != (settings.category == "same"):
            yield Refusal.CATEGORY
    if not settings.newer and source.date and target.date > source.date:
        yield Refusal.NEWER
    if settings.skip:
        yield from _refuse_skipped(source, target, settings)


def _refuse_skipped(source: Document, target: Document, settings: Settings) -> Iterator[Refusal]:
    if "linked" in settings.skip and target.path in source.links:
        yield Refusal.LINKED
    if "series" in settings.skip and source.series and source.series == target.series:
        yield Refusal.SERIES


def may_be_suggested(documents: Sequence[Document], settings: Settings) -> list[bool]:
    """Return for each document whether the settings and its author allow it in lists."""
    exclusions = read_exclusions(documents, settings)
    return [next(refuse_post(document, settings, exclusions), None) is None for document in documents]


def find_newest(documents: Iterable[Document]) -> float:
    """Return the date of the newest published document: what ages are counted from, never the clock."""
    dates = (document.date for document in documents if document.published)
    return max((date for date in dates if date < FAR_FUTURE), default=0.0)
