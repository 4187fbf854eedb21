"""The encoder that asks an OpenAI-compatible ``/v1/embeddings`` service, near or far, for the vectors.

The only module that names httpx2. The key is read from the environment where a request is made, and
goes nowhere but into that request's header.
"""

import asyncio
import json
import os
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from functools import partial
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit, urlunsplit

from ..errors import EncoderError, describe_error
from ..settings import Settings
from .libraries import quiet_libraries
from .windows import cut_passages, cut_text, join_passages, normalise_rows

if TYPE_CHECKING:
    import httpx2
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]
    Post = Callable[[Sequence[str]], Awaitable[list[Vectors]]]

KEY_VARIABLE = "RELATED_EMBEDDINGS_API_KEY"
CONCURRENCY = 4  # requests at a time
BATCH_SIZE = 32  # the most that Text Embeddings Inference takes by default; others take more
WINDOW_CHARACTERS = 2000  # about 500 tokens: what small models read, and their servers accept
SHORTEST_TEXT = 100  # characters; a server that finds even this too long is not going to take any
QUOTED_CHARACTERS = 200  # of an answer, in an error


@dataclass(frozen=True, slots=True)
class Patience:
    """How often a request is made again, and how long to wait in all (seconds).

    The wait doubles from ``first`` on; one that the server asks for (Retry-After) is kept if it fits.
    """

    attempts: int = 5
    first: float = 0.5
    most: float = 60.0


class _RefusedError(Exception):
    """The service refuses these texts; fewer or shorter ones may pass."""


class _PassingError(Exception):
    """The service cannot answer now; ``wait`` is the number of seconds that it asks for."""

    def __init__(self, problem: str, wait: float = 0.0) -> None:
        super().__init__(problem)
        self.wait = wait


@dataclass(slots=True)
class _Answers:
    """What has arrived: each passage's vector, and what went wrong with the others."""

    vectors: "dict[int, Vectors]" = field(default_factory=dict)
    problems: list[str] = field(default_factory=list)


def locate_embeddings(url: str) -> str:
    """Return the address to post to, from a service's root, its ``/v1``, or the whole address."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith("/embeddings"):
        version = path.rpartition("/")[2]
        path += "/embeddings" if version[:1] == "v" and version[1:2].isdigit() else "/v1/embeddings"
    return urlunsplit(parts._replace(path=path))


def show_endpoint(url: str) -> str:
    """Return a URL for people to read, without the passwords and keys that it may hold."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


def probe_endpoint(settings: Settings) -> int:
    """Return the dimension of the service's vectors, by asking for one. Raises ``EncoderError``."""
    return int(EndpointEncoder(settings).embed([""], ["dimension"]).shape[1])


