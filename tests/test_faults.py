"""Faults in real builds: whatever breaks, the site is built, and what was worked out is kept.

The file of the cache by itself is tested in test_cache.py, services that fail in test_endpoint_encoder.py.
Where many builds are needed a service makes the vectors: it is a real encoder, but needs no seconds to load.
"""

import contextlib
import gc
import json
import os
import random
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import time
import urllib.request
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from jinja2 import UndefinedError
from pelican import signals

from helpers.corpora import make_corpus_site, require_corpora
from helpers.models import add_module, require_torch, save_static_model, save_tiny_model
from helpers.processes import (
    STRESS,
    configure,
    end,
    give_up_privileges,
    is_root,
    limit_process,
    list_vectors,
    needs_signals,
    read_site,
    run_pelican,
    start,
    use_service,
    write_many,
)
from helpers.service import Service, serve
from helpers.sites import ENVIRONMENT, ROOT, TOPICS, Built, Site, write_topics
from helpers.waiting import wait_until
from pelican_related_embeddings.encoders.libraries import quiet_libraries
from pelican_related_embeddings.errors import StrictError
from pelican_related_embeddings.store.cache import Cache, sum_row

POSTS = 300
BATCH = 256  # texts that a killed build can lose; see encoder.ENDPOINT_PASSAGES
CHUNK = 64  # the same for a model on this machine; see encoder.CHUNK_PASSAGES
KILLS = 48 if STRESS else 4
CORRUPTIONS = 200 if STRESS else 10
HEADER = 100  # bytes that say whose file it is
CACHE = "cache/related_embeddings.sqlite"
PAGES = [f"{topic}-{number}.html" for topic in TOPICS for number in range(3)]


def has_lists(built: Built) -> bool:
    return all(len(built.links(name)) == 5 for name in PAGES)


# Killed builds


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """What a first build of many posts writes."""
    site = make_big(tmp_path_factory.mktemp("undisturbed"))
    with serve() as service:
        run_pelican(site, **use_service(service))
    return read_site(site.root / "output")


def make_big(root: Path) -> Site:
    return make_corpus_site(require_corpora(), "luffy_fr", root) if STRESS else make_many(root)


def make_many(root: Path, posts: int = POSTS) -> Site:
    site = Site(root)
    (root / "content").mkdir()
    write_many(site, posts)
    return site


# What a build has come to when it is killed.
MOMENTS: dict[str, Callable[[Site, Service], bool]] = {
    "it has asked for the dimension": lambda _, service: len(service.requests) > 0,
    "it waits for its first texts": lambda _, service: service.count_texts() > 0,
    "it waits for its last texts": lambda _, service: service.count_texts() > BATCH,
    "it writes pages": lambda site, _: any((site.root / "output").glob("*.html")),
}


@pytest.mark.parametrize("seed", range(KILLS))
def test_a_killed_first_build_loses_no_batch_that_it_had_committed(
    service: Service, undisturbed: dict[str, bytes], tmp_path: Path, seed: int
) -> None:
    """The next build asks for what is missing and no more."""
    site = make_big(tmp_path)
    configure(site, **use_service(service))
    moment = list(MOMENTS)[seed % len(MOMENTS)]
    service.pause = 0.2
    building = start(site, stdout=subprocess.DEVNULL)
    wait_until(lambda: MOMENTS[moment](site, service) or building.poll() is not None)
    time.sleep(random.Random(seed).uniform(0, 0.2) if STRESS else 0)
    building.kill()
    building.wait()
    kept = list_vectors(site)
    service.pause = 0.0
    service.requests.clear()

    printed = end(start(site))

    vectors = list_vectors(site)
    total = len(list(site.content.iterdir()))
    assert len(kept) % BATCH == 0 or len(kept) == total
    assert len(kept) < total or moment == "it writes pages" or STRESS
    assert kept.items() <= vectors.items()
    assert len(vectors) == total
    assert service.count_texts() == total - len(kept)
    assert read_site(site.root / "output") == undisturbed
    assert "WARNING" not in printed


@pytest.mark.parametrize("host", ["the same", "another"])
def test_nothing_waits_for_a_killed_build(service: Service, tmp_path: Path, host: str) -> None:
    """Killed while the service works on its texts: the next build takes them over at once, on any machine."""
    renamed = (
        ("unshare", "-u", "sh", "-c", 'hostname elsewhere && exec "$@"', "sh") if host == "another" else ()
    )
    if renamed and os.system(f"unshare -u sh -c 'hostname elsewhere' 2>{os.devnull}") != 0:
        pytest.skip("only root may give this machine another name")
    site = make_many(tmp_path, 20)
    configure(site, **use_service(service))
    service.pause = 5.0
    killed = start(site)
    wait_until(lambda: service.count_texts() > 0 or killed.poll() is not None, 60)
    killed.kill()
    killed.communicate()
    service.pause = 0.0
    service.requests.clear()

    printed = end(start(site, prefix=renamed), patience=100)

    assert "WARNING" not in printed
    assert service.count_texts() == len(list_vectors(site)) == 20


