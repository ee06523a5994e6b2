"""Rows as series over event time, and the columns that windows make of them.

A row's numbers depend on rows of its own series at or before its event time, and on nothing else: neither on the order
of rows, nor on how they are cut into parts, nor on rows further back than the windows reach.
Stays out: where earlier rows come from (``reading.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.windows import Window, WindowColumn
from lakemill.exceptions import TableError
from lakemill.preprocessing.windows.frames import find_edges, summarise

MICROSECOND = timedelta(microseconds=1)


def name_needed(windows: Sequence[Window], *, event_time: str, key: Sequence[str]) -> list[str]:
    """Return the columns of earlier rows that windows look at."""
    looked_at = [name for window in windows for name in (*window.by, *window.columns)]
    return list(dict.fromkeys([event_time, *key, *looked_at]))


def add_windows(
    rows: pa.Table, past: pa.Table | None, windows: Sequence[Window], *, event_time: str, key: Sequence[str]
) -> pa.Table:
    """Add the columns of windows to rows.

    Parameters
    ----------
    rows : pyarrow.Table
        In any order.
    past : pyarrow.Table or None
        Other rows to look back on, as far as the windows reach; with the columns of `name_needed`.
    windows : sequence of Window
    event_time : str
    key : sequence of str
        Rows of one moment stand in the order of these.

    Returns
    -------
    pyarrow.Table
        The rows in their order with further columns, of float64; null where there is no value.

    Raises
    ------
    TableError
        If a column that is looked back on holds no numbers.

    Examples
    --------
    >>> at = pa.array([0, 60_000_000, 120_000_000], pa.timestamp("us", "UTC"))
    >>> rows = pa.table({"id": [1, 2, 3], "at": at, "x": [1.0, 2.0, 4.0]})
    >>> window = Window(columns=["x"], lags=["1 minute"], rolling={"2 minutes": ["sum"]})
    >>> made = add_windows(rows.slice(1), rows.slice(0, 1), [window], event_time="at", key=["id"])
    >>> made.select(["x_lag_1_minute", "x_sum_2_minutes"]).to_pydict()
    {'x_lag_1_minute': [1.0, 2.0], 'x_sum_2_minutes': [3.0, 6.0]}
    """
    needed = name_needed(windows, event_time=event_time, key=key)
    looked_at = rows.select(needed)
    everything = (
        looked_at if past is None else pa.concat_tables([past.select(needed).cast(looked_at.schema), looked_at])
    )
    count = 0 if past is None else len(past)
    for window in windows:
        series = _Series.arrange(everything, window, event_time=event_time, key=key, skipping=count)
        for source in window.columns:
            numbers = _as_numbers(everything.column(source), source)
            for column in window.made:
                if column.source == source:
                    made = pa.array(series.compute(column, window, numbers), pa.float64(), from_pandas=True)
                    rows = rows.append_column(column.name, made)
    return rows


@dataclass(frozen=True)
class _Series:
    """Rows by series and time.

    Attributes
    ----------
    order : ndarray of int64, shape (n,)
        Positions of the rows, series after series, each by time and key.
    times : ndarray of int64, shape (n,)
        Microseconds, in that order.
    first : ndarray of int64, shape (n,)
        Where each row's series begins in that order.
    asked : ndarray of int64, shape (m,)
        Where the rows stand in it that are asked for, rising.
    own : ndarray of int64, shape (m,)
        The positions of these among the rows that are asked for.
    """

    order: np.ndarray
    times: np.ndarray
    first: np.ndarray
    asked: np.ndarray
    own: np.ndarray
    edges: dict[tuple[int, bool], np.ndarray] = field(default_factory=dict)  # found before

    @classmethod
    def arrange(
        cls, rows: pa.Table, window: Window, *, event_time: str, key: Sequence[str], skipping: int
    ) -> "_Series":
        """Sort rows; the first so many are only looked back on."""
        names = dict.fromkeys([*window.by, event_time, *key, *window.columns])
        order = pc.sort_indices(rows, [(name, "ascending") for name in names]).to_numpy().astype("int64")
        is_new = np.zeros(len(rows), dtype=bool)
        is_new[:1] = True
        for name in (*window.by, event_time):
            values = rows.column(name).take(pa.array(order)).combine_chunks()
            # a row that no series is known of is one of its own
            is_new |= np.asarray(values.is_null())
            if name != event_time and len(values) > 1:
                differs = pc.fill_null(pc.not_equal(values.slice(1), values.slice(0, len(values) - 1)), True)
                is_new[1:] |= np.asarray(differs)
        first = np.maximum.accumulate(np.where(is_new, np.arange(len(rows)), 0))
        moments = rows.column(event_time).cast(pa.timestamp("us", "UTC")).cast(pa.int64())
        times = pc.fill_null(moments, 0).to_numpy()[order]
        asked = np.flatnonzero(order >= skipping)
        return cls(order, times, first, asked, order[asked] - skipping)

    def compute(self, column: WindowColumn, window: Window, numbers: np.ndarray) -> np.ndarray:
        """Return one column of a window for the rows that are asked for, NaN where there is no value."""
        values = numbers[self.order]
        if column.kind == "lag":
            found = self._lag(column.length, window, values)
        elif column.kind == "difference":
            found = values[self.asked] - self._lag(column.length, window, values)
        else:
            assert isinstance(column.length, timedelta)  # noqa: S101  # statistics are over time
            ago, includes = window.ago or timedelta(0), window.closed == "right"
            start = self._find(ago + column.length, includes=includes)
            end = self._find(ago, includes=includes)
            found = summarise(column.kind, *_leave_out_missing(values, start, end))
        result = np.empty(len(found))
        result[self.own] = found
        return result

    def _lag(self, lag: timedelta | int, window: Window, values: np.ndarray) -> np.ndarray:
        tolerance = window.tolerance_of(lag)
        if isinstance(lag, int):
            at = self.asked - lag
            is_there = at >= self.first[self.asked]
            at = np.where(is_there, at, 0)
            is_there &= self.times[at] >= self.times[self.asked] - tolerance // MICROSECOND
            return np.where(is_there, values[at], np.nan)
        oldest, newest = self._find(lag + tolerance, includes=False), self._find(lag, includes=True)
        held, start, end = _leave_out_missing(values, oldest, newest)
        is_there = end > start
        return np.where(is_there, held[np.where(is_there, end - 1, 0)] if len(held) else np.nan, np.nan)

    def _find(self, before: timedelta, *, includes: bool) -> np.ndarray:
        """Return how far each row's series reaches that long before it."""
        length = before // MICROSECOND
        if (length, includes) not in self.edges:
            wanted = self.times[self.asked] - length
            self.edges[length, includes] = find_edges(self.times, self.first, self.asked, wanted, includes=includes)
        return self.edges[length, includes]


def _leave_out_missing(
    values: np.ndarray, start: np.ndarray, end: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the values that are there, and the frames' ends among these."""
    is_there = ~np.isnan(values)
    before = np.concatenate([[0], np.cumsum(is_there)])
    return values[is_there], before[start], before[end]


def _as_numbers(values: pa.ChunkedArray, name: str) -> np.ndarray:
    kind = values.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind)):
        raise TableError(
            f"features.windows: {name!r} is {kind}, and windows look back on numbers",
            where="the table clean",
            remedy="name another column, or make it a number in table.sql or under clean",
        )
    numbers = (values.cast(pa.int8()) if pa.types.is_boolean(kind) else values).cast(pa.float64())
    found = numbers.to_numpy(zero_copy_only=False).astype("float64") if len(numbers) else np.zeros(0)
    return np.where(np.isfinite(found), found, np.nan)  # no value either, as for the model
