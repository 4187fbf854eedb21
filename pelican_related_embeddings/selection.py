"""From candidates to the posts that are shown: what the author and the settings decide.

Standard library only: a build in which nothing but a date or a pin changed comes here without numpy.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from difflib import get_close_matches
from fnmatch import fnmatchcase

from .documents import Document, order_documents
from .settings import Settings

DAY = 86400.0
MMR_POOL = 4  # candidates per place that diversity chooses from
FAR_FUTURE = 253_000_000_000.0  # seconds: year 9987; an undated draft has the last day of year 9999


@dataclass(frozen=True, slots=True)
class Candidate:
    """A post that could be shown under another one.

    ``row`` is its place among the documents. ``score`` is from 0 to 1 and means the same on every blog;
    ``semantic`` and ``lexical`` are the two parts of what it was ranked by, in standard deviations;
    ``terms`` are the shared words that count most, as the author wrote them.
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


@dataclass(frozen=True, slots=True)
class Selection:
    """The posts shown under each document, and what its author should be told."""

    lists: tuple[Candidates, ...]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pool:
    """What ranking gives to choose from.

    ``candidates`` holds, per document, the best ones, best first; ``depth`` is how many were kept, so a
    shorter list is complete. ``duplicates`` are pairs of rows with nearly the same text. ``deepen`` ranks
    all documents of a mask for one row, when the kept ones do not suffice. ``similarity`` is the cosine
    of two rows; only needed for diversity.
    """

    candidates: Sequence[Candidates]
    depth: int
    duplicates: Collection[tuple[int, int]] = ()
    deepen: Deepen | None = None
    similarity: Similarity | None = None


def select_related(
    documents: Sequence[Document], pool: Pool, settings: Settings, other_slugs: Collection[str] = ()
) -> Selection:
    """Return at most ``settings.max`` posts for each document, best first, pinned ones before all.

    ``other_slugs`` are those of posts that exist but are not among ``documents``: no reason to warn.

    The lists of all documents are filled together, best pairs first, so that no post appears in more
    than ``settings.max_appearances`` of them; see ``_Desk.fill``.
    """
    desk = _Desk(documents, pool, settings, other_slugs)
    desk.pin()
    desk.fill()
    return Selection(tuple(tuple(chosen) for chosen in desk.chosen), tuple(desk.warnings))


