"""Why a post's list is as it is: its nearest neighbours, and what became of each. Pure computing."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..pipeline import Study
from ..ranking.selection import Candidate, limit_appearances
from ..settings import Settings
from .report import Post
from .rules import find_rules


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One post as a neighbour of another.

    ``rank`` is its place among all candidates, from 1, and ``place`` that in the list; None if it has
    none. ``semantic`` and ``lexical`` are in standard deviations above the blog's mean;
    ``semantic_share`` is the first one's share of both, from 0 to 1. ``reasons`` say why it is not in the
    list.
    """

    post: Post
    rank: int | None
    place: int | None
    pinned: bool
    score: float
    semantic: float
    lexical: float
    semantic_share: float
    terms: tuple[str, ...]
    reasons: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Explanation:
    """A post, how many candidates it has, what its author decided, and some of its neighbours."""

    post: Post
    candidates: int
    listed: int
    pins: tuple[str, ...]
    excluded: tuple[str, ...]
    notes: tuple[str, ...]
    neighbours: tuple[Neighbour, ...]


def explain_post(
    study: Study, posts: Sequence[Post], row: int, settings: Settings, limit: int
) -> Explanation:
    """Return the list of a document, and its nearest candidates up to the ``limit``-th."""
    ranked = rank_candidates(study, row)
    listed = [candidate.row for candidate in study.selection.lists[row]]
    near = [candidate.row for candidate in ranked[:limit]]
    return _explain(study, posts, row, settings, ranked, [*listed, *(n for n in near if n not in listed)])


def explain_pair(
    study: Study, posts: Sequence[Post], row: int, other: int, settings: Settings
) -> Explanation:
    """Return the same for one other document only."""
    return _explain(study, posts, row, settings, rank_candidates(study, row), [other])


def rank_candidates(study: Study, row: int) -> tuple[Candidate, ...]:
    """Return all candidates of a document, best first."""
    import numpy as np

    count = len(study.documents)
    if not study.has_text[row]:
        return ()
    found: tuple[Candidate, ...] = study.ranking.deepen(row, np.ones(count, dtype=bool), count)
    return found


def _explain(
    study: Study,
    posts: Sequence[Post],
    row: int,
    settings: Settings,
    ranked: Sequence[Candidate],
    others: Sequence[int],
) -> Explanation:
    document = study.documents[row]
    return Explanation(
        post=posts[row],
        candidates=len(ranked),
        listed=len(study.selection.lists[row]),
        pins=document.pins,
        excluded=document.excluded,
        notes=tuple(_describe_list(study, row, settings)),
        neighbours=tuple(_describe_neighbour(study, posts, row, other, settings, ranked) for other in others),
    )


def _describe_list(study: Study, row: int, settings: Settings) -> list[str]:
    """Return what is true of the whole list."""
    document = study.documents[row]
    notes = _find_closures(study, row, settings)
    if not document.published:
        notes.append("it is not published: its list is made last and takes nothing from the others")
    notes += [text for text in study.selection.warnings if text.startswith(f"{document.path}: ")]
    return notes


def _find_closures(study: Study, row: int, settings: Settings) -> list[str]:
    """Return why a list takes no suggestions at all, if it does not."""
    document = study.documents[row]
    facts = {
        "the post has no text, so nothing is like it": not study.has_text[row],
        "the post has the metadata related_posts_hide, so it has no list": document.hidden,
        "RELATED_EMBEDDINGS_MAX is 0, so no post has a list": settings.max == 0,
        'the post is a page, and RELATED_EMBEDDINGS_PAGES does not name "sources"': (
            document.is_page and "sources" not in settings.pages
        ),
        "the post has pinned posts, and RELATED_EMBEDDINGS_FILL is False, so only those are shown": bool(
            document.pins and not settings.fill
        ),
    }
    return [fact for fact, holds in facts.items() if holds]


def _describe_neighbour(
    study: Study,
    posts: Sequence[Post],
    row: int,
    other: int,
    settings: Settings,
    ranked: Sequence[Candidate],
) -> Neighbour:
    chosen = study.selection.lists[row]
    place = next((place for place, one in enumerate(chosen, 1) if one.row == other), None)
    rank = next((rank for rank, one in enumerate(ranked, 1) if one.row == other), None)
    candidate = ranked[rank - 1] if rank else Candidate(other, 0.0)
    semantic, lexical = max(candidate.semantic, 0.0), max(candidate.lexical, 0.0)
    return Neighbour(
        post=posts[other],
        rank=rank,
        place=place,
        pinned=bool(place and chosen[place - 1].pinned),
        score=candidate.score,
        semantic=candidate.semantic,
        lexical=candidate.lexical,
        semantic_share=round(semantic / (semantic + lexical), 3) if semantic + lexical else 0.0,
        terms=candidate.terms,
        reasons=() if place else tuple(find_reasons(study, row, other, settings, rank, candidate)),
    )


def find_reasons(
    study: Study, row: int, other: int, settings: Settings, rank: int | None, candidate: Candidate
) -> list[str]:
    """Return why a document is not in another's list; at least one sentence."""
    reasons = find_rules(study.documents, row, other, settings) + _find_closures(study, row, settings)
    if not study.has_text[other]:
        reasons.append("it has no text but its title")
    if rank is not None and candidate.score < settings.min_score:
        reasons.append(
            f"its score {candidate.score:.2f} is below RELATED_EMBEDDINGS_MIN_SCORE = {settings.min_score:g}"
        )
    if not reasons:
        reasons = _find_rivals(study, row, other, settings)
    if not reasons and rank is not None:
        reasons = [_describe_rank(settings, rank)]
    return reasons or ["it is not among the candidates"]


def _find_rivals(study: Study, row: int, other: int, settings: Settings) -> list[str]:
    """Return which posts or lists took the place that a document could have had."""
    documents, chosen = study.documents, {candidate.row for candidate in study.selection.lists[row]}
    alike = {a if b == other else b for a, b in study.pool.duplicates if other in (a, b)}
    translated = {
        place
        for place in chosen
        if documents[other].path in documents[place].translations
        or documents[place].path in documents[other].translations
    }
    reasons = [f"it is a translation of {documents[twin].path}, which is in the list" for twin in translated]
    reasons += [
        f"it is nearly the same text as {documents[twin].path}, which is in the list"
        for twin in sorted(alike & chosen)
    ]
    if row in alike:
        reasons.append("it is nearly the same text as the post itself")
    cap = limit_appearances(settings)
    if documents[row].published and _count_lists(study, other) >= cap:
        setting = "RELATED_EMBEDDINGS_MAX_APPEARANCES" + ("" if settings.max_appearances else " (3 x MAX)")
        reasons.append(f"it is already in {cap} other lists, the most that {setting} allows")
    return reasons


def _count_lists(study: Study, row: int) -> int:
    return sum(
        document.published and any(candidate.row == row for candidate in chosen)
        for document, chosen in zip(study.documents, study.selection.lists, strict=True)
    )


def _describe_rank(settings: Settings, rank: int) -> str:
    aside = [
        name
        for name, active in (
            ("RELATED_EMBEDDINGS_HALF_LIFE_DAYS", settings.half_life_days is not None),
            ("RELATED_EMBEDDINGS_DIVERSITY", settings.diversity > 0),
        )
        if active
    ]
    weighed = f"; {' and '.join(aside)} had a say in it" if aside else ""
    return f"number {rank} of the candidates; the list has room for {settings.max}{weighed}"
