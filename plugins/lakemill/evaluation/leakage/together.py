"""A feature that knows too much in a disguise which others take off: a sum with one of them, a share of one.

Alone it tells little. But a model of all tells nearly all, and without it the others do not come near.
Stays out: features that do so alone (``columns.py``).
"""

from typing import Any

import numpy as np
from sklearn.ensemble import HistGradientBoostingClassifier, HistGradientBoostingRegressor

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.columns import ALONE, FAR
from lakemill.evaluation.leakage.judged import Sample, code_columns, draw_sample, predict_alone
from lakemill.evaluation.leakage.skill import measure_skill
from lakemill.evaluation.predictions import Prediction, predict

NAME = "no feature makes the others tell nearly all"
MOST_ROWS = 1000  # test rows that the candidate is asked about
MOST_SUSPECTS = 3  # whose mixing costs most


def check_together(case: Case) -> Proof:
    """No feature is what lets a nearly perfect candidate tell so much, while alone it tells little.

    Only a candidate that is nearly perfect on test rows is asked: which features cost most when they are mixed among
    these rows. The first of them are left out one by one, and boosting on the rest is judged on rows that it has not
    seen, with the label of the row before, as a series may follow from itself. Whatever was computed with a leak, the
    leak and what it was computed with are both named: neither is of use without the other.
    """
    settings, sample = case.workflow.gate.leakage, draw_sample(case)
    if sample is None:
        return Proof(NAME, True, "not told: too few rows of each class")
    limit = settings.alone if settings.alone is not None else ALONE[case.is_classification]
    reached, losses = _ask_candidate(case, limit)
    found = f"the candidate reaches {max(reached, 0):.3f} of a perfect skill on test rows"
    figures: dict[str, Any] = {"candidate": reached, "limit": limit}
    if not reached >= limit:
        return Proof(NAME, True, found, figures)
    names = list(sample.X.columns)
    whole = sample.measure(_boost(sample, names))
    without = {}
    for name in sorted(losses, key=lambda one: -losses[one])[:MOST_SUSPECTS]:
        if name not in settings.allow and sample.measure(predict_alone(sample, name)) < limit:
            without[name] = sample.measure(_boost(sample, [one for one in names if one != name]))
    suspects = sorted((one for one in without if without[one] < FAR * whole), key=lambda one: without[one])
    figures.update(all=whole, without=without, suspects=suspects)
    if whole < limit or not suspects:
        return Proof(NAME, True, f"{found}, and no feature alone makes the difference", figures)
    told = " and ".join(f"{without[one]:.3f} without {one}" for one in suspects)
    text = (
        f"all features together reach {whole:.3f} of a perfect skill, but only {told}: is each known at the event "
        "time, and made of nothing that is not? If not, take it out of features; if so, allow them "
        f"(gate.leakage.allow: [{', '.join(suspects)}])"
    )
    return Proof(NAME, False, text, figures)


def _ask_candidate(case: Case, limit: float) -> tuple[float, dict[str, float]]:
    """Return the candidate's skill on test rows, and where it reaches the limit what mixing each feature costs it."""
    at, losses = case.draw(case.split.test, MOST_ROWS), {}
    X, y = case.X.iloc[at], case.y[at]
    reached = _measure(y, predict(case.pipeline, X))
    if reached >= limit:
        order = np.random.default_rng(case.seed).permutation(len(X))
        for name in X.columns:
            mixed = X.assign(**{str(name): X[name].array[order]})
            losses[str(name)] = reached - _measure(y, predict(case.pipeline, mixed))
    return reached, losses


def _measure(y: np.ndarray, prediction: Prediction) -> float:
    if prediction.probabilities is not None:
        return measure_skill(y, prediction.probabilities, classes=prediction.classes)
    correlation = measure_skill(y, prediction.predicted)
    return correlation * abs(correlation)  # comparable with R2


def _boost(sample: Sample, names: list[str]) -> np.ndarray:
    kind = HistGradientBoostingClassifier if sample.is_classification else HistGradientBoostingRegressor
    return sample.predict(kind(max_iter=60, random_state=sample.seed), code_columns(sample, names))
