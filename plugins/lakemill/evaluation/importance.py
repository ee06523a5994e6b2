"""Permutation importance: what the score loses when a feature's values are mixed among the rows.

Of features that say the same each seems idle, since the other stands in: whether they can be dropped, fitting without
them tells. Stays out: that fit.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.inspection import permutation_importance
from sklearn.pipeline import Pipeline

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
    fitted: Pipeline,
    X: pd.DataFrame,
    y: np.ndarray,
    *,
    metric: Metric,
    classes: tuple[str, ...],
    span: float,
    seed: int,
    repeats: int = REPEATS,
    most: int = MOST_ROWS,
) -> list[Importance]:
    """Mix each feature's values some times and score.

    Parameters
    ----------
    fitted : Pipeline
    X : DataFrame of shape (n, n_features)
        Rows which it was not fitted on.
    y : ndarray of shape (n,)
    metric : Metric
    classes : tuple of str
    span : float
        From a naive model to the best.
    seed : int
    repeats : int
    most : int
        Rows that are looked at.

    Returns
    -------
    list of Importance
        The greatest first; not of features that the pipeline leaves out.
    """
    if len(y) > most:
        at = np.sort(np.random.default_rng(seed).choice(len(y), size=most, replace=False))
        X, y = X.iloc[at], y[at]

    def score(model: Pipeline, X: object, y: np.ndarray) -> float:
        return metric.gain(metric(y, predict(model, X).align(classes)), 0.0)  # type: ignore[arg-type]  # a frame

    found = permutation_importance(fitted, X, y, scoring=score, n_repeats=repeats, random_state=seed)
    seen = _list_seen(fitted, X)
    measured = [
        Importance(name, float(loss), float(deviation), bool(loss <= max(NOISE * deviation, LEAST_SHARE * span)))
        for name, loss, deviation in zip(X.columns, found.importances_mean, found.importances_std, strict=True)
        if name in seen
    ]
    return sorted(measured, key=lambda one: -one.loss)


def _list_seen(fitted: Pipeline, X: pd.DataFrame) -> set[str]:
    """Return the features that a pipeline looks at: all, where it does not begin with a choice of columns."""
    parts = getattr(fitted[0], "transformers", None)
    if parts is None:
        return set(X.columns)
    return {name for _, _, names in parts for name in ([names] if isinstance(names, str) else names)}
