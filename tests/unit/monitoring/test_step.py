"""Judging a partition: evidence gathered from the lake, and the verdict kept with it."""

from dataclasses import dataclass, field
from typing import Any, cast

import pyarrow.compute as pc
import pytest
from workflows_for_tests import block, end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import TABLE, Verdict, read_verdicts, record_verdict
from lakemill.monitoring.drift_table import TABLE as DRIFT
from lakemill.monitoring.profiles import TABLE as PROFILES
from lakemill.monitoring.profiles import profile_partition, profile_windows, read_profile
from lakemill.monitoring.step import judge_partition
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.models import Registry
from lakemill.scoring import score_partition
from lakemill.training.snapshots import take_snapshot

FIRST, SECOND, THIRD, FOURTH = (f"2020-01-0{day}" for day in range(1, 5))


@dataclass
class Models:
    """A registry whose models see the label: what the step needs of one."""

    workflow: Workflow
    pipelines: dict[str, Any] = field(default_factory=dict)

    def tags(self, version: str) -> dict[str, str]:
        return {"training": self.workflow.training_hash()}

    def load(self, version: str) -> Any:
        from lakemill.preprocessing.features import make_frame, make_target
        from lakemill.training.estimators import make_pipeline

        if version not in self.pipelines:
            kind = self.workflow.table.label.problem
            rows = make_rows(self.workflow, FIRST, problem="binary" if kind == "classification" else kind)
            for name in self.workflow.features.made:
                rows = rows.append_column(name, rows.column("size"))
            candidate = self.workflow.train.candidates["plain"]
            pipeline = make_pipeline(candidate, self.workflow.features, problem=kind, parameters={}, seed=0)
            label = make_target(rows, self.workflow.table.label)
            self.pipelines[version] = pipeline.fit(make_frame(rows, self.workflow.features), label)
        return self.pipelines[version]


def registry_of(workflow: Workflow) -> Registry:
    return cast(Registry, Models(workflow))


def ingest(workflow: Workflow, lake: Lake, key: str, **rows: Any) -> None:
    publish(workflow, lake, key, make_rows(workflow, key, **rows))
    profile_partition(workflow, key, lake)


def put_in_charge(workflow: Workflow, lake: Lake, key: str, *, score: float = 0.95) -> None:
    as_of = end_of(workflow, key)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    record_verdict(
        lake,
        Verdict("gate", key, as_of, "pass", (), {"version": "1", "score": score, "training": workflow.training_hash()}),
    )
    record_entry(lake, Entry("1", as_of, snapshot, "let through"), recorded_at=as_of)


def bring_through(workflow: Workflow, lake: Lake, key: str, **rows: Any) -> dict[str, Any]:
    ingest(workflow, lake, key, **rows)
    score_partition(workflow, key, lake, registry_of(workflow))
    return judge_partition(workflow, key, lake, registry_of(workflow))


def names_found(judged: dict[str, Any]) -> list[str]:
    return [one["finding"] for one in judged["findings"]]


def test_history_is_counted_without_blocked_partitions(lake: Lake) -> None:
    workflow = make_workflow(retrain={"first_after": 2})

    verdicts = [bring_through(workflow, lake, FIRST)["verdict"]]
    block(workflow, lake, SECOND)
    verdicts.append(judge_partition(workflow, SECOND, lake, registry_of(workflow))["verdict"])
    verdicts.append(bring_through(workflow, lake, THIRD)["verdict"])

    assert verdicts == ["nothing", "alert", "retrain"]  # the alert is of the blocked one's data


def test_a_quiet_partition_is_judged_with_its_evidence(lake: Lake) -> None:
    workflow = make_workflow(monitor={"decay": 0.1})
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)

    judged = bring_through(workflow, lake, SECOND)

    assert judged == {"partition": SECOND, "verdict": "nothing", "reason": "nothing found", "findings": []}
    kept = read_verdicts(lake, "monitoring")[SECOND]
    assert (kept.verdict, kept.as_of, kept.reasons) == ("nothing", end_of(workflow, SECOND), ("nothing found",))
    assert (kept.evidence["champion"], kept.evidence["rows"], kept.evidence["columns"]) == ("1", 100, 3)
    assert kept.evidence["score"] > 0.9
    assert kept.evidence["expected"] == 0.95
    assert kept.evidence["drifted"] == []


