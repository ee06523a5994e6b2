"""The extractor ``log_mel``: how loud each mel band of a sound is, and how much that changes.

Stays out: the spectrum (``spectrum.py``).
"""

import numpy as np
from numpy.typing import NDArray

from lakemill.collection.extraction.moments import Moments
from lakemill.collection.extraction.spectrum import MelFrames
from lakemill.config.extractors import LogMel

VERSION = 1


class Extractor:
    """Mean and deviation over time of the decibels in each band.

    Parameters
    ----------
    parameters : LogMel
    rate : int
        Of the sound, in Hz.
    """

    def __init__(self, parameters: LogMel, rate: int) -> None:
        self._frames = MelFrames(rate, parameters.rate, parameters.bands)
        self._moments = Moments(parameters.bands)

    def take(self, samples: NDArray[np.float64], *, is_last: bool = False) -> None:
        """Take a block of one channel."""
        self._moments.take(self._frames.take(samples, is_last=is_last))

    def finish(self) -> list[float]:
        """Return mean and deviation of each band in turn, in dB."""
        return [float(value) for value in np.stack([self._moments.mean, self._moments.deviation], axis=1).ravel()]
