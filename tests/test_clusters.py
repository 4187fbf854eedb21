"""Clusters: as many as there are clumps, called by what sets them apart, no two alike."""

import numpy as np
import pytest
from scipy.sparse import csr_matrix

from helpers.memory import measure_peak
from pelican_related_embeddings.topic_map.clusters import find_clusters
from pelican_related_embeddings.topic_map.names import name_clusters
from pelican_related_embeddings.topic_map.wording import gather_wording


def scatter(n, clumps, seed=0):
    """Return n positions around ``clumps`` well separated middles, and the clump of each."""
    rng = np.random.default_rng(seed)
    side = int(np.ceil(np.sqrt(clumps)))
    middles = np.array([(x, y) for x in range(side) for y in range(side)][:clumps]) / side + 0.5 / side
    clump = np.arange(n) % clumps
    return (middles[clump] + rng.normal(size=(n, 2)) * 0.02).clip(0, 1).astype(np.float32), clump


def make_vectors(clump, seed=0):
    """Return vectors of posts that are alike within each clump, in no order."""
    rng = np.random.default_rng(seed)
    return (np.eye(32)[clump] + rng.normal(size=(len(clump), 32)) * 0.08).astype(np.float32)


def count_terms(texts):
    vocabulary = sorted({word for text in texts for word in text.split("|")})
    rows = [[float(text.split("|").count(word)) for word in vocabulary] for text in texts]
    return csr_matrix(np.array(rows).reshape(len(texts), len(vocabulary))), vocabulary


def name(labels, texts, names=None, languages=None):
    terms, vocabulary = count_terms(texts)
    wording = gather_wording(terms, vocabulary, names or [()] * len(texts), languages or ["en"] * len(texts))
    return name_clusters(np.array(labels), wording)


@pytest.mark.parametrize("n", [0, 1, 2, 3, 5, 7])
def test_a_handful_of_posts_is_one_cluster(n):
    coarse, fine = find_clusters(scatter(n, 1)[0])
    assert coarse.tolist() == fine.tolist() == [0] * n


@pytest.mark.parametrize(("n", "clumps"), [(60, 5), (200, 9), (576, 16)])
def test_the_number_of_clusters_is_the_number_of_clumps(n, clumps):
    positions, clump = scatter(n, clumps)
    coarse, _ = find_clusters(positions, make_vectors(clump))
    assert coarse.max() + 1 == clumps
    assert all(len(set(coarse[clump == c])) == 1 for c in range(clumps))


@pytest.mark.parametrize("n", [8, 9, 20, 50, 500, 2000])
def test_clusters_are_sensible_for_any_number_of_posts(n):
    positions = np.random.default_rng(1).random((n, 2)).astype(np.float32)
    coarse, fine = find_clusters(positions)
    assert 2 <= coarse.max() + 1 <= 24
    assert coarse.max() <= fine.max() <= 220
    assert set(coarse) == set(range(coarse.max() + 1))
    assert all(len(set(coarse[fine == cluster])) == 1 for cluster in set(fine))


@pytest.mark.parametrize("n", [40, 3000])
def test_posts_in_one_place_are_clustered_without_a_fault(n):
    coarse, fine = find_clusters(np.full((n, 2), 0.5, dtype=np.float32))
    assert len(coarse) == len(fine) == n


def test_thousands_of_posts_are_clustered_without_a_distance_for_each_pair():
    """A distance for each pair, as Ward's method has them, would take 144 MB here."""
    n = 6000
    positions, clump = scatter(n, 20)
    found = []
    vectors = make_vectors(clump)
    peak = measure_peak(lambda: found.extend(find_clusters(positions, vectors)))
    assert peak < n * n * 2
    coarse, fine = found
    assert coarse.max() + 1 == 20
    assert all(len(set(coarse[clump == c])) == 1 for c in range(20))
    assert all(len(set(coarse[fine == cluster])) == 1 for cluster in set(fine))
    assert [again.tolist() for again in find_clusters(positions, vectors)] == [coarse.tolist(), fine.tolist()]


def test_clusters_are_named_without_a_table_of_all_clusters_and_terms():
    """Such a table would take 160 MB here, and there were ten of them."""
    n, size, clusters = 600, 200_000, 100
    rng = np.random.default_rng(0)
    terms = csr_matrix((rng.random((n, 60)).ravel(), rng.integers(0, size, n * 60), range(0, n * 60 + 1, 60)))
    terms.resize(n, size)
    vocabulary = [f"word{column}" for column in range(size)]

    def name_all():
        wording = gather_wording(terms, vocabulary, [("topic",)] * n, ["en"] * n)
        assert len(name_clusters(np.arange(n) % clusters, wording)) == clusters

    assert measure_peak(name_all) < clusters * size * 4


def test_the_largest_cluster_comes_first_and_order_does_not_matter():
    positions, clump = scatter(90, 3)
    keep = np.concatenate([np.flatnonzero(clump == 0)[:10], np.flatnonzero(clump != 0)])
    coarse, _ = find_clusters(positions[keep])
    sizes = np.bincount(coarse)
    assert sizes.tolist() == sorted(sizes, reverse=True)
    again, _ = find_clusters(positions[keep][::-1])
    assert np.bincount(again).tolist() == sizes.tolist()


def test_a_cluster_is_called_by_what_sets_it_apart():
    texts = ["blog|bread|oven"] * 6 + ["blog|train|rails"] * 6 + ["blog|chess|rook"] * 6
    labels = name([0] * 6 + [1] * 6 + [2] * 6, texts)
    assert [set(words) for words in labels] == [{"bread", "oven"}, {"rails", "train"}, {"chess", "rook"}]


