"""A lake is tidied up without anything being lost that a table, a kept version or a snapshot holds."""

import os
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.exceptions import LakeError
from lakemill.lake import Lake, maintenance, streams
from lakemill.lake.history import list_files, read_history
from lakemill.lake.maintenance import Compacted, Unneeded, compact_table, find_unneeded, read_pins, remove_unneeded
from lakemill.lake.streams import PartitionWriter
from lakemill.training.snapshots import read_snapshot, take_snapshot

NOTHING, MONTH = timedelta(0), timedelta(days=30)


def soon() -> datetime:
    """Return a moment after all that the test has written so far."""
    return datetime.now(UTC) + timedelta(minutes=1)


def rows_of(*values, **more) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64()), **more})


def held(lake: Lake, partition: str, version: int | None = None) -> list:
    return lake.read("t", [partition], version=version).column("x").to_pylist()


def make_old(path: Path, hours: float) -> None:
    moment = time.time() - hours * 3600
    os.utime(path, (moment, moment))


def put(lake: Lake, name: str, *, hours: float) -> str:
    path = lake.local_folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"left over")
    make_old(path, hours)
    return name


@pytest.fixture
def scattered(lake, monkeypatch):
    """A table of two partitions in many files each, one of them without a column that came later."""
    with monkeypatch.context() as patched:
        for name in ("ROW_GROUP_BYTES", "FILE_BYTES"):
            patched.setattr(streams, name, 1)
        patched.setattr(streams, "MOST_FILES", 99)
        with PartitionWriter(lake, "t") as writer:
            for number in range(12):
                writer.write("ab"[number % 2], rows_of(number, 100 - number, y=[str(number), None]))
                writer.write("a", rows_of(number))
            writer.commit(["a", "b"])
    with PartitionWriter(lake, "t", may_grow=True) as writer:
        writer.write("c", rows_of(1, z=[[1.5]]))
        writer.commit(["c"])
    return lake


# -- compacting ----------------------------------------------------------------------------------------------------


def test_many_small_files_become_one_with_the_same_rows_in_the_same_order(scattered):
    before = {key: scattered.read("t", [key]) for key in "abc"}
    assert compact_table(scattered, "t") == [Compacted("a", 24, 18, 1), Compacted("b", 12, 6, 1)]
    assert {key: scattered.read("t", [key]) for key in "abc"} == before
    assert [len([one for one in list_files(scattered, "t") if one.keys["partition"] == key]) for key in "abc"] == [
        1
    ] * 3


def test_a_table_that_is_compact_is_left_alone(scattered):
    compact_table(scattered, "t")
    version = scattered.version("t")
    assert compact_table(scattered, "t") == []
    assert scattered.version("t") == version


def test_compacting_is_no_change_of_the_content(scattered):
    rows = scattered.read("t", ["b"]).drop_columns(["partition"])
    compact_table(scattered, "t")
    assert scattered.replace_partition("t", "b", rows) is False
    told = read_history(scattered, "t", last=1)[0]
    assert (told.operation, told.partitions, told.rows_added, told.rows_removed) == ("compact", ("b",), 12, 12)


def test_older_versions_are_read_as_before(scattered):
    version = scattered.version("t")
    before = scattered.read("t", ["a"], version=version)
    compact_table(scattered, "t")
    assert scattered.read("t", ["a"], version=version) == before


def test_rows_of_further_keys_stay_apart(lake, monkeypatch):
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 1)
    monkeypatch.setattr(streams, "FILE_BYTES", 1)
    for source in ("one", "other"):
        with PartitionWriter(lake, "t", within={"source": source}) as writer:
            for number in range(3):
                writer.write("a", rows_of(number))
            writer.commit(["a"])
    compact_table(lake, "t")
    assert sorted((one.keys["source"], one.rows) for one in list_files(lake, "t")) == [("one", 3), ("other", 3)]
    assert lake.replace_partition("t", "a", rows_of(), within={"source": "one"}) is True
    assert lake.read("t").column("source").to_pylist() == ["other"] * 3


def test_large_files_are_not_written_again(scattered, monkeypatch):
    monkeypatch.setattr(maintenance, "SMALL_BYTES", 1)
    assert compact_table(scattered, "t") == []


