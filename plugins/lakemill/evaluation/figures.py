"""All figures that a problem is judged by beside its metric: of ranks, decisions, probabilities and costs.

Stays out: which of them decides (``gate``).
"""

from collections.abc import Callable
from functools import partial

import numpy as np

from lakemill.config.gate import Costs, Gate
from lakemill.evaluation.calibration import bin_values
from lakemill.evaluation.metrics import METRICS, Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.weighted import Weighted, mean_of

OF_CLASSES = (
    "roc_auc",
    "average_precision",
    "log_loss",
    "brier_score",
    "accuracy",
    "balanced_accuracy",
    "f1_macro",
)
OF_VALUES = ("mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2")
CALIBRATION, COST = "calibration_error", "cost"
THRESHOLDED = ("precision", "recall", "f1")


def list_figures(classes: tuple[str, ...], gate: Gate) -> list[Metric]:
    """Return the metrics that are kept with the gate's verdict.

    Parameters
    ----------
    classes : tuple of str
        Empty for numbers.
    gate : Gate
        Says the threshold of precision and recall, and what wrong predictions cost.

    Returns
    -------
    list of Metric
    """
    if not classes:
        return [METRICS[name] for name in OF_VALUES]
    found = [METRICS[name] for name in OF_CLASSES] + [_make(CALIBRATION, _weigh_calibration, is_better=False)]
    if len(classes) == 2:
        found += [_make(name, partial(_weigh_decisions, name, gate.threshold)) for name in THRESHOLDED]
    if gate.costs is not None:
        found.append(make_cost(gate.costs, classes))
    return found


def make_cost(costs: Costs, classes: tuple[str, ...]) -> Metric:
    """Return the mean cost of a row whose class is decided so as to cost least by the probabilities.

    Parameters
    ----------
    costs : Costs
    classes : tuple of str

    Returns
    -------
    Metric
        Lower is better.

    Notes
    -----
    The decision of least expected cost (Elkan, The foundations of cost-sensitive learning, IJCAI 2001).
    """
    table = tabulate(costs, classes)

    def cost(y: np.ndarray, prediction: Prediction) -> np.ndarray:
        decided = (np.asarray(prediction.probabilities) @ table).argmin(axis=1)
        return np.asarray(table[np.searchsorted(np.asarray(classes, dtype=object), y), decided])

    return _make(COST, mean_of(cost), is_better=False)


def tabulate(costs: Costs, classes: tuple[str, ...]) -> np.ndarray:
    """Return the costs as a table of true and predicted class.

    Raises
    ------
    ValueError
        If they name a class that there is not, or speak of two classes where there are more.

    Examples
    --------
    >>> tabulate(Costs(false_positive=1.0, false_negative=5.0), ("no", "yes")).tolist()
    [[0.0, 1.0], [5.0, 0.0]]
    """
    table = np.zeros((len(classes), len(classes)))
    if not costs.matrix:
        if len(classes) != 2:
            raise ValueError(f"false_positive and false_negative are of two classes, there are {len(classes)}")
        table[0, 1], table[1, 0] = costs.false_positive or 0.0, costs.false_negative or 0.0
        return table
    for true, row in costs.matrix.items():
        for predicted, cost in row.items():
            for name in (true, predicted):
                if name not in classes:
                    raise ValueError(f"no class {name!r}: classes are {', '.join(classes)}")
            table[classes.index(true), classes.index(predicted)] = cost
    return table


def _make(name: str, weigh: Callable[[np.ndarray, Prediction], Weighted], *, is_better: bool = True) -> Metric:
    """Return a metric that is defined by its form for weighted rows."""

    def score(y: np.ndarray, prediction: Prediction) -> float:
        return float(weigh(np.asarray(y), prediction)(np.ones((1, len(y))))[0])

    return Metric(name, score, is_better, weigh=weigh)


def _weigh_calibration(y: np.ndarray, prediction: Prediction) -> Weighted:
    """Make ready the expected calibration error: how far shares lie from probabilities, over ten equal bins of rows."""
    names, probabilities = np.asarray(prediction.classes, dtype=object), np.asarray(prediction.probabilities)
    ready = []
    for column in [1] if len(names) == 2 else range(len(names)):
        bins = bin_values(probabilities[:, column])
        order = np.argsort(bins, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(bins[order]) > 0])
        ready.append((order, starts, ((y == names[column]) - probabilities[:, column])[order]))

    def score(weights: np.ndarray) -> np.ndarray:
        gaps = [np.add.reduceat(weights[:, order] * apart, starts, axis=1) for order, starts, apart in ready]
        return np.mean([np.abs(one).sum(axis=1) for one in gaps], axis=0) / weights.sum(axis=1)

    return score


def _weigh_decisions(name: str, threshold: float, y: np.ndarray, prediction: Prediction) -> Weighted:
    """Make ready precision, recall or F1 of the second class, which a row is counted to from a probability on."""
    is_it, is_said = y == prediction.classes[1], prediction.score >= threshold
    parts = np.column_stack([is_it & is_said, is_said, is_it]).astype("float64")

    def score(weights: np.ndarray) -> np.ndarray:
        right, said, there = (weights @ parts).T
        below = {"precision": said, "recall": there, "f1": (said + there) / 2}[name]
        return np.divide(right, below, out=np.zeros_like(right), where=below > 0)

    return score
