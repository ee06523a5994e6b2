"""Files of an object store are read as those of a folder, with the keys of a connection."""

import boto3
import pytest
from connections_for_tests import NamedConnections
from moto.server import ThreadedMotoServer

from lakemill.collection.delivery import Credentials
from lakemill.config import Partition
from lakemill.config.sources import FilesSource
from lakemill.exceptions import CollectionError

DAILY = Partition(every="day", start="2024-03-01")


@pytest.fixture(scope="module")
def endpoint():
    """Address of an S3 API server with a bucket ``shop``."""
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    address = f"http://{host}:{port}"
    store = boto3.client(
        "s3", endpoint_url=address, aws_access_key_id="key", aws_secret_access_key="secret", region_name="us-east-1"
    )
    store.create_bucket(Bucket="shop")
    store.put_object(Bucket="shop", Key="in/2024-03-01/a.csv", Body=b"id\n1\n")
    store.put_object(Bucket="shop", Key="in/2024-03-01/b.csv", Body=b"id\n2\n")
    store.put_object(Bucket="shop", Key="sales_2024-03-01.csv", Body=b"id\n3\n")
    yield address
    server.stop()


@pytest.fixture
def connections(endpoint):
    """A connection ``store`` with the server's address and keys."""
    extra = {"endpoint_url": endpoint, "region_name": "us-east-1"}
    return NamedConnections(store=Credentials(login="key", password="secret", extra=extra))


@pytest.mark.parametrize(
    ("path", "ids", "files"),
    [
        ("s3://shop/sales_{partition}.csv", ["3"], ["s3://shop/sales_2024-03-01.csv"]),
        (
            "s3://shop/in/{partition}/*.csv",
            ["1", "2"],
            ["s3://shop/in/2024-03-01/a.csv", "s3://shop/in/2024-03-01/b.csv"],
        ),
    ],
)
def test_objects_are_read_by_the_keys_of_a_connection(deliver, connections, path, ids, files):
    found = deliver(FilesSource(path=path, connection="store"), "2024-03-01", DAILY, connections)
    assert found.rows.column("id").to_pylist() == ids
    assert found.rows.column("source_file").to_pylist() == files


def test_a_missing_object_is_told_with_what_lies_nearby(deliver, connections):
    source = FilesSource(path="s3://shop/in/2024-03-01/{partition}.csv", connection="store")
    with pytest.raises(
        CollectionError, match=r"no file s3://shop/in/2024-03-01/2024-03-01.csv.*\n.*2 files, a.csv to b.csv"
    ):
        deliver(source, "2024-03-01", DAILY, connections)


def test_a_missing_bucket_is_told(deliver, connections):
    with pytest.raises(CollectionError, match="no file s3://shop2/x"):
        deliver(FilesSource(path="s3://shop2/x.csv", connection="store"), "2024-03-01", DAILY, connections)


@pytest.mark.parametrize("path", ["ftp://host/x.csv", "hdfs://host/x.csv"])
def test_other_kinds_of_addresses_are_told(deliver, path):
    with pytest.raises(CollectionError, match=r"cannot open .*\n.*known: s3, gs"):
        deliver(FilesSource(path=path), "2024-03-01", DAILY)