class EndpointEncoder:
    """A service that reads ``windows`` windows of each text (0: all of it).

    ``dimensions`` is that of its vectors, where it is known; others are then refused.
    """

    def __init__(
        self, settings: Settings, dimensions: int | None = None, patience: Patience | None = None
    ) -> None:
        self.problem: str | None = None
        self._settings = settings
        self._dimensions = dimensions
        self._patience = patience or Patience()
        self._url = locate_embeddings(str(settings.endpoint))
        self._shown = show_endpoint(self._url)

    def embed(self, titles: Sequence[str], texts: Sequence[str]) -> "Vectors":
        """See ``Encoder``: what arrives of a call that fails in part is kept."""
        import numpy as np

        self.problem = None
        passages = cut_passages(titles, texts, self._cut)
        if not passages.texts:
            return np.zeros((len(texts), self._dimensions or 1), dtype=np.float32)
        prompt = self._settings.prompt or ""
        answers = self._ask([prompt + passage for passage in passages.texts])
        if answers.problems:
            self.problem = self._describe_failure(answers.problems, len(answers.vectors), len(passages.texts))
        if not answers.vectors:
            raise EncoderError(self.problem or f"The endpoint {self._shown} sent no vectors.")
        vectors = np.full((len(passages.texts), self._dimensions or 1), np.nan, dtype=np.float32)
        vectors[list(answers.vectors)] = list(answers.vectors.values())
        return join_passages(_scale_rows(vectors), passages, len(texts))

    def _cut(self, text: str) -> list[str]:
        return cut_text(text, WINDOW_CHARACTERS, self._settings.windows)

    def _describe_failure(self, problems: Sequence[str], arrived: int, total: int) -> str:
        share = f" for {total - arrived} of {total} passages" if arrived else ""
        return f"The endpoint {self._shown} gave no vectors{share}: {problems[0]}."

    def _ask(self, passages: Sequence[str]) -> _Answers:
        try:
            with quiet_libraries():  # the client logs every request
                return asyncio.run(self._ask_all(passages))
        except ImportError as error:
            raise EncoderError(
                f"RELATED_EMBEDDINGS_ENDPOINT needs httpx2, which cannot be imported ({error}). Install it "
                'with "pip install pelican-related-embeddings[endpoint]".'
            ) from error

    async def _ask_all(self, passages: Sequence[str]) -> _Answers:
        import httpx2

        answers = _Answers()
        size = self._settings.batch_size or BATCH_SIZE
        gate = asyncio.Semaphore(CONCURRENCY)
        # Time-outs are kept here: the client's own would let an answer that drips take for ever.
        limits = httpx2.Limits(max_connections=None)
        async with httpx2.AsyncClient(headers=read_key(), timeout=None, limits=limits) as client:
            post = partial(self._post_patiently, client, gate)
            rows = list(enumerate(passages))
            batches = [dict(rows[start : start + size]) for start in range(0, len(rows), size)]
            await asyncio.gather(*(self._fill(answers, post, batch) for batch in batches))
        return answers

    async def _fill(self, answers: _Answers, post: "Post", batch: Mapping[int, str]) -> None:
        """Put a batch's vectors into ``answers``; one that is refused is tried in halves, then shortened."""
        try:
            received = await post(list(batch.values()))
        except _RefusedError as error:
            smaller = divide_batch(batch)
            if not smaller:
                answers.problems.append(str(error))
            for part in smaller:
                await self._fill(answers, post, part)
        except EncoderError as error:
            answers.problems.append(str(error))
        else:
            for row, vector in zip(batch, received, strict=True):
                self._take(answers, row, vector)

    def _take(self, answers: _Answers, row: int, vector: "Vectors") -> None:
        import numpy as np

        if self._dimensions is None:
            self._dimensions = len(vector)
        if len(vector) != self._dimensions:
            answers.problems.append(f"it sent {len(vector)} dimensions in place of {self._dimensions}")
        elif not np.isfinite(vector).all():
            answers.problems.append("it sent numbers that are not finite")
        else:
            answers.vectors[row] = vector

    async def _post_patiently(
        self, client: "httpx2.AsyncClient", gate: asyncio.Semaphore, texts: Sequence[str]
    ) -> "list[Vectors]":
        """Post ``texts`` until they are answered or patience ends. Raises ``EncoderError`` or a refusal."""
        wait, started = self._patience.first, 0.0
        for attempt in range(1, self._patience.attempts + 1):
            try:
                async with gate:
                    started = started or time.monotonic()
                    return await self._post(client, texts)
            except _PassingError as error:
                pause = max(wait, error.wait)
                too_long = time.monotonic() - started + pause > self._patience.most
                if attempt == self._patience.attempts or too_long:
                    raise EncoderError(f"{error}, after {_count(attempt, 'attempt')}") from error
            await asyncio.sleep(pause)
            wait *= 2
        raise AssertionError("an attempt returns or raises")

    async def _post(self, client: "httpx2.AsyncClient", texts: Sequence[str]) -> "list[Vectors]":
        import httpx2

        body = {"model": self._settings.model, "input": list(texts), "encoding_format": "float"}
        seconds = self._settings.endpoint_timeout
        try:
            async with asyncio.timeout(seconds):
                response = await client.post(self._url, json=body)
        except TimeoutError as error:
            raise _PassingError(
                f"no answer within {seconds:g} s (RELATED_EMBEDDINGS_ENDPOINT_TIMEOUT)"
            ) from error
        except httpx2.TransportError as error:
            raise _PassingError(hide_key(describe_error(error))) from error
        except (httpx2.HTTPError, httpx2.InvalidURL) as error:
            raise EncoderError(hide_key(describe_error(error))) from error
        check_status(response)
        return read_vectors(response, len(texts))


