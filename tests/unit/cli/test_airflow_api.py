"""Airflow's REST API, spoken with a server of its own."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from lakemill.cli import airflow_api
from lakemill.cli.airflow_api import AirflowApi, Run
from lakemill.exceptions import ServiceError

RUN = Run("small.scoring", "asset__1", "2020-01-01", "failed")
TASKS = "/dags/small.scoring/dagRuns/asset__1/taskInstances"


@pytest.fixture
def api(airflow: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[AirflowApi]:
    monkeypatch.setattr(airflow_api.time, "sleep", lambda seconds: None)
    with AirflowApi(airflow.url + "/") as opened:
        yield opened


@pytest.mark.parametrize(
    ("reply", "has"),
    [({"dag_id": "x"}, True), ({"is_stale": False}, True), ({"is_stale": True}, False), ((404, {}), False)],
)
def test_a_dag_is_there_when_airflow_knows_it_and_its_file_is_not_gone(
    airflow: Any, api: AirflowApi, reply: Any, has: bool
) -> None:
    airflow.answer("GET", "/dags/x", reply)

    assert api.has_dag("x") is has


@pytest.mark.parametrize(
    ("read_at", "has"),
    [
        ("2026-01-01T12:00:00+00:00", True),
        ("2026-01-01T13:00:01+01:00", True),
        ("2026-01-01T11:59:59Z", False),
        (None, False),
    ],
)
def test_a_dag_whose_file_was_read_before_a_moment_is_not_there_yet(
    airflow: Any, api: AirflowApi, read_at: str | None, has: bool
) -> None:
    airflow.answer("GET", "/dags/x", {"dag_id": "x", "last_parsed_time": read_at})

    assert api.has_dag("x", since=datetime(2026, 1, 1, 12, tzinfo=UTC)) is has


def test_a_file_is_read_anew_by_the_token_of_any_dag_of_that_file(airflow: Any, api: AirflowApi) -> None:
    known = [{"dag_id": "a.scoring_too", "file_token": "other"}, {"dag_id": "b.scoring", "file_token": "mine"}]
    airflow.answer("GET", "/dags", {"dags": known})
    airflow.answer("PUT", "/parseDagFile/mine", (201, None))

    api.read_anew("small.scoring")

    assert [one.path for one in airflow.asked if one.method == "PUT"] == ["/parseDagFile/mine"]


def test_where_no_dag_of_a_file_is_known_nothing_is_asked_for(airflow: Any, api: AirflowApi) -> None:
    airflow.answer("GET", "/dags", {"dags": []})

    api.read_anew("small.scoring")

    assert [one.method for one in airflow.asked] == ["GET"]


@pytest.mark.parametrize("total", [0, 1, 99, 100, 101, 250])
def test_all_runs_are_read_page_by_page(airflow: Any, api: AirflowApi, total: int) -> None:
    kept = [
        {"dag_id": "x", "dag_run_id": f"run{n}", "partition_key": f"2020-{n}", "state": "success"} for n in range(total)
    ]

    def page(request: Any) -> dict[str, Any]:
        first, most = int(request.query["offset"]), int(request.query["limit"])
        return {"dag_runs": kept[first : first + most], "total_entries": total}

    airflow.answer("GET", "/dags/x/dagRuns", page)

    assert api.runs("x") == [Run("x", f"run{n}", f"2020-{n}", "success") for n in range(total)]


def test_a_run_by_hand_has_no_partition(airflow: Any, api: AirflowApi) -> None:
    page = {"dag_runs": [{"dag_id": "x", "dag_run_id": "manual__1", "state": "running"}], "total_entries": 1}
    airflow.answer("GET", "/dags/x/dagRuns", page)

    assert api.runs("x") == [Run("x", "manual__1", None, "running")]


def test_runs_of_several_dags_are_read_at_once_and_told_apart(airflow: Any, api: AirflowApi) -> None:
    made = [("x.a", "1"), ("x.b", "2"), ("x.a", "3")]
    page = {"dag_runs": [{"dag_id": dag, "dag_run_id": run, "state": "running"} for dag, run in made]}
    airflow.answer("GET", "/dags/~/dagRuns", {**page, "total_entries": 3})

    found = api.runs_below("x.")

    assert {dag: [run.run_id for run in runs] for dag, runs in found.items()} == {"a": ["1", "3"], "b": ["2"]}
    assert [one.query["dag_id_prefix_pattern"] for one in airflow.asked] == ["x."]


def test_only_backfills_of_the_dag_that_have_not_ended_count(airflow: Any, api: AirflowApi) -> None:
    kept = [
        {"id": 1, "dag_id": "x", "completed_at": "2020-01-01T00:00:00Z"},
        {"id": 2, "dag_id": "x", "completed_at": None},
        {"id": 3, "dag_id": "y", "completed_at": None},
    ]
    airflow.answer("GET", "/backfills", {"backfills": kept})

    assert api.backfills("x") == [2]


def test_a_backfill_is_over_partition_dates(airflow: Any, api: AirflowApi) -> None:
    airflow.answer("POST", "/backfills", {"id": 7})

    assert api.create_backfill("x", first="2020-01-01T00:00:00Z", last="2020-01-03T00:00:00Z", max_active_runs=4) == 7

    (body,) = airflow.bodies("POST", "/backfills")
    assert (body["dag_id"], body["from_date"], body["to_date"]) == ("x", "2020-01-01T00:00:00Z", "2020-01-03T00:00:00Z")
    assert (body["max_active_runs"], body["run_backwards"]) == (4, False)


def test_unpausing_and_clearing(airflow: Any, api: AirflowApi) -> None:
    airflow.answer("PATCH", "/dags/x", {"is_paused": False})
    airflow.answer("POST", "/dags/small.scoring/clearTaskInstances", {})

    api.unpause("x")
    api.clear(RUN, only_failed=True)

    assert airflow.bodies("PATCH", "/dags/x") == [{"is_paused": False}]
    (body,) = airflow.bodies("POST", "/dags/small.scoring/clearTaskInstances")
    assert (body["dag_run_id"], body["only_failed"], body["dry_run"]) == ("asset__1", True, False)


def test_failed_tasks_come_with_the_end_of_their_logs(airflow: Any, api: AirflowApi) -> None:
    tasks = [
        {"task_id": "wait", "map_index": -1, "try_number": 1, "state": "success"},
        {"task_id": "score", "map_index": 2, "try_number": 3, "state": "failed"},
    ]
    log = [{"event": f"line {number}"} for number in range(40)]
    airflow.answer("GET", TASKS, {"task_instances": tasks})
    airflow.answer("GET", f"{TASKS}/score/logs/3", {"content": log})

    (failed,) = api.failed_tasks(RUN, lines=3)

    assert (failed.task_id, failed.map_index, failed.tries, failed.run) == ("score", 2, 3, RUN)
    assert failed.log == ("line 37", "line 38", "line 39")
    assert airflow.asked[-1].query["map_index"] == "2"


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ([{"event": "loading"}, {"event": "too few rows", "level": "error"}], ("too few rows",)),
        (
            [
                {"event": "loading", "level": "info"},
                {
                    "event": "Task failed",
                    "level": "error",
                    "error_detail": [{"exc_type": "ValueError", "exc_value": "a bug"}],
                },
            ],
            ("loading", "Task failed", "ValueError: a bug"),
        ),
        (["plain text", {"event": "more"}], ("plain text", "more")),
        ([], ()),
    ],
    ids=["said by the task", "an exception", "plain", "empty"],
)
def test_a_log_is_told_by_what_matters(airflow: Any, api: AirflowApi, content: Any, told: tuple[str, ...]) -> None:
    task = {"task_id": "score", "map_index": -1, "try_number": 1, "state": "failed"}
    airflow.answer("GET", TASKS, {"task_instances": [task]})
    airflow.answer("GET", f"{TASKS}/score/logs/1", {"content": content})

    assert api.failed_tasks(RUN, lines=15)[0].log == told


def test_import_errors_are_texts(airflow: Any, api: AirflowApi) -> None:
    airflow.answer("GET", "/importErrors", {"import_errors": [{"filename": "a.py", "stack_trace": "no"}]})

    assert api.import_errors() == ["a.py: no"]


def test_a_server_that_is_restarted_in_between_is_asked_again(airflow: Any, api: AirflowApi) -> None:
    replies = iter([None, None, {"import_errors": []}])
    airflow.answer("GET", "/importErrors", lambda request: next(replies))

    assert api.import_errors() == []
    assert len(airflow.asked) == 3


def test_a_server_that_stays_away_is_an_error_with_a_remedy(airflow: Any, api: AirflowApi) -> None:
    airflow.answer("GET", "/importErrors", lambda request: None)

    with pytest.raises(ServiceError, match=r"does not answer: .*\n  -> lakemill status"):
        api.import_errors()


def test_has_dag_survives_a_restart_too(airflow: Any, api: AirflowApi) -> None:
    replies = iter([None, {"dag_id": "x"}])
    airflow.answer("GET", "/dags/x", lambda request: next(replies))

    assert api.has_dag("x")


@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_what_the_server_refuses_is_an_error_with_its_words(airflow: Any, api: AirflowApi, status: int) -> None:
    airflow.answer("POST", "/backfills", (status, {"detail": "another backfill runs"}))

    with pytest.raises(ServiceError, match=rf"says {status}: .*another backfill runs"):
        api.create_backfill("x", first="a", last="b", max_active_runs=1)