@pytest.mark.parametrize(
    ("sections", "shift", "score", "verdict", "reason"),
    [
        ({}, 3.0, 0.95, "note", "data drift and label shift"),
        ({"decide": {"data_drift": "nothing", "label_shift": "nothing"}}, 3.0, 0.95, "nothing", "nothing found"),
        ({"decide": {"data_drift": "retrain"}}, 3.0, 0.95, "retrain", "data drift"),
        ({"decide": {"data_drift": "retrain"}, "retrain": {"cooldown": 3}}, 3.0, 0.95, "alert", "data drift, but the"),
        ({}, 0.0, 1.2, "retrain", "realised performance"),
        ({"decide": {"data_drift": "retrain"}}, 3.0, 1.2, "retrain", "data drift and realised performance"),
        ({"retrain": {"every": 1}}, 3.0, 0.95, "retrain", "cadence: 1"),
    ],
)
def test_findings_have_consequences(
    lake: Lake, sections: dict[str, Any], shift: float, score: float, verdict: str, reason: str
) -> None:
    workflow = make_workflow(monitor={"decay": 0.1, "columns": 0.3}, **sections)
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST, score=score)

    judged = bring_through(workflow, lake, SECOND, shift=shift, count=400)

    assert judged["verdict"] == verdict
    assert judged["reason"].startswith(reason)


def test_one_column_of_many_is_not_the_partition(lake: Lake) -> None:
    workflow = make_workflow(monitor={"columns": 0.5})
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)

    assert "data_drift" not in names_found(bring_through(workflow, lake, SECOND, shift=3.0))
    assert read_verdicts(lake, "monitoring")[SECOND].evidence["drifted"] == ["size"]


def test_a_changed_workflow_file_asks_for_a_training(lake: Lake) -> None:
    workflow = make_workflow()
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)
    ingest(workflow, lake, SECOND)
    changed = make_workflow(features={"numeric": ["size"], "categorical": ["colour", "noise"]})
    profile_partition(changed, SECOND, lake)

    judged = judge_partition(changed, SECOND, lake, registry_of(workflow))

    assert judged["verdict"] == "retrain"
    assert judged["reason"] == "the workflow file has changed since the last training"


def test_a_changed_file_whose_model_was_refused_does_not_ask_again(lake: Lake) -> None:
    workflow = make_workflow()
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)
    changed = make_workflow(train={**workflow.train.model_dump(), "seed": 7})
    evidence = {"version": "2", "score": 0.5, "training": changed.training_hash()}
    record_verdict(lake, Verdict("gate", FIRST, end_of(workflow, FIRST), "fail", (), evidence))
    ingest(changed, lake, SECOND)

    assert "changed" not in judge_partition(changed, SECOND, lake, registry_of(changed))["reason"]


def test_too_few_rows_show_no_decay(lake: Lake) -> None:
    workflow = make_workflow(monitor={"decay": 0.1, "rows": 50})
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST, score=1.5)

    assert bring_through(workflow, lake, SECOND, count=49)["verdict"] == "nothing"


def test_a_metric_that_is_not_defined_is_kept_as_nothing(lake: Lake) -> None:
    workflow = make_workflow(monitor={"decay": 0.1})
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)

    bring_through(workflow, lake, SECOND, shift=50.0)  # one class only

    assert read_verdicts(lake, "monitoring")[SECOND].evidence["score"] is None


@pytest.mark.thorough
def test_judging_again_changes_nothing_whatever_came_later(lake: Lake) -> None:
    workflow = make_workflow(known_after="12 hours")
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)
    for key in (SECOND, THIRD, FOURTH):
        bring_through(workflow, lake, key)
    before = lake.version(TABLE), lake.version(DRIFT), lake.version(PROFILES)

    for key in (SECOND, THIRD, FOURTH):
        score_partition(workflow, key, lake, registry_of(workflow))
        judge_partition(workflow, key, lake, registry_of(workflow))

    assert (lake.version(TABLE), lake.version(DRIFT), lake.version(PROFILES)) == before


def test_a_later_model_does_not_judge_an_earlier_partition(lake: Lake) -> None:
    workflow = make_workflow()
    for key in (FIRST, SECOND):
        ingest(workflow, lake, key)
    put_in_charge(workflow, lake, SECOND)

    score_partition(workflow, SECOND, lake, registry_of(workflow))
    judge_partition(workflow, SECOND, lake, registry_of(workflow))

    evidence = read_verdicts(lake, "monitoring")[SECOND].evidence
    assert (evidence["champion"], evidence["score"], evidence["columns"]) == (None, None, 0)
    assert evidence["facts"]["since_training"] is None


WINDOW = {"columns": ["size"], "rolling": {"2 days": ["mean"]}}


def with_windows(*windows: dict[str, Any]) -> Workflow:
    features = {"numeric": ["noise"], "categorical": ["colour"], "windows": windows}
    return make_workflow(features=features, monitor={"columns": 0.01})


