"""Predictions of fitted pipelines in one form."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction, predict, predict_pieces

X = pd.DataFrame({"size": np.linspace(-3, 3, 60)})
TWO = np.where(X["size"] > 0, "yes", "no").astype(object)
MANY = np.array(["a", "b", "c"], dtype=object)[np.digitize(X["size"], [-1, 1])]


def fit(estimator: object, y: np.ndarray) -> Pipeline:
    return Pipeline([("transform", StandardScaler()), ("estimate", estimator)]).fit(X, y)


@pytest.mark.parametrize("y", [TWO, MANY], ids=["two classes", "many"])
def test_a_classifier_gives_classes_and_their_probabilities(y: np.ndarray) -> None:
    pipeline = fit(LogisticRegression(), y)

    made = predict(pipeline, X)

    assert made.predicted.tolist() == pipeline.predict(X).tolist()
    assert made.classes == tuple(sorted(set(y)))
    np.testing.assert_array_equal(made.probabilities, pipeline.predict_proba(X))


def test_a_classifier_without_probabilities_is_certain() -> None:
    made = predict(fit(LinearSVC(), MANY), X)

    assert set(np.unique(made.probabilities)) == {0.0, 1.0}
    assert np.array(made.classes, dtype=object)[made.probabilities.argmax(axis=1)].tolist() == made.predicted.tolist()


def test_a_regressor_gives_values_alone() -> None:
    made = predict(fit(LinearRegression(), X["size"].to_numpy() * 2), X)

    assert made.probabilities is None
    assert made.classes == ()
    np.testing.assert_allclose(made.score, X["size"] * 2)


@pytest.mark.parametrize(
    ("prediction", "score"),
    [
        (Prediction(np.array(["a", "b"]), np.array([[0.9, 0.1], [0.2, 0.8]]), ("a", "b")), [0.1, 0.8]),
        (Prediction(np.array(["a", "c"]), np.array([[0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]), ("a", "b", "c")), [0.5, 0.7]),
        (Prediction(np.array([3, 4])), [3.0, 4.0]),
    ],
    ids=["second of two classes", "predicted of many", "value"],
)
def test_the_score_is_one_number_a_row(prediction: Prediction, score: list[float]) -> None:
    assert prediction.score.tolist() == score


def test_rows_can_be_taken_again_and_again() -> None:
    made = predict(fit(LogisticRegression(), MANY), X)

    drawn = made.take(np.array([5, 5, 0]))

    assert drawn.predicted.tolist() == made.predicted[[5, 5, 0]].tolist()
    np.testing.assert_array_equal(drawn.probabilities, made.probabilities[[5, 5, 0]])
    assert drawn.classes == made.classes


def test_a_champion_that_does_not_know_a_new_class_can_be_compared() -> None:
    y = np.array(["a", "b", "c"])
    old = Prediction(np.array(["a", "b", "b"]), np.array([[0.8, 0.2], [0.1, 0.9], [0.4, 0.6]]), ("a", "b"))
    score = METRICS["log_loss"](y, old.align(("a", "b", "c")))
    assert np.isnan(METRICS["log_loss"](y, old))
    assert np.isfinite(score)
    assert score > METRICS["log_loss"](y[:2], old.take(np.array([0, 1])))


def test_aligned_to_its_own_classes_a_prediction_is_the_same() -> None:
    made = Prediction(np.array(["a"]), np.array([[0.8, 0.2]]), ("a", "b"))
    assert made.align(("a", "b")) is made
    value = Prediction(np.array([1.5]))
    assert value.align(("a", "b")) is value


@pytest.mark.parametrize("y", [TWO, X["size"].to_numpy() * 2], ids=["classes", "values"])
def test_pieces_in_any_order_give_what_the_whole_gives(y: np.ndarray) -> None:
    pipeline = fit(LinearRegression() if y.dtype == float else LogisticRegression(), y)
    places = [np.arange(40, 60), np.arange(10)[::-1], np.arange(10, 40)]

    made, whole = predict_pieces(pipeline, ((at, X.iloc[at]) for at in places)), predict(pipeline, X)

    assert made.classes == whole.classes
    np.testing.assert_allclose(made.score, whole.score)
    assert [str(one)[:8] for one in made.predicted] == [str(one)[:8] for one in whole.predicted]
