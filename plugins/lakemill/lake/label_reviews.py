"""The table ``label_reviews``: after each training's audit, the labels that a person should look at, ranked.

Stays out: the answers (``label_corrections.py``).
"""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakemill.lake.label_corrections import name_settled, read_corrections
from lakemill.lake.storage import Lake

TABLE = "label_reviews"
SCHEMA = pa.schema(
    [
        ("rank", pa.int64()),
        ("row_partition", pa.string()),
        ("key", pa.string()),
        ("event_time", pa.timestamp("us", "UTC")),
        ("given", pa.string()),
        ("suggested", pa.string()),
        ("probability", pa.float64()),
        ("suspicion", pa.float64()),
        ("is_flagged", pa.bool_()),
        ("reason", pa.string()),
        ("snapshot", pa.string()),
    ]
)


@dataclass(frozen=True)
class Review:
    """A label that a person should look at.

    Attributes
    ----------
    rank : int
        From 1 on, the most suspicious first.
    row_partition, key : str
        The row: its partition, and its key as by `name_rows`.
    event_time : datetime
    given, suggested : str
    probability : float or None
        Of the suggested class; None for values.
    suspicion : float
        In [0, 1].
    is_flagged : bool
        Whether the label is taken for wrong.
    reason : str
    snapshot : str
        The one that was audited.
    """

    rank: int
    row_partition: str
    key: str
    event_time: datetime
    given: str
    suggested: str
    probability: float | None
    suspicion: float
    is_flagged: bool
    reason: str
    snapshot: str

    @property
    def key_values(self) -> list[str | None]:
        """The key's columns as texts."""
        values: list[str | None] = json.loads(self.key)
        return values


def record_reviews(lake: Lake, partition: str, reviews: list[Review]) -> bool:
    """Keep the queue of the training as of a partition's end, in place of an earlier one.

    Returns
    -------
    bool
        Whether anything changed.
    """
    if not reviews and not lake.holds(TABLE, partition):
        return False
    return lake.replace_partition(TABLE, partition, pa.Table.from_pylist([vars(one) for one in reviews], schema=SCHEMA))


def read_queue(lake: Lake) -> tuple[str | None, list[Review]]:
    """Return the latest training's queue without what was answered since.

    Parameters
    ----------
    lake : Lake

    Returns
    -------
    partition : str or None
        That the training was as of; None where nothing was ever suspicious.
    reviews : list of Review
        By rank.
    """
    keys = lake.partitions(TABLE)
    if not keys:
        return None, []
    rows = lake.read(TABLE, [keys[-1]])
    found: list[dict[str, Any]] = [] if rows is None else rows.to_pylist()
    settled = name_settled(read_corrections(lake))
    reviews = [Review(**{name: row[name] for name in SCHEMA.names}) for row in found]
    left = [one for one in reviews if (one.row_partition, one.key, one.given) not in settled]
    return keys[-1], sorted(left, key=lambda one: one.rank)
