"""One real installation for all tests that need Airflow: PostgreSQL, Airflow, a broker, a project of many workflows.

It is shared by the processes that tests are run in; the first to ask for it starts it, and it ends with the session.
"""

import fcntl
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import running_house
from house import House

from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.embedded import environment, find_running
from lakemill.config import Settings

START_SECONDS = 300
STARTED: list[subprocess.Popen[bytes]] = []  # kept, since a process that goes on is not to be forgotten


@pytest.fixture
def tmp_path() -> Iterator[Path]:
    """A folder outside of pytest's, which each start of pytest closes to others: as root PostgreSQL is such another."""
    with tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True) as folder:
        yield Path(folder)


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder that all processes of this session know, and that is deleted at its end."""
    return Path(os.environ["TESTS_SHARED"])


@pytest.fixture(scope="session")
def house(shared: Path) -> Iterator[House]:
    settings = find_house(shared)
    running = find_running(settings)
    assert running is not None

    def lakemill(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "lakemill.cli.main", *arguments]
        folders = {"LAKEMILL_PROJECT": str(settings.project), "LAKEMILL_STATE": str(settings.state)}
        env = {**os.environ, **folders}
        return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, cwd=settings.project)

    with AirflowApi(running.airflow_url) as api:
        yield House(settings, api, lakemill, environment(settings, running.port))


def find_house(shared: Path) -> Settings:
    """Return the settings of the house; start it where no process of this session has yet."""
    with (shared / "house.lock").open("wb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (shared / running_house.READY).exists():
            start_house(shared)
    return running_house.settings_in(shared)


def start_house(shared: Path) -> None:
    command = [sys.executable, running_house.__file__, str(shared), os.environ["TESTS_SESSION"]]
    with (shared / "house.log").open("wb") as log:
        starter = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    STARTED.append(starter)
    give_up_at = time.monotonic() + START_SECONDS
    while not (shared / running_house.READY).exists():
        assert starter.poll() is None, (shared / "house.log").read_text()
        assert time.monotonic() < give_up_at, (shared / "house.log").read_text()
        time.sleep(0.1)
