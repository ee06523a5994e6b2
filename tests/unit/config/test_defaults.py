"""What a workflow file may leave out, and what stands for it."""

import importlib
import inspect

import pytest
from workflows_for_tests import make_workflow

from lakemill.config.defaults import CANDIDATES, SEARCH, WIDE, find_search
from lakemill.config.features import ALL
from lakemill.config.training import METRICS, Candidate, Range
from lakemill.training.drawing import untuned_parameters
from lakemill.training.estimators import read_defaults

MODULES = ("ensemble", "linear_model", "svm", "tree", "neighbors")


def path_of(name: str) -> str:
    package = {"LGBM": "lightgbm", "XGBC": "xgboost", "XGBR": "xgboost"}.get(name[:4], "")
    if package:
        pytest.importorskip(package, reason=f"{package} is not installed")
        return f"{package}.{name}"
    return next(
        f"sklearn.{module}.{name}" for module in MODULES if hasattr(importlib.import_module(f"sklearn.{module}"), name)
    )


@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_without_training_and_features_there_are_usual_ones(problem):
    workflow = make_workflow(problem, train={})

    kind = workflow.table.label.problem
    assert workflow.train.metric in METRICS[kind]
    assert list(workflow.train.candidates) == list(CANDIDATES[kind])
    assert all(one.search and one.untuned_first for one in workflow.train.candidates.values())


def test_a_metric_alone_keeps_the_usual_candidates():
    train = make_workflow(train={"metric": "roc_auc"}).train

    assert (train.metric, list(train.candidates)) == ("roc_auc", ["boosting", "logistic"])


def test_features_that_are_left_out_are_all_columns():
    content = make_workflow().model_dump(exclude={"features"}, mode="json")
    del content["partition"]["end"]
    content["table"]["label"]["known_after"] = content["approve"]["within"] = "1 day"
    content["collect"]["items"] = {"path": "items.csv"}

    assert type(make_workflow()).model_validate(content).features.auto == ALL


@pytest.mark.parametrize("name", SEARCH)
def test_a_usual_search_holds_the_estimators_own_values(name):
    candidate = Candidate(estimator=path_of(name))

    known = inspect.signature(getattr(importlib.import_module(candidate.estimator.rpartition(".")[0]), name)).parameters
    assert set(candidate.search) <= set(known) or name.startswith(("XGB", "LGBM"))
    assert untuned_parameters(candidate).keys() == candidate.search.keys()
    defaults = read_defaults(candidate.estimator, "")
    assert all(defaults[name] == value for name, value in untuned_parameters(candidate).items())


@pytest.mark.parametrize(
    ("given", "search"),
    [
        ({"search": {}}, []),
        ({"search": {"C": [1.0, 2.0]}}, ["C"]),
        ({"parameters": {"C": 3.0}}, []),
        ({"parameters": {"max_iter": 50}}, ["C"]),
        ({}, ["C"]),
    ],
    ids=["none is wanted", "another", "it is fixed", "another is fixed", "left out"],
)
def test_what_the_file_says_goes_over_the_usual(given, search):
    candidate = Candidate(estimator="sklearn.linear_model.LogisticRegression", **given)

    assert list(candidate.search) == search
    assert candidate.untuned_first == (bool(search) and "search" not in given)


def test_spaces_are_given_to_known_packages_only():
    assert find_search("mine.LogisticRegression", {}) == {}
    assert Candidate(estimator="mine.LogisticRegression").search == {}


def test_whole_numbers_are_drawn_whole():
    search = Candidate(estimator="sklearn.ensemble.HistGradientBoostingClassifier").search

    assert isinstance(search["max_leaf_nodes"], Range)
    assert isinstance(search["max_leaf_nodes"].low, int)


BOOSTING = "sklearn.ensemble.HistGradientBoostingClassifier"


@pytest.mark.parametrize(
    ("classes", "fixed"), [(2, {"max_features": 0.16}), (10, {"max_features": 0.16, "max_iter": 100})]
)
def test_boosting_of_a_wide_table_is_given_what_its_shape_asks_for_and_searches_the_rest(classes, fixed):
    suited = Candidate(estimator=BOOSTING).suit(400, classes)

    assert suited.parameters == fixed
    assert set(suited.search) == {*SEARCH["HistGradientBoostingClassifier"]} - set(fixed)
    assert suited.untuned_first


@pytest.mark.parametrize(
    ("given", "columns"),
    [
        ({"estimator": BOOSTING}, WIDE),
        ({"estimator": BOOSTING, "search": {"max_iter": [10, 20]}}, 400),
        ({"estimator": BOOSTING, "parameters": {"max_features": 1.0, "max_iter": 50}}, 400),
        ({"estimator": "sklearn.linear_model.LogisticRegression"}, 400),
    ],
    ids=["a narrow table", "a search of the file's own", "all is fixed", "another estimator"],
)
def test_other_candidates_stay_as_they_are(given, columns):
    candidate = Candidate(**given)

    assert candidate.suit(columns, 50) is candidate


def test_a_workflow_that_suits_its_width_keeps_its_training_hash():
    workflow = make_workflow(train={})

    suited = workflow.suit(400)
    assert suited.train.candidates["boosting"].parameters == {"max_features": 0.16}
    assert suited.training_hash() == workflow.training_hash() == suited.suit(400).training_hash()
    assert workflow.suit(WIDE) is workflow
