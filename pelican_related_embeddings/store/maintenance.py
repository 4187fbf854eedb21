"""What an author does with the cache file: look into it and tidy it up.

Builds go on whatever is wrong with their cache; here everything that is wrong is a ``CacheError``.
"""

import contextlib
import json
import sqlite3
import time
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

from ..errors import CacheError
from .cache import (
    LOCK_SECONDS,
    MARK_DAYS,
    TABLES,
    check_file,
    delete_rows,
    find_unused,
    in_transaction,
    is_sound,
)


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model whose vectors the cache may hold."""

    name: str
    digest: str


@dataclass(frozen=True, slots=True)
class CacheSummary:
    """What is in a cache file. ``dimensions`` counts the vectors of each size; ``damaged`` counts rows."""

    path: str
    bytes: int
    rows: dict[str, int]
    dimensions: dict[int, int]
    models: tuple[CachedModel, ...]
    damaged: int


@dataclass(frozen=True, slots=True)
class Removal:
    """How many vectors were removed, and the size of the file before and after."""

    vectors: int
    bytes_before: int
    bytes_after: int


def summarise_cache(path: Path) -> CacheSummary:
    """Return what the cache file at ``path`` holds; damaged rows are counted and left out."""
    rows: Counter[str] = Counter(dict.fromkeys(TABLES, 0))
    dimensions: Counter[int] = Counter()
    models: list[CachedModel] = []
    with _open(path) as db:
        for table, content in _read_rows(db):
            rows[table] += 1
            if table == "vectors" and content:
                dimensions[len(content) // 4] += 1
            if table == "models" and content:
                models += _read_model(content)
    damaged = rows.pop("damaged", 0)
    return CacheSummary(str(path), path.stat().st_size, dict(rows), dict(dimensions), tuple(models), damaged)


def _read_rows(db: sqlite3.Connection) -> Iterator[tuple[str, bytes]]:
    """Yield table and content of each sound row, and "damaged" for each that is not."""
    for table in TABLES:
        for key, content, checksum in db.execute(f"SELECT key, content, checksum FROM {table}"):  # noqa: S608
            yield (table, content) if is_sound(key, content, checksum) else ("damaged", b"")


def _read_model(content: bytes) -> list[CachedModel]:
    try:
        model = json.loads(content)
        return [CachedModel(str(model["name"]), str(model["digest"]))] if model["digest"] else []
    except (ValueError, KeyError, TypeError):
        return []


def prune_cache(path: Path, used: Collection[bytes], days: int) -> Removal:
    """Delete the vectors that are not ``used`` and that no build used for ``days``; with 0, all not ``used``.

    Words and results are left to the builds, which delete the old ones themselves.
    """
    before = path.stat().st_size if path.is_file() else 0
    oldest = int(time.time() // 86400) - days - 2 * MARK_DAYS if days else None
    with _open(path) as db:
        unused = find_unused(db, "vectors", used, oldest)
        in_transaction(db, lambda db: delete_rows(db, "vectors", unused))
        db.execute("VACUUM")
    return Removal(len(unused), before, path.stat().st_size)


@contextlib.contextmanager
def _open(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing cache file; every fault of it becomes a ``CacheError``."""
    try:
        check_file(path)
        if not path.is_file() or not path.stat().st_size:
            raise CacheError(f"There is no cache file {path}; a build makes one.")
        with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as db:
            yield db
    except (sqlite3.OperationalError, OSError) as error:
        raise CacheError(
            f"The cache {path} cannot be used now ({error}). If a build is writing, try again when it has "
            "finished; otherwise check the file's permissions and the space on the disk."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise CacheError(f"The cache {path} is damaged ({error}). The next build makes a new one.") from error
