"""One Parquet file of a table: written piece by piece, seen by no reader before a commit names it.

Stays out: commits, and which rows belong into one file.
"""

import json
import time
import uuid
from collections.abc import Iterator
from contextlib import suppress

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake.transaction import AddAction

from lakemill.lake.storage import Lake

PIECE_ROWS = 100_000
SAMPLE_ROWS = 10_000


class PartFile:
    """A Parquet file that is being written.

    Parameters
    ----------
    lake : Lake
    table : str
    keys : dict of str to str
        Partition columns with their values.
    number : int
        Of the files that are written for these: sorted by name, they are in the order of their rows.
    schema : pyarrow.Schema
        Without the partition columns.
    """

    def __init__(self, lake: Lake, table: str, keys: dict[str, str], number: int, schema: pa.Schema) -> None:
        folder = "/".join(f"{name}={value}" for name, value in keys.items())
        self.path = f"{folder}/part-{number:05}-{uuid.uuid4()}.parquet"
        self.schema = schema
        self.taken = 0  # bytes of rows in memory
        self._keys = keys
        self._rows = 0
        self._sink = lake.open_for_writing(f"{table}/{self.path}")
        self._writer: pq.ParquetWriter | None = None

    def write(self, rows: pa.Table) -> None:
        """Take rows, as one row group."""
        if self._writer is None:
            self._writer = self._open_writer(rows)
        self._writer.write_table(rows, row_group_size=len(rows))
        self._rows += len(rows)
        self.taken += rows.nbytes

    @property
    def size(self) -> int:
        """Bytes of the file so far."""
        return int(self._sink.tell())

    def close(self, *, is_new: bool = True) -> AddAction:
        """Finish the file and return what a commit has to say of it.

        Parameters
        ----------
        is_new : bool
            Whether its rows are new to the table, and not those of other files.

        Returns
        -------
        deltalake.transaction.AddAction
        """
        (self._writer or self._open_writer(self.schema.empty_table())).close()
        size = self.size
        self._sink.close()  # an object of an object store is there only now
        return AddAction(
            path=self.path,
            size=size,
            partition_values=dict(self._keys),
            modification_time=int(time.time() * 1000),
            data_change=is_new,
            stats=json.dumps({"numRecords": self._rows}),
        )

    def discard(self) -> None:
        """Let go of the file, whatever state it is in; removing it is the caller's."""
        for close in (*([self._writer.close] if self._writer is not None else []), self._sink.close):
            with suppress(OSError, pa.ArrowException):  # the disk is full, the store is gone: nothing to be kept here
                close()

    def _open_writer(self, first: pa.Table) -> pq.ParquetWriter:
        return pq.ParquetWriter(
            self._sink,
            self.schema,
            compression="zstd",
            compression_level=1,
            # a dictionary is worth its price where texts come again: it takes as long as all the rest
            use_dictionary=[name for name in first.column_names if _comes_again(first.column(name))],
        )


def _comes_again(values: pa.ChunkedArray) -> bool:
    if not pa.types.is_string(values.type):
        return False
    sample = values.slice(0, SAMPLE_ROWS)
    return bool(pc.count_distinct(sample).as_py() <= max(1, len(sample) // 4))


def read_part(lake: Lake, table: str, path: str) -> Iterator[pa.Table]:
    """Yield the rows of a file, in pieces that fit into memory.

    Parameters
    ----------
    lake : Lake
    table : str
    path : str
        Within the table's folder.

    Yields
    ------
    pyarrow.Table
        At most `PIECE_ROWS` rows, without the partition columns.
    """
    with lake.files.open_input_file(f"{table}/{path}") as source, pq.ParquetFile(source) as file:
        for batch in file.iter_batches(batch_size=PIECE_ROWS):
            yield pa.Table.from_batches([batch])
