"""The embedded installation with real services: each full start costs ten to thirty seconds, so there are few."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from lakemill.cli.embedded import installation
from lakemill.cli.embedded.processes import find_marked
from lakemill.config.settings import Settings
from lakemill.exceptions import ServiceError

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

DOZING_DAG = """
import subprocess, time
from airflow.sdk import dag, task

@dag(schedule=None)
def dozing():
    @task(retries=5, retry_delay=1)
    def doze():
        subprocess.Popen(["sleep", "600"], start_new_session=True)
        time.sleep(600)
    doze()

dozing()
"""

STARTER = """
import sys, time
from lakemill.cli.embedded import installation
from lakemill.config.settings import load_settings

print(installation.start(load_settings(), attached=True, report=lambda phase: None).pid, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def prepared(shared: Path) -> Path:
    """Where the first test keeps the databases that its start has prepared, for the others to begin with."""
    return shared / "prepared"


@pytest.fixture
def settings(tmp_path: Path, prepared: Path) -> Iterator[Settings]:
    project = tmp_path / "project"
    (project / "plugins").mkdir(parents=True)
    (project / "dags").mkdir()
    (project / "dags" / "dozing.py").write_text(DOZING_DAG)
    state = tmp_path / "state"
    database = f"postgresql+psycopg2://postgres:@/{{}}?host={state / 'postgres'}"
    settings = Settings(
        project=project,
        state=state,
        lake=str(state / "lake"),
        registry=database.format("mlflow"),
        artifacts=str(state / "models"),
        studies=database.format("studies"),
    )
    if prepared.exists():
        state.mkdir()
        copy_cluster(prepared, state / "postgres")
    yield settings
    installation.stop(settings, report=ignore)
    kill(find_processes(settings))  # after a failed test nothing may go on running


def copy_cluster(source: Path, target: Path) -> None:
    """Copy PostgreSQL's folder with its owner, which as root is another user."""
    subprocess.run(["cp", "-a", source, target], check=True)


def ignore(phase: str) -> None:
    pass


def kill(processes: list[psutil.Process]) -> None:
    for process in processes:
        process.kill()


def find_processes(settings: Settings) -> list[psutil.Process]:
    """Whatever has to do with the state folder, found by other means than the code under test uses."""
    found = []
    for process in psutil.process_iter():
        try:
            words = [*process.cmdline(), process.environ().get("LAKEMILL_STATE", ""), process.cwd()]
        except psutil.Error:
            continue
        if process.pid != os.getpid() and any(str(settings.state) in word for word in words):
            found.append(process)
    return found


def wait_until(condition: Callable[[], object], *, seconds: float) -> bool:
    give_up_at = time.monotonic() + seconds
    while time.monotonic() < give_up_at:
        if condition():
            return True
        time.sleep(0.2)
    return False


def call(url: str, method: str = "GET", body: object = None) -> dict:
    request = urllib.request.Request(
        url,
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"content-type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=60) as answer:
        return json.load(answer)


def is_dag_known(airflow_url: str) -> bool:
    return call(f"{airflow_url}/api/v2/dags?dag_id_pattern=dozing")["total_entries"] == 1


def is_task_running(airflow_url: str) -> bool:
    instances = call(f"{airflow_url}/api/v2/dags/dozing/dagRuns/~/taskInstances")["task_instances"]
    return [instance["state"] for instance in instances] == ["running"]


def find_component(settings: Settings, name: str) -> int | None:
    running = installation.find_running(settings)
    return running.components.get(name) if running else None


def start_task(airflow_url: str) -> None:
    assert wait_until(lambda: is_dag_known(airflow_url), seconds=120)
    call(f"{airflow_url}/api/v2/dags/dozing", "PATCH", {"is_paused": False})
    call(f"{airflow_url}/api/v2/dags/dozing/dagRuns", "POST", {"logical_date": None})
    assert wait_until(lambda: is_task_running(airflow_url), seconds=120)


def test_attached_installation_ends_with_its_killed_starter(settings: Settings, prepared: Path) -> None:
    names = ("project", "state", "lake", "registry", "artifacts", "studies")
    variables = {f"LAKEMILL_{name.upper()}": str(getattr(settings, name)) for name in names}
    with subprocess.Popen(
        [sys.executable, "-c", STARTER], env=os.environ | variables, stdout=subprocess.PIPE, text=True
    ) as starter:
        assert starter.stdout is not None
        keeper = psutil.Process(int(starter.stdout.readline()))
        starter.kill()
    assert wait_until(lambda: not keeper.is_running(), seconds=15)
    assert find_processes(settings) == []
    assert not (settings.state / "running.json").exists()
    copy_cluster(settings.state / "postgres", prepared)


def test_detached_installation_lives_through_deaths_and_stops_without_a_trace(settings: Settings) -> None:
    running = installation.start(settings, attached=False, report=ignore)
    assert installation.find_running(settings) == running
    assert installation.start(settings, attached=False, report=ignore) == running

    processes = find_processes(settings)
    listening = [c.laddr.ip for p in processes for c in p.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert set(listening) == {"127.0.0.1"}

    triggerer = running.components["triggerer"]
    os.kill(triggerer, signal.SIGKILL)
    assert wait_until(lambda: find_component(settings, "triggerer") not in (None, triggerer), seconds=10)

    start_task(running.airflow_url)
    os.kill(running.pid, signal.SIGKILL)
    assert wait_until(lambda: installation.find_running(settings) is None, seconds=5)
    assert installation.stop(settings, report=ignore) is True
    assert find_processes(settings) == []
    assert installation.stop(settings, report=ignore) is False


def test_start_cleans_up_after_a_killed_keeper_and_stop_ends_running_tasks(settings: Settings) -> None:
    first = installation.start(settings, attached=True, report=ignore)
    start_task(first.airflow_url)
    os.kill(first.pid, signal.SIGKILL)
    assert wait_until(lambda: installation.find_running(settings) is None, seconds=5)
    second = installation.start(settings, attached=True, report=ignore)
    assert second.pid != first.pid
    assert wait_until(lambda: is_task_running(second.airflow_url), seconds=120)  # taken up again

    began = time.monotonic()
    assert installation.stop(settings, report=ignore) is True
    assert time.monotonic() - began < 12
    assert find_processes(settings) == []


def test_start_names_the_service_that_fails_and_stops_the_others(settings: Settings) -> None:
    cluster = settings.state / "postgres"
    cluster.mkdir(parents=True, mode=0o700, exist_ok=True)
    (cluster / "PG_VERSION").write_text("18\n")
    (cluster / "postgresql.conf").write_text("no_such_option = 1\n")
    with pytest.raises(ServiceError) as caught:
        installation.start(settings, attached=False, report=ignore)
    assert "postgres ended with code 1" in caught.value.problem
    assert 'unrecognized configuration parameter "no_such_option"' in caught.value.problem
    assert str(settings.state / "logs" / "postgres.log") in caught.value.remedy
    assert find_processes(settings) == []


def test_start_refuses_a_demanded_port_in_use(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        monkeypatch.setenv("LAKEMILL_AIRFLOW__API__PORT", str(taken.getsockname()[1]))
        with pytest.raises(ServiceError, match="api-server cannot listen on port"):
            installation.start(settings, attached=True, report=ignore)
    assert find_processes(settings) == []


def test_stop_leaves_alone_a_shell_that_only_knows_the_folder(settings: Settings) -> None:
    settings.state.mkdir(exist_ok=True)
    variables = os.environ | {"LAKEMILL_STATE": str(settings.state)}
    with subprocess.Popen(["sleep", "60"], env=variables) as shell:
        assert find_marked(settings.state) == []
        assert installation.stop(settings, report=ignore) is False
        assert shell.poll() is None
        shell.kill()


def test_environment_keeps_the_callers_airflow_out_but_for_overrides(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("AIRFLOW__CORE__DEFAULT_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("AIRFLOW_CONN_STORE", "http://example.org")
    monkeypatch.setenv("LAKEMILL_AIRFLOW__CORE__PARALLELISM", "7")
    variables = installation.environment(settings, 8080)
    assert variables["AIRFLOW__CORE__EXECUTOR"] == "LocalExecutor"
    assert "AIRFLOW__CORE__DEFAULT_TIMEZONE" not in variables
    assert variables["AIRFLOW_CONN_STORE"] == "http://example.org"
    assert variables["AIRFLOW__CORE__PARALLELISM"] == "7"


def test_environment_gives_the_same_private_keys_again(settings: Settings) -> None:
    first, second = (installation.environment(settings, 8080)["AIRFLOW__API_AUTH__JWT_SECRET"] for _ in range(2))
    assert first == second
    assert len(first) >= 64
    assert (settings.state / "secrets.json").stat().st_mode & 0o777 == 0o600
