"""Whether a model's errors have become larger than was to be expected: change detectors over the stream of errors.

ADWIN, Page-Hinkley and DDM are river's. As they stand they alarm falsely wherever errors hang together in time, the
more so the longer a stream is. So they are not given rows but blocks of them, in units of what such a block varies by.
Stays out: where errors come from (``concept_drift.py``).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.stats import norm

BLOCKS = 20  # a partition's rows are cut into at most so many
LEAST_ROWS = 20  # of a block
FEWEST_BLOCKS = 10  # before any change is looked for
ADWIN_DELTA = 0.002
PAGE_HINKLEY_DELTA, PAGE_HINKLEY_THRESHOLD = 0.5, 12.0  # standard errors of a block's mean
DDM_THRESHOLD = 4.0
UPPER_QUARTER = float(norm.isf(0.25))  # of blocks are worse when nothing has changed
CERTAIN = 0.99  # that the last partition is worse than before the change, of one side


@dataclass(frozen=True)
class Block:
    """Rows that follow each other, of one partition.

    Attributes
    ----------
    rows : int
    unexpected : float
        Mean of their unexpected errors.
    """

    rows: int
    unexpected: float


@dataclass(frozen=True)
class Change:
    """What was found in a stream.

    Attributes
    ----------
    is_found : bool
        Whether errors have grown, and still are so in the last partition.
    found_by : tuple of str
        Detectors that have found it, as they stand at the last partition.
    partitions_ago : int or None
        When a change was first found: 0 in the last partition.
    before, now : float
        Mean unexpected error of what lies before that one (before the last one if none was found), and in the last one.
    effect : float
        By how many standard deviations of a row's error it has grown; NaN where that cannot be told.
    p_value : float
        Of the last partition being no worse than before.
    inflation : float
        By how much the variance of a block's mean is larger than if rows had nothing to do with each other.
    """

    is_found: bool = False
    found_by: tuple[str, ...] = ()
    partitions_ago: int | None = None
    before: float = math.nan
    now: float = math.nan
    effect: float = math.nan
    p_value: float = math.nan
    inflation: float = math.nan


def cut_blocks(unexpected: np.ndarray) -> list[Block]:
    """Cut rows by their event time into at most 20 blocks of as many rows each, of 20 rows at least.

    Examples
    --------
    >>> cut_blocks(np.r_[np.zeros(20), np.ones(20)])
    [Block(rows=20, unexpected=0.0), Block(rows=20, unexpected=1.0)]
    """
    count = min(BLOCKS, len(unexpected) // LEAST_ROWS)
    parts = np.array_split(unexpected, count) if count else []
    return [Block(len(part), float(part.mean())) for part in parts]


def find_change(reference: np.ndarray, parts: Sequence[Sequence[Block]], *, effect: float) -> Change:
    """Look for a change to larger errors since a model took charge.

    Parameters
    ----------
    reference : ndarray of shape (n,)
        Unexpected errors of the rows that the model was judged on, by their event time: the stream begins with them.
    parts : sequence of sequence of Block
        Of the partitions since; the last one is judged.
    effect : float
        The least growth that counts, in standard deviations of a row's error.

    Returns
    -------
    Change

    Notes
    -----
    A block's mean is measured in standard errors, by the spread of rows and by how much more blocks vary than these
    make them; correlation from block to block adds to it as in an autoregression of the first order.
    """
    first = cut_blocks(reference)
    if not parts or not parts[-1] or len(first) + sum(map(len, parts)) < FEWEST_BLOCKS or not np.std(reference) > 0:
        return Change()
    spread = float(np.std(reference, ddof=1))
    inflation = measure_inflation([first, *parts], spread)
    unit = spread * math.sqrt(inflation)
    found: dict[str, int] = {}
    for name, (detector, take) in _list_detectors().items():
        at = _find_first(detector, take, [first, *parts], unit)
        found.update({} if at is None else {name: at})
    since = min(found.values(), default=None)
    before = [block for part in [first, *parts][: len(parts) if since is None else since] for block in part]
    if not before:
        return Change(inflation=inflation)
    low, now = _mean(before), _mean(parts[-1])
    grown = (now - low) / spread
    error = math.sqrt(inflation * (1 / _rows(before) + 1 / _rows(parts[-1])))
    p_value = float(norm.sf(grown / error))
    is_found = since is not None and grown >= effect and p_value < 1 - CERTAIN
    ago = None if since is None else len(parts) - since
    return Change(is_found, tuple(found), ago, low, now, grown, p_value, inflation)


def measure_inflation(parts: Sequence[Sequence[Block]], spread: float) -> float:
    """Return by how much more blocks vary within their part than rows of this spread make them, 1 at least."""
    squares = products = 0.0
    count = pairs = 0
    for part in parts:
        if len(part) < 2:
            continue
        z = np.array([(block.unexpected - _mean(part)) * math.sqrt(block.rows) for block in part]) / spread
        squares, count = squares + float(z @ z), count + len(z) - 1
        products, pairs = products + float(z[1:] @ z[:-1]), pairs + len(z) - 1
    if not count:
        return 1.0
    variance = squares / count
    correlation = products / pairs / variance if variance else 0.0
    per_part = np.mean([len(part) for part in parts if len(part) > 1])
    # taking away the part's mean makes it lower (Kendall, Biometrika 41, 1954)
    correlation = float(np.clip(correlation + (1 + 3 * correlation) / per_part, 0.0, 0.9))
    return max(1.0, variance * (1 + correlation) / (1 - correlation))


def _list_detectors() -> dict[str, tuple[Any, Callable[[np.ndarray], list[float]]]]:
    """Return detectors that have seen nothing, and what each takes of a block's mean in standard errors."""
    from river.drift import ADWIN, PageHinkley
    from river.drift.binary import DDM

    adaptive = ADWIN(delta=ADWIN_DELTA, clock=1)  # type: ignore[no-untyped-call]  # river has types, but not for this
    rising = PageHinkley(
        FEWEST_BLOCKS, delta=PAGE_HINKLEY_DELTA, threshold=PAGE_HINKLEY_THRESHOLD, alpha=1.0, mode="up"
    )
    return {
        # values in [0, 1]: a block's rank among blocks of a stream that has not changed
        "ADWIN": (adaptive, lambda z: list(norm.cdf(z).tolist())),
        "Page-Hinkley": (rising, lambda z: list(z.tolist())),
        # an error is a block that is worse than three quarters of them
        "DDM": (DDM(drift_threshold=DDM_THRESHOLD), lambda z: list((z > UPPER_QUARTER).tolist())),
    }


def _find_first(
    detector: Any, take: Callable[[np.ndarray], list[float]], parts: Sequence[Sequence[Block]], unit: float
) -> int | None:
    """Return the first part in which a detector finds a change while errors are larger than before."""
    level = _mean(parts[0]) if parts[0] else 0.0
    seen: list[Block] = []
    for place, part in enumerate(parts):
        z = np.array([(block.unexpected - level) * math.sqrt(block.rows) / unit for block in part])
        for value in take(z):
            detector.update(value)
            if detector.drift_detected and seen and _mean(part) > _mean(seen):
                return place
        seen += part
    return None


def _mean(blocks: Sequence[Block]) -> float:
    return sum(block.rows * block.unexpected for block in blocks) / _rows(blocks)


def _rows(blocks: Sequence[Block]) -> int:
    return sum(block.rows for block in blocks)
