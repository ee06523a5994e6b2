"""The DAGs that three small workflows become: their ids, tasks, edges, schedules and options."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk import Asset, AssetAll, CronPartitionTimetable, PartitionedAssetTimetable
from airflow.sdk.definitions.timetables.simple import NullTimetable
from airflow.sdk.exceptions import ParamValidationError
from airflow.serialization.encoders import coerce_to_core_timetable
from airflow.serialization.serialized_objects import DagSerialization
from airflow.timetables.base import TimeRestriction

from lakemill.config import Partition
from lakemill.replay.training import STEPS

EDGES = {
    "ingestion": {
        "collect": {"validate"},
        "validate": {"clean", "publish"},
        "clean": {"publish"},
        "publish": {"profile"},
        "profile": set(),
    },
    "scoring": {"wait_for_history": {"score"}, "score": set()},
    "monitoring": {
        "wait_for_history": {"judge"},
        "judge": {"request_training", "notify"},
        "request_training": set(),
        "notify": set(),
    },
    "training": {
        "snapshot": {"audit_labels", "tune", "take_best", "fit", "evaluate", "gate", "promote"},
        "audit_labels": {"tune"},
        "tune": {"take_best"},
        "take_best": {"fit"},
        "fit": {"evaluate", "gate", "promote"},
        "evaluate": {"gate"},
        "gate": {"promote"},
        "promote": set(),
    },
    "arrivals": {"find_partitions": {"ingest_again"}, "ingest_again": set()},
    "rollback": {"roll_back": {"find_outdated"}, "find_outdated": {"score_again"}, "score_again": set()},
    "labels": {"find_suspects": {"ask", "keep_answers"}, "ask": {"keep_answers"}, "keep_answers": set()},
}
OUTLETS = {
    ("ingestion", "publish"): "clean",
    ("scoring", "score"): "predictions",
    ("monitoring", "request_training"): "retrain",
    ("training", "promote"): "model",
}
STARTED_BY = {"scoring": {"clean"}, "monitoring": {"clean", "predictions"}, "training": {"retrain"}}
WORKFLOWS = ("meters", "parcels", "rents")
# the suite of rents learns from history
WAITS_FOR_HISTORY = {
    **EDGES["ingestion"],
    "collect": {"validate", "wait_for_history"},
    "wait_for_history": {"validate"},
}


def test_every_workflow_becomes_seven_dags(dags: dict[str, Any]) -> None:
    assert set(dags) == {f"{workflow}.{kind}" for workflow in WORKFLOWS for kind in EDGES}


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_tasks_and_edges(dags: dict[str, Any], workflow: str, kind: str) -> None:
    tasks = dags[f"{workflow}.{kind}"].tasks

    edges = WAITS_FOR_HISTORY if (workflow, kind) == ("rents", "ingestion") else EDGES[kind]
    assert {task.task_id: task.downstream_task_ids for task in tasks} == edges


def test_the_task_that_judges_links_to_its_report_in_the_ui(dags: dict[str, Any]) -> None:
    written = DagSerialization.to_dict(dags["parcels.monitoring"])

    links = {task["__var"]["task_id"]: task["__var"].get("_operator_extra_links") for task in written["dag"]["tasks"]}
    assert links["judge"] == {"Report": "_link_ReportLink"}
    assert not any(found for task, found in links.items() if task != "judge")


def test_where_rules_learn_from_the_past_cleaning_waits_for_it(project: Path, parse: Callable[[], Any]) -> None:
    file = project / "include" / "workflows" / "parcels.yaml"
    rules = [{"rule": "outliers", "columns": ["weight"]}, {"rule": "duplicates"}]
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "clean": rules}))

    tasks = parse().dags["parcels.ingestion"].tasks

    found = {task.task_id: task.downstream_task_ids for task in tasks}
    assert found == {
        **EDGES["ingestion"],
        "validate": {"wait_for_past", "clean", "publish"},
        "wait_for_past": {"clean"},
    }


@pytest.mark.parametrize("said", ["always", "on risk", {"when": "always", "within": "2 hours"}])
def test_where_a_person_is_to_be_asked_the_training_waits_for_the_answer(
    project: Path, parse: Callable[[], Any], said: Any
) -> None:
    file = project / "include" / "workflows" / "parcels.yaml"
    file.write_text(yaml.safe_dump({**yaml.safe_load(file.read_text()), "approve": said}))

    bag = parse()
    assert bag.import_errors == {}
    dag = bag.dags["parcels.training"]

    found = {task.task_id: task.downstream_task_ids for task in dag.tasks}
    before = EDGES["training"]
    assert found == {
        **before,
        "snapshot": {*before["snapshot"], "approve"},
        "gate": {"approve", "promote"},
        "approve": {"promote"},
    }
    ask = dag.get_task("approve")
    assert ask.response_timeout == (timedelta(hours=2) if isinstance(said, dict) else timedelta(days=3))
    assert ask.defaults == ["Reject"]


def test_a_replay_trains_by_the_steps_of_the_dag() -> None:
    assert tuple(EDGES["training"]) == STEPS


def test_a_rollback_by_hand_has_a_form(dags: dict[str, Any]) -> None:
    dag = dags["rents.rollback"]

    assert type(dag.timetable) is NullTimetable
    assert (dag.max_active_runs, dag.params.dump()) == (1, {"version": None, "reason": "", "rescore": False})


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_each_asset_is_updated_by_one_task(dags: dict[str, Any], workflow: str) -> None:
    updated = {
        (kind, task.task_id): [asset.name for asset in task.outlets]
        for kind in EDGES
        for task in dags[f"{workflow}.{kind}"].tasks
        if task.outlets
    }

    assert updated == {at: [f"{workflow}.{asset}"] for at, asset in OUTLETS.items()}


def test_sources_are_collected_and_candidates_taken_side_by_side(dags: dict[str, Any]) -> None:
    collect, take_best = dags["rents.ingestion"].get_task("collect"), dags["rents.training"].get_task("take_best")

    assert collect.op_kwargs_expand_input.value["source"] == ["flats", "towns"]
    assert take_best.op_kwargs_expand_input.value["candidate"] == ["tree", "linear"]


@pytest.mark.parametrize(("tasks", "slots"), [(1, [0]), (3, [0, 1, 2]), (99, [0, 1, 2, 3])])
def test_trials_are_spread_over_as_many_tasks_as_can_find_one(
    parse: Callable[[], Any], monkeypatch: pytest.MonkeyPatch, tasks: int, slots: list[int]
) -> None:
    monkeypatch.setenv("LAKEMILL_TUNING_TASKS", str(tasks))

    tune = parse().dags["rents.training"].get_task("tune")

    assert tune.op_kwargs_expand_input.value["slot"] == slots  # two candidates with rounds of two trials


@pytest.mark.parametrize("kind", STARTED_BY)
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_partitioned_assets_start_the_later_dags(dags: dict[str, Any], workflow: str, kind: str) -> None:
    timetable = dags[f"{workflow}.{kind}"].timetable

    assert type(timetable) is PartitionedAssetTimetable
    condition = coerce_to_core_timetable(timetable).asset_condition
    wanted = {f"{workflow}.{what}" for what in STARTED_BY[kind]}
    assert {key.name for key, _ in condition.iter_assets()} == wanted
    assert type(timetable.asset_condition) is (AssetAll if len(wanted) > 1 else Asset)  # all of them, not any


@pytest.mark.parametrize(
    ("workflow", "cron", "zone", "form"),
    [("parcels", "0 0 * * *", "Europe/Paris", "%Y-%m-%d"), ("rents", "0 0 1 * *", "America/New_York", "%Y-%m")],
)
def test_ingestion_runs_when_a_partition_has_ended(
    dags: dict[str, Any], workflow: str, cron: str, zone: str, form: str
) -> None:
    timetable = dags[f"{workflow}.ingestion"].timetable

    assert type(timetable) is CronPartitionTimetable
    assert (timetable.expression, str(timetable.timezone), timetable.key_format) == (cron, zone, form)
    assert timetable.run_offset == -1


def list_scheduled(dag: Any, count: int) -> list[Any]:
    """Runs that Airflow itself would make of a DAG's schedule, if it were to catch up."""
    timetable, found, last = coerce_to_core_timetable(dag.timetable), [], None
    restriction = TimeRestriction(dag.start_date, dag.end_date, catchup=True)
    while len(found) < count and (
        last := timetable.next_dagrun_info_v2(last_dagrun_info=last, restriction=restriction)
    ):
        found.append(last)
    return found


