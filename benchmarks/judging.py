#!/usr/bin/env python3
"""Write pairs of posts to be graded by reading, and keep the grades.

    python benchmarks/judging.py write CORPUS.jsonl ... --folder FOLDER
    python benchmarks/judging.py read CORPUS.jsonl ... --folder FOLDER

The rules are in judged/README.md. `write` draws 40 posts a corpus, pools the first five suggestions of five
methods, and writes FOLDER/<corpus>/first/01.txt and so on, and the few that are graded twice into
FOLDER/<corpus>/second. Beside 01.txt goes 01.grades, a line a post: its number, a colon, and one grade for
each suggestion in the order of the file, as in "S07: 2 0 1 1 0 0". `read` checks these, writes
judged/<corpus>.csv and prints how well the two gradings agree. FOLDER holds texts of the corpora and which
method's pool is which, so it belongs outside the repository.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import chain, zip_longest
from pathlib import Path

import numpy as np
from grades import FOLDER, HIGHEST, Grade, find_agreement, write_grades
from relevance import (
    HERE,
    LATENT,
    MODEL,
    OURS,
    WORDS,
    WORDS_ALONE,
    Corpus,
    embed_corpus,
    read_corpus,
    run_methods,
)

from pelican_related_embeddings.evaluation.measures import SHOWN, Lists
from pelican_related_embeddings.settings import Settings

POOLED = (WORDS_ALONE, MODEL, OURS, WORDS, LATENT)
SOURCES = 40
TWICE = 4
BATCH = 5  # posts in a file
SEED = 20261126
SOURCE_WORDS, TARGET_WORDS = 120, 90
Pools = Mapping[int, Sequence[int]]


def draw_sources(corpus: Corpus, count: int = SOURCES) -> list[int]:
    """Return the rows of posts spread evenly over cells of length and age, each cell in random order."""
    random = np.random.default_rng(SEED)
    lengths = [sum(len(block.text) for block in blocks) for blocks in corpus.blocks]
    dates = [document.date or None for document in corpus.documents]
    cells: dict[tuple[int, int], list[int]] = {}
    for row in random.permutation(len(lengths)).tolist():
        cell = (_find_quarter(lengths, row), _find_quarter(dates, row))
        cells.setdefault(cell, []).append(row)
    names = sorted(cells)
    rounds = zip_longest(*(cells[names[place]] for place in random.permutation(len(names))))
    return [row for row in chain.from_iterable(rounds) if row is not None][:count]


def _find_quarter(values: Sequence[float | None], row: int) -> int:
    """Return in which quarter of the known values a row's is, 0 to 3, or 4 where it is unknown."""
    own = values[row]
    known = [value for value in values if value is not None]
    return 4 if own is None else 4 * sum(value < own for value in known) // len(known)


def pool_suggestions(methods: Mapping[str, Lists], rows: Sequence[int]) -> Pools:
    """Return the first five suggestions of all pooled methods together, for each of some rows."""
    return {row: sorted({other for name in POOLED for other in methods[name][row][:SHOWN]}) for row in rows}


def write_corpus(corpus: Corpus, methods: Mapping[str, Lists], folder: Path) -> None:
    """Write the files of a corpus: the texts to be read, and which slugs their numbers mean."""
    pools = pool_suggestions(methods, draw_sources(corpus))
    random = np.random.default_rng(SEED + 1)
    rows = list(pools)
    twice = [rows[place] for place in random.choice(len(rows), TWICE, replace=False)]
    for name, letter, chosen in (("first", "S", rows), ("second", "T", twice)):
        shuffled = [chosen[place] for place in random.permutation(len(chosen))]
        orders = [[pools[row][place] for place in random.permutation(len(pools[row]))] for row in shuffled]
        write_pools(corpus, list(zip(shuffled, orders, strict=True)), folder / name, letter)


def write_pools(
    corpus: Corpus, pools: Sequence[tuple[int, Sequence[int]]], folder: Path, letter: str
) -> None:
    """Write some pools in files of ``BATCH`` posts, numbered with a letter, and the key of the numbers."""
    folder.mkdir(parents=True, exist_ok=True)
    slugs = [document.slug for document in corpus.documents]
    key = {}
    for start in range(0, len(pools), BATCH):
        texts = []
        for number, (row, others) in enumerate(pools[start : start + BATCH], start + 1):
            key[f"{letter}{number:02}"] = [slugs[row], [slugs[other] for other in others]]
            texts.append(_write_pool(corpus, f"{letter}{number:02}", row, others))
        path = folder / f"{start // BATCH + 1:02}.txt"
        path.write_text("\n\n".join(texts) + "\n", encoding="utf-8")
    (folder / "key.json").write_text(json.dumps(key, indent=1), encoding="utf-8")


def _write_pool(corpus: Corpus, number: str, row: int, others: Sequence[int]) -> str:
    lines = [f"{'=' * 20} {number} ({len(others)} suggestions)", _quote(corpus, row, SOURCE_WORDS)]
    for place, other in enumerate(others, 1):
        lines += ["", f"--- {number} suggestion {place}", _quote(corpus, other, TARGET_WORDS)]
    return "\n".join(lines)


def _quote(corpus: Corpus, row: int, most: int) -> str:
    words = " ".join(block.text for block in corpus.blocks[row]).split()
    text = " ".join(words[:most])[: 10 * most]
    return f"TITLE: {corpus.titles[row]}\n{text}{' ...' if len(words) > most else ''}"


def read_folder(folder: Path) -> dict[tuple[str, str], int]:
    """Return the grades that were written beside the texts of a folder, by the slugs of both posts.

    Raises ``ValueError`` for a line that does not fit its pool.
    """
    key = json.loads((folder / "key.json").read_text(encoding="utf-8"))
    found: dict[tuple[str, str], int] = {}
    for path in sorted(folder.glob("*.grades")):
        for line in filter(str.strip, path.read_text(encoding="utf-8").splitlines()):
            number, _, marks = line.partition(":")
            source, targets = key.get(number.strip(), ("", ()))
            grades = [int(mark) if mark.isdecimal() else -1 for mark in marks.split()]
            if len(grades) != len(targets) or not all(0 <= grade <= HIGHEST for grade in grades):
                message = f"{path}: '{line}' must be a number of the file and {len(targets)} grades, 0 to 2"
                raise ValueError(message)
            found.update({(source, target): grade for target, grade in zip(targets, grades, strict=True)})
    return found


def read_corpus_grades(folder: Path) -> list[Grade]:
    """Return the grades of a corpus, both where there are two."""
    first, second = read_folder(folder / "first"), read_folder(folder / "second")
    return [Grade(*pair, grade, second.get(pair)) for pair, grade in first.items()]


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the pools, or read the grades."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("action", choices=("write", "read"))
    parser.add_argument("corpora", nargs="+", type=Path, metavar="CORPUS.jsonl")
    parser.add_argument("--folder", type=Path, required=True, help="outside the repository")
    parser.add_argument("--vectors", type=Path, default=HERE / "cache", help="where vectors are kept")
    options = parser.parse_args(arguments)
    for path in options.corpora:
        if options.action == "write":
            corpus = read_corpus(path, False)
            methods = run_methods(corpus, embed_corpus(corpus, Settings(), options.vectors))
            write_corpus(corpus, methods, options.folder / corpus.name)
        else:
            grades = read_corpus_grades(options.folder / path.stem)
            write_grades(FOLDER / f"{path.stem}.csv", grades)
            print(path.stem, len(grades), find_agreement(grades))


if __name__ == "__main__":
    main()
