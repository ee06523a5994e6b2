"""The table ``labels``: labels that came later than their rows, by the partition that they were delivered with.

Rows of ``clean`` stay as they are; who reads them joins the labels that were known by then. Stays out: joining.
"""

import pyarrow as pa

from lakemill.lake.storage import Lake

TABLE = "labels"
SCHEMA = pa.schema(
    [
        ("key", pa.list_(pa.string())),
        ("label", pa.string()),
        ("known_at", pa.timestamp("us", "UTC")),
        ("row", pa.int64()),
    ]
)


def keep_labels(lake: Lake, partition: str, labels: pa.Table) -> bool:
    """Make labels all that were delivered with a partition.

    Parameters
    ----------
    lake : Lake
    partition : str
        The one whose delivery brought them, whatever partition their rows lie in.
    labels : pyarrow.Table
        Of `SCHEMA`: ``key`` as texts, ``label`` as text, ``known_at`` or null, ``row`` their place in the delivery.

    Returns
    -------
    bool
        Whether the table was changed.
    """
    if not len(labels) and not lake.holds(TABLE, partition):
        return False
    return lake.replace_partition(TABLE, partition, labels)


def read_labels(lake: Lake, partitions: list[str], *, version: int | None = None) -> pa.Table:
    """Return the labels that were delivered with some partitions, as in `SCHEMA`, with the column ``partition``."""
    rows = None if version == -1 else lake.read(TABLE, partitions, version=version)
    return rows if rows is not None else SCHEMA.append(pa.field("partition", pa.string())).empty_table()
