"""Whatever a workflow file may say of features or name as an estimator is kept and loaded, and predicts the same."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.evaluation.predictions import predict
from lakemill.preprocessing.features import MISSING, make_frame
from lakemill.registry.models import Fitted, Registry
from lakemill.training.estimators import make_pipeline

Open = Callable[[Workflow], Registry]
COUNT = 120
DRAW = np.random.default_rng(0)
FEATURES = {"numeric": ["a", "b"], "categorical": ["c", "d"], "dates": ["at"], "text": ["said"]}
GAPS = DRAW.random(COUNT) < 0.1
MOMENTS = 1_700_000_000_000_000 + 3_600_000_000 * DRAW.permutation(COUNT)
ROWS = pa.table(
    {
        "a": pa.array(DRAW.normal(size=COUNT), mask=GAPS),
        "b": DRAW.normal(size=COUNT),
        "c": DRAW.choice(["x", "y", "z"], COUNT).astype(object),
        "d": DRAW.choice(list("abcdefgh"), COUNT).astype(object),
        "at": pa.array(MOMENTS, mask=GAPS).cast(pa.timestamp("us", "UTC")),
        "said": pa.array([" ".join(DRAW.choice(["red", "old", "hat"], 3)) for _ in range(COUNT)], mask=GAPS),
    }
)
HIDDEN = ROWS["b"].to_numpy() + (ROWS["c"].to_numpy() == "x")
UNSEEN = pd.DataFrame({"a": [np.nan], "b": [9e9], "c": ["new"], "d": [MISSING], "at": [pd.NaT], "said": [""]})
TRANSFORMS: list[dict[str, Any]] = [
    {},
    {"scale": "min_max", "encode": "hashed", "buckets": 32},
    {"scale": "robust", "encode": "target", "rare": "5 %", "components": 2},
    {"scale": "quantile", "encode": "ordinal", "indicator": False},
    {"scale": "power", "impute": "mean", "parts": ["year", "day_of_year"], "cycles": False},
    {"scale": "unit_norm", "impute": "constant", "fill": -1},
    {"scale": "none", "impute": "most_frequent", "encode": "one_hot", "tokens": "characters", "ngrams": [2, 3]},
]
SMALL = {"sklearn": {}, "lightgbm": {"n_estimators": 5}, "xgboost": {"n_estimators": 5}}
CLASSES = {
    "binary": np.where(HIDDEN > 0.3, "yes", "no"),
    "multiclass": np.select([HIDDEN < -0.5, HIDDEN > 0.7], ["low", "high"], "middle"),
}
CLASSIFIERS = [
    "sklearn.linear_model.LogisticRegression",
    "sklearn.ensemble.HistGradientBoostingClassifier",
    "lightgbm.LGBMClassifier",
    "xgboost.XGBClassifier",
]
REGRESSORS = ["sklearn.linear_model.Ridge", "lightgbm.LGBMRegressor", "xgboost.XGBRegressor"]


def check(registry_of: Open, estimator: str, problem: str, y: np.ndarray, transform: dict[str, Any]) -> None:
    package = estimator.split(".")[0]
    pytest.importorskip(package, reason=f"{package} is not installed")
    candidate = {"estimator": estimator, "parameters": SMALL[package]}
    if "HistGradient" in estimator:
        candidate["parameters"] = {"max_iter": 5}
    workflow = make_workflow(
        problem,
        features={**FEATURES, "transform": transform, "by_column": {"d": {"encode": "hashed"}}},
        train={"candidates": {"plain": candidate}},
    )
    X = make_frame(ROWS, workflow.features)
    pipeline = make_pipeline(
        workflow.train.candidates["plain"],
        workflow.features,
        problem=workflow.table.label.problem,
        parameters={},
        seed=0,
    ).fit(X, y)
    registry = registry_of(workflow)
    fitted = Fitted(pipeline, "abc", datetime(2020, 1, 2, tzinfo=UTC), {}, {}, {})

    loaded = registry.load(registry.add(fitted))

    for rows in (X, X.iloc[[3]], UNSEEN):
        np.testing.assert_array_equal(predict(loaded, rows).score, predict(pipeline, rows).score)
    assert np.isfinite(predict(loaded, UNSEEN).score).all()
    np.testing.assert_allclose(predict(pipeline, X).score[3], predict(pipeline, X.iloc[[3]]).score[0])


@pytest.mark.parametrize("transform", TRANSFORMS, ids=str)
def test_every_transform_is_kept(open_registry: Open, transform: dict[str, Any]) -> None:
    y = CLASSES["binary"].astype(object)
    check(open_registry, "sklearn.linear_model.LogisticRegression", "binary", y, transform)


@pytest.mark.parametrize("problem", CLASSES)
@pytest.mark.parametrize("estimator", CLASSIFIERS)
def test_a_classifier_is_kept(open_registry: Open, estimator: str, problem: str) -> None:
    check(open_registry, estimator, problem, CLASSES[problem].astype(object), {"encode": "ordinal"})


@pytest.mark.parametrize("estimator", REGRESSORS)
def test_a_regressor_is_kept(open_registry: Open, estimator: str) -> None:
    check(open_registry, estimator, "regression", HIDDEN, {})
