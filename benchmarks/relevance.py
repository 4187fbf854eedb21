#!/usr/bin/env python3
"""Measure how good the related posts of real blogs are, next to what other tools would show.

    python benchmarks/relevance.py CORPUS.jsonl ... [--young 15,30,60] [--planted 14] [--write]

A corpus has one post a line: id, slug, title, date, html, tags, links (slugs of posts that it links to).
Three things are taken for the truth, none of which the ranking sees. Links: posts that link to one
another, either way, should be suggested to one another. Tags: suggestions should share a specific tag,
that is one on at least two posts and at most a tenth of them. Grades, where judged/ has a file of the
corpus: suggestions should be what a reader found worth reading next. Runs what the plugin runs: the same
text, terms, vectors, ranking and selection.

--young draws small blogs from each corpus: so many posts, a third of each of three tags that are on at
most 15% of the posts. --planted puts so many posts of each corpus into each other one, one at a time and
then with a post that it links to. --endpoint and --model name a service and its model that are measured
too, beside the default one.
"""

import argparse
import hashlib
import json
import re
import sys
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import combinations, permutations
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
import numpy.typing as npt
from grades import (
    FOLDER,
    GRADED,
    UNGRADED,
    Grade,
    find_agreement,
    find_rows,
    judge_by_grades,
    read_grades,
)
from sklearn.decomposition import TruncatedSVD
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.preprocessing import normalize

from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.evaluation.lists import compare_tags, list_best
from pelican_related_embeddings.evaluation.measures import (
    METRICS,
    RESAMPLES,
    Bounds,
    Floats,
    Judged,
    Lists,
    Truth,
    bound_difference,
    bound_mean,
    find_truth,
    judge,
)
from pelican_related_embeddings.pipeline import DEPTH
from pelican_related_embeddings.ranking import order
from pelican_related_embeddings.ranking.neighbours import Ranking, rank
from pelican_related_embeddings.ranking.selection import Ranked, select_related
from pelican_related_embeddings.ranking.term_weights import recurring_blocks
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.document import Document, order_documents
from pelican_related_embeddings.text.html import Block, extract_blocks, extract_text
from pelican_related_embeddings.text.terms import TermCounts, count_terms
from pelican_related_embeddings.text.words import compose_text, describe_brief

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "relevance.md"
PLOT = HERE.parent / "docs" / "images" / "relevance.png"
OURS = "this plugin"
WORDS_ALONE = "our words alone"
MODEL = "our model alone"
WORDS = "full-text TF-IDF (scikit-learn)"
LATENT = "LSI (Jekyll --lsi)"
SHOWN = 10  # suggestions a post that are judged; recall@5 looks at the first five
DRAWS = 25  # small blogs of each size that are drawn from a corpus
MINIMUMS = (0.0, 0.05, 0.1, 0.15, 0.2, 0.3, 0.5)  # of the score, in the tables of small blogs and strangers
INTERNAL_LINK = re.compile(r'(<a\b[^>]*href="\{filename\}[^"]*"[^>]*>)(.*?)(</a>)', re.DOTALL)

SHARES = ("TITLE_SHARE", "SHARED_SHARE", "DATE_SHARE")
SIGNALS: Mapping[str, Sequence[str]] = {
    "nearness alone": SHARES,
    "without titles": SHARES[:1],
    "without neighbours": SHARES[1:2],
    "without dates": SHARES[2:],
    OURS: (),
}

Pair = tuple["Corpus", npt.NDArray[np.float32]]


@dataclass(frozen=True)
class Corpus:
    """One blog, read and prepared: what the plugin sees of it, and what it is judged by."""

    name: str
    documents: tuple[Document, ...]
    blocks: tuple[tuple[Block, ...], ...]
    titles: tuple[str, ...]
    counts: tuple[TermCounts, ...]
    tags: tuple[frozenset[str], ...]
    truth: Truth
    grades: tuple[Grade, ...]


