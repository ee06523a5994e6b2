"""Which published partitions no longer answer to what was delivered."""

from datetime import datetime, timezone
from pathlib import Path

import pyarrow as pa
import pytest
from connections_for_tests import NamedConnections
from workflows_for_tests import block, make_workflow, publish

from lakemill.collection import collect_source
from lakemill.collection.freshness import Stale, find_late, find_stale, note_run, read_run
from lakemill.config import Workflow
from lakemill.config.versions import name_makers
from lakemill.lake import Lake
from lakemill.lake.landing import land, landed_files, remove_landed
from lakemill.lake.marks import mark_partition, read_marks, remove_marks
from lakemill.lake.verdicts import MADE_BY, Verdict, record_verdict

DAYS = ["2020-01-01", "2020-01-02", "2020-01-03"]
METERS = {"kind": "mqtt", "topic": "plant/{id}", "event_time": "at", "key": ["id"]}
NOW = datetime(2020, 2, 1, tzinfo=timezone.utc)
FEATURES = {"numeric": ["size"]}


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def write(folder: Path, key: str, size: int) -> None:
    (folder / f"items_{key}.csv").write_text(f"id,at,size,label\n1,{key} 10:00:00,{size},0\n")


def ingest(workflow: Workflow, lake: Lake, folder: Path, keys: list[str]) -> None:
    for key in keys:
        collect_source(
            workflow, "items", key, lake, project=folder, ingested_at=NOW, connections=NamedConnections()
        )  # fmt: skip
        publish(workflow, lake, key, pa.table({"id": [1]}))


def ask(workflow: Workflow, lake: Lake, folder: Path, told: list[str] | None = None) -> list[Stale]:
    report = (told if told is not None else []).append
    return find_stale(workflow, lake, project=folder, connections=NamedConnections(), report=report)


@pytest.fixture
def workflow(lake: Lake, tmp_path: Path) -> Workflow:
    """Three days of files, all of them ingested."""
    made = make_workflow(features=FEATURES)
    for key in DAYS:
        write(tmp_path, key, 1)
    ingest(made, lake, tmp_path, DAYS)
    return made


def test_what_is_published_as_it_was_delivered_is_fresh(workflow: Workflow, lake: Lake, tmp_path: Path) -> None:
    assert ask(workflow, lake, tmp_path) == []


def test_a_file_that_came_again_makes_its_partition_stale_until_it_is_collected(
    workflow: Workflow, lake: Lake, tmp_path: Path
) -> None:
    write(tmp_path, DAYS[1], 22)

    (stale,) = ask(workflow, lake, tmp_path)

    assert (stale.partition, stale.reasons) == (DAYS[1], ("items: a new delivery",))
    assert ask(workflow, lake, tmp_path) == [stale]  # its state stays the same
    ingest(workflow, lake, tmp_path, [DAYS[1]])
    assert ask(workflow, lake, tmp_path) == []


def test_partitions_that_other_parts_made_are_stale_where_files_are_looked_at(
    workflow: Workflow, lake: Lake, tmp_path: Path
) -> None:
    makers, as_of = name_makers(workflow, tmp_path), workflow.partition.interval(DAYS[0]).end
    for key, made_by in zip(DAYS, (makers, {**makers, "cleaning": "other", "query": "other"}, None), strict=True):
        evidence = {} if made_by is None else {MADE_BY: made_by}  # of the third it is not known
        record_verdict(lake, Verdict("ingestion", key, as_of, "published", (), evidence))
    write(tmp_path, DAYS[1], 22)
    given = {"project": tmp_path, "connections": NamedConnections()}

    (stale,) = find_stale(workflow, lake, looks_at_files=True, **given)
    (by_files,) = find_stale(workflow, lake, looks_at_files=True, looks_at_deliveries=False, **given)
    (by_deliveries,) = find_stale(workflow, lake, **given)

    assert (stale.partition, stale.reasons) == (DAYS[1], ("query, cleaning changed", "items: a new delivery"))
    assert by_files.reasons == ("query, cleaning changed",)
    assert by_deliveries.reasons == ("items: a new delivery",)


def test_the_state_tells_one_delivery_from_the_next(workflow: Workflow, lake: Lake, tmp_path: Path) -> None:
    write(tmp_path, DAYS[1], 22)
    (first,) = ask(workflow, lake, tmp_path)
    write(tmp_path, DAYS[1], 333)
    (second,) = ask(workflow, lake, tmp_path)

    assert first.state != second.state


def test_a_partition_without_a_verdict_is_not_stale(workflow: Workflow, lake: Lake, tmp_path: Path) -> None:
    write(tmp_path, "2020-01-04", 1)

    assert ask(workflow, lake, tmp_path) == []


