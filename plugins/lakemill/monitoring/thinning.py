"""Thinning: a bounded number of rows, evenly over those there are.

Stays out: their order, which is the caller's.
"""

import numpy as np


def spread_evenly(count: int, most: int) -> np.ndarray:
    """Return the positions of at most so many of some rows: the first, the last, and evenly between them.

    Examples
    --------
    >>> spread_evenly(9, 3).tolist(), spread_evenly(2, 3).tolist(), spread_evenly(0, 3).tolist()
    ([0, 4, 8], [0, 1], [])
    """
    return np.unique(np.linspace(0, max(0, count - 1), min(count, most)).round().astype(int))
