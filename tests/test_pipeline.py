"""How many candidates are kept, and for how long."""

import pytest

from pelican_related_embeddings.encoders.encoder import Model
from pelican_related_embeddings.pipeline import DEPTH, Inputs
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.document import Document


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


def test_candidates_are_ranked_anew_when_the_order_of_the_dates_changed_and_not_before() -> None:
    def name_candidates(*dates: float) -> bytes:
        documents = [
            Document(f"{row}.md", f"{row}", f"Post {row}", "", "en", date) for row, date in enumerate(dates)
        ]
        return Inputs(documents, Settings(), Model("", None), [b"key"] * len(documents)).key_candidates()

    assert name_candidates(10, 20, 30) == name_candidates(10, 21, 300)
    assert name_candidates(10, 20, 30) != name_candidates(10, 30, 20)
    assert name_candidates(10, 20, 30) != name_candidates(0, 20, 30)
