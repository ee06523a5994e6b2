"""Rows prepared once: what trials share, and that they learn the same as from pipelines of their own."""

from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from tuning_for_tests import SPLIT, tune
from workflows_for_tests import make_rows, make_workflow

from lakemill.evaluation.leakage.learnt import digest_learnt
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.training.estimators import make_pipeline
from lakemill.training.prepared import Preparations

TRAIN, HELD = pd.DataFrame({"a": [1.0, 2.0, 3.0, 4.0]}), pd.DataFrame({"a": [10.0, 20.0]})
Y = np.array([0.0, 1.0, 2.0, 3.0])
LOGISTIC = {"estimator": "sklearn.linear_model.LogisticRegression"}
OVERWRITES = {"estimator": "sklearn.linear_model.RidgeClassifier", "parameters": {"copy_X": False}}


class CountingScaler(StandardScaler):
    """Counts how often it is fitted."""

    fits = 0

    def fit(self, X, y=None, sample_weight=None):
        type(self).fits += 1
        return super().fit(X, y, sample_weight)


@pytest.fixture(autouse=True)
def _none_fitted() -> None:
    CountingScaler.fits = 0


def test_a_fold_is_prepared_once_by_equal_transformers_and_by_others_and_other_folds_by_themselves() -> None:
    preparations = Preparations()
    first = preparations.prepare(0, CountingScaler(), TRAIN, Y, HELD)

    assert preparations.prepare(0, CountingScaler(), TRAIN, Y, HELD) is first
    assert preparations.prepare(1, CountingScaler(), TRAIN, Y, HELD) is not first
    assert preparations.prepare(0, CountingScaler(with_mean=False), TRAIN, Y, HELD) is not first
    assert CountingScaler.fits == 3


def test_rows_to_score_come_from_memory_and_all_others_are_transformed() -> None:
    prepared = Preparations().prepare(0, StandardScaler(), TRAIN, Y, HELD)

    assert prepared.transformer.transform(HELD) is prepared.transformer.transformed
    alone = StandardScaler().fit(TRAIN)
    np.testing.assert_array_equal(prepared.transformer.transformed, alone.transform(HELD))
    np.testing.assert_array_equal(prepared.transformer.transform(TRAIN), alone.transform(TRAIN))
    np.testing.assert_array_equal(prepared.train, alone.transform(TRAIN))


def test_beyond_so_many_bytes_the_oldest_is_let_go_and_never_the_newest() -> None:
    preparations = Preparations(most_bytes=100)  # one takes 48
    kept = {fold: preparations.prepare(fold, CountingScaler(), TRAIN, Y, HELD) for fold in range(3)}

    assert preparations.prepare(2, CountingScaler(), TRAIN, Y, HELD) is kept[2]
    assert preparations.prepare(1, CountingScaler(), TRAIN, Y, HELD) is kept[1]
    assert preparations.prepare(0, CountingScaler(), TRAIN, Y, HELD) is not kept[0]
    tight = Preparations(most_bytes=1)
    assert tight.prepare(0, StandardScaler(), TRAIN, Y, HELD) is tight.prepare(0, StandardScaler(), TRAIN, Y, HELD)


def test_sparse_rows_are_counted_by_what_they_hold() -> None:
    preparations = Preparations(most_bytes=1_000)
    levels = pd.DataFrame({"a": list("abcd") * 25})
    first = preparations.prepare(0, OneHotEncoder(), levels, np.zeros(100), levels)

    assert preparations.prepare(1, OneHotEncoder(), levels, np.zeros(100), levels) is not first
    assert preparations.prepare(0, OneHotEncoder(), levels, np.zeros(100), levels) is not first


def test_parameters_that_decide_whether_columns_may_be_sparse_do_not_share_rows() -> None:
    candidate = {"estimator": "sklearn.linear_model.RidgeClassifier", "search": {"solver": ["lsqr", "svd"]}}
    workflow = make_workflow(
        train={"metric": "accuracy", "candidates": {"plain": candidate}, "budget": {"trials": 6, "rows": 500}}
    )
    solvers: list[str] = []

    def note(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        solvers.append(pipeline["estimate"].solver)
        return float(len(pipeline.predict(X)))

    tune(workflow, scored=note)

    assert set(solvers) == {"lsqr", "svd"}


@pytest.mark.parametrize("candidate", [LOGISTIC, OVERWRITES], ids=["usual", "overwrites what it is given"])
def test_a_trial_learns_what_a_pipeline_of_its_own_learns(candidate: dict[str, Any]) -> None:
    workflow = make_workflow(
        train={"metric": "accuracy", "candidates": {"plain": candidate}, "budget": {"trials": 4, "rows": 500}}
    )
    learnt: list[tuple[Pipeline, np.ndarray]] = []

    def note(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        learnt.append((pipeline, pipeline.decision_function(X)))
        return float(len(learnt))

    tune(workflow, scored=note)

    rows = make_rows(workflow, "2020-01-01", 200)
    X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
    assert len({digest_learnt(pipeline["estimate"]) for pipeline, _ in learnt}) == 4
    for pipeline, scores in learnt:
        searched = {name: getattr(pipeline["estimate"], name) for name in workflow.train.candidates["plain"].search}
        alone = make_pipeline(
            workflow.train.candidates["plain"], workflow.features, problem="classification", parameters=searched, seed=0
        ).fit(X.iloc[SPLIT.train], y[SPLIT.train])
        assert digest_learnt(alone["estimate"]) == digest_learnt(pipeline["estimate"])
        np.testing.assert_array_equal(alone.decision_function(X.iloc[SPLIT.validation]), scores)
