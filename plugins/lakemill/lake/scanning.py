"""Rows of a version of a table by their numbers: all of a few columns, some of all columns, or piece by piece.

Numbers count rows partition by partition, in the order of the partitions' keys, and within one as the table reads them.
Stays out: which rows are wanted.
"""

from collections import defaultdict
from collections.abc import Iterator

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds

from lakemill.lake.reading import open_dataset
from lakemill.lake.storage import PARTITION, Lake

BATCH_ROWS = 65_536  # read at once


class TableScan:
    """Some partitions of a version of a table.

    Parameters
    ----------
    lake : Lake
    table : str
    partitions : list of str
        Their keys.
    version : int

    Attributes
    ----------
    schema : pyarrow.Schema
    counts : dict of str to int
        Rows of each partition that has any, in order.
    """

    def __init__(self, lake: Lake, table: str, partitions: list[str], *, version: int) -> None:
        dataset = open_dataset(lake, table, version)
        self.schema: pa.Schema = dataset.schema
        found: dict[str, list[ds.Fragment]] = defaultdict(list)
        for fragment in dataset.get_fragments():
            found[ds.get_partition_keys(fragment.partition_expression).get(PARTITION, "")].append(fragment)
        self.counts: dict[str, int] = {}
        self._files: dict[str, list[tuple[int, int, ds.Fragment]]] = {}  # first number, rows, file
        first = 0
        for key in sorted(set(partitions)):
            for fragment in found[key]:
                count = fragment.count_rows()
                self._files.setdefault(key, []).append((first, count, fragment))
                self.counts[key] = self.counts.get(key, 0) + count
                first += count

    def __len__(self) -> int:
        return sum(self.counts.values())

    def read(self, columns: list[str] | None = None) -> pa.Table:
        """Return all rows.

        Parameters
        ----------
        columns : list of str, optional
            All if left out.

        Returns
        -------
        pyarrow.Table
        """
        return pa.concat_tables([self._empty(columns), *(rows for _, rows in self.pieces(columns))])

    def take(self, numbers: np.ndarray, columns: list[str] | None = None) -> pa.Table:
        """Return the rows of some numbers, in their order; files without any of them are not read.

        Parameters
        ----------
        numbers : ndarray of int64
        columns : list of str, optional

        Returns
        -------
        pyarrow.Table
        """
        is_rising = bool(np.all(numbers[1:] > numbers[:-1]))
        wanted = numbers if is_rising else np.unique(numbers)
        parts = [self._empty(columns)]
        for first, rows in self.pieces(columns, among=wanted):
            start, end = np.searchsorted(wanted, (first, first + len(rows)))
            if start < end:
                parts.append(rows.take(pa.array(wanted[start:end] - first)))
        taken = pa.concat_tables(parts)
        return taken if is_rising else taken.take(pa.array(np.searchsorted(wanted, numbers)))

    def pieces(
        self, columns: list[str] | None = None, *, among: np.ndarray | None = None, partition: str | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        """Yield the rows piece by piece, in order, each with the number of its first row.

        Parameters
        ----------
        columns : list of str, optional
        among : ndarray of int64, optional
            Rising numbers; files that hold none of them are passed over.
        partition : str, optional
            Only this one.

        Yields
        ------
        int, pyarrow.Table
        """
        for key in self._files if partition is None else [partition]:
            for first, count, fragment in self._files.get(key, []):
                if among is not None:
                    start, end = np.searchsorted(among, (first, first + count))
                    if start == end:
                        continue
                yield from self._read_file(first, fragment, columns)

    def _read_file(
        self, first: int, fragment: ds.Fragment, columns: list[str] | None
    ) -> Iterator[tuple[int, pa.Table]]:
        # no more ahead than a piece: memory is what this is about
        for batch in fragment.to_batches(
            self.schema, columns=columns, batch_size=BATCH_ROWS, batch_readahead=1, fragment_readahead=1
        ):
            if batch.num_rows:
                yield first, pa.Table.from_batches([batch])
            first += batch.num_rows

    def _empty(self, columns: list[str] | None) -> pa.Table:
        fields = self.schema if columns is None else [self.schema.field(name) for name in columns]
        return pa.schema(fields).empty_table()
