"""The landing area: what is kept there, how it is merged into a table, with nothing lost or doubled."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from pyarrow import fs

from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.landing import claim_landing, clear_unfinished, land, landed_files, landed_partitions, remove_landed
from lakemill.lake.merging import Merge, count_rows, ensure_table, merge_landed

DAY = "2024-03-01"
NOON = datetime(2024, 3, 1, 12, tzinfo=timezone.utc)


@dataclass(frozen=True)
class Bad:
    reason: str = "no reading"
    source_file: str = "house/1"
    source_row: int | None = None
    text: str = "?"


def readings(*values: tuple[int, str], minutes: int = 0, **more: str) -> pa.Table:
    count = len(values)
    return pa.table(
        {
            "id": [str(number) for number, _ in values],
            "at": [f"2024-03-01T{number:02}" for number, _ in values],
            "value": [value for _, value in values],
            **{name: [value] * count for name, value in more.items()},
            "source_file": pa.array(["house/1"] * count, pa.string()),
            "source_row": pa.array(range(1, count + 1), pa.int64()),
            "ingested_at": pa.array([NOON + timedelta(minutes=minutes)] * count, pa.timestamp("us", "UTC")),
        }
    )


def as_merge(**other) -> Merge:
    said = {
        "table": "raw_meters",
        "partition": DAY,
        "identity": ("id",),
        "first_by": ("ingested_at", "source_row"),
        "order": ("at",),
        "provenance": ("ingested_at", "delivery"),
    }
    return Merge(**{**said, **other})


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "plant")


@pytest.fixture
def merge(lake, tmp_path):
    def run(**other):
        return merge_landed(lake, as_merge(**other), landed_files(lake, "meters", DAY), scratch=tmp_path)

    return run


def values_in(lake: Lake) -> list[tuple[str, str]]:
    rows = lake.read("raw_meters", [DAY])
    return [(row["id"], row["value"]) for row in rows.to_pylist()]


def test_what_has_landed_is_found_by_partition(lake):
    land(lake, "meters", "b1", {DAY: readings((1, "a")), "2024-03-02": readings((2, "b"))}, {"2024-03-05": [Bad()]})
    land(lake, "meters", "b2", {DAY: readings((3, "c"))}, {})
    assert landed_partitions(lake, "meters") == [DAY, "2024-03-02"]
    assert landed_partitions(lake, "meters", refused=True) == ["2024-03-05"]
    assert landed_files(lake, "meters", DAY) == [f"_landing/meters/{DAY}/{batch}.parquet" for batch in ("b1", "b2")]
    assert landed_partitions(lake, "other") == []


def test_what_has_landed_goes_when_it_is_removed(lake):
    land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})
    paths = landed_files(lake, "meters", DAY)
    remove_landed(lake, paths)
    remove_landed(lake, paths)
    assert landed_partitions(lake, "meters") == []


def test_what_a_killed_process_was_writing_is_not_seen_and_cleared(lake):
    unfinished = lake.local_folder / "_landing/meters/_unfinished/collector" / f"{DAY} b1"
    unfinished.parent.mkdir(parents=True)
    unfinished.write_bytes(b"half of a file")
    assert landed_partitions(lake, "meters") == []
    with claim_landing(lake, "meters"):
        assert not unfinished.exists()


def test_a_collector_that_begins_leaves_alone_what_others_are_writing(lake):
    folder = lake.local_folder / "_landing/meters/_unfinished"
    for writer in ("collector", f"collect {DAY}"):
        (folder / writer).mkdir(parents=True)
        (folder / writer / "half").touch()
    with claim_landing(lake, "meters"):
        assert [path.parent.name for path in folder.rglob("half")] == [f"collect {DAY}"]
    clear_unfinished(lake, "meters", f"collect {DAY}")
    assert list(folder.rglob("half")) == []


def test_a_second_process_is_told_that_the_first_has_the_source(lake):
    with claim_landing(lake, "meters"):
        with pytest.raises(LakeError, match="another process of this machine collects it already"):
            claim_landing(lake, "meters").__enter__()
        with claim_landing(lake, "others"):
            pass
    with claim_landing(lake, "meters"):
        pass


def test_a_disk_that_cannot_be_written_to_is_told(lake):
    lake.local_folder.mkdir(parents=True)
    (lake.local_folder / "_landing").write_text("in the way")
    with pytest.raises(LakeError, match="cannot keep what came"):
        land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})


def test_of_each_identity_the_first_received_is_kept_in_order_of_event_time(lake, merge):
    land(lake, "meters", "b2", {DAY: readings((3, "c"), (1, "second"), minutes=1)}, {})
    land(lake, "meters", "b1", {DAY: readings((2, "b"), (1, "first"))}, {})
    merged = merge()
    assert (merged.rows, merged.has_changed) == (3, True)
    assert values_in(lake) == [("1", "first"), ("2", "b"), ("3", "c")]
    assert lake.read("raw_meters").column("delivery").to_pylist() == ["b1", "b1", "b2"]
    assert count_rows(lake, "raw_meters", DAY) == 3


def test_the_result_does_not_depend_on_batches_nor_on_when_they_are_merged(lake, merge, tmp_path):
    batches = [readings((n, f"v{n}"), ((n + 3) % 10, "late"), minutes=n) for n in range(10)]
    for number, batch in enumerate(batches):
        land(lake, "meters", f"b{number}", {DAY: batch}, {})
    at_once = merge().digest
    other = Lake(str(tmp_path / "other"), "plant")
    for number, batch in reversed(list(enumerate(batches))):
        land(other, "meters", f"x{number}", {DAY: batch}, {})
        merged = merge_landed(other, as_merge(), landed_files(other, "meters", DAY), scratch=tmp_path)
        remove_landed(other, landed_files(other, "meters", DAY))
    assert merged.digest == at_once
    assert values_in(other) == values_in(lake)


def test_files_that_are_merged_again_change_nothing(lake, merge):
    land(lake, "meters", "b1", {DAY: readings((1, "a"), (2, "b"))}, {})
    first = merge()
    version = lake.version("raw_meters")
    again = merge()  # as after a kill between the commit and the removal
    assert (again.rows, again.has_changed, again.digest) == (2, False, first.digest)
    assert lake.version("raw_meters") == version


def test_a_new_column_is_added_where_columns_may_grow_and_else_an_error(lake, merge):
    land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})
    merge()
    land(lake, "meters", "b2", {DAY: readings((2, "b"), phase="L1")}, {})
    with pytest.raises(LakeError, match=r"column 'phase' is new(.|\n)*columns: grow"):
        merge(may_grow=False)
    assert len(landed_files(lake, "meters", DAY)) == 2
    merge(may_grow=True)
    assert lake.read("raw_meters").column("phase").to_pylist() == [None, "L1"]


def test_a_table_that_never_had_rows_takes_any_columns(lake, merge):
    ensure_table(lake, "raw_meters", pa.schema({"id": pa.string(), "at": pa.string()}))
    ensure_table(lake, "raw_meters", pa.schema({"id": pa.string()}))
    assert lake.read("raw_meters", [DAY]).num_rows == 0
    land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})
    assert merge().rows == 1


def test_a_damaged_file_is_named(lake, merge):
    land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})
    (lake.local_folder / landed_files(lake, "meters", DAY)[0]).write_bytes(b"damaged")
    with pytest.raises(LakeError, match=r"2024-03-01/b1\.parquet: cannot read what landed"):
        merge()


def test_odd_names_and_values_pass_unharmed(lake, merge):
    odd = {'a "quoted" name': "nul \0 inside", "is_landed": "ours?", "c1": "ä€😀"}
    land(lake, "meters", "b1", {DAY: readings((1, "a"), **odd)}, {})
    merge()
    row = lake.read("raw_meters").to_pylist()[0]
    assert {name: row[name] for name in odd} == odd


def test_many_rows_are_merged_within_little_memory(lake, merge):
    for batch in range(20):
        ids = [(batch * 7919 + n * 31) % 200_000 for n in range(20_000)]
        land(lake, "meters", f"b{batch}", {DAY: readings(*((number, "v" * 50) for number in ids), minutes=batch)}, {})
    merged = merge()
    found = lake.read("raw_meters", [DAY])
    assert merged.rows == found.num_rows == len(set(found.column("id").to_pylist()))
    assert found.column("at").to_pylist() == sorted(found.column("at").to_pylist())


def test_merges_at_once_lose_nothing(lake, tmp_path):
    def merge_own(number: int) -> None:  # no lock held, as on machines that share none
        for n in range(5):
            source, batch = f"meters{number}", f"b{number}-{n}"
            land(lake, source, batch, {DAY: readings((number * 10 + n, batch))}, {})
            paths = landed_files(lake, source, DAY)
            merge_landed(lake, as_merge(), paths, scratch=tmp_path / str(number))
            remove_landed(lake, paths)

    with ThreadPoolExecutor(3) as threads:
        list(threads.map(merge_own, range(3)))
    assert len(values_in(lake)) == 15


def test_an_object_store_keeps_them_too(monkeypatch, tmp_path):
    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        address = "http://{}:{}".format(*server.get_host_and_port())
        names = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**names, "AWS_ENDPOINT_URL": address, "AWS_ALLOW_HTTP": "true"}.items():
            monkeypatch.setenv(name, value)
        fs.S3FileSystem(endpoint_override=address, allow_bucket_creation=True).create_dir("lake")
        lake = Lake("s3://lake/all", "plant")
        with claim_landing(lake, "meters"):
            land(lake, "meters", "b1", {DAY: readings((2, "b"), (1, "a"))}, {DAY: [Bad()]})
        paths = landed_files(lake, "meters", DAY)
        for _ in range(2):
            merge_landed(lake, as_merge(), paths, scratch=tmp_path)
        assert values_in(lake) == [("1", "a"), ("2", "b")]
        assert landed_partitions(lake, "meters", refused=True) == [DAY]
        remove_landed(lake, [*paths, *paths])
        assert landed_partitions(lake, "meters") == []
    finally:
        server.stop()


def test_nothing_is_left_behind(lake, merge, tmp_path):
    land(lake, "meters", "b1", {DAY: readings((1, "a"))}, {})
    merge()
    merge()
    shutil.rmtree(tmp_path / "duckdb", ignore_errors=True)
    data = list((lake.local_folder / "raw_meters").glob("*/*.parquet"))
    assert len(data) == 1
    assert list((lake.local_folder / "_landing/meters/_unfinished/collector").iterdir()) == []
