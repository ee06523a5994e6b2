"""Models whose faults are known, diagnosed: each fault is found, and nothing is found of a model without one."""

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.evaluation.diagnosis.advice import Facts, Finding, advise
from lakemill.evaluation.diagnosis.learning_curve import Rows
from lakemill.evaluation.diagnosis.measuring import Task, measure
from lakemill.evaluation.metrics import METRICS
from lakemill.training.estimators import make_pipeline

TREE = "sklearn.tree.DecisionTreeClassifier"
LOGISTIC = "sklearn.linear_model.LogisticRegression"
BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
BAYES = "sklearn.naive_bayes.GaussianNB"


def diagnose(
    columns: dict[str, np.ndarray],
    y: np.ndarray,
    estimator: str,
    *,
    metric: str = "brier_score",
    draws: int = 1,
    label_noise: dict[str, Any] | None = None,
    **parameters: Any,
) -> tuple[Facts, dict[str, Finding]]:
    """Facts and findings of an estimator: the first two thirds of the rows are trained on."""
    X = pd.DataFrame(columns)
    texts = tuple(name for name in X if columns[name].dtype == object)
    features = Features(numeric=tuple(name for name in X if name not in texts), categorical=texts)
    X = X[list(features.columns)]
    problem = "regression" if y.dtype.kind == "f" else "classification"
    candidate = Candidate(estimator=estimator, parameters=parameters)
    rows, end = Rows(X, y), 2 * len(y) // 3
    task = Task(
        pipeline=make_pipeline(candidate, features, problem=problem, parameters={}, seed=0),
        features=features,
        train=rows.take(np.arange(end)),
        validation=rows.take(np.arange(end, len(y))),
        slice_by={},
        metric=METRICS[metric],
        classes=tuple(sorted({*y})) if problem == "classification" else (),
        problem=problem,
        split="time",
        label="label",
        label_noise=label_noise or {},
        seed=0,
    )
    _, facts = measure(task, draws=draws)
    return facts, {finding.rule: finding for finding in advise(facts)}


def name_classes(values: np.ndarray) -> np.ndarray:
    return np.where(values, "yes", "no").astype(object)


