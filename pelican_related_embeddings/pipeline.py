"""From documents to related posts: embed, rank, select, each looked up in the cache before it is done.

The lookup goes from the end backwards, so a build in which nothing changed hashes each document, makes a
few queries, and imports neither numpy nor a model. Each stage returns a value; none changes what another
returned:

    Inputs -> Embedded -> Ranking -> Ranked -> Selection; together a Study; for the pages an Outcome
"""

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .encoders.encoder import key_encoder, recall_model, remembered_model
from .encoders.model import Model
from .errors import describe_error
from .hints import find_hints
from .messages import Messages
from .ranking.refusals import FAR_FUTURE
from .ranking.selection import Ranked, Selection, select_related
from .ranking.stored import dump_ranked, dump_selection, load_ranked, load_selection
from .settings import LISTS, RANKING, Settings
from .store.cache import Cache
from .store.keys import NO_VECTOR, RESULTS_VERSION, VectorKeys, hash_parts
from .text.document import Document, key_document, key_documents, order_documents
from .text.names import fold

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .ranking.neighbours import Ranking
    from .text.words import AllWords
    from .topic_map.chart import TopicMap

DEPTH = 16  # candidates kept per document at least, so that a changed setting or pin needs no new ranking
POSTS_NAMED = 3  # of those without a vector
HINTS_SHOWN = 3  # in one build


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a build starts from; its keys name all that a stored result depends on.

    ``text_keys`` are those of the documents' words. ``other_slugs`` belong to posts that exist but are not
    among ``documents``. ``fault`` says why the model cannot be used at all. ``vectors`` is None where no
    earlier build had the same texts and model.
    """

    documents: Sequence[Document]
    settings: Settings
    model: Model
    text_keys: Sequence[bytes]
    other_slugs: Collection[str] = ()
    fault: str = ""
    vectors: VectorKeys | None = None

    @property
    def depth(self) -> int:
        """How many candidates are kept per document: more where they are reordered before they are shown."""
        reordered = self.settings.half_life_days is not None or self.settings.diversity > 0
        return max(DEPTH, self.settings.max * (12 if reordered else 3))

    @property
    def settled(self) -> bool:
        """Whether it is known which vectors there are, and no other may be made."""
        return self.vectors is not None and not (self.settings.embed and self.vectors.absent)

    def key_vectors(self) -> bytes:
        """Return the key of the vectors' keys."""
        facts = [self._encoder, _list_suggested(self), [document.published for document in self.documents]]
        return hash_parts("vectors", json.dumps(facts), b"".join(self.text_keys))

    def key_lists(self) -> bytes:
        """Return the key of the lists."""
        parts = [self._describe_ranking(), self.settings.list_values(LISTS), sorted(self.other_slugs)]
        return key_documents(self.documents, self.text_keys, "lists", json.dumps(parts))

    def key_candidates(self) -> bytes:
        """Return the key of the candidates, which no decision of the author changes, nor a date by itself.

        Only the order of the dates counts; a tag is among the words of a document that has few.
        """
        facts = [
            (document.path, document.lang, document.published, document.is_page, document.translations)
            for document in self.documents
        ]
        kinds = _number_categories(self) if self.settings.category != "any" else []
        reach = [self.settings.category, self.settings.newer, kinds]
        dates = [_read_date(document) for document in self.documents]
        places = {date: place for place, date in enumerate(sorted({0.0, *dates}))}
        described = json.dumps([self._describe_ranking(), facts, reach, [places[date] for date in dates]])
        return hash_parts("candidates", described, b"".join(self.text_keys))

    def key_map(self) -> bytes:
        """Return the key of the topic map."""
        from .topic_map.chart import key_map

        rows = self.list_map_rows()
        encoder = json.dumps([self._encoder, self._state])
        return key_map([self.documents[row] for row in rows], [self.text_keys[row] for row in rows], encoder)

    def list_map_rows(self) -> list[int]:
        """Return the rows of the documents on the topic map: published articles, and nothing else."""
        return [row for row, one in enumerate(self.documents) if one.published and not one.is_page]

    def _describe_ranking(self) -> list[Any]:
        ranking = self.settings.list_values(RANKING)
        return [RESULTS_VERSION, self.depth, self._encoder, self._state, *ranking]

    @property
    def _encoder(self) -> str:
        return key_encoder(self.model, self.settings) if self.settings.weight < 1 else ""

    @property
    def _state(self) -> str:
        return self.vectors.state.hex() if self.vectors else ""


