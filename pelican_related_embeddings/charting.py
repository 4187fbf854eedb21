"""The data of the topic map: from the cache where nothing changed, else drawn anew from the last map.

Knows nothing of Pelican.
"""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

from .cache import Cache, compress, decompress, hash_parts
from .documents import Document
from .map_data import MAP_VERSION, MapData, chart_posts


def key_map(documents: Sequence[Document], keys: Sequence[bytes], encoder: str) -> bytes:
    """Return the key of the map of ``documents``, whose words have ``keys``, under an encoder's key."""
    facts = [(document.path, document.lang, document.category, document.tags) for document in documents]
    return hash_parts(f"map {MAP_VERSION}", encoder, json.dumps(facts), b"".join(keys))


def recall_map(key: bytes, cache: Cache) -> MapData | None:
    """Return the map that the cache holds under ``key``."""
    content = cache.read("results", [key]).get(key)
    try:
        return MapData.from_json(decompress(content)) if content else None
    except ValueError:
        return None


def draw_map(
    documents: Sequence[Document], rows: Sequence[int], ranking: Any, key: bytes | None, cache: Cache
) -> MapData:
    """Return a new map of ``documents``, which are the ``rows`` of a ``ranking.Ranking``.

    Posts that the last map had stay where they were, nearly. The map is kept under ``key``, if given.
    """
    import numpy as np

    from .lexical import weigh_terms

    last = _key_last(documents)
    previous = recall_map(last, cache)
    counts = [ranking.documents[row] for row in rows]
    matrix = weigh_terms(counts, np.ones(len(counts), dtype=bool))
    data = chart_posts(
        [document.path for document in documents],
        ranking.vectors[list(rows)],
        previous.places() if previous else {},
        terms=matrix.rows,
        vocabulary=_spell_terms(matrix, counts),
        names=[(*document.tags, document.category) for document in documents],
        languages=[document.lang for document in documents],
    )
    content = compress(data.to_json())
    cache.write("results", {last: content, **({key: content} if key else {})})
    return data


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
