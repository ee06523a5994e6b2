"""Values as database drivers give them, into Arrow columns of a type that is known before the first value is.

Stays out: databases, and how the type is known (``sql_sessions.py``).
"""

import datetime as dt
import json
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from typing import Any

import pyarrow as pa

SECONDS = pa.timestamp("us")
MOMENTS = pa.timestamp("us", "UTC")
LONGEST_SHOWN = 80  # characters of a value in a reason


class UndecodableText(bytes):
    """A text of a database whose bytes are not UTF-8."""


def read_column(values: Sequence[Any], kind: pa.DataType) -> tuple[pa.Array, dict[int, str]]:
    """Read a column as a type; what does not fit is told with its place.

    Parameters
    ----------
    values : sequence
        None for no value.
    kind : pyarrow.DataType

    Returns
    -------
    column : pyarrow.Array
        Null where a value does not fit.
    unreadable : dict of int to str
        Why, by position.

    Examples
    --------
    >>> column, unreadable = read_column([1, "2", 2.5], pa.int64())
    >>> column.to_pylist(), unreadable
    ([1, 2, None], {2: '2.5 is no whole number'})
    """
    column = _read_at_once(values, kind)
    if column is not None:
        return column, {}
    read, name = _find_reader(kind)
    found: list[Any] = []
    unreadable = {}
    for at, value in enumerate(values):
        try:
            found.append(None if value is None else read(value))
            pa.scalar(found[-1], kind)
        except (ValueError, TypeError, ArithmeticError, pa.ArrowException):  # UnicodeError is a ValueError
            found[at:] = [None]
            unreadable[at] = f"{show_value(value)} is no {name}"
    return pa.array(found, kind), unreadable


def find_kind(values: Sequence[Any]) -> pa.DataType:
    """Return a type that holds all values, for columns that no database says the type of.

    Parameters
    ----------
    values : sequence

    Returns
    -------
    pyarrow.DataType
        Text where values are of several kinds, or there is none.

    Examples
    --------
    >>> find_kind([None, 1, 2.5]), find_kind([1, "a"]), find_kind([None])
    (DataType(double), DataType(string), DataType(string))
    """
    kinds = {type(value) for value in values if value is not None}
    if any(issubclass(one, dt.datetime) for one in kinds):
        zones = {value.tzinfo is not None for value in values if isinstance(value, dt.datetime)}
        is_one = all(issubclass(one, dt.datetime) for one in kinds) and len(zones) == 1
        return (MOMENTS if zones == {True} else SECONDS) if is_one else pa.string()
    for known, kind in KIND_OF_CLASSES:
        if kinds and all(one in known for one in kinds):
            return kind
    return pa.string()


KIND_OF_CLASSES: tuple[tuple[tuple[type, ...], pa.DataType], ...] = (
    ((bool,), pa.bool_()),
    ((int,), pa.int64()),
    ((int, float, Decimal), pa.float64()),
    ((bytes, bytearray, memoryview), pa.binary()),
    ((dt.date,), pa.date32()),
)


def show_value(value: Any) -> str:
    """Return a value for people, cut where it is long."""
    shown = repr(value)
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."


def as_text(value: Any) -> str:
    """Return the text that a value is kept as: lists and JSON as JSON, times of day and dates as ISO 8601.

    Examples
    --------
    >>> as_text({"a": [1, None]}), as_text(True), as_text(dt.timedelta(hours=30)), as_text(b"x")
    ('{"a": [1, null]}', 'true', 'PT108000S', 'x')
    """
    if isinstance(value, str):
        return str(value)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode()
    if isinstance(value, dt.timedelta):
        return f"PT{value / dt.timedelta(seconds=1):.6f}".rstrip("0").rstrip(".") + "S"
    if isinstance(value, dt.date | dt.time):
        return value.isoformat()
    if isinstance(value, Mapping | list | tuple):
        return json.dumps(value, ensure_ascii=False, default=as_text)
    if isinstance(value, set | frozenset):
        return json.dumps(sorted(map(as_text, value)), ensure_ascii=False)
    return str(value)


