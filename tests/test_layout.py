"""The map: near in meaning is near on it, the same input gives the same map, and it stays put."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from helpers.corpora import NAMES, require_corpora
from helpers.memory import measure_peak
from pelican_related_embeddings.topic_map.layout import _place_new, lay_out


def make_vectors(n, clusters=8, dim=48, seed=0):
    """Return n unit rows in clumps, and the clump of each."""
    rng = np.random.default_rng(seed)
    clump = rng.integers(0, clusters, n)
    rows = rng.normal(size=(clusters, dim))[clump] + rng.normal(size=(n, dim)) * 0.6
    return (rows / np.linalg.norm(rows, axis=1, keepdims=True)).astype(np.float32), clump


def name_rows(n):
    return [f"post-{row}" for row in range(n)]


def to_places(keys, positions):
    return {key: (float(x), float(y)) for key, (x, y) in zip(keys, positions, strict=True)}


def measure_moves(before, keys, after):
    return np.array(
        [
            np.hypot(*(np.array(before[key]) - place))
            for key, place in zip(keys, after, strict=True)
            if key in before
        ]
    )


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 11, 12, 13, 50, 300])
@pytest.mark.parametrize("kind", ["clumps", "zero", "equal"])
def test_any_number_of_posts_gets_places_in_the_unit_square(n, kind):
    vectors = make_vectors(n)[0]
    if kind != "clumps":
        vectors[:] = 0 if kind == "zero" else np.eye(48, dtype=np.float32)[0]
    positions = lay_out(vectors, {}, name_rows(n))
    assert positions.shape == (n, 2)
    assert positions.dtype == np.float32
    assert np.all((positions >= 0) & (positions <= 1))
    assert len({tuple(place) for place in positions.tolist()}) == n


def test_one_post_is_in_the_middle_and_two_are_apart():
    assert lay_out(make_vectors(1)[0], {}, ["a"]).tolist() == [[0.5, 0.5]]
    assert lay_out(make_vectors(2)[0], {}, ["a", "b"]).tolist() == [[0.0, 0.5], [1.0, 0.5]]


def test_the_same_input_gives_the_same_map():
    vectors, _ = make_vectors(120)
    keys = name_rows(120)
    first = lay_out(vectors, {}, keys)
    assert np.array_equal(first, lay_out(vectors.copy(), {}, keys))
    previous = to_places(keys[:-1], first[:-1])
    assert np.array_equal(lay_out(vectors, previous, keys), lay_out(vectors, dict(previous), keys))


def test_clumps_of_the_vectors_are_clumps_of_the_map():
    vectors, clump = make_vectors(200)
    positions = lay_out(vectors, {}, name_rows(200))
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :5]
    assert (clump[nearest] == clump[:, None]).mean() > 0.9


@pytest.mark.parametrize("n", [5, 13, 60, 400])
def test_others_stay_put_when_a_post_is_added(n):
    vectors, _ = make_vectors(n)
    keys = name_rows(n)
    before = to_places(keys[:-1], lay_out(vectors[:-1], {}, keys[:-1]))
    after = lay_out(vectors, before, keys)
    assert np.median(measure_moves(before, keys, after)) < 0.03


def test_a_new_post_goes_to_its_clump():
    vectors, clump = make_vectors(200)
    keys = name_rows(200)
    before = to_places(keys[:-1], lay_out(vectors[:-1], {}, keys[:-1]))
    after = lay_out(vectors, before, keys)
    nearest = np.argsort(np.linalg.norm(after[:-1] - after[-1], axis=1))[:5]
    assert (clump[nearest] == clump[-1]).mean() >= 0.8


def test_a_map_that_grows_post_by_post_stays_good():
    """Fifty additions, each from the map before: the clumps are still there, and so is the scale."""
    vectors, clump = make_vectors(150)
    keys = name_rows(150)
    places = to_places(keys[:100], lay_out(vectors[:100], {}, keys[:100]))
    for n in range(101, 151, 7):
        positions = lay_out(vectors[:n], places, keys[:n])
        places = to_places(keys[:n], positions)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2)
    np.fill_diagonal(apart, np.inf)
    nearest = np.argsort(apart, axis=1)[:, :5]
    assert (clump[: len(positions)][nearest] == clump[: len(positions), None]).mean() > 0.85
    assert np.ptp(positions, axis=0).max() > 0.8


def test_posts_that_are_gone_do_no_harm():
    vectors, _ = make_vectors(60)
    keys = name_rows(60)
    before = to_places(keys, lay_out(vectors, {}, keys))
    after = lay_out(vectors[10:], before, keys[10:])
    assert np.median(measure_moves(before, keys[10:], after)) < 0.03


def test_places_that_are_no_places_are_not_used():
    vectors, _ = make_vectors(30)
    keys = name_rows(30)
    broken = {key: (float("nan"), 7.0) for key in keys}
    assert np.array_equal(lay_out(vectors, broken, keys), lay_out(vectors, {}, keys))


def test_a_pile_of_new_posts_without_vectors_stays_small_and_moves_no_other():
    """As when a service fails half-way: they are all equally near to any other post."""
    vectors, _ = make_vectors(600)
    keys = name_rows(600)
    before = to_places(keys[:430], lay_out(vectors[:430], {}, keys[:430]))
    vectors[430:] = 0
    after = lay_out(vectors, before, keys)
    assert np.median(measure_moves(before, keys, after)) < 0.03
    assert np.ptp(after[430:], axis=0).max() < 0.2
    assert len({tuple(place) for place in after.tolist()}) > 590


def test_new_posts_are_placed_without_a_similarity_to_each_known_one():
    """A similarity of each new post to each known one would take 216 MB here, and its order as much again."""
    vectors, clump = make_vectors(12_000)
    known = np.arange(12_000) % 4 > 0
    places = np.where(known[:, None], 0.5 + clump[:, None] / 16, 0.5)
    placed = []
    peak = measure_peak(lambda: placed.append(_place_new(vectors.astype(np.float64), known, places)))
    assert peak < 12_000 * 12_000 * 1.5
    assert (np.abs(placed[0][:, 0] - 0.5 - clump / 16) < 0.03).mean() > 0.99


def test_points_do_not_cover_one_another():
    vectors, _ = make_vectors(400)
    vectors[:40] = vectors[0]
    positions = lay_out(vectors, {}, name_rows(400)).astype(float)
    apart = np.linalg.norm(positions[:, None] - positions[None], axis=2) + np.eye(400)
    assert apart.min() > 0.004


@hypothesis_settings(max_examples=25, deadline=None)
@given(st.integers(0, 40), st.integers(0, 40), st.integers(0, 5))
def test_any_share_of_known_posts_gives_places_in_the_square(n, known, seed):
    vectors, _ = make_vectors(n, seed=seed)
    keys = name_rows(n)
    rng = np.random.default_rng(seed)
    previous = {key: tuple(rng.random(2)) for key in keys[:known]}
    positions = lay_out(vectors, previous, keys)
    assert positions.shape == (n, 2)
    assert np.all((positions >= 0) & (positions <= 1))


@pytest.mark.corpus
@pytest.mark.parametrize("name", NAMES)
def test_others_stay_put_on_a_real_blog(name):
    """Latent semantic vectors of a real blog; one post of it is new."""
    from sklearn.decomposition import TruncatedSVD
    from sklearn.feature_extraction.text import TfidfVectorizer

    lines = (require_corpora() / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()
    posts = [json.loads(line) for line in lines]
    terms = TfidfVectorizer(sublinear_tf=True, max_df=0.2).fit_transform(
        f"{p['title']} {p['html']}" for p in posts
    )
    vectors = TruncatedSVD(64, random_state=0).fit_transform(terms)
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    keys = [post["slug"] for post in posts]
    before = to_places(keys[:-1], lay_out(vectors[:-1], {}, keys[:-1]))
    after = lay_out(vectors, before, keys)
    assert np.median(measure_moves(before, keys, after)) < 0.03
