#!/usr/bin/env python3
"""Measure the links that ``pelican-related links`` suggests, by the links that authors wrote.

    python benchmarks/links.py CORPUS.jsonl ... [--write] [--fit] [--sample FILE]

Corpora are as for ``relevance.py``. Each link between two posts is taken out in turn (its words stay), in
either direction, and the source's suggestions are asked for: is the target among the first five, is the
passage the one that the link stood in, do the suggested words overlap the author's? All other links of the
source stay where they are, and what they lead to is not suggested by anybody. Weights are fitted on the
other corpora. Once more with the words of all links between posts deleted, since they give links away.

--fit prints the weights that all corpora together give, for links/likelihood.py. --sample writes suggestions
that are not in the truth, ours and the others' mixed, to be judged by hand; see judged/README.md.
"""

import csv
import hashlib
import json
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import numpy.typing as npt
from relevance import Corpus, embed_corpus, make_parser, read_corpus
from scipy.optimize import brentq, minimize

from pelican_related_embeddings.encoders.encoder import load_encoder, obtain_encoder
from pelican_related_embeddings.encoders.model import Model
from pelican_related_embeddings.evaluation.measures import RESAMPLES, Bounds, Floats
from pelican_related_embeddings.links.candidates import Evidence, Ground, Place, find_places, make_grounds
from pelican_related_embeddings.links.likelihood import (
    PAIR_WEIGHTS,
    PLACE_WEIGHTS,
    SURE,
    names_target,
    squash,
)
from pelican_related_embeddings.links.suggestions import (
    add_meaning,
    choose_place,
    drop_overlaps,
    rate_places,
)
from pelican_related_embeddings.pipeline import Embedded, Inputs, Study, make_study
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.passages import Outline, read_outline
from pelican_related_embeddings.text.words import AllWords

HERE = Path(__file__).parent
RESULTS = HERE / "results" / "links.md"
JUDGED = HERE / "judged" / "links" / "sample.csv"
FIRST = 5
OURS, TITLES, RELATED = "this plugin", "exact titles", "related list"
METHODS = (TITLES, RELATED, OURS)
SAMPLED = {OURS: 30, TITLES: 8, RELATED: 8}  # of each corpus, to be judged
GRADES = ("useful", "acceptable", "wrong")
RIDGE = 0.01
MEANING_AT_MOST = 0.5  # logits that a pair gains by another place, which its meaning chooses
SAVED = 200  # new vectors that are worth rewriting the file

Vectors = npt.NDArray[np.float32]
Case = tuple[Floats, int, float]  # features (choices, n), which choice is right or -1, its share


@dataclass(frozen=True)
class Suggested:
    """A link that a method suggests: to a row, from a passage, with the words from ``start`` to ``end``."""

    target: int
    passage: int
    start: int = 0
    end: int = 0


@dataclass(frozen=True)
class Query:
    """A link that was taken out: from one row to another, where it stood, and what the methods made of it.

    ``truth``: per passage, where the link's words begin and end. ``pairs``: the places of each candidate.
    """

    source: int
    target: int
    truth: Mapping[int, tuple[int, int]]
    pairs: Sequence[Sequence[Place]]
    others: Mapping[str, Sequence[Suggested]]


@dataclass(frozen=True)
class Weights:
    """What was fitted: the weights of places and of pairs, and the intercept."""

    place: Floats
    pair: Floats
    intercept: float


