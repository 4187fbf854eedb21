"""Estimate how likely an author is to want a link, by two logistic regressions on its evidence.

The first chooses the place of a pair of posts, the second judges the pair by it. Their weights were fitted by
``benchmarks/links.py`` to the links of three real blogs, each link removed in turn.
"""

from collections.abc import Mapping
from math import exp

from .anchors import HEADING, TERM, TITLE, Span
from .candidates import Evidence

PLACE_WEIGHTS: Mapping[str, float] = {
    "title": 2.33, "rivals": 0.12, "overlap": 0.5, "lead": 2.18, "cover": 2.02, "mass": 1.86, "meaning": 2.51
}  # fmt: skip
PAIR_WEIGHTS: Mapping[str, float] = {"rank": 1.0, "title": 4.12, "phrase": 0.12, "overlap": 7.94}
INTERCEPT = -2.93
THRESHOLD = 0.35  # likelihood from which a link is suggested
ORPHAN_THRESHOLD = 0.1  # the same for the best place to link to a post that no other links to
UNDERLINKED_BONUS = 0.5  # logits, for a post that no other links to

# An anchor must name its target: so much of a title or heading, or a rare term of two words or more. A single
# word that is not a name, such as "recursively", says little about its target.
LEAST_SHARE = {TITLE: 0.35, HEADING: 0.6}
LEAST_WORD_SHARE = 0.7
LEAST_TERM = 2  # words


def weigh_place(evidence: Evidence) -> float:
    """Return how good a place is among those of the same pair, in logits."""
    weights = PLACE_WEIGHTS.items()
    return float(sum(weight * getattr(evidence, name) for name, weight in weights))


def weigh_pair(evidence: Evidence) -> float:
    """Return how likely a link is by the evidence for its best place, in logits."""
    return INTERCEPT + sum(
        weight * value for weight, value in zip(PAIR_WEIGHTS.values(), describe_pair(evidence), strict=True)
    )


def describe_pair(evidence: Evidence) -> tuple[float, ...]:
    """Return the values that ``PAIR_WEIGHTS`` are applied to, in their order."""
    return evidence.rank, evidence.title, evidence.title * evidence.weight, evidence.overlap


def squash(logit: float) -> float:
    """Return the likelihood for a logit, from 0 to 1."""
    return 1 / (1 + exp(-logit))


def names_target(span: Span, rivals: float) -> bool:
    """Whether an anchor tells readers what it links to; ``rivals`` is the field of ``Evidence``."""
    if span.kind == TERM:
        return len(span.words) >= LEAST_TERM and rivals == 0
    plain_word = len(span.words) == 1 and not span.named
    return span.share >= (LEAST_WORD_SHARE if plain_word else LEAST_SHARE[span.kind])