# Builds at the same time


def test_builds_at_the_same_time_agree_and_lose_nothing(
    service: Service, undisturbed: dict[str, bytes], tmp_path: Path
) -> None:
    """Each embeds what it does not find."""
    site = make_big(tmp_path)
    configure(site, **use_service(service))
    service.pause = 0.1

    running = [start(site, "-o", f"output{number}") for number in range(3)]
    printed = [end(process) for process in running]

    assert not [said for said in printed if "WARNING" in said]
    for number in range(3):
        assert read_site(site.root / f"output{number}") == undisturbed
    assert len(list_vectors(site)) == len(list(site.content.iterdir()))
    service.requests.clear()
    end(start(site))
    assert service.count_texts() == 0


# Ctrl-C


@needs_signals
@pytest.mark.parametrize("encoder", ["service", "model"])
def test_ctrl_c_while_embedding_ends_the_build_and_keeps_the_batches(
    service: Service, tmp_path: Path, encoder: str
) -> None:
    """The build would go on for minutes; it is given seconds."""
    site = make_many(tmp_path)
    if encoder == "service":
        configure(site, **use_service(service))
        service.pause = 1.0
    else:
        for path in site.content.iterdir():
            path.write_text(
                f"{path.read_text(encoding='utf-8')}\n{' '.join(TOPICS['sql'])}\n", encoding="utf-8"
            )
        configure(site, RELATED_EMBEDDINGS_WINDOWS=0, RELATED_EMBEDDINGS_BATCH_SIZE=1)
    stopped = start(site)
    wait_until(lambda: count_vectors(site) >= CHUNK or stopped.poll() is not None, 200)
    stopped.send_signal(signal.SIGINT)

    printed = end(stopped, code=0, patience=30)  # the exit code that Pelican has for it

    assert "Keyboard interrupt received" in printed
    assert "Traceback" not in printed
    kept = len(list_vectors(site))
    assert CHUNK <= kept < len(list(site.content.iterdir()))
    assert kept % CHUNK == 0


def count_vectors(site: Site) -> int:
    try:
        return len(list_vectors(site))
    except sqlite3.Error:
        return 0


# The model


def build_with_fault(site: Site, **settings: Any) -> str:
    """Return the one warning of a build that has a fault, and gives every page its list all the same."""
    built = site.build(**settings)
    assert has_lists(built)
    (warning,) = built.warnings()
    return warning


