"""The encoder that runs a model's ONNX file with onnxruntime: no torch, and no seconds to import it.

It does what sentence-transformers does with the same model: the same tokens, pooling and truncation, so
that both share cached vectors. What it cannot do it refuses when it is loaded.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

from ..errors import EncoderError, describe_error
from .libraries import quiet_libraries
from .model import Options, find_onnx
from .windows import choose_prompt, cut_passages, cut_windows, join_passages

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

BATCH_SIZE = 16  # faster on a CPU than 32 or 64: less padding, and it stays in the processor's cache
MODULES = {"Transformer", "Pooling", "Normalize"}
INPUTS = {"input_ids", "attention_mask", "token_type_ids"}
POOLINGS = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
# What this encoder does; a model that asks sentence-transformers for anything else is refused.
SENTENCE_OPTIONS = {
    "do_lower_case": False,
    "transformer_task": "feature-extraction",
    "module_output_name": "token_embeddings",
    "modality_config": {"text": {"method": "forward", "method_output_name": "last_hidden_state"}},
}
TOKENIZER_OPTIONS = {"truncation_side": "right", "padding_side": "right"}
NORMALIZERS = {  # what transformers reads of a tokenizer's options, and its name in tokenizer.json
    "do_lower_case": "lowercase",
    "strip_accents": "strip_accents",
    "tokenize_chinese_chars": "handle_chinese_chars",
}


@dataclass(frozen=True, slots=True)
class Layout:
    """How a sentence-transformers model uses its transformer.

    ``longest`` is the number of tokens that it reads, ``pooling`` "mean" or "cls", ``padding`` the token
    that fills up a batch, ``dimensions`` the number that is kept of a vector (None: all).
    """

    folder: Path
    longest: int
    pooling: str
    padding: int = 0
    dimensions: int | None = None
    prompts: Mapping[str, str] = field(default_factory=dict)
    default_prompt: str | None = None


# What the model's files say


def read_layout(folder: Path) -> Layout:
    """Return the layout of the model in ``folder``.

    Raises ``EncoderError`` if it has parts or options that this encoder does not know.
    """
    try:
        return _read_layout(folder)
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise EncoderError(
            f"The folder {folder} does not describe a sentence-transformers model ({describe_error(error)})."
        ) from error


def _read_layout(folder: Path) -> Layout:
    parts = _read(folder, "modules")
    modules = {part["type"].rpartition(".")[2]: folder / part["path"] for part in parts}
    if modules.keys() | {"Normalize"} != MODULES:
        _refuse(folder, f"its parts are {', '.join(modules)}, not Transformer, Pooling and Normalize")
    transformer = modules["Transformer"]
    sentence = _read_sentence_config(transformer)
    unknown = dict.fromkeys(sentence.keys() - {"max_seq_length"})
    _check_options(folder, sentence, unknown | SENTENCE_OPTIONS)
    _check_tokenizer(folder, transformer)
    config = _read(transformer, "config")
    own = _read(folder, "config_sentence_transformers", {})
    return Layout(
        transformer,
        _read_longest(transformer, sentence, config),
        _read_pooling(folder, modules["Pooling"]),
        int(config.get("pad_token_id") or 0),
        own.get("truncate_dim"),
        own.get("prompts") or {},
        own.get("default_prompt_name"),
    )


def _read_sentence_config(transformer: Path) -> dict[str, Any]:
    found = sorted(transformer.glob("sentence_*_config.json"))
    return dict(_load(found[0])) if found else {}


def _check_options(folder: Path, given: Mapping[str, Any], followed: Mapping[str, Any]) -> None:
    """Refuse a model that sets one of the options ``followed`` to another value."""
    for name, value in followed.items():
        if given.get(name) not in (None, {}, value):
            _refuse(folder, f"it sets {name} to {given[name]!r}")


def _check_tokenizer(folder: Path, transformer: Path) -> None:
    """Refuse a model whose tokenizer_config.json overrules tokenizer.json, which alone is used here."""
    config = _read(transformer, "tokenizer_config", {})
    _check_options(folder, config, TOKENIZER_OPTIONS)
    if any(config.get(name) is not None for name in NORMALIZERS):
        normalizer = _read(transformer, "tokenizer").get("normalizer") or {}
        if normalizer.get("type") == "BertNormalizer":
            _check_options(folder, config, {name: normalizer[own] for name, own in NORMALIZERS.items()})


def _read_pooling(folder: Path, pooling: Path) -> str:
    config = _read(pooling, "config")
    modes = config.get("pooling_mode") or [mode for key, mode in POOLINGS.items() if config.get(key)]
    modes = [modes] if isinstance(modes, str) else list(modes)
    if modes not in (["mean"], ["cls"]):
        _refuse(folder, f"its pooling is {' and '.join(modes)}, not mean or cls")
    _check_options(folder, config, {"include_prompt": True})
    return str(modes[0])


def _read_longest(transformer: Path, sentence: Mapping[str, Any], config: Mapping[str, Any]) -> int:
    if sentence.get("max_seq_length"):
        return int(sentence["max_seq_length"])
    limits = [_read(transformer, "tokenizer_config", {}).get("model_max_length")]
    limits.append(config.get("max_position_embeddings"))
    return min(int(limit) for limit in limits if limit)


def _read(folder: Path, name: str, default: Any = None) -> Any:
    path = folder / f"{name}.json"
    return default if default is not None and not path.is_file() else _load(path)


def _load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def _refuse(folder: Path, reason: str) -> NoReturn:
    raise EncoderError(
        f"The model in {folder} cannot be run by onnxruntime here: {reason}. Set "
        'RELATED_EMBEDDINGS_ENCODER to "sentence-transformers".'
    )


# The encoder


def load_onnx_encoder(folder: Path, options: Options) -> "OnnxEncoder":
    """Return the encoder for the model in ``folder``, which has an ONNX file. Raises ``EncoderError``."""
    layout = read_layout(folder)
    file = find_onnx(folder)
    try:
        with quiet_libraries():
            session, tokenizer = _load_parts(str(file), layout)
    except ImportError as error:
        raise EncoderError(
            f'RELATED_EMBEDDINGS_ENCODER is "onnx", but {error.name} cannot be imported ({error}). Install '
            'it with "pip install onnxruntime tokenizers".'
        ) from error
    except Exception as error:  # both libraries raise errors of their own, and plain Exception
        raise EncoderError(
            f"The ONNX file {file} or its tokenizer cannot be loaded ({describe_error(error)}). "
            "Export it again with export_onnx."
        ) from error
    _check_session(folder, session)
    return OnnxEncoder(session, tokenizer, layout, options)


def _load_parts(file: str, layout: Layout) -> tuple[Any, Any]:
    import onnxruntime  # type: ignore[import-untyped, unused-ignore]
    from tokenizers import Tokenizer

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # it logs to the terminal by itself
    session = onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])
    return session, Tokenizer.from_file(str(layout.folder / "tokenizer.json"))


def _check_session(folder: Path, session: Any) -> None:
    if unknown := {given.name for given in session.get_inputs()} - INPUTS:
        _refuse(folder, f"its ONNX file needs the inputs {', '.join(sorted(unknown))}")
    if len(session.get_outputs()[0].shape) != 3:
        _refuse(folder, "its ONNX file gives no vector for each token")


class OnnxEncoder:
    """A model run by onnxruntime that reads ``options.windows`` windows of each text (0: all of it)."""

    problem: str | None = None

    def __init__(self, session: Any, tokenizer: Any, layout: Layout, options: Options) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._layout = layout
        self._windows = options.windows
        declared = choose_prompt(layout.prompts, layout.default_prompt)
        self._prompt = declared if options.prompt is None else options.prompt
        self._batch_size = options.batch_size or BATCH_SIZE
        self._inputs = {given.name for given in session.get_inputs()}
        tokenizer.no_padding()
        tokenizer.no_truncation()
        prompt_tokens = tokenizer.encode(self._prompt, add_special_tokens=False).ids if self._prompt else ()
        self._room = max(1, layout.longest - tokenizer.num_special_tokens_to_add(False) - len(prompt_tokens))

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """See ``Encoder``."""
        import numpy as np

        passages = cut_passages(titles, texts, self._cut)
        if not passages.texts:
            return np.zeros((len(texts), self._count_dimensions()), dtype=np.float32)
        return join_passages(self._encode(passages.texts), passages, len(texts))

    def _count_dimensions(self) -> int:
        last = self._session.get_outputs()[0].shape[-1]
        return len(range(last if isinstance(last, int) else 1)[: self._layout.dimensions])

    def _cut(self, text: str) -> list[str]:
        return cut_windows(text, self._room, self._windows, self._tokenize)

    def _tokenize(self, text: str) -> tuple[Sequence[tuple[int, int]], Sequence[int | None]]:
        self._tokenizer.no_truncation()
        coded = self._tokenizer.encode(text, add_special_tokens=False)
        return coded.offsets, coded.word_ids

    def _encode(self, passages: list[str]) -> "Vectors":
        """Return a unit row for each passage, (n, dim), made in batches of texts of about the same length."""
        import numpy as np

        self._tokenizer.enable_truncation(self._layout.longest)
        order = sorted(range(len(passages)), key=lambda row: -len(passages[row]))
        vectors: list[Any] = [None] * len(passages)
        for start in range(0, len(order), self._batch_size):
            rows = order[start : start + self._batch_size]
            for row, vector in zip(rows, self._run([passages[row] for row in rows]), strict=True):
                vectors[row] = vector
        found = np.stack(vectors)[:, : self._layout.dimensions]
        lengths = np.linalg.norm(found, axis=1, keepdims=True)
        return np.asarray(found / np.maximum(lengths, 1e-12), dtype=np.float32)

    def _run(self, passages: Sequence[str]) -> "Vectors":
        """Return the pooled vectors of one batch, (n, dim)."""
        import numpy as np

        coded = self._tokenizer.encode_batch([self._prompt + passage for passage in passages])
        inputs = _fill_inputs(coded, self._layout.padding)
        given = {name: inputs[name] for name in self._inputs}
        states = np.asarray(self._session.run(None, given)[0], dtype=np.float32)
        return pool_tokens(states, inputs["attention_mask"], self._layout.pooling)


def _fill_inputs(coded: Sequence[Any], padding: int) -> dict[str, Any]:
    """Return the model's inputs, (n, tokens) int64 each, for texts as the tokenizer has coded them."""
    import numpy as np

    shape = len(coded), max(len(item.ids) for item in coded)
    inputs = {
        "input_ids": np.full(shape, padding, dtype=np.int64),
        "attention_mask": np.zeros(shape, dtype=np.int64),
        "token_type_ids": np.zeros(shape, dtype=np.int64),
    }
    for row, item in enumerate(coded):
        inputs["input_ids"][row, : len(item.ids)] = item.ids
        inputs["attention_mask"][row, : len(item.ids)] = 1
        inputs["token_type_ids"][row, : len(item.ids)] = item.type_ids
    return inputs


def pool_tokens(states: "Vectors", mask: Any, pooling: str) -> "Vectors":
    """Return (n, dim) from the tokens' ``states``, (n, tokens, dim), and ``mask``, (n, tokens) of 0 and 1."""
    import numpy as np

    if pooling == "cls":
        return states[:, 0]
    weights = mask.astype(np.float32)
    total = np.einsum("ntd,nt->nd", states, weights)
    return np.asarray(total / np.maximum(weights.sum(axis=1, keepdims=True), 1e-9), dtype=np.float32)
