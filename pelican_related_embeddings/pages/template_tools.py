"""What the plugin's templates know beyond the articles, under the name ``related_embeddings``."""

import re
from collections.abc import Callable, Iterator, Sequence
from html import unescape
from itertools import groupby
from posixpath import dirname, join, normpath
from typing import Any
from urllib.parse import quote
from zlib import crc32

from markupsafe import Markup, escape

from ..settings import Settings
from ..site.contents import read_html
from ..text.html import extract_text
from .headings import choose_heading, choose_linked_heading, find_direction
from .related import Record

TOOLS = "related_embeddings"  # the name under which templates know what is here

# Metadata that themes use for a picture, the usual first.
PICTURES = ("image", "thumbnail", "cover", "featured_image", "header_cover", "og_image")

SUMMARY_CHARACTERS = 240
HUES = 12  # of tiles; the style sheet has a class for each
META = ("date", "category", "terms")  # what shares a line

_ABSOLUTE = ("http://", "https://", "//", "data:")
_SOURCE = r"[{|](?:static|attach|filename)[|}]"
_LONE_PERCENT = r"%(?![0-9A-Fa-f]{2})"  # one that begins no escape
_SAFE = "/:?#[]@!$&'()*+,;=%~"  # in an address, besides letters and digits

_NO_PICTURE = re.compile(
    r"<!--.*?(?:-->|\Z)|<(script|style|template|noscript|pre)\b.*?(?:</\1\s*>|\Z)", re.DOTALL | re.IGNORECASE
)
_IMG = re.compile(r"""<img\s(?:[^<>"']|"[^"]{0,2000}"|'[^']{0,2000}')*+>""", re.IGNORECASE)
_SRC = re.compile(r"""(?<![-\w])src\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s>"']+))""", re.IGNORECASE)
# Not a picture of what the post is about.
_ORNAMENT = re.compile(r"""\s(?:width|height)=["']?\d\d?\b|\bbadge|shields\.io|\bemoji""", re.IGNORECASE)


class TemplateTools:
    """The settings that a template may ask for, and a few answers."""

    def __init__(self, settings: Settings) -> None:
        self.style = settings.style
        self.show = settings.show
        self.backlinks = settings.backlinks
        self.pictured = "image" in settings.show or settings.style == "cards"
        self._title = settings.title
        self._headings: dict[str, str] = {}
        self._urls: dict[int, tuple[Any, str]] = {}
        self._pictures: dict[tuple[int, str], tuple[Any, str]] = {}
        self._items: dict[tuple[Any, ...], tuple[Any, Markup]] = {}

    def heading(self, source: Any) -> str:
        """Return the heading of the block for an article; empty if the blogger wants none."""
        lang = str(source.lang)
        if lang not in self._headings:
            self._headings[lang] = choose_heading(self._title, lang)
        return self._headings[lang]

    def linked_heading(self, source: Any) -> str:
        """Return the heading of the section of posts that link to an article."""
        return choose_linked_heading(str(source.lang))

    def url(self, post: Any) -> str:
        """Return a post's URL for an attribute, worked out once: Pelican does so each time, and slowly."""
        found = self._urls.get(id(post))
        if found is None:
            # The post is kept, so that its id stays its own.
            found = self._urls[id(post)] = (post, escape(post.url))
        return found[1]

    def link(self, post: Any, site_url: str = "") -> str:
        """Return a post's whole address for an attribute."""
        return join_url(site_url, self.url(post))

    def item(self, record: Record, lang: str, site_url: str = "", records: Sequence[Record] = ()) -> Markup:
        """Return what stands in an item of the list on a page in ``lang``.

        The same post is an item of many lists, so each item is written once. ``records`` is the list: posts
        with the same title in it also show what tells them apart, and where one has a picture, the others
        have a tile.
        """
        terms = record.terms if "terms" in self.show else ()
        shown = (*self.show, *self.tell_apart(record, records))
        pictured = self.pictured and any(self.image(one.article, site_url) for one in (record, *records))
        key = (id(record.article), str(lang), site_url, terms, shown, pictured)
        found = self._items.get(key)
        if found is None:
            # The post is kept, so that its id stays its own.
            text = self._write_item(record, lang, site_url, shown, pictured)
            found = self._items[key] = (record.article, text)
        return found[1]

    def tell_apart(self, record: Record, records: Sequence[Record]) -> tuple[str, ...]:
        """Return what must be shown of a post beside its title, since another one has the same."""
        title = record.article.title
        same = [one.article for one in records if one.article.title == title]
        if len(same) < 2:
            return ()
        categories = {str(getattr(article, "category", "")) for article in same}
        name = "category" if len(categories) == len(same) else "date"
        return () if name in self.show else (name,)

    def _write_item(
        self, record: Record, lang: str, site_url: str, show: Sequence[str], pictured: bool
    ) -> Markup:
        post = record.article
        hreflang = f' hreflang="{escape(post.lang)}"' if post.lang != lang else ""
        parts = [f'<a href="{self.link(post, site_url)}"{hreflang}>{post.title}</a>']
        for is_meta, group in groupby((name for name in show if name != "image"), META.__contains__):
            texts = list(filter(None, (self._show_part(name, record) for name in group)))
            if is_meta and texts:
                parts.append(f' <span class="related-embeddings-meta">{" · ".join(texts)}</span>')
            else:
                parts.extend(f" {text}" for text in texts)
        text = "".join(parts)
        if pictured or self.style == "cards":
            picture = self._show_picture(post, site_url) if pictured else ""
            text = f'{picture}<span class="related-embeddings-text">{text}</span>'
        return Markup(text)  # noqa: S704 - a title is HTML, and the rest is escaped

    def _show_part(self, name: str, record: Record) -> str:
        post = record.article
        if name == "date":
            known = getattr(post, "locale_date", None) and getattr(post, "date", None)
            return f'<time datetime="{post.date.isoformat()}">{post.locale_date}</time>' if known else ""
        if name == "category":
            return _show_text(name, str(getattr(post, "category", "") or ""))
        return _show_text(name, ", ".join(record.terms) if name == "terms" else self.summary(post))

    def _show_picture(self, post: Any, site_url: str) -> str:
        address = escape(self.image(post, site_url))
        if address:
            return f'<img src="{address}" alt="" width="96" loading="lazy">'
        return _draw_tile(str(getattr(post, "category", "") or "")) if self.style else ""

    def summary(self, post: Any, limit: int = SUMMARY_CHARACTERS) -> str:
        """Return a post's summary as plain text of at most ``limit`` characters, cut at a space."""
        text = extract_text(post.summary or "", limit)
        if len(text) <= limit:
            return text
        head = text[:limit]
        return head[: head.rfind(" ")].rstrip(" ,.;:") + "…" if " " in head else head + "…"

    def name(self, source: Any) -> str:
        """Return what a screen reader calls a block that has no heading."""
        return choose_heading(None, str(source.lang))

    def direction(self, lang: str) -> str:
        """Return the direction in which a language is written: ``ltr`` or ``rtl``."""
        return find_direction(str(lang))

    def image(self, post: Any, site_url: str = "") -> str:
        """Return the address of a post's picture, or an empty text.

        That is the one in its metadata, or else the first in its text.
        """
        key = (id(post), site_url)
        found = self._pictures.get(key)
        if found is None:
            found = self._pictures[key] = (post, next(_find_pictures(post, site_url), ""))
        return found[1]


