"""How many candidates are kept, and how equal ones are settled."""

import pytest

from pelican_related_embeddings.encoders.encoder import Model
from pelican_related_embeddings.pipeline import DEPTH, Inputs
from pelican_related_embeddings.ranking.selection import Candidate, settle_ties
from pelican_related_embeddings.settings import Settings


@pytest.mark.parametrize(
    ("settings", "depth"),
    [
        (Settings(), DEPTH),
        (Settings(max=20), 60),
        (Settings(half_life_days=365), 60),
        (Settings(diversity=0.3, max=10), 120),
    ],
)
def test_more_candidates_are_kept_where_more_are_shown_or_reordered(settings: Settings, depth: int) -> None:
    assert Inputs([], settings, Model("", None), []).depth == depth


def test_of_equal_candidates_the_newer_comes_first_and_others_stay() -> None:
    first, old, new, last = (
        Candidate(row, score, 1.0, score) for row, score in ((0, 0.9), (1, 0.5), (2, 0.5), (3, 0.1))
    )

    assert settle_ties((first, old, new, last), order=[3, 2, 1, 0]) == (first, new, old, last)
