"""Ranking against a brute-force oracle, on random sites and on every small and odd one."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from helpers.ranking import make_terms, rank_plain
from pelican_related_embeddings.ranking.groups import Reach, measure_youth, share_similarity
from pelican_related_embeddings.ranking.nearest import find_nearest, select_best
from pelican_related_embeddings.ranking.neighbours import ACCIDENT, NOT_CLOSE, Ranking, rank
from pelican_related_embeddings.ranking.score import (
    Calibration,
    fit_calibration,
    weigh_evidence,
)
from pelican_related_embeddings.ranking.shared_terms import Spelled, choose_terms, find_reasons
from pelican_related_embeddings.ranking.term_weights import TermMatrix, weigh_terms
from pelican_related_embeddings.text.html import Block
from pelican_related_embeddings.text.terms import TITLE_WEIGHT, count_terms

WORDS = "ash birch cedar elm fir hazel larch maple oak pine rowan spruce willow yew".split()


def make_vectors(random: np.random.Generator, size: int, dim: int = 8) -> np.ndarray:
    vectors = random.normal(size=(size, dim))
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def make_site(seed: int, size: int) -> dict[str, Any]:
    """A site with drafts, two languages, missing vectors, empty texts and exact duplicates."""
    random = np.random.default_rng(seed)
    vectors = make_vectors(random, size)
    texts = [". ".join(random.choice(WORDS, random.integers(0, 12))) for _ in range(size)]
    for row in range(3, size, 7):
        vectors[row], texts[row] = vectors[row - 1], texts[row - 1]
    vectors[5::11] = 0
    titles = [" ".join(random.choice(WORDS, 2)) if row % 3 else "" for row in range(size)]
    titles[3::7] = titles[2::7][: len(titles[3::7])]
    return {
        "vectors": vectors,
        "terms": [
            count_terms(title, [Block(text)] if text else [])
            for title, text in zip(titles, texts, strict=True)
        ],
        "dates": random.integers(0, size, size) * 86400.0,
        "published": random.random(size) < 0.8,
        "group": (random.random(size) < 0.2).astype(int),
        "order": random.permutation(size),
        "blocked": {row: [int(random.integers(size))] for row in range(0, size, 5)},
    }


def rank_site(site: Mapping[str, Any], weight: float = 0.65, depth: int = 6) -> Ranking:
    return rank(**site, weight=weight, depth=depth)


def measure_youth_by_hand(site: Mapping[str, Any], rows: np.ndarray) -> float:
    """1 up to 30 published documents, 0 from 100 on, and the same less for each doubling between."""
    count = max(int(site["published"][rows].sum()), 1)
    return float(np.clip(np.log(100 / count) / np.log(100 / 30), 0, 1))


def compare_by_hand(site: Mapping[str, Any], rows: np.ndarray, weight: float) -> np.ndarray:
    """How near all pairs of one language's documents are, in double precision: less half of what is usual."""
    published = site["published"][rows]
    vectors = site["vectors"][rows].astype(np.float64)
    words = weigh_by_hand(site, rows).rows.toarray().astype(np.float64)
    known = vectors.any(axis=1)
    others = ~np.eye(len(rows), dtype=bool)
    meaning = (1 - weight) * (1 + measure_youth_by_hand(site, rows))
    nearness = np.zeros((len(rows), len(rows)))
    for values, share, filled in (
        (vectors @ vectors.T, meaning / (meaning + weight), known),
        (words @ words.T, weight / (meaning + weight), words.any(axis=1)),
    ):
        counted = np.outer(known, known) if filled is known else np.ones_like(others)
        seen = values[np.outer(published, published) & others & counted]
        if seen.size and seen.std() > 1e-4:
            scaled = np.where(counted, share * (values - seen.mean()) / seen.std(), 0)
            asked = others & published & counted
            usual = np.where(asked, scaled, 0).sum(axis=1) / np.maximum(asked.sum(axis=1), 1)
            usual[~filled] = 0
            nearness += scaled - (usual[:, None] + usual) / 2
    return nearness


