"""Features of pictures, on pictures so small that they can be checked by hand."""

import json

import numpy as np
import pytest
from PIL import Image

from lakemill.collection.decoding.contract import DecodingOptions
from lakemill.collection.decoding.images import make_upright_rgb, read_image
from lakemill.collection.extraction import find_versions
from lakemill.config.extractors import Histogram, Hog, ImageExtractors, Texture, Thumbnail, name_columns

ALL = ImageExtractors(
    histogram=Histogram(bins=2), texture=Texture(), hog=Hog(size=8, cell=4, orientations=4), thumbnail=Thumbnail(size=2)
)


@pytest.fixture
def read(tmp_path):
    """Function that saves a picture and reads it."""

    def run(image, name="x.png", family="png", extract=ALL, **how):
        image.save(tmp_path / name, **how)
        return read_image(tmp_path / name, family, DecodingOptions("images", extract))

    return run


def of(values, prefix):
    return [value for name, value in values.items() if name.startswith(prefix)]


def test_a_red_picture_has_all_red_bright_and_all_else_dark(read):
    assert of(read(Image.new("RGB", (5, 3), (255, 0, 0))), "histogram") == [0, 1, 1, 0, 1, 0]


def test_brightness_falls_into_steps_of_equal_width(read):
    image = Image.fromarray(np.array([[0, 127, 128, 255]], np.uint8))
    assert of(read(image), "histogram") == [0.5] * 6


def test_a_plain_picture_has_one_texture_up_to_its_edges(read):
    assert of(read(Image.new("L", (5, 4), 77)), "texture") == [0] * 8 + [1, 0]


def test_a_bright_spot_has_no_brighter_neighbours(read):
    image = Image.new("L", (5, 5), 0)
    image.putpixel((2, 2), 200)
    assert of(read(image), "texture")[0] == pytest.approx(1 / 25)


def test_texture_does_not_depend_on_how_a_picture_is_cut_into_strips(read, monkeypatch):
    noise = Image.fromarray(np.random.default_rng(0).integers(0, 255, (300, 20)).astype(np.uint8))
    whole = of(read(noise), "texture")
    monkeypatch.setattr("lakemill.collection.extraction.texture.STRIP_ROWS", 7)
    assert of(read(noise), "texture") == whole


def test_a_horizontal_edge_has_a_vertical_gradient_only(read):
    image = Image.fromarray(np.repeat(np.array([[0], [0], [0], [0], [255], [255], [255], [255]], np.uint8), 8, axis=1))
    cells = np.array(of(read(image, extract=ImageExtractors(hog=Hog(size=8, cell=8, orientations=2))), "hog"))
    assert cells.tolist() == pytest.approx([0, 1])


def test_a_thumbnail_is_the_mean_of_each_part(read):
    image = Image.fromarray(
        np.array([[0, 0, 255, 255], [0, 0, 255, 255], [0, 255, 51, 51], [255, 0, 51, 51]], np.uint8)
    )
    assert of(read(image), "pixel") == pytest.approx([0, 1, 128 / 255, 51 / 255], abs=1e-8)


MODES = {
    "gray": (Image.new("L", (3, 3), 128), "png", (128, 128, 128)),
    "palette": (Image.new("RGB", (3, 3), (10, 200, 30)).quantize(4), "png", (10, 200, 30)),
    "black and white": (Image.new("1", (3, 3), 1), "png", (255, 255, 255)),
    "16 bits": (Image.fromarray(np.full((3, 3), 32896, np.uint16)), "png", (128, 128, 128)),
    "32 bits": (Image.fromarray(np.full((3, 3), 32896, np.int32)), "tiff", (128, 128, 128)),
    "floating point": (Image.fromarray(np.full((3, 3), 0.5, np.float32)), "tiff", (128, 128, 128)),
    "CMYK": (Image.new("CMYK", (3, 3), (0, 255, 255, 0)), "tiff", (255, 0, 0)),
    "LAB": (Image.new("LAB", (3, 3), (128, 0, 0)), "tiff", (128, 128, 128)),
    "wholly transparent": (Image.new("RGBA", (3, 3), (9, 9, 9, 0)), "png", (255, 255, 255)),
    "half transparent gray": (Image.new("LA", (3, 3), (0, 128)), "png", (127, 127, 127)),
}


@pytest.mark.parametrize(("image", "family", "colour"), MODES.values(), ids=MODES)
def test_every_mode_becomes_rgb(image, family, colour, tmp_path, read):
    image.save(tmp_path / f"y.{family}")
    with Image.open(tmp_path / f"y.{family}") as opened:
        opened.load()
        assert make_upright_rgb(opened).getpixel((1, 1)) == pytest.approx(colour, abs=1)
    assert len(read(image, f"x.{family}", family)) == 7 + len(name_columns(ALL))


@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "I;16", "CMYK"])
def test_a_picture_of_one_pixel_has_all_features(mode, read):
    values = read(Image.new(mode, (1, 1)), "x.tif", "tiff")
    assert all(isinstance(values[name], float) for name in name_columns(ALL))


def test_of_a_moving_picture_the_first_frame_counts(read):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ((255, 255, 255), (0, 0, 0), (0, 0, 0))]
    values = read(frames[0], "x.gif", "gif", save_all=True, append_images=[frames[1], Image.new("RGB", (4, 4), 7)])
    assert values["frames"] == 3
    assert values["histogram_red_1"] == 1


@pytest.mark.parametrize("orientation", range(1, 9))
def test_pictures_are_stood_upright(orientation, read):
    from PIL import ImageOps

    image = Image.fromarray(np.arange(0, 240, 10, dtype=np.uint8).reshape(4, 6))
    exif = Image.Exif()
    exif[0x0112] = orientation
    image.info["exif"] = exif.tobytes()
    expected = ImageOps.exif_transpose(image)
    values = read(image, exif=exif.tobytes(), extract=ImageExtractors(thumbnail=Thumbnail(size=1)))
    assert (values["width"], values["height"]) == expected.size
    assert list(make_upright_rgb(image, orientation).convert("L").get_flattened_data()) == list(
        expected.get_flattened_data()
    )


def test_exif_is_told_with_its_place_and_moment(read):
    exif = Image.Exif()
    exif[0x010F] = "Maker"
    exif.get_ifd(0x8769)[0x9003] = "2024:03:01 12:30:00"
    exif.get_ifd(0x8825).update({1: "N", 2: (52.0, 31.0, 12.0)})
    values = read(Image.new("RGB", (2, 2)), "x.jpg", "jpeg", exif=exif.tobytes())
    assert values["capture_time"] == "2024-03-01T12:30:00"
    place = {"GPSLatitude": [52.0, 31.0, 12.0], "GPSLatitudeRef": "N"}
    told = {"DateTimeOriginal": "2024:03:01 12:30:00", "GPS": place, "Make": "Maker"}
    assert json.loads(values["exif"]) == told


def test_a_picture_without_exif_has_none(read):
    assert [read(Image.new("RGB", (2, 2)))[name] for name in ("exif", "capture_time")] == [None, None]


def test_only_the_versions_of_extractors_that_are_asked_for_count():
    assert set(find_versions(ImageExtractors(hog=Hog()))) == {"hog"}


def test_of_several_pictures_in_a_jpeg_the_first_counts(read):
    frames = [Image.new("RGB", (4, 4), colour) for colour in ("white", "black")]
    values = read(frames[0], "x.jpg", "jpeg", format="MPO", save_all=True, append_images=frames[1:])
    assert (values["media_type"], values["frames"], values["histogram_red_1"]) == ("image/jpeg", 2, 1)
