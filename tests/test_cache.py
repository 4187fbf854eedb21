"""The cache may lose time, never give something wrong, and never break a build."""

import contextlib
import random
import sqlite3
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

from helpers.processes import STRESS
from pelican_related_embeddings.store.cache import (
    FORMAT,
    KEEP_DAYS,
    MARK_DAYS,
    RESULT_BYTES,
    Cache,
    compress,
    decompress,
    sum_row,
)
from pelican_related_embeddings.store.keys import NO_VECTOR, VectorKeys, hash_parts

PAGE_SIZE = 16384
HEADER = 100  # bytes that say whose file it is
ROWS = {hash_parts(str(number)): bytes([1 + number % 250]) * (200 + number) for number in range(120)}


@pytest.fixture
def complaints() -> list[str]:
    return []


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "cache.sqlite"


def fill(path: Path, today: int | None = None) -> None:
    cache = Cache(path, _fail, today=today)
    cache.write("vectors", ROWS)
    cache.finish()


def change(path: Path, *statements: str) -> None:
    """Change a file as no build would."""
    with contextlib.closing(sqlite3.connect(path, isolation_level=None)) as database:
        for statement in statements:
            database.execute(statement)


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

    assert read_quietly(path) == ROWS
    assert read_quietly(path, [b"other"]) == {}


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
        "cache._db.execute('BEGIN IMMEDIATE')\n"
        "cache._db.execute('INSERT INTO vectors SELECT zeroblob(16), day, checksum, content FROM vectors')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=False)

    cache = Cache(path, _fail)
    assert cache.read("vectors", [b"a" * 16, bytes(16)]) == {b"a" * 16: b"first"}
    cache.finish()


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


def read_quietly(path: Path, keys: Iterable[bytes] = ROWS, today: int | None = None) -> dict[bytes, bytes]:
    """What a sound cache holds."""
    cache = Cache(path, _fail, today=today)
    found = cache.read("vectors", keys)
    cache.finish()
    return found


# In file 418 an index leads to the wrong row; in 542 the first build finds damaged rows, the second a damaged tree.
@pytest.mark.parametrize("seed", sorted({*range(1000 if STRESS else 20), 418, 542}))
def test_flipped_bits_cost_time_only(path: Path, seed: int) -> None:
    """In half of the files they are where SQLite keeps its structure; after two builds all is in order.

    Not in the header: without it nobody can tell whose file it is.
    """
    fill(path)
    content = bytearray(path.read_bytes())
    chance = random.Random(seed)
    for _ in range(chance.choice([1, 20, 2000])):
        place = chance.randrange(len(content))
        if seed % 2:
            place = place // PAGE_SIZE * PAGE_SIZE + chance.randrange(200)
        content[max(place, HEADER)] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    for _ in range(2):
        complaints: list[str] = []
        read_all(path, complaints)
        assert len(complaints) <= 1
    assert read_quietly(path) == ROWS


SPOILED = {
    "a table without its name": ("PRAGMA writable_schema=1", "UPDATE sqlite_master SET name='v' WHERE name='vectors'"),
    "a checksum that is no bytes": ("UPDATE vectors SET checksum = CAST(x'ff00ff' AS TEXT)",),
    "a key that is no bytes": ("INSERT INTO vectors VALUES ('text', 0, x'00', x'00')",),
    "a day that is no number": ("UPDATE vectors SET day = 'x'",),
    "a day far away": ("UPDATE vectors SET day = 9223372036854775807",),
    "no day": ("UPDATE vectors SET day = NULL",),
    "rows without anything": ("INSERT INTO results VALUES (NULL, NULL, NULL, NULL), (x'00', NULL, NULL, NULL)",),
    "content that is a number": ("UPDATE vectors SET content = 7",),
}  # fmt: skip


