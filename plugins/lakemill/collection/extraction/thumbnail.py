"""The extractor ``thumbnail``: the pixels of a small gray copy of the picture.

Stays out: colour.
"""

from typing import TYPE_CHECKING

import numpy as np

from lakemill.config.extractors import Thumbnail

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1


def extract(picture: "Image", parameters: Thumbnail) -> list[float]:
    """Return the brightness of each pixel of the copy, row by row.

    Parameters
    ----------
    picture : PIL.Image.Image
    parameters : Thumbnail

    Returns
    -------
    list of float
        In [0, 1]: the mean of the pixels that it stands for, in steps of 1/255.
    """
    from PIL import Image

    small = picture.convert("L").resize((parameters.size, parameters.size), Image.Resampling.BOX)
    return [float(value) for value in (np.asarray(small, dtype=np.float64) / 255).ravel()]
