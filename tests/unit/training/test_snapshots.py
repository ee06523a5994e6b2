"""Snapshots: what belongs to one, and what its id depends on."""

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from workflows_for_tests import block, end_of, make_rows, make_workflow, publish, with_nulls

from lakemill.config import Workflow
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.training.snapshots import read_snapshot, take_snapshot

FIRST, SECOND, THIRD = "2020-01-01", "2020-01-02", "2020-01-03"


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def publish_two(workflow: Workflow, lake: Lake) -> None:
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key, 40))


def test_same_content_gives_the_same_id_in_another_lake(lake: Lake, tmp_path: Path) -> None:
    workflow, other = make_workflow(), Lake(str(tmp_path / "other"), "small")
    for one in (lake, other):
        publish_two(workflow, one)

    taken = [take_snapshot(workflow, one, as_of=end_of(workflow, SECOND)) for one in (lake, lake, other)]

    assert len({one["id"] for one in taken}) == 1
    assert taken[0]["partitions"] == [FIRST, SECOND]


def move_the_moment(workflow: Workflow, lake: Lake) -> str:
    return take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND) + timedelta(hours=1))["id"]


def change_a_row(workflow: Workflow, lake: Lake) -> str:
    publish(workflow, lake, SECOND, with_nulls(make_rows(workflow, SECOND, 40), "size", [7]))
    return take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"]


def drop_a_row(workflow: Workflow, lake: Lake) -> str:
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 40).slice(1))
    return take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"]


def choose_other_features(workflow: Workflow, lake: Lake) -> str:
    other = make_workflow(features={"numeric": ["size"], "categorical": ["colour"]})
    return take_snapshot(other, lake, as_of=end_of(workflow, SECOND))["id"]


def choose_another_seed(workflow: Workflow, lake: Lake) -> str:
    train = {**workflow.train.model_dump(), "seed": 1}
    return take_snapshot(make_workflow(train=train), lake, as_of=end_of(workflow, SECOND))["id"]


@pytest.mark.parametrize(
    "change", [move_the_moment, change_a_row, drop_a_row, choose_other_features, choose_another_seed]
)
def test_another_content_gives_another_id(lake: Lake, change: Callable[[Workflow, Lake], str]) -> None:
    workflow = make_workflow()
    publish_two(workflow, lake)
    before = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"]

    assert change(workflow, lake) != before


def test_another_version_of_a_candidates_library_gives_another_id(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow, held = make_workflow(), {"joblib": "1.0"}
    publish_two(workflow, lake)
    monkeypatch.setattr("lakemill.training.estimators.DISTRIBUTIONS", {"sklearn": "joblib"})
    monkeypatch.setattr("lakemill.training.snapshots.version", lambda name: held.get(name, "1.0"))
    before, again = (take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"] for _ in range(2))

    held["joblib"] = "2.0"

    assert before == again
    assert take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["id"] != before


def test_what_only_monitoring_depends_on_keeps_the_id(lake: Lake) -> None:
    workflow, other = make_workflow(), make_workflow(monitor={"effect": 0.5}, retrain={"every": 3})
    publish_two(workflow, lake)

    assert len({take_snapshot(one, lake, as_of=end_of(one, SECOND))["id"] for one in (workflow, other)}) == 1


@pytest.mark.parametrize(
    ("known_after", "count"),
    [("0 days", 80), ("6 hours", 70), ("1 day", 40), ("36 hours", 20), ("2 days", 0)],
)
def test_rows_whose_label_is_not_known_yet_stay_out(lake: Lake, known_after: str, count: int) -> None:
    workflow = make_workflow(known_after=known_after)
    publish_two(workflow, lake)
    taken = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))

    rows = read_snapshot(workflow, lake, taken["id"])

    assert rows.num_rows == count
    assert all(at < end_of(workflow, SECOND) - workflow.table.label.known_after for at in rows.column("at").to_pylist())


def test_rows_without_a_label_stay_out(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, with_nulls(make_rows(workflow, FIRST, 40), "label", [0, 5, 39]))
    taken = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))

    rows = read_snapshot(workflow, lake, taken["id"])

    assert rows.num_rows == 37
    assert rows.column("label").null_count == 0


def test_rows_come_by_event_time_whatever_the_order_in_the_lake(lake: Lake) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, FIRST, 40)
    publish(workflow, lake, FIRST, rows.take(pa.array(range(39, -1, -1))))
    taken = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))

    assert read_snapshot(workflow, lake, taken["id"]).column("id").to_pylist() == rows.column("id").to_pylist()


@pytest.mark.parametrize("change", [FIRST, SECOND, THIRD])
def test_what_happens_later_does_not_change_an_earlier_snapshot(lake: Lake, change: str) -> None:
    workflow = make_workflow()
    publish_two(workflow, lake)
    taken = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))
    before = read_snapshot(workflow, lake, taken["id"])

    publish(workflow, lake, change, make_rows(workflow, change, 50, seed=9))

    assert read_snapshot(workflow, lake, taken["id"]).equals(before)


def test_a_later_partition_does_not_change_the_id_as_of_an_earlier_moment(lake: Lake) -> None:
    workflow = make_workflow()
    publish_two(workflow, lake)
    before = take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))

    publish(workflow, lake, THIRD, make_rows(workflow, THIRD, 40))

    assert take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND)) == before


def test_a_blocked_partition_stays_out(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST, 40))
    block(workflow, lake, SECOND)

    assert take_snapshot(workflow, lake, as_of=end_of(workflow, SECOND))["partitions"] == [FIRST]


def test_nothing_published_by_then_is_an_error_with_a_remedy(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 40))

    with pytest.raises(TrainingError, match=r"no partition was published as of 2020-01-02.*\n.*small\.ingestion"):
        take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))


def test_an_unknown_snapshot_is_an_error_with_a_remedy(lake: Lake) -> None:
    with pytest.raises(TrainingError, match=r"no snapshot abc\n  -> run snapshot first"):
        read_snapshot(make_workflow(), lake, "abc")
