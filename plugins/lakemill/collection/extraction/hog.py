"""The extractor ``hog``: histograms of oriented gradients, which directions edges have in each part of a picture.

Stays out: colour, and the picture's own size.
"""

from typing import TYPE_CHECKING

import numpy as np

from lakemill.config.extractors import Hog

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 2


def extract(picture: "Image", parameters: Hog) -> list[float]:
    """Return the histograms of the cells, row by row, all of a picture together brought to length 1.

    Parameters
    ----------
    picture : PIL.Image.Image
    parameters : Hog

    Returns
    -------
    list of float
        In [0, 1].

    Notes
    -----
    Dalal, Triggs: Histograms of oriented gradients for human detection, 2005; with one block of all cells. Brought to
    length 1 each by itself, cells no longer tell where in the picture edges are strong (docs/decisions/0030).
    """
    from PIL import Image
    from skimage.feature import hog

    square = picture.convert("L").resize((parameters.size, parameters.size), Image.Resampling.BOX)
    cells = parameters.size // parameters.cell
    found = hog(
        np.asarray(square, dtype=np.float64) / 255,
        orientations=parameters.orientations,
        pixels_per_cell=(parameters.cell, parameters.cell),
        cells_per_block=(cells, cells),
        block_norm="L2",
    )
    return [float(value) for value in found]
