"""What lists are worth by grades, worked out by hand on a few posts, and the files of grades."""

import json
import sys
from collections.abc import Iterator
from types import ModuleType

import pytest

from helpers.sites import ROOT


@pytest.fixture(scope="module", name="grades")
def _grades() -> Iterator[ModuleType]:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        import grades

        yield grades
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))


def test_a_two_is_worth_three_ones_and_less_the_lower_it_stands(grades: ModuleType) -> None:
    # Gains 1, 0 and 3 in the places 1, 2 and 3, whose discounts are 1, 1.58496 and 2; at best 3, 1 and 0.
    assert grades.measure_gain([1, 0, 2], [0, 1, 2]) == pytest.approx((1 + 3 / 2) / (3 + 1 / 1.5849625))


def test_only_five_places_count_of_the_list_and_of_the_best_one(grades: ModuleType) -> None:
    assert grades.measure_gain([0] * 5 + [2], [2]) == 0
    assert grades.measure_gain([1] * 5, [1] * 9) == 1


def test_what_has_no_grade_counts_nothing_and_is_counted(grades: ModuleType) -> None:
    found = grades.judge_by_grades({0: {1: 1, 2: 0}, 3: {4: 0}}, [[2, 1, 5, 6], [], [], [4]])

    assert found[grades.GRADED].tolist() == pytest.approx([1 / 1.5849625])  # of 3 no list could be any good
    assert found[grades.UNGRADED].tolist() == [0.5, 0.0]


def test_grades_of_posts_that_are_gone_are_left_out(grades: ModuleType) -> None:
    kept = [grades.Grade("a", "b", 2), grades.Grade("a", "gone", 1), grades.Grade("gone", "a", 1)]

    assert grades.find_rows(kept, ["b", "a"]) == {1: {0: 2}}


def test_the_agreement_of_two_gradings(grades: ModuleType) -> None:
    found = grades.compare_gradings([0, 1, 2, 2], [0, 1, 1, 2])

    # One pair differs by 1: 1/4. By chance, of all 16 pairs: (0+1+1+4 + 1+0+0+1 + 2(4+1+1+0)) / 16 = 20/16.
    assert (found.pairs, found.exact, found.kappa) == (4, 0.75, pytest.approx(1 - 0.25 / 1.25))


def test_a_file_of_grades_is_read_as_it_was_written(grades: ModuleType, tmp_path) -> None:
    kept = [grades.Grade("b", "a", 0), grades.Grade("a", "b", 2, 1)]
    grades.write_grades(tmp_path / "blog.csv", kept)

    assert (tmp_path / "blog.csv").read_text(encoding="utf-8") == (
        "source,target,grade,again\na,b,2,1\nb,a,0,\n"
    )
    assert grades.read_grades(tmp_path / "blog.csv") == kept[::-1]
    assert grades.read_grades(tmp_path / "none.csv") == []


def test_the_grades_that_are_kept_are_in_range_and_each_pair_has_one(grades: ModuleType) -> None:
    files = sorted(grades.FOLDER.glob("*.csv"))
    assert files
    for path in files:
        kept = grades.read_grades(path)
        assert {one.grade for one in kept} | {one.again for one in kept} <= {0, 1, 2, None}
        assert len({(one.source, one.target) for one in kept}) == len(kept)
        assert len({one.source for one in kept}) == 40


def test_grades_are_read_by_the_numbers_of_the_texts_and_must_fit_them(tmp_path) -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from judging import read_folder
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    key = {"S01": ["a", ["c", "b"]], "S02": ["b", ["a"]]}
    (tmp_path / "key.json").write_text(json.dumps(key), encoding="utf-8")
    (tmp_path / "01.grades").write_text("S01: 0 2\nS02: 1\n", encoding="utf-8")

    assert read_folder(tmp_path) == {("a", "c"): 0, ("a", "b"): 2, ("b", "a"): 1}

    for wrong in ("S01: 0", "S01: 0 3", "S01: 0 two", "S03: 1"):
        (tmp_path / "01.grades").write_text(wrong, encoding="utf-8")
        with pytest.raises(ValueError, match="must be a number of the file"):
            read_folder(tmp_path)
