"""Name each topic of a map: by its own tag or category, otherwise by distinctive words."""

from collections import Counter
from collections.abc import Collection, Sequence

import numpy as np
import numpy.typing as npt

from .chart import Label
from .language_names import name_language
from .wording import Wording, count_posts, fold_number

Ids = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]
Scored = list[tuple[int, float]]  # columns with their scores, best first

SMALL = 15  # posts; a cluster up to this size is named after what a quarter of them share
PARTS = 2  # most names or terms in a label
CANDIDATES = 40  # terms that a label is chosen from
COVERED = 0.5  # of a cluster's posts have a name that comes before all terms
ELSEWHERE = 0.2  # of that share is what the other posts have at most, for the name to be the cluster's own
COMMON_SHARE = 0.25  # terms in more of a language's posts than this name no cluster
FEW = 5  # posts; fewer in a language are too few to find its function words
GRAMMAR_SHARE = 0.6  # terms in more of a language's posts than this are uninformative
WEAK = 0.3  # of the score of a label's first term; a second one with less is left out


def name_clusters(labels: Ids, wording: Wording) -> list[Label]:
    """Return up to two words or names for each cluster; no two clusters share a word made of terms.

    A tag or category comes first that covers most of the cluster and little elsewhere. A term counts by its
    share of a cluster's weight, times the logarithm of how much larger that is than its share elsewhere:
    class-based tf-idf (Grootendorst 2022) in the form of a divergence.

    Args:
        labels: (n,) cluster numbers from 0 without gaps.
        wording: What the posts have.
    """
    if len(labels) == 0:
        return []
    alone = _find_alone(labels, wording.languages)
    own = _choose_own(labels, wording)
    scored = _score_terms(labels, wording, alone.keys())
    # A cluster that has a name keeps it; a language is the name of one that has none.
    first = [own.get(cluster, alone.get(cluster, "")) for cluster in range(len(scored))]
    return _choose_words(scored, wording.spelled, first)


def _find_alone(labels: Ids, languages: npt.NDArray[np.str_]) -> dict[int, str]:
    """Return the clusters that hold most posts of a language, with that language's name.

    Words are set apart from nothing there: without a name of its own such a cluster has the language's.
    """
    alone = {}
    for cluster in range(int(labels.max()) + 1):
        own = Counter(languages[labels == cluster].tolist())
        language, size = own.most_common(1)[0]
        if len(own) < len(set(languages.tolist())) and 3 * size > 2 * (languages == language).sum():
            alone[cluster] = name_language(language)
    return alone


def _choose_own(labels: Ids, wording: Wording) -> dict[int, str]:
    """Return the clusters that have a tag or category of their own, with the one that fits best.

    It fits by the share of the cluster that has it, in tenths, then by how much of it is in the cluster.
    """
    sizes = np.bincount(labels)
    everywhere = count_posts(wording.named, np.ones(len(labels), dtype=np.bool_))
    fits = []
    for cluster, size in enumerate(sizes.tolist()):
        within = count_posts(wording.named, labels == cluster)
        for column in np.flatnonzero(within > COVERED * size).tolist():
            covered, outside = within[column] / size, everywhere[column] - within[column]
            if outside <= ELSEWHERE * covered * (len(labels) - size):
                kept = within[column] / everywhere[column]
                fits.append((-round(covered, 1), -kept, cluster, column))
    chosen: dict[int, str] = {}
    for _, _, cluster, column in sorted(fits):
        name = wording.spelled[column]
        if cluster not in chosen and name not in chosen.values():
            chosen[cluster] = name
    return chosen


def _score_terms(labels: Ids, wording: Wording, alone: Collection[int]) -> list[Scored]:
    """Return for each cluster the terms that tell it best from the other posts of its language.

    One cluster at a time, and only the terms that it has: a table of all clusters and all terms would be many
    times as large as the terms themselves. Clusters that are ``alone`` in their language have none.
    """
    scored: list[Scored] = [[] for _ in range(int(labels.max()) + 1)]
    for language, clusters in _group_clusters(labels, wording.languages).items():
        rows = wording.languages == language
        everywhere, total = count_posts(wording.weights, rows), float(rows.sum())
        favour = wording.favour * ~wording.functional[language]
        for cluster in clusters:
            if cluster in alone:
                continue
            part = wording.weights[labels == cluster]
            columns, at = np.unique(part.indices, return_inverse=True)
            within = np.bincount(at).astype(np.float64)
            weight = np.bincount(at, part.data) / within
            scores = _measure_lift(within, part.shape[0], everywhere[columns], total)
            # The root of the weight: enough for a word in titles to win over one in passing, but not
            # for a rare word to win over a frequent one.
            scored[cluster] = _list_best(columns, scores * np.sqrt(weight) * favour[columns])
    return scored


