"""Keys name all that a stored row depends on, and nothing else."""

from hashlib import blake2b

TEXT_VERSION = 1  # the same HTML, other blocks: see text
TERMS_VERSION = 1  # the same blocks, other counts: see lexical
RANKING_VERSION = 1  # the same vectors and counts, another order or other reasons: see ranking, reasons
CALIBRATION_VERSION = 1  # the same order, other scores: see calibration


def hash_parts(*parts: str | bytes) -> bytes:
    """Return a 16-byte BLAKE2b key of ``parts``; each is preceded by its length, so none can run over."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()
