"""Posts that are nearly the same text, such as a repost: no list should show two of them.

They are looked for among the candidates that ``nearest`` found, so that no further pairs are compared.
"""

from collections.abc import Iterator

import numpy as np

from ..text.terms import Mask, TermCounts
from .groups import Group, Scale, Vectors
from .nearest import Found

LEAST_SHARE = 0.8  # of all terms of two documents that both have
LEAST_COSINE = 0.99  # of two vectors; where they, or the weighted terms, are close, all terms are compared


def find_duplicates(group: Group, found: Found) -> Iterator[tuple[int, int]]:
    """Yield the pairs of published documents that are nearly the same text, as rows of the site.

    ``found`` holds the candidates of all documents of the group.
    """
    is_target = np.zeros(len(group.rows), np.bool_)
    is_target[group.targets] = True
    close = (found.columns >= 0) & is_target[:, None]
    close &= _reach(found.lexical, group.lexical, LEAST_SHARE / 2) | _reach(
        found.semantic, group.semantic, LEAST_COSINE
    )
    places, slots = np.nonzero(close)
    others = group.targets[found.columns[places, slots]]
    pairs = {(min(pair), max(pair)) for pair in zip(places.tolist(), others.tolist(), strict=True)}
    for first, second in sorted(pairs):
        if resemble(group.documents[first], group.documents[second]):
            yield int(group.rows[first]), int(group.rows[second])


def _reach(part: Vectors, scale: Scale, least: float) -> Mask:
    reached: Mask = part >= scale.factor * (least - scale.mean)
    return reached if scale.factor else np.zeros(part.shape, np.bool_)


def resemble(one: TermCounts, other: TermCounts) -> bool:
    """Whether two documents are nearly the same text; without terms they never are.

    The measure is the share of all terms of both that both have: the resemblance of Broder, "On the
    resemblance and containment of documents" (1997).
    """
    if not len(one.hashes) or not len(other.hashes):
        return False
    shared = len(np.intersect1d(one.hashes, other.hashes, assume_unique=True))
    return shared >= LEAST_SHARE * (len(one.hashes) + len(other.hashes) - shared)
