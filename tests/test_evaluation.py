"""What lists are worth, worked out by hand on a few posts."""

import numpy as np
import pytest

from pelican_related_embeddings.command.evaluate import speaks_for
from pelican_related_embeddings.evaluation.lists import compare_tags, list_best
from pelican_related_embeddings.evaluation.measures import (
    INBOUND,
    LINKED,
    TAGS,
    Bounds,
    bound_difference,
    bound_mean,
    find_truth,
    judge,
)


def test_links_count_both_ways_and_a_post_that_links_to_itself_is_not_linked() -> None:
    truth = find_truth([[1, 0], [2], []], [[], [], []])

    assert truth.linked == ({1}, {0, 2}, {1})
    assert truth.inbound == (set(), {0}, {1})


def test_a_tag_is_specific_on_two_posts_to_a_tenth_of_them() -> None:
    tags = [["rare", "all"], ["rare", "all"], ["once", "all"], *[["all"]] * 17]

    assert find_truth([[]] * 20, tags).tags == ({"rare"}, {"rare"}, *[set()] * 18)


def test_the_metrics_of_lists_that_were_worked_out_by_hand() -> None:
    truth = find_truth([[1, 2], [], [], []] + [[]] * 16, [["a"], ["a"], [], []] + [[]] * 16)
    lists = [[3, 1], [0, 2], [5], [0]] + [[]] * 16

    judged = judge(truth, lists)

    assert judged.values[LINKED].tolist() == [0.5, 1.0, 0.0]  # of 0, 1 and 2, which alone are linked
    assert judged.values[INBOUND].tolist() == [1.0, 0.0]  # of 1 and 2
    assert judged.values["MRR"].tolist() == [0.5, 1.0, 0.0]
    assert judged.values["nDCG@5"].tolist() == pytest.approx([0.63093 / 1.63093, 1.0, 0.0], abs=1e-5)
    assert judged.values[TAGS].tolist() == [1.0, 1.0]  # one place of the one that could
    assert judged.largest == 2
    assert judged.never == pytest.approx(100 * 15 / 20)


def test_an_interval_holds_the_mean_and_a_difference_is_paired() -> None:
    values = np.array([0.0, 1.0] * 50)

    mean, same = bound_mean([values]), bound_difference([values + 0.1], [values])

    assert mean.mean == 50
    assert 35 < mean.low < 50 < mean.high < 65
    assert (same.mean, same.low, same.high) == pytest.approx((10, 10, 10))


def test_another_setting_is_advised_only_where_the_intervals_allow_no_other_conclusion() -> None:
    better, worse, even = Bounds(5, 1, 9), Bounds(-5, -9, -1), Bounds(5, -1, 11)

    assert speaks_for({LINKED: better, TAGS: even})
    assert not speaks_for({LINKED: even, TAGS: even})
    assert not speaks_for({LINKED: better, TAGS: worse})


def test_tags_in_common_are_counted_as_the_tag_plugin_does() -> None:
    tags = [frozenset("ab"), frozenset("abc"), frozenset("c"), frozenset()]

    assert list_best(compare_tags(tags)) == [[1], [0, 2], [1], []]
