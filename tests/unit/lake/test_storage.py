"""Partitions are replaced whole, or not at all; the same content is written once."""

import datetime
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from deltalake import DeltaTable

import lakemill
from lakemill.exceptions import LakeError
from lakemill.lake import Lake, Pieces

PLUGINS = str(Path(lakemill.__file__).parents[1])
LEDGER = pa.schema([("id", pa.string()), ("note", pa.string())])


def rows_of(*values, **more) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64()), **more})


def contents(lake: Lake, table: str) -> dict[str, list]:
    found: dict[str, list] = {}
    for row in lake.read(table).to_pylist():
        found.setdefault(row["partition"], []).append(row["x"])
    return dict(sorted(found.items()))


# -- replacing ----------------------------------------------------------------------------------------------------


def test_the_first_rows_make_the_table(lake):
    assert lake.replace_partition("t", "2024-01", rows_of(1, 2)) is True
    assert contents(lake, "t") == {"2024-01": [1, 2]}
    assert lake.version("t") == 0


ROWS = {
    "numbers": {"x": [1, 2]},
    "nothing": {"x": pa.array([], pa.int64())},
    "texts": {"x": ["a", None]},
    "moments": {"x": pa.array([0, 1], pa.timestamp("us", "UTC"))},
    "moments of milliseconds": {"x": pa.array([0, 1], pa.timestamp("ms", "UTC"))},
    "lists": {"x": [["a"], []]},
    "categories": {"x": pa.array(["a", "b"]).dictionary_encode()},
    "long texts": {"x": pa.array(["a", "b"], pa.large_string())},
    "not a number": {"x": [float("nan"), 1.0, None]},
    "no value at all": {"x": pa.nulls(2)},
    "chunks": {"x": pa.chunked_array([[1], [2, 3]])},
    "small integers": {"x": pa.array([1, 2], pa.int8())},
}


@pytest.mark.parametrize("columns", ROWS.values(), ids=ROWS)
def test_the_same_rows_again_change_nothing(lake, columns):
    assert lake.replace_partition("t", "a", pa.table(columns)) is True
    version = lake.version("t")
    assert lake.replace_partition("t", "a", pa.table(columns)) is False
    assert lake.version("t") == version


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([1, 2], [1, 3]),
        ([1, 2], [2, 1]),
        ([1, 2], [1]),
        ([1, 2], [1, None]),
        ([1, 2], []),
        ([], [1]),
        ([1.0, float("nan")], [float("nan"), 1.0]),
        ([1.0, float("nan")], [1.0, None]),
        ([1.0, float("nan")], [1.0, 2.0]),
    ],
)
def test_other_rows_take_the_place_of_those_before(lake, before, after):
    kind = pa.float64() if 1.0 in before and isinstance(before[0], float) else pa.int64()
    lake.replace_partition("t", "a", pa.table({"x": pa.array(before, kind)}))
    assert lake.replace_partition("t", "a", pa.table({"x": pa.array(after, kind)})) is True
    np.testing.assert_equal(lake.read("t").column("x").to_pylist(), pa.array(after, kind).to_pylist())


def test_other_partitions_stay_as_they_are(lake):
    lake.replace_partition("t", "a", rows_of(1))
    lake.replace_partition("t", "b", rows_of(2))
    lake.replace_partition("t", "a", rows_of(3, 4))
    assert contents(lake, "t") == {"a": [3, 4], "b": [2]}


def test_a_partition_replaced_by_nothing_is_gone(lake):
    lake.replace_partition("t", "a", rows_of(1))
    lake.replace_partition("t", "b", rows_of(2))
    lake.replace_partition("t", "a", rows_of())
    assert (lake.partitions("t"), lake.holds("t", "a"), lake.holds("t", "b")) == (["b"], False, True)


def test_within_replaces_only_the_rows_of_these_values(lake):
    lake.replace_partition("t", "a", rows_of(1), within={"kind": "gate"})
    lake.replace_partition("t", "a", rows_of(2), within={"kind": "drift"})
    lake.replace_partition("t", "a", rows_of(3, 4), within={"kind": "gate"})
    assert sorted(zip(*(lake.read("t").column(name).to_pylist() for name in ("kind", "x")), strict=True)) == [
        ("drift", 2),
        ("gate", 3),
        ("gate", 4),
    ]
    assert lake.replace_partition("t", "a", rows_of(2), within={"kind": "drift"}) is False
    assert lake.holds("t", "a", {"kind": "gate"}) is True
    assert lake.holds("t", "a", {"kind": "other"}) is False