def test_what_windows_make_is_watched_for_drift(lake: Lake) -> None:
    workflow = with_windows(WINDOW)
    ingest(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)

    ingest(workflow, lake, SECOND, shift=3.0)
    judged = judge_partition(workflow, SECOND, lake, registry_of(workflow))

    evidence = read_verdicts(lake, "monitoring")[SECOND].evidence
    assert (evidence["columns"], evidence["drifted"]) == (3, ["size_mean_2_days"])
    assert judged["verdict"] == "note"
    assert "data_drift" in names_found(judged)


def test_windows_are_profiled_by_their_definition_and_once(lake: Lake) -> None:
    workflow, keys = with_windows(WINDOW), [FIRST, SECOND, THIRD]
    for key in keys:
        ingest(workflow, lake, key)
    by_colour = with_windows({**WINDOW, "by": ["colour"]})

    first, other = (profile_windows(one, keys, lake, one.features.windows) for one in (workflow, by_colour))
    version = lake.version(PROFILES)
    again = profile_windows(workflow, keys, lake, workflow.features.windows)

    assert (again, lake.version(PROFILES)) == (first, version)
    for of in (first, other):
        profile = read_profile(lake, keys, of=of)
        assert (list(profile), profile["size_mean_2_days"].count) == (["size_mean_2_days"], 300)
    means = [read_profile(lake, keys, of=of)["size_mean_2_days"].standard_deviation for of in (first, other)]
    assert means[0] != means[1]


def test_a_partition_that_came_again_has_its_windows_profiled_again(lake: Lake) -> None:
    workflow = with_windows(WINDOW)
    ingest(workflow, lake, FIRST)
    of = profile_windows(workflow, [FIRST], lake, workflow.features.windows)

    ingest(workflow, lake, FIRST, shift=3.0)
    profile_windows(workflow, [FIRST], lake, workflow.features.windows)

    assert read_profile(lake, [FIRST], of=of)["size_mean_2_days"].mean > 2


def evidence_of(lake: Lake, key: str) -> dict[str, Any]:
    return read_verdicts(lake, "monitoring")[key].evidence


def test_a_mild_difference_is_drift_when_it_is_found_again(lake: Lake) -> None:
    workflow = make_workflow(monitor={"effect": 0.15})
    ingest(workflow, lake, FIRST, count=2000)
    put_in_charge(workflow, lake, FIRST)

    found = [names_found(bring_through(workflow, lake, key, shift=0.5, count=1000)) for key in (SECOND, THIRD)]

    assert ["data_drift" in names for names in found] == [False, True]
    first, second = (evidence_of(lake, key)["drift"][0] for key in (SECOND, THIRD))
    assert (first["column"], first["is_found"], first["has_drifted"]) == ("size", True, False)
    assert (second["column"], second["is_found"], second["has_drifted"]) == ("size", True, True)


def test_one_found_too_long_ago_does_not_count(lake: Lake) -> None:
    workflow = make_workflow(monitor={"effect": 0.15, "alarm": {"found": 2, "of": 2}})
    ingest(workflow, lake, FIRST, count=2000)
    put_in_charge(workflow, lake, FIRST)

    shifts = {SECOND: 0.5, THIRD: 0.0, FOURTH: 0.5}
    found = [names_found(bring_through(workflow, lake, key, shift=shift, count=1000)) for key, shift in shifts.items()]

    assert not any("data_drift" in names for names in found)


@pytest.mark.thorough
@pytest.mark.parametrize(("sway", "drifted"), [(0.0, ["size"]), (1.0, [])])
def test_what_partitions_always_do_is_no_drift(lake: Lake, sway: float, drifted: list[str]) -> None:
    workflow = make_workflow()
    keys = [f"2020-01-{day:02}" for day in range(1, 10)]
    for number, key in enumerate(keys):
        bring_through(workflow, lake, key, shift=sway * (-1) ** number, count=500)
    put_in_charge(workflow, lake, keys[-1])

    bring_through(workflow, lake, "2020-01-10", shift=0.8, count=500)

    assert evidence_of(lake, "2020-01-10")["drifted"] == drifted
    why = next(one["why"] for one in evidence_of(lake, "2020-01-10")["drift"] if one["column"] == "size")
    assert ("the past explains it" in why) == (not drifted)


def test_drift_of_predictions_is_told_beside_that_of_columns(lake: Lake) -> None:
    workflow = make_workflow()
    ingest(workflow, lake, FIRST, count=500)
    put_in_charge(workflow, lake, FIRST)
    bring_through(workflow, lake, SECOND, count=500)
    bring_through(workflow, lake, THIRD, count=500, shift=2.0)

    quiet, moved = (evidence_of(lake, key)["prediction_drift"] for key in (SECOND, THIRD))
    assert (quiet["columns"], quiet["drifted"]) == (
        0,
        [],
    )  # the model's first predictions are what later ones are held to
    assert set(moved["drifted"]) == {"score", "predicted"}


