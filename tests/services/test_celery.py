"""The main job on CeleryExecutor: Redis as the broker, two workers, the same lake."""

import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import problems
import psutil
import pytest
from house import House

from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.embedded import environment, start, stop
from lakemill.config import Settings
from lakemill.lake.verdicts import read_verdicts

pytestmark = pytest.mark.integration

WORKERS = ("first", "second")


def free_port() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


def end_tree(process: subprocess.Popen) -> None:
    """End a process that this test started, with what it started itself."""
    try:
        family = [*psutil.Process(process.pid).children(recursive=True), psutil.Process(process.pid)]
    except psutil.NoSuchProcess:
        return
    for one in family:
        one.terminate()
    for one in psutil.wait_procs(family, timeout=10)[1]:
        one.kill()
    process.wait()


def spawn(stack: ExitStack, command: list[str], log: Path, **options: object) -> None:
    file = stack.enter_context(log.open("w"))
    process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True, **options)
    stack.callback(end_tree, process)


@pytest.fixture(scope="module")
def celery_house() -> Iterator[House]:
    assert shutil.which("redis-server"), "tests/services/run installs it"
    with ExitStack() as stack, pytest.MonkeyPatch.context() as patch:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="lakemill-", ignore_cleanup_errors=True)))
        project, state = folder / "project", folder / "state"
        problems.lay_out(project)
        problems.write_wines(project)
        state.mkdir()
        port = free_port()
        redis = ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
        spawn(stack, redis, folder / "redis.log")
        database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
        patch.setenv("LAKEMILL_AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
        patch.setenv("LAKEMILL_AIRFLOW__CELERY__BROKER_URL", f"redis://127.0.0.1:{port}/0")
        patch.setenv("LAKEMILL_AIRFLOW__CELERY__RESULT_BACKEND", "db+" + database.format("airflow"))
        settings = Settings(
            project=project,
            state=state,
            lake=str(state / "lake"),
            registry=database.format("mlflow"),
            artifacts=str(state / "models"),
            studies=database.format("studies"),
        )
        stack.callback(stop, settings, report=lambda phase: None)
        running = start(settings, attached=True, report=lambda phase: None)
        variables = environment(settings, running.port)
        for name in WORKERS:
            command = [sys.executable, "-m", "airflow", "celery", "worker", "--skip-serve-logs"]
            options = ["--celery-hostname", f"{name}@%h", "--concurrency", "1"]
            spawn(stack, [*command, *options], folder / f"{name}.log", env=variables)

        def lakemill(*arguments: str) -> subprocess.CompletedProcess[str]:
            command = [sys.executable, "-m", "lakemill.cli.main", *arguments]
            env = {**os.environ, "LAKEMILL_PROJECT": str(project), "LAKEMILL_STATE": str(state)}
            return subprocess.run(command, env=env, capture_output=True, text=True, timeout=900, cwd=project)

        with AirflowApi(running.airflow_url) as api:
            yield House(settings, api, lakemill, variables)


def test_the_main_job_runs_on_celery_workers(celery_house: House):
    began = time.monotonic()
    ended = celery_house.lakemill("run", "wines")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    print(f"three partitions on two Celery workers: {time.monotonic() - began:.0f} s")
    judged = read_verdicts(celery_house.lake("wines"), "monitoring")
    assert list(judged) == ["2020-01", "2020-02", "2020-03"]
    assert judged["2020-03"].evidence["score"] > 0.7


def test_both_workers_took_tasks(celery_house: House):
    celery_house.lakemill("run", "wines")
    logs = celery_house.settings.state.parent
    taken = {name: (logs / f"{name}.log").read_text().count("execute_workload") for name in WORKERS}
    assert min(taken.values()) > 0, taken
