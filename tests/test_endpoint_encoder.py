"""A service asked for vectors: a real one, and one that fails in every way that services do."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers.models import run_python
from helpers.service import DIMENSIONS, Service, embed
from helpers.sites import TOPICS, Site
from helpers.waiting import wait_until
from pelican_related_embeddings.encoders.encoder import (
    key_encoder,
    load_encoder,
    obtain_encoder,
    recall_model,
    remember_model,
)
from pelican_related_embeddings.encoders.endpoint_client import (
    CONCURRENCY,
    KEY_VARIABLE,
    Retries,
    locate_embeddings,
    read_wait,
)
from pelican_related_embeddings.encoders.endpoint_encoder import EndpointEncoder
from pelican_related_embeddings.encoders.libraries import is_installed
from pelican_related_embeddings.encoders.windows import normalise_rows
from pelican_related_embeddings.errors import EncoderError, SettingsError
from pelican_related_embeddings.settings import Settings, read_settings, show_url
from pelican_related_embeddings.store.cache import Cache

pytest.importorskip("httpx2", reason="pip install pelican-related-embeddings[endpoint]")

HASTE = Retries(attempts=3, first_wait=0.01, total=5)
TEXTS = [f"{'a' * (row % 7)} {'b' * (row % 5)} cab {row}" for row in range(20)]
TITLES = [""] * len(TEXTS)


@pytest.fixture(autouse=True)
def _no_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(KEY_VARIABLE, raising=False)


def make(service: Service, dimensions: int | None = None, **settings: Any) -> Any:
    chosen = Settings(endpoint=service.url, model="m", batch_size=settings.pop("batch_size", 5), **settings)
    return EndpointEncoder(chosen, dimensions, HASTE)


def expect(texts: list[str]) -> Any:
    return normalise_rows(np.array([embed(text) for text in texts], dtype=np.float32))


def test_vectors_come_in_order_and_of_unit_length(service: Service) -> None:
    service.script = ["backwards", "no index"]
    rows = make(service).embed(TITLES, TEXTS)
    assert rows.dtype == np.float32
    assert np.allclose(rows, expect(TEXTS))
    assert service.sizes == [5, 5, 5, 5]
    assert {request["model"] for request in service.requests} == {"m"}
    assert {request["path"] for request in service.requests} == {"/v1/embeddings"}


def test_no_more_requests_than_allowed_are_made_at_one_time(service: Service) -> None:
    service.pause = 0.05
    make(service, batch_size=1).embed(TITLES, TEXTS)
    assert service.busiest == CONCURRENCY
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


@pytest.mark.parametrize("fault", ["busy", "starting", "drop", "drip"])
def test_a_passing_fault_is_tried_again(service: Service, fault: str) -> None:
    service.script = [fault, fault]
    rows = make(service, endpoint_timeout=0.5, batch_size=32).embed(TITLES, TEXTS)
    assert np.allclose(rows, expect(TEXTS))
    assert service.sizes == [20, 20, 20]


def test_the_wait_that_a_service_asks_for_is_kept(service: Service) -> None:
    """Two of its seconds are more than is waited in all here; five of our own waits would be less."""
    service.script = ["busy, one second"] * 9
    chosen = Settings(endpoint=service.url, model="m")
    with pytest.raises(EncoderError, match=r"it answered 429 \{\}, after 2 attempts"):
        EndpointEncoder(chosen, None, Retries(attempts=5, first_wait=0.01, total=1.5)).embed(TITLES, TEXTS)


def test_a_wait_longer_than_the_time_left_is_not_begun(service: Service) -> None:
    """An hour would be waited out otherwise; there is one request and an answer."""
    service.script = ["busy for an hour"] * 9
    with pytest.raises(EncoderError, match="it answered 429"):
        make(service, batch_size=32).embed(TITLES, TEXTS)
    assert service.sizes == [20]


@pytest.mark.parametrize(
    ("fault", "said", "requests"),
    [
        ("starting", "it answered 503 <h1>starting</h1>, after 3 attempts", 3),
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
        ("one index", "the indexes of its 20 vectors are not 0 to 19", 1),
        ("from one", "the indexes of its 20 vectors are not 0 to 19", 1),
        ("odd index", "the indexes of its 20 vectors are not 0 to 19", 1),
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
    encoder = make(service, DIMENSIONS)
    rows = encoder.embed(TITLES, TEXTS)
    lost = [text.strip() in service.requests[1]["input"] for text in TEXTS]
    kept = [row for row in range(20) if not lost[row]]
    assert np.allclose(rows[kept], expect([TEXTS[row] for row in kept]))
    assert np.isnan(rows[lost]).all()
    assert sum(lost) == 5
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
    with pytest.raises(EncoderError, match="it sent 4 dimensions instead of 384"):
        make(service, dimensions=384).embed(TITLES, TEXTS)


@pytest.mark.parametrize("batch_size", [1, 2, 5, 32])
def test_texts_that_are_refused_take_no_others_along(service: Service, batch_size: int) -> None:
    service.refuse = "cab 1"
    encoder = make(service, batch_size=batch_size)
    rows = encoder.embed(TITLES, TEXTS)
    refused = [1, *range(10, 20)]
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == refused
    assert 'for 11 of 20 passages: it answered 400 {"error": {"message": "too long"}}' in encoder.problem


@pytest.mark.parametrize("batch_size", [1, 32])
def test_texts_that_are_refused_before_any_other_take_no_others_along(
    service: Service, batch_size: int
) -> None:
    service.refuse = "poison"
    texts = ["poison"] * 12 + ["cab"] * 3
    rows = make(service, DIMENSIONS, batch_size=batch_size).embed([""] * 15, texts)
    assert np.flatnonzero(np.isfinite(rows).all(axis=1)).tolist() == [12, 13, 14]


def test_a_text_on_which_a_service_fails_takes_no_others_along(service: Service) -> None:
    """Some answer 500 in place of refusing: it is tried twice, and then in halves like a refused one."""
    service.crash = "cab 7"
    encoder = make(service, DIMENSIONS, batch_size=32)
    rows = encoder.embed(TITLES, TEXTS)
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [7]
    assert "for 1 of 20 passages: it answered 500" in encoder.problem
    assert len(service.requests) < 20


def test_texts_that_are_all_that_is_left_are_refused_and_the_service_is_not(service: Service) -> None:
    """The next builds ask for them alone."""
    service.refuse = "cab"
    encoder = make(service, DIMENSIONS)
    assert np.isnan(encoder.embed(["", ""], ["cab", "cabbage"])).all()
    assert "it answered 400" in encoder.problem


def test_a_text_that_is_refused_at_any_length_costs_few_requests(service: Service) -> None:
    service.refuse = "poison"
    texts = [f"{'poison ' * (row == 40)}{'word ' * 400}" for row in range(64)]
    rows = make(service, DIMENSIONS, batch_size=32).embed([""] * 64, texts)
    assert np.flatnonzero(np.isnan(rows).any(axis=1)).tolist() == [40]
    assert len(service.requests) <= 16


def test_texts_too_long_for_a_service_are_shortened(service: Service) -> None:
    service.refuse = 600
    encoder = make(service, batch_size=32)
    rows = encoder.embed([""] * 3, ["a" * 1999, "b" * 700, "c"])
    assert np.allclose(rows, expect(["a" * 499, "b" * 350, "c"]), atol=1e-4)
    assert encoder.problem is None


def test_a_service_that_refuses_everything_is_given_up(service: Service) -> None:
    service.refuse = 0
    with pytest.raises(EncoderError, match="it answered 400"):
        make(service, batch_size=32).embed([""] * 64, ["a" * 2000] * 64)
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


def put_secrets(url: str, user: str = f"jane:{SECRET}", query: str = f"api-version=2&key={SECRET}") -> str:
    return f"{url.replace('//', f'//{user}@')}/v1?{query}"


@pytest.mark.parametrize(
    ("user", "query"),
    [
        (f"jane:{SECRET}", "api-version=2"),
        ("jane:p%40ss%2Fword-0123", ""),
        ("jane", f"key={SECRET}"),
        ("jane", SECRET),
        ("jane", "key=p%40ss%2Fword-0123&x=1"),
        (f"{SECRET}:", f"a={SECRET[:9]}&b={SECRET}"),
    ],
)
def test_secrets_in_the_address_are_in_no_message(service: Service, user: str, query: str) -> None:
    """Though the service repeats them: the path, the user, what it decoded of them."""
    service.script = ["echo"]
    asked = Service(url=put_secrets(service.url, user, query))
    with pytest.raises(
        EncoderError, match=rf"The endpoint {service.url}/v1/embeddings gave no vectors"
    ) as caught:
        make(asked, batch_size=32).embed(TITLES, TEXTS)
    said = str(caught.value)
    assert "it answered 404" in said
    assert service.requests[0]["path"].endswith(query)
    for secret in (SECRET, "p%40ss%2Fword-0123", "p@ss/word-0123", "amFuZT", "c2stdm"):
        assert secret not in said


def test_secrets_in_the_address_are_in_no_message_where_nobody_answers() -> None:
    nobody = Service(url=put_secrets("http://127.0.0.1:9"))
    with pytest.raises(
        EncoderError, match=r"The endpoint http://127\.0\.0\.1:9/v1/embeddings gave"
    ) as caught:
        make(nobody).embed(["a"], ["b"])
    assert SECRET not in str(caught.value)


# Addresses and waits


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


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://me:pw@h:8/v1?key=1#x", "https://h:8/v1"),
        ("https://h/v1/@x", "https://h/v1/@x"),
        ("http://me:pw@h:99999/v1?key=pw", "http://h:99999/v1"),
        ("http://me:p/w@h/v1", "http://h/v1"),
        ("http://me:p?w@h/v1", "http://h/v1"),
        ("http://me:pw@[::1", "http://[::1"),
    ],
)
def test_an_address_is_shown_without_secrets(url: str, shown: str) -> None:
    assert show_url(url) == shown


@pytest.mark.parametrize(
    "url",
    [
        "http://localhost:114340",
        "http://localhost:99999",
        "http://localhost:0",
        "http://localhost:port",
        "http://localhost:-1",
        "http://[::1",
        "http://[::1:8080",
        "http://::1]",
        "http://[localhost]",
        "http://",
        "http:///v1",
        "http://:8080",
        "http://local host",
        "http://localhost\n",
        "http://localhost/\0",
        "localhost:8080",
    ],
)
def test_an_address_that_is_none_is_a_wrong_setting(url: str) -> None:
    with pytest.raises(SettingsError, match="RELATED_EMBEDDINGS_ENDPOINT must be a URL"):
        read_settings({"RELATED_EMBEDDINGS_ENDPOINT": url})
    with pytest.raises(SettingsError) as caught:
        read_settings({"RELATED_EMBEDDINGS_ENDPOINT": put_secrets(url)})
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("url", ["http://[::1]:8080", "https://bücher.example/v1", "http://127.0.0.1:65535"])
def test_addresses_of_every_kind_are_settings(url: str) -> None:
    assert read_settings({"RELATED_EMBEDDINGS_ENDPOINT": url}).endpoint == url


def test_waits_are_seconds_or_a_date() -> None:
    assert read_wait("7") == 7
    assert read_wait("Thu, 01 Jan 1970 00:00:00 GMT") == 0
    assert read_wait("Fri, 31 Dec 2500 23:59:59 GMT") > 1e9
    for value in ("", "-3", "soon", "1.5.2", "Fri, 99 Dec 2500"):
        assert read_wait(value) == 0


# The environment

ELSEWHERE = "http://192.0.2.1"  # an address that nobody has


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("SSL_CERT_FILE", "/no/such/file", "SSL_CERT_FILE .*is invalid .FileNotFoundError"),
        ("SSL_CERT_FILE", __file__, "SSL_CERT_FILE .*is invalid .SSLError"),
        ("HTTP_PROXY", f"ftp://me:{SECRET}@proxy", "HTTP_PROXY is invalid .ValueError: Unknown scheme"),
        ("HTTP_PROXY", f"http://me:{SECRET}@proxy:port", "HTTP_PROXY is invalid .*port"),
        ("https_proxy", "http://[::1", "HTTPS_PROXY is invalid"),
        (
            "ALL_PROXY",
            f"socks5://me:{SECRET}@127.0.0.1:9",
            'ALL_PROXY needs socksio. .*"pip install socksio"',
        ),
        ("HTTP_PROXY", f"http://me:{SECRET}@127.0.0.1:99999", "proxy http://127.0.0.1:99999; .*port must be"),
        ("HTTP_PROXY", f"me:{SECRET}@127.0.0.1:9", "proxy http://127.0.0.1:9; NO_PROXY .*ConnectError"),
        ("ALL_PROXY", f"http://me:{SECRET}@127.0.0.1:9", "proxy http://127.0.0.1:9; NO_PROXY .*ConnectError"),
    ],
)
def test_what_is_wrong_in_the_environment_is_named(
    service: Service, monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str
) -> None:
    """It does not concern a service on this machine, which is asked directly."""
    if "socks" in value and is_installed("socksio"):
        pytest.skip("socksio is installed")
    monkeypatch.setenv(name, value)
    with pytest.raises(EncoderError, match=said) as caught:
        make(Service(url=ELSEWHERE)).embed(["a"], ["b"])
    assert SECRET not in str(caught.value)
    assert "[endpoint]" not in str(caught.value)
    assert np.allclose(make(service).embed(TITLES, TEXTS), expect(TEXTS))


def test_a_proxy_is_used_for_other_machines(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", service.url)
    service.script = ["bad key"] * 4
    with pytest.raises(EncoderError, match=rf"through the proxy {service.url}; .*it answered 401"):
        make(Service(url=ELSEWHERE)).embed(TITLES, TEXTS)
    assert service.requests[0]["path"] == f"{ELSEWHERE}/v1/embeddings"


def test_a_library_that_cannot_be_imported_is_named(service: Service) -> None:
    code = f"""
