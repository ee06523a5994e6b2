"""Frames: for each row the range of earlier rows that a window holds, and one number of each such range.

Each number is made of the values in its frame only, in their order, and never of a running sum: so it has the same bits
whatever rows lie before and after. Stays out: which rows are a series.
"""

from collections.abc import Callable, Iterator

import numpy as np

AT_ONCE = 1_000_000  # values that are laid out beside each other: 8 MB


def find_edges(
    times: np.ndarray, first: np.ndarray, rows: np.ndarray, wanted: np.ndarray, *, includes: bool
) -> np.ndarray:
    """Return, for each row, how far the rows of its series reach that lie before a moment.

    Parameters
    ----------
    times : ndarray of int64, shape (n,)
        Rising within each series; series lie one after another.
    first : ndarray of int64, shape (n,)
        Where each row's series begins.
    rows : ndarray of int64, shape (m,)
        The rows that are asked for.
    wanted : ndarray of int64, shape (m,)
        A moment for each, not later than the row's own.
    includes : bool
        Whether rows at the very moment count as before it.

    Returns
    -------
    ndarray of int64, shape (m,)
        The first position of the series that lies behind the moment; the one behind the row's last peer at most.

    Examples
    --------
    >>> times, first = np.array([1, 2, 2, 5]), np.zeros(4, dtype="int64")
    >>> find_edges(times, first, np.arange(4), times, includes=True).tolist()
    [1, 3, 3, 4]
    """
    low, high = first[rows].copy(), _find_ends(first)[rows]
    while (is_open := low < high).any():  # one step of all binary searches at a time
        middle = (low + high) // 2
        found = times[np.where(is_open, middle, 0)]
        is_before = is_open & ((found <= wanted) if includes else (found < wanted))
        low = np.where(is_before, middle + 1, low)
        high = np.where(is_open & ~is_before, middle, high)
    return low


def _find_ends(first: np.ndarray) -> np.ndarray:
    starts = np.flatnonzero(first == np.arange(len(first)))
    lengths = np.diff(np.append(starts, len(first)))
    return np.repeat(starts + lengths, lengths)


def summarise(statistic: str, values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Return a statistic of each frame.

    Parameters
    ----------
    statistic : {"count", "sum", "mean", "std", "min", "max"}
        std is that of a sample, with n - 1.
    values : ndarray of float64
        None of them missing.
    start, end : ndarray of int64, shape (m,)
        Each frame's first position, and the one behind its last; rising, else it takes long.

    Returns
    -------
    ndarray of float64, shape (m,)
        NaN where it is not defined: of no value, std of fewer than two; the count of no value is 0.

    Examples
    --------
    >>> summarise("mean", np.array([1.0, 2.0, 6.0]), np.array([0, 1, 3]), np.array([1, 3, 3])).tolist()
    [1.0, 4.0, nan]
    """
    counts = end - start
    if statistic == "count":
        return counts.astype("float64")
    result = np.full(len(start), np.nan)
    asked = np.flatnonzero(counts >= (2 if statistic == "std" else 1))
    result[asked] = _STATISTICS[statistic](values, start[asked], end[asked])
    return result


def _reduce(operation: np.ufunc) -> Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]:
    def reduce(values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
        edges = np.column_stack([start, end]).ravel()  # every other result is of what lies between two frames
        return np.asarray(operation.reduceat(np.append(values, 0.0), edges)[::2])

    return reduce


def _mean(values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    return _sum(values, start, end) / (end - start)


def _deviate(values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    means, counts = _mean(values, start, end), end - start
    squares = np.empty(len(start))
    for part in _cut(counts):  # each value less the mean of each frame that it is in
        of, begins = counts[part], np.cumsum(counts[part]) - counts[part]
        laid = values[np.arange(of.sum()) + np.repeat(start[part] - begins, of)]
        squares[part] = np.add.reduceat((laid - np.repeat(means[part], of)) ** 2, begins)
    return np.sqrt(squares / (counts - 1))


def _cut(counts: np.ndarray) -> Iterator[slice]:
    """Yield frames in parts of so many values, or of one frame."""
    total, begin = np.cumsum(counts), 0
    while begin < len(counts):
        before = total[begin - 1] if begin else 0
        behind = max(begin + 1, int(np.searchsorted(total, before + AT_ONCE, side="right")))
        yield slice(begin, behind)
        begin = behind


_sum = _reduce(np.add)
_STATISTICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "sum": _sum,
    "mean": _mean,
    "std": _deviate,
    "min": _reduce(np.minimum),
    "max": _reduce(np.maximum),
}
