"""The benchmark of speed runs and prints its table; what it measures depends on the machine."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from helpers.sites import ENVIRONMENT, ROOT, Site

ROW = re.compile(r"\| (.+?) \| ([\d.,]+(?: s)?) \| (.+?) \| (.+?) \|")


@pytest.fixture
def small_site(topics: Site) -> Path:
    """A site as the script takes it."""
    settings = (
        'SITENAME = "Small"\nPATH = "content"\nTIMEZONE = "UTC"\nDEFAULT_LANG = "en"\nTHEME = "simple"\n'
    )
    (topics.root / "pelicanconf.py").write_text(settings, encoding="utf-8")
    return topics.root


def run_script(site: Path, *arguments: str) -> list[tuple[str, ...]]:
    command = [sys.executable, str(ROOT / "benchmarks" / "speed.py"), str(site), "--rounds", "1", *arguments]
    environment = {**ENVIRONMENT, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stdout.splitlines() if line.startswith("|")]
    assert lines[0] == "| Case | Ratio | Goal | Made of |"
    return [ROW.fullmatch(line).groups() for line in lines[2:]]  # type: ignore[union-attr]


def test_each_case_gives_rows_of_the_table_and_leaves_the_site_alone(small_site: Path) -> None:
    before = {path: path.read_bytes() for path in small_site.rglob("*") if path.is_file()}

    rows = run_script(
        small_site, "--cases", "unchanged", "many", "metadata", "watch", "ranking", "cache", "--many", "30"
    )

    assert [case for case, *_ in rows] == [
        "nothing changed, 9 posts",
        "nothing changed, 9 posts, map and JSON included",
        "nothing changed, 30 posts",
        "nothing changed, 30 posts, map and JSON included",
        "one post's date changed",
        "one post's text edited, model in memory (`pelican -r`)",
        "ranking 30 synthetic posts / one dense and one sparse product",
        "ranking 120 synthetic posts / one dense and one sparse product",
        "ranking 120 synthetic posts in 2 languages / one dense and one sparse product",
        "cache, bytes per post",
        "cache, open and read 10,000 posts",
    ]
    assert {path: path.read_bytes() for path in small_site.rglob("*") if path.is_file()} == before


def test_the_stored_table_has_a_row_for_every_case() -> None:
    text = (ROOT / "benchmarks" / "results" / "speed.md").read_text(encoding="utf-8")
    cases = [match[0] for match in ROW.findall(text)]

    for part in (
        "nothing changed",
        "date changed",
        "text edited",
        "`pelican -r`",
        "first build",
        "ranking",
        "cache",
    ):
        assert any(part in case for case in cases), part


def test_a_site_is_multiplied_with_slugs_and_texts_of_their_own(small_site: Path, tmp_path: Path) -> None:
    sys.path.insert(0, str(ROOT / "benchmarks"))
    try:
        from speed import SLUG, count_posts, multiply_posts
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    target = tmp_path / "many" / "site"
    shutil.rmtree(target, ignore_errors=True)

    multiply_posts(small_site, target, 25)

    texts = [path.read_text(encoding="utf-8") for path in (target / "content").rglob("*.md")]
    assert count_posts(target) == 25
    assert len({SLUG.search(text)[2] for text in texts}) == 25  # type: ignore[index]
    assert len(set(texts)) == 25
