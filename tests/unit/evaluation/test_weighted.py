"""Metrics of weighted rows: the metric of the rows that a draw repeats."""

from typing import Any

import numpy as np
import pytest

from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.weighted import WEIGHTED, prepare

ROWS = 60
NAMES = {"two classes": ("no", "yes"), "many classes": ("a", "b", "c", "d"), "numbers": ()}
BY_PROBLEM = {
    "two classes": [name for name, one in METRICS.items() if "error" not in name and name != "r2"],
    "many classes": [name for name, one in METRICS.items() if "error" not in name and name != "r2"],
    "numbers": ["mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2"],
}
CASES = [(problem, name) for problem, names in BY_PROBLEM.items() for name in names]


def make_case(problem: str, *, decimals: int) -> tuple[np.ndarray, Prediction]:
    draw = np.random.default_rng(5)
    names = NAMES[problem]
    if not names:
        y = draw.normal(0, 1, ROWS)
        return y, Prediction(np.round(y + draw.normal(0, 0.5, ROWS), decimals))
    y = draw.choice(np.array(names, dtype=object), ROWS)
    raw = draw.random((ROWS, len(names))) + (y[:, None] == np.array(names, dtype=object)[None, :])
    probabilities = np.round(raw / raw.sum(axis=1, keepdims=True), decimals)
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    predicted = np.array(names, dtype=object)[probabilities.argmax(axis=1)]
    return y, Prediction(predicted, probabilities, names)


@pytest.mark.parametrize("decimals", [6, 1], ids=["no ties", "ties"])
@pytest.mark.parametrize(("problem", "name"), CASES)
def test_a_metric_of_weights_is_the_metric_of_repeated_rows(problem: str, name: str, decimals: int) -> None:
    y, prediction = make_case(problem, decimals=decimals)
    draw = np.random.default_rng(0)
    weights = np.array([np.bincount(draw.integers(0, ROWS, ROWS), minlength=ROWS) for _ in range(5)], dtype=float)
    weights[0] = 1

    found = prepare(METRICS[name], y, prediction)(weights)

    for one, counts in zip(found, weights, strict=True):
        rows = np.repeat(np.arange(ROWS), counts.astype(int))
        assert one == pytest.approx(METRICS[name](y[rows], prediction.take(rows)), abs=1e-12)


def test_all_metrics_of_the_workflow_file_are_made_ready() -> None:
    assert set(METRICS) <= set(WEIGHTED)


@pytest.mark.parametrize(
    ("problem", "name", "kept"),
    [("two classes", "roc_auc", "no"), ("many classes", "roc_auc", "a"), ("numbers", "r2", None)],
)
def test_a_draw_on_which_a_metric_is_not_defined_is_nan(problem: str, name: str, kept: Any) -> None:
    y, prediction = make_case(problem, decimals=6)
    weights = np.zeros((1, ROWS))
    weights[0, [0] if kept is None else y == kept] = 3

    assert np.isnan(prepare(METRICS[name], y, prediction)(weights)).all()
