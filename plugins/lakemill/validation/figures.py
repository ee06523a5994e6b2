"""Figures of a partition that later ones are held against: counts, shares, means, quantiles, categories.

Each is named by a text, such as ``mean(distance)``, and is a JSON value. Stays out: what is learnt from them.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.partition import Interval
from lakemill.exceptions import TableError, suggest

MOST_CATEGORIES = 1000  # a column with more distinct values has none


@dataclass(frozen=True)
class Figure:
    """One figure of a table.

    Attributes
    ----------
    name : str
        A key of `MEASURES`.
    column : str or None
        None for a figure of the whole table.
    quantiles : tuple of float
        For the figure ``quantiles``.
    """

    name: str
    column: str | None = None
    quantiles: tuple[float, ...] = ()

    def __str__(self) -> str:
        said = ", ".join([*([self.column] if self.column is not None else []), *map(str, self.quantiles)])
        return f"{self.name}({said})"


def measure(rows: pa.Table, figures: Iterable[Figure], interval: Interval, *, where: str = "") -> dict[str, Any]:
    """Measure figures of a partition's rows.

    Parameters
    ----------
    rows : pyarrow.Table
    figures : iterable of Figure
    interval : Interval
        The partition's: its length counts for numbers of rows, its end for moments.
    where : str
        For errors.

    Returns
    -------
    dict of str to JSON value
        By the figure's text. Null where it is undefined: a mean of no values, categories of a column that has too many
        distinct values.

    Raises
    ------
    TableError
        If a column is not there, or has no such figure.

    Examples
    --------
    >>> day = Interval(datetime(2024, 3, 1, tzinfo=timezone.utc), datetime(2024, 3, 2, tzinfo=timezone.utc))
    >>> rows = pa.table({"weight": [1.0, None, 3.0, 8.0]})
    >>> measure(rows, [Figure("rows"), Figure("mean", "weight"), Figure("present", "weight")], day)
    {'rows()': 4.0, 'mean(weight)': 4.0, 'present(weight)': 0.75}
    """
    return {str(figure): _measure_one(rows, figure, interval, where) for figure in figures}


def is_numeric(kind: pa.DataType) -> bool:
    """Tell whether a column holds numbers."""
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def as_moment(value: datetime) -> datetime:
    """Return a time with its zone; one without is in UTC, as Great Expectations takes it."""
    return value if value.tzinfo is not None else value.replace(tzinfo=timezone.utc)


def _measure_one(rows: pa.Table, figure: Figure, interval: Interval, where: str) -> Any:
    if figure.column is not None and figure.column not in rows.column_names:
        raise TableError(f"no column {figure.column!r}", where=where, remedy=suggest(figure.column, rows.column_names))
    try:
        return MEASURES[figure.name](rows, figure, interval)
    except (pa.ArrowException, TypeError, ValueError):
        kind = rows.schema.field(str(figure.column)).type
        raise TableError(f"{figure} cannot be measured of {kind}", where=where, remedy="take another column") from None


def _values(rows: pa.Table, figure: Figure) -> pa.ChunkedArray:
    values = pc.drop_null(rows.column(str(figure.column)))
    return values.filter(pc.invert(pc.is_nan(values))) if pa.types.is_floating(values.type) else values


def _number(value: Any, interval: Interval) -> float | None:
    """Return a number, or for a moment its distance from the partition's end in lengths of the partition."""
    if isinstance(value, datetime):
        return (as_moment(value) - interval.end) / (interval.end - interval.start)
    return float(value) if value is not None else None


def _aggregate(function: Callable[..., Any]) -> Callable[[pa.Table, Figure, Interval], float | None]:
    def measured(rows: pa.Table, figure: Figure, interval: Interval) -> float | None:
        values = _values(rows, figure)
        return _number(function(values).as_py(), interval) if len(values) else None

    return measured


def _rows(rows: pa.Table, figure: Figure, interval: Interval) -> float:
    return len(rows) / ((interval.end - interval.start) / timedelta(days=1))


def _present(rows: pa.Table, figure: Figure, interval: Interval) -> float | None:
    return len(_values(rows, figure)) / len(rows) if len(rows) else None


def _distinct(rows: pa.Table, figure: Figure, interval: Interval) -> float:
    return float(pc.count_distinct(_values(rows, figure)).as_py())


def _distinct_share(rows: pa.Table, figure: Figure, interval: Interval) -> float | None:
    values = _values(rows, figure)
    return pc.count_distinct(values).as_py() / len(values) if len(values) else None


def _categories(rows: pa.Table, figure: Figure, interval: Interval) -> list[list[Any]] | None:
    values = _values(rows, figure)
    if pa.types.is_temporal(values.type) or pa.types.is_nested(values.type):
        raise TypeError("no categories")
    counts = pc.value_counts(values)
    if len(counts) > MOST_CATEGORIES:
        return None
    found = [(one["values"], one["counts"]) for one in counts.to_pylist()]
    return [[value, count] for value, count in sorted(found, key=lambda pair: str(pair[0]))]


def _quantiles(rows: pa.Table, figure: Figure, interval: Interval) -> list[float] | None:
    values = _values(rows, figure)
    if not len(values):
        return None
    # the nearest that is there, as Great Expectations takes it
    return [float(one) for one in pc.quantile(values, q=list(figure.quantiles), interpolation="nearest").to_pylist()]


MEASURES: Mapping[str, Callable[[pa.Table, Figure, Interval], Any]] = {
    "rows": _rows,  # a day: months differ in length
    "present": _present,
    "mean": _aggregate(pc.mean),
    "stdev": _aggregate(lambda values: pc.stddev(values, ddof=1)),
    "sum": _aggregate(pc.sum),
    "min": _aggregate(pc.min),
    "max": _aggregate(pc.max),
    "median": _aggregate(lambda values: pc.quantile(values, q=0.5)[0]),
    "distinct": _distinct,
    "distinct_share": _distinct_share,
    "categories": _categories,
    "quantiles": _quantiles,
}
