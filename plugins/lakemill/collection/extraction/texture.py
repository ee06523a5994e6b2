"""The extractor ``texture``: local binary patterns, how each pixel compares with those around it.

Stays out: colour.
"""

import math
from typing import TYPE_CHECKING

import numpy as np

from lakemill.collection.decoding.contract import show_progress
from lakemill.config.extractors import Texture

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
STRIP_ROWS = 256  # at a time: scikit-image needs 16 bytes a pixel, the picture one


def extract(picture: "Image", parameters: Texture) -> list[float]:
    """Return the share of pixels by uniform local binary pattern.

    Parameters
    ----------
    picture : PIL.Image.Image
    parameters : Texture

    Returns
    -------
    list of float
        In [0, 1], ``points + 2`` of them, summing to 1: patterns with one run of brighter neighbours by the number of
        these, last all others. A neighbour as bright as the pixel counts as brighter.

    Notes
    -----
    Ojala, Pietikäinen, Mäenpää: Multiresolution gray-scale and rotation invariant texture classification with local
    binary patterns, 2002. Beyond the picture's edge its outermost pixels go on.
    """
    from skimage.feature import local_binary_pattern

    margin = math.ceil(parameters.radius) + 1
    gray = np.pad(np.asarray(picture.convert("L")), margin, mode="edge")
    counts = np.zeros(parameters.points + 2, dtype=np.int64)
    for top in range(0, picture.height, STRIP_ROWS):
        show_progress()
        strip = gray[top : min(top + STRIP_ROWS, picture.height) + 2 * margin]
        patterns = local_binary_pattern(strip, parameters.points, parameters.radius, method="uniform")
        inner = patterns[margin:-margin, margin:-margin].astype(np.int64)
        counts += np.bincount(inner.ravel(), minlength=len(counts))
    return [float(share) for share in counts / counts.sum()]
