"""The source files of posts: find the line of a sentence, and write a link in the file's syntax."""

import re
from collections.abc import Iterator
from html import escape
from pathlib import Path
from urllib.parse import quote

CONTEXT = 4  # words on either side, to find the right one of several places
_BETWEEN = r"(?:[\W_]|&#?\w+;|<[^<>]*>)+"  # what may stand between two words in any of the syntaxes
_MARKDOWN = re.compile(r"([\\`*\[\]<])")
_REST = re.compile(r"([\\`*|<>_])")
_UNSAFE = re.compile(r"[\s\"'<>#?%()\\^`{|}\[\]*]")


def write_link(anchor: str, path: str, target: str, fragment: str = "") -> str:
    """Return a link with the words ``anchor`` to the file ``target``, in the syntax of the file ``path``."""
    address = "{filename}/" + _UNSAFE.sub(lambda match: quote(match[0], safe=""), target)
    address += f"#{_UNSAFE.sub(lambda match: quote(match[0], safe=''), fragment)}" if fragment else ""
    suffix = path.rpartition(".")[2].lower()
    if suffix == "rst":
        return f"`{_REST.sub(_escape, anchor)} <{address}>`__"
    if suffix in ("html", "htm"):
        return f'<a href="{escape(address)}">{escape(anchor, quote=False)}</a>'
    return f"[{_MARKDOWN.sub(_escape, anchor)}]({address})"


def _escape(match: "re.Match[str]") -> str:
    return f"\\{match[1]}"


def find_line(path: Path, sentence: str, start: int, end: int) -> int | None:
    """Return the line of a source file that has the anchor of a sentence; None if it is not found.

    ``start`` and ``end`` are the offsets of the anchor in the sentence. The file has markup that the sentence
    has not, so this searches for its words, with fewer and fewer words around the anchor.
    """
    try:
        text = path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return None
    for before, after in _list_contexts(sentence, start, end):
        pattern = _join_words([*before, sentence[start:end], *after])
        found = list(re.finditer(pattern, text)) if pattern else []
        if len(found) == 1 or (found and before and after):
            skipped = re.match(_join_words(before) + _BETWEEN, found[0][0]) if before else None
            place = found[0].start() + (skipped.end() if skipped else 0)
            return text.count("\n", 0, place) + 1
    return None


def _list_contexts(sentence: str, start: int, end: int) -> Iterator[tuple[list[str], list[str]]]:
    before = re.findall(r"\w+", sentence[:start])[-CONTEXT:]
    after = re.findall(r"\w+", sentence[end:])[:CONTEXT]
    for size in range(CONTEXT, 0, -1):
        yield before[-size:], after[:size]
    yield before, []
    yield [], after
    yield before[-1:], []
    yield [], after[:1]
    yield [], []


def _join_words(texts: list[str]) -> str:
    """Return a pattern for the words of some texts with any markup between them."""
    return _BETWEEN.join(re.escape(word) for text in texts for word in re.findall(r"[^\W_]+", text))
