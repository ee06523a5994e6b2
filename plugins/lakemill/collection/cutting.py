"""A delivery that holds all partitions, cut by event time.

Stays out: where rows without a moment are kept, but for saying so: with the workflow's first partition.
"""

from collections.abc import Iterator
from dataclasses import replace

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.delivery import LONGEST_TEXT, Piece, Refused
from lakemill.collection.text_types import read_instants
from lakemill.config import Partition
from lakemill.exceptions import CollectionError, suggest

UNITS = {"hour": "hour", "day": "day", "month": "month", "year": "year"}


def cut_piece(piece: Piece, column: str, partition: Partition, *, where: str) -> Iterator[tuple[str, Piece]]:
    """Yield the rows of a piece by partition, in the order of time.

    Parameters
    ----------
    piece : Piece
    column : str
        With the event time.
    partition : Partition
    where : str
        For errors.

    Yields
    ------
    key : str
    piece : Piece
        What is refused comes with the first partition of the workflow: lines that are no rows, and rows without an
        event time that can be read.

    Raises
    ------
    CollectionError
        If there is no such column.
    """
    rows = piece.rows
    if column not in rows.column_names and piece.is_sparse and len(rows):
        rows = rows.append_column(column, pa.nulls(len(rows), pa.string()))  # rows have columns of their own
    if column not in rows.column_names:
        if len(rows) == 0:  # it only tells of what is refused, if of anything
            if piece.refused:
                yield partition.start, piece
            return
        raise CollectionError(
            f"event_time: no column {column!r}", where=where, remedy=suggest(column, rows.column_names)
        )
    times, _ = read_instants(rows.column(column), partition.timezone)
    local = pc.local_timestamp(times.cast(pa.timestamp("us", partition.timezone)))
    starts = pc.floor_temporal(local, unit=UNITS[partition.every]).combine_chunks()
    timeless = rows.filter(pc.is_null(starts))
    refused = [*piece.refused, *(_refuse(row, column) for row in timeless.to_pylist())]
    if refused:
        yield partition.start, replace(piece, rows=rows.slice(0, 0), refused=refused)
    if len(rows) == 0 and not refused:
        yield partition.start, piece  # its columns
    distinct = pc.unique(starts).drop_null().sort()
    for start in distinct:
        key = start.as_py().strftime(partition.key_format)
        mine = rows if len(distinct) == 1 and not len(timeless) else rows.filter(pc.equal(starts, start))
        yield key, replace(piece, rows=mine, refused=())


def _refuse(row: dict[str, object], column: str) -> Refused:
    text = ", ".join(f"{name}={value}" for name, value in row.items() if value is not None)
    return Refused(
        reason=f"{column}: no event time that can be read",
        source_file=str(row.get("source_file", "")),
        source_row=int(str(row["source_row"])) if row.get("source_row") is not None else None,
        text=text[:LONGEST_TEXT],
    )
