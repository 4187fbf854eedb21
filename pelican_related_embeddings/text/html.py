"""Turn an article's HTML into the blocks of text that its reader reads.

Knows nothing of Pelican, of models or of ranking.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from html import unescape

from .markup import RAW_TEXT, Token, read_classes, tokenize

MAX_CHARACTERS = 1_000_000  # of text per article; the longest novels stay under four times that
MAX_NESTING = 32  # skipped elements inside one another; deeper ones are taken as text
MAX_TOKENS = 2_000_000  # tags and pieces of text per article, so that a file of tags ends as well

_PARAGRAPHS = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol p pre section "
    "summary table tbody tfoot thead tr ul caption".split()
)
# A <pre> holds phrases only, so one of these inside it means that its end tag is missing.
_NEVER_IN_CODE = frozenset("p h1 h2 h3 h4 h5 h6 ul ol li blockquote section article main dl".split())
_SPACES = frozenset({"br", "td", "th", "option", "img"})
_VOID = frozenset("area base br col embed hr img input link meta param source track wbr frame keygen".split())
_SKIPPED = RAW_TEXT | frozenset(
    "svg math template noscript iframe object canvas audio video select button head title".split()
)
_SKIPPED_CLASSES = frozenset(
    "headerlink footnote-ref footnote-reference footnote-backref fn-backref linenos lineno linenodiv "
    "math related-ignore".split()
)
_IGNORE = re.compile(r"\s{0,8}related:\s{0,8}ignore\s{0,8}")
_RESUME = re.compile(r"\s{0,8}related:\s{0,8}resume\s{0,8}")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ") | {0xAD: None, 0x200B: None, 0xFEFF: None}


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item or table row, its white space collapsed.

    ``code`` tells a ``<pre>`` block from prose; inline code is part of its paragraph.
    """

    text: str
    code: bool = False


def extract_blocks(html: str) -> list[Block]:
    """Return the blocks of ``html`` in reading order, empty ones left out.

    Dropped: scripts, styles, SVG, math markup, tables of contents, footnote marks, header links,
    line numbers, form controls, and what the author marked with the class ``related-ignore`` or with
    the comments ``related: ignore`` and ``related: resume``. Never raises; an element that is not
    closed is never a reason to drop what follows it. Stops after ``MAX_CHARACTERS`` of text.
    """
    return read_blocks(html)[0]


def read_blocks(html: str) -> tuple[list[Block], bool]:
    """Return what ``extract_blocks`` does, and whether ``html`` was too long to be read to its end."""
    reader = _Reader()
    for count, token in enumerate(tokenize(html)):
        reader.read(token)
        if reader.cut or count > MAX_TOKENS:
            return reader.finish(), True
    return reader.finish(), False


def extract_text(html: str, enough: int = MAX_CHARACTERS) -> str:
    """Return the text of a short piece of HTML, such as a title, as one line.

    Reading ends once there are more than ``enough`` characters, for who needs no more.
    """
    if "<" not in html and "&" not in html:
        return _clean_text(html[:MAX_CHARACTERS])  # most titles, and a tenth of the time
    reader = _Reader()
    for count, token in enumerate(tokenize(html)):
        reader.read(token)
        # White space counts until it is collapsed; what is being skipped does until it has been.
        if reader.cut or count > MAX_TOKENS or (reader.length > 2 * enough and not reader.skips):
            break
    return join_blocks(reader.finish(), separator=" ")


def join_blocks(blocks: Iterable[Block], separator: str = "\n") -> str:
    """Return the text of ``blocks`` as one string."""
    return separator.join(block.text for block in blocks)


@dataclass(slots=True)
class _Skip:
    """An element whose text goes if and when its end tag is met."""

    name: str
    mark: int  # how many pieces there were when it began
    inline: bool
    links_only: bool  # a table of contents: goes only if most of its text is inside links
    depth: int = 1


@dataclass(slots=True)
class _Piece:
    text: str
    code: bool
    linked: bool
    breaks: bool = False


