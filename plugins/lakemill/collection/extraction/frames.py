"""The extractor ``frames``: means over a film's sampled frames of features of pictures.

Stays out: decoding.
"""

from typing import TYPE_CHECKING

import numpy as np

from lakemill.collection.extraction.moments import Moments
from lakemill.collection.extraction.pictures import extract_all
from lakemill.collection.extraction.sampling import sample_evenly
from lakemill.config.extractors import Frames

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1


class Extractor:
    """Mean of each feature.

    Parameters
    ----------
    parameters : Frames
    count : int
        Frames of the film.
    """

    def __init__(self, parameters: Frames, count: int) -> None:
        self._chosen = sample_evenly(count, parameters.frames)
        self._extractors = parameters.extract
        self._moments = Moments(len(parameters.names))

    def wants(self, number: int) -> bool:
        """Tell whether a frame is needed, by its number from 0."""
        return number in self._chosen

    def take(self, number: int, frame: "Image") -> None:
        """Take a frame that is needed, in RGB."""
        self._moments.take(np.array([extract_all(frame, self._extractors)]))

    def finish(self) -> list[float]:
        """Return the means; NaN where no frame came."""
        means = self._moments.mean if self._moments.count else np.full_like(self._moments.mean, np.nan)
        return [float(value) for value in means]
