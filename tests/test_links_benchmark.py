"""The benchmark of links takes out what it asks for, and counts what it finds."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.sites import ROOT


@pytest.fixture(scope="module")
def links() -> Iterator[Any]:
    """The script, which imports another one of its folder."""
    folder = str(ROOT / "benchmarks")
    sys.path.insert(0, folder)
    try:
        import links as script

        yield script
    finally:
        sys.path.remove(folder)


def test_a_link_is_taken_out_and_its_words_stay(links: Any) -> None:
    html = '<p>See <a href="{filename}/a.html#x">this <b>one</b></a> and <a href="{filename}/ab.html">that</a>.</p>'

    assert links.take_out(html, ["a"]) == (
        '<p>See this <b>one</b> and <a href="{filename}/ab.html">that</a>.</p>'
    )


def test_a_hit_is_judged_by_its_passage_and_words(links: Any) -> None:
    query = links.Query(0, 7, {2: (10, 20)}, [], {})

    assert links.judge_one(query, [links.Suggested(7, 2, 15, 25)]) == (1.0, 1.0, 1.0)
    assert links.judge_one(query, [links.Suggested(7, 2, 20, 25)]) == (1.0, 1.0, 0.0)
    assert links.judge_one(query, [links.Suggested(7, 1, 12, 15)]) == (1.0, 0.0, 0.0)
    assert links.judge_one(query, [links.Suggested(6, 2, 15, 25)])[0] == 0.0


def test_a_difference_has_an_interval_over_posts(links: Any) -> None:
    sources = np.repeat(np.arange(10), 2)
    nothing = np.full(20, np.nan)
    ours = links.Judged(sources, np.ones(20), nothing, nothing)
    theirs = links.Judged(sources, np.zeros(20), nothing, nothing)

    for pooled in (True, False):
        bounds = links.bound([ours], [theirs], pooled=pooled)
        assert (bounds.mean, bounds.low, bounds.high) == (100.0, 100.0, 100.0)


def test_grades_are_read_back(links: Any) -> None:
    for counts in links.read_grades().values():
        for grades in counts.values():
            assert set(grades) <= set(links.GRADES)
    assert Path(links.JUDGED).parent.parent.joinpath("README.md").is_file()
