"""Calibration: whether what is predicted comes as often, or as large, as it is said.

Classes are held one against the rest, in ten bins of equal numbers of predictions; values in ten bins of what is
predicted. scikit-learn's `calibration_curve` gives no counts of its bins, which intervals and chance need.
Stays out: calibrating.
"""

from dataclasses import dataclass

import numpy as np
from scipy import stats

from lakemill.evaluation.predictions import Prediction

BINS = 10
DRAWS = 400
CONFIDENCE = 0.995
LEAST_OF_CLASSES = 0.02  # of a probability
LEAST_OF_VALUES = 0.05  # of the squared error
MOST_CURVES = 6


@dataclass(frozen=True)
class Curve:
    """The bins of one class, or of values, by rising prediction.

    Attributes
    ----------
    name : str
        The class; empty for values.
    predicted, observed, low, high : tuple of float
        Means of each bin, and the 95 % interval of what was observed.
    rows : tuple of int
    """

    name: str
    predicted: tuple[float, ...]
    observed: tuple[float, ...]
    low: tuple[float, ...]
    high: tuple[float, ...]
    rows: tuple[int, ...]


@dataclass(frozen=True)
class Calibration:
    """How far predictions are off.

    Attributes
    ----------
    curves : tuple of Curve
        Of two classes the second; of many the six most frequent.
    error : float
        Mean distance of what was observed from what was predicted, over bins and classes: a probability, or in the
        label's unit.
    effect : float
        What exceeds that of a calibrated model by chance: of a probability; of values the share of the squared error
        that the bins' means make up.
    standard_error : float
        Of the effect, by the spread of each bin's mean.
    is_off : bool
        Whether the effect is 0.02 or more (of values 5 %), and chance is excluded at 99.5 %.
    predicted, observed : float
        Means over all rows, of two classes the second's and of values; NaN for many classes.
    """

    curves: tuple[Curve, ...]
    error: float
    effect: float
    standard_error: float
    is_off: bool
    predicted: float
    observed: float


def measure_calibration(y: np.ndarray, prediction: Prediction, *, seed: int) -> Calibration:
    """Hold what was predicted against what came.

    Parameters
    ----------
    y : ndarray of shape (n,)
    prediction : Prediction
    seed : int
        For what a calibrated model's labels would be by chance.

    Returns
    -------
    Calibration

    Notes
    -----
    The expected calibration error; by chance: labels drawn from the predicted probabilities (consistency resampling,
    Bröcker and Smith 2007), or residuals with their signs drawn.
    """
    draw = np.random.default_rng(seed)
    return _of_values(y, prediction, draw) if prediction.probabilities is None else _of_classes(y, prediction, draw)


def _of_classes(y: np.ndarray, prediction: Prediction, draw: np.random.Generator) -> Calibration:
    assert prediction.probabilities is not None  # noqa: S101  # asked before
    probabilities, count = prediction.probabilities, len(prediction.classes)
    columns = [1] if count == 2 else list(range(count))
    codes = np.searchsorted(np.asarray(prediction.classes, dtype=object), y)
    bins = {column: bin_values(probabilities[:, column]) for column in columns}
    cumulated = probabilities[:, :-1].cumsum(axis=1)  # above all of these it is the last class

    def measure(labels: np.ndarray) -> float:
        apart = [_distance(probabilities[:, column], labels == column, bins[column]) for column in columns]
        return float(np.mean(apart))

    def draw_labels() -> np.ndarray:
        return np.asarray((draw.random((len(y), 1)) > cumulated).sum(axis=1))

    error = measure(codes)
    by_chance = np.array([measure(draw_labels()) for _ in range(DRAWS)])
    effect = error - float(np.median(by_chance))
    frequent = sorted(columns, key=lambda column: -int((codes == column).sum()))[:MOST_CURVES]
    curves = [_trace_class(prediction, codes, column, bins[column]) for column in sorted(frequent)]
    is_off = bool(effect >= LEAST_OF_CLASSES and error > np.quantile(by_chance, CONFIDENCE))
    means = (float(probabilities[:, 1].mean()), float((codes == 1).mean())) if count == 2 else (np.nan, np.nan)
    spreads = [_spread(probabilities[:, column] - (codes == column), bins[column]) for column in columns]
    return Calibration(tuple(curves), error, effect, float(np.mean(spreads)), is_off, *means)


