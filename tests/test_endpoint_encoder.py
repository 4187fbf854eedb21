"""A service asked for vectors: a real one, and one that fails in every way that services do."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.service import DIMENSIONS, Service, embed, serve
from helpers.sites import TOPICS, Site
from helpers.waiting import wait_until
from pelican_related_embeddings.encoders.encoder import (
    identify_encoder,
    key_encoder,
    load_encoder,
    obtain_encoder,
)
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings

pytest.importorskip("httpx2", reason="pip install pelican-related-embeddings[endpoint]")

from pelican_related_embeddings.encoders.endpoint_encoder import (
    KEY_VARIABLE,
    EndpointEncoder,
    Patience,
    locate_embeddings,
    read_wait,
    show_endpoint,
)
from pelican_related_embeddings.encoders.windows import normalise_rows

HASTE = Patience(attempts=3, first=0.01, most=5)
TEXTS = [f"{'a' * (row % 7)} {'b' * (row % 5)} cab {row}" for row in range(20)]
TITLES = [""] * len(TEXTS)


@pytest.fixture
def service() -> Iterator[Service]:
    with serve() as running:
        yield running


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def make(service: Service, patience: Patience = HASTE, dimensions: int | None = None, **settings: Any) -> Any:
    chosen = Settings(endpoint=service.url, model="m", batch_size=settings.pop("batch_size", 5), **settings)
    return EndpointEncoder(chosen, dimensions, patience)


def expect(texts: list[str]) -> Any:
    return normalise_rows(np.array([embed(text) for text in texts], dtype=np.float32))


def test_vectors_come_in_order_and_of_unit_length(service: Service) -> None:
    service.script = ["backwards", "no index"]
    rows = make(service, endpoint_concurrency=3).embed(TITLES, TEXTS)
    assert rows.dtype == np.float32
    assert np.allclose(rows, expect(TEXTS))
    assert service.sizes == [5, 5, 5, 5]
    assert {request["model"] for request in service.requests} == {"m"}
    assert {request["path"] for request in service.requests} == {"/v1/embeddings"}


def test_no_more_requests_than_allowed_are_made_at_one_time(service: Service) -> None:
    service.pause = 0.05
    make(service, endpoint_concurrency=2, batch_size=1).embed(TITLES, TEXTS)
    assert service.busiest == 2
    assert service.sizes == [1] * 20


def test_empty_texts_are_not_sent(service: Service) -> None:
    rows = make(service, dimensions=DIMENSIONS).embed(["", ""], ["", " "])
    assert rows.shape == (2, DIMENSIONS)
    assert not rows.any()
    assert not service.requests


def test_a_long_text_is_read_in_windows_with_prompt_and_title(service: Service) -> None:
    text = "abc " * 1200
    make(service, prompt="query: ").embed(["Title"], [text])
    (sent,) = service.requests[0]["input"]
    assert sent.startswith("query: Title\nabc abc")
    assert 2000 < len(sent) <= 2000 + len("query: ")
    rows = make(service, prompt="query: ", windows=0).embed(["Title"], [text])
    assert len(service.requests[1]["input"]) == 4
    assert service.requests[1]["input"][-1] == "query: Title"
    assert np.linalg.norm(rows[0]) == pytest.approx(1)


@pytest.mark.parametrize("fault", ["busy", "broken", "starting", "drop", "drip"])
def test_a_passing_fault_is_tried_again(service: Service, fault: str) -> None:
    service.script = [fault, fault]
    rows = make(service, endpoint_timeout=0.5, batch_size=32).embed(TITLES, TEXTS)
    assert np.allclose(rows, expect(TEXTS))
    assert service.sizes == [20, 20, 20]


def test_the_wait_that_a_service_asks_for_is_kept(service: Service) -> None:
    service.script = ["busy, one second"]
    started = time.monotonic()
    make(service, batch_size=32).embed(TITLES, TEXTS)
    assert time.monotonic() - started >= 1


def test_a_wait_longer_than_patience_is_not_begun(service: Service) -> None:
    """An hour would be waited out otherwise; there is one request and an answer."""
    service.script = ["busy for an hour"] * 9
    with pytest.raises(EncoderError, match="it answered 429"):
        make(service, batch_size=32).embed(TITLES, TEXTS)
    assert service.sizes == [20]


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        ("broken", "it answered 500 boom, after 3 attempts", 3),
        ("drop", "RemoteProtocolError: .*, after 3 attempts", 3),
        ("bad key", "it answered 401 .*set the environment variable RELATED_EMBEDDINGS_API_KEY", 1),
        (
            "no such model",
            "it answered 404 .*check RELATED_EMBEDDINGS_ENDPOINT and RELATED_EMBEDDINGS_MODEL",
            1,
        ),
        ("moved", "it answered 308; set RELATED_EMBEDDINGS_ENDPOINT to the address", 1),
        ("html", "it answered with text/html that holds no embeddings: <html>Welcome to nginx", 1),
        ("garbage", "it answered with application/json that holds no embeddings", 1),
        ("other json", "it answered with application/json that holds no embeddings", 1),
        ("deep", "it answered with application/json that holds no embeddings", 1),
        ("words", "it answered with application/json that holds no embeddings", 1),
        ("nested", "it answered with application/json that holds no embeddings", 1),
        ("huge", "it answered with application/json that holds no embeddings", 1),
        ("too few", "it sent 19 vectors for 20 texts", 1),
        ("too many", "it sent 21 vectors for 20 texts", 1),
        ("one index", "it sent 20 vectors for 20 texts", 1),
    ],
)
def test_a_lasting_fault_is_said(service: Service, fault: str, said: str, requests: int) -> None:
    service.script = [fault] * 9
    with pytest.raises(
        EncoderError, match=rf"The endpoint {service.url}/v1/embeddings gave no vectors: {said}"
    ):
        make(service, batch_size=32).embed(TITLES, TEXTS)
    assert len(service.requests) == requests


def test_a_slow_service_is_given_up(service: Service) -> None:
    service.pause = 2
    with pytest.raises(EncoderError, match=r"no answer within 0.2 s \(RELATED_EMBEDDINGS_ENDPOINT_TIMEOUT\)"):
        make(service, endpoint_timeout=0.2, batch_size=32).embed(TITLES, TEXTS)


def test_nobody_there_is_said() -> None:
    nobody = Service(url="http://127.0.0.1:9")
    with pytest.raises(EncoderError, match=r"ConnectError: .*, after 3 attempts"):
        make(nobody).embed(["a"], ["b"])


@pytest.mark.parametrize("fault", ["garbage", "too few", "wrong dimension"])
def test_what_arrives_of_a_failing_call_is_kept(service: Service, fault: str) -> None:
    service.script = ["none", fault]
    encoder = make(service, endpoint_concurrency=1)
    rows = encoder.embed(TITLES, TEXTS)
    kept = [*range(5), *range(10, 20)]
    assert np.allclose(rows[kept], expect([TEXTS[row] for row in kept]))
    assert np.isnan(rows[5:10]).all()
    assert "gave no vectors for 5 of 20 passages: it " in encoder.problem
    assert np.isfinite(encoder.embed(TITLES, TEXTS)).all()
    assert encoder.problem is None


def test_a_vector_that_is_not_finite_is_the_only_one_left_out(service: Service) -> None:
    service.script = ["one NaN"]
    encoder = make(service, batch_size=32)
    rows = encoder.embed(TITLES, TEXTS)
    assert np.isnan(rows[0]).all()
    assert np.isfinite(rows[1:]).all()
    assert "for 1 of 20 passages: it sent numbers that are not finite" in encoder.problem


def test_other_dimensions_than_known_are_refused(service: Service) -> None:
    with pytest.raises(EncoderError, match="it sent 4 dimensions in place of 384"):
        make(service, dimensions=384).embed(TITLES, TEXTS)


def test_one_text_that_is_refused_does_not_take_others_along(service: Service) -> None:
    service.refuse = "cab 7"
    encoder = make(service, batch_size=32)
    rows = encoder.embed(TITLES, TEXTS)
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [7]
    assert 'for 1 of 20 passages: it answered 400 {"error": {"message": "too long"}}' in encoder.problem


def test_texts_too_long_for_a_service_are_shortened(service: Service) -> None:
    service.refuse = 600
    encoder = make(service, batch_size=32)
    rows = encoder.embed([""] * 3, ["a" * 1999, "b" * 700, "c"])
    assert np.allclose(rows, expect(["a" * 499, "b" * 350, "c"]), atol=1e-4)
    assert encoder.problem is None


def test_a_service_that_refuses_everything_is_given_up(service: Service) -> None:
    service.refuse = 0
    with pytest.raises(EncoderError, match="it answered 400"):
        make(service).embed([""] * 4, ["a" * 2000] * 4)
    assert len(service.requests) < 40


def test_whatever_characters_a_text_holds_are_sent(service: Service) -> None:
    rows = make(service).embed([""] * 3, ["a\ud800b", "\x00\u202ea", "🦑" * 9])
    assert np.isfinite(rows).all()


# The key

SECRET = "sk-very-secret-0123456789"


def test_the_key_goes_into_the_request_and_nowhere_else(
    service: Service, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Though the service repeats it in its answer."""
    caplog.set_level(0)
    monkeypatch.setenv(KEY_VARIABLE, f" {SECRET}\n")
    service.script = ["none", "bad key"]
    encoder = make(service, batch_size=32)
    encoder.embed(TITLES, TEXTS)
    with pytest.raises(EncoderError) as caught:
        encoder.embed(TITLES, TEXTS)
    assert service.keys == [f"Bearer {SECRET}"] * 2
    assert "Incorrect API key: ***" in str(caught.value)
    assert SECRET not in repr(encoder) + repr(vars(encoder)) + caplog.text
    assert not caplog.records