def _read_at_once(values: Sequence[Any], kind: pa.DataType) -> pa.Array | None:
    """Read a column of values that are all as they should be, or of texts that Arrow reads."""
    classes = {type(value) for value in values} - {type(None)}
    try:
        if classes <= _AS_IT_IS.get(kind, set()):
            return pa.array(values, kind)
        if classes == {str} and not pa.types.is_boolean(kind):
            return pa.array(values, pa.string()).cast(kind)
        if classes == {dt.datetime} and kind in (SECONDS, MOMENTS):
            has_zone = {value.tzinfo is not None for value in values if value is not None}
            return pa.array(values, kind) if has_zone == {kind == MOMENTS} else None
    except (ValueError, TypeError, ArithmeticError, pa.ArrowException):
        pass
    return None


_AS_IT_IS: dict[pa.DataType, set[type]] = {
    pa.string(): {str},
    pa.bool_(): {bool},
    pa.int64(): {int},
    pa.int32(): {int},
    pa.float64(): {float, int},
    pa.binary(): {bytes},
    pa.date32(): {dt.date},
}


def _find_reader(kind: pa.DataType) -> tuple[Callable[[Any], Any], str]:
    if pa.types.is_decimal(kind):
        return _as_decimal, f"number of {kind.precision - kind.scale} digits before and {kind.scale} after the point"
    if pa.types.is_timestamp(kind):
        return (_as_moment, "moment with a time zone") if kind.tz else (_as_time, "date and time")
    for is_so, read, name in _READERS:
        if is_so(kind):
            return read, name
    return lambda value: value, str(kind)


def _as_integer(value: Any) -> int:
    if isinstance(value, str):
        return int(value)
    number = int(value)
    if isinstance(value, bytes) or number != value:
        raise ValueError
    return number


def _as_number(value: Any) -> float:
    if isinstance(value, bytes):
        raise TypeError
    return float(value)


def _as_decimal(value: Any) -> Decimal | None:
    number = Decimal(str(value) if isinstance(value, float) else value)
    if number.is_nan():
        return None  # a way to say missing
    if number.is_infinite():
        raise ValueError
    return number


def _as_boolean(value: Any) -> bool:
    named = {"t": True, "true": True, "f": False, "false": False}
    if isinstance(value, str):
        value = named.get(value.lower(), value)
    if value not in (0, 1):
        raise ValueError
    return bool(value)


def _as_bytes(value: Any) -> bytes:
    if isinstance(value, str):
        return value.encode()
    if not isinstance(value, bytes | bytearray | memoryview):
        raise TypeError
    return bytes(value)


def _as_date(value: Any) -> dt.date:
    if isinstance(value, dt.datetime):
        if value.time() != dt.time():
            raise ValueError
        return value.date()
    return value if isinstance(value, dt.date) else dt.date.fromisoformat(value)


def _as_time(value: Any) -> dt.datetime:
    if isinstance(value, str):
        value = dt.datetime.fromisoformat(value)
    elif not isinstance(value, dt.datetime) and isinstance(value, dt.date):
        value = dt.datetime.combine(value, dt.time())
    if value.tzinfo is not None:
        raise ValueError
    return value


def _as_moment(value: Any) -> dt.datetime:
    moment = dt.datetime.fromisoformat(value) if isinstance(value, str) else value
    if moment.tzinfo is None:
        raise ValueError
    return moment.astimezone(dt.timezone.utc)


_READERS: tuple[tuple[Callable[[pa.DataType], bool], Callable[[Any], Any], str], ...] = (
    (pa.types.is_integer, _as_integer, "whole number"),
    (pa.types.is_floating, _as_number, "number"),
    (pa.types.is_boolean, _as_boolean, "truth value"),
    (pa.types.is_string, as_text, "text in UTF-8"),
    (pa.types.is_binary, _as_bytes, "bytes"),
    (pa.types.is_date, _as_date, "date"),
)
__all__ = ["MOMENTS", "SECONDS", "UndecodableText", "as_text", "find_kind", "read_column", "show_value"]
