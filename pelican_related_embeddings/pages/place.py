"""Where things are on a page: the article's text, what belongs to it, and links.

A page is read tag by tag, and only as far as a search for the text does not decide.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from markupsafe import escape

SHORTEST_CONTENT = 8  # characters; a shorter text may well stand elsewhere on the page too

# What is skipped as a whole, since no reader sees it.
_SKIPPED = (
    r"<!--.*?(?:-->|\Z)|"
    r"<(?P<skipped>script|style|template|noscript|textarea)(?=[\s/>]).*?(?:</(?P=skipped)\s*>|\Z)"
)
_ATTRIBUTES = r"""(?:[^<>"']|"[^"]{0,2000}"|'[^']{0,2000}')*+>"""  # a missing quote costs no more
_FLAGS = re.IGNORECASE | re.DOTALL
_SECTION = re.compile(
    rf"{_SKIPPED}|<(?P<end>/?)(?P<name>head|main|article|aside|nav|footer)(?=[\s/>]){_ATTRIBUTES}", _FLAGS
)
_TAG = re.compile(rf"{_SKIPPED}|<(?P<end>/?)(?P<name>[a-z][a-z0-9-]*)(?=[\s/>]){_ATTRIBUTES}", _FLAGS)
_LANDMARKS = ("article", "main")
_HIDING = (
    ("<!--", "-->"),
    *(
        (f"<{name}", f"</{name}")
        for name in "head aside nav footer script style template noscript textarea".split()
    ),
)

_MEDIA = frozenset("img figure picture video audio iframe object embed".split())
_MEDIA_TAG = re.compile(rf"<(?:{'|'.join(sorted(_MEDIA))})\b", re.IGNORECASE)
_VOID = frozenset("area base br col embed hr img input link meta source track wbr".split())
_CONTAINERS = frozenset(("div", "section"))  # which a block may stand in

# What themes print after an article that is not part of it, by element and by class or id.
_APART = frozenset("aside footer form header nav".split())
_APART_NAMES = re.compile(
    r"comment|disqus|isso|giscus|utteranc|remark42|cusdis|social|related|author|avatar|pagination|pager|"
    r"neighbo|sidebar|subscri|newsletter|advert|adsbygoogle|licen[cs]e|badge|"
    r"(?:\b|_)(?:shar(?:e|ing)|prev(?:ious)?|next|tags?|meta)(?:\b|_)",
    re.IGNORECASE,
)
_NAMES = re.compile(r"""\b(?:class|id|role)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)

_LINK = re.compile(r"<a\s", re.IGNORECASE)
_HREF = re.compile(r"""(?<![\w-])href\s{0,9}=\s{0,9}["']?[^\s"'<>]{0,999}+\Z""", re.IGNORECASE)
_LONGEST_LINK = 2000  # characters from the beginning of a link's tag to the end of its address


class Copy(NamedTuple):
    """Where a copy of the article's text begins and ends."""

    start: int
    end: int


@dataclass(slots=True)
class _Landmark:
    """An ``<article>`` or ``<main>``; ``direct`` if it holds a copy that no other within it holds."""

    name: str
    start: int
    end: int
    copies: list[Copy] = field(default_factory=list)
    direct: bool = False


def find_copies(page: str, content: str) -> list[Copy]:
    """Return where ``content`` is on the page; nowhere if it is too short to be told from other text."""
    content = content.strip()
    copies: list[Copy] = []
    start = page.find(content) if len(content) >= SHORTEST_CONTENT else -1
    while start >= 0:
        copies.append(Copy(start, start + len(content)))
        start = page.find(content, copies[-1].end)
    return copies


def choose_copy(page: str, copies: Sequence[Copy]) -> Copy | None:
    """Return the copy that readers take for the article; None if they see none.

    That is the last one in the first ``<article>`` or ``<main>`` that holds one, since a theme may print a
    short text as a summary first; elsewhere the first one. Of a ``<main>`` all whose copies are in articles,
    the first such article counts.
    """
    if len(copies) == 1 and not _may_be_hidden(page, copies[0].start):
        return copies[0]
    outline = _Outline()
    visible = []
    position = 0
    for copy in copies:
        position = outline.read(page, position, copy.start)
        if position <= copy.start:
            if not outline.hidden:
                visible.append(copy)
                outline.add(copy)
            position = copy.end
    chosen = (landmark.copies[-1] for landmark in outline.landmarks if landmark.direct)
    return next(chosen, visible[0] if visible else None)


def _may_be_hidden(page: str, place: int) -> bool:
    """Return whether something that hides copies is open at ``place``: quicker than to read the page."""
    return "<body" not in page or any(
        page.find(start, 0, place) >= 0 and page.rfind(start, 0, place) > page.rfind(end, 0, place)
        for start, end in _HIDING
    )


class _Outline:
    """The landmarks of a page, in order, as far as it has been read."""

    def __init__(self) -> None:
        self.landmarks: list[_Landmark] = []
        self.opened: list[_Landmark] = []
        self.hidden: list[str] = []  # the elements around that no copy of the article's text is in

    def read(self, page: str, position: int, end: int) -> int:
        """Read the tags that begin from ``position`` to ``end``, and return where the last of them ends."""
        for tag in _SECTION.finditer(page, position, end):
            position = tag.end()
            if position == end:  # perhaps a comment or a script that goes on
                position = _SECTION.match(page, tag.start()).end()  # type: ignore[union-attr]
            name = (tag["name"] or "").lower()
            if name in _LANDMARKS and not self.hidden:
                self._follow_landmark(name, tag)
            elif name and name not in _LANDMARKS:
                self._follow_hidden(name, tag)
        return position

    def _follow_hidden(self, name: str, tag: "re.Match[str]") -> None:
        if not tag["end"]:
            self.hidden.append(name)
        elif name in self.hidden:
            del self.hidden[_find_last(self.hidden, name) :]

    def _follow_landmark(self, name: str, tag: "re.Match[str]") -> None:
        names = [landmark.name for landmark in self.opened]
        if not tag["end"]:
            self.opened.append(_Landmark(name, tag.end(), len(tag.string)))
            self.landmarks.append(self.opened[-1])
        elif name in names:
            outermost = _find_last(names, name)
            for landmark in self.opened[outermost:]:
                landmark.end = tag.start()
            del self.opened[outermost:]

    def add(self, copy: Copy) -> None:
        """Note a copy where the reading has got to."""
        for landmark in self.opened:
            landmark.copies.append(copy)
        if self.opened:
            self.opened[-1].direct = True


def _find_last(names: Sequence[str], name: str) -> int:
    return len(names) - 1 - names[::-1].index(name)


def find_end_of_post(page: str, copy: Copy) -> int:
    """Return where an article ends: after its text, and after the pictures that follow it and belong to it.

    They are in the same ``<article>``, or where there is none in the same element as the text, and before
    anything that themes keep apart: comments, sharing, a footer.
    """
    place = copy.end
    if not _MEDIA_TAG.search(page, place):
        return place
    in_article = page.rfind("<article", 0, place) > page.rfind("</article", 0, place)
    opened: list[tuple[str, bool]] = []  # elements, and whether they hold pictures
    for tag in _read_tags(page, place, len(page)):
        name = tag["name"].lower()
        held = name in _MEDIA
        if tag["end"]:
            names = [opened_name for opened_name, _ in opened]
            if name not in names and (name in _LANDMARKS or not in_article):
                break
            if name not in names:
                continue  # it ends an element around the text
            held = any(media for _, media in opened[_find_last(names, name) :])
            del opened[_find_last(names, name) :]
        elif _is_apart(name, tag[0]):
            break
        elif name not in _VOID:
            opened.append((name, held))
            continue
        if held and opened:
            opened[-1] = (opened[-1][0], True)
        if held and all(opened_name in _CONTAINERS for opened_name, _ in opened):
            place = tag.end()
    return place


def _read_tags(page: str, start: int, end: int) -> Iterator["re.Match[str]"]:
    return (tag for tag in _TAG.finditer(page, start, end) if tag["name"])


def _is_apart(name: str, tag: str) -> bool:
    names = (value for values in _NAMES.findall(tag) for value in values)
    return name in _APART or any(map(_APART_NAMES.search, names))


def find_end_of_article(page: str, title: str) -> int:
    """Return the end of the first ``<article>`` or ``<main>`` that holds ``title``, or else of the first.

    Comments, sharing and footers at its end come after. Without either element it is the end of the page.
    """
    outline = _Outline()
    outline.read(page, 0, len(page))
    for landmark in outline.landmarks:
        start = page.find(title, landmark.start, landmark.end) if title else -1
        if start >= 0:
            return _find_trailer(page, start + len(title), landmark.end)
    if outline.landmarks:
        landmark = outline.landmarks[0]
        return _find_trailer(page, landmark.start, landmark.end)
    body = page.rfind("</body>")
    return body if body >= 0 else len(page)


def _find_trailer(page: str, start: int, end: int) -> int:
    """Return where the comments, sharing and footers at the end of ``page[start:end]`` begin, or ``end``."""
    trailer, position = end, start
    opened: list[str] = []
    for tag in _TAG.finditer(page, start, end):
        if not opened and page[position : tag.start()].strip():
            trailer = end
        position = tag.end()
        name = (tag["name"] or "").lower()
        if tag["end"]:
            if name in opened:
                del opened[_find_last(opened, name) :]
        elif name:
            if not opened:
                trailer = min(trailer, tag.start()) if _is_apart(name, tag[0]) else end
            if name not in _VOID:
                opened.append(name)
    return end if page[position:end].strip() or not page[start:trailer].strip() else trailer


def find_link(page: str, url: str, content: str) -> bool:
    """Return whether the page links to ``url`` outside its head, scripts and the article's ``content``."""
    copies = find_copies(page, content)
    return any(
        not any(copy.start <= place < copy.end for copy in copies) and _is_seen(page, place)
        for spelling in dict.fromkeys((url, str(escape(url)), quote(url, "/%#?=&:")))
        for place in _find_addresses(page, spelling)
    )


def _find_addresses(page: str, url: str) -> Iterator[int]:
    """Yield where links on the page lead to ``url``, whatever the address of the site before it."""
    place = page.find(url) if url else -1
    while place >= 0:
        tag = page.rfind("<", max(0, place - _LONGEST_LINK), place)
        ends = page[place + len(url) : place + len(url) + 1] in (*"\"'?#> \n\t", "")
        begins = page[place - 1 : place] in ("/", '"', "'", "=")
        if ends and begins and tag >= 0 and _LINK.match(page, tag) and _HREF.search(page, tag, place):
            yield place
        place = page.find(url, place + 1)


def _is_seen(page: str, place: int) -> bool:
    """Return whether what is at ``place`` is in the body, and neither commented out nor in a script."""
    outline = _Outline()
    return outline.read(page, 0, place) <= place and "head" not in outline.hidden
