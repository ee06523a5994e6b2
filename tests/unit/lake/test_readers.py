"""The tables are read by other programs as they lie there: DuckDB, deltalake, pyarrow, pandas."""

from datetime import UTC, date, datetime

import duckdb
import pandas as pd
import pyarrow as pa
import pyarrow.dataset as ds
import pyarrow.parquet as pq
import pytest
from deltalake import DeltaTable

from lakemill.lake import Lake
from lakemill.lake.maintenance import compact_table
from lakemill.lake.streams import PartitionWriter

NOON = datetime(2024, 1, 1, 12, tzinfo=UTC)
ROWS = pa.table(
    {
        "id": pa.array([1, 2], pa.int64()),
        "weight": [1.5, None],
        "depot": ["N", None],
        "at": pa.array([NOON, None], pa.timestamp("us", "UTC")),
        "day": [date(2024, 1, 1), None],
        "is_late": [True, None],
        "tags": [["a", "b"], None],
    }
)
FILES = "read_parquet(?, hive_partitioning = true, hive_types_autocast = false, union_by_name = true)"


@pytest.fixture
def raw(lake):
    """A raw table of two partitions, one of them replaced, one by column grown, one written the other way."""
    for key in ("2024-01", "2024-02", "2024-01"):
        with PartitionWriter(lake, "raw", may_grow=True) as writer:
            writer.write(key, ROWS.append_column("note", pa.array(["x", "y"])) if key == "2024-02" else ROWS)
            writer.commit([key])
    lake.replace_partition("raw", "2024-03", ROWS)
    return lake


def _address(lake: Lake) -> str:
    return str(lake.local_folder / "raw")


def _expected(key: str) -> list[dict]:
    notes = {"2024-02": ["x", "y"]}.get(key, [None, None])
    return [{**row, "note": note, "partition": key} for row, note in zip(ROWS.to_pylist(), notes, strict=True)]


EXPECTED = [row for key in ("2024-01", "2024-02", "2024-03") for row in _expected(key)]


def _in_order(rows: list[dict]) -> list[dict]:
    return sorted(
        ({name: row[name] for name in EXPECTED[0]} for row in rows), key=lambda row: (row["partition"], row["id"])
    )


def test_duckdb_reads_the_parquet_files_of_the_newest_version(raw):
    files = DeltaTable(_address(raw)).file_uris()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        found = connection.sql(f"SELECT * FROM {FILES}", params=[files]).to_arrow_table()
    assert _in_order(found.to_pylist()) == EXPECTED


def test_duckdb_reads_only_the_files_of_the_partition_that_is_asked_for(raw):
    files = DeltaTable(_address(raw)).file_uris()
    with duckdb.connect() as connection:
        sql = f"EXPLAIN ANALYZE SELECT count(id) FROM {FILES} WHERE partition = '2024-02'"
        plan = connection.execute(sql, [files]).fetchall()
    assert "1/3" in str(plan) or "Scanning Files: 1" in str(plan)


def test_duckdb_reads_what_deltalake_gives_it(raw):
    dataset = DeltaTable(_address(raw)).to_pyarrow_dataset()
    with duckdb.connect() as connection:
        connection.execute("SET TimeZone = 'UTC'")
        connection.register("raw", dataset)
        found = connection.sql("SELECT * FROM raw WHERE id > 0").to_arrow_table()
    assert _in_order(found.to_pylist()) == EXPECTED


def test_pyarrow_reads_the_files_by_their_folders(raw):
    files = DeltaTable(_address(raw)).file_uris()
    partitioning = ds.partitioning(pa.schema([("partition", pa.string())]), flavor="hive")
    schema = pa.schema([*ROWS.schema, ("note", pa.string()), ("partition", pa.string())])
    dataset = ds.dataset(files, schema=schema, partitioning=partitioning, partition_base_dir=_address(raw))
    assert _in_order(dataset.to_table().to_pylist()) == EXPECTED


def test_pandas_reads_a_file_of_a_partition_without_any_of_this(raw):
    (path,) = [path for path in DeltaTable(_address(raw)).file_uris() if "2024-02" in path]
    frame = pd.read_parquet(path, partitioning=None)
    assert list(frame["id"]) == [1, 2]
    assert frame["at"][0] == pd.Timestamp(NOON)


def test_partition_columns_stand_in_the_folders_only(raw):
    for path in DeltaTable(_address(raw)).file_uris():
        assert "partition" not in pq.read_schema(path).names
        assert "/raw/partition=2024-" in path


def test_all_readers_of_delta_know_what_the_tables_use(raw):
    compact_table(raw, "raw")
    protocol = DeltaTable(_address(raw)).protocol()
    assert (protocol.min_reader_version, protocol.min_writer_version) == (1, 2)


def test_moments_without_a_zone_need_a_newer_reader(lake):
    with PartitionWriter(lake, "raw") as writer:
        writer.write("a", pa.table({"at": pa.array([datetime(2024, 1, 1, 12)], pa.timestamp("us"))}))
        writer.commit(["a"])
    protocol = DeltaTable(_address(lake)).protocol()
    assert (protocol.min_reader_version, protocol.reader_features) == (3, ["timestampNtz"])
    assert lake.read("raw").column("at").to_pylist() == [datetime(2024, 1, 1, 12)]
