"""Clean rows with their windows, and the rows before them as far back as the windows reach.

The only place that reads rows with windows, for training, scoring and monitoring alike. Stays out: which rows are
trained on or scored.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.lake import Lake
from lakemill.lake.row_names import name_each
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing.windows.series import add_windows, name_needed


def read_clean(
    workflow: Workflow,
    lake: Lake,
    partitions: list[str],
    *,
    windows: Sequence[Window],
    published: Sequence[str] | None = None,
    version: int | None = None,
) -> pa.Table | None:
    """Return the rows of some partitions of ``clean`` with the columns of windows.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    partitions : list of str
    windows : sequence of Window
        Those of the model that the rows are for.
    published : sequence of str, optional
        The partitions that may be looked back on; if left out all that were not blocked.
    version : int, optional
        A version of the table; the newest if left out.

    Returns
    -------
    pyarrow.Table or None
        None where the table does not exist.
    """
    if not windows or lake.version("clean") < 0:
        return lake.read("clean", partitions, version=version)
    found = iterate_clean(workflow, lake, partitions, windows=windows, published=published, version=version)
    return pa.concat_tables(found)


def iterate_clean(
    workflow: Workflow,
    lake: Lake,
    partitions: list[str],
    *,
    windows: Sequence[Window],
    published: Sequence[str] | None = None,
    version: int | None = None,
) -> Iterator[pa.Table]:
    """Yield the rows of `read_clean` in pieces: one partition, or as many as are no longer than the windows reach.

    So each row is looked back on once or twice, and no more than that is in memory. How rows are cut changes no value.

    Yields
    ------
    pyarrow.Table
        The rows of one or more whole partitions, in order of these; one without rows where there are no partitions.
    """
    table, calendar = workflow.table, workflow.partition
    needed = name_needed(windows, event_time=table.event_time, key=table.key)  # the event time first
    reach = max(window.reach for window in windows)
    if published is None:
        verdicts = read_verdicts(lake, "ingestion")
        published = [key for key, one in verdicts.items() if one.verdict != "blocked" and calendar.holds(key)]
    for keys in _group(workflow, partitions, reach) or [[]]:
        rows = lake.read("clean", keys, version=version)
        assert rows is not None  # noqa: S101  # whoever asks has seen that the table is there
        past = None
        if keys:
            earliest = calendar.interval(keys[0]).start - reach
            reached = _find_reached(workflow, keys, published, earliest)
            past = _read_since(lake, reached, earliest, needed, version) if reached else None
        yield add_windows(rows, past, windows, event_time=table.event_time, key=table.key)


def look_back(workflow: Workflow, lake: Lake, rows: pa.Table, *, windows: Sequence[Window]) -> pa.Table:
    """Return rows that may not be in the lake with the columns of windows, which look back on it and on one another.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    rows : pyarrow.Table
        With the columns of `name_needed`; the event time is nowhere missing. Where the lake has rows of these keys too,
        they are not looked back on.
    windows : sequence of Window

    Returns
    -------
    pyarrow.Table
    """
    table, calendar = workflow.table, workflow.partition
    needed = name_needed(windows, event_time=table.event_time, key=table.key)
    past = None
    if len(rows) and lake.version("clean") >= 0:
        ends = pc.min_max(rows.column(table.event_time)).as_py()
        earliest = ends["min"] - max(window.reach for window in windows)
        reached = [
            key
            for key, one in read_verdicts(lake, "ingestion").items()
            if one.verdict != "blocked" and calendar.holds(key)
            if calendar.interval(key).end > earliest and calendar.interval(key).start <= ends["max"]
        ]
        past = _read_since(lake, reached, earliest, needed, None) if reached else None
    if past is not None:
        is_given = pc.is_in(name_each(past, table.key), name_each(rows, table.key))
        past = past.filter(pc.invert(is_given))
    return add_windows(rows, past, windows, event_time=table.event_time, key=table.key)


def _find_reached(workflow: Workflow, keys: list[str], published: Sequence[str], earliest: datetime) -> list[str]:
    """Return the other partitions that end after a moment and begin before the last of these."""
    last = workflow.partition.interval(keys[-1]).start
    others = {key: workflow.partition.interval(key) for key in published if key not in keys}
    return [key for key, interval in others.items() if interval.end > earliest and interval.start < last]


def _read_since(lake: Lake, partitions: list[str], earliest: datetime, needed: list[str], version: int | None) -> Any:
    rows = lake.read("clean", partitions, columns=needed, version=version)
    assert rows is not None  # noqa: S101  # the rows that look back were read from it
    moments = rows.column(needed[0])
    return rows.filter(pc.greater_equal(moments, pa.scalar(earliest, moments.type)))


def _group(workflow: Workflow, partitions: list[str], reach: timedelta) -> list[list[str]]:
    """Bring partitions together that lie within so long a time."""
    groups: list[list[str]] = []
    for key in sorted(partitions):
        end = workflow.partition.interval(key).end
        if groups and end - workflow.partition.interval(groups[-1][0]).start <= reach:
            groups[-1].append(key)
        else:
            groups.append([key])
    return groups
