"""Name each topic of a map by the words that set it apart."""

from collections import Counter
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt
from scipy.sparse import csr_matrix, hstack

Ids = npt.NDArray[np.intp]
Floats = npt.NDArray[np.float64]

SMALL = 15  # posts; a cluster up to this size is named after what a quarter of them share
WORDS = 3  # most terms in a label
COMMON_SHARE = 0.25  # terms in more of a language's posts than this name no cluster
FEW = 5  # posts; of fewer in a language nothing can be said about its grammar
GRAMMAR_SHARE = 0.6  # terms in more of a language's posts than this are grammar, or say nothing either
OWN_WORDS = 1.6  # how much more a tag or category counts than a word: the author chose it as a name


def name_clusters(
    labels: Ids,
    *,
    terms: csr_matrix,
    vocabulary: Sequence[str],
    names: Sequence[Iterable[str]],
    languages: Sequence[str],
    taken: Sequence[Iterable[str]] | None = None,
) -> list[tuple[str, ...]]:
    """Return one to three words or names for each cluster, none of them used by two clusters.

    A term counts by its share of a cluster's weight, times the logarithm of how much larger that is
    than its share elsewhere: class-based tf-idf in the form of a divergence.

    Args:
        labels: (n,) cluster numbers from 0 without gaps.
        terms: (n, t) tf-idf weights of the posts.
        vocabulary: The t terms, spelled for readers.
        names: Tags and category of each post.
        languages: Language of each post; a cluster is compared with posts of its own language.
        taken: Terms that each cluster's label must not use, such as those of the cluster around it.
    """
    if len(labels) == 0:
        return []
    columns, spelled, favour = _join_names(terms, vocabulary, names)
    presence = (columns > 0).astype(np.float64).tocsr()
    tongues = np.asarray(languages)
    favour = favour * ~_find_functional(presence, spelled, favour, tongues)
    count = int(labels.max()) + 1
    scores = _score_terms(columns, presence, labels, tongues)
    alone = _find_alone(labels, tongues)
    scores[np.ix_(np.array([cluster in alone for cluster in range(count)]), favour <= 1)] = 0
    words = _choose_words(scores * favour, spelled, taken or [()] * count)
    return [chosen or alone.get(cluster, ()) for cluster, chosen in enumerate(words)]


def _find_alone(labels: Ids, languages: npt.NDArray[np.str_]) -> dict[int, tuple[str]]:
    """Return the clusters that hold most posts of a language, with that language.

    Words are set apart from nothing there: without a name of its own such a cluster has the language's.
    """
    alone = {}
    for cluster in range(int(labels.max()) + 1):
        own = Counter(languages[labels == cluster].tolist())
        language, size = own.most_common(1)[0]
        if len(own) < len(set(languages.tolist())) and 3 * size > 2 * (languages == language).sum():
            alone[cluster] = (language,)
    return alone


def _fold(name: str) -> str:
    return " ".join(name.replace("-", " ").replace("_", " ").casefold().split())


def _join_names(
    terms: csr_matrix, vocabulary: Sequence[str], names: Sequence[Iterable[str]]
) -> tuple[csr_matrix, list[str], Floats]:
    """Return the term matrix with tags and categories as further columns, their spelling and favour.

    A name that is also a term takes the term's column: a post about Python need not be tagged so.
    """
    folded = {_fold(term): column for column, term in reversed(list(enumerate(vocabulary)))}
    spelled = list(vocabulary)
    favour = [1.0 if _can_name(term) else 0.0 for term in spelled]
    rows, at = [], []
    for row, own in enumerate(names):
        for name in sorted({name for name in own if name.strip()}):
            column = folded.setdefault(_fold(name), len(spelled))
            if column == len(spelled):
                spelled.append(name)
                favour.append(OWN_WORDS)
            elif favour[column] <= 1:
                # The text knows better than a tag like "javascript" how the name is written.
                spelled[column] = spelled[column] if name.islower() else name
                favour[column] = OWN_WORDS
            rows.append(row)
            at.append(column)
    shape = (terms.shape[0], len(spelled))
    strong = float(np.quantile(terms.data, 0.95)) if terms.nnz else 1.0  # as a word in a title
    tagged = csr_matrix((np.full(len(rows), strong), (rows, at)), shape=shape)
    empty = csr_matrix((terms.shape[0], shape[1] - terms.shape[1]))
    return csr_matrix(hstack([terms, empty]) + tagged), spelled, np.array(favour)


def _can_name(term: str) -> bool:
    """Tell whether a term found in the text may say something by itself."""
    return len(term) > 1 and all(word[0].isalpha() for word in term.split())


def _find_functional(
    presence: csr_matrix, spelled: Sequence[str], favour: Floats, languages: npt.NDArray[np.str_]
) -> npt.NDArray[np.bool_]:
    """Return which columns are phrases around a word of grammar, such as "the video" or "using jq".

    There is no list of such words for every language; they are those that are in most of its posts.
    Where the ranking has left the most frequent terms out, they are the ones without a column. Names
    given by the author and words with a capital inside are not words of grammar however frequent.
    """
    usual = np.zeros(len(spelled), dtype=bool)
    for language in sorted(set(languages.tolist())):
        rows = languages == language
        if rows.sum() >= 20:
            usual |= np.asarray(presence[rows].mean(axis=0)).ravel() > COMMON_SHARE / 2
    telling = {
        _fold(word) for word, often in zip(spelled, usual, strict=True) if not often or word[0].isupper()
    }
    return np.array(
        [
            value == 1 and " " in word and not all(_tells(part, telling) for part in word.split())
            for word, value in zip(spelled, favour, strict=True)
        ],
        dtype=bool,
    )