@pytest.mark.parametrize("key", [f"{SECRET}\nX-Evil: 1", f"{SECRET}é"])
def test_a_key_that_is_none_is_not_repeated(
    service: Service, monkeypatch: pytest.MonkeyPatch, key: str
) -> None:
    monkeypatch.setenv(KEY_VARIABLE, key)
    with pytest.raises(EncoderError, match=f"{KEY_VARIABLE} must be one line of plain ASCII") as caught:
        make(service).embed(TITLES, TEXTS)
    assert SECRET not in str(caught.value)
    assert not service.requests


def test_passwords_in_the_address_are_not_shown() -> None:
    nobody = Service(url=f"http://me:{SECRET}@127.0.0.1:9/v1?key={SECRET}")
    with pytest.raises(
        EncoderError, match=r"The endpoint http://127\.0\.0\.1:9/v1/embeddings gave"
    ) as caught:
        make(nobody).embed(["a"], ["b"])
    assert SECRET not in str(caught.value)


# Addresses, waits, identity


@pytest.mark.parametrize(
    ("given", "found"),
    [
        ("http://h:1", "http://h:1/v1/embeddings"),
        ("http://h:1/v1", "http://h:1/v1/embeddings"),
        ("http://h/v1/", "http://h/v1/embeddings"),
        ("http://h/v1/embeddings", "http://h/v1/embeddings"),
        ("https://h/api", "https://h/api/v1/embeddings"),
        ("https://h/openai/v2?api=1", "https://h/openai/v2/embeddings?api=1"),
        ("https://h/v1beta/openai/embeddings", "https://h/v1beta/openai/embeddings"),
    ],
)
def test_the_address_may_be_the_root_the_version_or_the_whole(given: str, found: str) -> None:
    assert locate_embeddings(given) == found


