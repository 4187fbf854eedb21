"""Measure how many lists change when a post is added."""

from collections.abc import Mapping
from dataclasses import dataclass

from ..pipeline import Embedded
from .lists import list_related, pick_documents

NEWEST = 20  # posts that are removed, one after the other


@dataclass(frozen=True)
class Change:
    """The effect of adding the newest of the first ``posts`` posts to the others.

    ``path`` is its source file. ``changed`` of the other posts' lists change, and ``showing`` of these list
    the new post.
    """

    path: str
    posts: int
    changed: int
    showing: int

    @property
    def share(self) -> float:
        """The percentage of the other posts whose lists change."""
        return 100 * self.changed / max(1, self.posts - 1)


def measure_churn(embedded: Embedded, newest: int = NEWEST) -> list[Change]:
    """Return what each of the newest published articles changed when it was added, the newest first.

    Uses the site's own settings; the words and vectors of all posts stay the same.
    """
    documents = embedded.inputs.documents
    dated = sorted(range(len(documents)), key=lambda row: (documents[row].date, documents[row].path))
    published = [row for row in dated if documents[row].published and not documents[row].is_page]
    others = [row for row in range(len(documents)) if row not in set(published)]
    changes: list[Change] = []
    after = _list_paths(embedded, [*published, *others])
    while len(published) > 1 and len(changes) < newest:
        added = documents[published.pop()].path
        before = _list_paths(embedded, [*published, *others])
        changed = [path for path, shown in before.items() if shown != after[path]]
        showing = sum(added in after[path] for path in changed)
        changes.append(Change(added, len(published) + 1, len(changed), showing))
        after = before
    return changes


def _list_paths(embedded: Embedded, rows: list[int]) -> Mapping[str, list[str]]:
    """Return the list of each published article, as if the site had only the documents ``rows``."""
    picked = pick_documents(embedded, sorted(rows))
    documents = picked.inputs.documents
    lists = list_related(picked)
    return {
        document.path: [documents[row].path for row in chosen]
        for document, chosen in zip(documents, lists, strict=True)
        if document.published and not document.is_page
    }
