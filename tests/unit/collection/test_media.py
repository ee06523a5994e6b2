"""Media files into rows: which files are taken, what a row says, and what is refused."""

import hashlib
import json
import os

import numpy as np
import pytest
import soundfile
from PIL import Image

from lakemill.collection.delivery import Request
from lakemill.collection.extraction import histogram
from lakemill.collection.media import open_media
from lakemill.config import Partition
from lakemill.config.extractors import Histogram, Hog, ImageExtractors, Thumbnail
from lakemill.config.sources import AudioSource, ImagesSource, VideoSource
from lakemill.exceptions import CollectionError, LakemillError
from lakemill.lake import Lake
from lakemill.lake.objects import name_object

DAILY = Partition(every="day", start="2024-03-01")
DAY = "2024-03-01"
RED, BLUE = (255, 0, 0), (0, 0, 255)


@pytest.fixture
def folder(tmp_path):
    """The folder of the first day."""
    path = tmp_path / "photos" / DAY
    path.mkdir(parents=True)
    return path


@pytest.fixture
def images(deliver):
    """Function that delivers a day of pictures; its arguments are those of the source."""

    def run(path="photos/{partition}", key=DAY, **source):
        return deliver(ImagesSource(kind="images", path=path, **source), key, DAILY)

    return run


def paint(path, colour=RED, size=(4, 3), **how):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path, **how)
    return path


def test_a_row_says_what_a_file_is(folder, images, tmp_path):
    content = paint(folder / "cats" / "tom.png").read_bytes()
    found = images(label="folder", extract={"histogram": {"bins": 2}})
    sha256 = hashlib.sha256(content).hexdigest()
    assert found.rows.to_pylist() == [
        {
            "file": "cats/tom.png",
            "sha256": sha256,
            "media_type": "image/png",
            "bytes": len(content),
            "width": 4,
            "height": 3,
            "mode": "RGB",
            "frames": 1,
            "capture_time": None,
            "exif": None,
            "label": "cats",
            "histogram_red_0": 0.0,
            "histogram_red_1": 1.0,
            "histogram_green_0": 1.0,
            "histogram_green_1": 0.0,
            "histogram_blue_0": 1.0,
            "histogram_blue_1": 0.0,
            "source_file": f"photos/{DAY}/cats/tom.png",
            "source_row": 1,
        }
    ]
    assert (Lake(str(tmp_path / "lake"), "parcels").local_folder / name_object(sha256)).read_bytes() == content


@pytest.mark.thorough
def test_the_same_files_make_the_same_rows_again(folder, images):
    for number in range(20):
        paint(folder / f"{number % 3}" / f"{number:02}.jpg", (number, 9, 9))
    first, again = images(extract={"thumbnail": {}}), images(extract={"thumbnail": {}})
    assert first.rows.equals(again.rows)
    assert first.rows.column("file").to_pylist() == sorted(first.rows.column("file").to_pylist())


PATTERNS = {
    "photos/{partition}": ["a/deep/3.png", "a/2.jpg", "1.png"],
    "photos/{partition}/": ["a/deep/3.png", "a/2.jpg", "1.png"],
    "photos/{partition}/**": ["a/deep/3.png", "a/2.jpg", "1.png"],
    "photos/{partition}/*.png": ["1.png"],
    "photos/{partition}/**/*.png": ["a/deep/3.png", "1.png"],
    "photos/{partition}/*/*": ["a/2.jpg"],
    "photos/{partition}/?.png": ["1.png"],
    "photos/{partition}/1.png": ["1.png"],
}


@pytest.mark.parametrize(("path", "names"), PATTERNS.items())
def test_paths_name_folders_patterns_and_files(path, names, folder, images):
    for name in ("1.png", "a/2.jpg", "a/deep/3.png"):
        paint(folder / name)
    assert images(path).rows.column("file").to_pylist() == sorted(names)


def test_files_that_only_lie_beside_are_passed_over(folder, images):
    paint(folder / "x.png")
    for name in ("README", "LICENSE", "notes.txt", "labels.csv", "Thumbs.db", ".DS_Store", ".hidden/y.png"):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("nothing to see")
    found = images()
    assert (found.rows.column("file").to_pylist(), found.malformed) == (["x.png"], [])


def test_names_of_any_letters_are_kept(folder, images):
    names = ["Ünï côde.png", "a'b\"c;d.png", "new\nline.png", "100%.png", "[x].png", "日本.PNG"]
    for name in names:
        paint(folder / name)
    (folder / os.fsdecode(b"\xff\xfe.png")).write_bytes((folder / names[0]).read_bytes())
    found = images()
    assert set(found.rows.column("file").to_pylist()) == {*names, "\\xff\\xfe.png"}
    assert found.malformed == []


