"""Which rules keep one post out of another's list.

Each rule is tried by itself on the real selection, so that what is said cannot differ from what is done.
Knows nothing of Pelican.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from ..ranking.selection import Candidate, Pool, select_related
from ..settings import Settings
from ..text.document import Document

Describe = Callable[[Document, Document, Settings], str]

_FREE = Settings(max=1, pages=("sources", "suggestions"))  # every other rule is off by default

# What may keep a post out: a field of the settings or of a document, and the sentence about it.
RULES: Mapping[str, Describe] = {
    "excluded": lambda source, target, _: (
        f'{source.path} names "{target.slug}" in its metadata related_posts_exclude'
    ),
    "never": lambda _, target, __: f"{target.path} has the metadata related_posts_never",
    "pages": lambda *_: 'it is a page, and RELATED_EMBEDDINGS_PAGES does not name "suggestions"',
    "exclude_categories": lambda _, target, __: (
        f'RELATED_EMBEDDINGS_EXCLUDE_CATEGORIES names its category "{target.category}"'
    ),
    "exclude_tags": lambda _, target, __: (
        f"RELATED_EMBEDDINGS_EXCLUDE_TAGS names one of its tags ({', '.join(target.tags)})"
    ),
    "exclude_paths": lambda _, target, __: f"RELATED_EMBEDDINGS_EXCLUDE_PATHS matches {target.path}",
    "max_age_days": lambda _, __, settings: (
        f"it is older than RELATED_EMBEDDINGS_MAX_AGE_DAYS = {settings.max_age_days:g} allows"
    ),
    "category": lambda source, target, settings: (
        f'RELATED_EMBEDDINGS_CATEGORY is "{settings.category}", this post is in "{source.category}" and the '
        f'other in "{target.category}"'
    ),
    "newer": lambda *_: "it is newer, and RELATED_EMBEDDINGS_NEWER is False",
    "skip_linked": lambda *_: (
        "the post's text already links to it, and RELATED_EMBEDDINGS_SKIP_LINKED is True"
    ),
}


def find_rules(documents: Sequence[Document], source: int, target: int, settings: Settings) -> list[str]:
    """Return a sentence for each rule of the author or the settings that parts two documents."""
    one, other = documents[source], documents[target]
    facts = list(_find_facts(one, other, settings))
    refused = [
        describe(one, other, settings)
        for rule, describe in RULES.items()
        if other.published and _refuses(rule, documents, source, target, settings)
    ]
    return facts + refused


def _find_facts(source: Document, target: Document, settings: Settings) -> list[str]:
    facts = {
        "it is the same post": source.path == target.path,
        "it is not published": not target.published,
        "it is a translation of the post": target.path in source.translations,
        f'it is in another language ("{target.lang}", not "{source.lang}"), and '
        "RELATED_EMBEDDINGS_ACROSS_LANGUAGES is False": (
            source.lang != target.lang and not settings.across_languages
        ),
    }
    return [fact for fact, holds in facts.items() if holds]


def _refuses(rule: str, documents: Sequence[Document], source: int, target: int, settings: Settings) -> bool:
    """Return whether ``rule`` alone keeps the target from a list that it would else be the first of."""
    one, other = documents[source], documents[target]
    # The one who asks is a copy at the end, which counts for nothing and has no decisions but this rule's.
    probe = one._replace(pins=(), excluded=(), hidden=False, published=False, is_page=False, translations=())
    probe = probe._replace(path="", lang=other.lang)
    if rule == "excluded":
        probe = probe._replace(excluded=one.excluded)
    chosen = replace(_FREE, **{rule: getattr(settings, rule)}) if hasattr(_FREE, rule) else _FREE
    asked = [*documents, probe]
    asked[target] = other._replace(never=other.never and rule == "never")
    return target not in _choose(asked, [Candidate(target, 1.0)], chosen)


def _choose(documents: Sequence[Document], candidates: list[Candidate], settings: Settings) -> set[int]:
    """Return the rows in the list of the last document, which alone has candidates."""
    pool = Pool([*[()] * (len(documents) - 1), tuple(candidates)], len(candidates) + 1)
    return {candidate.row for candidate in select_related(documents, pool, settings).lists[-1]}
