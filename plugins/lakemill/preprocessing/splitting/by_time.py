"""Rows split by their event time: the oldest train, the newer tune, the newest judge.

Stays out: rows without an order.
"""

from datetime import timedelta
from itertools import pairwise

import numpy as np
import pandas as pd
from sklearn.model_selection import TimeSeriesSplit

from lakemill.preprocessing.splitting.parts import Fold, Split

NO_GAP = timedelta(0)


def split_by_time(event_time: pd.Series, *, validation: float, test: float, gap: timedelta = NO_GAP) -> Split:
    """Split rows into the oldest, the newer and the newest; rows of one moment stay together.

    Parameters
    ----------
    event_time : Series of datetime64, in ascending order
    validation, test : float in (0, 1)
        Shares of the rows.
    gap : timedelta
        Rows of an older part that lie less than this before the next one are left out.

    Returns
    -------
    Split

    Examples
    --------
    >>> times = pd.Series(pd.date_range("2013-01-01", periods=10))
    >>> split = split_by_time(times, validation=0.2, test=0.2)
    >>> len(split.train), split.validation.tolist(), split.test.tolist()
    (6, [6, 7], [8, 9])
    >>> split = split_by_time(times, validation=0.2, test=0.2, gap=timedelta(days=2))
    >>> len(split.train), split.validation.tolist(), split.test.tolist(), split.left_out.tolist()
    (5, [6], [8, 9], [5, 7])
    """
    positions = np.arange(len(event_time))
    starts = [round(len(positions) * (1 - test - validation)), round(len(positions) * (1 - test))]
    # back to the first row of the moment that the cut falls into
    cuts = [int(event_time.searchsorted(event_time.iloc[at])) if at < len(positions) else at for at in starts]
    train, later, newest = np.split(positions, cuts)
    train, *early = _end_before(event_time, train, cuts[0], gap)
    later, *late = _end_before(event_time, later, cuts[1], gap)
    return Split(train, later, newest, left_out=np.concatenate([*early, *late]))


def fold_by_time(
    event_time: pd.Series, rows: np.ndarray, *, folds: int, gap: timedelta = NO_GAP, held: float | None = None
) -> tuple[Fold, ...]:
    """Make folds of which each is validated on the rows that come after its training rows.

    Parameters
    ----------
    event_time : Series of datetime64, in ascending order
    rows : ndarray of int64, in ascending order
        Positions to use.
    folds : int
    gap : timedelta
        As for `split_by_time`.
    held : float in (0, 1), optional
        Share of the rows, the newest, that are validated in all; equal parts, one more than folds, if left out.

    Returns
    -------
    tuple of (ndarray, ndarray)
        Training rows, a window that grows from fold to fold, and validation rows.

    Raises
    ------
    ValueError
        If there are fewer rows than folds.
    """
    times = event_time.iloc[rows].reset_index(drop=True)
    size = None if held is None else max(1, int(held * len(rows) / folds))
    blocks = [block for _, block in TimeSeriesSplit(folds, test_size=size).split(rows)]
    cuts = [int(times.searchsorted(times.iloc[block[0]])) for block in blocks] + [len(rows)]
    made = []
    for start, end in pairwise(cuts):
        train, _ = _end_before(times, np.arange(start), start, gap)
        made.append((rows[train], rows[start:end]))
    return tuple(made)


def _end_before(event_time: pd.Series, rows: np.ndarray, start: int, gap: timedelta) -> tuple[np.ndarray, np.ndarray]:
    """Part rows into those that lie at least the gap before the row at a position, and those that lie in the gap."""
    if start >= len(event_time) or not gap:
        return rows, rows[:0]
    end = int(event_time.searchsorted(event_time.iloc[start] - gap, side="right"))
    return rows[rows < end], rows[rows >= end]
