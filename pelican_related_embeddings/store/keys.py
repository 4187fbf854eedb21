"""Keys name all that a stored row depends on, and nothing else."""

from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import NamedTuple

# Raise the first when the same text would give another vector, the second when the same vectors and texts
# would give other words, lists or another map.
VECTORS_VERSION = 1
RESULTS_VERSION = 4

VECTOR_KEY = 24  # bytes: 16 of a text under a model, 8 of the paragraphs of it that are left out
NO_VECTOR = bytes(VECTOR_KEY)


def hash_parts(*parts: str | bytes) -> bytes:
    """Return a 16-byte BLAKE2b key of ``parts``; each is preceded by its length, so none can run over."""
    digest = blake2b(digest_size=16)
    for part in parts:
        data = part.encode("utf-8", "surrogatepass") if isinstance(part, str) else part
        digest.update(b"%d:" % len(data))
        digest.update(data)
    return digest.digest()


class VectorKeys(NamedTuple):
    """Under which key each document's vector is kept, row by row.

    ``wanted`` names the vector that a document should have, ``used`` the one that it has: the same, or one of
    the same text with other blocks left out, or ``NO_VECTOR``. Both are that for a document without text.
    """

    wanted: tuple[bytes, ...]
    used: tuple[bytes, ...]

    @property
    def missing(self) -> list[int]:
        """The rows of documents that have text but no vector."""
        return [row for row, key in enumerate(self.used) if key == NO_VECTOR != self.wanted[row]]

    @property
    def absent(self) -> list[bytes]:
        """The keys of wanted vectors that the cache did not have."""
        return [wanted for wanted, used in zip(self.wanted, self.used, strict=True) if wanted != used]

    @property
    def state(self) -> bytes:
        """What results depend on beside texts and model; empty if each document has its own vector."""
        return b"" if self.used == self.wanted else hash_parts("vectors", *self.used)

    def renew(self, available: Iterable[bytes]) -> "VectorKeys":
        """Return the same keys, with the wanted ones in use that have become ``available``."""
        new = frozenset(available)
        pairs = zip(self.wanted, self.used, strict=True)
        return VectorKeys(self.wanted, tuple(wanted if wanted in new else used for wanted, used in pairs))

    def spread(self, rows: Sequence[int], count: int) -> "VectorKeys":
        """Return the same for ``count`` documents, of which ``rows`` are those that the keys belong to."""
        wanted, used = [NO_VECTOR] * count, [NO_VECTOR] * count
        for row, key, other in zip(rows, self.wanted, self.used, strict=True):
            wanted[row], used[row] = key, other
        return VectorKeys(tuple(wanted), tuple(used))

    def to_bytes(self) -> bytes:
        """Return the keys as bytes, for the cache."""
        return b"".join((*self.wanted, *self.used))

    @classmethod
    def from_bytes(cls, content: bytes, count: int) -> "VectorKeys":
        """Undo ``to_bytes`` for ``count`` documents; raises ``ValueError`` for anything else."""
        if len(content) != 2 * count * VECTOR_KEY:
            raise ValueError(f"not the vector keys of {count} documents")
        keys = [content[start : start + VECTOR_KEY] for start in range(0, len(content), VECTOR_KEY)]
        return cls(tuple(keys[:count]), tuple(keys[count:]))
