"""Training rows that features are judged on: how well a feature, or many together, tell rows that a model has not seen.

Stays out: what is too good.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from lakemill.evaluation.leakage.case import Case
from lakemill.evaluation.leakage.skill import measure_skill

MOST_ROWS = 5000
FOLDS = 3


@dataclass(frozen=True)
class Sample:
    """Training rows to judge features on: X, y (ranks for numbers), and the labels of the rows before each."""

    X: pd.DataFrame
    y: np.ndarray
    previous: np.ndarray
    is_classification: bool
    seed: int

    def predict(self, estimator: BaseEstimator, X: np.ndarray) -> np.ndarray:
        """Return predictions for each row by a model that has not seen it."""
        splitter = StratifiedKFold if self.is_classification else KFold
        folds = splitter(FOLDS, shuffle=True, random_state=self.seed)
        method = "predict_proba" if self.is_classification else "predict"
        return cross_val_predict(estimator, X, self.y, cv=folds, method=method)

    def measure(self, scores: np.ndarray, rows: np.ndarray | None = None) -> float:
        """Return the skill of predictions: of classes 2 AUC - 1, of numbers R2 on ranks."""
        y, scores = (self.y, scores) if rows is None else (self.y[rows], scores[rows])
        if self.is_classification:
            return measure_skill(y, scores, classes=tuple(np.unique(self.y)))
        spread = np.sum((y - y.mean()) ** 2)
        return float(1 - np.sum((y - scores) ** 2) / spread) if spread > 0 else float("nan")


def draw_sample(case: Case) -> Sample | None:
    """Return the training rows to judge on, None where there are too few of each class."""
    fit = np.sort(case.split.fit)
    at = case.draw(np.arange(len(fit)), MOST_ROWS)
    y = case.y[fit]
    if case.is_classification:
        common, counts = np.unique(y[at], return_counts=True)
        at = at[np.isin(y[at], common[counts >= 2 * FOLDS])]  # a rarer class cannot be judged
        coded = pd.factorize(y)[0].astype("float64")
        if len(np.unique(y[at])) < 2:
            return None
        judged = y[at].astype(str)
    else:
        coded = y.astype("float64")
        judged = rankdata(y[at]) / len(at)
        if len(np.unique(judged)) < 2 or len(at) < 2 * FOLDS:
            return None
    previous = np.concatenate([[np.nan], coded[:-1]])[at]
    return Sample(case.X.iloc[fit[at]].reset_index(drop=True), judged, previous, case.is_classification, case.seed)


def predict_alone(sample: Sample, name: str) -> np.ndarray:
    """Predict by a small tree of one feature, which is blind to monotone transforms and takes a category as well."""
    least = max(5, len(sample.y) // 1000)
    kind = DecisionTreeClassifier if sample.is_classification else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=64, min_samples_leaf=least, random_state=sample.seed)
    values = sample.X[name]
    if _is_number(values):
        return sample.predict(tree, _as_numbers(values)[:, None])
    encoder = TargetEncoder(cv=KFold(FOLDS, shuffle=True, random_state=sample.seed))
    return sample.predict(make_pipeline(encoder, tree), values.astype(str).to_numpy(dtype=object)[:, None])


def code_columns(sample: Sample, names: Sequence[str]) -> np.ndarray:
    """Return features as numbers, and beside them the label of the row before."""
    columns = [
        _as_numbers(values) if _is_number(values := sample.X[name]) else pd.factorize(values)[0] for name in names
    ]
    return np.column_stack([*columns, sample.previous])


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)


def _as_numbers(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(values):
        return np.where(values.isna(), np.nan, values.astype("int64").astype("float64"))
    numbers = values.to_numpy(dtype="float64")
    return np.where(np.isfinite(numbers), numbers, np.nan)
