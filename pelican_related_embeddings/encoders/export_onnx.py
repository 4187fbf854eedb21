"""Make an ONNX file of an installed model, once, on a machine that has torch.

The folder is complete: it can be copied to a machine without torch and named in
``RELATED_EMBEDDINGS_MODEL``. Run it with ``python -m``, a model and, if need be, a folder.
"""

import argparse
import contextlib
import inspect
import io
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import EncoderError, describe_error
from .identity import digest_weights, identify_model, list_descriptions, record_source
from .libraries import quiet_libraries
from .model import Model, Options, download_model, find_model, find_onnx, name_export
from .onnx_encoder import Layout, load_onnx_encoder, read_layout

SAMPLE = (
    "Bread rises slowly.",
    "The rings of Saturn stand clear of the planet in a small telescope.",
    "Réseau",
    "机器学习 in Zürich",
)
ALIKE = 0.9999  # cosine that the exported model's vectors must have with the original's


def export_onnx(source: Path, target: Path) -> Path:
    """Write the model in the folder ``source`` to ``target`` as an ONNX file, and return that file.

    ``target`` appears complete or not at all, and an earlier export there is replaced. Raises
    ``EncoderError`` if the model is not one that onnxruntime can run here, or cannot be exported.
    """
    layout = read_layout(source)
    if target.exists() and not _is_replaceable(target):
        raise EncoderError(
            f"The folder {target} already contains other files. Name a folder that is empty or new."
        )
    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        _fill_folder(source, layout, unfinished)
        _check_vectors(source, unfinished)
        _put_in_place(unfinished, target)
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)
    return target / "onnx" / "model.onnx"


def _put_in_place(unfinished: Path, target: Path) -> None:
    unfinished.chmod(0o755)  # a temporary folder is its owner's alone
    if target.exists():
        old = unfinished.with_name(f"{unfinished.name}-old")
        os.replace(target, old)
        os.replace(unfinished, target)
        shutil.rmtree(old)
    else:
        os.replace(unfinished, target)


def _is_replaceable(target: Path) -> bool:
    onnx = find_onnx(target)
    return target.is_dir() and (not any(target.iterdir()) or bool(onnx and Path(f"{onnx}.json").is_file()))


def _fill_folder(source: Path, layout: Layout, target: Path) -> None:
    for path in list_descriptions(source):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(path, copy)
    file = target / "onnx" / "model.onnx"
    file.parent.mkdir()
    try:
        # The exporter prints its progress, and warns of what it is doing inside torch.
        with quiet_libraries(), contextlib.redirect_stdout(io.StringIO()):
            _write_onnx(layout.folder, file)
    except ImportError as error:
        raise EncoderError(
            f"Exporting a model needs {error.name}, which cannot be imported ({error}). Install it with "
            '"pip install pelican-related-embeddings[onnx-export]".'
        ) from error
    except Exception as error:  # the exporter can fail in any part of torch
        raise EncoderError(f"The model in {source} cannot be exported ({describe_error(error)}).") from error
    record_source(file, digest_weights(source))


def _write_onnx(folder: Path, file: Path) -> None:
    import onnxscript  # noqa: F401 - imported here to fail before minutes are spent
    import torch
    from transformers import AutoModel

    # "eager" attention is made of plain matrix products, which every version of onnxruntime knows.
    loaded = AutoModel.from_pretrained(
        str(folder), local_files_only=True, use_safetensors=True, attn_implementation="eager"
    )
    loaded = loaded.float().eval()  # the argument for it has another name in transformers 4
    names = ["input_ids", "attention_mask"]
    if "token_type_ids" in inspect.signature(loaded.forward).parameters:
        names.append("token_type_ids")
    ids = torch.full((2, 8), 5, dtype=torch.long)
    ones, zeros = torch.ones_like(ids), torch.zeros_like(ids)
    example = {"input_ids": ids, "attention_mask": ones, "token_type_ids": zeros}
    shape = {0: torch.export.Dim("texts"), 1: torch.export.Dim("tokens")}
    torch.onnx.export(
        _wrap_model(loaded, names),
        tuple(example[name] for name in names),
        str(file),
        input_names=names,
        output_names=["last_hidden_state"],
        dynamic_shapes=(tuple(shape for _ in names),),
        dynamo=True,
        external_data=False,
        verbose=False,
    )


def _wrap_model(loaded: Any, names: Sequence[str]) -> Any:
    """Return a module that takes its inputs in the order of ``names`` and gives the tokens' last states."""
    import torch

    class Transformer(torch.nn.Module):  # type: ignore[misc, unused-ignore]
        def __init__(self) -> None:
            super().__init__()
            self.loaded = loaded

        def forward(self, *inputs: Any) -> Any:
            return self.loaded(**dict(zip(names, inputs, strict=True))).last_hidden_state

    return Transformer().eval()


def _check_vectors(source: Path, target: Path) -> None:
    """Raise ``EncoderError`` unless both folders' models give the same vectors."""
    from .torch_encoder import load_torch_encoder

    titles = [""] * len(SAMPLE)
    original = load_torch_encoder(Model("", str(source)), Options("cpu"))
    exported = load_onnx_encoder(target, Options())
    cosines = (original.embed(titles, SAMPLE) * exported.embed(titles, SAMPLE)).sum(axis=1)
    if not cosines.min() >= ALIKE:
        raise EncoderError(
            f"The model in {source} gives different vectors as an ONNX file (cosine {cosines.min():.4f}): "
            "nothing was written. Use it with sentence-transformers."
        )


def _require_home(model: Model) -> Path:
    folder = name_export(model.digest)
    if folder is None:
        raise EncoderError("This account has no home folder to write to. Give the folder to write.")
    return folder


def main(arguments: Sequence[str] | None = None) -> int:
    """Export the model that the command line names; return the command's exit status."""
    parser = argparse.ArgumentParser(
        prog="python -m pelican_related_embeddings.encoders.export_onnx",
        description="Make an ONNX file of a sentence-transformers model.",
    )
    parser.add_argument("model", metavar="MODEL", help="a name on Hugging Face, or a folder")
    parser.add_argument(
        "folder",
        metavar="FOLDER",
        type=Path,
        nargs="?",
        help="where to write it (default: a cache folder, where builds on this machine find it)",
    )
    chosen = parser.parse_args(arguments)
    try:
        model = identify_model(download_model(find_model(chosen.model)))
        file = export_onnx(Path(str(model.folder)), chosen.folder or _require_home(model))
    except (EncoderError, OSError) as error:
        sys.stderr.write(f"{error if isinstance(error, EncoderError) else describe_error(error)}\n")
        return 1
    use = f"Set RELATED_EMBEDDINGS_MODEL to {chosen.folder}" if chosen.folder else "Builds here will use it"
    sys.stdout.write(f"Wrote {file} ({file.stat().st_size / 1e6:.0f} MB). {use}.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
