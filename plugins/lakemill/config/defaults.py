"""What a workflow file may leave out of ``train``: metric, candidates, search spaces of common estimators.

Stays out: defaults of single keys, which stand with the keys.
"""

from typing import Any

# The number of classes is known from the data only. Log loss is defined for two as for many, needs no class in every
# part of the split, and asks for right probabilities. Squared error is what the default regressors minimise.
METRIC = {"classification": "log_loss", "regression": "root_mean_squared_error"}

CANDIDATES: dict[str, dict[str, dict[str, Any]]] = {
    "classification": {
        "boosting": {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier"},
        "logistic": {"estimator": "sklearn.linear_model.LogisticRegression", "parameters": {"max_iter": 1000}},
    },
    "regression": {
        "boosting": {"estimator": "sklearn.ensemble.HistGradientBoostingRegressor"},
        "ridge": {"estimator": "sklearn.linear_model.Ridge"},
    },
}


def _log(low: float, high: float) -> dict[str, Any]:
    return {"low": low, "high": high, "log": True}


_HISTOGRAM_BOOSTING = {
    "learning_rate": _log(0.02, 0.3),
    "max_leaf_nodes": {"low": 7, "high": 63},
    "min_samples_leaf": _log(5, 100),
    "max_iter": _log(50, 300),
    "max_features": [1.0, 0.5],
}
_FOREST = {
    "n_estimators": [100, 300],
    "max_features": [1.0, "sqrt", 0.5],
    "min_samples_leaf": _log(1, 50),
}
_BOOSTING = {
    "learning_rate": _log(0.02, 0.3),
    "max_depth": {"low": 2, "high": 8},
    "n_estimators": _log(50, 300),
    "min_samples_leaf": _log(1, 50),
}
_SUPPORT_VECTORS = {"C": _log(0.01, 10.0), "gamma": ["scale", "auto"]}
_NEIGHBOURS = {"n_neighbors": _log(1, 50), "weights": ["uniform", "distance"]}
_LIGHTGBM = {
    "learning_rate": _log(0.02, 0.3),
    "num_leaves": {"low": 7, "high": 63},
    "min_child_samples": _log(5, 100),
    "n_estimators": _log(50, 300),
}
_XGBOOST = {
    "learning_rate": _log(0.02, 0.3),
    "max_depth": {"low": 3, "high": 10},
    "min_child_weight": _log(1, 50),
    "n_estimators": _log(50, 300),
}
_C = {"C": _log(0.001, 10.0)}
_ALPHA = {"alpha": _log(0.001, 1000.0)}

# by the name of the class, of estimators of these packages; each space holds the estimator's own default
SEARCH: dict[str, dict[str, Any]] = {
    "HistGradientBoostingClassifier": _HISTOGRAM_BOOSTING,
    "HistGradientBoostingRegressor": _HISTOGRAM_BOOSTING,
    "RandomForestClassifier": _FOREST,
    "RandomForestRegressor": _FOREST,
    "ExtraTreesClassifier": _FOREST,
    "ExtraTreesRegressor": _FOREST,
    "GradientBoostingClassifier": _BOOSTING,
    "GradientBoostingRegressor": _BOOSTING,
    "DecisionTreeClassifier": {"min_samples_leaf": _log(1, 100)},
    "DecisionTreeRegressor": {"min_samples_leaf": _log(1, 100)},
    "LogisticRegression": _C,
    "LinearSVC": _C,
    "LinearSVR": _C,
    "SVC": _SUPPORT_VECTORS,
    "SVR": _SUPPORT_VECTORS,
    "Ridge": _ALPHA,
    "RidgeClassifier": _ALPHA,
    "Lasso": {"alpha": _log(0.0001, 10.0)},
    "ElasticNet": {"alpha": _log(0.0001, 10.0), "l1_ratio": {"low": 0.05, "high": 1.0}},
    "KNeighborsClassifier": _NEIGHBOURS,
    "KNeighborsRegressor": _NEIGHBOURS,
    "LGBMClassifier": _LIGHTGBM,
    "LGBMRegressor": _LIGHTGBM,
    "XGBClassifier": _XGBOOST,
    "XGBRegressor": _XGBOOST,
}
PACKAGES = ("sklearn", "lightgbm", "xgboost")

WIDE = 100  # columns
DEAR = 1_000  # of a wide table, columns times classes: boosting grows a tree a class in each iteration
SEEN = 64  # of a wide table's columns, by each node of a tree: many of them tell nearly the same


def find_search(estimator: str, fixed: dict[str, Any]) -> dict[str, Any]:
    """Return the default search space of an estimator, without parameters that are fixed.

    Parameters
    ----------
    estimator : str
        Import path.
    fixed : dict

    Returns
    -------
    dict
        Empty where there is none.

    Examples
    --------
    >>> find_search("sklearn.linear_model.Ridge", {})
    {'alpha': {'low': 0.001, 'high': 1000.0, 'log': True}}
    >>> find_search("sklearn.linear_model.Ridge", {"alpha": 2.0}), find_search("somewhere.Ridge", {})
    ({}, {})
    """
    package, name = estimator.split(".")[0], estimator.rpartition(".")[2]
    spaces = SEARCH.get(name, {}) if package in PACKAGES else {}
    return {key: space for key, space in spaces.items() if key not in fixed}


def is_dear(columns: int, classes: int) -> bool:
    """Tell whether fitting on a table is dear for its columns and classes, however few its rows.

    Examples
    --------
    >>> is_dear(340, 10), is_dear(340, 2), is_dear(16, 100)
    (True, False, False)
    """
    return columns > WIDE and columns * classes > DEAR


def find_fixed(estimator: str, columns: int, classes: int = 0) -> dict[str, Any]:
    """Return the parameters that an estimator is given for a table's shape, where the file says nothing of them.

    Parameters
    ----------
    estimator : str
        Import path.
    columns, classes : int

    Returns
    -------
    dict
        Empty where its own values and its search do.

    Examples
    --------
    >>> boosting = "sklearn.ensemble.HistGradientBoostingClassifier"
    >>> find_fixed(boosting, 340, 10), find_fixed(boosting, 340), find_fixed(boosting, 100, 1000)
    ({'max_features': 0.1882, 'max_iter': 100}, {'max_features': 0.1882}, {})
    >>> find_fixed("sklearn.linear_model.Ridge", 340)
    {}
    """
    package, name = estimator.split(".")[0], estimator.rpartition(".")[2]
    if package != "sklearn" or SEARCH.get(name) is not _HISTOGRAM_BOOSTING or columns <= WIDE:
        return {}
    fixed: dict[str, Any] = {"max_features": round(SEEN / columns, 4)}
    return {**fixed, "max_iter": 100} if is_dear(columns, classes) else fixed
