"""What is known of a topic map: where each post is, which clusters there are, what they are called.

Plain values that go into the cache as JSON, so that a build in which nothing has changed needs neither
numpy nor scikit-learn.
"""

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..store.cache import Cache, compress, decompress
from ..store.keys import hash_parts
from ..text.document import Document

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt
    from scipy.sparse import csr_matrix

MAP_VERSION = 1  # part of the key under which a map is cached: raise it when the same posts give another

WORD_DIMENSIONS = 64  # of the vectors of a map that is drawn from words

Label = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class MapData:
    """A drawn map. Row ``i`` of every per-post field belongs to ``keys[i]``.

    ``positions`` lie in the unit square, y downwards; ``coarse`` and ``fine`` number the clusters, whose
    words are in ``coarse_labels`` and ``fine_labels``. Every fine cluster lies in one coarse cluster.
    """

    keys: tuple[str, ...]
    positions: tuple[tuple[float, float], ...]
    coarse: tuple[int, ...]
    fine: tuple[int, ...]
    coarse_labels: tuple[Label, ...]
    fine_labels: tuple[Label, ...]

    def places(self) -> dict[str, tuple[float, float]]:
        """Return each post's place by key: what the next map starts from."""
        return dict(zip(self.keys, self.positions, strict=True))

    def to_json(self) -> str:
        """Return the map as JSON, the same text for the same map."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "MapData":
        """Return the map that ``to_json`` wrote.

        Raises:
            ValueError: ``text`` is not such a map.
        """
        try:
            stored = json.loads(text)
            data = cls(
                keys=tuple(map(str, stored["keys"])),
                positions=tuple((float(x), float(y)) for x, y in stored["positions"]),
                coarse=tuple(map(int, stored["coarse"])),
                fine=tuple(map(int, stored["fine"])),
                coarse_labels=_read_labels(stored["coarse_labels"]),
                fine_labels=_read_labels(stored["fine_labels"]),
            )
        except (KeyError, TypeError, AttributeError) as error:
            raise ValueError("not a topic map") from error
        data.check()
        return data

    def check(self) -> None:
        """Raise ``ValueError`` unless the fields belong together."""
        lengths = {len(self.keys), len(self.positions), len(self.coarse), len(self.fine)}
        inside = all(0 <= value <= 1 for place in self.positions for value in place)
        numbered = _is_numbered(self.coarse, self.coarse_labels) and _is_numbered(self.fine, self.fine_labels)
        if len(lengths) != 1 or not inside or not numbered:
            raise ValueError("not a topic map: its parts do not belong together")


def _read_labels(stored: Any) -> tuple[Label, ...]:
    return tuple(tuple(str(word) for word in label) for label in stored)


def _is_numbered(clusters: Sequence[int], labels: Sequence[Label]) -> bool:
    return all(0 <= cluster < len(labels) for cluster in clusters)


def chart_posts(
    keys: Sequence[str],
    vectors: "npt.NDArray[np.float32]",
    previous: Mapping[str, tuple[float, float]],
    *,
    terms: "csr_matrix",
    vocabulary: Sequence[str],
    names: Sequence[Iterable[str]],
    languages: Sequence[str],
) -> MapData:
    """Return the map of the posts; the only function here that takes time.

    Args:
        keys: The n posts' keys, such as their source paths.
        vectors: (n, dim) float32, rows of unit length or zero.
        previous: ``places()`` of the last map, or nothing.
        terms: (n, t) tf-idf weights.
        vocabulary: The t terms, spelled for readers.
        names: Tags and category of each post, spelled for readers.
        languages: Language of each post.
    """
    # Here and not above: a build that finds its map in the cache does not wait for these.
    from .clusters import find_clusters
    from .layout import DECIMALS, lay_out
    from .names import name_clusters

    positions = lay_out(vectors, previous, keys)
    coarse, fine = find_clusters(positions)
    about: dict[str, Any] = {
        "terms": terms, "vocabulary": vocabulary, "names": names, "languages": languages
    }  # fmt: skip
    return MapData(
        keys=tuple(keys),
        positions=tuple((round(float(x), DECIMALS), round(float(y), DECIMALS)) for x, y in positions),
        coarse=tuple(map(int, coarse)),
        fine=tuple(map(int, fine)),
        coarse_labels=tuple(name_clusters(coarse, **about)),
        fine_labels=tuple(name_clusters(fine, **about)),
    )


def key_map(documents: Sequence[Document], keys: Sequence[bytes], encoder: str) -> bytes:
    """Return the key of the map of ``documents``, whose words have ``keys``, under an encoder's key."""
    facts = [(document.path, document.lang, document.category, document.tags) for document in documents]
    return hash_parts(f"map {MAP_VERSION}", encoder, json.dumps(facts), b"".join(keys))


