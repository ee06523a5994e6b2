"""Values out of a declared range. Stays out: limits that are learnt (``outliers.py``)."""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import LimitRange
from lakemill.preprocessing.cleaning.cells import exchange, handle, merge, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context


def limit_range(rule: LimitRange, rows: pa.Table, context: Context) -> Cleaned:
    """Make values out of a range missing, move them to its ends, refuse or flag their rows."""
    parts = []
    for name in rule.columns:
        column = rows.column(name)
        if column.null_count == len(column):  # without a value its type may be any
            if rule.outside == "flag":
                rows = put_column(rows, rule.flag_of(name), pa.array([False] * len(rows), pa.bool_()))
            continue
        why = f"out of the range from {rule.low} to {rule.high}"
        part = (
            clip(rows, name, rule.low, rule.high, why=why)
            if rule.outside == "clip"
            else handle(
                rows,
                name,
                is_beyond(column, rule.low, rule.high),
                action=rule.outside,
                why=why,
                flag=rule.flag_of(name),
            )
        )
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)


def is_beyond(column: pa.ChunkedArray, low: float | None, high: float | None) -> pa.ChunkedArray:
    """Return which values lie below or above; missing ones and NaN do not."""
    beyond = pc.and_(pc.is_null(column), False)
    for limit, compare in ((low, pc.less), (high, pc.greater)):
        if limit is not None:
            beyond = pc.or_(beyond, pc.fill_null(compare(column, pa.scalar(limit)), False))
    return beyond


def clip(rows: pa.Table, name: str, low: float | None, high: float | None, *, why: str) -> Cleaned:
    """Move values to the ends of a range."""
    limited = rows.column(name)
    for limit, beyond in ((low, pc.less), (high, pc.greater)):
        if limit is not None:
            end = pa.scalar(limit, pa.float64()).cast(limited.type)
            limited = pc.if_else(beyond(limited, pa.scalar(limit)), end, limited)
    rows, effects = exchange(rows, name, limited, why)
    return Cleaned(rows, tuple(effects))
