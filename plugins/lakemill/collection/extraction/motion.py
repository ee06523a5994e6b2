"""The extractor ``motion``: how much a film changes from one frame to the next, looked at here and there.

Stays out: decoding.
"""

from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from lakemill.collection.extraction.sampling import sample_evenly
from lakemill.config.extractors import Motion

if TYPE_CHECKING:
    from PIL.Image import Image

VERSION = 1
SIZE = 64


class Extractor:
    """Mean, deviation and maximum of the mean change of brightness, on gray copies of 64 by 64 pixels.

    Frames far from each other would tell that the scene is another, not that something moves: so each sampled frame is
    compared with the one before it in the film.

    Parameters
    ----------
    parameters : Motion
    count : int
        Frames of the film.
    """

    def __init__(self, parameters: Motion, count: int) -> None:
        self._ends = frozenset(number + 1 for number in sample_evenly(max(0, count - 1), parameters.frames))
        self._before: NDArray[np.float64] | None = None
        self._changes: list[float] = []

    def wants(self, number: int) -> bool:
        """Tell whether a frame is needed, by its number from 0."""
        return number in self._ends or number + 1 in self._ends

    def take(self, number: int, frame: "Image") -> None:
        """Take a frame that is needed; they come in their order."""
        from PIL import Image

        small = frame.convert("L").resize((SIZE, SIZE), Image.Resampling.BOX)
        now = np.asarray(small, dtype=np.float64) / 255
        if number in self._ends and self._before is not None:
            self._changes.append(float(np.abs(now - self._before).mean()))
        self._before = now

    def finish(self) -> list[float]:
        """Return mean, deviation and maximum, in [0, 1]; NaN of a film of one frame, which cannot change."""
        if not self._changes:
            return [float("nan")] * 3
        return [float(np.mean(self._changes)), float(np.std(self._changes)), max(self._changes)]
