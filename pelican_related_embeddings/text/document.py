"""What the pipeline knows of an article or page."""

import json
import re
from collections.abc import Sequence
from itertools import islice
from typing import NamedTuple

from ..store.keys import RESULTS_VERSION, hash_parts
from .names import fold

FEW_WORDS = 60  # a document of fewer is also known by its tags, category, summary and links
_WORD = re.compile(
    r"<[^>]*+>|&#?\w++;|([\u0e01-\u0edf\u1000-\u109f\u1780-\u17d3\u3041-\u30ff\u3400-\u9fff\uac00-\ud7a3]{1,2}|\w++)"
)


class Document(NamedTuple):
    """One article or page as its source file has it.

    ``path`` is its source file relative to the site's content, with forward slashes; ``title`` and
    ``html`` may hold markup, and so may ``summary``, which is there only if the author wrote one; ``lang`` is
    folded, so that equal ones are one language; ``date`` is seconds since 1970 (0: none). ``translations``
    are the paths of the same post in other languages, ``links`` those of the posts that its text links to.
    The fields from ``pins`` to ``fill`` are what its author decided; ``series`` names the series that it is a
    part of.
    """

    path: str
    slug: str
    title: str
    html: str
    lang: str
    date: float = 0.0
    published: bool = True
    is_page: bool = False
    category: str = ""
    tags: tuple[str, ...] = ()
    translations: tuple[str, ...] = ()
    links: tuple[str, ...] = ()
    pins: tuple[str, ...] = ()
    excluded: tuple[str, ...] = ()
    hidden: bool = False
    never: bool = False
    fill: bool = True
    series: str = ""
    summary: str = ""

    def list_names(self) -> tuple[str, str, str]:
        """Return what an author may call this document, folded: its slug, its path or its file name."""
        path = fold(self.path)
        return fold(self.slug), path, path.rpartition("/")[2]


_READ = ("title", "html", "summary")  # in a document's key; its other fields are compared as they are
_COMPARED = tuple(name for name in Document._fields if name not in _READ)


def is_brief(document: Document) -> bool:
    """Whether a document has fewer than ``FEW_WORDS`` words; two characters without spaces are one.

    Stops there, so that it takes next to no time; the words of its title do not count.
    """
    words = (match for match in _WORD.finditer(document.html) if match[1])
    return next(islice(words, FEW_WORDS - 1, None), None) is None


def key_document(document: Document) -> bytes:
    """Return the 16-byte key of a document's words: all that they are read from, and how they are read."""
    about = (document.summary, document.category, *document.tags) if is_brief(document) else ()
    return hash_parts(f"words {RESULTS_VERSION}", document.title, document.html, *about)


def key_documents(documents: Sequence[Document], keys: Sequence[bytes], *parts: str) -> bytes:
    """Return the key of anything that depends on all of ``documents`` and on ``parts``."""
    rows = [[getattr(document, name) for name in _COMPARED] for document in documents]
    return hash_parts(*parts, json.dumps(rows), b"".join(keys))


def order_documents(documents: Sequence[Document]) -> list[int]:
    """Return each document's place, newest first and then by path: what decides between equal scores."""
    rows = sorted(range(len(documents)), key=lambda row: (-documents[row].date, documents[row].path))
    places = [0] * len(documents)
    for place, row in enumerate(rows):
        places[row] = place
    return places
