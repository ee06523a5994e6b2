"""Damaged media: never an exception, every file a row or refused with a reason; and memory that does not grow."""

import json
import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from media_for_tests import make_film, plain_frames
from PIL import Image

from lakemill.collection.decoding.contract import DecodingOptions, UndecodableError
from lakemill.collection.decoding.decoder import Decoder
from lakemill.config import Partition
from lakemill.config.extractors import (
    AudioExtractors,
    Frames,
    Histogram,
    Hog,
    ImageExtractors,
    LogMel,
    Mfcc,
    Motion,
    Texture,
    Thumbnail,
    VideoExtractors,
)
from lakemill.config.sources import AudioSource, ImagesSource, VideoSource

DAILY = Partition(every="day", start="2024-03-01")
PICTURES = ImageExtractors(histogram=Histogram(), texture=Texture(), hog=Hog(), thumbnail=Thumbnail())
SOUNDS = AudioExtractors(log_mel=LogMel(bands=8), mfcc=Mfcc(coefficients=4))
FILMS = VideoExtractors(motion=Motion(), frames=Frames(frames=4))


def good_pictures(folder):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (40, 50, 3)).astype(np.uint8))
    for name in ("x.png", "x.jpg", "x.gif", "x.bmp", "x.tif", "x.webp", "x.jp2", "x.ppm", "x.avif"):
        noise.save(folder / name)


def good_sounds(folder):
    noise = np.random.default_rng(0).normal(0, 0.1, (8000, 2))
    for name in ("x.wav", "x.flac", "x.ogg", "x.mp3", "x.aiff", "x.au", "x.caf"):
        soundfile.write(folder / name, noise, 16_000)


def good_films(folder):
    frames = [np.random.default_rng(number).integers(0, 255, (32, 64, 3)).astype(np.uint8) for number in range(12)]
    for name, codec in {
        "x.mp4": "mpeg4",
        "y.mp4": "libx264",
        "x.avi": "mpeg4",
        "x.mkv": "mpeg4",
        "x.webm": "libvpx",
    }.items():
        make_film(folder / name, frames, codec=codec)
    make_film(folder / "x.mpg", frames, codec="mpeg2video", rate=25)


def damage(folder):
    """Beside each good file: cut off, with bytes changed, with noise in place of its end, under another's name."""
    draw = random.Random(7)
    good = sorted(folder.iterdir())
    for path in good:
        content = path.read_bytes()
        for number in range(4):
            cut = folder / f"cut{number}_{path.name}"
            cut.write_bytes(content[: draw.randrange(len(content))])
            flipped = bytearray(content)
            for _ in range(1 + 5 * number):
                flipped[draw.randrange(len(flipped))] ^= 1 << draw.randrange(8)
            (folder / f"flip{number}_{path.name}").write_bytes(flipped)
        half = len(content) // 2
        (folder / f"noise_{path.name}").write_bytes(content[:half] + draw.randbytes(half))
        (folder / f"head_{path.name}").write_bytes(content[:16] + draw.randbytes(2000))
        other = good[(good.index(path) + 1) % len(good)]
        (folder / f"wrong_{path.stem}{other.suffix}").write_bytes(content)
    return len(list(folder.iterdir()))


KINDS = {
    "images": (good_pictures, ImagesSource, PICTURES, 9),
    "audio": (good_sounds, AudioSource, SOUNDS, 7),
    "video": (good_films, VideoSource, FILMS, 6),
}


@pytest.mark.parametrize("kind", KINDS)
def test_of_damaged_files_each_is_a_row_or_refused(kind, tmp_path, deliver, capfd):
    make, source, extract, good = KINDS[kind]
    (tmp_path / "all").mkdir()
    make(tmp_path / "all")
    assert len(list((tmp_path / "all").iterdir())) == good
    count = damage(tmp_path / "all")
    assert count >= 60
    found = deliver(source(kind=kind, path="all", extract=extract), "2024-03-01", DAILY)
    names = found.rows.column("file").to_pylist() + [json.loads(one["text"])["file"] for one in found.malformed]
    assert sorted(names) == sorted(path.name for path in (tmp_path / "all").iterdir())
    assert all(one["reason"] for one in found.malformed)
    taken = set(found.rows.column("file").to_pylist())
    assert {name for name in names if name[1] == "."} <= taken
    assert not [name for name in taken if name.startswith(("head_", "wrong_")) and kind != "audio"]
    assert capfd.readouterr().err == ""


