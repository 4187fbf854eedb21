"""Estimate how likely an author is to want a link, by two conditional logits on its evidence.

The first chooses the place of a pair of posts, the second judges the pair by it. Their weights were fitted by
``benchmarks/links.py`` to the links of three real blogs, each link removed in turn: McFadden, "Conditional
logit analysis of qualitative choice behavior" (1974).
"""

from collections.abc import Mapping
from math import exp
from typing import NamedTuple

from .anchors import HEADING, TERM, TITLE, Span
from .candidates import Evidence

# In logits: of a place among those of the same pair, and of the pair by its best place.
PLACE_WEIGHTS: Mapping[str, float] = {"lead": 1.36, "cover": 5.49, "mass": 1.02, "meaning": 5.74}
PAIR_WEIGHTS: Mapping[str, float] = {"rank": 1.0, "title": 3.84, "overlap": 4.97, "name": 2.13}
INTERCEPT = -3.3
UNDERLINKED_BONUS = 0.5  # logits, for a post that no other links to

# An anchor must name its target: so much of a title or heading. A single word that is not a name, such as
# "recursively", says little about its target; nor do terms, unless they are two words or more.
LEAST_SHARE = {TITLE: 0.35, HEADING: 0.7}
LEAST_WORD_SHARE = 0.7
LEAST_TERM = 2  # words


class Standard(NamedTuple):
    """What a suggestion must reach: a likelihood, and shares from 0 to 1.

    ``cover``: of the title, in the passage. One with most of "Storing files in an S3 bucket" is about that,
    one with a bucket may be about any. ``terms``: of the target's terms, for an anchor of terms.
    """

    likelihood: float
    cover: float
    terms: float


SURE = Standard(likelihood=0.35, cover=0.55, terms=0.1)
BEST_THERE_IS = Standard(likelihood=0.1, cover=0.0, terms=0.0)  # for posts that no other links to


def weigh(evidence: Evidence, weights: Mapping[str, float]) -> float:
    """Return the weighted sum of some fields of the evidence."""
    return float(sum(weight * getattr(evidence, name) for name, weight in weights.items()))


def weigh_pair(evidence: Evidence) -> float:
    """Return how likely a link is by the evidence for its best place, in logits."""
    return INTERCEPT + weigh(evidence, PAIR_WEIGHTS)


def squash(logit: float) -> float:
    """Return the likelihood for a logit, from 0 to 1."""
    return 1 / (1 + exp(-logit))


def names_target(span: Span, evidence: Evidence, standard: Standard = SURE) -> bool:
    """Whether an anchor tells readers what it links to."""
    if span.kind == TERM:
        return len(span.words) >= LEAST_TERM and not evidence.rivals and span.share >= standard.terms
    if span.kind == TITLE and evidence.cover < standard.cover:
        return False
    plain_word = len(span.words) == 1 and not span.named
    return span.share >= (LEAST_WORD_SHARE if plain_word else LEAST_SHARE[span.kind])
