"""What earlier builds worked out, in one SQLite file. Holds bytes; knows nothing of what they mean.

Every row carries a checksum of its key and content, so that a damaged file can cost time but never
give a wrong vector. No row is ever changed in place except for the stamp that says when it was last
of use. Writing is one transaction per batch: a killed build keeps every batch that it finished.
"""

import contextlib
import os
import sqlite3
import sys
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from hashlib import blake2b
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar, get_args

APPLICATION_ID = 0x52454D42  # "REMB": tells our files from another program's
SCHEMA_VERSION = 1

LOCK_SECONDS = 10.0  # how long to wait for another build that is writing
LEASE_SECONDS = 300  # after which the claim of a build on another machine no longer counts
KEEP_BUILDS = 20  # rows that none of so many writing builds used ...
KEEP_DAYS = 30  # ... and that no build used for so long are pruned
KEEP_RESULTS = 32
KEEP_RESULT_BYTES = 64 * 1024 * 1024
SALVAGED_ROWS = 1_000_000  # of a table of a damaged file

# SQLite's errors that the world outside is to blame for, and not what is in the file. Damage may be any
# other: of a table's name ("no such table"), of the header ("unsupported file format"), of a text.
_OUTSIDE = frozenset(
    (
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_AUTH,
    )
)
_LARGEST_NUMBER = 1 << 40  # of a build; a larger one is damage
_SLICE = 500  # keys per query; SQLite allowed no more than 999 variables for a long time
_SCHEMA = """
CREATE TABLE texts (key BLOB PRIMARY KEY, content BLOB, checksum BLOB, build INTEGER, day INTEGER);
CREATE TABLE vectors (key BLOB PRIMARY KEY, content BLOB, checksum BLOB, build INTEGER, day INTEGER);
CREATE TABLE results (key BLOB PRIMARY KEY, content BLOB, checksum BLOB, build INTEGER, day INTEGER);
CREATE TABLE models (key BLOB PRIMARY KEY, content BLOB, checksum BLOB, build INTEGER, day INTEGER);
CREATE TABLE claims (key BLOB PRIMARY KEY, owner TEXT, host TEXT, pid INTEGER, until REAL);
CREATE TABLE builds (number INTEGER);
INSERT INTO builds VALUES (0);
"""

Table = Literal["texts", "vectors", "results", "models"]
TABLES: tuple[str, ...] = get_args(Table)
_T = TypeVar("_T")


