"""The ledger: the append-only table of who took charge when, and why; the champion as of a moment is read from it.

Promotions and rollbacks put a version in charge from their moment on; approvals and rejections say what a person
answered. Stays out: MLflow's aliases, which only ever show the latest (``promoting.py``).
"""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakemill.lake import Lake

TABLE = "ledger"
PROMOTION, ROLLBACK, APPROVAL, REJECTION = "promotion", "rollback", "approval", "rejection"
CHARGES = (PROMOTION, ROLLBACK)  # put a version in charge
SETTLES = (PROMOTION, REJECTION)  # end what a training that was let through by the gate waits for
SCHEMA = pa.schema(
    [
        ("entry", pa.string()),
        ("action", pa.string()),
        ("as_of", pa.timestamp("us", "UTC")),
        ("recorded_at", pa.timestamp("us", "UTC")),
        ("version", pa.string()),
        ("snapshot", pa.string()),
        ("reason", pa.string()),
        ("who", pa.string()),
        ("instead_of", pa.string()),
    ]
)


@dataclass(frozen=True)
class Entry:
    """One line of the ledger.

    Attributes
    ----------
    version : str
        The model version that it is about: of a promotion and a rollback the one that took charge.
    as_of : datetime
        The moment of knowledge from which it holds.
    snapshot : str
        That the version was fitted on: its features, windows and drift reference hang on it.
    reason : str
    action : str
        ``promotion``, ``rollback``, ``approval`` or ``rejection``.
    who : str
        A person's name, or what decided: ``gate``, ``monitoring``, ``nobody`` where nobody answered in time.
    instead_of : str or None
        Of a rollback, the version that was taken back.
    identity : str
        Names the entry: a second one of the same is not written. If left out, action and snapshot.
    recorded_at : datetime or None
        When it was written down; None before.
    """

    version: str
    as_of: datetime
    snapshot: str
    reason: str
    action: str = PROMOTION
    who: str = "gate"
    instead_of: str | None = None
    identity: str = field(default="", compare=False)
    recorded_at: datetime | None = field(default=None, compare=False)


def record_entry(lake: Lake, entry: Entry, *, recorded_at: datetime) -> bool:
    """Append an entry, unless it is there.

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
        "entry": entry.identity or f"{entry.action}:{entry.snapshot}",
        "action": entry.action,
        "as_of": entry.as_of,
        "recorded_at": recorded_at,
        "version": entry.version,
        "snapshot": entry.snapshot,
        "reason": entry.reason,
        "who": entry.who,
        "instead_of": entry.instead_of,
    }
    return lake.append(TABLE, row, identity=("entry",), schema=SCHEMA)


def read_entries(lake: Lake, *actions: str) -> list[Entry]:
    """Return the entries of some actions (of all, if none is named) by their moment; of one, as they were recorded."""
    rows = lake.read(TABLE)
    read = [_read(row) for row in ([] if rows is None else rows.to_pylist())]
    return sorted((one for one in read if not actions or one.action in actions), key=_order)


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
        The promotion or rollback with the latest as-of that is not after the moment; of two, the one recorded later.
    """
    charges = _charges_by(lake, as_of)
    return next((one for one in reversed(charges) if besides is None or one.snapshot != besides), None)


def find_latest(lake: Lake) -> Entry | None:
    """Return what put the model in charge that is so as of the latest moment, which is the live one."""
    charges = read_entries(lake, *CHARGES)
    return charges[-1] if charges else None


def find_previous(lake: Lake, *, as_of: datetime) -> Entry | None:
    """Return the model that was in charge when the champion as of a moment first took charge.

    Parameters
    ----------
    lake : Lake
    as_of : datetime

    Returns
    -------
    Entry or None
        None where there is no champion, or it was the first.
    """
    charges = _charges_by(lake, as_of)
    if not charges:
        return None
    first = next(place for place, one in enumerate(charges) if one.version == charges[-1].version)
    return charges[first - 1] if first else None


def _charges_by(lake: Lake, as_of: datetime) -> list[Entry]:
    return [one for one in read_entries(lake, *CHARGES) if one.as_of <= as_of]


def _order(entry: Entry) -> tuple[datetime, datetime]:
    assert entry.recorded_at is not None  # noqa: S101  # it was read
    return entry.as_of, entry.recorded_at


def _read(row: dict[str, Any]) -> Entry:
    # who and instead_of are newer than the table
    return Entry(
        version=row["version"],
        as_of=row["as_of"],
        snapshot=row["snapshot"],
        reason=row["reason"],
        action=row["action"],
        who=row.get("who") or "gate",
        instead_of=row.get("instead_of"),
        identity=row["entry"],
        recorded_at=row["recorded_at"],
    )
