"""Damaged media: never an exception, every file a row or refused with a reason; and memory that does not grow."""

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
from lakemill.config.extractors import (
    Histogram,
    Hog,
    ImageExtractors,
    Texture,
    Thumbnail,
)

PICTURES = ImageExtractors(histogram=Histogram(), texture=Texture(), hog=Hog(), thumbnail=Thumbnail())


@pytest.mark.thorough
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


def test_files_that_are_asked_about_together_are_answered_each_though_a_decoder_crashes_between(tmp_path, monkeypatch):
    good = [tmp_path / f"{number:03}.png" for number in range(60)]  # more than one turn's worth of requests
    for number, path in enumerate(good):
        Image.new("RGB", (number + 1, 4)).save(path)
    (tmp_path / "lakemill_faulty.py").write_text(FAULTY)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    monkeypatch.setattr("lakemill.collection.decoding.decoder.WORKER", "lakemill_faulty")
    asked = [*good[:2], tmp_path / "crash", tmp_path / "missing", *good[2:]]

    with Decoder(DecodingOptions("images", PICTURES)) as decoder:
        answers = decoder.decode_all([(path, "png") for path in asked])

    assert [str(one) for one in answers[2:3]] == ["its decoder crashed on it (SIGSEGV)"]
    assert isinstance(answers[3], UndecodableError)
    assert [one["width"] for one in (*answers[:2], *answers[4:])] == list(range(1, 61))


FAULTY = """
import os, signal, time
from lakemill.collection.decoding import contract, images, worker
read = images.read_image
def faulty(path, family, options):
    if path.name == "hang":  # only then: on a busy machine other files take a second too
        contract.SILENCE_SECONDS = 1
        contract.watch_progress()
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


@pytest.mark.thorough
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
