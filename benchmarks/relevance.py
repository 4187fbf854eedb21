#!/usr/bin/env python3
"""Measure how good the related posts of real blogs are, next to what other tools would show.

    python benchmarks/relevance.py CORPUS.jsonl ... [--vectors FOLDER] [--write]

A corpus has one post a line: id, slug, title, html, tags, links (slugs of posts that it links to).
Two things are taken for the truth, neither of which the ranking sees. Links: posts that link to one
another, either way, should be suggested to one another. Tags: suggestions should share a specific tag,
that is one on at least two posts and at most a tenth of them. Runs what the plugin runs: the same text,
terms, vectors, ranking and selection.
"""

import argparse
import hashlib
import json
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.pipeline import DEPTH
from pelican_related_embeddings.ranking.neighbours import Ranking, rank
from pelican_related_embeddings.ranking.selection import Ranked, select_related
from pelican_related_embeddings.ranking.term_weights import recurring_blocks
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.document import Document, order_documents
from pelican_related_embeddings.text.html import Block, extract_blocks, extract_text
from pelican_related_embeddings.text.terms import TermCounts, count_terms, hash_block

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "relevance.md"
PLOT = HERE.parent / "docs" / "images" / "relevance.png"
OURS = "this plugin"
METRICS = ("recall@5", "recall@10", "MRR", "nDCG@5", "tag share")
SHOWN = 10  # suggestions a post that are judged; recall@5 looks at the first five
RESAMPLES = 2000  # of the paired bootstrap
INTERNAL_LINK = re.compile(r'(<a\b[^>]*href="\{filename\}[^"]*"[^>]*>)(.*?)(</a>)', re.DOTALL)

Floats = npt.NDArray[np.float64]
Lists = list[list[int]]


@dataclass(frozen=True)
class Corpus:
    """One blog, read and prepared: what the plugin sees of it, and what it is judged by."""

    name: str
    documents: tuple[Document, ...]
    blocks: tuple[tuple[Block, ...], ...]
    titles: tuple[str, ...]
    counts: tuple[TermCounts, ...]
    linked: tuple[frozenset[int], ...]
    tags: tuple[frozenset[str], ...]
    specific: tuple[frozenset[str], ...]


@dataclass(frozen=True)
class Judged:
    """What a method's lists are worth: a value per judged post of each metric, and the sums."""

    values: Mapping[str, Floats]
    never: float
    largest: int

    def mean(self, metric: str) -> float:
        """Return the mean of a metric in percent."""
        return float(100 * self.values[metric].mean())


def read_corpus(path: Path, strip_anchors: bool) -> Corpus:
    """Return a corpus, the text of links between its posts deleted if asked."""
    posts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    documents = tuple(_make_document(post, strip_anchors) for post in posts)
    tags = tuple(frozenset(post["tags"]) for post in posts)
    counts = Counter(tag for each in tags for tag in each)
    specific = {tag for tag, count in counts.items() if 2 <= count <= 0.1 * len(posts)}
    titles = tuple(extract_text(document.title) for document in documents)
    blocks = tuple(tuple(extract_blocks(document.html)) for document in documents)
    return Corpus(
        path.stem,
        documents,
        blocks,
        titles,
        tuple(count_terms(*each) for each in zip(titles, blocks, strict=True)),
        _join_links(posts),
        tags,
        tuple(each & specific for each in tags),
    )


def _make_document(post: Mapping[str, Any], strip_anchors: bool) -> Document:
    html = INTERNAL_LINK.sub(r"\1\3", post["html"]) if strip_anchors else post["html"]
    return Document(post["id"], post["slug"], post["title"], html, post["lang"])


def _join_links(posts: Sequence[Mapping[str, Any]]) -> tuple[frozenset[int], ...]:
    rows = {post["slug"]: row for row, post in enumerate(posts)}
    linked: list[set[int]] = [set() for _ in posts]
    for row, post in enumerate(posts):
        for other in {rows[slug] for slug in post["links"] if slug in rows} - {row}:
            linked[row].add(other)
            linked[other].add(row)
    return tuple(map(frozenset, linked))


# The plugin