def _group_clusters(labels: Ids, languages: npt.NDArray[np.str_]) -> dict[str, list[int]]:
    """Return the clusters of each language: a cluster is in the language that most of its posts are in."""
    groups: dict[str, list[int]] = {}
    for cluster in range(int(labels.max()) + 1):
        [(language, _)] = Counter(languages[labels == cluster].tolist()).most_common(1)
        groups.setdefault(language, []).append(cluster)
    return groups


def _measure_lift(within: Floats, size: int, everywhere: Floats, total: float) -> Floats:
    """Return share times log lift, 0 where a term is too rare in a cluster or too common in all posts."""
    without = np.maximum(everywhere - within, 0)
    rest = max(total - size, 0)
    # Half a post more elsewhere: what a cluster has alone is not infinitely telling.
    lift = np.log(np.maximum(within / size, 1e-12) / ((without + 0.5) / (rest + 1)))
    enough = max(min(2, size), size / 4 if size <= SMALL else size / 10)
    usual = np.zeros(len(within), dtype=np.bool_)
    if rest >= 20:
        usual |= everywhere / total > max(COMMON_SHARE, 1.5 * size / total)
    if total >= FEW:
        # A cluster may hold all posts of a language: "de" and "la" then have nothing to be common against.
        usual |= everywhere > GRAMMAR_SHARE * total
    return np.asarray(np.where((within >= enough) & (lift > 0) & ~usual, within / size * lift, 0.0))


def _list_best(columns: Ids, scores: Floats) -> Scored:
    best = np.argsort(-scores, kind="stable")[:CANDIDATES]
    return [(int(columns[at]), float(scores[at])) for at in best if scores[at] > 0]


def _choose_words(scored: Sequence[Scored], spelled: Sequence[str], first: Sequence[str]) -> list[Label]:
    """Return each cluster's name of its own and best words; the one with the strongest word chooses first."""
    used = {word for name in first for word in _list_words(name)}
    labels: list[Label] = [(name,) if name else () for name in first]
    for cluster in sorted(
        range(len(scored)), key=lambda number: -max((s for _, s in scored[number]), default=0)
    ):
        labels[cluster] += _pick_apart(scored[cluster], spelled, used, PARTS - len(labels[cluster]))
        used.update(word for name in labels[cluster] for word in _list_words(name))
    return labels


def _pick_apart(best: Scored, spelled: Sequence[str], used: Collection[str], count: int) -> Label:
    """Return up to ``count`` of the best terms that share no word with those used, nor with one another."""
    chosen: list[tuple[int, float]] = []
    for column, score in best:
        words = _list_words(spelled[column])
        if not words.isdisjoint(used):
            continue
        rivals = [at for at, (other, _) in enumerate(chosen) if _overlap(spelled[column], spelled[other])]
        if rivals:
            # "GitHub Actions" says more than "GitHub", if it holds for almost as many posts.
            other, strength = chosen[rivals[0]]
            longer = len(words) > len(_list_words(spelled[other])) and score > 0.8 * strength
            if longer and len(rivals) == 1:
                chosen[rivals[0]] = column, score
            continue
        if len(chosen) < count and (not chosen or score > WEAK * chosen[0][1]):
            chosen.append((column, score))
    return tuple(spelled[column] for column, _ in chosen)


def _list_words(name: str) -> set[str]:
    return {fold_number(word) for word in fold_number(name).split()}


def _overlap(left: str, right: str) -> bool:
    """Return whether two terms share a word, or one is the other's beginning ("deploy", "deploying")."""
    one, other = fold_number(left), fold_number(right)
    if one.startswith(other[:5]) or other.startswith(one[:5]):
        return True
    return not set(one.split()).isdisjoint(other.split())