@dataclass(slots=True)
class _Desk:
    documents: Sequence[Document]
    pool: Pool
    settings: Settings
    other_slugs: Collection[str]
    warnings: list[str] = field(default_factory=list)
    chosen: list[list[Candidate]] = field(init=False)
    appearances: list[int] = field(init=False)
    allowed: list[bool] = field(init=False)
    order: list[int] = field(init=False)
    newest: float = field(init=False)
    duplicates: Mapping[int, set[int]] = field(init=False)
    rows: Mapping[str, int] = field(init=False)
    slugs: dict[str, list[int]] = field(init=False)

    def __post_init__(self) -> None:
        self.chosen = [[] for _ in self.documents]
        self.appearances = [0] * len(self.documents)
        self.order = order_documents(self.documents)
        self.rows = {document.path: row for row, document in enumerate(self.documents)}
        self.slugs = {}
        for row, document in enumerate(self.documents):
            self.slugs.setdefault(document.slug, []).append(row)
        dates = [document.date for document in self.documents if document.published]
        self.newest = max((date for date in dates if date < FAR_FUTURE), default=0.0)
        self.allowed = [self.may_be_suggested(document) for document in self.documents]
        self.duplicates = _group_duplicates(self.pool.duplicates)

    # Which posts may be suggested

    def may_be_suggested(self, document: Document) -> bool:
        """Return whether the settings and the author allow ``document`` in anybody's list."""
        settings = self.settings
        if not document.published or document.never:
            return False
        if document.is_page and "suggestions" not in settings.pages:
            return False
        if _fold(document.category) in map(_fold, settings.exclude_categories):
            return False
        if not {_fold(tag) for tag in document.tags}.isdisjoint(map(_fold, settings.exclude_tags)):
            return False
        if any(fnmatchcase(document.path, glob) for glob in settings.exclude_paths):
            return False
        return settings.max_age_days is None or self.age_days(document) <= settings.max_age_days

    def may_follow(self, source: Document, target: Document) -> bool:
        """Return whether ``target`` may be in the list of ``source``."""
        settings = self.settings
        if target.path == source.path or target.path in source.translations:
            return False
        if target.slug in source.excluded:
            return False
        if settings.category == "same" and target.category != source.category:
            return False
        if settings.category == "other" and target.category == source.category:
            return False
        if not settings.newer and target.date > source.date:
            return False
        return not (settings.skip_linked and target.path in source.links)

    def age_days(self, document: Document) -> float:
        """Return the days from ``document`` to the newest published post, never less than 0."""
        return max(0.0, self.newest - document.date) / DAY if document.date else 0.0

    def gets_list(self, document: Document) -> bool:
        """Return whether ``document`` has a list at all."""
        if document.hidden or not self.settings.max:
            return False
        return not document.is_page or "sources" in self.settings.pages

    # Pins

    def pin(self) -> None:
        """Put pinned posts first, in the author's order; warn of slugs that no document has."""
        for row, source in enumerate(self.documents):
            if source.pins and self.gets_list(source):
                targets = dict.fromkeys(
                    target for slug in source.pins if (target := self.find_pin(source, slug)) is not None
                )
                ranked = {candidate.row: candidate for candidate in self.pool.candidates[row]}
                for target in list(targets)[: self.settings.max]:
                    candidate = ranked.get(target, Candidate(target, 0.0))
                    self.chosen[row].append(replace(candidate, pinned=True))
                    self.appearances[target] += source.published

    def find_pin(self, source: Document, slug: str) -> int | None:
        """Return the row of the published post named ``slug``, in the source's language if there is one."""
        named = self.slugs.get(slug, [])
        if not named and slug not in self.other_slugs:
            self.warnings.append(self.describe_unknown(source, slug))
        rows = [
            row for row in named if self.documents[row].published and self.documents[row].path != source.path
        ]
        rows.sort(key=lambda row: (self.documents[row].lang != source.lang, self.order[row]))
        return rows[0] if rows else None

    def describe_unknown(self, source: Document, slug: str) -> str:
        close = get_close_matches(slug, sorted(self.slugs), n=1, cutoff=0.0)
        hint = f'; did you mean "{close[0]}"?' if close else "."
        return f'{source.path}: related_posts names "{slug}", but no article has that slug{hint}'

    # Filling up

    def fill(self) -> None:
        """Fill every list with the best pairs of the whole site first.

        A pair is granted if the list has room and its target is still allowed to appear. What a list is
        refused, its next candidate gets. Lists of unpublished posts come last and count for nothing.
        """
        wanted = {
            row: self.list_allowed(row, self.pool.candidates[row])
            for row, document in enumerate(self.documents)
            if self.gets_list(document) and (self.settings.fill or not document.pins)
        }
        for published in (True, False):
            rows = [row for row in wanted if self.documents[row].published is published]
            self.grant((place, candidate, row) for row in rows for place, candidate in enumerate(wanted[row]))
            for row in rows:
                if self.pool.deepen is not None and self.is_short(row):
                    self.dig(row)

    def list_allowed(self, row: int, candidates: Iterable[Candidate]) -> list[Candidate]:
        """Return those of a document's candidates that may follow it, in the order they should have."""
        source = self.documents[row]
        found: dict[int, Candidate] = {}
        for candidate in candidates:
            candidate = self.prefer_language(source, candidate)
            target = self.documents[candidate.row]
            if candidate.score >= self.settings.min_score and candidate.row not in found:
                if self.allowed[candidate.row] and self.may_follow(source, target):
                    found[candidate.row] = candidate
        ordered = sorted(found.values(), key=lambda c: (-self.weigh_age(c), self.order[c.row]))
        if self.settings.half_life_days is None:
            ordered = list(found.values())
        return self.diversify(ordered) if self.settings.diversity else ordered

    def prefer_language(self, source: Document, candidate: Candidate) -> Candidate:
        """Return the candidate's translation in the reader's language, if it has one."""
        target = self.documents[candidate.row]
        if target.lang == source.lang:
            return candidate
        for path in target.translations:
            row = self.rows.get(path)
            if row is not None and self.documents[row].lang == source.lang and self.documents[row].published:
                return replace(candidate, row=row)
        return candidate

    def weigh_age(self, candidate: Candidate) -> float:
        half_life = self.settings.half_life_days
        if half_life is None:
            return candidate.score
        return round(candidate.score * 0.5 ** (self.age_days(self.documents[candidate.row]) / half_life), 5)

    def diversify(self, ordered: list[Candidate]) -> list[Candidate]:
        """Reorder by maximal marginal relevance (Carbonell and Goldstein, 1998)."""
        similarity, share = self.pool.similarity, self.settings.diversity
        if similarity is None:
            return ordered
        pool, rest = ordered[: MMR_POOL * self.settings.max], ordered[MMR_POOL * self.settings.max :]
        taken: list[Candidate] = []
        nearest = dict.fromkeys((candidate.row for candidate in pool), 0.0)
        while pool and len(taken) < self.settings.max:
            best = max(
                pool,
                key=lambda c: (
                    round((1 - share) * self.weigh_age(c) - share * nearest[c.row], 5),
                    -self.order[c.row],
                ),
            )
            pool.remove(best)
            taken.append(best)
            for candidate in pool:
                nearest[candidate.row] = max(nearest[candidate.row], similarity(best.row, candidate.row))
        return taken + pool + rest

    def grant(self, pairs: Iterable[tuple[int, Candidate, int]]) -> None:
        place_first = self.settings.diversity > 0
        ranked = sorted(
            pairs,
            key=lambda pair: (
                pair[0] if place_first else 0,
                -self.weigh_age(pair[1]),
                pair[0],
                self.order[pair[2]],
            ),
        )
        for _, candidate, row in ranked:
            if self.has_room(row, candidate.row):
                self.take(row, candidate)

    def has_room(self, row: int, target: int) -> bool:
        """Return whether a document's list can still take a post."""
        chosen = self.chosen[row]
        if len(chosen) >= self.settings.max or any(candidate.row == target for candidate in chosen):
            return False
        if self.documents[row].published and self.appearances[target] >= self.cap():
            return False
        twins = self.duplicates.get(target, set())
        return not any(candidate.row in twins for candidate in chosen)

    def take(self, row: int, candidate: Candidate) -> None:
        self.chosen[row].append(candidate)
        self.appearances[candidate.row] += self.documents[row].published

    def cap(self) -> int:
        """Return in how many lists one post may appear."""
        return self.settings.max_appearances or 4 * self.settings.max

    def is_short(self, row: int) -> bool:
        """Return whether a list has room that candidates beyond those kept could fill."""
        kept = self.pool.candidates[row]
        if len(self.chosen[row]) >= self.settings.max or len(kept) < self.pool.depth:
            return False
        return kept[-1].score >= self.settings.min_score

    def dig(self, row: int) -> None:
        source = self.documents[row]
        mask = [
            allowed and self.may_follow(source, target) and self.has_room(row, place)
            for place, (allowed, target) in enumerate(zip(self.allowed, self.documents, strict=True))
        ]
        deepen = self.pool.deepen
        if deepen is not None and any(mask):
            self.grant(
                (place, candidate, row)
                for place, candidate in enumerate(self.list_allowed(row, deepen(row, mask)))
            )


def _group_duplicates(pairs: Iterable[tuple[int, int]]) -> dict[int, set[int]]:
    twins: dict[int, set[int]] = {}
    for first, second in pairs:
        twins.setdefault(first, set()).add(second)
        twins.setdefault(second, set()).add(first)
    return twins


def _fold(text: str) -> str:
    return text.strip().casefold()
