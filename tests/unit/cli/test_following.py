"""Following a workflow's history, with a small server in Airflow's place and a real lake."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from workflows_for_tests import end_of, make_workflow

from lakemill.cli import following
from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.following import DAGS, TasksFailedError, run_history
from lakemill.collection.freshness import Stale
from lakemill.exceptions import ConfigError, RunError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict

WORKFLOW = make_workflow()
KEYS = ["2020-01-01", "2020-01-02"]


@dataclass
class History:
    """Airflow's runs and what they leave in the lake."""

    airflow: Any
    lake: Lake
    runs: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: {dag: [] for dag in DAGS})
    backfills: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        for dag in DAGS:
            path = f"/dags/small.{dag}"
            self.airflow.answer("GET", path, {"is_stale": False})
            self.airflow.answer("PATCH", path, {})
            self.airflow.answer("GET", f"{path}/dagRuns", lambda request, dag=dag: self.page(dag))
            self.airflow.answer("POST", f"{path}/clearTaskInstances", lambda request, dag=dag: self.clear(dag))
        self.airflow.answer("GET", "/dags/~/dagRuns", self.page_of_all)
        self.airflow.answer("GET", "/backfills", lambda request: {"backfills": self.backfills})
        self.airflow.answer("POST", "/backfills", self.backfill)

    def page(self, dag: str) -> dict[str, Any]:
        return {"dag_runs": self.runs[dag], "total_entries": len(self.runs[dag])}

    def page_of_all(self, request: Any) -> dict[str, Any]:
        assert request.query["dag_id_prefix_pattern"] == "small."
        pages = [self.airflow.routes["GET", f"/dags/small.{dag}/dagRuns"](request) for dag in self.runs]
        found = [run for page in pages for run in page["dag_runs"]]
        return {"dag_runs": found, "total_entries": len(found)}

    def add(self, dag: str, key: str, state: str) -> None:
        self.runs[dag].append(
            {
                "dag_id": f"small.{dag}",
                "dag_run_id": f"{dag}_{key}_{len(self.runs[dag])}",
                "partition_key": key,
                "state": state,
            }
        )

    def finish(self, key: str, verdict: str = "nothing") -> None:
        for dag in ("ingestion", "scoring", "monitoring"):
            self.add(dag, key, "success")
        for kind, word in (("ingestion", "published"), ("monitoring", verdict)):
            record_verdict(self.lake, Verdict(kind, key, end_of(WORKFLOW, key), word, ("because",)))

    def backfill(self, request: Any) -> dict[str, Any]:
        for key in KEYS:
            if key not in {run["partition_key"] for run in self.runs["ingestion"]}:
                self.finish(key)
        return {"id": 1}

    def clear(self, dag: str) -> dict[str, Any]:
        for run in self.runs[dag]:
            run["state"] = "success"
        for key in KEYS:
            record_verdict(self.lake, Verdict("monitoring", key, end_of(WORKFLOW, key), "nothing", ("because",)))
        return {}


