"""Runs that start in any order, one of them cleared in between: the same verdicts and the same ledger, to the byte.

A scheduler of a few lines starts the task functions as Airflow does: a run whose history is missing waits.
"""

import contextlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred
from workflows_for_tests import make_rows

from lakemill.config import Workflow, load_settings
from lakemill.lake import Lake
from lakemill.orchestration import ingestion, monitoring, scoring, training
from lakemill.orchestration.waiting import WaitForHistory

MONTHS = [f"2020-{month:02}" for month in range(1, 11)]
HALF_YEAR = MONTHS[:6]  # the model is trained on these; the others are replayed
ORDERS = {
    "forwards": MONTHS,
    "backwards": MONTHS[::-1],
    "mixed": [*MONTHS[1::2], *MONTHS[::2]],
}
CLEARED = MONTHS[7]
Run = Callable[..., None]


def deliver(workflow: Workflow, folder: Path) -> None:
    for month in MONTHS:
        shift = 2.5 if month == MONTHS[8] else 0.0
        pyarrow.csv.write_csv(make_rows(workflow, month, shift=shift), folder / f"items_{month}.csv")


@pytest.fixture
def by_month(workflow: Workflow, tmp_path: Path) -> Workflow:
    """The workflow ``small`` by month, which trains after half a year, and when drift is found."""
    path = tmp_path / "include" / "workflows" / "small.yaml"
    content = yaml.safe_load(path.read_text())
    content["partition"] = {"every": "month", "start": MONTHS[0], "end": MONTHS[-1]}
    content["train"]["budget"] = {"trials": 1}
    content["labels"] = {"audit": False}
    content["monitor"] = {"decay": 0.05}
    content["decide"] = {"data_drift": "retrain"}
    content["retrain"] = {"first_after": len(HALF_YEAR), "cooldown": 2}
    path.write_text(yaml.safe_dump(content))
    declared = Workflow.model_validate(content)
    deliver(declared, tmp_path)
    return declared


def ingest() -> None:
    ingestion.collect.function("small", "items")
    validated = ingestion.validate.function("small")
    cleaned = ingestion.clean.function("small")
    with contextlib.suppress(AirflowSkipException):  # as it was
        ingestion.publish.function("small", validated, cleaned)
    ingestion.profile.function("small")


def train() -> None:
    taken = training.snapshot.function("small")
    training.tune.function("small", 0, taken)
    version = training.fit.function("small", taken, [training.take_best.function("small", "plain", taken)])
    verdict = training.gate.function("small", taken, version, training.evaluate.function("small", taken, version))
    if verdict == "pass":
        training.promote.function("small", taken, version, verdict)


def waits(stage: str) -> bool:
    try:
        WaitForHistory(task_id="wait", workflow="small", stage=stage).execute({})
    except TaskDeferred:
        return True
    return False


def judge() -> None:
    judged = monitoring.judge.function("small")
    if judged["verdict"] == "retrain":
        train()


def replay(order: list[str], run_of: Run, *, cleared: str) -> list[str]:
    """Start the runs in an order, each task of them when it no longer waits; return how they came to be judged."""
    waiting: list[tuple[str, str, Callable[[], Any]]] = []
    for key in order:
        run_of(key)
        ingest()
        waiting += [("scoring", key, lambda: scoring.score.function("small")), ("monitoring", key, judge)]
    judged: list[str] = []
    while waiting:
        for task in waiting:
            stage, key, work = task
            run_of(key)
            is_scored = all((one, at) != ("scoring", key) for one, at, _ in waiting) or stage == "scoring"
            if is_scored and not waits(stage):
                break
        else:
            raise AssertionError(f"all wait: {[(stage, key) for stage, key, _ in waiting]}")
        work()
        waiting.remove(task)
        judged += [key] if stage == "monitoring" else []
        if judged and judged[-1] == cleared and stage == "monitoring":
            run_again(cleared, run_of)
    return judged


def run_again(key: str, run_of: Run) -> None:
    """All tasks of a partition's runs, as after clearing them."""
    run_of(key)
    ingest()
    for stage, work in (("scoring", lambda: scoring.score.function("small")), ("monitoring", judge)):
        assert not waits(stage)
        work()


def to_bytes(rows: pa.Table | None, *names: str) -> bytes:
    """The rows in an order of their own, as Arrow's bytes."""
    assert rows is not None
    kept = rows.select(sorted(names)).sort_by([(name, "ascending") for name in names if name != "reasons"])
    said = pa.BufferOutputStream()
    with pa.ipc.new_stream(said, kept.schema) as writer:
        writer.write_table(kept.combine_chunks())
    return said.getvalue().to_pybytes()


@pytest.mark.thorough
def test_any_order_of_runs_gives_the_same_verdicts_and_the_same_ledger(
    by_month: Workflow, run_of: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    verdicts, ledgers, predictions, drift = {}, {}, {}, {}
    for name, order in ORDERS.items():
        for what, place in {"LAKE": "lake", "ARTIFACTS": "models"}.items():
            monkeypatch.setenv(f"LAKEMILL_{what}", str(tmp_path / name / place))
        (tmp_path / name).mkdir()
        for what in ("REGISTRY", "STUDIES"):
            monkeypatch.setenv(f"LAKEMILL_{what}", f"sqlite:///{tmp_path / name / what}.db")
        judged = replay(order, run_of, cleared=CLEARED)
        assert judged == MONTHS
        lake = Lake(load_settings().lake, "small")
        rows = lake.read("verdicts", where={"kind": "monitoring"})
        verdicts[name] = to_bytes(rows, "partition", "kind", "as_of", "verdict", "reasons", "evidence")
        said = ["entry", "action", "as_of", "version", "snapshot", "reason", "who", "instead_of"]
        ledgers[name] = to_bytes(lake.read("ledger"), *said)  # all but when it was written down
        predictions[name] = to_bytes(lake.read("predictions"), "id", "score", "model_version")
        drift[name] = to_bytes(lake.read("drift"), "partition", "of", "column", "statistic", "effect", "p_value")
        told = {one["partition"]: one["verdict"] for one in rows.to_pylist()}

    assert list(told.values()).count("retrain") == 2, told  # the first training, and one for drift
    assert told[HALF_YEAR[-1]] == "retrain"
    for kept in (verdicts, ledgers, predictions, drift):
        assert len(set(kept.values())) == 1