def rank_corpus(corpus: Corpus, vectors: npt.NDArray[np.float32], weight: float) -> Ranking:
    """Return the plugin's ranking of a corpus, all of whose posts are published."""
    size = len(corpus.documents)
    return rank(
        vectors,
        corpus.counts,
        published=np.ones(size, np.bool_),
        group=np.zeros(size, np.int64),
        order=np.array(order_documents(corpus.documents)),
        blocked={},
        weight=weight,
        depth=DEPTH,
    )


def select_lists(corpus: Corpus, ranking: Ranking, settings: Settings) -> Lists:
    """Return the rows that the plugin shows for each post."""
    ranked = Ranked(
        ranking.candidates,
        DEPTH,
        ranking.duplicates,
        lambda row, mask: ranking.deepen(row, np.asarray(mask), DEPTH),
    )
    selection = select_related(corpus.documents, ranked, settings)
    return [[candidate.row for candidate in chosen] for chosen in selection.lists]


def embed_corpus(corpus: Corpus, settings: Settings, folder: Path) -> npt.NDArray[np.float32]:
    """Return the vectors of a corpus, from ``folder`` where it has been embedded before."""
    dropped = set(recurring_blocks(corpus.counts, np.ones(len(corpus.counts), np.bool_)).tolist())
    texts = [
        "\n".join(block.text for block in blocks if hash_block(block.text) not in dropped)
        for blocks in corpus.blocks
    ]
    model = obtain_encoder(settings)
    content = json.dumps([model.digest, settings.windows, corpus.titles, texts])
    path = folder / f"{corpus.name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, load_encoder(model, settings).embed(corpus.titles, texts))
    vectors: npt.NDArray[np.float32] = np.load(path)
    return vectors


# What others do


def list_best(similarity: Floats) -> Lists:
    """Return the ten best other posts of each row that have any similarity at all."""
    scores = np.round(similarity, 5)
    np.fill_diagonal(scores, -np.inf)
    best = np.argsort(-scores, axis=1, kind="stable")[:, :SHOWN]
    return [[j for j in row.tolist() if scores[i, j] > 0] for i, row in enumerate(best)]


def compare_tags(corpus: Corpus) -> Floats:
    """Return how many tags two posts share, as pelican-related-posts counts them."""
    return np.array([[len(one & other) for other in corpus.tags] for one in corpus.tags], np.float64)


def compare_tag_weights(corpus: Corpus) -> Floats:
    """Return the cosine of the TF-IDF of tags, as pelican-similar-posts works it out."""
    rows = TfidfVectorizer(analyzer=sorted).fit_transform(corpus.tags)
    return np.asarray((rows @ rows.T).toarray())


def weigh_words(corpus: Corpus) -> Any:
    """Return scikit-learn's sublinear TF-IDF of the full text, code included."""
    texts = [
        "\n".join([title, *(block.text for block in blocks)])
        for title, blocks in zip(corpus.titles, corpus.blocks, strict=True)
    ]
    return TfidfVectorizer(sublinear_tf=True).fit_transform(texts)


def compare_latent(corpus: Corpus) -> Floats:
    """Return the cosine of latent semantic indexing, as Jekyll's ``--lsi`` ranks by."""
    words = weigh_words(corpus)
    svd = TruncatedSVD(min(200, len(corpus.titles) - 1), random_state=0)
    rows = normalize(svd.fit_transform(words))
    return np.asarray(rows @ rows.T)


def run_methods(corpus: Corpus, vectors: npt.NDArray[np.float32]) -> dict[str, Lists]:
    """Return the lists of every method, ours last."""
    words = weigh_words(corpus)
    settings = Settings(max=SHOWN, min_score=0)
    return {
        "tag overlap (pelican-related-posts)": list_best(compare_tags(corpus)),
        "tag TF-IDF (pelican-similar-posts)": list_best(compare_tag_weights(corpus)),
        "MiniLM, first window": list_best((vectors @ vectors.T).astype(np.float64)),
        "LSI (Jekyll --lsi)": list_best(compare_latent(corpus)),
        "full-text TF-IDF (scikit-learn)": list_best((words @ words.T).toarray()),
        "our words alone": select_lists(corpus, rank_corpus(corpus, vectors, 1.0), settings),
        OURS: select_shown(corpus, rank_corpus(corpus, vectors, Settings().weight)),
    }


