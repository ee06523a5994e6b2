"""The table ``times``: what each tuning trial, fit, evaluation and scoring cost, beside the score that it reached.

Stays out: measuring, and what follows from the costs.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

import pyarrow as pa

from lakemill.lake.storage import PARTITION, Lake

TABLE = "times"
TRIAL, FIT, EVALUATION, SCORING = KINDS = ("trial", "fit", "evaluation", "scoring")
SCHEMA = pa.schema(
    [
        ("snapshot", pa.string()),
        ("version", pa.string()),
        ("candidate", pa.string()),
        ("trial", pa.int64()),
        ("parameters", pa.string()),
        ("metric", pa.string()),
        ("score", pa.float64()),
        ("standard_error", pa.float64()),
        ("rows", pa.int64()),
        ("cpu_seconds", pa.float64()),
        ("fit_cpu_seconds", pa.float64()),
        ("wall_seconds", pa.float64()),
        ("peak_bytes", pa.int64()),
        ("note", pa.string()),
    ]
)


@dataclass(frozen=True)
class Time:
    """What one piece of work cost, and what it reached.

    Attributes
    ----------
    partition : str
        The one that was scored, or the last one that a training knew.
    what : str
        ``trial``, ``fit``, ``evaluation`` or ``scoring``.
    snapshot, version, candidate : str or None
        None where there is none (yet).
    trial : int or None
        Number of the trial; of a fit, of the one whose parameters it took.
    parameters : dict
    metric : str or None
    score, standard_error : float or None
        In the metric's unit: of a trial and a fit on validation rows, of an evaluation on test rows.
    rows : int
        Rows that were fitted (over all folds of a trial), judged or scored.
    cpu_seconds, wall_seconds : float
    fit_cpu_seconds : float or None
        What fitting takes, transformers included; trials that share these each count them, so that it may be more than
        ``cpu_seconds``. None where nothing was fitted.
    peak_bytes : int
        Of the process that did it, as ``training.measuring`` says.
    note : str or None
        Of a fit, why it was chosen.
    """

    partition: str
    what: str
    rows: int
    cpu_seconds: float
    wall_seconds: float
    peak_bytes: int
    snapshot: str | None = None
    version: str | None = None
    candidate: str | None = None
    trial: int | None = None
    parameters: dict[str, Any] = field(default_factory=dict)
    metric: str | None = None
    score: float | None = None
    standard_error: float | None = None
    fit_cpu_seconds: float | None = None
    note: str | None = None


def record_times(lake: Lake, times: Sequence[Time], *, of: str, is_anew: bool = False) -> bool:
    """Keep what one step of work cost.

    A retry measures another time for the same work: what was kept first stays, so that whoever reads it twice reads
    the same.

    Parameters
    ----------
    lake : Lake
    times : sequence of Time
        All of one partition and one kind.
    of : str
        What names the step among those of its partition and kind, like a snapshot.
    is_anew : bool
        Whether the work differs from what was kept, and takes its place.

    Returns
    -------
    bool
        Whether anything was written.
    """
    if not times:
        return False
    partition, within = times[0].partition, {"what": times[0].what, "step": of}
    if not is_anew and lake.holds(TABLE, partition, within):
        return False
    rows = [{**asdict(one), "parameters": json.dumps(one.parameters, sort_keys=True, default=str)} for one in times]
    return lake.replace_partition(TABLE, partition, pa.Table.from_pylist(rows, schema=SCHEMA), within=within)


def read_times(lake: Lake, what: str | None = None, *, snapshot: str | None = None) -> list[Time]:
    """Return what was kept, by partition, kind, candidate and trial.

    Parameters
    ----------
    lake : Lake
    what : str, optional
        Only of this kind.
    snapshot : str, optional
        Only of this snapshot.

    Returns
    -------
    list of Time
    """
    where = {name: value for name, value in (("what", what), ("snapshot", snapshot)) if value is not None}
    rows = lake.read(TABLE, where=where)
    names = (PARTITION, "what", *SCHEMA.names)
    found = [
        Time(**{name: row[name] for name in names} | {"parameters": json.loads(row["parameters"])})
        for row in ([] if rows is None else rows.to_pylist())
    ]
    rank = {kind: place for place, kind in enumerate(KINDS)}
    return sorted(
        found,
        key=lambda one: (
            one.partition,
            rank[one.what],
            one.snapshot or "",
            one.version or "",
            one.candidate or "",
            one.trial or 0,
        ),
    )