def test_a_scheduled_run_has_the_key_of_the_partition_that_has_just_ended(dags: dict[str, Any]) -> None:
    partition = Partition(every="day", start="2020-03-01", timezone="Europe/Paris")
    runs = list_scheduled(dags["parcels.ingestion"], 60)[1:]  # over the change to summer time

    assert [run.partition_key for run in runs] == partition.keys("2020-03-01", "2020-04-28")
    assert all(run.run_after == partition.interval(run.partition_key).end for run in runs)


def test_the_last_partition_of_a_closed_history_is_scheduled_and_none_after_it(dags: dict[str, Any]) -> None:
    runs = list_scheduled(dags["rents.ingestion"], 100)

    assert runs[-1].partition_key == "2013-12"
    assert [run.partition_key for run in runs][-12:] == Partition(every="month", start="2013-01").keys(
        "2013-01", "2013-12"
    )


@pytest.mark.parametrize(
    ("every", "zone", "first", "last"),
    [
        ("day", "Europe/Paris", "2020-01-01", "2020-12-31"),
        ("day", "America/New_York", "2020-01-01", "2020-12-31"),
        ("month", "America/New_York", "2013-01", "2014-12"),
        ("month", "Asia/Kolkata", "2013-01", "2014-12"),
        ("year", "Europe/Paris", "2010", "2020"),
        ("hour", "UTC", "2020-02-28T22", "2020-03-01T02"),
    ],
)
def test_a_backfill_makes_the_workflows_own_keys(every: str, zone: str, first: str, last: str) -> None:
    partition = Partition.model_validate({"every": every, "start": first, "timezone": zone})
    timetable = coerce_to_core_timetable(
        CronPartitionTimetable(partition.cron, timezone=zone, run_offset=-1, key_format=partition.key_format)
    )
    ends = [partition.local_start(key).replace(tzinfo=UTC) for key in (first, last)]

    made = timetable.iter_partition_dagrun_infos(earliest=ends[0], latest=ends[1])

    assert [one.partition_key for one in made] == partition.keys(first, last)


