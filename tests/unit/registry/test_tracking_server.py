"""The registry on a tracking server elsewhere: one setting, the same behaviour."""

import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.request import urlopen

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.registry.models import Fitted, Registry

SECONDS_TO_START = 120


@pytest.fixture
def server(open_registry: Callable[[Workflow], Registry], tmp_path: Path) -> Iterator[str]:
    open_registry(make_workflow())  # its database has MLflow's tables already
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"http://127.0.0.1:{port}"
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{tmp_path / 'mlflow.db'}"]
    environment = {**os.environ, "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"}
    with (tmp_path / "server.log").open("w") as told:
        running = subprocess.Popen(command, stdout=told, stderr=told, env=environment, start_new_session=True)
    try:
        deadline = time.monotonic() + SECONDS_TO_START
        while not answers(f"{address}/health"):
            assert running.poll() is None, (tmp_path / "server.log").read_text()
            assert time.monotonic() < deadline, (tmp_path / "server.log").read_text()
            time.sleep(0.3)
        yield address
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def answers(url: str) -> bool:
    try:
        with urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False


@pytest.mark.thorough
def test_models_are_kept_found_loaded_and_put_in_charge_over_http(server: str, tmp_path: Path) -> None:
    registry = Registry(make_workflow(), address=server, artifacts=str(tmp_path / "models"))
    pipeline = Pipeline([("estimate", DummyClassifier())]).fit([[0.0], [1.0]], ["no", "yes"])
    as_of = datetime(2020, 1, 2, tzinfo=UTC)

    version = registry.add(Fitted(pipeline, "abc", as_of, {"C": 1}, {"rows_train": 2.0}, {"kept": [1]}))
    registry.point("champion", version)
    registry.keep_files(version, {"model_card.md": b"# small"})

    assert (registry.find("abc"), registry.champion()) == (version, version)
    assert registry.details(version) == {"kept": [1]}
    assert registry.load(version).predict([[0.0]]).tolist() == pipeline.predict([[0.0]]).tolist()
    with pytest.raises(RegistryError, match="cannot be loaded"):
        registry.load("7")
