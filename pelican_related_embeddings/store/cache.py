"""What earlier builds worked out: bytes under keys, in one SQLite file.

Every row carries a checksum of its key and content, so damage costs time but never gives a wrong vector.
Each write is one transaction, so a killed build keeps every batch that it finished. SQLite's own locks keep
builds apart that run at the same time.
"""

import contextlib
import os
import sqlite3
import time
import zlib
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

from ..errors import CacheError

APPLICATION_ID = 0x52454D42  # "REMB": tells our files from those of other programs
FORMAT = 2

LOCK_SECONDS = 10.0  # to wait for another program that is writing
KEEP_DAYS = 30  # that a row survives without being used
MARK_DAYS = 7  # after which a row in use is marked again; more often would rewrite the file in every build
RESULT_BYTES = 64 << 20  # of results that any file may hold; half of a larger file

Table = Literal["texts", "vectors", "results", "models"]
TABLES: tuple[str, ...] = get_args(Table)

_SLICE = 500  # keys per query; old versions of SQLite allow 999 variables
# SQLite's errors that have their cause outside the file. All others are damage: a broken schema, for one, is
# reported as "no such table".
_OUTSIDE = frozenset(
    getattr(sqlite3, f"SQLITE_{name}")
    for name in "PERM BUSY LOCKED NOMEM READONLY INTERRUPT IOERR FULL CANTOPEN PROTOCOL AUTH".split()
)
_T = TypeVar("_T")


