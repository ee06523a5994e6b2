"""Rows of a table by their numbers, whatever the files that they lie in."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from lakemill.lake import Lake, scanning, streams
from lakemill.lake.scanning import TableScan
from lakemill.lake.streams import PartitionWriter

SIZES = {"2020-02": 30, "2020-01": 50, "2020-03": 20}  # written in this order
ALL = np.concatenate([np.arange(50) + 100, np.arange(30), np.arange(20) + 200])  # x of all rows, by partition


@pytest.fixture
def scan(tmp_path: Path) -> TableScan:
    lake = Lake(str(tmp_path / "lake"), "small")
    firsts = {"2020-02": 0, "2020-01": 100, "2020-03": 200}
    for key, size in SIZES.items():
        numbers = pa.array(np.arange(size) + firsts[key])
        lake.replace_partition("clean", key, pa.table({"x": numbers, "name": numbers.cast(pa.string())}))
    return TableScan(lake, "clean", list(SIZES), version=lake.version("clean"))


@pytest.fixture(params=[7, 65_536])
def batch_rows(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scanning, "BATCH_ROWS", request.param)


@pytest.mark.usefixtures("batch_rows")
def test_all_rows_come_by_partition(scan: TableScan) -> None:
    assert scan.counts == {"2020-01": 50, "2020-02": 30, "2020-03": 20}
    assert scan.read(["x"]).column("x").to_pylist() == ALL.tolist()
    assert scan.read().column_names == ["x", "name", "partition"]


@pytest.mark.usefixtures("batch_rows")
@pytest.mark.parametrize("numbers", [[0, 49, 50, 99], [99, 3, 60, 3], [], list(range(100))])
def test_rows_come_in_the_order_that_they_are_asked_for(scan: TableScan, numbers: list[int]) -> None:
    taken = scan.take(np.asarray(numbers, dtype="int64"), ["name", "partition"])

    assert taken.column("name").to_pylist() == [str(ALL[number]) for number in numbers]
    assert taken.column_names == ["name", "partition"]


@pytest.mark.usefixtures("batch_rows")
def test_files_without_a_wanted_row_are_passed_over(scan: TableScan) -> None:
    found = [(first, len(rows)) for first, rows in scan.pieces(["x"], among=np.array([85, 99]))]

    assert found[0][0] == 80
    assert sum(count for _, count in found) == 20


def test_a_partition_of_several_files_is_read_as_the_table_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 1)
    monkeypatch.setattr(streams, "FILE_BYTES", 100)
    lake = Lake(str(tmp_path / "lake"), "small")
    with PartitionWriter(lake, "clean") as writer:
        for start in range(0, 40, 10):
            writer.write("2020-01", pa.table({"x": np.arange(start, start + 10)}))
        writer.commit(["2020-01"])

    scan = TableScan(lake, "clean", ["2020-01"], version=lake.version("clean"))

    assert len(list(scan.pieces(["x"]))) > 1
    assert sorted(scan.read(["x"]).column("x").to_pylist()) == list(range(40))
    assert scan.read(["x"]).equals(lake.read("clean", columns=["x"]))
