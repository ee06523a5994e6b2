"""Variants of a pipeline: held back more, without some features."""

from typing import Any

import numpy as np
import pandas as pd
import pytest

from lakemill.config.defaults import SEARCH
from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.training.estimators import make_pipeline
from lakemill.training.variants import REGULARISERS, make_flexible, name_estimator, regularise, without_features

FEATURES = Features(numeric=("a", "b"), categorical=("c", "d"))
ROWS = pd.DataFrame(
    {
        "a": np.arange(40.0),
        "b": np.arange(40.0)[::-1] % 7,
        "c": np.resize(["x", "y"], 40).astype(object),
        "d": np.resize(["u", "v", "w"], 40).astype(object),
    }
)
Y = np.resize(["no", "yes", "yes"], 40).astype(object)


def make(estimator: str, **parameters: Any):  # type: ignore[no-untyped-def]
    problem = "regression" if estimator.endswith(("Regressor", "Ridge", "SVR")) else "classification"
    candidate = Candidate(estimator=estimator, parameters=parameters)
    return make_pipeline(candidate, FEATURES, problem=problem, parameters={}, seed=0)


@pytest.mark.parametrize(
    ("estimator", "given", "parameter", "after"),
    [
        ("sklearn.tree.DecisionTreeClassifier", {}, "min_samples_leaf", 10),
        ("sklearn.tree.DecisionTreeClassifier", {"min_samples_leaf": 0.02}, "min_samples_leaf", 0.2),
        ("sklearn.ensemble.RandomForestRegressor", {"min_samples_leaf": 3}, "min_samples_leaf", 30),
        ("sklearn.ensemble.HistGradientBoostingClassifier", {}, "max_leaf_nodes", 7),
        ("sklearn.ensemble.HistGradientBoostingRegressor", {"max_leaf_nodes": None}, "max_leaf_nodes", 7),
        ("sklearn.linear_model.LogisticRegression", {"C": 10.0}, "C", 1.0),
        ("sklearn.linear_model.LogisticRegression", {"C": 1}, "C", 0.1),
        ("sklearn.linear_model.Ridge", {}, "alpha", 10.0),
        ("sklearn.neighbors.KNeighborsClassifier", {}, "n_neighbors", 20),
        ("lightgbm.LGBMClassifier", {}, "num_leaves", 7),
        ("xgboost.XGBClassifier", {}, "min_child_weight", 10),
    ],
)
def test_a_parameter_holds_the_estimator_back_more(
    estimator: str, given: dict[str, Any], parameter: str, after: Any
) -> None:
    pytest.importorskip(estimator.split(".")[0])
    pipeline = make(estimator, **given)
    before = str(pipeline.get_params())

    found = regularise(pipeline)

    assert (found.parameter, found.after) == (parameter, pytest.approx(after))
    assert str(pipeline.get_params()) == before
    found.pipeline.fit(ROWS, ROWS.a if "Regressor" in estimator or "Ridge" in estimator else Y)


def test_of_an_estimator_without_such_a_parameter_there_is_none() -> None:
    assert regularise(make("sklearn.naive_bayes.GaussianNB")) is None
    assert regularise(make("sklearn.ensemble.HistGradientBoostingClassifier", max_leaf_nodes=3)) is None


def test_each_estimator_that_is_usually_searched_has_one() -> None:
    assert {*SEARCH} <= {*REGULARISERS}


@pytest.mark.parametrize("names", [("c",), ("a", "d"), ("c", "d"), ("a", "b")])
def test_without_features_the_others_are_learnt_as_if_they_were_alone(names: tuple[str, ...]) -> None:
    pipeline = make("sklearn.ensemble.HistGradientBoostingClassifier", min_samples_leaf=2, max_iter=5)
    pipeline.fit(ROWS, Y)
    left = {
        kind: tuple(one for one in getattr(FEATURES, kind) if one not in names) for kind in ("numeric", "categorical")
    }
    candidate = Candidate(estimator="sklearn.ensemble.HistGradientBoostingClassifier")
    alone = make_pipeline(
        candidate, Features(**left), problem="classification", parameters={"min_samples_leaf": 2, "max_iter": 5}, seed=0
    )

    found = without_features(pipeline, names).fit(ROWS, Y)

    assert np.array_equal(found.predict_proba(ROWS), alone.fit(ROWS, Y).predict_proba(ROWS))
    assert pipeline.named_steps["estimate"].get_params()["categorical_features"] == [0, 1]


def test_the_flexible_one_is_gradient_boosting() -> None:
    assert name_estimator(make_flexible(FEATURES, problem="regression", seed=0)) == "HistGradientBoostingRegressor"