@pytest.mark.parametrize("kind", EDGES)
@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_options(dags: dict[str, Any], workflow: str, kind: str) -> None:
    dag = dags[f"{workflow}.{kind}"]

    assert dag.catchup is False
    assert dag.tags == {"lakemill", workflow}
    assert dag.description
    forms = {"ask", "approve"}  # what is answered too early is asked again
    assert all(task.retries == (5 if task.task_id in forms else 2) for task in dag.tasks)
    assert all(task.retry_delay == timedelta(seconds=5) for task in dag.tasks)


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_runs_that_wait_do_not_keep_out_the_run_they_wait_for(dags: dict[str, Any], workflow: str) -> None:
    assert dags[f"{workflow}.scoring"].max_active_runs >= 10_000
    assert dags[f"{workflow}.monitoring"].max_active_runs >= 10_000
    assert dags[f"{workflow}.ingestion"].max_active_runs >= (10_000 if workflow == "rents" else 1)


def test_dags_start_with_the_history(dags: dict[str, Any]) -> None:
    assert {dags[f"parcels.{kind}"].start_date for kind in EDGES} == {datetime(2020, 2, 29, 23, tzinfo=UTC)}
    assert dags["parcels.ingestion"].end_date is None
    assert dags["rents.ingestion"].end_date == datetime(2014, 1, 1, 5, tzinfo=UTC)


@pytest.mark.parametrize(("stage", "kind"), [(stage, stage) for stage in ("ingestion", "scoring", "monitoring")])
def test_the_waiting_task_knows_what_it_waits_for(dags: dict[str, Any], stage: str, kind: str) -> None:
    task = dags[f"rents.{kind}"].get_task("wait_for_history")

    assert (task.workflow, task.stage) == ("rents", stage)


def test_late_readings_start_the_arrivals_of_a_workflow_of_sensors(dags: dict[str, Any]) -> None:
    timetable = dags["meters.arrivals"].timetable

    (asset,) = [asset for _, asset in coerce_to_core_timetable(timetable).asset_condition.iter_assets()]
    assert asset.name == "meters.late"
    watched = [watcher.trigger.serialize() for watcher in timetable.asset_condition.objects[0].watchers]
    name = "lakemill.orchestration.arrivals.ReadingsTrigger"
    assert watched == [(name, {"workflow": "meters", "source": source}) for source in ("power", "heat")]


