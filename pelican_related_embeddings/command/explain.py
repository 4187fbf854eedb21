"""Why a post's list is as it is: its nearest candidates, and why each is in the list or not."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from ..pipeline import Study
from ..ranking.refusals import (
    Refusal,
    read_exclusions,
    refuse_fill,
    refuse_list,
    refuse_pair,
    refuse_post,
)
from ..ranking.selection import Candidate, group_twins, limit_appearances
from ..settings import Settings
from ..site.reader import Post


@dataclass(frozen=True, slots=True)
class Neighbour:
    """One post as a neighbour of another.

    ``rank`` is its place among all candidates, from 1, and ``place`` that in the list; None if it has none.
    ``signals`` speak for it beside its meaning and words; ``reasons`` tell why it is not in the list.
    """

    post: Post
    candidate: Candidate
    rank: int | None
    place: int | None
    signals: tuple[str, ...]
    reasons: tuple[str, ...]

    @property
    def semantic_share(self) -> float:
        """The share of meaning, from 0 to 1, in what speaks for the pair; the rest is that of words."""
        semantic, lexical = max(self.candidate.semantic, 0.0), max(self.candidate.lexical, 0.0)
        return round(semantic / (semantic + lexical), 3) if semantic + lexical else 0.0


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


def explain_post(study: Study, posts: Sequence[Post], row: int, limit: int) -> Explanation:
    """Return the list of a document, and its nearest candidates up to the ``limit``-th."""
    ranked = rank_candidates(study, row)
    listed = [candidate.row for candidate in study.selection.lists[row]]
    near = [candidate.row for candidate in ranked[:limit] if candidate.row not in listed]
    return _explain(study, posts, row, [*listed, *near])


def explain_pair(study: Study, posts: Sequence[Post], row: int, other: int) -> Explanation:
    """Return the same for one other document only."""
    return _explain(study, posts, row, [other])


def rank_candidates(study: Study, row: int) -> tuple[Candidate, ...]:
    """Return all candidates of a document, best first."""
    import numpy as np

    count = len(study.documents)
    if not study.has_text[row]:
        return ()
    return study.ranking.deepen(row, np.ones(count, dtype=bool), count)


def _explain(study: Study, posts: Sequence[Post], row: int, others: Iterable[int]) -> Explanation:
    document = study.documents[row]
    ranked = rank_candidates(study, row)
    return Explanation(
        post=posts[row],
        candidates=len(ranked),
        listed=len(study.selection.lists[row]),
        pins=document.pins,
        excluded=document.excluded,
        notes=tuple(_describe_list(study, row)),
        neighbours=tuple(_describe_neighbour(study, posts[other], row, other, ranked) for other in others),
    )


def _describe_list(study: Study, row: int) -> Iterator[str]:
    """Yield what is true of the whole list."""
    document = study.documents[row]
    yield from _describe_closed(study, row)
    if not document.published:
        yield "it is not published, so its list does not affect other lists"
    yield from (text for text in study.selection.warnings if text.startswith(f"{document.path}: "))


def _describe_closed(study: Study, row: int) -> Iterator[str]:
    """Yield why a list has no suggestions at all, if it has none."""
    document, settings = study.documents[row], study.inputs.settings
    if not study.has_text[row]:
        yield "the post has no words, so nothing can be related to it"
    for refusal in (*refuse_list(document, settings), *refuse_fill(document)):
        yield refusal.describe(document, document, settings)


def _describe_neighbour(
    study: Study, post: Post, row: int, other: int, ranked: Sequence[Candidate]
) -> Neighbour:
    rank = next((rank for rank, one in enumerate(ranked, 1) if one.row == other), None)
    candidate = ranked[rank - 1] if rank else Candidate(other, 0.0)
    signals = tuple(study.ranking.describe_order(row, other)) if rank else ()
    for place, chosen in enumerate(study.selection.lists[row], 1):
        if chosen.row == other:
            return Neighbour(post, candidate._replace(pinned=chosen.pinned), rank, place, signals, ())
    return Neighbour(post, candidate, rank, None, signals, tuple(find_reasons(study, row, candidate, rank)))


def find_reasons(study: Study, row: int, candidate: Candidate, rank: int | None) -> list[str]:
    """Return why a document is not in another's list; at least one sentence."""
    settings, other = study.inputs.settings, candidate.row
    source, target = study.documents[row], study.documents[other]
    reasons = [one.describe(source, target, settings) for one in list_refusals(study, row, other)]
    reasons += _describe_closed(study, row)
    if not study.has_text[other]:
        reasons.append("it has no words")
    if rank is not None and candidate.score == 0 < settings.min_score:
        reasons.append(f"its score is 0: {study.ranking.describe_refusal(row, other)}")
    elif rank is not None and candidate.score < settings.min_score:
        score = show_below(candidate.score, settings.min_score)
        reasons.append(f"its score {score} is below RELATED_EMBEDDINGS_MIN_SCORE = {settings.min_score:g}")
    reasons = reasons or list(_find_rivals(study, row, other))
    if not reasons and rank is not None:
        reasons = [_describe_rank(settings, rank)]
    return reasons or ["it is not among the candidates"]


def show_below(score: float, least: float) -> str:
    """Return a score with two decimals, or as many as it takes to show that it is below ``least``.

    >>> show_below(0.1234, 0.5), show_below(0.1496, 0.15), show_below(0.149996, 0.15)
    ('0.12', '0.1496', '0.149996')
    """
    shown = (f"{score:.{decimals}f}" for decimals in range(2, 17))
    return next((text for text in shown if float(text) < least), repr(score))


def list_refusals(study: Study, row: int, other: int) -> list[Refusal]:
    """Return all rules that keep one document out of the list of another."""
    settings = study.inputs.settings
    source, target = study.documents[row], study.documents[other]
    exclusions = read_exclusions(study.documents, settings)
    return [*refuse_pair(source, target, settings), *refuse_post(target, settings, exclusions)]


def _find_rivals(study: Study, row: int, other: int) -> Iterator[str]:
    """Yield which posts or lists have taken the place that a document could have had."""
    documents, settings = study.documents, study.inputs.settings
    twins = group_twins(documents, study.ranked.duplicates).get(other, {})
    chosen = {candidate.row for candidate in study.selection.lists[row]}
    for twin in sorted(twins.keys() & chosen):
        yield f"it is {twins[twin]} {documents[twin].path}, which is in the list"
    if row in twins:
        yield f"it is {twins[row]} the post itself"
    cap = limit_appearances(settings)
    if documents[row].published and _count_lists(study, other) >= cap:
        setting = "RELATED_EMBEDDINGS_MAX_APPEARANCES" + ("" if settings.max_appearances else " (3 x MAX)")
        yield f"it is already in {cap} other lists, the maximum that {setting} allows"


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
    reordered = f"; reordered by {' and '.join(aside)}" if aside else ""
    return f"number {rank} of the candidates; the list has room for {settings.max}{reordered}"
