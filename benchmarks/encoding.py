#!/usr/bin/env python3
"""Do what an embedding plugin cannot do without: import the library, load the model, encode each post once.

    python benchmarks/encoding.py TEXTS.json MODEL_FOLDER

The model itself cuts the texts to its window; 16 texts a batch is the quickest on a CPU.
"""

import json
import sys
from pathlib import Path

BATCH_SIZE = 16


def encode(texts: list[str], folder: str) -> None:
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(folder, device="cpu")
    model.encode(texts, batch_size=BATCH_SIZE, show_progress_bar=False, normalize_embeddings=True)


if __name__ == "__main__":
    encode(json.loads(Path(sys.argv[1]).read_text(encoding="utf-8")), sys.argv[2])
