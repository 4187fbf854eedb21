"""Turn the fused similarity of two documents into a score from 0 to 1 that means the same everywhere.

Knows nothing of vectors, of terms or of Pelican.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

BULK = (0.50, 0.90)  # the quantiles between which hardly any two documents are related


@dataclass(frozen=True, slots=True)
class Calibration:
    """How many of a document's neighbours are as close by chance alone.

    ``start`` is the fused similarity from which chance falls off, ``scale`` how fast, both in standard
    deviations; ``others`` is how many documents can be neighbours.
    """

    start: float
    scale: float
    others: int

    def score(self, fused: npt.ArrayLike) -> Floats:
        """Return 1 / (1 + expected) of each value, rounded to 5 decimals."""
        return np.round(1 / (1 + self.expect(fused)), 5)

    def expect(self, fused: npt.ArrayLike) -> Floats:
        """Return how many neighbours at least as close as ``fused`` chance would give a document."""
        values = np.asarray(fused, np.float64)
        if self.scale <= 0:
            return np.full(values.shape, float(self.others))
        steps = (values - self.start) / self.scale
        tail: Floats = self.others * (1 - BULK[0]) * np.exp(-np.clip(steps, -50, 50))
        return np.minimum(tail, self.others)


def fit_calibration(fused: Floats, others: int) -> Calibration:
    """Return the exponential tail through two quantiles of the bulk of ``fused``, one value a pair."""
    if fused.size == 0:
        return Calibration(0.0, 0.0, max(others, 0))
    start, end = np.quantile(fused, BULK)
    scale = (end - start) / np.log((1 - BULK[0]) / (1 - BULK[1]))
    return Calibration(float(start), float(scale), others)
