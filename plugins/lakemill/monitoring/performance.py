"""Realised performance: the scores of rows whose labels became known with a partition.

Stays out: how bad is too bad (``decision.py``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.config.partition import Interval
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.lake import PARTITION, Lake
from lakemill.lake.label_corrections import apply_corrections, read_corrections
from lakemill.lake.row_names import name_each
from lakemill.preprocessing.features import make_target
from lakemill.preprocessing.late_labels import LateLabels, find_known, find_twice, join_labels
from lakemill.training.snapshot_rows import mature_rows


@dataclass(frozen=True)
class Performance:
    """How the scores of some rows turned out.

    Attributes
    ----------
    rows : int
        With a score, and a label that became known.
    score : float
        The workflow's metric; NaN where it is not defined.
    versions : tuple of str
        Models that made the scores.
    """

    rows: int
    score: float
    versions: tuple[str, ...]


def realise(workflow: Workflow, key: str, lake: Lake) -> Performance:
    """Score the predictions whose labels became known during a partition, as people had put them right by its end.

    With a delay of the label these are partly rows of earlier partitions; so each row is judged once, when it can be.
    Where labels come later from a source of their own, a row is judged when its first label became known.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake

    Returns
    -------
    Performance
    """
    judged = read_judged(workflow, key, lake)
    if judged is None:
        return Performance(0, float("nan"), ())
    score = METRICS[workflow.train.metric](judged.y, judged.prediction)
    return Performance(len(judged.y), score, judged.versions)


@dataclass(frozen=True)
class Judged:
    """Rows whose labels became known with a partition, and what was predicted of them.

    Attributes
    ----------
    y : ndarray of shape (n,)
    prediction : Prediction
        For the same n rows.
    versions : tuple of str
        Models that made the scores.
    """

    y: np.ndarray
    prediction: Prediction
    versions: tuple[str, ...]


def read_judged(workflow: Workflow, key: str, lake: Lake) -> Judged | None:
    """Return the rows that `realise` scores, None where nothing has been scored or published yet."""
    partition, label = workflow.partition, workflow.table.label
    interval = partition.interval(key)
    earliest = interval.start - label.known_after
    history = [*partition.earlier(key), key]
    reached = [one for one in history if partition.interval(one).end > earliest]
    late = None if label.source is None else _find_late(workflow, lake, history, interval)
    if late is not None:
        reached = sorted({*reached, *late.partitions})
    labelled = () if label.source is not None else (label.column,)
    names = list(dict.fromkeys((*workflow.table.key, workflow.table.event_time, *labelled, PARTITION)))
    rows, predictions = lake.read("clean", reached, columns=names), lake.read("predictions", reached)
    if rows is None or predictions is None:
        return None
    if late is not None:
        rows = join_labels(workflow, rows, late.known, twice=late.twice)
    corrections = read_corrections(lake, reached, as_of=interval.end)
    rows = apply_corrections(rows, corrections, key=workflow.table.key, label=label.column)
    known = mature_rows(workflow, rows, as_of=interval.end, since=interval.start)
    names = [*workflow.table.key, PARTITION]  # a key may come again in another partition
    truth = known.select(names).to_pandas()
    truth["_truth"] = make_target(known, label)
    made = predictions.filter(pc.is_valid(predictions.column("model_version"))).to_pandas()
    joined = truth.merge(made, on=names, how="inner", validate="one_to_one")
    versions = tuple(sorted(set(joined["model_version"]), key=int))
    return Judged(joined["_truth"].to_numpy(), _as_prediction(joined, label.problem), versions)


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


def _as_prediction(made: pd.DataFrame, problem: str) -> Prediction:
    if problem == "regression" or made.empty:
        return Prediction(made["score"].to_numpy(dtype="float64"))
    classes = sorted({name for names in made["classes"] for name in names})
    probabilities = np.zeros((len(made), len(classes)))
    for names in {tuple(names) for names in made["classes"]}:
        rows = np.array([tuple(one) == names for one in made["classes"]])
        columns = [classes.index(name) for name in names]
        probabilities[np.ix_(np.flatnonzero(rows), np.array(columns))] = np.vstack(
            made.loc[rows, "probabilities"].to_list()
        )
    return Prediction(made["predicted"].to_numpy(dtype=object), probabilities, tuple(classes))
