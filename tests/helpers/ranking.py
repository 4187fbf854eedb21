"""Rankings of a few texts, without a site around them."""

from typing import Any

import numpy as np

from pelican_related_embeddings.ranking.neighbours import Ranking, rank
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.terms import TermCounts, count_terms


def make_terms(*texts: str) -> list[TermCounts]:
    return [count_terms("", [Block(text)] if text else []) for text in texts]


def rank_plain(vectors: np.ndarray, terms: list[TermCounts], **options: Any) -> Ranking:
    size = len(terms)
    usual: dict[str, Any] = {
        "published": np.ones(size, np.bool_),
        "group": np.zeros(size, int),
        "order": np.arange(size),
        "blocked": {},
        "dates": np.zeros(size),
        "weight": 0.65,
        "depth": 5,
    }
    return rank(vectors, terms, **{**usual, **options})
