"""What holds of the tests themselves: who imports whom, no clock, no patches, and where they can be collected."""

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.sites import ENVIRONMENT, ROOT

FOLDER = Path(__file__).parent
SUITE = {path.stem: ast.parse(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.rglob("*.py"))}
TESTS = {name: tree for name, tree in SUITE.items() if name.startswith("test_")}
CLOCKS = {
    "time.time", "time.time_ns", "time.monotonic", "time.monotonic_ns", "time.perf_counter",
    "time.perf_counter_ns", "time.process_time", "signal.setitimer", "signal.alarm", "dt.datetime.now",
    "datetime.now", "dt.date.today", "date.today", "timeit.timeit",
}  # fmt: skip


def list_calls(tree: ast.AST) -> Iterator[str]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield ast.unparse(node.func)


def test_test_modules_share_helpers_and_nothing_else() -> None:
    imported = {
        (name, str(module).partition(".")[0])
        for name, tree in SUITE.items()
        for node in ast.walk(tree)
        for module in (
            [node.module] if isinstance(node, ast.ImportFrom)
            else [alias.name for alias in node.names] if isinstance(node, ast.Import)
            else []
        )
    }  # fmt: skip

    assert not {(name, module) for name, module in imported if module in {*TESTS, "conftest"}}


def test_conftest_holds_fixtures_and_nothing_else() -> None:
    functions = [node for node in SUITE["conftest"].body if isinstance(node, ast.FunctionDef | ast.ClassDef)]

    assert len(functions) > 5
    assert all("pytest.fixture" in ast.unparse(node.decorator_list[0]) for node in functions)


@pytest.mark.parametrize("name", SUITE)
def test_no_test_looks_at_a_clock(name: str) -> None:
    assert not CLOCKS.intersection(list_calls(SUITE[name]))


@pytest.mark.parametrize("name", TESTS)
def test_what_is_tested_is_not_patched(name: str) -> None:
    patches = {"monkeypatch.setattr", "monkeypatch.delattr", "patch", "mock.patch"}

    assert not patches.intersection(list_calls(TESTS[name]))


# Names that Windows does not have, or that mean nothing there.
ELSEWHERE = """
import builtins, os, signal, sys
modules = set("resource pty fcntl termios tty pwd grp crypt posix syslog".split())
folder = {folder!r}
original = builtins.__import__

def refuse(name, globals=None, locals=None, fromlist=(), level=0):
    if name in modules and str((globals or {{}}).get("__file__", "")).startswith(folder):
        raise ModuleNotFoundError(f"No module named {{name!r}}")
    return original(name, globals, locals, fromlist, level)

import pytest, _pytest.tmpdir, pelican
builtins.__import__ = refuse
names = "getuid geteuid getgid setuid fork setsid getpgid killpg mkfifo nice getloadavg".split()
for name in names:
    delattr(os, name)
for name in "SIGALRM SIGVTALRM SIGKILL SIGHUP SIGUSR1 SIGXFSZ alarm setitimer ITIMER_REAL ITIMER_VIRTUAL".split():
    delattr(signal, name)
sys.exit(pytest.main(["--collect-only", "-qq", "-p", "no:cacheprovider", folder]))
"""


@pytest.mark.skipif(os.name != "posix", reason="needs something to hide")
def test_every_test_can_be_collected_where_there_is_no_unix() -> None:
    """On Windows those that need Unix are skipped by themselves; here its modules and functions are hidden."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE.format(folder=str(FOLDER))],
        cwd=ROOT, env={**ENVIRONMENT, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}, capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip

    assert done.returncode == 0, done.stdout + done.stderr
    counts = [int(line.rpartition(": ")[2]) for line in done.stdout.splitlines() if ".py: " in line]
    assert sum(counts) > 1000
