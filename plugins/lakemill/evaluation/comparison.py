"""Two models on the same rows: the difference with its interval.

Stays out: what difference is enough (``gate.py``).
"""

from dataclasses import dataclass

import numpy as np

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction

DRAWS = 200


@dataclass(frozen=True)
class Difference:
    """By how much one model is better than another; negative where worse.

    Attributes
    ----------
    gain : float
        On all rows.
    low, high : float
        Interval of the paired bootstrap.
    """

    gain: float
    low: float
    high: float


def compare_paired(
    metric: Metric,
    y: np.ndarray,
    candidate: Prediction,
    champion: Prediction,
    *,
    confidence: float,
    seed: int,
    most: int | None = None,
) -> Difference:
    """Bootstrap the rows, score both models on each draw, and take the quantiles of the differences.

    Parameters
    ----------
    metric : Metric
    y : ndarray of shape (n,)
    candidate, champion : Prediction
        For the same n rows.
    confidence : float in (0, 1)
        Of the two-sided interval.
    seed : int
    most : int, optional
        Rows a draw; as many as there are if left out.

    Returns
    -------
    Difference
        NaN where the metric is not defined.

    Notes
    -----
    The percentile interval of Efron and Tibshirani, An Introduction to the Bootstrap (1993), chapter 13; draws on which
    the metric is not defined are left out. Draws of m rows of n spread more than those of n would, so their distances
    from the difference on all rows are multiplied by the square root of m / n (Bickel, Götze and van Zwet, Resampling
    fewer than n observations, 1997).
    """
    generator = np.random.default_rng(seed)
    drawn = len(y) if most is None else min(len(y), most)
    gains = []
    for _ in range(DRAWS):
        rows = generator.integers(0, len(y), drawn)
        gains.append(metric.gain(metric(y[rows], candidate.take(rows)), metric(y[rows], champion.take(rows))))
    tail = (1 - confidence) / 2
    low, high = np.nanquantile(gains, [tail, 1 - tail]) if not np.all(np.isnan(gains)) else (np.nan, np.nan)
    gain = metric.gain(metric(y, candidate), metric(y, champion))
    if drawn < len(y):
        low, high = (gain + (end - gain) * np.sqrt(drawn / len(y)) for end in (low, high))
    return Difference(gain, float(low), float(high))