import sys
sys.modules["httpx2"] = None
from pelican_related_embeddings.encoders.endpoint_encoder import probe_endpoint
from pelican_related_embeddings.errors import EncoderError
from pelican_related_embeddings.settings import Settings
try:
    probe_endpoint(Settings(endpoint={service.url!r}))
except EncoderError as error:
    print(error)
"""
    said = run_python(code)
    assert "needs httpx2, " in said
    assert "pelican-related-embeddings[endpoint]" in said


# Identity


@pytest.fixture
def cache(tmp_path: Path) -> Cache:
    return Cache(tmp_path / "cache.sqlite", pytest.fail)


def test_an_endpoint_is_known_by_model_and_dimension(service: Service, cache: Cache) -> None:
    settings = Settings(endpoint=service.url, model="nomic:latest")
    unknown = recall_model(settings, cache)
    assert (unknown.digest, unknown.folder) == ("", None)
    assert not service.requests  # nothing is sent until something has to be embedded
    known = obtain_encoder(settings, unknown)
    assert known.digest.endswith(f":{DIMENSIONS}")
    assert service.requests[0]["input"] == ["dimension"]
    remember_model(known, settings, cache)
    assert recall_model(settings, cache) == known
    assert recall_model(replace(settings, endpoint="http://elsewhere"), cache) == known
    assert not recall_model(replace(settings, model="other"), cache).digest
    assert key_encoder(known, settings) != key_encoder(unknown, settings)
    rows = load_encoder(known, settings).embed(TITLES, TEXTS)
    assert np.allclose(rows, expect(TEXTS))


def test_a_local_model_and_an_endpoint_of_the_same_name_are_two(service: Service, cache: Cache) -> None:
    remote = obtain_encoder(Settings(endpoint=service.url))
    remember_model(remote, Settings(endpoint=service.url), cache)
    local = recall_model(Settings(), cache)
    assert local.folder is not None
    assert recall_model(Settings(endpoint=service.url), cache) == remote
    assert key_encoder(local, Settings()) != key_encoder(local, Settings(endpoint=service.url))


def test_a_service_that_refuses_the_first_question_has_no_dimension(service: Service) -> None:
    service.refuse = "dimension"
    with pytest.raises(EncoderError, match="it answered 400"):
        obtain_encoder(Settings(endpoint=service.url))


def test_ctrl_c_ends_a_call_at_once(service: Service) -> None:
    """The service would take a minute; the process is given seconds."""
    service.pause = 4
    code = f"""
