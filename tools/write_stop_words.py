"""Write the function words of each language: Snowball's, and those that spaCy and stop-words both list.

    python -m tools.write_stop_words SNOWBALL SPACY STOP_WORDS

SNOWBALL is a checkout of https://github.com/snowballstem/snowball-website, the others are the folders of the
packages spacy and stop-words, unpacked. Snowball's lists are short, with a comment on each word; the others
are longer and have words that a post may be about, but hardly the same ones.
"""

import ast
import json
import re
import sys
import unicodedata
from collections.abc import Iterable
from pathlib import Path

FOLDER = Path(__file__).parent.parent / "pelican_related_embeddings" / "text" / "stop_words"
UNSPACED = {"ja", "ko", "zh"}  # whose terms are characters in a row
# What both longer lists have and a post may be about.
TOPICS = {
    "en": "amount bottom ca call empty front full may might mine move name serious show side top will",
    "es": "cuenta largo mayor parte partir",
    "fr": "personne",
    "it": "fine grande lavoro lungo",
    "pt": "caminho conhecido corrente inicio ligado novo parte povo tempo valor",
}


def read_snowball(path: Path) -> set[str]:
    """Return the words of a list in which a comment goes from a bar to the end of its line."""
    lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
    return split_words(line.partition("|")[0] for line in lines)


def read_spacy(path: Path) -> set[str]:
    """Return the words in all texts of a module."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return split_words(
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    )


def split_words(lines: Iterable[str]) -> set[str]:
    """Return the words of some lines, parted at apostrophes as the terms of an article are."""
    return {word for line in lines for word in re.split(r"[\s'’]+", line.casefold()) if len(word) > 1}


def fold_accents(word: str) -> str:
    """Return a word without accents, which lists often leave out."""
    return "".join(c for c in unicodedata.normalize("NFD", word) if not unicodedata.combining(c))


def main(snowball: str, spacy: str, stop_words: str) -> None:
    """Write a file of words, one a line, for each language."""
    names = json.loads((Path(stop_words) / "stop-words" / "languages.json").read_text(encoding="utf-8"))
    for code, name in sorted(names.items()):
        path = Path(spacy) / "lang" / {"no": "nb"}.get(code, code) / "stop_words.py"
        words = read_snowball(Path(snowball) / "algorithms" / name / "stop.txt")
        if path.is_file() and code not in UNSPACED:
            text = (Path(stop_words) / "stop-words" / f"{name}.txt").read_text(encoding="utf-8")
            known = {fold_accents(word) for word in split_words(text.splitlines())}
            both = {word for word in read_spacy(path) if fold_accents(word) in known}
            words |= both - set(TOPICS.get(code, "").split())
        if words:
            (FOLDER / f"{code}.txt").write_text("\n".join(sorted(words)) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
