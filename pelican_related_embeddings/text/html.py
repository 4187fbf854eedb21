"""Turn an article's HTML into the blocks of text that its readers see.

HTML is parsed as browsers parse it. What no browser shows is lost here too: everything after a
``<script>``, ``<style>``, ``<textarea>`` or comment that is never closed. An unclosed link reaches to the
next one, also if it is a footnote mark. No other element that is left open hides what follows it.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from html import unescape
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

MAX_CHARACTERS = 1_000_000  # of text per article; the longest novels stay under four times that

# How much of an article is parsed. At each tag a parser may have to look at all elements that are open, and
# it compares the attributes of a tag with one another. Within these limits the worst broken or generated
# files that we know take about a second and 150 MB.
MAX_HTML = 10_000_000  # characters, not counting the attributes of tags longer than 4,000 characters
MAX_TAGS = 300_000
MAX_OPEN = 100_000_000  # elements that are open at a tag, summed over all tags
FEW_TAGS = 1_000  # are parsed quickly, however they are nested

_TAG = re.compile(r"<(/?)([a-zA-Z][^\s/>]*)")
_LONG_TAG = re.compile(r"(<[a-zA-Z][^\s/<>]*+)[^<>]{4000,}+")
_MARKUP = re.compile(r"<[a-zA-Z/!?]")
# Tags of plain prose, which hide nothing and need no tree to be read; group 1 are those that separate words.
_PLAIN_TAG = re.compile(
    r"</?(?:(p|[ou]l|li|d[ltd]|h[1-6]|div|blockquote|figure|figcaption|pre|(?<=<)(?:br|hr|img))"
    r"|a|abbr|b|cite|code|del|em|i|ins|kbd|mark|q|s|small|span|strong|su[bp]|time|u|var)"
    r"(?: (?!class=)[a-z-]++=\"[^\"<>]*+\")*+ ?/?>"
)

PARAGRAPHS = frozenset(
    "address article aside blockquote body center dd details dialog dir div dl dt fieldset figcaption "
    "figure footer form h1 h2 h3 h4 h5 h6 header hgroup hr html legend li main menu ol p pre section "
    "summary table tbody tfoot thead tr ul caption".split()
)
# A <pre> holds phrases only, so one of these inside it means that its end tag is missing.
_NEVER_IN_CODE = frozenset("p h1 h2 h3 h4 h5 h6 ul ol li blockquote section article main dl".split())
_SPACES = frozenset({"br", "td", "th", "option", "img"})
DROPPED = frozenset(
    "script style textarea xmp svg math template noscript iframe noembed noframes object canvas audio video "
    "select button title".split()
)
DROPPED_CLASSES = frozenset(
    "headerlink footnote-ref footnote-reference footnote-backref fn-backref linenos lineno linenodiv "
    "math related-ignore".split()
)
# Elements that need no end tag, and those that browsers open again in every paragraph until they are closed.
_CLOSED = frozenset(
    "area base br col embed hr img input link meta param source track wbr frame keygen "
    "p li dt dd tr td th thead tbody tfoot colgroup".split()
)
_REOPENED = frozenset("a b big code em font i nobr s small strike strong tt u".split())
_REOPENED_WEIGHT = 100  # a copy takes more time and memory than a look at an open element
_END = "related: end"
IGNORE = re.compile(r"\s{0,8}related:\s{0,8}ignore\s{0,8}")
RESUME = re.compile(r"\s{0,8}related:\s{0,8}resume\s{0,8}")
_CONTROL = dict.fromkeys((*range(32), *range(127, 160)), " ") | {0xAD: None, 0x200B: None, 0xFEFF: None}


@dataclass(frozen=True, slots=True)
class Block:
    """One paragraph, heading, list item or table row, its white space collapsed.

    ``code`` tells a ``<pre>`` block from prose; inline code is part of its paragraph.
    """

    text: str
    code: bool = False


def extract_blocks(html: str) -> list[Block]:
    """Return the blocks of ``html`` in reading order, without empty ones; a picture's ``alt`` is text.

    Dropped: scripts, styles, SVG, math markup, tables of contents, footnote marks, header links,
    line numbers, form controls, and what the author marked with the class ``related-ignore`` or with
    the comments ``related: ignore`` and ``related: resume``. Never raises. Stops after
    ``MAX_CHARACTERS`` of text.
    """
    return read_blocks(html)[0]


def read_blocks(html: str) -> tuple[list[Block], bool]:
    """Return the blocks of ``html``, and whether it was too long to be read to its end."""
    parsed = parse_html(html)
    reader = _Reader(parsed.unclosed, alternatives=True)
    reader.read(parsed.root, MAX_CHARACTERS)
    return reader.finish(), reader.cut or parsed.cut


def extract_text(html: str, enough: int = MAX_CHARACTERS) -> str:
    """Return the text of a short piece of HTML, such as a title, as one line.

    Reading stops once there are more than ``enough`` characters, for callers that need no more.
    """
    # Nearly all titles and most summaries are plain: this takes a third of the time, and imports no parser.
    plain = _PLAIN_TAG.sub(lambda tag: " " if tag[1] else "\0", html[:MAX_CHARACTERS])
    if _MARKUP.search(plain) is None:
        return clean_text(unescape(plain).replace("\0", ""))
    parsed = parse_html(html)
    reader = _Reader(parsed.unclosed)
    reader.read(parsed.root, 2 * enough)  # white space counts until it is collapsed
    return join_blocks(reader.finish(), separator=" ")


def find_links(html: str) -> list[str]:
    """Return where the links of ``html`` lead, in document order: the values of ``href``, unescaped."""
    root = parse_html(html).root
    links = root.css("a[href]") if root is not None else []
    return [link.attributes["href"] or "" for link in links]


def join_blocks(blocks: Iterable[Block], separator: str = "\n") -> str:
    """Return the text of ``blocks`` as one string."""
    return separator.join(block.text for block in blocks)


class Parsed(NamedTuple):
    """The tree of a piece of HTML; ``cut`` if it was too long to be parsed to its end."""

    root: "LexborNode | None"
    unclosed: frozenset[int]  # the elements that are still open where the HTML ends
    cut: bool


def parse_html(html: str) -> Parsed:
    """Return the tree of ``html``, within the limits above."""
    from selectolax.lexbor import LexborDocumentOptions, LexborHTMLParser

    trimmed = _LONG_TAG.sub(r"\1 ", html)
    end = _find_end(trimmed)
    page = f"<!DOCTYPE html><body>{trimmed[:end]}<!--{_END}-->".encode("utf-8", "replace")
    # With events, the time for the options of a <select> grows with the square of their number.
    root = LexborHTMLParser(page, options=LexborDocumentOptions.WO_EVENTS).root
    return Parsed(root, _find_unclosed(root), end < len(trimmed))


def _find_end(html: str) -> int:
    """Return how many characters of ``html`` can be parsed within the limits."""
    if html.count("<") <= FEW_TAGS:
        return min(len(html), MAX_HTML)
    opened: Counter[str] = Counter()
    weight = total = 0
    for number, tag in enumerate(_TAG.finditer(html, 0, MAX_HTML)):
        total += weight
        if number == MAX_TAGS or total > MAX_OPEN:
            return tag.start()
        name = tag[2].lower()
        change = -min(opened[name], 1) if tag[1] else name not in _CLOSED
        opened[name] += change
        weight += change * (_REOPENED_WEIGHT if name in _REOPENED else 1)
    return min(len(html), MAX_HTML)


def _find_unclosed(root: "LexborNode | None") -> frozenset[int]:
    """Return the elements around the comment that ``parse_html`` puts at the end."""
    path = []
    while root is not None:
        path.append(root)
        root = root.last_child
    # It is not there if it is part of a script or the like, whose end tag is missing.
    found = bool(path) and path[-1].comment_content == _END
    return frozenset(node.mem_id for node in path) if found else frozenset()


@dataclass(slots=True)
class _Piece:
    text: str
    code: bool = False
    linked: bool = False


_BREAK = _Piece("")  # between two blocks


class _Open(NamedTuple):
    """An element whose end has not been read; ``mark`` is how many pieces there were when it began."""

    node: "LexborNode"
    tag: str
    mark: int
    is_contents: bool


class _Reader:
    """Collects pieces of text in the order of the tree, without recursion: elements may be nested deeply."""

    def __init__(self, unclosed: frozenset[int], *, alternatives: bool = False) -> None:
        self.pieces: list[_Piece] = []
        self.unclosed = unclosed
        self.alternatives = alternatives  # whether to read the texts that stand in for pictures
        self.ignored_from: int | None = None
        self.code_from: int | None = None
        self.path: list[_Open] = []
        self.links = 0  # how many are open
        self.in_contents = False
        self.length = 0
        self.cut = False

    def read(self, root: "LexborNode | None", enough: int) -> None:
        """Read the tree of ``root`` until there are more than ``enough`` characters."""
        node = root
        while (node is not None or self.path) and not self.cut:
            if node is None:
                node = self.leave(self.path.pop())
            elif self.length > enough and not self.in_contents:  # a table of contents may yet be dropped
                return
            elif self.enter(node, node.tag or ""):
                node = node.first_child
            else:
                node = node.next

    def enter(self, node: "LexborNode", tag: str) -> bool:
        """Read what ``node`` is, and return whether to go on with what it holds."""
        if tag == "-text":
            self.add_text(node.text_content or "")
        elif tag == "-comment":
            self.obey_comment(node.comment_content or "")
        else:
            return self.start(node, tag)
        return False

    def add_text(self, text: str) -> None:
        room = MAX_CHARACTERS - self.length
        self.cut = len(text) > room  # one text may be all of an article
        self.pieces.append(_Piece(text[:room], self.code_from is not None, self.links > 0))
        self.length += min(len(text), room)

    def start(self, node: "LexborNode", tag: str) -> bool:
        if tag in _NEVER_IN_CODE:
            self.forget_code()
        if tag in PARAGRAPHS:
            self.break_block()
        elif tag in _SPACES:
            self.pieces.append(_Piece(" ", self.code_from is not None))
            if tag == "img" and self.alternatives:
                self.add_text(f"{node.attributes.get('alt') or ''} ")
        classes = (node.attributes.get("class") or "").lower().split()
        closed = node.mem_id not in self.unclosed
        if closed and (tag in DROPPED or not DROPPED_CLASSES.isdisjoint(classes)):
            if tag in PARAGRAPHS or tag in DROPPED:
                self.break_block()
            return False
        is_contents = closed and not self.in_contents and _is_contents(tag, classes)
        self.path.append(_Open(node, tag, len(self.pieces), is_contents))
        self.in_contents |= is_contents
        self.links += tag == "a"
        if tag == "pre" and closed and self.code_from is None:
            self.code_from = len(self.pieces)
        return True

    def leave(self, element: _Open) -> "LexborNode | None":
        """Read the end of ``element``, and return what follows it."""
        self.links -= element.tag == "a"
        if element.tag == "pre":
            self.code_from = None
        if element.is_contents:
            self.in_contents = False
            if _is_mostly_linked(self.pieces[element.mark :]):
                self.drop(element.mark)
        if element.is_contents or element.tag in PARAGRAPHS:
            self.break_block()
        return element.node.next

    def obey_comment(self, comment: str) -> None:
        if IGNORE.fullmatch(comment):
            self.ignored_from = len(self.pieces)
        elif RESUME.fullmatch(comment) and self.ignored_from is not None:
            self.drop(self.ignored_from)
            self.ignored_from = None

    def break_block(self) -> None:
        if self.pieces and self.pieces[-1] is not _BREAK:
            self.pieces.append(_BREAK)

    def drop(self, mark: int) -> None:
        self.length -= sum(len(piece.text) for piece in self.pieces[mark:])
        del self.pieces[mark:]

    def forget_code(self) -> None:
        """Turn what was taken for code back into prose: its end tag is missing."""
        if self.code_from is not None:
            for piece in self.pieces[self.code_from :]:
                piece.code = False
            self.code_from = None

    def finish(self) -> list[Block]:
        return list(_merge_pieces(self.pieces))


def _is_contents(tag: str, classes: list[str]) -> bool:
    return tag == "nav" or "toc" in classes or ("contents" in classes and "topic" in classes)


def _is_mostly_linked(pieces: list[_Piece]) -> bool:
    """Tell a table of contents from prose that happens to have its class."""
    lengths = [(len(piece.text.strip()), piece.linked) for piece in pieces]
    return 2 * sum(length for length, linked in lengths if linked) >= sum(length for length, _ in lengths)


def _merge_pieces(pieces: Iterable[_Piece]) -> Iterator[Block]:
    texts: list[str] = []
    code = False
    for piece in (*pieces, _BREAK):
        if piece is _BREAK or (texts and piece.code != code):
            text = clean_text("".join(texts))
            if text:
                yield Block(text, code)
            texts = []
        code = piece.code
        texts.append(piece.text)


def clean_text(text: str) -> str:
    """Return ``text`` with white space collapsed and control characters and the like dropped."""
    text = " ".join(text.split())
    if text.isprintable():  # as most texts are; translate() is ten times as slow
        return text
    text = text.translate(_CONTROL).encode("utf-8", "replace").decode("utf-8")
    return " ".join(text.split())