class Blog:
    """One corpus, ranked, and the vectors of its passages as they are asked for."""

    def __init__(self, path: Path, folder: Path, *, strip: bool) -> None:
        self.path = path
        self.posts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        self.corpus: Corpus = read_corpus(path, strip)
        self.vectors = embed_corpus(self.corpus, Settings(), folder)
        self.study = study_corpus(self.corpus, self.vectors)
        self.ground: Ground = make_grounds(self.study.ranking, self.corpus.documents)[0]
        self.rows = {post["slug"]: row for row, post in enumerate(self.posts)}
        self.twins = {frozenset(pair) for pair in self.study.ranking.duplicates}
        self.file = folder / f"{path.stem}-passages.npz"
        self.known: dict[str, Vectors] = {}
        if self.file.exists():
            stored = np.load(self.file)
            self.known = dict(zip(stored["names"].tolist(), stored["vectors"], strict=True))

    def embed(self, texts: Sequence[str]) -> Vectors:
        """Return the vectors of passages; new ones are made and kept."""
        names = [hashlib.sha256(text.encode()).hexdigest()[:24] for text in texts]
        absent = {name: text for name, text in zip(names, texts, strict=True) if name not in self.known}
        if absent:
            print(f"{self.path.stem}: embedding {len(absent)} passages", file=sys.stderr)
            made = load_encoder(obtain_encoder(Settings()), Settings()).embed(
                [""] * len(absent), list(absent.values())
            )
            self.known.update(zip(absent, made, strict=True))
            if len(absent) >= SAVED:
                self.save()
        return np.array([self.known[name] for name in names], np.float32).reshape(len(texts), -1)

    def save(self) -> None:
        """Keep the vectors of passages for the next run."""
        np.savez(self.file, names=list(self.known), vectors=np.array(list(self.known.values())))

    def list_links(self, row: int) -> list[int]:
        """Return the rows of the posts that a post links to."""
        slugs = dict.fromkeys(self.posts[row]["links"])
        return [self.rows[slug] for slug in slugs if self.rows.get(slug, row) != row]


def study_corpus(corpus: Corpus, vectors: Vectors) -> Study:
    """Return what a build knows of a corpus."""
    count = len(corpus.documents)
    inputs = Inputs(corpus.documents, Settings(), Model("", None), [b""] * count)
    words = AllWords([b""] * count, [False] * count, [""] * count, list(corpus.counts))
    return make_study(Embedded(inputs, words, vectors))


# Taking links out


def take_out(html: str, slugs: Iterable[str]) -> str:
    """Return ``html`` without its links to some posts; their words stay."""
    named = "|".join(re.escape(slug) for slug in slugs)
    return re.sub(
        rf'<a\b[^>]*href="\{{filename\}}/(?:{named})\.html[^"]*"[^>]*>(.*?)</a>', r"\1", html, flags=re.DOTALL
    )


def make_queries(blog: Blog) -> list[Query]:
    """Return a query for each link between two posts of a blog."""
    found = []
    linking = [row for row in range(len(blog.posts)) if blog.list_links(row)]
    blog.embed([text for row in linking for text in list_texts(blog, row)])  # all at once is faster
    for source in linking:
        linked = blog.list_links(source)
        vectors = embed_source(blog, source)
        found += [make_query(blog, source, target, vectors) for target in linked]
    return found


def list_texts(blog: Blog, row: int) -> list[str]:
    """Return the texts of a post's passages."""
    outline = read_outline(blog.corpus.documents[row].html)
    return list(dict.fromkeys(one.text for one in outline.passages))


def embed_source(blog: Blog, source: int) -> dict[str, Vectors]:
    """Return the vectors of a post's passages, by their text."""
    texts = list_texts(blog, source)
    return dict(zip(texts, blog.embed(texts), strict=True))


def make_query(blog: Blog, source: int, target: int, vectors: Mapping[str, Vectors]) -> Query:
    """Return what the methods make of a post without its link to another."""
    slug = blog.posts[target]["slug"]
    outline = read_outline(take_out(blog.corpus.documents[source].html, [slug]))
    whole = read_outline(blog.posts[source]["html"])
    truth = {
        index: (link.start, link.end)
        for index, passage in enumerate(whole.passages)
        for link in passage.links
        if f"/{slug}.html" in link.href
    }
    barred = {row for row in blog.list_links(source) if row != target}
    barred |= {row for row in range(len(blog.posts)) if frozenset((source, row)) in blog.twins}
    others = {
        TITLES: match_titles(blog, source, outline, barred),
        RELATED: place_related(blog, source, outline, barred, vectors),
    }
    return Query(source, target, truth, find_pairs(blog, source, outline, barred, vectors), others)


