"""The table of deliveries: what each source delivered for each partition, so that nothing is read twice for nothing.

Stays out: reading sources.
"""

import json
from dataclasses import dataclass, field
from datetime import datetime

import pyarrow as pa

from lakemill.lake.storage import Lake

TABLE = "deliveries"
WHOLE = "all"  # stands for the partition where one delivery holds them all
NOT_YET = "not yet"  # stands for the delivery, and its fingerprint, where labels of a partition are still to come
SCHEMA = pa.schema(
    [
        ("delivery", pa.string()),
        ("fingerprint", pa.string()),
        ("location", pa.string()),
        ("rows", pa.int64()),
        ("refused", pa.int64()),
        ("partitions", pa.string()),
        ("ingested_at", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class Part:
    """What a delivery holds for one partition.

    Attributes
    ----------
    rows : int
    refused : int
        Rows of quarantine: a refused line or row is one, and so is a whole file, however many rows it had.
    digest : str
        The same for the same rows.
    files : int
        Of the refused, those that are not single rows but a file or what was left of a damaged one. Readings of
        sensors and whole messages are not told apart.
    """

    rows: int
    refused: int
    digest: str
    files: int = 0


@dataclass(frozen=True)
class Record:
    """A delivery that the lake holds.

    Attributes
    ----------
    delivery : str
        Its id, as in the rows of ``raw_``.
    fingerprint : str
        What told, before it was read, that it was this one.
    location : str
    ingested_at : datetime
    parts : dict of str to Part
        By partition.
    """

    delivery: str
    fingerprint: str
    location: str
    ingested_at: datetime
    parts: dict[str, Part] = field(default_factory=dict)


def record_delivery(lake: Lake, source: str, partition: str, record: Record) -> None:
    """Keep a delivery's record in place of the one before it.

    Parameters
    ----------
    lake : Lake
    source : str
    partition : str
        Its key, or `WHOLE`.
    record : Record
    """
    row = {
        "delivery": record.delivery,
        "fingerprint": record.fingerprint,
        "location": record.location,
        "rows": sum(part.rows for part in record.parts.values()),
        "refused": sum(part.refused for part in record.parts.values()),
        "partitions": json.dumps({key: vars(part) for key, part in sorted(record.parts.items())}),
        "ingested_at": record.ingested_at,
    }
    rows = pa.Table.from_pylist([row], schema=SCHEMA)
    lake.replace_partition(TABLE, partition, rows, within={"source": source})


def read_deliveries(lake: Lake, source: str, partitions: list[str] | None = None) -> dict[str, Record]:
    """Return the records of a source by partition (or `WHOLE`).

    Parameters
    ----------
    lake : Lake
    source : str
    partitions : list of str, optional
        All if left out.

    Returns
    -------
    dict of str to Record
    """
    rows = lake.read(TABLE, partitions, where={"source": source})
    return {
        row["partition"]: Record(
            delivery=row["delivery"],
            fingerprint=row["fingerprint"],
            location=row["location"],
            ingested_at=row["ingested_at"],
            parts={key: Part(**part) for key, part in json.loads(row["partitions"]).items()},
        )
        for row in (rows.to_pylist() if rows is not None else [])
    }
