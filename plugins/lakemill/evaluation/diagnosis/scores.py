"""One model on two sets of rows: by how much it is better on one, with what chance does to that.

Rows are taken to be independent; where they hang together (flights of one stormy day), true intervals are wider.
Stays out: comparing two models on the same rows (``evaluation.comparison``).
"""

import numpy as np

from lakemill.evaluation.comparison import Difference
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.resampling import count_independent, draw_scores, find_interval

CONFIDENCE = 0.95


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
    drawn = [draw_scores([metric], y, [made], seed=seed + place) for place, (y, made) in enumerate((one, other))]
    count = min(len(scores) for scores in drawn)
    gains = np.array([metric.gain(*pair) for pair in zip(*(scores[:count, 0, 0] for scores in drawn), strict=True)])
    rows = min(count_independent(metric, *one), count_independent(metric, *other))
    low, high = find_interval(gains, confidence=CONFIDENCE, rows=rows)
    return Difference(metric.gain(metric(*one), metric(*other)), low, high)
