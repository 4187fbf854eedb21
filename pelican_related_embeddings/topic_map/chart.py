"""The topic map as one value: the positions of the posts, the clusters and their names.

It is stored as JSON in the cache, so that an unchanged build imports neither numpy nor scikit-learn.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ..store.cache import Cache, compress, decompress
from ..store.keys import RESULTS_VERSION, hash_parts
from ..text.document import Document

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    from ..ranking.term_weights import TermMatrix
    from ..text.terms import TermCounts


Label = tuple[str, ...]
Position = tuple[float, float]


@dataclass(frozen=True, slots=True)
class TopicMap:
    """A map. Row ``i`` of every per-post field belongs to the post whose path is ``keys[i]``.

    ``positions`` lie in the unit square, y downwards. ``coarse`` and ``fine`` number the clusters, whose
    names are in ``coarse_labels`` and ``fine_labels``. Every fine cluster lies in one coarse cluster.

    Raises:
        ValueError: The fields do not belong together.
    """

    keys: tuple[str, ...]
    positions: tuple[Position, ...]
    coarse: tuple[int, ...]
    fine: tuple[int, ...]
    coarse_labels: tuple[Label, ...]
    fine_labels: tuple[Label, ...]

    def __post_init__(self) -> None:
        lengths = {len(self.keys), len(self.positions), len(self.coarse), len(self.fine)}
        inside = all(0 <= value <= 1 for position in self.positions for value in position)
        numbered = _is_numbered(self.coarse, self.coarse_labels) and _is_numbered(self.fine, self.fine_labels)
        if len(lengths) != 1 or not inside or not numbered:
            raise ValueError("not a topic map: its parts do not belong together")

    def list_positions(self) -> dict[str, Position]:
        """Return the position of each post by its key: what the next map starts from."""
        return dict(zip(self.keys, self.positions, strict=True))

    def to_json(self) -> str:
        """Return the map as JSON, the same text for the same map."""
        return json.dumps(asdict(self), ensure_ascii=False, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> "TopicMap":
        """Return the map that ``to_json`` wrote.

        Raises:
            ValueError: ``text`` is not such a map.
        """
        try:
            stored = json.loads(text)
            return cls(
                keys=tuple(map(str, stored["keys"])),
                positions=tuple((float(x), float(y)) for x, y in stored["positions"]),
                coarse=tuple(map(int, stored["coarse"])),
                fine=tuple(map(int, stored["fine"])),
                coarse_labels=_read_labels(stored["coarse_labels"]),
                fine_labels=_read_labels(stored["fine_labels"]),
            )
        except (KeyError, TypeError, AttributeError, OverflowError) as error:
            raise ValueError("not a topic map") from error


def _read_labels(stored: Any) -> tuple[Label, ...]:
    return tuple(tuple(str(word) for word in label) for label in stored)


def _is_numbered(clusters: Sequence[int], labels: Sequence[Label]) -> bool:
    return all(0 <= cluster < len(labels) for cluster in clusters)


def key_map(documents: Sequence[Document], keys: Sequence[bytes], encoder: str) -> bytes:
    """Return the key of the map of ``documents``, whose contents have ``keys``, under an encoder's key."""
    facts = [(document.path, document.lang, document.category, document.tags) for document in documents]
    return hash_parts(f"map {RESULTS_VERSION}", encoder, json.dumps(facts), b"".join(keys))


def recall_map(key: bytes, documents: Sequence[Document], cache: Cache) -> TopicMap | None:
    """Return the map of ``documents`` stored under ``key``; None if there is none, or only a damaged one."""
    # The last map is read as well, so that it stays in the cache for as long as the site is built.
    known = _load_map(cache.read("results", [key, _key_last(documents)]).get(key))
    return known if known and known.keys == tuple(document.path for document in documents) else None


def _load_map(content: bytes | None) -> TopicMap | None:
    try:
        return TopicMap.from_json(decompress(content)) if content else None
    except ValueError:
        return None


def draw_map(
    documents: Sequence[Document],
    vectors: "npt.NDArray[np.float32]",
    counts: "Sequence[TermCounts]",
    *,
    key: bytes,
    cache: Cache,
) -> TopicMap:
    """Draw the map of ``documents`` and store it.

    Posts on the last map of the site stay near their places. Without any vectors, only words are used.

    Args:
        documents: The n published articles.
        vectors: (n, dim) float32, rows of unit length or zero.
        counts: The documents' terms.
        key: What ``key_map`` returned.
        cache: Has the last map of the site, and gets the new one.
    """
    # Here and not above: a build that finds its map in the cache must not wait for these.
    import numpy as np

    from ..ranking.term_weights import weigh_terms
    from .layout import join_terms, lay_out

    paths = [document.path for document in documents]
    last = _key_last(documents)
    previous = _load_map(cache.read("results", [last]).get(last))
    terms = weigh_terms(counts, np.ones(len(counts), dtype=np.bool_))
    points = join_terms(vectors, terms.rows)
    positions = lay_out(points, previous.list_positions() if previous else {}, paths)
    drawn = _name_topics(documents, positions, points, terms, counts)
    content = compress(drawn.to_json())
    cache.write("results", {last: content, key: content})
    return drawn


def _name_topics(
    documents: Sequence[Document],
    positions: "npt.NDArray[np.float32]",
    points: "npt.NDArray[np.float32]",
    terms: "TermMatrix",
    counts: "Sequence[TermCounts]",
) -> TopicMap:
    """Return the map of documents that have their positions, with the topics found among their ``points``."""
    from .clusters import find_clusters
    from .layout import DECIMALS
    from .names import name_clusters
    from .wording import gather_wording, spell_terms

    coarse, fine = find_clusters(positions, points)
    wording = gather_wording(
        terms.rows,
        spell_terms(terms, counts),
        names=[(*document.tags, document.category) for document in documents],
        languages=[document.lang for document in documents],
    )
    return TopicMap(
        keys=tuple(document.path for document in documents),
        positions=tuple((round(float(x), DECIMALS), round(float(y), DECIMALS)) for x, y in positions),
        coarse=tuple(map(int, coarse)),
        fine=tuple(map(int, fine)),
        coarse_labels=tuple(name_clusters(coarse, wording)),
        fine_labels=tuple(name_clusters(fine, wording)),
    )


def _key_last(documents: Sequence[Document]) -> bytes:
    """Return the key of the last map of this site; subsites share a cache but not a main language."""
    languages = Counter(document.lang for document in documents)
    return hash_parts("last map", *(language for language, _ in languages.most_common(1)))
