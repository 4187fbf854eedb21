"""The encoder that asks an OpenAI-compatible ``/v1/embeddings`` service, near or far, for the vectors.

What a service refuses is sent again in smaller pieces, so that one text costs no other its vector.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from ..errors import EncoderError
from ..settings import Settings, show_url
from ..store.keys import hash_parts
from .endpoint_client import RefusedError, Retries, Service, connect, find_proxy, locate_embeddings
from .libraries import quiet_libraries
from .model import Model
from .windows import cut_passages, cut_text, join_passages, normalise_rows

if TYPE_CHECKING:
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

BATCH_SIZE = 32  # the most that Text Embeddings Inference takes by default; others take more
WINDOW_CHARACTERS = 2000  # about 500 tokens: what small models read, and their servers accept
SHORTEST_TEXT = 250  # characters; a service that refuses this finds something else wrong than the length
FAILURES = 3  # without a single vector, after which the service is asked whether it takes any text
PROBE = "dimension"  # a text that nobody refuses


@dataclass(slots=True)
class _Answers:
    """What a call has brought so far: each passage's vector, and why others have none.

    ``faults`` are of the service, ``refusals`` of single passages; it is ``hopeless`` to go on with a service
    that does not take even ``PROBE`` (None: not tried).
    """

    vectors: "dict[int, Vectors]" = field(default_factory=dict)
    faults: list[str] = field(default_factory=list)
    refusals: list[str] = field(default_factory=list)
    hopeless: bool | None = None

    @property
    def doubtful(self) -> bool:
        return not self.vectors and len(self.faults) + len(self.refusals) >= FAILURES


def probe_endpoint(settings: Settings) -> str:
    """Return the digest of a service's model, by asking for a vector. Raises ``EncoderError``.

    It is made of the model's name and the number of dimensions, and not of the address: a local and a remote
    service of the same model share cached vectors.
    """
    encoder = EndpointEncoder(settings)
    dimensions = encoder.embed([""], [PROBE]).shape[1]
    if encoder.problem:
        raise EncoderError(encoder.problem)
    return f"{hash_parts('endpoint', settings.model).hex()}:{dimensions}"


def load_endpoint_encoder(model: Model, settings: Settings) -> "EndpointEncoder":
    """Return the encoder for a ``model`` whose digest comes from ``probe_endpoint``."""
    return EndpointEncoder(settings, int(model.digest.rpartition(":")[2]))


class EndpointEncoder:
    """A service that reads ``settings.windows`` windows of each text (0: all of it).

    ``dimensions`` is that of its vectors, where it is known; others are then refused.
    """

    def __init__(
        self, settings: Settings, dimensions: int | None = None, retries: Retries | None = None
    ) -> None:
        self.problem: str | None = None
        self._settings = settings
        self._dimensions = dimensions
        self._retries = retries or Retries()

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """See ``Encoder``: what arrives of a call that fails in part is kept."""
        import numpy as np

        self.problem = None
        passages = cut_passages(titles, texts, self._cut)
        if not passages.texts:
            return np.zeros((len(texts), self._dimensions or 1), dtype=np.float32)
        prompt = self._settings.prompt or ""
        with quiet_libraries():  # the client logs every request
            answers = asyncio.run(self._ask([prompt + passage for passage in passages.texts]))
        self.problem = self._describe_problem(answers, len(passages.texts))
        if self.problem and not answers.vectors and (answers.faults or answers.hopeless):
            raise EncoderError(self.problem)
        vectors = np.full((len(passages.texts), self._dimensions or 1), np.nan, dtype=np.float32)
        for row, vector in answers.vectors.items():
            vectors[row] = vector
        return join_passages(_scale_rows(vectors), passages, len(texts))

    def _cut(self, text: str) -> list[str]:
        return cut_text(text, WINDOW_CHARACTERS, self._settings.windows)

    def _describe_problem(self, answers: _Answers, total: int) -> str | None:
        problems = answers.faults + answers.refusals
        if not problems:
            return None
        url = locate_embeddings(str(self._settings.endpoint))
        proxy = find_proxy(url)
        through = f" (through the proxy {proxy}; NO_PROXY turns it off)" if proxy else ""
        arrived = len(answers.vectors)
        share = f" for {total - arrived} of {total} passages" if arrived else ""
        return f"The endpoint {show_url(url)}{through} gave no vectors{share}: {problems[0].rstrip('.')}."

    async def _ask(self, passages: Sequence[str]) -> _Answers:
        answers = _Answers()
        size = self._settings.batch_size or BATCH_SIZE
        rows = list(enumerate(passages))
        batches = [dict(rows[start : start + size]) for start in range(0, len(rows), size)]
        async with connect(self._settings, self._retries) as service:
            await asyncio.gather(*(self._fill(answers, service, batch) for batch in batches))
        return answers

    async def _fill(self, answers: _Answers, service: Service, batch: Mapping[int, str]) -> None:
        """Put a batch's vectors into ``answers``; one that is refused is tried in halves, then shortened."""
        if answers.doubtful and await self._is_hopeless(answers, service):
            return
        try:
            received = await service.embed(list(batch.values()))
        except RefusedError as error:
            smaller = divide_batch(batch)
            if not smaller:
                answers.refusals.append(str(error))
            for part in smaller:
                await self._fill(answers, service, part)
        except EncoderError as error:
            answers.faults.append(str(error))
        else:
            for row, vector in zip(batch, received, strict=True):
                self._keep(answers, row, vector)

    async def _is_hopeless(self, answers: _Answers, service: Service) -> bool:
        if answers.hopeless is None:
            try:
                await service.embed([PROBE])
                answers.hopeless = False
            except (RefusedError, EncoderError):
                answers.hopeless = True
        return answers.hopeless

    def _keep(self, answers: _Answers, row: int, vector: "Vectors") -> None:
        import numpy as np

        if self._dimensions is None:
            self._dimensions = len(vector)
        if len(vector) != self._dimensions:
            answers.faults.append(f"it sent {len(vector)} dimensions instead of {self._dimensions}")
        elif not np.isfinite(vector).all():
            answers.refusals.append("it sent numbers that are not finite")
        else:
            answers.vectors[row] = vector


def divide_batch(batch: Mapping[int, str]) -> list[dict[int, str]]:
    """Return two halves of a batch, or a single text cut in half; nothing if that is too short to cut."""
    rows = list(batch.items())
    if len(rows) > 1:
        return [dict(rows[: len(rows) // 2]), dict(rows[len(rows) // 2 :])]
    row, text = rows[0]
    return [{row: text[: len(text) // 2]}] if len(text) > SHORTEST_TEXT else []


def _scale_rows(vectors: "Vectors") -> "Vectors":
    """Return unit rows, where a service's are not; rows of NaN stay."""
    import numpy as np

    missing = np.isnan(vectors).any(axis=1, keepdims=True)
    return np.where(missing, np.float32(np.nan), normalise_rows(vectors))
