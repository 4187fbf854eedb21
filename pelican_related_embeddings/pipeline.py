"""From documents to related posts: words, vectors, ranking, selection, each looked up before it is done.

The lookup goes from the end backwards, so a build in which nothing changed costs a hash per document
and one query, and imports neither numpy nor a model, nor those of our modules that it has no use for: reading
all of them takes longer than finding the lists. Knows nothing of Pelican.
"""

import json
import re
import time
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from .encoders.encoder import ENGLISH_ONLY, Model, key_encoder, recall_model
from .errors import EncoderError
from .ranking.selection import Candidate, Candidates, Pool, Selection, select_related
from .ranking.stored import dump_pool, dump_selection, load_pool, load_selection
from .settings import Settings
from .store.cache import Cache
from .store.keys import CALIBRATION_VERSION, RANKING_VERSION, TERMS_VERSION, hash_parts
from .text.document import Document, key_document, key_documents, order_documents

if TYPE_CHECKING:
    from .topic_map.chart import TopicMap

PIPELINE_VERSION = 1  # part of every result's key: raise it when the same input would give other lists
DEPTH = 16  # candidates kept per document at least, so that a changed date or pin needs no new ranking

# The settings that decide which candidates are shown; the others decide how they are found or rendered.
SELECTING = (
    "max min_score fill exclude_categories exclude_tags exclude_paths category newer max_age_days "
    "half_life_days skip_linked max_appearances diversity pages"
).split()


class Reporter(Protocol):
    """Is told what the pipeline does; the Pelican side decides what of it is shown."""

    def announce(self, count: int, download: bool) -> None:
        """Say that ``count`` documents are about to be embedded, and whether the model is fetched first."""

    def advance(self, done: int, total: int) -> None:
        """Say that ``done`` of ``total`` documents have been embedded."""

    def note(self, message: str) -> None:
        """Record something only worth knowing when looking into a problem."""

    def say(self, message: str) -> None:
        """Tell the author something that is no fault."""


@dataclass(slots=True)
class Outcome:
    """What a build came to.

    ``selection`` has the list of each document, row by row. ``problems`` are soft failures: the lists are
    less good than they would be without them. ``notes`` are what an author may want to know once. ``map`` is
    there if the settings ask for it.
    """

    selection: Selection
    embedded: int = 0
    seconds: float = 0.0
    map: "TopicMap | None" = None
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def relate_documents(
    documents: Sequence[Document],
    settings: Settings,
    cache: Cache,
    reporter: Reporter,
    other_slugs: Collection[str] = (),
) -> Outcome:
    """Return the related posts of each of ``documents``, which are in order of path.

    A fault of the model or of the cache is no exception: it is among the outcome's ``problems``.
    """
    started = time.perf_counter()
    build = _Build(documents, settings, cache, reporter)
    selection = build.recall_selection(other_slugs) or build.make_selection(other_slugs)
    map_data = build.find_map() if settings.map else None
    seconds = time.perf_counter() - started
    return Outcome(selection, build.embedded, seconds, map_data, build.problems, build.notes)


class Study(NamedTuple):
    """What a build knows of its documents, for whoever wants to see more than the lists.

    ``ranking`` is a ``ranking.Ranking``; ``has_text`` tells, row by row, who has more than a title.
    """

    documents: Sequence[Document]
    selection: Selection
    pool: Pool
    ranking: Any
    model: Model
    has_text: Sequence[bool]
    embedded: int
    problems: Sequence[str]


def study_documents(
    documents: Sequence[Document],
    settings: Settings,
    cache: Cache,
    reporter: Reporter,
    other_slugs: Collection[str] = (),
) -> Study:
    """Return what ``relate_documents`` would decide, and what it decides by; ranks them all anew."""
    build = _Build(documents, settings, cache, reporter)
    pool = build.find_pool()
    selection = select_related(documents, pool, settings, other_slugs)
    return Study(
        documents,
        selection,
        pool,
        build.ranker.rank(),
        build.model,
        build.has_text,
        build.embedded,
        build.problems,
    )


