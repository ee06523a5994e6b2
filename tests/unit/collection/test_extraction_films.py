"""Features of films."""

import numpy as np
import pytest
from media_for_tests import make_film, make_film_with_sound, plain_frames, turn_film

from lakemill.collection.decoding.contract import DecodingOptions
from lakemill.collection.decoding.video import read_film
from lakemill.config.extractors import (
    Frames,
    Histogram,
    ImageExtractors,
    Motion,
    Thumbnail,
    VideoExtractors,
    name_columns,
)

ALL = VideoExtractors(motion=Motion(), frames=Frames(extract=ImageExtractors(histogram=Histogram(bins=2))))
FLICKER = [frame for pair in zip(plain_frames(15, 0), plain_frames(15, 255), strict=True) for frame in pair]


def read(path, family="mp4", extract=ALL):
    return read_film(path, family, DecodingOptions("video", extract))


def test_a_still_film_has_no_motion(tmp_path):
    values = read(make_film(tmp_path / "x.mp4", plain_frames(30)))
    assert [values[f"motion_{what}"] for what in ("mean", "sd", "max")] == [0, 0, 0]
    assert (values["frame_histogram_red_0"], values["frame_histogram_red_1"]) == (0, 1)


def test_a_film_of_black_and_white_in_turn_has_the_most_motion(tmp_path):
    values = read(make_film(tmp_path / "x.mp4", FLICKER))
    assert values["motion_mean"] > 0.95
    assert values["frame_histogram_red_0"] == pytest.approx(0.5, abs=0.1)


FILMS = {"x.mp4": "mp4", "x.mov": "mp4", "x.mkv": "matroska", "x.avi": "avi"}


@pytest.mark.parametrize(("name", "family"), FILMS.items())
def test_a_film_says_what_it_is(name, family, tmp_path):
    values = read(make_film(tmp_path / name, plain_frames(30)), family)
    said = [values[what] for what in ("width", "height", "duration", "rate", "frames", "codec")]
    assert said == [64, 32, 3, 10, 30, "mpeg4"]


def test_webm_is_told_from_matroska(tmp_path):
    assert (
        read(make_film(tmp_path / "x.webm", plain_frames(3), codec="libvpx"), "matroska")["media_type"] == "video/webm"
    )


def test_when_a_film_was_made_is_told_by_the_clock_of_the_workflow(tmp_path):
    path = make_film(tmp_path / "x.mp4", plain_frames(3), creation_time="2024-03-01T12:00:00Z")
    options = DecodingOptions("video", VideoExtractors(), zone="America/New_York")
    assert read_film(path, "mp4", options)["capture_time"] == "2024-03-01T07:00:00"
    assert read(make_film(tmp_path / "y.mp4", plain_frames(3)))["capture_time"] is None


def test_a_turned_film_is_seen_upright(tmp_path):
    left_bright = np.zeros((32, 64, 3), np.uint8)
    left_bright[:, :32] = 255
    extract = VideoExtractors(frames=Frames(extract=ImageExtractors(thumbnail=Thumbnail(size=2))))
    values = read(turn_film(make_film(tmp_path / "x.mp4", [left_bright] * 5)), extract=extract)
    assert (values["width"], values["height"]) == (32, 64)
    pixels = [values[f"frame_pixel_{row}_{column}"] for row in (0, 1) for column in (0, 1)]
    assert pixels == pytest.approx([1, 1, 0, 0], abs=0.1)  # clockwise: what was left is above


def test_sound_does_not_disturb(tmp_path):
    assert read(make_film_with_sound(tmp_path / "x.mp4", plain_frames(10)))["frames"] == 10


def test_a_film_of_one_frame_cannot_move(tmp_path):
    values = read(make_film(tmp_path / "x.mp4", plain_frames(1)))
    assert values["motion_mean"] is None
    assert all(name in values for name in name_columns(ALL))
