"""A quick training on a sample, put to the gate against the champion: an indication of what a change is worth.

Each candidate is fitted once, with its own values; the best is judged on test rows of the sample, as is the champion.
Stays out: trainings that count (``registry.releases``). Nothing is kept.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.gate import Evidence, judge
from lakemill.evaluation.metrics import METRICS, predict_naively
from lakemill.evaluation.predictions import Prediction, predict, predict_pieces
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.registry.ledger import find_champion
from lakemill.registry.models import Registry
from lakemill.training.estimators import make_pipeline
from lakemill.training.fitting import fit_rows
from lakemill.training.found_features import features_of
from lakemill.training.snapshots import open_snapshot, take_snapshot
from lakemill.training.training_rows import TrainingRows, load_training_rows

AGAINST_CHAMPION = "against champion"
QUALITY = frozenset({"floor", "better than naive", AGAINST_CHAMPION})  # the rules that a quick training can answer


@dataclass(frozen=True)
class Champion:
    """The model in charge, as it is compared with.

    Attributes
    ----------
    version : str
    pipeline : Pipeline
    features : Features
        Its own.
    partitions : frozenset of str
        That it was trained on.
    """

    version: str
    pipeline: Pipeline
    features: Features
    partitions: frozenset[str]


@dataclass(frozen=True)
class Outcome:
    """What the gate says of a quick training.

    Attributes
    ----------
    verdict : str
        ``pass`` or ``fail``.
    candidate : str
        Its name in the workflow file.
    rows : dict of str to int
        Of each part of the split.
    metric : str
    score, naive : float or None
        On the test rows; None where they are not defined.
    champion : str or None
        Version.
    champion_score : float or None
        On the same rows.
    findings : tuple of (str, bool, str)
        Rule, whether it is met, figures.
    notes : tuple of str
        What to keep in mind.
    """

    verdict: str
    candidate: str
    rows: dict[str, int]
    metric: str
    score: float | None
    naive: float | None
    champion: str | None
    champion_score: float | None
    findings: tuple[tuple[str, bool, str], ...]
    notes: tuple[str, ...] = ()


def load_champion(workflow: Workflow, lake: Lake, registry: Registry, *, as_of: datetime) -> Champion | None:
    """Return the model in charge as of a moment, None where there is none.

    Raises
    ------
    RegistryError
        If its files are not those that were kept.
    """
    entry = find_champion(lake, as_of=as_of)
    if entry is None:
        return None
    snapshot = lake.read_document(f"snapshots/{entry.snapshot}") or {}
    features = features_of(workflow, lake, entry.snapshot)
    return Champion(entry.version, registry.load(entry.version), features, frozenset(snapshot.get("partitions", ())))


def train_quickly(workflow: Workflow, lake: Lake, keys: tuple[str, ...], champion: Champion | None) -> Outcome:
    """Train on some partitions and put the best candidate to the gate.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
        Of the sample.
    keys : tuple of str
        Its partitions; what is known at the end of the last one counts.
    champion : Champion or None

    Returns
    -------
    Outcome

    Raises
    ------
    TrainingError
        If there are too few rows.
    """
    snapshot = take_snapshot(workflow, lake, as_of=workflow.partition.interval(keys[-1]).end)["id"]
    loaded = load_training_rows(workflow, lake, snapshot)
    workflow, metric, y = loaded.workflow, METRICS[workflow.train.metric], loaded.y_test
    if not len(y):
        raise TrainingError("no row of the sample is left to test on", where=workflow.workflow)
    name = _choose(workflow, loaded)
    pipeline = fit_rows(_make(workflow, name), loaded)
    candidate = predict_pieces(pipeline, loaded.test_frames()).align(loaded.classes)
    held, notes = _ask_champion(workflow, lake, snapshot, loaded, champion)
    difference: Difference | None = None
    if held is not None:
        held = held.align(tuple(sorted({*loaded.classes, *held.classes})))
        candidate = candidate.align(held.classes)
        confidence = workflow.gate.against_champion.confidence
        difference = compare_paired(metric, y, candidate, held, confidence=confidence, seed=workflow.train.seed)
    if champion is not None and (seen := sorted(champion.partitions & set(keys))):
        notes.append(f"the champion has learnt from {', '.join(seen)}, which speaks for it")
    naive = predict_naively(loaded.y[loaded.split.fit], len(y), problem=workflow.table.label.problem)
    scores = metric(y, candidate), metric(y, naive.align(candidate.classes))
    asked = QUALITY if difference is not None else QUALITY - {AGAINST_CHAMPION}
    findings = [one for one in judge(Evidence(metric, *scores, difference), workflow.gate) if one.rule in asked]
    return Outcome(
        verdict="pass" if all(one.is_met for one in findings) else "fail",
        candidate=name,
        rows=loaded.counts,
        metric=metric.name,
        score=_finite(scores[0]),
        naive=_finite(scores[1]),
        champion=champion.version if champion is not None and held is not None else None,
        champion_score=_finite(metric(y, held)) if held is not None else None,
        findings=tuple((one.rule, bool(one.is_met), one.text) for one in findings),
        notes=tuple(notes),
    )


def _choose(workflow: Workflow, loaded: TrainingRows) -> str:
    """Return the candidate that is best on rows that it was not fitted on."""
    names = list(workflow.train.candidates)
    if len(names) == 1:
        return names[0]
    metric, (train, held) = METRICS[workflow.train.metric], loaded.split.tuning[0]
    scores = {}
    for name in names:
        pipeline = _make(workflow, name).fit(loaded.X.iloc[train], loaded.y[train])
        score = metric(loaded.y[held], predict(pipeline, loaded.X.iloc[held]).align(loaded.classes))
        scores[name] = metric.gain(score, 0.0)
    return max(names, key=lambda name: -np.inf if np.isnan(scores[name]) else scores[name])


def _make(workflow: Workflow, name: str) -> Pipeline:
    return make_pipeline(
        workflow.train.candidates[name],
        workflow.features,
        problem=workflow.table.label.problem,
        parameters={},
        seed=workflow.train.seed,
    )


def _ask_champion(
    workflow: Workflow, lake: Lake, snapshot: str, loaded: TrainingRows, champion: Champion | None
) -> tuple[Prediction | None, list[str]]:
    """Return what the champion says of the test rows, or why it cannot be asked."""
    if champion is None:
        return None, []
    own, rows = champion.features, None
    lacking = sorted({*own.columns} - {*own.made} - set(loaded.rows.column_names))
    if (own.columns, own.windows) != (workflow.features.columns, workflow.features.windows):
        rows = open_snapshot(workflow, lake, snapshot, windows=own.windows)
        lacking = sorted(set(own.columns) - set(rows.schema.names))
    if lacking:
        return None, [f"the champion cannot be asked: the table has no {', '.join(lacking)} any more"]
    return predict_pieces(champion.pipeline, loaded.test_frames(own, rows)), []


def _finite(value: Any) -> float | None:
    return float(value) if pd.notna(value) and np.isfinite(value) else None
