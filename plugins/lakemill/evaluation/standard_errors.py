"""How sure a score on so many rows is: its standard error, by a formula where there is one, else by leaving rows out.

Stays out: comparing two models on the same rows (``comparison.py``).
"""

from collections.abc import Callable

import numpy as np
from scipy.stats import rankdata

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.resampling import count_independent
from lakemill.evaluation.weighted import ROWS, indicate, prepare

NORMAL_95 = 1.96  # standard errors to either side of a 95 % interval
GROUPS = 20  # of rows, each left out once


def make_interval(score: float, standard_error: float) -> tuple[float, float]:
    """Return the two ends of a score's 95 % interval."""
    return score - NORMAL_95 * standard_error, score + NORMAL_95 * standard_error


def find_standard_error(
    metric: Metric, y: np.ndarray, prediction: Prediction, *, seed: int, score: float | None = None
) -> float:
    """Return the standard error of a score.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (n,)
    prediction : Prediction
        For the same n rows.
    seed : int
        Draws the groups that are left out, where the metric has no formula.
    score : float, optional
        Of all rows, where it is known already.

    Returns
    -------
    float
        In the metric's unit; NaN where the metric is not defined, or of fewer than two rows.

    Notes
    -----
    A metric that is a mean over rows has the standard deviation of its rows by the square root of n. The area under
    the curve of two classes has the placements of DeLong, DeLong and Clarke-Pearson, Biometrics 44 (1988), of many
    the mean of each class against the rest; the root of a mean and a quotient of means go by the delta method. All
    else by the delete-a-group jackknife (Kott, Journal of Official Statistics 17, 2001). Rows count as independent.
    """
    if len(y) < 2 or not np.isfinite(metric(y, prediction) if score is None else score):
        return float("nan")
    find_influences = INFLUENCES.get(metric.name)
    if find_influences is None:
        return _jackknife(_leave_groups_out(metric, y, [prediction], seed))
    influences = find_influences(np.asarray(y), prediction)
    return float(np.std(influences, ddof=1) / np.sqrt(len(y)))


def find_error_of_gain(
    metric: Metric, y: np.ndarray, one: Prediction, other: Prediction, *, seed: int
) -> tuple[float, int]:
    """Return the standard error of how much one model is better than another on the same rows.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (n,)
    one, other : Prediction
        For the same n rows.
    seed : int

    Returns
    -------
    tuple of (float, int)
        In the metric's unit, and the degrees of freedom that it has: rows, or those of the rarest class where the
        metric weighs classes, or groups that were left out, less one. NaN where the metric is not defined.
    """
    find_influences = INFLUENCES.get(metric.name)
    if len(y) < 2 or not np.isfinite(metric(y, one)):
        return float("nan"), 1
    if find_influences is None:
        return _jackknife(_leave_groups_out(metric, y, [one, other], seed)), min(GROUPS, len(y)) - 1
    apart = find_influences(np.asarray(y), one) - find_influences(np.asarray(y), other)
    return float(np.std(apart, ddof=1) / np.sqrt(len(y))), max(1, count_independent(metric, y, one) - 1)


def _root_of_squared(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    squared = (prediction.predicted - y) ** 2
    root = np.sqrt(squared.mean())
    return np.asarray(squared / (2 * root) if root > 0 else np.zeros(len(y)))


def _r2(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    squared, spread = (prediction.predicted - y) ** 2, (y - y.mean()) ** 2
    return np.asarray(-(squared - squared.mean() / spread.mean() * spread) / spread.mean())


def _roc_auc(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    indicators = indicate(y, prediction)
    if len(prediction.classes) == 2:
        return _place(indicators[:, 1], prediction.score)
    scores = np.asarray(prediction.probabilities)
    return np.asarray(np.mean([_place(indicators[:, k], scores[:, k]) for k in range(scores.shape[1])], axis=0))


def _place(is_positive: np.ndarray, score: np.ndarray) -> np.ndarray:
    """Return each row's pull on the area: how many of the other class it is ranked right against, weighed by its class.

    The sum of the two classes' variances by their numbers is then, nearly, the variance of these by all rows.
    """
    n, positives = len(score), int(is_positive.sum())
    negatives = n - positives
    ranks = rankdata(score)
    pull = np.empty(n)
    above = (ranks[is_positive] - rankdata(score[is_positive])) / negatives
    below = 1 - (ranks[~is_positive] - rankdata(score[~is_positive])) / positives
    pull[is_positive] = (above - above.mean()) * n / positives
    pull[~is_positive] = (below - below.mean()) * n / negatives
    return pull


def _balanced_accuracy(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    hits, pull = prediction.predicted == y, np.zeros(len(y))
    names = np.unique(y)
    for name in names:
        rows = y == name
        pull[rows] = (hits[rows] - hits[rows].mean()) * len(y) / rows.sum() / len(names)
    return pull


def _leave_groups_out(metric: Metric, y: np.ndarray, predictions: list[Prediction], seed: int) -> np.ndarray:
    """Return the score without each group, or by how much that of the first model is better."""
    groups = min(GROUPS, len(y))
    member = np.random.default_rng(seed).permutation(np.arange(len(y)) % groups)
    weights = np.array([member != group for group in range(groups)], dtype="float64")
    scores = [prepare(metric, y, one)(weights) for one in predictions]
    if len(scores) == 1:
        return scores[0]
    return np.array([metric.gain(one, other) for one, other in zip(*scores, strict=True)])


def _jackknife(scores: np.ndarray) -> float:
    scores = scores[np.isfinite(scores)]
    if len(scores) < 2:
        return float("nan")
    return float(np.sqrt((len(scores) - 1) / len(scores) * ((scores - scores.mean()) ** 2).sum()))


INFLUENCES: dict[str, Callable[[np.ndarray, Prediction], np.ndarray]] = {
    **ROWS,
    "roc_auc": _roc_auc,
    "balanced_accuracy": _balanced_accuracy,
    "root_mean_squared_error": _root_of_squared,
    "r2": _r2,
}