def test_a_model_that_is_downloaded_in_part_costs_vectors_only(
    topics: Site, model_folder: Path, tmp_path: Path
) -> None:
    require_torch()
    folder = tmp_path / "model"
    shutil.copytree(model_folder, folder)
    weights = folder / "model.safetensors"
    with weights.open("r+b") as file:
        file.truncate(weights.stat().st_size // 2)

    warning = build_with_fault(topics, RELATED_EMBEDDINGS_MODEL=str(folder))

    assert f"in {folder} cannot be loaded" in warning
    assert "9 of 9 articles have no vector" in warning


@pytest.mark.parametrize("missing", ["config.json", "tokenizer.json", "1_Pooling/config.json"])
def test_a_model_without_one_of_its_files_costs_vectors_only(
    topics: Site, tiny: Path, tmp_path: Path, missing: str
) -> None:
    folder = tmp_path / "copy"
    shutil.copytree(tiny, folder)
    (folder / missing).unlink()
    if missing == "tokenizer.json":
        (folder / "vocab.txt").unlink(missing_ok=True)  # transformers 4 saves another description of it

    said = rf"in {re.escape(str(folder))} (cannot be loaded|has no tokenizer)"
    assert re.search(said, build_with_fault(topics, RELATED_EMBEDDINGS_MODEL=str(folder)))


@pytest.fixture(scope="module")
def tiny(model_folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return save_tiny_model(model_folder, tmp_path_factory.mktemp("tiny"))


def test_a_model_that_gives_no_numbers_costs_vectors_only(
    topics: Site, model_folder: Path, tmp_path: Path
) -> None:
    folder = save_tiny_model(model_folder, tmp_path, float("nan"))

    warning = build_with_fault(topics, RELATED_EMBEDDINGS_MODEL=str(folder))

    assert "gave no usable vector" in warning
    assert "9 of 9 articles have no vector" in warning
    assert list_vectors(topics) == {}


def test_a_model_that_gives_zeros_costs_their_part_of_the_ranking_only(
    topics: Site, model_folder: Path, tmp_path: Path
) -> None:
    built = topics.build(RELATED_EMBEDDINGS_MODEL=str(save_tiny_model(model_folder, tmp_path, 0.0)))

    assert has_lists(built)
    assert set(built.links("bread-0.html")[:2]) == {"/bread-1.html", "/bread-2.html"}


def test_one_text_without_a_vector_leaves_the_others_theirs(
    topics: Site, model_folder: Path, tmp_path: Path
) -> None:
    """A weight of one word is no number: only the article with that word fails."""
    folder = save_static_model(model_folder, tmp_path, "yeast")

    warning = build_with_fault(topics, RELATED_EMBEDDINGS_MODEL=str(folder))

    assert "gave no usable vector" in warning
    assert "2 of 9 articles (bread-0.md, bread-2.md) have no vector" in warning
    assert len(list_vectors(topics)) == 7


def test_another_model_under_the_same_name_makes_all_vectors_anew(
    topics: Site, tiny: Path, model_folder: Path, tmp_path: Path
) -> None:
    """In a process of its own, since a running one keeps the model that it has loaded."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    first = topics.build(RELATED_EMBEDDINGS_MODEL=str(folder))
    before = list_vectors(topics)
    shutil.rmtree(folder)
    shutil.copytree(save_static_model(model_folder, tmp_path, "zebra"), folder)

    second = topics.build(RELATED_EMBEDDINGS_MODEL=str(folder))

    assert first.warnings() == second.warnings() == []
    assert has_lists(second)
    fresh = {key: content for key, content in list_vectors(topics).items() if key not in before}
    assert {len(content) for content in before.values()} == {4 * 32}
    assert [len(content) for content in fresh.values()] == [4 * 16] * 9


@pytest.mark.parametrize("spoiled", [2, 9])
@pytest.mark.parametrize("embed", [True, False])
def test_cached_vectors_of_another_size_are_missing_vectors(
    warm_topics: Site, embed: bool, spoiled: int
) -> None:
    """Sound rows of a size that the model does not have; where nine of nine have it, only the model can tell."""
    change_vectors(warm_topics, spoiled, b"\0\0\x80?" * 7)
    if spoiled == 9:
        warm_topics.post("new", "A post about bread and stars.")

    built = warm_topics.build(RELATED_EMBEDDINGS_EMBED=embed)

    assert has_lists(built)
    assert built.warnings() == []
    sizes = [len(content) for content in list_vectors(warm_topics).values()]
    if embed:
        assert sizes == [4 * 384] * (10 if spoiled == 9 else 9)


def change_vectors(site: Site, count: int, content: bytes) -> None:
    """Give some cached vectors another content, as if it had been written."""
    with contextlib.closing(sqlite3.connect(site.root / CACHE, isolation_level=None)) as database:
        for (key,) in database.execute("SELECT key FROM vectors LIMIT ?", (count,)).fetchall():
            changed = (content, sum_row(key, content), key)
            database.execute("UPDATE vectors SET content = ?, checksum = ? WHERE key = ?", changed)
        database.execute("DELETE FROM results")


def test_a_library_that_cannot_be_imported_costs_vectors_only(topics: Site) -> None:
    require_torch()
    broken = topics.root / "broken" / "sentence_transformers"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text(
        "raise ImportError('libtorch_cpu.so: cannot open shared object file')"
    )
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{broken.parent}{os.pathsep}{ROOT}"}

    printed = run_pelican(topics, environment=environment)

    assert "sentence-transformers cannot be imported (libtorch_cpu.so" in " ".join(printed.split())
    assert printed.count("WARNING") == 1
    assert BLOCKS(topics)


def BLOCKS(site: Site) -> bool:  # noqa: N802
    """Whether every page of a site built by itself has its block."""
    output = site.root / "output"
    return all("related-embeddings" in (output / name).read_text("utf-8") for name in PAGES)


@pytest.mark.parametrize("hub", ["closed", "silent", "nowhere"])
def test_no_network_and_no_model_is_said_without_long_retries(topics: Site, tmp_path: Path, hub: str) -> None:
    """The build has less time than a client that retries, or waits for an answer that never comes, would take."""
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen(50)
        port = silent.getsockname()[1] if hub == "silent" else 9
        address = "https://huggingface.invalid" if hub == "nowhere" else f"http://127.0.0.1:{port}"
        environment = {**ENVIRONMENT, "HF_ENDPOINT": address, "HF_HUB_OFFLINE": "0"}
        environment["HF_HUB_CACHE"] = str(tmp_path / "hub")
        configure(topics, RELATED_EMBEDDINGS_MODEL="nobody/nothing")

        printed = end(start(topics, environment=environment), patience=100)

    assert "is not on this machine and cannot be downloaded from Hugging Face" in " ".join(printed.split())
    assert BLOCKS(topics)


def test_too_little_memory_for_the_model_costs_vectors_only(topics: Site) -> None:
    """Enough to load libraries, but not the model; with much less the system's own loader ends the process."""
    require_torch()
    configure(topics)

    printed = end(start(topics, **limit_process("RLIMIT_AS", 1100 * 1024 * 1024)))

    assert "9 of 9 articles have no vector" in " ".join(printed.split())
    assert BLOCKS(topics)


# The cache


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, bytes]]:
    """The cache file of nine posts whose vectors came from the service, and their site."""
    root = tmp_path_factory.mktemp("served")
    (root / "content").mkdir()
    write_topics(Site(root))
    with serve() as service:
        Site(root).build(**use_service(service))
    return root / CACHE, read_site(root / "output")


