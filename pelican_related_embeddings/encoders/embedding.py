"""Each document's vector: from the cache, or from the model where the cache has none.

Look up, get the model ready, embed what is missing, look for stand-ins: each step returns a value. A fault of
the encoder, of whatever kind, costs vectors and nothing else.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from ..errors import EncoderError, describe_error
from ..messages import Messages, count
from ..settings import Settings, show_url
from ..store.cache import Cache
from ..store.keys import NO_VECTOR, VectorKeys, hash_parts
from ..text.document import Document
from .encoder import (
    CHUNK_PASSAGES,
    ENDPOINT_PASSAGES,
    Encoder,
    key_encoder,
    load_encoder,
    obtain_encoder,
    remember_model,
)
from .model import DOWNLOAD_SIZES, Model, find_model

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

NUMBER = 4  # bytes: vectors are kept as little-endian float32
TEXT_PART = 16  # bytes of a vector's key that are the same whatever is left out of the text


@dataclass(frozen=True, slots=True)
class Text:
    """A document to embed: its words' digest, and the blocks of boilerplate that are left out."""

    document: Document
    digest: bytes
    dropped: frozenset[int] = frozenset()


@dataclass(frozen=True, slots=True)
class Found:
    """What there is of some texts under a model: the key of each one's vector, and vectors by key."""

    model: Model
    wanted: tuple[bytes, ...]
    vectors: Mapping[bytes, bytes]


@dataclass(frozen=True, slots=True)
class Made:
    """The vectors that a model made, by key; ``problem`` says why it did not make others."""

    vectors: Mapping[bytes, bytes]
    problem: str = ""


@dataclass(frozen=True, slots=True)
class Context:
    """Where texts are embedded: under which settings, into which cache, and whom to tell."""

    settings: Settings
    cache: Cache
    messages: Messages


@dataclass(frozen=True, eq=False)
class Embedding:
    """The vectors of some texts.

    ``vectors``: (n, dim) float32, unit rows, or zero for a text without one. ``keys`` tell which those are.
    ``embedded`` of them were made in this build; ``problem`` says why others were not, where that is a fault.
    """

    vectors: "Vectors"
    keys: VectorKeys
    model: Model
    embedded: int
    problem: str


def embed_documents(texts: Sequence[Text], model: Model, context: Context) -> Embedding:
    """Return the vectors of ``texts``; those that the cache does not hold are made and kept in it.

    A text that cannot be embedded costs the others nothing, and each build asks for it again. For a text
    whose vector cannot or may not be made, one stands in that was made when other blocks of it were left out.
    """
    found = look_up(texts, model, context)
    made = Made({})
    if context.settings.embed and list_absent(texts, found):
        found, made = make_absent(texts, found, context)
    vectors = {**found.vectors, **made.vectors}
    stand_ins = find_stand_ins([key for key in found.wanted if key not in vectors], vectors, context.cache)
    used = (key if key in vectors else stand_ins.get(key, (NO_VECTOR, b""))[0] for key in found.wanted)
    keys = VectorKeys(found.wanted, tuple(used))
    vectors.update(stand_ins.values())
    embedded = sum(key in made.vectors for key in keys.used)  # equal texts have one vector
    return Embedding(stack_vectors(keys.used, vectors), keys, found.model, embedded, made.problem)


# What the cache has


def look_up(texts: Sequence[Text], model: Model, context: Context) -> Found:
    """Return the vectors that the cache holds under the model's present digest.

    A post that is not published takes any vector of its text: it may be published in another build of the
    site (a subsite's, say), where other blocks count as boilerplate.
    """
    encoder = key_encoder(model, context.settings)
    wanted = [key_vector(encoder, text) for text in texts]
    if not model.digest:
        return Found(model, tuple(wanted), {})
    vectors = keep_alike(context.cache.read("vectors", wanted))
    unpublished = [
        key
        for key, text in zip(wanted, texts, strict=True)
        if not text.document.published and key not in vectors
    ]
    stand_ins = find_stand_ins(unpublished, vectors, context.cache)
    taken = tuple(stand_ins[key][0] if key in stand_ins else key for key in wanted)
    return Found(model, taken, {**vectors, **dict(stand_ins.values())})


