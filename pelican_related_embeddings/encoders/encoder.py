"""The one door to all encoders: what is known of a site's model, getting hold of it, and its encoder.

Importing this module is cheap: what runs a model is imported when a text has to be embedded.
"""

import json
from collections.abc import Sequence
from functools import cache as memoise
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from ..errors import EncoderError
from ..settings import VECTORS, Settings
from ..store.cache import Cache
from ..store.keys import VECTORS_VERSION, hash_parts
from .identity import identify_model
from .libraries import is_installed
from .model import Model, Options, download_model, find_model, find_onnx, name_export

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

# The encoders whose vectors are those of the model's weights, so that they share them in the cache. The
# vectors of any other are kept under its own name.
SAME_VECTORS = frozenset({"auto", "sentence-transformers", "onnx"})
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
        ``EncoderError`` where the fault is not in the texts.
        """
        ...


# Which model it is


def recall_model(settings: Settings, cache: Cache) -> Model:
    """Return the model as far as it is known without the network; its digest is empty if it never was.

    What the cache remembers is believed as long as the model's files do not contradict it: they may be
    somewhere else, or out of order, and the cached vectors are still this model's. Raises ``EncoderError``
    for a model that cannot exist and that nothing is remembered of.
    """
    known = remembered_model(settings, cache)
    if settings.endpoint is not None:
        return known
    try:
        model = identify_model(find_model(settings.model), known)
    except EncoderError:
        if not known.digest:
            raise
        return known
    if model.folder is None:
        return known
    if model.stamp != known.stamp:
        remember_model(model, settings, cache)
    return model


def remembered_model(settings: Settings, cache: Cache) -> Model:
    """Return what earlier builds knew of the model; its digest is empty if they knew nothing."""
    key = _key_model(settings)
    try:
        row = json.loads(cache.read("models", [key])[key])
        return Model(settings.model, None, str(row["digest"]), str(row["stamp"]))
    except (KeyError, ValueError, TypeError):
        return Model(settings.model)


def remember_model(model: Model, settings: Settings, cache: Cache) -> None:
    """Keep a model's digest under its configured name, so that it need not be computed again."""
    row = {"name": _name_model(settings), "digest": model.digest, "stamp": model.stamp}
    cache.write("models", {_key_model(settings): json.dumps(row).encode()})


def _key_model(settings: Settings) -> bytes:
    return hash_parts("model", name_family(settings), _name_model(settings))


def _name_model(settings: Settings) -> str:
    """Return the model's name without the folders of this machine: a cache may be published."""
    path = Path(settings.model)
    elsewhere = path.is_absolute() or path.parts[:1] == ("..",) or settings.model.startswith("~")
    return path.name if elsewhere else settings.model


def name_family(settings: Settings) -> str:
    """Return the name under which an encoder's vectors are kept: its own, unless it shares them."""
    name = _name_encoder(settings)
    return "weights" if name in SAME_VECTORS else name


def _name_encoder(settings: Settings) -> str:
    return settings.encoder if settings.endpoint is None else "endpoint"


def key_encoder(model: Model, settings: Settings) -> str:
    """Return the part of a vector's key that the encoder, the model and its parameters make up."""
    parts = [VECTORS_VERSION, name_family(settings), model.digest, *settings.list_values(VECTORS)]
    return json.dumps(parts)


# The model itself


def obtain_encoder(settings: Settings, known: Model | None = None) -> Model:
    """Return the model, on this machine and with its digest: downloaded if need be, an endpoint asked.

    Raises ``EncoderError`` if that fails.
    """
    if settings.endpoint is not None:
        from .endpoint_encoder import probe_endpoint

        return Model(settings.model, None, probe_endpoint(settings))
    light = settings.encoder == "onnx" or (
        settings.encoder == "auto" and not is_installed("sentence_transformers")
    )
    return identify_model(download_model(find_model(settings.model), onnx=light), known)


def load_encoder(model: Model, settings: Settings) -> Encoder:
    """Return the encoder for a ``model`` that was obtained, loaded once per process.

    Raises ``EncoderError``.
    """
    name = _name_encoder(settings)
    if name == "endpoint":
        from .endpoint_encoder import load_endpoint_encoder

        return load_endpoint_encoder(model, settings)
    options = Options(
        settings.device, settings.batch_size, settings.windows, settings.prompt, settings.trust_remote_code
    )
    return _load_local(model, name, options)


@memoise
def _load_local(model: Model, encoder: str, options: Options) -> Encoder:
    folder = _choose_onnx(model, encoder, options.device)
    if folder is not None:
        from .onnx_encoder import load_onnx_encoder

        return load_onnx_encoder(folder, options)
    from .torch_encoder import load_torch_encoder

    return load_torch_encoder(model, options)


def _choose_onnx(model: Model, encoder: str, device: str | None) -> Path | None:
    """Return the folder whose ONNX file is to run; None for sentence-transformers."""
    folder = _find_exported(model)
    on_cpu = device in (None, "cpu")
    if encoder == "onnx":
        return _require_onnx(model, folder, device)
    if encoder != "auto" or folder is None or not on_cpu or not is_installed("onnxruntime", "tokenizers"):
        return None
    return folder if _can_run(folder) or not is_installed("sentence_transformers") else None


def _require_onnx(model: Model, folder: Path | None, device: str | None) -> Path:
    if device not in (None, "cpu"):
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
    return next((folder for folder in folders if folder is not None and find_onnx(folder)), None)


def _can_run(folder: Path) -> bool:
    from .onnx_encoder import read_layout

    try:
        read_layout(folder)
    except EncoderError:
        return False
    return True
