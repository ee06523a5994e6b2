"""The whole lake on an object store, spoken to over HTTP: the same as on a disk, also with writers at once."""

import json
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pyarrow as pa
import pytest
from moto.server import ThreadedMotoServer
from typer.testing import CliRunner

import lakemill
from lakemill.cli.lake import app
from lakemill.exceptions import LakeError
from lakemill.lake import Lake, streams
from lakemill.lake.deliveries import Part, Record, read_deliveries, record_delivery
from lakemill.lake.history import list_files, read_history
from lakemill.lake.locks import hold_lock
from lakemill.lake.maintenance import compact_table, find_unneeded, remove_unneeded
from lakemill.lake.reading import describe_table, find_version_of, list_tables, query_lake
from lakemill.lake.streams import PartitionWriter

pytestmark = pytest.mark.integration
PLUGINS = str(Path(lakemill.__file__).parents[1])


def soon() -> datetime:
    """Return a moment after all that the test has written so far."""
    return datetime.now(UTC) + timedelta(minutes=5)


@pytest.fixture(scope="module")
def store() -> Iterator[str]:
    """An S3 server on the loopback; the variables that say where it is, and no others of theirs."""
    logging.getLogger("werkzeug").setLevel(logging.ERROR)  # it tells of every request
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    variables = {
        "AWS_ACCESS_KEY_ID": "key",
        "AWS_SECRET_ACCESS_KEY": "secret",
        "AWS_ENDPOINT_URL": f"http://{host}:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    with pytest.MonkeyPatch.context() as patched:
        for name in [name for name in os.environ if name.startswith("AWS_")]:
            patched.delenv(name)
        for name, value in variables.items():
            patched.setenv(name, value)
        boto3.client("s3").create_bucket(Bucket="lake")
        yield variables["AWS_ENDPOINT_URL"]
    server.stop()


@pytest.fixture
def lake(store, request) -> Lake:
    return Lake(f"s3://lake/{request.node.name.split('[')[0]}", "parcels")


def keys_in(lake: Lake, below: str = "") -> set[str]:
    prefix = f"{lake.address.removeprefix('s3://lake/')}/parcels/"
    pages = boto3.client("s3").get_paginator("list_objects_v2").paginate(Bucket="lake", Prefix=prefix + below)
    keys = {one["Key"] for page in pages for one in page.get("Contents", ())}
    return {key.removeprefix(prefix) for key in keys if not key.endswith("/")}  # marks of folders that were emptied


def rows_of(*values) -> pa.Table:
    return pa.table({"x": pa.array(values, pa.int64())})


def held(lake: Lake, partition: str) -> list:
    return lake.read("t", [partition]).column("x").to_pylist()


def test_partitions_are_streamed_replaced_and_read(lake, monkeypatch):
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 64)
    with PartitionWriter(lake, "t") as writer:
        for number in range(40):
            writer.write("ab"[number % 2], rows_of(number))
        assert keys_in(lake) == set()  # not even a file that nobody sees, before it is whole
        assert writer.commit(["a", "b"]) is True
    assert (held(lake, "a"), held(lake, "b")) == (list(range(0, 40, 2)), list(range(1, 40, 2)))
    assert lake.replace_partition("t", "a", rows_of(7)) is True
    assert lake.replace_partition("t", "a", rows_of(7)) is False
    assert (held(lake, "a"), lake.partitions("t")) == ([7], ["a", "b"])


def test_a_file_larger_than_one_part_of_an_upload_is_whole(lake):
    values = list(range(1_500_000))
    noise = pa.table({"x": values, "y": [os.urandom(8) for _ in values]})
    with PartitionWriter(lake, "t") as writer:
        writer.write("a", noise)
        writer.commit(["a"])
    (file,) = list_files(lake, "t")
    assert file.size > 12 * 2**20
    assert lake.read("t").drop_columns(["partition"]) == noise


def test_an_abandoned_writer_leaves_nothing(lake, monkeypatch):
    monkeypatch.setattr(streams, "ROW_GROUP_BYTES", 64)
    with PartitionWriter(lake, "t") as writer:
        for number in range(100):
            writer.write("a", rows_of(number))
    assert keys_in(lake) == set()


def test_rows_are_appended_once(lake):
    schema = pa.schema([("id", pa.string())])
    assert [lake.append("ledger", {"id": name}, identity=("id",), schema=schema) for name in "aba"] == [
        True,
        True,
        False,
    ]


def test_documents_staged_rows_and_deliveries_are_kept(lake):
    lake.write_document("snapshots/s", {"version": 0})
    assert lake.read_document("snapshots/s") == {"version": 0}
    assert lake.read_document("snapshots/other") is None
    lake.stage("clean", "a", rows_of(1))
    assert lake.staged("clean", "a") == rows_of(1)
    lake.unstage("a")
    assert keys_in(lake, "_staging/clean/a") == set()
    record = Record("d", "f", "s3://elsewhere/x.csv", datetime(2024, 1, 1, tzinfo=UTC), {"a": Part(1, 0, "ab")})
    with hold_lock(lake, "collect-parcels"):
        record_delivery(lake, "parcels", "a", record)
    assert read_deliveries(lake, "parcels") == {"a": record}