@pytest.mark.parametrize("seed", range(CORRUPTIONS))
def test_a_corrupted_cache_changes_nothing_on_the_site(
    service: Service, served: tuple[Path, dict[str, bytes]], topics: Site, seed: int
) -> None:
    path = topics.root / CACHE
    path.parent.mkdir()
    content = bytearray(served[0].read_bytes())
    chance = random.Random(seed)
    if seed % 5 == 0:
        del content[chance.randrange(HEADER + 1, len(content)) :]
    for _ in range(chance.choice([1, 30, 3000])):
        content[chance.randrange(HEADER, len(content))] ^= 1 << chance.randrange(8)
    path.write_bytes(content)

    for _ in range(2):  # damage may lie where the first of them does not look
        built = topics.build(**use_service(service))

        assert read_site(built.output) == served[1]
        assert len(built.warnings()) <= 1
        assert all("The cache" in warning for warning in built.warnings())
    assert topics.build(**use_service(service)).warnings() == []
    expected = read_vectors(served[0])
    assert read_vectors(path).items() <= expected.items()


def read_vectors(path: Path) -> dict[bytes, bytes]:
    """The sound vectors of a cache, as a build reads them."""
    with contextlib.closing(sqlite3.connect(path)) as database:
        keys = [bytes(row[0]) for row in database.execute("SELECT key FROM vectors")]
    cache = Cache(path, lambda _: None)
    try:
        return cache.read("vectors", keys)
    finally:
        cache.finish()


def make_foreign(path: Path) -> None:
    path.unlink()
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("CREATE TABLE precious (thing)")


def make_pointer(path: Path) -> None:
    path.write_text("version https://git-lfs.github.com/spec/v1\noid sha256:4d7a\nsize 12345\n")


