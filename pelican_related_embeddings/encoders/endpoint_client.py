"""One question at a time to an OpenAI-compatible ``/v1/embeddings`` service, repeated where that helps.

The only module that names httpx2. The key is read from the environment where a connection is made, and goes
nowhere but into the header of its requests; no message holds it, nor the secrets that a URL may hold.
"""

import asyncio
import contextlib
import json
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote, unquote_plus, urlsplit, urlunsplit
from urllib.request import getproxies, proxy_bypass

from ..errors import EncoderError, describe_error
from ..messages import count
from ..settings import Settings, show_url

if TYPE_CHECKING:
    import httpx2
    import numpy as np
    import numpy.typing as npt

    Vectors = npt.NDArray[np.float32]

KEY_VARIABLE = "RELATED_EMBEDDINGS_API_KEY"
CONCURRENCY = 4  # requests at a time
QUOTED_CHARACTERS = 200  # of an answer, in a message
SHORTEST_SECRET = 4  # characters; shorter parts of a URL are words of a message as well
REFUSALS, SERVER_ERROR = (400, 413, 422), 500  # statuses
CERTIFICATE_VARIABLES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY")


@dataclass(frozen=True, slots=True)
class Retries:
    """How often a request is made at most, and how long to wait for its success (seconds).

    The wait doubles from ``first_wait`` on; one that the service asks for (Retry-After) is kept if it fits.
    """

    attempts: int = 5
    first_wait: float = 0.5
    total: float = 60.0


class RefusedError(Exception):
    """The service does not accept these texts; fewer or shorter ones may pass."""


class _TemporaryError(Exception):
    """The service cannot answer now; ``wait`` is the number of seconds that it asks for."""

    def __init__(self, problem: str, wait: float = 0.0, status: int = 0) -> None:
        super().__init__(problem)
        self.wait = wait
        self.status = status


class Service:
    """An open connection to the service of a site's settings."""

    def __init__(self, client: "httpx2.AsyncClient", settings: Settings, retries: Retries) -> None:
        self._client = client
        self._settings = settings
        self._retries = retries
        self._url = locate_embeddings(str(settings.endpoint))
        self._gate = asyncio.Semaphore(CONCURRENCY)

    async def embed(self, texts: Sequence[str]) -> "list[Vectors]":
        """Return a vector for each text. Raises ``RefusedError``, or ``EncoderError`` for other faults."""
        wait, started = self._retries.first_wait, 0.0
        for attempt in range(1, self._retries.attempts + 1):
            try:
                async with self._gate:
                    started = started or time.monotonic()
                    return await self._post(texts)
            except _TemporaryError as error:
                pause = max(wait, error.wait)
                if error.status == SERVER_ERROR and attempt > 1:
                    # Some services fail on a text instead of refusing it.
                    raise RefusedError(str(error)) from error
                late = time.monotonic() - started + pause > self._retries.total
                if attempt == self._retries.attempts or late:
                    raise EncoderError(f"{error}, after {count(attempt, 'attempt')}") from error
            await asyncio.sleep(pause)
            wait *= 2
        raise AssertionError("the last attempt returns or raises")

    async def _post(self, texts: Sequence[str]) -> "list[Vectors]":
        import httpx2

        body = {"model": self._settings.model, "input": list(texts), "encoding_format": "float"}
        seconds = self._settings.endpoint_timeout
        try:
            async with asyncio.timeout(seconds):
                response = await self._client.post(self._url, json=body)
        except TimeoutError as error:
            raise _TemporaryError(
                f"no answer within {seconds:g} s (RELATED_EMBEDDINGS_ENDPOINT_TIMEOUT)"
            ) from error
        except httpx2.TransportError as error:
            raise _TemporaryError(hide_secrets(describe_error(error), self._url)) from error
        except Exception as error:  # the client uses four libraries, each with its own errors
            raise EncoderError(hide_secrets(describe_error(_unwrap(error)), self._url)) from error
        check_status(response, self._url)
        return read_vectors(response, len(texts), self._url)


@contextlib.asynccontextmanager
async def connect(settings: Settings, retries: Retries) -> AsyncIterator[Service]:
    """Open a connection for as long as the block lasts. Raises ``EncoderError``."""
    try:
        import httpx2
    except ImportError as error:
        raise EncoderError(
            f"RELATED_EMBEDDINGS_ENDPOINT needs httpx2, which cannot be imported ({error}). Install it "
            'with "pip install pelican-related-embeddings[endpoint]".'
        ) from error
    headers, use_environment = read_key(), not is_local(str(settings.endpoint))
    # Time-outs are kept in ``Service``: the client's own would let an answer that drips take for ever.
    limits = httpx2.Limits(max_connections=None)
    try:
        client = httpx2.AsyncClient(headers=headers, timeout=None, limits=limits, trust_env=use_environment)
    except Exception as error:  # what the environment says is read by several libraries
        raise EncoderError(describe_environment(error)) from error
    async with client:
        yield Service(client, settings, retries)


