"""All measurements of a diagnosis in their order: learning curve, importance, slices, calibration, variants to try.

Stays out: what follows from them (``advice.py``), and where pipeline and rows come from.
"""

import dataclasses
from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.evaluation.calibration import measure_calibration
from lakemill.evaluation.comparison import compare_paired
from lakemill.evaluation.diagnosis.advice import Facts, Try
from lakemill.evaluation.diagnosis.learning_curve import LearningCurve, Report, Rows, fit_timed, trace_learning
from lakemill.evaluation.diagnosis.slices import judge_slices
from lakemill.evaluation.importance import measure_importance
from lakemill.evaluation.metrics import Metric, predict_naively
from lakemill.evaluation.predictions import predict
from lakemill.evaluation.scale import measure_scale
from lakemill.training.variants import make_flexible, name_estimator, regularise, without_features

MOST_TRIES = 3
CONFIDENCE = 1 - 0.05 / MOST_TRIES
CURVE, IMPORTANCE = 0.6, 0.8  # how much of the work is done after each, for whoever waits


@dataclass(frozen=True)
class Task:
    """A model to diagnose.

    Attributes
    ----------
    pipeline : Pipeline
        It is fitted anew, and not changed.
    features : Features
        None of them still to be found.
    train, validation : Rows
        No test rows.
    slice_by : dict of str to ndarray
        Further columns of the validation rows that slices are cut by.
    metric : Metric
    classes : tuple of str
        All of them; empty for regression.
    problem : {"classification", "regression"}
    split : str
        Kind of split, as in the workflow file.
    label : str
    label_noise : dict
        What the audit of labels found.
    seed : int
    """

    pipeline: Pipeline
    features: Features
    train: Rows
    validation: Rows
    slice_by: dict[str, np.ndarray]
    metric: Metric
    classes: tuple[str, ...]
    problem: str
    split: str
    label: str
    label_noise: dict[str, Any]
    seed: int


def measure(task: Task, *, draws: int, report: Report = lambda text, share: None) -> tuple[LearningCurve, Facts]:
    """Measure all that advice follows from.

    Parameters
    ----------
    task : Task
    draws : int
        Of each share of the learning curve.
    report : callable
        ``report(text, share)``: what is done now, and how much of the work is done, in [0, 1].

    Returns
    -------
    tuple of (LearningCurve, Facts)
    """
    metric, classes, seed, validation = task.metric, task.classes, task.seed, task.validation
    curve = trace_learning(
        task.pipeline,
        task.train,
        validation,
        metric=metric,
        classes=classes,
        draws=draws,
        seed=seed,
        report=lambda text, share: report(text, CURVE * share),
    )
    naive = predict_naively(task.train.y, len(validation.y), problem=task.problem).align(classes)
    scale = measure_scale(metric, metric(validation.y, naive))
    report("mixing each feature's values", CURVE)
    importances = measure_importance(
        curve.fitted, validation.X, validation.y, metric=metric, classes=classes, span=scale.span, seed=seed
    )
    report("cutting into slices", IMPORTANCE)
    columns = validation.X.assign(**task.slice_by)
    facts = Facts(
        metric=metric,
        scale=scale,
        train=curve.train,
        validation=curve.validation,
        doubling=curve.doubling,
        shift=curve.shift,
        split=task.split,
        calibration=measure_calibration(validation.y, curve.prediction, seed=seed),
        calibration_unseen=measure_calibration(*curve.unseen, seed=seed) if curve.unseen else None,
        slices=judge_slices(columns, task.features, validation.y, curve.prediction, metric=metric),
        importances=importances,
        label_noise=task.label_noise,
        estimator=name_estimator(task.pipeline),
        unit=task.label,
    )
    return curve, dataclasses.replace(facts, tries=_try_variants(task, curve, facts, report))


def _try_variants(task: Task, curve: LearningCurve, facts: Facts, report: Report) -> dict[str, Try]:
    """Fit what the figures make worth a try, on all training rows."""
    variants = _choose_variants(task, facts)
    tries = {}
    for number, (name, (change, variant)) in enumerate(variants.items(), start=1):
        report(f"trying {change}", IMPORTANCE + (1 - IMPORTANCE) * number / (len(variants) + 1))
        try:
            fitted, seconds = fit_timed(variant, task.train)
            prediction = predict(fitted, task.validation.X).align(task.classes)
        except ValueError:  # scikit-learn's word for: not on this data, such as more neighbours than rows
            continue
        difference = compare_paired(
            task.metric, task.validation.y, prediction, curve.prediction, confidence=CONFIDENCE, seed=task.seed
        )
        tries[name] = Try(change, difference, seconds, curve.points[-1].seconds)
    return tries


def _choose_variants(task: Task, facts: Facts) -> dict[str, tuple[str, Pipeline]]:
    variants: dict[str, tuple[str, Pipeline]] = {}
    if facts.is_gap_large:
        if (held_back := regularise(task.pipeline)) is not None:
            change = f"{held_back.parameter} {_word(held_back.before)} -> {_word(held_back.after)}"
            variants["regularised"] = (change, held_back.pipeline)
    else:
        flexible = make_flexible(task.features, problem=task.problem, seed=task.seed)
        variants["flexible"] = (name_estimator(flexible), flexible)
    idle = [one.feature for one in facts.importances if one.is_idle]
    if idle and len(idle) < len(facts.importances):
        variants["fewer_features"] = (f"without {', '.join(idle)}", without_features(task.pipeline, idle))
    return variants


def _word(value: Any) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)
