"""The cache may lose time, never give something wrong, and never break a build."""

import random
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.processes import STRESS
from pelican_related_embeddings.store import cache as cache_module
from pelican_related_embeddings.store.cache import Cache, compress, decompress
from pelican_related_embeddings.store.keys import hash_parts

PAGE_SIZE = 16384
ROWS = {hash_parts(str(number)): bytes([1 + number % 250]) * (200 + number) for number in range(120)}


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.sqlite"


def fill(path: Path) -> None:
    cache = Cache(path, _fail)
    cache.write("vectors", ROWS)
    cache.finish()


def _fail(message: str) -> None:
    raise AssertionError(message)


def read_all(path: Path, complaints: list[str]) -> dict[bytes, bytes]:
    cache = Cache(path, complaints.append)
    found = cache.read("vectors", ROWS)
    cache.write("vectors", {key: content for key, content in ROWS.items() if key not in found})
    again = cache.read("vectors", ROWS)
    cache.finish()
    assert all(ROWS[key] == content for key, content in found.items())
    assert all(ROWS[key] == content for key, content in again.items())
    return found


def test_what_was_written_is_read_by_the_next_build(path: Path) -> None:
    fill(path)

    assert Cache(path, _fail).read("vectors", [*ROWS, b"other"]) == ROWS


