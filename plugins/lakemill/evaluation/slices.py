"""Slices: parts of the rows, by a category's level or a number's range, and whether a model is worse in one of them.

Which slices a model errs in more than elsewhere is another question (``diagnosis.slices``). Stays out: what follows.
"""

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from lakemill.config.features import Features
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.standard_errors import find_error_of_gain, find_standard_error

LEAST_SHARE = 0.05
LEAST_ROWS = 30
BINS = 4
CHANCE = 0.05  # that any slice at all is called worse where none is
MISSING = "missing"


@dataclass(frozen=True)
class Cut:
    """A slice's rows.

    Attributes
    ----------
    column, level : str
        The column, and the level or range of it.
    rows : ndarray of int64
        Positions.
    is_declared : bool
        Whether the workflow file names the column.
    """

    column: str
    level: str
    rows: np.ndarray
    is_declared: bool = False

    def __str__(self) -> str:
        return f"{self.column} {self.level}"


@dataclass(frozen=True)
class SliceGain:
    """How two models score in one slice.

    Attributes
    ----------
    cut : str
        Column and level.
    rows : int
    score, other : float
        The metric of the candidate, and of what it is held against.
    gain : float
        By how much the candidate is better; negative where worse.
    low, high : float
        Between these lies the gain, for all slices at once.
    is_worse : bool
        Whether it is worse by more than is tolerated, beyond chance.
    is_under_floor : bool
        Whether a declared slice's score is under its floor, beyond chance.
    """

    cut: str
    rows: int
    score: float
    other: float
    gain: float
    low: float
    high: float
    is_worse: bool
    is_under_floor: bool = False


@dataclass(frozen=True)
class SliceReport:
    """All slices that were looked at.

    Attributes
    ----------
    against : str
        What the candidate is held against, like ``the champion v3``.
    tolerance : float
        In the metric's unit.
    slices : tuple of SliceGain
        Those that fail first, then the least gain first.
    """

    against: str
    tolerance: float
    slices: tuple[SliceGain, ...]

    @property
    def failed(self) -> tuple[SliceGain, ...]:
        """Slices in which the candidate is bad."""
        return tuple(one for one in self.slices if one.is_worse or one.is_under_floor)


def cut_features(X: pd.DataFrame, features: Features) -> list[Cut]:
    """Cut rows by each feature but texts into levels and ranges that hold at least 5 % of them.

    Parameters
    ----------
    X : DataFrame of shape (n, n_columns)
    features : Features
        Says which columns are categories and which are texts.

    Returns
    -------
    list of Cut
    """
    cuts = []
    for name in X.columns:
        if name not in features.text:
            found = cut_column(X[name], is_category=name in features.categorical)
            cuts += [Cut(str(name), level, np.flatnonzero(mask)) for level, mask in found]
    return cuts


def cut_declared(columns: pd.DataFrame) -> list[Cut]:
    """Cut rows by columns that somebody named: by every level, or a number's range, that holds 30 rows.

    Parameters
    ----------
    columns : DataFrame of shape (n, n_columns)
        Numbers and moments with many values are cut into ranges, all else by value.

    Returns
    -------
    list of Cut
    """
    cuts = []
    for name in columns.columns:
        values = columns[name]
        if pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values):
            ranges = cut_range(values)
            found = [(level, np.flatnonzero(mask)) for level, mask in ranges if mask.sum() >= LEAST_ROWS]
        else:
            codes, levels = pd.factorize(values.astype(object).where(values.notna(), MISSING), sort=False)
            order, sizes = np.argsort(codes, kind="stable"), np.bincount(codes, minlength=len(levels))
            parts = np.split(order, sizes.cumsum()[:-1])
            found = [(str(one), rows) for one, rows in zip(levels, parts, strict=True) if len(rows) >= LEAST_ROWS]
        cuts += [Cut(str(name), level, rows, is_declared=True) for level, rows in found]
    return [one for one in cuts if len(one.rows) < len(columns)]


