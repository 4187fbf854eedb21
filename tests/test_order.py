"""What comes first of a post's nearest: titles, neighbours, dates, each on a case done by hand."""

from math import exp, log

import numpy as np
import pytest

from helpers.ranking import make_terms, rank_plain
from pelican_related_embeddings.ranking.groups import Group
from pelican_related_embeddings.ranking.nearest import Found
from pelican_related_embeddings.ranking.order import compare_dates, compare_neighbours
from pelican_related_embeddings.ranking.titles import read_titles
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.terms import TITLE_WEIGHT, count_terms


def group_of(size: int, **options: np.ndarray) -> Group:
    """A group of documents that have nothing to do with one another."""
    terms = make_terms(*(f"word{number}" for number in range(size)))
    return rank_plain(np.eye(size, dtype=np.float32), terms, **options).groups[0]


def find_all(group: Group) -> Found:
    """Every document with every other one."""
    size = len(group.rows)
    columns = np.array([[other for other in range(size) if other != row] for row in range(size)], np.int32)
    zeros = np.zeros(columns.shape, np.float32)
    return Found(np.arange(size), columns, zeros, zeros)


def test_posts_in_a_row_count_half_as_much_again_and_less_with_each_between_them():
    days = np.array([10.0, 20.0, 30.0, 30.0, 40.0, 0.0])
    group = group_of(6, dates=days)
    factors = compare_dates(group, find_all(group))
    # From the first post: to the next, over one, over one, over three; the last one has no date.
    assert factors[0] == pytest.approx([1.5, 1 + exp(-0.1) / 2, 1 + exp(-0.1) / 2, 1 + exp(-0.3) / 2, 1])
    assert factors[2][2] == 1.5  # of the same day
    assert factors[5].tolist() == [1] * 5


def test_dates_count_for_nothing_where_most_posts_have_none():
    group = group_of(5, dates=np.array([10.0, 20.0, 0.0, 0.0, 0.0]))
    assert (compare_dates(group, find_all(group)) == 1).all()


def test_posts_are_near_to_what_their_neighbours_are_near_to():
    group = group_of(4)
    # 0 is near to 1, 1 to 2 and 3; nothing else is known.
    nearness = np.array([[4, 0, 0], [4, 2, 2], [0, 2, 0], [0, 2, 0]], np.float32)
    shared = compare_neighbours(group, find_all(group), nearness)
    # From 0 all weight goes to 1, which is near to 2 with 2; from 2 it goes to 1, which is near to 0 with 4.
    assert shared[0] == pytest.approx([0, (2 + 4) / 2, (2 + 4) / 2])
    # From 1 half goes to 0, a quarter to 2 and 3, none of which is near to itself, and 2 is not near to 3.
    assert shared[1] == pytest.approx([0, 0, 0])
    assert shared[2] == pytest.approx([(2 + 4) / 2, 0, (2 + 2) / 2])


def test_blocks_of_any_size_give_the_same_neighbours():
    group = group_of(9)
    nearness = np.random.default_rng(0).random((9, 8)).astype(np.float32)
    whole, parts = (
        compare_neighbours(group, find_all(group), nearness, block_pairs=size) for size in (1000, 20)
    )
    assert parts == pytest.approx(whole)


def test_a_title_matches_by_the_weight_of_its_terms_in_the_other_text():
    documents = [
        count_terms("Sourdough", [Block("salt; flour; water; yeast")]),
        count_terms("Notes", [Block("sourdough; sourdough; rye; oven")]),
        count_terms("Rye oven", [Block("rye; flour; salt; water")]),
        *make_terms(*(f"ash{n}. birch{n}. elm{n}. fir{n}" for n in range(9))),
    ]
    group = rank_plain(np.zeros((12, 1), np.float32), documents).groups[0]
    theirs, own = read_titles(group).match(np.arange(12))
    # "Sourdough" is the whole of a title and stands twice in the second text; all texts are of one length.
    assert theirs[1, 0] == pytest.approx(1 + log(2), rel=1e-5)
    assert own[0, 1] == theirs[1, 0]
    assert theirs[0, 1] == own[1, 0] == 0
    # Of "Rye oven" the second text has both words, once each; the pair is on one post only.
    assert theirs[1, 2] == pytest.approx(1, rel=1e-5)
    assert theirs[0, 3] == own[0, 3] == 0


def test_the_title_is_told_from_the_text_of_a_document():
    terms = count_terms("Rye bread", [Block("Rye flour"), Block("Buy rye here")])
    nothing = np.empty(0, np.uint64)
    written = terms.read_written()
    counts = dict(zip(written, terms.count_text(nothing).tolist(), strict=True))
    assert {word.lower(): count for word, count in counts.items()} == {
        "rye": 2, "bread": 0, "rye bread": 0, "flour": 1, "rye flour": 1, "buy": 1, "buy rye": 1, "here": 1,
        "rye here": 1,
    }  # fmt: skip
    dropped = terms.blocks[1:]
    assert terms.count_text(dropped).sum() == 3
    assert terms.counts.sum() == 8 + 3 * TITLE_WEIGHT


def test_a_post_whose_title_stands_in_a_text_comes_first_there_and_explain_says_so():
    filler = "ash birch cedar elm fir hazel larch maple oak pine rowan spruce willow yew".split()
    texts = [f"{word} {other} tree" for word in filler for other in filler[:3]]
    documents = make_terms(*texts)
    documents[5] = count_terms("Grafting apples", [Block("ash birch and a knife")])
    documents[9] = count_terms("Spring", [Block("cedar elm, and see my grafting apples")])
    ranking = rank_plain(np.zeros((len(documents), 1), np.float32), documents)
    assert ranking.candidates[9][0].row == 5
    assert "its title is in this text" in ranking.describe_order(9, 5)
    assert "this title is in its text" in ranking.describe_order(5, 9)


def test_dates_and_neighbours_change_no_score():
    random = np.random.default_rng(1)
    vectors = random.normal(size=(40, 8)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    words = "ash birch cedar elm fir hazel larch maple oak pine rowan spruce willow yew".split()
    terms = make_terms(*(". ".join(random.choice(words, 6)) for _ in range(40)))
    plain, dated = (
        rank_plain(vectors, terms, depth=39, dates=dates)
        for dates in (np.zeros(40), random.permutation(40) + 1.0)
    )
    assert any(
        [c.row for c in one] != [c.row for c in other]
        for one, other in zip(plain.candidates, dated.candidates, strict=True)
    )
    for one, other in zip(plain.candidates, dated.candidates, strict=True):
        assert {c.row: c.score for c in one} == {c.row: c.score for c in other}
    assert any(
        "written at about the same time" in dated.describe_order(row, c.row)
        for row in range(40)
        for c in dated.candidates[row][:3]
    )
