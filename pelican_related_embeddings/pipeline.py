"""From documents to related posts: embed, rank, select, each looked up in the cache before it is done.

The lookup goes from the end backwards, so a build in which nothing changed hashes each document, makes one
query, and imports neither numpy nor a model. Each stage returns a value; none changes what another returned:

    Inputs -> Embedded -> Ranking -> Ranked -> Selection; together a Study; for the pages an Outcome
"""

import json
import re
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from .encoders.encoder import ENGLISH_ONLY, Model, key_encoder, recall_model
from .errors import EncoderError, describe_error
from .messages import Messages
from .ranking.selection import Ranked, Selection, select_related
from .ranking.stored import dump_ranked, dump_selection, load_ranked, load_selection
from .settings import LISTS, RANKING, Settings
from .store.cache import Cache
from .store.keys import RESULTS_VERSION, hash_parts
from .text.document import Document, key_document, key_documents

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from .ranking.neighbours import Ranking
    from .text.words import AllWords
    from .topic_map.chart import MapData

DEPTH = 16  # candidates kept per document at least, so that a changed date or pin needs no new ranking


@dataclass(frozen=True, eq=False)
class Inputs:
    """What a build starts from; its keys name all that a stored result depends on.

    ``text_keys`` are those of the documents' words. ``other_slugs`` belong to posts that exist but are not
    among ``documents``. ``fault`` says why the model cannot be used at all.
    """

    documents: Sequence[Document]
    settings: Settings
    model: Model
    text_keys: Sequence[bytes]
    other_slugs: Collection[str] = ()
    fault: str = ""

    @property
    def depth(self) -> int:
        """How many candidates are kept per document: more where they are reordered before they are shown."""
        reordered = self.settings.half_life_days is not None or self.settings.diversity > 0
        return max(DEPTH, self.settings.max * (12 if reordered else 3))

    def key_lists(self) -> bytes:
        """Return the key of the lists."""
        parts = [self._describe_ranking(), self.settings.list_values(LISTS), sorted(self.other_slugs)]
        return key_documents(self.documents, self.text_keys, "lists", json.dumps(parts))

    def key_candidates(self) -> bytes:
        """Return the key of the candidates, which no date, tag or decision of the author changes."""
        facts = [
            (document.path, document.lang, document.published, document.is_page, document.translations)
            for document in self.documents
        ]
        described = json.dumps([self._describe_ranking(), facts])
        return hash_parts("candidates", described, b"".join(self.text_keys))

    def key_map(self) -> bytes:
        """Return the key of the topic map."""
        from .topic_map.chart import key_map

        rows = self.list_map_rows()
        encoder = key_encoder(self.model, self.settings)
        return key_map([self.documents[row] for row in rows], [self.text_keys[row] for row in rows], encoder)

    def list_map_rows(self) -> list[int]:
        """Return the rows of the documents on the topic map: published articles, and nothing else."""
        return [row for row, one in enumerate(self.documents) if one.published and not one.is_page]

    def _describe_ranking(self) -> list[Any]:
        encoder = key_encoder(self.model, self.settings)
        return [RESULTS_VERSION, self.depth, encoder, *self.settings.list_values(RANKING)]


@dataclass(frozen=True, eq=False)
class Embedded:
    """The words and the vectors of all documents.

    ``inputs`` name the model that made the vectors, which may have become known only here. ``vectors``:
    (n, dim) float32, unit rows, or zero for a document without one; ``missing`` of those with text are
    zero, and ``embedded`` were made in this build.
    """

    inputs: Inputs
    words: "AllWords"
    vectors: "npt.NDArray[np.float32]"
    embedded: int
    missing: int
    problems: tuple[str, ...]


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
        """Row by row, whether a document has more than a title."""
        return [not empty for empty in self.embedded.words.empty]