def divide_batch(batch: Mapping[int, str]) -> list[dict[int, str]]:
    """Return two halves of a batch, or a single text cut in half; nothing if that is too short to cut."""
    rows = list(batch.items())
    if len(rows) > 1:
        return [dict(rows[: len(rows) // 2]), dict(rows[len(rows) // 2 :])]
    row, text = rows[0]
    return [{row: text[: len(text) // 2]}] if len(text) > SHORTEST_TEXT else []


def read_key() -> dict[str, str]:
    """Return the header with the key that the environment has, if any. Raises ``EncoderError``."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    if not key:
        return {}
    if not key.isascii() or not key.isprintable():
        raise EncoderError(
            f"The environment variable {KEY_VARIABLE} must be one line of plain ASCII. Set it again."
        )
    return {"Authorization": f"Bearer {key}"}


def hide_key(text: str) -> str:
    """Return ``text``, which somebody else wrote, without the key, unprintable characters and its tail."""
    key = os.environ.get(KEY_VARIABLE, "").strip()
    text = text.replace(key, "***") if key else text
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]}..."


def check_status(response: "httpx2.Response") -> None:
    """Raise what an answer other than success means: try again, send less, or give up."""
    status = response.status_code
    if 200 <= status < 300:
        return
    said = f"it answered {status} {hide_key(response.text)}".rstrip()
    if status in (408, 425, 429) or status >= 500:
        raise _PassingError(said, read_wait(response.headers.get("Retry-After", "")))
    if status in (400, 413, 422):
        raise _RefusedError(said)
    advice = {
        401: f"; set the environment variable {KEY_VARIABLE} to the service's key",
        403: f"; set the environment variable {KEY_VARIABLE} to a key that may use this model",
        404: "; check RELATED_EMBEDDINGS_ENDPOINT and RELATED_EMBEDDINGS_MODEL",
    }
    if status < 400:
        advice[status] = "; set RELATED_EMBEDDINGS_ENDPOINT to the address that it redirects to"
    raise EncoderError(said + advice.get(status, ""))


def read_wait(value: str) -> float:
    """Return the seconds that a Retry-After header asks for, in either of its forms; 0 for anything else."""
    if value.strip().isdecimal():
        return float(value)
    try:
        return max(0.0, parsedate_to_datetime(value).timestamp() - time.time())
    except (ValueError, TypeError, OverflowError):
        return 0.0


def read_vectors(response: "httpx2.Response", count: int) -> "list[Vectors]":
    """Return the ``count`` vectors of an answer in the order of the texts. Raises ``EncoderError``."""
    try:
        items = json.loads(response.content)["data"]
        found = {
            item.get("index", place): _read_vector(item["embedding"]) for place, item in enumerate(items)
        }
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        kind = response.headers.get("Content-Type", "nothing known")
        raise EncoderError(
            f"it answered with {hide_key(kind)} that holds no embeddings: {hide_key(response.text)}"
        ) from error
    if len(items) != count or found.keys() != set(range(count)):
        raise EncoderError(f"it sent {_count(len(items), 'vector')} for {_count(count, 'text')}")
    return [found[place] for place in range(count)]


def _read_vector(numbers: Any) -> "Vectors":
    import numpy as np

    if not isinstance(numbers, list) or not numbers:
        raise TypeError("not a list of numbers")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused later
        vector = np.array(numbers, dtype=np.float64).astype(np.float32)
    if vector.ndim != 1:
        raise TypeError("not a list of numbers")
    return vector


def _scale_rows(vectors: "Vectors") -> "Vectors":
    """Return unit rows, where a service's are not; rows of NaN stay."""
    import numpy as np

    missing = np.isnan(vectors).any(axis=1, keepdims=True)
    return np.where(missing, np.float32(np.nan), normalise_rows(vectors))


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
