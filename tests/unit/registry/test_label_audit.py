"""The step that audits a snapshot's labels: its verdict and queue, what is kept from fitting, a correction's way."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.label_corrections import Correction, record_corrections
from lakemill.lake.label_reviews import TABLE as REVIEWS
from lakemill.lake.label_reviews import read_queue
from lakemill.lake.verdicts import TABLE as VERDICTS
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry import releases
from lakemill.registry.label_audit import audit_snapshot, read_audit, summarise_noise
from lakemill.registry.training_rows import load_rows
from lakemill.training.snapshots import read_snapshot, take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"
FEATURES = {"numeric": ["size"], "categorical": ["colour"]}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def publish_noisy(workflow: Workflow, lake: Lake, key: str = FIRST, count: int = 600) -> np.ndarray:
    """Publish rows whose every twentieth label is wrong; return their ids."""
    rows = make_rows(workflow, key, count)
    wrong = np.arange(5, count, 20)
    labels = rows.column("label").to_numpy(zero_copy_only=False).copy()
    labels[wrong] = ~labels[wrong]
    publish(workflow, lake, key, rows.set_column(5, "label", pa.array(labels)))
    return rows.column("id").to_numpy()[wrong]


def audit(workflow: Workflow, lake: Lake, key: str = FIRST) -> dict[str, Any]:
    as_of = end_of(workflow, key)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    return audit_snapshot(workflow, lake, snapshot, partition=key, as_of=as_of)


def test_the_figures_are_a_verdict_and_the_suspects_a_queue(lake: Lake) -> None:
    workflow = make_workflow(features=FEATURES)
    wrong = publish_noisy(workflow, lake)

    found = audit(workflow, lake)

    verdict = read_verdicts(lake, "labels")[FIRST]
    assert (verdict.verdict, verdict.reasons) == ("estimated", (found["reason"],))
    assert verdict.evidence["noise_low"] <= 0.05 <= verdict.evidence["noise_high"]
    assert 0.9 < verdict.evidence["ceiling"] < 1
    partition, queue = read_queue(lake)
    assert partition == FIRST
    assert [one.rank for one in queue] == list(range(1, len(queue) + 1))
    assert len({int(one.key_values[0]) for one in queue[:10]} & {*wrong.tolist()}) >= 8
    assert all(one.event_time < end_of(workflow, FIRST) for one in queue)


def test_the_same_snapshot_audited_again_changes_nothing(lake: Lake) -> None:
    workflow = make_workflow(features=FEATURES)
    publish_noisy(workflow, lake)
    first = audit(workflow, lake)
    versions = lake.version(VERDICTS), lake.version(REVIEWS)

    assert audit(workflow, lake) == first
    assert (lake.version(VERDICTS), lake.version(REVIEWS)) == versions


def test_the_queue_is_no_longer_than_asked_for(lake: Lake) -> None:
    workflow = make_workflow(features=FEATURES, labels={"reviews": 3})
    publish_noisy(workflow, lake)
    audit(workflow, lake)

    assert len(read_queue(lake)[1]) == 3


def test_without_an_audit_nothing_is_found_and_nothing_kept(lake: Lake) -> None:
    workflow = make_workflow(labels={"audit": False})
    publish_noisy(workflow, lake)

    assert audit(workflow, lake) == {"verdict": "skipped", "reason": "labels.audit is false"}
    assert read_verdicts(lake, "labels") == {}


def test_labels_that_cannot_be_audited_are_a_verdict_that_says_why(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST, 60))

    assert audit(workflow, lake)["verdict"] == "skipped"
    assert read_verdicts(lake, "labels")[FIRST].reasons[0].startswith("60 rows with a label")


def test_features_that_tell_nothing_make_it_unclear_and_flag_nothing(lake: Lake) -> None:
    workflow = make_workflow(features={"numeric": ["noise"]}, labels={"flagged": "drop"})
    publish_noisy(workflow, lake)

    found = audit(workflow, lake)

    assert (found["verdict"], found["flagged"], found["ceiling"]) == ("unclear", 0, None)
    assert read_audit(lake, found["snapshot"])["dropped"] == []


@pytest.mark.parametrize("candidate", ["plain", None])
def test_labels_are_judged_by_the_candidate_that_is_named(
    lake: Lake, monkeypatch: pytest.MonkeyPatch, candidate: str | None
) -> None:
    workflow = make_workflow(features=FEATURES, labels={"candidate": candidate})
    publish_noisy(workflow, lake)
    used = []
    real = releases.make_pipeline
    monkeypatch.setattr(
        "lakemill.registry.label_audit.make_pipeline", lambda *args, **rest: used.append(args[0]) or real(*args, **rest)
    )

    assert audit(workflow, lake)["verdict"] == "estimated"
    assert bool(used) == (candidate == "plain")


@pytest.mark.parametrize(("flagged", "is_dropped"), [("report", False), ("drop", True)])
def test_flagged_rows_are_kept_from_fitting_only_where_asked_and_never_from_the_test(
    lake: Lake, flagged: str, is_dropped: bool
) -> None:
    workflow = make_workflow(features=FEATURES, labels={"flagged": flagged})
    wrong = publish_noisy(workflow, lake)
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))["id"]
    before = load_rows(workflow, lake, snapshot).split

    found = audit(workflow, lake)

    after = load_rows(workflow, lake, snapshot).split
    ids = read_snapshot(workflow, lake, snapshot).column("id").to_numpy()
    left_out = {*ids[before.fit].tolist()} - {*ids[after.fit].tolist()}
    assert bool(left_out) == is_dropped
    assert (len(left_out & {*wrong.tolist()}) > 10) == is_dropped
    assert after.test.tolist() == before.test.tolist()
    assert summarise_noise(read_audit(lake, snapshot))["dropped"] == (found["flagged"] if is_dropped else 0)


def test_dropping_makes_another_snapshot_and_reporting_does_not(lake: Lake) -> None:
    usual, reporting, dropping = (
        make_workflow(features=FEATURES, labels=labels) for labels in ({}, {"rows": 500}, {"flagged": "drop"})
    )
    publish_noisy(usual, lake)

    ids = [take_snapshot(one, lake, as_of=end_of(one, FIRST))["id"] for one in (usual, reporting, dropping)]

    assert ids[0] == ids[1] != ids[2]


def correct_first(lake: Lake, known_at: datetime) -> Correction:
    first = read_queue(lake)[1][0]
    one = Correction(
        first.row_partition, first.key, first.given, "label", first.suggested, "ann", "looked again", known_at
    )
    record_corrections(lake, [one])
    return one


def test_a_correction_is_learnt_from_as_of_later_moments_and_never_as_of_earlier_ones(lake: Lake) -> None:
    workflow = make_workflow(features=FEATURES)
    for key in (FIRST, SECOND):
        publish_noisy(workflow, lake, key)
    audit(workflow, lake)
    ends = [end_of(workflow, key) for key in (FIRST, SECOND)]
    before = [take_snapshot(workflow, lake, as_of=end)["id"] for end in ends]
    labels = [dict(_labels(workflow, lake, one)) for one in before]

    one = correct_first(lake, ends[0] + timedelta(hours=3))

    after = [take_snapshot(workflow, lake, as_of=end)["id"] for end in ends]
    assert after[0] == before[0]
    assert after[1] != before[1]
    row = int(one.key.strip('[]"'))
    assert _labels(workflow, lake, after[0])[row] == labels[0][row] == (one.given == "true")
    assert _labels(workflow, lake, after[1])[row] == (one.label == "true")
    assert dict(_labels(workflow, lake, before[1])) == labels[1]  # the earlier snapshot stays what it was


def _labels(workflow: Workflow, lake: Lake, snapshot: str) -> dict[int, bool]:
    rows = read_snapshot(workflow, lake, snapshot)
    return dict(zip(rows.column("id").to_pylist(), rows.column("label").to_pylist(), strict=True))


def test_what_was_answered_by_then_is_not_queued_again(lake: Lake) -> None:
    workflow = make_workflow(features=FEATURES)
    for key in (FIRST, SECOND):
        publish_noisy(workflow, lake, key)
    audit(workflow, lake)
    one = correct_first(lake, end_of(workflow, FIRST) + timedelta(hours=3))

    audit(workflow, lake, SECOND)

    assert one.key not in [found.key for found in read_queue(lake)[1]]
    assert lake.read(REVIEWS, [SECOND]).num_rows > 10
    assert one.key not in lake.read(REVIEWS, [SECOND]).column("key").to_pylist()
