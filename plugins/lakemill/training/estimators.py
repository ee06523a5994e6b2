"""Candidates made into scikit-learn pipelines: the estimator by its import path, before it the transformer.

Also which installed distributions the estimators come from.

Stays out: fitting, and how good one is.
"""

import importlib
import inspect
from importlib.metadata import packages_distributions
from typing import Any

from sklearn.base import BaseEstimator, is_classifier, is_regressor
from sklearn.pipeline import Pipeline
from sklearn.utils import get_tags

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.exceptions import ConfigError, suggest
from lakemill.preprocessing.features import count_coded, make_transformer
from lakemill.training.feature_switches import find_left_out, of_estimator
from lakemill.training.numbered_classes import NumberedClasses

# XGBoost leaves these to its library, where they are None to Python
_XGBOOST = {"learning_rate": 0.3, "max_depth": 6, "min_child_weight": 1, "n_estimators": 100}
KNOWN_DEFAULTS: dict[str, dict[str, Any]] = {"XGBClassifier": _XGBOOST, "XGBRegressor": _XGBOOST}
# without these LightGBM sums in an order that threads decide, and talks
SETTLED: dict[str, dict[str, Any]] = {
    "lightgbm": {"deterministic": True, "force_row_wise": True, "verbosity": -1},
}
DISTRIBUTIONS = {"sklearn": "scikit-learn"}  # known without a search
NUMBERED_CLASSES = ("XGBClassifier", "XGBRFClassifier")
HISTOGRAM_BOOSTING = ("HistGradientBoostingClassifier", "HistGradientBoostingRegressor")


def make_pipeline(
    candidate: Candidate, features: Features, *, problem: str, parameters: dict[str, Any], seed: int, where: str = ""
) -> Pipeline:
    """Build the unfitted pipeline of a candidate.

    Parameters
    ----------
    candidate : Candidate
    features : Features
    problem : {"classification", "regression"}
    parameters : dict
        Found by tuning; the estimator's go over the fixed ones, those of features say which it has (`find_left_out`).
    seed : int
        For transformers and estimators that draw.
    where : str
        Workflow file and key, for errors.

    Returns
    -------
    Pipeline
        Steps ``transform`` and ``estimate``.

    Raises
    ------
    ConfigError
        If the estimator cannot be imported, is no estimator, is of another kind, or refuses a parameter; or if no
        feature is left.
    """
    kind = _import_estimator(candidate.estimator, where)
    known = inspect.signature(kind).parameters
    without = find_left_out(features, parameters)
    given = {**candidate.parameters, **of_estimator(parameters)}
    for name in {**given, **candidate.search}:
        if name not in known and not any(one.kind is one.VAR_KEYWORD for one in known.values()):
            raise ConfigError(f"{kind.__name__} has no parameter {name!r}", where=where, remedy=suggest(name, [*known]))
    boosting = kind.__name__ in HISTOGRAM_BOOSTING
    encode = _choose_encoding(candidate, features, boosting=boosting)
    coded = count_coded(features, encode=encode, without=without)
    if boosting and (coded or encode == "ordinal"):
        given.setdefault("categorical_features", list(range(coded)))
    if "random_state" in known:
        given.setdefault("random_state", seed)
    for name, value in SETTLED.get(kind.__module__.split(".")[0], {}).items():
        given.setdefault(name, value)
    try:
        estimator = kind(**given)
    except (TypeError, ValueError) as error:
        raise ConfigError(f"{kind.__name__}: {error}", where=where, remedy="mend its parameters") from None
    if not (is_classifier if problem == "classification" else is_regressor)(estimator):
        raise ConfigError(f"{candidate.estimator} is not for {problem}", where=where, remedy="choose another estimator")
    if kind.__name__ in NUMBERED_CLASSES:
        estimator = NumberedClasses(estimator)
    if not set(features.columns) - without:
        raise ConfigError("no feature is left", where=where, remedy="leave one outside of all features.groups")
    sparse = get_tags(estimator).input_tags.sparse
    transformer = make_transformer(features, encode=encode, sparse=sparse, seed=seed, without=without)
    return Pipeline([("transform", transformer), ("estimate", estimator)])


def _choose_encoding(candidate: Candidate, features: Features, *, boosting: bool) -> str:
    """Return the coding of categories: the candidate's own, else that of all features, else what suits it."""
    usual = "ordinal" if boosting else "one_hot"
    return next((one for one in (candidate.encode, features.transform.encode) if one != "auto"), usual)


def read_defaults(path: str, where: str) -> dict[str, Any]:
    """Return the values that an estimator's parameters have of their own.

    Parameters
    ----------
    path : str
        Import path.
    where : str
        For errors.

    Returns
    -------
    dict
    """
    estimator = _import_estimator(path, where)
    known = inspect.signature(estimator).parameters.values()
    return {one.name: one.default for one in known if one.default is not one.empty} | KNOWN_DEFAULTS.get(
        estimator.__name__, {}
    )


def find_distributions(workflow: Workflow) -> list[str]:
    """Return the installed distributions that the candidates' estimators come from.

    Parameters
    ----------
    workflow : Workflow

    Returns
    -------
    list of str
        Sorted, each once; nothing for a module that belongs to no distribution.
    """
    modules = {candidate.estimator.split(".")[0] for candidate in workflow.train.candidates.values()}
    known = {name for module in modules if (name := DISTRIBUTIONS.get(module)) is not None}
    strange = modules - set(DISTRIBUTIONS)
    installed = packages_distributions() if strange else {}  # reads the files of all distributions
    return sorted(known | {name for module in strange for name in installed.get(module, [])})


def _import_estimator(path: str, where: str) -> type[BaseEstimator]:
    module, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(module), name)
    except ImportError as error:
        raise ConfigError(
            f"cannot import {path}: {error}", where=where, remedy="install it, or mend the path"
        ) from None
    except AttributeError:
        names = [one for one in dir(importlib.import_module(module)) if one[0].isupper()]
        raise ConfigError(f"{module} has no {name}", where=where, remedy=suggest(name, names)) from None
    # asked before it is called: a path may name anything that Python can import
    if not (inspect.isclass(found) and hasattr(found, "fit") and hasattr(found, "get_params")):
        raise ConfigError(f"{path} is no estimator", where=where, remedy="name a class like LogisticRegression")
    return found
