"""What the vectors know of a blog, in numbers and lists, for its author."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from ..hints import find_hints
from ..pages.insertion import OWN_LIST
from ..pipeline import Study
from ..ranking.refusals import may_be_suggested
from ..ranking.selection import Candidate, Selection, limit_appearances, select_related
from ..site.reader import Contents, Post
from ..store.keys import NO_VECTOR
from .links import list_dismissed

# Closer together where most scores are.
MINIMUMS = (0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.85, 0.9, 0.925, 0.95, 0.975, 0.99)
STRONG = 0.9  # a score from which chance would give a post hardly any such neighbour


@dataclass(frozen=True, slots=True)
class Counts:
    """How many posts there are, by what they are, by language, and by where their vectors came from."""

    published: int
    unpublished: int
    without_text: int
    languages: dict[str, int]
    cached: int
    embedded: int
    missing: int


@dataclass(frozen=True, slots=True)
class Cutoff:
    """What a minimum score would leave: suggestions, published posts with a shorter list, with none.

    ``here`` are the suggestions that score between this minimum and the next.
    """

    minimum: float
    here: int
    suggestions: int
    short: int
    empty: int


@dataclass(frozen=True, slots=True)
class Hub:
    """A post and in how many lists it is."""

    post: Post
    appearances: int


@dataclass(frozen=True, slots=True)
class Pair:
    """Two posts: the second, whose row the candidate has, is suggested under the first."""

    source: Post
    target: Post
    candidate: Candidate


@dataclass(frozen=True, slots=True)
class Report:
    """All that the command ``report`` shows, best or worst first."""

    model: str | None  # None where words alone decide
    counts: Counts
    most: int
    minimum: float
    cap: int
    cutoffs: tuple[Cutoff, ...]
    hubs: tuple[Hub, ...]
    orphans: tuple[Post, ...]
    duplicates: tuple[Pair, ...]
    unlinked: tuple[Pair, ...]
    hints: tuple[str, ...] = ()


def make_report(study: Study, contents: Contents) -> Report:
    """Return the report on a site; ``contents`` are what the study's documents came from."""
    posts, links = contents.posts, contents.links
    settings = study.inputs.settings
    own_list = [OWN_LIST] if contents.own_list and settings.insert is not False else []
    return Report(
        model=study.inputs.model.name if settings.weight < 1 else None,
        counts=count_posts(study),
        most=settings.max,
        minimum=settings.min_score,
        cap=limit_appearances(settings),
        cutoffs=tuple(weigh_cutoffs(study)),
        hubs=tuple(Hub(posts[row], count) for row, count in _count_appearances(study).most_common()),
        orphans=tuple(find_orphans(study, posts)),
        duplicates=tuple(find_duplicates(study, posts)),
        unlinked=tuple(find_unlinked(study, posts, links, set(list_dismissed(study.documents, contents)))),
        hints=(
            *own_list,
            *find_hints(
                study.documents,
                study.selection,
                study.ranked.duplicates,
                settings,
                study.embedded.words.languages,
            ),
        ),
    )


def count_posts(study: Study) -> Counts:
    """Return how many posts there are, and where their vectors came from."""
    published = [document for document in study.documents if document.published]
    filled, embedded, vectors = sum(study.has_text), study.embedded.embedded, study.inputs.vectors
    known = sum(key != NO_VECTOR for key in vectors.used) if vectors else 0
    return Counts(
        published=len(published),
        unpublished=len(study.documents) - len(published),
        without_text=len(study.documents) - filled,
        languages=dict(Counter(document.lang for document in published).most_common()),
        cached=max(0, known - embedded),
        embedded=embedded,
        missing=len(vectors.missing) if vectors else 0,
    )


def weigh_cutoffs(study: Study) -> Iterator[Cutoff]:
    """Yield what each minimum score would leave of the lists as they are without one.

    Pinned posts stay whatever they score, and are not counted among the suggestions.
    """
    settings = study.inputs.settings
    minimums = sorted({0.0, *MINIMUMS, settings.min_score})
    free: list[float] = []
    for minimum, following in pairwise([*minimums, 2.0]):
        # A list is filled up with what comes after a refused post, so a minimum cannot be told from scores.
        chosen = select_related(study.documents, study.ranked, replace(settings, min_score=minimum))
        lists = [one for _, one in list_published(study, chosen)]
        scores = [candidate.score for one in lists for candidate in one if not candidate.pinned]
        free = free or scores
        yield Cutoff(
            minimum,
            here=sum(minimum <= score < following for score in free),
            suggestions=len(scores),
            short=sum(len(one) < settings.max for one in lists),
            empty=sum(not one for one in lists),
        )


def list_published(study: Study, selection: Selection) -> Iterator[tuple[int, tuple[Candidate, ...]]]:
    """Yield the row and the list of each published post that has text."""
    for row, chosen in enumerate(selection.lists):
        if study.documents[row].published and (study.has_text[row] or chosen):
            yield row, chosen


def _count_appearances(study: Study) -> Counter[int]:
    rows = [candidate.row for _, chosen in list_published(study, study.selection) for candidate in chosen]
    return Counter(sorted(rows))


def find_orphans(study: Study, posts: Sequence[Post]) -> Iterator[Post]:
    """Yield the posts that could be suggested and never are."""
    appearances = _count_appearances(study)
    for row, allowed in enumerate(may_be_suggested(study.documents, study.inputs.settings)):
        if allowed and study.has_text[row] and not appearances[row]:
            yield posts[row]


def find_duplicates(study: Study, posts: Sequence[Post]) -> Iterator[Pair]:
    """Yield the pairs of published posts with nearly the same text."""
    for first, second in sorted(study.ranked.duplicates):
        found = (one for one in study.ranked.candidates[first] if one.row == second)
        yield Pair(posts[first], posts[second], next(found, Candidate(second, 1.0)))


def find_unlinked(
    study: Study,
    posts: Sequence[Post],
    links: Sequence[Sequence[str]],
    dismissed: Collection[tuple[int, int]] = (),
) -> Iterator[Pair]:
    """Yield the strongly related pairs neither of which links to the other, the strongest first.

    ``dismissed`` are pairs that authors dismissed.
    """
    best: dict[frozenset[int], tuple[int, Candidate]] = {}
    twins = {frozenset(pair) for pair in study.ranked.duplicates}
    for row, chosen in list_published(study, study.selection):
        for candidate in chosen:
            pair = frozenset((row, candidate.row))
            known = best.get(pair)
            if pair not in twins and (known is None or candidate.score > known[1].score):
                best[pair] = (row, candidate)
    ranked = sorted(best.values(), key=lambda item: (-item[1].score, item[0], item[1].row))
    for row, candidate in ranked:
        linked = posts[candidate.row].path in links[row] or posts[row].path in links[candidate.row]
        linked = linked or (row, candidate.row) in dismissed or (candidate.row, row) in dismissed
        if candidate.score >= STRONG and not linked:
            yield Pair(posts[row], posts[candidate.row], candidate)
