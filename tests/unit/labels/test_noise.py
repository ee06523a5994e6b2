"""The noise rate against noise that was seeded, and where it cannot be told."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lakemill.labels.noise import estimate_noise

Make = Callable[[float, str], Any]
CASES = [(0.0, "even"), (0.05, "even"), (0.1, "even"), (0.1, "by class")]


@pytest.mark.thorough
@pytest.mark.parametrize(("rate", "kind"), CASES)
def test_the_rate_is_found_within_two_points_and_in_its_interval(noisy: Make, rate: float, kind: str) -> None:
    made = noisy(rate, kind)

    found = estimate_noise(made.labels, made.probabilities)

    assert found.is_clear
    assert found.rate == pytest.approx(made.is_wrong.mean(), abs=0.02)
    assert found.low - 1e-9 <= made.is_wrong.mean() <= found.high


def test_which_class_becomes_which_is_found(noisy: Make) -> None:
    made = noisy(0.1, "by class")

    found = estimate_noise(made.labels, made.probabilities)

    wrong = found.transition - np.diag(np.diag(found.transition))
    assert (wrong.argmax(axis=1) == (np.arange(10) + 1) % 10).all()
    assert found.transition.sum(axis=1) == pytest.approx(np.ones(10))
    assert found.prior == pytest.approx(np.full(10, 0.1), abs=0.03)


@pytest.mark.thorough
def test_the_same_input_gives_the_same_figures(noisy: Make) -> None:
    made = noisy(0.1, "even")
    first, second = (estimate_noise(made.labels, made.probabilities, seed=3) for _ in range(2))

    assert (first.rate, first.low, first.high) == (second.rate, second.low, second.high)


def test_a_class_that_the_features_hardly_tell_makes_the_rate_unclear() -> None:
    draw = np.random.default_rng(0)
    risk = draw.beta(1, 6, 4000)  # right labels that no feature foretells, as with delays of flights
    labels = (draw.random(4000) < risk).astype(int)

    found = estimate_noise(labels, np.column_stack([1 - risk, risk]))

    assert (found.is_clear, found.unclear, found.low) == (False, (1,), 0.0)


def test_a_small_class_that_is_not_told_weighs_little() -> None:
    draw = np.random.default_rng(0)
    labels = np.repeat([0, 1, 2], [1000, 1000, 8])
    labels = np.where((draw.random(2008) < 0.1) & (labels < 2), 1 - labels, labels)
    truth = np.repeat([0, 1, 1], [1000, 1000, 8])
    probabilities = np.full((2008, 3), 0.05)
    probabilities[np.arange(2008), truth] = 0.9

    found = estimate_noise(labels, probabilities)

    assert (found.is_clear, found.unclear) == (True, (2,))
    assert found.rate == pytest.approx(0.1, abs=0.02)