@pytest.mark.parametrize("name", SPOILED)
def test_values_that_make_no_sense_cost_time_only(path: Path, complaints: list[str], name: str) -> None:
    fill(path)
    change(path, *SPOILED[name])

    cache = Cache(path, complaints.append)
    cache.read("vectors", ROWS)
    cache.write("results", {b"key": b"result"})
    cache.keep("vectors", list(ROWS))
    cache.keep_only("texts", [])
    cache.finish()
    read_all(path, complaints)

    assert len(complaints) <= 1
    assert read_quietly(path) == ROWS


def test_a_damaged_file_is_set_aside_once_and_made_anew(path: Path, complaints: list[str]) -> None:
    for _ in range(3):
        fill(path)
        with path.open("r+b") as file:
            file.seek(PAGE_SIZE)
            file.write(b"\xff" * 3 * PAGE_SIZE)
        damaged = path.read_bytes()
        complaints.clear()

        read_all(path, complaints)

        (said,) = complaints
        assert "is damaged" in said
        assert "renamed to cache.sqlite.damaged" in said
        assert sorted(file.name for file in path.parent.iterdir()) == ["cache.sqlite", "cache.sqlite.damaged"]
        assert (path.parent / "cache.sqlite.damaged").read_bytes() == damaged
        assert read_quietly(path) == ROWS
        path.unlink()


def test_a_file_of_somebody_else_is_not_replaced_by_a_damaged_one(path: Path, complaints: list[str]) -> None:
    fill(path)
    with path.open("r+b") as file:
        file.seek(PAGE_SIZE)
        file.write(b"\xff" * 3 * PAGE_SIZE)
    before = path.read_bytes()
    aside = path.parent / "cache.sqlite.damaged"
    aside.write_text("dear reader")

    assert read_all(path, complaints) == {}

    assert len(complaints) == 1
    assert aside.read_text() == "dear reader"
    assert path.read_bytes() == before


def test_damage_in_the_name_of_a_table_costs_time_only(path: Path, complaints: list[str]) -> None:
    """SQLite then quotes in its error what is not UTF-8."""
    fill(path)
    content = path.read_bytes()
    place = content.index(b"CREATE TABLE vectors")
    path.write_bytes(content[: place - 14] + b"\xdf" * 12 + content[place - 2 :])

    read_all(path, complaints)

    assert len(complaints) == 1
    assert len(read_all(path, complaints)) == len(ROWS)


def test_a_damaged_row_is_missing_and_said_once(path: Path, complaints: list[str]) -> None:
    fill(path)
    change(path, "UPDATE vectors SET content = zeroblob(length(content)) WHERE rowid < 4")

    assert len(read_all(path, complaints)) == len(ROWS) - 3
    assert len(complaints) == 1
    assert "damaged rows" in complaints[0]
    assert read_quietly(path) == ROWS


def test_an_empty_file_becomes_a_cache(path: Path, complaints: list[str]) -> None:
    path.parent.mkdir()
    path.write_bytes(b"")

    assert read_all(path, complaints) == {}
    assert read_quietly(path) == ROWS
    assert complaints == []


@pytest.mark.parametrize("kind", ["text", "short", "database", "newer"])
def test_a_file_that_is_no_cache_of_ours_is_left_as_it_is(
    path: Path, complaints: list[str], kind: str
) -> None:
    path.parent.mkdir()
    if kind == "database":
        change(path, "CREATE TABLE precious (thing)", "INSERT INTO precious VALUES ('mine')")
    elif kind == "newer":
        fill(path)
        change(path, f"PRAGMA user_version = {FORMAT + 1}")
    else:
        path.write_bytes(b"dear reader" * (99 if kind == "text" else 1))
    before = path.read_bytes()

    assert read_all(path, complaints) == {}

    (said,) = complaints
    assert "was left as it is" in said
    assert ("newer version" in said) == (kind == "newer")
    assert path.read_bytes() == before
    assert [file.name for file in path.parent.iterdir()] == [path.name]


