"""Types of values that were delivered as text: found, and read, without losing a value that does not fit.

Stays out: which column should have which type.
"""

from datetime import tzinfo
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

TYPES: dict[str, pa.DataType] = {
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "timestamp": pa.timestamp("us"),
    "text": pa.string(),
}
FOUND = (pa.int64(), pa.float64(), pa.bool_(), pa.timestamp("us"), pa.timestamp("us", "UTC"))  # narrowest first
LEADING_ZERO = r"^\s*[+-]?0[\dxX]"
MORE_DIGITS_THAN_A_DOUBLE_HOLDS = r"^\s*[+-]?\d{16,}\s*$"


def infer_type(column: pa.ChunkedArray) -> pa.DataType:
    """Find the narrowest type that all texts of a column can be read as.

    Parameters
    ----------
    column : pyarrow.ChunkedArray of string

    Returns
    -------
    pyarrow.DataType
        ``null`` where there is no value. Numbers with a leading zero are codes, so text; so are whole numbers that
        neither int64 nor a double holds digit by digit, and what would be read as infinite or not a number.

    Examples
    --------
    >>> infer_type(pa.chunked_array([["1", None, "20"]])), infer_type(pa.chunked_array([["007"]]))
    (DataType(int64), DataType(string))
    """
    finder = TypeFinder()
    finder.add(column)
    return finder.found


class TypeFinder:
    """Finds the type of a column that comes piece by piece, as `infer_type` does of all at once."""

    def __init__(self) -> None:
        self._has_values = False
        self._are_codes = False
        self._are_exact = True
        self._left = list(FOUND)

    def add(self, column: pa.ChunkedArray) -> None:
        """Take a piece of texts."""
        values = pc.drop_null(column)
        if len(values) == 0:
            return
        self._has_values = True
        if not self._left:
            return
        self._are_codes |= pc.any(pc.match_substring_regex(values, LEADING_ZERO)).as_py()
        self._are_exact &= not pc.any(pc.match_substring_regex(values, MORE_DIGITS_THAN_A_DOUBLE_HOLDS)).as_py()
        left: list[pa.DataType] = []
        for wanted in self._left:
            is_implied = wanted == pa.float64() and pa.int64() in left  # whole numbers are numbers
            if is_implied or _reads(values, wanted):
                left.append(wanted)
        self._left = left

    @property
    def found(self) -> pa.DataType:
        """The narrowest type of all that came."""
        if not self._has_values:
            return pa.null()
        ruled_out: list[pa.DataType] = []
        if self._are_codes:
            ruled_out = [pa.int64(), pa.float64(), pa.bool_()]
        elif not self._are_exact:
            ruled_out = [pa.float64()]
        return next((one for one in self._left if one not in ruled_out), pa.string())


def read_as(column: pa.ChunkedArray, wanted: pa.DataType) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Read a column as a type; what does not fit becomes missing and is told.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Of any type.
    wanted : pyarrow.DataType

    Returns
    -------
    values : pyarrow.ChunkedArray of ``wanted``
    unreadable : pyarrow.ChunkedArray of bool
        Where there was a value that could not be read.

    Examples
    --------
    >>> values, unreadable = read_as(pa.chunked_array([["1", "x", None]]), pa.float64())
    >>> values.to_pylist(), unreadable.to_pylist()
    ([1.0, None, None], [False, True, False])
    """
    values = _cast(column, wanted)
    if values is None:
        texts = column.cast(pa.string()) if not pa.types.is_string(column.type) else column
        distinct = texts.unique().drop_null()
        read = [_cast(pa.chunked_array([pa.array([text], pa.string())]), wanted) for text in distinct.to_pylist()]
        known = pa.array([one[0].as_py() if one is not None else None for one in read], wanted)
        values = pa.chunked_array([known.take(pc.index_in(texts.combine_chunks(), distinct))], wanted)
    there = pc.is_valid(column)
    if pa.types.is_floating(wanted):
        if pa.types.is_floating(column.type):
            there = pc.and_(there, pc.invert(pc.fill_null(pc.is_nan(column), False)))  # NaN is a way to say missing
        values = pc.if_else(pc.is_finite(values), values, pa.scalar(None, wanted))
    return values, pc.and_(there, pc.is_null(values))


def read_instants(column: pa.ChunkedArray, zone: str | tzinfo) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    """Read a column as moments in UTC; times without a zone are in ``zone``.

    In the hour that comes twice a year the earlier is taken, in the one that never comes the later.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Text, dates or timestamps.
    zone : str or tzinfo

    Returns
    -------
    instants : pyarrow.ChunkedArray of timestamp[us, UTC]
    unreadable : pyarrow.ChunkedArray of bool
    """
    utc = pa.timestamp("us", "UTC")
    if pa.types.is_large_string(column.type):
        column = column.cast(pa.string())
    if pa.types.is_timestamp(column.type):  # finer than the lake keeps: cut off
        column = column.cast(pa.timestamp("us", column.type.tz), safe=False)
    may_be_aware = column.type.tz if pa.types.is_timestamp(column.type) else pa.types.is_string(column.type)
    whole = _cast(column, utc) if may_be_aware else None
    if whole is not None:
        return whole, pc.and_(pc.is_valid(column), pc.is_null(whole))
    naive, unreadable = read_as(column, pa.timestamp("us"))
    local = pc.assume_timezone(naive, timezone=str(zone), ambiguous="earliest", nonexistent="latest").cast(utc)
    if not pa.types.is_string(column.type) or not pc.any(unreadable).as_py():
        return local, unreadable
    aware, unaware = read_as(column, utc)
    return pc.coalesce(aware, local), pc.and_(unaware, unreadable)


def _reads(values: pa.ChunkedArray, wanted: pa.DataType) -> bool:
    read = _cast(values, wanted)
    return read is not None and not (pa.types.is_floating(wanted) and not pc.all(pc.is_finite(read)).as_py())


def _cast(column: Any, wanted: pa.DataType) -> Any:
    try:
        if pa.types.is_timestamp(wanted) and not pa.types.is_temporal(column.type):
            column = column.cast(pa.string())
        return column.cast(wanted)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
        return None
