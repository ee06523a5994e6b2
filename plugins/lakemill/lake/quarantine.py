"""The table of refused rows, each with all its reasons, whatever table it came from.

Stays out: refusing.
"""

import json
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Protocol, Self

import pyarrow as pa

from lakemill.lake.storage import Lake
from lakemill.lake.streams import PartitionWriter

TABLE = "quarantine"
SCHEMA = pa.schema([("reasons", pa.list_(pa.string())), ("row", pa.string())])


def keep_refused(
    lake: Lake, partition: str, *, source: str, step: str, refused: list[tuple[dict[str, Any], list[str]]]
) -> None:
    """Keep what a step refuses of a partition, in place of what it refused before.

    Parameters
    ----------
    lake : Lake
    partition : str
    source : str
        Name of the source, or ``table``.
    step : str
        ``collect`` or ``validate``.
    refused : list of (dict, list of str)
        Rows with their reasons.
    """
    within = {"source": source, "step": step}
    if not refused and not lake.holds(TABLE, partition, within):
        return
    rows = [{"reasons": reasons, "row": write_row(row)} for row, reasons in refused]
    lake.replace_partition(TABLE, partition, pa.Table.from_pylist(rows, schema=SCHEMA), within=within)


class RefusedInput(Protocol):
    """Something delivered that is no row: a value with a reason, and more attributes that tell what and where."""

    @property
    def reason(self) -> str:
        """Why it is refused."""


class RefusedWriter:
    """What a step refuses, streamed into quarantine; as a context it removes what was not committed.

    Parameters
    ----------
    lake : Lake
    source, step : str
    """

    def __init__(self, lake: Lake, *, source: str, step: str) -> None:
        self._writer = PartitionWriter(lake, TABLE, within={"source": source, "step": step})

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._writer.__exit__(kind, error, trace)

    def write(self, partition: str, refused: Sequence[RefusedInput]) -> None:
        """Take what is refused of a partition, each with its one reason."""
        if not refused:
            return
        self._writer.write(partition, as_rows(refused))

    def commit(self, partitions: list[str]) -> bool:
        """Make what was written all that this step refuses of these partitions."""
        return self._writer.commit(partitions)


def as_rows(refused: Sequence[RefusedInput]) -> pa.Table:
    """Return rows of the table, without what they are refused by."""
    rows = [
        {"reasons": [one.reason], "row": write_row({key: said for key, said in vars(one).items() if key != "reason"})}
        for one in refused
    ]
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def count_refused(lake: Lake, partition: str) -> dict[str, int]:
    """Return the number of refused rows of a partition by source."""
    rows = lake.read(TABLE, [partition], columns=["source"])
    counts: dict[str, int] = {}
    for source in rows.column("source").to_pylist() if rows is not None else []:
        counts[source] = counts.get(source, 0) + 1
    return counts


def write_row(row: dict[str, Any]) -> str:
    """Return a row as the table keeps it: JSON, the same for the same row."""
    return json.dumps(row, sort_keys=True, default=str, ensure_ascii=False)