def test_columns_are_ranked_by_what_their_drift_does_to_the_predictions(lake: Lake) -> None:
    workflow = make_workflow()
    ingest(workflow, lake, FIRST, count=500)
    put_in_charge(workflow, lake, FIRST)
    rows = make_rows(workflow, SECOND, 500, shift=0.6)
    noise = rows.column_names.index("noise")
    rows = rows.set_column(noise, "noise", pc.add(rows.column("noise"), 3.0))
    publish(workflow, lake, SECOND, rows)
    profile_partition(workflow, SECOND, lake)

    judge_partition(workflow, SECOND, lake, registry_of(workflow))

    evidence = evidence_of(lake, SECOND)
    assert evidence["drifted"] == ["size", "noise"]  # noise has moved farther, and the model does not look at it
    size, noise = evidence["drift"][:2]
    assert size["effect"] < noise["effect"]
    assert size["moves_predictions_by"] > 3 * noise["moves_predictions_by"]
    assert "values have shifted" in size["why"]


def test_columns_that_come_apart_are_found_together_where_that_is_asked_for(lake: Lake) -> None:
    workflow = make_workflow(monitor={"together": True}, features={"numeric": ["size", "noise"], "categorical": []})
    tied = make_rows(workflow, FIRST, 1000)
    tied = tied.set_column(tied.column_names.index("noise"), "noise", tied.column("size"))
    for key, rows in ((FIRST, tied), (SECOND, make_rows(workflow, SECOND, 1000))):
        publish(workflow, lake, key, rows)
        profile_partition(workflow, key, lake)
        if key == FIRST:
            put_in_charge(workflow, lake, FIRST)

    judged = judge_partition(workflow, SECOND, lake, registry_of(workflow))

    assert evidence_of(lake, SECOND)["drifted"] == []
    assert evidence_of(lake, SECOND)["drift_together"]["drifted"] == ["all columns"]
    assert (judged["verdict"], judged["reason"]) == ("note", "data drift")


def test_rows_that_hang_together_as_ever_are_not_told_apart(lake: Lake) -> None:
    workflow = make_workflow(monitor={"together": True})
    ingest(workflow, lake, FIRST, count=1000)
    put_in_charge(workflow, lake, FIRST)

    bring_through(workflow, lake, SECOND, count=1000)

    assert evidence_of(lake, SECOND)["drift_together"]["drifted"] == []


def finding_of(lake: Lake, key: str, name: str) -> dict[str, Any]:
    return next(one for one in evidence_of(lake, key)["findings"] if one["finding"] == name)


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_labels_that_are_distributed_otherwise_are_a_shift_of_their_own(lake: Lake, problem: str) -> None:
    workflow = make_workflow(problem, known_after="1 day")
    for key, shift in ((FIRST, 0.0), (SECOND, 0.0), (THIRD, 2.0), (FOURTH, 0.0)):
        publish(workflow, lake, key, make_rows(workflow, key, 400, problem=problem, shift=shift))
        profile_partition(workflow, key, lake)
        judge_partition(workflow, key, lake, registry_of(workflow))
        if key == SECOND:
            put_in_charge(workflow, lake, SECOND)

    # the champion has learnt from labels of the first partition, which came with the second
    found = {key: finding_of(lake, key, "label_shift") for key in (SECOND, THIRD, FOURTH)}
    assert [one["holds"] for one in found.values()] == [None, False, True]  # those of the third come with the fourth
    assert found[FOURTH]["text"].startswith("label: ")
    assert finding_of(lake, FOURTH, "data_drift")["holds"] is False
    assert evidence_of(lake, FOURTH)["label_shift"]["drifted"] == ["label"]


def test_every_finding_of_the_table_is_told_of_every_partition(lake: Lake) -> None:
    from lakemill.config.deciding import FINDINGS

    workflow = make_workflow()
    bring_through(workflow, lake, FIRST)
    put_in_charge(workflow, lake, FIRST)
    bring_through(workflow, lake, SECOND, shift=3.0)

    for key in (FIRST, SECOND):
        assert [one["finding"] for one in evidence_of(lake, key)["findings"]] == list(FINDINGS)
    assert finding_of(lake, SECOND, "data_drift")["follows"] == "note"
    assert finding_of(lake, SECOND, "data_drift")["text"] == "1 of 3 columns have drifted: size"
