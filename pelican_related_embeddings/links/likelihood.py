"""How likely an author is to want a link, from what speaks for its place: a logistic regression.

The weights were fitted by ``benchmarks/links.py`` to the links of three real blogs, each taken out in turn.
"""

from collections.abc import Mapping
from math import exp

from .candidates import Place

WEIGHTS: Mapping[str, float] = {
    "rank": 1.0,
    "value": 0.03,
    "title": 3.2,
    "heading": 0.6,
    "weight": 0.15,
    "rivals": 0.5,
    "overlap": 2.8,
    "lead": 2.2,
}
INTERCEPT = -4.0
THRESHOLD = 0.3  # likelihood from which a link is suggested
UNDERLINKED_BONUS = 0.5  # logits, for a post that no other links to


def estimate(place: Place) -> float:
    """Return the likelihood of a link, from 0 to 1."""
    return squash(weigh(place))


def weigh(place: Place) -> float:
    """Return the sum of what speaks for a place, in logits."""
    return INTERCEPT + sum(
        weight * feature for weight, feature in zip(WEIGHTS.values(), place.features, strict=True)
    )


def squash(logit: float) -> float:
    """Return a likelihood from its logit."""
    return 1 / (1 + exp(-logit))