def test_a_cache_of_an_older_format_is_set_aside(path: Path, complaints: list[str]) -> None:
    fill(path)
    change(path, f"PRAGMA user_version = {FORMAT - 1}")

    assert read_all(path, complaints) == {}
    assert f"it has the format {FORMAT - 1}" in complaints[0]
    assert read_quietly(path) == ROWS


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
        "print(len(said))\n"
        "cache.write('vectors', {b'x': b'y'}); cache.write('vectors', {b'z': b'y'})\n"
        "cache.finish(); print(len(said))"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    path.parent.chmod(0o755)

    assert result.stdout.split() == [str(len(ROWS)), "0", "1"], result.stderr


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


def test_a_file_that_another_program_holds_does_not_stop_the_build(path: Path, complaints: list[str]) -> None:
    fill(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")

    cache = Cache(path, complaints.append, patience=0.1)
    assert cache.read("vectors", ROWS) == {}
    cache.write("vectors", {b"more": b"rows"})
    cache.finish()

    other.execute("ROLLBACK")
    other.close()
    assert len(complaints) == 1
    assert "another program is using the file" in complaints[0]
    assert read_quietly(path) == ROWS


def test_a_file_that_another_program_writes_to_can_still_be_read(path: Path, complaints: list[str]) -> None:
    fill(path)
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    cache = Cache(path, complaints.append, patience=0.1)
    cache.write("vectors", {b"more": b"rows"})
    assert cache.read("vectors", ROWS) == ROWS
    cache.finish()

    other.close()
    assert len(complaints) == 1


def test_two_builds_that_write_at_once_lose_nothing(path: Path) -> None:
    one, two = Cache(path, _fail), Cache(path, _fail)
    for number, (key, content) in enumerate(ROWS.items()):
        (one, two)[number % 2].write("vectors", {key: content})
        (two, one)[number % 3 % 2].write("vectors", {key: content})
    one.finish()
    two.finish()

    assert read_quietly(path) == ROWS


# What stays and what goes


def use(path: Path, today: int, keys: list[bytes], site: bytes = b"site") -> None:
    """What a build does that finds its list of vectors in the cache, or else looks at each."""
    cache = Cache(path, _fail, today=today)
    if not cache.read("results", [site]):
        cache.read("vectors", keys)
        cache.write("results", {site: b"its vectors"})
    cache.keep("vectors", keys)
    cache.write("results", {b"list %d" % today: b"result"})
    cache.finish()


def test_what_a_build_uses_stays_and_what_none_uses_goes(path: Path) -> None:
    fill(path, today=1000)
    used, idle = list(ROWS)[:50], list(ROWS)[50:]
    for today in range(1000, 1000 + KEEP_DAYS + 3 * MARK_DAYS + 2):
        use(path, today, used)
        if today <= 1000 + KEEP_DAYS:
            assert len(read_quietly(path, idle, today=1000)) == len(idle)

    assert read_quietly(path) == {key: ROWS[key] for key in used}


def test_what_other_sites_use_now_and_then_stays(path: Path) -> None:
    """One site is built every day, another every four weeks, on one file."""
    fill(path, today=1000)
    often, seldom = list(ROWS)[:50], list(ROWS)[50:]
    for today in range(1000, 1200):
        use(path, today, often)
        if today % 28 == 0:
            use(path, today, seldom, b"another site")
            assert len(read_quietly(path, seldom, today=1000)) == len(seldom)

    assert read_quietly(path) == ROWS


def test_a_build_that_does_not_know_its_vectors_lets_none_go(path: Path) -> None:
    """The model is misspelt, say, for two months."""
    fill(path, today=1000)
    for today in range(1000, 1060):
        cache = Cache(path, _fail, today=today)
        cache.write("results", {b"list %d" % today: b"result"})
        cache.finish()

    assert read_quietly(path) == ROWS


def test_a_long_pause_lets_nothing_go(path: Path) -> None:
    """The first of the sites that share a file must not remove what the next will need."""
    fill(path, today=1000)
    first, second = list(ROWS)[:50], list(ROWS)[50:]
    for today in (1000, 6000, 6001, 6002):
        use(path, today, first)
        use(path, today, second, b"another site")

    assert read_quietly(path) == ROWS


def test_the_words_of_what_is_gone_go_at_once(path: Path) -> None:
    words = {b"one": b"zanzibarquux " * 900, b"two": b"readable words " * 900}
    cache = Cache(path, _fail)
    cache.write("texts", words)
    cache.finish()
    assert b"zanzibarquux" in path.read_bytes()

    cache = Cache(path, _fail)
    cache.keep_only("texts", [b"two"])
    assert cache.read("texts", words) == {b"two": words[b"two"]}
    cache.finish()

    assert b"zanzibarquux" not in path.read_bytes()
    assert b"readable words" in path.read_bytes()


def test_the_results_of_a_dozen_subsites_stay(path: Path) -> None:
    """Each with candidates, lists, map, last map and its vectors, of a blog that is edited for two months."""
    kinds = [
        b"%s %d" % (kind, site) for kind in (b"vectors", b"lists", b"map", b"last map") for site in range(12)
    ]
    for today in range(1000, 1060):
        cache = Cache(path, _fail, today=today)
        found = cache.read("results", kinds)
        assert len(found) == (len(kinds) if today > 1000 else 0)
        cache.write("results", {key: bytes(50_000) for key in kinds if key not in found})
        cache.write("results", {b"candidates of the main site %d" % today: bytes(500_000)})
        cache.finish()

    with contextlib.closing(sqlite3.connect(path)) as database:
        assert database.execute("SELECT count(*) FROM results").fetchone()[0] > len(kinds)


def test_results_are_bounded_and_the_newest_stay(path: Path) -> None:
    size = RESULT_BYTES // 8
    for number in range(20):
        cache = Cache(path, _fail, today=1000)
        cache.write("results", {b"%d" % number: bytes(size)})
        cache.finish()

    cache = Cache(path, _fail)
    assert len(cache.read("results", [b"%d" % number for number in range(20)])) == 8
    assert cache.read("results", [b"11"]) == {}
    assert cache.read("results", [b"19"])
    cache.finish()


def test_the_newest_row_with_a_prefix_is_found(path: Path) -> None:
    cache = Cache(path, _fail)
    cache.write("vectors", {b"text one" + b"z": b"1"})
    cache.write("vectors", {b"text one" + b"a": b"2", b"text two" + b"b": b"3"})

    assert cache.read_newest("vectors", b"text one") == (b"text onea", b"2")
    assert cache.read_newest("vectors", b"text three") is None
    cache.finish()


# Keys


def test_text_survives_compression() -> None:
    assert decompress(compress("é\ud800")) == "é\ud800"
    with pytest.raises(ValueError, match="not compressed"):
        decompress(b"garbage")


def test_parts_of_a_key_cannot_run_into_one_another() -> None:
    assert hash_parts("ab", "c") != hash_parts("a", "bc")
    assert hash_parts("a", "") != hash_parts("a")


def test_a_checksum_is_of_the_key_too() -> None:
    assert sum_row(b"key", b"content") != sum_row(b"other", b"content")


def test_vector_keys_tell_what_is_missing_and_survive_the_cache() -> None:
    one, two, old = (bytes([number]) * len(NO_VECTOR) for number in (1, 2, 3))
    keys = VectorKeys((one, two, NO_VECTOR, one), (one, old, NO_VECTOR, NO_VECTOR))

    assert VectorKeys.from_bytes(keys.to_bytes(), 4) == keys
    with pytest.raises(ValueError, match="5 documents"):
        VectorKeys.from_bytes(keys.to_bytes(), 5)
    assert keys.missing == [3]
    assert keys.absent == [two, one]
    assert keys.renew([two, one]).state == b""
    assert keys.state not in (b"", keys.renew([two]).state)
