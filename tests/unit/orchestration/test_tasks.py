"""Task functions of all four DAGs, one partition after the other, called as Airflow calls them."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.csv
import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from workflows_for_tests import make_rows

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.notifications import read_notification
from lakemill.lake.verdicts import read_verdicts
from lakemill.orchestration import ingestion, monitoring, scoring, training
from lakemill.orchestration.assets import name_asset

FIRST, SECOND = "2020-01-01", "2020-01-02"
Run = Callable[..., None]


def deliver(workflow: Workflow, folder: Path, key: str) -> None:
    pyarrow.csv.write_csv(make_rows(workflow, key), folder / f"items_{key}.csv")


def ingest() -> dict[str, Any]:
    collected = ingestion.collect.function("small", "items")
    validated = ingestion.validate.function("small")
    cleaned = ingestion.clean.function("small")
    published = ingestion.publish.function("small", validated, cleaned)
    profiled = ingestion.profile.function("small")
    return {"collected": collected, "published": published, "profiled": profiled}


def train() -> dict[str, Any]:
    taken = training.snapshot.function("small")
    training.tune.function("small", 0, taken)
    tuned = [training.take_best.function("small", "plain", taken)]
    version = training.fit.function("small", taken, tuned)
    evaluated = training.evaluate.function("small", taken, version)
    verdict = training.gate.function("small", taken, version, evaluated)
    promoted = training.promote.function("small", taken, version, verdict)
    return {"taken": taken, "version": version, "verdict": verdict, "promoted": promoted}


def test_two_partitions_through_all_four_dags(workflow: Workflow, lake: Lake, run_of: Run, tmp_path: Path) -> None:
    for key in (FIRST, SECOND):
        deliver(workflow, tmp_path, key)
    run_of(FIRST)
    first = {**ingest(), "scored": scoring.score.function("small"), "judged": monitoring.judge.function("small")}
    asked = monitoring.request_training.function("small", first["judged"])
    event = monitoring.get_current_context()["outlet_events"][name_asset(workflow, "retrain")]
    trained = train()
    run_of(SECOND)
    second = {**ingest(), "scored": scoring.score.function("small"), "judged": monitoring.judge.function("small")}

    assert (first["collected"]["rows"], first["published"]["rows"], first["profiled"]["rows"]) == (100, 100, 100)
    assert first["scored"]["version"] is None
    assert asked == first["judged"]["reason"] == "first training: 1 partitions of history"
    assert event.extra == {"partition": FIRST, "reason": asked, "findings": []}
    assert trained["taken"]["partition"] == FIRST
    assert (trained["verdict"], trained["promoted"]) == ("pass", {"version": "1", "live": True})
    assert (second["scored"]["version"], second["scored"]["scored"]) == ("1", 100)
    assert second["judged"]["verdict"] == "nothing"
    assert list(read_verdicts(lake, "monitoring")) == [FIRST, SECOND]
    json.dumps([first, second, trained], allow_nan=False)  # what XCom can carry


def test_a_partition_that_comes_again_as_it_was_is_not_published_again(
    workflow: Workflow, lake: Lake, run_of: Run, tmp_path: Path
) -> None:
    deliver(workflow, tmp_path, FIRST)
    run_of(FIRST)
    ingest()
    scoring.score.function("small")
    monitoring.judge.function("small")
    with pytest.raises(AirflowSkipException, match="the same rows have been scored and judged"):
        ingest()
    path = tmp_path / f"items_{FIRST}.csv"
    path.write_text(path.read_text().rsplit("\n", 2)[0] + "\n")
    assert ingest()["published"]["rows"] == 99


def test_what_tasks_handed_on_is_removed_in_the_end(
    workflow: Workflow, lake: Lake, run_of: Run, tmp_path: Path
) -> None:
    deliver(workflow, tmp_path, FIRST)
    run_of(FIRST)
    ingest()

    assert [path for path in (tmp_path / "lake").rglob("*") if path.is_file() and "_staging" in path.parts] == []


@pytest.mark.parametrize("verdict", ["nothing", "note", "alert", "roll back"])
def test_only_the_verdict_retrain_asks_for_a_training(verdict: str) -> None:
    with pytest.raises(AirflowSkipException, match=f"{verdict}: because"):
        monitoring.request_training.function("small", {"verdict": verdict, "reason": "because"})


def test_what_the_gate_refused_is_not_promoted() -> None:
    with pytest.raises(AirflowSkipException, match="the gate did not let it through"):
        training.promote.function("small", {}, "1", "fail")


@pytest.mark.parametrize(
    ("key", "form", "partition"),
    [(FIRST, None, FIRST), (None, FIRST, FIRST), (None, None, SECOND), (FIRST, SECOND, FIRST), (None, "", SECOND)],
)
def test_a_training_learns_up_to_its_key_the_forms_or_the_last_published(
    workflow: Workflow, run_of: Run, tmp_path: Path, key: str | None, form: str | None, partition: str
) -> None:
    for one in (FIRST, SECOND):
        deliver(workflow, tmp_path, one)
        run_of(one)
        ingest()
    run_of(key, partition=form)

    taken = training.snapshot.function("small")

    assert (taken["partition"], taken["as_of"]) == (partition, workflow.partition.interval(partition).end.isoformat())


@pytest.mark.parametrize(
    ("form", "message"),
    [
        (None, "nothing is published yet"),
    ],
)
def test_a_training_that_cannot_start_says_why(workflow: Workflow, run_of: Run, form: str | None, message: str) -> None:
    run_of(None, partition=form)

    with pytest.raises(AirflowFailException, match=message):
        training.snapshot.function("small")


def test_a_training_as_of_a_partition_that_is_not_published_is_refused(
    workflow: Workflow, run_of: Run, tmp_path: Path
) -> None:
    deliver(workflow, tmp_path, FIRST)
    run_of(FIRST)
    ingest()
    run_of(None, partition="2030-01-01")

    with pytest.raises(AirflowFailException, match=r"no partition '2030-01-01' is published"):
        training.snapshot.function("small")


def test_a_missing_delivery_fails_plainly(workflow: Workflow, run_of: Run) -> None:
    run_of(FIRST)

    with pytest.raises(AirflowFailException, match=r"items_2020-01-01\.csv"):
        ingestion.collect.function("small", "items")


def block_few_rows(folder: Path) -> None:
    """Give the workflow a suite that blocks partitions of fewer than a thousand rows."""
    expectation = {
        "type": "expect_table_row_count_to_be_between",
        "kwargs": {"min_value": 1000},
        "meta": {"action": "block"},
    }
    (folder / "suite.json").write_text(json.dumps({"name": "small", "expectations": [expectation]}))
    path = folder / "include/workflows/small.yaml"
    path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "expectations": "suite.json"}))


def test_a_blocked_partition_is_told_of_once_and_as_a_verdict_once_it_is_mended(
    workflow: Workflow, lake: Lake, run_of: Run, tmp_path: Path
) -> None:
    block_few_rows(tmp_path)
    deliver(workflow, tmp_path, FIRST)
    run_of(FIRST)
    ingestion.collect.function("small", "items")

    for _ in range(2):
        with pytest.raises(AirflowFailException, match="blocked by 1 expectation"):
            ingestion.validate.function("small")

    found = read_notification(lake, FIRST)
    assert found is not None
    assert (found.message["verdict"], found.told, found.failed) == ("blocked", ["0: log"], {})
    assert "table_row_count_to_be_between(min_value=1000): observed 100" in found.message["text"]
    monitoring.notify.function("small", {"partition": FIRST, "verdict": "alert", "reason": "worse", "findings": []})
    after = read_notification(lake, FIRST)
    assert after is not None
    assert (after.message["verdict"], after.told) == ("alert", ["0: log"])


def test_where_nobody_can_be_told_a_blocked_partition_still_says_why(
    workflow: Workflow, run_of: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*given: Any, **named: Any) -> None:
        raise OSError("the lake is away")

    block_few_rows(tmp_path)
    deliver(workflow, tmp_path, FIRST)
    run_of(FIRST)
    ingestion.collect.function("small", "items")
    monkeypatch.setattr("lakemill.orchestration.notifying.tell", fail)

    with pytest.raises(AirflowFailException, match="blocked by 1 expectation"):
        ingestion.validate.function("small")
    assert "nobody was told" in caplog.text


@pytest.mark.parametrize(
    "call",
    [
        lambda: ingestion.collect.function("small", "items"),
        lambda: ingestion.validate.function("small"),
        lambda: ingestion.clean.function("small"),
        lambda: ingestion.publish.function("small", {}, {}),
        lambda: ingestion.profile.function("small"),
        lambda: scoring.score.function("small"),
        lambda: monitoring.judge.function("small"),
    ],
    ids=["collect", "validate", "clean", "publish", "profile", "score", "judge"],
)
def test_a_key_of_another_form_fails_plainly(workflow: Workflow, run_of: Run, call: Callable[[], Any]) -> None:
    run_of("2020-01")

    with pytest.raises(AirflowFailException, match=r"partition key: .* got '2020-01'"):
        call()


@pytest.mark.thorough
def test_a_file_without_features_and_training_runs_in_any_order(
    workflow: Workflow, lake: Lake, run_of: Run, tmp_path: Path
) -> None:
    path = tmp_path / "include" / "workflows" / "small.yaml"
    content = yaml.safe_load(path.read_text())
    del content["features"]
    content["train"] = {"budget": {"trials": 2}}
    path.write_text(yaml.safe_dump(content))
    for key in (FIRST, SECOND):
        deliver(workflow, tmp_path, key)
    run_of(SECOND)
    second = ingest()
    run_of(FIRST)
    first = {**ingest(), "scored": scoring.score.function("small"), "judged": monitoring.judge.function("small")}
    taken = training.snapshot.function("small")
    for slot in (0, 1):
        training.tune.function("small", slot, taken)
    tuned = [training.take_best.function("small", name, taken) for name in ("boosting", "logistic")]
    version = training.fit.function("small", taken, tuned)
    evaluated = training.evaluate.function("small", taken, version)
    assert training.gate.function("small", taken, version, evaluated) == "pass"
    training.promote.function("small", taken, version, "pass")
    run_of(SECOND)
    scored, judged = scoring.score.function("small"), monitoring.judge.function("small")

    assert (first["published"]["rows"], second["published"]["rows"], scored["scored"]) == (100, 100, 100)
    assert lake.read_document(f"features/{taken['id']}")["kinds"] == {
        "numeric": ["size", "noise"],
        "categorical": ["colour"],
        "dates": [],
        "text": [],
    }
    assert read_verdicts(lake, "monitoring")[SECOND].evidence["columns"] == 3
    assert judged["verdict"] == "nothing"
    json.dumps([tuned, evaluated, scored], allow_nan=False)
