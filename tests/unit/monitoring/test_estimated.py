"""What monitoring says of a champion before labels are there, and what it makes of them once they are."""

from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring.concept_drift import TABLE as ERRORS
from lakemill.monitoring.profiles import profile_partition
from lakemill.monitoring.scored_rows import TABLE as TEST_ROWS
from lakemill.monitoring.step import judge_partition
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.models import Registry
from lakemill.scoring import score_partition
from lakemill.training.estimators import make_pipeline
from lakemill.training.snapshots import take_snapshot

FIRST, SECOND, *LATER = (f"2020-01-0{day}" for day in range(1, 7))
ROWS = 1000


@dataclass
class Models:
    """A registry with a model that was fitted on rows of its own."""

    workflow: Workflow
    problem: str
    pipelines: dict[str, Any] = field(default_factory=dict)

    def load(self, version: str) -> Any:
        if version not in self.pipelines:
            rows = make_rows(self.workflow, FIRST, 2000, problem=self.problem, seed=9)
            label = self.workflow.table.label
            candidate, features = self.workflow.train.candidates["plain"], self.workflow.features
            pipeline = make_pipeline(candidate, features, problem=label.problem, parameters={}, seed=0)
            self.pipelines[version] = pipeline.fit(make_frame(rows, features), make_target(rows, label))
        return self.pipelines[version]


def begin(lake: Lake, problem: str = "binary", *, gate: float = 0.95, **sections: Any) -> tuple[Workflow, Registry]:
    """A champion, judged on the last rows that had a label when two partitions were there."""
    workflow = make_workflow(problem, **sections)
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key, 3 * ROWS, problem=problem))
        profile_partition(workflow, key, lake)
    as_of = end_of(workflow, SECOND)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    evidence = {"version": "1", "score": gate, "training": workflow.training_hash()}
    record_verdict(lake, Verdict("gate", SECOND, as_of, "pass", (), evidence))
    record_entry(lake, Entry("1", as_of, snapshot, "let through"), recorded_at=as_of)
    return workflow, cast(Registry, Models(workflow, problem))


def bring(workflow: Workflow, lake: Lake, registry: Registry, key: str, rows: pa.Table) -> dict[str, Any]:
    """Bring rows through all of a partition's steps; give the evidence of its verdict."""
    publish(workflow, lake, key, rows)
    profile_partition(workflow, key, lake)
    score_partition(workflow, key, lake, registry)
    judge_partition(workflow, key, lake, registry)
    return read_verdicts(lake, "monitoring")[key].evidence


def tell(evidence: dict[str, Any], *names: str) -> list[bool | None]:
    """Whether findings of these names hold."""
    found = {one["finding"]: one["holds"] for one in evidence["findings"]}
    return [found[name] for name in names]


def with_another_rule(rows: pa.Table) -> pa.Table:
    """The same rows, with labels that are turned round where the noise is large."""
    is_turned = pc.greater(rows.column("noise"), 0.5)
    labels = pc.if_else(is_turned, pc.invert(rows.column("label")), rows.column("label"))
    return rows.set_column(rows.column_names.index("label"), "label", labels)


def test_a_rule_that_changed_is_found_when_labels_mature_and_features_say_nothing(lake: Lake) -> None:
    workflow, registry = begin(lake, known_after="1 day")

    found = [
        bring(workflow, lake, registry, key, with_another_rule(make_rows(workflow, key, ROWS))) for key in LATER[:2]
    ]

    assert [one["drifted"] for one in found] == [[], []]
    assert [one["concept_drift"]["is_found"] for one in found] == [False, True]
    (measured,) = found[1]["estimated"]["measured"]
    assert (measured["partition"], measured["version"], measured["rows"]) == (LATER[0], "1", ROWS)
    assert measured["estimated"] > 0.95  # no label was there to tell
    assert measured["error"] < -0.1


