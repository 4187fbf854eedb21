"""Each document's vector: from the cache, or from the model where the cache has none.

Several builds may run on one cache: each claims the texts that it embeds, and waits for what others
have claimed. Knows nothing of Pelican.
"""

import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import EncoderError
from ..messages import Messages
from ..settings import Settings
from ..store.cache import Cache
from ..store.keys import hash_parts
from ..text.document import Document
from .encoder import (
    CHUNK_PASSAGES,
    DOWNLOAD_SIZES,
    ENDPOINT_PASSAGES,
    Encoder,
    Model,
    find_model,
    key_encoder,
    load_encoder,
    obtain_encoder,
    remember_model,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

WAIT_SECONDS = 0.2  # between two looks at what another build is embedding


@dataclass(frozen=True, slots=True)
class Text:
    """A document to embed: its words' digest, and the blocks of boilerplate that are left out."""

    document: Document
    digest: bytes
    dropped: frozenset[int] = frozenset()


@dataclass(slots=True)
class Embedding:
    """The vectors of some texts: (n, dim) float32, unit rows, or zero for a text without a vector.

    ``missing`` counts those without; ``problem`` says why, where that is a fault.
    """

    vectors: "Vectors"
    model: Model
    embedded: int = 0
    missing: int = 0
    problem: str | None = None


def embed_documents(
    texts: Sequence[Text], model: Model, settings: Settings, cache: Cache, messages: Messages
) -> Embedding:
    """Return the vectors of ``texts``; those that the cache does not hold are made and kept in it."""
    job = _Job(texts, model, settings, cache, messages)
    job.look_up()
    if job.missing() and settings.embed:
        try:
            job.obtain_model()
            job.embed_missing()
        except EncoderError as error:
            job.problem = str(error)
    return job.finish()


@dataclass(slots=True)
class _Job:
    texts: Sequence[Text]
    model: Model
    settings: Settings
    cache: Cache
    messages: Messages
    keys: list[bytes] = field(default_factory=list)
    found: dict[bytes, bytes] = field(default_factory=dict)
    embedded: int = 0
    problem: str | None = None

    def look_up(self) -> None:
        """Find the vectors that the cache holds under the model's present digest."""
        encoder = key_encoder(self.model, self.settings)
        self.keys = [_key_vector(encoder, text) for text in self.texts]
        self.found = self.cache.read("vectors", self.keys) if self.model.digest else {}
        aliases = {
            _key_alias(encoder, text): key
            for key, text in zip(self.keys, self.texts, strict=True)
            if key not in self.found and not text.document.published
        }
        others = self.cache.read("texts", aliases) if aliases and self.model.digest else {}
        vectors = self.cache.read("vectors", others.values())
        for alias, other in others.items():
            if other in vectors:
                self.found[aliases[alias]] = vectors[other]

    def missing(self) -> list[int]:
        """Return one row for each vector still to be made, longest text first."""
        rows = {key: row for row, key in reversed(list(enumerate(self.keys))) if key not in self.found}
        return sorted(rows.values(), key=lambda row: (-len(self.texts[row].document.html), row))

    def obtain_model(self) -> None:
        """Get the model ready, from the hub if need be; look again if it is not the one remembered."""
        at_hand = self.settings.endpoint is not None or find_model(self.settings.model).folder is not None
        self.messages.tell(describe_start(len(self.missing()), self.settings, fetch=not at_hand))
        self.messages.progress(0, len(self.missing()))
        model = obtain_encoder(self.settings, self.model)
        changed = model.digest != self.model.digest
        if model != self.model:
            self.model = model
            remember_model(model, self.settings, self.cache)
        if changed:
            self.look_up()

    def embed_missing(self) -> None:
        """Embed in chunks, each kept in a transaction of its own, until nothing is missing."""
        todo = self.missing()
        total = len(todo)
        size = ENDPOINT_PASSAGES if self.settings.endpoint else CHUNK_PASSAGES
        encoder = load_encoder(self.model, self.settings) if todo else None
        while todo and encoder is not None:
            rows = {self.keys[row]: row for row in todo}
            granted = self.cache.claim(list(rows), size)
            if granted:
                # Another build may have kept some, and given up its claim, since the last look.
                self.found |= self.cache.read("vectors", granted)
                self.embed_chunk(encoder, [rows[key] for key in granted if key not in self.found])
            else:
                time.sleep(WAIT_SECONDS)
                self.found |= self.cache.read("vectors", rows)
            todo = [row for row in todo if self.keys[row] not in self.found]
            self.messages.progress(total - len(todo), total)

    def embed_chunk(self, encoder: Encoder, rows: Sequence[int]) -> None:
        import numpy as np

        from ..text.words import compose_text

        if not rows:
            return
        pairs = [compose_text(self.texts[row].document, self.texts[row].dropped) for row in rows]
        vectors = _encode(encoder, [title for title, _ in pairs], [text for _, text in pairs])
        sound = [bool(np.isfinite(vector).all()) for vector in vectors]
        fresh = {
            self.keys[row]: vectors[place].astype("<f4").tobytes()
            for place, row in enumerate(rows)
            if sound[place]
        }
        self.keep(fresh, [row for place, row in enumerate(rows) if sound[place]])
        if len(fresh) < len(rows):
            raise EncoderError(
                encoder.problem
                or f"The model {self.settings.model} gave no usable vector for {len(rows) - len(fresh)} of "
                f"{len(rows)} texts, {self.texts[rows[sound.index(False)]].document.path} among them."
            )

    def keep(self, fresh: dict[bytes, bytes], rows: Sequence[int]) -> None:
        encoder = key_encoder(self.model, self.settings)
        aliases = {
            _key_alias(encoder, self.texts[row]): self.keys[row] for row in rows if self.texts[row].dropped
        }
        self.cache.write("vectors", fresh)
        self.cache.write("texts", aliases)
        self.found |= fresh
        self.embedded += len(fresh)

    def finish(self) -> Embedding:
        import numpy as np

        size = Counter(map(len, self.found.values())).most_common(1)[0][0] if self.found else 4
        vectors = np.zeros((len(self.keys), size // 4), dtype=np.float32)
        missing = 0
        for row, key in enumerate(self.keys):
            content = self.found.get(key, b"")
            if len(content) == size:
                vectors[row] = np.frombuffer(content, dtype="<f4")
            else:
                missing += 1
        return Embedding(vectors, self.model, self.embedded, missing, self.problem)


def describe_start(count: int, settings: Settings, fetch: bool) -> str:
    """Return what is about to take time, and where the texts go if not to a model on this machine."""
    articles = "1 article" if count == 1 else f"{count} articles"
    size = DOWNLOAD_SIZES.get(settings.model, "")
    fetched = f" The model is downloaded first{f' ({size})' if size else ''}, once." if fetch else ""
    sent = ""
    if settings.endpoint:
        from .endpoint_encoder import show_endpoint  # here, since few sites have one

        sent = f" Their texts are sent to {show_endpoint(settings.endpoint)}."
    return f"embedding {articles} with {settings.model}.{fetched}{sent}"


def _encode(encoder: Encoder, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
    try:
        return encoder.embed(titles, texts)
    except EncoderError:
        raise
    except Exception as error:
        raise EncoderError(f"The model failed while embedding ({type(error).__name__}: {error}).") from error


def _key_vector(encoder: str, text: Text) -> bytes:
    return hash_parts("vector", encoder, text.digest, *(f"{block:x}" for block in sorted(text.dropped)))


def _key_alias(encoder: str, text: Text) -> bytes:
    # An unpublished post may be published in another build of the site (a language of its own, say),
    # where other blocks count as boilerplate: it takes the vector made there.
    return hash_parts("alias", encoder, text.digest)