from pelican_related_embeddings.encoders.encoder import load_encoder
from pelican_related_embeddings.encoders.model import Model
from pelican_related_embeddings.settings import Settings
settings = Settings(endpoint={service.url!r}, batch_size=1)
load_encoder(Model("m", None, "m:4"), settings).embed([""] * 30, ["text"] * 30)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parent.parent)},
        stderr=subprocess.PIPE,
    )
    with process:
        wait_until(lambda: len(service.requests) == CONCURRENCY)
        process.send_signal(signal.SIGINT)
        _, error = process.communicate(timeout=30)
    assert b"KeyboardInterrupt" in error
    assert len(service.requests) == CONCURRENCY


# A whole build


def test_a_build_keeps_what_a_failing_service_sent(service: Service, topics: Site) -> None:
    """The next build asks for the rest, and the one after that for nothing."""
    settings = {"RELATED_EMBEDDINGS_ENDPOINT": service.url, "RELATED_EMBEDDINGS_MODEL": "m"}
    settings |= {"RELATED_EMBEDDINGS_BATCH_SIZE": 3}
    service.script = ["none", "none", "garbage", "none"]  # a probe, then nine texts in three batches
    first = topics.build(**settings)
    (warning,) = first.warnings()
    assert f"The endpoint {service.url}/v1/embeddings gave no vectors for 3 of 9 passages" in warning
    assert all(first.links(f"{topic}-{number}.html") for topic in TOPICS for number in range(3))
    service.requests.clear()
    assert topics.build(**settings).warnings() == []
    assert sum(service.sizes) == 1 + 3
    service.requests.clear()
    assert topics.build(**settings).warnings() == []
    assert service.requests == []


