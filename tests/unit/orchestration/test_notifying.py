"""Telling people of verdicts: real notifiers of Airflow, against real servers on the loopback."""

import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from email import message_from_bytes, policy
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from socketserver import StreamRequestHandler, ThreadingTCPServer
from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.orchestration import monitoring
from lakemill.orchestration.notifying import make_message, tell

KEY = "2020-01-02"
NOW = datetime(2020, 1, 5, tzinfo=UTC)
JUDGED = {
    "partition": KEY,
    "verdict": "alert",
    "reason": "data quality",
    "findings": [{"finding": "data_quality", "text": "{{ 7 * 7 }} <b> of {% rows %}"}],
}
HOOK = {"by": "webhook", "connection": "ops", "path": "alerts"}


@dataclass
class Server:
    """What came in at a server of HTTP, and what it answers."""

    port: int
    status: int = 200
    requests: list[tuple[str, dict[str, str], Any]] = field(default_factory=list)


@pytest.fixture
def server() -> Iterator[Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            held.requests.append((self.path, dict(self.headers), json.loads(body)))
            self.send_response(held.status)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    held = Server(listening.server_port)
    thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield held
    listening.shutdown()
    listening.server_close()
    thread.join()


@pytest.fixture
def mails() -> Iterator[tuple[int, list[bytes]]]:
    """A server that speaks as much SMTP as it takes to deliver: its port, and the mails that it was given."""
    received: list[bytes] = []

    class Handler(StreamRequestHandler):
        def handle(self) -> None:
            self.wfile.write(b"220 here\r\n")
            while line := self.rfile.readline():
                word = line[:4].strip().upper()
                if word == b"DATA":
                    self.wfile.write(b"354 go on\r\n")
                    received.append(b"".join(iter(self.rfile.readline, b".\r\n")))
                if word == b"QUIT":
                    self.wfile.write(b"221 bye\r\n")
                    return
                self.wfile.write(b"250 ok\r\n")

    with ThreadingTCPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        thread.start()
        yield listening.server_address[1], received
        listening.shutdown()
        thread.join()


@pytest.fixture
def connect(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Function that makes a connection known to Airflow, by the environment."""

    def connect(name: str, **fields: Any) -> None:
        monkeypatch.setenv(f"AIRFLOW_CONN_{name.upper()}", json.dumps(fields))

    return connect


def telling(*ways: dict[str, Any]) -> Workflow:
    return make_workflow(notify=list(ways))


def test_a_webhook_is_told_all_as_json(lake: Lake, server: Server, connect: Callable[..., None]) -> None:
    headers = {"Authorization": "Bearer secret"}
    connect("ops", conn_type="http", host="127.0.0.1", port=server.port, schema="http", extra=headers)

    told = tell(telling(HOOK), lake, JUDGED, {}, now=NOW)

    ((path, sent, body),) = server.requests
    assert told == {"told": ["0: webhook"], "failed": {}}
    assert (path, sent["Authorization"], sent["Content-Type"]) == ("/alerts", "Bearer secret", "application/json")
    assert {name: body[name] for name in ("partition", "verdict", "reason", "findings")} == JUDGED
    assert body["workflow"] == "small"
    assert body["text"].splitlines()[:2] == ["small 2020-01-02: alert", "data quality"]


def test_an_email_is_sent(lake: Lake, mails: tuple[int, list[bytes]], connect: Callable[..., None]) -> None:
    port, received = mails
    extra = {"disable_ssl": True, "disable_tls": True, "from_email": "lake@example.org"}
    connect("post", conn_type="smtp", host="127.0.0.1", port=port, extra=extra)
    way = {"by": "email", "to": ["ops@example.org", "ml@example.org"], "connection": "post"}

    assert tell(telling(way), lake, JUDGED, {}, now=NOW)["failed"] == {}

    (mail,) = (message_from_bytes(one, policy=policy.default) for one in received)
    assert (mail["Subject"], mail["From"]) == ("small 2020-01-02: alert", "lake@example.org")
    assert "ops@example.org" in mail["To"]
    text = mail.get_body(("html",)).get_content()
    assert "{{ 7 * 7 }} &lt;b&gt; of {% rows %}" in text


def test_slack_is_told_by_its_webhook(lake: Lake, server: Server, connect: Callable[..., None]) -> None:
    pytest.importorskip("airflow.providers.slack")
    connect("chat", conn_type="slackwebhook", host=f"http://127.0.0.1:{server.port}/services", password="T0/B0/key")

    assert tell(telling({"by": "slack", "connection": "chat"}), lake, JUDGED, {}, now=NOW)["failed"] == {}

    ((path, _, body),) = server.requests
    assert path == "/services/T0/B0/key"
    assert body["text"] == make_message(make_workflow(), JUDGED)["text"]


def test_the_log_is_told(lake: Lake, caplog: pytest.LogCaptureFixture) -> None:
    tell(make_workflow(), lake, JUDGED, {}, now=NOW)

    assert [one.getMessage() for one in caplog.records if one.levelname == "WARNING"] == [
        "small 2020-01-02: alert\ndata quality\n- data_quality: {{ 7 * 7 }} <b> of {% rows %}"
    ]


def test_one_that_fails_fails_nothing_and_is_tried_again_alone(
    lake: Lake, server: Server, connect: Callable[..., None]
) -> None:
    connect("ops", conn_type="http", host="127.0.0.1", port=server.port, schema="http")
    workflow = telling({**HOOK, "connection": "nobody_knows"}, HOOK)

    first = tell(workflow, lake, JUDGED, {}, now=NOW)
    connect("nobody_knows", conn_type="http", host="127.0.0.1", port=server.port, schema="http")
    second = tell(workflow, lake, JUDGED, {}, now=NOW)

    assert first["told"] == ["1: webhook"]
    assert "nobody_knows" in first["failed"]["0: webhook"]
    assert second == {"told": ["1: webhook", "0: webhook"], "failed": {}}
    assert len(server.requests) == 2


def test_a_server_that_refuses_is_said_and_kept(lake: Lake, server: Server, connect: Callable[..., None]) -> None:
    server.status = 500
    connect("ops", conn_type="http", host="127.0.0.1", port=server.port, schema="http")

    failed = tell(telling(HOOK), lake, JUDGED, {}, now=NOW)["failed"]

    assert "500" in failed["0: webhook"]
    assert lake.read_document(f"notifications/{KEY}")["failed"] == failed


def test_the_same_verdict_is_told_once_and_another_one_again(
    lake: Lake, server: Server, connect: Callable[..., None]
) -> None:
    connect("ops", conn_type="http", host="127.0.0.1", port=server.port, schema="http")
    for judged in (JUDGED, JUDGED, {**JUDGED, "verdict": "retrain"}):
        tell(telling(HOOK), lake, judged, {}, now=NOW)

    assert [body["verdict"] for _, _, body in server.requests] == ["alert", "retrain"]


@pytest.mark.parametrize(
    ("asked", "verdict", "is_told"),
    [
        ({}, "nothing", False),
        ({}, "note", False),
        ({}, "alert", True),
        ({}, "retrain", True),
        ({}, "roll back", True),
        ({}, "blocked", True),
        ({"about": ["alert"]}, "blocked", False),
        ({"about": ["note"]}, "note", True),
        ({"about": ["note"]}, "alert", False),
        ({"within": "2 days"}, "alert", True),  # the partition ended exactly two days before
        ({"within": "47 hours"}, "alert", False),
    ],
)
def test_who_is_told_of_what(lake: Lake, asked: dict[str, Any], verdict: str, is_told: bool) -> None:
    workflow = telling({"by": "log", **asked})

    told = tell(workflow, lake, {**JUDGED, "verdict": verdict}, {}, now=NOW)["told"]

    assert told == (["0: log"] if is_told else [])
    assert NOW - workflow.partition.interval(KEY).end == timedelta(days=2)


def test_the_task_says_what_it_did_and_does_not_fail(
    workflow: Workflow, lake: Lake, run_of: Callable[..., None]
) -> None:
    run_of(KEY)

    assert monitoring.notify.function("small", JUDGED) == {"told": ["0: log"], "failed": {}}


@pytest.mark.parametrize(
    ("way", "message"),
    [
        ({"by": "pigeon"}, "pigeon"),
        ({"by": "webhook"}, "connection"),
        ({"by": "email", "to": []}, "at least 1"),
        ({"by": "log", "about": ["shouting"]}, "shouting|nothing"),
        ({"by": "slack", "token": "xoxb"}, "token"),
    ],
)
def test_a_way_that_is_none_is_refused(way: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        telling(way)