class _Build:
    """One build's way from documents to lists."""

    def __init__(
        self, documents: Sequence[Document], settings: Settings, cache: Cache, reporter: Reporter
    ) -> None:
        self.documents = documents
        self.settings = settings
        self.cache = cache
        self.reporter = reporter
        self.embedded = 0
        self.complete = True
        self.fault: str | None = None
        self.has_text: list[bool] = []
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.keys = [key_document(document) for document in documents]
        self.model = self.recall_model()
        self.ranker = _Ranker(self)

    def recall_model(self) -> Model:
        try:
            return recall_model(self.settings, self.cache)
        except EncoderError as error:
            self.fault = str(error)
            return Model(self.settings.model, None)

    # Keys: everything that a result depends on, and nothing else

    def key_selection(self, other_slugs: Collection[str]) -> bytes:
        chosen = [getattr(self.settings, name) for name in SELECTING]
        parts = [self.describe_ranking(), chosen, sorted(other_slugs)]
        return key_documents(self.documents, self.keys, "lists", json.dumps(parts))

    def key_candidates(self) -> bytes:
        """Return the key of the candidates, which no date, tag or decision of the author changes."""
        facts = [
            (document.path, document.lang, document.published, document.is_page, document.translations)
            for document in self.documents
        ]
        return hash_parts("candidates", json.dumps([self.describe_ranking(), facts]), b"".join(self.keys))

    def describe_ranking(self) -> list[Any]:
        encoder = key_encoder(self.model, self.settings)
        settings = self.settings
        return [
            [PIPELINE_VERSION, RANKING_VERSION, CALIBRATION_VERSION, TERMS_VERSION],
            choose_depth(settings),
            encoder,
            settings.weight,
            settings.across_languages,
            "suggestions" in settings.pages,
        ]

    # Lists

    def recall_selection(self, other_slugs: Collection[str]) -> Selection | None:
        stored = self.recall(self.key_selection(other_slugs))
        try:
            return load_selection(stored) if stored else None
        except ValueError:
            return None

    def make_selection(self, other_slugs: Collection[str]) -> Selection:
        pool = self.find_pool()
        selection = select_related(self.documents, pool, self.settings, other_slugs)
        if self.complete:
            self.cache.write("results", {self.key_selection(other_slugs): dump_selection(selection)})
        return selection

    def recall(self, key: bytes) -> bytes | None:
        return self.cache.read("results", [key]).get(key) if self.model.digest else None

    # Candidates

    def find_pool(self) -> Pool:
        """Return the candidates, kept ones where there are any; ranking is at hand if they do not suffice."""
        stored = self.recall(self.key_candidates())
        try:
            kept = load_pool(stored) if stored else None
        except ValueError:
            kept = None
        if kept is None:
            kept = self.ranker.rank_all()
            self.remark(kept)
            if self.complete:
                self.cache.write("results", {self.key_candidates(): dump_pool(kept)})
        order = order_documents(self.documents)
        candidates = tuple(settle_ties(found, order) for found in kept.candidates)
        return kept._replace(candidates=candidates, deepen=self.ranker.deepen, similarity=self.ranker.measure)

    def remark(self, pool: Pool) -> None:
        """Note what an author may want to know of the ranking: each thing once, not in every build."""
        remarks = {
            hash_parts("duplicates", self.keys[first], self.keys[second]): (
                f"{self.documents[first].path} and {self.documents[second].path} say nearly the same; "
                "no list shows both."
            )
            for first, second in sorted(pool.duplicates)
        }
        if self.embedded and (hint := hint_language(self.documents, self.settings)):
            remarks[hash_parts("language", self.settings.model, hint)] = hint
        said = self.cache.read("texts", remarks)
        self.notes += [remark for key, remark in remarks.items() if key not in said]
        self.cache.write("texts", {key: b"said" for key in remarks if key not in said})

    def find_map(self) -> "TopicMap | None":
        """Return the topic map of the published articles; None where there is nothing to draw it from."""
        from .topic_map.chart import draw_map, key_map, recall_map

        rows = [row for row, document in enumerate(self.documents) if is_on_map(document)]
        documents = [self.documents[row] for row in rows]
        encoder = key_encoder(self.model, self.settings)
        key = key_map(documents, [self.keys[row] for row in rows], encoder)
        data = recall_map(key, self.cache) if self.model.digest else None
        if data is None and documents:
            ranking = self.ranker.rank()
            data = draw_map(
                documents,
                ranking.vectors[rows],
                [ranking.documents[row] for row in rows],
                cache=self.cache,
                key=key if self.complete else None,
            )
        return data


def settle_ties(candidates: Candidates, order: Sequence[int]) -> Candidates:
    """Return ``candidates`` with equal ones newest first, as ``order`` has it.

    Not left to ranking, so that a changed date needs no new one.
    """
    settled: list[Candidate] = []
    for _, equal in groupby(candidates, key=lambda c: (c.score, c.semantic, c.lexical)):
        settled += sorted(equal, key=lambda c: order[c.row])
    return tuple(settled)


