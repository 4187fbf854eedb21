"""From candidates to the posts that are shown: what the author and the settings decide.

Standard library only: a build in which nothing but a date or a pin changed comes here without numpy.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from heapq import heapify, heappop, heappush
from itertools import islice
from typing import NamedTuple

from ..settings import Settings
from ..text.document import Document, order_documents

DAY = 86400.0
MMR_POOL = 4  # candidates per place that diversity chooses from
SLUGS_NAMED = 10  # unknown ones of a document, each with the likeliest that was meant, which takes time
FAR_FUTURE = 253_000_000_000.0  # seconds: year 9987; an undated draft has the last day of year 9999


# Tuples, not dataclasses: a build makes many thousands of candidates, and each class costs its start.


class Candidate(NamedTuple):
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
Queued = tuple[int, float, int, int, int, Candidate, Iterator[Candidate]]


class Selection(NamedTuple):
    """The posts shown under each document, and what its author should be told."""

    lists: tuple[Candidates, ...]
    warnings: tuple[str, ...] = ()


class Pool(NamedTuple):
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
    than ``settings.max_appearances`` of them (pins are not refused); see ``_Desk.fill``.
    """
    desk = _Desk(documents, pool, settings, other_slugs)
    desk.pin()
    desk.fill()
    return Selection(tuple(tuple(chosen) for chosen in desk.chosen), tuple(desk.warnings))


def may_be_suggested(documents: Sequence[Document], settings: Settings) -> list[bool]:
    """Return for each document whether the settings and its author allow it in anybody's list."""
    categories = {_fold(category) for category in settings.exclude_categories}
    tags = {_fold(tag) for tag in settings.exclude_tags}
    oldest = find_newest(documents) - (settings.max_age_days or 0.0) * DAY
    return [
        document.published
        and not document.never
        and (not document.is_page or "suggestions" in settings.pages)
        and _fold(document.category) not in categories
        and (not tags or tags.isdisjoint(map(_fold, document.tags)))
        and not any(fnmatchcase(document.path, glob) for glob in settings.exclude_paths)
        and (settings.max_age_days is None or not document.date or document.date >= oldest)
        for document in documents
    ]


def limit_appearances(settings: Settings) -> int:
    """Return the most lists that one post may appear in."""
    return settings.max_appearances or 3 * settings.max


def find_newest(documents: Iterable[Document]) -> float:
    """Return the date of the newest published document: what ages are counted from, never the clock."""
    dates = (document.date for document in documents if document.published)
    return max((date for date in dates if date < FAR_FUTURE), default=0.0)