def test_a_build_that_writes_nothing_leaves_the_file_as_it_is(path: Path) -> None:
    fill(path)
    before = path.read_bytes(), path.stat().st_mtime_ns

    cache = Cache(path, _fail)
    cache.read("vectors", ROWS)
    cache.finish()

    assert (path.read_bytes(), path.stat().st_mtime_ns) == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_an_old_build_in_the_middle_of_writing_keeps_what_it_had_committed(path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from pelican_related_embeddings.store.cache import Cache\n"
        f"cache = Cache(Path({str(path)!r}), print)\n"
        "cache.write('vectors', {b'a' * 16: b'first'})\n"
        "cache._run(lambda db: db.execute('BEGIN IMMEDIATE'), None)\n"
        "cache._run(lambda db: cache._insert(db, 'vectors', {b'b' * 16: b'second'}), None)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)

    assert Cache(path, _fail).read("vectors", [b"a" * 16, b"b" * 16]) == {b"a" * 16: b"first"}


def test_a_truncated_file_costs_time_only(path: Path) -> None:
    """At the end of each of its pages, and one byte before the last."""
    fill(path)
    content = path.read_bytes()
    ends = [*range(0, len(content), PAGE_SIZE), len(content) - 1]
    assert len(ends) > 12

    for end in ends:
        path.write_bytes(content[:end])
        complaints: list[str] = []
        read_all(path, complaints)
        assert len(complaints) <= 1
        assert read_quietly(path) == ROWS


def read_quietly(path: Path) -> dict[bytes, bytes]:
    """What a sound cache holds."""
    cache = Cache(path, _fail)
    found = cache.read("vectors", ROWS)
    cache.finish()
    return found


# In file 418 an index leads to the wrong row.
@pytest.mark.parametrize("seed", sorted({*range(1000 if STRESS else 60), 418}))
def test_flipped_bits_cost_time_only(path: Path, complaints: list[str], seed: int) -> None:
    """In half of the files they are where SQLite keeps its structure; the next build is in order again."""
    fill(path)
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(chance.choice([1, 20, 2000])):
        place = chance.randrange(len(content))
        if seed % 2:
            place = place // PAGE_SIZE * PAGE_SIZE + chance.randrange(200)
        content[place] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    read_all(path, complaints)

    assert len(complaints) <= 1
    read_all(path, complaints)  # a damaged tree can hide rows without SQLite's noticing it
    assert len(complaints) <= 1
    assert read_quietly(path) == ROWS


SPOILED = {
    "a table without its name": ("PRAGMA writable_schema=1", "UPDATE sqlite_master SET name='v' WHERE name='vectors'"),
    "a text that is no text": ("UPDATE vectors SET checksum = CAST(x'ff00ff' AS TEXT)",),
    "a key that is no bytes": ("INSERT INTO vectors VALUES ('text', x'00', x'00', 0, 0)",),
    "no number of the last build": ("UPDATE builds SET number = NULL",),
    "a text for the last build": ("UPDATE builds SET number = 'x'",),
    "a last build without end": ("UPDATE builds SET number = 9223372036854775807",),
    "no last build": ("DELETE FROM builds",),
    "a row without content": ("INSERT INTO results VALUES (x'00', NULL, NULL, NULL, NULL)",),
    "a claim without owner": ("INSERT INTO claims SELECT key, NULL, NULL, NULL, NULL FROM vectors",),
    "a claim for ever": ("INSERT INTO claims SELECT key, 'a', 'other', 1, 1e300 FROM vectors",),
    "a claim of everybody": ("INSERT INTO claims SELECT key, 'a', '', -1, 1e10 FROM vectors",),
    "a claim of a giant": ("INSERT INTO claims SELECT key, 'a', '', 9e18, 1e10 FROM vectors",),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_values_that_make_no_sense_cost_time_only(path: Path, complaints: list[str], name: str) -> None:
    fill(path)
    database = sqlite3.connect(path)
    for statement in SPOILED[name]:
        database.execute(statement)
    database.commit()
    database.close()

    cache = Cache(path, complaints.append)
    assert cache.claim(list(ROWS), len(ROWS)) == list(ROWS)
    cache.finish()
    read_all(path, complaints)

    assert len(complaints) <= 1
    assert read_quietly(path) == ROWS


def test_what_is_sound_of_a_damaged_file_is_taken_over(path: Path, complaints: list[str]) -> None:
    """The table of the results has lost its root: all vectors are still there to be read."""
    fill(path)
    database = sqlite3.connect(path)
    (root,) = database.execute("SELECT rootpage FROM sqlite_master WHERE name = 'results'").fetchone()
    database.close()
    with path.open("r+b") as file:
        file.seek((root - 1) * PAGE_SIZE)
        file.write(b"\xff" * 100)

    cache = Cache(path, complaints.append)
    cache.write("results", {b"key": b"result"})
    cache.finish()

    (said,) = complaints
    assert "is damaged" in said
    assert "a new one is made with what is sound of it" in said
    assert read_quietly(path) == ROWS


def test_damage_in_the_name_of_a_table_costs_time_only(path: Path, complaints: list[str]) -> None:
    """SQLite then quotes in its error what is not UTF-8."""
    fill(path)
    content = path.read_bytes()
    place = content.index(b"CREATE TABLE vectors")
    path.write_bytes(content[: place - 14] + b"\xdf" * 12 + content[place - 2 :])

    read_all(path, complaints)

    assert len(complaints) == 1
    assert len(read_all(path, complaints)) == len(ROWS)


def test_a_damaged_row_is_left_out_and_said_once(path: Path, complaints: list[str]) -> None:
    fill(path)
    database = sqlite3.connect(path)
    database.execute("UPDATE vectors SET content = zeroblob(length(content)) WHERE rowid < 4")
    database.commit()
    database.close()

    assert len(read_all(path, complaints)) == len(ROWS) - 3
    assert len(complaints) == 1
    assert "damaged rows" in complaints[0]


@pytest.mark.parametrize("content", [b"", b"not a database, but a text of some length" * 99])
def test_an_empty_or_foreign_file_is_replaced(path: Path, complaints: list[str], content: bytes) -> None:
    path.parent.mkdir()
    path.write_bytes(content)

    assert read_all(path, complaints) == {}
    assert len(read_all(path, complaints)) == len(ROWS)
    assert len(complaints) == bool(content)
    if content:
        assert (path.parent / "cache.sqlite.aside-1").read_bytes() == content


def test_another_programs_database_is_kept(path: Path, complaints: list[str]) -> None:
    path.parent.mkdir()
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE precious (thing)")
    database.execute("INSERT INTO precious VALUES ('mine')")
    database.commit()
    database.close()

    read_all(path, complaints)

    assert "belongs to another program" in complaints[0]
    kept = sqlite3.connect(path.parent / "cache.sqlite.aside-1")
    assert kept.execute("SELECT * FROM precious").fetchall() == [("mine",)]
    kept.close()


@pytest.mark.parametrize("version", [0, 2, 99])
def test_another_format_is_set_aside(path: Path, complaints: list[str], version: int) -> None:
    fill(path)
    database = sqlite3.connect(path)
    database.execute(f"PRAGMA user_version = {version}")
    database.commit()
    database.close()

    assert read_all(path, complaints) == {}
    assert f"has format {version}" in complaints[0]
    assert len(read_all(path, [])) == len(ROWS)


def test_a_folder_in_the_files_place(path: Path, complaints: list[str]) -> None:
    path.mkdir(parents=True)
    (path / "file").write_text("kept")

    assert read_all(path, complaints) == {}
    assert len(complaints) == 1
    assert (path / "file").read_text() == "kept"


@pytest.mark.skipif(sys.platform == "win32", reason="no Unix permissions")
@pytest.mark.parametrize("read_only", ["file", "folder"])
def test_a_read_only_cache_is_read_and_not_written(tmp_path: Path, read_only: str) -> None:
    path = tmp_path / "open" / "cache.sqlite"
    fill(path)
    for folder in (tmp_path, *tmp_path.parents):
        if str(folder.name).startswith("pytest-"):
            folder.chmod(0o755)
    tmp_path.chmod(0o755)
    path.chmod(0o444)
    path.parent.chmod(0o555 if read_only == "folder" else 0o777)
    code = (
        "import os, sqlite3\n"
        "from pathlib import Path; from pelican_related_embeddings.store.cache import Cache\n"
        "os.getuid() == 0 and os.setuid(65534)  # root may write everywhere\n"
        f"said = []; cache = Cache(Path({str(path)!r}), said.append)\n"
        f"print(len(cache.read('vectors', {list(ROWS)!r})))\n"
        "cache.write('vectors', {b'x': b'y'}); cache.write('vectors', {b'z': b'y'})\n"
        "cache.finish(); print(len(said))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    path.parent.chmod(0o755)

    assert result.stdout.split() == [str(len(ROWS)), "1"], result.stderr


@pytest.mark.skipif(sys.platform == "win32", reason="no resource limits")
def test_a_full_disk_is_said_once(path: Path) -> None:
    code = (
        "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "from pathlib import Path; from pelican_related_embeddings.store.cache import Cache\n"
        f"said = []; cache = Cache(Path({str(path)!r}), said.append)\n"
        "cache.write('vectors', {b'a': b'x' * 100})\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (200_000, 200_000))\n"
        "for n in range(9): cache.write('vectors', {b'%d' % n: b'x' * 100_000})\n"
        "print(cache.read('vectors', [b'a']) == {b'a': b'x' * 100}, len(said)); cache.finish()\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert result.stdout.split() == ["True", "1"], result.stderr


def test_a_locked_file_does_not_stop_the_build(
    path: Path, complaints: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(path)
    monkeypatch.setattr(cache_module, "LOCK_SECONDS", 0.2)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    assert read_all(path, complaints) == {}

    other.execute("ROLLBACK")
    other.close()
    assert len(complaints) == 1
    assert "another program holds it" in complaints[0]
    assert len(read_all(path, complaints)) == len(ROWS)


def test_a_claimed_text_is_left_to_the_build_that_claimed_it(path: Path) -> None:
    one, two = Cache(path, _fail), Cache(path, _fail)
    keys = list(ROWS)[:10]

    assert one.claim(keys, 6) == keys[:6]
    assert two.claim(keys, 6) == keys[6:]
    assert one.claim(keys, 10) == keys[:6]
    one.write("vectors", {key: ROWS[key] for key in keys[:6]})
    assert two.claim(keys[:6], 10) == keys[:6]


def test_the_claims_of_a_dead_build_do_not_count(path: Path) -> None:
    code = (
        "from pathlib import Path; from pelican_related_embeddings.store.cache import Cache\n"
        f"print(len(Cache(Path({str(path)!r}), print).claim([b'a', b'b'], 9)))"
    )
    dead = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert dead.stdout.strip() == "2"
    assert Cache(path, _fail).claim([b"a", b"b"], 9) == [b"a", b"b"]


def test_rows_long_unused_are_pruned_and_others_are_not(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    used, idle = list(ROWS)[:50], list(ROWS)[50:]
    day = cache_module._today()
    for build in range(cache_module.KEEP_BUILDS + 5):
        monkeypatch.setattr(cache_module, "_today", lambda build=build: day + 2 * build)
        cache = Cache(path, _fail)
        cache.read("vectors", used)
        cache.write("results", {b"%d" % build: b"result"})
        cache.finish()
        if build == 10:
            assert len(Cache(path, _fail).read("vectors", idle)) == len(idle)

    assert Cache(path, _fail).read("vectors", ROWS) == {key: ROWS[key] for key in used}


def test_a_long_pause_prunes_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(path)
    day = cache_module._today()
    monkeypatch.setattr(cache_module, "_today", lambda: day + 5000)

    cache = Cache(path, _fail)
    cache.write("results", {b"key": b"result"})
    cache.finish()

    assert Cache(path, _fail).read("vectors", ROWS) == ROWS


def test_results_are_bounded(path: Path) -> None:
    for build in range(cache_module.KEEP_RESULTS + 9):
        cache = Cache(path, _fail)
        cache.write("results", {b"%d" % build: b"result"})
        cache.finish()

    cache = Cache(path, _fail)
    assert cache.describe()["results"] == cache_module.KEEP_RESULTS
    assert cache.read("results", [b"0", b"%d" % build]) == {b"%d" % build: b"result"}


def test_text_survives_compression() -> None:
    assert decompress(compress("é\ud800")) == "é\ud800"
    with pytest.raises(ValueError, match="not compressed"):
        decompress(b"garbage")


def test_parts_of_a_key_cannot_run_into_one_another() -> None:
    assert hash_parts("ab", "c") != hash_parts("a", "bc")
    assert hash_parts("a", "") != hash_parts("a")