def recall_map(key: bytes, documents: Sequence[Document], cache: Cache) -> MapData | None:
    """Return the map of ``documents`` that the cache holds under ``key``."""
    # The last map is read as well, so that it stays in the cache for as long as the site is built.
    content = cache.read("results", [key, _key_last(documents)]).get(key)
    known = _load_map(content)
    return known if known and known.keys == tuple(document.path for document in documents) else None


def _load_map(content: bytes | None) -> MapData | None:
    try:
        return MapData.from_json(decompress(content)) if content else None
    except ValueError:
        return None


def draw_map(
    documents: Sequence[Document], rows: Sequence[int], ranking: Any, key: bytes, cache: Cache
) -> MapData:
    """Return a new map of ``documents``, which are the ``rows`` of a ``ranking.Ranking``.

    Posts that the last map had stay where they were, nearly. Without vectors the words decide. The map is
    kept under ``key``.
    """
    import numpy as np

    from ..ranking.term_weights import weigh_terms

    last = _key_last(documents)
    previous = _load_map(cache.read("results", [last]).get(last))
    counts = [ranking.documents[row] for row in rows]
    matrix = weigh_terms(counts, np.ones(len(counts), dtype=bool))
    vectors = ranking.vectors[list(rows)]
    data = chart_posts(
        [document.path for document in documents],
        vectors if vectors.any() else _condense_terms(matrix.rows),
        previous.places() if previous else {},
        terms=matrix.rows,
        vocabulary=_spell_terms(matrix, counts),
        names=[(*document.tags, document.category) for document in documents],
        languages=[document.lang for document in documents],
    )
    content = compress(data.to_json())
    cache.write("results", {last: content, key: content})
    return data


def _condense_terms(terms: "csr_matrix") -> "npt.NDArray[np.float32]":
    """Return (n, dim) unit rows made of (n, t) tf-idf weights: their strongest directions.

    Deerwester et al., "Indexing by latent semantic analysis" (1990).
    """
    import numpy as np
    from scipy.sparse.linalg import svds
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    if min(terms.shape) <= WORD_DIMENSIONS:
        return np.asarray(terms.toarray(), dtype=np.float32)
    with threadpool_limits(1):  # threads add up in any order
        left, sizes, _ = svds(terms.astype(np.float64), WORD_DIMENSIONS, v0=np.ones(min(terms.shape)))
    vectors = left * sizes
    lengths = np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)
    return np.asarray(vectors / lengths, dtype=np.float32)


def _key_last(documents: Sequence[Document]) -> bytes:
    """Return the key of the last map of this site; subsites share a cache but not a main language."""
    languages = Counter(document.lang for document in documents)
    return hash_parts("last map", *(language for language, _ in languages.most_common(1)))


def _spell_terms(matrix: Any, documents: Sequence[Any]) -> list[str]:
    """Return how each of a matrix's terms is written, by the first of the documents that has it."""
    import numpy as np

    vocabulary = [""] * len(matrix.hashes)
    rows = matrix.rows
    for row, document in enumerate(documents):
        columns = rows.indices[rows.indptr[row] : rows.indptr[row + 1]]
        written = document.read_written()
        places = np.searchsorted(document.hashes, matrix.hashes[columns])
        for column, place in zip(columns.tolist(), places.tolist(), strict=True):
            vocabulary[column] = vocabulary[column] or written[place]
    return vocabulary
