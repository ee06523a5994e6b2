"""Realised performance: the scores of rows whose labels became known with a partition.

Stays out: how bad is too bad (``decision.py``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.lake import Lake
from lakemill.lake.label_corrections import apply_corrections, read_corrections
from lakemill.preprocessing.features import make_target
from lakemill.training.snapshots import mature_rows


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
    partition, label = workflow.partition, workflow.table.label
    interval = partition.interval(key)
    earliest = interval.start - label.known_after
    reached = [one for one in (*partition.earlier(key), key) if partition.interval(one).end > earliest]
    rows, predictions = lake.read("clean", reached), lake.read("predictions", reached)
    if rows is None or predictions is None:
        return Performance(0, float("nan"), ())
    corrections = read_corrections(lake, reached, as_of=interval.end)
    rows = apply_corrections(rows, corrections, key=workflow.table.key, label=label.column)
    known = mature_rows(workflow, rows, as_of=interval.end, since=interval.start)
    names = [*workflow.table.key, "partition"]  # a key may come again in another partition
    truth = known.select(names).to_pandas()
    truth["_truth"] = make_target(known, label)
    made = predictions.filter(pa.compute.is_valid(predictions.column("model_version"))).to_pandas()
    joined = truth.merge(made, on=names, how="inner", validate="one_to_one")
    versions = tuple(sorted(set(joined["model_version"]), key=int))
    y = joined["_truth"].to_numpy()
    return Performance(len(joined), METRICS[workflow.train.metric](y, _as_prediction(joined, label.problem)), versions)


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
