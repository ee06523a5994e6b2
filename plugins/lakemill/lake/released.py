"""The table of released rows: refused ones that a person has mended, or accepted as they are, with who and why.

Kept apart from quarantine, which each run of ingestion makes anew. Stays out: bringing them into their partition.
"""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import pyarrow as pa

from lakemill.lake.locks import hold_lock
from lakemill.lake.storage import Lake

TABLE = "released"
SCHEMA = pa.schema(
    [
        ("id", pa.string()),
        ("source", pa.string()),
        ("action", pa.string()),
        ("row", pa.string()),
        ("changes", pa.string()),
        ("reasons", pa.list_(pa.string())),
        ("recorded_at", pa.timestamp("us", "UTC")),
        ("who", pa.string()),
        ("why", pa.string()),
    ]
)


@dataclass(frozen=True)
class Release:
    """A refused row that a person lets into its partition.

    Attributes
    ----------
    id : str
        Of the refused row, as from `identify_row`.
    source : str
        The source that refused it, or ``table``.
    action : str
        ``mended``, or ``accepted`` as it is.
    row : str
        The refused row as JSON, as it stands in quarantine.
    changes : dict of str to str or None
        New values of columns, as texts; None for missing.
    reasons : tuple of str
        Why it was refused.
    recorded_at : datetime
    who, why : str
    """

    id: str
    source: str
    action: Literal["mended", "accepted"]
    row: str
    changes: dict[str, str | None]
    reasons: tuple[str, ...]
    recorded_at: datetime
    who: str
    why: str


def identify_row(source: str, step: str, row: str) -> str:
    """Return the id of a refused row: the same whenever the same row is refused; rows alike in all values share it.

    Parameters
    ----------
    source, step : str
    row : str
        As JSON, as it stands in quarantine.

    Returns
    -------
    str
        12 hexadecimal digits.

    Examples
    --------
    >>> identify_row("table", "validate", '{"id": 1}')
    'fe53c32d2b4d'
    """
    return hashlib.sha256(f"{source}\n{step}\n{row}".encode()).hexdigest()[:12]


def keep_releases(lake: Lake, partition: str, releases: Sequence[Release]) -> None:
    """Add releases to those of a partition, in one commit; a row's newer release takes the older one's place.

    Parameters
    ----------
    lake : Lake
    partition : str
    releases : sequence of Release
    """
    with hold_lock(lake, TABLE):
        kept = {one.id: one for one in (*read_releases(lake, partition), *releases)}
        rows = sorted(kept.values(), key=lambda one: (one.recorded_at, one.id))
        lake.replace_partition(TABLE, partition, pa.Table.from_pylist([_as_row(one) for one in rows], schema=SCHEMA))


def read_releases(lake: Lake, partition: str) -> list[Release]:
    """Return the releases of a partition in the order in which they were recorded."""
    rows = lake.read(TABLE, [partition])
    found = [
        Release(
            **{name: row[name] for name in ("id", "source", "action", "row", "recorded_at", "who", "why")},
            changes=json.loads(row["changes"]),
            reasons=tuple(row["reasons"]),
        )
        for row in (rows.to_pylist() if rows is not None else [])
    ]
    return sorted(found, key=lambda one: (one.recorded_at, one.id))


def _as_row(release: Release) -> dict[str, Any]:
    return {**vars(release), "changes": json.dumps(release.changes, sort_keys=True), "reasons": list(release.reasons)}