def read_corpus(path: Path, strip_anchors: bool) -> Corpus:
    """Return a corpus, the text of links between its posts deleted if asked."""
    posts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    documents = tuple(_make_document(post, strip_anchors) for post in posts)
    tags = tuple(frozenset(post["tags"]) for post in posts)
    rows = {post["slug"]: row for row, post in enumerate(posts)}
    links = [[rows[slug] for slug in post["links"] if slug in rows] for post in posts]
    titles = tuple(extract_text(document.title) for document in documents)
    blocks = tuple(tuple(extract_blocks(document.html)) for document in documents)
    return Corpus(
        path.stem,
        documents,
        blocks,
        titles,
        tuple(
            count_terms(title, found, describe_brief(document))
            for title, found, document in zip(titles, blocks, documents, strict=True)
        ),
        tags,
        find_truth(links, tags),
        tuple(read_grades(FOLDER / f"{path.stem}.csv")),
    )


def _make_document(post: Mapping[str, Any], strip_anchors: bool) -> Document:
    html = INTERNAL_LINK.sub(r"\1\3", post["html"]) if strip_anchors else post["html"]
    return Document(post["id"], post["slug"], post["title"], html, post["lang"], _read_date(post["date"]))


def _read_date(text: str) -> float:
    """Return a date such as 2024-02-01, or 2024, in seconds since 1970; 0 for none."""
    for layout in ("%Y-%m-%d", "%Y"):
        try:
            return datetime.strptime(text[:10], layout).replace(tzinfo=UTC).timestamp()
        except ValueError:
            continue
    return 0.0


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
        dates=np.array([document.date for document in corpus.documents]),
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
    texts = [compose_text(document, frozenset(dropped))[1] for document in corpus.documents]
    model = obtain_encoder(settings)
    content = json.dumps([model.digest, settings.windows, corpus.titles, texts])
    path = folder / f"{corpus.name}-{hashlib.sha256(content.encode()).hexdigest()[:16]}.npy"
    if not path.exists():
        folder.mkdir(parents=True, exist_ok=True)
        np.save(path, load_encoder(model, settings).embed(corpus.titles, texts))
    vectors: npt.NDArray[np.float32] = np.load(path)
    return vectors


# What others do


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
        "tag overlap (pelican-related-posts)": list_best(compare_tags(corpus.tags), SHOWN),
        "tag TF-IDF (pelican-similar-posts)": list_best(compare_tag_weights(corpus), SHOWN),
        "MiniLM, first window": list_best((vectors @ vectors.T).astype(np.float64), SHOWN),
        LATENT: list_best(compare_latent(corpus), SHOWN),
        WORDS: list_best((words @ words.T).toarray(), SHOWN),
        WORDS_ALONE: select_lists(corpus, rank_corpus(corpus, vectors, 1.0), settings),
        MODEL: list_alone(corpus, vectors),
        OURS: list_default(corpus, vectors),
    }


def run_signals(corpus: Corpus, vectors: npt.NDArray[np.float32]) -> dict[str, Lists]:
    """Return the plugin's lists without each of the signals that order them, and with all."""
    found = {}
    for name, shares in SIGNALS.items():
        with ExitStack() as stack:
            for share in shares:
                stack.enter_context(patch.object(order, share, 0))
            found[name] = select_lists(corpus, rank_corpus(corpus, vectors, Settings().weight), Settings())
    return found


def select_shown(corpus: Corpus, ranking: Ranking) -> Lists:
    """Return what the plugin shows by default, and what it would show after that, up to ten posts."""
    five = select_lists(corpus, ranking, Settings())
    ten = select_lists(corpus, ranking, Settings(max=SHOWN))
    return [
        [*first, *(row for row in rest if row not in first)][:SHOWN] if len(first) == 5 else first
        for first, rest in zip(five, ten, strict=True)
    ]


