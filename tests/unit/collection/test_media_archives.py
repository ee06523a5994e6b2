"""Archives of media: read without being unpacked, whatever they name."""

import io
import tarfile
import zipfile

import pytest
from PIL import Image

from lakemill.config import Partition
from lakemill.config.sources import ImagesSource

DAILY = Partition(every="day", start="2024-03-01")
DAY = "2024-03-01"


def picture(colour=(255, 0, 0), form="PNG"):
    raw = io.BytesIO()
    Image.new("RGB", (4, 3), colour).save(raw, form)
    return raw.getvalue()


FILES = {"b/y.png": picture(), "a/x.jpg": picture(form="JPEG"), "README": b"text", "__MACOSX/._y.png": b"?"}


def zipped(path, files=FILES):
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return path


def tarred(path, files=FILES, mode="w:gz"):
    with tarfile.open(path, mode) as archive:
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def images(deliver):
    """Function that delivers an archive."""
    return lambda path, **source: deliver(ImagesSource(kind="images", path=path, label="folder", **source), DAY, DAILY)


MAKERS = {
    "x.zip": zipped,
    "x.tar": lambda path: tarred(path, mode="w"),
    "x.tar.gz": tarred,
    "x.tgz": tarred,
    "x.tar.bz2": lambda path: tarred(path, mode="w:bz2"),
    "x.tar.xz": lambda path: tarred(path, mode="w:xz"),
}


@pytest.mark.parametrize(("name", "make"), MAKERS.items(), ids=MAKERS)
def test_an_archive_is_read_like_a_folder(name, make, images, tmp_path):
    make(tmp_path / name)
    found = images(name)
    assert found.rows.select(["file", "label", "source_file"]).to_pylist() == [
        {"file": "a/x.jpg", "label": "a", "source_file": f"{name}/a/x.jpg"},
        {"file": "b/y.png", "label": "b", "source_file": f"{name}/b/y.png"},
    ]
    assert found.malformed == []


def test_a_pattern_may_name_several(images, tmp_path):
    for name in ("1.zip", "2.zip"):
        zipped(tmp_path / name, {"x.png": picture()})
    assert images("*.zip").rows.column("file").to_pylist() == ["1.zip/x.png", "2.zip/x.png"]


@pytest.mark.parametrize("make", [zipped, tarred])
@pytest.mark.parametrize("name", ["../evil.png", "a/../../evil.png", "/etc/evil.png"])
def test_paths_that_lead_out_are_refused(make, name, images, tmp_path):
    suffix = "zip" if make is zipped else "tar.gz"
    make(tmp_path / f"x.{suffix}", {name: picture(), "good.png": picture()})
    found = images(f"x.{suffix}")
    assert found.rows.column("file").to_pylist() == ["good.png"]
    assert found.reasons == ["a path that leads out of the archive"]
    assert not list(tmp_path.parent.rglob("evil.png"))


def test_links_in_a_tar_are_refused(images, tmp_path):
    with tarfile.open(tarred(tmp_path / "x.tar", {"good.png": picture()}, "w"), "a") as archive:
        link = tarfile.TarInfo("link.png")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        archive.addfile(link)
    assert images("x.tar").reasons == ["a link, or no file at all"]


@pytest.mark.parametrize("mode", [zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2])
def test_a_bomb_in_a_zip_is_refused_without_being_expanded(mode, images, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w", mode) as archive, archive.open("bomb.png", "w") as out:
        for _ in range(300):
            out.write(bytes(2**20))
    assert "a decompression bomb" in images("x.zip").reasons[0]


@pytest.mark.thorough
def test_a_bomb_in_a_tar_is_refused_and_what_was_before_it_is_kept(images, tmp_path):
    class Zeros(io.RawIOBase):
        def read(self, size=-1):
            return bytes(size)

    with tarfile.open(tmp_path / "x.tar.bz2", "w:bz2") as archive:
        info = tarfile.TarInfo("good.png")
        info.size = len(picture())
        archive.addfile(info, io.BytesIO(picture()))
        info = tarfile.TarInfo("later.png")
        info.size = 300 * 2**20
        archive.addfile(info, Zeros())
    found = images("x.tar.bz2")
    assert found.rows.column("file").to_pylist() == ["good.png"]
    assert "a decompression bomb" in found.reasons[0]


def test_a_file_that_is_larger_than_the_archive_says_is_refused(images, tmp_path):
    content = bytearray(zipped(tmp_path / "x.zip", {"x.png": picture() + bytes(10_000)}).read_bytes())
    at = content.index(b"PK\x01\x02") + 24
    content[at : at + 4] = (100).to_bytes(4, "little")
    (tmp_path / "x.zip").write_bytes(content)
    found = images("x.zip")
    assert len(found.rows) + len(found.malformed) == 1


@pytest.mark.parametrize("make", MAKERS.values(), ids=MAKERS)
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_an_archive_that_was_cut_off_is_refused_and_its_good_part_taken(make, share, images, tmp_path):
    name = next(name for name, known in MAKERS.items() if known is make)
    content = make(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    found = images(name)
    assert len(found.rows) <= 2
    assert any("archive" in reason for reason in found.reasons) or len(found.rows) == 2


def test_an_archive_of_nothing_of_use_is_told(images, tmp_path):
    from lakemill.exceptions import CollectionError

    zipped(tmp_path / "x.zip", {"README": b"text"})
    with pytest.raises(CollectionError, match=r"no media files in x\.zip"):
        images("x.zip")


def test_an_archive_by_name_only_is_refused(images, tmp_path):
    (tmp_path / "x.zip").write_bytes(b"no archive")
    (tmp_path / "x.tar.gz").write_bytes(b"no archive")
    for name in ("x.zip", "x.tar.gz"):
        assert "archive" in images(name).reasons[0]