def find_pairs(
    blog: Blog, source: int, outline: Outline, barred: set[int], vectors: Mapping[str, Vectors]
) -> list[list[Place]]:
    """Return the places of each candidate of a post."""
    candidates = {
        column: rank
        for column, rank in blog.ground.list_candidates(source).items()
        if int(blog.ground.group.targets[column]) not in barred
    }
    pairs: dict[int, list[Place]] = {}
    for place in find_places(blog.ground, source, candidates, outline):
        vector = vectors.get(outline.passages[place.passage].text, np.zeros(0, np.float32))
        pairs.setdefault(place.target, []).append(add_meaning(place, vector, blog.vectors))
    return list(pairs.values())


# The others


def match_titles(blog: Blog, source: int, outline: Outline, barred: set[int]) -> list[Suggested]:
    """Return what keyword linkers suggest: posts whose whole titles stand in the text, the longest first."""
    found = []
    for row, title in enumerate(blog.corpus.titles):
        if row != source and row not in barred and len(title) > 2:
            pattern = re.compile(rf"(?<!\w){re.escape(title)}(?!\w)", re.IGNORECASE)
            for index, passage in enumerate(outline.passages):
                match = next((m for m in pattern.finditer(passage.text) if _is_free(m, passage.fixed)), None)
                if match is not None:
                    found.append((-len(title), Suggested(row, index, *match.span())))
                    break
    return [one for _, one in sorted(found, key=lambda pair: (pair[0], pair[1].target))]


def _is_free(match: "re.Match[str]", fixed: Sequence[tuple[int, int]]) -> bool:
    return all(match.end() <= start or end <= match.start() for start, end in fixed)


def place_related(
    blog: Blog, source: int, outline: Outline, barred: set[int], vectors: Mapping[str, Vectors]
) -> list[Suggested]:
    """Return the related posts, each with the passage that is nearest to it by its vector."""
    group, columns = blog.ground.group, blog.ground.order.columns[source]
    rows = [row for row in group.rows[group.targets[columns[columns >= 0]]].tolist() if row not in barred]
    if not outline.passages:
        return [Suggested(row, -1) for row in rows[:FIRST]]
    zero = np.zeros(blog.vectors.shape[1], np.float32)
    stacked = np.array([vectors.get(one.text, zero) for one in outline.passages])
    return [Suggested(row, int(np.argmax(stacked @ blog.vectors[row]))) for row in rows[:FIRST]]


# Fitting


def list_features(evidence: Evidence, weights: Iterable[str]) -> list[float]:
    """Return what a regression goes by."""
    return [getattr(evidence, name) for name in weights]


def fit(blogs: Sequence[Sequence[Query]]) -> Weights:
    """Return the weights that fit the queries of some blogs, each blog counting alike."""
    cases = [(query, 1 / len(queries)) for queries in blogs for query in queries if query.pairs]
    place = fit_choice([case for query, share in cases if (case := describe_places(query, share))[1] >= 0])
    sets = [(describe_pairs(query, place), find_truth(query), share) for query, share in cases]
    pair = fit_choice([one for one in sets if one[1] >= 0])
    return Weights(place, pair, fit_intercept(sets, pair))


def find_truth(query: Query) -> int:
    """Return which of a query's pairs is the link that was taken out, or -1."""
    return next((at for at, pair in enumerate(query.pairs) if pair[0].target == query.target), -1)


def describe_places(query: Query, share: float) -> Case:
    """Return the places of the link that was taken out, and which of them it stood in, or -1."""
    truth = find_truth(query)
    places = query.pairs[truth] if truth >= 0 else []
    features = np.array([list_features(one.evidence, PLACE_WEIGHTS) for one in places])
    return features, next((at for at, one in enumerate(places) if one.passage in query.truth), -1), share


def describe_pairs(query: Query, place: Floats) -> Floats:
    """Return what the candidates of a post are judged by."""
    return np.array([list_features(choose(pair, place).evidence, PAIR_WEIGHTS) for pair in query.pairs])


