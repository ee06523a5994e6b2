"""Rows of any number are streamed into partitions: all of them at the commit, or none."""

import datetime
import decimal
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pyarrow as pa
import pytest
from deltalake import DeltaTable

import lakemill
from lakemill.exceptions import LakeError
from lakemill.lake import Lake, streams
from lakemill.lake.column_types import plain_type
from lakemill.lake.history import list_files
from lakemill.lake.streams import PartitionWriter

PLUGINS = str(Path(lakemill.__file__).parents[1])


def rows_of(*values, **more) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64()), **more})


def write(lake: Lake, table: str = "t", /, **partitions) -> bool:
    with PartitionWriter(lake, table, may_grow=True) as writer:
        for key, rows in partitions.items():
            writer.write(key, rows)
        return writer.commit(list(partitions))


def held(lake: Lake, partition: str, table: str = "t") -> list:
    return lake.read(table, [partition]).column("x").to_pylist()


def files_in(lake: Lake, table: str = "t") -> set[str]:
    folder = lake.local_folder / table
    return {str(path.relative_to(folder)) for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts}


def committed(lake: Lake, table: str = "t") -> set[str]:
    return {one.path for one in list_files(lake, table)}


@pytest.fixture
def small(monkeypatch):
    """Row groups and files of a few rows, so that a small test has many."""
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 64)
    monkeypatch.setattr(streams, "FILE_BYTES", 256)
    monkeypatch.setattr(streams, "BUFFERED_BYTES", 512)
    monkeypatch.setattr(streams, "MOST_OPEN", 3)


# -- what is written -----------------------------------------------------------------------------------------------


def test_rows_are_read_as_they_were_written(lake):
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", rows_of(1, 2))
        writer.write("b", rows_of(3))
        writer.write("a", rows_of(4))
        assert writer.commit(["a", "b"]) is True
    assert (held(lake, "a"), held(lake, "b")) == ([1, 2, 4], [3])


def test_nothing_is_seen_before_the_commit(lake, small):
    write(lake, a=rows_of(1))
    with PartitionWriter(lake, "t") as writer:
        for number in range(100):
            writer.write("a", rows_of(number, number))
        assert held(lake, "a") == [1]
        writer.commit(["a"])
    assert len(held(lake, "a")) == 200


@pytest.mark.thorough
@pytest.mark.parametrize("partitions", [1, 3, 4, 40])
def test_rows_of_interleaved_partitions_keep_their_order(lake, small, partitions):
    keys = [f"{number:03}" for number in range(partitions)]
    with PartitionWriter(lake, "t") as writer:
        for number in range(30):
            for key in keys:
                writer.write(key, rows_of(number * 2, number * 2 + 1))
        writer.commit(keys)
    assert all(held(lake, key) == list(range(60)) for key in keys)
    assert files_in(lake) == committed(lake)


def test_scattered_rows_do_not_end_up_in_many_small_files(lake, monkeypatch):
    monkeypatch.setattr(streams, "BUFFERED_BYTES", 512)
    monkeypatch.setattr(streams, "MOST_OPEN", 3)
    keys = [f"{number:03}" for number in range(20)]
    with PartitionWriter(lake, "t") as writer:
        for number in range(50):
            for key in keys:
                writer.write(key, rows_of(number))
        writer.commit(keys)
    counts = {key: sum(one.keys["partition"] == key for one in list_files(lake, "t")) for key in keys}
    assert max(counts.values()) <= streams.MOST_FILES
    assert all(held(lake, key) == list(range(50)) for key in keys)


def test_only_named_partitions_are_replaced_and_what_was_written_of_others_is_dropped(lake):
    write(lake, a=rows_of(1), b=rows_of(2), c=rows_of(3))
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", rows_of(10))
        writer.write("b", rows_of(20))
        writer.commit(["a", "c"])
    assert (held(lake, "a"), held(lake, "b"), held(lake, "c")) == ([10], [2], [])
    assert sum("partition=b" in path for path in files_in(lake)) == 1


def test_many_partitions_are_one_commit(lake):
    write(lake, z=rows_of(0))
    before = lake.version("t")
    keys = [f"{number:03}" for number in range(150)]
    write(lake, **{key: rows_of(1) for key in keys})
    assert lake.version("t") == before + 1
    assert lake.partitions("t") == [*keys, "z"]


