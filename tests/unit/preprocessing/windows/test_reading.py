"""Clean rows with windows: across the borders of partitions, however many are read, and as of a version."""

from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from workflows_for_tests import block, end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.lake import Lake
from lakemill.preprocessing.windows import add_windows, iterate_clean, read_clean
from lakemill.training.snapshots import read_snapshot, take_snapshot

DAYS = [f"2020-01-0{day}" for day in range(1, 8)]
SAID = {"columns": ["size"], "lags": ["6 hours", 2], "tolerance": "12 hours", "rolling": {"9 hours": ["mean", "std"]}}
LONG = {"columns": ["noise"], "by": ["colour"], "rolling": {"60 hours": ["mean", "count"]}}


def with_windows(*windows: object) -> Workflow:
    features = {"numeric": ["size", "noise"], "categorical": ["colour"], "windows": windows}
    return make_workflow(features=features)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def publish_days(workflow: Workflow, lake: Lake, days: list[str] = DAYS) -> pa.Table:
    rows = {key: make_rows(workflow, key, 30) for key in days}
    for key in reversed(days):
        publish(workflow, lake, key, rows[key])
    return pa.concat_tables(rows.values())


def read(workflow: Workflow, lake: Lake, days: list[str]) -> pa.Table:
    rows = read_clean(workflow, lake, days, windows=workflow.features.windows)
    assert rows is not None
    return rows.sort_by("at").select(["id", *workflow.features.made]).combine_chunks()


def made_at_once(workflow: Workflow, rows: pa.Table) -> pa.Table:
    made = add_windows(rows, None, workflow.features.windows, event_time="at", key=["id"])
    return made.sort_by("at").select(["id", *workflow.features.made]).combine_chunks()


@pytest.mark.parametrize("said", [[SAID], [LONG], [SAID, LONG]])
def test_partitions_have_no_borders_and_one_reads_as_many_do(lake: Lake, said: list[object]) -> None:
    workflow = with_windows(*said)
    expected = made_at_once(workflow, publish_days(workflow, lake))

    assert read(workflow, lake, DAYS) == expected
    for number, key in enumerate(DAYS):
        assert read(workflow, lake, [key]) == expected.slice(30 * number, 30).combine_chunks()


def test_partitions_that_are_read_need_not_follow_one_another(lake: Lake) -> None:
    workflow = with_windows(LONG)
    expected = made_at_once(workflow, publish_days(workflow, lake))

    rows = read(workflow, lake, [DAYS[6], DAYS[2], DAYS[4]])

    assert rows == pa.concat_tables([expected.slice(30 * at, 30) for at in (2, 4, 6)]).combine_chunks()


@pytest.mark.parametrize(("hours", "pieces"), [(3, [1] * 7), (24, [1] * 7), (60, [2, 2, 2, 1]), (1000, [7])])
def test_pieces_are_as_long_as_windows_reach(lake: Lake, hours: int, pieces: list[int]) -> None:
    workflow = with_windows({"columns": ["size"], "rolling": {f"{hours} hours": ["mean"]}})
    publish_days(workflow, lake)

    found = iterate_clean(workflow, lake, DAYS, windows=workflow.features.windows)

    assert [len(rows) for rows in found] == [30 * count for count in pieces]


def test_first_rows_look_back_on_what_there_is(lake: Lake) -> None:
    workflow = with_windows(SAID)
    publish_days(workflow, lake, DAYS[:2])

    first, second = (read(workflow, lake, [key]).column("size_lag_6_hours") for key in DAYS[:2])

    assert (first.null_count, second.null_count) == (8, 0)  # a row every 48 minutes


def test_a_blocked_partition_is_not_looked_back_on(lake: Lake) -> None:
    workflow = with_windows(SAID)
    publish_days(workflow, lake, DAYS[:3])
    block(workflow, lake, DAYS[1])  # delivered again, and refused: what was published stays in the table
    lake_without = Lake(lake.address, "other")
    publish_days(workflow, lake_without, [DAYS[0], DAYS[2]])

    assert read(workflow, lake, [DAYS[2]]) == read(workflow, lake_without, [DAYS[2]])


def test_without_windows_rows_are_read_as_they_are(lake: Lake) -> None:
    workflow = make_workflow()
    assert read_clean(workflow, lake, DAYS, windows=()) is None
    assert read_clean(workflow, lake, DAYS, windows=with_windows(SAID).features.windows) is None
    publish_days(workflow, lake)

    assert read_clean(workflow, lake, DAYS, windows=()) == lake.read("clean", DAYS)


def test_no_partitions_and_partitions_without_rows_have_the_columns(lake: Lake) -> None:
    workflow = with_windows(SAID)
    publish_days(workflow, lake, DAYS[:1])
    publish(workflow, lake, DAYS[1], make_rows(workflow, DAYS[1], 0))

    for days in ([], [DAYS[1]], [DAYS[5]]):
        assert read(workflow, lake, days).num_rows == 0


def test_a_snapshot_looks_back_on_its_own_rows_whatever_comes_later(lake: Lake) -> None:
    workflow = with_windows(SAID, LONG)
    publish_days(workflow, lake, DAYS[:4])
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, DAYS[3]))["id"]
    before = read_snapshot(workflow, lake, snapshot)

    publish(workflow, lake, DAYS[1], make_rows(workflow, DAYS[1], 50, seed=9))
    publish(workflow, lake, DAYS[4], make_rows(workflow, DAYS[4], 50))

    assert read_snapshot(workflow, lake, snapshot).equals(before)


def test_rows_whose_label_is_not_known_are_looked_back_on(lake: Lake) -> None:
    workflow = with_windows(LONG)
    rows = publish_days(workflow, lake, DAYS[:3])
    for key in DAYS[:2]:
        unknown = pa.nulls(30, pa.bool_())
        publish(workflow, lake, key, make_rows(workflow, key, 30).set_column(5, "label", unknown))

    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, DAYS[2]))["id"]
    found = read_snapshot(workflow, lake, snapshot)

    assert found.num_rows == 30
    expected = made_at_once(workflow, rows).slice(60)
    assert found.select(expected.column_names).combine_chunks() == expected.combine_chunks()


def test_another_models_windows_can_be_asked_for(lake: Lake) -> None:
    workflow = with_windows(SAID)
    publish_days(workflow, lake, DAYS[:2])
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, DAYS[1]))["id"]
    other = Window(columns=("noise",), rolling={timedelta(hours=2): ("max",)})

    names = read_snapshot(workflow, lake, snapshot, windows=[other]).column_names

    assert "noise_max_2_hours" in names
    assert "size_lag_6_hours" not in names
