"""Files are kept once, under what they are."""

import hashlib
import io
import os

import pytest

from lakemill.lake import Lake
from lakemill.lake.objects import fetch_object, keep_object, name_object

HELLO = hashlib.sha256(b"hello").hexdigest()


def keep(lake, content, scratch):
    with keep_object(lake, io.BytesIO(content), scratch) as kept:
        assert kept.path.read_bytes() == content
        return kept


def files_of(lake):
    return sorted(str(path.relative_to(lake.local_folder)) for path in lake.local_folder.rglob("*") if path.is_file())


def test_a_file_lies_under_the_hash_of_its_bytes(lake, tmp_path):
    kept = keep(lake, b"hello", tmp_path)
    assert (kept.sha256, kept.bytes) == (HELLO, 5)
    assert files_of(lake) == [f"objects/{HELLO[:2]}/{HELLO}"]


def test_the_same_bytes_are_written_once(lake, tmp_path):
    keep(lake, b"hello", tmp_path)
    path = lake.local_folder / name_object(HELLO)
    os.utime(path, (1, 1))
    keep(lake, b"hello", tmp_path)
    assert path.stat().st_mtime == 1
    assert len(files_of(lake)) == 1


def test_a_file_that_was_cut_off_is_replaced(lake, tmp_path):
    keep(lake, b"hello", tmp_path)
    (lake.local_folder / name_object(HELLO)).write_bytes(b"he")
    assert keep(lake, b"hello", tmp_path).path.read_bytes() == b"hello"


def test_a_stream_that_breaks_off_leaves_nothing(lake, tmp_path):
    class Broken(io.BytesIO):
        def read(self, size=-1):
            raise OSError("gone")

    with pytest.raises(OSError, match="gone"), keep_object(lake, Broken(), tmp_path):
        pass
    assert files_of(lake) == []


def test_a_large_file_is_read_in_pieces(lake, tmp_path):
    class Zeros:
        left, largest = 50 * 2**20, 0

        def read(self, size=-1):
            self.largest = max(self.largest, size)
            size = min(size, self.left)
            self.left -= size
            return bytes(size)

    stream = Zeros()
    with keep_object(lake, stream, tmp_path) as kept:
        assert kept.bytes == 50 * 2**20
    assert stream.largest <= 2**20


def test_an_object_is_found_again(lake, tmp_path):
    keep(lake, b"hello", tmp_path)
    with fetch_object(lake, HELLO, tmp_path) as path:
        assert path.read_bytes() == b"hello"


def test_an_object_store_keeps_them_too(monkeypatch, tmp_path):
    moto = pytest.importorskip("moto.server")
    server = moto.ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    try:
        host, port = server.get_host_and_port()
        names = {"AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x", "AWS_DEFAULT_REGION": "us-east-1"}
        for name, value in {**names, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}.items():
            monkeypatch.setenv(name, value)
        from pyarrow import fs

        store = fs.S3FileSystem(endpoint_override=f"http://{host}:{port}", allow_bucket_creation=True)
        store.create_dir("lake")
        lake = Lake("s3://lake/all", "parcels")
        keep(lake, b"hello", tmp_path)
        keep(lake, b"hello", tmp_path)
        with fetch_object(lake, HELLO, tmp_path) as path:
            assert path.read_bytes() == b"hello"
        assert lake.size_of(name_object(HELLO)) == 5
        assert list(tmp_path.iterdir()) == []
    finally:
        server.stop()
