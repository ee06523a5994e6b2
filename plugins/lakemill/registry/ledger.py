"""The ledger: the append-only table of promotions; the champion as of a moment is read from it.

Stays out: MLflow's alias, which only ever shows the latest.
"""

from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.lake import Lake

TABLE = "ledger"
SCHEMA = pa.schema(
    [
        ("entry", pa.string()),
        ("action", pa.string()),
        ("as_of", pa.timestamp("us", "UTC")),
        ("recorded_at", pa.timestamp("us", "UTC")),
        ("version", pa.string()),
        ("snapshot", pa.string()),
        ("reason", pa.string()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """One promotion.

    Attributes
    ----------
    version : str
        The model version that took charge.
    as_of : datetime
        The moment of knowledge from which it is in charge.
    snapshot : str
    reason : str
    """

    version: str
    as_of: datetime
    snapshot: str
    reason: str


def record_promotion(lake: Lake, entry: Entry, *, recorded_at: datetime) -> bool:
    """Append a promotion, unless this snapshot's is there.

    Parameters
    ----------
    lake : Lake
    entry : Entry
    recorded_at : datetime
        When it is written down.

    Returns
    -------
    bool
        Whether it was appended.
    """
    row = {
        "entry": f"promotion:{entry.snapshot}",
        "action": "promotion",
        "as_of": entry.as_of,
        "recorded_at": recorded_at,
        "version": entry.version,
        "snapshot": entry.snapshot,
        "reason": entry.reason,
    }
    return lake.append(TABLE, row, identity=("entry",), schema=SCHEMA)


def find_champion(lake: Lake, *, as_of: datetime, besides: str | None = None) -> Entry | None:
    """Return the model in charge as of a moment.

    Parameters
    ----------
    lake : Lake
    as_of : datetime
    besides : str, optional
        A snapshot whose promotion is left out.

    Returns
    -------
    Entry or None
        The promotion with the latest as-of that is not after the moment; of two, the one recorded later.
    """
    rows = lake.read(TABLE)
    if rows is None:
        return None
    rows = rows.filter(pc.less_equal(rows.column("as_of"), pa.scalar(as_of, pa.timestamp("us", "UTC"))))
    if besides is not None:
        rows = rows.filter(pc.not_equal(rows.column("snapshot"), besides))
    if rows.num_rows == 0:
        return None
    last = rows.sort_by([("as_of", "descending"), ("recorded_at", "descending")]).slice(0, 1).to_pylist()[0]
    return Entry(last["version"], last["as_of"], last["snapshot"], last["reason"])
