"""Which posts link to which, and in which sentence: found in the HTML that Pelican has read."""

import re
from collections.abc import Mapping, Sequence
from html import unescape
from typing import Any, NamedTuple

from ..text.passages import find_link_sentences
from .contents import Targets, find_target, list_targets, read_html, read_languages
from .metadata import path_content, read_lang

# Quick, as a pattern that begins with letters is, and finds all links and more: is a text worth parsing?
_HREF = re.compile(r"""href\s{0,9}=\s{0,9}(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))""")


class Backlink(NamedTuple):
    """A post that links to another one, and the sentence around the link as plain text, if there is one."""

    article: Any
    excerpt: str


def find_backlinks(contents: Sequence[tuple[Any, bool]], site_url: str) -> dict[str, tuple[Backlink, ...]]:
    """Return the published posts that link to each, by its source path, the newest first.

    Only posts of its own language. ``contents`` are those of ``collect_contents``.
    """
    targets = list_targets(contents, site_url)
    languages = read_languages([content for content, _ in contents])
    spoken = {path_content(content): languages[read_lang(content)] for content, _ in contents}
    found: dict[str, list[Backlink]] = {}
    for content in sorted((content for content, published in contents if published), key=_date, reverse=True):
        path = path_content(content)
        for target, excerpt in _list_links(content, f"{site_url}/{content.url}", targets).items():
            if target != path and spoken[target] == spoken[path]:
                found.setdefault(target, []).append(Backlink(content, excerpt))
    return {path: tuple(links) for path, links in found.items()}


def _date(content: Any) -> float:
    date = getattr(content, "date", None)
    return float(date.timestamp()) if date is not None else 0.0


def _list_links(content: Any, url: str, targets: Targets) -> dict[str, str]:
    """Return the source paths that a post links to, each with the sentence around the first link."""
    html, path = read_html(content), path_content(content)
    hrefs = {unescape("".join(match.groups(""))) for match in _HREF.finditer(html.replace("HREF", "href"))}
    known = {href: target for href in hrefs if (target := find_target(href, path, url, targets))}
    if not set(known.values()) - {path}:
        return {}
    found: dict[str, str] = {}
    for href, sentence in find_link_sentences(html, known):
        found.setdefault(known[href], sentence)
    return found


class LinkedFrom(Sequence[Backlink]):
    """What a template finds in ``article.linked_from``; links are looked for when one of them is first read.

    ``read`` tells that a template has read it.
    """

    def __init__(self, site: "Backlinks", path: str) -> None:
        self._site = site
        self._path = path
        self.read = False

    def __len__(self) -> int:
        return len(self._site.find(self._path))

    def __getitem__(self, index: Any) -> Any:
        self.read = True
        return self._site.find(self._path)[index]


class Backlinks:
    """The links between the posts of one build, found when they are first asked for."""

    def __init__(self, contents: Sequence[tuple[Any, bool]], site_url: str) -> None:
        self._contents = contents
        self._site_url = site_url
        self._found: Mapping[str, tuple[Backlink, ...]] | None = None

    def find(self, path: str) -> tuple[Backlink, ...]:
        """Return the links to the post with that source path."""
        if self._found is None:
            self._found = find_backlinks(self._contents, self._site_url)
        return self._found.get(path, ())