def fit_choice(sets: Sequence[Case]) -> Floats:
    """Return the weights by which the right one of each set is told from the others.

    A conditional logit (McFadden, "Conditional logit analysis of qualitative choice behavior", 1974).
    """
    spread = np.concatenate([features for features, _, _ in sets]).std(axis=0) + 1e-9

    def lose(weights: Floats) -> tuple[float, Floats]:
        loss, slope = RIDGE * float(weights @ weights), 2 * RIDGE * weights
        for features, truth, share in sets:
            logits = (features / spread) @ weights
            shares = np.exp(logits - logits.max())
            shares /= shares.sum()
            loss -= share * float(np.log(shares[truth] + 1e-12))
            slope = slope - share * (features[truth] - shares @ features) / spread
        return loss, slope

    found = minimize(lose, np.zeros(len(spread)), jac=True, method="L-BFGS-B")
    return np.asarray(found.x / spread)


def fit_intercept(sets: Sequence[Case], pair: Floats) -> float:
    """Return the intercept with which the likelihoods add up to the links that there were."""
    links = sum(share for _, truth, share in sets if truth >= 0)

    def differ(intercept: float) -> float:
        sums = (
            share * (1 / (1 + np.exp(-(features @ pair + intercept)))).sum() for features, _, share in sets
        )
        return float(sum(sums)) - links

    return float(brentq(differ, -20, 20))


def choose(pair: Sequence[Place], weights: Floats) -> Place:
    """Return the best place of a pair, as ``Finder`` does: of the best few without their meaning."""
    named = dict(zip(PLACE_WEIGHTS, weights.tolist(), strict=True))
    known = {one.passage: one for one in pair}
    blind = [one._replace(evidence=one.evidence._replace(meaning=0.0)) for one in pair]
    return choose_place([known[one.passage] for one in rate_places(blind, named)], named)


def suggest(query: Query, weights: Weights, *, shown: bool = False) -> list[Suggested]:
    """Return our suggestions, best first; only those that the command shows if ``shown``."""
    rated = []
    for pair in query.pairs:
        place = choose(pair, weights.place)
        logit = float(np.dot(list_features(place.evidence, PAIR_WEIGHTS), weights.pair)) + weights.intercept
        good = squash(logit) >= SURE.likelihood and names_target(place.span, place.evidence)
        if good or not shown:
            rated.append((logit, place))
    rated.sort(key=lambda one: (-one[0], one[1].target))
    places = [place for _, place in rated]
    return [
        Suggested(one.target, one.passage, one.span.start, one.span.end)
        for one in (drop_overlaps(places) if shown else places)
    ]


# Judging


@dataclass(frozen=True)
class Judged:
    """What a method made of the queries of a blog, a value for each: NaN where nothing can be told.

    ``passages`` and ``anchors`` of the hits whose link stood in a passage.
    """

    sources: npt.NDArray[np.intp]
    hits: Floats
    passages: Floats
    anchors: Floats


def judge(queries: Sequence[Query], lists: Sequence[Sequence[Suggested]]) -> Judged:
    """Return what lists of suggestions are worth."""
    rows = [judge_one(query, chosen[:FIRST]) for query, chosen in zip(queries, lists, strict=True)]
    hits, passages, anchors = np.array(rows, np.float64).T
    return Judged(np.array([query.source for query in queries]), hits, passages, anchors)


def judge_one(query: Query, chosen: Sequence[Suggested]) -> tuple[float, float, float]:
    """Return whether the target is there, in the right passage, with words of the author's."""
    one = next((one for one in chosen if one.target == query.target), None)
    if one is None:
        return 0.0, np.nan, np.nan
    if not query.truth:
        return 1.0, np.nan, np.nan
    there = query.truth.get(one.passage)
    overlap = there is not None and one.start < there[1] and there[0] < one.end
    return 1.0, float(there is not None), float(overlap) if one.end else np.nan


