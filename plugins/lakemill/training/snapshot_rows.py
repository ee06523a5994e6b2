"""The rows of a snapshot in their order: a few columns of all of them, the others as far as they are asked for.

Stays out: which rows are chosen, splitting and fitting.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.config.dataset import find_column
from lakemill.config.windows import Window
from lakemill.lake import Lake
from lakemill.lake.label_corrections import apply_corrections, read_corrections
from lakemill.lake.scanning import BATCH_ROWS, TableScan
from lakemill.lake.storage import PARTITION
from lakemill.preprocessing.late_labels import KNOWN_FROM, label_rows
from lakemill.preprocessing.windows.scanning import WindowScan

NUMBER = "\0number"  # of a row in the lake; no column of a table has such a name


class SnapshotRows:
    """The rows of a snapshot: those with a label known by its moment, as put right by then, by time and key.

    A position counts these rows in their order.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : dict
        What `take_snapshot` returned.
    windows : sequence of Window
        Whose columns can be read besides; they look back on all rows of the snapshot's partitions.

    Attributes
    ----------
    index : pyarrow.Table
        Of all rows: event time, key, label, and the column that they are split by. About 40 bytes a row.
    schema : pyarrow.Schema
        Of all columns that can be read.
    """

    def __init__(
        self, workflow: Workflow, lake: Lake, snapshot: dict[str, Any], *, windows: Sequence[Window] = ()
    ) -> None:
        table, partitions, version = workflow.table, snapshot["partitions"], snapshot["version"]
        self._scan = (
            WindowScan(workflow, lake, partitions, version=version, windows=windows)
            if windows
            else TableScan(lake, "clean", partitions, version=version)
        )
        self._label, self._is_late = table.label.column, table.label.source is not None
        order = list(dict.fromkeys((table.event_time, *table.key)))
        split_by = find_column(workflow.dataset)
        also = [split_by] if split_by is not None and split_by in self._scan.schema.names else []
        names = list(dict.fromkeys((*order, self._label, *also)))
        answers, as_of = snapshot.get("corrections"), datetime.fromisoformat(snapshot["as_of"])
        rows = self._scan.read(self._in_the_lake([*names, *([PARTITION] if answers else [])]))
        rows = rows.append_column(NUMBER, pa.array(np.arange(len(rows))))
        rows = label_rows(workflow, lake, rows, as_of=as_of, version=snapshot.get("labels", {}).get("version"))
        if answers:
            corrections = read_corrections(lake, partitions, answers=answers)
            rows = apply_corrections(rows, corrections, key=table.key, label=self._label)
        rows = mature_rows(workflow, rows, as_of=as_of)
        if not _is_in_order(rows, order):  # in the lake they are, partition by partition
            rows = rows.sort_by([(name, "ascending") for name in order])
        self._numbers: np.ndarray = rows.column(NUMBER).to_numpy()
        self._is_mended = bool(answers)
        self.index: pa.Table = rows.select(names)
        self.schema = self._scan.schema
        if self._is_late:
            self.schema = self.schema.append(self.index.schema.field(self._label))

    def __len__(self) -> int:
        return len(self._numbers)

    @property
    def partitions(self) -> list[str]:
        """Keys of the partitions that have rows in the lake, in order."""
        return list(self._scan.counts)

    def take(self, positions: np.ndarray | None = None, columns: list[str] | None = None) -> pa.Table:
        """Return the rows at some positions, in their order.

        Parameters
        ----------
        positions : ndarray of int64, optional
            All if left out.
        columns : list of str, optional
            All if left out.

        Returns
        -------
        pyarrow.Table
        """
        at = np.arange(len(self)) if positions is None else positions
        return self._put_labels(self._scan.take(self._numbers[at], self._in_the_lake(columns)), at, columns)

    def read_in_order(self) -> Iterator[tuple[np.ndarray, pa.Table]]:
        """Yield all rows piece by piece in their order, each piece with the positions of its rows."""
        if bool(np.all(self._numbers[1:] > self._numbers[:-1])):  # as they lie in the lake
            yield from self.stream(np.arange(len(self)))
            return
        for start in range(0, len(self), BATCH_ROWS):
            at = np.arange(start, min(start + BATCH_ROWS, len(self)))
            yield at, self.take(at)

    def stream(
        self, positions: np.ndarray, columns: list[str] | None = None, *, partitions: list[str] | None = None
    ) -> Iterator[tuple[np.ndarray, pa.Table]]:
        """Yield the rows at some positions piece by piece, each piece with the positions of its rows.

        Parameters
        ----------
        positions : ndarray of int64
        columns : list of str, optional
            All if left out.
        partitions : list of str, optional
            Their order; that of their keys if left out.

        Yields
        ------
        ndarray of int64, pyarrow.Table
            In order where the rows lie so in the lake.
        """
        wanted = np.sort(self._numbers[positions])
        place = np.full(len(self._scan), -1)  # of each row of the lake among those of the snapshot
        place[self._numbers[positions]] = positions
        for key in self.partitions if partitions is None else partitions:
            for first, rows in self._scan.pieces(self._in_the_lake(columns), among=wanted, partition=key):
                at = place[first : first + len(rows)]
                kept = np.flatnonzero(at >= 0)
                if len(kept):
                    chosen = rows.take(pa.array(kept)) if len(kept) < len(rows) else rows
                    yield at[kept], self._put_labels(chosen, at[kept], columns)

    def _in_the_lake(self, columns: list[str] | None) -> list[str] | None:
        return [name for name in columns if name != self._label] if columns is not None and self._is_late else columns

    def _put_labels(self, rows: pa.Table, positions: np.ndarray, columns: list[str] | None) -> pa.Table:
        """Put in the labels that came later, or that people have put right."""
        is_wanted = columns is None or self._label in columns
        if not is_wanted or not (self._is_late or self._is_mended):
            return rows
        labels = self.index.column(self._label).take(pa.array(positions))
        if self._is_late:
            return rows.append_column(self._label, labels)
        return rows.set_column(rows.column_names.index(self._label), self._label, labels)


def mature_rows(workflow: Workflow, rows: pa.Table, *, as_of: datetime, since: datetime | None = None) -> pa.Table:
    """Return the rows whose label was known as of a moment (and, if asked for, not yet as of an earlier one).

    What becomes known at the very moment comes after it, as an event at a partition's end belongs to the next one: so
    each row becomes known in exactly one partition, and never before its own.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        Those whose labels come later with these, as known at ``as_of``.
    as_of : datetime
    since : datetime, optional

    Returns
    -------
    pyarrow.Table
    """
    label = workflow.table.label
    event_time = rows.column(workflow.table.event_time)
    known = pc.less(event_time, pa.scalar(as_of - label.known_after, event_time.type))
    if since is not None:
        is_new = pc.greater_equal(event_time, pa.scalar(since - label.known_after, event_time.type))
        if KNOWN_FROM in rows.column_names:  # and before as_of, else there would be no label
            known_from = rows.column(KNOWN_FROM)
            is_new = pc.or_(is_new, pc.greater_equal(known_from, pa.scalar(since, known_from.type)))
        known = pc.and_(known, is_new)
    rows = rows.filter(pc.and_(known, pc.is_valid(rows.column(label.column))))
    return rows.drop_columns([KNOWN_FROM]) if KNOWN_FROM in rows.column_names else rows


def _is_in_order(rows: pa.Table, names: list[str]) -> bool:
    """Tell whether rows ascend by some columns; False too where a value is missing, so that it could not be told."""
    tied = np.ones(max(len(rows) - 1, 0), dtype=bool)
    for name in names:
        values = rows.column(name)
        if values.null_count:
            return False
        before, after = values.slice(0, len(tied)), values.slice(1)
        rises = pc.less(before, after).to_numpy(zero_copy_only=False)
        equals = pc.equal(before, after).to_numpy(zero_copy_only=False)
        if bool(np.any(tied & ~rises & ~equals)):
            return False
        tied &= equals
    return True