def test_a_large_partition_becomes_several_files_in_order(scattered, monkeypatch):
    before = scattered.read("t", ["a"])
    monkeypatch.setattr(maintenance, "LARGE_BYTES", 1)
    monkeypatch.setattr(maintenance, "ROW_GROUP_BYTES", 100)
    compact_table(scattered, "t")
    assert len([one for one in list_files(scattered, "t") if one.keys["partition"] == "a"]) > 1
    assert scattered.read("t", ["a"]) == before


def test_a_partition_that_is_replaced_meanwhile_stays_replaced(scattered, monkeypatch):
    write_together = maintenance._write_together

    def be_overtaken(lake, table, current, keys, files):
        if keys["partition"] == "a":
            lake.replace_partition("t", "a", rows_of(77))
        return write_together(lake, table, current, keys, files)

    monkeypatch.setattr(maintenance, "_write_together", be_overtaken)
    assert [one.partition for one in compact_table(scattered, "t")] == ["b"]
    assert held(scattered, "a") == [77]
    assert find_unneeded(scattered, now=soon() + timedelta(days=2), keep=MONTH) == []  # nothing was left behind


def test_a_commit_of_another_partition_does_not_hinder_it(scattered, monkeypatch):
    write_together = maintenance._write_together

    def be_overtaken(lake, table, current, keys, files):
        lake.replace_partition("t", f"new-{keys['partition']}", rows_of(77))
        return write_together(lake, table, current, keys, files)

    monkeypatch.setattr(maintenance, "_write_together", be_overtaken)
    before = {key: held(scattered, key) for key in "abc"}
    assert [one.partition for one in compact_table(scattered, "t")] == ["a", "b"]
    assert {key: held(scattered, key) for key in "abc"} == before
    assert held(scattered, "new-b") == [77]


# -- what nothing needs --------------------------------------------------------------------------------------------


@pytest.fixture
def replaced(lake):
    """A table of three versions of one partition beside one that stays."""
    lake.replace_partition("t", "a", rows_of(1))
    lake.replace_partition("t", "b", rows_of(0))
    lake.replace_partition("t", "a", rows_of(2))
    lake.replace_partition("t", "a", rows_of(3))
    return lake


def test_versions_within_the_days_to_keep_stay(replaced):
    assert find_unneeded(replaced, now=soon(), keep=MONTH) == []


def test_what_only_older_versions_hold_goes(replaced):
    found = find_unneeded(replaced, now=soon(), keep=NOTHING)
    assert {(one.path.rsplit("/", 1)[0], one.why) for one in found} == {("t/partition=a", "replaced")}
    assert len(found) == 2
    remove_unneeded(replaced, found)
    assert (held(replaced, "a"), held(replaced, "b")) == ([3], [0])
    assert find_unneeded(replaced, now=soon(), keep=NOTHING) == []
    assert len(read_history(replaced, "t", last=9)) == 4


def test_a_version_counts_from_when_it_was_replaced(replaced):
    last = read_history(replaced, "t", last=1)[0].at
    found = find_unneeded(replaced, now=last + timedelta(hours=1), keep=timedelta(hours=2))
    assert found == []
    found = find_unneeded(replaced, now=last + timedelta(hours=1), keep=timedelta(minutes=59))
    assert len(found) == 2  # the newest alone is left


def test_finding_removes_nothing(replaced):
    before = sorted(replaced.local_folder.rglob("*"))
    find_unneeded(replaced, now=soon(), keep=NOTHING)
    assert sorted(replaced.local_folder.rglob("*")) == before


def test_files_never_committed_go_when_no_task_can_be_at_them_any_more(replaced):
    old = put(replaced, "t/partition=a/part-00000-killed.parquet", hours=25)
    put(replaced, "t/partition=a/part-00000-at-work.parquet", hours=23)
    put(replaced, "t/_delta_log/_commit_killed.json.tmp", hours=25)
    put(replaced, "t/_delta_log/_commit_at_work.json.tmp", hours=1)
    found = find_unneeded(replaced, now=datetime.now(UTC), keep=MONTH)
    assert [(one.path, one.why) for one in found] == [
        ("t/_delta_log/_commit_killed.json.tmp", "unfinished"),
        (old, "never committed"),
    ]


