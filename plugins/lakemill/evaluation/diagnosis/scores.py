"""A metric's scores with what chance does to them, and their scale.

Rows are taken to be independent; where they hang together (flights of one stormy day), true intervals are wider.
Stays out: comparing two models on the same rows (``evaluation.comparison``).
"""

from dataclasses import dataclass

import numpy as np

from lakemill.evaluation.comparison import DRAWS, Difference
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Scale:
    """What effects are measured by: the way from a naive model to the best there can be.

    Attributes
    ----------
    naive : float
        Score of a model that looks at no feature.
    best : float
        The metric's best value.
    span : float
        The gain from one to the other, above 0.
    """

    naive: float
    best: float
    span: float


def measure_scale(metric: Metric, naive: float) -> Scale:
    """Return the scale of a metric, given a naive model's score.

    Examples
    --------
    >>> from lakemill.evaluation.metrics import METRICS
    >>> measure_scale(METRICS["roc_auc"], 0.5)
    Scale(naive=0.5, best=1.0, span=0.5)
    """
    best = 1.0 if metric.greater_is_better else 0.0
    return Scale(naive, best, max(metric.gain(best, naive), np.finfo(float).tiny))


def draw_scores(metric: Metric, y: np.ndarray, prediction: Prediction, *, seed: int) -> np.ndarray:
    """Bootstrap the rows and score each draw; NaN where the metric is not defined on one."""
    generator = np.random.default_rng(seed)
    scores = []
    for _ in range(DRAWS):
        rows = generator.integers(0, len(y), len(y))
        scores.append(metric(y[rows], prediction.take(rows)))
    return np.asarray(scores)


def compare_unpaired(
    metric: Metric, one: tuple[np.ndarray, Prediction], other: tuple[np.ndarray, Prediction], *, seed: int
) -> Difference:
    """Return by how much a model is better on one set of rows than on another, with the 95 % interval.

    Parameters
    ----------
    metric : Metric
    one, other : tuple of (ndarray, Prediction)
        Labels and predictions.
    seed : int

    Returns
    -------
    Difference
        NaN where the metric is not defined.
    """
    gains = np.array(
        [
            metric.gain(a, b)
            for a, b in zip(
                draw_scores(metric, *one, seed=seed), draw_scores(metric, *other, seed=seed + 1), strict=True
            )
        ]
    )
    tail = (1 - CONFIDENCE) / 2
    low, high = np.nanquantile(gains, [tail, 1 - tail]) if not np.all(np.isnan(gains)) else (np.nan, np.nan)
    return Difference(metric.gain(metric(*one), metric(*other)), float(low), float(high))
