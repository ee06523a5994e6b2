"""The bootstrap: scores of many draws of the same rows, and the interval that they give.

Stays out: what is compared with what (``comparison.py``).
"""

from collections.abc import Iterator, Sequence

import numpy as np
from scipy import stats

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.weighted import ROWS, prepare

DRAWS, FEWEST_DRAWS = 1000, 200
MOST_WORK = 30_000_000  # rows times classes times draws: of very many rows are taken fewer draws
AT_ONCE = 2_000_000  # weights in memory


def draw_scores(
    metrics: Sequence[Metric],
    y: np.ndarray,
    predictions: Sequence[Prediction],
    *,
    seed: int,
    most: int | None = None,
) -> np.ndarray:
    """Draw rows with replacement, and score all models on each draw by all metrics.

    Parameters
    ----------
    metrics : sequence of Metric
    y : ndarray of shape (n,)
    predictions : sequence of Prediction
        Of several models, for the same n rows.
    seed : int
    most : int, optional
        Rows a draw; as many as there are if left out.

    Returns
    -------
    ndarray of shape (n_draws, n_predictions, n_metrics)
        NaN where a metric is not defined on a draw.
    """
    n = len(y)
    columns = max(max(len(one.classes), 1) for one in predictions)
    draws = int(np.clip(MOST_WORK // max(1, min(n, most or n) * columns), FEWEST_DRAWS, DRAWS))
    if most is not None and most < n:
        return _score_few_rows(metrics, y, predictions, draws=draws, most=most, seed=seed)
    ready = [[prepare(metric, y, one) for metric in metrics] for one in predictions]
    pieces = []
    for weights in _draw_weights(n, draws, seed):
        scores = [[one(weights) for one in of_model] for of_model in ready]
        pieces.append(np.moveaxis(np.array(scores, dtype="float64"), 2, 0))
    return np.concatenate(pieces)


def find_interval(scores: np.ndarray, *, confidence: float, rows: int) -> tuple[float, float]:
    """Return the interval of what was drawn.

    Parameters
    ----------
    scores : ndarray of shape (n_draws,)
    confidence : float in (0, 1)
        Of two sides.
    rows : int
        Independent ones, as from `count_independent`.

    Returns
    -------
    tuple of (float, float)
        NaN where no draw has a score.

    Notes
    -----
    The expanded percentile interval (Hesterberg, What teachers should know about the bootstrap, The American
    Statistician 69, 2015, section 4.3): quantiles lie further out, as Student's t does against the normal and the
    standard deviation by n - 1 against that by n, since percentiles alone are too narrow where rows are few.
    """
    known = scores[np.isfinite(scores)]
    if not len(known):
        return float("nan"), float("nan")
    n = max(rows, 2)
    tail = stats.norm.cdf(stats.t.ppf((1 - confidence) / 2, n - 1) * np.sqrt(n / (n - 1)))
    low, high = np.quantile(known, [tail, 1 - tail])
    return float(low), float(high)


def count_independent(metric: Metric, y: np.ndarray, prediction: Prediction) -> int:
    """Return how many rows a metric's precision hangs on: all, or those of the rarest class where it weighs classes."""
    if prediction.probabilities is None or metric.name in ROWS:
        return len(y)
    _, counts = np.unique(np.asarray(y, dtype=object), return_counts=True)
    return int(counts.min()) if len(counts) else 0


def _draw_weights(n: int, draws: int, seed: int) -> Iterator[np.ndarray]:
    generator = np.random.default_rng(seed)
    at_once = max(1, AT_ONCE // max(n, 1))
    for start in range(0, draws, at_once):
        count = min(at_once, draws - start)
        weights = np.empty((count, n))
        for row in weights:
            row[:] = np.bincount(generator.integers(0, n, n), minlength=n)
        yield weights


def _score_few_rows(
    metrics: Sequence[Metric], y: np.ndarray, predictions: Sequence[Prediction], *, draws: int, most: int, seed: int
) -> np.ndarray:
    generator = np.random.default_rng(seed)
    once, scores = np.ones((1, most)), np.empty((draws, len(predictions), len(metrics)))
    for number in range(draws):
        rows = generator.integers(0, len(y), most)
        for place, one in enumerate(predictions):
            drawn = one.take(rows)
            scores[number, place] = [prepare(metric, y[rows], drawn)(once)[0] for metric in metrics]
    return scores
