"""Builds in processes of their own that can be limited, interrupted and killed; what they leave."""

import contextlib
import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from .service import Service
from .sites import ENVIRONMENT, PLAIN, ROOT, TOPICS, Site

POSIX = os.name == "posix"
needs_signals = pytest.mark.skipif(not POSIX, reason="no signals and process groups of Unix")
STRESS = os.environ.get("STRESS") == "1"  # as many faults and inputs as ever; `make stress`


def configure(site: Site, **settings: Any) -> None:
    """Write the settings file of a site."""
    config = {**PLAIN, "PATH": "content", "CACHE_PATH": "cache", **settings}
    lines = [f"{name} = {value!r}" for name, value in config.items()]
    (site.root / "pelicanconf.py").write_text("\n".join([*lines, ""]), encoding="utf-8")


def start(
    site: Site,
    *arguments: str,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] = ENVIRONMENT,
    **options: Any,
) -> "subprocess.Popen[str]":
    """Start a build of a site that has been configured; ``options`` are those of ``Popen``."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "pelican", "-s", "pelicanconf.py", *arguments],
        cwd=site.root,
        env=dict(environment),
        **{"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True, **options},
    )


def end(process: "subprocess.Popen[str]", code: int = 0, patience: float = 300) -> str:
    """Wait for a build to end with the exit code ``code`` and return all that it printed."""
    with process:
        try:
            printed, _ = process.communicate(timeout=patience)
        except subprocess.TimeoutExpired:
            process.kill()
            raise
    assert process.returncode == code, printed
    return printed


def limit_process(name: str, most: int) -> dict[str, Any]:
    """Return the options that start a process with a limit, such as ``RLIMIT_AS``; or skip the test."""
    resource = pytest.importorskip("resource", reason="no resource limits here")
    kind = getattr(resource, name, None)
    if kind is None:
        pytest.skip(f"no {name} here")
    return {"preexec_fn": lambda: resource.setrlimit(kind, (most, most))}


def give_up_privileges() -> tuple[str, ...]:
    """Return what starts a process that may not read and write everything, as root may; or skip the test."""
    if not POSIX:
        pytest.skip("no Unix permissions here")
    if not is_root():
        return ()
    if shutil.which("setpriv") is None:
        pytest.skip("root without setpriv")
    return ("setpriv", "--bounding-set=-dac_override,-dac_read_search")


def is_root() -> bool:
    """Return whether the tests may do what only the system's administrator may, such as mount a disk."""
    return hasattr(os, "getuid") and os.getuid() == 0


def run_pelican(
    site: Site,
    *arguments: str,
    prefix: Sequence[str] = (),
    environment: Mapping[str, str] = ENVIRONMENT,
    **settings: Any,
) -> str:
    """Build a site in a process of its own, successfully, and return all that it printed."""
    configure(site, **settings)
    return end(start(site, *arguments, prefix=prefix, environment=environment))


def use_service(service: Service, **settings: Any) -> dict[str, Any]:
    """Return the settings of a build whose vectors a service makes: a real encoder that starts at once."""
    return {"RELATED_EMBEDDINGS_ENDPOINT": service.url, "RELATED_EMBEDDINGS_MODEL": "m", **settings}


def write_many(site: Site, count: int) -> None:
    """Write ``count`` short posts, no two of them alike."""
    sentences = [sentence for texts in TOPICS.values() for text in texts for sentence in text.split(". ")]
    for number in range(count):
        body = ". ".join(sentences[(number * step) % len(sentences)] for step in (1, 3, 7))
        site.post(f"post-{number:03}", f"{body}. The number of this post is word{number}.")


def list_vectors(site: Site) -> dict[bytes, bytes]:
    """Return the vectors that the cache of a site holds."""
    path = site.root / "cache" / "related_embeddings.sqlite"
    if not path.is_file():
        return {}
    with contextlib.closing(sqlite3.connect(path)) as db:
        if not db.execute("SELECT count(*) FROM sqlite_master WHERE name = 'vectors'").fetchone()[0]:
            return {}
        return dict(db.execute("SELECT key, content FROM vectors"))


def read_site(folder: Path) -> dict[str, bytes]:
    """Return every file of a built site."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def count_steps(work: Callable[[], object]) -> int:
    """Return how many calls the interpreter makes for ``work``."""
    steps = 0

    def trace(*_: object) -> None:
        nonlocal steps
        steps += 1

    sys.setprofile(trace)
    try:
        work()
    finally:
        sys.setprofile(None)
    return steps


def finish_steps(module: str, function: str, patience: float = 300) -> None:
    """Run a function that yields the name of each of its steps, where it can be ended if one never does."""
    code = f"import {module}\nfor step in {module}.{function}():\n    print(step.encode(), flush=True)"
    folder = str(ROOT / "tests")
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**ENVIRONMENT, "PYTHONPATH": os.pathsep.join([folder, str(ROOT)])},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        printed, _ = process.communicate(timeout=patience)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, _ = process.communicate()
        pytest.fail(f"still busy with {printed.splitlines()[-1:]}")
    assert process.returncode == 0, printed


# Builds that tell which modules they imported

NUMERIC = frozenset("numpy scipy sklearn".split())
MODELS = frozenset(
    "torch transformers sentence_transformers huggingface_hub tokenizers onnxruntime httpx2".split()
)
HEAVY = NUMERIC | MODELS | {"selectolax"}
WATCHER = """
import atexit, sys
atexit.register(lambda: print("IMPORTED", *sorted({name.split(".")[0] for name in sys.modules})))
def register():
    pass
"""


def watch_imports(site: Site) -> dict[str, Any]:
    """Write a plugin that prints what a build has imported; return the settings of a build with it."""
    (site.root / "watcher.py").write_text(WATCHER)
    return {"PLUGINS": [*PLAIN["PLUGINS"], "watcher"], "PLUGIN_PATHS": ["."]}


def list_imported(printed: str) -> set[str]:
    """Return the top-level packages that a watched build imported."""
    (line,) = [line for line in printed.splitlines() if line.startswith("IMPORTED")]
    return set(line.split())