def weigh_by_hand(site: Mapping[str, Any], rows: np.ndarray) -> TermMatrix:
    nothing = np.empty(0, np.uint64)
    return weigh_terms([site["terms"][row] for row in rows], site["published"][rows], nothing)


def match_titles_by_hand(site: Mapping[str, Any], rows: np.ndarray) -> np.ndarray:
    """ln(1 + z) for how much of one document's title stands in the other's text, term by term."""
    matrix, published = weigh_by_hand(site, rows), site["published"][rows]
    boosts = dict(zip(matrix.hashes.tolist(), matrix.boosts.tolist(), strict=True))
    texts, titles = [], []
    for row in rows:
        one = site["terms"][row]
        text = dict(zip(one.hashes.tolist(), one.counts.tolist(), strict=True))
        for term in one.title.tolist():
            text[term] -= TITLE_WEIGHT
        texts.append(text)
        titles.append({term for term in one.title.tolist() if term in boosts})
    sums = np.array([sum(boosts[term] for term in title) for title in titles])
    lengths = np.array([sum(text.values()) for text in texts], float)
    if not published.any():
        return np.zeros((len(rows), len(rows)))
    usual_sum, usual = np.median(sums[published]) or 1, np.median(lengths[published]) or 1
    matches = np.zeros((len(rows), len(rows)))
    for i, text in enumerate(texts):
        long = max(lengths[i], 0.3 * usual) / usual
        for j, title in enumerate(titles):
            found = sum(boosts[t] * min(1 + np.log(text[t]), 3) for t in title if text.get(t, 0) > 0)
            matches[i, j] = found / max(sums[j], usual_sum) / long**0.25
    matches = np.maximum(matches, matches.T)
    seen = matches[np.outer(published, published) & ~np.eye(len(rows), dtype=bool)]
    spread = seen.std() if seen.size else 0
    return np.log1p(np.maximum(matches - seen.mean(), 0) / spread) if spread else np.zeros_like(matches)


def order_by_hand(site: Mapping[str, Any], rows: np.ndarray, weight: float) -> np.ndarray:
    """What puts all pairs in order; minus infinity for what is beyond a document's fifty nearest."""
    published, order = site["published"][rows], site["order"][rows]
    nearness = compare_by_hand(site, rows, weight)
    plain = nearness + 0.35 * match_titles_by_hand(site, rows)
    nearest = np.zeros(plain.shape, bool)
    for place, row in enumerate(rows.tolist()):
        barred = {row, *site["blocked"].get(row, ())}
        fit = [j for j, other in enumerate(rows.tolist()) if published[j] and other not in barred]
        nearest[place, sorted(fit, key=lambda j: (-round(nearness[place, j], 5), order[j]))[:50]] = True
    links = np.where(nearest, np.maximum(plain, 0), 0)
    walk = np.zeros_like(links)
    for place, row in enumerate(links):
        slots = sorted(
            np.flatnonzero(nearest[place]), key=lambda j: (-round(nearness[place, j], 5), order[j])
        )
        closest = sorted(slots, key=lambda j: -round(row[j], 5))[:10]
        walk[place, closest] = row[closest] / max(row.sum() and row[closest].sum(), 1e-30)
    links = np.maximum(links, np.where(published[:, None] & published, links.T, 0))
    share = 0.15 + 0.85 * measure_youth_by_hand(site, rows)
    values = plain + share * (walk @ (links * published) + links @ (walk * published[:, None]).T) / 2
    days = site["dates"][rows]
    dated = published & (days != 0)
    for i, j in np.argwhere(values > 0).tolist():
        if days[i] and days[j] and 2 * dated.sum() >= published.sum():
            first, last = sorted((days[i], days[j]))
            between = np.sum(dated & (days > first) & (days < last))
            values[i, j] *= 1 + 0.5 * np.exp(-between / 10)
    return np.where(nearest, values, -np.inf)