def bound(values: Sequence[Judged], others: Sequence[Judged], *, pooled: bool) -> Bounds:
    """Return how many points of hits the first are ahead: a bootstrap over the posts that have links.

    Over all links, if ``pooled``; else the mean over blogs.
    """
    random = np.random.default_rng(0)
    blogs = []
    for mine, theirs in zip(values, others, strict=True):
        posts, owners = np.unique(mine.sources, return_inverse=True)
        difference = mine.hits - theirs.hits
        blogs.append((np.bincount(owners, difference), np.bincount(owners), len(posts)))

    def mean(draws: Sequence[npt.NDArray[np.intp]]) -> float:
        sums = [
            (own[draw].sum(), counts[draw].sum()) for (own, counts, _), draw in zip(blogs, draws, strict=True)
        ]
        if pooled:
            return float(sum(one for one, _ in sums) / sum(count for _, count in sums))
        return float(np.mean([one / count for one, count in sums]))

    drawn = [mean([random.integers(size, size=size) for _, _, size in blogs]) for _ in range(RESAMPLES)]
    low, high = np.quantile(drawn, (0.025, 0.975))
    whole = mean([np.arange(size) for _, _, size in blogs])
    return Bounds(100 * whole, 100 * float(low), 100 * float(high))


# At the threshold


def count_shown(blog: Blog, weights: Weights) -> tuple[int, int, int]:
    """Return how many links there are, how many are suggested by default, and how many of these are right.

    Of each post that has links to others, all of them taken out at once.
    """
    links = shown = right = 0
    for source in range(len(blog.posts)):
        linked = blog.list_links(source)
        if linked:
            html = take_out(blog.corpus.documents[source].html, (blog.posts[row]["slug"] for row in linked))
            vectors = embed_source(blog, source)
            pairs = find_pairs(blog, source, read_outline(html), set(), vectors)
            found = suggest(Query(source, -1, {}, pairs, {}), weights, shown=True)
            links, shown = links + len(linked), shown + len(found)
            right += sum(one.target in linked for one in found)
    return links, shown, right


# The sample to be judged by hand


def draw_sample(blog: Blog, weights: Weights) -> list[tuple[str, int, Suggested]]:
    """Return suggestions that are not in the truth: method, source and suggestion, in random order."""
    random = np.random.default_rng(23)
    drawn: list[tuple[str, int, Suggested]] = []
    for method in SAMPLED:
        pool: list[tuple[str, int, Suggested]] = []
        for source in random.permutation(len(blog.posts)).tolist():
            if len(pool) < SAMPLED[method]:
                found = list_unlinked(blog, source, method, weights)
                pool += [(method, source, one) for one in found[:1]]
        drawn += pool
    return [drawn[at] for at in random.permutation(len(drawn)).tolist()]


def list_unlinked(blog: Blog, source: int, method: str, weights: Weights) -> list[Suggested]:
    """Return what a method suggests for a post as it is."""
    outline = read_outline(blog.corpus.documents[source].html)
    barred = set(blog.list_links(source))
    barred |= {row for row in range(len(blog.posts)) if frozenset((source, row)) in blog.twins}
    if method == TITLES:
        return match_titles(blog, source, outline, barred)
    if method == RELATED:
        return place_related(blog, source, outline, barred, embed_source(blog, source))
    pairs = find_pairs(blog, source, outline, barred, {})
    likely = replace(weights, intercept=weights.intercept + MEANING_AT_MOST)
    if not suggest(Query(source, -1, {}, pairs, {}), likely, shown=True):
        return []  # its vectors would change nothing
    pairs = find_pairs(blog, source, outline, barred, embed_source(blog, source))
    return suggest(Query(source, -1, {}, pairs, {}), weights, shown=True)


