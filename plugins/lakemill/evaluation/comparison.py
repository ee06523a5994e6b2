"""Two models on the same rows: the scores of both and their difference, with intervals.

Stays out: what difference is enough (``gate``).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.resampling import count_independent, draw_scores, find_interval


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


@dataclass(frozen=True)
class Figure:
    """One metric of a candidate, and of the champion on the same rows.

    Attributes
    ----------
    metric : str
    score, low, high : float
        The candidate's, with its interval.
    champion : Difference or None
        The champion's score as ``gain``, with its interval; None where there is none.
    difference : Difference or None
        By how much the candidate is better.
    """

    metric: str
    score: float
    low: float
    high: float
    champion: Difference | None = None
    difference: Difference | None = None


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
    Draws on which the metric is not defined are left out. Draws of m rows of n spread more than those of n would, so
    their distances from the difference on all rows are multiplied by the square root of m / n (Bickel, Götze and van
    Zwet, Resampling fewer than n observations, 1997).
    """
    difference = measure_figures([metric], y, candidate, champion, confidence=confidence, seed=seed, most=most)[0]
    assert difference.difference is not None  # noqa: S101  # there is a champion
    return difference.difference


def measure_figures(
    metrics: Sequence[Metric],
    y: np.ndarray,
    candidate: Prediction,
    champion: Prediction | None = None,
    *,
    confidence: float,
    seed: int,
    most: int | None = None,
) -> list[Figure]:
    """Score a candidate, and the champion on the same rows, by several metrics on the same draws.

    Parameters, notes: as of `compare_paired`.

    Returns
    -------
    list of Figure
        In the order of the metrics.
    """
    models = [candidate] if champion is None else [candidate, champion]
    drawn = draw_scores(metrics, y, models, seed=seed, most=most)
    shrink = 1.0 if most is None or most >= len(y) else float(np.sqrt(most / len(y)))

    def place(metric: Metric, value: float, scores: np.ndarray) -> Difference:
        ends = find_interval(scores, confidence=confidence, rows=count_independent(metric, y, candidate))
        low, high = (value + (end - value) * shrink for end in ends) if shrink < 1 else ends
        return Difference(value, low, high)

    figures = []
    for number, metric in enumerate(metrics):
        values = [metric(y, one) for one in models]
        own = place(metric, values[0], drawn[:, 0, number])
        held = difference = None
        if champion is not None:
            held = place(metric, values[1], drawn[:, 1, number])
            gains = np.array([metric.gain(one, other) for one, other in drawn[:, :2, number]])
            difference = place(metric, metric.gain(values[0], values[1]), gains)
        figures.append(Figure(metric.name, own.gain, own.low, own.high, held, difference))
    return figures
