#!/usr/bin/env python3
"""Build a site in this process, several times as `pelican -r` does, and print the CPU seconds of each build.

    python benchmarks/building.py SITE OUTPUT CACHE [--builds N] [--edit] [--plugin] [--no-model]

One post's text is changed before each build but the first, if asked. Without a model every vector is made of
the hashes of a text's words: enough for all measurements but those of the model, and a thousand times faster.
"""

import argparse
import contextlib
import io
import json
import os
import time
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
from pelican import Pelican
from pelican.settings import read_settings

PLUGIN = "pelican_related_embeddings"
DIMENSIONS = 384


class WordEncoder:
    """Stands for a model: the sum of a fixed random vector for each word."""

    problem: str | None = None

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> npt.NDArray[np.float32]:
        """Return (n, dim) float32 rows of unit length."""
        rows = [
            sum((make_vector(word) for word in f"{title} {text}".split()[:200]), np.zeros(DIMENSIONS))
            for title, text in zip(titles, texts, strict=True)
        ]
        vectors = np.array(rows, dtype=np.float32)
        unit: npt.NDArray[np.float32] = vectors / np.maximum(np.linalg.norm(vectors, axis=1), 1e-9)[:, None]
        return unit


def make_vector(word: str) -> npt.NDArray[np.float64]:
    known = make_vector.__dict__
    if word not in known:
        known[word] = np.random.default_rng(zlib.crc32(word.encode())).standard_normal(DIMENSIONS)
    vector: npt.NDArray[np.float64] = known[word]
    return vector


def replace_model() -> None:
    """Let the pipeline embed with ``WordEncoder``, under the keys of the model that is configured."""
    from pelican_related_embeddings.encoders import embedding

    encoder = WordEncoder()
    setattr(embedding, "load_encoder", lambda model, settings: encoder)  # noqa: B010 - not a public name


def edit_text(post: Path, number: int) -> None:
    """Add a sentence to a post, another for each ``number``."""
    text = post.read_text(encoding="utf-8")
    sentence = f"<p>Sentence {number} of those that were added later.</p>\n"
    place = text.rfind("</body>")
    place = place if place >= 0 else len(text)
    post.write_text(f"{text[:place]}{sentence}{text[place:]}", encoding="utf-8")


def find_post(site: Path) -> Path:
    """Return the first post of a site, the same for every call."""
    return min(path for path in (site / "content").rglob("*") if path.suffix in (".html", ".md"))


def build(site: Path, output: str, cache: str, plugin: bool) -> float:
    """Build the site and return the CPU seconds that it took."""
    override = {"OUTPUT_PATH": output, "CACHE_PATH": cache, "PLUGINS": [PLUGIN] if plugin else []}
    started = time.process_time()
    with contextlib.redirect_stdout(io.StringIO()):
        Pelican(read_settings("pelicanconf.py", override=override)).run()
    return time.process_time() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("output")
    parser.add_argument("cache")
    parser.add_argument("--builds", type=int, default=1)
    parser.add_argument("--edit", action="store_true")
    parser.add_argument("--plugin", action="store_true")
    parser.add_argument("--no-model", action="store_true")
    chosen = parser.parse_args()
    if chosen.no_model:
        replace_model()
    site = chosen.site.resolve()
    os.chdir(site)
    seconds = []
    for number in range(chosen.builds):
        if chosen.edit and number:
            edit_text(find_post(site), number)
        seconds.append(build(site, chosen.output, chosen.cache, chosen.plugin))
    print(json.dumps(seconds))


if __name__ == "__main__":
    main()