def test_what_helps_young_blogs_fades_evenly_and_never_moves_a_weight_of_0_or_1() -> None:
    youths = [measure_youth(count) for count in (0, 1, 30, 36, 54, 81, 100, 5000)]

    assert youths[:3] == [1, 1, 1]
    assert youths[-2:] == [0, 0]
    assert youths[3] - youths[4] == pytest.approx(youths[4] - youths[5])  # half as many more, twice
    for youth in youths:
        assert share_similarity(0, youth) == (1, 0)
        assert share_similarity(1, youth) == (0, 1)
        assert sum(share_similarity(0.65, youth)) == pytest.approx(1)
    assert share_similarity(0.65, 0) == pytest.approx((0.35, 0.65))
    assert share_similarity(0.65, 1) == pytest.approx((0.7 / 1.35, 0.65 / 1.35))


@pytest.mark.parametrize("weight", [0, 0.65, 1])
@pytest.mark.parametrize(("seed", "size"), [(1, 7), (2, 23), (3, 60), (4, 130)])
def test_candidates_are_those_of_comparing_everything_with_everything(seed, size, weight):
    site = make_site(seed, size)
    ranking = rank_site(site, weight)
    for number in (0, 1):
        rows = np.flatnonzero(site["group"] == number)
        values = order_by_hand(site, rows, weight)
        places = {row: place for place, row in enumerate(rows.tolist())}
        for place, row in enumerate(rows.tolist()):
            best = np.sort(values[place][np.isfinite(values[place])])[::-1][:6]
            found = [places[candidate.row] for candidate in ranking.candidates[row]]
            assert values[place, found] == pytest.approx(best, abs=2e-3)
            assert len(set(found)) == len(found)


def test_of_equal_values_the_smaller_order_comes_first():
    fused = np.array([[1, 3, 3, 3, 2, 3.000001]], np.float32)
    order = np.array([5, 4, 0, 2, 1, 3])
    rows, columns, slots = select_best(fused, order, 3)
    assert columns.tolist() == [2, 3, 5]
    assert rows.tolist() == [0, 0, 0]
    assert slots.tolist() == [0, 1, 2]


@pytest.mark.parametrize("depth", [1, 4, 9])
@pytest.mark.parametrize("width", [1, 9, 10, 63, 64, 65, 700])
def test_the_best_of_a_wide_row_are_exact_ties_and_all(width, depth):
    random = np.random.default_rng(width)
    fused = random.integers(0, 9, (5, width)).astype(np.float32)
    fused[0] = -np.inf
    fused[1] = 4
    fused[2, ::2] = -np.inf
    order = random.permutation(width)
    depth = min(depth, width)
    rows, columns, _ = select_best(fused, order, depth)
    for row in range(5):
        expected = sorted(
            (-value, int(order[column]), column)
            for column, value in enumerate(fused[row].tolist())
            if np.isfinite(value)
        )[:depth]
        assert columns[rows == row].tolist() == [column for _, _, column in expected]


def test_blocks_of_any_size_give_the_same():
    group = rank_site(make_site(9, 40)).groups[0]
    places = np.arange(len(group.rows))
    whole, parts = (find_nearest(group, places, 6, block_pairs=size) for size in (10_000, 70))
    assert parts.columns.tolist() == whole.columns.tolist()
    assert parts.semantic == pytest.approx(whole.semantic, abs=1e-5)
    assert parts.lexical == pytest.approx(whole.lexical, abs=1e-5)

    pairs = np.repeat(places, len(places)), np.tile(places, len(places))
    whole, parts = (
        find_reasons(group.terms, group.documents, *pairs, block_pairs=size) for size in (10_000, 70)
    )
    assert any(whole)
    assert parts == whole


