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

    def heading(self, source: Any) -> str:
        """Return the heading of the block for an article; empty if the blogger wants none."""
        return choose_heading(self._title, source.lang)

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