def test_an_address_is_shown_without_secrets() -> None:
    assert show_endpoint("https://me:pw@h:8/v1?key=1#x") == "https://h:8/v1"


def test_waits_are_seconds_or_a_date() -> None:
    assert read_wait("7") == 7
    assert read_wait("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert read_wait("Fri, 31 Dec 2500 23:59:59 GMT") > 1e9
    for value in ("", "-3", "soon", "1.5.2", "Fri, 99 Dec 2500"):
        assert read_wait(value) == 0


def test_an_endpoint_is_known_by_model_and_dimension(service: Service) -> None:
    settings = Settings(endpoint=service.url, model="nomic:latest")
    unknown = identify_encoder(settings)
    assert (unknown.digest, unknown.folder) == ("", None)
    assert not service.requests  # nothing is sent until something has to be embedded
    known = obtain_encoder(settings, unknown)
    assert known.digest == f"endpoint:nomic:latest:{DIMENSIONS}"
    assert service.requests[0]["input"] == ["dimension"]
    assert identify_encoder(settings, known) == known
    assert not identify_encoder(Settings(endpoint=service.url, model="other"), known).digest
    assert key_encoder(known, settings) != key_encoder(unknown, settings)
    rows = load_encoder(known, settings).embed(TITLES, TEXTS)
    assert np.allclose(rows, expect(TEXTS))


def test_going_back_to_a_local_model_forgets_the_endpoint(service: Service) -> None:
    remote = obtain_encoder(Settings(endpoint=service.url))
    local = identify_encoder(Settings(), remote)
    assert local.folder is not None
    assert not identify_encoder(Settings(endpoint=service.url), local).digest


def test_ctrl_c_ends_a_call_at_once(service: Service) -> None:
    """The service would take a minute; the process is given seconds."""
    service.pause = 4
    code = f"""
from pelican_related_embeddings.encoders.encoder import Model, load_encoder
from pelican_related_embeddings.settings import Settings
settings = Settings(endpoint={service.url!r}, batch_size=1, endpoint_concurrency=2)
load_encoder(Model("m", None, "endpoint:m:4"), settings).embed([""] * 30, ["text"] * 30)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stderr=subprocess.PIPE,
    )
    with process:
        wait_until(lambda: len(service.requests) == 2)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in error
    assert len(service.requests) == 2


# A whole build


def test_a_build_keeps_what_a_failing_service_sent(service: Service, topics: Site) -> None:
    """The next build asks for the rest, and the one after that for nothing."""
    settings = {"RELATED_EMBEDDINGS_ENDPOINT": service.url, "RELATED_EMBEDDINGS_MODEL": "m"}
    settings |= {"RELATED_EMBEDDINGS_BATCH_SIZE": 4, "RELATED_EMBEDDINGS_ENDPOINT_CONCURRENCY": 1}
    service.script = ["none", "none", "garbage", "none"]  # a probe, then nine texts in three batches
    first = topics.build(**settings)
    (warning,) = first.warnings()
    assert f"The endpoint {service.url}/v1/embeddings gave no vectors for 4 of 9 passages" in warning
    assert all(first.links(f"{topic}-{number}.html") for topic in TOPICS for number in range(3))
    service.requests.clear()
    assert topics.build(**settings).warnings() == []
    assert sum(service.sizes) == 1 + 4
    service.requests.clear()
    assert topics.build(**settings).warnings() == []
    assert service.requests == []


# A real service


def test_a_real_service_tells_topics_apart_across_languages(real_service: str) -> None:
    settings = Settings(endpoint=real_service, model="e5-query", batch_size=2)
    model = obtain_encoder(settings)
    assert model.digest == "endpoint:e5-query:384"
    texts = [
        "Knead the dough and bake the bread in a hot oven.",
        "Pétrissez la pâte et cuisez le pain dans un four chaud.",
        "SQLite keeps a whole database in one file.",
        "SQLite garde toute une base de données dans un fichier.",
    ]
    rows = load_encoder(model, settings).embed([""] * 4, texts)
    scores = rows @ rows.T - 2 * np.eye(4)
    assert scores.argmax(axis=1).tolist() == [1, 0, 3, 2]
