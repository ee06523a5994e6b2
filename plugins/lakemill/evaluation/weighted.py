"""Metrics of weighted rows, made ready once for many weights: what a bootstrap needs of them, many times faster.

A draw of rows with replacement is a count for each row. What does not depend on the counts, such as the order of the
scores, is found once. Stays out: the metrics' definition (``metrics.py``), which these equal on repeated rows.
"""

from collections.abc import Callable

import numpy as np

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction

SMALLEST = 1e-15  # scikit-learn's log loss takes no smaller probability of 64 bits

Weighted = Callable[[np.ndarray], np.ndarray]  # weights of shape (n_draws, n) -> scores of shape (n_draws,)


def prepare(metric: Metric, y: np.ndarray, prediction: Prediction) -> Weighted:
    """Make a metric ready for weights.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (n,)
    prediction : Prediction
        For the same n rows.

    Returns
    -------
    callable
        Takes whole numbers of shape (n_draws, n), how often each row was drawn, and returns the metric of each draw;
        NaN where it is not defined.
    """
    make = metric.weigh or WEIGHTED.get(metric.name)
    if make is None:
        return lambda weights: np.array([_repeat(metric, y, prediction, one) for one in weights])
    return make(np.asarray(y), prediction)


def indicate(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    """Return whether each row is of each class, of shape (n, n_classes)."""
    return np.asarray(np.asarray(y)[:, None] == np.asarray(prediction.classes, dtype=object)[None, :], dtype=bool)


def _repeat(metric: Metric, y: np.ndarray, prediction: Prediction, weights: np.ndarray) -> float:
    rows = np.repeat(np.arange(len(y)), weights.astype(int))
    return metric(y[rows], prediction.take(rows))


def _hits(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    return (prediction.predicted == y).astype("float64")


def _log_losses(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    probabilities = np.asarray(prediction.probabilities)[indicate(y, prediction)]
    return -np.log(np.clip(probabilities, SMALLEST, 1.0))


def _brier_losses(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    squared = (np.asarray(prediction.probabilities) - indicate(y, prediction)) ** 2
    return np.asarray(squared.sum(axis=1) / 2)


def _absolute(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    return np.abs(prediction.predicted - y)


def _squared(y: np.ndarray, prediction: Prediction) -> np.ndarray:
    return np.asarray((prediction.predicted - y) ** 2)


def mean_of(rows: Callable[[np.ndarray, Prediction], np.ndarray]) -> Callable[[np.ndarray, Prediction], Weighted]:
    """Return what makes a mean over rows ready for weights, given what each row adds."""

    def make(y: np.ndarray, prediction: Prediction) -> Weighted:
        values = rows(y, prediction)
        return lambda weights: weights @ values / weights.sum(axis=1)

    return make


def _root_of_squared(y: np.ndarray, prediction: Prediction) -> Weighted:
    mean = mean_of(_squared)(y, prediction)
    return lambda weights: np.sqrt(mean(weights))


def _r2(y: np.ndarray, prediction: Prediction) -> Weighted:
    squared, centred = _squared(y, prediction), y - y.mean()

    def score(weights: np.ndarray) -> np.ndarray:
        total = weights.sum(axis=1)
        spread = weights @ centred**2 - (weights @ centred) ** 2 / total
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(spread > 0, 1 - weights @ squared / spread, np.nan)

    return score


def _median_absolute(y: np.ndarray, prediction: Prediction) -> Weighted:
    errors = _absolute(y, prediction)
    order = np.argsort(errors, kind="stable")

    def score(weights: np.ndarray) -> np.ndarray:
        upto = weights[:, order].cumsum(axis=1)
        total = upto[:, -1]
        middle = [(upto > np.floor(at)[:, None]).argmax(axis=1) for at in ((total - 1) / 2, total / 2)]
        return (errors[order][middle[0]] + errors[order][middle[1]]) / 2

    return score


def _roc_auc(y: np.ndarray, prediction: Prediction) -> Weighted:
    return _over_classes(y, prediction, _rank_one)


def _average_precision(y: np.ndarray, prediction: Prediction) -> Weighted:
    return _over_classes(y, prediction, _rank_precision)


def _over_classes(
    y: np.ndarray, prediction: Prediction, make: Callable[[np.ndarray, np.ndarray], Weighted]
) -> Weighted:
    """Return the mean over classes, each held against the rest; of two classes the second only."""
    is_of = indicate(y, prediction)
    scores = np.asarray(prediction.probabilities)
    columns = range(1, 2) if scores.shape[1] == 2 else range(scores.shape[1])
    ready = [make(is_of[:, one], scores[:, one]) for one in columns]
    return lambda weights: np.mean([one(weights) for one in ready], axis=0)


def _rank_one(is_positive: np.ndarray, score: np.ndarray) -> Weighted:
    ranks = _Ranks(is_positive, score)

    def area(weights: np.ndarray) -> np.ndarray:
        positives, upto = ranks.weigh(weights)
        # of equal scores half are ranked right
        ranked = (
            np.einsum("ij,ij->i", positives, np.take(upto, ranks.first, axis=1) + np.take(upto, ranks.last, axis=1)) / 2
        )
        pairs = positives.sum(axis=1) * upto[:, -1]
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.where(pairs > 0, ranked / pairs, np.nan)

    return area


def _rank_precision(is_positive: np.ndarray, score: np.ndarray) -> Weighted:
    ranks = _Ranks(is_positive, score)

    def precision(weights: np.ndarray) -> np.ndarray:
        positives, upto = ranks.weigh(weights)
        total = positives.sum(axis=1)
        above = np.cumsum(positives[:, ::-1], axis=1)[:, ::-1]  # of positive rows, from each one's score on
        found = np.take(above, ranks.own_first, axis=1)
        taken = found + (upto[:, -1:] - np.take(upto, ranks.first, axis=1))
        with np.errstate(divide="ignore", invalid="ignore"):
            mean = np.nansum(positives * (found / taken), axis=1) / total
        return np.where(total > 0, mean, 0.0)

    return precision


class _Ranks:
    """Rows by rising score, positive and others apart: what ranks ask of the few positive rows is asked of no other.

    ``first`` and ``last`` count, for each positive row, the others with a lower score, and with a score no higher;
    ``own_first`` the positive ones with a lower score.
    """

    def __init__(self, is_positive: np.ndarray, score: np.ndarray) -> None:
        order = np.argsort(score, kind="stable")
        self._positives, self._others = order[is_positive[order]], order[~is_positive[order]]
        mine, others = score[self._positives], score[self._others]
        self.first, self.last = (np.searchsorted(others, mine, side) for side in ("left", "right"))
        self.own_first = np.searchsorted(mine, mine, "left")

    def weigh(self, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the weights of positive rows, and the sums over the first 0, 1, 2... others, of each draw."""
        upto = np.zeros((len(weights), len(self._others) + 1))
        np.cumsum(np.take(weights, self._others, axis=1), axis=1, out=upto[:, 1:])
        return np.take(weights, self._positives, axis=1), upto


def count_cells(y: np.ndarray, predicted: np.ndarray) -> Callable[[np.ndarray], np.ndarray]:
    """Return a function of weights: each draw's table of true and predicted classes, of shape (n_draws, k, k)."""
    names = np.asarray(sorted({*y.tolist(), *predicted.tolist()}), dtype=object)  # np.unique would sort all rows' names
    count = len(names)
    cell = np.searchsorted(names, y) * count + np.searchsorted(names, predicted)

    def table(weights: np.ndarray) -> np.ndarray:
        found = [np.bincount(cell, weights=one, minlength=count * count) for one in weights]
        return np.array(found).reshape(len(weights), count, count)

    return table


def _balanced_accuracy(y: np.ndarray, prediction: Prediction) -> Weighted:
    count = count_cells(y, prediction.predicted)

    def score(weights: np.ndarray) -> np.ndarray:
        table = count(weights)
        of_class = table.sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nanmean(np.diagonal(table, axis1=1, axis2=2) / of_class, axis=1)

    return score


def _f1_macro(y: np.ndarray, prediction: Prediction) -> Weighted:
    count = count_cells(y, prediction.predicted)

    def score(weights: np.ndarray) -> np.ndarray:
        table = count(weights)
        both = table.sum(axis=1) + table.sum(axis=2)
        with np.errstate(divide="ignore", invalid="ignore"):
            return np.nanmean(2 * np.diagonal(table, axis1=1, axis2=2) / both, axis=1)

    return score


ROWS: dict[str, Callable[[np.ndarray, Prediction], np.ndarray]] = {
    "accuracy": _hits,
    "log_loss": _log_losses,
    "brier_score": _brier_losses,
    "mean_absolute_error": _absolute,
}
WEIGHTED: dict[str, Callable[[np.ndarray, Prediction], Weighted]] = {
    **{name: mean_of(rows) for name, rows in ROWS.items()},
    "root_mean_squared_error": _root_of_squared,
    "r2": _r2,
    "median_absolute_error": _median_absolute,
    "roc_auc": _roc_auc,
    "average_precision": _average_precision,
    "balanced_accuracy": _balanced_accuracy,
    "f1_macro": _f1_macro,
}