class Cache:
    """A cache file, opened when it is first used; a missing folder is created.

    No fault of the file stops a build. ``warn`` is called at most once, with a sentence for the author; after
    that reads return what can still be read, and writes may do nothing. ``patience`` is how many seconds to
    wait for other programs, ``today`` a number of days since 1970.
    """

    def __init__(
        self,
        path: Path,
        warn: Callable[[str], None],
        patience: float = LOCK_SECONDS,
        today: int | None = None,
    ) -> None:
        self.path = path
        self._warn = warn
        self._warned = False
        self._patience = patience
        self._today = int(time.time() // 86400) if today is None else today
        self._mode = "rw"  # what the faults so far have left of it: "rw", "ro" or nothing
        self._renewed = False
        self._db: sqlite3.Connection | None = None
        self._results: set[bytes] = set()  # keys of those that this build used
        self._stale = self._written = False

    def read(self, table: Table, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return what ``table`` holds under ``keys``; missing and damaged rows are left out."""
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), _SLICE):
            part = wanted[start : start + _SLICE]
            found |= self._select(table, f"key IN ({','.join('?' * len(part))})", part)
        return found

    def read_newest(self, table: Table, prefix: bytes) -> tuple[bytes, bytes] | None:
        """Return key and content of the newest row whose key begins with ``prefix``."""
        rows = self._select(
            table, "key BETWEEN ? AND ? ORDER BY rowid DESC LIMIT 1", [prefix, prefix + b"\xff" * 16]
        )
        return next(iter(rows.items()), None)

    def write(self, table: Table, rows: Mapping[bytes, bytes]) -> None:
        """Store ``rows`` in one transaction."""
        stored = [(key, self._today, sum_row(key, content), content) for key, content in rows.items()]
        if stored:
            statement = f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?)"  # noqa: S608
            self._write(lambda db: db.executemany(statement, stored))
            self._note_results(table, rows)
            self._written = True

    def keep(self, table: Table, keys: Collection[bytes]) -> None:
        """Declare ``keys`` to be all that this build needs of ``table``; delete rows unused for long."""
        if self._stale:
            self._write(lambda db: self._mark_and_prune(db, table, keys))

    def keep_only(self, table: Table, keys: Collection[bytes]) -> None:
        """Delete all other rows of ``table``."""
        if self._run(lambda db: len(find_unused(db, table, keys)), 0):
            self._write(lambda db: delete_rows(db, table, find_unused(db, table, keys)))

    def finish(self) -> None:
        """Close the file, after deleting old results."""
        if self._written or self._stale:
            self._write(self._prune_results)
        self._close()

    # Rows

    def _select(self, table: Table, condition: str, values: Sequence[bytes]) -> dict[bytes, bytes]:
        fresh = f"day BETWEEN {self._today - MARK_DAYS} AND {self._today}"
        query = f"SELECT rowid, key, content, checksum, {fresh} FROM {table} WHERE {condition}"  # noqa: S608
        rows: list[Any] = self._run(lambda db: db.execute(query, values).fetchall(), [])
        sound = {key: content for _, key, content, checksum, _ in rows if is_sound(key, content, checksum)}
        if len(sound) < len(rows):
            damaged = [(row[0],) for row in rows if not is_sound(*row[1:4])]
            self._complain(f"The cache {self.path} has damaged rows; their contents are computed again.")
            self._write(lambda db: delete_rows(db, table, damaged))
        self._stale |= table in ("vectors", "results") and not all(row[4] for row in rows)
        self._note_results(table, sound)
        return sound

    def _note_results(self, table: Table, keys: Iterable[bytes]) -> None:
        if table == "results":
            self._results.update(keys)

    def _mark_and_prune(self, db: sqlite3.Connection, table: Table, keys: Collection[bytes]) -> None:
        db.executemany(
            f"UPDATE {table} SET day = ? WHERE key = ? AND NOT ifnull(day BETWEEN ? AND ?, 0)",  # noqa: S608
            [(self._today, key, self._today - MARK_DAYS, self._today) for key in keys],
        )
        delete_rows(db, table, find_unused(db, table, keys, self._find_oldest(db)))

    def _prune_results(self, db: sqlite3.Connection) -> None:
        self._mark_and_prune(db, "results", self._results)
        pages, size = (db.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "page_size"))
        db.execute(
            "DELETE FROM results WHERE rowid IN (SELECT rowid FROM (SELECT rowid, sum(length(content)) "
            "OVER (ORDER BY day DESC, rowid DESC) AS total FROM results) WHERE total > ?)",
            (max(RESULT_BYTES, pages * size // 2),),
        )

    def _find_oldest(self, db: sqlite3.Connection) -> int:
        """Return the first day whose rows are kept.

        Counted from the last day before today on which a build used the file: the first build after a long
        pause, of one site of several, must not delete what the next ones need. Marks may be late twice: that
        of a site's list of vectors, and before that those of the vectors.
        """
        last = db.execute("SELECT max(day) FROM results WHERE day < ?", (self._today,)).fetchone()[0]
        return (last or 0) - KEEP_DAYS - 2 * MARK_DAYS

    # The file

    def _write(self, work: Callable[[sqlite3.Connection], object]) -> None:
        self._run(lambda db: in_transaction(db, work), None, modes=("rw",))

    def _run(
        self, work: Callable[[sqlite3.Connection], _T], otherwise: _T, modes: Collection[str] = ("rw", "ro")
    ) -> _T:
        """Do ``work`` on the open file; after a fault, on what is left of it; else return ``otherwise``."""
        while self._mode in modes:
            try:
                self._db = self._db or self._open()
                return work(self._db)
            except (sqlite3.Error, OSError, UnicodeDecodeError, CacheError) as error:
                self._close()
                self._give_way(error)
        return otherwise

    def _open(self) -> sqlite3.Connection:
        check_file(self.path)
        if self._mode == "ro":
            return connect_read_only(self.path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        db = sqlite3.connect(self.path, timeout=self._patience, isolation_level=None)
        try:
            _prepare(db)
        except BaseException:
            db.close()
            raise
        return db

    def _close(self) -> None:
        if self._db is not None:
            with contextlib.suppress(sqlite3.Error):
                self._db.close()
            self._db = None

    def _give_way(self, error: Exception) -> None:
        """Go on with less of the file, or with a new one in place of a damaged one."""
        if isinstance(error, CacheError):
            self._mode = ""
            self._complain(str(error))
        elif isinstance(error, OSError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE:
            self._mode = "ro" if self._mode == "rw" else ""
            self._patience = 0  # it has waited once
            self._complain(
                f"Could not read or write the cache {self.path} ({error}), so the next build has to repeat "
                "this build's work. Check the file's permissions, the free space on the disk, and "
                "whether another program is using the file."
            )
        else:
            self._set_aside(error)

    def _set_aside(self, damage: Exception) -> None:
        aside = self.path.with_name(f"{self.path.name}.damaged")
        problem = f"The cache {self.path} is damaged ({damage})"
        try:
            if self._renewed:
                raise CacheError("this is the second time in one build")
            self._renewed = True
            check_file(aside, any_format=True)
            os.replace(self.path, aside)
            # A journal belongs to the file that it was written for, and would spoil the next one.
            self.path.with_name(f"{self.path.name}-journal").unlink(missing_ok=True)
        except (OSError, CacheError) as error:
            self._mode = ""
            self._complain(f"{problem} and could not be renamed: {error}. This build goes on without it.")
        else:
            self._complain(f"{problem}. It was renamed to {aside.name}, and a new one is made in its place.")

    def _complain(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(message)


def check_file(path: Path, any_format: bool = False) -> None:
    """Raise ``CacheError`` if ``path`` is something else than a cache file, or of a newer version.

    A missing or empty file is none yet. An older version counts as damage, a ``sqlite3.DatabaseError``.
    """
    if path.is_dir():
        raise CacheError(f"{path} is a folder, not a cache file. Set RELATED_EMBEDDINGS_CACHE to a file.")
    if not path.exists():
        return
    with path.open("rb") as file:
        header = file.read(100)  # see sqlite.org/fileformat2.html
    version, owner = (int.from_bytes(header[place : place + 4], "big") for place in (60, 68))
    if header and (not header.startswith(b"SQLite format 3\0") or owner != APPLICATION_ID):
        raise CacheError(
            f"{path} is not a cache of this plugin and was left as it is. Set RELATED_EMBEDDINGS_CACHE to "
            "another file, or delete this one if nothing else needs it."
        )
    if header and version > FORMAT and not any_format:
        raise CacheError(
            f"The cache {path} was made by a newer version of this plugin (format {version}, not {FORMAT}) "
            "and was left as it is. Upgrade the plugin, or set RELATED_EMBEDDINGS_CACHE to another file."
        )
    if header and version < FORMAT and not any_format:
        raise sqlite3.DatabaseError(f"it has the format {version}, not {FORMAT}")


def connect_read_only(path: Path) -> sqlite3.Connection:
    """Return a connection that cannot change the file."""
    return sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", timeout=0, uri=True, isolation_level=None)


def _prepare(db: sqlite3.Connection) -> None:
    """Make the tables of a new file."""
    db.execute("PRAGMA secure_delete = ON")  # no words of a deleted post in unused parts of the file
    if db.execute("PRAGMA application_id").fetchone()[0] != APPLICATION_ID:
        db.execute("PRAGMA page_size = 16384")
        in_transaction(db, _create_tables)


def _create_tables(db: sqlite3.Connection) -> None:
    # Not an error if they exist: another build may have been faster.
    columns = "key BLOB PRIMARY KEY, day INTEGER, checksum BLOB, content BLOB"
    for table in TABLES:
        db.execute(f"CREATE TABLE IF NOT EXISTS {table} ({columns})")
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {FORMAT}")


def in_transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    """Do ``work`` wholly or not at all."""
    db.execute("BEGIN IMMEDIATE")
    try:
        done = work(db)
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    return done


def find_unused(
    db: sqlite3.Connection, table: str, used: Collection[bytes], oldest: int | None = None
) -> list[tuple[int]]:
    """Return the rowids of rows that are not ``used``; only of those before the day ``oldest``, if given."""
    condition = "" if oldest is None else f"WHERE day < {oldest}"
    kept = frozenset(used)
    rows = db.execute(f"SELECT rowid, key FROM {table} {condition}")  # noqa: S608
    return [(rowid,) for rowid, key in rows if key not in kept]


def delete_rows(db: sqlite3.Connection, table: str, rows: Collection[tuple[int]]) -> None:
    """Delete the rows of a table with these rowids."""
    db.executemany(f"DELETE FROM {table} WHERE rowid = ?", rows)  # noqa: S608


def sum_row(key: bytes, content: bytes) -> bytes:
    """Return the checksum that a row must carry."""
    return blake2b(content, digest_size=8, key=key[:64]).digest()


def is_sound(key: Any, content: Any, checksum: Any) -> bool:
    """Return whether a row is as it was written."""
    return isinstance(key, bytes) and isinstance(content, bytes) and checksum == sum_row(key, content)


def compress(text: str) -> bytes:
    """Return ``text`` as bytes for a row."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)  # a fifth larger, in a third of the time


def decompress(content: bytes) -> str:
    """Undo ``compress``; raises ``ValueError`` for anything else."""
    try:
        return zlib.decompress(content).decode("utf-8", "surrogatepass")
    except zlib.error as error:
        raise ValueError("not compressed text") from error