def test_data_drift_without_harm_is_no_concept_drift_and_no_estimated_decay(lake: Lake) -> None:
    workflow, registry = begin(lake, monitor={"decay": 0.02})

    for key in LATER[:3]:
        rows = make_rows(workflow, key, ROWS)
        place = rows.column_names.index("noise")
        found = bring(workflow, lake, registry, key, rows.set_column(place, "noise", pc.add(rows.column("noise"), 3.0)))

        assert found["drifted"] == ["noise"]
        assert found["drift"][0]["moves_predictions_by"] < 0.05
        assert tell(found, "concept_drift", "estimated_performance") == [False, False]


def test_rows_that_have_become_harder_are_estimated_so_and_are_no_concept_drift(lake: Lake) -> None:
    workflow, registry = begin(lake, monitor={"decay": 0.02}, train=ACCURACY, gate=0.94)

    for key in LATER[:2]:
        rows = make_rows(workflow, key, 6 * ROWS)
        is_hard = pc.less(pc.abs(rows.column("size")), 0.4)
        found = bring(workflow, lake, registry, key, rows.filter(is_hard))

        assert found["score"] < 0.9
        assert found["estimated"]["score"] == pytest.approx(found["score"], abs=0.04)
        assert found["estimated"]["low"] < found["score"] < found["estimated"]["high"]
        assert tell(found, "concept_drift", "estimated_performance") == [False, True]


ACCURACY = {
    "metric": "accuracy",
    "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression", "search": {}}},
}


@pytest.mark.thorough
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_what_is_estimated_before_labels_comes_true(lake: Lake, problem: str) -> None:
    workflow, registry = begin(lake, problem, known_after="1 day")

    found = [bring(workflow, lake, registry, key, make_rows(workflow, key, ROWS, problem=problem)) for key in LATER]

    for before, after in pairwise(found):
        estimated, (measured,) = before["estimated"], after["estimated"]["measured"]
        assert estimated["rows"] == ROWS
        assert measured["estimated"] == estimated["score"]
        assert abs(measured["error"]) < 4 * estimated["standard_error"]
    assert [one["concept_drift"]["is_found"] for one in found] == [False] * len(found)
    assert found[-1]["estimated"]["usual_error"] is None  # two were measured before


@pytest.mark.thorough
def test_a_regression_whose_errors_grow_is_found(lake: Lake) -> None:
    workflow, registry = begin(lake, "regression")

    found = []
    for number, key in enumerate(LATER[:3]):
        rows = make_rows(workflow, key, ROWS, problem="regression")
        noise = np.random.default_rng(number).normal(0, 1.0 if number else 0.0, ROWS)
        place = rows.column_names.index("label")
        rows = rows.set_column(place, "label", pc.add(rows.column("label"), pa.array(noise)))
        found.append(bring(workflow, lake, registry, key, rows)["concept_drift"])

    assert [one["is_found"] for one in found] == [False, True, True]
    assert [one["partitions_ago"] for one in found[1:]] == [0, 1]


def test_errors_that_were_large_once_are_no_change_that_lasts(lake: Lake) -> None:
    workflow, registry = begin(lake)
    rows = [make_rows(workflow, key, ROWS) for key in LATER[:3]]

    found = [
        bring(workflow, lake, registry, key, one)["concept_drift"]["is_found"]
        for key, one in zip(LATER, [rows[0], with_another_rule(rows[1]), rows[2]], strict=False)
    ]

    assert found == [False, True, False]


@pytest.mark.thorough
def test_judging_again_changes_nothing_whatever_came_later(lake: Lake) -> None:
    workflow, registry = begin(lake, known_after="1 day")
    for key in LATER[:3]:
        bring(workflow, lake, registry, key, make_rows(workflow, key, ROWS))
    before = [lake.version(table) for table in ("verdicts", ERRORS, TEST_ROWS)]

    for key in LATER[:3]:
        judge_partition(workflow, key, lake, registry)

    assert [lake.version(table) for table in ("verdicts", ERRORS, TEST_ROWS)] == before


def test_a_changed_file_does_not_say_which_rows_were_test_rows(lake: Lake) -> None:
    _, registry = begin(lake)
    changed = make_workflow(dataset={"split": "random"})

    evidence = bring(changed, lake, registry, LATER[0], make_rows(changed, LATER[0], ROWS))

    assert (evidence["estimated"], evidence["concept_drift"]) == (None, None)
    assert lake.version(TEST_ROWS) < 0