def locate_embeddings(url: str) -> str:
    """Return the address to post to, from a service's root, its ``/v1``, or the whole address."""
    parts = urlsplit(url)
    path = parts.path.rstrip("/")
    if not path.endswith("/embeddings"):
        version = path.rpartition("/")[2]
        path += "/embeddings" if version[:1] == "v" and version[1:2].isdigit() else "/v1/embeddings"
    return urlunsplit(parts._replace(path=path))


# The environment


def is_local(url: str) -> bool:
    """Return whether ``url`` is plain HTTP on this machine: it needs neither proxy nor certificate."""
    parts = urlsplit(url)
    if parts.scheme != "http" or parts.hostname is None:
        return False
    try:
        return ip_address(parts.hostname).is_loopback
    except ValueError:
        return parts.hostname == "localhost" or parts.hostname.endswith(".localhost")


def find_proxy(url: str) -> str:
    """Return the proxy through which ``url`` is asked, without its password, or an empty text."""
    parts = urlsplit(url)
    proxies = getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    if not proxy or is_local(url) or proxy_bypass(parts.netloc.rpartition("@")[2]):
        return ""
    return show_url(proxy if "://" in proxy else f"http://{proxy}")


def describe_environment(error: Exception) -> str:
    """Return why no connection can be prepared: certificates or proxies that cannot be used."""
    names = CERTIFICATE_VARIABLES if isinstance(error, OSError) else PROXY_VARIABLES
    found = [name for name in names if os.environ.get(name) or os.environ.get(name.lower())]
    source = f"the environment variable {' or '.join(found)}" if found else "the system's proxy settings"
    if isinstance(error, ImportError):
        return f'The SOCKS proxy of {source} needs socksio. Install it with "pip install socksio".'
    return f"The endpoint cannot be used: {source} is invalid ({describe_error(error)}). Correct or unset it."


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


# Answers


def hide_secrets(text: str, url: str) -> str:
    """Return the beginning of ``text``, which a service or a library wrote, made fit for a message.

    It is without the key, without what ``url`` may hold of secrets, and without unprintable characters.
    """
    for secret in _list_secrets(url):
        text = text.replace(secret, "***")
    text = " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())
    return text if len(text) <= QUOTED_CHARACTERS else f"{text[:QUOTED_CHARACTERS]}..."


def _list_secrets(url: str) -> list[str]:
    """Return the key and the secrets of a URL, longest first, as a service may repeat them."""
    parts = urlsplit(url)
    user = parts.netloc.rpartition("@")[0]
    values = [pair.partition("=")[2] or pair for pair in parts.query.split("&")]
    written = [user, *user.split(":"), parts.query, *values]
    basic = unquote(user) if ":" in user else f"{unquote(user)}:"  # as the client sends it
    found = {
        *written,
        *map(unquote, written),
        *map(unquote_plus, written),
        b64encode(basic.encode()).decode(),
    }
    secrets = [secret for secret in found if len(secret) >= SHORTEST_SECRET]
    key = os.environ.get(KEY_VARIABLE, "").strip()
    return sorted([*secrets, key] if key else secrets, key=len, reverse=True)


def check_status(response: "httpx2.Response", url: str) -> None:
    """Raise what an answer other than success means: try again, send less, or give up."""
    status = response.status_code
    if 200 <= status < 300:
        return
    said = f"it answered {status} {hide_secrets(response.text, url)}".rstrip()
    if status in (408, 425, 429) or status >= 500:
        raise _TemporaryError(said, read_wait(response.headers.get("Retry-After", "")), status)
    if status in REFUSALS:
        raise RefusedError(said)
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


def read_vectors(response: "httpx2.Response", expected: int, url: str) -> "list[Vectors]":
    """Return the ``expected`` vectors of an answer in the order of the texts. Raises ``EncoderError``."""
    try:
        items = json.loads(response.content)["data"]
        found = {item.get("index", row): _read_vector(item["embedding"]) for row, item in enumerate(items)}
    except (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError) as error:
        kind = response.headers.get("Content-Type", "no content type")
        raise EncoderError(
            f"it answered with {hide_secrets(kind, url)} that holds no embeddings: "
            f"{hide_secrets(response.text, url)}"
        ) from error
    if len(items) != expected:
        raise EncoderError(f"it sent {count(len(items), 'vector')} for {count(expected, 'text')}")
    if found.keys() != set(range(expected)):
        raise EncoderError(f"the indexes of its {count(expected, 'vector')} are not 0 to {expected - 1}")
    return [found[row] for row in range(expected)]


def _read_vector(numbers: Any) -> "Vectors":
    import numpy as np

    if not isinstance(numbers, list) or not numbers:
        raise TypeError("not a list of numbers")
    with np.errstate(over="ignore"):  # too large for float32 becomes infinite, which is refused later
        vector = np.array(numbers, dtype=np.float64).astype(np.float32)
    if vector.ndim != 1:
        raise TypeError("not a list of numbers")
    return vector


def _unwrap(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error
