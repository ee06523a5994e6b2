"""The extractor ``mfcc``: mel-frequency cepstral coefficients, the shape of a sound's spectrum.

Stays out: the spectrum (``spectrum.py``).
"""

import numpy as np
from numpy.typing import NDArray

from lakemill.collection.extraction.moments import Moments
from lakemill.collection.extraction.spectrum import MelFrames
from lakemill.config.extractors import Mfcc

VERSION = 1
LEAST_BANDS = 40


class Extractor:
    """Mean and deviation over time of each coefficient.

    Parameters
    ----------
    parameters : Mfcc
    rate : int
        Of the sound, in Hz.

    Notes
    -----
    The orthonormal discrete cosine transform (type II) of the decibels in 40 mel bands, or in as many as there are
    coefficients if these are more.
    """

    def __init__(self, parameters: Mfcc, rate: int) -> None:
        self._frames = MelFrames(rate, parameters.rate, max(LEAST_BANDS, parameters.coefficients))
        self._coefficients = parameters.coefficients
        self._moments = Moments(parameters.coefficients)

    def take(self, samples: NDArray[np.float64], *, is_last: bool = False) -> None:
        """Take a block of one channel."""
        from scipy.fft import dct

        frames = self._frames.take(samples, is_last=is_last)
        if len(frames):
            self._moments.take(dct(frames, type=2, axis=1, norm="ortho")[:, : self._coefficients])

    def finish(self) -> list[float]:
        """Return mean and deviation of each coefficient in turn."""
        return [float(value) for value in np.stack([self._moments.mean, self._moments.deviation], axis=1).ravel()]
