"""The table of cleaning reports: what each rule did to each column of a partition, and why.

Stays out: cleaning.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields

import pyarrow as pa

from lakemill.lake.storage import PARTITION, Lake

TABLE = "cleaning"
SCHEMA = pa.schema(
    [
        ("position", pa.int64()),
        ("rule", pa.string()),
        ("column", pa.string()),
        ("why", pa.string()),
        ("rows", pa.int64()),
        ("cells", pa.int64()),
        ("dropped", pa.int64()),
        ("refused", pa.int64()),
        ("flagged", pa.int64()),
        ("examples", pa.list_(pa.string())),
    ]
)


@dataclass(frozen=True)
class Line:
    """What a rule did to a column of a partition, for one cause.

    Attributes
    ----------
    position : int
        The rule's place in the workflow file, from 1 on.
    rule : str
    column : str
        Empty for whole rows.
    why : str
        Empty where the rule found nothing to do.
    rows : int
        That the rule was given.
    cells, dropped, refused, flagged : int
        Cells changed; rows dropped, refused, flagged.
    examples : tuple of str
    """

    position: int
    rule: str
    column: str = ""
    why: str = ""
    rows: int = 0
    cells: int = 0
    dropped: int = 0
    refused: int = 0
    flagged: int = 0
    examples: tuple[str, ...] = ()


def keep_report(lake: Lake, partition: str, lines: Sequence[Line]) -> bool:
    """Keep the report of a partition in place of an earlier one.

    Returns
    -------
    bool
        Whether it differs from that one.
    """
    if not lines and not lake.holds(TABLE, partition):
        return False
    rows = [{**asdict(line), "examples": list(line.examples)} for line in lines]
    return lake.replace_partition(TABLE, partition, pa.Table.from_pylist(rows, schema=SCHEMA))


def read_reports(lake: Lake, partitions: list[str] | None = None) -> dict[str, list[Line]]:
    """Return reports by partition, in order; those of all partitions if none are named."""
    rows = lake.read(TABLE, partitions)
    found: dict[str, list[Line]] = {}
    names = [field.name for field in fields(Line)]
    for row in [] if rows is None else rows.to_pylist():
        said = {name: row[name] for name in names}
        found.setdefault(row[PARTITION], []).append(Line(**{**said, "examples": tuple(row["examples"])}))
    return {key: sorted(found[key], key=lambda line: line.position) for key in sorted(found)}
