"""What the ranking is worth on real blogs. Words alone, so that no model need be loaded."""

import importlib.util
import sys
from collections.abc import Iterator
from types import ModuleType

import numpy as np
import pytest

from helpers.corpora import CORPORA, NAMES
from helpers.sites import ROOT
from pelican_related_embeddings.ranking.neighbours import Ranking, rank
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.terms import TermCounts, count_terms

NEWSLETTER = Block(" ".join(f"newsletter{number}" for number in range(80)))

pytestmark = [
    pytest.mark.corpus,
    pytest.mark.skipif(not CORPORA.is_dir(), reason=f"no corpora in {CORPORA}; set CORPORA"),
]


@pytest.fixture(scope="module", name="benchmark_module")
def _benchmark_module() -> Iterator[ModuleType]:
    name = "relevance"
    spec = importlib.util.spec_from_file_location(name, ROOT / "benchmarks" / "relevance.py")
    assert spec is not None
    assert spec.loader is not None
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(ROOT / "benchmarks"))  # as where a script is run
    try:
        spec.loader.exec_module(module)
    finally:
        sys.path.remove(str(ROOT / "benchmarks"))
    yield module
    del sys.modules[name]


def rank_words(counts: list[TermCounts]) -> Ranking:
    size = len(counts)
    return rank(
        np.zeros((size, 1), np.float32),
        counts,
        published=np.ones(size, np.bool_),
        group=np.zeros(size, int),
        order=np.arange(size),
        blocked={},
        dates=np.zeros(size),
        weight=1,
        depth=5,
    )


def list_rows(ranking: Ranking) -> list[list[int]]:
    return [[candidate.row for candidate in found] for found in ranking.candidates]


@pytest.mark.parametrize("name", NAMES)
def test_words_alone_find_more_linked_posts_than_plain_tf_idf(benchmark_module, name):
    for strip_anchors in (False, True):
        corpus = benchmark_module.read_corpus(CORPORA / f"{name}.jsonl", strip_anchors)
        ours = benchmark_module.judge(corpus.truth, list_rows(rank_words(list(corpus.counts))))
        words = benchmark_module.weigh_words(corpus)
        plain = benchmark_module.judge(corpus.truth, benchmark_module.list_best((words @ words.T).toarray()))
        assert ours.mean("recall@5") > plain.mean("recall@5")
        assert ours.mean("tag share") > plain.mean("tag share")
        assert ours.never <= 3
        assert ours.largest <= 20


@pytest.mark.parametrize("name", NAMES)
def test_a_newsletter_call_on_thirty_posts_changes_hardly_any_suggestion(benchmark_module, name):
    corpus = benchmark_module.read_corpus(CORPORA / f"{name}.jsonl", False)
    chosen = set(np.random.default_rng(0).permutation(len(corpus.titles))[:30].tolist())
    plain = list(corpus.counts)
    called = [
        count_terms(title, (NEWSLETTER, *blocks)) if row in chosen else plain[row]
        for row, (title, blocks) in enumerate(zip(corpus.titles, corpus.blocks, strict=True))
    ]
    before, after = list_rows(rank_words(plain)), list_rows(rank_words(called))
    kept = sum(len(set(one) & set(other)) for one, other in zip(before, after, strict=True))
    assert kept >= 0.95 * sum(map(len, before))