def _tells(word: str, telling: set[str]) -> bool:
    # A capital within a word, since one at its beginning may only be that of a sentence.
    return word[1:] != word[1:].lower() or _fold(word) in telling


def _score_terms(
    columns: csr_matrix, presence: csr_matrix, labels: Ids, languages: npt.NDArray[np.str_]
) -> Floats:
    """Return (clusters, terms) float64: how well a term tells a cluster from its language's other posts."""
    members = _mark_members(labels)
    sizes = _add_columns(members)
    within = (members @ presence).toarray()
    weight = (members @ columns).toarray() / np.maximum(within, 1)
    spoken = [
        Counter(languages[labels == cluster].tolist()).most_common(1)[0][0] for cluster in range(len(sizes))
    ]
    scores = np.zeros_like(within)
    for language in sorted(set(spoken)):
        chosen = np.array([other == language for other in spoken])
        rows = languages == language
        everywhere = np.asarray(presence[rows].sum(axis=0), dtype=np.float64).ravel()
        total = float(rows.sum())
        scores[chosen] = _measure_lift(within[chosen], sizes[chosen], everywhere, total)
    # The root of the weight: enough for a word in titles to win over one in passing, not for rarity to.
    return np.asarray(scores * np.sqrt(weight))


def _measure_lift(within: Floats, sizes: Floats, everywhere: Floats, total: float) -> Floats:
    """Return share times log lift, 0 where a term is too rare in a cluster or too common in all posts."""
    size = sizes[:, None]
    without = np.maximum(everywhere - within, 0)
    rest = np.maximum(total - size, 0)
    # Half a post more elsewhere: what a cluster has alone is not infinitely telling.
    lift = np.log(np.maximum(within / size, 1e-12) / ((without + 0.5) / (rest + 1)))
    enough = np.maximum(np.minimum(2, size), np.where(size <= SMALL, size / 4, size / 10))
    usual = (rest >= 20) & (everywhere / max(total, 1) > np.maximum(COMMON_SHARE, 1.5 * size / max(total, 1)))
    if total >= FEW:
        # A cluster may hold all posts of a language: "de" and "la" then have nothing to be common against.
        usual |= everywhere > GRAMMAR_SHARE * total
    return np.asarray(np.where((within >= enough) & (lift > 0) & ~usual, within / size * lift, 0.0))


def _mark_members(labels: Ids) -> csr_matrix:
    """Return (clusters, n): 1 where a post is in a cluster."""
    n = len(labels)
    return csr_matrix((np.ones(n), (labels, np.arange(n))), shape=(int(labels.max()) + 1, n))


def _add_columns(matrix: csr_matrix) -> Floats:
    return np.asarray(matrix.sum(axis=1), dtype=np.float64).ravel()


def _choose_words(
    scores: Floats, spelled: Sequence[str], taken: Sequence[Iterable[str]]
) -> list[tuple[str, ...]]:
    """Return each cluster's best words; the cluster with the strongest first word chooses first."""
    used: set[str] = set()
    words: list[tuple[str, ...]] = [()] * len(scores)
    for cluster in np.lexsort((np.arange(len(scores)), -scores.max(axis=1, initial=0.0))):
        order = np.argsort(-scores[cluster], kind="stable")[:40]
        best = [int(column) for column in order if scores[cluster, column] > 0]
        blocked = used | {_fold(word) for word in taken[cluster]}
        words[cluster] = _pick_apart(best, scores[cluster], spelled, blocked)
        used.update(_fold(word) for word in words[cluster])
    return words


def _pick_apart(
    best: Sequence[int], scores: Floats, spelled: Sequence[str], blocked: set[str]
) -> tuple[str, ...]:
    """Return up to ``WORDS`` of the best terms that neither repeat nor contain one another."""
    chosen: list[int] = []
    for column in best:
        folded = _fold(spelled[column])
        if folded in blocked:
            continue
        rivals = [c for c in chosen if _overlap(folded, _fold(spelled[c]))]
        if rivals:
            # "GitHub Actions" says more than "GitHub", if it holds for almost as many posts.
            longer = len(folded) > len(_fold(spelled[rivals[0]])) and scores[column] > 0.8 * scores[rivals[0]]
            if longer and len(rivals) == 1:
                chosen[chosen.index(rivals[0])] = column
            continue
        if len(chosen) < WORDS and (not chosen or scores[column] > 0.3 * scores[chosen[0]]):
            chosen.append(column)
    return tuple(spelled[column] for column in chosen)


def _overlap(left: str, right: str) -> bool:
    """Tell whether two terms share a word, or one is the other's beginning ("deploy", "deploying")."""
    if left.startswith(right[:5]) or right.startswith(left[:5]):
        return True
    return not set(left.split()).isdisjoint(right.split())
