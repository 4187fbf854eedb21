"""What the plugin's templates know beyond the articles, under the name ``related_embeddings``."""

import re
from typing import Any

from jinja2.filters import do_striptags
from markupsafe import Markup, escape

from ..settings import Settings
from .headings import choose_heading, find_direction
from .related import Record

TOOLS = "related_embeddings"  # the name under which templates know what is here

# Metadata that themes use for a picture, the usual first.
PICTURES = ("image", "thumbnail", "cover", "featured_image", "header_cover", "og_image")

_ABSOLUTE = ("http://", "https://", "//", "data:")
_SOURCE = r"[{|](?:static|attach|filename)[|}]/?"  # Pelican resolves it in content alone


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

    def item(self, record: Record, lang: str, site_url: str = "") -> Markup:
        """Return what stands in an item of the list on a page in ``lang``.

        The same post is an item of many lists, so each item is written once.
        """
        terms = record.terms if "terms" in self.show else ()
        key = (id(record.article), str(lang), site_url, terms)
        found = self._items.get(key)
        if found is None:
            # The post is kept, so that its id stays its own.
            found = self._items[key] = (record.article, self._write_item(record, lang, site_url))
        return found[1]

    def _write_item(self, record: Record, lang: str, site_url: str) -> Markup:
        post, show = record.article, self.show
        parts = [self._show_picture(post, site_url)] if "image" in show else []
        hreflang = f' hreflang="{escape(post.lang)}"' if post.lang != lang else ""
        parts.append(f'<a href="{site_url}/{self.url(post)}"{hreflang}>{post.title}</a>')
        if "date" in show and getattr(post, "locale_date", None) and getattr(post, "date", None):
            parts.append(f' <time datetime="{post.date.isoformat()}">{post.locale_date}</time>')
        if "category" in show:
            parts.append(_show_part("category", str(getattr(post, "category", "") or "")))
        if "terms" in show:
            parts.append(_show_part("terms", ", ".join(record.terms)))
        if "summary" in show:
            parts.append(_show_part("summary", do_striptags(post.summary or "")))
        return Markup("".join(parts))  # noqa: S704 - a title is HTML, and the rest is escaped

    def _show_picture(self, post: Any, site_url: str) -> str:
        address = escape(self.image(post, site_url))
        return f'<img src="{address}" alt="" width="96" loading="lazy"> ' if address else ""

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
                address = re.sub(_SOURCE, "/", address.strip(), count=1)
                return address if address.startswith(_ABSOLUTE) else f"{site_url}/{address.lstrip('/')}"
        return ""


def _show_part(name: str, text: str) -> str:
    return f' <span class="related-posts-{name}">{escape(text)}</span>' if text else ""