def test_history_older_versions_and_sql_are_there(lake):
    for number in range(3):
        lake.replace_partition("t", "a", rows_of(number))
    assert [(one.version, one.rows_added, one.rows_removed) for one in read_history(lake, "t", last=2)] == [
        (2, 1, 1),
        (1, 1, 1),
    ]
    moment = read_history(lake, "t", last=2)[1].at
    version = find_version_of(lake, "t", as_of=moment)
    assert lake.read("t", version=version).column("x").to_pylist() == [1]
    with query_lake(lake, "SELECT x FROM t", as_of=moment) as found:
        assert found.read_all().to_pydict() == {"x": [1]}
    assert (list_tables(lake), describe_table(lake, "t", 2).total.rows) == (["t"], 1)


def test_files_are_compacted_and_removed_but_for_what_a_snapshot_pins(lake, monkeypatch):
    with monkeypatch.context() as patched:
        for name in ("ROW_GROUP_BYTES", "FILE_BYTES"):
            patched.setattr(streams, name, 1)
        with PartitionWriter(lake, "clean") as writer:
            for number in range(5):
                writer.write("a", rows_of(number))
            writer.commit(["a"])
    pinned = lake.version("clean")
    lake.write_document("snapshots/s", {"version": pinned})
    before = lake.read("clean")
    assert compact_table(lake, "clean")[0].files_after == 1
    lake.replace_partition("clean", "a", rows_of(9))
    remove_unneeded(lake, find_unneeded(lake, now=soon(), keep=timedelta(0)))
    assert lake.read("clean", version=pinned) == before
    with pytest.raises(LakeError, match="are not kept any more"):
        find_version_of(lake, "clean", version=pinned + 1)
    assert len(keys_in(lake, "clean/partition=a")) == 6


def test_files_of_a_killed_writer_are_removed_a_day_later(lake):
    lake.replace_partition("t", "a", rows_of(1))
    boto3.client("s3").put_object(
        Bucket="lake",
        Key=f"{lake.address.removeprefix('s3://lake/')}/parcels/t/partition=a/part-lost.parquet",
        Body=b"x",
    )
    assert find_unneeded(lake, now=soon(), keep=timedelta(0)) == []
    found = find_unneeded(lake, now=soon() + timedelta(days=1), keep=timedelta(0))
    assert [(one.path, one.why) for one in found] == [("t/partition=a/part-lost.parquet", "never committed")]


WRITER = """
import sys
sys.path.insert(0, sys.argv[1])
import pyarrow as pa
from lakemill.lake import Lake
from lakemill.lake.streams import PartitionWriter

lake, name = Lake(sys.argv[2], "parcels"), sys.argv[3]
print("ready", flush=True)
sys.stdin.readline()
schema = pa.schema([("id", pa.string())])
for turn in range(4):
    with PartitionWriter(lake, "streamed") as writer:
        writer.write(name, pa.table({"x": [int(name) * 10 + turn] * 3}))
        writer.commit([name])
    lake.replace_partition("replaced", name, pa.table({"x": [int(name) * 10 + turn] * 3}))
    print(lake.append("ledger", {"id": str(turn)}, identity=("id",), schema=schema), flush=True)
"""


@pytest.mark.parametrize("setting", [None, "etag"])
def test_writers_at_once_lose_nothing_and_append_once(lake, monkeypatch, setting):
    if setting:
        monkeypatch.setenv("AWS_CONDITIONAL_PUT", setting)
    lake = Lake(f"{lake.address}-{setting}", "parcels")
    command = [sys.executable, "-c", WRITER, PLUGINS, lake.address]
    writers = [
        subprocess.Popen([*command, str(number)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        for number in range(3)
    ]
    for writer in writers:
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.stdin.write("\n")
        writer.stdin.flush()
    said = [writer.communicate(timeout=600)[0] for writer in writers]
    assert [writer.returncode for writer in writers] == [0, 0, 0]
    for table in ("streamed", "replaced"):
        found = sorted(lake.read(table).column("x").to_pylist())
        assert found == sorted([number * 10 + 3 for number in range(3)] * 3)
    assert sorted(lake.read("ledger").column("id").to_pylist()) == ["0", "1", "2", "3"]
    assert "".join(said).count("True") == 4


def test_the_commands_speak_to_it(lake, monkeypatch):
    lake.replace_partition("t", "a", rows_of(1, 2))
    monkeypatch.setenv("LAKEMILL_LAKE", lake.address)
    told = CliRunner().invoke(app, ["sql", "parcels", "SELECT sum(x) AS s FROM t", "--json"], catch_exceptions=False)
    assert json.loads(told.stdout) == {"s": 3}
    told = CliRunner().invoke(app, ["show", "parcels"], catch_exceptions=False)
    assert " t " in told.stdout