def _trace_class(prediction: Prediction, codes: np.ndarray, column: int, bins: np.ndarray) -> Curve:
    assert prediction.probabilities is not None  # noqa: S101  # asked before
    rows = np.bincount(bins)
    came = np.bincount(bins, weights=codes == column)
    intervals = [
        stats.binomtest(int(k), int(n)).proportion_ci(method="wilson") for k, n in zip(came, rows, strict=True)
    ]
    predicted = np.bincount(bins, weights=prediction.probabilities[:, column]) / rows
    return Curve(
        str(prediction.classes[column]),
        _tuple(predicted),
        _tuple(came / rows),
        _tuple([one.low for one in intervals]),
        _tuple([one.high for one in intervals]),
        tuple(int(one) for one in rows),
    )


def _of_values(y: np.ndarray, prediction: Prediction, draw: np.random.Generator) -> Calibration:
    residuals, bins = y - prediction.predicted, bin_values(prediction.predicted)
    rows = np.bincount(bins)
    squared = float((residuals**2).mean())

    def measure(values: np.ndarray) -> float:
        return float((np.bincount(bins, weights=values) ** 2 / rows).sum() / len(y) / squared) if squared else 0.0

    share = measure(residuals)
    by_chance = np.array([measure(residuals * draw.choice([-1.0, 1.0], len(y))) for _ in range(DRAWS)])
    effect = share - float(np.median(by_chance))
    predicted, observed = (np.bincount(bins, weights=one) / rows for one in (prediction.predicted, y))
    spread = np.array([residuals[bins == one].std() for one in range(len(rows))])
    half = stats.norm.isf(0.025) * spread / np.sqrt(rows)
    lines = [_tuple(one) for one in (predicted, observed, observed - half, observed + half)]
    curve = Curve("", lines[0], lines[1], lines[2], lines[3], tuple(int(one) for one in rows))
    is_off = bool(effect >= LEAST_OF_VALUES and share > np.quantile(by_chance, CONFIDENCE))
    error = float((np.abs(observed - predicted) * rows).sum() / len(y))
    means = np.bincount(bins, weights=residuals) / rows
    spread_of_share = 2 * np.sqrt((rows * (means * spread) ** 2).sum()) / len(y) / squared if squared else 0.0
    told = (float(prediction.predicted.mean()), float(y.mean()))
    return Calibration((curve,), error, effect, float(spread_of_share), is_off, *told)


def bin_values(values: np.ndarray) -> np.ndarray:
    """Return the number of each value's bin, none of them empty; equal values share one."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, BINS + 1)[1:-1]))
    return np.unique(np.searchsorted(edges, values, side="right"), return_inverse=True)[1]


def _distance(predicted: np.ndarray, came: np.ndarray, bins: np.ndarray) -> float:
    return float(np.abs(np.bincount(bins, weights=came - predicted)).sum() / len(predicted))


def _spread(distances: np.ndarray, bins: np.ndarray) -> float:
    """Return the standard error of the mean distance over bins, each weighed by its rows."""
    rows = np.bincount(bins)
    means = np.bincount(bins, weights=distances) / rows
    variances = np.bincount(bins, weights=distances**2) / rows - means**2
    return float(np.sqrt((rows * variances.clip(0)).sum()) / len(distances))


def _tuple(values: np.ndarray | list[float]) -> tuple[float, ...]:
    return tuple(float(one) for one in values)
