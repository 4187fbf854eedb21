"""``pelican -r``: one process, many builds. Measured against what Pelican by itself keeps."""

import contextlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from queue import Empty, Queue
from threading import Thread
from typing import Any

import pytest

from helpers.processes import STRESS, configure, list_vectors, start, use_service, write_many
from helpers.service import Service
from helpers.sites import PLAIN, TOPICS, Site

REBUILDS = 50 if STRESS else 6
POSTS = 120
SETTLED = 3  # builds after which whatever is made once has been made
METER = """
import gc, os, sys
from pelican import signals
def measure(pelican):
    gc.collect()
    with open("/proc/self/statm") as file:
        print("METER", sys.getallocatedblocks(), int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE"), flush=True)
def register():
    signals.finalized.connect(measure)
"""


@dataclass(frozen=True)
class Growth:
    """What a rebuild adds for good: Python's blocks of memory and bytes of the process, on the average."""

    blocks: float
    bytes: float


@contextlib.contextmanager
def rebuilding(site: Site, **settings: Any) -> Iterator["Queue[str]"]:
    """Let ``pelican -r`` build a site again and again; yield what it prints."""
    (site.root / "meter.py").write_text(METER)
    configure(site, PLUGIN_PATHS=["."], LOAD_CONTENT_CACHE=False, **settings)
    process = start(site, "-r", start_new_session=True)
    lines: Queue[str] = Queue()
    reader = Thread(target=read_lines, args=(process, lines))
    reader.start()
    try:
        yield lines
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        with process:  # closes what it printed to
            reader.join()


def rebuild(site: Site, **settings: Any) -> Growth:
    """Return what a build adds to the memory of ``pelican -r``, with an edit before each."""
    with rebuilding(site, **settings) as lines:
        measured = [wait_for_meter(lines, 120) or (0, 0)]
        while len(measured) <= REBUILDS:
            measured.append(edit(site, len(measured), lines))
    first, last = measured[SETTLED], measured[-1]
    count = len(measured) - 1 - SETTLED
    return Growth((last[0] - first[0]) / count, (last[1] - first[1]) / count)


def edit(site: Site, number: int, lines: "Queue[str]") -> tuple[int, int]:
    """Edit a post until Pelican notices it: it begins to watch at some time after it has told that it is done."""
    for attempt in range(20):
        time.sleep(0.3)
        site.post("post-000", f"{TOPICS['sql'][2]} Edit {number}, {attempt}.", date="2024-02-09")
        if found := wait_for_meter(lines, 10):
            return found
    raise AssertionError("nothing is built")


def read_lines(process: "subprocess.Popen[str]", lines: "Queue[str]") -> None:
    for line in process.stdout or ():
        lines.put(line)


def wait_for_meter(lines: "Queue[str]", seconds: float) -> tuple[int, int] | None:
    """Return what the end of the next build measures, or nothing if nothing is built."""
    with contextlib.suppress(Empty):
        while True:
            found = re.match(r"METER (\d+) (\d+)", lines.get(timeout=seconds))
            if found:
                return int(found[1]), int(found[2])
    return None


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_rebuilding_leaks_no_more_than_pelican_by_itself(service: Service, site: Site) -> None:
    write_many(site, POSTS)
    shown = {"RELATED_EMBEDDINGS_MAP": "map.html", "RELATED_EMBEDDINGS_JSON": "related.json"}

    plain = rebuild(site, PLUGINS=["meter"])
    ours = rebuild(site, **use_service(service, **shown, PLUGINS=[*PLAIN["PLUGINS"], "meter"]))

    # An article that Pelican keeps has a dict of its own once it has had more than thirty attributes.
    assert ours.blocks < 1.02 * plain.blocks + 1.2 * POSTS, (plain, ours)
    assert ours.bytes < 1.1 * plain.bytes + 200_000, (plain, ours)
    texts = [text for request in service.requests for text in request["input"] if text != "dimension"]
    assert len(texts) == len(set(texts)) > POSTS + 1


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="no /proc here")
def test_a_service_that_fails_and_recovers_is_asked_again_at_once(service: Service, site: Site) -> None:
    """Its failure leaves nothing behind that a later build would wait for."""
    write_many(site, 12)
    service.script += ["bad key"] * 99

    with rebuilding(site, **use_service(service, PLUGINS=[*PLAIN["PLUGINS"], "meter"])) as lines:
        assert wait_for_meter(lines, 120)
        assert list_vectors(site) == {}
        service.script.clear()
        edit(site, 1, lines)

    assert len(list_vectors(site)) == 12