class Cache:
    """A cache file, opened at the first use; a folder that is missing is made.

    ``warn`` is called at most once, with a sentence for the blogger, when the file cannot be used as it
    should. The build then goes on: reads find nothing or what is left, writes are dropped.
    """

    def __init__(self, path: Path, warn: Callable[[str], None]) -> None:
        self.path = path
        self._warn = warn
        self._warned = False
        self._writable = True
        self._connection: sqlite3.Connection | None = None
        self._owner = os.urandom(16).hex()
        self._written = 0
        self._damaged = False
        self._used: dict[str, set[bytes]] = {}

    def read(self, table: Table, keys: Iterable[bytes]) -> dict[bytes, bytes]:
        """Return what ``table`` holds under ``keys``; what is not there, or damaged, is left out."""
        wanted = list(dict.fromkeys(keys))
        found: dict[bytes, bytes] = {}
        for start in range(0, len(wanted), _SLICE):
            part = wanted[start : start + _SLICE]
            marks = ",".join("?" * len(part))
            query = f"SELECT key, content, checksum FROM {table} WHERE key IN ({marks})"  # noqa: S608
            rows: list[Any] = self._run(partial(_fetch, query=query, keys=part), [])
            found.update(self._check_row(row) for row in rows if self._is_sound(row))
        self._used.setdefault(table, set()).update(found)
        return found

    def write(self, table: Table, rows: Mapping[bytes, bytes]) -> None:
        """Store ``rows`` in one transaction, and give up the claims on their keys."""
        if not rows:
            return
        self._used.setdefault(table, set()).update(rows)
        self._write(lambda db: self._insert(db, table, rows))

    def claim(self, keys: Sequence[bytes], limit: int) -> list[bytes]:
        """Return up to ``limit`` of ``keys`` that no other running build is working on, now claimed.

        An empty list says that others are working on all of them: wait, and read again. Where nothing
        can be written every key is granted.
        """
        granted = self._write(lambda db: self._grant(db, keys, limit)) if self._writable else None
        return list(keys[:limit]) if granted is None else granted

    def finish(self) -> None:
        """Close the file. If anything was written: stamp what this build used and prune the rest."""
        if self._damaged:
            # Damage to a key makes an index lead to the wrong row, which would be found in every build.
            self._write(lambda db: db.execute("REINDEX"))
        if self._connection is not None and self._written and self._writable:
            self._write(self._stamp_and_prune)
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
            self._connection = None

    def describe(self) -> dict[str, int]:
        """Return the number of rows of each table and the size of the file, in bytes."""
        counts = {table: self._run(partial(_count, table=table), 0) for table in TABLES}
        return {**counts, "bytes": self.path.stat().st_size if self.path.is_file() else 0}

    def list_used(self) -> dict[str, set[bytes]]:
        """Return the keys, by table, of all rows that were read or written here."""
        return {table: set(keys) for table, keys in self._used.items()}

    # Rows

    def _is_sound(self, row: Sequence[Any]) -> bool:
        sound = is_sound(*row)
        if not sound:
            self._damaged = True
            self._complain(f"The cache {self.path} holds damaged rows; what they held is made again.")
        return sound

    @staticmethod
    def _check_row(row: Sequence[Any]) -> tuple[bytes, bytes]:
        return bytes(row[0]), bytes(row[1])

    def _insert(self, db: sqlite3.Connection, table: str, rows: Mapping[bytes, bytes]) -> None:
        build, day = _count_builds(db) + 1, _today()
        db.executemany(
            f"INSERT OR REPLACE INTO {table} VALUES (?, ?, ?, ?, ?)",  # noqa: S608
            [(key, content, sum_row(key, content), build, day) for key, content in rows.items()],
        )
        db.executemany("DELETE FROM claims WHERE key = ?", [(key,) for key in rows])
        self._written += len(rows)

    # Claims

    def _grant(self, db: sqlite3.Connection, keys: Sequence[bytes], limit: int) -> list[bytes]:
        taken = set()
        for key, owner, host, pid, until in db.execute("SELECT * FROM claims").fetchall():
            if owner != self._owner and _is_running(host, pid, until):
                taken.add(key)
        granted = [key for key in keys if key not in taken][:limit]
        row = (self._owner, _host(), os.getpid(), time.time() + LEASE_SECONDS)
        db.executemany(
            "INSERT OR REPLACE INTO claims VALUES (?, ?, ?, ?, ?)", [(key, *row) for key in granted]
        )
        return granted

    # Pruning

    def _stamp_and_prune(self, db: sqlite3.Connection) -> None:
        build, day = _count_builds(db) + 1, _today()
        db.execute("UPDATE builds SET number = ?", (build,))
        db.execute("DELETE FROM claims WHERE owner = ? OR until < ?", (self._owner, time.time()))
        for table, keys in self._used.items():
            db.executemany(
                f"UPDATE {table} SET build = ?, day = ? WHERE key = ? AND (day < ? OR build < ?)",  # noqa: S608
                [(build, day, key, day, build - KEEP_BUILDS // 4) for key in sorted(keys)],
            )
        for table in ("texts", "vectors"):
            db.execute(
                f"DELETE FROM {table} WHERE build < ? AND day < ?",  # noqa: S608
                (build - KEEP_BUILDS, day - KEEP_DAYS),
            )
        _prune_results(db)

    # The file

    def _write(self, work: Callable[[sqlite3.Connection], _T]) -> _T | None:
        if not self._writable:
            return None
        return self._run(lambda db: _in_transaction(db, work), None)

    def _run(self, work: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        """Do ``work`` on the open file; on a fault put things right, warn once, return ``otherwise``."""
        try:
            if self._connection is None:
                self._connection = self._open()
            return work(self._connection)
        except (sqlite3.DatabaseError, UnicodeDecodeError) as error:
            # The latter, where damage has got into the text of SQLite's own error.
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE:
                self._stop_writing(error)
            else:
                self._set_aside(f"is damaged ({error})", salvage=True)
        except OSError as error:
            self._stop_writing(error)
        return otherwise

    def _open(self) -> sqlite3.Connection:
        self.path.parent.mkdir(parents=True, exist_ok=True)
        connection = _connect(self.path)
        try:
            problem = _prepare(connection)
        except BaseException:
            connection.close()
            raise
        if problem:
            connection.close()
            self._set_aside(problem)
            return self._connection or _connect_memory()
        return connection

    def _set_aside(self, problem: str, salvage: bool = False) -> None:
        """Rename a file that is not a sound cache of ours, and begin a new one with what can be salvaged."""
        if self._connection is not None:
            with contextlib.suppress(sqlite3.Error):
                self._connection.close()
        try:
            aside = _free_name(self.path)
            os.replace(self.path, aside)
            for suffix in ("-journal", "-wal", "-shm"):
                Path(f"{self.path}{suffix}").unlink(missing_ok=True)
            self._connection = _connect(self.path)
            _prepare(self._connection)
            if salvage:
                _in_transaction(self._connection, partial(_salvage, path=aside))
            made = "a new one is made with what is sound of it" if salvage else "a new one is made"
            self._complain(
                f"The cache {self.path} {problem}. It is kept as {aside.name} and {made}; delete the old one "
                "when you do not need it."
            )
        except (OSError, sqlite3.Error) as error:
            self._connection = _connect_memory()
            self._writable = False
            self._complain(
                f"The cache {self.path} {problem} and cannot be set aside ({error}). This build goes on "
                "without it; set RELATED_EMBEDDINGS_CACHE to another file."
            )

    def _stop_writing(self, error: Exception) -> None:
        """Go on with what can be read, if anything."""
        self._writable = False
        if self._connection is None:
            self._connection = _open_read_only(self.path) or _connect_memory()
        with contextlib.suppress(sqlite3.Error):
            self._connection.execute("PRAGMA busy_timeout = 250")  # waited long enough once
        self._complain(
            f"The cache {self.path} cannot be used as it should ({error}). This build goes on, and the next "
            "one does its work again: look at the file's permissions, the space on the disk, and "
            "whether another program holds it."
        )

    def _complain(self, message: str) -> None:
        if not self._warned:
            self._warned = True
            self._warn(message)


def _fetch(db: sqlite3.Connection, query: str, keys: Sequence[bytes]) -> list[Any]:
    return db.execute(query, keys).fetchall()


def _connect(path: Path) -> sqlite3.Connection:
    if path.is_dir():
        raise IsADirectoryError(f"{path} is a folder")
    return sqlite3.connect(path, timeout=LOCK_SECONDS, isolation_level=None)


def _connect_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    _prepare(connection)
    return connection


def _open_read_only(path: Path) -> sqlite3.Connection | None:
    try:
        connection = sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, isolation_level=None)
    except sqlite3.Error:
        return None
    try:
        sound = connection.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID
        sound = sound and connection.execute("PRAGMA user_version").fetchone()[0] == SCHEMA_VERSION
    except sqlite3.Error:
        sound = False
    if not sound:
        connection.close()
        return None
    return connection


def _prepare(db: sqlite3.Connection) -> str | None:
    """Make the tables of a new file. Return what is wrong with one that is not a cache of ours."""
    application = db.execute("PRAGMA application_id").fetchone()[0]
    version = db.execute("PRAGMA user_version").fetchone()[0]
    if application == APPLICATION_ID:
        return None if version == SCHEMA_VERSION else f"has format {version}, not {SCHEMA_VERSION}"
    if application or version or _count(db, "sqlite_master"):
        return "belongs to another program"
    db.execute("PRAGMA page_size = 16384")
    _in_transaction(db, _create_tables)
    return None


def _salvage(db: sqlite3.Connection, path: Path) -> None:
    """Copy the sound rows of a damaged cache, as far as they can be read."""
    with contextlib.closing(sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as old:
        for table in TABLES:
            with contextlib.suppress(sqlite3.Error, UnicodeDecodeError):
                _copy_sound(old.execute(f"SELECT key, content, checksum FROM {table}"), db, table)  # noqa: S608


def _copy_sound(rows: Iterable[Sequence[Any]], db: sqlite3.Connection, table: str) -> None:
    # A damaged tree may lead to the same rows for ever.
    for key, content, checksum in islice(rows, SALVAGED_ROWS):
        if is_sound(key, content, checksum):
            db.execute(
                f"INSERT OR IGNORE INTO {table} VALUES (?, ?, ?, 0, ?)",  # noqa: S608
                (key, content, checksum, _today()),
            )


def _create_tables(db: sqlite3.Connection) -> None:
    # Another build may have made them while this one waited for the lock.
    if db.execute("PRAGMA application_id").fetchone()[0] == APPLICATION_ID:
        return
    for statement in _SCHEMA.strip().split("\n"):
        db.execute(statement)
    db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    db.execute(f"PRAGMA user_version = {SCHEMA_VERSION}")


def _in_transaction(db: sqlite3.Connection, work: Callable[[sqlite3.Connection], _T]) -> _T:
    db.execute("BEGIN IMMEDIATE")
    try:
        done = work(db)
        db.execute("COMMIT")
    except BaseException:
        with contextlib.suppress(sqlite3.Error):
            db.execute("ROLLBACK")
        raise
    return done


def _prune_results(db: sqlite3.Connection) -> None:
    """Keep the newest results, as many as the limits allow."""
    rows = db.execute("SELECT key, length(content) FROM results ORDER BY build DESC, rowid DESC")
    room = KEEP_RESULT_BYTES
    for place, (key, size) in enumerate(rows.fetchall()):
        room -= size or 0
        if place >= KEEP_RESULTS or (room < 0 and place >= 4):
            db.execute("DELETE FROM results WHERE key = ?", (key,))


def _count(db: sqlite3.Connection, table: str) -> int:
    return int(db.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


def _count_builds(db: sqlite3.Connection) -> int:
    number = (db.execute("SELECT number FROM builds").fetchone() or (0,))[0]
    if not isinstance(number, int) or not 0 <= number < _LARGEST_NUMBER:
        raise sqlite3.DatabaseError("the number of the last build is none")
    return number


def sum_row(key: bytes, content: bytes) -> bytes:
    """Return the checksum that a row must carry."""
    return blake2b(content, digest_size=8, key=bytes(key)[:64]).digest()


def is_sound(key: Any, content: Any, checksum: Any) -> bool:
    """Return whether a row is as it was written."""
    return isinstance(key, bytes) and isinstance(content, bytes) and checksum == sum_row(key, content)


def _today() -> int:
    return int(time.time() // 86400)


def _host() -> str:
    return os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")


def _is_running(host: Any, pid: Any, until: Any) -> bool:
    """Return whether the owner of a claim may be alive; a claim that makes no sense is nobody's."""
    if not isinstance(until, float) or not isinstance(pid, int) or not 0 < pid < 1 << 31:
        return False
    if not 0 < until - time.time() <= 2 * LEASE_SECONDS:  # none is longer, if clocks differ little
        return False
    if host != _host() or sys.platform == "win32":  # there os.kill(pid, 0) would end the process
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True


def _free_name(path: Path) -> Path:
    for number in range(1, 1000):
        name = path.with_name(f"{path.name}.aside-{number}")
        if not name.exists():
            return name
    raise FileExistsError(f"{path.name}.aside-1 to -999 are all taken")


def compress(text: str) -> bytes:
    """Return ``text`` as bytes for a row."""
    return zlib.compress(text.encode("utf-8", "surrogatepass"), 1)  # a fifth larger, in a third of the time


def decompress(content: bytes) -> str:
    """Undo ``compress``; raises ``ValueError`` for anything else."""
    try:
        return zlib.decompress(content).decode("utf-8", "surrogatepass")
    except zlib.error as error:
        raise ValueError("not compressed text") from error