def cut_column(column: pd.Series, *, is_category: bool) -> list[tuple[str, np.ndarray]]:
    """Return the levels or ranges of a column that hold at least 5 % of the rows, and leave as many."""
    if is_category:
        counts = column.value_counts()
        levels = sorted(counts.index[counts >= LEAST_SHARE * len(column)])
        found = [(str(level), (column == level).to_numpy()) for level in levels]
    else:
        found = cut_range(column)
    return [(level, mask) for level, mask in found if is_large(mask)]


def cut_range(column: pd.Series) -> list[tuple[str, np.ndarray]]:
    """Return a number's or moment's quarters, or its values where they are few, and where it is missing."""
    known = column.dropna()
    if known.nunique() <= 2 * BINS:
        cuts = [(_tell(value), (column == value).to_numpy()) for value in sorted(known.unique())]
    else:
        bins, edges = pd.qcut(column, BINS, labels=False, retbins=True, duplicates="drop")
        levels = [f"{_tell(low)} to {_tell(high)}" for low, high in itertools.pairwise(edges)]
        cuts = [(level, (bins == number).to_numpy()) for number, level in enumerate(levels)]
    return [*cuts, (MISSING, column.isna().to_numpy())]


def is_large(mask: np.ndarray) -> bool:
    """Tell whether a slice, and what it leaves, hold enough rows to be judged."""
    least = max(LEAST_ROWS, LEAST_SHARE * len(mask))
    return bool(least <= mask.sum() <= len(mask) - least)


def compare_slices(
    metric: Metric,
    y: np.ndarray,
    candidate: Prediction,
    other: Prediction,
    cuts: Sequence[Cut],
    *,
    tolerance: float,
    floor: float | None,
    seed: int,
) -> list[SliceGain]:
    """Hold two models against each other in each slice.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (n,)
    candidate, other : Prediction
        For the same n rows.
    cuts : sequence of Cut
    tolerance : float
        How much worse the candidate may be, in the metric's unit.
    floor : float or None
        Worst score in a declared slice.
    seed : int

    Returns
    -------
    list of SliceGain
        Those that fail first, then the least gain first; without slices on which the metric is not defined.

    Notes
    -----
    A slice fails where the upper end of the gain's interval lies under minus the tolerance. The intervals are Student's
    t with the standard error of the paired difference, and hold for all slices at once (Bonferroni): where a candidate
    is nowhere worse than is tolerated, some slice fails with a chance of 5 % at most.
    """
    known = []
    for cut in cuts:
        mine, its = candidate.take(cut.rows), other.take(cut.rows)
        scores = metric(y[cut.rows], mine), metric(y[cut.rows], its)
        error, freedom = find_error_of_gain(metric, y[cut.rows], mine, its, seed=seed)
        if np.isfinite(scores).all() and np.isfinite(error):
            known.append((cut, *scores, error, freedom))
    chance = CHANCE / max(1, len(known))
    declared = sum(cut.is_declared for cut, *_ in known)
    found = []
    for cut, score, its_score, error, freedom in known:
        gain, half = metric.gain(score, its_score), float(stats.t.isf(chance, freedom)) * error
        is_under = False
        if floor is not None and cut.is_declared:
            own = find_standard_error(metric, y[cut.rows], candidate.take(cut.rows), seed=seed)
            doubt = float(stats.t.isf(CHANCE / declared, freedom)) * own
            is_under = bool(metric.gain(score, floor) + doubt < 0)
        found.append(
            SliceGain(
                cut=str(cut),
                rows=len(cut.rows),
                score=score,
                other=its_score,
                gain=gain,
                low=gain - half,
                high=gain + half,
                is_worse=bool(gain + half < -tolerance),
                is_under_floor=is_under,
            )
        )
    return sorted(found, key=lambda one: (not (one.is_worse or one.is_under_floor), one.gain))


def _tell(value: Any) -> str:
    return f"{pd.Timestamp(value):%Y-%m-%d}" if isinstance(value, (np.datetime64, pd.Timestamp)) else f"{value:.4g}"
