"""Numbers that are part of keys, of modules that are slow to import: an unchanged build needs only these.

Raise one when the same input would give something else.
"""

TEXT_VERSION = 1  # the same HTML, other blocks: see text
TERMS_VERSION = 1  # the same blocks, other counts: see lexical
RANKING_VERSION = 1  # the same vectors and counts, another order or other reasons: see ranking, reasons
CALIBRATION_VERSION = 1  # the same order, other scores: see calibration
