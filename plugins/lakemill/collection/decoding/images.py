"""Pictures: what they say of themselves, and their pixels upright in RGB.

Stays out: features. Gray counts as red = green = blue; what is transparent lies on white; of a moving picture the first
frame counts.
"""

from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, ImageFile, UnidentifiedImageError

from lakemill.collection.decoding.contract import DecodingOptions, UndecodableError, Values, round_feature
from lakemill.collection.decoding.exif import read_exif
from lakemill.collection.extraction.pictures import extract_all
from lakemill.config.extractors import ImageExtractors, name_columns

FORMATS = {
    "png": ("PNG",),
    "jpeg": ("JPEG",),
    "gif": ("GIF",),
    "bmp": ("BMP", "DIB"),
    "tiff": ("TIFF",),
    "webp": ("WEBP",),
    "avif": ("AVIF",),
    "jpeg2000": ("JPEG2000",),
    "pnm": ("PPM",),
}
UPRIGHT = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
WHITE = (255, 255, 255, 255)
FULL_SCALES = (1, 2**8 - 1, 2**16 - 1, 2**32 - 1)


def read_image(path: Path, family: str, options: DecodingOptions) -> Values:
    """Read a picture.

    Parameters
    ----------
    path : Path
    family : str
        What its first bytes are.
    options : DecodingOptions

    Returns
    -------
    dict
        ``media_type``, ``width`` and ``height`` (upright), ``mode``, ``frames``, ``capture_time``, ``exif``, features.

    Raises
    ------
    UndecodableError
        If it has too many pixels, told before any is decoded, or is damaged.
    """
    Image.MAX_IMAGE_PIXELS = None  # the workflow file has its own limit
    ImageFile.LOAD_TRUNCATED_IMAGES = False
    try:
        with Image.open(path, formats=FORMATS[family]) as image:
            pixels = image.width * image.height
            if pixels > options.most_pixels:
                raise UndecodableError(f"{pixels:,} pixels, more than {options.most_pixels:,}")
            frames = getattr(image, "n_frames", 1)
            mode = image.mode
            if family == "png":
                _verify(path)
            image.seek(0) if frames > 1 else None
            image.load()
            exif = read_exif(image, options.zone)
            picture = make_upright_rgb(image, exif.orientation)
            media_type = Image.MIME.get(image.format or "", "image/jpeg" if family == "jpeg" else f"image/{family}")
    except UnidentifiedImageError:
        raise UndecodableError("cut off or damaged: not even its size can be read") from None
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, ArithmeticError) as error:
        text = str(error).replace(str(path), "the file") or type(error).__name__
        raise UndecodableError(f"cut off or damaged: {text}") from None
    extract = options.extract_as(ImageExtractors)
    features = map(round_feature, extract_all(picture, extract))
    return {
        "media_type": "image/jpeg" if family == "jpeg" else media_type,
        "width": picture.width,
        "height": picture.height,
        "mode": mode,
        "frames": frames,
        "capture_time": exif.capture_time,
        "exif": exif.text,
        **dict(zip(name_columns(extract), features, strict=True)),
    }


def make_upright_rgb(image: Image.Image, orientation: int = 1) -> Image.Image:
    """Return a picture of any mode as RGB with 8 bits a colour.

    Parameters
    ----------
    image : PIL.Image.Image
    orientation : int
        As EXIF has it.

    Returns
    -------
    PIL.Image.Image
    """
    rgb = _make_rgb(image)
    turn = UPRIGHT.get(orientation)
    return rgb.transpose(turn) if turn is not None else rgb


def _make_rgb(image: Image.Image) -> Image.Image:
    if image.mode == "RGB":
        return image
    if image.mode.startswith(("I", "F")):
        return _make_8_bit(image).convert("RGB")
    if image.mode == "LAB":
        return image.getchannel("L").convert("RGB")
    if image.has_transparency_data:
        overlaid = image.convert("RGBA")
        white = Image.new("RGBA", image.size, WHITE)
        white.alpha_composite(overlaid)
        return white.convert("RGB")
    return image.convert("RGB")


def _make_8_bit(image: Image.Image) -> Image.Image:
    """Bring numbers of more bits to 0..255: as shares of the full scale that they can have, or seem to have."""
    values = np.nan_to_num(np.asarray(image), nan=0.0, posinf=0.0, neginf=0.0)
    if image.mode.startswith("I;16"):
        full = FULL_SCALES[2]
    else:
        highest = float(values.max(initial=0))
        full = next((scale for scale in FULL_SCALES if highest <= scale), highest)  # type: ignore[assignment]
        full = FULL_SCALES[2] if image.mode == "I" and full < FULL_SCALES[2] else full
    shares = np.clip(values.astype(np.float32) / np.float32(full), 0, 1)
    return Image.fromarray((shares * 255).round().astype(np.uint8))


def _verify(path: Path) -> None:
    """Check the sums of all chunks of a PNG, which decoding passes over."""
    with Image.open(path, formats=("PNG",)) as image:
        checked: Any = image
        checked.verify()
