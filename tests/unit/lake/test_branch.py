"""A branch reads another lake as it was, writes its own tables, and never the other's."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pyarrow as pa
import pytest

from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.branch import Branch, Shared
from lakemill.lake.reading import open_dataset
from lakemill.lake.scanning import TableScan
from lakemill.lake.streams import PartitionWriter
from lakemill.lake.verdicts import Verdict, read_all_verdicts, read_verdicts, record_verdict

FIRST, SECOND = "2020-01", "2020-02"
NOW = datetime(2020, 3, 1, tzinfo=UTC)
ROWS = pa.table({"x": [1, 2]})


@pytest.fixture
def base(tmp_path: Path) -> Lake:
    lake = Lake(str(tmp_path / "base"), "small")
    lake.replace_partition("clean", FIRST, ROWS)
    for kind in ("ingestion", "monitoring"):
        record_verdict(lake, Verdict(kind, FIRST, NOW, "live"))
    lake.write_document("column_kinds/a", {"of": "base"})
    lake.write_document("snapshots/a", {"of": "base"})
    return lake


@pytest.fixture
def branch(base: Lake, tmp_path: Path) -> Branch:
    versions = {name: base.version(name) for name in ("clean", "verdicts", "labels")}
    return Branch(
        str(tmp_path / "branch"), base, Shared(versions, {"verdicts": ("kind", "ingestion")}, ("column_kinds",))
    )


def test_a_whole_table_is_read_where_it_lies_as_it_was(base: Lake, branch: Branch) -> None:
    base.replace_partition("clean", SECOND, ROWS)
    base.replace_partition("clean", FIRST, pa.table({"x": [9]}))

    assert branch.read("clean").column("x").to_pylist() == [1, 2]
    assert branch.partitions("clean") == [FIRST]
    assert not branch.holds("clean", SECOND)
    assert branch.version("clean") == 0
    assert open_dataset(branch, "clean", 0).to_table().num_rows == 2
    assert len(TableScan(branch, "clean", [FIRST, SECOND], version=0)) == 2
    assert [len(piece) for piece in branch.stream("clean", FIRST).read()] == [2]
    assert (branch.read("labels"), branch.version("labels")) == (None, -1)


def test_of_a_shared_part_its_own_rows_stand_beside(base: Lake, branch: Branch) -> None:
    assert list(read_all_verdicts(branch)["monitoring"]) == []

    record_verdict(branch, Verdict("monitoring", FIRST, NOW, "replayed"))
    record_verdict(base, Verdict("ingestion", SECOND, NOW, "later"))

    told = read_all_verdicts(branch)
    assert {kind: {at: one.verdict for at, one in of_kind.items()} for kind, of_kind in told.items() if of_kind} == {
        "ingestion": {FIRST: "live"},
        "monitoring": {FIRST: "replayed"},
    }
    assert read_verdicts(base, "monitoring")[FIRST].verdict == "live"
    assert branch.holds("verdicts", FIRST, {"kind": "ingestion"})
    assert not branch.holds("verdicts", FIRST, {"kind": "gate"})
    assert branch.partitions("verdicts") == [FIRST]


def test_documents_of_shared_folders_only_are_found(base: Lake, branch: Branch) -> None:
    assert branch.read_document("column_kinds/a") == {"of": "base"}
    assert branch.read_document("snapshots/a") is None
    branch.write_document("column_kinds/a", {"of": "branch"})
    assert (branch.read_document("column_kinds/a"), base.read_document("column_kinds/a")) == (
        {"of": "branch"},
        {"of": "base"},
    )


@pytest.mark.parametrize(
    "write",
    [
        lambda lake: lake.replace_partition("clean", FIRST, ROWS),
        lambda lake: lake.append("labels", {"x": "1"}, identity=("x",), schema=pa.schema([("x", pa.string())])),
        lambda lake: PartitionWriter(lake, "clean"),
        lambda lake: record_verdict(lake, Verdict("ingestion", FIRST, NOW, "replayed")),
    ],
)
def test_what_is_shared_cannot_be_written(base: Lake, branch: Branch, write: Callable[[Lake], object]) -> None:
    before = {name: base.version(name) for name in ("clean", "verdicts", "labels")}

    with pytest.raises(LakeError, match="a branch does not write what it reads of another lake"):
        write(branch)

    assert {name: base.version(name) for name in before} == before