@dataclass(frozen=True, eq=False)
class Outcome:
    """The result of a build.

    ``selection`` has the list of each document, row by row. ``study`` is None where the lists were made from
    what earlier builds kept. ``map`` is None where the settings ask for none, or where it could not be
    drawn. ``problems`` are soft failures: the lists are worse than they would be without them. ``hints``
    are what an author may want to know once.
    """

    inputs: Inputs
    selection: Selection
    study: Study | None = None
    map: "MapData | None" = None
    problems: tuple[str, ...] = ()
    hints: tuple[str, ...] = ()

    @property
    def embedded(self) -> int:
        """How many documents were embedded in this build."""
        return self.study.embedded.embedded if self.study else 0


def gather_inputs(
    documents: Sequence[Document], settings: Settings, cache: Cache, other_slugs: Collection[str] = ()
) -> Inputs:
    """Return the inputs of a build, with what the cache knows of the model."""
    keys = [key_document(document) for document in documents]
    try:
        return Inputs(documents, settings, recall_model(settings, cache), keys, other_slugs)
    except EncoderError as error:
        return Inputs(documents, settings, Model(settings.model, None), keys, other_slugs, str(error))


def relate_documents(inputs: Inputs, cache: Cache, messages: Messages) -> Outcome:
    """Return the related posts of each document; the documents are in order of path.

    A fault of the model, the cache or the map is no exception: it is among the outcome's ``problems``.
    """
    outcome = recall_lists(inputs, cache) or select_again(inputs, cache)
    outcome = outcome or finish(study_documents(inputs, cache, messages), cache)
    return add_map(outcome, cache, messages) if inputs.settings.map else outcome


# What the cache has


def recall_lists(inputs: Inputs, cache: Cache) -> Outcome | None:
    """Return the lists that an earlier build made of the same inputs."""
    stored = _recall(inputs, inputs.key_lists(), cache)
    try:
        return Outcome(inputs, load_selection(stored)) if stored else None
    except ValueError:
        return None


def select_again(inputs: Inputs, cache: Cache) -> Outcome | None:
    """Return lists selected from the candidates of an earlier build, if these suffice."""
    if inputs.settings.diversity:
        return None  # needs the similarity of candidates to one another
    stored = _recall(inputs, inputs.key_candidates(), cache)
    try:
        ranked = load_ranked(stored) if stored else None
    except ValueError:
        return None
    selection = _select(inputs, ranked) if ranked else None
    if selection is None or selection.short:
        return None
    cache.write("results", {inputs.key_lists(): dump_selection(selection)})
    return Outcome(inputs, selection)


def _recall(inputs: Inputs, key: bytes, cache: Cache) -> bytes | None:
    return cache.read("results", [key]).get(key) if inputs.model.digest else None


def _select(inputs: Inputs, ranked: Ranked) -> Selection:
    return select_related(inputs.documents, ranked, inputs.settings, inputs.other_slugs)


# What is made anew


def study_documents(inputs: Inputs, cache: Cache, messages: Messages) -> Study:
    """Return lists made from the words and vectors of the documents, and all that they were made from."""
    embedded = embed(inputs, cache, messages)
    ranking = rank(embedded)
    ranked = list_candidates(ranking, embedded)
    return Study(embedded, ranking, ranked, _select(embedded.inputs, ranked))


def finish(study: Study, cache: Cache) -> Outcome:
    """Return the outcome of a study, kept for the next build unless a vector is missing."""
    inputs = study.inputs
    if not study.embedded.missing:
        kept = {
            inputs.key_candidates(): dump_ranked(study.ranked),
            inputs.key_lists(): dump_selection(study.selection),
        }
        cache.write("results", kept)
    hints = keep_new(describe_hints(study), cache)
    return Outcome(inputs, study.selection, study, problems=study.embedded.problems, hints=hints)


