"""Rows by their numbers with the columns that windows make, of which no more are in memory than windows look back on.

Stays out: which rows are wanted.
"""

from collections.abc import Iterator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.lake import PARTITION, Lake
from lakemill.lake.scanning import TableScan
from lakemill.preprocessing.windows.reading import iterate_clean


class WindowScan(TableScan):
    """Some partitions of a version of ``clean``, with windows that look back on these partitions.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    partitions : list of str
    version : int
    windows : sequence of Window
    """

    def __init__(
        self, workflow: Workflow, lake: Lake, partitions: list[str], *, version: int, windows: Sequence[Window]
    ) -> None:
        super().__init__(lake, "clean", partitions, version=version)
        self._workflow, self._lake = workflow, lake
        self._windows, self._version, self._published = windows, version, partitions
        self._made = [column.name for window in windows for column in window.made]
        for name in self._made:
            self.schema = self.schema.append(pa.field(name, pa.float64()))
        self._firsts: dict[str, int] = {}
        first = 0
        for key, count in self.counts.items():
            self._firsts[key] = first
            first += count

    def pieces(
        self, columns: list[str] | None = None, *, among: np.ndarray | None = None, partition: str | None = None
    ) -> Iterator[tuple[int, pa.Table]]:
        """Yield the rows as `TableScan.pieces` does; where columns of windows are wanted, whole partitions."""
        if columns is not None and not set(columns) & set(self._made):
            yield from super().pieces(columns, among=among, partition=partition)
            return
        keys = [key for key in self.counts if partition in (None, key) and self._has_any(key, among)]
        if not keys:
            return
        for rows in iterate_clean(
            self._workflow,
            self._lake,
            keys,
            windows=self._windows,
            published=self._published,
            version=self._version,
        ):
            for key in sorted(pc.unique(rows.column(PARTITION)).to_pylist()):
                part = rows.filter(pc.equal(rows.column(PARTITION), key))
                yield self._firsts[key], part.select(self.schema.names if columns is None else columns)

    def _has_any(self, key: str, among: np.ndarray | None) -> bool:
        if among is None:
            return True
        start, end = np.searchsorted(among, (self._firsts[key], self._firsts[key] + self.counts[key]))
        return bool(start < end)
