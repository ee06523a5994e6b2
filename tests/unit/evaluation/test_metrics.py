"""Metrics against scikit-learn's own functions, and where they are not defined."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from sklearn import metrics as reference

from lakemill.config import METRICS as DECLARED
from lakemill.evaluation.metrics import METRICS, predict_naively
from lakemill.evaluation.predictions import Prediction

Given = tuple[np.ndarray, Prediction]


def classify(classes: int, *, seed: int = 0, count: int = 200) -> Given:
    draw = np.random.default_rng(seed)
    names = np.array(["a", "b", "c", "d"][:classes], dtype=object)
    y = names[draw.integers(0, classes, count)]
    raw = draw.gamma(1, 1, (count, classes)) + 1.5 * (y[:, None] == names[None, :])
    probabilities = raw / raw.sum(axis=1, keepdims=True)
    return y, Prediction(names[probabilities.argmax(axis=1)], probabilities, tuple(names))


def regress(*, count: int = 200) -> Given:
    draw = np.random.default_rng(0)
    y = draw.normal(10, 3, count)
    return y, Prediction(y + draw.normal(0, 1, count))


def indicate(y: np.ndarray, made: Prediction) -> np.ndarray:
    return (y[:, None] == np.array(made.classes, dtype=object)[None, :]).astype(int)


ON_CLASSES: dict[str, Callable[[np.ndarray, Prediction], float]] = {
    "accuracy": lambda y, made: reference.accuracy_score(y, made.predicted),
    "balanced_accuracy": lambda y, made: reference.balanced_accuracy_score(y, made.predicted),
    "f1_macro": lambda y, made: reference.f1_score(y, made.predicted, average="macro"),
    "log_loss": lambda y, made: reference.log_loss(y, made.probabilities, labels=list(made.classes)),
}
OF_TWO = ON_CLASSES | {
    "roc_auc": lambda y, made: reference.roc_auc_score(y == "b", made.probabilities[:, 1]),
    "average_precision": lambda y, made: reference.average_precision_score(y == "b", made.probabilities[:, 1]),
    "brier_score": lambda y, made: reference.brier_score_loss(y == "b", made.probabilities[:, 1]),
}
OF_MANY = ON_CLASSES | {
    "roc_auc": lambda y, made: reference.roc_auc_score(y, made.probabilities, multi_class="ovr"),
    "average_precision": lambda y, made: reference.average_precision_score(indicate(y, made), made.probabilities),
    "brier_score": lambda y, made: reference.brier_score_loss(y, made.probabilities, labels=list(made.classes)) / 2,
}
OF_VALUES: dict[str, Callable[[np.ndarray, Prediction], float]] = {
    "mean_absolute_error": lambda y, made: reference.mean_absolute_error(y, made.predicted),
    "root_mean_squared_error": lambda y, made: reference.root_mean_squared_error(y, made.predicted),
    "median_absolute_error": lambda y, made: reference.median_absolute_error(y, made.predicted),
    "r2": lambda y, made: reference.r2_score(y, made.predicted),
}


@pytest.mark.parametrize("name", OF_TWO)
def test_two_classes_as_scikit_learn(name: str) -> None:
    given = classify(2)
    assert METRICS[name](*given) == pytest.approx(OF_TWO[name](*given))


@pytest.mark.parametrize("name", OF_MANY)
@pytest.mark.parametrize("classes", [3, 4])
def test_many_classes_as_scikit_learn(name: str, classes: int) -> None:
    given = classify(classes)
    assert METRICS[name](*given) == pytest.approx(OF_MANY[name](*given))


@pytest.mark.parametrize("name", OF_VALUES)
def test_values_as_scikit_learn(name: str) -> None:
    given = regress()
    assert METRICS[name](*given) == pytest.approx(OF_VALUES[name](*given))


def test_every_metric_that_a_workflow_may_name_is_there_and_tested() -> None:
    assert set(METRICS) == {*DECLARED["classification"], *DECLARED["regression"]}
    assert set(OF_TWO) == set(OF_MANY) == set(DECLARED["classification"])
    assert set(OF_VALUES) == set(DECLARED["regression"])


@pytest.mark.parametrize("name", METRICS)
def test_the_better_of_two_models_gains(name: str) -> None:
    y, made = classify(2) if name in OF_TWO else regress()
    perfect = Prediction(y, indicate(y, made).astype(float), made.classes) if name in OF_TWO else Prediction(y)

    assert METRICS[name].gain(METRICS[name](y, perfect), METRICS[name](y, made)) > 0


def test_only_two_classes_in_the_test_rows_of_a_model_that_knows_three() -> None:
    y, made = classify(3)
    rows = np.flatnonzero(y != "c")
    y, made = y[rows], made.take(rows)

    assert METRICS["accuracy"](y, made) == pytest.approx(reference.accuracy_score(y, made.predicted))
    assert METRICS["log_loss"](y, made) == pytest.approx(
        reference.log_loss(y, made.probabilities, labels=list(made.classes))
    )
    assert METRICS["balanced_accuracy"](y, made) > 0


@pytest.mark.parametrize("name", METRICS)
def test_without_rows_no_metric_is_defined(name: str) -> None:
    y, made = classify(2) if name in OF_TWO else regress()
    assert math.isnan(METRICS[name](y[:0], made.take(np.array([], dtype=int))))


def of_one_class(classes: int) -> Given:
    y, made = classify(classes)
    rows = np.flatnonzero(y == "a")
    return y[rows], made.take(rows)


def of_an_unknown_class() -> Given:
    y, made = classify(2)
    return np.where(np.arange(len(y)) == 0, "new", y), made


def of_one_value() -> Given:
    y, made = regress()
    return y[:1], made.take(np.array([0]))


@pytest.mark.parametrize(
    ("name", "given"),
    [
        ("roc_auc", of_one_class(2)),
        ("roc_auc", of_one_class(3)),
        ("log_loss", of_an_unknown_class()),
        ("r2", of_one_value()),
        ("mean_absolute_error", (np.array([1.0, 2.0]), Prediction(np.array([np.nan, 1.0])))),
    ],
    ids=["ranking one class", "ranking one of three", "a class that the model does not know", "one value", "no number"],
)
def test_where_a_metric_is_not_defined_it_is_nan(name: str, given: Any) -> None:
    assert math.isnan(METRICS[name](*given))


def test_the_naive_model_of_classes_predicts_their_shares() -> None:
    made = predict_naively(np.array(["a", "a", "a", "b"], dtype=object), 2, problem="classification")

    assert made.predicted.tolist() == ["a", "a"]
    assert made.probabilities.tolist() == [[0.75, 0.25]] * 2
    assert made.classes == ("a", "b")


def test_the_naive_model_of_values_predicts_their_mean() -> None:
    assert predict_naively(np.array([1.0, 2.0, 6.0]), 2, problem="regression").predicted.tolist() == [3.0, 3.0]
