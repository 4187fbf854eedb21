#!/usr/bin/env python3
"""Measure what the plugin adds to Pelican's own time, as ratios: each measured in one run, taking turns.

    python benchmarks/speed.py SITE [--cases unchanged edit ...] [--rounds 5] [--large] [--write]

SITE is a folder with `pelicanconf.py` and `content`, such as a real blog; it is copied, never changed. Times
are CPU seconds (user and system) of whole processes, and a ratio is that of the medians of all rounds: wall
clock depends on what else the machine does. Python's bytecode is written first, as pip does on installing.
"""

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from building import PLUGIN, edit_text, find_post

from pelican_related_embeddings.encoders.libraries import is_installed
from pelican_related_embeddings.encoders.model import find_model
from pelican_related_embeddings.settings import DEFAULT_MODEL
from pelican_related_embeddings.site.reader import open_site, read_contents
from pelican_related_embeddings.store.cache import Cache
from pelican_related_embeddings.text.words import compose_text

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "speed.md"
MANY = 5000  # posts of the site that copies make of a smaller one
CACHED = 10_000  # posts whose cached rows are read at once
MAP = ('RELATED_EMBEDDINGS_MAP="map.html"', 'RELATED_EMBEDDINGS_JSON="related.json"')
SLUG = re.compile(r'(?im)(name="slug" content="|^slug:\s*)([^"\n]+)')
DATE = re.compile(r'(?im)(name="date" content="|^date:\s*)(\d{4}-\d\d-\d\d)[^"\n]*')


@dataclass(frozen=True)
class Row:
    """A line of the table; ``ratio`` is what is measured in proportion, ``numbers`` what it is made of."""

    case: str
    goal: str
    ratio: str
    numbers: str


@dataclass(frozen=True)
class Bench:
    """A copy of the site to measure with, and how thoroughly."""

    site: Path
    folder: Path
    rounds: int
    large: bool = False
    many: int = MANY

    def build(self, plugin: bool, *settings: str, cache: str = "cache") -> float:
        """Return the CPU seconds of one build in a process of its own."""
        plugins = f"PLUGINS={json.dumps([PLUGIN] if plugin else [])}"
        output, folder = self.folder / f"output-{plugin}", self.folder / cache
        command = [sys.executable, "-m", "pelican", "content", "-s", "pelicanconf.py", "-o", str(output)]
        return run([*command, "-e", plugins, f"CACHE_PATH={json.dumps(str(folder))}", *settings], self.site)[
            0
        ]

    def warm(self, *settings: str) -> None:
        """Fill the cache; a stand-in for the model makes the vectors."""
        self.build_here("--plugin", "--no-model")
        self.build(True, *settings)

    def build_here(self, *options: str, output: str = "output-watch") -> list[float]:
        """Return the CPU seconds of each of some builds in one process."""
        folders = [str(self.site), str(self.folder / output), str(self.folder / "cache")]
        printed = run([sys.executable, str(HERE / "building.py"), *folders, *options], self.site)[1]
        seconds: list[float] = json.loads(printed.splitlines()[-1])
        return seconds


def run(command: Sequence[str], folder: Path) -> tuple[float, str]:
    """Return the CPU seconds that a command took, and what it printed."""
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment |= {"PYTHONPATH": str(HERE.parent), "HF_HUB_OFFLINE": "1"}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} failed:\n{done.stdout}{done.stderr}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def alternate(rounds: int, *measures: Callable[[], float]) -> list[list[float]]:
    """Return what each of ``measures`` took in each round; they take turns."""
    taken = [[measure() for measure in measures] for _ in range(rounds)]
    return [list(column) for column in zip(*taken, strict=True)]


# Cases


def measure_unchanged(bench: Bench, name: str = "nothing changed") -> Iterator[Row]:
    for label, settings in (("", ()), (", map and JSON included", MAP)):
        bench.warm(*settings)
        plain, ours = alternate(
            bench.rounds,
            lambda: bench.build(False),
            lambda: bench.build(True, *settings),  # noqa: B023
        )
        yield compare(f"{name}, {count_posts(bench.site)} posts{label}", "at most 1.03", plain, ours)


def measure_many(bench: Bench) -> Iterator[Row]:
    site = bench.folder / "many"
    multiply_posts(bench.site, site, bench.many)
    yield from measure_unchanged(Bench(site, bench.folder / "many-built", bench.rounds))


def measure_metadata(bench: Bench) -> Iterator[Row]:
    bench.warm()
    post, numbers = find_post(bench.site), iter(range(1, 10_000))

    def rebuild() -> float:
        change_date(post, next(numbers))
        return bench.build(True)

    plain, ours = alternate(bench.rounds, lambda: bench.build(False), rebuild)
    yield compare("one post's date changed", "at most 1.15", plain, ours)


