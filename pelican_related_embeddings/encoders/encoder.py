"""The one door to all encoders: which one a build takes, what it is, and the encoder itself.

Nothing here is slow to import: what runs a model is imported when a text is to be embedded.
"""

from collections.abc import Sequence
from functools import cache as memoise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import EncoderError
from ..settings import Settings
from ..store.cache import Cache
from ..store.keys import hash_parts
from .libraries import is_installed, quiet_libraries, spare_collector
from .model import (
    ADVICE,
    DOWNLOAD_SIZES,
    ENGLISH_ONLY,
    PACKAGES,
    Model,
    download_model,
    find_model,
    find_onnx,
    identify_model,
    is_current,
    key_encoder,
    name_export,
)

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

__all__ = [
    "ADVICE",
    "CHUNK_PASSAGES",
    "DOWNLOAD_SIZES",
    "ENDPOINT_PASSAGES",
    "ENGLISH_ONLY",
    "PACKAGES",
    "Encoder",
    "Model",
    "download_model",
    "find_model",
    "identify_encoder",
    "identify_model",
    "is_current",
    "key_encoder",
    "load_encoder",
    "obtain_encoder",
    "quiet_libraries",
    "recall_model",
    "remember_model",
]

ENDPOINT = "endpoint:"  # begins the digest of a model that is somewhere else, before its name and dimension
CHUNK_PASSAGES = 64  # passages per call: what a killed build can lose, and enough to sort by length
ENDPOINT_PASSAGES = 256  # the same for an endpoint, which answers several requests at a time


class Encoder(Protocol):
    """Turns texts into vectors.

    ``problem`` says why the last call left rows of NaN, if it did and the reason is known.
    """

    problem: str | None

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """Return (n, dim) float32 rows of unit length in the given order.

        The row of an empty text is zero, that of a text that could not be embedded NaN. Raises
        ``EncoderError`` if none could be.
        """
        ...


def identify_encoder(settings: Settings, known: Model | None = None) -> Model:
    """Return what is to embed, as far as it is known without the network or much work.

    ``known`` is what the cache remembers of it. The digest is empty where it has yet to be learnt, by
    ``obtain_encoder``. Raises ``EncoderError`` for a model that cannot exist, such as an empty folder.
    """
    if settings.endpoint is not None:
        remembered = known is not None and known.digest.rpartition(":")[0] == f"{ENDPOINT}{settings.model}"
        return known if known is not None and remembered else Model(settings.model, None)
    if known is not None and known.digest.startswith(ENDPOINT):
        known = None
    if known is not None and known.name == settings.model and is_current(known):
        return known
    return identify_model(find_model(settings.model), known)


def obtain_encoder(settings: Settings, known: Model | None = None) -> Model:
    """Return what is to embed, at hand and with its digest: a model is fetched, an endpoint asked.

    Raises ``EncoderError`` if that fails.
    """
    if settings.endpoint is not None:
        from .endpoint_encoder import probe_endpoint

        return Model(settings.model, None, f"{ENDPOINT}{settings.model}:{probe_endpoint(settings)}")
    light = settings.encoder == "onnx" or (
        settings.encoder == "auto" and not is_installed("sentence_transformers")
    )
    return identify_model(download_model(find_model(settings.model), onnx=light), known)


def load_encoder(model: Model, settings: Settings) -> Encoder:
    """Return the encoder for ``model``, loaded once per process. Raises ``EncoderError``."""
    if settings.endpoint is not None:
        from .endpoint_encoder import EndpointEncoder

        return EndpointEncoder(settings, int(model.digest.rpartition(":")[2]))
    return _load(
        model,
        settings.encoder,
        settings.device,
        settings.batch_size,
        settings.windows,
        settings.prompt,
        settings.trust_remote_code,
    )


@memoise
def _load(
    model: Model,
    encoder: str,
    device: str | tuple[str, ...] | None,
    batch_size: int | None,
    windows: int,
    prompt: str | None,
    trust_remote_code: bool,
) -> Encoder:
    folder = _choose_onnx(model, encoder, device)
    with spare_collector():
        if folder is not None:
            from .onnx_encoder import load_onnx_encoder

            return load_onnx_encoder(folder, batch_size, windows, prompt)
        from .torch_encoder import load_torch_encoder

        return load_torch_encoder(model, device, batch_size, windows, prompt, trust_remote_code)


def _choose_onnx(model: Model, encoder: str, device: str | tuple[str, ...] | None) -> Path | None:
    """Return the folder whose ONNX file is to run; None for sentence-transformers."""
    folder = _find_exported(model)
    on_cpu = device in (None, "cpu", ("cpu",))
    if encoder == "onnx":
        return _require_onnx(model, folder, on_cpu, device)
    if encoder != "auto" or folder is None or not on_cpu or not is_installed("onnxruntime", "tokenizers"):
        return None
    return folder if _can_run(folder) or not is_installed("sentence_transformers") else None


def _require_onnx(model: Model, folder: Path | None, on_cpu: bool, device: object) -> Path:
    if not on_cpu:
        raise EncoderError(
            'RELATED_EMBEDDINGS_DEVICE must be "cpu" or None where RELATED_EMBEDDINGS_ENCODER is "onnx", '
            f"got {device!r}. Remove one of the two."
        )
    if folder is None:
        raise EncoderError(
            f"The model {model.name} in {model.folder} has no ONNX file. Make one with "
            f'"python -m pelican_related_embeddings.encoders.export_onnx {model.name}", or remove '
            "RELATED_EMBEDDINGS_ENCODER."
        )
    return folder


def _find_exported(model: Model) -> Path | None:
    folders = [Path(str(model.folder)), name_export(model.digest)]
    return next((folder for folder in folders if find_onnx(folder)), None)


def _can_run(folder: Path) -> bool:
    from .onnx_encoder import read_layout

    try:
        read_layout(folder)
    except EncoderError:
        return False
    return True


def recall_model(settings: Settings, cache: Cache) -> Model:
    """Return what is known of the model: its digest is empty where it has never been seen.

    Raises ``EncoderError`` for a model that cannot exist, such as a folder without weights.
    """
    row = hash_parts("model", settings.model)
    known = _read_known(cache.read("models", [row]).get(row))
    model = identify_encoder(settings, known)
    if model.digest and model != known:
        remember_model(model, settings, cache)
    return model


def remember_model(model: Model, settings: Settings, cache: Cache) -> None:
    """Keep a model's digest under its configured name, so that it need not be worked out again."""
    cache.write("models", {hash_parts("model", settings.model): model.to_json().encode()})


def _read_known(content: bytes | None) -> Model | None:
    try:
        return Model.from_json(content.decode()) if content else None
    except ValueError:
        return None