def write_sample(blogs: Sequence[Blog], weights: Sequence[Weights], path: Path) -> None:
    """Write what is to be judged, with its text, to ``path``, and without it to the list of grades."""
    rows, number = [], 0
    with path.open("w", encoding="utf-8") as file:
        for blog, own in zip(blogs, weights, strict=True):
            for method, source, one in draw_sample(blog, own):
                number += 1
                passage = read_outline(blog.corpus.documents[source].html).passages[one.passage].text
                before, anchor, after = passage[: one.start], passage[one.start : one.end], passage[one.end :]
                file.write(
                    f"{number}. {blog.corpus.titles[source]} -> {blog.corpus.titles[one.target]}\n"
                    f"   {before[-200:]}[[{anchor}]]{after[:200]}\n"
                    f"   = {blog.corpus.blocks[one.target][0].text[:160]}\n"
                )
                slugs = (blog.posts[source]["slug"], blog.posts[one.target]["slug"])
                rows.append(
                    (
                        number,
                        blog.path.stem,
                        METHODS.index(method),
                        *slugs,
                        one.passage,
                        one.start,
                        one.end,
                        "",
                    )
                )
    JUDGED.parent.mkdir(exist_ok=True)
    with JUDGED.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, lineterminator="\n").writerows([COLUMNS, *rows])


COLUMNS = ("number", "corpus", "method", "source", "target", "passage", "start", "end", "grade")