def test_languages_that_take_turns_are_ranked_as_each_is_by_itself():
    sites = [make_site(seed, 30) for seed in (11, 12)]
    mixed = {
        name: np.stack([site[name] for site in sites], axis=1).reshape(60, *sites[0][name].shape[1:])
        for name in ("vectors", "published", "order", "dates")
    }
    mixed["terms"] = [
        terms for pair in zip(*(site["terms"] for site in sites), strict=True) for terms in pair
    ]
    mixed["group"] = np.arange(60) % 2
    mixed["blocked"] = {
        2 * row + number: [2 * other + number for other in others]
        for number, site in enumerate(sites)
        for row, others in site["blocked"].items()
    }

    together = rank_site(mixed)

    eligible = np.arange(60) % 3 == 0
    for number, site in enumerate(sites):
        alone = rank_site({**site, "group": np.zeros(30, int)})
        for row in range(30):
            expected = tuple(c._replace(row=2 * c.row + number) for c in alone.candidates[row])
            assert together.candidates[2 * row + number] == expected
            deeper = alone.deepen(row, eligible[number::2], 9)
            assert together.deepen(2 * row + number, eligible, 9) == tuple(
                c._replace(row=2 * c.row + number) for c in deeper
            )
        own = [pair for pair in together.duplicates if pair[0] % 2 == number]
        assert own == [(2 * a + number, 2 * b + number) for a, b in alone.duplicates]


@pytest.mark.parametrize("size", [0, 1, 2, 3, 9])
def test_the_smallest_sites_have_every_other_post_in_their_lists(size):
    random = np.random.default_rng(size)
    terms = make_terms(*(f"ash {WORDS[row]}" for row in range(size)))
    ranking = rank_plain(make_vectors(random, size), terms, depth=20)
    assert [len(found) for found in ranking.candidates] == [max(0, size - 1)] * size
    assert all(0 <= c.score <= 1 for found in ranking.candidates for c in found)


def test_two_posts_suggest_one_another_by_default():
    terms = make_terms("ash birch", "elm fir")
    ranking = rank_plain(np.eye(2, dtype=np.float32), terms)
    assert [found[0].score for found in ranking.candidates] == [0.5, 0.5]


def test_posts_that_are_all_alike_are_ordered_by_date_alone():
    vectors = np.ones((30, 4), np.float32) / 2
    order = np.arange(30)[::-1]
    ranking = rank_plain(vectors, make_terms(*["ash birch"] * 30), order=order)
    assert [c.row for c in ranking.candidates[0]] == [29, 28, 27, 26, 25]
    assert {c.score for found in ranking.candidates for c in found} == {0.5}


def test_a_post_without_a_vector_is_ranked_by_its_words_and_the_other_way_round():
    random = np.random.default_rng(0)
    vectors = make_vectors(random, 8)
    vectors[0] = 0
    vectors[2] = vectors[1]
    texts = ["oak yew", "", *(f"{word} larch" for word in WORDS[:5]), "oak yew fir"]
    ranking = rank_plain(vectors, make_terms(*texts))
    assert ranking.candidates[0][0].row == 7
    assert ranking.candidates[0][0].semantic == 0
    assert ranking.candidates[1][0].row == 2


def test_a_draft_gets_candidates_and_changes_nobody_elses():
    site = make_site(6, 50)
    site["published"][10:] = True
    site["published"][:10] = False
    with_drafts = rank_site(site)
    without = rank_site(
        {
            name: {
                row - 10: [other - 10 for other in others if other >= 10]
                for row, others in value.items()
                if row >= 10
            }
            if name == "blocked"
            else value[10:]
            for name, value in site.items()
        }
    )
    for row in range(10, 50):
        mine = [(c.row - 10, c.score, c.terms) for c in with_drafts.candidates[row]]
        assert mine == [(c.row, c.score, c.terms) for c in without.candidates[row - 10]]
    assert all(c.row >= 10 for row in range(10) for c in with_drafts.candidates[row])


def test_deepening_finds_what_lies_below_the_kept_candidates():
    site = make_site(8, 60)
    site["blocked"] = {}
    ranking, whole = rank_site(site, depth=3), rank_site(site, depth=60)
    eligible = np.zeros(60, np.bool_)
    eligible[::3] = True
    for row in (0, 17, 59):
        expected = [c.row for c in whole.candidates[row] if eligible[c.row]]
        assert [c.row for c in ranking.deepen(row, eligible, 60)] == expected