def key_vector(encoder: str, text: Text) -> bytes:
    """Return the key of a text's vector; what it begins with names the text whatever is left out of it."""
    return hash_parts("vector", encoder, text.digest) + hash_parts(*map(str, sorted(text.dropped)))[:8]


def keep_alike(vectors: Mapping[bytes, bytes]) -> dict[bytes, bytes]:
    """Return the vectors that have as many dimensions as most have, and are finite numbers."""
    import numpy as np

    size = measure(vectors)
    return {
        key: content
        for key, content in vectors.items()
        if len(content) == size and np.isfinite(np.frombuffer(content, "<f4")).all()
    }


def measure(vectors: Mapping[bytes, bytes]) -> int:
    """Return how many bytes most of ``vectors`` have; 0 if there are none."""
    sizes = Counter(map(len, vectors.values())).most_common(1)
    return sizes[0][0] if sizes and sizes[0][0] % NUMBER == 0 else 0


def find_stand_ins(
    keys: Sequence[bytes], vectors: Mapping[bytes, bytes], cache: Cache
) -> dict[bytes, tuple[bytes, bytes]]:
    """Return key and content of the newest vector of the same text for each of ``keys`` that has one.

    ``vectors`` are those that they must be comparable with.
    """
    newest = {key: cache.read_newest("vectors", key[:TEXT_PART]) for key in keys}
    found = {key: row for key, row in newest.items() if row is not None}
    alike = keep_alike({**vectors, **dict(found.values())})
    return {key: row for key, row in found.items() if row[0] in alike}


