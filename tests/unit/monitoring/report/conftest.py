"""A lake of four days: a champion takes charge after the second, the number ``size`` drifts on the fourth."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.monitoring.drift import compare_profiles
from lakemill.monitoring.drift_table import DATA, record_drift
from lakemill.monitoring.profiles import profile_partition, profile_predictions, read_profile
from lakemill.monitoring.wording import put_in_evidence
from lakemill.registry.ledger import Entry, record_entry
from lakemill.training.snapshots import take_snapshot

DAYS = tuple(f"2020-01-0{day}" for day in range(1, 5))
SCORES = {DAYS[2]: 0.91, DAYS[3]: 0.75}
UNJUDGED = {
    "champion": None,
    "metric": "roc_auc",
    "score": None,
    "expected": None,
    "rows": 0,
    "drifted": [],
    "drift": [],
}


@pytest.fixture
def workflow() -> Workflow:
    return make_workflow()


@pytest.fixture
def judged(tmp_path: Path, workflow: Workflow) -> Lake:
    """The lake, all days judged."""
    lake = Lake(str(tmp_path / "lake"), "small")
    for key in DAYS:
        publish(workflow, lake, key, make_rows(workflow, key, 300, shift=2.0 if key == DAYS[3] else 0.0))
        profile_partition(workflow, key, lake)
    for key in DAYS[:2]:
        judge(workflow, lake, key, "nothing", UNJUDGED)
    take_charge(workflow, lake, DAYS[1])
    for key in DAYS[2:]:
        judge_by_champion(workflow, lake, key)
    return lake


def judge(workflow: Workflow, lake: Lake, key: str, verdict: str, evidence: dict[str, Any]) -> None:
    reasons = ("drift",) if verdict == "retrain" else ("nothing found",)
    record_verdict(lake, Verdict("monitoring", key, end_of(workflow, key), verdict, reasons, evidence))


def take_charge(workflow: Workflow, lake: Lake, key: str) -> None:
    as_of = end_of(workflow, key)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    evidence = {"version": "1", "score": 0.9, "metric": "roc_auc"}
    record_verdict(lake, Verdict("gate", key, as_of, "pass", (), evidence))
    record_entry(lake, Entry("1", as_of, snapshot, "let through by the gate"), recorded_at=as_of)


def judge_by_champion(workflow: Workflow, lake: Lake, key: str) -> None:
    score = [0.25, 0.75] * 150
    made = {"model_version": ["1"] * 300, "score": score, "predicted": ["false", "true"] * 150}
    lake.replace_partition("predictions", key, pa.table(made))
    profile_predictions(workflow, key, lake, "1")
    drifts = compare_profiles(read_profile(lake, list(DAYS[:2])), read_profile(lake, [key]), workflow.monitor)
    record_drift(lake, key, drifts, of=DATA)
    drifted = [one.column for one in drifts if one.is_strong]
    evidence = {**UNJUDGED, "champion": "1", "score": SCORES[key], "expected": 0.9, "rows": 300}
    evidence |= put_in_evidence(drifts, drifted, dict.fromkeys(drifted, 0.125))
    evidence["prediction_drift"] = put_in_evidence([], [], {})
    judge(workflow, lake, key, "retrain" if drifted else "nothing", evidence)