def test_columns_that_are_ignored_do_not_make_content_differ(lake):
    lake.replace_partition("t", "a", rows_of(1, at=["monday"]), ignoring=("at",))
    assert lake.replace_partition("t", "a", rows_of(1, at=["tuesday"]), ignoring=("at",)) is False
    assert lake.read("t").column("at").to_pylist() == ["monday"]
    assert lake.replace_partition("t", "a", rows_of(2, at=["tuesday"]), ignoring=("at",)) is True
    assert lake.read("t").column("at").to_pylist() == ["tuesday"]


def test_a_delivered_column_of_the_partitions_name_is_overwritten_by_the_key(lake):
    lake.replace_partition("t", "a", rows_of(1, partition=["b"]))
    assert lake.partitions("t") == ["a"]


# -- columns and types --------------------------------------------------------------------------------------------


def test_a_further_column_is_added_and_missing_in_older_partitions(lake):
    lake.replace_partition("t", "a", rows_of(1))
    lake.replace_partition("t", "b", rows_of(2, y=["new"]))
    assert lake.read("t", ["a"], columns=["x", "y"]).to_pylist() == [{"x": 1, "y": None}]
    assert lake.read("t", ["b"], columns=["x", "y"]).to_pylist() == [{"x": 2, "y": "new"}]
    assert lake.replace_partition("t", "a", rows_of(1)) is False


def test_columns_may_come_in_another_order(lake):
    lake.replace_partition("t", "a", pa.table({"x": [1], "y": [2]}))
    assert lake.replace_partition("t", "a", pa.table({"y": [2], "x": [1]})) is False


@pytest.mark.parametrize(
    ("held", "comes"),
    [
        (pa.array([1.5]), pa.array([1])),
        (pa.array(["a"]), pa.array([1])),
        (pa.array(["a"]), pa.nulls(1)),
        (pa.array([1]), pa.array([2.0])),
    ],
    ids=["integers in doubles", "integers in texts", "nothing in texts", "whole doubles in integers"],
)
def test_values_that_lose_nothing_are_fitted_to_the_tables_type(lake, held, comes):
    lake.replace_partition("t", "a", pa.table({"x": held}))
    lake.replace_partition("t", "b", pa.table({"x": comes}))
    assert lake.read("t").schema.field("x").type == held.type
    assert lake.read("t", ["b"]).column("x").to_pylist() == comes.cast(held.type).to_pylist()


@pytest.mark.parametrize(
    ("held", "comes"),
    [
        (pa.array([1]), pa.array([1.5])),
        (pa.array([1]), pa.array(["one"])),
        (pa.array([0.5]), pa.array([2**53 + 1])),
        (pa.array([datetime.datetime(2024, 1, 1)]), pa.array([True])),
        (pa.array(["a"]), pa.array([{"a": 1}])),
    ],
    ids=["fractions", "texts", "integers beyond doubles", "booleans for moments", "structs"],
)
def test_types_that_do_not_fit_are_refused_with_what_to_do(lake, held, comes):
    lake.replace_partition("t", "a", pa.table({"x": held}))
    with pytest.raises(LakeError) as caught:
        lake.replace_partition("t", "b", pa.table({"x": comes}))
    assert str(caught.value) == (
        f"parcels.t b: column 'x' is {comes.type}, in the table {held.type}\n"
        "  -> name its type under 'types' of the source, or CAST it in the table's SQL"
    )
    assert lake.partitions("t") == ["a"]


# -- reading ------------------------------------------------------------------------------------------------------


@pytest.fixture
def filled(lake):
    for number, key in enumerate(("2024-02", "2024-01", "2024-03")):
        lake.replace_partition("t", key, rows_of(number, y=["even" if number % 2 == 0 else "odd"]))
    return lake


@pytest.mark.parametrize(
    ("arguments", "found"),
    [
        ({}, [0, 1, 2]),
        ({"partitions": ["2024-01", "2024-03"]}, [1, 2]),
        ({"partitions": ["2023-01"]}, []),
        ({"partitions": []}, []),
        ({"where": {"y": "even"}}, [0, 2]),
        ({"where": {"y": "even"}, "partitions": ["2024-03"]}, [2]),
        ({"version": 0}, [0]),
        ({"version": 1}, [0, 1]),
    ],
)
def test_reading_gives_the_rows_that_are_asked_for(filled, arguments, found):
    assert sorted(filled.read("t", **arguments).column("x").to_pylist()) == found


def test_only_named_columns_are_read(filled):
    assert filled.read("t", columns=["y"]).column_names == ["y"]


def test_partitions_are_listed_in_order(filled):
    assert filled.partitions("t") == ["2024-01", "2024-02", "2024-03"]


def test_a_table_that_is_not_there_is_empty_of_everything(lake):
    assert (lake.read("t"), lake.partitions("t"), lake.version("t"), lake.holds("t", "a")) == (None, [], -1, False)


