"""Keys name all that a stored row depends on, and nothing else."""

from hashlib import blake2b

# Raise the first when the same text would give another vector, the second when the same vectors and texts
# would give other words, lists or another map.
VECTORS_VERSION = 1
RESULTS_VERSION = 1


def hash_parts(*parts: str | bytes) -> bytes:
    """Return a 16-byte BLAKE2b key of ``parts``; each is preceded by its length, so none can run over."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()