def test_each_file_that_is_no_picture_is_refused_with_its_reason(folder, images):
    png = paint(folder / "good.png").read_bytes()
    paint(folder / "large.png", size=(20, 20))
    soundfile.write(folder / "voice.wav", np.zeros(10), 8000)
    written = {
        "cut.png": png[:50],
        "empty.png": b"",
        "odd.dat": b"abc",
        "says.gif": png,
        "says.txt": png,
        "noise.jpg": b"x",
    }
    for name, content in written.items():
        (folder / name).write_bytes(content)
    os.mkfifo(folder / "pipe.png")
    (folder / "link.png").symlink_to("nowhere")
    found = images(most_pixels=100)
    assert found.rows.column("file").to_pylist() == ["good.png"]
    reasons = {one["source_file"].rpartition("/")[2]: one["reason"] for one in found.malformed}
    assert reasons == {
        "cut.png": "cut off or damaged: Truncated File Read",
        "empty.png": "empty",
        "large.png": "400 pixels, more than 100",
        "link.png": "a link that leads nowhere",
        "noise.jpg": "its name says JPEG, its bytes are of no known kind",
        "odd.dat": "no media: not a picture that can be read (PNG, JPEG, GIF, BMP, TIFF, WebP, AVIF, JPEG 2000, PNM)",
        "pipe.png": "no file, but a device or a pipe",
        "says.gif": "its name says GIF, its bytes are PNG",
        "says.txt": "its name says .txt, its bytes are PNG",
        "voice.wav": "WAV: sound, not a picture",
    }


def test_what_is_refused_is_kept_too(folder, images, tmp_path):
    (folder / "odd.dat").write_bytes(b"abc")
    known = json.loads(images().malformed[0]["text"])
    kept = tmp_path / "lake" / "parcels" / name_object(known["sha256"])
    assert (kept.read_bytes(), known["bytes"], known["file"]) == (b"abc", 3, "odd.dat")


def test_a_file_that_is_larger_than_allowed_is_not_read(folder, images, tmp_path):
    (folder / "huge.png").touch()
    os.truncate(folder / "huge.png", 2**40)
    assert images(largest="1 MB").reasons == ["1,099,511,627,776 bytes, more than 1,000,000"]
    assert not (tmp_path / "lake" / "parcels" / "objects").exists()


@pytest.mark.parametrize("name", ["x.jpg", "x.jpeg", "x.JPG", "x.jfif", "x", "x.unknown"])
def test_names_that_say_nothing_else_are_right(name, folder, images):
    paint(folder / name, format="JPEG")
    assert len(images().rows) == 1


def test_a_picture_of_too_many_pixels_is_refused_before_it_is_decoded(folder, images):
    content = bytearray(paint(folder / "bomb.png").read_bytes())
    content[16:24] = (50_000).to_bytes(4, "big") * 2
    import zlib

    content[29:33] = zlib.crc32(content[12:29]).to_bytes(4, "big")
    (folder / "bomb.png").write_bytes(content)
    assert images().reasons == ["2,500,000,000 pixels, more than 100,000,000"]


def test_sound_that_is_too_long_is_refused(tmp_path, deliver):
    soundfile.write(tmp_path / "x.wav", np.zeros(8000 * 3), 8000)
    source = AudioSource(kind="audio", path="x.wav", longest="2 seconds")
    assert deliver(source, DAY, DAILY).reasons == ["3 seconds long, more than 2"]


def test_films_are_told_from_sound_in_the_same_container(tmp_path, deliver):
    soundfile.write(tmp_path / "x.ogg", np.zeros(8000), 8000)
    assert deliver(VideoSource(kind="video", path="x.ogg"), DAY, DAILY).reasons == ["holds no pictures"]


def test_a_missing_folder_and_an_empty_one_are_told(folder, images):
    with pytest.raises(CollectionError, match="no files in photos/2024-03-02 for partition 2024-03-02") as error:
        images(key="2024-03-02")
    assert "photos holds 1 others, 2024-03-01 to 2024-03-01" in str(error.value)
    with pytest.raises(CollectionError, match="no files in photos/2024-03-01"):
        images()
    (folder / "README").touch()
    with pytest.raises(CollectionError, match="no media files in photos/2024-03-01"):
        images()


def request_for(tmp_path, key=DAY):
    lake = Lake(str(tmp_path / "lake"), "parcels")
    return Request("x", DAILY, key, lake, tmp_path, "parcels.yaml: collect.x", None, tmp_path)


def fingerprint(tmp_path, **extract):
    source = ImagesSource(kind="images", path="photos/{partition}", extract=ImageExtractors(**extract))
    return open_media(source, request_for(tmp_path)).fingerprint