def test_an_old_version_stays_readable_after_its_rows_were_replaced(filled):
    pinned = filled.version("t")
    filled.replace_partition("t", "2024-01", rows_of(99, y=["new"]))
    assert 1 in filled.read("t", version=pinned).column("x").to_pylist()
    assert 1 not in filled.read("t").column("x").to_pylist()


def test_workflows_do_not_see_each_others_tables(tmp_path, filled):
    assert Lake(filled.address, "others").read("t") is None


@pytest.mark.parametrize("name", ["with space", "ünïcode", "quo'te", "a&b#c"])
def test_the_lakes_folder_may_have_any_usual_name(tmp_path, name):
    lake = Lake(str(tmp_path / name), "parcels")
    lake.replace_partition("t", "a", rows_of(1))
    lake.replace_partition("t", "a", rows_of(2))
    lake.stage("step", "a", rows_of(3))
    assert contents(lake, "t") == {"a": [2]}
    assert lake.staged("step", "a").column("x").to_pylist() == [3]
    assert [path.name for path in tmp_path.iterdir()] == [name]


# -- appending ----------------------------------------------------------------------------------------------------


def test_a_row_is_appended_once_for_its_identity(lake):
    assert lake.append("ledger", {"id": "1", "note": "a"}, identity=("id",), schema=LEDGER) is True
    assert lake.append("ledger", {"id": "1", "note": "b"}, identity=("id",), schema=LEDGER) is False
    assert lake.append("ledger", {"id": "2", "note": "b"}, identity=("id",), schema=LEDGER) is True
    rows = sorted(lake.read("ledger").to_pylist(), key=lambda row: row["id"])
    assert rows == [{"id": "1", "note": "a"}, {"id": "2", "note": "b"}]


def test_an_identity_may_have_several_columns(lake):
    pairs = [("1", "a"), ("1", "b"), ("1", "a")]
    added = [
        lake.append("ledger", {"id": one, "note": other}, identity=("id", "note"), schema=LEDGER)
        for one, other in pairs
    ]
    assert added == [True, True, False]


# -- what tasks hand on, documents ----------------------------------------------------------------------------------


def test_staged_rows_are_handed_on_and_replaced(lake):
    lake.stage("validate", "a", rows_of(1))
    lake.stage("validate", "a", rows_of(2))
    assert lake.staged("validate", "a").equals(rows_of(2))


def test_rows_are_handed_on_in_pieces(lake):
    lake.stage_pieces("validate", "a", Pieces(rows_of().schema, lambda: iter([rows_of(1, 2), rows_of(3)])))
    assert lake.staged("validate", "a").equals(rows_of(1, 2, 3))
    lake.stage_pieces("validate", "a", Pieces(rows_of().schema, lambda: iter(())))
    assert lake.staged("validate", "a").equals(rows_of())


def test_the_rows_of_a_partition_are_read_in_pieces_as_often_as_asked_for(lake):
    assert lake.stream("t", "a") is None
    lake.replace_partition("t", "a", rows_of(1, 2))
    lake.replace_partition("t", "b", rows_of(3))
    rows = lake.stream("t", "a")
    for _ in range(2):
        read = pa.concat_tables(rows.read())
        assert read.select(["x"]).equals(rows_of(1, 2))
        assert read.schema == rows.schema
    assert sum(map(len, lake.stream("t", "c").read())) == 0


def test_a_step_that_dies_while_it_stages_leaves_what_was_staged_before(lake):
    lake.stage("validate", "a", rows_of(1))

    def die_halfway():
        yield rows_of(2)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        lake.stage_pieces("validate", "a", Pieces(rows_of().schema, die_halfway))
    assert lake.staged("validate", "a").equals(rows_of(1))


def test_nothing_staged_is_told_with_what_to_do(lake):
    lake.stage("validate", "b", rows_of(1))
    with pytest.raises(LakeError) as caught:
        lake.staged("validate", "a")
    assert str(caught.value) == (
        "parcels a: nothing staged by validate\n"
        "  -> run the partition from its first task: clear the run of parcels.ingestion"
    )


def test_unstaging_takes_away_all_steps_of_one_partition(lake):
    for step in ("validate", "clean"):
        for key in ("a", "b"):
            lake.stage(step, key, rows_of(1))
    lake.unstage("a")
    left = {(step, key) for step in ("validate", "clean") for key in ("a", "b") if _is_staged(lake, step, key)}
    assert left == {("validate", "b"), ("clean", "b")}


def test_unstaging_where_nothing_was_staged_is_no_error(lake):
    lake.unstage("a")


def test_a_document_is_kept_and_replaced(lake):
    assert lake.read_document("profile") is None
    lake.write_document("profile", {"b": [1, None], "ä": 1.5})
    lake.write_document("profile", {"b": [2], "ä": "x"})
    assert lake.read_document("profile") == {"b": [2], "ä": "x"}


