"""A small Airflow of HTTP alone, and a project of two workflow files."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

WORKFLOW = """
workflow: {name}
description: Is this big?
partition: {{every: day, start: 2020-01-01, end: 2020-01-03}}
collect: {{items: {{path: "items_{{partition}}.csv"}}}}
table: {{key: [id], event_time: at, label: {{column: label, problem: classification}}}}
features: {{numeric: [size]}}
train:
  metric: roc_auc
  candidates: {{plain: {{estimator: sklearn.linear_model.LogisticRegression}}}}
"""


@dataclass
class Request:
    """What came in."""

    method: str
    path: str
    query: dict[str, str]
    body: Any


@dataclass
class SmallAirflow:
    """A server on the loopback that answers as it is told, and remembers what it was asked."""

    url: str
    routes: dict[tuple[str, str], Callable[[Request], Any]] = field(default_factory=dict)
    asked: list[Request] = field(default_factory=list)

    def answer(self, method: str, path: str, reply: Any) -> None:
        """Set the answer to a path: a value, a function of the request, or (status, value)."""
        self.routes[method, path] = reply if callable(reply) else lambda request: reply

    def bodies(self, method: str, path: str) -> list[Any]:
        return [one.body for one in self.asked if (one.method, one.path) == (method, path)]


@pytest.fixture
def airflow() -> Iterator[SmallAirflow]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_any(self) -> None:
            parts = urlsplit(self.path)
            length = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(length)) if length else None
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            request = Request(self.command, parts.path.removeprefix("/api/v2"), query, body)
            small.asked.append(request)
            route = small.routes.get((request.method, request.path))
            reply = route(request) if route else (404, {"detail": "not found"})
            if reply is None:  # as a server that is restarted
                self.close_connection = True
                return
            status, content = reply if isinstance(reply, tuple) else (200, reply)
            raw = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = do_PUT = handle_any

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    small = SmallAirflow(f"http://127.0.0.1:{server.server_port}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield small
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with the workflow ``small``; the settings point to it."""
    folder = tmp_path / "include" / "workflows"
    folder.mkdir(parents=True)
    (folder / "small.yaml").write_text(WORKFLOW.format(name="small"))
    for name in ("LAKE", "REGISTRY", "ARTIFACTS", "STUDIES", "BROKER"):
        monkeypatch.delenv(f"LAKEMILL_{name}", raising=False)
    monkeypatch.setenv("LAKEMILL_PROJECT", str(tmp_path))
    monkeypatch.setenv("LAKEMILL_STATE", str(tmp_path / "state"))
    return tmp_path
