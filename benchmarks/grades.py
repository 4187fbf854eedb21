"""Grades that pairs of posts were given by reading them, and what lists are worth by them.

A file of grades has a line a pair: source and target (slugs), grade (0, 1 or 2) and, for pairs that were
graded twice, the second grade.
"""

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from pelican_related_embeddings.evaluation.measures import SHOWN, Floats

FOLDER = Path(__file__).parent / "judged"
FIELDS = ("source", "target", "grade", "again")
HIGHEST = 2
GRADED, UNGRADED = "graded nDCG@5", "ungraded"


@dataclass(frozen=True)
class Grade:
    """What one suggestion was found to be worth to a reader of ``source``."""

    source: str
    target: str
    grade: int
    again: int | None = None


@dataclass(frozen=True)
class Agreement:
    """How well two gradings of the same pairs agree: a share, and Cohen's kappa with quadratic weights."""

    pairs: int
    exact: float
    kappa: float


def read_grades(path: Path) -> list[Grade]:
    """Return the grades of a file; none where there is no file."""
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as lines:
        return [
            Grade(
                row["source"], row["target"], int(row["grade"]), int(row["again"]) if row["again"] else None
            )
            for row in csv.DictReader(lines)
        ]


def write_grades(path: Path, grades: Sequence[Grade]) -> None:
    """Write a file of grades, in the order of the slugs, which tells nothing of any method."""
    with path.open("w", encoding="utf-8", newline="") as lines:
        writer = csv.writer(lines, lineterminator="\n")
        writer.writerow(FIELDS)
        for one in sorted(grades, key=lambda one: (one.source, one.target)):
            writer.writerow([one.source, one.target, one.grade, "" if one.again is None else one.again])


def find_rows(grades: Sequence[Grade], slugs: Sequence[str]) -> Mapping[int, Mapping[int, int]]:
    """Return the grades of each graded row, by row, without those of posts that are no longer there."""
    rows = {slug: row for row, slug in enumerate(slugs)}
    found: dict[int, dict[int, int]] = {}
    for one in grades:
        if one.source in rows and one.target in rows:
            found.setdefault(rows[one.source], {})[rows[one.target]] = one.grade
    return found


def judge_by_grades(
    grades: Mapping[int, Mapping[int, int]], lists: Sequence[Sequence[int]]
) -> dict[str, Floats]:
    """Return per graded row the nDCG@5 of its list, and the share of its first five that have no grade.

    Rows none of whose suggestions is worth anything are left out of nDCG: no list of them could be better.
    """
    worthy = {row: own for row, own in grades.items() if any(own.values())}
    graded = [
        measure_gain([own.get(other, 0) for other in lists[row]], list(own.values()))
        for row, own in worthy.items()
    ]
    shown = [(own, lists[row][:SHOWN]) for row, own in grades.items() if lists[row]]
    ungraded = [np.mean([other not in own for other in chosen]) for own, chosen in shown]
    return {GRADED: np.array(graded, np.float64), UNGRADED: np.array(ungraded, np.float64)}


def measure_gain(chosen: Sequence[int], possible: Sequence[int]) -> float:
    """Return nDCG@5 of a list of grades: the sum of (2^grade - 1) / log2(1 + place), relative to the best.

    Järvelin and Kekäläinen, "Cumulated gain-based evaluation of IR techniques", 2002, with the gain of
    Burges et al., "Learning to rank using gradient descent", 2005. ``possible``: all grades of the post,
    one of them above 0.
    """
    best = sorted(possible, reverse=True)
    return _sum_gains(chosen) / _sum_gains(best)


def _sum_gains(grades: Sequence[int]) -> float:
    return float(sum((2**grade - 1) / np.log2(1 + place) for place, grade in enumerate(grades[:SHOWN], 1)))


def compare_gradings(first: Sequence[int], second: Sequence[int]) -> Agreement:
    """Return how well two gradings of the same pairs agree.

    Cohen, "Weighted kappa", 1968: one minus the squared differences, relative to those that chance would
    give with the same shares of each grade. NaN where all grades are the same.
    """
    one, two = np.array(first), np.array(second)
    observed = float(np.mean((one - two) ** 2))
    expected = float(np.mean((one[:, None] - two[None, :]) ** 2))
    return Agreement(
        len(one), float(np.mean(one == two)), 1 - observed / expected if expected else float("nan")
    )


def find_agreement(grades: Sequence[Grade]) -> Agreement | None:
    """Return how well the pairs that were graded twice agree; None where there are none."""
    twice = [(one.grade, one.again) for one in grades if one.again is not None]
    return compare_gradings([one for one, _ in twice], [two for _, two in twice]) if twice else None