def test_an_empty_first_partition_makes_the_table_with_its_columns(lake):
    assert write(lake, a=rows_of(at=pa.array([], pa.timestamp("us", "UTC")))) is False
    assert lake.read("t").schema == pa.schema(
        [("x", pa.int64()), ("at", pa.timestamp("us", "UTC")), ("partition", pa.string())]
    )
    assert lake.partitions("t") == []


def test_a_partition_of_which_nothing_came_becomes_empty(lake):
    write(lake, a=rows_of(1), b=rows_of(2))
    with PartitionWriter(lake, "t") as writer:
        assert writer.commit(["a"]) is True
        assert lake.partitions("t") == ["b"]
    with PartitionWriter(lake, "t") as writer:
        assert writer.commit(["a"]) is False


def test_a_writer_that_was_given_nothing_makes_no_table(lake):
    with PartitionWriter(lake, "t") as writer:
        assert writer.commit(["a"]) is False
    assert lake.version("t") == -1


def test_within_replaces_only_the_rows_of_these_values(lake):
    for source, value in (("one", 1), ("other", 2), ("one", 3)):
        with PartitionWriter(lake, "t", within={"source": source}) as writer:
            writer.write("a", rows_of(value))
            writer.commit(["a"])
    found = lake.read("t", ["a"]).to_pylist()
    assert sorted((row["source"], row["x"]) for row in found) == [("one", 3), ("other", 2)]


# -- what is left over ---------------------------------------------------------------------------------------------


def test_an_abandoned_writer_leaves_no_files(lake, small):
    write(lake, a=rows_of(1))
    before = files_in(lake)

    def break_off() -> None:
        with PartitionWriter(lake, "t") as writer:
            for number in range(100):
                writer.write("ab"[number % 2], rows_of(number))
            assert len(files_in(lake)) > len(before)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        break_off()
    assert files_in(lake) == before
    assert held(lake, "a") == [1]


def test_an_abandoned_writer_of_a_new_table_leaves_no_table(lake, small):
    with PartitionWriter(lake, "t") as writer:
        for number in range(100):
            writer.write("a", rows_of(number))
    assert (files_in(lake), lake.version("t"), lake.read("t")) == (set(), -1, None)


