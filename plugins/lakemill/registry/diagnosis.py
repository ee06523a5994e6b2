"""A kept model diagnosed: its snapshot, its rows and its pipeline brought together, and what its figures advise.

The kept model was fitted on training and validation rows, so its pipeline is fitted anew on training rows alone, and
all that is said comes from that model on training and validation rows. Of the test rows only the score is shown that
the gate has kept with the version; none is read. Advice that leads to changes must not come from test rows: a change
that is chosen by them is judged by rows that chose it. Stays out: measuring (``evaluation.diagnosis``), showing it.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.evaluation.calibration import Calibration
from lakemill.evaluation.diagnosis.advice import Finding, Try, advise
from lakemill.evaluation.diagnosis.learning_curve import (
    MOST_SCORED_ROWS,
    LearningCurve,
    Point,
    Report,
    Rows,
    count_draws,
)
from lakemill.evaluation.diagnosis.measuring import Task, measure
from lakemill.evaluation.diagnosis.slices import Slice, name_error
from lakemill.evaluation.importance import Importance
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.scale import Scale
from lakemill.exceptions import RegistryError, suggest
from lakemill.lake import Lake
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import split_rows
from lakemill.registry.json_values import make_plain
from lakemill.registry.label_audit import read_audit, summarise_noise
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of
from lakemill.training.snapshots import read_snapshot


@dataclass(frozen=True)
class Diagnosis:
    """What was found of a model.

    Attributes
    ----------
    workflow, version, snapshot, as_of, estimator, metric : str
    label, problem : str
    greater_is_better : bool
    rows : dict of str to int
        By part: train, validation.
    scale : Scale
    train, validation : float
        Scores of the model fitted on training rows.
    test : float or None
        What the gate has kept, of the model fitted on training and validation rows.
    curve : tuple of Point
    doubling, shift : dict or None
        Gain and interval.
    calibration, calibration_unseen : Calibration or None
    importances : list of Importance
    error : str
        What the errors of slices are.
    slices : list of Slice
    tries : dict of str to Try
    label_noise : dict or None
    findings : list of Finding
    notes : list of str
        What limits what is said.
    """

    workflow: str
    version: str
    snapshot: str
    as_of: str
    estimator: str
    metric: str
    label: str
    problem: str
    greater_is_better: bool
    rows: dict[str, int]
    scale: Scale
    train: float
    validation: float
    test: float | None
    curve: tuple[Point, ...]
    doubling: dict[str, float] | None
    shift: dict[str, float] | None
    calibration: Calibration
    calibration_unseen: Calibration | None
    importances: list[Importance]
    error: str
    slices: list[Slice]
    tries: dict[str, Try]
    label_noise: dict[str, Any] | None
    findings: list[Finding]
    notes: list[str]

    def as_dict(self) -> dict[str, Any]:
        """Return all of it for JSON; a figure that is not defined is None."""
        told: dict[str, Any] = make_plain(self)
        return told


def choose_version(registry: Registry, version: str | None) -> str:
    """Return the version that is asked for; by default the champion, else the newest.

    Parameters
    ----------
    registry : Registry
    version : str or None

    Returns
    -------
    str

    Raises
    ------
    RegistryError
        If there is no model yet, or no such version.
    """
    held = registry.versions()
    if not held:
        raise RegistryError(
            "no model yet", where=registry.name, remedy=f"train one first: lakemill run {registry.name}"
        )
    if version is None:
        champion = registry.champion()
        return held[-1] if champion is None else champion
    version = version.removeprefix("v")
    if version not in held:
        raise RegistryError(f"no version {version!r}", where=f"model {registry.name}", remedy=suggest(version, held))
    return version


def diagnose(
    workflow: Workflow,
    lake: Lake,
    registry: Registry,
    version: str,
    *,
    report: Report = lambda text, share: None,
) -> Diagnosis:
    """Diagnose a version.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    version : str
    report : callable
        ``report(text, share)``: what is done now, and how much of the work is done, in [0, 1].

    Returns
    -------
    Diagnosis
        The same for the same version and seed, but for CPU seconds.

    Raises
    ------
    RegistryError
        If the version cannot be loaded.
    TrainingError
        If its snapshot is gone, or cannot be split as the workflow file says by now.
    """
    report("reading rows", 0.0)
    tags, figures = registry.tags(version), registry.figures(version)
    snapshot, pipeline = tags["snapshot"], registry.load(version)
    metric, seed = METRICS[workflow.train.metric], workflow.train.seed
    problem, label = workflow.table.label.problem, workflow.table.label.column
    features = features_of(workflow, lake, snapshot)
    train, validation, classes, times = _read(workflow, lake, snapshot, features)

    audit = read_audit(lake, snapshot)
    draws = count_draws(training_seconds=_sum_training(figures), fit_seconds=figures.get("fit_cpu_seconds"))
    task = Task(
        pipeline=pipeline,
        features=features,
        train=train,
        validation=validation,
        slice_by={workflow.table.event_time: times},
        metric=metric,
        classes=classes,
        problem=problem,
        split=workflow.dataset.split,
        label=label,
        label_noise=audit,
        seed=seed,
    )
    curve, facts = measure(task, draws=draws, report=report)
    assert facts.calibration is not None  # noqa: S101  # it is measured
    return Diagnosis(
        workflow=workflow.workflow,
        version=version,
        snapshot=snapshot,
        as_of=tags["as_of"],
        estimator=facts.estimator,
        metric=metric.name,
        label=label,
        problem=problem,
        greater_is_better=metric.greater_is_better,
        rows={"train": len(train.y), "validation": len(validation.y)},
        scale=facts.scale,
        train=curve.train,
        validation=curve.validation,
        test=figures.get(f"test_{metric.name}"),
        curve=curve.points,
        doubling=vars(curve.doubling) if curve.doubling else None,
        shift=vars(curve.shift) if curve.shift else None,
        calibration=facts.calibration,
        calibration_unseen=facts.calibration_unseen,
        importances=facts.importances,
        error=name_error(metric, is_classes=bool(classes)),
        slices=facts.slices,
        tries=facts.tries,
        label_noise=summarise_noise(audit),
        findings=advise(facts),
        notes=_note(workflow, tags, curve),
    )


def _read(
    workflow: Workflow, lake: Lake, snapshot: str, features: Features
) -> tuple[Rows, Rows, tuple[str, ...], np.ndarray]:
    """Return training and validation rows as the training had them, all classes, and validation rows' event times."""
    rows = read_snapshot(workflow, lake, snapshot)
    y = make_target(rows, workflow.table.label)
    dropped = np.array(read_audit(lake, snapshot).get("dropped", []), dtype=int)
    split = split_rows(workflow, rows, y, besides=dropped)
    X = make_frame(rows, features)
    is_classes = workflow.table.label.problem == "classification"
    classes = tuple(sorted({str(one) for one in y})) if is_classes else ()
    held = split.validation
    if len(held) > MOST_SCORED_ROWS:
        held = np.sort(np.random.default_rng(workflow.train.seed).choice(held, size=MOST_SCORED_ROWS, replace=False))
    moments: pd.Series = rows.column(workflow.table.event_time).to_pandas()
    times = moments.dt.tz_localize(None) if moments.dt.tz is not None else moments
    everything = Rows(X, y)
    return everything.take(split.train), everything.take(held), classes, times.iloc[held].to_numpy()


def _note(workflow: Workflow, tags: dict[str, str], curve: LearningCurve) -> list[str]:
    notes = []
    if tags.get("training") not in (None, workflow.training_hash()):
        notes.append("the workflow file has changed since this training: rows are split and scored as it says now")
    if curve.doubling is None:
        notes.append("too few rows for a learning curve")
    return notes


def _sum_training(figures: dict[str, float]) -> float | None:
    if "fit_cpu_seconds" not in figures:
        return None
    tuning = sum(value for name, value in figures.items() if name.startswith("tuning_seconds_"))
    return tuning + figures["fit_cpu_seconds"]
