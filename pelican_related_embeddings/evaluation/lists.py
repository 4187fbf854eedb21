"""Make the lists to be measured: those of the plugin and of other methods, on the same posts."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ..pipeline import Embedded, make_study
from ..text.document import Document
from ..text.words import AllWords
from .measures import SHOWN, Floats, Lists

# Settings that would make lists incomparable, such as leaving out linked posts, and their neutral values.
NEUTRAL: Mapping[str, Any] = {
    "max": SHOWN,
    "exclude": (),
    "category": "any",
    "newer": True,
    "max_age_days": None,
    "half_life_days": None,
    "skip": (),
    "max_appearances": None,
    "diversity": 0.0,
    "pages": (),
}


def pick_documents(embedded: Embedded, rows: Sequence[int]) -> Embedded:
    """Return some of the documents with their words and vectors, as if the site had no others."""
    inputs, words = embedded.inputs, embedded.words
    picked = replace(
        inputs,
        documents=[inputs.documents[row] for row in rows],
        text_keys=[inputs.text_keys[row] for row in rows],
        vectors=None,
    )
    kept = AllWords(
        [words.digests[row] for row in rows],
        [words.empty[row] for row in rows],
        [words.languages[row] for row in rows],
        [words.terms[row] for row in rows],
    )
    return Embedded(picked, kept, embedded.vectors[list(rows)])


def list_related(embedded: Embedded, **settings: Any) -> Lists:
    """Return the rows that the plugin shows for each document, with some settings changed."""
    inputs = replace(embedded.inputs, settings=replace(embedded.inputs.settings, **settings))
    study = make_study(replace(embedded, inputs=inputs))
    return [[candidate.row for candidate in chosen] for chosen in study.selection.lists]


def forget_decisions(document: Document) -> Document:
    """Return a document as if its author had decided nothing about its list."""
    return document._replace(pins=(), excluded=(), hidden=False, never=False, fill=True)


def compare_tags(tags: Sequence[frozenset[str]]) -> Floats:
    """Return (n, n) how many tags two posts share, as the plugin pelican-related-posts counts them."""
    return np.array([[len(one & other) for other in tags] for one in tags], np.float64)


def list_best(similarity: Floats, most: int = SHOWN) -> Lists:
    """Return the ``most`` best other posts of each row that have any similarity at all."""
    scores = np.round(similarity, 5)
    np.fill_diagonal(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :most]
    return [[j for j in row.tolist() if scores[i, j] > 0] for i, row in enumerate(best)]