def measure_edit(bench: Bench) -> Iterator[Row]:
    bench.warm()
    post, numbers = find_post(bench.site), iter(range(10_000))
    for encoder, goal, settings in list_encoders(bench.folder):

        def rebuild(settings: Sequence[str] = settings) -> float:
            edit_text(post, next(numbers))
            return bench.build(True, *settings)

        plain, ours = alternate(bench.rounds, lambda: bench.build(False), rebuild)
        yield compare(f"one post's text edited ({encoder})", goal, plain, ours)


def list_encoders(folder: Path) -> Iterator[tuple[str, str, list[str]]]:
    """Yield each encoder with its goal and its settings; the light one where what it needs is installed."""
    torch = "sentence-transformers"
    yield torch, "loading the model, and one post", [f'RELATED_EMBEDDINGS_ENCODER="{torch}"']
    if is_installed("onnxruntime", "tokenizers", "onnxscript"):
        exported = folder / "onnx"
        module = "pelican_related_embeddings.encoders.export_onnx"
        run([sys.executable, "-m", module, DEFAULT_MODEL, str(exported)], folder)
        model = f"RELATED_EMBEDDINGS_MODEL={json.dumps(str(exported))}"
        yield "onnxruntime", "at most 1.5 s more", ['RELATED_EMBEDDINGS_ENCODER="onnx"', model]


def measure_watching(bench: Bench) -> Iterator[Row]:
    bench.warm()
    builds = str(bench.rounds + 2)
    plain = bench.build_here("--builds", builds, "--edit")[2:]
    ours = bench.build_here("--builds", builds, "--edit", "--plugin")[2:]  # the second one loads the model
    yield compare(
        "one post's text edited, model in memory (`pelican -r`)",
        "at most 0.3 s more",
        plain,
        ours,
    )


def measure_first(bench: Bench) -> Iterator[Row]:
    caches = iter(f"empty-{number}" for number in range(10_000))
    texts, folder = bench.folder / "texts.json", find_model(DEFAULT_MODEL).folder
    texts.write_text(json.dumps(read_texts(bench.site)), encoding="utf-8")
    taken = alternate(
        bench.rounds,
        lambda: bench.build(False),
        lambda: run([sys.executable, str(HERE / "encoding.py"), str(texts), str(folder)], bench.folder)[0],
        lambda: bench.build(True, 'RELATED_EMBEDDINGS_ENCODER="sentence-transformers"', cache=next(caches)),
    )
    plain, encode, ours = map(median, taken)
    yield Row(
        f"first build, {count_posts(bench.site)} posts: time added / importing, loading and encoding once",
        "at most 1.1",
        f"{(ours - plain) / encode:.2f}",
        f"{ours - plain:.1f} s / {encode:.1f} s",
    )


def measure_ranking(bench: Bench) -> Iterator[Row]:
    cases = [
        (bench.many, 1, "stated"),
        (4 * bench.many, 1, "at most 2; 1,024 MiB"),
        (4 * bench.many, 2, "at most 2; 1,024 MiB"),
        *([(20 * bench.many, 1, "at most 2; 4,096 MiB")] if bench.large else []),
    ]
    for size, languages, goal in cases:
        command = [sys.executable, str(HERE / "ranking_speed.py"), str(size), "--languages", str(languages)]
        found: dict[str, float] = json.loads(run(command, bench.folder)[1])
        kind = "synthetic posts" if languages == 1 else f"synthetic posts in {languages} languages"
        yield Row(
            f"ranking {size:,} {kind} / one dense and one sparse product",
            goal,
            f"{found['ranking'] / (found['dense'] + found['sparse']):.2f}",
            f"{found['ranking']:.1f} s / ({found['dense']:.1f} s + {found['sparse']:.1f} s); "
            f"{found['memory']:,.0f} MiB",
        )


def measure_cache(bench: Bench) -> Iterator[Row]:
    bench.warm()
    path = bench.folder / "cache" / "related_embeddings.sqlite"
    yield Row(
        "cache, bytes per post",
        "stated",
        f"{path.stat().st_size / count_posts(bench.site):,.0f}",
        "the whole file",
    )
    large = bench.folder / "large.sqlite"
    rows = {number.to_bytes(16): os.urandom(1536) for number in range(CACHED)}
    texts = {key: os.urandom(6000) for key in rows}
    fill = Cache(large, print)
    fill.write("vectors", rows)
    fill.write("texts", texts)
    fill.finish()
    seconds = median(read_cache(large, list(rows)) for _ in range(bench.rounds))
    yield Row(
        f"cache, open and read {CACHED:,} posts", "stated", f"{seconds:.2f} s", "vectors and terms, 72 MiB"
    )