def judge_lists(corpus: Corpus, lists: Lists) -> Judged:
    """Return what lists are worth by links and tags, and by grades where the corpus has any."""
    judged = judge(corpus.truth, lists)
    grades = find_rows(corpus.grades, [document.slug for document in corpus.documents])
    found = judge_by_grades(grades, lists) if grades else {}
    return replace(judged, values={**judged.values, **found})


# Small blogs


@dataclass(frozen=True)
class Hits:
    """What the lists of some posts are worth by a yes or no: how many posts were shown, and so on."""

    right: int
    shown: int
    possible: int
    empty: int
    lists: int


def draw_blogs(corpus: Corpus, size: int) -> list[tuple[list[int], list[int]]]:
    """Return the rows of each small blog drawn from a corpus, and of which of its three tags each post is.

    As many as there are sets of three tags with enough posts of one of them only, up to ``DRAWS``.
    """
    random = np.random.default_rng(0)
    third, count = size // 3, len(corpus.tags)
    frequency = Counter(tag for each in corpus.tags for tag in each)
    usable = sorted(tag for tag, times in frequency.items() if third <= times <= 0.15 * count)
    triples = list(combinations(usable, 3))
    drawn: list[tuple[list[int], list[int]]] = []
    for place in random.permutation(len(triples)).tolist():
        tags = frozenset(triples[place])
        pools = [[row for row in range(count) if corpus.tags[row] & tags == {tag}] for tag in triples[place]]
        if min(map(len, pools)) >= third and len(drawn) < DRAWS:
            rows = [sorted(random.choice(pool, third, replace=False).tolist()) for pool in pools]
            labels = [label for label in range(3) for _ in range(third)]
            drawn.append(([*rows[0], *rows[1], *rows[2]], labels))
    return drawn


def pick_posts(corpus: Corpus, rows: Sequence[int]) -> Corpus:
    """Return a corpus of some of the posts, to be ranked and not judged."""
    documents = tuple(corpus.documents[row] for row in rows)
    return replace(corpus, documents=documents, counts=tuple(corpus.counts[row] for row in rows))


def judge_young(lists: Lists, labels: Sequence[int]) -> Hits:
    """Return how many suggestions are of the same topic as the post, of all and of as many as could be."""
    possible = [min(5, labels.count(label) - 1) for label in labels]
    right = sum(
        labels[other] == label for label, chosen in zip(labels, lists, strict=True) for other in chosen
    )
    return Hits(right, sum(map(len, lists)), sum(possible), sum(not chosen for chosen in lists), len(lists))


def measure_young(
    corpora: Sequence[Pair], size: int, weight: float, minimums: Sequence[float] = MINIMUMS
) -> dict[float, list[list[Hits]]]:
    """Return what the lists of small blogs are worth at each minimum score, corpus by corpus."""
    found: dict[float, list[list[Hits]]] = {minimum: [] for minimum in minimums}
    for corpus, vectors in corpora:
        blogs = []
        for rows, labels in draw_blogs(corpus, size):
            blog = pick_posts(corpus, rows)
            blogs.append((blog, rank_corpus(blog, vectors[rows], weight), labels))
        for minimum, hits in found.items():
            settings = Settings(min_score=minimum)
            if blogs:
                hits.append(
                    [judge_young(select_lists(b, ranking, settings), own) for b, ranking, own in blogs]
                )
    return found


def share_hits(hits: Sequence[Hits]) -> Floats:
    """Return the share of the suggestions that are right, of those that could be, and of empty lists."""
    right, shown, possible, empty, lists = (sum(getattr(one, name) for one in hits) for name in HITS)
    return np.array([right / max(shown, 1), right / max(possible, 1), empty / max(lists, 1)])


HITS = ("right", "shown", "possible", "empty", "lists")