def test_the_fingerprint_tells_new_files_and_new_extractors_and_nothing_else(folder, tmp_path, monkeypatch):
    paint(folder / "x.png")
    with_hog, plain = fingerprint(tmp_path, hog=Hog()), fingerprint(tmp_path, histogram=Histogram())
    monkeypatch.setattr(histogram, "VERSION", 99)
    assert fingerprint(tmp_path, hog=Hog()) == with_hog
    assert fingerprint(tmp_path, histogram=Histogram()) != plain
    paint(folder / "y.png")
    assert fingerprint(tmp_path, hog=Hog()) != with_hog


# -- manifests and event time -----------------------------------------------------------------------------------------


def test_a_manifest_says_more_about_each_file(folder, images, tmp_path):
    for name in ("a.png", "b/c.png", "unnamed.png"):
        paint(folder / name)
    text = "\ufefffile;who\n./a.png;Ann\nb\\c.png;NA\ngone.png;Bob\na.png;again\nx;y;z\n"
    (tmp_path / f"m_{DAY}.csv").write_text(text, encoding="utf-8")
    found = images(manifest="m_{partition}.csv")
    assert found.rows.select(["file", "who"]).to_pylist() == [
        {"file": "a.png", "who": "Ann"},
        {"file": "b/c.png", "who": None},
    ]
    told = {(one["source_file"], one["source_row"], one["reason"]) for one in found.malformed}
    assert told == {
        (f"photos/{DAY}/unnamed.png", None, "the manifest does not name it"),
        (f"m_{DAY}.csv", 3, "no file gone.png"),
        (f"m_{DAY}.csv", 4, "names a.png again"),
        (f"m_{DAY}.csv", 5, "3 fields where the header has 2"),
    }


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (None, "no manifest m.csv for partition"),
        ("", "no column 'file'"),
        ("name,who\n", "no column 'file'"),
        ("file,who,who\n", "names 'who' twice"),
        ("file,width\n", "has a column 'width'"),
        ("file,source_row\n", "has a column 'source_row'"),
    ],
)
def test_a_manifest_that_cannot_be_used_is_told(text, problem, folder, images, tmp_path):
    paint(folder / "a.png")
    if text is not None:
        (tmp_path / "m.csv").write_text(text)
    with pytest.raises(CollectionError, match=problem):
        images(manifest="m.csv")


@pytest.mark.thorough
def test_one_folder_for_all_is_cut_by_its_manifest(tmp_path, images):
    for name in ("a.png", "b.png", "c.png"):
        paint(tmp_path / "all" / name)
    (tmp_path / "all" / "m.csv").write_text("file,taken\na.png,2024-03-01 09:00\nb.png,2024-03-02 09:00\nc.png,\n")
    cut = {"path": "all", "manifest": "all/m.csv", "event_time": "taken"}
    assert [images(key=key, **cut).rows.column("file").to_pylist() for key in (DAY, "2024-03-02")] == [
        ["a.png"],
        ["b.png"],
    ]
    assert images(**cut).reasons == ["taken: no event time that can be read"]


def test_one_folder_for_all_is_cut_by_capture_time(tmp_path, images):
    for name, moment in {"a.jpg": "2024:03:01 23:59:59", "b.jpg": "2024:03:02 00:00:00"}.items():
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = moment
        paint(tmp_path / "all" / name, exif=exif.tobytes())
    cut = {"path": "all", "event_time": "capture_time"}
    assert images(key="2024-03-02", **cut).rows.column("file").to_pylist() == ["b.jpg"]


def test_one_folder_may_have_a_manifest_a_partition(tmp_path, images):
    for name in ("a.png", "b.png"):
        paint(tmp_path / "all" / name)
    (tmp_path / f"m_{DAY}.csv").write_text("file,n\na.png,1\n")
    found = images("all", manifest="m_{partition}.csv")
    assert (found.rows.column("file").to_pylist(), found.malformed) == (["a.png"], [])


def test_an_event_time_needs_something_that_says_it():
    with pytest.raises(ValueError, match="must be capture_time, or a column of a manifest"):
        ImagesSource(kind="images", path="x", event_time="taken")
    with pytest.raises(ValueError, match="has one manifest"):
        ImagesSource(kind="images", path="x", event_time="taken", manifest="m_{partition}.csv")


def test_a_decoder_that_does_not_start_is_no_fault_of_the_files(folder, images, monkeypatch):
    paint(folder / "x.png")
    monkeypatch.setattr("lakemill.collection.decoding.decoder.WORKER", "lakemill.no_such_module")
    with pytest.raises(LakemillError, match="the process that decodes images does not start"):
        images(extract={"thumbnail": Thumbnail().model_dump()})


def test_a_file_that_the_system_cannot_keep_stops_the_run_instead_of_being_refused(folder, images, tmp_path):
    paint(folder / "x.png")
    (tmp_path / "lake" / "parcels").mkdir(parents=True)
    (tmp_path / "lake" / "parcels" / "objects").write_text("in the way")
    with pytest.raises(CollectionError, match=r"cannot read or keep photos/2024-03-01/x\.png"):
        images()