@dataclass(frozen=True, eq=False)
class Embedded:
    """The words and the vectors of all documents.

    ``inputs`` name the model that made the vectors, which may have become known only here, and which vectors
    there are. ``vectors``: (n, dim) float32, unit rows, or zero for a document without one. ``embedded`` were
    made in this build; ``problem`` says why others were not, where that is a fault.
    """

    inputs: Inputs
    words: "AllWords"
    vectors: "npt.NDArray[np.float32]"
    embedded: int = 0
    problem: str = ""


@dataclass(frozen=True, eq=False)
class Study:
    """All that a build knows of documents that it ranked anew; the command shows more of it than pages do."""

    embedded: Embedded
    ranking: "Ranking"
    ranked: Ranked
    selection: Selection

    @property
    def inputs(self) -> Inputs:
        """What the study started from, with the model that made the vectors."""
        return self.embedded.inputs

    @property
    def documents(self) -> Sequence[Document]:
        """The documents, row by row."""
        return self.embedded.inputs.documents

    @property
    def has_text(self) -> list[bool]:
        """Row by row, whether a document has any words."""
        return [not empty for empty in self.embedded.words.empty]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a build.

    ``selection`` has the list of each document, row by row. ``embedded`` and ``study`` are None where the
    cache had what a build makes of them. ``map`` is None where the settings ask for none, or where it could
    not be drawn. ``problems`` are soft failures: the lists are worse than they would be without them.
    ``hints`` are what an author may want to know.
    """

    inputs: Inputs
    selection: Selection
    embedded: Embedded | None = None
    study: Study | None = None
    map: "TopicMap | None" = None
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()


def gather_inputs(
    documents: Sequence[Document], settings: Settings, cache: Cache, other_slugs: Collection[str] = ()
) -> Inputs:
    """Return the inputs of a build, with what the cache knows of the model and of its vectors."""
    keys = [key_document(document) for document in documents]
    model, fault = Model(settings.model, None), ""
    if settings.weight < 1:
        try:
            model = recall_model(settings, cache)
        except Exception as error:  # noqa: BLE001 - a folder may hold anything, and its links lead anywhere
            from .encoders.embedding import describe_fault

            model, fault = remembered_model(settings, cache), describe_fault(error)
    inputs = Inputs(documents, settings, model, keys, other_slugs, fault)
    return replace(inputs, vectors=recall_vectors(inputs, cache))


def recall_vectors(inputs: Inputs, cache: Cache) -> VectorKeys | None:
    """Return which vectors there are of documents whose texts and model an earlier build had."""
    count = len(inputs.documents)
    if inputs.settings.weight == 1:
        return VectorKeys((NO_VECTOR,) * count, (NO_VECTOR,) * count)
    key = inputs.key_vectors()
    try:
        vectors = VectorKeys.from_bytes(cache.read("results", [key]).get(key, b""), count)
    except ValueError:
        return None
    vectors = vectors.renew(cache.read("vectors", vectors.absent))
    keep_vectors(inputs, vectors, cache)
    return vectors


def keep_vectors(inputs: Inputs, vectors: VectorKeys, cache: Cache) -> None:
    """Let the vectors of a site stay in the cache, and those go that no site has used for long."""
    if inputs.model.digest:  # else it is not known which they are
        cache.keep("vectors", vectors.wanted + vectors.used)


def relate_documents(inputs: Inputs, cache: Cache, messages: Messages) -> Outcome:
    """Return the related posts of each document; the documents are in order of path.

    A fault of the model, the cache or the map is no exception: it is among the outcome's ``problems``.
    """
    outcome = recall_outcome(inputs, cache) if inputs.settled else None
    if outcome is None:
        embedded = embed(inputs, cache, messages)
        recalled = recall_outcome(embedded.inputs, cache)
        outcome = replace(recalled, embedded=embedded) if recalled else finish(make_study(embedded), cache)
    if inputs.settings.map:
        outcome = add_map(outcome, cache, messages)
    return add_missing(outcome)


# What the cache has


def recall_outcome(inputs: Inputs, cache: Cache) -> Outcome | None:
    """Return what an earlier build made of the same inputs, as far as it goes."""
    return recall_lists(inputs, cache) or select_again(inputs, cache)


def recall_lists(inputs: Inputs, cache: Cache) -> Outcome | None:
    """Return the lists that an earlier build made of the same inputs."""
    stored = _recall(inputs.key_lists(), cache)
    try:
        return Outcome(inputs, load_selection(stored, inputs.documents)) if stored else None
    except ValueError:
        return None


def select_again(inputs: Inputs, cache: Cache) -> Outcome | None:
    """Return lists selected from the candidates of an earlier build, if these suffice."""
    if inputs.settings.diversity:
        return None  # needs the similarity of candidates to one another
    stored = _recall(inputs.key_candidates(), cache)
    try:
        ranked = load_ranked(stored, inputs.documents) if stored else None
    except ValueError:
        return None
    selection = _select(inputs, ranked) if ranked else None
    if ranked is None or selection is None or selection.short:
        return None
    cache.write("results", dump_lists(inputs, selection))
    return Outcome(inputs, selection, hints=tell_hints(inputs, ranked, selection, cache))


def dump_lists(inputs: Inputs, selection: Selection) -> dict[bytes, bytes]:
    """Return what of the lists may be kept: no warning that could quote the metadata of a draft."""
    drafts = any(not one.published and (one.pins or one.excluded) for one in inputs.documents)
    return {} if drafts and selection.warnings else {inputs.key_lists(): dump_selection(selection)}


def _recall(key: bytes, cache: Cache) -> bytes | None:
    return cache.read("results", [key]).get(key)


def _select(inputs: Inputs, ranked: Ranked) -> Selection:
    return select_related(inputs.documents, ranked, inputs.settings, inputs.other_slugs)


# What is made anew


def study_documents(inputs: Inputs, cache: Cache, messages: Messages) -> Study:
    """Return lists made from the words and vectors of the documents, and all that they were made from."""
    return make_study(embed(inputs, cache, messages))


def make_study(embedded: Embedded) -> Study:
    """Return lists made from words and vectors."""
    ranking = rank(embedded)
    ranked = list_candidates(ranking, embedded)
    return Study(embedded, ranking, ranked, _select(embedded.inputs, ranked))


def finish(study: Study, cache: Cache) -> Outcome:
    """Return the outcome of a study, kept for the next build."""
    inputs = study.inputs
    kept = {inputs.key_candidates(): dump_ranked(study.ranked), **dump_lists(inputs, study.selection)}
    cache.write("results", kept)
    hints = tell_hints(inputs, study.ranked, study.selection, cache, study.embedded.words.languages)
    return Outcome(inputs, study.selection, study.embedded, study, hints=hints)


def embed(inputs: Inputs, cache: Cache, messages: Messages) -> Embedded:
    """Return the words and vectors of all documents; what the cache does not hold is made and kept."""
    import numpy as np

    from .text.words import read_words

    words = read_words(inputs.documents, inputs.text_keys, cache, messages)
    cache.keep_only("texts", _list_kept_texts(inputs))
    if inputs.settings.weight == 1:
        return Embedded(inputs, words, np.zeros((len(inputs.documents), 1), dtype=np.float32))
    embedded = embed_words(inputs, words, cache, messages)
    vectors = embedded.inputs.vectors
    if vectors is not None and vectors != inputs.vectors:
        keep_vectors(embedded.inputs, vectors, cache)
        cache.write("results", {embedded.inputs.key_vectors(): vectors.to_bytes()})
    return embedded


def embed_words(inputs: Inputs, words: "AllWords", cache: Cache, messages: Messages) -> Embedded:
    """Return the vectors of documents whose words are known.

    A paragraph that many of the published documents have is left out of what the model reads.
    """
    import numpy as np

    from .encoders.embedding import Context, Text, embed_documents
    from .ranking.term_weights import recurring_blocks

    documents = inputs.documents
    recurring = frozenset(recurring_blocks(words.terms, np.array(_list_suggested(inputs))).tolist())
    filled = [row for row, empty in enumerate(words.empty) if not empty]
    texts = [
        Text(documents[row], words.digests[row], recurring.intersection(words.terms[row].blocks.tolist()))
        for row in filled
    ]
    usable = replace(inputs.settings, embed=inputs.settings.embed and not inputs.fault)
    found = embed_documents(texts, inputs.model, Context(usable, cache, messages))
    vectors = np.zeros((len(documents), found.vectors.shape[1]), dtype=np.float32)
    vectors[filled] = found.vectors
    keys = found.keys.spread(filled, len(documents))
    named = replace(inputs, model=found.model, vectors=keys)
    return Embedded(named, words, vectors, found.embedded, found.problem or inputs.fault)


def rank(embedded: Embedded) -> "Ranking":
    """Return the ranking of all documents."""
    import numpy as np

    from .ranking.groups import Reach
    from .ranking.neighbours import rank as rank_vectors

    inputs, words = embedded.inputs, embedded.words
    has_text = ~np.array(words.empty, dtype=bool)
    return rank_vectors(
        embedded.vectors,
        words.terms,
        published=np.array(_list_suggested(inputs), dtype=bool) & has_text,
        group=np.array(_group_languages(inputs)),
        order=np.array(order_documents(inputs.documents)),
        blocked=_block_translations(inputs.documents),
        dates=np.array([_read_date(document) for document in inputs.documents]),
        weight=inputs.settings.weight,
        depth=inputs.depth,
        reach=Reach(
            np.array(_number_categories(inputs)) if inputs.settings.category != "any" else None,
            apart=inputs.settings.category == "other",
            newer=inputs.settings.newer,
        ),
        languages=[document.lang for document in inputs.documents],
    )


def list_candidates(ranking: "Ranking", embedded: Embedded) -> Ranked:
    """Return the candidates of each document, as selection and the cache need them."""
    import numpy as np

    depth = embedded.inputs.depth
    # A document without any word has nothing that a suggestion could be like.
    kept = tuple(
        () if empty else found for found, empty in zip(ranking.candidates, embedded.words.empty, strict=True)
    )
    return Ranked(
        kept,
        depth,
        ranking.duplicates,
        deepen=lambda row, mask: ranking.deepen(row, np.asarray(mask), depth),
        similarity=lambda first, second: float(ranking.vectors[first] @ ranking.vectors[second]),
    )


def add_map(outcome: Outcome, cache: Cache, messages: Messages) -> Outcome:
    """Return ``outcome`` with the topic map; whatever goes wrong costs the map alone."""
    try:
        return _find_map(outcome, cache, messages)
    except Exception as error:  # noqa: BLE001 - drawing goes through three libraries
        problem = (
            f"The topic map could not be drawn ({describe_error(error)}). The site was built without it."
        )
        return replace(outcome, problems=(*outcome.problems, problem))


def _find_map(outcome: Outcome, cache: Cache, messages: Messages) -> Outcome:
    from .topic_map.chart import draw_map, recall_map

    inputs = outcome.inputs
    rows = inputs.list_map_rows()
    documents = [inputs.documents[row] for row in rows]
    known = recall_map(inputs.key_map(), documents, cache)
    if known is not None or not rows:
        return replace(outcome, map=known)
    study = outcome.study or make_study(outcome.embedded or embed(inputs, cache, messages))
    drawn = draw_map(
        documents,
        study.ranking.vectors[rows],
        [study.ranking.documents[row] for row in rows],
        key=study.inputs.key_map(),
        cache=cache,
    )
    return replace(outcome, inputs=study.inputs, embedded=study.embedded, study=study, map=drawn)


# What the author is told


def add_missing(outcome: Outcome) -> Outcome:
    """Return ``outcome`` with a sentence on missing vectors: a problem, unless the settings ask for it."""
    told = describe_missing(outcome.inputs, outcome.embedded.problem if outcome.embedded else "")
    wanted = not outcome.inputs.settings.embed and not outcome.inputs.settings.strict
    if told and wanted:
        return replace(outcome, hints=(*outcome.hints, told))
    return replace(outcome, problems=(*outcome.problems, told)) if told else outcome


def describe_missing(inputs: Inputs, problem: str) -> str:
    """Return how many posts have no vector, which and why; nothing if there is nothing to tell."""
    vectors = inputs.vectors or VectorKeys((), ())
    missing, total = vectors.missing, sum(key != NO_VECTOR for key in vectors.wanted)
    named = f" ({_name_posts(inputs.documents, missing)})" if len(missing) < total else ""
    verb = "has no vector and is ranked by the words that it shares"
    if len(missing) != 1:
        verb = "have no vector and are ranked by the words that they share"
    count = f"{len(missing)} of {total} articles{named} {verb}"
    if not inputs.settings.embed:
        return f"{count}: RELATED_EMBEDDINGS_EMBED is False." if missing else ""
    if missing:
        return f"{problem} The site was built anyway: {count}.".lstrip()
    return (
        f"{problem} The site was built with vectors of earlier builds." if problem and vectors.absent else ""
    )


def _name_posts(documents: Sequence[Document], rows: Sequence[int]) -> str:
    named = ", ".join(documents[row].path for row in rows[:POSTS_NAMED])
    return named + (f" and {len(rows) - POSTS_NAMED} more" if len(rows) > POSTS_NAMED else "")


def tell_hints(
    inputs: Inputs, ranked: Ranked, selection: Selection, cache: Cache, languages: Sequence[str] = ()
) -> tuple[str, ...]:
    """Return the hints that no earlier build gave, a few of them, and remember them."""
    hints = find_hints(inputs.documents, selection, ranked.duplicates, inputs.settings, languages)
    keys = {hash_parts("hint", hint): hint for hint in hints}
    given = cache.read("results", keys)
    new = {key: hint for key, hint in keys.items() if key not in given}
    cache.write("results", dict.fromkeys(new, b"given"))
    shown = list(new.values())
    if len(shown) > HINTS_SHOWN:
        more = len(shown) - HINTS_SHOWN + 1
        shown[HINTS_SHOWN - 1 :] = [f"{more} more hints: pelican-related report shows them."]
    return tuple(shown)


# Facts about documents


def _list_kept_texts(inputs: Inputs) -> set[bytes]:
    """Return the keys of the words that may stay in the cache: none of drafts, and none of deleted posts.

    In a subsite (of the i18n_subsites plugin) the posts of all other languages are drafts; these stay.
    """
    languages = {document.lang for document in inputs.documents if document.published}
    return {
        key
        for key, document in zip(inputs.text_keys, inputs.documents, strict=True)
        if document.published or document.lang not in languages
    }


def _list_suggested(inputs: Inputs) -> list[bool]:
    """Return for each document whether others are ranked against it."""
    pages = "suggestions" in inputs.settings.pages
    return [one.published and (pages or not one.is_page) for one in inputs.documents]


def _group_languages(inputs: Inputs) -> list[int]:
    """Return a number for each document; only those of one number are compared."""
    if inputs.settings.across_languages:
        return [0] * len(inputs.documents)
    numbers: dict[str, int] = {}
    return [numbers.setdefault(document.lang, len(numbers)) for document in inputs.documents]


def _read_date(document: Document) -> float:
    """Return a document's date, or 0 for none; a draft without one is dated the last day of year 9999."""
    return document.date if document.date < FAR_FUTURE else 0.0


def _number_categories(inputs: Inputs) -> list[int]:
    """Return a number for each document, the same for those of one category."""
    numbers: dict[str, int] = {}
    return [numbers.setdefault(fold(document.category), len(numbers)) for document in inputs.documents]


def _block_translations(documents: Sequence[Document]) -> dict[int, list[int]]:
    rows = {document.path: row for row, document in enumerate(documents)}
    return {
        row: [rows[path] for path in document.translations if path in rows]
        for row, document in enumerate(documents)
        if document.translations
    }
