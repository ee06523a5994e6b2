"""Rows with what a model says of them and, where it is known, with what came: those of its test, and those it scored.

Stays out: what is made of them (``confidence.py``, ``loss_model.py``).
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.evaluation.predictions import Prediction, predict
from lakemill.lake import PARTITION, Lake
from lakemill.monitoring.performance import TRUTH as KNOWN
from lakemill.monitoring.performance import as_prediction
from lakemill.monitoring.thinning import spread_evenly
from lakemill.preprocessing.features import make_frame
from lakemill.preprocessing.windows import read_clean
from lakemill.registry.ledger import Entry
from lakemill.registry.models import Registry
from lakemill.registry.training_rows import load_rows

TABLE = "test_rows"
MOST_ROWS = 100_000
SCHEMA = pa.schema([("rows", pa.int64()), ("content", pa.binary())])  # content: an Arrow IPC stream of the rows
TRUTH, SAID, CHANCE = "\0truth", "\0said", "\0chance "  # no feature has such a name


@dataclass(frozen=True)
class ScoredRows:
    """Some rows, in the order of their event time.

    Attributes
    ----------
    prediction : Prediction
        Classes are texts.
    y : ndarray or None
        What came; None where it is not asked for.
    X : DataFrame or None
        The model's features; None where nobody needs them.
    """

    prediction: Prediction
    y: np.ndarray | None = None
    X: pd.DataFrame | None = None

    def __len__(self) -> int:
        return len(self.prediction.predicted)


def read_test_rows(workflow: Workflow, lake: Lake, registry: Registry, champion: Entry) -> ScoredRows | None:
    """Return the rows that a champion was judged on at the gate, at most 100,000, as it was not fitted on them.

    They are scored once and kept in the table ``test_rows``, so that no partition reads a snapshot again.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    registry : Registry
    champion : Entry

    Returns
    -------
    ScoredRows or None
        None where they were not kept, and the workflow file no longer says how the snapshot was split.
    """
    of = {"version": champion.version}
    held = lake.read(TABLE, where=of)
    if held is not None and len(held):
        return _unpack(held.column("content")[0].as_py())
    snapshot = lake.read_document(f"snapshots/{champion.snapshot}") or {}
    if snapshot.get("workflow") != workflow.training_hash():
        return None
    content, count = _score_test_rows(workflow, lake, registry, champion)
    packed = pa.table({"rows": [count], "content": pa.array([content], pa.binary())}, schema=SCHEMA)
    lake.replace_partition(TABLE, snapshot["partitions"][-1], packed, within=of)
    return _unpack(content)


def read_scored(workflow: Workflow, key: str, lake: Lake, version: str, features: Features | None) -> ScoredRows | None:
    """Return the rows of a partition that a model has scored, evenly over its time at most 100,000 of them.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    version : str
        Of the model.
    features : Features or None
        The model's, where they are needed.

    Returns
    -------
    ScoredRows or None
        None where there are none.
    """
    rows = lake.read("predictions", [key], where={"model_version": version})
    if rows is None or not len(rows):
        return None
    return gather(workflow, lake, _thin(rows.to_pandas(), workflow), features)


def gather(workflow: Workflow, lake: Lake, made: pd.DataFrame, features: Features | None) -> ScoredRows:
    """Make a frame of the table ``predictions``, with labels beside it if it has them, into scored rows."""
    made = _thin(made, workflow)
    X = None if features is None else _find_features(workflow, lake, made, features)
    y = made[KNOWN].to_numpy() if KNOWN in made else None
    return ScoredRows(as_prediction(made, workflow.table.label.problem), y, X)


def _thin(made: pd.DataFrame, workflow: Workflow) -> pd.DataFrame:
    """Return at most so many rows, evenly over their event time."""
    names = list(dict.fromkeys((workflow.table.event_time, *workflow.table.key)))
    ordered = made.sort_values(names, kind="stable", ignore_index=True)
    return ordered.iloc[spread_evenly(len(ordered), MOST_ROWS)].reset_index(drop=True)


def _find_features(workflow: Workflow, lake: Lake, made: pd.DataFrame, features: Features) -> pd.DataFrame:
    names = [*workflow.table.key, PARTITION]
    rows = read_clean(workflow, lake, sorted(set(made[PARTITION])), windows=features.windows)
    assert rows is not None  # noqa: S101  # they were scored
    there = rows.select(names).to_pandas()
    there["_row"] = np.arange(len(there))
    joined = made[names].merge(there, on=names, how="left", validate="many_to_one")
    return make_frame(rows.take(pa.array(joined["_row"].to_numpy(dtype="int64"))), features)


def _score_test_rows(workflow: Workflow, lake: Lake, registry: Registry, champion: Entry) -> tuple[bytes, int]:
    loaded = load_rows(workflow, lake, champion.snapshot)
    at = loaded.judged[0][spread_evenly(len(loaded.judged[0]), MOST_ROWS)]
    X = loaded.X.iloc[at].reset_index(drop=True)
    said = predict(registry.load(champion.version), X)
    columns: dict[str, Any] = {TRUTH: pa.array(loaded.y[at])}
    if said.probabilities is None:
        columns[SAID] = pa.array(said.predicted.astype("float64"))
        columns |= {name: pa.array(X[name], from_pandas=True) for name in X.columns}
    else:
        columns[SAID] = pa.array([str(one) for one in said.predicted])
        shares = said.probabilities.T
        columns |= {f"{CHANCE}{name}": pa.array(one) for name, one in zip(said.classes, shares, strict=True)}
    sink = pa.BufferOutputStream()
    table = pa.table(columns)
    with pa.ipc.new_stream(sink, table.schema, options=pa.ipc.IpcWriteOptions(compression="zstd")) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes(), len(table)


def _unpack(content: bytes) -> ScoredRows:
    table = pa.ipc.open_stream(content).read_all()
    y, said = (table.column(name).to_numpy() for name in (TRUTH, SAID))
    classes = tuple(name.removeprefix(CHANCE) for name in table.column_names if name.startswith(CHANCE))
    if classes:
        chances = np.column_stack([table.column(f"{CHANCE}{name}").to_numpy() for name in classes])
        return ScoredRows(Prediction(said, chances, classes), y)
    X = table.drop_columns([TRUTH, SAID]).to_pandas()
    return ScoredRows(Prediction(said), y, X.astype({name: object for name in X if X[name].dtype == "str"}))
