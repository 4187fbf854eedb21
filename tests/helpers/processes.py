"""Builds in processes of their own that can be limited, interrupted and killed; what they leave."""

import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from .service import Service
from .sites import ENVIRONMENT, PLAIN, TOPICS, Site

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
    before: Callable[[], None] | None = None,
) -> "subprocess.Popen[str]":
    """Start a build of a site that has been configured; ``before`` runs in the new process."""
    return subprocess.Popen(
        [*prefix, sys.executable, "-m", "pelican", "-s", "pelicanconf.py", *arguments],
        cwd=site.root,
        env=dict(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        preexec_fn=before,
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


# Builds that tell which modules they imported

HEAVY = frozenset(
    "numpy scipy sklearn selectolax torch transformers sentence_transformers huggingface_hub tokenizers "
    "onnxruntime httpx2".split()
)
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
