"""What an author does with the cache file: look into it, tidy it up, carry it to another machine.

A build goes on whatever is wrong with its cache; here everything that is wrong is a ``CacheError``.
"""

import contextlib
import json
import os
import sqlite3
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import CacheError
from .cache import APPLICATION_ID, LOCK_SECONDS, SCHEMA_VERSION, TABLES, Cache, is_sound

BATCH_ROWS = 500  # copied at a time


@dataclass(frozen=True, slots=True)
class CachedModel:
    """A model whose vectors the cache may hold."""

    name: str
    digest: str
    folder: str | None


@dataclass(frozen=True, slots=True)
class CacheSummary:
    """What is in a cache file. ``dimensions`` counts the vectors of each size."""

    path: str
    bytes: int
    rows: dict[str, int]
    dimensions: dict[int, int]
    models: tuple[CachedModel, ...]


@dataclass(frozen=True, slots=True)
class Removal:
    """Rows removed, and the size of the file before and after."""

    rows: int
    bytes_before: int
    bytes_after: int


@dataclass(frozen=True, slots=True)
class Import:
    """Rows that were new, that were there already, and that were left out because they are damaged."""

    added: int
    known: int
    damaged: int


def summarise_cache(path: Path) -> CacheSummary:
    """Return what the cache file at ``path`` holds."""
    with open_cache(path) as db:
        counts = {name: int(db.execute(f"SELECT count(*) FROM {name}").fetchone()[0]) for name in TABLES}  # noqa: S608
        sizes = db.execute("SELECT length(content) / 4, count(*) FROM vectors GROUP BY 1").fetchall()
        models = [json.loads(row[0]) for row in db.execute("SELECT content FROM models ORDER BY rowid")]
    known = tuple(
        CachedModel(model["name"], model["digest"], model.get("folder"))
        for model in models
        if model.get("digest")
    )
    return CacheSummary(str(path), path.stat().st_size, counts, dict(sizes), known)


def prune_cache(path: Path, used: Mapping[str, Collection[bytes]], days: int) -> Removal:
    """Remove texts and vectors that no build wrote or kept for ``days``, but none that are ``used``.

    Results are left alone: they are few, and builds throw the oldest away themselves.
    """

    def prune(db: sqlite3.Connection) -> None:
        for table in ("texts", "vectors"):
            db.execute("CREATE TEMP TABLE used (key BLOB PRIMARY KEY)")
            db.executemany("INSERT OR IGNORE INTO used VALUES (?)", [(key,) for key in used.get(table, ())])
            db.execute(
                f"DELETE FROM {table} WHERE key NOT IN (SELECT key FROM used) "  # noqa: S608
                "AND (? = 0 OR day < strftime('%s', 'now') / 86400 - ?)",
                (days, days),
            )
            db.execute("DROP TABLE used")

    return _remove(path, prune)


def clear_cache(path: Path) -> Removal:
    """Remove every row; the next build makes everything again."""

    def clear(db: sqlite3.Connection) -> None:
        for table in (*TABLES, "claims"):
            db.execute(f"DELETE FROM {table}")  # noqa: S608

    return _remove(path, clear)


def _remove(path: Path, work: Any) -> Removal:
    before = path.stat().st_size if path.is_file() else 0
    with open_cache(path) as db:
        counted = _count_rows(db)
        with _transaction(db):
            work(db)
        left = _count_rows(db)
        db.execute("VACUUM")
    return Removal(counted - left, before, path.stat().st_size)


def _count_rows(db: sqlite3.Connection) -> int:
    return sum(int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in TABLES)  # noqa: S608


def export_cache(path: Path, target: Path) -> CacheSummary:
    """Write a copy of the cache, complete even if a build is writing; replaces an older copy only."""
    if target.exists():
        with open_cache(target):
            pass  # raises unless it is a cache
        if target.samefile(path):
            raise CacheError(f"{target} is the cache itself; name another file.")
    part = target.with_name(f"{target.name}.part-{os.getpid()}")
    try:
        with open_cache(path) as db:
            db.execute("VACUUM INTO ?", (str(part),))
        with open_cache(part) as copy:
            copy.execute("DELETE FROM claims")
        summary = summarise_cache(part)
        os.replace(part, target)
    except OSError as error:
        raise CacheError(f"The copy {target} cannot be written ({error}).") from error
    finally:
        part.unlink(missing_ok=True)
    return CacheSummary(str(target), summary.bytes, summary.rows, summary.dimensions, summary.models)


def import_cache(path: Path, source: Path) -> Import:
    """Add the sound rows of the copy ``source`` that the cache lacks; change none that are there."""
    added = known = damaged = 0
    with open_cache(source) as copy:
        if copy.execute("PRAGMA quick_check(1)").fetchone()[0] != "ok":
            raise CacheError(f"{source} is damaged; nothing was taken from it. Export it again.")
        _make_cache(path)
        with open_cache(path) as db, _transaction(db):
            build = int(db.execute("SELECT number FROM builds").fetchone()[0])
            for table, rows in _read_rows(copy):
                sound = [row for row in rows if is_sound(*row)]
                fresh = _insert_missing(db, table, sound, build)
                added, known, damaged = (
                    added + fresh,
                    known + len(sound) - fresh,
                    damaged + len(rows) - len(sound),
                )
    return Import(added, known, damaged)


def _make_cache(path: Path) -> None:
    if not path.exists():
        cache = Cache(path, _refuse)
        cache.describe()
        cache.finish()


def _refuse(message: str) -> None:
    raise CacheError(message)


def _read_rows(db: sqlite3.Connection) -> Iterator[tuple[str, list[tuple[Any, ...]]]]:
    for table in TABLES:
        cursor = db.execute(f"SELECT key, content, checksum FROM {table}")  # noqa: S608
        while rows := cursor.fetchmany(BATCH_ROWS):
            yield table, rows


def _insert_missing(db: sqlite3.Connection, table: str, rows: list[tuple[Any, ...]], build: int) -> int:
    # Stamped with today, or the next build would prune what has just been carried here.
    before = db.total_changes
    db.executemany(
        f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, {build}, strftime('%s', 'now') / 86400)",  # noqa: S608
        rows,
    )
    return db.total_changes - before


@contextlib.contextmanager
def open_cache(path: Path) -> Iterator[sqlite3.Connection]:
    """Open an existing cache file of this version; every fault of it becomes a ``CacheError``."""
    if not path.is_file():
        raise CacheError(f"There is no cache file {path}; a build makes one.")
    try:
        with contextlib.closing(sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)) as db:
            _check_header(db, path)
            yield db
    except sqlite3.OperationalError as error:
        raise CacheError(
            f"The cache {path} cannot be used now ({error}). If another build is writing, try again when "
            "it has finished; else look at the permissions and the space on the disk."
        ) from error
    except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
        raise CacheError(f"{path} is damaged, or is no cache of this plugin ({error}).") from error


def _check_header(db: sqlite3.Connection, path: Path) -> None:
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        raise CacheError(f"{path} is no cache of this plugin.")
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if version != SCHEMA_VERSION:
        raise CacheError(
            f"{path} has cache format {version}, this version of the plugin wants {SCHEMA_VERSION}; use a "
            "file made by the same version."
        )


@contextlib.contextmanager
def _transaction(db: sqlite3.Connection) -> Iterator[None]:
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
