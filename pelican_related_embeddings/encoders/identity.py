"""Which model it is: what its vectors depend on, and what the cache remembers of it.

A model is its weights and what its files say of their use. It keeps its identity however it was installed,
and whichever encoder runs it. Importing this module is cheap.
"""

import json
import re
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path

from ..errors import EncoderError, describe_error
from .model import Model, list_weights

# The files that sentence-transformers and transformers read beside the weights.
_DESCRIPTIONS = re.compile(
    r"(modules|config|config_sentence_transformers|sentence_[\w-]+_config|router_config|adapter_config|"
    r"lstm_config|cnn_config|wordembedding_config|whitespacetokenizer_config|"
    r"tokenizer|tokenizer_config|special_tokens_map|added_tokens)\.json"
)
# What they say that no vector depends on: who saved them, when, with what.
_PROVENANCE = frozenset(
    "__version__ transformers_version _name_or_path name_or_path _commit_hash idx name similarity_fn_name "
    "use_cache tokenizer_file special_tokens_map_file".split()
)
_OTHER_FORMATS = ("onnx", "openvino")  # folders of the same model for other libraries


def identify_model(model: Model, known: Model | None = None) -> Model:
    """Return ``model`` with its digest, taken from ``known`` if its files have the size and time they had.

    The digest is the SHA-256 of the weights, a dot, and that of how they are used. A model that is not on
    this machine is returned as it is. Raises ``EncoderError`` for files that cannot be read.
    """
    if model.folder is None:
        return model
    folder = Path(model.folder)
    try:
        stamp = _stamp_files(folder)
        if known is not None and known.digest and known.stamp == stamp:
            return Model(model.name, model.folder, known.digest, stamp)
        digest = f"{digest_weights(folder)}.{_digest_use(folder)}"
    except OSError as error:
        raise EncoderError(
            f"The files of the model {model.name} cannot be read ({describe_error(error)})."
        ) from error
    return Model(model.name, model.folder, digest, stamp)


def digest_weights(folder: Path) -> str:
    """Return the SHA-256 of a model's weights, or of those that its ONNX file was made from."""
    weights = list_weights(folder)
    if not weights:
        raise EncoderError(f"The model's folder {folder} has no weights.")
    digest = _hash_files(weights)
    if weights[0].suffix != ".onnx":
        return digest
    record = _read_json(_name_record(weights[0]))
    if not isinstance(record, dict) or record.get("onnx_sha256") != digest:
        return digest  # a record of another file says nothing about this one
    return str(record.get("weights_sha256", digest))


def record_source(onnx: Path, weights: str) -> None:
    """Write beside an ONNX file from which weights it was made, so that both share cached vectors."""
    record = {"onnx_sha256": _hash_files([onnx]), "weights_sha256": weights}
    _name_record(onnx).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def list_descriptions(folder: Path) -> list[Path]:
    """Return the files that say how a model's weights are used, in a stable order."""
    found = (path for pattern in ("*.json", "*/*.json", "*/*/*.json") for path in folder.glob(pattern))
    return sorted(
        path
        for path in found
        if _DESCRIPTIONS.fullmatch(path.name) and path.parent.name not in _OTHER_FORMATS
    )


def _digest_use(folder: Path) -> str:
    """Return 16 hex digits of what a model's files say of the use of its weights.

    All that they say counts, unless it is known not to: what a future library reads may change vectors.
    """
    said = {
        path.relative_to(folder).as_posix(): _select_telling(_read_json(path))
        for path in list_descriptions(folder)
    }
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _select_telling(content: object) -> object:
    if isinstance(content, list):
        return [_select_telling(item) for item in content]
    if not isinstance(content, dict):
        return content
    kept = {key: value for key, value in content.items() if key not in _PROVENANCE}
    if isinstance(kept.get("type"), str):  # a part's class, whose module has moved from release to release
        kept["type"] = re.sub(r"^sentence_transformers\..*\.", "", kept["type"])
    return {key: value for key, value in kept.items() if value not in (None, {}, [])}


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return None


def _stamp_files(folder: Path) -> str:
    """Return the size and time of each file that the digest is made of, named from the folder on."""
    weights = list_weights(folder)
    records = [path for path in map(_name_record, weights) if path.is_file()]
    return ",".join(_stamp_file(folder, path) for path in (*weights, *records, *list_descriptions(folder)))


def _stamp_file(folder: Path, path: Path) -> str:
    state = path.stat()
    return f"{path.relative_to(folder).as_posix()}:{state.st_size}:{state.st_mtime_ns}"


def _name_record(onnx: Path) -> Path:
    return onnx.with_name(f"{onnx.name}.json")


def _hash_files(paths: Iterable[Path]) -> str:
    """Return the SHA-256 of files; one file's own digest, so that it can be compared with others'."""
    digests = [_hash_file(path) for path in paths]
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def _hash_file(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
