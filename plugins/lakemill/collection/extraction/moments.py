"""Mean and deviation of many vectors that come in parts.

Stays out: what they are.
"""

import numpy as np
from numpy.typing import NDArray


class Moments:
    """Running mean and deviation by element.

    Parameters
    ----------
    size : int
        Length of the vectors.

    Notes
    -----
    Parts are joined as in Chan, Golub, LeVeque: Updating formulae and a pairwise algorithm for computing sample
    variances, 1979.

    Examples
    --------
    >>> moments = Moments(1)
    >>> moments.take(np.array([[1.0], [2.0]])); moments.take(np.array([[6.0]]))
    >>> moments.mean.tolist(), moments.deviation.round(3).tolist()
    ([3.0], [2.16])
    """

    def __init__(self, size: int) -> None:
        self.count = 0
        self.mean: NDArray[np.float64] = np.zeros(size)
        self._squares: NDArray[np.float64] = np.zeros(size)

    def take(self, rows: NDArray[np.float64]) -> None:
        """Take some vectors: an array of shape (n, size)."""
        if len(rows) == 0:
            return
        mean = rows.mean(axis=0)
        apart = mean - self.mean
        total = self.count + len(rows)
        self._squares += ((rows - mean) ** 2).sum(axis=0) + apart**2 * (self.count * len(rows) / total)
        self.mean = self.mean + apart * (len(rows) / total)
        self.count = total

    @property
    def deviation(self) -> NDArray[np.float64]:
        """The standard deviation of the population; 0 of one vector, NaN of none."""
        if self.count == 0:
            return np.full_like(self.mean, np.nan)
        return np.sqrt(self._squares / self.count)
