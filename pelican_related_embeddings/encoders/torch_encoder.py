"""The encoder that runs a model with sentence-transformers.

The only module that names sentence_transformers, and only inside the function that needs it: importing
it takes seconds, and a build in which nothing changed must not pay them.
"""

import atexit
import contextlib
import json
import os
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EncoderError, describe_error
from .libraries import quiet_libraries
from .model import ADVICE, Model, check_package_weights
from .windows import choose_prompt, cut_passages, cut_windows, join_passages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

LONGEST_WINDOW = 100_000  # tokens; a tokenizer without a limit gives a number of thirty digits instead


def load_torch_encoder(
    model: Model,
    device: str | tuple[str, ...] | None,
    batch_size: int | None,
    windows: int,
    prompt: str | None,
    trust_remote_code: bool,
) -> "TorchEncoder":
    """Return the encoder for ``model``. Raises ``EncoderError``."""
    check_package_weights(model)
    check_parts(Path(str(model.folder)), trust_remote_code)
    try:
        with quiet_libraries():
            from sentence_transformers import SentenceTransformer

            loaded = SentenceTransformer(
                str(model.folder),
                device=_choose_device(device),
                trust_remote_code=trust_remote_code,
                local_files_only=True,
                model_kwargs={"use_safetensors": True},
            )
            pool = _start_pool(loaded, device)
    except ImportError as error:
        raise EncoderError(
            f"sentence-transformers cannot be imported ({error}). Install it again, or install onnxruntime "
            "and tokenizers and export the model to ONNX; see docs/encoders.md."
        ) from error
    except Exception as error:  # a model's files can fail in any of several libraries
        raise EncoderError(
            f"The model {model.name} in {model.folder} cannot be loaded ({describe_error(error)}). {ADVICE}"
        ) from error
    return TorchEncoder(loaded, windows, prompt, batch_size, pool)


def check_parts(folder: Path, trust_remote_code: bool) -> None:
    """Raise ``EncoderError`` if a part of the model in ``folder`` is code of its own, a pickle, or missing.

    Before its version 6 sentence-transformers ran the code in any folder, and a model from the hub is in one
    by now. A part that has no safetensors it reads from a pickle.
    """
    for part in _list_parts(folder):
        kind, path = str(part.get("type")), folder / str(part.get("path") or "")
        if not trust_remote_code and not kind.startswith("sentence_transformers."):
            raise EncoderError(
                f"The model in {folder} brings along code of its own ({kind}), which is not run. If you "
                "trust whoever made it, set RELATED_EMBEDDINGS_TRUST_REMOTE_CODE = True; else choose another "
                "model."
            )
        if (path / "pytorch_model.bin").exists() and not list(path.glob("*.safetensors")):
            raise EncoderError(
                f"The part {path.name} of the model in {folder} has its weights in a pickle, which could run "
                "code and is not read. Save the model again, as safetensors, or choose another."
            )
        if kind.endswith(".Transformer") and not _holds_tokenizer(path):
            # The library would go on with a tokenizer that knows no words, and without a warning.
            raise EncoderError(f"The model in {folder} has no tokenizer: its download broke off. {ADVICE}")


def _holds_tokenizer(folder: Path) -> bool:
    names = ("tokenizer.json", "vocab*", "*.model", "*.spm", "*.tiktoken")
    return any(next(folder.glob(name), None) for name in names)


def _list_parts(folder: Path) -> list[dict[str, Any]]:
    try:
        parts = json.loads((folder / "modules.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return []  # the library then says what is wrong with the folder, or takes it for a bare transformer
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _choose_device(device: str | tuple[str, ...] | None) -> str | None:
    if isinstance(device, tuple):
        return device[0] if len(device) == 1 else "cpu"  # the processes of a pool move it to their own
    return device


def _start_pool(model: Any, device: str | tuple[str, ...] | None) -> Any:
    """Start a process for each device and have them stopped at exit; None for a single device."""
    if not isinstance(device, tuple) or len(device) == 1:
        return None
    with _hide_leaks():
        pool = model.start_multi_process_pool(target_devices=list(device))
    atexit.register(_stop_pool, model, pool)
    return pool


@contextlib.contextmanager
def _hide_leaks() -> Iterator[None]:
    """Keep Python's resource tracker, if it is started here, from warning at exit.

    The library ends a pool with a signal, so the locks of its processes are never given back.
    """
    before = os.environ.get("PYTHONWARNINGS")
    own = "ignore::UserWarning:multiprocessing.resource_tracker"
    os.environ["PYTHONWARNINGS"] = f"{before},{own}" if before else own
    try:
        yield
    finally:
        if before is None:
            del os.environ["PYTHONWARNINGS"]
        else:
            os.environ["PYTHONWARNINGS"] = before


def _stop_pool(model: Any, pool: Any) -> None:
    with quiet_libraries():
        model.stop_multi_process_pool(pool)


class TorchEncoder:
    """A sentence-transformers model that reads ``windows`` windows of each text (0: all of it).

    ``pool`` is the library's own pool of processes, if several devices share the work.
    """

    problem: str | None = None

    def __init__(
        self, model: Any, windows: int, prompt: str | None, batch_size: int | None, pool: Any = None
    ) -> None:
        self._model = model
        self._windows = windows
        declared = getattr(model, "prompts", None), getattr(model, "default_prompt_name", None)
        self._prompt = choose_prompt(*declared) if prompt is None else prompt
        self._batch_size = batch_size or (16 if model.device.type == "cpu" else 64)
        self._pool = pool
        self._room = self._measure_room()

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """See ``Encoder``."""
        import numpy as np

        passages = cut_passages(titles, texts, self._cut)
        if not passages.texts:
            return np.zeros((len(texts), self._count_dimensions()), dtype=np.float32)
        return join_passages(self._encode(passages.texts), passages, len(texts))

    def _count_dimensions(self) -> int:
        return int(self._encode(["-"]).shape[1])  # the method that tells it was renamed in version 5

    def _encode(self, passages: list[str]) -> "Vectors":
        import numpy as np

        with quiet_libraries():
            vectors = self._model.encode(
                passages,
                batch_size=self._batch_size,
                prompt=self._prompt,
                normalize_embeddings=True,
                convert_to_numpy=True,
                show_progress_bar=False,
                pool=self._pool,
            )
        return np.asarray(vectors, dtype=np.float32)

    def _cut(self, text: str) -> list[str]:
        return cut_windows(text, self._room, self._windows, self._tokenize)

    def _tokenize(self, text: str) -> tuple[Sequence[tuple[int, int]], Sequence[int | None]]:
        with quiet_libraries():
            coded = self._model.tokenizer(
                text, add_special_tokens=False, return_offsets_mapping=True, truncation=False
            )
        return coded["offset_mapping"], coded.word_ids()

    def _measure_room(self) -> int | None:
        """Return the number of tokens of text that fit into a window; None for a model without a limit."""
        longest: Any = getattr(self._model, "max_seq_length", None)
        tokenizer: Any = getattr(self._model, "tokenizer", None)
        limited = isinstance(longest, int) and longest <= LONGEST_WINDOW
        if not limited or not getattr(tokenizer, "is_fast", False):
            return None
        taken = tokenizer.num_special_tokens_to_add()
        if self._prompt:
            taken += len(tokenizer.encode(self._prompt, add_special_tokens=False))
        return max(1, int(longest) - int(taken))