def test_a_decoder_that_hangs_or_crashes_is_a_reason_and_the_next_file_is_read(tmp_path, monkeypatch):
    Image.new("RGB", (4, 4)).save(tmp_path / "x.png")
    (tmp_path / "lakemill_faulty.py").write_text(FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("lakemill.collection.decoding.decoder.WORKER", "lakemill_faulty")
    with Decoder(DecodingOptions("images", PICTURES)) as decoder:
        with pytest.raises(UndecodableError, match="its decoder got no further for"):
            decoder.decode(tmp_path / "hang", "png")
        with pytest.raises(UndecodableError, match=r"its decoder crashed on it \(SIGSEGV\)"):
            decoder.decode(tmp_path / "crash", "png")
        assert decoder.decode(tmp_path / "x.png", "png")["width"] == 4


FAULTY = """
import os, signal, time
from lakemill.collection.decoding import contract, images, worker
contract.SILENCE_SECONDS = 1
read = images.read_image
def faulty(path, family, options):
    if path.name == "hang":
        time.sleep(60)
    if path.name == "crash":
        os.kill(os.getpid(), signal.SIGSEGV)
    return read(path, family, options)
images.read_image = faulty
worker.main()
"""

MEASURE = """
import resource, sys, tempfile
from pathlib import Path
from lakemill.collection.decoding.contract import DecodingOptions
from lakemill.collection.decoding.{kind} import {reader} as read
from lakemill.config.extractors import *
options = DecodingOptions("{kind}", {extract}, longest=1e9)
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
read(Path("{short}"), "{family}", options)
before = peak()
for _ in range({times}):
    read(Path("{long}"), "{family}", options)
print(peak() - before)
"""


def growth(**what) -> int:
    """Return by how many MiB the most memory grows from a first reading to many, or to a long one."""
    package = str(Path(__file__).parents[3] / "plugins")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE.format(**what)],
        capture_output=True, text=True, check=True, env={"PYTHONPATH": package, "PATH": "/usr/bin:/bin"}, timeout=300,
    )  # fmt: skip
    return int(done.stdout)


def test_memory_does_not_grow_with_the_number_of_pictures(tmp_path):
    image = Image.fromarray(np.random.default_rng(0).integers(0, 255, (200, 200, 3)).astype(np.uint8))
    image.save(tmp_path / "x.jpg")
    extract = "ImageExtractors(histogram=Histogram(), texture=Texture(), hog=Hog(), thumbnail=Thumbnail())"
    what = {"kind": "images", "reader": "read_image", "family": "jpeg", "times": 150, "extract": extract}
    assert growth(short=tmp_path / "x.jpg", long=tmp_path / "x.jpg", **what) < 20


def test_memory_does_not_grow_with_the_length_of_a_recording(tmp_path):
    soundfile.write(tmp_path / "short.wav", np.zeros(16_000 * 10, np.int16), 16_000)
    with soundfile.SoundFile(tmp_path / "long.wav", "w", 16_000, 2, "PCM_16") as out:
        for _ in range(10):
            out.write(np.zeros((16_000 * 60, 2), np.int16))
    what = {"kind": "audio", "reader": "read_sound", "family": "wav", "times": 1}
    extract = "AudioExtractors(log_mel=LogMel(), mfcc=Mfcc(rate=8000))"
    assert growth(short=tmp_path / "short.wav", long=tmp_path / "long.wav", extract=extract, **what) < 40


def test_memory_does_not_grow_with_the_length_of_a_film(tmp_path):
    make_film(tmp_path / "short.mp4", plain_frames(30, height=240, width=320))
    make_film(tmp_path / "long.mp4", plain_frames(3000, height=240, width=320))
    what = {"kind": "video", "reader": "read_film", "family": "mp4", "times": 1}
    extract = "VideoExtractors(motion=Motion(), frames=Frames())"
    assert growth(short=tmp_path / "short.mp4", long=tmp_path / "long.mp4", extract=extract, **what) < 20
