"""The paired comparison of two models."""

import math

import numpy as np
import pytest

from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction

DRAW = np.random.default_rng(3)
Y = DRAW.normal(0, 1, 400)


def err_by(spread: float, *, seed: int = 0) -> Prediction:
    return Prediction(Y + np.random.default_rng(seed).normal(0, spread, len(Y)))


def compare(
    candidate: Prediction, champion: Prediction, *, confidence: float = 0.95, seed: int = 0, most: int | None = None
) -> Difference:
    metric = METRICS["mean_absolute_error"]
    return compare_paired(metric, Y, candidate, champion, confidence=confidence, seed=seed, most=most)


def test_a_model_is_exactly_as_good_as_itself() -> None:
    assert compare(err_by(1), err_by(1)) == Difference(0.0, 0.0, 0.0)


def test_a_clearly_better_model_has_an_interval_above_zero_and_a_worse_one_below() -> None:
    better, worse = compare(err_by(0.5), err_by(1.0)), compare(err_by(1.0), err_by(0.5))

    assert 0 < better.low < better.gain < better.high
    assert worse.low < worse.gain < worse.high < 0


def test_an_error_on_every_row_leaves_no_doubt_however_much_rows_differ() -> None:
    shifted = Prediction(Y + 100 * np.sign(Y) * np.abs(Y) + 0.01 * np.sign(Y))
    paired = compare(Prediction(Y + 100 * Y), shifted)

    assert (paired.gain, paired.low, paired.high) == pytest.approx((0.01, 0.01, 0.01))


def test_equals_in_law_are_told_apart_by_neither_end() -> None:
    found = [compare(err_by(1, seed=seed), err_by(1, seed=100 + seed)) for seed in range(10)]

    assert sum(one.low <= 0 <= one.high for one in found) >= 8


def test_the_same_seed_gives_the_same_interval_and_another_one_another() -> None:
    first, again, other = (compare(err_by(0.9), err_by(1.0), seed=seed) for seed in (0, 0, 1))

    assert first == again
    assert first.gain == other.gain
    assert first.low != other.low


def test_more_confidence_gives_a_wider_interval() -> None:
    narrow, wide = (compare(err_by(0.9), err_by(1.0), confidence=confidence) for confidence in (0.5, 0.99))

    assert wide.low < narrow.low < narrow.high < wide.high


def test_draws_without_one_of_the_classes_are_left_out() -> None:
    y = np.array(["a"] * 11 + ["b"], dtype=object)  # a third of the draws lack the one "b"
    made = Prediction(y, np.column_stack([np.arange(12) < 11, np.arange(12) == 11]).astype(float), ("a", "b"))
    difference = compare_paired(METRICS["roc_auc"], y, made, made, confidence=0.95, seed=0)

    assert difference == Difference(0.0, 0.0, 0.0)


def test_where_the_metric_is_never_defined_so_is_the_interval() -> None:
    y = np.array(["a"] * 5, dtype=object)
    made = Prediction(y, np.tile([0.5, 0.5], (5, 1)), ("a", "b"))
    difference = compare_paired(METRICS["roc_auc"], y, made, made, confidence=0.95, seed=0)

    assert all(math.isnan(value) for value in (difference.gain, difference.low, difference.high))


def test_draws_of_fewer_rows_give_the_interval_of_all_rows() -> None:
    whole, part = (compare(err_by(0.8), err_by(1.0, seed=1), most=most) for most in (None, 100))

    assert part.gain == whole.gain
    assert part.high - part.low == pytest.approx(whole.high - whole.low, rel=0.3)
    assert compare(err_by(0.8), err_by(1.0, seed=1), most=400) == whole
