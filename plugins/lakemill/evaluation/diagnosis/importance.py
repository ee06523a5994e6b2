"""Permutation importance: what the score loses when a feature's values are mixed among the rows.

Of features that say the same each seems idle, since the other stands in: whether they can be dropped, fitting without
them tells. Stays out: that fit.
"""

from dataclasses import dataclass

import numpy as np
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

from lakemill.evaluation.diagnosis.learning_curve import Rows
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import predict

REPEATS = 5
MOST_ROWS = 10_000
NOISE = 2.0  # standard deviations between repeats
LEAST_SHARE = 0.001  # of the way from a naive model to the best


@dataclass(frozen=True)
class Importance:
    """What one feature is worth to the model.

    Attributes
    ----------
    feature : str
    loss : float
        What the score loses without it, in the metric's unit; about 0 or below where it is of no use.
    deviation : float
        Standard deviation between repeats.
    is_idle : bool
        Whether the loss is within noise, or less than 0.1 % of the way from a naive model to the best.
    """

    feature: str
    loss: float
    deviation: float
    is_idle: bool


def measure_importance(
    fitted: Pipeline, rows: Rows, *, metric: Metric, classes: tuple[str, ...], span: float, seed: int
) -> list[Importance]:
    """Mix each feature's values five times and score.

    Parameters
    ----------
    fitted : Pipeline
    rows : Rows
        Which it was not fitted on; 10,000 of them at most are looked at.
    metric : Metric
    classes : tuple of str
    span : float
        From a naive model to the best.
    seed : int

    Returns
    -------
    list of Importance
        The greatest first.
    """
    rows = rows.thin(MOST_ROWS, seed=seed)

    def score(model: Pipeline, X: object, y: np.ndarray) -> float:
        return metric.gain(metric(y, predict(model, X).align(classes)), 0.0)  # type: ignore[arg-type]  # a frame

    found = permutation_importance(fitted, rows.X, rows.y, scoring=score, n_repeats=REPEATS, random_state=seed)
    measured = [
        Importance(name, float(loss), float(deviation), bool(loss <= max(NOISE * deviation, LEAST_SHARE * span)))
        for name, loss, deviation in zip(rows.X.columns, found.importances_mean, found.importances_std, strict=True)
    ]
    return sorted(measured, key=lambda one: -one.loss)