def test_a_file_that_is_gone_is_reported_and_makes_nothing_stale(
    workflow: Workflow, lake: Lake, tmp_path: Path
) -> None:
    (tmp_path / f"items_{DAYS[0]}.csv").unlink()
    write(tmp_path, DAYS[2], 22)
    told: list[str] = []

    assert [one.partition for one in ask(workflow, lake, tmp_path, told)] == [DAYS[2]]
    assert told == [f"items: cannot be looked at: no file items_{DAYS[0]}.csv for partition {DAYS[0]}"]


def test_of_one_file_for_all_every_published_partition_is_a_candidate(lake: Lake, tmp_path: Path) -> None:
    workflow = make_workflow(features=FEATURES, collect={"items": {"path": "items.csv", "event_time": "at"}})
    lines = [f"{number},{key} 10:00:00,1,0" for number, key in enumerate(DAYS)]
    (tmp_path / "items.csv").write_text("\n".join(["id,at,size,label", *lines, ""]))
    ingest(workflow, lake, tmp_path, DAYS[:2])
    assert ask(workflow, lake, tmp_path) == []

    (tmp_path / "items.csv").write_text("\n".join(["id,at,size,label", *lines, "9,2020-01-02 11:00:00,5,0", ""]))

    assert [one.partition for one in ask(workflow, lake, tmp_path)] == DAYS[:2]


@pytest.fixture
def sensors(lake: Lake) -> Workflow:
    made = make_workflow(features=FEATURES, collect={"items": METERS})
    publish(made, lake, DAYS[0], pa.table({"id": [1]}))
    block(made, lake, DAYS[1])
    return made


def receive(lake: Lake, key: str, batch: str) -> None:
    land(lake, "items", batch, {key: pa.table({"id": ["a"]})}, {})


def test_readings_are_late_where_their_partition_is_published_or_blocked(sensors: Workflow, lake: Lake) -> None:
    for number, key in enumerate(DAYS):
        receive(lake, key, f"b{number}")

    late = find_late(sensors, lake)

    assert late == {key: tuple(landed_files(lake, "items", key)) for key in DAYS[:2]}
    stale = find_stale(sensors, lake, project=Path(), connections=NamedConnections())
    assert [(one.partition, one.reasons) for one in stale] == [(key, ("items: late readings",)) for key in DAYS[:2]]


def test_more_late_readings_are_another_state(sensors: Workflow, lake: Lake) -> None:
    receive(lake, DAYS[0], "b0")
    (first,) = ask(sensors, lake, Path())
    receive(lake, DAYS[0], "b1")
    (second,) = ask(sensors, lake, Path())

    assert first.state != second.state


def test_collected_readings_are_not_late_any_more(sensors: Workflow, lake: Lake) -> None:
    receive(lake, DAYS[0], "b0")
    remove_landed(lake, landed_files(lake, "items", DAYS[0]))

    assert find_late(sensors, lake) == {}
    assert ask(sensors, lake, Path()) == []


def test_the_run_of_a_partition_is_remembered(lake: Lake) -> None:
    assert read_run(lake, DAYS[0]) is None
    note_run(lake, DAYS[0], "backfill_1")
    assert read_run(lake, DAYS[0]) == {"run_id": "backfill_1", "tried": None}
    note_run(lake, DAYS[0], "backfill_1", tried="abc")
    assert read_run(lake, DAYS[0]) == {"run_id": "backfill_1", "tried": "abc"}


def test_a_mark_makes_its_partition_stale_until_what_was_marked_then_is_answered(
    workflow: Workflow, lake: Lake, tmp_path: Path
) -> None:
    mark_partition(lake, DAYS[1], "rules were mended", at=NOW)
    mark_partition(lake, "2020-01-09", "never ingested", at=NOW)
    (stale,) = ask(workflow, lake, tmp_path)
    assert (stale.partition, stale.reasons) == (DAYS[1], ("rules were mended",))

    answered = read_marks(lake)[DAYS[1]]
    mark_partition(lake, DAYS[1], "and again", at=NOW)
    remove_marks(lake, answered)

    (again,) = ask(workflow, lake, tmp_path)
    assert again.reasons == ("and again",)
    assert again.state != stale.state


def test_a_partition_can_be_stale_for_a_delivery_and_a_mark(workflow: Workflow, lake: Lake, tmp_path: Path) -> None:
    write(tmp_path, DAYS[0], 2)
    mark_partition(lake, DAYS[0], "rules were mended", at=NOW)
    (stale,) = ask(workflow, lake, tmp_path)
    assert stale.reasons == ("items: a new delivery", "rules were mended")
