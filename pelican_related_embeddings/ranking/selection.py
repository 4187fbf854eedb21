"""From candidates to the posts that are shown: what the author and the settings decide.

Standard library only: a build in which nothing but a date or a pin changed comes here without numpy.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import NamedTuple

from ..settings import Settings
from ..text.document import Document, order_documents
from ..text.names import fold, fold_reference
from .refusals import (
    DAY,
    describe_unmatched,
    find_newest,
    may_be_suggested,
    read_exclusions,
    refuse_fill,
    refuse_list,
    refuse_pair,
)

MMR_POOL = 4  # candidates per place that diversity chooses from
NAMES_SHOWN = 10  # that cannot be shown on a site, each with what was probably meant, which takes time


# Tuples, not dataclasses: a build makes many thousands of candidates, and each class costs its start.


class Candidate(NamedTuple):
    """A post that could be shown under another one.

    ``row`` is the document's. ``score`` is from 0 to 1 and means the same on every blog: it decides whether
    the post may be shown, and the order of the candidates which comes first. ``semantic`` and ``lexical`` are
    the two parts of the similarity, in standard deviations; ``terms`` are the shared words that count most,
    as the author wrote them.
    """

    row: int
    score: float
    semantic: float = 0.0
    lexical: float = 0.0
    terms: tuple[str, ...] = ()
    pinned: bool = False


Candidates = tuple[Candidate, ...]
Deepen = Callable[[int, Sequence[bool]], Candidates]
Similarity = Callable[[int, int], float]
Queued = tuple[int, float, int, int, int, Candidate, Iterator[Candidate]]


class Selection(NamedTuple):
    """The posts shown under each document, and what its author should be warned of.

    ``short`` tells that a list could be longer if candidates beyond those kept were ranked.
    """

    lists: tuple[Candidates, ...]
    warnings: tuple[str, ...] = ()
    short: bool = False


class Ranked(NamedTuple):
    """What ranking gives to choose from.

    ``candidates`` holds, per document, the best ones, best first; ``depth`` is how many were kept, so a
    shorter list is complete. ``duplicates`` are pairs of rows with nearly the same text. ``deepen`` ranks
    all documents of a mask for one row, and ``similarity`` is the cosine of two rows: both are missing
    where the candidates are those of an earlier build.
    """

    candidates: Sequence[Candidates]
    depth: int
    duplicates: Collection[tuple[int, int]] = ()
    deepen: Deepen | None = None
    similarity: Similarity | None = None


def select_related(
    documents: Sequence[Document], ranked: Ranked, settings: Settings, other_slugs: Collection[str] = ()
) -> Selection:
    """Return at most ``settings.max`` posts for each document, best first, pinned ones before all.

    ``other_slugs`` are those of posts that exist but are not among ``documents``: no reason to warn.

    The lists of all documents are filled together, best pairs first, so that no post appears in more
    than ``settings.max_appearances`` of them (pins are not refused); see ``_Lists.fill``.
    """
    lists = _Lists(documents, ranked, settings)
    warnings = describe_unmatched(read_exclusions(documents, settings).unmatched, documents)
    warnings += lists.pin(other_slugs)
    lists.fill()
    return Selection(tuple(map(tuple, lists.chosen)), tuple(warnings), lists.short)


def limit_appearances(settings: Settings) -> int:
    """Return the number of lists that one post may appear in at most."""
    return settings.max_appearances or 3 * settings.max


def group_twins(
    documents: Sequence[Document], duplicates: Iterable[tuple[int, int]]
) -> dict[int, dict[int, str]]:
    """Return for each row the rows that a list must not show beside it, and what they are to it."""
    rows = {document.path: row for row, document in enumerate(documents)}
    pairs = [(first, second, "nearly the same text as") for first, second in duplicates]
    for row, document in enumerate(documents):
        known = (path for path in document.translations if path in rows)
        pairs += [(row, rows[path], "a translation of") for path in known]
    twins: dict[int, dict[int, str]] = {}
    for first, second, kind in pairs:
        twins.setdefault(first, {})[second] = kind
        twins.setdefault(second, {})[first] = kind
    return twins


class _Lists:
    """The lists of one site in the making; ``chosen`` has them, row by row."""

    def __init__(self, documents: Sequence[Document], ranked: Ranked, settings: Settings) -> None:
        self.documents = documents
        self.ranked = ranked
        self.settings = settings
        self.chosen: list[list[Candidate]] = [[] for _ in documents]
        self.short = False
        self.appearances = [0] * len(documents)
        self.cap = limit_appearances(settings)
        self.allowed = may_be_suggested(documents, settings)
        self.order = order_documents(documents)
        self.fading = _fade(documents, settings.half_life_days)
        self.rows = {document.path: row for row, document in enumerate(documents)}
        self.twins = group_twins(documents, ranked.duplicates)
        self.reachable: dict[str, list[int]] = {}

    def gets_list(self, source: Document) -> bool:
        return next(refuse_list(source, self.settings), None) is None

    def may_follow(self, source: Document, target: Document) -> bool:
        return next(refuse_pair(source, target, self.settings), None) is None

    # Pins

    def pin(self, other_slugs: Collection[str]) -> list[str]:
        """Put pinned posts first, in the author's order; return warnings of what cannot be shown so."""
        rows: dict[str, list[int]] = {}
        for row, document in enumerate(self.documents):
            for name in dict.fromkeys(document.list_names()):
                rows.setdefault(name, []).append(row)
        names = _Names(rows, frozenset(map(fold, other_slugs)), [])
        for row, source in enumerate(self.documents):
            if (source.pins or source.excluded) and self.gets_list(source):
                names.look_up(source.path, "related_posts_exclude", source.excluded)
                self.pin_row(row, names)
        published = [one.slug for one in self.documents if one.published]
        return list(_describe_names(names.problems, published))

    def pin_row(self, row: int, names: "_Names") -> None:
        """Put the pinned posts of one document into its list."""
        source, most = self.documents[row], self.settings.max
        targets: dict[int, None] = {}
        for name, rows in names.look_up(source.path, "related_posts", source.pins):
            target, reason = self.choose_pin(source, name, rows)
            if target is not None:
                targets[target] = None
            elif reason:
                names.problems.append(Misnamed(source.path, "related_posts", name, reason))
        ranked = {candidate.row: candidate for candidate in self.ranked.candidates[row]}
        for target in list(targets)[:most]:
            self.take(row, ranked.get(target, Candidate(target, 0.0))._replace(pinned=True))
        if len(targets) > most:
            reason = f"one of {len(targets)} posts, but RELATED_EMBEDDINGS_MAX is {most}"
            first = self.documents[list(targets)[most]].slug
            names.problems.append(Misnamed(source.path, "related_posts", first, reason))

    def choose_pin(self, source: Document, name: str, rows: Iterable[int]) -> tuple[int | None, str]:
        """Return which of the rows called ``name`` is meant, in the source's language if there is one.

        What the author says of one pair goes before what is said of a post in general: a post that is
        never suggested can be pinned, one that is excluded from this very list cannot. Without a row,
        return why there is none.
        """
        if fold_reference(name) in map(fold_reference, source.excluded):
            return None, "but related_posts_exclude names it too"
        reasons = {row: self.refuse_pin(source, self.documents[row]) for row in rows}
        fit = [row for row, reason in reasons.items() if reason is None]
        fit.sort(key=lambda row: self.order_pin(source, name, row))
        return (fit[0], "") if fit else (None, next(filter(None, reasons.values()), ""))

    def order_pin(self, source: Document, name: str, row: int) -> tuple[bool, bool, int]:
        """Return what decides between documents of one name: language, then case, then date."""
        target = self.documents[row]
        return target.lang != source.lang, target.slug != name, self.order[row]

    def refuse_pin(self, source: Document, target: Document) -> str | None:
        """Return why a document cannot be pinned to another; None if it can."""
        if target.path == source.path:
            return "which is the post itself"
        if target.path in source.translations:
            return "which is a translation of the post"
        if target.is_page and "suggestions" not in self.settings.pages:
            return 'a page, but RELATED_EMBEDDINGS_PAGES does not name "suggestions"'
        if target.published:
            return None
        # A subsite takes the posts of other languages for drafts: no fault of the author.
        taken_away = target.lang != source.lang or not source.published
        return "" if taken_away else "which is not published"

    # Filling up

    def fill(self) -> None:
        """Fill every list with the best pairs of the whole site first.

        A pair is granted if the list has room and its target is still allowed to appear. What a list is
        refused, its next candidate gets. Lists of unpublished posts come last and count for nothing.
        """
        wanted = [
            row
            for row, document in enumerate(self.documents)
            if self.gets_list(document) and next(refuse_fill(document), None) is None
        ]
        wanted.sort(key=self.order.__getitem__)
        for published in (True, False):
            rows = [row for row in wanted if self.documents[row].published is published]
            self.grant({row: self.list_allowed(row, self.ranked.candidates[row]) for row in rows})
            for row in filter(self.is_short, rows):
                if self.ranked.deepen is None:
                    self.short = True
                else:
                    self.dig(row, self.ranked.deepen)

    def list_allowed(self, row: int, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Return those of a document's candidates that may follow it, in the order they should have."""
        allowed = self.sift_candidates(self.documents[row], candidates)
        if self.settings.half_life_days is None and not self.settings.diversity:
            return allowed
        ordered = list(allowed)
        weights = self.weigh_places(ordered)
        ordered.sort(key=lambda c: -weights[c.row])
        return iter(self.diversify(ordered, weights) if self.settings.diversity else ordered)

    def sift_candidates(self, source: Document, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Yield lazily: most lists are full after a few of many."""
        seen = set()
        for candidate in candidates:
            if self.settings.across_languages:
                candidate = self.prefer_language(source, candidate)
            target = candidate.row
            if candidate.score >= self.settings.min_score and self.allowed[target] and target not in seen:
                seen.add(target)
                if self.may_follow(source, self.documents[target]):
                    yield candidate

    def prefer_language(self, source: Document, candidate: Candidate) -> Candidate:
        """Return the candidate's translation in the reader's language, if it has one."""
        target = self.documents[candidate.row]
        if target.lang == source.lang:
            return candidate
        for path in target.translations:
            row = self.rows.get(path)
            if row is not None and self.documents[row].lang == source.lang and self.documents[row].published:
                return candidate._replace(row=row)
        return candidate

    def weigh(self, candidate: Candidate) -> float:
        """Return a candidate's score as its age leaves it."""
        return candidate.score * self.fading[candidate.row]

    def weigh_places(self, ordered: Sequence[Candidate]) -> dict[int, float]:
        """Return what a candidate's place is worth, as its age leaves it: the first place the best score."""
        scores = sorted((candidate.score for candidate in ordered), reverse=True)
        return {c.row: score * self.fading[c.row] for c, score in zip(ordered, scores, strict=True)}

    def diversify(self, ordered: list[Candidate], weights: Mapping[int, float]) -> list[Candidate]:
        """Reorder by maximal marginal relevance (Carbonell and Goldstein, 1998)."""
        similarity, share = self.ranked.similarity, self.settings.diversity
        if similarity is None:
            return ordered
        pool, rest = ordered[: MMR_POOL * self.settings.max], ordered[MMR_POOL * self.settings.max :]
        taken: list[Candidate] = []
        nearest = {candidate.row: 0.0 for candidate in pool}
        while pool and len(taken) < self.settings.max:
            gains = [(1 - share) * weights[c.row] - share * nearest[c.row] for c in pool]
            best = max(range(len(pool)), key=lambda place: (round(gains[place], 5), -place))
            taken.append(pool.pop(best))
            for candidate in pool:
                closeness = similarity(taken[-1].row, candidate.row)
                nearest[candidate.row] = max(nearest[candidate.row], closeness)
        return taken + pool + rest

    def grant(self, lists: Mapping[int, Iterator[Candidate]]) -> None:
        """Take what can be had of ``lists``, the best pairs first; with diversity, first places first."""
        queue = [pair for row, candidates in lists.items() for pair in self.queue_next(row, 0, candidates)]
        heapify(queue)
        while queue:
            _, _, place, _, row, candidate, candidates = heappop(queue)
            if self.has_room(row, candidate.row):
                self.take(row, candidate)
            if len(self.chosen[row]) < self.settings.max:
                for pair in self.queue_next(row, place + 1, candidates):
                    heappush(queue, pair)

    def queue_next(self, row: int, place: int, candidates: Iterator[Candidate]) -> Iterator[Queued]:
        """Yield a list's next candidate, if any; place and order, unique together, settle the rest."""
        for candidate in islice(candidates, 1):
            first = place if self.settings.diversity else 0
            yield first, -self.weigh(candidate), place, self.order[row], row, candidate, candidates

    def has_room(self, row: int, target: int) -> bool:
        """Return whether a document's list can still take a post."""
        chosen = self.chosen[row]
        if len(chosen) >= self.settings.max or any(candidate.row == target for candidate in chosen):
            return False
        if self.appearances[target] >= self.cap and self.documents[row].published:
            return False
        twins = self.twins.get(target)
        return not twins or (row not in twins and not any(candidate.row in twins for candidate in chosen))

    def take(self, row: int, candidate: Candidate) -> None:
        self.chosen[row].append(candidate)
        self.appearances[candidate.row] += self.documents[row].published

    def is_short(self, row: int) -> bool:
        """Return whether a list has room that candidates beyond those kept could fill."""
        kept = self.ranked.candidates[row]
        if len(self.chosen[row]) >= self.settings.max or len(kept) < self.ranked.depth:
            return False
        # Scores do not fall along the candidates, so the last one alone does not tell.
        return any(candidate.score >= self.settings.min_score for candidate in kept[-self.settings.max :])

    def dig(self, row: int, deepen: Deepen) -> None:
        """Fill a short list from all documents that could still be in it."""
        source = self.documents[row]
        mask = [False] * len(self.documents)
        for target in self.list_reachable(source):
            mask[target] = self.has_room(row, target) and self.may_follow(source, self.documents[target])
        if any(mask):
            self.grant({row: self.list_allowed(row, deepen(row, mask))})

    def list_reachable(self, source: Document) -> list[int]:
        """Return the rows that a document may have in its list, less those that are in enough lists already.

        The limit does not apply to lists of unpublished documents.
        """
        key = fold(source.category) if self.settings.category == "same" else ""
        if key not in self.reachable:
            self.reachable[key] = [
                row
                for row, document in enumerate(self.documents)
                if self.allowed[row] and (not key or fold(document.category) == key)
            ]
        if not source.published:
            return self.reachable[key]
        return [row for row in self.reachable[key] if self.appearances[row] < self.cap]


class Misnamed(NamedTuple):
    """A name in a document's metadata that no list can show; ``reason`` is empty if nothing is called so."""

    path: str
    field: str
    name: str
    reason: str = ""


class _Names(NamedTuple):
    """What the documents are called, and which names have led to none."""

    rows: Mapping[str, list[int]]
    others: frozenset[str]
    problems: list[Misnamed]

    def look_up(self, path: str, field: str, names: Iterable[str]) -> list[tuple[str, list[int]]]:
        """Return the rows of each name that is known; note those that nothing has."""
        folded = [(name, fold_reference(name)) for name in names]
        unknown = [name for name, own in folded if own not in self.rows and own not in self.others]
        self.problems.extend(Misnamed(path, field, name) for name in unknown)
        return [(name, self.rows[own]) for name, own in folded if own in self.rows]


def _describe_names(problems: Sequence[Misnamed], published: Sequence[str]) -> Iterator[str]:
    for path, field, name, reason in problems[:NAMES_SHOWN]:
        if reason:
            yield f'{path}: {field} names "{name}", {reason}.'
        else:
            hint = _find_likely(name, published)
            yield f'{path}: {field} names "{name}", but no article has that slug{hint}'
    if more := problems[NAMES_SHOWN:]:
        count = len({problem.path for problem in more})
        posts = "1 post" if count == 1 else f"{count:,} posts"
        yield f"{len(more):,} more names in the metadata of {posts} cannot be shown."


def _find_likely(slug: str, slugs: Collection[str]) -> str:
    from difflib import get_close_matches  # late, as nearly all slugs are known

    known = {fold(one): one for one in sorted(slugs)}
    close = get_close_matches(fold_reference(slug), known, n=1)
    return f'; did you mean "{known[close[0]]}"?' if close else "."


def _fade(documents: Sequence[Document], half_life_days: float | None) -> list[float]:
    """Return what each document's age leaves of its scores: a half per half-life, all if it has no date."""
    if half_life_days is None:
        return [1.0] * len(documents)
    newest = find_newest(documents)
    ages = [max(0.0, newest - document.date) / DAY if document.date else 0.0 for document in documents]
    # Rounded, since powers may differ in their last digit from one machine to another.
    return [round(0.5 ** (age / half_life_days), 9) for age in ages]