class _Desk:
    """Where the lists of one site are made; ``chosen`` has them, row by row."""

    def __init__(
        self, documents: Sequence[Document], pool: Pool, settings: Settings, other_slugs: Collection[str]
    ) -> None:
        self.documents = documents
        self.pool = pool
        self.settings = settings
        self.other_slugs = other_slugs
        self.warnings: list[str] = []
        self.chosen: list[list[Candidate]] = [[] for _ in documents]
        self.appearances = [0] * len(documents)
        self.cap = limit_appearances(settings)
        self.allowed = may_be_suggested(documents, settings)
        self.order = order_documents(documents)
        self.fading = _fade(documents, settings.half_life_days)
        self.rows = {document.path: row for row, document in enumerate(documents)}
        self.twins = self.group_twins()
        self.reachable: dict[str, list[int]] = {}
        self.slugs: dict[str, list[int]] = {}
        for row, document in enumerate(documents):
            self.slugs.setdefault(document.slug, []).append(row)

    def group_twins(self) -> dict[int, set[int]]:
        """Return for each row the rows that say the same: near-duplicates and translations."""
        twins: dict[int, set[int]] = {}
        pairs = list(self.pool.duplicates)
        for row, document in enumerate(self.documents):
            pairs += [(row, self.rows[path]) for path in document.translations if path in self.rows]
        for first, second in pairs:
            twins.setdefault(first, set()).add(second)
            twins.setdefault(second, set()).add(first)
        return twins

    def may_follow(self, source: Document, target: Document) -> bool:
        """Return whether ``target`` may be in the list of ``source``."""
        settings = self.settings
        if target.path == source.path or target.slug in source.excluded:
            return False
        if settings.category != "any":
            same = _fold(target.category) == _fold(source.category)
            if same != (settings.category == "same"):
                return False
        if not settings.newer and source.date and target.date > source.date:
            return False
        return not (settings.skip_linked and target.path in source.links)

    def gets_list(self, document: Document) -> bool:
        """Return whether ``document`` has a list at all."""
        if document.hidden or not self.settings.max:
            return False
        return not document.is_page or "sources" in self.settings.pages

    # Pins

    def pin(self) -> None:
        """Put pinned posts first, in the author's order; warn of slugs that no document has."""
        for row, source in enumerate(self.documents):
            if (source.pins or source.excluded) and self.gets_list(source):
                self.check_slugs(source)
                found = (self.find_pin(source, slug) for slug in source.pins)
                targets = list(dict.fromkeys(target for target in found if target is not None))
                ranked = {candidate.row: candidate for candidate in self.pool.candidates[row]}
                for target in targets[: self.settings.max]:
                    candidate = ranked.get(target, Candidate(target, 0.0))
                    self.take(row, candidate._replace(pinned=True))

    def find_pin(self, source: Document, slug: str) -> int | None:
        """Return the row of the published post named ``slug``, in the source's language if there is one.

        What the author says of one pair goes before what is said of a post in general: a post that is
        never suggested can be pinned, one that is excluded from this very list cannot.
        """
        own = {source.path, *source.translations}
        rows = [
            row
            for row in self.slugs.get(slug, [])
            if self.documents[row].published and self.documents[row].path not in own
        ]
        rows.sort(key=lambda row: (self.documents[row].lang != source.lang, self.order[row]))
        return rows[0] if rows and slug not in source.excluded else None

    def check_slugs(self, source: Document) -> None:
        """Warn of the slugs in a document's metadata that nothing has."""
        for name, slugs in (("related_posts", source.pins), ("related_posts_exclude", source.excluded)):
            unknown = [slug for slug in slugs if slug not in self.slugs and slug not in self.other_slugs]
            self.warnings += [self.describe_unknown(source, name, slug) for slug in unknown[:SLUGS_NAMED]]
            if more := unknown[SLUGS_NAMED:]:
                self.warnings.append(f"{source.path}: {name} names {len(more):,} more that no article has")

    def describe_unknown(self, source: Document, name: str, slug: str) -> str:
        """Return a warning that names the file, the slug and the one that was probably meant."""
        from difflib import get_close_matches  # late, as nearly all slugs are known

        others = sorted(self.slugs.keys() - {source.slug})
        close = get_close_matches(slug, others, n=1, cutoff=0.0)
        hint = f'; did you mean "{close[0]}"?' if close else "."
        return f'{source.path}: {name} names "{slug}", but no article has that slug{hint}'

    # Filling up

    def fill(self) -> None:
        """Fill every list with the best pairs of the whole site first.

        A pair is granted if the list has room and its target is still allowed to appear. What a list is
        refused, its next candidate gets. Lists of unpublished posts come last and count for nothing.
        """
        wanted = [
            row
            for row, document in enumerate(self.documents)
            if self.gets_list(document) and (self.settings.fill or not document.pins)
        ]
        wanted.sort(key=self.order.__getitem__)
        for published in (True, False):
            rows = [row for row in wanted if self.documents[row].published is published]
            self.grant({row: self.list_allowed(row, self.pool.candidates[row]) for row in rows})
            for row in rows:
                if self.pool.deepen is not None and self.is_short(row):
                    self.dig(row, self.pool.deepen)

    def list_allowed(self, row: int, candidates: Iterable[Candidate]) -> Iterator[Candidate]:
        """Return those of a document's candidates that may follow it, in the order they should have."""
        allowed = self.sift_candidates(self.documents[row], candidates)
        if self.settings.half_life_days is not None:
            allowed = iter(sorted(allowed, key=lambda c: (-self.weigh(c), self.order[c.row])))
        return iter(self.diversify(list(allowed))) if self.settings.diversity else allowed

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

    def diversify(self, ordered: list[Candidate]) -> list[Candidate]:
        """Reorder by maximal marginal relevance (Carbonell and Goldstein, 1998)."""
        similarity, share = self.pool.similarity, self.settings.diversity
        if similarity is None:
            return ordered
        pool, rest = ordered[: MMR_POOL * self.settings.max], ordered[MMR_POOL * self.settings.max :]
        taken: list[Candidate] = []
        nearest = {candidate.row: 0.0 for candidate in pool}
        while pool and len(taken) < self.settings.max:
            gains = [(1 - share) * self.weigh(c) - share * nearest[c.row] for c in pool]
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
        kept = self.pool.candidates[row]
        if len(self.chosen[row]) >= self.settings.max or len(kept) < self.pool.depth:
            return False
        return kept[-1].score >= self.settings.min_score

    def dig(self, row: int, deepen: Deepen) -> None:
        """Fill a short list from all documents that could still be in it."""
        source = self.documents[row]
        mask = [False] * len(self.documents)
        for target in self.list_reachable(source.category):
            mask[target] = self.has_room(row, target) and self.may_follow(source, self.documents[target])
        if any(mask):
            self.grant({row: self.list_allowed(row, deepen(row, mask))})

    def list_reachable(self, category: str) -> list[int]:
        """Return the rows that posts of a category may have in their lists, worked out once for each."""
        key = _fold(category) if self.settings.category == "same" else ""
        if key not in self.reachable:
            self.reachable[key] = [
                row
                for row, document in enumerate(self.documents)
                if self.allowed[row] and (not key or _fold(document.category) == key)
            ]
        return self.reachable[key]


def _fade(documents: Sequence[Document], half_life_days: float | None) -> list[float]:
    """Return what each document's age leaves of its scores: a half per half-life, all if it has no date."""
    if half_life_days is None:
        return [1.0] * len(documents)
    newest = find_newest(documents)
    ages = [max(0.0, newest - document.date) / DAY if document.date else 0.0 for document in documents]
    # Rounded, since powers may differ in their last digit from one machine to another.
    return [round(0.5 ** (age / half_life_days), 9) for age in ages]


def _fold(text: str) -> str:
    return text.strip().casefold()
