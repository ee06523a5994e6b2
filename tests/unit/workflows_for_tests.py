"""Small workflows and their rows, for tests that need a lake with history.

Rows have a number and a category that tell something of the label, and a number that tells nothing.
Stays out: asserting.
"""

from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.preprocessing.step import digest_rows

METRIC = {"binary": "roc_auc", "multiclass": "log_loss", "regression": "mean_absolute_error"}
ESTIMATOR = {
    "binary": "sklearn.linear_model.LogisticRegression",
    "multiclass": "sklearn.linear_model.LogisticRegression",
    "regression": "sklearn.tree.DecisionTreeRegressor",
}
SEARCH = {
    "binary": {"C": {"low": 0.01, "high": 10.0, "log": True}},
    "multiclass": {"C": {"low": 0.01, "high": 10.0, "log": True}},
    "regression": {"max_depth": {"low": 2, "high": 6}},
}


def make_workflow(problem: str = "binary", *, known_after: str = "0 days", **sections: Any) -> Workflow:
    """A workflow by day from 2020-01-01; whole sections can be given instead of these."""
    kind = "regression" if problem == "regression" else "classification"
    candidate = {"estimator": ESTIMATOR[problem], "search": SEARCH[problem]}
    content = {
        "workflow": "small",
        "description": "Is this big?",
        "partition": {"every": "day", "start": "2020-01-01"},
        "collect": {"items": {"path": "items_{partition}.csv"}},
        "table": {
            "key": ["id"],
            "event_time": "at",
            "label": {"column": "label", "problem": kind, "known_after": known_after},
        },
        "features": {"numeric": ["size", "noise"], "categorical": ["colour"]},
        "train": {"metric": METRIC[problem], "candidates": {"plain": candidate}, "budget": {"trials": 3}},
        "gate": {"better_than_naive": "1 %"},
        **sections,
    }
    return Workflow.model_validate(content)


def make_rows(
    workflow: Workflow, key: str, count: int = 100, *, problem: str = "binary", seed: int = 0, shift: float = 0.0
) -> pa.Table:
    """Clean rows of one partition, spread evenly over it, the first at its very start."""
    draw = np.random.default_rng([seed, *key.encode()])
    interval = workflow.partition.interval(key)
    step = (interval.end - interval.start) / max(count, 1)
    first = int(interval.start.timestamp())
    size = draw.normal(shift, 1, count)
    colour = draw.choice(["red", "green", "blue"], count)
    hidden = 2 * size + (colour == "red") + draw.normal(0, 0.5, count)
    labels = {
        "binary": hidden > 0,
        "multiclass": np.select([hidden < -1, hidden > 1], ["low", "high"], "middle").astype(object),
        "regression": hidden,
    }[problem]
    return pa.table(
        {
            "id": pa.array(first + np.arange(count), pa.int64()),
            "at": pa.array([interval.start + step * number for number in range(count)], pa.timestamp("us", "UTC")),
            "size": size,
            "noise": draw.normal(0, 1, count),
            "colour": pa.array(colour.astype(object), pa.string()),
            "label": pa.array(labels),
        }
    )


def publish(workflow: Workflow, lake: Lake, key: str, rows: pa.Table) -> None:
    """Make rows a partition of ``clean``, as ingestion does."""
    lake.replace_partition("clean", key, rows)
    as_of = workflow.partition.interval(key).end
    record_verdict(lake, Verdict("ingestion", key, as_of, "published", (), {"digest": digest_rows(rows)}))


def block(workflow: Workflow, lake: Lake, key: str) -> None:
    """Record that ingestion has blocked a partition."""
    record_verdict(lake, Verdict("ingestion", key, workflow.partition.interval(key).end, "blocked", ("broken",)))


def end_of(workflow: Workflow, key: str) -> datetime:
    """The moment a partition ends."""
    return workflow.partition.interval(key).end


def with_nulls(rows: pa.Table, column: str, positions: list[int]) -> pa.Table:
    """Rows with some values of a column missing."""
    values = rows.column(column).to_pylist()
    for position in positions:
        values[position] = None
    return rows.set_column(rows.column_names.index(column), column, pa.array(values, rows.schema.field(column).type))
