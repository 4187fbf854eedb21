"""What templates see: ``article.related_posts`` and its records."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
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
    """A list of articles, best first, that knows whether a template has read it.

    A theme that shows the list itself must not get a second block. Asking whether the list is empty, or
    how long it is, is not reading it. ``read`` tells that the theme has read it; ``included`` is the block
    where the theme includes ``related_posts.html``.
    """

    def __init__(self, records: Iterable[Record] = ()) -> None:
        self._records = tuple(records)
        self.read = False
        self.included = ""
        super().__init__(record.article for record in self._records)

    @property
    def records(self) -> tuple[Record, ...]:
        """The records of the posts, in the same order."""
        self.read = True
        return self._records

    @property
    def filled(self) -> bool:
        """Whether there are related posts."""
        return bool(self._records)

    @property
    def first(self) -> Any:
        """The best post; this does not count as reading the list."""
        return self._records[0].article

    @contextmanager
    def watch(self, withheld: bool = False) -> Iterator[None]:
        """Note anew what reads the list. A theme from which it is ``withheld`` finds it empty."""
        self.read, self.included = False, ""
        if withheld:
            super().clear()
        try:
            yield
        finally:
            self._refill()

    @contextmanager
    def offer(self) -> Iterator[Callable[[str], str]]:
        """Give the list to ``related_posts.html``, also where it is withheld from the theme.

        Yields a function that keeps the block, and returns it.
        """
        read, withheld = self.read, not len(self)
        self._refill()
        try:
            yield self._keep
        finally:
            self.read = read
            if withheld:
                super().clear()

    def _keep(self, block: str) -> str:
        self.included = block
        return block

    def _refill(self) -> None:
        super().__setitem__(slice(None), [record.article for record in self._records])

    def __iter__(self) -> Iterator[Any]:
        self.read = True
        return super().__iter__()

    def copy(self) -> list[Any]:
        """Return the articles as a plain list."""
        return list(self)

    def __add__(self, other: list[Any], /) -> list[Any]:
        return [*self, *other]

    def __radd__(self, other: list[Any], /) -> list[Any]:
        return [*other, *self]

    def __mul__(self, times: SupportsIndex, /) -> list[Any]:
        return list(self) * times

    __rmul__ = __mul__

    def __reversed__(self) -> Iterator[Any]:
        self.read = True
        return super().__reversed__()

    @overload
    def __getitem__(self, index: SupportsIndex, /) -> Any: ...
    @overload
    def __getitem__(self, index: slice, /) -> list[Any]: ...
    def __getitem__(self, index: SupportsIndex | slice, /) -> Any:
        self.read = True
        return super().__getitem__(index)