def select_shown(corpus: Corpus, ranking: Ranking) -> Lists:
    """Return what the plugin shows by default, and what it would show after that, up to ten posts."""
    five = select_lists(corpus, ranking, Settings())
    ten = select_lists(corpus, ranking, Settings(max=SHOWN))
    return [
        [*first, *(row for row in rest if row not in first)][:SHOWN] if len(first) == 5 else first
        for first, rest in zip(five, ten, strict=True)
    ]


# Judging


def judge(corpus: Corpus, lists: Lists) -> Judged:
    """Return the metrics of some lists over the posts that have links, or a specific tag."""
    linked = [(chosen, wanted) for chosen, wanted in zip(lists, corpus.linked, strict=True) if wanted]
    shown = Counter(row for chosen in lists for row in chosen[:5])
    values = {
        "recall@5": [_recall(chosen[:5], wanted) for chosen, wanted in linked],
        "recall@10": [_recall(chosen, wanted) for chosen, wanted in linked],
        "MRR": [_reciprocal_rank(chosen, wanted) for chosen, wanted in linked],
        "nDCG@5": [_gain(chosen[:5], wanted) for chosen, wanted in linked],
        "tag share": list(_share_tags(corpus, lists)),
    }
    return Judged(
        {name: np.array(each, np.float64) for name, each in values.items()},
        100 * (1 - len(shown) / len(lists)),
        max(shown.values(), default=0),
    )