def draw_linear(count: int, *, seed: int = 0, weight: float = 2.0) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Two numbers and the probability that a logistic model has right."""
    draw = np.random.default_rng(seed)
    columns = {"a": draw.normal(size=count), "b": draw.normal(size=count)}
    return columns, 1 / (1 + np.exp(-weight * (columns["a"] + columns["b"])))


def toss(chance: np.ndarray, seed: int = 1) -> np.ndarray:
    return name_classes(np.random.default_rng(seed).random(len(chance)) < chance)


@pytest.mark.parametrize("seed", range(3))
def test_a_model_that_is_right_has_no_findings(seed: int) -> None:
    columns, chance = draw_linear(1800, seed=seed)

    _, found = diagnose(columns, toss(chance, seed + 10), LOGISTIC)

    assert found == {}


@pytest.mark.parametrize("seed", range(3))
def test_a_model_of_three_classes_that_is_right_has_no_findings(seed: int) -> None:
    columns, _ = draw_linear(1800, seed=seed)
    draw = np.random.default_rng(seed + 10)
    scores = np.stack([2 * columns["a"], 2 * columns["b"], np.zeros(1800)], axis=1) + draw.gumbel(size=(1800, 3))

    facts, found = diagnose(columns, np.array(["x", "y", "z"], dtype=object)[scores.argmax(axis=1)], LOGISTIC)

    assert found == {}
    assert len(facts.calibration.curves) == 3


@pytest.mark.parametrize("seed", range(3))
def test_a_regression_that_is_right_has_no_findings(seed: int) -> None:
    columns, _ = draw_linear(1800, seed=seed)
    y = 3 * columns["a"] - columns["b"] + np.random.default_rng(seed + 10).normal(0, 0.5, 1800)

    _, found = diagnose(columns, y, "sklearn.linear_model.Ridge", metric="root_mean_squared_error")

    assert found == {}


@pytest.mark.parametrize("metric", ["brier_score", "log_loss", "roc_auc"])
def test_a_tree_without_bounds_overfits_and_its_parameter_is_named(metric: str) -> None:
    columns, chance = draw_linear(1800)

    facts, found = diagnose(columns, toss(chance), TREE, metric=metric)

    assert "min_samples_leaf 1 -> 10" in found["overfitting"].advice
    assert facts.train == pytest.approx(facts.scale.best)
    assert "underfitting" not in found


def test_a_regression_tree_without_bounds_overfits_too() -> None:
    columns, _ = draw_linear(1500)
    y = columns["a"] + np.random.default_rng(1).normal(0, 1, 1500)

    _, found = diagnose(columns, y, "sklearn.tree.DecisionTreeRegressor", metric="mean_absolute_error")

    assert "min_samples_leaf 1 -> 10" in found["overfitting"].advice


def test_a_forest_that_learns_rows_by_heart_and_does_well_does_not_overfit() -> None:
    columns, _ = draw_linear(1800, weight=4.0)
    y = name_classes(columns["a"] + columns["b"] + np.random.default_rng(1).normal(0, 0.1, 1800) > 0)

    facts, found = diagnose(columns, y, "sklearn.ensemble.ExtraTreesClassifier", metric="roc_auc", n_estimators=50)

    assert facts.train == 1.0
    assert "overfitting" not in found


@pytest.mark.parametrize("metric", ["brier_score", "roc_auc"])
def test_a_linear_model_of_an_exclusive_or_underfits(metric: str) -> None:
    columns, _ = draw_linear(1800)

    _, found = diagnose(columns, name_classes((columns["a"] > 0) ^ (columns["b"] > 0)), LOGISTIC, metric=metric)

    assert "HistGradientBoostingClassifier" in found["underfitting"].advice
    assert not {"overfitting", "more rows", "weak features"} & {*found}


def test_a_line_through_a_parabola_underfits() -> None:
    columns, _ = draw_linear(1500)
    y = columns["a"] ** 2 + np.random.default_rng(1).normal(0, 0.1, 1500)

    _, found = diagnose(columns, y, "sklearn.linear_model.Ridge", metric="r2")

    assert "HistGradientBoostingRegressor" in found["underfitting"].advice


def test_a_model_of_few_rows_with_many_features_asks_for_more() -> None:
    draw = np.random.default_rng(0)
    columns = {f"f{number:02}": draw.normal(size=600) for number in range(30)}
    y = name_classes(sum(columns.values()) + draw.normal(0, 0.5, 600) > 0)

    facts, found = diagnose(columns, y, BAYES, metric="roc_auc")

    assert facts.doubling.low > 0
    assert found["more rows"].figures.startswith("from half to all training rows the validation score gains +0.1")


def test_features_that_tell_little_are_said_to() -> None:
    columns, chance = draw_linear(1800, weight=0.15)

    facts, found = diagnose(columns, toss(chance), LOGISTIC)

    assert "weak features" in found
    assert facts.way < 0.25


@pytest.mark.parametrize("problem", ["classification", "regression"])
def test_a_slice_of_eight_per_cent_in_which_the_label_is_chance_is_found(problem: str) -> None:
    draw = np.random.default_rng(2)
    columns, chance = draw_linear(4500, weight=3.0)
    place = draw.choice(["north", "south", "east", "sea"], 4500, p=[0.4, 0.3, 0.22, 0.08]).astype(object)
    if problem == "classification":
        y = toss(np.where(place == "sea", 0.5, chance))
        facts, found = diagnose({**columns, "place": place}, y, BOOSTING, max_iter=50)
    else:
        y = columns["a"] + draw.normal(0, np.where(place == "sea", 2.0, 0.3))
        facts, found = diagnose(
            {**columns, "place": place}, y, "sklearn.linear_model.Ridge", metric="root_mean_squared_error"
        )

    assert [(one.feature, one.level) for one in facts.slices if one.is_bad] == [("place", "sea")]
    assert "place sea (8% of rows)" in found["slices"].figures


def test_a_slice_whose_labels_are_merely_more_even_is_not_bad() -> None:
    draw = np.random.default_rng(3)
    place = draw.choice(["calm", "even"], 6000).astype(object)
    columns = {"place": place, "a": draw.normal(size=6000)}
    y = toss(1 / (1 + np.exp(-(columns["a"] + np.where(place == "even", 0.0, 3.0)))))

    facts, found = diagnose(columns, y, LOGISTIC)

    even = next(one for one in facts.slices if one.level == "even")
    assert even.error > 1.5 * even.error_elsewhere
    assert "slices" not in found


def test_of_many_slices_of_noise_none_is_bad() -> None:
    columns, chance = draw_linear(1800)
    draw = np.random.default_rng(4)
    groups = {f"group{number}": draw.choice([*"abcdefgh"], 1800).astype(object) for number in range(12)}

    facts, _ = diagnose({**columns, **groups}, toss(chance), LOGISTIC)

    assert len(facts.slices) > 90
    assert not [one for one in facts.slices if one.is_bad]


def test_naive_bayes_of_copied_features_is_not_calibrated() -> None:
    columns, chance = draw_linear(1800, weight=1.0)
    copies = {f"{name}{number}": value for name, value in columns.items() for number in range(5)}

    facts, found = diagnose({**columns, **copies}, toss(chance), BAYES)

    assert "CalibratedClassifierCV" in found["calibration"].advice
    assert facts.calibration.error > 0.1


def test_a_regression_of_the_median_of_skewed_values_is_not_calibrated() -> None:
    columns, _ = draw_linear(1800)
    y = np.exp(1.5 * np.random.default_rng(1).normal(size=1800)) + columns["a"]

    facts, found = diagnose(
        columns, y, "sklearn.linear_model.HuberRegressor", metric="mean_absolute_error", max_iter=1000
    )

    assert facts.calibration.observed > facts.calibration.predicted + 0.5
    assert "calibration" in found


def test_a_feature_of_noise_could_be_dropped_and_a_real_one_not() -> None:
    columns, chance = draw_linear(1800)
    noise = np.random.default_rng(5).normal(size=1800)

    facts, found = diagnose({**columns, "noise": noise}, toss(chance), LOGISTIC)

    assert [one.feature for one in facts.importances if one.is_idle] == ["noise"]
    assert found["idle features"].figures.startswith("noise: ")
    assert "s of CPU instead of" in found["idle features"].figures


def test_features_that_stand_in_for_each_other_are_not_both_dropped() -> None:
    draw = np.random.default_rng(6)
    columns = {"a": draw.normal(size=1800), "c": draw.normal(size=1800)}
    columns |= {"b": columns["a"].copy()}
    y = name_classes(columns["a"] + 0.3 * columns["c"] > 0)

    facts, found = diagnose(columns, y, BOOSTING, metric="accuracy", max_iter=30)

    dropped = found["idle features"].figures.split(":")[0] if "idle features" in found else ""
    assert not {"a", "b"} <= {*dropped.split(", ")}
    assert facts.validation > 0.9


def test_validation_rows_that_are_other_rows_are_told_from_overfitting() -> None:
    columns, _ = draw_linear(1800)
    turned = np.where(np.arange(1800) < 1200, columns["a"], columns["b"])

    facts, found = diagnose(columns, toss(1 / (1 + np.exp(-2 * turned))), LOGISTIC, metric="roc_auc")

    assert "other rows" in found
    assert "overfitting" not in found
    assert facts.gap < 0.05
    assert "retrain more often rather than calibrate" in found["calibration"].advice


def test_labels_come_first_where_the_score_is_near_their_ceiling() -> None:
    columns, _ = draw_linear(1800)
    y = name_classes((columns["a"] > 0) ^ (np.random.default_rng(7).random(1800) < 0.1))
    noise = {"verdict": "estimated", "noise_rate": 0.1, "noise_low": 0.08, "noise_high": 0.12, "ceiling": 0.9}

    _, found = diagnose(columns, y, TREE, metric="accuracy", max_depth=1, label_noise=noise)

    assert next(iter(found)) == "labels"
    assert "10.0% of labels" in found["labels"].figures


@pytest.mark.parametrize("change", [{"verdict": "unclear"}, {"ceiling": None}, {"noise_low": 0.001}, {"ceiling": 1.0}])
def test_labels_are_not_blamed_without_an_estimate_or_far_from_the_ceiling(change: dict[str, Any]) -> None:
    noise = {"verdict": "estimated", "noise_rate": 0.1, "noise_low": 0.08, "noise_high": 0.12, "ceiling": 0.9}
    columns, _ = draw_linear(600)
    y = name_classes((columns["a"] > 0) ^ (np.random.default_rng(7).random(600) < 0.1))

    _, found = diagnose(columns, y, TREE, metric="accuracy", max_depth=1, label_noise=noise | change)

    assert "labels" not in found


def test_the_same_diagnosis_again_says_the_same() -> None:
    columns, chance = draw_linear(900)

    def told() -> Callable[[], Any]:
        facts, _ = diagnose(columns, toss(chance), TREE)
        return facts.doubling, facts.shift, facts.calibration, facts.slices, facts.importances

    assert told() == told()


def test_a_class_of_two_rows_does_not_stop_it() -> None:
    columns, chance = draw_linear(300)
    y = toss(chance)
    y[[10, 250]] = "rare"

    facts, _ = diagnose(columns, y, LOGISTIC)

    assert len(facts.calibration.curves) == 3


def test_few_rows_have_a_score_and_no_learning_curve() -> None:
    columns, chance = draw_linear(45)

    facts, found = diagnose(columns, toss(chance), LOGISTIC)

    assert facts.doubling is None
    assert "more rows" not in found
