"""The encoder that runs a model with sentence-transformers.

The only module that names sentence_transformers, and only inside the function that needs it: importing
it takes seconds, and a build in which nothing changed must not pay them.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import EncoderError, describe_error
from .libraries import quiet_libraries
from .model import Model, Options, check_package_weights
from .windows import choose_prompt, cut_passages, cut_windows, join_passages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

LONGEST_WINDOW = 100_000  # tokens; a tokenizer without a limit gives a number of thirty digits instead


def load_torch_encoder(model: Model, options: Options) -> "TorchEncoder":
    """Return the encoder for ``model``. Raises ``EncoderError``."""
    folder = Path(str(model.folder))
    try:
        check_package_weights(model)
        check_parts(folder, options.trust_remote_code)
        with quiet_libraries():
            check_device(options.device)
            return TorchEncoder(_load(folder, options), options)
    except EncoderError:
        raise
    except ImportError as error:
        raise EncoderError(
            f"sentence-transformers cannot be imported ({error}). Install it again, or install onnxruntime "
            "and tokenizers and export the model to ONNX; see docs/encoders.md."
        ) from error
    except Exception as error:  # a model's files can fail in any of several libraries
        raise EncoderError(
            f"The model {model.name} in {model.folder} cannot be loaded ({describe_error(error)}). Download "
            "or save it again, or set RELATED_EMBEDDINGS_MODEL to another."
        ) from error


def _load(folder: Path, options: Options) -> Any:
    from sentence_transformers import SentenceTransformer

    own = _read(folder / "config_sentence_transformers.json")
    return SentenceTransformer(
        str(folder),
        device=options.device,
        trust_remote_code=options.trust_remote_code,
        local_files_only=True,
        model_kwargs={"use_safetensors": True},
        truncate_dim=own.get("truncate_dim")
        if isinstance(own, dict)
        else None,  # version 5.0 does not read it
    )


def check_device(device: str | None) -> None:
    """Raise ``EncoderError`` if torch cannot use ``device`` on this machine."""
    import torch

    try:
        torch.zeros(1, device=device)
    except Exception as error:  # torch raises AssertionError, RuntimeError and others
        raise EncoderError(
            f"RELATED_EMBEDDINGS_DEVICE must be a device that torch can use here, got {device!r} "
            f"({describe_error(error)}). Remove the setting to use the best one available."
        ) from error


def check_parts(folder: Path, trust_remote_code: bool) -> None:
    """Raise ``EncoderError`` if a part of the model in ``folder`` is code of its own, a pickle, or missing.

    Before its version 6 sentence-transformers ran the code in any folder, and a downloaded model is in one
    by now. A part that has no safetensors it reads from a pickle.
    """
    for part in _list_parts(folder):
        if fault := _find_fault(folder, part, trust_remote_code):
            raise EncoderError(f"The model in {folder} {fault}")


def _find_fault(folder: Path, part: dict[str, Any], trust_remote_code: bool) -> str | None:
    kind, path = str(part.get("type")), folder / str(part.get("path") or "")
    if not trust_remote_code and not kind.startswith("sentence_transformers."):
        return (
            f"has code of its own ({kind}), which is not run. If you trust its author, set "
            "RELATED_EMBEDDINGS_TRUST_REMOTE_CODE = True; otherwise choose another model."
        )
    if (path / "pytorch_model.bin").exists() and not list(path.glob("*.safetensors")):
        return (
            f"has the weights of its part {path.name} in a pickle, which could run code and is not read. "
            "Save the model again, as safetensors, or choose another."
        )
    if kind.endswith(".Transformer") and not _holds_tokenizer(path):
        # The library would go on with a tokenizer that knows no words, and without a warning.
        return (
            "has no tokenizer: its download is incomplete. Download it again, or set "
            "RELATED_EMBEDDINGS_MODEL to another."
        )
    return None


def _holds_tokenizer(folder: Path) -> bool:
    names = ("tokenizer.json", "vocab*", "*.model", "*.spm", "*.tiktoken")
    return any(next(folder.glob(name), None) for name in names)


def _list_parts(folder: Path) -> list[dict[str, Any]]:
    """Return the parts of a model; none if the library has to find out what is wrong with the folder."""
    parts = _read(folder / "modules.json")
    return [part for part in parts if isinstance(part, dict)] if isinstance(parts, list) else []


def _read(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


class TorchEncoder:
    """A sentence-transformers model that reads ``windows`` windows of each text (0: all of it)."""

    problem: str | None = None

    def __init__(self, model: Any, options: Options) -> None:
        self._model = model
        self._windows = options.windows
        declared = getattr(model, "prompts", None), getattr(model, "default_prompt_name", None)
        self._prompt = choose_prompt(*declared) if options.prompt is None else options.prompt
        self._batch_size = options.batch_size or (16 if model.device.type == "cpu" else 64)
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
