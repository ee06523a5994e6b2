"""Parquet files, a row group at a time.

Stays out: bringing types to those of a table.
"""

from collections.abc import Iterator
from typing import BinaryIO

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from lakemill.collection.delivery import NO_ROWS, Piece, Refused, number_rows

PIECE_BYTES = 64 * 2**20


def read_parquet(raw: BinaryIO, shown: str) -> Iterator[Piece]:
    """Read a Parquet file; a row group that is damaged is refused, and the others go on.

    Parameters
    ----------
    raw : file
    shown : str

    Yields
    ------
    Piece
    """
    try:
        file = pq.ParquetFile(raw, page_checksum_verification=True)
        groups, schema = file.num_row_groups, file.schema_arrow
    except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError, OverflowError) as error:
        yield Piece(NO_ROWS, [Refused(f"cannot be read: {_shorten(error)}", shown)])
        return
    yield Piece(number_rows(schema.empty_table(), []))
    number = 0
    for group in range(groups):
        count = file.metadata.row_group(group).num_rows
        try:
            rows = file.read_row_group(group)
            rows.validate(full=True)
        except (pa.ArrowException, OSError, UnicodeDecodeError, MemoryError, OverflowError) as error:
            reason = f"row group {group + 1} of {groups}, of {count:,} rows, cannot be read: {_shorten(error)}"
            yield Piece(NO_ROWS, [Refused(reason, shown, number + 1)])
            number += count
            continue
        size = max(1, int(len(rows) * PIECE_BYTES / max(PIECE_BYTES, rows.nbytes)))
        for start in range(0, len(rows), size):
            part = rows.slice(start, size)
            numbers = np.arange(number + start + 1, number + start + len(part) + 1)
            yield Piece(number_rows(part, numbers))
        number += count


def _shorten(error: BaseException) -> str:
    return (str(error) or type(error).__name__).splitlines()[0][:300]