def _recall(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    return len(wanted.intersection(chosen)) / len(wanted)


def _reciprocal_rank(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    return next((1 / place for place, row in enumerate(chosen, 1) if row in wanted), 0.0)


def _gain(chosen: Sequence[int], wanted: frozenset[int]) -> float:
    discounts = 1 / np.log2(np.arange(2, 7))
    hits = [discount for row, discount in zip(chosen, discounts, strict=False) if row in wanted]
    return float(sum(hits) / discounts[: len(wanted)].sum())


def _share_tags(corpus: Corpus, lists: Lists) -> Iterable[float]:
    """Yield, per post with a specific tag, the share of its first five places that share one.

    Of as many places as could: a post whose tag only two others have can fill two.
    """
    tags = corpus.specific
    for row, own in enumerate(tags):
        possible = sum(not own.isdisjoint(other) for other in tags) - 1 if own else 0
        if possible:
            yield sum(not own.isdisjoint(tags[j]) for j in lists[row][:5]) / min(5, possible)


def bound_difference(ours: Sequence[Floats], other: Sequence[Floats]) -> tuple[float, float, float]:
    """Return ours minus the other in points, macro-averaged over corpora, with its 95% interval.

    Paired bootstrap over posts within each corpus (Efron and Tibshirani, 1993).
    """
    random = np.random.default_rng(0)
    differences = [mine - theirs for mine, theirs in zip(ours, other, strict=True)]
    means = np.mean(
        [each[random.integers(len(each), size=(RESAMPLES, len(each)))].mean(axis=1) for each in differences],
        axis=0,
    )
    low, high = np.quantile(means, (0.025, 0.975))
    return 100 * float(np.mean([d.mean() for d in differences])), 100 * float(low), 100 * float(high)


# Reporting


def write_tables(results: Mapping[str, Mapping[str, Judged]], heading: str) -> list[str]:
    """Return the lines of one table a corpus, of their mean and of the intervals."""
    lines = [f"## {heading}", ""]
    for name, judged in results.items():
        lines += [f"### {name}", "", *_write_rows({m: [j] for m, j in judged.items()}), ""]
    methods = list(next(iter(results.values())))
    mean = {method: [judged[method] for judged in results.values()] for method in methods}
    lines += [f"### Mean of {len(results)}", "", *_write_rows(mean), ""]
    return [*lines, *_write_differences(mean), ""]


def _write_rows(rows: Mapping[str, Sequence[Judged]]) -> list[str]:
    lines = [
        f"| method | {' | '.join(METRICS)} | never suggested | most lists |",
        "|---|" + "---:|" * (len(METRICS) + 2),
    ]
    for method, judged in rows.items():
        numbers = [f"{np.mean([each.mean(metric) for each in judged]):.1f}" for metric in METRICS]
        never = f"{np.mean([each.never for each in judged]):.1f}%"
        label = f"**{method}**" if method == OURS else method
        largest = max(each.largest for each in judged)
        lines.append(f"| {label} | {' | '.join(numbers)} | {never} | {largest} |")
    return lines


def _write_differences(mean: Mapping[str, Sequence[Judged]]) -> list[str]:
    lines = [
        "Ours minus each, in points, with the paired bootstrap 95% interval:",
        "",
        "| against | " + " | ".join(METRICS) + " |",
        "|---|" + "---:|" * len(METRICS),
    ]
    for method, judged in mean.items():
        if method != OURS:
            cells = [
                "{:+.1f} [{:+.1f}, {:+.1f}]".format(
                    *bound_difference(
                        [each.values[metric] for each in mean[OURS]],
                        [each.values[metric] for each in judged],
                    )
                )
                for metric in METRICS
            ]
            lines.append(f"| {method} | {' | '.join(cells)} |")
    return lines


def plot(results: Mapping[str, Mapping[str, Judged]], path: Path) -> None:
    """Draw recall@5 and tag share of every method, the mean over the corpora."""
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    methods = list(next(iter(results.values())))
    figure, axes = plt.subplots(1, 2, figsize=(9, 3.2), sharey=True, layout="constrained")
    for axis, metric in zip(axes, ("recall@5", "tag share"), strict=True):
        values = [float(np.mean([judged[m].mean(metric) for judged in results.values()])) for m in methods]
        colours = ["#c2410c" if method == OURS else "#94a3b8" for method in methods]
        if metric == "tag share":  # tags are what the tag plugins go by: not a measurement of them
            values = [
                0.0 if method.startswith("tag ") else value
                for method, value in zip(methods, values, strict=True)
            ]
        bars = axis.barh(methods, values, color=colours)
        labels = [f"{value:.0f}" if value else "(circular)" for value in values]
        axis.bar_label(bars, labels, padding=3)
        axis.set_xlim(0, 100)
        axis.spines[["top", "right"]].set_visible(False)
    axes[0].set_title("linked posts found in the first five, %", fontsize=10)
    axes[1].set_title("of the first five share a specific tag, %", fontsize=10)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110, metadata={"Software": None})


def measure(paths: Sequence[Path], strip_anchors: bool, folder: Path) -> dict[str, dict[str, Judged]]:
    """Return what every method is worth on every corpus."""
    results = {}
    for path in paths:
        corpus = read_corpus(path, strip_anchors)
        vectors = embed_corpus(corpus, Settings(), folder)
        lists = run_methods(corpus, vectors)
        results[corpus.name] = {method: judge(corpus, each) for method, each in lists.items()}
    return results


INTRODUCTION = """# Relevance

Written by `benchmarks/relevance.py`; all figures but the last two columns are means over posts, in
percent. Recall, MRR and nDCG: posts that link to one another, either way. Tag share: how many of the
first five share a tag that is on at least two posts and at most a tenth of them, of as many as could.
Neither links nor tags are seen by the ranking. (So the two tag methods' tag share is circular: tags are
their input.) Never suggested, and most lists that one post is in: of lists of five.
"""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="+", type=Path, metavar="CORPUS.jsonl")
    parser.add_argument("--vectors", type=Path, default=HERE / "cache", help="where vectors are kept")
    parser.add_argument("--write", action="store_true", help=f"writes {RESULTS.name} and {PLOT.name}")
    parser.add_argument(
        "--text",
        choices=("both", "whole", "no-anchors"),
        default="both",
        help="whether the anchor text of links between posts, which often quotes a title, is kept",
    )
    options = parser.parse_args(arguments)
    lines = [INTRODUCTION]
    kinds = ("whole", "no-anchors") if options.text == "both" else (options.text,)
    for kind in kinds:
        results = measure(options.corpora, kind == "no-anchors", options.vectors)
        heading = "Whole text" if kind == "whole" else "Anchor text of internal links deleted"
        lines += write_tables(results, heading)
        if options.write and kind == kinds[0]:
            plot(results, PLOT)
    print("\n".join(lines))
    if options.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