class _Ranker:
    """Ranks at the first question; a build whose kept candidates suffice never asks one."""

    def __init__(self, build: _Build) -> None:
        self.build = build
        self.ranking: Any = None

    def rank_all(self) -> Pool:
        ranking = self.rank()
        # A document without text, such as a lone picture, has nothing that a suggestion could be like.
        kept = tuple(
            found if has_text else ()
            for found, has_text in zip(ranking.candidates, self.build.has_text, strict=True)
        )
        return Pool(kept, choose_depth(self.build.settings), ranking.duplicates)

    def deepen(self, row: int, mask: Sequence[bool]) -> Candidates:
        import numpy as np

        found = self.rank().deepen(row, np.asarray(mask), choose_depth(self.build.settings))
        return settle_ties(found, order_documents(self.build.documents))

    def measure(self, first: int, second: int) -> float:
        vectors = self.rank().vectors
        return float(vectors[first] @ vectors[second])

    def rank(self) -> Any:
        if self.ranking is None:
            self.ranking = rank_documents(self.build)
        return self.ranking


def rank_documents(build: _Build) -> Any:
    """Return the ranking of all of a build's documents, with everything made that is not cached."""
    import numpy as np

    from .ranking.neighbours import rank
    from .text.words import read_words

    documents, settings = build.documents, build.settings
    words = read_words(documents, build.keys, build.cache, build.reporter)
    build.has_text = [not empty for empty in words.empty]
    suggested = np.array([is_suggested(document, settings) for document in documents], dtype=bool)
    return rank(
        embed_words(build, words, suggested),
        words.terms,
        published=suggested & np.array(build.has_text, dtype=bool),
        group=np.array(_group_languages(documents, settings)),
        order=np.arange(len(documents)),  # by path; see settle_ties
        blocked=_block_translations(documents),
        weight=settings.weight,
        depth=choose_depth(settings),
    )


def embed_words(build: _Build, words: Any, suggested: Any) -> Any:
    """Return (n, dim) float32: a document's vector, or zeros for one without; ``words`` are all of them.

    A paragraph that many of the ``suggested`` documents have is left out of what the model reads.
    """
    import numpy as np

    from .encoders.embedding import Text, embed_documents
    from .ranking.term_weights import recurring_blocks

    recurring = frozenset(recurring_blocks(words.terms, suggested).tolist())
    filled = [row for row, has_text in enumerate(build.has_text) if has_text]
    texts = [
        Text(
            build.documents[row],
            words.digests[row],
            recurring.intersection(words.terms[row].blocks.tolist()) if recurring else recurring,
        )
        for row in filled
    ]
    settings = replace(build.settings, embed=False) if build.fault else build.settings
    embedding = embed_documents(texts, build.model, settings, build.cache, build.reporter)
    build.model = embedding.model
    build.embedded += embedding.embedded
    build.complete = not embedding.missing
    if fault := embedding.problem or build.fault:
        build.problems.append(describe_missing(fault, embedding.missing, len(texts)))
    vectors = np.zeros((len(build.documents), embedding.vectors.shape[1]), dtype=np.float32)
    vectors[filled] = embedding.vectors
    return vectors


def choose_depth(settings: Settings) -> int:
    """Return how many candidates are kept per document: some to spare, and many where they are reordered."""
    reordered = settings.half_life_days is not None or settings.diversity > 0
    return max(DEPTH, settings.max * (12 if reordered else 3))


def is_on_map(document: Document) -> bool:
    """Return whether a document belongs on the topic map: published articles do, and nothing else."""
    return document.published and not document.is_page


def is_suggested(document: Document, settings: Settings) -> bool:
    """Return whether a document is one of those that others are ranked among."""
    return document.published and (not document.is_page or "suggestions" in settings.pages)


def describe_missing(problem: str, missing: int, total: int) -> str:
    """Return a warning that also says what the fault means for the blog."""
    return (
        f"{problem} The site is built all the same: {missing} of {total} articles have no vector and are "
        "ranked by the words that they share."
    )


def hint_language(documents: Sequence[Document], settings: Settings) -> str | None:
    """Return a sentence for a site most of whose posts are in a language that its model does not know."""
    languages = Counter(document.lang.lower().partition("-")[0] for document in documents)
    if not languages or settings.endpoint or not re.search(ENGLISH_ONLY, settings.model.lower()):
        return None
    language = languages.most_common(1)[0][0]
    if language == "en":
        return None
    return (
        f"the model {settings.model} is made for English, and most articles here are in {language!r}: shared "
        "words still find related posts, but a multilingual model in RELATED_EMBEDDINGS_MODEL finds more."
    )


def _group_languages(documents: Sequence[Document], settings: Settings) -> list[int]:
    """Return a number for each document; only those of one number are compared."""
    if settings.across_languages:
        return [0] * len(documents)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(document.lang, len(numbers)) for document in documents]


def _block_translations(documents: Sequence[Document]) -> dict[int, list[int]]:
    rows = {document.path: row for row, document in enumerate(documents)}
    return {
        row: [rows[path] for path in document.translations if path in rows]
        for row, document in enumerate(documents)
        if document.translations
    }
