"""Kept models diagnosed from the lake and the registry, of two classes, of three and of numbers."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.lake import Lake
from lakemill.registry import diagnosis, releases
from lakemill.registry.diagnosis import choose_version, diagnose
from lakemill.registry.models import Registry
from lakemill.training.snapshots import take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"
Open = Callable[[Workflow], Registry]


def train(workflow: Workflow, lake: Lake, registry: Registry, key: str, folder: Path, *, problem: str) -> str:
    publish(workflow, lake, key, make_rows(workflow, key, 300, problem=problem))
    as_of = end_of(workflow, key)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    studies = f"sqlite:///{folder / 'studies.db'}"
    releases.tune(workflow, lake, snapshot, studies=studies)
    tuned = [releases.take_best(workflow, lake, snapshot, "plain", studies=studies)]
    return releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)


@pytest.mark.thorough
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_kept_model_is_diagnosed_on_training_and_validation_rows(
    lake: Lake, open_registry: Open, tmp_path: Path, problem: str
) -> None:
    workflow = make_workflow(problem)
    registry = open_registry(workflow)
    version = train(workflow, lake, registry, FIRST, tmp_path, problem=problem)
    steps: list[tuple[str, float]] = []

    found = diagnose(workflow, lake, registry, version, report=lambda text, share: steps.append((text, share)))

    assert found.rows == {"train": 210, "validation": 45}
    assert [point.rows for point in found.curve][-1] == 210
    assert found.importances[0].feature == "size"
    assert {one.feature for one in found.importances} == {"size", "noise", "colour"}
    assert [share for _, share in steps] == sorted(share for _, share in steps)
    assert 0.0 <= steps[0][1] <= steps[-1][1] <= 1.0
    assert found.test is None
    told = json.loads(json.dumps(found.as_dict(), allow_nan=False))
    assert told["metric"] == workflow.train.metric
    assert told["validation"] == pytest.approx(found.validation)


@pytest.mark.thorough
def test_the_gates_score_is_shown_and_test_rows_change_nothing_else(
    lake: Lake, open_registry: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = make_workflow()
    registry = open_registry(workflow)
    version = train(workflow, lake, registry, FIRST, tmp_path, problem="binary")
    before = diagnose(workflow, lake, registry, version)
    registry.record_gate(version, verdict="pass", metrics={"test_roc_auc": 0.75}, evidence={})
    given = diagnosis.make_target

    def spoil(rows, label):  # type: ignore[no-untyped-def]
        y = given(rows, label)
        y[-45:] = ["true", "false"] * 22 + ["true"]  # the test rows
        return y

    monkeypatch.setattr(diagnosis, "make_target", spoil)

    after = diagnose(workflow, lake, registry, version)

    assert after.test == 0.75
    assert (after.doubling, after.shift, after.slices, after.importances, after.calibration) == (
        before.doubling,
        before.shift,
        before.slices,
        before.importances,
        before.calibration,
    )


def test_a_changed_workflow_file_is_noted(lake: Lake, open_registry: Open, tmp_path: Path) -> None:
    workflow = make_workflow()
    registry = open_registry(workflow)
    version = train(workflow, lake, registry, FIRST, tmp_path, problem="binary")
    changed = make_workflow(dataset={"split": "time", "validation": 0.2, "test": 0.15})

    found = diagnose(changed, lake, registry, version)

    assert [note.split(":")[0] for note in found.notes] == ["the workflow file has changed since this training"]
    assert found.rows["validation"] == 60


def test_the_champion_is_chosen_else_the_newest(lake: Lake, open_registry: Open, tmp_path: Path) -> None:
    workflow = make_workflow()
    registry = open_registry(workflow)
    first = train(workflow, lake, registry, FIRST, tmp_path, problem="binary")
    second = train(workflow, lake, registry, SECOND, tmp_path, problem="binary")

    assert choose_version(registry, None) == second
    registry.point("champion", first)
    assert choose_version(registry, None) == first
    assert choose_version(registry, "v2") == second
    with pytest.raises(RegistryError, match=r"model small: no version '7'\n  -> known: 1, 2"):
        choose_version(registry, "7")


def test_without_a_model_it_is_said_so(open_registry: Open) -> None:
    with pytest.raises(RegistryError, match=r"small: no model yet\n  -> train one first: lakemill run small"):
        choose_version(open_registry(make_workflow()), None)