KILLED = """
import os, signal, sys
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from lakemill.lake import Lake, streams
from lakemill.lake.streams import PartitionWriter

streams.ROW_GROUP_BYTES = 64
writer = PartitionWriter(Lake(sys.argv[2], "parcels"), "t")
for number in range(50):
    writer.write("ab"[number % 2], pa.table({"x": [number] * 8}))
print(len(writer._paths), flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_writer_that_is_killed_leaves_only_files_that_nobody_sees(lake):
    write(lake, a=rows_of(1))
    before = files_in(lake)
    killed = subprocess.run([sys.executable, "-c", KILLED, PLUGINS, lake.address], capture_output=True, text=True)
    assert killed.returncode == -signal.SIGKILL
    assert len(files_in(lake) - before) == int(killed.stdout) == 2
    assert held(lake, "a") == [1]
    assert lake.partitions("t") == ["a"]
    write(lake, a=rows_of(2), b=rows_of(3))
    assert (held(lake, "a"), held(lake, "b")) == ([2], [3])


def test_a_lake_that_cannot_be_written_to_is_an_error_with_what_to_do(lake):
    write(lake, a=rows_of(1))
    (lake.local_folder / "t" / "partition=b").write_text("a file where a folder should be")
    with pytest.raises(LakeError, match=r"parcels\.t: the lake cannot be written to"):
        write(lake, b=rows_of(1))
    assert held(lake, "a") == [1]


# -- columns -------------------------------------------------------------------------------------------------------


def test_new_columns_are_refused_unless_the_table_may_grow(lake):
    write(lake, a=rows_of(1))
    with PartitionWriter(lake, "t") as writer, pytest.raises(LakeError) as caught:
        writer.write("b", rows_of(2, weigth=[1.5]))
    assert "parcels.t b: column 'weigth' is new; the table has not had it" in str(caught.value)
    with PartitionWriter(lake, "t", may_grow=True) as writer:
        writer.write("b", rows_of(2, weight=[1.5]))
        writer.commit(["b"])
    assert [(row["x"], row["weight"]) for row in lake.read("t", ["a", "b"]).sort_by("x").to_pylist()] == [
        (1, None),
        (2, 1.5),
    ]


def test_columns_may_lack_where_it_is_allowed_only(lake):
    write(lake, a=rows_of(1, y=["k"]))
    with PartitionWriter(lake, "t", columns_may_lack=False) as writer, pytest.raises(LakeError) as caught:
        writer.write("b", rows_of(2))
    assert "column 'y' is missing; earlier deliveries had it" in str(caught.value)
    with PartitionWriter(lake, "t") as writer:
        writer.write("b", rows_of(2))
        writer.commit(["b"])
    assert lake.read("t", ["b"]).column("y").to_pylist() == [None]


def test_rows_that_are_none_lack_nothing(lake):
    write(lake, a=rows_of(1, y=["k"]))
    with PartitionWriter(lake, "t", columns_may_lack=False) as writer:
        writer.write("b", pa.table({"x": pa.array([], pa.int64())}))
        assert writer.commit(["b"]) is False


def test_columns_that_come_later_in_one_delivery_are_null_before(lake, small):
    with PartitionWriter(lake, "t") as writer:
        for number in range(40):
            writer.write("a", rows_of(number))
        writer.write("a", rows_of(40, y=["late"]))
        writer.write("a", rows_of(41))
        writer.commit(["a"])
    found = lake.read("t")
    assert found.column("x").to_pylist() == list(range(42))
    assert found.column("y").to_pylist() == [None] * 40 + ["late", None]


def test_a_column_without_values_takes_the_type_of_the_first(lake):
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", rows_of(1, y=pa.nulls(1), z=pa.nulls(1)))
        writer.write("a", rows_of(2, y=[1.5], z=pa.nulls(1)))
        writer.commit(["a"])
    found = lake.read("t")
    assert found.column("y").to_pylist() == [None, 1.5]
    assert (found.schema.field("y").type, found.schema.field("z").type) == (pa.float64(), pa.string())


def test_columns_may_come_in_another_order(lake):
    write(lake, a=pa.table({"x": [1], "y": ["p"]}), b=pa.table({"y": ["q"], "x": [2]}))
    assert lake.read("t", ["b"]).to_pylist() == [{"x": 2, "y": "q", "partition": "b"}]


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        (pa.table([[1], [2]], names=["x", "x"]), "column 'x' comes twice"),
        (pa.table({"Id": [1], "id": [2]}), "columns 'Id' and 'id': capitals do not tell columns of a table apart"),
        (pa.table({"X": [1]}), "columns 'X' and 'x': capitals do not tell columns of a table apart"),
        (pa.table({"x": [1], "Partition": ["q"]}), "column 'Partition' has the name of one of the lake's own"),
    ],
)
def test_names_that_a_table_cannot_have_are_refused(lake, columns, said):
    write(lake, a=rows_of(1))
    with pytest.raises(LakeError) as caught:
        write(lake, b=columns)
    assert said in str(caught.value)
    assert "-> give" in str(caught.value)


@pytest.mark.parametrize("name", ["a b", "a,b;{}()=", "p.q", "`t`", '"q"', "größe", "x\ny", "%20", "a/b"])
def test_columns_may_have_any_other_name(lake, name):
    write(lake, a=pa.table({"x": [1], name: [2]}))
    write(lake, b=pa.table({"x": [1], name: [3], f"{name}2": [4]}))
    assert sorted(lake.read("t").column(name).to_pylist()) == [2, 3]


# -- types ---------------------------------------------------------------------------------------------------------

UTC = datetime.timezone.utc
NEW_YEAR = datetime.datetime(2024, 1, 1, 12)
KEPT = {
    "unsigned": (pa.array([2**64 - 1], pa.uint64()), decimal.Decimal(2**64 - 1)),
    "small unsigned": (pa.array([200], pa.uint8()), 200),
    "half": (pa.array([1.5], pa.float32()).cast(pa.float16()), 1.5),
    "naive moment": (pa.array([NEW_YEAR], pa.timestamp("us")), NEW_YEAR),
    "nanoseconds": (pa.array([1_000_000_001], pa.timestamp("ns")), datetime.datetime(1970, 1, 1, 0, 0, 1)),
    "zoned moment": (
        pa.array([NEW_YEAR], pa.timestamp("us")).cast(pa.timestamp("us", "America/New_York")),
        NEW_YEAR.replace(tzinfo=UTC),
    ),
    "date": (pa.array([NEW_YEAR.date()], pa.date64()), NEW_YEAR.date()),
    "time of day": (pa.array([datetime.time(1, 2, 3)], pa.time64("us")), "01:02:03.000000"),
    "duration": (pa.array([1_500], pa.duration("ns")), 1),
    "categories": (pa.array(["a"]).dictionary_encode(), "a"),
    "runs": (pa.RunEndEncodedArray.from_arrays(pa.array([1], pa.int32()), pa.array(["a"])), "a"),
    "bytes": (pa.array([b"ab"], pa.binary(2)), b"ab"),
    "view": (pa.array(["a"], pa.string_view()), "a"),
    "list": (pa.array([[1, None]], pa.large_list(pa.uint16())), [1, None]),
    "list of moments": (pa.array([[1_001]], pa.list_(pa.timestamp("ns"))), [datetime.datetime(1970, 1, 1, 0, 0, 0, 1)]),
    "structure": (pa.array([{"a": 1, "b": [{"c": "d"}]}]), {"a": 1, "b": [{"c": "d"}]}),
    "map": (pa.array([[("k", 1)]], pa.map_(pa.large_string(), pa.uint8())), [("k", 1)]),
    "decimal": (pa.array([decimal.Decimal("1.50")], pa.decimal256(10, 2)), decimal.Decimal("1.50")),
    "truth": (pa.array([True]), True),
    "uuid": (pa.ExtensionArray.from_storage(pa.uuid(), pa.array([b"0" * 16], pa.binary(16))), b"0" * 16),
}


@pytest.mark.parametrize(("values", "kept"), KEPT.values(), ids=KEPT)
def test_values_of_many_types_are_kept(lake, values, kept):
    write(lake, a=pa.table({"x": values}))
    write(lake, b=pa.table({"x": values}))
    assert held(lake, "a") == held(lake, "b") == [kept]


@pytest.mark.parametrize("kind", [pa.month_day_nano_interval(), pa.decimal256(60, 2), pa.struct([])])
def test_types_that_tables_do_not_know_are_refused(lake, kind):
    with pytest.raises(LakeError, match=r"parcels\.t a: column 'x': tables keep no values of type"):
        write(lake, a=pa.table({"x": pa.array([None], kind)}))


def test_a_plain_type_stays_as_it_is():
    for values, _ in KEPT.values():
        assert plain_type(plain_type(values.type)) == plain_type(values.type)


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pa.array([1]), pa.array([7], pa.int32())),
        (pa.array([1], pa.int32()), pa.array([7])),
        (pa.array([1.5]), pa.array([7])),
        (pa.array([1]), pa.array([7.0])),
        (pa.array(["a"]), pa.array(["b"], pa.large_string())),
        (pa.array([[1.5]]), pa.array([[7]])),
        (pa.array(["a"]), pa.nulls(1)),
        (pa.array([NEW_YEAR], pa.timestamp("us", "UTC")), pa.array([1], pa.timestamp("s", "Asia/Tokyo"))),
    ],
)
def test_values_that_lose_nothing_are_fitted(lake, first, then):
    write(lake, a=pa.table({"x": first}))
    write(lake, b=pa.table({"x": then}))
    assert lake.read("t").schema.field("x").type == first.type
    assert held(lake, "b") == then.cast(first.type).to_pylist()


@pytest.mark.parametrize(
    ("first", "then"),
    [
        (pa.array([1]), pa.array([1.5])),
        (pa.array([1], pa.int32()), pa.array([2**40])),
        (pa.array([1.5]), pa.array([2**53 + 1])),
        (pa.array([1]), pa.array(["2"])),
        (pa.array(["a"]), pa.array([1])),
        (pa.array([1]), pa.array([True])),
        (pa.array([NEW_YEAR], pa.timestamp("us", "UTC")), pa.array([NEW_YEAR], pa.timestamp("us"))),
        (pa.array([NEW_YEAR], pa.timestamp("us")), pa.array([1])),
        (pa.array([{"a": 1}]), pa.array([{"b": 1}])),
        (pa.array([[1]]), pa.array([1])),
    ],
)
def test_a_change_of_types_is_refused_and_changes_nothing(lake, first, then):
    write(lake, a=pa.table({"x": first}))
    before = files_in(lake)
    with pytest.raises(LakeError) as caught:
        write(lake, b=pa.table({"x": then}))
    assert str(caught.value) == (
        f"parcels.t b: column 'x' is {then.type}, in the table {first.type}\n"
        "  -> deliver it as before: a table's types never change silently"
    )
    assert files_in(lake) == before


# -- other writers -------------------------------------------------------------------------------------------------


def test_a_commit_of_another_writer_in_between_is_no_conflict(lake):
    write(lake, a=rows_of(1), b=rows_of(2))
    with PartitionWriter(lake, "t") as one, PartitionWriter(lake, "t") as other:
        one.write("a", rows_of(10))
        other.write("b", rows_of(20))
        assert (other.commit(["b"]), one.commit(["a"])) == (True, True)
    assert (held(lake, "a"), held(lake, "b")) == ([10], [20])


def test_of_two_writers_of_one_partition_the_last_one_stays_whole(lake):
    with PartitionWriter(lake, "t") as one, PartitionWriter(lake, "t") as other:
        one.write("a", rows_of(1, 1))
        other.write("a", rows_of(2, 2, 2))
        one.commit(["a"])
        other.commit(["a"])
    assert held(lake, "a") == [2, 2, 2]


def test_writers_that_begin_before_there_is_a_table_agree_on_its_types(lake, small):
    with PartitionWriter(lake, "t") as one, PartitionWriter(lake, "t") as other:
        for number in range(40):
            one.write("a", pa.table({"x": [number + 0.5]}))
            other.write("b", pa.table({"x": [number]}))
        one.commit(["a"])
        other.commit(["b"])
    assert lake.read("t").schema.field("x").type == pa.float64()
    assert held(lake, "b") == list(range(40))
    assert files_in(lake) == committed(lake)


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        (pa.table({"x": ["one"]}), "column 'x' is string, in the table int64"),
        (pa.table({"x": [1], "y": [1]}), "column 'y' is new"),
    ],
)
def test_a_table_made_meanwhile_refuses_what_does_not_fit(lake, rows, said):
    with PartitionWriter(lake, "t") as late:
        late.write("b", rows)
        write(lake, a=rows_of(1))
        with pytest.raises(LakeError, match=said):
            late.commit(["b"])
    assert lake.partitions("t") == ["a"]
    assert files_in(lake) == committed(lake)


def test_writers_that_grow_a_table_at_once_add_all_columns(lake):
    write(lake, z=rows_of(0))
    errors = []

    def grow(number: int) -> None:
        try:
            for turn in range(3):
                write(lake, **{f"{number}": rows_of(turn, **{f"c{number}": [turn]})})
        except LakeError as error:
            errors.append(error)

    threads = [threading.Thread(target=grow, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert {f"c{number}" for number in range(8)} <= set(lake.read("t").column_names)
    assert sorted(lake.read("t").column("x").to_pylist()) == [0, *[2] * 8]


def test_a_commit_that_came_through_without_saying_so_is_not_made_twice(lake, monkeypatch):
    from deltalake.exceptions import CommitFailedError

    write(lake, a=rows_of(1))
    commit = DeltaTable.create_write_transaction
    told = []

    def commit_and_lose_the_answer(self, *arguments, **named):
        commit(self, *arguments, **named)
        if not told:
            told.append("lost")
            raise CommitFailedError("the connection broke")

    monkeypatch.setattr(DeltaTable, "create_write_transaction", commit_and_lose_the_answer)
    before = lake.version("t")
    assert write(lake, a=rows_of(2)) is True
    assert (held(lake, "a"), lake.version("t")) == ([2], before + 1)


MEASURED = """
import resource, sys
sys.path.insert(0, sys.argv[1])
import numpy as np, pyarrow as pa
from lakemill.lake import Lake
from lakemill.lake.streams import PartitionWriter

PartitionWriter(Lake(sys.argv[2], "parcels"), "warm").write("a", pa.table({"x": [1.0]}))
start = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
draw = np.random.default_rng(0)
with PartitionWriter(Lake(sys.argv[2], "parcels"), "t") as writer:
    for number in range(int(sys.argv[3])):
        for key in range(50):
            writer.write(f"{key:02}", pa.table({"x": draw.normal(size=20_000)}))
    writer.commit([f"{key:02}" for key in range(50)])
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - start) // 1024)
"""


@pytest.mark.thorough
def test_memory_does_not_grow_with_the_rows(lake):
    measured = subprocess.run(
        [sys.executable, "-c", MEASURED, PLUGINS, lake.address, "120"],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1"},
    )
    assert sum(one.rows for one in list_files(lake, "t")) == 120_000_000
    assert int(measured.stdout) < 450  # MiB; the rows are 916 MiB
