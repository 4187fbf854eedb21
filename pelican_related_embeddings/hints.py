"""Hints about posts and their lists: worth knowing, but not faults, so not warnings."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from .encoders.model import ENGLISH_ONLY
from .ranking.selection import Selection
from .settings import PREFIX, Settings
from .text.document import Document
from .text.names import merge_alike

GROUPS_NAMED = 5  # of posts that are nearly the same text
POSTS_NAMED = 3  # of such a group
LEAST_MISLABELLED = 3  # posts of one language under the label of another: fewer may be quotations or lists
NARROWING = ("category", "newer", "exclude", "skip", "max_age_days")  # settings that can leave no list at all
ENOUGH_POSTS = 10  # minimum for a hint that none has a list


def find_hints(
    documents: Sequence[Document],
    selection: Selection,
    duplicates: Iterable[tuple[int, int]],
    settings: Settings,
    languages: Sequence[str] = (),
) -> list[str]:
    """Return a sentence for each thing that is worth knowing, the most important first.

    ``languages``: what each document is written in as far as its text tells; none where no text was read.
    """
    written = list(languages) or [""] * len(documents)
    return [
        *_hint_empty(documents, selection, settings),
        *_hint_labels(documents, written, settings),
        *_hint_model(documents, written, settings),
        *_hint_lone_languages(documents, settings),
        *_hint_duplicates(documents, duplicates),
    ]


def _hint_empty(documents: Sequence[Document], selection: Selection, settings: Settings) -> Iterator[str]:
    """Yield a hint where the settings leave no list at all."""
    published = sum(one.published and not one.is_page for one in documents)
    if not settings.max or published < ENOUGH_POSTS or any(selection.lists):
        return
    least = f"RELATED_EMBEDDINGS_MIN_SCORE = {settings.min_score:g}" if settings.min_score else ""
    usual = Settings()
    narrowing = [
        f"{PREFIX}{name.upper()}" for name in NARROWING if getattr(settings, name) != getattr(usual, name)
    ]
    if narrowing:
        names = ", ".join([*narrowing, least] if least else narrowing)
        yield f"none of the {published} articles has a related post: check {names}."
    elif least:
        yield f"none of the {published} articles has a related post: no pair reaches {least}."


def _hint_labels(documents: Sequence[Document], written: Sequence[str], settings: Settings) -> Iterator[str]:
    """Yield a hint where posts are in another language than the one that they are labelled with."""
    shown = [(one, lang) for one, lang in zip(documents, written, strict=True) if one.published and lang]
    wrong = [(one.lang, lang, one.path) for one, lang in shown if merge_alike(one.lang) != lang]
    counts = Counter((label, lang) for label, lang, _ in wrong)
    if settings.across_languages or not counts:
        return
    (label, lang), number = counts.most_common(1)[0]
    if number >= LEAST_MISLABELLED:
        first = next(path for *names, path in wrong if names == [label, lang])
        yield (
            f'{number} articles labelled "{label}" seem to be in "{lang}", such as {first}, and are related '
            f'only to others labelled "{label}": correct DEFAULT_LANG, or lang in their metadata.'
        )


def _hint_model(documents: Sequence[Document], written: Sequence[str], settings: Settings) -> Iterator[str]:
    """Yield a hint for a site most of whose posts are in a language that its model does not know."""
    languages = Counter(
        lang or merge_alike(one.lang) for one, lang in zip(documents, written, strict=True) if one.published
    )
    if not languages or settings.endpoint or not re.search(ENGLISH_ONLY, settings.model.lower()):
        return
    language = languages.most_common(1)[0][0]
    if language != "en":
        yield (
            f"the model {settings.model} is made for English, and most articles here are in {language!r}: "
            "shared words still find related posts, but a multilingual model in RELATED_EMBEDDINGS_MODEL "
            "finds more."
        )


def _hint_lone_languages(documents: Sequence[Document], settings: Settings) -> Iterator[str]:
    """Yield a hint for posts whose language no other post has."""
    shown = [one for one in documents if one.published and not one.is_page]
    counts = Counter(one.lang for one in shown)
    alone = [one for one in shown if counts[one.lang] == 1]
    if alone and len(shown) > 1 and not settings.across_languages:
        others = f" (and {len(alone) - 1} more like it)" if len(alone) > 1 else ""
        yield (
            f'{alone[0].path}{others} is the only article in "{alone[0].lang}", so nothing is suggested '
            "there; check its metadata lang."
        )


def _hint_duplicates(documents: Sequence[Document], duplicates: Iterable[tuple[int, int]]) -> Iterator[str]:
    """Yield a hint for each group of posts that are nearly the same text."""
    groups = group_duplicates(duplicates)
    for group in groups[:GROUPS_NAMED]:
        named = [documents[row].path for row in group[:POSTS_NAMED]]
        rest = f" and {len(group) - len(named)} more" if len(group) > len(named) else ""
        names = ", ".join(named) + rest if rest or len(named) > 2 else " and ".join(named)
        yield f"{names} are nearly the same text; no list shows two of them."
    if len(groups) > GROUPS_NAMED:
        yield f"{len(groups) - GROUPS_NAMED} more groups of posts are nearly the same text."


def group_duplicates(pairs: Iterable[tuple[int, int]]) -> list[list[int]]:
    """Return rows that pairs connect, as sorted groups in order of their first row.

    >>> group_duplicates([(4, 7), (0, 2), (2, 9)])
    [[0, 2, 9], [4, 7]]
    """
    groups: dict[int, set[int]] = {}
    for first, second in pairs:
        joined = groups.get(first, {first}) | groups.get(second, {second})
        groups.update(dict.fromkeys(joined, joined))
    return sorted({min(group): sorted(group) for group in groups.values()}.values())
