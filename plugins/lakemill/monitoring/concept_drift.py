"""Concept drift of a partition: whether errors that its labels show have grown beyond what was expected of those rows.

What each partition showed is kept in the table ``errors`` in blocks, so that a check reads no earlier rows again. A
stream begins anew with each champion. Stays out: finding a change in a stream (``error_stream.py``).
"""

import math
from typing import Any, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.lake import Lake
from lakemill.monitoring.error_stream import Block, Change, cut_blocks, find_change
from lakemill.monitoring.findings import round_figure
from lakemill.monitoring.scored_rows import ScoredRows, gather
from lakemill.registry.ledger import Entry

TABLE = "errors"
SCHEMA = pa.schema([("block", pa.int64()), ("rows", pa.int64()), ("unexpected", pa.float64())])
SHIFT_OF_EFFECT = math.sqrt(2 * math.pi)  # standard deviations that shift a normal by a distance (KS) of 1


class Expectation(Protocol):
    """What is expected of a model's errors."""

    def find_unexpected(self, rows: ScoredRows) -> np.ndarray:
        """Return each row's unexpected error."""


def find_concept_drift(
    workflow: Workflow,
    key: str,
    lake: Lake,
    champion: Entry,
    known: pd.DataFrame | None,
    test: ScoredRows,
    expectation: Expectation,
    features: Features | None,
) -> Change:
    """Keep what the labels that became known with a partition show of a champion, and look for a change in its errors.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    champion : Entry
    known : DataFrame or None
        Predictions of rows whose labels became known with it, as from `read_predictions`.
    test : ScoredRows
        With which the stream begins.
    expectation : Expectation
        Learnt from the test rows.
    features : Features or None
        The model's, where the expectation needs them.

    Returns
    -------
    Change
        As of the end of the partition.
    """
    made = None if known is None else known[known["model_version"] == champion.version]
    blocks: list[Block] = []
    if made is not None and len(made):
        blocks = cut_blocks(expectation.find_unexpected(gather(workflow, lake, made, features)))
    _keep(lake, key, champion.version, blocks)
    since = [at for at in workflow.partition.earlier(key) if workflow.partition.interval(at).start >= champion.as_of]
    parts = [*_read(lake, since, champion.version), blocks]
    effect = workflow.monitor.effect * SHIFT_OF_EFFECT
    return find_change(expectation.find_unexpected(test), parts, effect=effect)


def tell_change(change: Change) -> dict[str, Any]:
    """Return a change as evidence of a verdict."""
    figures = ("before", "now", "effect", "p_value", "inflation")
    return {
        "is_found": change.is_found,
        "found_by": list(change.found_by),
        "partitions_ago": change.partitions_ago,
        **{name: round_figure(getattr(change, name)) for name in figures},
    }


def _keep(lake: Lake, key: str, version: str, blocks: list[Block]) -> None:
    within = {"version": version}
    rows = [{"block": place, **vars(block)} for place, block in enumerate(blocks)]
    if rows or lake.holds(TABLE, key, within):
        lake.replace_partition(TABLE, key, pa.Table.from_pylist(rows, schema=SCHEMA), within=within)


def _read(lake: Lake, keys: list[str], version: str) -> list[list[Block]]:
    rows = lake.read(TABLE, keys, where={"version": version}) if keys else None
    parts: dict[str, list[Block]] = {}
    for row in [] if rows is None else rows.sort_by([("partition", "ascending"), ("block", "ascending")]).to_pylist():
        parts.setdefault(row["partition"], []).append(Block(row["rows"], row["unexpected"]))
    return list(parts.values())
