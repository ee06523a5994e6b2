"""The lake's table ``drift``: what each statistic said of each partition, the past that limits are learnt from.

Rows of a partition hang on itself and on those before it only, so whoever reads them as of a later one reads the same.
Stays out: measuring (``differences.py``) and judging (``drift.py``).
"""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.monitoring.differences import NULL_SHARE
from lakemill.monitoring.drift import ColumnDrift
from lakemill.monitoring.limits import Earlier

TABLE = "drift"
DATA, PREDICTIONS, LABELS, TOGETHER = "data", "predictions", "labels", "together"
SEASONS = {"hour": slice(11, 13), "month": slice(5, 7)}  # what of a key names its season; a day's is its weekday
SCHEMA = pa.schema(
    [
        ("column", pa.string()),
        ("statistic", pa.string()),
        ("effect", pa.float64()),
        ("chance", pa.float64()),
        ("p_value", pa.float64()),
        ("usual", pa.float64()),
        ("is_found", pa.bool_()),
    ]
)


@dataclass(frozen=True)
class History:
    """What the table says of the partitions before one.

    Attributes
    ----------
    past : dict
        By column and statistic, for limits.
    found : dict of str to list of bool
        By column: whether it was found in the last partitions, the last one last.
    partitions_found : frozenset of str
        Those in which anything was found.
    """

    past: Mapping[tuple[str, str], Sequence[Earlier]] = field(default_factory=dict)
    found: Mapping[str, Sequence[bool]] = field(default_factory=dict)
    partitions_found: frozenset[str] = frozenset()


def record_drift(lake: Lake, key: str, drifts: Sequence[ColumnDrift], *, of: str) -> None:
    """Keep what was measured of a partition in place of what was kept before.

    Parameters
    ----------
    lake : Lake
    key : str
    drifts : sequence of ColumnDrift
    of : {"data", "predictions", "labels", "together"}
    """
    rows = [row for drift in sorted(drifts, key=lambda one: one.column) for row in _pack(drift)]
    if rows or lake.holds(TABLE, key, {"of": of}):
        lake.replace_partition(TABLE, key, pa.Table.from_pylist(rows, schema=SCHEMA), within={"of": of})


def read_history(workflow: Workflow, key: str, lake: Lake, *, of: str, known: Collection[str]) -> History:
    """Return what is known of the partitions before one.

    Parameters
    ----------
    workflow : Workflow
    key : str
    lake : Lake
    of : {"data", "predictions", "labels", "together"}
    known : collection of str
        Partitions that the champion has learnt from: what was found in them is usual by now. Of others, what was found
        is left out of the past, since something was wrong.

    Returns
    -------
    History
        Of as many partitions as ``monitor.history`` says, and as many more of the same season.
    """
    monitor, season = workflow.monitor, find_season(workflow, key)
    earlier = workflow.partition.earlier(key)
    of_season = [at for at in earlier if season and find_season(workflow, at) == season][-monitor.history :]
    wanted = sorted({*earlier[-monitor.history :], *of_season})
    rows = lake.read(TABLE, wanted, where={"of": of}) if wanted else None
    by_partition: dict[str, dict[str, list[dict[str, Any]]]] = defaultdict(lambda: defaultdict(list))
    for row in rows.to_pylist() if rows is not None else ():
        by_partition[row["partition"]][row["column"]].append(row)
    past: dict[tuple[str, str], list[Earlier]] = defaultdict(list)
    found: dict[str, list[bool]] = defaultdict(list)
    wrong: set[str] = set()
    for at in sorted(by_partition):
        for column, tests in by_partition[at].items():
            is_found = at not in known and any(test["is_found"] for test in tests)
            found[column].append(is_found)
            wrong.update({at} if is_found else ())
            for test in () if is_found else tests:
                past[column, test["statistic"]].append(Earlier(test["effect"], test["chance"], at in of_season))
    return History(past, found, frozenset(wrong))


def find_season(workflow: Workflow, key: str) -> str:
    """Return what a partition's season is called: its month of the year, weekday or hour; nothing for years.

    Examples
    --------
    >>> from types import SimpleNamespace
    >>> from lakemill.config.partition import Partition
    >>> workflow = SimpleNamespace(partition=Partition(every="day", start="2013-01-01"))
    >>> find_season(workflow, "2013-02-01"), find_season(workflow, "2013-02-08")
    ('weekday 4', 'weekday 4')
    """
    every = workflow.partition.every
    if every == "day":
        return f"weekday {workflow.partition.local_start(key).weekday()}"
    return key[SEASONS[every]] if every in SEASONS else ""


def _pack(drift: ColumnDrift) -> list[dict[str, Any]]:
    return [
        {
            "column": drift.column,
            "statistic": test.statistic,
            "effect": test.difference.effect,
            "chance": test.difference.chance,
            "p_value": test.p_value,
            "usual": None if math.isnan(test.limit.usual) else test.limit.usual,
            "is_found": test.is_found,
        }
        for test in sorted(drift.tests, key=lambda one: (one.statistic != NULL_SHARE, one.statistic))
    ]
