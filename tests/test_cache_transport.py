"""A copy of the cache can be carried anywhere, and no copy can harm the cache that takes it."""

import contextlib
import sqlite3
import time
from pathlib import Path

import pytest

from pelican_related_embeddings.errors import CacheError
from pelican_related_embeddings.store.cache import Cache
from pelican_related_embeddings.store.keys import hash_parts
from pelican_related_embeddings.store.maintenance import (
    clear_cache,
    export_cache,
    import_cache,
    prune_cache,
    summarise_cache,
)

ROWS = {hash_parts(str(number)): bytes([number % 250]) * 1536 for number in range(1200)}
DAY = int(time.time() // 86400)


def refuse(message: str) -> None:
    raise AssertionError(message)


def change(path: Path, *statements: str) -> None:
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as db:
        for statement in statements:
            db.execute(statement)


def fill(path: Path, rows: dict[bytes, bytes]) -> None:
    cache = Cache(path, refuse)
    cache.write("vectors", rows)
    cache.finish()


def read(path: Path) -> dict[bytes, bytes]:
    cache = Cache(path, refuse)
    found = cache.read("vectors", ROWS)
    cache.finish()
    return found


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A cache with some rows."""
    fill(tmp_path / "cache.sqlite", ROWS)
    return tmp_path / "cache.sqlite"


def test_a_copy_brings_all_rows_to_a_machine_without_a_cache(path: Path, tmp_path: Path) -> None:
    exported = export_cache(path, tmp_path / "copy")
    result = import_cache(tmp_path / "elsewhere" / "cache.sqlite", tmp_path / "copy")

    assert exported.rows["vectors"] == 1200
    assert (result.added, result.known, result.damaged) == (1200, 0, 0)
    assert read(tmp_path / "elsewhere" / "cache.sqlite") == ROWS
    assert list(tmp_path.glob("*.part*")) == []


def test_an_import_keeps_what_is_there(path: Path, tmp_path: Path) -> None:
    keys = list(ROWS)
    other = dict.fromkeys(keys[:10], b"other" * 10)
    fill(tmp_path / "other.sqlite", {**other, b"only here".ljust(16): b"mine"})

    result = import_cache(tmp_path / "other.sqlite", path)

    assert (result.added, result.known) == (1190, 10)
    assert read(tmp_path / "other.sqlite") == {**ROWS, **other}
    assert summarise_cache(tmp_path / "other.sqlite").rows["vectors"] == 1201
    assert read(path) == ROWS


def test_damaged_rows_are_left_out(path: Path, tmp_path: Path) -> None:
    zeros = "UPDATE vectors SET content = zeroblob(1536) WHERE rowid % 100 = 7"
    change(path, zeros, "UPDATE vectors SET content = NULL WHERE rowid % 100 = 8")

    result = import_cache(tmp_path / "new.sqlite", path)

    assert (result.added, result.damaged) == (1176, 24)


def test_imported_rows_are_not_pruned_by_the_next_build(path: Path, tmp_path: Path) -> None:
    change(path, "UPDATE vectors SET build = 1, day = 1")
    fill(tmp_path / "new.sqlite", {b"own".ljust(16): b"x"})
    change(tmp_path / "new.sqlite", "UPDATE builds SET number = 500")
    import_cache(tmp_path / "new.sqlite", path)

    fill(tmp_path / "new.sqlite", {b"more".ljust(16): b"y"})

    assert len(read(tmp_path / "new.sqlite")) == 1200


@pytest.mark.parametrize("kind", ["missing", "text", "foreign", "future", "cut", "folder"])
def test_what_is_no_copy_is_refused_in_a_sentence(path: Path, tmp_path: Path, kind: str) -> None:
    source = tmp_path / "source"
    if kind == "text":
        source.write_text("not a database, but long enough to look at" * 50)
    if kind == "folder":
        source.mkdir()
    if kind == "foreign":
        change(source, "CREATE TABLE a (b)")
    if kind in ("future", "cut"):
        export_cache(path, source)
    if kind == "future":
        change(source, "PRAGMA user_version = 9")
    if kind == "cut":
        content = source.read_bytes()
        source.write_bytes(content[: len(content) // 2])

    with pytest.raises(CacheError, match="source"):
        import_cache(path, source)

    assert read(path) == ROWS


def test_an_export_replaces_an_older_copy_and_nothing_else(path: Path, tmp_path: Path) -> None:
    export_cache(path, tmp_path / "copy")
    fill(path, {b"one more".ljust(16): b"z"})
    assert export_cache(path, tmp_path / "copy").rows["vectors"] == 1201

    (tmp_path / "letter").write_text("dear reader")
    with pytest.raises(CacheError, match="letter"):
        export_cache(path, tmp_path / "letter")
    assert (tmp_path / "letter").read_text() == "dear reader"
    with pytest.raises(CacheError, match="the cache itself"):
        export_cache(path, path)
    with pytest.raises(CacheError, match=r"cannot be written|cannot be used"):
        export_cache(path, tmp_path / "no" / "folder")
    with pytest.raises(CacheError, match="There is no cache file"):
        export_cache(tmp_path / "nothing", tmp_path / "other")


def test_an_export_is_complete_while_a_build_writes(path: Path, tmp_path: Path) -> None:
    builder = Cache(path, refuse)
    builder.write("vectors", {b"fresh".ljust(16): b"f"})
    builder.claim([b"claimed".ljust(16)], 1)

    export_cache(path, tmp_path / "copy")
    builder.finish()

    with sqlite3.connect(tmp_path / "copy") as db:
        assert db.execute("SELECT count(*) FROM vectors").fetchone()[0] == 1201
        assert db.execute("SELECT count(*) FROM claims").fetchone()[0] == 0
    db.close()


def test_pruning_keeps_what_is_used_or_recent(path: Path) -> None:
    keys = list(ROWS)
    with sqlite3.connect(path) as db:
        db.executemany("UPDATE vectors SET day = ? WHERE key = ?", [(DAY - 40, key) for key in keys[:1000]])
    db.close()

    removal = prune_cache(path, {"vectors": set(keys[:50])}, 30)

    assert removal.rows == 950
    assert removal.bytes_after < removal.bytes_before
    assert set(read(path)) == {*keys[:50], *keys[1000:]}
    assert prune_cache(path, {"vectors": set(keys[:50])}, 0).rows == 200


def test_a_cleared_cache_is_empty_and_usable(path: Path) -> None:
    assert clear_cache(path).rows == 1200
    assert read(path) == {}
    fill(path, ROWS)
    assert read(path) == ROWS
