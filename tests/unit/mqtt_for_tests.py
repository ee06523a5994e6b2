"""MQTT brokers and collectors as processes of their own, and a workflow of meters, for tests and benchmarks.

Stays out: asserting.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from lakemill.collection import Credentials
from lakemill.collection.delivery import Request
from lakemill.config import Workflow
from lakemill.exceptions import CollectionError
from lakemill.lake import Lake

PLUGINS = Path(__file__).resolve().parents[2] / "plugins"
NOW = datetime(2024, 3, 5, tzinfo=timezone.utc)
COLLECT = """
import os, sys
from rich.console import Console
from lakemill.cli.collecting import collect_until_told
from lakemill.cli.connections import EnvironmentConnections
from lakemill.config import Workflow
from lakemill.lake import Lake

workflow = Workflow.model_validate_json(sys.argv[1])
connections = EnvironmentConnections(os.environ)
collect_until_told(
    workflow, None, Lake(sys.argv[2], "plant"), connections=connections, broker=sys.argv[3], console=Console()
)
"""


class NoConnections:
    """Connections where there are none but those given."""

    def __init__(self, **known: Credentials) -> None:
        self._known = known

    def credentials(self, connection: str) -> Credentials:
        if connection not in self._known:
            raise CollectionError(f"no connection {connection!r}")
        return self._known[connection]

    def engine(self, connection: str) -> Any:
        raise CollectionError(f"no database {connection!r}")


class Running:
    """A process of a test, with its log; as a context it is ended."""

    def __init__(self, command: list[str], log: Path, **options: Any) -> None:
        self.log = log
        environment = {**os.environ, "PYTHONPATH": str(PLUGINS)}
        with log.open("ab") as file:
            self.process = subprocess.Popen(command, stdout=file, stderr=file, env=environment, **options)

    def __enter__(self) -> "Running":
        return self

    def __exit__(self, *error: object) -> None:
        self.end()

    def kill(self) -> None:
        """End it as a loss of power would."""
        self.process.kill()
        self.process.wait()

    def end(self, seconds: float = 5.0) -> int:
        """Ask it to end, and wait; if it does not, kill it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(seconds)
            except subprocess.TimeoutExpired:
                self.kill()
        return self.process.returncode


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def wait_until(holds: Callable[[], object], seconds: float = 30.0) -> None:
    deadline = time.monotonic() + seconds
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not so after {seconds} s")
        time.sleep(0.02)


def is_listening(port: int) -> bool:
    try:
        socket.create_connection(("127.0.0.1", port), timeout=1).close()
    except OSError:
        return False
    return True


def start_embedded(port: int, folder: Path) -> Running:
    """The broker of an embedded installation."""
    broker = Running([sys.executable, "-m", "lakemill.cli.embedded.broker", str(port)], folder / "broker.log")
    wait_until(lambda: is_listening(port))
    return broker


def start_mosquitto(port: int, folder: Path, *settings: str) -> Running:
    """A mosquitto that keeps its sessions and their messages in a folder, without a limit of their number."""
    store = folder / "mosquitto"
    store.mkdir(exist_ok=True)
    lines = [
        f"listener {port} 127.0.0.1",
        *([] if any("allow_anonymous" in line for line in settings) else ["allow_anonymous true"]),
        "persistence true",
        f"persistence_location {store}/",
        "max_queued_messages 0",
        *(["user root"] if os.getuid() == 0 else []),
        *settings,
    ]
    (folder / "mosquitto.conf").write_text("\n".join(lines) + "\n")
    broker = Running(["/usr/sbin/mosquitto", "-c", str(folder / "mosquitto.conf")], folder / "mosquitto.log")
    wait_until(lambda: is_listening(port))
    return broker


def make_plant(broker: str, **source: Any) -> Workflow:
    """A workflow by day from 2024-03-01 in Paris: meters of houses, and when each measured how much."""
    said = {
        "kind": "mqtt",
        "broker": broker,
        "topic": "house/{house}/power",
        "event_time": "at",
        "key": ["house", "at"],
        "every": "0.2 seconds",
    }
    return Workflow.model_validate(
        {
            "workflow": "plant",
            "description": "How much is used?",
            "partition": {"every": "day", "start": "2024-03-01", "timezone": "Europe/Paris"},
            "collect": {"meters": {**said, **source}},
            "table": {
                "key": ["house", "at"],
                "event_time": "at",
                "label": {"column": "watts", "problem": "regression", "known_after": "0 days"},
            },
            "features": {"numeric": ["volts"]},
            "train": {
                "metric": "mean_absolute_error",
                "candidates": {"plain": {"estimator": "sklearn.linear_model.LinearRegression"}},
            },
        }
    )


def as_argument(workflow: Workflow) -> str:
    return json.dumps(workflow.model_dump(exclude_unset=True), default=lambda one: f"{one.total_seconds()} seconds")


def start_collecting(workflow: Workflow, lake: Lake, folder: Path, *, broker: str = "", **options: Any) -> Running:
    """``lakemill collect`` as a process, subscribed."""
    was = lake.read_document("collectors/meters")
    command = [sys.executable, "-c", COLLECT, as_argument(workflow), lake.address, broker]
    collecting = Running(command, folder / "collect.log", **options)
    try:
        wait_until(
            lambda: lake.read_document("collectors/meters") not in (None, was) or collecting.process.poll() is not None
        )
        assert collecting.process.poll() is None, collecting.log.read_text()
    except BaseException:
        collecting.end()
        raise
    return collecting


def make_request(workflow: Workflow, lake: Lake, key: str, scratch: Path | None = None) -> Request:
    """What the step asks of the source for a partition."""
    lake.local_folder.mkdir(parents=True, exist_ok=True)
    scratch = scratch or Path(tempfile.mkdtemp(dir=lake.local_folder.parent))
    return Request("meters", workflow.partition, key, lake, Path(), "plant: meters", NoConnections(), scratch)


def write_reading(house: int, at: str, watts: float = 1.5, **more: Any) -> bytes:
    return json.dumps({"at": at, "watts": watts, "volts": 230, **more}).encode()
