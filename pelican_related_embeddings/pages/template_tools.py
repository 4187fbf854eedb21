"""What the plugin's templates know beyond the articles, under the name ``related_embeddings``."""

import re
from collections.abc import Sequence
from posixpath import dirname, join, normpath
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from ..settings import Settings
from ..text.html import extract_text
from .headings import choose_heading, find_direction
from .related import Record

TOOLS = "related_embeddings"  # the name under which templates know what is here

# Metadata that themes use for a picture, the usual first.
PICTURES = ("image", "thumbnail", "cover", "featured_image", "header_cover", "og_image")

SUMMARY_CHARACTERS = 240

_ABSOLUTE = ("http://", "https://", "//", "data:")
_SOURCE = r"[{|](?:static|attach|filename)[|}]"
_LONE_PERCENT = r"%(?![0-9A-Fa-f]{2})"  # one that begins no escape
_SAFE = "/:?#[]@!$&'()*+,;=%~"  # in an address, besides letters and digits


class TemplateTools:
    """The settings that a template may ask for, and a few answers."""

    def __init__(self, settings: Settings) -> None:
        self.style = settings.style
        self.show = settings.show
        self._title = settings.title
        self._headings: dict[str, str] = {}
        self._urls: dict[int, tuple[Any, str]] = {}
        self._items: dict[tuple[Any, ...], tuple[Any, Markup]] = {}

    def heading(self, source: Any) -> str:
        """Return the heading of the block for an article; empty if the blogger wants none."""
        lang = str(source.lang)
        if lang not in self._headings:
            self._headings[lang] = choose_heading(self._title, lang)
        return self._headings[lang]

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

        The same post is an item of many lists, so each item is written once. Of posts with the same title
        among ``records`` it also shows what tells them apart.
        """
        terms = record.terms if "terms" in self.show else ()
        shown = (*self.show, *self.tell_apart(record, records))
        key = (id(record.article), str(lang), site_url, terms, shown)
        found = self._items.get(key)
        if found is None:
            # The post is kept, so that its id stays its own.
            found = self._items[key] = (record.article, self._write_item(record, lang, site_url, shown))
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

    def _write_item(self, record: Record, lang: str, site_url: str, show: Sequence[str]) -> Markup:
        post = record.article
        parts = [self._show_picture(post, site_url)] if "image" in show else []
        hreflang = f' hreflang="{escape(post.lang)}"' if post.lang != lang else ""
        parts.append(f'<a href="{self.link(post, site_url)}"{hreflang}>{post.title}</a>')
        if "date" in show and getattr(post, "locale_date", None) and getattr(post, "date", None):
            parts.append(f' <time datetime="{post.date.isoformat()}">{post.locale_date}</time>')
        if "category" in show:
            parts.append(_show_part("category", str(getattr(post, "category", "") or "")))
        if "terms" in show:
            parts.append(_show_part("terms", ", ".join(record.terms)))
        if "summary" in show:
            parts.append(_show_part("summary", self.summary(post)))
        return Markup("".join(parts))  # noqa: S704 - a title is HTML, and the rest is escaped

    def _show_picture(self, post: Any, site_url: str) -> str:
        address = escape(self.image(post, site_url))
        return f'<img src="{address}" alt="" width="96" loading="lazy"> ' if address else ""

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
        """Return the address of a post's picture, or an empty text."""
        for name in PICTURES:
            address = getattr(post, name, None)
            if isinstance(address, str) and address.strip():
                located = _locate_picture(post, address.strip(), site_url)
                return quote(re.sub(_LONE_PERCENT, "%25", located), _SAFE, errors="replace")
        return ""


def join_url(site_url: str, url: str) -> str:
    """Return a post's whole address; an author may have set one on another site."""
    return url if _is_absolute(url) else f"{site_url}/{url}"


def _is_absolute(address: str) -> bool:
    return address.lower().startswith(_ABSOLUTE)


def _locate_picture(post: Any, address: str, site_url: str) -> str:
    """Return where a picture is, resolved as Pelican does for links in the post itself."""
    if not re.match(_SOURCE, address):
        return address if _is_absolute(address) else f"{site_url}/{address.lstrip('/')}"
    resolved = str(post._update_content(f'<img src="{address}">', site_url))[10:-2]
    if not re.match(_SOURCE, resolved):
        return resolved
    # A file that Pelican has not read: it lies where the post's source says.
    path = re.sub(_SOURCE, "", address, count=1)
    folder = "" if path.startswith("/") else dirname(str(post.relative_source_path).replace("\\", "/"))
    return f"{site_url}/{normpath(join(folder, path.lstrip('/')))}"


def _show_part(name: str, text: str) -> str:
    return f' <span class="related-posts-{name}">{escape(text)}</span>' if text else ""
