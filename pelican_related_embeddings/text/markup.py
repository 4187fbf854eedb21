"""Split HTML into tokens, in time proportional to its length whatever the input.

The standard library's parser takes quadratic time on crafted input in some of the supported
Python versions, and lets an unclosed ``<script>`` or ``<!--`` swallow the rest of the page.
Knows nothing of which elements mean what; see ``text``.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

MAX_QUOTES = 300_000  # looked at in tags; from then on they mean nothing, as a file of quotes should end

RAW_TEXT = frozenset({"script", "style", "textarea", "xmp"})

_NAME = re.compile(r"[a-zA-Z][^\s/>]{0,63}")
_STOP = re.compile(r"[>\"']")
_CLASS = re.compile(r"[\s\"']class\s{0,8}=\s{0,8}(?:\"([^\"]*)\"|'([^']*)'|([^\s>\"']+))", re.IGNORECASE)


class Token(NamedTuple):
    """One piece of markup.

    ``kind`` is ``"text"``, ``"start"``, ``"end"`` or ``"comment"``; ``value`` is the raw text, the
    lower-case name of the tag or the inside of the comment; ``rest`` is a start tag's attributes.
    """

    kind: str
    value: str
    rest: str = ""


def read_classes(rest: str) -> frozenset[str]:
    """Return the words of the ``class`` attribute in a start tag's ``rest``."""
    found = _CLASS.search(rest)
    if found is None:
        return frozenset()
    return frozenset((found[1] or found[2] or found[3] or "").lower().split())


def tokenize(html: str) -> Iterator[Token]:
    """Yield the tokens of ``html`` in order. Never raises; what is not markup is text."""
    scanner = _Scanner(html)
    position = 0
    while position < len(html):
        start = scanner.find("<", position)
        if start < 0:
            break
        if start > position:
            yield Token("text", html[position:start])
        token, position = _read_markup(scanner, start)
        if token is not None:
            yield token
            if token.kind == "start" and token.value in RAW_TEXT:
                position = _skip_raw_text(scanner, token.value, position)
    if position < len(html):
        yield Token("text", html[position:])


class _Scanner:
    """``str.find`` that remembers what is not there any more, so that no failure is paid twice."""

    def __init__(self, html: str) -> None:
        self.html = html
        self.folded: str | None = None
        self.absent: set[str] = set()
        self.unquoted = False
        self.quotes = 0

    def find(self, needle: str, position: int) -> int:
        if needle in self.absent:
            return -1
        found = self.html.find(needle, position)
        if found < 0:
            self.absent.add(needle)
        return found

    def find_end_tag(self, name: str, position: int) -> int:
        needle = f"</{name}"
        if needle in self.absent:
            return -1
        if self.folded is None:
            self.folded = _fold_ascii(self.html)
        found = self.folded.find(needle, position)
        if found < 0:
            self.absent.add(needle)
        return found

    def find_tag_end(self, position: int) -> int:
        """Return where the ``>`` is that ends a tag, not counting those inside quoted values."""
        if self.unquoted:
            return self.find(">", position)
        start = position
        while self.quotes < MAX_QUOTES and (found := _STOP.search(self.html, position)) is not None:
            if found[0] == ">":
                return found.start()
            self.quotes += 1
            position = found.end()
            if self._follows_equals(found.start()):
                closing = self.find(found[0], position)
                position = closing + 1 if closing >= 0 else position
        # From here on a quote may hide every ">": one such scan is enough for a document.
        self.unquoted = True
        return self.find(">", start)

    def _follows_equals(self, position: int) -> bool:
        return self.html[max(0, position - 8) : position].rstrip().endswith("=")


def _fold_ascii(html: str) -> str:
    # str.lower() may change the length ("İ"), and the positions must stay those of the original.
    return html.translate({upper: upper + 32 for upper in range(65, 91)})


def _read_markup(scanner: _Scanner, start: int) -> tuple[Token | None, int]:
    """Return the token that begins at a ``<`` (None: nothing to show) and where the next begins."""
    html = scanner.html
    following = html[start + 1 : start + 2]
    if following == "!" or following == "?":
        return _read_comment(scanner, start)
    closing = following == "/"
    name = _NAME.match(html, start + 2 if closing else start + 1)
    if name is None:
        return Token("text", "<"), start + 1
    end = scanner.find_tag_end(name.end())
    if end < 0:
        return Token("text", "<"), start + 1
    if closing:
        return Token("end", name[0].lower()), end + 1
    return Token("start", name[0].lower(), html[name.end() : end]), end + 1


def _read_comment(scanner: _Scanner, start: int) -> tuple[Token | None, int]:
    html = scanner.html
    if html.startswith("<!--", start):
        end = scanner.find("-->", start + 2)
        if end < 0:
            return None, start + 4
        return Token("comment", html[start + 4 : max(start + 4, end)]), end + 3
    end = scanner.find(">", start)
    return (None, end + 1) if end >= 0 else (Token("text", "<"), start + 1)


def _skip_raw_text(scanner: _Scanner, name: str, position: int) -> int:
    """Return where the raw text of a ``<script>`` or the like ends; at once where it never does."""
    end = scanner.find_end_tag(name, position)
    return end if end >= 0 else position
