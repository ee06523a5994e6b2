"""Standard errors against how much a score really varies from one draw of rows to the next."""

import math

import numpy as np
import pytest

from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.standard_errors import INFLUENCES, find_standard_error

Given = tuple[np.ndarray, Prediction]
ON_VALUES = ("mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2")
ON_CLASSES = tuple(name for name in METRICS if name not in ON_VALUES)
NAMES = np.array(["a", "b", "c"], dtype=object)


def classify(draw: np.random.Generator, classes: int, count: int) -> Given:
    names = NAMES[:classes]
    raw = np.exp(draw.normal(0, 1, (count, classes)))
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    y = names[(draw.random(count)[:, None] > probabilities.cumsum(axis=1)).sum(axis=1).clip(0, classes - 1)]
    return y, Prediction(names[probabilities.argmax(axis=1)], probabilities, tuple(names))


def regress(draw: np.random.Generator, count: int) -> Given:
    y = draw.normal(0, 1, count)
    return y, Prediction(0.6 * y + draw.normal(0, 0.7, count))


@pytest.mark.parametrize(
    ("name", "classes"), [(name, k) for name in ON_CLASSES for k in (2, 3)] + [(name, 0) for name in ON_VALUES]
)
def test_it_is_what_scores_vary_by(name: str, classes: int) -> None:
    draw, metric = np.random.default_rng(0), METRICS[name]
    samples = [classify(draw, classes, 300) if classes else regress(draw, 300) for _ in range(150)]
    varied = np.std([metric(*one) for one in samples], ddof=1)

    estimated = [find_standard_error(metric, *one, seed=0) for one in samples[:20]]

    assert np.mean(estimated) == pytest.approx(varied, rel=0.25)


def test_the_area_of_two_classes_is_delongs() -> None:
    y, made = classify(np.random.default_rng(3), 2, 60)
    is_second, score = y == "b", made.score
    wins = (score[is_second][:, None] > score[~is_second][None, :]).astype(float)
    m, n = wins.shape
    delong = math.sqrt(wins.mean(axis=1).var(ddof=1) / m + wins.mean(axis=0).var(ddof=1) / n)

    assert find_standard_error(METRICS["roc_auc"], y, made, seed=0) == pytest.approx(delong, rel=0.03)


def test_the_formulas_agree_with_leaving_rows_out() -> None:
    y, made = regress(np.random.default_rng(1), 400)
    metric = METRICS["mean_absolute_error"]

    errors = np.abs(y - made.predicted)
    assert find_standard_error(metric, y, made, seed=0) == pytest.approx(errors.std(ddof=1) / 20)


@pytest.mark.parametrize("name", sorted(set(ON_CLASSES) - set(INFLUENCES)))
def test_the_same_seed_gives_the_same(name: str) -> None:
    y, made = classify(np.random.default_rng(2), 3, 90)
    one, again, other = (find_standard_error(METRICS[name], y, made, seed=seed) for seed in (0, 0, 1))

    assert one == again != other


@pytest.mark.parametrize("count", [0, 1])
@pytest.mark.parametrize("name", METRICS)
def test_too_few_rows_have_none(name: str, count: int) -> None:
    draw = np.random.default_rng(0)
    y, made = regress(draw, count) if name in ON_VALUES else classify(draw, 2, count)

    assert math.isnan(find_standard_error(METRICS[name], y, made, seed=0))


def test_ranking_one_class_has_none() -> None:
    _, made = classify(np.random.default_rng(0), 2, 20)

    assert math.isnan(find_standard_error(METRICS["roc_auc"], np.full(20, "a", dtype=object), made, seed=0))


def test_a_perfect_prediction_is_sure() -> None:
    y = np.arange(10.0)

    assert find_standard_error(METRICS["root_mean_squared_error"], y, Prediction(y), seed=0) == 0.0
