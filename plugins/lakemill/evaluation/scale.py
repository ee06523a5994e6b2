"""The scale of a metric: what effects are measured by, whatever its unit.

Stays out: what effect is large.
"""

from dataclasses import dataclass

import numpy as np

from lakemill.evaluation.metrics import Metric


@dataclass(frozen=True)
class Scale:
    """The way from a naive model to the best there can be.

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