def make_newer(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.execute("PRAGMA user_version = 99")


def make_older(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        database.executescript(
            "DROP TABLE models; ALTER TABLE texts RENAME TO words; PRAGMA user_version = 1"
        )


@pytest.mark.parametrize("make", [make_foreign, make_pointer, make_newer, make_older])
def test_what_is_no_cache_is_kept_and_said_and_the_site_is_built(
    service: Service, served: tuple[Path, dict[str, bytes]], topics: Site, make: Callable[[Path], None]
) -> None:
    path = topics.root / CACHE
    path.parent.mkdir()
    shutil.copy(served[0], path)
    make(path)
    before = path.read_bytes()

    built = topics.build(**use_service(service))

    (warning,) = built.warnings()
    assert str(path) in warning
    assert read_site(built.output) == served[1]
    kept = path.with_name(f"{path.name}.damaged") if make is make_older else path
    assert kept.read_bytes() == before
    assert (len(topics.build(**use_service(service)).warnings()) == 0) == (make is make_older)


@pytest.mark.skipif(not is_root(), reason="only root may mount")
def test_a_full_disk_costs_the_cache_only(
    service: Service, served: tuple[Path, dict[str, bytes]], topics: Site
) -> None:
    """The cache is on a disk of its own that has no room left."""
    disk = topics.root / "disk"
    disk.mkdir()
    if os.system(f"mount -t tmpfs -o size=100k none {disk} 2>/dev/null") != 0:
        pytest.skip("mounting is not allowed here")
    try:
        (disk / "filler").write_bytes(b"x" * 80_000)
        built = topics.build(**use_service(service, RELATED_EMBEDDINGS_CACHE=str(disk / "cache.sqlite")))
    finally:
        os.system(f"umount {disk}")

    (warning,) = built.warnings()
    assert "free space on the disk" in warning
    assert read_site(built.output) == served[1]


def test_a_cache_that_may_not_grow_costs_the_cache_only(
    service: Service, served: tuple[Path, dict[str, bytes]], topics: Site
) -> None:
    """No file may be larger than most pages are; without the limit the next build makes what is missing."""
    limit = 100_000
    assert max(map(len, served[1].values())) < limit < served[0].stat().st_size
    configure(topics, **use_service(service))

    printed = end(start(topics, **limit_process("RLIMIT_FSIZE", limit)))

    assert printed.count("WARNING") == 1
    assert "Could not read or write the cache" in " ".join(printed.split())
    assert read_site(topics.root / "output") == served[1]
    assert "WARNING" not in end(start(topics))
    assert len(list_vectors(topics)) == 9


@pytest.mark.parametrize(
    ("place", "mode", "embedded"), [(CACHE, 0o444, 1), (CACHE, 0o000, 9), ("cache", 0o555, 1)]
)
def test_a_cache_that_may_not_be_written_or_read_costs_the_cache_only(
    service: Service,
    served: tuple[Path, dict[str, bytes]],
    topics: Site,
    place: str,
    mode: int,
    embedded: int,
) -> None:
    prefix = give_up_privileges()
    path = topics.root / CACHE
    path.parent.mkdir()
    shutil.copy(served[0], path)
    before = path.read_bytes()
    topics.post("bread-0", TOPICS["bread"][0] + " Edited.", date="2024-02-01", category="bread")
    (topics.root / place).chmod(mode)
    configure(topics, **use_service(service))
    try:
        printed = end(start(topics, prefix=prefix))
    finally:
        (topics.root / place).chmod(0o755)

    assert printed.count("WARNING") == 1
    assert "Check the file's permissions" in " ".join(printed.split())
    assert BLOCKS(topics)
    assert service.count_texts() == embedded
    assert path.read_bytes() == before


# Other libraries' noise


def test_the_warnings_of_libraries_neither_abort_nor_litter_a_build(
    topics: Site, tiny: Path, tmp_path: Path
) -> None:
    """A model that lacks a weight makes transformers warn; the plain handler shows whatever is logged."""
    folder = tmp_path / "model"
    shutil.copytree(tiny, folder)
    with quiet_libraries():
        from safetensors.torch import load_file, save_file

        weights = load_file(folder / "model.safetensors")
        del weights["encoder.layer.0.output.dense.bias"]
        save_file(weights, folder / "model.safetensors", {"format": "pt"})

    printed = run_pelican(
        topics, "--fatal", "warnings", "--log-handler", "plain", RELATED_EMBEDDINGS_MODEL=str(folder)
    )

    lines = printed.splitlines()
    assert lines[0].startswith("related_embeddings: embedding 9 articles with ")
    assert re.fullmatch(r"related_embeddings: 9 articles, 9 embedded, 0 from cache, in [\d.]+ s", lines[-2])
    assert lines[-1].startswith("Done: Processed 9 articles")
    assert len(lines) == 3


NOISY_CODE = """
import logging, sys, warnings
from sentence_transformers.sentence_transformer.modules import Normalize
from tqdm.auto import tqdm

def complain():
    warnings.warn("NOISE of warnings")
    warnings.warn("NOISE of the future", FutureWarning)
    logging.getLogger("own").warning("NOISE of a logger")
    logging.getLogger("transformers").error("NOISE of transformers")
    logging.warning("NOISE of the root")
    list(tqdm(range(3), desc="NOISE of a bar"))
    print("NOISE of an error", file=sys.stderr)

complain()

class Part(Normalize):
    def forward(self, features):
        complain()
        return super().forward(features)
"""


@pytest.mark.parametrize(
    "arguments", [("--fatal", "warnings"), ("-q",), ("--fatal", "warnings", "--log-handler", "plain")]
)
def test_the_noise_of_a_models_own_code_neither_aborts_nor_litters_a_build(
    topics: Site, model_folder: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Code that complains in every way when it is imported and when it embeds."""
    folder = save_tiny_model(model_folder, tmp_path)
    add_module(folder, "own_code.Part")
    (folder / "own_code.py").write_text(NOISY_CODE)

    printed = run_pelican(
        topics, *arguments, RELATED_EMBEDDINGS_MODEL=str(folder), RELATED_EMBEDDINGS_TRUST_REMOTE_CODE=True
    )

    assert "NOISE" not in printed
    assert "warn" not in printed.lower()
    assert len(list_vectors(topics)) == 9
    assert [
        line for line in printed.splitlines() if line.startswith("related")
    ] == [] or "-q" not in arguments


def test_our_own_warnings_abort_under_fatal_warnings(topics: Site, service: Service) -> None:
    topics.post("pinned", "A post about bread.", related_posts="no-such-post")
    configure(topics, **use_service(service))

    printed = end(start(topics, "--fatal", "warnings"), code=1)

    assert "no-such-post" in printed
    assert len(list_vectors(topics)) == 10


@pytest.mark.parametrize("encoding", ["ascii", "cp1252"])
def test_a_terminal_that_cannot_show_a_letter_does_not_end_the_build(
    topics: Site, service: Service, encoding: str
) -> None:
    """File names are told to the author; the terminal may have no letters for them."""
    topics.write("爱.md", f"Title: One\nDate: 2024-01-01\nSlug: one\n\n{TOPICS['bread'][0]} Again.")
    topics.write("𝔖.md", f"Title: Two\nDate: 2024-01-01\nSlug: two\n\n{TOPICS['bread'][0]} Again.")
    configure(topics, **use_service(service))

    printed = end(start(topics, environment={**ENVIRONMENT, "PYTHONIOENCODING": f"{encoding}:strict"}))

    assert "are nearly the same text" in " ".join(printed.split())


# Rebuilding


def test_rebuilding_keeps_no_vectors_and_embeds_nothing_again(topics: Site, service: Service) -> None:
    settings = use_service(service, RELATED_EMBEDDINGS_MAP="map.html", RELATED_EMBEDDINGS_JSON="related.json")
    counts = []
    builds = 50 if STRESS else 8
    for build in range(builds):
        topics.post("sql-2", TOPICS["sql"][2] + f" Edit {build}.", date="2024-02-09", category="sql")
        service.requests.clear()
        topics.build(**settings)
        if build:
            assert service.count_texts() == 1
        if build in (2, builds - 1):
            counts.append(count_ours())

    assert counts[0] == counts[1]


def count_ours() -> dict[str, int]:
    """Return how many of our objects are alive, without those that hang on the articles that Pelican keeps."""
    gc.collect()
    counts: dict[str, int] = {}
    for thing in gc.get_objects():
        kind = type(thing)
        module = str(kind.__module__)
        ours = module.startswith("pelican_related_embeddings")
        if (
            ours and kind.__name__ not in ("Record", "RelatedPosts", "LinkedFrom", "Backlinks")
        ) or module.partition(".")[0] in (
            "numpy",
            "scipy",
        ):
            counts[kind.__qualname__] = counts.get(kind.__qualname__, 0) + 1
    return counts


@needs_signals
def test_serving_and_rebuilding_in_a_forked_process_embeds(topics: Site, tiny: Path) -> None:
    """``pelican -lr`` builds in a child process: the model is loaded there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    configure(topics, RELATED_EMBEDDINGS_MODEL=str(tiny))
    process = start(topics, "-l", "-r", "-p", str(port), start_new_session=True)
    page = f"http://127.0.0.1:{port}/bread-0.html"
    try:
        wait_until(lambda: "related-embeddings" in fetch(page) or process.poll() is not None, 120)
        for _ in range(30):  # Pelican begins to watch at some time after it has written the pages
            topics.post("bread-0", TOPICS["bread"][0] + " Rewritten.", date="2024-02-01", category="bread")
            time.sleep(2)
            last = fetch(page)
            if "Rewritten" in last:
                break
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        printed, _ = process.communicate(timeout=30)

    assert "related-embeddings" in last, printed
    assert "embedding 1 article " in printed


def fetch(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return str(answer.read().decode("utf-8"))
    except OSError:
        return ""


# Exceptions


# With a context or a template of such a kind Pelican builds no site by itself.
NASTY_NAMES = """
    _content metadata settings source_path relative_source_path date_format timezone in_default_lang
    locale_date category tags author lang slug title summary translations url save_as override_url
    override_save_as related_posts related_posts_exclude related_posts_hide similar_posts image url_format
""".split()
# Each with the names that Pelican, by itself, builds no site for if they have that value, or not together.
NASTY_VALUES = {
    "oops": "override_save_as",
    "http://[oops/": "lang url override_url save_as",
    "\n    two\n    three": "_content override_save_as",
    "{{ article.nothing.at.all }}": "override_save_as",
    "<b>&\"'": "override_save_as",
}
SHOW_ALL = {
    "RELATED_EMBEDDINGS_SKIP": ["linked", "series"],
    "RELATED_EMBEDDINGS_FEEDS": True,
    "RELATED_EMBEDDINGS_MAP": "map.html",
    "RELATED_EMBEDDINGS_JSON": "related.json",
    "RELATED_EMBEDDINGS_SHOW": ["date", "category", "summary", "image", "terms"],
    "FEED_ALL_ATOM": "feed.xml",
    "SITEURL": "https://example.org",
}


def list_names(output: Path) -> set[str]:
    """The files of a built site but our own."""
    return set(read_site(output)) - {
        "map.html",
        "related_map.js",
        "related_map.css",
        "related.json",
        "theme/related_embeddings.css",
    }


@pytest.mark.parametrize("value", NASTY_VALUES)
def test_metadata_that_overwrites_an_attribute_costs_no_page(
    topics: Site, service: Service, value: str
) -> None:
    """Pelican sets every metadata name as an attribute. What it builds by itself must be built."""
    names = [name for name in NASTY_NAMES if name not in NASTY_VALUES[value].split()]
    for name in names:
        text = TOPICS[("bread", "stars", "sql")[len(name) % 3]][len(name) % 2]
        topics.write(
            f"nasty-{name}.md",
            f"Title: Nasty {name}\nDate: 2024-01-01\nSlug: nasty-{name}\n{name}: {value}\n\n"
            f"{name} {name[::-1]} {text} [Link](http://[::1) [other]({{filename}}bread-0.md)",
        )
    alone = topics.build(PLUGINS=[], **{**SHOW_ALL, "OUTPUT_PATH": str(topics.root / "alone")})

    built = topics.build(**use_service(service, **SHOW_ALL))

    assert len(alone.articles) > len(names)
    assert list_names(built.output) == list_names(alone.output)
    assert has_lists(built)
    ours = [warning for warning in built.warnings() if warning.startswith("related_embeddings")]
    assert not [warning for warning in ours if "No related posts" in warning]


@pytest.mark.parametrize(
    "when", [signals.article_generator_finalized, signals.get_writer], ids=["before", "after"]
)
def test_what_another_plugin_takes_from_an_article_costs_no_page(
    topics: Site, service: Service, when: Any
) -> None:
    """Each of an article's attributes in turn, before ours sees it and after, where Pelican can do without it."""
    alone: dict[str, set[str]] = {}
    settings = {**SHOW_ALL, "DELETE_OUTPUT_DIRECTORY": True}
    for name in TAKEN:
        with take_away(name, when), contextlib.suppress(Exception):
            alone[name] = list_names(topics.build(PLUGINS=[], **settings).output)
    assert len(alone) > 5

    for name, expected in alone.items():
        with take_away(name, when):
            built = topics.build(**use_service(service, **settings))
        assert list_names(built.output) == expected, name
        assert len(built.warnings()) <= 6, name
        assert all(warning.startswith("related_embeddings: ") for warning in built.warnings()), name


TAKEN = "title lang slug date locale_date category tags url relative_source_path".split()


@contextlib.contextmanager
def take_away(name: str, when: Any) -> Iterator[None]:
    """Run another plugin that takes an attribute from one post."""
    seen: list[Any] = []

    def see(generator: Any) -> None:
        seen[:] = [article for article in generator.articles if article.slug == "bread-0"]

    def spoil(_: Any) -> None:
        with contextlib.suppress(AttributeError):
            delattr(seen[0], name)

    signals.article_generator_pretaxonomy.connect(see)
    when.connect(spoil)
    try:
        yield
    finally:
        signals.article_generator_pretaxonomy.disconnect(see)
        when.disconnect(spoil)


def test_a_slug_that_is_a_number_costs_nothing(topics: Site, service: Service) -> None:
    """As readers of YAML give it for "slug: 2024"."""

    def change(generator: Any) -> None:
        generator.articles[0].slug = 2024

    signals.article_generator_finalized.connect(change)
    built = topics.build(**use_service(service))

    assert built.warnings() == []
    assert all(len(built.links(name)) == 5 for name in built.articles)


SOFT_FAULTS: dict[str, tuple[dict[str, Any], dict[str, str]]] = {
    "no such slug": ({}, {"related_posts": "nobody"}),
    "no such name": ({}, {"related_posts_hidden": "true"}),
    "no such folder": ({"RELATED_EMBEDDINGS_MAP": "index.html/map.html"}, {}),
    "no model": ({"RELATED_EMBEDDINGS_ENDPOINT": None, "RELATED_EMBEDDINGS_MODEL": "FOLDER"}, {}),
    "no cache": ({"RELATED_EMBEDDINGS_CACHE": "FOLDER/bread-0.md/cache.sqlite"}, {}),
}


@pytest.mark.parametrize("name", SOFT_FAULTS)
def test_a_soft_failure_is_one_warning_and_ends_a_strict_build(
    topics: Site, service: Service, name: str
) -> None:
    settings, metadata = SOFT_FAULTS[name]
    topics.post("bread-0", TOPICS["bread"][0], date="2024-02-01", category="bread", **metadata)
    settings = {**use_service(service), **settings}
    folder = str(topics.content)
    settings = {
        name: value.replace("FOLDER", folder) if isinstance(value, str) else value
        for name, value in settings.items()
    }

    built = topics.build(**settings)

    assert len(built.warnings()) == 1
    assert has_lists(built)
    with pytest.raises(StrictError, match="RELATED_EMBEDDINGS_STRICT is on"):
        topics.build(**settings, RELATED_EMBEDDINGS_STRICT=True)


@pytest.mark.parametrize("strict", [False, True])
def test_an_article_that_breaks_the_block_keeps_its_page(
    topics: Site, service: Service, strict: bool
) -> None:
    """Another plugin, after ours, takes the title from a post: Pelican's templates show none, ours fails."""
    build = partial(topics.build, **use_service(service), RELATED_EMBEDDINGS_STRICT=strict)
    if strict:
        with take_away("title", signals.get_writer), pytest.raises(StrictError, match="cannot be rendered"):
            build()
        return
    with take_away("title", signals.get_writer):
        built = build()

    assert all("<article" in built.read(name) or "<main" in built.read(name) for name in PAGES)
    assert len(built.links("bread-0.html")) == 5
    assert 1 <= len(built.warnings()) <= 5
    assert all("cannot be rendered" in warning for warning in built.warnings())


def test_a_template_of_the_bloggers_own_that_fails_says_so(topics: Site, service: Service) -> None:
    folder = topics.root / "mine"
    folder.mkdir()
    (folder / "related_posts.html").write_text("{{ article.nothing.at.all }}")

    with pytest.raises(UndefinedError):
        topics.build(**use_service(service, THEME_TEMPLATES_OVERRIDES=[str(folder)]))


@pytest.mark.parametrize(
    "settings",
    [
        {"RELATED_EMBEDDINGS_MAP": "index.html/map.html", "RELATED_EMBEDDINGS_JSON": "related.json"},
        {"RELATED_EMBEDDINGS_JSON": "index.html/related.json", "RELATED_EMBEDDINGS_MAP": "map.html"},
        {"RELATED_EMBEDDINGS_MAP": "theme", "RELATED_EMBEDDINGS_JSON": "related.json"},
    ],
)
def test_a_map_or_json_that_cannot_be_written_costs_only_itself(
    topics: Site, service: Service, settings: dict[str, Any]
) -> None:
    """The settings name a place that a page of the site, or a folder, has already."""
    (topics.root / "output" / "theme").mkdir(parents=True)

    built = topics.build(**use_service(service, **settings))

    (warning,) = built.warnings()
    assert "could not write" in warning
    assert "everything else was written" in warning
    assert has_lists(built)
    assert (built.output / "related.json").is_file() or (built.output / "map.html").is_file()
    with pytest.raises(StrictError, match="could not write"):
        topics.build(**use_service(service, **settings, RELATED_EMBEDDINGS_STRICT=True))


def test_a_map_that_cannot_be_drawn_costs_only_itself(topics: Site, service: Service) -> None:
    """A library that the map alone needs is broken; when it works again, so does the map."""
    settings = use_service(service, RELATED_EMBEDDINGS_MAP="map.html", RELATED_EMBEDDINGS_JSON="related.json")
    broken = topics.root / "broken" / "sklearn"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('libgomp.so.1: cannot open shared object file')")
    environment = {**ENVIRONMENT, "PYTHONPATH": f"{broken.parent}{os.pathsep}{ROOT}"}

    first, second = (" ".join(run_pelican(topics, environment=environment, **settings).split()) for _ in "12")

    for printed in (first, second):
        assert printed.count("WARNING") == 1
        assert "The topic map could not be drawn (ImportError: libgomp.so.1" in printed
    assert "9 embedded" in first
    assert "embedding" not in second.replace("related_embeddings", "")
    assert BLOCKS(topics)
    assert len(json.loads((topics.root / "output" / "related.json").read_text("utf-8"))["posts"]) == 9
    assert not (topics.root / "output" / "map.html").exists()
    assert "WARNING" not in run_pelican(topics, **settings)
    assert (topics.root / "output" / "map.html").is_file()


def test_a_map_that_cannot_be_written_aborts_under_fatal_warnings(topics: Site, service: Service) -> None:
    configure(topics, **use_service(service, RELATED_EMBEDDINGS_MAP="index.html/map.html"))

    end(start(topics, "--fatal", "warnings"), code=1)

    assert BLOCKS(topics)


def test_a_link_that_is_no_address_costs_no_list(topics: Site, service: Service) -> None:
    topics.post("bread-1", TOPICS["bread"][1] + " [Broken](http://[oops) [good](/bread-0.html)")

    built = topics.build(**use_service(service, RELATED_EMBEDDINGS_SKIP=["linked"]))

    assert built.warnings() == []
    assert "/bread-0.html" not in built.links("bread-1.html")
    assert built.links("bread-1.html")