def test_what_tasks_handed_on_and_left_unfinished_goes(lake):
    lake.write_document("snapshots/old", {"version": 0})
    expected = [
        put(lake, "_documents/snapshots/x.json.7.unfinished", hours=25),
        put(lake, "_staging/clean/a.parquet", hours=31 * 24),
        put(lake, "_staging/clean/a.parquet.7.unfinished", hours=25),
        put(lake, "objects/7-ab.unfinished", hours=25),
    ]
    put(lake, "_staging/clean/b.parquet", hours=29 * 24)
    put(lake, "_staging/clean/b.parquet.8.unfinished", hours=1)
    put(lake, "_landing/readings/a/1.parquet", hours=999 * 24)
    put(lake, "objects/ab/ab12", hours=999 * 24)
    make_old(lake.local_folder / "_documents" / "snapshots" / "old.json", 999 * 24)
    assert [one.path for one in find_unneeded(lake, now=datetime.now(UTC), keep=MONTH)] == expected


def test_only_named_tables_are_looked_at(replaced):
    replaced.replace_partition("u", "a", rows_of(1))
    replaced.replace_partition("u", "a", rows_of(2))
    put(replaced, "_staging/clean/a.parquet", hours=999 * 24)
    found = find_unneeded(replaced, ["u"], now=soon(), keep=NOTHING)
    assert [one.path.split("/")[0] for one in found] == ["u"]


def test_a_file_that_is_gone_already_is_no_error(lake):
    remove_unneeded(lake, [Unneeded("t/partition=a/gone.parquet", 1, "replaced")])


# -- what snapshots pin --------------------------------------------------------------------------------------------


@pytest.fixture
def pinned(lake):
    """A snapshot of three days, of which all are replaced and compacted afterwards; (workflow, lake, id, rows)."""
    workflow = make_workflow()
    lake = Lake(lake.address, workflow.workflow)
    keys = ["2020-01-01", "2020-01-02", "2020-01-03"]
    for key in keys:
        publish(workflow, lake, key, make_rows(workflow, key))
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, keys[-1]))["id"]
    rows = read_snapshot(workflow, lake, snapshot)
    for turn in range(1, 4):
        for key in keys:
            publish(workflow, lake, key, make_rows(workflow, key, seed=turn))
    return workflow, lake, snapshot, rows


def test_whatever_a_snapshot_pins_is_read_again_after_all_else_is_gone(pinned):
    workflow, lake, snapshot, rows = pinned
    compact_table(lake, "clean")
    remove_unneeded(lake, find_unneeded(lake, now=soon(), keep=NOTHING))
    files = {path for path in (lake.local_folder / "clean").rglob("*.parquet") if "_delta_log" not in path.parts}
    assert len(files) == 6  # three of the snapshot's, three of the newest version: the rest was removed
    assert read_snapshot(workflow, lake, snapshot) == rows


def test_without_its_document_a_snapshots_rows_may_go(pinned):
    _, lake, snapshot, _ = pinned
    (lake.local_folder / "_documents" / "snapshots" / f"{snapshot}.json").unlink()
    remove_unneeded(lake, find_unneeded(lake, now=soon(), keep=NOTHING))
    files = {path for path in (lake.local_folder / "clean").rglob("*.parquet") if "_delta_log" not in path.parts}
    assert len(files) == 3


def test_pins_are_the_versions_of_all_snapshots(lake):
    assert read_pins(lake) == {"clean": set()}
    for name, version in (("a", 3), ("b", 5), ("c", 3)):
        lake.write_document(f"snapshots/{name}", {"version": version})
    put(lake, "_documents/snapshots/d.json.7.unfinished", hours=0)
    assert read_pins(lake) == {"clean": {3, 5}}


@pytest.mark.parametrize("text", ["{", "[]", '{"id": "a"}', '{"version": null}'])
def test_where_a_snapshot_cannot_be_read_nothing_is_removed(replaced, text):
    path = replaced.local_folder / "_documents" / "snapshots" / "broken.json"
    path.parent.mkdir(parents=True)
    path.write_text(text)
    with pytest.raises(LakeError, match=r"_documents/snapshots/broken\.json: the snapshot does not say what it needs"):
        find_unneeded(replaced, now=soon(), keep=NOTHING)
