"""The table of verdicts: one row for each decision about a partition, with its evidence.

Stays out: deciding.
"""

import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakemill.lake.storage import Lake

TABLE = "verdicts"
KINDS = ("ingestion", "labels", "monitoring", "gate")
MADE_BY = "made_by"  # in the evidence of ingestion: digests of the parts of the workflow that made the rows
SCHEMA = pa.schema(
    [
        ("as_of", pa.timestamp("us", "UTC")),
        ("verdict", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("evidence", pa.string()),
    ]
)


@dataclass(frozen=True)
class Verdict:
    """A decision with its evidence.

    Attributes
    ----------
    kind : str
        ``ingestion``, ``labels``, ``monitoring`` or ``gate``.
    partition : str
    as_of : datetime
        The moment of knowledge that it was reached at.
    verdict : str
        The decision in a word.
    reasons : tuple of str
    evidence : dict
        What it rests on; JSON values.
    """

    kind: str
    partition: str
    as_of: datetime
    verdict: str
    reasons: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)


def record_verdict(lake: Lake, verdict: Verdict) -> bool:
    """Keep a verdict in place of an earlier one of its kind and partition.

    Returns
    -------
    bool
        Whether anything changed.
    """
    row = {
        "as_of": verdict.as_of,
        "verdict": verdict.verdict,
        "reasons": list(verdict.reasons),
        "evidence": json.dumps(verdict.evidence, sort_keys=True),
    }
    rows = pa.Table.from_pylist([row], schema=SCHEMA)
    return lake.replace_partition(TABLE, verdict.partition, rows, within={"kind": verdict.kind})


def record_blocked(
    lake: Lake, partition: str, as_of: datetime, reasons: list[str], *, made_by: Mapping[str, str] | None = None
) -> None:
    """Record that nothing of a partition is published; what was published before stands, and so does its verdict.

    Parameters
    ----------
    lake : Lake
    partition : str
    as_of : datetime
    reasons : list of str
    made_by : mapping of str to str, optional
        Digests of what judged it; another one may let it through.
    """
    evidence = {} if made_by is None else {MADE_BY: dict(made_by)}
    if not lake.holds("clean", partition):
        record_verdict(lake, Verdict("ingestion", partition, as_of, "blocked", tuple(reasons), evidence))


def read_verdicts(lake: Lake, kind: str) -> dict[str, Verdict]:
    """Return all verdicts of a kind by partition, in order.

    Parameters
    ----------
    lake : Lake
    kind : str

    Returns
    -------
    dict of str to Verdict
    """
    return _by_kind(lake.read(TABLE, where={"kind": kind}))[kind]


def read_all_verdicts(lake: Lake) -> dict[str, dict[str, Verdict]]:
    """Return the verdicts of every kind by partition, in order, from one version of the table.

    Parameters
    ----------
    lake : Lake

    Returns
    -------
    dict of str to dict of str to Verdict
        By kind, also those that have none; then by partition.
    """
    return _by_kind(lake.read(TABLE))


def _by_kind(rows: pa.Table | None) -> dict[str, dict[str, Verdict]]:
    found: dict[str, dict[str, Verdict]] = defaultdict(dict, {kind: {} for kind in KINDS})
    for row in sorted([] if rows is None else rows.to_pylist(), key=lambda row: str(row["partition"])):
        found[row["kind"]][row["partition"]] = Verdict(
            kind=row["kind"],
            partition=row["partition"],
            as_of=row["as_of"],
            verdict=row["verdict"],
            reasons=tuple(row["reasons"]),
            evidence=json.loads(row["evidence"]),
        )
    return found
