"""The extractor ``histogram``: how bright the pixels are, colour by colour.

Stays out: where they lie.
"""

from typing import TYPE_CHECKING

from lakemill.config.extractors import Histogram

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1


def extract(picture: "Image", parameters: Histogram) -> list[float]:
    """Return the share of pixels by brightness of red, then green, then blue.

    Parameters
    ----------
    picture : PIL.Image.Image
        In RGB.
    parameters : Histogram

    Returns
    -------
    list of float
        In [0, 1]; of each colour they sum to 1. Brightness v of 0 to 255 falls into step ``v * bins // 256``.
    """
    counts = picture.histogram()
    pixels = picture.width * picture.height
    shares = [0.0] * (3 * parameters.bins)
    for colour in range(3):
        for brightness in range(256):
            step = brightness * parameters.bins // 256
            shares[colour * parameters.bins + step] += counts[colour * 256 + brightness] / pixels
    return shares