def embed(inputs: Inputs, cache: Cache, messages: Messages) -> Embedded:
    """Return the words and vectors of all documents; what the cache does not hold is made and kept.

    A paragraph that many of the published documents have is left out of what the model reads.
    """
    import numpy as np

    from .encoders.embedding import Text, embed_documents
    from .ranking.term_weights import recurring_blocks
    from .text.words import read_words

    documents, settings = inputs.documents, inputs.settings
    words = read_words(documents, inputs.text_keys, cache, messages)
    recurring = frozenset(recurring_blocks(words.terms, np.array(_list_suggested(inputs))).tolist())
    filled = [row for row, empty in enumerate(words.empty) if not empty]
    texts = [
        Text(documents[row], words.digests[row], recurring.intersection(words.terms[row].blocks.tolist()))
        for row in filled
    ]
    usable = replace(settings, embed=False) if inputs.fault else settings
    found = embed_documents(texts, inputs.model, usable, cache, messages)
    vectors = np.zeros((len(documents), found.vectors.shape[1]), dtype=np.float32)
    vectors[filled] = found.vectors
    fault = found.problem or inputs.fault
    return Embedded(
        replace(inputs, model=found.model),
        words,
        vectors,
        found.embedded,
        found.missing,
        (describe_missing(fault, found.missing, len(texts)),) if fault else (),
    )


def rank(embedded: Embedded) -> "Ranking":
    """Return the ranking of all documents."""
    import numpy as np

    from .ranking.neighbours import rank as rank_vectors

    inputs, words = embedded.inputs, embedded.words
    has_text = ~np.array(words.empty, dtype=bool)
    return rank_vectors(
        embedded.vectors,
        words.terms,
        published=np.array(_list_suggested(inputs), dtype=bool) & has_text,
        group=np.array(_group_languages(inputs)),
        order=np.arange(len(inputs.documents)),  # by path; see selection.settle_ties
        blocked=_block_translations(inputs.documents),
        weight=inputs.settings.weight,
        depth=inputs.depth,
    )


def list_candidates(ranking: "Ranking", embedded: Embedded) -> Ranked:
    """Return the candidates of each document, as selection and the cache need them."""
    import numpy as np

    depth = embedded.inputs.depth
    # A document without text, such as a lone picture, has nothing that a suggestion could be like.
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
    known = recall_map(inputs.key_map(), cache) if inputs.model.digest else None
    if known is not None or not rows:
        return replace(outcome, map=known)
    study = outcome.study or study_documents(inputs, cache, messages)
    key = None if study.embedded.missing else study.inputs.key_map()
    drawn = draw_map([inputs.documents[row] for row in rows], rows, study.ranking, key, cache)
    problems = dict.fromkeys((*outcome.problems, *study.embedded.problems))
    return replace(outcome, study=study, map=drawn, problems=tuple(problems))


# What the author is told


def describe_missing(problem: str, missing: int, total: int) -> str:
    """Return a warning that also says what the fault means for the blog."""
    return (
        f"{problem} The site was built anyway: {missing} of {total} articles have no vector and are "
        "ranked by the words that they share."
    )


def describe_hints(study: Study) -> list[str]:
    """Return what an author may want to know of the ranking."""
    documents = study.documents
    hints = [
        f"{documents[first].path} and {documents[second].path} are nearly the same text; no list shows both."
        for first, second in sorted(study.ranked.duplicates)
    ]
    if study.embedded.embedded and (hint := hint_language(documents, study.inputs.settings)):
        hints.append(hint)
    return hints


def keep_new(hints: Sequence[str], cache: Cache) -> tuple[str, ...]:
    """Return the hints that no earlier build gave, and remember them."""
    keys = {hash_parts("hint", hint): hint for hint in hints}
    given = cache.read("texts", keys)
    new = {key: hint for key, hint in keys.items() if key not in given}
    cache.write("texts", dict.fromkeys(new, b"given"))
    return tuple(new.values())


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


# Facts about documents


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


def _block_translations(documents: Sequence[Document]) -> dict[int, list[int]]:
    rows = {document.path: row for row, document in enumerate(documents)}
    return {
        row: [rows[path] for path in document.translations if path in rows]
        for row, document in enumerate(documents)
        if document.translations
    }
