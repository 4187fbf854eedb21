#!/usr/bin/env python3
"""Measure how well the topics of a map are those that authors have tagged.

    python benchmarks/map_topics.py CORPUS.jsonl ... [--young 15,30,60]

The adjusted Rand index (Hubert and Arabie 1985) of the topics and of one label a post: 1 if they are the
same, 0 if they are as by chance. The label is the post's most frequent tag among those on at least five posts
and 2% of them, and on at most 15%; for the example site, which is always measured, the category, or the
language of a post that is not English. The map sees neither. --young draws small blogs as relevance.py does.
Prints a table in Markdown.
"""

import argparse
import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import numpy.typing as npt
from pelican.readers import Readers
from pelican.settings import DEFAULT_CONFIG
from relevance import HERE, Corpus, draw_blogs, embed_corpus, read_corpus
from sklearn.metrics import adjusted_rand_score

from pelican_related_embeddings.ranking.term_weights import weigh_terms
from pelican_related_embeddings.settings import Settings
from pelican_related_embeddings.text.terms import TermCounts
from pelican_related_embeddings.topic_map.clusters import find_clusters
from pelican_related_embeddings.topic_map.layout import join_terms, lay_out

EXAMPLE = HERE.parent / "example_site" / "content"


def read_example() -> list[dict[str, Any]]:
    """Return the posts of the example site as a corpus has them."""
    readers = Readers(dict(DEFAULT_CONFIG))
    posts = []
    for path in sorted(path for kind in ("md", "rst", "html") for path in EXAMPLE.rglob(f"*.{kind}")):
        name = path.relative_to(EXAMPLE).as_posix()
        content = readers.read_file(str(EXAMPLE), name)
        found = content.metadata
        if str(found.get("status", "published")) == "published" and not name.startswith("pages/"):
            lang = str(found.get("lang", "en"))
            kept = {"category": str(found.get("category") or path.parent.name), "lang": lang}
            posts.append(
                {
                    "id": name,
                    "slug": path.stem,
                    "title": str(found["title"]),
                    "date": str(found.get("date", ""))[:10],
                    "html": content._content,
                    "tags": [],
                    "links": [],
                    **kept,
                }
            )
    return posts


def label_posts(posts: Sequence[Mapping[str, Any]]) -> dict[int, str]:
    """Return the label of each post that has one, by its row."""
    frequency = Counter(tag for post in posts for tag in post["tags"])
    least, most = max(5, 0.02 * len(posts)), 0.15 * len(posts)
    labels = {}
    for row, post in enumerate(posts):
        usable = [(frequency[tag], tag) for tag in post["tags"] if least <= frequency[tag] <= most]
        if usable:
            labels[row] = max(usable)[1]
    return labels


def find_topics(
    names: Sequence[str], vectors: npt.NDArray[np.float32], counts: Sequence[TermCounts]
) -> npt.NDArray[np.intp]:
    """Return the topic of each post, as the plugin finds it on a new map."""
    points = join_terms(vectors, weigh_terms(counts, np.ones(len(counts), dtype=np.bool_)).rows)
    coarse, _ = find_clusters(lay_out(points, {}, names), points)
    return coarse


def judge_topics(topics: npt.NDArray[np.intp], labels: Mapping[int, Any]) -> float:
    """Return the adjusted Rand index over the posts that have a label."""
    return float(adjusted_rand_score(list(labels.values()), topics[list(labels)]))


def measure_corpus(corpus: Corpus, vectors: npt.NDArray[np.float32], labels: Mapping[int, str]) -> str:
    """Return the line of a whole blog."""
    topics = find_topics([document.path for document in corpus.documents], vectors, corpus.counts)
    score = judge_topics(topics, labels)
    return (
        f"| {corpus.name} | {len(topics)} | {topics.max() + 1} | {len(set(labels.values()))} | {score:.2f} |"
    )


def measure_young(corpus: Corpus, vectors: npt.NDArray[np.float32], size: int) -> list[tuple[float, int]]:
    """Return the index and the number of topics of each small blog of three tags drawn from a corpus."""
    found = []
    for rows, labels in draw_blogs(corpus, size):
        names = [corpus.documents[row].path for row in rows]
        topics = find_topics(names, vectors[rows], [corpus.counts[row] for row in rows])
        found.append((judge_topics(topics, dict(enumerate(labels))), int(topics.max()) + 1))
    return found


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", nargs="*", type=Path, metavar="CORPUS.jsonl")
    parser.add_argument("--vectors", type=Path, default=HERE / "cache", help="where vectors are kept")
    parser.add_argument("--young", default="15,30,60", metavar="SIZES", help="posts of small blogs")
    options = parser.parse_args(arguments)
    print("| blog | posts | topics | labels | adjusted Rand |", "|---|---:|---:|---:|---:|", sep="\n")
    posts = read_example()
    with TemporaryDirectory() as folder:
        path = Path(folder) / "example_site.jsonl"
        path.write_text("\n".join(map(json.dumps, posts)), encoding="utf-8")
        example = read_corpus(path, False)
    labels = {
        row: post["category"].casefold() if post["lang"] == "en" else post["lang"]
        for row, post in enumerate(posts)
    }
    print(measure_corpus(example, embed_corpus(example, Settings(), options.vectors), labels))
    young: dict[int, list[tuple[float, int]]] = {}
    for path in options.corpora:
        corpus = read_corpus(path, False)
        vectors = embed_corpus(corpus, Settings(), options.vectors)
        known = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        print(measure_corpus(corpus, vectors, label_posts(known)), flush=True)
        for size in map(int, filter(None, options.young.split(","))):
            young.setdefault(size, []).extend(measure_young(corpus, vectors, size))
    for size, found in young.items():
        score, count = np.mean(found, axis=0)
        print(f"| {len(found)} small ones, drawn | {size} | {count:.1f} | 3 | {score:.2f} |")


if __name__ == "__main__":
    main()
