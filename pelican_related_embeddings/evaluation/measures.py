"""Measure lists of related posts by what authors did: the posts they linked, and the tags they gave."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

LINKED, INBOUND, TAGS = "recall@5", "inbound@5", "tag share"
METRICS = (LINKED, INBOUND, "recall@10", "MRR", "nDCG@5", TAGS)
SHOWN = 5  # places of a list that recall and the tag share look at
SPECIFIC = 0.1  # maximum share of the posts that have a tag, for it to be specific
RESAMPLES = 2000

Floats = npt.NDArray[np.float64]
Lists = Sequence[Sequence[int]]


@dataclass(frozen=True)
class Truth:
    """What lists are measured by, row by row.

    ``linked``: the posts that a post links to or that link to it; ``inbound``: of these, the ones that it
    does not link to itself, so its readers do not know them yet; ``tags``: its specific tags, those on at
    least two posts and at most a tenth of them.
    """

    linked: tuple[frozenset[int], ...]
    inbound: tuple[frozenset[int], ...]
    tags: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Judged:
    """The quality of lists: per metric a value, from 0 to 1, for each post that can be measured.

    ``never``: the percentage of the posts that no list shows; ``largest``: the maximum number of lists that
    show one post.
    """

    values: Mapping[str, Floats]
    never: float
    largest: int

    def mean(self, metric: str) -> float:
        """Return the mean of a metric in percent, or NaN if no post can be measured."""
        values = self.values[metric]
        return 100 * float(values.mean()) if len(values) else float("nan")


@dataclass(frozen=True)
class Bounds:
    """A mean in percent, and the ends of its 95% interval."""

    mean: float
    low: float
    high: float


def find_truth(links: Sequence[Collection[int]], tags: Sequence[Collection[str]]) -> Truth:
    """Return the truth about posts, given which rows each links to and its tags."""
    outbound = [frozenset(rows) - {row} for row, rows in enumerate(links)]
    inbound: list[set[int]] = [set() for _ in links]
    for row, others in enumerate(outbound):
        for other in others:
            inbound[other].add(row)
    both = list(zip(outbound, inbound, strict=True))
    counts = Counter(tag for each in tags for tag in set(each))
    specific = {tag for tag, count in counts.items() if 2 <= count <= SPECIFIC * len(tags)}
    return Truth(
        tuple(frozenset(own | theirs) for own, theirs in both),
        tuple(frozenset(theirs - own) for own, theirs in both),
        tuple(frozenset(specific.intersection(each)) for each in tags),
    )


def judge(truth: Truth, lists: Lists) -> Judged:
    """Return the metrics of some lists over the posts that have links, or a specific tag."""
    linked = [(chosen, wanted) for chosen, wanted in zip(lists, truth.linked, strict=True) if wanted]
    inbound = [(chosen, wanted) for chosen, wanted in zip(lists, truth.inbound, strict=True) if wanted]
    values = {
        LINKED: [_recall(chosen[:SHOWN], wanted) for chosen, wanted in linked],
        INBOUND: [_recall(chosen[:SHOWN], wanted) for chosen, wanted in inbound],
        "recall@10": [_recall(chosen[:10], wanted) for chosen, wanted in linked],
        "MRR": [_reciprocal_rank(chosen, wanted) for chosen, wanted in linked],
        "nDCG@5": [_gain(chosen, wanted) for chosen, wanted in linked],
        TAGS: list(_share_tags(truth, lists)),
    }
    shown = Counter(row for chosen in lists for row in chosen[:SHOWN])
    return Judged(
        {name: np.array(each, np.float64) for name, each in values.items()},
        100 * (1 - len(shown) / len(lists)) if lists else 0.0,
        max(shown.values(), default=0),
    )


def _recall(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    return len(wanted.intersection(chosen)) / len(wanted)


def _reciprocal_rank(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    return next((1 / place for place, row in enumerate(chosen, 1) if row in wanted), 0.0)


def _gain(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    """Return nDCG@5 (Järvelin and Kekäläinen, 2002) where a post is either wanted or not."""
    discounts = 1 / np.log2(np.arange(2, SHOWN + 2))
    hits = [discount for row, discount in zip(chosen, discounts, strict=False) if row in wanted]
    return float(sum(hits) / discounts[: len(wanted)].sum())


def _share_tags(truth: Truth, lists: Lists) -> Iterator[float]:
    """Yield, per post with a specific tag, the share of its first five places that share one.

    Relative to the places that could: if only two other posts have the tag, that is two.
    """
    for own, chosen in zip(truth.tags, lists, strict=True):
        possible = sum(not own.isdisjoint(other) for other in truth.tags) - 1 if own else 0
        if possible:
            yield sum(not own.isdisjoint(truth.tags[row]) for row in chosen[:SHOWN]) / min(SHOWN, possible)


def bound_mean(values: Sequence[Floats]) -> Bounds:
    """Return the mean of some values in percent, macro-averaged over blogs, with its 95% interval.

    Bootstrap over the posts of each blog (Efron and Tibshirani, "An Introduction to the Bootstrap", 1993);
    paired if the values are differences. Every blog has at least one value.
    """
    random = np.random.default_rng(0)
    means = np.mean(
        [each[random.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1) for each in values],
        axis=0,
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return Bounds(100 * float(np.mean([each.mean() for each in values])), 100 * float(low), 100 * float(high))


def bound_difference(ours: Sequence[Floats], others: Sequence[Floats]) -> Bounds:
    """Return how many points ours are better, with the interval of ``bound_mean``."""
    return bound_mean([mine - theirs for mine, theirs in zip(ours, others, strict=True)])