def _find_pictures(post: Any, site_url: str) -> Iterator[str]:
    """Yield the addresses of a post's pictures, the best first."""
    named = (getattr(post, name, None) for name in PICTURES)
    for address in named:
        if isinstance(address, str) and address.strip():
            yield _quote(_locate_picture(post, address.strip(), site_url, _locate_named))
    for address in _list_pictures(read_html(post)):
        yield _quote(_locate_picture(post, address, site_url, _locate_linked))


def _list_pictures(html: str) -> Iterator[str]:
    """Yield the addresses of the pictures in a text, without badges and the like."""
    if "<img" not in html:
        return
    for tag in _IMG.findall(_NO_PICTURE.sub("", html)):
        source = _SRC.search(tag)
        address = unescape("".join(filter(None, source.groups()))).strip() if source else ""
        if address and not address.startswith("data:") and not _ORNAMENT.search(tag):
            yield address


def _quote(address: str) -> str:
    return quote(re.sub(_LONE_PERCENT, "%25", address), _SAFE, errors="replace")


def _draw_tile(category: str) -> str:
    """Return what stands for a picture; the same category always has the same hue."""
    hue = f" related-embeddings-hue-{crc32(category.encode()) % HUES + 1}" if category else ""
    initial = next(filter(str.isalnum, category), "").upper()
    return f'<span class="related-embeddings-tile{hue}" data-initial="{escape(initial)}"></span>'


def join_url(site_url: str, url: str) -> str:
    """Return a post's whole address; an author may have set one on another site."""
    return url if _is_absolute(url) else f"{site_url}/{url}"


def _is_absolute(address: str) -> bool:
    return address.lower().startswith(_ABSOLUTE)


def _locate_picture(post: Any, address: str, site_url: str, locate: Callable[[Any, str, str], str]) -> str:
    """Return where a picture is, resolved as Pelican does for links in the post itself."""
    if not re.match(_SOURCE, address):
        return address if _is_absolute(address) else locate(post, address, site_url)
    resolved = str(post._update_content(f'<img src="{address}">', site_url))[10:-2]
    if not re.match(_SOURCE, resolved):
        return resolved
    # A file that Pelican has not read: it lies where the post's source says.
    path = re.sub(_SOURCE, "", address, count=1)
    folder = "" if path.startswith("/") else dirname(str(post.relative_source_path).replace("\\", "/"))
    return f"{site_url}/{normpath(join(folder, path.lstrip('/')))}"


def _locate_named(_post: Any, address: str, site_url: str) -> str:
    """Return the address of a picture in the metadata, which themes take for a path from the site's root."""
    return f"{site_url}/{address.lstrip('/')}"


def _locate_linked(post: Any, address: str, site_url: str) -> str:
    """Return the address of a picture in a post's text, where it is relative to the post's page."""
    if address.startswith("/"):
        return address
    return join_url(site_url, normpath(join(dirname(str(post.url)), address)))


def _show_text(name: str, text: str) -> str:
    return f'<span class="related-embeddings-{name}">{escape(text)}</span>' if text else ""
