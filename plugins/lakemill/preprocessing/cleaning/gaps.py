"""Missing values of series: marked, and filled where the gap is short. Nothing of other partitions is looked at.

Stays out: rows that were never delivered.
"""

from datetime import timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config.cleaning import Gaps
from lakemill.preprocessing.cleaning.cells import are_set, combine, count, exchange, merge, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect


def fill_gaps(rule: Gaps, rows: pa.Table, context: Context) -> Cleaned:
    """Mark missing values, and fill those that are near enough to known ones of their series."""
    times = combine(rows.column(context.event_time).cast(pa.timestamp("us", "UTC")))
    micros = times.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False)
    series = _number_series(rows, rule.by)
    order = np.lexsort((micros, series))
    parts = []
    for name in rule.columns:
        column = rows.column(name)
        missing = are_set(column.is_null(nan_is_null=True))
        found = count(missing)
        effects: list[Effect] = []
        if rule.fill != "none" and found:
            values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)[order]
            filled = np.empty(len(rows))
            filled[order] = fill(values, micros[order], series[order], method=rule.fill, longest=rule.longest)
            after = pa.array(filled, from_pandas=True)
            rows = put_column(rows, name, column.cast(pa.float64()))
            rows, effects = exchange(rows, name, after, f"filled ({rule.fill})")
        if rule.mark:
            flag = rule.flag_of(name)
            marked = missing
            if flag in rows.column_names:  # a mark that is there already stays
                marked = pa.array(np.asarray(missing) | np.asarray(are_set(rows.column(flag))))
            rows = put_column(rows, flag, marked)
        if found:
            effects.append(Effect(name, "missing", flagged=found if rule.mark else 0))
        parts.append(Cleaned(rows, tuple(effects)))
    return merge(parts, rows)


def fill(values: np.ndarray, micros: np.ndarray, series: np.ndarray, *, method: str, longest: timedelta) -> np.ndarray:
    """Fill what is missing of series that are sorted by time.

    Parameters
    ----------
    values : ndarray of float64
        NaN where missing.
    micros : ndarray of int64
        Moments, in microseconds.
    series : ndarray of int64
        Number of the series; equal ones lie together.
    method : {"linear", "last"}
    longest : timedelta
        From one known value to the next (linear), or to the row that is filled (last).

    Returns
    -------
    ndarray of float64

    Examples
    --------
    >>> fill(np.array([1, np.nan, 3]), np.array([0, 5, 10]), np.zeros(3, int), method="linear", longest=timedelta(1))
    array([1., 2., 3.])
    """
    places = np.arange(len(values))
    known = ~np.isnan(values)
    before = np.maximum.accumulate(np.where(known, places, -1))
    after = np.minimum.accumulate(np.where(known, places, len(values))[::-1])[::-1]
    has_before = (before >= 0) & (series[np.maximum(before, 0)] == series)
    has_after = (after < len(values)) & (series[np.minimum(after, len(values) - 1)] == series)
    before, after = np.where(has_before, before, places), np.where(has_after, after, places)
    limit = longest / timedelta(microseconds=1)
    if method == "last":
        fills = ~known & has_before & (micros - micros[before] <= limit)
        return np.where(fills, values[before], values)
    span = micros[after] - micros[before]
    fills = ~known & has_before & has_after & (span <= limit)
    share = (micros - micros[before]) / np.where(span > 0, span, 1)
    between = values[before] + (values[after] - values[before]) * share
    return np.where(fills, between, values)


def _number_series(rows: pa.Table, by: tuple[str, ...]) -> np.ndarray:
    if not by or not len(rows):
        return np.zeros(len(rows), np.int64)
    frame = pd.DataFrame({name: rows.column(name).to_pandas() for name in by})
    return frame.groupby(list(by), sort=True, dropna=False).ngroup().to_numpy(np.int64)
