"""Write the figures of the README and of docs/ranking.md from what the benchmark has printed: `make docs`."""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parent.parent
README = ROOT / "README.md"
RANKING = ROOT / "docs" / "ranking.md"
RESULTS = ROOT / "benchmarks" / "results" / "relevance.md"
OURS, WORDS, MODEL = "this plugin", "our words alone", "our model alone"
METHODS = {
    "common tags (pelican-related-posts)": "tag overlap (pelican-related-posts)",
    'embeddings alone, as in most "AI related posts"': "MiniLM, first window",
    "full-text TF-IDF": "full-text TF-IDF (scikit-learn)",
    "latent semantic indexing (Jekyll `--lsi`)": "LSI (Jekyll --lsi)",
    "this plugin, words alone (`WEIGHT = 1`)": WORDS,
    "**this plugin**": OURS,
}
BY_TAGS = METHODS["common tags (pelican-related-posts)"]  # tags are what it goes by
SHOWN = ("0.00", "0.05", "0.10", "0.15", "0.30", "0.50")  # minimum scores


def read_table(heading: str) -> list[list[str]]:
    """Return the cells of the first table below a heading, row by row, without intervals and bold."""
    text = RESULTS.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    table = re.search(r"(?m)^(?:\|.*\n)+", text)
    rows = table[0].splitlines() if table else []
    return [[re.sub(r"\*\*| \[.*?\]", "", cell.strip()) for cell in row.split("|")[1:-1]] for row in rows]


def read_methods() -> Mapping[str, Sequence[str]]:
    """Return the mean figures of each method."""
    return {row[0]: row for row in read_table("### Mean of 3")}


def read_young() -> Mapping[tuple[str, str], Sequence[str]]:
    """Return the rows of the table of small blogs by size and minimum score."""
    return {(row[0], row[2]): row for row in read_table("## Small blogs")}


def write_methods() -> Iterator[str]:
    """Yield the rows of the README's table of methods."""
    yield "| method | linked posts in the first five | first five sharing a tag | grades |"
    yield "|---|---:|---:|---:|"
    mean = read_methods()
    for name, method in METHODS.items():
        linked, tags, grade = (mean[method][column] for column in (1, 6, 7))
        cells = (linked, "-" if method == BY_TAGS else tags, grade)
        yield f"| {name} | " + " | ".join(f"**{cell}**" if method == OURS else cell for cell in cells) + " |"


def write_evidence() -> Iterator[str]:
    """Yield the rows of the table of words and model that docs/ranking.md begins with."""
    yield "| | words alone | model alone | both, the default |"
    yield "|---|---:|---:|---:|"
    mean = read_methods()
    for name, column in (
        ("linked posts found in the first five, %", 1),
        ("of these, those that do not link back, %", 2),
        ("of the first five share a specific tag, %", 6),
        ("nDCG@5 of grades, %", 7),
    ):
        yield f"| {name} | " + " | ".join(mean[method][column] for method in (WORDS, MODEL, OURS)) + " |"
    young = read_young()
    for size in ("15", "30", "60"):
        words, both = young[size, "0.05, words alone"], young[size, "0.05"]
        yield f"| blogs of {size} posts: suggestions on topic, % | {words[3]} | | {both[3]} |"


def write_minimums() -> Iterator[str]:
    """Yield the rows of the table of minimum scores in docs/ranking.md."""
    names = (
        "`MIN_SCORE`",
        "15 posts: on topic / found / no list, %",
        "30 posts",
        "unrelated refused",
        "with a partner",
    )
    yield f"| {' | '.join(names)} |"
    yield "|---:|---:|---:|---:|---:|"
    young, strangers = read_young(), {row[0]: row for row in read_table("## Strangers")}
    for minimum in SHOWN:
        label = f"**{minimum}**" if minimum == "0.05" else minimum
        sizes = (" / ".join(young[size, minimum][3:6]) for size in ("15", "30"))
        yield f"| {label} | " + " | ".join((*sizes, *strangers[minimum][1:3])) + " |"


TABLES: Mapping[Path, Sequence[Callable[[], Iterator[str]]]] = {
    README: (write_methods,),
    RANKING: (write_evidence, write_minimums),
}


def rewrite(path: Path) -> str:
    """Return a page with its tables as the benchmark has them."""
    text = path.read_text(encoding="utf-8")
    for write in TABLES[path]:
        lines = list(write())
        old = re.search(rf"{re.escape(lines[0])}\n(?:\|.*\n)+", text)
        if old:
            text = text.replace(old[0], "\n".join(lines) + "\n")
    return text


def main() -> None:
    """Write both pages."""
    for path in TABLES:
        path.write_text(rewrite(path), encoding="utf-8")


if __name__ == "__main__":
    main()
