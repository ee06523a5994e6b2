"""Variants of a model's pipeline: its estimator held back more, without some features, another estimator.

By fitting them it is seen whether a change would help. Stays out: doing so (``evaluation.diagnosis``).
"""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.training.estimators import make_pipeline
from lakemill.training.numbered_classes import NumberedClasses

Stronger = Callable[[Any], Any]
FLEXIBLE = {
    "classification": "sklearn.ensemble.HistGradientBoostingClassifier",
    "regression": "sklearn.ensemble.HistGradientBoostingRegressor",
}


@dataclass(frozen=True)
class Regularised:
    """An unfitted pipeline with one parameter that holds the estimator back more.

    Attributes
    ----------
    pipeline : Pipeline
    parameter : str
    before, after : object
        Its values.
    """

    pipeline: Pipeline
    parameter: str
    before: Any
    after: Any


def _times(factor: float, own: Any = 1) -> Stronger:
    def stronger(value: Any) -> Any:
        value = own if value is None else value
        if isinstance(own, float):
            return value * factor
        # of a parameter that counts rows, a float is a share of them
        return min(0.5, value * factor) if isinstance(value, float) else round(value * factor)

    return stronger


def _quarter(own: int) -> Stronger:
    return lambda value: max(3, int((value or own) // 4))


# by the name of the class: the parameter that a person would turn first, and a clear step of it
REGULARISERS: dict[str, tuple[str, Stronger]] = {
    **dict.fromkeys(
        ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor"), ("max_leaf_nodes", _quarter(31))
    ),
    **dict.fromkeys(
        (
            "DecisionTreeClassifier",
            "DecisionTreeRegressor",
            "RandomForestClassifier",
            "RandomForestRegressor",
            "ExtraTreesClassifier",
            "ExtraTreesRegressor",
            "GradientBoostingClassifier",
            "GradientBoostingRegressor",
        ),
        ("min_samples_leaf", _times(10)),
    ),
    **dict.fromkeys(("LogisticRegression", "LinearSVC", "LinearSVR", "SVC", "SVR"), ("C", _times(0.1, 1.0))),
    **dict.fromkeys(("Ridge", "RidgeClassifier", "Lasso", "ElasticNet"), ("alpha", _times(10, 1.0))),
    **dict.fromkeys(("MLPClassifier", "MLPRegressor"), ("alpha", _times(100, 0.0001))),
    **dict.fromkeys(("KNeighborsClassifier", "KNeighborsRegressor"), ("n_neighbors", _times(4, 5))),
    **dict.fromkeys(("LGBMClassifier", "LGBMRegressor"), ("num_leaves", _quarter(31))),
    **dict.fromkeys(("XGBClassifier", "XGBRegressor"), ("min_child_weight", _times(10))),
}


def name_estimator(pipeline: Pipeline) -> str:
    """Return the class name of a pipeline's estimator."""
    return type(_inner(pipeline)).__name__


def regularise(pipeline: Pipeline) -> Regularised | None:
    """Return the pipeline with its estimator held back more; None where no parameter for that is known.

    Parameters
    ----------
    pipeline : Pipeline
        Of `lakemill.training.estimators.make_pipeline`; it is not changed.

    Returns
    -------
    Regularised or None
    """
    known = REGULARISERS.get(name_estimator(pipeline))
    if known is None:
        return None
    parameter, stronger = known
    variant = clone(pipeline)
    estimator = _inner(variant)
    before = estimator.get_params()[parameter]
    after = stronger(before)
    if before == after:
        return None
    estimator.set_params(**{parameter: after})
    return Regularised(variant, parameter, before, after)


def without_features(pipeline: Pipeline, names: Collection[str]) -> Pipeline:
    """Return the unfitted pipeline without some features; at least one must be left.

    Parameters
    ----------
    pipeline : Pipeline
        Of `lakemill.training.estimators.make_pipeline`; it is not changed.
    names : collection of str

    Returns
    -------
    Pipeline
    """
    variant = clone(pipeline)
    transform: ColumnTransformer = variant.named_steps["transform"]
    ordered = [name for _, _, columns in transform.transformers for name in _as_list(columns)]
    kept = [
        (part, made, columns if isinstance(columns, str) else [name for name in columns if name not in names])
        for part, made, columns in transform.transformers
        if any(name not in names for name in _as_list(columns))
    ]
    transform.set_params(transformers=kept)
    estimator = _inner(variant)
    coded = estimator.get_params().get("categorical_features")
    if isinstance(coded, list):  # the first columns of the transformer, one a feature
        estimator.set_params(categorical_features=list(range(sum(ordered[at] not in names for at in coded))))
    return variant


def make_flexible(features: Features, *, problem: str, seed: int) -> Pipeline:
    """Return an unfitted pipeline of gradient boosting with its own values: it learns most shapes there are.

    Parameters
    ----------
    features : Features
    problem : {"classification", "regression"}
    seed : int

    Returns
    -------
    Pipeline
    """
    candidate = Candidate(estimator=FLEXIBLE[problem]).suit(len(features.columns))
    return make_pipeline(candidate, features, problem=problem, parameters={}, seed=seed)


def _inner(pipeline: Pipeline) -> Any:
    estimator = pipeline.named_steps["estimate"]
    return estimator.estimator if isinstance(estimator, NumberedClasses) else estimator


def _as_list(columns: str | list[str]) -> list[str]:
    return [columns] if isinstance(columns, str) else columns