def stack_vectors(used: Sequence[bytes], vectors: Mapping[bytes, bytes]) -> "Vectors":
    """Return the vectors under the keys ``used``, row by row; zeros where there is none."""
    import numpy as np

    stacked = np.zeros((len(used), max(measure(vectors) // NUMBER, 1)), dtype=np.float32)
    for row, key in enumerate(used):
        if key in vectors:
            stacked[row] = np.frombuffer(vectors[key], dtype="<f4")
    return stacked


# Passages of documents


def embed_passages(passages: Sequence[str], model: Model, context: Context) -> "Vectors":
    """Return the vectors of passages of documents, (n, dim) float32; zeros where the model makes none.

    Kept in the cache, like those of whole documents; a fault is one warning.
    """
    encoder_key = key_encoder(model, context.settings)
    keys = [hash_parts("passage", encoder_key, text) + bytes(8) for text in passages]
    vectors = keep_alike(context.cache.read("vectors", keys)) if model.digest else {}
    absent = {key: text for key, text in zip(keys, passages, strict=True) if key not in vectors}
    if absent and context.settings.embed and model.digest:
        try:
            vectors |= _make_passages(absent, model, context)
        except Exception as error:  # noqa: BLE001 - models run the code of many libraries
            context.messages.warn(f"{describe_fault(error)} Places for links were chosen by words alone.")
    return stack_vectors(keys, vectors)


def _make_passages(absent: Mapping[bytes, str], model: Model, context: Context) -> dict[bytes, bytes]:
    obtained = obtain_encoder(context.settings, model)
    if obtained.digest != model.digest:
        return {}  # they could not be compared with the vectors of the documents
    made = load_encoder(obtained, context.settings).embed([""] * len(absent), list(absent.values()))
    rows = {key: vector.astype("<f4").tobytes() for key, vector in zip(absent, made, strict=True)}
    context.cache.write("vectors", rows)
    return rows


# What the model makes


def list_absent(texts: Sequence[Text], found: Found) -> list[tuple[bytes, Text]]:
    """Return key and text of each vector still to be made, the shortest text first.

    The first texts show whether the model works at all, and short ones are seldom refused.
    """
    absent = {key: text for key, text in zip(found.wanted, texts, strict=True) if key not in found.vectors}
    return sorted(absent.items(), key=lambda pair: (len(pair[1].document.html), pair[1].document.path))


def make_absent(texts: Sequence[Text], found: Found, context: Context) -> tuple[Found, Made]:
    """Return what there is, looked up again if the model is not the one that was known, and what was made."""
    try:
        found = obtain_model(texts, found, context)
        absent = list_absent(texts, found)
        encoder = load_encoder(found.model, context.settings) if absent else None
    except Exception as error:  # noqa: BLE001 - models run the code of many libraries
        return found, Made({}, describe_fault(error))
    if encoder is None:
        return found, Made({})
    made = embed_texts(absent, encoder, context)
    alike = {key: one for key, one in found.vectors.items() if len(one) == measure(made.vectors)}
    if made.vectors and len(alike) < len(found.vectors):  # the cache has them of another size
        found = replace(found, vectors={**alike, **made.vectors})
        more = embed_texts(list_absent(texts, found), encoder, context)
        made = Made({**made.vectors, **more.vectors}, made.problem or more.problem)
    return found, made


def obtain_model(texts: Sequence[Text], found: Found, context: Context) -> Found:
    """Get the model ready, downloaded if need be; look again if it is not the one remembered."""
    settings, messages, total = context.settings, context.messages, len(list_absent(texts, found))
    available = settings.endpoint is not None or find_model(settings.model).folder is not None
    messages.tell(describe_start(total, settings, fetch=not available))
    messages.progress(0, total)
    model = obtain_encoder(settings, found.model)
    if model != found.model:
        remember_model(model, settings, context.cache)
    if model.digest != found.model.digest:
        return look_up(texts, model, context)
    return replace(found, model=model)


def embed_texts(absent: Sequence[tuple[bytes, Text]], encoder: Encoder, context: Context) -> Made:
    """Return the vectors of texts given with their keys, embedded in chunks and kept chunk by chunk.

    Texts that the model refuses are left out. It is given up when it fails or refuses all of the first chunk.
    """
    made: dict[bytes, bytes] = {}
    problem = ""
    size = ENDPOINT_PASSAGES if context.settings.endpoint else CHUNK_PASSAGES
    for start in range(0, len(absent), size):
        chunk = absent[start : start + size]
        try:
            fresh = embed_chunk(chunk, encoder)
        except Exception as error:  # noqa: BLE001 - models run the code of many libraries
            return Made(made, describe_fault(error))
        context.cache.write("vectors", fresh)
        made |= fresh
        if len(fresh) < len(chunk):
            problem = problem or encoder.problem or describe_refusal(context.settings)
        if not made:
            break
        context.messages.progress(start + len(chunk), len(absent))
    return Made(made, problem)


def embed_chunk(chunk: Sequence[tuple[bytes, Text]], encoder: Encoder) -> dict[bytes, bytes]:
    """Return the usable vectors of some texts, by key."""
    import numpy as np

    from ..text.words import compose_text

    pairs = [compose_text(text.document, text.dropped) for _, text in chunk]
    vectors = encoder.embed([title for title, _ in pairs], [text for _, text in pairs])
    return {
        key: vector.astype("<f4").tobytes()
        for (key, _), vector in zip(chunk, vectors, strict=True)
        if np.isfinite(vector).all()
    }


# What the author is told


def describe_start(total: int, settings: Settings, fetch: bool) -> str:
    """Return what is about to take time, and where the texts go if not to a model on this machine."""
    size = DOWNLOAD_SIZES.get(settings.model, "")
    fetched = f" The model is downloaded first{f' ({size})' if size else ''}, once." if fetch else ""
    sent = ""
    if settings.endpoint:
        sent = f" Their texts are sent to {show_url(settings.endpoint)}."
    return f"embedding {count(total, 'article')} with {settings.model}.{fetched}{sent}"


def describe_fault(error: Exception) -> str:
    """Return why the model gave no vectors."""
    return str(error) if isinstance(error, EncoderError) else f"Embedding failed ({describe_error(error)})."


def describe_refusal(settings: Settings) -> str:
    """Return why some texts have no vector though the model works."""
    return f"The model {settings.model} gave no usable vector for some texts."
