"""The ceiling of a metric under label noise, against models that know the truth."""

import math

import numpy as np
import pytest

from lakemill.evaluation.ceiling import limit_by_classes, limit_by_values
from lakemill.evaluation.metrics import METRICS

FLIPS = np.array([[0.95, 0.05], [0.2, 0.8]])
PRIOR = np.array([0.75, 0.25])


@pytest.mark.parametrize(
    ("metric", "ceiling"),
    [
        ("accuracy", 0.75 * 0.95 + 0.25 * 0.8),
        # labelled b: .0375 truly a, .2 truly b; labelled a: .7125 and .05; a pair of equal scores counts half
        ("roc_auc", (0.2 * 0.7125 + 0.5 * (0.0375 * 0.7125 + 0.2 * 0.05)) / (0.2375 * 0.7625)),
        ("log_loss", -sum(p * t * math.log(t) for p, row in zip(PRIOR, FLIPS, strict=True) for t in row)),
        ("brier_score", 0.75 * 0.95 * 0.05 + 0.25 * 0.8 * 0.2),
    ],
)
def test_the_best_model_is_judged_by_noisy_labels(metric: str, ceiling: float) -> None:
    assert limit_by_classes(METRICS[metric], ("a", "b"), PRIOR, FLIPS) == pytest.approx(ceiling, abs=1e-4)


@pytest.mark.parametrize(("metric", "best"), [("accuracy", 1.0), ("roc_auc", 1.0), ("log_loss", 0.0)])
def test_right_labels_put_no_ceiling(metric: str, best: float) -> None:
    assert limit_by_classes(METRICS[metric], ("a", "b"), PRIOR, np.eye(2)) == pytest.approx(best)


def test_of_values_only_the_wrong_ones_cost() -> None:
    given, mended = np.array([1.0, 2.0, 33.0, 4.0]), np.array([1.0, 2.0, 3.0, 4.0])

    assert limit_by_values(METRICS["mean_absolute_error"], given, mended) == 7.5
    assert limit_by_values(METRICS["mean_absolute_error"], given, given) == 0.0
