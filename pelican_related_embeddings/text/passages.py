"""Read an article's HTML into passages that could get a link, and headings that could be its target.

Unlike the blocks of ``html``, passages keep where links and code begin and end, and headings their ids. Code,
quotations, tables and hidden parts are not passages.
"""

import re
from collections.abc import Container, Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from .html import DROPPED, DROPPED_CLASSES, IGNORE, MAX_CHARACTERS, PARAGRAPHS, RESUME, clean_text, parse_html

if TYPE_CHECKING:
    from selectolax.lexbor import LexborNode

HEADINGS = frozenset(("h1", "h2", "h3", "h4", "h5", "h6"))
_APART = DROPPED | {"pre", "blockquote", "table", "figure", "nav", "form"}
_APART_CLASSES = DROPPED_CLASSES | {"toc", "contents"}
_FIXED = frozenset(("a", "code", "kbd", "samp", "tt", "var", "q"))
# From the first mark of a run only, and without a step back, so that a thousand marks take no million steps.
_SENTENCE_END = re.compile(
    r"(?<![.!?\u2026])[.!?\u2026]++[\"')\]\u00bb\u201d]*+\s++(?=[\"'(\[\u00ab\u201c]*+[^\W_a-z])|[\u3002\uff01\uff1f]+"
)
_ABBREVIATION = re.compile(
    r"(?:\b(?:e\.g|i\.e|cf|vs|etc|approx|resp|Mr|Mrs|Ms|Dr|St|No|Fig|p\. ex|z\. B|d\. h)|\b\w)\.\s*\Z"
)


class Link(NamedTuple):
    """A link in a passage: where its text begins and ends, and its target."""

    start: int
    end: int
    href: str


class Passage(NamedTuple):
    """A paragraph or list item of prose, its white space collapsed.

    ``fixed`` are the ranges that no new link may overlap: existing links and code.
    """

    text: str
    fixed: tuple[tuple[int, int], ...] = ()
    links: tuple[Link, ...] = ()


class Heading(NamedTuple):
    """A heading; a link can lead to one that has an id."""

    text: str
    id: str


class Outline(NamedTuple):
    """The passages and headings of an article, in reading order."""

    passages: tuple[Passage, ...]
    headings: tuple[Heading, ...]


def read_outline(html: str) -> Outline:
    """Return the passages and headings of ``html``. Never raises; stops after ``MAX_CHARACTERS`` of text."""
    reader = _Reader()
    reader.read(parse_html(html).root)
    return Outline(tuple(reader.passages), tuple(reader.headings))


def find_link_sentences(html: str, hrefs: Container[str]) -> Iterator[tuple[str, str]]:
    """Yield each link that leads to one of ``hrefs``, and the sentence around it.

    The sentence is empty for a link outside of passages, such as one in a table.
    """
    root = parse_html(html).root
    for node in root.css("a[href]") if root is not None else ():
        href = node.attributes["href"] or ""
        if href in hrefs:
            # Reading only that paragraph is much faster.
            block = node
            while block.parent is not None and block.tag not in PARAGRAPHS:
                block = block.parent
            outline = read_outline(block.html or "")
            yield href, next(_cut_sentences(outline, href), "")


def _cut_sentences(outline: Outline, href: str) -> Iterator[str]:
    for passage in outline.passages:
        for link in passage.links:
            if link.href == href:
                spans = ((start, end) for start, end in split_sentences(passage) if start <= link.start < end)
                start, end = next(spans, (0, len(passage.text)))
                yield passage.text[start:end]


@dataclass(slots=True)
class _Text:
    """The text of the current paragraph; ``marks`` are its fixed parts and their targets."""

    parts: list[str] = field(default_factory=list)
    length: int = 0
    marks: list[tuple[int, int, str | None]] = field(default_factory=list)

    def add(self, text: str) -> None:
        """Append text, its white space collapsed with what stands before it."""
        cleaned = clean_text(text)
        spaced = self.length and not self.parts[-1].endswith(" ")
        before = " " if spaced and text[:1].isspace() else ""
        after = " " if cleaned and text[-1:].isspace() else ""
        added = before + cleaned + after if cleaned or before else ""
        if added:
            self.parts.append(added)
            self.length += len(added)


class _Reader:
    """Walks the tree without recursion, since elements may be nested deeply."""

    def __init__(self) -> None:
        self.passages: list[Passage] = []
        self.headings: list[Heading] = []
        self.text = _Text()
        self.opened: list[tuple[LexborNode, str, int]] = []  # element, tag, length of the text before it
        self.heading: LexborNode | None = None
        self.ignoring = False
        self.read_so_far = 0

    def read(self, root: "LexborNode | None") -> None:
        """Read the whole tree."""
        node = root
        while (node is not None or self.opened) and self.read_so_far <= MAX_CHARACTERS:
            if node is None:
                node = self.leave(*self.opened.pop())
            elif self.enter(node, node.tag or ""):
                node = node.first_child
            else:
                node = node.next
        self.finish_passage()

    def enter(self, node: "LexborNode", tag: str) -> bool:
        """Read what ``node`` is, and return whether to go on with what it holds."""
        if tag == "-text":
            if not self.ignoring:
                text = node.text_content or ""
                self.read_so_far += len(text)
                self.text.add(text)
            return False
        if tag == "-comment":
            comment = node.comment_content or ""
            self.ignoring = not RESUME.fullmatch(comment) and (
                self.ignoring or bool(IGNORE.fullmatch(comment))
            )
            return False
        return self.start(node, tag)

    def start(self, node: "LexborNode", tag: str) -> bool:
        if tag in PARAGRAPHS or tag in _APART:
            self.finish_passage()
        elif tag in ("br", "img"):
            self.text.add(" ")
        classes = (node.attributes.get("class") or "").lower().split()
        if tag in _APART or not _APART_CLASSES.isdisjoint(classes):
            return False
        if tag in HEADINGS and self.heading is None:
            self.heading = node
        self.opened.append((node, tag, self.text.length))
        return True

    def leave(self, node: "LexborNode", tag: str, start: int) -> "LexborNode | None":
        """Read the end of an element, and return what follows it."""
        if tag in _FIXED and start <= self.text.length:
            href = (node.attributes.get("href") or "") if tag == "a" else None
            self.text.marks.append((start, self.text.length, href))
        if tag in PARAGRAPHS:
            self.finish_passage()
        return node.next

    def finish_passage(self) -> None:
        """End the paragraph, and begin another."""
        text, whole = self.text, "".join(self.text.parts)
        node, self.text = self.heading, _Text()
        if node is not None:
            self.heading = None
            if whole.strip():
                self.headings.append(Heading(whole.strip(), node.attributes.get("id") or ""))
            return
        if whole.strip() and not self.ignoring:
            fixed = tuple((start, end) for start, end, _ in text.marks)
            links = tuple(Link(start, end, href) for start, end, href in text.marks if href is not None)
            self.passages.append(Passage(whole.rstrip(), fixed, links))


def split_sentences(passage: Passage) -> Iterator[tuple[int, int]]:
    """Yield where the sentences of a passage begin and end; not within links and code."""
    start, text = 0, passage.text
    for match in _SENTENCE_END.finditer(text):
        inside = any(first < match.end() and match.start() < last - 1 for first, last in passage.fixed)
        if not inside and not _ABBREVIATION.search(text, start, match.end()):
            yield start, len(text[: match.end()].rstrip())
            start = match.end()
    if text[start:].strip():
        yield start, len(text)
