"""Sources that are open data sets by their URL, from a server of the test's own into rows."""

import gzip
import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from connections_for_tests import NamedConnections

from lakemill.collection.delivery import Credentials, Request
from lakemill.collection.http import open_http
from lakemill.config import Partition
from lakemill.config.sources import HttpSource
from lakemill.exceptions import CollectionError
from lakemill.lake import Lake

DAYS = Partition(every="day", start="2024-03-01")
FIRST = b"id,sent_at,weight\n1,2024-03-01 09:00,1.5\n2,2024-03-01 10:00\n"
BOTH = b"id,sent_at\n1,2024-03-01 09:00\n2,2024-03-02 10:00\n"


class Site:
    """A server with files by path, each with its ETag; it counts GETs."""

    def __init__(self) -> None:
        self.address = ""
        self.files: dict[str, bytes] = {}
        self.asked: list[tuple[str, str, str | None]] = []


@pytest.fixture
def site() -> Iterator[Site]:
    served = Site()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            served.asked.append((self.command, self.path, self.headers.get("Authorization")))
            data = served.files.get(self.path)
            self.send_response(404 if data is None else 200)
            if data is not None:
                self.send_header("ETag", f'"{hashlib.md5(data).hexdigest()}"')
            self.send_header("Content-Length", str(len(data or b"")))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(data or b"")

        do_HEAD = do_GET

        def log_message(self, *arguments: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    served.address = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield served
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


@pytest.fixture
def open_source(site, tmp_path):
    """Function that opens a source of the server's."""

    def opened(path, *, key="2024-03-01", connections=None, **more):
        source = HttpSource(kind="http", url=site.address + path, **more)
        lake = Lake(str(tmp_path / "lake"), "parcels")
        (tmp_path / "scratch").mkdir(exist_ok=True)
        known = NamedConnections(**(connections or {}))
        return open_http(
            source, Request("x", DAYS, key, lake, tmp_path, "p.yaml: collect.x", known, tmp_path / "scratch")
        )

    return opened


@pytest.mark.parametrize(("name", "write"), [("x_{partition}.csv", bytes), ("x_{partition}.csv.gz", gzip.compress)])
def test_a_file_of_the_partition_becomes_rows_and_refused_lines(site, open_source, tmp_path, name, write):
    site.files[f"/{name.format(partition='2024-03-01')}"] = write(FIRST)

    delivery = open_source(f"/{name}")
    pieces = list(delivery.pieces())

    assert not delivery.is_whole
    rows = [row for piece in pieces for row in piece.rows.to_pylist()]
    assert [(row["id"], row["source_row"], row["source_file"]) for row in rows] == [("1", 1, delivery.location)]
    assert [one.source_row for piece in pieces for one in piece.refused] == [2]
    assert list((tmp_path / "scratch").iterdir()) == []


def test_one_file_for_all_partitions_is_cut_by_event_time(site, deliver):
    site.files["/all.csv"] = BOTH
    source = HttpSource(kind="http", url=f"{site.address}/all.csv", event_time="sent_at")
    assert deliver(source, "2024-03-02", DAYS).rows.column("id").to_pylist() == ["2"]


def test_the_fingerprint_changes_with_the_file_and_nothing_is_read_for_it(site, open_source):
    site.files["/x.csv"] = FIRST
    before = open_source("/x.csv").fingerprint
    assert open_source("/x.csv").fingerprint == before is not None
    site.files["/x.csv"] = BOTH
    assert open_source("/x.csv").fingerprint not in (before, None)
    assert {method for method, _, _ in site.asked} == {"HEAD"}


def test_a_demanded_hash_is_the_fingerprint_and_is_checked(site, open_source):
    site.files["/x_2024-03-01.csv"] = FIRST
    hashes = {"2024-03-01": hashlib.sha256(FIRST).hexdigest().upper(), "2024-03-02": "0" * 64}
    delivery = open_source("/x_{partition}.csv", sha256=hashes)
    assert (delivery.fingerprint, site.asked) == (f"sha256 {hashes['2024-03-01'].lower()}", [])
    assert sum(len(piece.rows) for piece in delivery.pieces()) == 1
    site.files["/x_2024-03-02.csv"] = BOTH
    with pytest.raises(CollectionError, match="expected 0000"):
        list(open_source("/x_{partition}.csv", key="2024-03-02", sha256=hashes).pieces())


def test_what_is_not_there_is_told_with_the_partition(open_source):
    with pytest.raises(CollectionError, match=r"p\.yaml: collect\.x: there is no .*/x_2024-03-01\.csv for partition"):
        open_source("/x_{partition}.csv")


def test_the_connection_says_who_asks(site, open_source):
    site.files["/x.csv"] = FIRST
    connections = {"shop": Credentials(login="me", password="geheim")}
    delivery = open_source("/x.csv", connection="shop", connections=connections)
    list(delivery.pieces())
    assert [authorization for _, _, authorization in site.asked] == ["Basic bWU6Z2VoZWlt"] * 2
    with pytest.raises(CollectionError, match="no connection 'shop'"):
        open_source("/x.csv", connection="shop")


def test_a_reading_that_is_given_up_leaves_no_file(site, open_source, tmp_path):
    site.files["/x.csv"] = FIRST
    pieces = open_source("/x.csv").pieces()
    next(pieces)
    pieces.close()
    assert list((tmp_path / "scratch").iterdir()) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"url": "http:///x.csv"}, "must be like https://host"),
        ({"url": "https://host:none/x"}, "must be like https://host"),
        ({"url": "ftp://host/x"}, "should match pattern"),
        ({"sha256": "abc"}, "64 hexadecimal digits"),
        ({"sha256": {"2024": "0" * 64}}, "one text for a URL without"),
        ({"url": "https://host/{partition}", "sha256": "0" * 64}, "one for each partition"),
    ],
)
def test_what_cannot_be_meant_is_told_before_anything_runs(more, said):
    with pytest.raises(ValueError, match=said):
        HttpSource(**{"kind": "http", "url": "https://host/x.csv", **more})