@pytest.fixture
def history(airflow: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> History:
    monkeypatch.setattr(following, "ASK_EVERY_SECONDS", 0.01)
    monkeypatch.setattr(following, "QUIET_SECONDS", 0.05)
    monkeypatch.setattr(following, "IDLE_SECONDS", 1.5)
    monkeypatch.setattr(following, "DAG_SECONDS", 0.1)
    return History(airflow, Lake(str(tmp_path / "lake"), "small"))


@pytest.fixture
def api(airflow: Any) -> Iterator[AirflowApi]:
    with AirflowApi(airflow.url) as opened:
        yield opened


def follow(history: History, api: AirflowApi) -> tuple[bool, str]:
    said = StringIO()
    has_run = run_history(WORKFLOW, KEYS, api, history.lake, Console(file=said, width=200))
    return has_run, said.getvalue()


def test_a_new_history_is_backfilled_to_its_end(history: History, api: AirflowApi) -> None:
    has_run, said = follow(history, api)

    assert has_run
    (body,) = history.airflow.bodies("POST", "/backfills")
    assert (body["dag_id"], body["from_date"], body["to_date"]) == (
        "small.ingestion",
        "2020-01-01T00:00:00Z",
        "2020-01-02T00:00:00Z",
    )
    assert "created backfill 1 of small.ingestion: 2020-01-01 to 2020-01-02" in said
    assert all(history.airflow.bodies("PATCH", f"/dags/small.{dag}") == [{"is_paused": False}] for dag in DAGS)


def test_a_history_that_is_through_is_left_alone(history: History, api: AirflowApi) -> None:
    for key in KEYS:
        history.finish(key)

    assert follow(history, api) == (False, "")
    assert [one for one in history.airflow.asked if one.method == "POST"] == []


def test_a_training_that_waits_for_a_person_is_told_once_with_the_page_to_answer_on(
    history: History, api: AirflowApi
) -> None:
    for key in KEYS:
        history.finish(key)
    history.add("training", KEYS[0], "running")
    (run,) = history.runs["training"]
    looks = iter(range(10))

    def look(request: Any) -> dict[str, Any]:
        if next(looks, 9) == 9:
            run["state"] = "success"
        return history.page("training")

    path = f"/dags/small.training/dagRuns/{run['dag_run_id']}/taskInstances"
    history.airflow.answer("GET", "/dags/small.training/dagRuns", look)
    history.airflow.answer("GET", path, {"task_instances": [{"task_id": "approve"}]})
    asks, said = make_workflow(approve={"when": "always", "within": "2 hours"}), StringIO()

    run_history(asks, KEYS, api, history.lake, Console(file=said, width=200))

    told = "small.training of 2020-01-01 waits for a person's answer (without one it is rejected after 2:00:00):"
    page = f"{history.airflow.url}/dags/small.training/runs/{run['dag_run_id']}/tasks/approve/required_actions"
    assert said.getvalue().count(told) == 1
    assert page in said.getvalue()
    assert [one.query["state"] for one in history.airflow.asked if one.path == path] == ["awaiting_input"]


def test_an_unfinished_backfill_is_followed_not_doubled(history: History, api: AirflowApi) -> None:
    history.backfills.append({"id": 5, "dag_id": "small.ingestion", "completed_at": None})
    asked = 0

    def page(request: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 3:  # what the backfill does meanwhile
            history.backfill(request)
        return history.page("ingestion")

    history.airflow.answer("GET", "/dags/small.ingestion/dagRuns", page)

    assert follow(history, api)[0]
    assert history.airflow.bodies("POST", "/backfills") == []


def test_what_an_earlier_backfill_left_out_is_backfilled_after_it(history: History, api: AirflowApi) -> None:
    history.backfills.append({"id": 5, "dag_id": "small.ingestion", "completed_at": None})
    history.finish(KEYS[0])

    has_run, said = follow(history, api)

    assert has_run
    assert "going on with the backfill of small.ingestion" in said
    assert "created backfill 1 of small.ingestion: 2020-01-02 to 2020-01-02" in said


def test_runs_whose_work_is_not_in_the_lake_are_an_error_not_an_endless_wait(history: History, api: AirflowApi) -> None:
    history.finish(KEYS[0])
    for dag in ("ingestion", "scoring", "monitoring"):
        history.add(dag, KEYS[1], "success")

    with pytest.raises(RunError, match=r"no run is left, but the lake lacks .* 2020-01-02\n  -> .*make clean"):
        follow(history, api)


def test_what_failed_before_is_run_again(history: History, api: AirflowApi) -> None:
    for key in KEYS:
        history.finish(key)
    history.runs["monitoring"][1]["state"] = "failed"

    has_run, said = follow(history, api)

    assert has_run
    assert "running again what failed: small.monitoring 2020-01-02" in said
    (body,) = history.airflow.bodies("POST", "/dags/small.monitoring/clearTaskInstances")
    assert (body["dag_run_id"], body["only_failed"]) == ("monitoring_2020-01-02_1", True)
    assert history.airflow.bodies("POST", "/backfills") == []


def test_a_failed_run_that_a_later_one_stands_for_is_no_failure(history: History, api: AirflowApi) -> None:
    history.add("ingestion", KEYS[0], "failed")
    for key in KEYS:
        history.finish(key)

    assert follow(history, api)[0] is False


def test_a_failure_ends_following_with_its_tasks(history: History, api: AirflowApi) -> None:
    def fail(request: Any) -> dict[str, Any]:
        history.add("ingestion", KEYS[0], "failed")
        return {"id": 1}

    path = "/dags/small.ingestion/dagRuns/ingestion_2020-01-01_0/taskInstances"
    task = {"task_id": "collect", "map_index": 0, "try_number": 1, "state": "failed"}
    history.airflow.answer("POST", "/backfills", fail)
    history.airflow.answer("GET", path, {"task_instances": [task]})
    history.airflow.answer("GET", f"{path}/collect/logs/1", {"content": [{"event": "no file", "level": "error"}]})

    with pytest.raises(TasksFailedError, match=r"1 task\(s\) failed") as failed:
        follow(history, api)

    assert [(one.task_id, one.log) for one in failed.value.tasks] == [("collect", ("no file",))]


def test_a_training_that_was_asked_for_is_waited_for(history: History, api: AirflowApi) -> None:
    def ask_for_training(request: Any) -> dict[str, Any]:
        history.finish(KEYS[0], "retrain")
        history.finish(KEYS[1])
        return {"id": 1}

    asked = 0

    def page(request: Any) -> dict[str, Any]:
        nonlocal asked
        asked += 1
        if asked == 6:
            history.add("training", KEYS[0], "success")
            record_verdict(history.lake, Verdict("gate", KEYS[0], end_of(WORKFLOW, KEYS[0]), "fail", ("because",)))
        return history.page("training")

    history.airflow.answer("POST", "/backfills", ask_for_training)
    history.airflow.answer("GET", "/dags/small.training/dagRuns", page)

    assert follow(history, api)[0]
    assert asked >= 6


def test_a_dag_that_airflow_does_not_show_is_an_error_with_the_import_errors(history: History, api: AirflowApi) -> None:
    history.airflow.answer("GET", "/dags/small.scoring", (404, {}))
    history.airflow.answer("GET", "/dags", {"dags": []})
    errors = [{"filename": "faulty_workflows.py", "stack_trace": "unknown key"}]
    history.airflow.answer("GET", "/importErrors", {"import_errors": errors})

    with pytest.raises(RunError, match=r"does not show the DAG small\.scoring\n  -> faulty_workflows\.py: unknown key"):
        follow(history, api)


def block(history: History, key: str) -> None:
    history.add("ingestion", key, "failed")
    record_verdict(history.lake, Verdict("ingestion", key, end_of(WORKFLOW, key), "blocked", ("too few rows",)))


def test_a_blocked_partition_does_not_end_following_the_others(history: History, api: AirflowApi) -> None:
    def backfill(request: Any) -> dict[str, Any]:
        block(history, KEYS[0])
        history.finish(KEYS[1])
        return {"id": 1}

    history.airflow.answer("POST", "/backfills", backfill)

    assert follow(history, api)[0]


def test_a_blocked_partition_is_tried_again_by_the_next_run(history: History, api: AirflowApi) -> None:
    block(history, KEYS[0])
    history.finish(KEYS[1])

    assert "running again what failed: small.ingestion 2020-01-01" in follow(history, api)[1]


def test_a_failed_training_is_run_again_from_its_snapshot(history: History, api: AirflowApi) -> None:
    for key in KEYS:
        history.finish(key)
    history.add("training", KEYS[1], "failed")

    follow(history, api)

    (body,) = history.airflow.bodies("POST", "/dags/small.training/clearTaskInstances")
    assert body["only_failed"] is False


@pytest.mark.parametrize(
    ("first", "named"),
    [("2020-01-02", "2020-01-01 comes first: 2020-01-02"), ("2020-01-04", "2020-01-01 to 2020-01-03 come first: ")],
)
def test_a_first_partition_whose_history_is_not_done_is_refused_at_once(
    history: History, api: AirflowApi, first: str, named: str
) -> None:
    history.add("ingestion", KEYS[0], "success")

    with pytest.raises(ConfigError, match=rf"--from: {named}.*\n  -> leave out --from, or raise partition\.start"):
        run_history(WORKFLOW, [first], api, history.lake, Console(file=StringIO()))

    assert history.airflow.asked == []


def test_a_first_partition_whose_history_is_done_is_run(history: History, api: AirflowApi) -> None:
    history.finish(KEYS[0])

    assert run_history(WORKFLOW, KEYS[1:], api, history.lake, Console(file=StringIO()))


def test_blocked_partitions_hide_no_other_failure(history: History, api: AirflowApi) -> None:
    def backfill(request: Any) -> dict[str, Any]:
        block(history, KEYS[0])
        history.add("ingestion", KEYS[1], "failed")
        return {"id": 1}

    path = "/dags/small.ingestion/dagRuns/ingestion_2020-01-02_1/taskInstances"
    task = {"task_id": "collect", "map_index": 0, "try_number": 1, "state": "failed"}
    history.airflow.answer("POST", "/backfills", backfill)
    history.airflow.answer("GET", path, {"task_instances": [task]})
    history.airflow.answer("GET", f"{path}/collect/logs/1", {"content": []})

    with pytest.raises(TasksFailedError) as failed:
        follow(history, api)

    assert [one.run.partition for one in failed.value.tasks] == [KEYS[1]]


def test_a_partition_that_stays_blocked_is_tried_once_not_for_ever(history: History, api: AirflowApi) -> None:
    block(history, KEYS[0])
    history.finish(KEYS[1])
    history.airflow.answer("POST", "/dags/small.ingestion/clearTaskInstances", {})

    assert follow(history, api)[0]
    (body,) = history.airflow.bodies("POST", "/dags/small.ingestion/clearTaskInstances")
    assert body["only_failed"] is False  # from its files on: one of them may have been mended


def again(history: History, api: AirflowApi, *stale: str) -> str:
    said = StringIO()
    found = [Stale(key, ("items: a new delivery",), "abc") for key in stale]
    assert run_history(WORKFLOW, KEYS, api, history.lake, Console(file=said, width=200), stale=found)
    return said.getvalue()


def test_a_partition_that_was_delivered_anew_is_ingested_again_from_its_files_on(
    history: History, api: AirflowApi
) -> None:
    for key in KEYS:
        history.finish(key)

    said = again(history, api, KEYS[1], "2019-12-31")

    assert "running again 2020-01-02: items: a new delivery" in said
    assert "2019" not in said  # not asked for
    (body,) = history.airflow.bodies("POST", "/dags/small.ingestion/clearTaskInstances")
    assert (body["dag_run_id"], body["only_failed"]) == ("ingestion_2020-01-02_1", False)
    assert history.airflow.bodies("POST", "/backfills") == []


def test_a_stale_partition_that_is_blocked_or_being_run_is_not_run_twice(history: History, api: AirflowApi) -> None:
    block(history, KEYS[0])
    history.finish(KEYS[1])

    again(history, api, KEYS[0])

    assert len(history.airflow.bodies("POST", "/dags/small.ingestion/clearTaskInstances")) == 1


def test_a_stale_partition_whose_run_is_gone_gets_a_new_one(history: History, api: AirflowApi) -> None:
    for key in KEYS:
        history.finish(key)
    del history.runs["ingestion"][0]
    history.airflow.answer("POST", "/dags/small.ingestion/dagRuns", {"dag_run_id": "manual"})

    again(history, api, KEYS[0])

    (body,) = history.airflow.bodies("POST", "/dags/small.ingestion/dagRuns")
    assert body == {"logical_date": None, "partition_key": KEYS[0]}


def test_a_workflow_of_sensors_has_its_arrivals_watched(history: History, api: AirflowApi) -> None:
    meters = {"kind": "mqtt", "topic": "plant/{id}", "event_time": "at", "key": ["id"]}
    path = "/dags/small.arrivals"
    history.airflow.answer("GET", path, {"is_stale": False})
    history.airflow.answer("PATCH", path, {})
    history.airflow.answer("GET", f"{path}/dagRuns", {"dag_runs": [], "total_entries": 0})

    run_history(make_workflow(collect={"items": meters}), KEYS, api, history.lake, Console(file=StringIO()))

    assert history.airflow.bodies("PATCH", path) == [{"is_paused": False}]
