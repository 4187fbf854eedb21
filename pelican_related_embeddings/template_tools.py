"""What the plugin's templates know beyond the articles, under the name ``related_embeddings``."""

import re
from typing import Any

from .headings import choose_heading, find_direction
from .settings import Settings

# Metadata that themes use for a picture, the usual first.
PICTURES = ("image", "thumbnail", "cover", "featured_image", "header_cover", "og_image")

_ABSOLUTE = ("http://", "https://", "//", "data:")
_SOURCE = re.compile(r"[{|](?:static|attach|filename)[|}]/?")  # Pelican resolves it in content alone


class TemplateTools:
    """The settings that a template may ask for, and a few answers."""

    def __init__(self, settings: Settings) -> None:
        self.style = settings.style
        self.show = settings.show
        self._title = settings.title
        self._headings: dict[str, str] = {}
        self._urls: dict[int, tuple[Any, str]] = {}

    def heading(self, source: Any) -> str:
        """Return the heading of the block for an article; empty if the blogger wants none."""
        lang = source.lang
        if lang not in self._headings:
            self._headings[lang] = choose_heading(self._title, lang)
        return self._headings[lang]

    def url(self, post: Any) -> str:
        """Return a post's URL, worked out once: Pelican does so each time it is asked, and slowly."""
        found = self._urls.get(id(post))
        if found is None:
            found = self._urls[id(post)] = (post, post.url)  # the post is kept, so that its id stays its own
        return found[1]

    def name(self, source: Any) -> str:
        """Return what a screen reader calls a block that has no heading."""
        return choose_heading(None, source.lang)

    def direction(self, lang: str) -> str:
        """Return the direction in which a language is written: ``ltr`` or ``rtl``."""
        return find_direction(lang)

    def image(self, post: Any, site_url: str = "") -> str:
        """Return the address of a post's picture, or an empty text."""
        for name in PICTURES:
            address = getattr(post, name, None)
            if isinstance(address, str) and address.strip():
                address = _SOURCE.sub("/", address.strip(), count=1)
                return address if address.startswith(_ABSOLUTE) else f"{site_url}/{address.lstrip('/')}"
        return ""
