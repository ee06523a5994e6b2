"""Estimators that learn piece by piece."""

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, SGDClassifier, SGDRegressor
from sklearn.naive_bayes import GaussianNB
from sklearn.neural_network import MLPClassifier
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from lakemill.exceptions import TrainingError
from lakemill.training.streaming import can_learn_in_pieces, fit_in_pieces

DRAW = np.random.default_rng(0)
X = pd.DataFrame({"size": DRAW.normal(5, 2, 900), "noise": DRAW.normal(0, 1, 900)})
Y = np.where(X["size"] + DRAW.normal(0, 0.5, 900) > 5, "big", "small").astype(object)


def make(estimator):
    return Pipeline([("transform", StandardScaler()), ("estimate", estimator)])


def read_epoch(epoch):
    for start in range(0, 900, 300):
        yield X.iloc[start : start + 300], Y[start : start + 300]


def fit(estimator, **given):
    options = {"classes": np.unique(Y), "epochs": 3, **given}
    return fit_in_pieces(make(estimator), X.iloc[:200], Y[:200], read_epoch, **options)


@pytest.mark.parametrize(
    ("estimator", "can"),
    [
        (SGDClassifier(), True),
        (SGDRegressor(), True),
        (GaussianNB(), True),
        (MLPClassifier(), True),
        (MLPClassifier(solver="lbfgs"), False),
        (SGDClassifier(early_stopping=True), False),
        (SGDClassifier(class_weight="balanced"), False),
        (LogisticRegression(), False),
    ],
)
def test_it_is_known_which_estimators_can(estimator, can):
    assert can_learn_in_pieces(make(estimator)) == can


def test_a_counting_estimator_has_counted_all_rows_in_each_epoch():
    fitted = fit(GaussianNB())

    assert fitted[-1].class_count_.tolist() == [3 * np.sum(Y == "big"), 3 * np.sum(Y == "small")]
    assert np.mean(fitted.predict(X) == Y) > 0.85


def test_transformers_learn_from_the_sample_only():
    assert fit(GaussianNB())[0].mean_ == pytest.approx(X.iloc[:200].mean().to_numpy())


def test_a_class_that_the_first_piece_lacks_is_learnt():
    def by_class(epoch):
        for name in ("big", "small"):
            yield X[name == Y], Y[name == Y]

    fitted = fit_in_pieces(make(GaussianNB()), X.iloc[:200], Y[:200], by_class, classes=np.unique(Y), epochs=1)

    assert fitted.classes_.tolist() == ["big", "small"]


def test_what_an_estimator_refuses_is_told_with_its_place():
    with pytest.raises(TrainingError, match=r"small\.yaml.*cannot learn piece by piece(.|\n)*train\.memory"):
        fit(SGDClassifier(alpha=-1.0), where="small.yaml")
