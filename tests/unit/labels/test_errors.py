"""Which labels are flagged, against noise that was seeded."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_diabetes
from sklearn.linear_model import LinearRegression

from lakemill.labels.errors import find_wrong_classes, find_wrong_values
from lakemill.labels.judges import predict_values
from lakemill.labels.noise import estimate_noise

Make = Callable[[float, str], Any]


@pytest.mark.thorough
@pytest.mark.parametrize("kind", ["even", "by class"])
def test_most_flagged_labels_are_wrong_and_most_wrong_ones_flagged(noisy: Make, kind: str) -> None:
    made = noisy(0.1, kind)
    noise = estimate_noise(made.labels, made.probabilities)

    found = find_wrong_classes(made.labels, made.probabilities, noise)

    hits = (found.is_flagged & made.is_wrong).sum()
    assert hits / found.is_flagged.sum() > 0.85
    assert hits / made.is_wrong.sum() > 0.75


@pytest.mark.thorough
def test_of_right_labels_hardly_any_is_flagged(noisy: Make) -> None:
    made = noisy(0.0, "even")
    noise = estimate_noise(made.labels, made.probabilities)

    assert find_wrong_classes(made.labels, made.probabilities, noise).is_flagged.mean() < 0.01


def test_wrong_labels_are_more_suspicious_than_right_ones(noisy: Make) -> None:
    made = noisy(0.1, "even")
    suspicion = find_wrong_classes(
        made.labels, made.probabilities, estimate_noise(made.labels, made.probabilities)
    ).suspicion

    assert 0 <= suspicion.min() <= suspicion.max() <= 1
    top = np.argsort(-suspicion)[: made.is_wrong.sum() // 2]
    assert made.is_wrong[top].mean() > 0.9


@pytest.mark.parametrize("rate", [0.0, 0.05, 0.1])
def test_values_far_from_what_is_predicted_are_flagged(rate: float) -> None:
    X, y = load_diabetes(return_X_y=True, as_frame=True)
    draw = np.random.default_rng(0)
    is_wrong = draw.random(len(y)) < rate
    labels = y.to_numpy() + np.where(is_wrong, draw.choice([-500, 500], len(y)), 0)
    predicted = predict_values(LinearRegression, X, labels, folds=5, seed=0)

    found = find_wrong_values(labels, predicted)

    assert found.suspects.is_flagged[is_wrong].mean() > 0.9 if rate else found.rate < 0.01
    assert found.suspects.is_flagged[~is_wrong].mean() < 0.01
    assert found.rate == pytest.approx(is_wrong.mean(), abs=0.02)
    assert found.low <= is_wrong.mean() <= found.high


def test_values_that_scatter_more_where_they_are_large_are_not_wrong_there() -> None:
    draw = np.random.default_rng(0)
    predicted = draw.uniform(1, 100, 2000)
    labels = predicted + draw.normal(0, 0.2 * predicted)
    labels[7] = predicted[7] = 2.0
    labels[7] += 20.0  # little where values are large, much here

    found = find_wrong_values(labels, predicted)

    assert found.suspects.is_flagged[7]
    assert found.rate < 0.005


def test_a_value_beside_many_equal_ones_stands_out() -> None:
    labels = np.zeros(200)
    labels[3] = 1.0

    found = find_wrong_values(labels, np.zeros(200))

    assert np.flatnonzero(found.suspects.is_flagged).tolist() == [3]
    assert found.suspects.suspicion[3] == 1.0
