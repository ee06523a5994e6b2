"""Pipelines of candidates: what goes into one, and what is refused with a suggestion."""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline
from workflows_for_tests import make_workflow

from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.exceptions import ConfigError
from lakemill.training.estimators import find_distributions, make_pipeline

FEATURES = Features(numeric=("size",), categorical=("colour",))
FOREST = "sklearn.ensemble.RandomForestClassifier"
BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"
LOGISTIC = "sklearn.linear_model.LogisticRegression"


def build(
    estimator: str, *, problem: str = "classification", found: dict[str, Any] | None = None, **rest: Any
) -> Pipeline:
    candidate = Candidate(estimator=estimator, **rest)
    return make_pipeline(candidate, FEATURES, problem=problem, parameters=found or {}, seed=7, where="here")


@pytest.mark.parametrize(
    ("estimator", "parameters", "seed"),
    [(FOREST, {}, 7), (FOREST, {"random_state": 3}, 3), (LOGISTIC, {}, 7)],
)
def test_an_estimator_that_draws_gets_the_seed_unless_it_has_one(
    estimator: str, parameters: dict[str, Any], seed: int
) -> None:
    assert build(estimator, parameters=parameters)["estimate"].random_state == seed


def test_an_estimator_that_draws_nothing_needs_no_seed() -> None:
    assert not hasattr(build("sklearn.naive_bayes.GaussianNB")["estimate"], "random_state")


def test_found_parameters_go_over_fixed_ones() -> None:
    estimator = build(LOGISTIC, parameters={"C": 1.0, "max_iter": 50}, found={"C": 0.5})["estimate"]

    assert (estimator.C, estimator.max_iter) == (0.5, 50)


@pytest.mark.parametrize(
    ("estimator", "encode", "encoder"),
    [
        (BOOSTING, "auto", "OrdinalEncoder"),
        (LOGISTIC, "auto", "OneHotEncoder"),
        (LOGISTIC, "target", "TargetEncoder"),
        (BOOSTING, "one_hot", "OneHotEncoder"),
    ],
)
def test_categories_are_encoded_as_asked(estimator: str, encode: str, encoder: str) -> None:
    transformer = build(estimator, encode=encode)["transform"]

    assert type(transformer.transformers[0][1]).__name__ == encoder


@pytest.mark.parametrize(("encode", "declared"), [("auto", [0]), ("one_hot", "from_dtype")])
def test_boosting_is_told_of_categories_where_they_are_still_there(encode: str, declared: Any) -> None:
    assert build(BOOSTING, encode=encode)["estimate"].categorical_features == declared


@pytest.mark.parametrize("estimator", [BOOSTING, LOGISTIC, "sklearn.naive_bayes.GaussianNB", "sklearn.svm.LinearSVC"])
def test_any_kind_of_estimator_fits_missing_values_and_new_categories(estimator: str) -> None:
    X = pd.DataFrame({"size": [0.0, np.nan, 2.0, 3.0] * 20, "colour": ["red", "(missing)", "blue", "red"] * 20})
    y = np.array(["no", "no", "yes", "yes"] * 20, dtype=object)
    unseen = pd.DataFrame({"size": [1.0, np.nan], "colour": ["violet", "red"]})

    assert set(build(estimator).fit(X, y).predict(unseen)) <= {"no", "yes"}


@pytest.mark.parametrize(
    ("estimator", "rest", "message"),
    [
        (
            "sklearn.linear_model.LogisticRegresion",
            {},
            "has no LogisticRegresion\n  -> did you mean 'LogisticRegression'",
        ),
        ("nowhere.Model", {}, "cannot import nowhere.Model"),
        ("sklearn.linear_model.Ridge", {}, "is not for classification\n  -> choose another estimator"),
        (LOGISTIC, {"parameters": {"max_itr": 3}}, "no parameter 'max_itr'\n  -> did you mean 'max_iter'"),
        (LOGISTIC, {"search": {"c": [1, 2]}}, "no parameter 'c'"),
        ("sklearn.ensemble.StackingClassifier", {}, "StackingClassifier: "),  # a TypeError: estimators are missing
        ("sklearn.linear_model", {}, "sklearn.linear_model is no estimator\n  -> name a class"),
        ("sklearn.base.clone", {}, "sklearn.base.clone is no estimator"),
        ("pathlib.Path", {}, "pathlib.Path is no estimator"),
        ("sklearn.base.BaseEstimator", {}, "sklearn.base.BaseEstimator is no estimator"),
    ],
)
def test_what_cannot_be_built_is_refused_with_a_remedy(estimator: str, rest: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError) as refused:
        build(estimator, **rest)

    assert str(refused.value).startswith("here: ")
    assert message in str(refused.value)


def test_what_is_no_estimator_is_never_called(tmp_path: Path) -> None:
    made = tmp_path / "made"

    with pytest.raises(ConfigError, match="check_output is no estimator"):
        build("subprocess.check_output", parameters={"args": ["touch", str(made)]})

    assert not made.exists()


def test_a_constructor_that_refuses_a_value_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sklearn.linear_model.Picky", Picky, raising=False)

    with pytest.raises(ConfigError, match=r"here: Picky: level must be 1 or 2\n  -> "):
        build("sklearn.linear_model.Picky", parameters={"level": 3})


class Picky(LogisticRegression):
    def __init__(self, level: int = 1) -> None:
        if level > 2:
            raise ValueError("level must be 1 or 2")


def test_distributions_are_those_that_the_candidates_come_from(monkeypatch: pytest.MonkeyPatch) -> None:
    installed = {"sklearn": ["scikit-learn"], "forest": ["forest-cpu", "forest-core"], "numpy": ["numpy"]}
    monkeypatch.setattr("lakemill.training.estimators.packages_distributions", lambda: installed)
    paths = {"a": LOGISTIC, "b": FOREST, "c": "forest.sub.Model", "d": "own_module.Model"}
    candidates = {name: {"estimator": path} for name, path in paths.items()}
    workflow = make_workflow(train={"metric": "roc_auc", "candidates": candidates})

    assert find_distributions(workflow) == ["forest-core", "forest-cpu", "scikit-learn"]


def test_a_classifier_is_refused_for_regression() -> None:
    with pytest.raises(ConfigError, match="is not for regression"):
        build(LOGISTIC, problem="regression")