class _Reader:
    """Collects pieces of text; skipped elements are cut out again when they end.

    Text is collected even inside what will be skipped: an element that never ends then costs nothing.
    """

    def __init__(self) -> None:
        self.pieces: list[_Piece] = []
        self.skips: list[_Skip] = []
        self.ignored_from: int | None = None
        self.code_from: int | None = None
        self.in_link = False
        self.length = 0
        self.cut = False

    def read(self, token: Token) -> None:
        if token.kind == "text":
            self.add_text(token.value)
        elif token.kind == "start":
            self.start(token.value, token.rest)
        elif token.kind == "end":
            self.end(token.value)
        else:
            self.obey_comment(token.value)

    def add_text(self, raw: str) -> None:
        room = MAX_CHARACTERS - self.length
        if len(raw) > room:
            raw, self.cut = raw[:room], True  # one text may be all of an article
        text = unescape(raw) if "&" in raw else raw
        self.length += len(text)
        self.pieces.append(_Piece(text, self.code_from is not None, self.in_link))

    def break_block(self) -> None:
        while self.skips and self.skips[-1].inline:
            self.drop(self.skips.pop())
        self.pieces.append(_Piece("", False, False, breaks=True))

    def start(self, name: str, rest: str) -> None:
        if name in _NEVER_IN_CODE:
            self.forget_code()
        if name in _PARAGRAPHS:
            self.break_block()
        elif name in _SPACES:
            self.pieces.append(_Piece(" ", self.code_from is not None, False))
        if name == "a":
            self.in_link = True
        if name == "pre" and self.code_from is None:
            self.code_from = len(self.pieces)
        if name not in _VOID:
            self.start_skip(name, rest)

    def start_skip(self, name: str, rest: str) -> None:
        if self.skips and self.skips[-1].name == name:
            self.skips[-1].depth += 1
            return
        if len(self.skips) == MAX_NESTING:
            return
        classes = read_classes(rest) if rest else frozenset()
        contents = "toc" in classes or name == "nav" or {"contents", "topic"} <= classes
        if name in _SKIPPED or contents or not _SKIPPED_CLASSES.isdisjoint(classes):
            inline = name not in _PARAGRAPHS and name not in _SKIPPED and name not in ("nav", "td", "th")
            self.skips.append(_Skip(name, len(self.pieces), inline, contents))

    def end(self, name: str) -> None:
        if name == "a":
            self.in_link = False
        if name == "pre":
            self.code_from = None
        if name in _PARAGRAPHS:
            self.break_block()
        self.end_skip(name)

    def end_skip(self, name: str) -> None:
        for index in range(len(self.skips) - 1, -1, -1):
            skip = self.skips[index]
            if skip.name == name:
                skip.depth -= 1
                if skip.depth == 0:
                    del self.skips[index:]
                    self.drop(skip)
                return

    def drop(self, skip: _Skip) -> None:
        skipped = self.pieces[skip.mark :]
        if skip.links_only:
            linked = sum(len(piece.text.strip()) for piece in skipped if piece.linked)
            if 2 * linked < sum(len(piece.text.strip()) for piece in skipped):
                return
        self.length -= sum(len(piece.text) for piece in skipped)
        del self.pieces[skip.mark :]
        if not skip.inline:
            self.pieces.append(_Piece("", False, False, breaks=True))

    def obey_comment(self, comment: str) -> None:
        if _IGNORE.fullmatch(comment):
            self.ignored_from = len(self.pieces)
        elif _RESUME.fullmatch(comment) and self.ignored_from is not None:
            self.drop(_Skip("", self.ignored_from, inline=True, links_only=False))
            self.ignored_from = None

    def forget_code(self) -> None:
        """Turn what was taken for code back into prose: its end tag is missing."""
        if self.code_from is not None:
            for piece in self.pieces[self.code_from :]:
                piece.code = False
            self.code_from = None

    def finish(self) -> list[Block]:
        self.forget_code()
        return list(_merge_pieces(self.pieces))


def _merge_pieces(pieces: Iterable[_Piece]) -> Iterable[Block]:
    texts: list[str] = []
    code = False
    for piece in (*pieces, _Piece("", False, False, breaks=True)):
        if piece.breaks or (texts and piece.code != code):
            text = _clean_text("".join(texts))
            if text:
                yield Block(text, code)
            texts = []
        code = piece.code
        texts.append(piece.text)


def _clean_text(text: str) -> str:
    """Collapse white space; drop control characters, soft hyphens and what UTF-8 cannot hold."""
    text = text.translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())