@pytest.mark.parametrize("seed", range(4))
def test_clumps_apart_in_meaning_are_topics_also_where_the_map_has_them_side_by_side(seed):
    """Two clumps touch on the map; their posts have no neighbours in one another."""
    rng = np.random.default_rng(seed)
    clump = np.repeat([0, 1, 2], 10)
    middles = np.array([[0.2, 0.2], [0.26, 0.2], [0.8, 0.8]])
    positions = (middles[clump] + rng.normal(size=(30, 2)) * 0.015).astype(np.float32)
    vectors = np.eye(3)[clump] + rng.normal(size=(30, 3)) * 0.1
    coarse, _ = find_clusters(positions, vectors.astype(np.float32))
    assert coarse.max() + 1 == 3
    blurred, _ = find_clusters(
        positions, rng.normal(size=(30, 3)).astype(np.float32) + 3 * np.eye(3)[clump // 2]
    )
    assert blurred.max() + 1 < 5


def test_a_huge_topic_is_split():
    rng = np.random.default_rng(0)
    positions = rng.random((200, 2)).astype(np.float32)
    coarse, _ = find_clusters(positions, rng.normal(size=(200, 16)).astype(np.float32))
    assert np.bincount(coarse).max() <= 0.15 * 200


def test_a_tag_is_a_topics_name_only_where_it_is_its_own():
    texts = ["bread|oven"] * 6 + ["train|rails"] * 6 + ["chess|rook"] * 20
    tags = [["kitchen", "blog"]] * 5 + [["blog"]] + [["blog"]] * 26
    labels = name([0] * 6 + [1] * 6 + [2] * 20, texts, names=tags)
    assert labels[0][0] == "kitchen"
    assert "blog" not in {word for label in labels for word in label}


def test_singular_plural_and_case_are_one_word():
    texts = ["Query|query plan"] * 3 + ["queries"] * 3 + ["train"] * 6
    labels = name([0] * 6 + [1] * 6, texts)
    assert labels[0][0].casefold() in ("query", "queries")
    assert len(labels[0]) == 1


def test_function_words_name_nothing_in_their_language():
    texts = ["car|pain|boulangerie"] * 10 + ["voile"] * 10
    labels = name([0] * 10 + [1] * 10, texts, languages=["fr"] * 20)
    assert "car" not in labels[0]
    assert "car" in name([0] * 10 + [1] * 10, texts)[0]


def test_tags_and_categories_win_over_words():
    texts = ["bread|oven"] * 6 + ["train|rails"] * 6
    labels = name([0] * 6 + [1] * 6, texts, names=[["Baking"]] * 6 + [["Travel"]] * 6)
    assert labels[0][0] == "Baking"
    assert labels[1][0] == "Travel"


def test_a_tag_that_is_a_word_as_well_is_spelled_as_the_author_does():
    texts = ["postgresql"] * 6 + ["train"] * 6
    assert name([0] * 6 + [1] * 6, texts, names=[["PostgreSQL"]] * 3 + [[]] * 9)[0] == ("PostgreSQL",)


def test_no_word_is_used_twice():
    texts = ["bread|rye"] * 5 + ["bread|wheat"] * 5 + ["train"] * 12
    words = [word for label in name([0] * 5 + [1] * 5 + [2] * 12, texts) for word in label]
    assert len(words) == len(set(words))


def test_words_of_grammar_name_nothing():
    texts = ["the|the bread|bread"] * 10 + ["the|the train|train"] * 10 + ["the|rook"] * 10
    labels = name([0] * 10 + [1] * 10 + [2] * 10, texts)
    assert labels == [("bread",), ("train",), ("rook",)]


def test_a_cluster_is_compared_with_posts_of_its_language():
    """Words of another language are no topic, however well they set it apart from all the rest."""
    texts = ["the|bread"] * 20 + ["the|train"] * 20 + ["le|pain"] * 20 + ["le|échecs"] * 20
    labels = name([0] * 20 + [1] * 20 + [2] * 20 + [3] * 20, texts, languages=["en"] * 40 + ["fr"] * 40)
    assert labels == [("bread",), ("train",), ("pain",), ("échecs",)]


@pytest.mark.parametrize("texts", [["x"], ["a", "b"], ["12|34"] * 9])
def test_a_blog_without_telling_words_has_empty_labels_and_no_fault(texts):
    labels = name([0] * len(texts), texts)
    assert len(labels) == 1


def test_no_posts_have_no_labels():
    wording = gather_wording(csr_matrix((0, 0)), [], [], [])
    assert name_clusters(np.zeros(0, dtype=int), wording) == []


def test_the_text_knows_how_a_tag_in_small_letters_is_written():
    texts = ["JavaScript"] * 6 + ["train"] * 6
    assert name([0] * 6 + [1] * 6, texts, names=[["javascript"]] * 6 + [[]] * 6)[0] == ("JavaScript",)


def test_a_cluster_that_is_all_there_is_of_a_language_is_not_named_after_its_grammar():
    words = ["de", "la", "avant", "bread", "flour", "comet", "planet"]
    rows = [[1, 1, 1, 0, 0, 0, 0]] * 4 + [[0, 0, 0, 1, 1, 0, 0]] * 6 + [[0, 0, 0, 0, 0, 1, 1]] * 6
    labels = np.array([0] * 4 + [1] * 6 + [2] * 6)

    terms = csr_matrix(np.array(rows, dtype=np.float64))
    named = name_clusters(labels, gather_wording(terms, words, [()] * 16, ["fr"] * 4 + ["en"] * 12))

    assert named[0] == ("Français",)
    assert set(named[1]) == {"bread", "flour"}
