"""What templates see: ``article.related_posts`` and its records."""

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple, SupportsIndex, overload


class Record(NamedTuple):
    """One related post and why it is there.

    ``article`` is Pelican's own object. ``score`` is from 0 to 1; ``semantic`` and ``lexical`` are the two
    parts of the ranking, in standard deviations above the blog's mean; ``terms`` are the shared words
    that count most; ``pinned`` tells that the author put it there.
    """

    article: Any
    score: float
    semantic: float
    lexical: float
    terms: tuple[str, ...]
    pinned: bool


class RelatedPosts(list[Any]):
    """A list of articles, best first, that knows whether a template has shown it.

    A theme that shows the list itself must not get a second block. Asking whether the list is empty, or
    how long it is, is not showing it.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = tuple(records)
        self.shown = False
        super().__init__(record.article for record in self._records)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the posts, in the same order."""
        self.shown = True
        return self._records

    def __iter__(self) -> Iterator[Any]:
        self.shown = True
        return super().__iter__()

    def copy(self) -> list[Any]:
        """Return the articles as a plain list."""
        return list(self)

    def __add__(self, other: list[Any], /) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: list[Any], /) -> list[Any]:
        return [*other, *self]

    def __reversed__(self) -> Iterator[Any]:
        self.shown = True
        return super().__reversed__()

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Any]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        self.shown = True
        return super().__getitem__(index)