@pytest.mark.parametrize(
    ("kinds", "apart", "newer"),
    [(True, False, True), (True, True, True), (False, False, False), (True, True, False)],
)
def test_candidates_within_reach_are_those_that_deepening_finds_there(kinds, apart, newer):
    site = make_site(1, 60)
    kind = np.random.default_rng(1).integers(0, 4, 60)
    dates = np.random.default_rng(2).permutation(60).astype(np.float64)  # one of them has no date
    reach = Reach(kind if kinds else None, apart=apart, newer=newer)

    ranking = rank_plain(**{**site, "dates": dates}, reach=reach)

    for row in range(60):
        within = np.full(60, True)
        if kinds:
            within = (kind != kind[row]) if apart else (kind == kind[row])
        if not newer and dates[row]:
            within = within & (dates <= dates[row])
        expected = ranking.deepen(row, within, 5)
        assert [c.row for c in ranking.candidates[row]] == [c.row for c in expected]
        assert all(within[candidate.row] for candidate in ranking.candidates[row])


def test_near_duplicates_of_one_kind_are_found_where_only_other_kinds_are_candidates():
    random = np.random.default_rng(3)
    vectors = make_vectors(random, 12)
    texts = [". ".join(random.permutation(WORDS)[:6].tolist()) for _ in range(12)]
    texts[7] = texts[2]
    vectors[7] = vectors[2]
    kinds = np.array([1, 2] * 6)
    kinds[7] = kinds[2]

    ranking = rank_plain(vectors, make_terms(*texts), reach=Reach(kinds, apart=True))

    assert ranking.duplicates == ((2, 7),)


def test_near_duplicates_are_found_once_and_similar_posts_are_not():
    random = np.random.default_rng(3)
    vectors = make_vectors(random, 12)
    texts = [". ".join(random.permutation(WORDS)[:6].tolist()) for _ in range(12)]
    texts[7] = texts[2] = ". ".join(WORDS)
    vectors[7] = vectors[2]
    ranking = rank_plain(vectors, make_terms(*texts))
    assert ranking.duplicates == ((2, 7),)


def test_reasons_are_the_shared_terms_as_the_suggested_post_writes_them():
    texts = ["full-text search in sqlite", "Full-text search with SQLite", *WORDS, *WORDS]
    ranking = rank_plain(np.zeros((len(texts), 2), np.float32), make_terms(*texts))
    best = ranking.candidates[0][0]
    assert best.row == 1
    assert set(best.terms) == {"Full-text search", "SQLite"}


def test_a_term_is_not_named_beside_one_that_holds_it():
    def spell(*texts: str) -> list[Spelled]:
        return [Spelled(text, tuple(text.casefold().split())) for text in texts]

    assert choose_terms(spell("search", "full text", "SQLite", "text search")) == (
        "full text search",
        "SQLite",
    )
    assert choose_terms(spell("machine learning", "learning", "machine")) == ("machine learning",)
    assert choose_terms(spell("a", "b", "c", "d", "e")) == ("a", "b", "c", "d")


def test_a_score_says_how_many_neighbours_chance_would_give():
    random = np.random.default_rng(0)
    small = fit_calibration(random.normal(size=100_000), 10)
    large = fit_calibration(random.normal(size=100_000), 1000)
    # One of a thousand values of a normal distribution lies beyond 3.09 standard deviations.
    assert large.expect(np.array([3.09])) == pytest.approx([1], rel=0.1)
    assert large.score(np.array([3.09])) == pytest.approx([0.41], abs=0.02)
    assert small.score(np.array([3.09]))[0] > large.score(np.array([3.09]))[0]
    scores = large.score(np.linspace(-40, 40, 200))
    assert scores.min() >= 0
    assert scores.max() < 1
    assert (np.diff(scores) >= 0).all()


def test_a_few_strong_ties_do_not_move_what_chance_is_taken_for():
    values = np.random.default_rng(0).normal(size=10_000)
    tied = np.concatenate((values, np.full(300, 30.0)))
    assert fit_calibration(tied, 99).spread == pytest.approx(fit_calibration(values, 99).spread, rel=0.1)


def test_a_site_without_pairs_can_be_calibrated():
    assert fit_calibration(np.empty(0), 0) == Calibration(0.0, 0.0, 0)


