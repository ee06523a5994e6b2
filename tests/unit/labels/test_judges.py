"""Out-of-fold predictions: no row is judged by a model that has seen it."""

import numpy as np
import pandas as pd
import pytest
from sklearn.dummy import DummyClassifier
from sklearn.neighbors import KNeighborsClassifier, KNeighborsRegressor
from sklearn.svm import LinearSVC
from workflows_for_tests import make_rows, make_workflow

from lakemill.labels.judges import make_judge, predict_classes, predict_values
from lakemill.preprocessing.features import make_frame, make_target

X = pd.DataFrame({"x": np.arange(100.0)})


def test_a_row_is_not_judged_by_its_own_label() -> None:
    labels = np.random.default_rng(0).integers(0, 2, 100)  # a nearest neighbour would give each its own

    found = predict_classes(lambda: KNeighborsClassifier(1), X, labels, count=2, folds=5, seed=0)
    values = predict_values(lambda: KNeighborsRegressor(1), X, labels.astype(float), folds=5, seed=0)

    assert (found.argmax(axis=1) == labels).mean() < 0.7
    assert (values == labels).mean() < 0.7


def test_probabilities_stand_in_the_columns_of_their_classes() -> None:
    labels = np.repeat([0, 1, 2], [70, 20, 10])

    found = predict_classes(lambda: DummyClassifier(strategy="prior"), X, labels, count=3, folds=5, seed=0)

    assert found == pytest.approx(np.tile([0.7, 0.2, 0.1], (100, 1)))


def test_a_classifier_without_probabilities_is_taken_to_be_certain() -> None:
    labels = (np.arange(100) >= 50).astype(int)

    found = predict_classes(LinearSVC, X - 49.5, labels, count=2, folds=5, seed=0)

    assert set(found.ravel()) == {0.0, 1.0}
    assert (found.argmax(axis=1) == labels).mean() > 0.9


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_the_usual_judge_gives_the_same_each_time(problem: str) -> None:
    workflow = make_workflow(problem)
    rows = make_rows(workflow, "2020-01-01", 200, problem=problem)
    X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
    kind = workflow.table.label.problem

    def judge() -> np.ndarray:
        made = lambda: make_judge(workflow.features, problem=kind, seed=0)  # noqa: E731  a function is asked for
        if problem == "regression":
            return predict_values(made, X, y, folds=3, seed=0)
        codes = np.unique(y, return_inverse=True)[1]
        return predict_classes(made, X, codes, count=len(set(y)), folds=3, seed=0)

    assert (judge() == judge()).all()
