"""Metrics by name, over scikit-learn's functions, all taking a `Prediction`.

Stays out: limits. To add one: a line in ``METRICS`` and its name in ``config/workflow.py``.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn import metrics
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.exceptions import UndefinedMetricWarning

from lakemill.evaluation.predictions import Prediction

Function = Callable[[np.ndarray, Prediction], float]


@dataclass(frozen=True)
class Metric:
    """A metric.

    Attributes
    ----------
    name : str
    function : callable
        ``function(y, prediction) -> float``.
    greater_is_better : bool
    weigh : callable or None
        ``weigh(y, prediction)`` makes it ready for weighted rows, as ``weighted.py`` does those of ``METRICS``.
    """

    name: str
    function: Function
    greater_is_better: bool
    weigh: Callable[[np.ndarray, Prediction], Callable[[np.ndarray], np.ndarray]] | None = None

    def __call__(self, y: np.ndarray, prediction: Prediction) -> float:
        """Return the metric, NaN where it is not defined (no rows; one class only, for ranking)."""
        if len(y) == 0:
            return float("nan")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", UndefinedMetricWarning)  # NaN says it
                warnings.filterwarnings("ignore", "y_pred contains classes not in y_true")  # a draw may lack a class
                return float(self.function(y, prediction))
        except ValueError:  # scikit-learn's word for: not defined on these classes
            return float("nan")

    def gain(self, score: float, other: float) -> float:
        """Return by how much a score is better than another; negative where worse."""
        return score - other if self.greater_is_better else other - score


def _on_classes(function: Callable[..., float], **options: object) -> Function:
    return lambda y, prediction: function(y, prediction.predicted, **options)


def _roc_auc(y: np.ndarray, prediction: Prediction) -> float:
    if len(prediction.classes) == 2:
        return float(metrics.roc_auc_score(y == prediction.classes[1], prediction.score))
    return float(metrics.roc_auc_score(y, prediction.probabilities, multi_class="ovr", labels=list(prediction.classes)))


def _average_precision(y: np.ndarray, prediction: Prediction) -> float:
    indicators = np.asarray(y)[:, None] == np.asarray(prediction.classes)[None, :]
    if len(prediction.classes) == 2:
        return float(metrics.average_precision_score(indicators[:, 1], prediction.score))
    return float(metrics.average_precision_score(indicators, prediction.probabilities))


def _log_loss(y: np.ndarray, prediction: Prediction) -> float:
    return float(metrics.log_loss(y, prediction.probabilities, labels=list(prediction.classes)))


def _brier_score(y: np.ndarray, prediction: Prediction) -> float:
    indicators = np.asarray(y)[:, None] == np.asarray(prediction.classes)[None, :]
    squared = (prediction.probabilities - indicators) ** 2
    return float(squared.sum(axis=1).mean() / 2)


METRICS: dict[str, Metric] = {
    metric.name: metric
    for metric in (
        Metric("roc_auc", _roc_auc, True),
        Metric("average_precision", _average_precision, True),
        Metric("log_loss", _log_loss, False),
        Metric("brier_score", _brier_score, False),
        Metric("accuracy", _on_classes(metrics.accuracy_score), True),
        Metric("balanced_accuracy", _on_classes(metrics.balanced_accuracy_score), True),
        Metric("f1_macro", _on_classes(metrics.f1_score, average="macro", zero_division=0.0), True),
        Metric("mean_absolute_error", _on_classes(metrics.mean_absolute_error), False),
        Metric("root_mean_squared_error", _on_classes(metrics.root_mean_squared_error), False),
        Metric("median_absolute_error", _on_classes(metrics.median_absolute_error), False),
        Metric("r2", _on_classes(metrics.r2_score), True),
    )
}


def predict_naively(y_train: np.ndarray, n_rows: int, *, problem: str) -> Prediction:
    """Predict without looking at features: the classes' shares, or the mean value, of the training rows.

    Parameters
    ----------
    y_train : ndarray of shape (n_train,)
    n_rows : int
        Rows to predict.
    problem : {"classification", "regression"}

    Returns
    -------
    Prediction
    """
    nothing = np.zeros((n_rows, 1))
    if problem == "regression":
        model = DummyRegressor(strategy="mean").fit(np.zeros((len(y_train), 1)), y_train)
        return Prediction(model.predict(nothing))
    model = DummyClassifier(strategy="prior").fit(np.zeros((len(y_train), 1)), y_train)
    return Prediction(model.predict(nothing), model.predict_proba(nothing), tuple(model.classes_))
