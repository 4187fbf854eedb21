"""From the similarity of two documents to a score from 0 to 1 that means the same on every site.

The score answers one question: how many neighbours this close would chance alone give the document?
``groups`` fits a calibration to the pairs of a language; ``neighbours`` scores candidates by it.
"""

from dataclasses import dataclass
from math import erfc, sqrt

import numpy as np
import numpy.typing as npt

SEMANTIC_EVIDENCE = 0.5  # per standard deviation of the cosine
LEXICAL_EVIDENCE = 1.5  # per factor of e of the shared terms, whose similarity has a very long tail
FAMILIARITY_POWER = 3  # strangers match well by the few words they share: they must share many
QUARTILES = 1.349  # standard deviations between the quartiles of a normal distribution
UNDECIDED = 0.5  # the score of all pairs where all pairs are alike, as on a site of two posts

Values = npt.NDArray[np.floating]
Floats = npt.NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Calibration:
    """What chance gives a document: ``others`` neighbours whose evidence is normally distributed."""

    middle: float
    spread: float
    others: int

    def expect(self, evidence: Floats) -> Floats:
        """Return how many neighbours with at least this much evidence chance would give a document."""
        steps = (evidence - self.middle) / (self.spread * sqrt(2))
        tails = np.fromiter(map(erfc, np.minimum(steps, 25).ravel().tolist()), np.float64, steps.size)
        found: Floats = self.others * tails.reshape(steps.shape) / 2
        return found

    def score(self, evidence: Floats) -> Floats:
        """Return s / (1 + s), where s = ln(1 + 1 / expected), rounded to 5 decimals.

        0.41 means one such neighbour by chance, 0.2 three or four, 0.7 one in ten documents that has
        one, 0.82 one in a hundred. The logarithm keeps the very near apart from the near.
        """
        if self.spread <= 0:
            return np.full(evidence.shape, UNDECIDED)
        strength = np.log1p(1 / np.maximum(self.expect(evidence), 1e-300))
        found: Floats = np.round(strength / (1 + strength), 5)
        return found


def weigh_evidence(semantic: Values, lexical: Values, familiarity: Values) -> Floats:
    """Return what speaks for a pair, from both similarities in standard deviations.

    ``familiarity``: from 0 to 1, how much of the source's vocabulary the site shares; ``lexical``
    counts the less the more of it the site has never seen, and so do all its neighbours.
    """
    words = np.maximum(lexical.astype(np.float64) * familiarity.astype(np.float64) ** FAMILIARITY_POWER, 0)
    found: Floats = SEMANTIC_EVIDENCE * semantic.astype(np.float64) + LEXICAL_EVIDENCE * np.log1p(words)
    return found


def fit_calibration(evidence: Floats, others: int) -> Calibration:
    """Return what chance gives, from the evidence of many pairs of documents.

    Median and quartiles: hardly any two documents of a site are related, so these describe the
    unrelated ones however strong the ties among the few are (Hampel et al., "Robust statistics", 1986).
    """
    if evidence.size == 0:
        return Calibration(0.0, 0.0, max(others, 0))
    low, middle, high = np.quantile(evidence, (0.25, 0.5, 0.75))
    return Calibration(float(middle), float(high - low) / QUARTILES, others)