CASES: Mapping[str, Callable[[Bench], Iterator[Row]]] = {
    "unchanged": measure_unchanged,
    "many": measure_many,
    "metadata": measure_metadata,
    "edit": measure_edit,
    "watch": measure_watching,
    "first": measure_first,
    "ranking": measure_ranking,
    "cache": measure_cache,
}


# Pieces


def compare(case: str, goal: str, plain: Sequence[float], ours: Sequence[float]) -> Row:
    """Return a row: the ratio of the medians, and that of the quickest, which other work disturbs less."""
    return Row(
        case,
        goal,
        f"{median(ours) / median(plain):.3f}",
        f"{median(plain):.2f} s, with the plugin {median(ours):.2f} s; "
        f"the quickest {min(plain):.2f} s and {min(ours):.2f} s: {min(ours) / min(plain):.3f}",
    )


def read_cache(path: Path, keys: Sequence[bytes]) -> float:
    started = time.process_time()
    cache = Cache(path, print)
    cache.read("vectors", keys)
    cache.read("texts", keys)
    cache.finish()
    return time.process_time() - started


def read_texts(site: Path) -> list[str]:
    """Return what the plugin would embed of each post."""
    contents = read_contents(open_site(str(site / "pelicanconf.py"), str(site / "content")))
    return ["\n".join(compose_text(document, frozenset())) for document in contents.documents]


def count_posts(site: Path) -> int:
    return sum(path.suffix in (".html", ".md", ".rst") for path in (site / "content").rglob("*"))


def change_date(post: Path, number: int) -> None:
    """Give a post another time of its day for each ``number``."""
    text = post.read_text(encoding="utf-8")
    time_of_day = f"{number // 60 % 24:02d}:{number % 60:02d}"
    post.write_text(DATE.sub(rf"\g<1>\g<2> {time_of_day}", text, count=1), encoding="utf-8")


def multiply_posts(site: Path, target: Path, count: int) -> None:
    """Copy a site with its posts repeated, each time with a slug and a last sentence of its own."""
    shutil.copytree(site, target)
    posts = sorted(path for path in (target / "content").rglob("*") if path.suffix in (".html", ".md"))
    for number in range(count - len(posts)):
        original = posts[number % len(posts)]
        copy = original.with_name(f"{original.stem}-{number // len(posts)}{original.suffix}")
        text = original.read_text(encoding="utf-8")
        copy.write_text(SLUG.sub(rf"\g<0>-{number // len(posts)}", text, count=1), encoding="utf-8")
        edit_text(copy, number)


def name_machine() -> str:
    """Return the kind of processor, how many cores there are, and Python's version."""
    lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines() if os.name == "posix" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    python = ".".join(map(str, sys.version_info[:2]))
    return f"{names[0] if names else 'unknown processor'}, {os.cpu_count()} cores, Python {python}"


def format_table(rows: Sequence[Row], bench: Bench) -> str:
    """Return the results as Markdown."""
    lines = [
        "# Speed",
        "",
        f"By `benchmarks/speed.py`: CPU time, medians of {bench.rounds} rounds in turns. {name_machine()}.",
        "",
        "| Case | Ratio | Goal | Made of |",
        "| --- | --- | --- | --- |",
    ]
    lines += [f"| {row.case} | {row.ratio} | {row.goal} | {row.numbers} |" for row in rows]
    return "\n".join(lines) + "\n"


def read_arguments(arguments: Sequence[str] | None) -> Any:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("site", type=Path)
    parser.add_argument("--cases", nargs="+", choices=[*CASES], default=[*CASES])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument(
        "--many", type=int, default=MANY, help="posts of the larger site, and of the first ranking"
    )
    parser.add_argument("--large", action="store_true", help="rank 20 times as many as well: takes an hour")
    parser.add_argument("--write", action="store_true", help=f"store the table as {RESULTS.name}")
    return parser.parse_args(arguments)


def main(arguments: Sequence[str] | None = None) -> None:
    chosen = read_arguments(arguments)
    rows: list[Row] = []
    for case in chosen.cases:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            shutil.copytree(chosen.site / "content", folder / "site" / "content")
            shutil.copy(chosen.site / "pelicanconf.py", folder / "site")
            bench = Bench(folder / "site", folder, chosen.rounds, chosen.large, chosen.many)
            for row in CASES[case](bench):
                print(f"{row.case}: {row.ratio} ({row.goal}); {row.numbers}", file=sys.stderr, flush=True)
                rows.append(row)
    table = format_table(rows, bench)
    print(table)
    if chosen.write:
        RESULTS.write_text(table, encoding="utf-8")


if __name__ == "__main__":
    main()