def test_words_count_less_for_a_post_that_the_site_shares_few_of():
    known, strange = weigh_evidence(np.zeros(2), np.full(2, 8.0), np.array([1.0, 0.3]))
    assert known > 5 * strange > 0


def test_a_score_does_not_depend_on_who_else_is_a_candidate():
    site = make_site(5, 60)
    site["blocked"] = {}
    whole = rank_site(site, depth=60)
    blocked = {row: [other for other in range(60) if other % 3] for row in range(60)}
    part = rank_site({**site, "blocked": blocked}, depth=60)
    for one, other in zip(whole.candidates, part.candidates, strict=True):
        scores = {candidate.row: candidate.score for candidate in one}
        assert all(scores[candidate.row] == candidate.score for candidate in other)


def test_a_pair_that_is_no_nearer_than_its_posts_usually_are_scores_nothing():
    """Of eight posts one is like each of the others, and these are like it alone: it is near to everything."""
    random = np.random.default_rng(0)
    vectors = make_vectors(random, 8, 64)
    vectors[0] = vectors[1:].sum(axis=0) / np.linalg.norm(vectors[1:].sum(axis=0))
    vectors[2] = (vectors[1] + 0.2 * vectors[2]) / np.linalg.norm(vectors[1] + 0.2 * vectors[2])
    ranking = rank_plain(vectors, make_terms(*[""] * 8), weight=0, depth=8)
    scores = [{c.row: c.score for c in found} for found in ranking.candidates]
    assert scores[1][2] > 0.1
    assert scores[5][0] == 0
    assert ranking.describe_refusal(5, 0) == NOT_CLOSE


def test_two_posts_that_are_near_to_the_same_one_may_be_shown_together():
    """Three are near to the first, hardly to one another, and the other six to nothing."""
    vectors = np.eye(10, dtype=np.float32)
    vectors[1:4] += 1.2 * vectors[0]
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    group = rank_plain(vectors, make_terms(*[""] * 10), weight=0).groups[0]
    semantic, _ = group.compare(np.arange(10))
    above = semantic - group.usual[:, None] - group.usual
    np.fill_diagonal(above, 0)
    near = np.maximum(above, 0)
    weights = near / np.maximum(near.sum(axis=1, keepdims=True), 1e-9)  # nine others are ten at most
    close = above + (weights @ near + near @ weights.T) / 2 >= 0.5
    assert group.close is not None
    assert (group.close == close).all()
    assert close[1, 2]
    assert not close[1, 5]


def test_a_blog_of_hundreds_of_posts_refuses_no_pair():
    assert rank_site(make_site(1, 320)).groups[0].close is None


def test_posts_of_few_words_need_a_common_word_in_their_titles_or_a_near_meaning():
    vectors = make_vectors(np.random.default_rng(2), 12, 64)
    vectors[3] = vectors[2]
    words = [f"{word} {word}wood {word}nut" for word in WORDS[:12]]
    terms = make_terms(*words)
    terms[0], terms[1] = (
        count_terms("Grafting", [Block("ashes to")]),
        count_terms("On grafting", [Block("so")]),
    )
    terms[4], terms[5] = (
        count_terms("Pruning", [Block("knife wax")]),
        count_terms("Moss", [Block("knife wax")]),
    )
    ranking = rank_plain(vectors, terms, depth=11)
    scores = [{c.row: c.score for c in found} for found in ranking.candidates]
    assert scores[0][1] > 0.5  # a word of their titles
    assert scores[2][3] > 0.5  # nearness
    assert scores[4][5] == 0  # two words of their texts
    assert scores[4][0] == 0
    assert ranking.describe_refusal(4, 5) == ACCIDENT
    unknown = rank_plain(np.zeros_like(vectors), terms, depth=11)
    assert {c.row: c.score for c in unknown.candidates[4]}[5] > 0


def test_three_posts_are_compared_though_each_pair_is_as_near_as_usual():
    vectors = make_vectors(np.random.default_rng(1), 3)
    ranking = rank_plain(vectors, make_terms("ash", "birch", "ash elm"))
    assert all(candidate.score > 0 for found in ranking.candidates for candidate in found)