def read_grades() -> dict[str, dict[str, dict[str, int]]]:
    """Return per corpus and method how many suggestions have each grade."""
    found: dict[str, dict[str, dict[str, int]]] = {}
    if JUDGED.is_file():
        with JUDGED.open(encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                if row["grade"] in GRADES:
                    counts = found.setdefault(row["corpus"], {}).setdefault(METHODS[int(row["method"])], {})
                    counts[row["grade"]] = counts.get(row["grade"], 0) + 1
    return found


# Reporting


def write_table(names: Sequence[str], judged: Mapping[str, Sequence[Judged]], heading: str) -> list[str]:
    """Return the lines of one table."""
    lines = [
        f"## {heading}",
        "",
        "| corpus | links | posts | " + " | ".join(METHODS) + " | passage right | anchor overlaps |",
    ]
    lines.append("|---|" + "---:|" * (len(METHODS) + 4))
    for at, name in enumerate(names):
        own = judged[OURS][at]
        shares = [_percent(judged[method][at].hits) for method in METHODS]
        counts = [str(len(own.hits)), str(len(np.unique(own.sources)))]
        lines.append(
            f"| {' | '.join([name, *counts, *shares, _percent(own.passages), _percent(own.anchors)])} |"
        )
    parts = {
        part: np.concatenate([getattr(one, part) for one in judged[OURS]]) for part in ("passages", "anchors")
    }
    shares = [_percent(np.concatenate([one.hits for one in judged[method]])) for method in METHODS]
    total = sum(len(one.hits) for one in judged[OURS])
    posts = sum(len(np.unique(one.sources)) for one in judged[OURS])
    lines.append(f"| **all** | {total} | {posts} | {' | '.join([*shares, *map(_percent, parts.values())])} |")
    related = np.concatenate([one.passages for one in judged[RELATED]])
    lines += ["", f"Of the hits of the related list, {_percent(related)}% are in the right passage.", ""]
    lines += [
        "Ours minus each, in points, with the 95% interval:",
        "",
        "| against | all links | mean of blogs |",
        "|---|---:|---:|",
    ]
    for method in (TITLES, RELATED):
        cells = [
            _write_bounds(bound(judged[OURS], judged[method], pooled=pooled)) for pooled in (True, False)
        ]
        lines.append(f"| {method} | {' | '.join(cells)} |")
    return [*lines, ""]


def _percent(values: Floats) -> str:
    known = values[~np.isnan(values)]
    return f"{100 * known.mean():.1f}" if len(known) else "-"


def _write_bounds(bounds: Bounds) -> str:
    return f"{bounds.mean:+.1f} [{bounds.low:+.1f}, {bounds.high:+.1f}]"


def write_shown(blogs: Sequence[Blog], weights: Sequence[Weights]) -> list[str]:
    """Return the lines of the table of what is suggested by default."""
    lines = [
        "## At the default threshold",
        "",
        "All links of a post taken out at once: what the command would show of it.",
        "",
    ]
    lines += [
        "| corpus | links | suggested | of these, the author's own | of the links, suggested |",
        "|---|---:|---:|---:|---:|",
    ]
    for blog, own in zip(blogs, weights, strict=True):
        links, shown, right = count_shown(blog, own)
        cells = (f"{100 * right / max(1, shown):.0f}%", f"{100 * right / max(1, links):.0f}%")
        lines.append(f"| {blog.path.stem} | {links} | {shown} | {' | '.join(cells)} |")
    return [*lines, ""]


def write_grades() -> list[str]:
    """Return the lines of the table of what was judged by hand."""
    lines = [
        "## Judged by hand",
        "",
        "Suggestions that are not in the truth, read blind; see `benchmarks/judged/README.md`.",
        "",
    ]
    lines += ["| corpus | method | useful | acceptable | wrong |", "|---|---|---:|---:|---:|"]
    totals: dict[str, dict[str, int]] = {}
    for corpus, methods in read_grades().items():
        for method in METHODS:
            if counts := methods.get(method):
                lines.append(
                    f"| {corpus} | {method} | {' | '.join(str(counts.get(one, 0)) for one in GRADES)} |"
                )
                total = totals.setdefault(method, dict.fromkeys(GRADES, 0))
                for grade, count in counts.items():
                    total[grade] += count
    for method, total in totals.items():
        share = f"{100 * total['wrong'] / sum(total.values()):.0f}%"
        lines.append(
            f"| **all** | {method} | {total['useful']} | {total['acceptable']} | {total['wrong']} ({share}) |"
        )
    return [*lines, ""]


INTRODUCTION = """# Links

Written by `benchmarks/links.py`. Each link between two posts was taken out in turn, and the post's
suggestions asked for: the share of the links, in percent, whose target is among the first five; of these
hits, how often ours are in the right passage and with words of the author's. What the other links of the
post lead to is suggested by no method. The weights were fitted on the other corpora. Exact titles: posts
whose whole title stands in the text, the longest first. Related list: the related posts, each in the passage
whose vector is nearest to it.
"""


def measure(blogs: Sequence[Blog], heading: str) -> tuple[list[str], list[Weights], list[list[Query]]]:
    """Return the lines of a table, the weights that judge each blog, and the queries of each."""
    queries = [make_queries(blog) for blog in blogs]
    weights = [fit([own for other, own in enumerate(queries) if other != at]) for at in range(len(blogs))]
    judged = {
        method: [
            judge(own, [suggest(one, fitted) if method == OURS else one.others[method] for one in own])
            for own, fitted in zip(queries, weights, strict=True)
        ]
        for method in METHODS
    }
    return write_table([blog.path.stem for blog in blogs], judged, heading), weights, queries


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its tables."""
    parser = make_parser(__doc__)
    parser.add_argument("--write", action="store_true", help=f"writes {RESULTS.name}")
    parser.add_argument("--fit", action="store_true", help="prints the weights that all corpora give")
    parser.add_argument("--sample", type=Path, metavar="FILE", help="writes what is to be judged by hand")
    options = parser.parse_args(arguments)
    missing = [path for path in options.corpora if not path.is_file()]
    if missing or len(options.corpora) < 2:
        print(
            f"Skipped: needs two corpora at least, missing {', '.join(map(str, missing)) or 'none'}.",
            file=sys.stderr,
        )
        return
    blogs = [Blog(path, options.vectors, strip=False) for path in options.corpora]
    lines, weights, queries = measure(blogs, "Words of the links kept")
    if options.fit:
        fitted = fit(queries)
        print(dict(zip(PLACE_WEIGHTS, fitted.place.round(2).tolist(), strict=True)))
        print(
            dict(zip(PAIR_WEIGHTS, fitted.pair.round(2).tolist(), strict=True)),
            round(fitted.intercept, 2),
            flush=True,
        )
    if options.sample:
        write_sample(blogs, weights, options.sample)
        for blog in blogs:
            blog.save()
        return
    bare = [Blog(path, options.vectors, strip=True) for path in options.corpora]
    lines += measure(bare, "Words of the links between posts deleted")[0]
    text = "\n".join([INTRODUCTION, *lines, *write_shown(blogs, weights), *write_grades()]).rstrip() + "\n"
    print(text)
    if options.write:
        RESULTS.parent.mkdir(parents=True, exist_ok=True)
        RESULTS.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