@pytest.mark.parametrize("workflow", ["parcels", "rents"])
def test_arrivals_of_files_are_looked_for_by_hand(dags: dict[str, Any], workflow: str) -> None:
    assert type(dags[f"{workflow}.arrivals"].timetable) is NullTimetable


def test_arrivals_are_looked_for_one_run_after_the_other(dags: dict[str, Any]) -> None:
    assert {dags[f"{workflow}.arrivals"].max_active_runs for workflow in WORKFLOWS} == {1}


def test_labels_are_asked_about_by_hand_one_run_after_the_other(dags: dict[str, Any]) -> None:
    dag = dags["rents.labels"]

    assert type(dag.timetable) is NullTimetable
    assert (dag.max_active_runs, dag.params.dump()) == (1, {"rows": 10})


def test_nothing_is_changed_where_nobody_answers(dags: dict[str, Any]) -> None:
    ask = dags["rents.labels"].get_task("ask")

    assert ask.response_timeout == timedelta(days=7)
    assert ask.defaults == ["Leave everything as it is"]


def test_a_training_by_hand_has_a_form(dags: dict[str, Any]) -> None:
    params = dags["rents.training"].params

    assert params.dump() == {"partition": None}


@pytest.mark.parametrize("workflow", WORKFLOWS)
def test_a_run_of_ingestion_chooses_how_it_validates(dags: dict[str, Any], workflow: str) -> None:
    params = dags[f"{workflow}.ingestion"].params

    assert params.dump() == {"validation": "full"}
    assert params.get_param("validation").schema["enum"] == ["full", "warn", "off"]
    for mode in ("warn", "off"):
        assert params.get_param("validation").resolve(mode) == mode
    with pytest.raises(ParamValidationError):
        params.get_param("validation").resolve("none")


def test_every_dag_goes_through_airflows_own_serialisation(dags: dict[str, Any]) -> None:
    for dag in dags.values():
        again = DagSerialization.from_dict(DagSerialization.to_dict(dag))
        assert {task.task_id for task in again.tasks} == {task.task_id for task in dag.tasks}


FAULTS = {
    "unknown key": ("mointor: {}", "unknown key 'mointor'", "did you mean 'monitor'"),
    "bad value": ("seed: 3\npartition: {every: week, start: 2020-01}", "partition.every", "mend it"),
    "no YAML": ("train: [", "not valid YAML", "mend that line"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_faulty_workflow_file_leaves_the_others_dags_up_and_is_shown(
    parse: Callable[[], Any], project: Path, fault: str
) -> None:
    text, problem, remedy = FAULTS[fault]
    good = yaml.safe_load((project / "include/workflows/parcels.yaml").read_text())
    named = {name: value for name, value in good.items() if f"{name}:" not in text}
    (project / "include/workflows/broken.yaml").write_text(
        yaml.safe_dump({**named, "workflow": "broken"}) + text + "\n"
    )

    bag = parse()

    assert set(bag.dags) == {f"{workflow}.{kind}" for workflow in WORKFLOWS for kind in EDGES}
    ((path, message),) = bag.import_errors.items()
    assert Path(path).name == "faulty_workflows.py"
    for said in ("include/workflows/broken.yaml", problem, remedy):
        assert said in message


def test_without_faults_nothing_is_shown(parse: Callable[[], Any]) -> None:
    bag = parse()

    assert bag.import_errors == {}
    assert len(bag.dags) == 21


def test_what_others_wait_for_goes_first_where_slots_are_few(dags: dict[str, Any]) -> None:
    weights = {kind: _weigh_all(dags[f"rents.{kind}"]) for kind in EDGES}

    for kind, later in (("ingestion", "scoring"), ("scoring", "monitoring"), ("monitoring", "training")):
        assert max(weights[kind].values()) < min(weights[later].values()), f"{kind} before {later}"
    assert max(weights["training"].values()) < min(weights["rollback"].values())
    begun = weights["ingestion"]
    assert begun["collect"] < begun["validate"] < begun["clean"] < begun["publish"] < begun["profile"]


def _weigh_all(dag: Any) -> dict[str, int]:
    """Return each task's weight among queued ones, as Airflow finds it."""
    read = DagSerialization.from_dict(DagSerialization.to_dict(dag))
    return {task.task_id: task.weight_rule.get_weight(_Instance(task)) for task in read.tasks}


class _Instance:
    """As much of a task instance as a weight rule looks at."""

    def __init__(self, task: Any) -> None:
        self.task = task
