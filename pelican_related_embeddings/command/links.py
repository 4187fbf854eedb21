"""Which links a blog lacks: from one post, to it, or in all, each with a line to paste."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

from ..links.likelihood import BEST_THERE_IS
from ..links.suggestions import Embed, Finder, Suggestion
from ..pipeline import Embedded, Study, make_study
from ..ranking.refusals import Refusal, read_exclusions, refuse_pair, refuse_post
from ..site.reader import Contents, Post
from ..site.sources import find_line, write_link
from ..text.document import Document
from ..text.names import fold_reference

SHOWN = 10  # suggestions, unless the author wants another number
# What keeps a post out of lists, and a link to it out of the suggestions too.
_BARRING = frozenset(
    (
        Refusal.NEVER,
        Refusal.EXCLUDED_CATEGORY,
        Refusal.EXCLUDED_TAG,
        Refusal.EXCLUDED_PATH,
        Refusal.SELF,
        Refusal.TRANSLATION,
        Refusal.EXCLUDED_HERE,
    )
)


@dataclass(frozen=True, slots=True)
class LinkToWrite:
    """A link that the post ``source`` could have in a ``sentence``; ``paste`` is the anchor as that link.

    ``line`` is where the anchor stands in the source file, or None where that is not found; ``start``, where
    it begins in the sentence.
    """

    source: Post
    line: int | None
    target: Post
    sentence: str
    start: int
    anchor: str
    paste: str
    score: float
    terms: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class PostLinks:
    """The links that a post could have, and those that others could have to it."""

    post: Post
    outgoing: tuple[LinkToWrite, ...]
    incoming: tuple[LinkToWrite, ...]


@dataclass(frozen=True, slots=True)
class Orphan:
    """A post that no other links to, and its best place to be linked from, if there is one."""

    post: Post
    link: LinkToWrite | None


@dataclass(frozen=True, eq=False)
class LinkSearch:
    """What the command knows of a site's links; ``folder`` has its sources, ``embed`` is as in ``Finder``."""

    study: Study
    contents: Contents
    folder: Path
    embed: Embed

    @cached_property
    def inbound(self) -> list[int]:
        """How many published documents link to each."""
        return count_inbound(self.study.documents, self.contents)

    def list_of_post(self, row: int) -> PostLinks:
        """Return the links from and to a post; a draft is taken for published."""
        finder = self.make_finder(publish(self.study, row))
        return PostLinks(
            self.contents.posts[row],
            tuple(map(self.describe, finder.list_links_from(row))),
            tuple(map(self.describe, finder.list_links_to(row))),
        )

    def list_best(self, limit: int) -> list[LinkToWrite]:
        """Return the best links that all posts lack, at most ``limit``; underlinked targets come first."""
        return [self.describe(one) for one in self.make_finder(self.study).list_all()[:limit]]

    def find_orphans(self) -> list[int]:
        """Return the rows of the published articles that no other links to."""
        documents = enumerate(self.study.documents)
        shown = (row for row, one in documents if one.published and not one.is_page)
        return [row for row in shown if not self.inbound[row]]

    def list_orphans(self) -> list[Orphan]:
        """Return the published articles without a link from another, with the best place for one."""
        rows = self.find_orphans()
        usual, wanted = self.make_finder(self.study), frozenset(rows)

        def is_barred(row: int, other: int) -> bool:
            return other not in wanted or usual.barred(row, other)

        finder = replace(usual, barred=is_barred, standard=BEST_THERE_IS)
        best: dict[int, Suggestion] = {}
        for one in finder.list_all():
            best.setdefault(one.target, one)
        links = (self.describe(best[row]) if row in best else None for row in rows)
        found = [Orphan(self.contents.posts[row], link) for row, link in zip(rows, links, strict=True)]
        return sorted(found, key=lambda one: (-(one.link.score if one.link else -1), one.post.path))

    def make_finder(self, study: Study) -> Finder:
        """Return what finds links, and knows which must not be suggested."""
        documents, settings = study.documents, study.inputs.settings
        unwanted = list_unwanted(documents, study, self.contents)
        exclusions = read_exclusions(documents, settings)

        def is_barred(row: int, other: int) -> bool:
            source, target = documents[row], documents[other]
            if (row, other) in unwanted or source.lang != target.lang:
                return True
            refusals = (*refuse_pair(source, target, settings), *refuse_post(target, settings, exclusions))
            return not _BARRING.isdisjoint(refusals)

        return Finder(study, is_barred, count_inbound(documents, self.contents), self.embed)

    def describe(self, one: Suggestion) -> LinkToWrite:
        """Return a suggestion as an author needs it."""
        posts = self.contents.posts
        source, target = posts[one.source], posts[one.target]
        return LinkToWrite(
            source,
            find_line(self.folder / source.path, one.sentence, one.start, one.end),
            target,
            one.sentence,
            one.start,
            one.anchor,
            write_link(one.anchor, source.path, target.path, one.fragment),
            one.likelihood,
            one.terms,
        )


def publish(study: Study, row: int) -> Study:
    """Return the study of the same site with one document published, so that others can link to it."""
    documents = study.documents
    if documents[row].published:
        return study
    changed = [*documents[:row], documents[row]._replace(published=True), *documents[row + 1 :]]
    embedded: Embedded = replace(study.embedded, inputs=replace(study.inputs, documents=changed))
    return make_study(embedded)


def count_inbound(documents: Sequence[Document], contents: Contents) -> list[int]:
    """Return how many published documents link to each."""
    rows = {document.path: row for row, document in enumerate(documents)}
    counts = [0] * len(documents)
    for document, links in zip(documents, contents.links, strict=True):
        for path in links if document.published else ():
            if path in rows:
                counts[rows[path]] += 1
    return counts


def list_unwanted(documents: Sequence[Document], study: Study, contents: Contents) -> set[tuple[int, int]]:
    """Return the pairs of rows that are linked already, nearly the same text, or dismissed by authors."""
    rows = {document.path: row for row, document in enumerate(documents)}
    pairs = {(first, second) for pair in study.ranked.duplicates for first, second in (pair, pair[::-1])}
    for row, links in enumerate(contents.links):
        pairs |= {(row, rows[path]) for path in links if path in rows}
    return pairs | set(list_dismissed(documents, contents))


def list_dismissed(documents: Sequence[Document], contents: Contents) -> Iterator[tuple[int, int]]:
    """Yield the pairs that authors dismissed with ``related_links_ignore``."""
    for row, names in enumerate(contents.ignored):
        if names:
            folded = set(map(fold_reference, names))
            for other, document in enumerate(documents):
                if not folded.isdisjoint(document.list_names()):
                    yield row, other
