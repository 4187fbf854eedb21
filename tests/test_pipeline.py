"""How many candidates are kept."""

import pytest

from pelican_related_embeddings.encoders.encoder import Model
from pelican_related_embeddings.pipeline import DEPTH, Inputs
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
