"""Features that know too much: known only after the event, or so good alone that they are likely to be.

Stays out: rows, and features that are so good with the help of others (``together.py``).
"""

from typing import Any

import numpy as np
from sklearn.ensemble import ExtraTreesClassifier, ExtraTreesRegressor

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.judged import Sample, code_columns, draw_sample, predict_alone

ALONE = {True: 0.9, False: 0.95}  # for classes, for numbers
FAR = 2 / 3  # others that reach less than this share of its skill do not come near
PERFECT = 0.998
BELOW = 0.1  # so far under the limit a feature is told of, not refused


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
    sample = draw_sample(case)
    if sample is None:
        return Proof(name, True, "not told: too few rows of each class")
    limit = settings.alone if settings.alone is not None else ALONE[case.is_classification]
    predicted = {one: predict_alone(sample, one) for one in sample.X.columns if one not in settings.allow}
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


def _predict_rest(sample: Sample, names: list[str]) -> np.ndarray:
    kind = ExtraTreesClassifier if sample.is_classification else ExtraTreesRegressor
    forest = kind(60, min_samples_leaf=max(2, len(sample.y) // 2000), random_state=sample.seed)
    return sample.predict(forest, code_columns(sample, names))


def _is_sure(sample: Sample, alone: np.ndarray, rest: np.ndarray, skill: float) -> bool:
    """Tell whether a perfect feature is better than all others beyond doubt: in 99 of 100 draws of the rows."""
    if skill < PERFECT:
        return False
    generator = np.random.default_rng(sample.seed)
    draws = [generator.integers(0, len(sample.y), len(sample.y)) for _ in range(100)]
    gains = [sample.measure(alone, rows) - sample.measure(rest, rows) for rows in draws]
    return bool(np.nanquantile(gains, 0.01) > 1 - PERFECT)


def _them(suspects: list[str]) -> str:
    return "it" if len(suspects) == 1 else "them"