def bound_hits(corpora: Sequence[Sequence[Hits]]) -> tuple[Floats, Floats]:
    """Return the mean of the shares over corpora, and its 95% interval: a bootstrap over small blogs."""
    random = np.random.default_rng(0)
    means = []
    for _ in range(RESAMPLES // 4):
        drawn = [[hits[i] for i in random.integers(len(hits), size=len(hits))] for hits in corpora]
        means.append(np.mean([share_hits(each) for each in drawn], axis=0))
    return np.mean([share_hits(hits) for hits in corpora], axis=0), np.quantile(means, (0.025, 0.975), axis=0)


def write_young(corpora: Sequence[Pair], sizes: Iterable[int]) -> list[str]:
    """Return the lines of the table of small blogs."""
    lines = [
        "## Small blogs",
        "",
        "Blogs drawn from these: a third of the posts each of three tags, which are hidden. How many of the",
        "suggestions are of the post's topic, how many of those that could be were found, and how many posts",
        "have no list, by `MIN_SCORE`; with 95% intervals at the default. Of 15 posts each has four others",
        "of its topic, so full lists of five are right in 80% of cases at best.",
        "",
        "| posts | blogs | `MIN_SCORE` | on topic | found | without a list |",
        "|---:|---:|---:|---:|---:|---:|",
    ]
    sizes, default = list(sizes), Settings()
    for size in sizes:
        for minimum, hits in measure_young(corpora, size, default.weight).items():
            lines += _write_hits(size, hits, _write_minimum(minimum), bounds=_is_default(minimum))
    for size in sizes:
        for hits in measure_young(corpora, size, 1.0, [default.min_score]).values():
            lines += _write_hits(size, hits, f"{default.min_score:.2f}, words alone", bounds=True)
    return [*lines, ""]


def _write_hits(size: int, hits: Sequence[Sequence[Hits]], label: str, *, bounds: bool) -> list[str]:
    if not hits:
        return []
    mean, (low, high) = bound_hits(hits)
    cells = [
        f"{100 * m:.1f}" + (f" [{100 * a:.1f}, {100 * b:.1f}]" if bounds else "")
        for m, a, b in zip(mean, low, high, strict=True)
    ]
    return [f"| {size} | {sum(map(len, hits))} | {label} | {' | '.join(cells)} |"]


def _is_default(minimum: float) -> bool:
    return minimum == Settings().min_score


def _write_minimum(minimum: float) -> str:
    return f"**{minimum:.2f}**" if _is_default(minimum) else f"{minimum:.2f}"


# Strangers


def plant_posts(corpora: Sequence[Pair], count: int, partners: int) -> Iterable[tuple[Corpus, Ranking]]:
    """Yield each corpus with posts of another one as its last: one, and as many partners linked with it."""
    random = np.random.default_rng(partners)
    for (guest, guests), (host, hosts) in permutations(corpora, 2):
        able = [row for row, linked in enumerate(guest.truth.linked) if linked or not partners]
        for row in random.choice(able, min(count, len(able)), replace=False).tolist():
            rows = [row, *sorted(guest.truth.linked[row])[:partners]]
            planted = pick_posts(guest, rows)
            mixed = replace(
                host, documents=host.documents + planted.documents, counts=host.counts + planted.counts
            )
            vectors = np.concatenate((hosts, guests[rows]))
            yield mixed, rank_corpus(mixed, vectors, Settings().weight)


def measure_strangers(corpora: Sequence[Pair], count: int, partners: int) -> dict[float, Hits]:
    """Return at each minimum score how many partners and how many others the lists of planted posts have."""
    found = {minimum: [0, 0, 0, 0, 0] for minimum in MINIMUMS}
    for mixed, ranking in plant_posts(corpora, count, partners):
        size = len(mixed.documents)
        for minimum, sums in found.items():
            lists = select_lists(mixed, ranking, Settings(min_score=minimum))
            for row in range(size - 1 - partners, size):
                right = sum(other >= size - 1 - partners for other in lists[row])
                values = (right, len(lists[row]), 5 - partners, not lists[row], 1)
                sums[:] = (known + value for known, value in zip(sums, values, strict=True))
    return {minimum: Hits(*sums) for minimum, sums in found.items()}


def write_strangers(corpora: Sequence[Pair], count: int) -> list[str]:
    """Return the lines of the table of planted posts."""
    alone, beside = (measure_strangers(corpora, count, partners) for partners in (0, 1))
    lines = [
        "## Strangers",
        "",
        f"Posts of one blog planted in another: {alone[0].lists} alone, {beside[0].lists} in linked pairs.",
        "Refused: how many of the places in their lists are not given to posts of the other blog.",
        "",
        "| `MIN_SCORE` | refused, alone | refused, with a partner | partner shown |",
        "|---:|---:|---:|---:|",
    ]
    for minimum in MINIMUMS:
        one, two = alone[minimum], beside[minimum]
        refused = [1 - (hits.shown - hits.right) / hits.possible for hits in (one, two)]
        cells = [f"{100 * share:.0f}%" for share in (*refused, two.right / two.lists)]
        lines.append(f"| {_write_minimum(minimum)} | {' | '.join(cells)} |")
    return [*lines, ""]


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
    metrics = _find_metrics(rows)
    lines = [
        f"| method | {' | '.join(metrics)} | never suggested | most lists |",
        "|---|" + "---:|" * (len(metrics) + 2),
    ]
    for method, judged in rows.items():
        numbers = [f"{np.mean([each.mean(metric) for each in judged]):.1f}" for metric in metrics]
        never = f"{np.mean([each.never for each in judged]):.1f}%"
        label = f"**{method}**" if method == OURS else method
        largest = max(each.largest for each in judged)
        lines.append(f"| {label} | {' | '.join(numbers)} | {never} | {largest} |")
    return lines


def _find_metrics(rows: Mapping[str, Sequence[Judged]]) -> Sequence[str]:
    """Return the metrics that can be told of every corpus."""
    graded = all(GRADED in each.values for judged in rows.values() for each in judged)
    return (*METRICS, GRADED) if graded else METRICS


def _write_differences(mean: Mapping[str, Sequence[Judged]]) -> list[str]:
    metrics = _find_metrics(mean)
    rows = [
        f"| {method} | {' | '.join(_compare(mean[OURS], judged, metrics))} |"
        for method, judged in mean.items()
        if method != OURS
    ]
    return [
        "Ours minus each, in points, with the paired bootstrap 95% interval:",
        "",
        "| against | " + " | ".join(metrics) + " |",
        "|---|" + "---:|" * len(metrics),
        *rows,
    ]


def _compare(ours: Sequence[Judged], others: Sequence[Judged], metrics: Sequence[str]) -> list[str]:
    """Return how many points ours are ahead of others by each metric."""
    return [
        _write_bounds(
            bound_difference([each.values[metric] for each in ours], [each.values[metric] for each in others])
        )
        for metric in metrics
    ]


def _write_bounds(bounds: Bounds) -> str:
    return f"{bounds.mean:+.1f} [{bounds.low:+.1f}, {bounds.high:+.1f}]"


def write_graded(corpora: Sequence[Pair], results: Mapping[str, Mapping[str, Judged]]) -> list[str]:
    """Return the lines of the table of what grades say, with how well two gradings agree."""
    graded = [corpus for corpus, _ in corpora if corpus.grades]
    if not graded:
        return []
    lines = [
        "### By grades",
        "",
        "The nDCG@5 of every method with its 95% interval, a bootstrap over the graded posts, and how many",
        "of the suggestions have no grade, which counts as 0: such a method may be worth more. [How it was",
        "graded](../judged/README.md).",
        "",
        *map(_describe_grades, graded),
        "",
        "| method | " + " | ".join(f"{corpus.name} | ungraded" for corpus in graded) + " | mean |",
        "|---|" + "---:|" * (2 * len(graded) + 1),
    ]
    for method in results[graded[0].name]:
        judged = [results[corpus.name][method] for corpus in graded]
        cells = [
            cell
            for one in judged
            for cell in (_write_mean([one.values[GRADED]]), f"{one.mean(UNGRADED):.0f}%")
        ]
        label = f"**{method}**" if method == OURS else method
        lines.append(
            f"| {label} | {' | '.join([*cells, _write_mean([one.values[GRADED] for one in judged])])} |"
        )
    return [*lines, ""]


def _describe_grades(corpus: Corpus) -> str:
    grades = [one.grade for one in corpus.grades]
    shares = ", ".join(f"{100 * grades.count(grade) / len(grades):.0f}% are {grade}" for grade in (2, 1, 0))
    sources = len({one.source for one in corpus.grades})
    line = f"* {corpus.name}: {len(grades)} grades of {sources} posts; {shares}."
    agreement = find_agreement(corpus.grades)
    if agreement is None:
        return line
    return (
        f"{line} Of {agreement.pairs} pairs graded twice {100 * agreement.exact:.0f}% had the same grade; "
        f"weighted kappa {agreement.kappa:.2f}."
    )


def _write_mean(values: Sequence[Floats]) -> str:
    bounds = bound_mean(values)
    return f"{bounds.mean:.1f} [{bounds.low:.1f}, {bounds.high:.1f}]"


# Another model


def write_model(corpora: Sequence[Pair], settings: Settings, label: str, folder: Path) -> list[str]:
    """Return the lines of a table a corpus that compares lists by another model's vectors with ours."""
    lines = [
        f"## Another model: {label}",
        "",
        f"`{settings.model}` behind an endpoint, next to the default model: alone (`WEIGHT = 0`), its lists",
        "full (`MIN_SCORE = 0`), and with words, as the plugin ranks by default. Whole text. Not by grades:",
        "its suggestions were not among those that were read.",
        "",
    ]
    for corpus, vectors in corpora:
        others = embed_corpus(corpus, settings, folder)
        rows = {
            MODEL: [judge(corpus.truth, list_alone(corpus, vectors))],
            f"{label} alone": [judge(corpus.truth, list_alone(corpus, others))],
            OURS: [judge(corpus.truth, list_default(corpus, vectors))],
            f"this plugin with {label}": [judge(corpus.truth, list_default(corpus, others))],
        }
        ours, theirs, default, changed = rows.values()
        lines += [
            f"### {corpus.name}, {label}",
            "",
            *_write_rows(rows),
            "",
            f"{label} minus the default model, in points, with the paired bootstrap 95% interval:",
            "",
            "| how | " + " | ".join(METRICS) + " |",
            "|---|" + "---:|" * len(METRICS),
            f"| alone | {' | '.join(_compare(theirs, ours, METRICS))} |",
            f"| with words | {' | '.join(_compare(changed, default, METRICS))} |",
            "",
        ]
    return lines


def list_alone(corpus: Corpus, vectors: npt.NDArray[np.float32]) -> Lists:
    """Return the lists by vectors alone."""
    return select_lists(corpus, rank_corpus(corpus, vectors, 0.0), Settings(max=SHOWN, min_score=0))


def list_default(corpus: Corpus, vectors: npt.NDArray[np.float32]) -> Lists:
    """Return the lists by vectors and words, as the plugin ranks by default."""
    return select_shown(corpus, rank_corpus(corpus, vectors, Settings().weight))


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


def measure(
    corpora: Sequence[Pair],
) -> dict[str, dict[str, Judged]]:
    """Return what every method is worth on every corpus."""
    return {
        corpus.name: {
            method: judge_lists(corpus, each) for method, each in run_methods(corpus, vectors).items()
        }
        for corpus, vectors in corpora
    }


def write_signals(corpora: Sequence[Pair], kind: str) -> list[str]:
    """Return the lines of the table of what each signal of the order adds."""
    judged = [
        {name: judge_lists(corpus, lists) for name, lists in run_signals(corpus, vectors).items()}
        for corpus, vectors in corpora
    ]
    mean = {name: [each[name] for each in judged] for name in SIGNALS}
    heading = f"### What the signals of the order add: {kind.lower()}"
    return [heading, "", *_write_rows(mean), "", *_write_differences(mean), ""]


INTRODUCTION = """# Relevance

Written by `benchmarks/relevance.py`; all figures but the last two columns are means over posts, in
percent. Recall, MRR and nDCG: posts that link to one another, either way. Inbound: only those that a post
does not link to itself, which its readers have yet to find. Tag share: how many of the first five share a
tag that is on at least two posts and at most a tenth of them, of as many as could. Graded nDCG: what forty
posts' suggestions were found to be worth by [reading them](../judged/README.md), from 0 to 2. Neither
links nor tags nor grades are seen by the ranking. (So the two tag methods' tag share is circular: tags are
their input.) Never suggested, and most lists that one post is in: of lists of five. Words alone and model
alone fill their lists (`MIN_SCORE = 0`); this plugin's default `MIN_SCORE` may leave places empty.
"""


def make_parser(description: str | None) -> argparse.ArgumentParser:
    """Return a parser of the corpora that a benchmark reads, and of where their vectors are kept."""
    parser = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="+", type=Path, metavar="CORPUS.jsonl")
    parser.add_argument("--vectors", type=Path, default=HERE / "cache", help="where vectors are kept")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--write", action="store_true", help=f"writes {RESULTS.name} and {PLOT.name}")
    parser.add_argument(
        "--text",
        choices=("both", "whole", "no-anchors"),
        default="both",
        help="whether the anchor text of links between posts, which often quotes a title, is kept",
    )
    parser.add_argument("--young", default="15,30,60", metavar="SIZES", help="posts of small blogs")
    parser.add_argument("--endpoint", help="a service whose model is measured too")
    parser.add_argument("--model", help="the name of its model")
    parser.add_argument("--label", help="what the tables call it")
    parser.add_argument(
        "--only", default="", metavar="NAMES", help="corpora it is measured on; all by default"
    )
    parser.add_argument("--planted", type=int, default=14, help="posts of a corpus planted in each other one")
    options = parser.parse_args(arguments)
    missing = [path for path in options.corpora if not path.is_file()]
    if missing:
        print(f"Skipped: there is no {', '.join(map(str, missing))}.", file=sys.stderr)
        return
    lines = [INTRODUCTION]
    kinds = ("whole", "no-anchors") if options.text == "both" else (options.text,)
    for kind in kinds:
        corpora = [read_corpus(path, kind == "no-anchors") for path in options.corpora]
        pairs = [(corpus, embed_corpus(corpus, Settings(), options.vectors)) for corpus in corpora]
        results = measure(pairs)
        heading = "Whole text" if kind == "whole" else "Anchor text of internal links deleted"
        lines += write_tables(results, heading)
        lines += write_graded(pairs, results)
        lines += write_signals(pairs, heading)
        if options.write and kind == kinds[0]:
            plot(results, PLOT)
    corpora = [read_corpus(path, False) for path in options.corpora]
    pairs = [(corpus, embed_corpus(corpus, Settings(), options.vectors)) for corpus in corpora]
    lines += write_young(pairs, map(int, filter(None, options.young.split(","))))
    if options.planted and len(pairs) > 1:
        lines += write_strangers(pairs, options.planted)
    if options.model:
        other = Settings(model=options.model, endpoint=options.endpoint, endpoint_timeout=600)
        names = set(filter(None, options.only.split(",")))
        chosen = [pair for pair in pairs if not names or pair[0].name in names]
        lines += write_model(chosen, other, options.label or options.model, options.vectors)
    print("\n".join(lines))
    if options.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text("\n".join(lines), encoding="utf-8")


if __name__ == "__main__":
    main()
