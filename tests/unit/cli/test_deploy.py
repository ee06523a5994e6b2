"""Deploying with a small server in Airflow's place: what is needed is started, and nothing else."""

from datetime import datetime, timezone
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from workflows_for_tests import end_of

from lakemill.cli import following
from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.deploy import Deployer, _require_lake
from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.config.versions import name_makers
from lakemill.exceptions import ConfigError, RunError, ServiceError
from lakemill.lake import Lake
from lakemill.lake.verdicts import MADE_BY, Verdict, record_verdict

KEYS = ("2020-01-01", "2020-01-02", "2020-01-03")
NOW = datetime(2020, 2, 1, tzinfo=timezone.utc)
DAGS = ("ingestion", "scoring", "monitoring", "training")


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("ASK_EVERY_SECONDS", "QUIET_SECONDS"):
        monkeypatch.setattr(following, name, 0.0)


@pytest.fixture
def workflow(project: Path) -> Workflow:
    return find_workflow("small", load_settings())


@pytest.fixture
def lake(project: Path) -> Lake:
    return Lake(load_settings().lake, "small")


@pytest.fixture
def console() -> Console:
    return Console(file=StringIO(), width=200)


def deployer(console: Console, airflow: Any, **options: Any) -> Deployer:
    return Deployer(load_settings(), console, NOW, airflow=airflow.url, **options)


def publish(workflow: Workflow, lake: Lake, **others: str) -> None:
    """Record that all partitions are through, made by these files but for some parts."""
    made_by = {**name_makers(workflow, load_settings().project), **others}
    for key in KEYS:
        for kind, word in (("ingestion", "published"), ("monitoring", "nothing")):
            record_verdict(lake, Verdict(kind, key, end_of(workflow, key), word, (), {MADE_BY: made_by}))


def record_gate(workflow: Workflow, lake: Lake, key: str, training: str) -> None:
    record_verdict(lake, Verdict("gate", key, end_of(workflow, key), "pass", (), {"training": training}))


def serve(airflow: Any, runs: dict[str, list[dict[str, Any]]]) -> None:
    """Answer as an Airflow does that has these runs; all of them end at once, and well."""
    for dag in DAGS:
        path = f"/dags/small.{dag}"
        airflow.answer("GET", path, {"is_stale": False})
        airflow.answer("PATCH", path, {})
        airflow.answer("GET", f"{path}/dagRuns", lambda request, dag=dag: tell_runs(runs, dag))
    airflow.answer("GET", "/dags/~/dagRuns", lambda request: tell_runs(runs, *DAGS))
    airflow.answer("GET", "/backfills", {"backfills": []})


def tell_runs(runs: dict[str, list[dict[str, Any]]], *dags: str) -> dict[str, Any]:
    found = [{"dag_id": f"small.{dag}", **run} for dag in dags for run in runs.get(dag, [])]
    return {"dag_runs": found, "total_entries": len(found)}


def ingestion_runs() -> list[dict[str, Any]]:
    return [{"dag_run_id": f"run_{key}", "partition_key": key, "state": "success"} for key in KEYS]


def sent(airflow: Any) -> list[tuple[str, str]]:
    return [(one.method, one.path) for one in airflow.asked if one.method != "GET"]


def test_where_nothing_changed_airflow_is_not_even_asked(
    workflow: Workflow, lake: Lake, console: Console, airflow: Any
) -> None:
    publish(workflow, lake)
    record_gate(workflow, lake, KEYS[0], workflow.training_hash())
    one = deployer(console, airflow)

    assert one.tell(workflow, one.find(workflow)) is False
    assert airflow.asked == []
    assert "small: nothing changed" in console.file.getvalue()  # type: ignore[attr-defined]


def test_a_training_is_started_where_the_training_part_changed_and_nothing_is_ingested(
    workflow: Workflow, lake: Lake, console: Console, airflow: Any
) -> None:
    publish(workflow, lake)
    record_gate(workflow, lake, KEYS[0], "another file")
    serve(airflow, {"ingestion": ingestion_runs()})

    def train(request: Any) -> dict[str, str]:
        record_gate(workflow, lake, request.body["partition_key"], workflow.training_hash())
        return {"dag_run_id": "manual"}

    airflow.answer("POST", "/dags/small.training/dagRuns", train)
    one = deployer(console, airflow)

    with one.open_airflow() as api:
        one.deploy(workflow, one.find(workflow), api)

    assert airflow.bodies("POST", "/dags/small.training/dagRuns") == [{"logical_date": None, "partition_key": KEYS[-1]}]
    assert [call for call in sent(airflow) if call[0] == "POST"] == [("POST", "/dags/small.training/dagRuns")]
    assert one.find(workflow).is_any is False


def test_partitions_that_other_files_made_are_run_again(
    workflow: Workflow, lake: Lake, console: Console, airflow: Any
) -> None:
    publish(workflow, lake, query="another query")
    serve(airflow, {"ingestion": ingestion_runs()})
    cleared: list[str] = []

    def clear(request: Any) -> dict[str, Any]:
        cleared.append(request.body["dag_run_id"])
        publish(workflow, lake)
        return {}

    airflow.answer("POST", "/dags/small.ingestion/clearTaskInstances", clear)
    one = deployer(console, airflow)

    with one.open_airflow() as api:
        one.deploy(workflow, one.find(workflow), api)

    assert cleared == [f"run_{key}" for key in KEYS]
    assert ("POST", "/backfills") not in sent(airflow)
    assert console.file.getvalue().rstrip().endswith("small: done")  # type: ignore[attr-defined]


def test_an_airflow_with_other_files_is_found_out(
    workflow: Workflow, lake: Lake, console: Console, airflow: Any
) -> None:
    publish(workflow, lake, query="another query")
    serve(airflow, {"ingestion": ingestion_runs()})
    airflow.answer("POST", "/dags/small.ingestion/clearTaskInstances", {})
    one = deployer(console, airflow)

    with one.open_airflow() as api, pytest.raises(RunError, match="query changed"):
        one.deploy(workflow, one.find(workflow), api)


def test_without_waiting_no_training_is_started_before_its_partitions_are_there(
    workflow: Workflow, lake: Lake, console: Console, airflow: Any
) -> None:
    publish(workflow, lake, query="another query")
    record_gate(workflow, lake, KEYS[0], "another file")
    serve(airflow, {"ingestion": ingestion_runs()})
    airflow.answer("POST", "/dags/small.ingestion/clearTaskInstances", {})
    one = deployer(console, airflow, waits=False)

    with one.open_airflow() as api:
        one.deploy(workflow, one.find(workflow), api)

    assert len(airflow.bodies("POST", "/dags/small.ingestion/clearTaskInstances")) == len(KEYS)
    assert airflow.bodies("POST", "/dags/small.training/dagRuns") == []


def test_a_token_goes_with_each_call_and_a_refusal_names_it(airflow: Any) -> None:
    airflow.answer("GET", "/dags/small.training", lambda request: (401, {}))

    with AirflowApi(airflow.url, token="secret") as api:
        assert api._http.headers["Authorization"] == "Bearer secret"
        with pytest.raises(ServiceError, match="LAKEMILL_AIRFLOW_TOKEN"):
            api.has_dag("small.training")


def test_a_remote_airflow_needs_the_lake_that_it_writes_to(project: Path) -> None:
    with pytest.raises(ConfigError, match="no lake"):
        _require_lake(load_settings(), "http://airflow.example")
    _require_lake(load_settings(), None)