@pytest.mark.parametrize(
    ("variable", "value"),
    [("HTTP_PROXY", "ftp://proxy"), ("SSL_CERT_FILE", "/no/such"), ("HTTP_PROXY", "x:99999")],
)
def test_an_environment_that_is_wrong_costs_the_new_vectors_only(
    service: Service, topics: Site, monkeypatch: pytest.MonkeyPatch, variable: str, value: str
) -> None:
    """The service has moved to another machine, and is known by its model: the cached vectors are in use."""
    settings = {"RELATED_EMBEDDINGS_ENDPOINT": service.url, "RELATED_EMBEDDINGS_MODEL": "m"}
    topics.build(**settings)
    settings["RELATED_EMBEDDINGS_ENDPOINT"] = ELSEWHERE
    monkeypatch.setenv(variable, value)
    topics.post("new", "Rye bread with caraway.", category="bread")
    built = topics.build(**settings)
    (warning,) = built.warnings()
    assert variable in warning or "through the proxy http://x:99999" in warning
    assert "1 of 10 articles" in warning
    assert all(built.links(f"{topic}-{number}.html") for topic in TOPICS for number in range(3))


# A real service


def test_a_real_service_tells_topics_apart_across_languages(real_service: str) -> None:
    settings = Settings(endpoint=real_service, model="e5-query", batch_size=2)
    model = obtain_encoder(settings)
    assert model.digest.endswith(":384")
    texts = [
        "Knead the dough and bake the bread in a hot oven.",
        "Pétrissez la pâte et cuisez le pain dans un four chaud.",
        "SQLite keeps a whole database in one file.",
        "SQLite garde toute une base de données dans un fichier.",
    ]
    rows = load_encoder(model, settings).embed([""] * 4, texts)
    scores = rows @ rows.T - 2 * np.eye(4)
    assert scores.argmax(axis=1).tolist() == [1, 0, 3, 2]