def _is_staged(lake: Lake, step: str, key: str) -> bool:
    try:
        lake.staged(step, key)
    except LakeError:
        return False
    return True


# -- many writers, and writers that die --------------------------------------------------------------------------------

WRITER = """
import sys
import time
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from lakemill.lake import Lake, Pieces

lake, task = Lake(sys.argv[2], "parcels"), sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
if task == "replace":
    for round in range(4):
        lake.replace_partition("t", sys.argv[4], pa.table({"x": [int(sys.argv[4]) * 10 + round] * 3}))
elif task == "append":
    schema = pa.schema([("id", pa.string()), ("note", pa.string())])
    start = time.time() + 0.1
    for number in range(15):
        time.sleep(max(0.0, start + number * 0.06 - time.time()))  # all at the same moments
        print(lake.append("t", {"id": str(number), "note": sys.argv[4]}, identity=("id",), schema=schema))
elif task == "forever":
    round = 0
    while True:
        round += 1
        lake.replace_partition("t", "a", pa.table({"x": [round] * 50_000, "y": [str(round)] * 50_000}))
        print(round, flush=True)
"""


def _start(lake: Lake, task: str, name: str = "") -> subprocess.Popen:
    command = [sys.executable, "-c", WRITER, PLUGINS, lake.address, task, name]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    return process


def _run_together(lake: Lake, task: str, count: int) -> list[str]:
    writers = [_start(lake, task, str(number)) for number in range(count)]
    for writer in writers:  # all begin at once, on a table that none has made yet
        writer.stdin.write("\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=120)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * count
    return said


def test_writers_of_different_partitions_lose_nothing(lake):
    _run_together(lake, "replace", 4)
    assert contents(lake, "t") == {str(number): [number * 10 + 3] * 3 for number in range(4)}


@pytest.mark.thorough
def test_writers_of_one_identity_append_it_once(lake):
    said = _run_together(lake, "append", 4)
    assert sorted(lake.read("t").column("id").to_pylist()) == sorted(map(str, range(15)))
    assert "".join(said).count("True") == 15


@pytest.mark.thorough
def test_a_writer_killed_at_any_moment_leaves_the_old_rows_or_the_new(lake):
    lake.replace_partition("t", "a", pa.table({"x": [0] * 10, "y": ["0"] * 10}))
    lake.replace_partition("t", "b", pa.table({"x": [7], "y": ["7"]}))
    draw, deadline, sizes = random.Random(0), time.monotonic() + 9, set()
    for _ in range(8):
        writer = _start(lake, "forever")
        writer.stdin.write("\n")
        writer.stdin.flush()
        writer.stdout.readline()  # the first replacement is done: the kill falls into a later one
        time.sleep(draw.uniform(0, 0.15))
        writer.send_signal(signal.SIGKILL)
        finished = [int(line) for line in writer.communicate()[0].split()]
        held = lake.read("t", ["a"])
        assert set(zip(held.column("x").to_pylist(), held.column("y").to_pylist(), strict=True)) == {
            (held.column("x")[0].as_py(), held.column("y")[0].as_py())
        }
        assert len(held) == 50_000
        last = max(finished, default=1)
        assert held.column("x")[0].as_py() in (last, last + 1)
        assert lake.read("t", ["b"]).column("x").to_pylist() == [7]
        sizes.add(last)
        if time.monotonic() > deadline:
            break
    assert len(sizes) > 1  # the kills did fall at different moments
    assert lake.replace_partition("t", "a", pa.table({"x": [1], "y": ["1"]})) is True
    assert contents(lake, "t") == {"a": [1], "b": [7]}


@pytest.mark.thorough
def test_old_versions_stay_readable_when_delta_would_have_cleaned_them_away(lake):
    lake.replace_partition("t", "2024-01", rows_of(0))
    table = DeltaTable(lake._path("t"))
    table.alter.set_table_properties({"delta.logRetentionDuration": "interval 0 seconds"})
    for value in range(1, 105):
        lake.replace_partition("t", "2024-01", rows_of(value))
    assert lake.read("t", version=0).column("x").to_pylist() == [0]


def test_a_version_that_is_gone_is_an_error_not_an_empty_table(lake):
    lake.replace_partition("t", "2024-01", rows_of(0))
    with pytest.raises(LakeError, match="version 7 of the table is not there"):
        lake.read("t", version=7)


def test_what_a_killed_task_left_unfinished_is_removed_with_the_rest(lake, tmp_path):
    lake.stage("validate", "2024-01", rows_of(0))
    (unfinished := next(tmp_path.rglob("2024-01.parquet"))).with_name("2024-01.parquet.77.unfinished").touch()
    lake.unstage("2024-01")
    assert list(unfinished.parent.iterdir()) == []
