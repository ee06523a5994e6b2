"""The log tells what happened to a table, and which version was there at a moment."""

from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from deltalake import write_deltalake

from lakemill.exceptions import LakeError
from lakemill.lake.history import find_version, list_files, read_commits, read_history
from lakemill.lake.streams import PartitionWriter


def rows_of(*values, **more) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64()), **more})


@pytest.fixture
def changed(lake):
    """A table of five versions: made empty, two partitions, a column, one replaced, one emptied."""
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", rows_of(1, 2, 3))
        writer.write("b", rows_of(4))
        writer.commit(["a", "b"])
    with PartitionWriter(lake, "t", may_grow=True) as writer:
        writer.write("a", rows_of(5, y=["new"]))
        writer.commit(["a"])
    lake.replace_partition("t", "b", rows_of())
    return lake


def test_each_version_tells_what_it_did(changed):
    told = [
        (
            one.version,
            one.operation,
            one.partitions,
            one.rows_added,
            one.rows_removed,
            one.files_added,
            one.files_removed,
        )
        for one in read_history(changed, "t", last=10)
    ]
    assert told == [
        (4, "write", ("b",), 0, 1, 0, 1),
        (3, "write", ("a",), 1, 3, 1, 1),
        (2, "add column", (), 0, 0, 0, 0),
        (1, "write", ("a", "b"), 4, 0, 2, 0),
        (0, "create", (), 0, 0, 0, 0),
    ]


@pytest.mark.parametrize(("last", "versions"), [(1, [4]), (2, [4, 3]), (99, [4, 3, 2, 1, 0])])
def test_no_more_is_told_than_was_asked_for(changed, last, versions):
    found = read_history(changed, "t", last=last)
    assert [one.version for one in found] == versions
    assert found[0].rows_removed == 1  # though what added them was not read


def test_a_table_that_is_not_there_has_no_history(lake):
    assert read_history(lake, "t", last=5) == []


def test_rows_that_a_writer_did_not_count_are_not_guessed(lake):
    lake.replace_partition("t", "a", rows_of(1))
    with PartitionWriter(lake, "t") as writer:
        writer.write("b", rows_of(2))
        writer.commit(["b"])
    log = lake.local_folder / "t" / "_delta_log" / f"{1:020}.json"
    log.write_text(log.read_text().replace("numRecords", "numSomething"))
    assert [one.rows_added for one in read_history(lake, "t", last=5)] == [None, 1]


def test_tables_of_other_programs_have_a_history_too(lake):
    write_deltalake(str(lake.local_folder / "t"), pa.table({"x": [1, 2]}))
    write_deltalake(str(lake.local_folder / "t"), pa.table({"x": [3]}), mode="overwrite")
    assert [(one.operation, one.rows_added, one.rows_removed) for one in read_history(lake, "t", last=5)] == [
        ("write", 1, 2),
        ("write", 2, 0),
    ]


def test_the_version_of_a_moment_is_the_newest_that_was_there(changed):
    moments = {one.version: one.at for one in read_history(changed, "t", last=9)}
    blink = timedelta(milliseconds=1)
    assert find_version(changed, "t", datetime.now(UTC)) == 4
    assert find_version(changed, "t", moments[0] - blink) == -1
    for version in range(4):
        if moments[version] < moments[version + 1]:
            assert find_version(changed, "t", moments[version]) == version
            assert find_version(changed, "t", moments[version + 1] - blink) == version


def test_a_table_that_is_not_there_had_no_version(lake):
    assert find_version(lake, "t", datetime.now(UTC)) == -1


def test_files_are_listed_in_the_order_of_their_rows(lake, monkeypatch):
    monkeypatch.setattr("lakemill.lake.streams.FILE_BYTES", 1)
    monkeypatch.setattr("lakemill.lake.streams.ROW_GROUP_BYTES", 1)
    monkeypatch.setattr("lakemill.lake.streams.MOST_FILES", 99)
    with PartitionWriter(lake, "t") as writer:
        for number in range(25):
            writer.write("a", rows_of(number))
        writer.commit(["a"])
    for version in (1, 2):
        names = [one.path for one in list_files(lake, "t", version) if one.keys == {"partition": "a"}]
        assert (len(names), names) == (25, sorted(names))
        assert lake.read("t", ["a"], version=version).column("x").to_pylist() == list(range(25))
        lake.open("t").create_checkpoint()
        lake.replace_partition("t", "b", rows_of(version))


def test_a_log_with_a_gap_is_an_error(changed):
    changed.open("t").create_checkpoint()  # with it Delta does without what was before
    (changed.local_folder / "t" / "_delta_log" / f"{2:020}.json").unlink()
    assert [one.version for one in read_history(changed, "t", last=2)] == [4, 3]
    with pytest.raises(LakeError, match=r"parcels\.t: version 2 cannot be read from the log"):
        list(read_commits(changed, "t", 4))
