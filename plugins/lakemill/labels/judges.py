"""What the rows say of their own labels: predictions for each row by a model that has not seen it.

Stays out: what follows from a prediction that differs from the label.
"""

from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import KFold, StratifiedKFold
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.preprocessing.features import make_transformer

TREES = 100
LEAF = 2  # rows; single rows as leaves would repeat wrong labels


def make_judge(features: Features, *, problem: str, seed: int) -> Pipeline:
    """Build the model that labels are judged by if the workflow names none.

    Extremely random trees: fast on any table, nothing to tune, and hardly led astray by wrong labels, since each
    prediction is a mean over many of them.

    Parameters
    ----------
    features : Features
    problem : {"classification", "regression"}
    seed : int

    Returns
    -------
    Pipeline
        Not fitted.
    """
    kind = ExtraTreesClassifier if problem == "classification" else ExtraTreesRegressor
    trees = kind(TREES, min_samples_leaf=LEAF, random_state=seed, n_jobs=-1)
    return Pipeline(
        [("transform", make_transformer(features, encode="ordinal", sparse=False, seed=seed)), ("estimate", trees)]
    )


def predict_classes(
    make_model: Callable[[], Pipeline], X: pd.DataFrame, labels: np.ndarray, *, count: int, folds: int, seed: int
) -> np.ndarray:
    """Predict each row's class by a model fitted on the other folds.

    Parameters
    ----------
    make_model : callable
        ``make_model() -> Pipeline``, not fitted.
    X : DataFrame of shape (n, n_features)
    labels : ndarray of shape (n,), int
        In [0, count); each at least ``folds`` times.
    count : int
        Number of classes.
    folds : int
    seed : int

    Returns
    -------
    ndarray of shape (n, count)
        Probabilities in [0, 1]. A classifier without ``predict_proba`` is taken to be certain.
    """
    probabilities = np.zeros((len(labels), count))
    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    for others, rows in splitter.split(np.zeros(len(labels)), labels):
        model = _fit(make_model, X.iloc[others], labels[others])
        if hasattr(model, "predict_proba"):
            probabilities[np.ix_(rows, model.classes_)] = model.predict_proba(X.iloc[rows])
        else:
            probabilities[rows, model.predict(X.iloc[rows])] = 1.0
    return probabilities


def predict_values(
    make_model: Callable[[], Pipeline], X: pd.DataFrame, labels: np.ndarray, *, folds: int, seed: int
) -> np.ndarray:
    """Predict each row's value by a model fitted on the other folds.

    Parameters
    ----------
    make_model : callable
    X : DataFrame of shape (n, n_features)
    labels : ndarray of shape (n,)
    folds : int
    seed : int

    Returns
    -------
    ndarray of shape (n,)
    """
    predicted = np.zeros(len(labels))
    for others, rows in KFold(folds, shuffle=True, random_state=seed).split(labels):
        predicted[rows] = _fit(make_model, X.iloc[others], labels[others]).predict(X.iloc[rows])
    return predicted


def _fit(make_model: Callable[[], Pipeline], X: pd.DataFrame, labels: np.ndarray) -> Pipeline:
    model = make_model().fit(X, labels)
    # threads add up what a forest's trees say in any order, and so to another last digit each time
    asked = {name for name, value in model.get_params().items() if name.split("__")[-1] == "n_jobs" and value}
    return model.set_params(**dict.fromkeys(asked, 1))
