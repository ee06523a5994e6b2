"""Slices in which a model errs, of a category's level or a number's range.

A slice is bad where the model errs more than elsewhere, and more than the labels' own variety there explains: where
half of the labels are of either class, every model errs more than where nearly all are of one. Variety elsewhere is
that within the other slices of the same column, since what the column tells is told in all of them. Both must be
beyond chance, corrected for the number of slices that are looked at. Stays out: what to do about it.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from lakemill.config.features import Features
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.slices import CHANCE, cut_column

LEAST_RATIO = 1.2  # of the slice's error to that of all other rows
LEAST_EXCESS = 0.1  # of the slice's error that its labels' variety does not explain
ABSOLUTE = ("mean_absolute_error", "median_absolute_error")


@dataclass(frozen=True)
class Slice:
    """One slice.

    Attributes
    ----------
    feature, level : str
        The column, and the level or range of it.
    rows : int
    share : float
        Of all rows, in (0, 1).
    error, low, high : float
        Mean error, and its interval, simultaneous for all slices.
    error_elsewhere : float
        Mean error of all other rows.
    expected : float
        The error here if the model explained as large a part of the labels' variety as it does elsewhere.
    score : float
        The metric on these rows; NaN where it is not defined.
    p : float
        Of no more error than elsewhere and expected, times the number of slices, in [0, 1].
    is_bad : bool
    """

    feature: str
    level: str
    rows: int
    share: float
    error: float
    low: float
    high: float
    error_elsewhere: float
    expected: float
    score: float
    p: float
    is_bad: bool


def name_error(metric: Metric, *, is_classes: bool) -> str:
    """Return what is averaged over a slice's rows: the metric itself may not be defined row by row."""
    if is_classes:
        return "brier_score"
    return "mean_absolute_error" if metric.name in ABSOLUTE else "mean_squared_error"


def judge_slices(
    X: pd.DataFrame, features: Features, y: np.ndarray, prediction: Prediction, *, metric: Metric
) -> list[Slice]:
    """Find the slices of at least 5 % of the rows, and judge each.

    Parameters
    ----------
    X : DataFrame of shape (n, n_columns)
        With a column for each feature but texts; further columns of moments or numbers are cut into ranges too.
    features : Features
    y : ndarray of shape (n,)
    prediction : Prediction
    metric : Metric

    Returns
    -------
    list of Slice
        That with the greatest error compared with what is expected first.

    Notes
    -----
    With e the rows' errors, v those of the best constant prediction of their own slice (small ones taken together), and
    r = mean(e) / mean(v) over all other rows, expected is r mean(v). The test is normal, of mean(e - r v) against 0 by
    the delta method for r, and of mean(e) against the other rows' (Welch); the greater p counts, times the number of
    slices (Bonferroni).
    """
    errors = _measure(y, prediction, metric)
    large: list[tuple[str, str, np.ndarray, np.ndarray]] = []
    for feature in X.columns:
        if feature in features.text:
            continue
        levels = cut_column(X[feature], is_category=feature in features.categorical)
        masks = [mask for _, mask in levels]
        others = ~np.logical_or.reduce(masks) if masks else np.ones(len(y), dtype=bool)
        variety = np.zeros(len(y))
        for mask in [*masks, others]:
            if mask.any():
                variety[mask] = _vary(y[mask], prediction, metric)
        large += [(feature, level, mask, variety) for level, mask in levels]
    found = [_judge(cut, errors, y, prediction, metric, len(large)) for cut in large]
    return sorted(found, key=lambda one: one.expected - one.error)


def _judge(
    cut: tuple[str, str, np.ndarray, np.ndarray],
    errors: np.ndarray,
    y: np.ndarray,
    prediction: Prediction,
    metric: Metric,
    count: int,
) -> Slice:
    feature, level, mask, variety = cut
    here, other, varies, varies_elsewhere = errors[mask], errors[~mask], variety[mask], variety[~mask]
    ratio = other.mean() / varies_elsewhere.mean() if varies_elsewhere.mean() > 0 else 0.0
    excess = here - ratio * varies
    of_ratio = _error_of(other - ratio * varies_elsewhere) * varies.mean() / max(varies_elsewhere.mean(), 1e-300)
    p_more = _tail(here.mean() - other.mean(), np.hypot(_error_of(here), _error_of(other)))
    p = min(1.0, count * max(p_more, _tail(excess.mean(), np.hypot(_error_of(excess), of_ratio))))
    half = stats.norm.isf(CHANCE / count / 2) * _error_of(here)
    is_large = here.mean() >= LEAST_RATIO * other.mean() and excess.mean() >= LEAST_EXCESS * here.mean()
    return Slice(
        feature=feature,
        level=level,
        rows=int(mask.sum()),
        share=float(mask.mean()),
        error=float(here.mean()),
        low=float(max(0.0, here.mean() - half)),
        high=float(here.mean() + half),
        error_elsewhere=float(other.mean()),
        expected=float(ratio * varies.mean()),
        score=metric(y[mask], prediction.take(np.flatnonzero(mask))),
        p=float(p),
        is_bad=bool(p < CHANCE and is_large),
    )


def _measure(y: np.ndarray, prediction: Prediction, metric: Metric) -> np.ndarray:
    """Return the error of each row."""
    if prediction.probabilities is None:
        differences = y - prediction.predicted
        return np.abs(differences) if metric.name in ABSOLUTE else differences**2
    return ((prediction.probabilities - _indicate(y, prediction)) ** 2).sum(axis=1) / 2


def _vary(y: np.ndarray, prediction: Prediction, metric: Metric) -> np.ndarray:
    """Return the error of each row by the best constant prediction."""
    if prediction.probabilities is None:
        return np.abs(y - np.median(y)) if metric.name in ABSOLUTE else (y - y.mean()) ** 2
    indicators = _indicate(y, prediction)
    return ((indicators.mean(axis=0) - indicators) ** 2).sum(axis=1) / 2


def _indicate(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    return (np.asarray(y)[:, None] == np.asarray(prediction.classes, dtype=object)[None, :]).astype("float64")


def _error_of(values: np.ndarray) -> float:
    return float(values.std(ddof=1) / np.sqrt(len(values)))


def _tail(difference: float, error: float) -> float:
    if error == 0:
        return 0.0 if difference > 0 else 1.0
    return float(stats.norm.sf(difference / error))
