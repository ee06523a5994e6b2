"""Features that know too much: known only after the event, or so good alone that they are likely to be.

Stays out: rows.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import rankdata
from sklearn.base import BaseEstimator
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor
from sklearn.model_selection import KFold, StratifiedKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import TargetEncoder
from sklearn.tree import DecisionTreeClassifier, DecisionTreeRegressor

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.skill import measure_skill

MOST_ROWS = 5000
FOLDS = 3
ALONE = {True: 0.9, False: 0.95}  # for classes, for numbers
FAR = 2 / 3  # others that reach less than this share of its skill do not come near
PERFECT = 0.998
BELOW = 0.1  # so far under the limit a feature is told of, not refused


@dataclass(frozen=True)
class _Sample:
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


def check_availability(case: Case) -> Proof:
    """No feature is declared to be known only after the event; the workflow file is refused where one is."""
    late = {name: delay for name, delay in case.workflow.table.known_after.items() if delay}
    features = sorted(set(late) & set(case.X.columns))
    name = "no feature known only afterwards"
    if features:
        return Proof(name, False, f"{', '.join(features)} known only afterwards (table.known_after): no feature")
    return Proof(name, True, f"none of {len(late)} columns declared as known later is a feature")


def check_single_features(case: Case) -> Proof:
    """No feature tells the label nearly perfectly alone, while all others together do not come near.

    Each feature is judged by a small tree of its own on rows that the tree has not seen, which does not change with
    monotone transforms, and takes a category as well. Those that reach the limit are suspects; they are taken out
    together, as copies of one leak would vouch for each other, and the rest is judged by a forest. Added to the rest is
    the label of the row before: where labels follow from one another, a feature may tell them well and be innocent.
    """
    name, settings = "no feature tells nearly all alone", case.workflow.gate.leakage
    sample = _draw_sample(case)
    if sample is None:
        return Proof(name, True, "not told: too few rows of each class")
    limit = settings.alone if settings.alone is not None else ALONE[case.is_classification]
    predicted = {one: _predict_alone(sample, one) for one in sample.X.columns if one not in settings.allow}
    skills = {one: sample.measure(scores) for one, scores in predicted.items()}
    if not skills:
        return Proof(name, True, "all features are allowed to")
    best = max(skills, key=lambda one: skills[one])
    found = f"{best} alone reaches {max(skills[best], 0):.3f} of a perfect skill"
    figures: dict[str, Any] = {"feature": best, "alone": skills[best], "limit": limit}
    if skills[best] < limit - BELOW:
        return Proof(name, True, found, figures)
    suspects = sorted((one for one in skills if skills[one] >= min(limit, skills[best])), key=lambda one: -skills[one])
    rest = _predict_rest(sample, [one for one in sample.X.columns if one not in suspects])
    figures.update(rest=sample.measure(rest), suspects=suspects)
    found = f"{found}, all others without {', '.join(suspects)} reach {figures['rest']:.3f}"
    is_far = figures["rest"] < FAR * skills[best] or _is_sure(sample, predicted[best], rest, skills[best])
    if is_far and skills[best] >= limit:
        text = (
            f"{found}: known at the event time? If not, take {_them(suspects)} out of features; if so, allow "
            f"{_them(suspects)} (gate.leakage.allow: [{', '.join(suspects)}])"
        )
        return Proof(name, False, text, figures)
    doubt = ": make sure that it is known at the event time" if is_far else ""
    return Proof(name, True, found + doubt, figures, is_doubtful=is_far)


def _draw_sample(case: Case) -> _Sample | None:
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
    return _Sample(case.X.iloc[fit[at]].reset_index(drop=True), judged, previous, case.is_classification, case.seed)


def _predict_alone(sample: _Sample, name: str) -> np.ndarray:
    least = max(5, len(sample.y) // 1000)
    kind = DecisionTreeClassifier if sample.is_classification else DecisionTreeRegressor
    tree = kind(max_leaf_nodes=64, min_samples_leaf=least, random_state=sample.seed)
    values = sample.X[name]
    if _is_number(values):
        return sample.predict(tree, _as_numbers(values)[:, None])
    encoder = TargetEncoder(cv=KFold(FOLDS, shuffle=True, random_state=sample.seed))
    return sample.predict(make_pipeline(encoder, tree), values.astype(str).to_numpy(dtype=object)[:, None])


def _predict_rest(sample: _Sample, names: list[str]) -> np.ndarray:
    columns = [
        _as_numbers(values) if _is_number(values := sample.X[name]) else pd.factorize(values)[0] for name in names
    ]
    kind = ExtraTreesClassifier if sample.is_classification else ExtraTreesRegressor
    forest = kind(60, min_samples_leaf=max(2, len(sample.y) // 2000), random_state=sample.seed)
    return sample.predict(forest, np.column_stack([*columns, sample.previous]))


def _is_sure(sample: _Sample, alone: np.ndarray, rest: np.ndarray, skill: float) -> bool:
    """Tell whether a perfect feature is better than all others beyond doubt: in 99 of 100 draws of the rows."""
    if skill < PERFECT:
        return False
    generator = np.random.default_rng(sample.seed)
    draws = [generator.integers(0, len(sample.y), len(sample.y)) for _ in range(100)]
    gains = [sample.measure(alone, rows) - sample.measure(rest, rows) for rows in draws]
    return bool(np.nanquantile(gains, 0.01) > 1 - PERFECT)


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) or pd.api.types.is_datetime64_any_dtype(values)


def _as_numbers(values: pd.Series) -> np.ndarray:
    if pd.api.types.is_datetime64_any_dtype(values):
        return np.where(values.isna(), np.nan, values.astype("int64").astype("float64"))
    numbers = values.to_numpy(dtype="float64")
    return np.where(np.isfinite(numbers), numbers, np.nan)


def _them(suspects: list[str]) -> str:
    return "it" if len(suspects) == 1 else "them"
