"""Realised performance: the scores of rows whose labels became known with a partition.

Stays out: how bad is too bad (``decision.py``).
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.config.partition import Interval
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.lake import PARTITION, Lake
from lakemill.lake.label_corrections import apply_corrections, read_corrections
from lakemill.lake.row_names import name_each
from lakemill.preprocessing.features import make_target
from lakemill.preprocessing.late_labels import LateLabels, find_known, find_twice, join_labels
from lakemill.training.snapshot_rows import mature_rows

TRUTH = "_truth"  # the label beside what was predicted


@dataclass(frozen=True)
class Performance:
    """How the scores of some rows turned out.

    Attributes
    ----------
    rows : int
        With a score, and a label that became known.
    score : float
        The workflow's metric; NaN where it is not defined.
    standard_error : float
        Of the score, by so many rows; NaN where it is not known.
    versions : tuple of str
        Models that made the scores.
    """

    rows: int
    score: float
    standard_error: float
    versions: tuple[str, ...]


def score_predictions(workflow: Workflow, made: pd.DataFrame | None) -> Performance:
    """Return how predictions of labelled rows turned out, as from `read_predictions`.

    With a delay of the label those of one partition are partly rows of earlier ones: each row is judged once, when it
    can be; where labels come later from a source of their own, when its first label became known.
    """
    if made is None:
        return Performance(0, math.nan, math.nan, ())
    versions = tuple(sorted(set(made["model_version"]), key=int))
    y, metric = made[TRUTH].to_numpy(), METRICS[workflow.train.metric]
    prediction = as_prediction(made, workflow.table.label.problem)
    score = metric(y, prediction)
    error = find_standard_error(metric, y, prediction, seed=workflow.train.seed, score=score)
    return Performance(len(made), score, error, versions)


def find_matured(
    workflow: Workflow, key: str, lake: Lake, *, partitions: Sequence[str] | None = None
) -> pa.Table | None:
    """Return the rows whose labels became known during a partition, or by its end, as people had put these right then.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    partitions : sequence of str, optional
        Their rows, whenever their labels became known until the end of ``key``.

    Returns
    -------
    pyarrow.Table or None
        The columns of the key, event time, label and ``partition``; None where there is no table.
    """
    partition, label = workflow.partition, workflow.table.label
    interval = partition.interval(key)
    earliest = interval.start - label.known_after
    history = [*partition.earlier(key), key]
    reached = [one for one in history if partition.interval(one).end > earliest]
    late = None if label.source is None else _find_late(workflow, lake, history, interval)
    if late is not None:
        reached = sorted({*reached, *late.partitions})
    if partitions is not None:
        reached = list(partitions)
    labelled = () if label.source is not None else (label.column,)
    names = list(dict.fromkeys((*workflow.table.key, workflow.table.event_time, *labelled, PARTITION)))
    rows = lake.read("clean", reached, columns=names)
    if rows is None:
        return None
    if late is not None:
        rows = join_labels(workflow, rows, late.known, twice=late.twice)
    corrections = read_corrections(lake, reached, as_of=interval.end)
    rows = apply_corrections(rows, corrections, key=workflow.table.key, label=label.column)
    since = interval.start if partitions is None else None
    return mature_rows(workflow, rows, as_of=interval.end, since=since)


def read_predictions(workflow: Workflow, lake: Lake, matured: pa.Table | None) -> pd.DataFrame | None:
    """Return what was predicted of labelled rows, with the truth beside it as ``TRUTH``.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    matured : pyarrow.Table or None
        As from `find_matured`.

    Returns
    -------
    DataFrame or None
        A row for each that has a score, in the order of ``matured``; None where nothing was ever scored.
    """
    if matured is None or not len(matured):
        return None
    predictions = lake.read("predictions", pc.unique(matured.column(PARTITION)).to_pylist())
    if predictions is None:
        return None
    names = [*workflow.table.key, PARTITION]  # a key may come again in another partition
    truth = matured.select(names).to_pandas()
    truth[TRUTH] = make_target(matured, workflow.table.label)
    made = predictions.filter(pc.is_valid(predictions.column("model_version"))).to_pandas()
    return truth.merge(made, on=names, how="inner", validate="one_to_one")


@dataclass(frozen=True)
class _Late:
    """Labels known at a partition's end, the names that several rows have, and where rows got their first label."""

    known: LateLabels
    twice: pa.Array
    partitions: list[str]


def _find_late(workflow: Workflow, lake: Lake, history: list[str], interval: Interval) -> _Late | None:
    rows = lake.read("clean", history, columns=[*workflow.table.key, PARTITION])
    if rows is None:
        return None
    known = find_known(workflow, lake, as_of=interval.end, types=rows.schema)
    names = name_each(rows, workflow.table.key)
    is_new = pc.greater_equal(known.known_from, pa.scalar(interval.start, known.known_from.type))
    reached = rows.column(PARTITION).filter(pc.is_in(names, known.names.filter(is_new)))
    return _Late(known, find_twice(names), reached.unique().to_pylist())


def as_prediction(made: pd.DataFrame, problem: str) -> Prediction:
    """Return rows of ``predictions`` in the form that metrics take, of models that may have known other classes."""
    if problem == "regression" or made.empty:
        return Prediction(made["score"].to_numpy(dtype="float64"))
    shares, known = made["probabilities"].to_numpy(), made["classes"].to_numpy()
    found = [np.asarray(rows) for rows in made.groupby("model_version").indices.values()]
    of_models = [(tuple(known[rows[0]]), rows) for rows in found]
    classes = tuple(sorted({name for names, _ in of_models for name in names}))
    probabilities = np.zeros((len(made), len(classes)))
    for names, rows in of_models:
        columns = np.array([classes.index(name) for name in names])
        probabilities[np.ix_(rows, columns)] = np.concatenate(shares[rows]).reshape(len(rows), -1)
    return Prediction(made["predicted"].to_numpy(dtype=object), probabilities, classes)
