"""Small models that are made for a test, and the package's own encoders around any model."""

import importlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.encoders.libraries import is_installed, quiet_libraries
from pelican_related_embeddings.settings import Settings

from .sites import ROOT

TORCH = Settings(encoder="sentence-transformers", device="cpu")
LONG = " ".join(
    f"Sentence {number} tells of telescopes, sourdough bread and naïve databases." for number in range(120)
)


def require_torch() -> None:
    """Skip a test of what only sentence-transformers can do, where the light encoder is all there is."""
    if not is_installed("sentence_transformers"):
        pytest.skip("pip install sentence-transformers")


def load(folder: Path, **settings: Any) -> Any:
    chosen = replace(TORCH, model=str(folder), **settings)
    return load_encoder(obtain_encoder(chosen), chosen)


def find_modules() -> Any:
    """Return sentence-transformers' module of modules, which has moved since version 5.0."""
    try:
        return importlib.import_module("sentence_transformers.sentence_transformer.modules")
    except ModuleNotFoundError:
        return importlib.import_module("sentence_transformers.models")


def save_tiny_model(model_folder: Path, folder: Path, fill: float | None = None, **options: Any) -> Path:
    """Save a BERT of one layer and 32 dimensions with the real model's tokenizer."""
    require_torch()
    with quiet_libraries():
        import torch
        from sentence_transformers import SentenceTransformer
        from transformers import AutoTokenizer, BertConfig, BertModel

        torch.manual_seed(7)
        config = BertConfig(
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            vocab_size=30522,
            initializer_range=0.5,  # weights large enough for texts to differ
        )
        bert = BertModel(config)
        if fill is not None:
            for parameter in bert.parameters():
                torch.nn.init.constant_(parameter, fill)
        raw = folder / "raw"
        bert.save_pretrained(raw)
        AutoTokenizer.from_pretrained(model_folder, local_files_only=True).save_pretrained(raw)
        modules = find_modules()
        pooling = modules.Pooling(32, pooling_mode=options.pop("pooling_mode", "mean"))
        model = SentenceTransformer(modules=[modules.Transformer(str(raw)), pooling], device="cpu", **options)
        model.save(str(folder / "model"))
    return folder / "model"


def save_static_model(model_folder: Path, folder: Path, broken: str) -> Path:
    require_torch()
    with quiet_libraries():
        import torch
        from sentence_transformers import SentenceTransformer
        from tokenizers import Tokenizer

        tokenizer = Tokenizer.from_file(str(model_folder / "tokenizer.json"))
        tokenizer.no_truncation()
        torch.manual_seed(7)
        words = find_modules().StaticEmbedding(tokenizer, embedding_dim=16)
        with torch.no_grad():
            words.embedding.weight[tokenizer.token_to_id(broken)] = float("nan")
        SentenceTransformer(modules=[words], device="cpu").save(str(folder / "static"))
    return folder / "static"


def add_module(folder: Path, kind: str) -> None:
    """Give a saved model one more part, of a kind that has a class of that name."""
    modules = json.loads((folder / "modules.json").read_text())
    modules.append({"idx": len(modules), "name": str(len(modules)), "path": "2_Part", "type": kind})
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "2_Part").mkdir()


def run_python(code: str, **environment: str) -> str:
    """Run code in a process of its own and return the last line it prints."""
    return run_lines(code, **environment)[-1]


def run_lines(code: str, **environment: str) -> list[str]:
    """Run code in a process of its own and return the lines it prints."""
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code],
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip().splitlines()
