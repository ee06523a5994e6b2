"""Values that stand for none: found among texts and among numbers.

Stays out: making them missing in the table, which is the cleaning rule's (``preprocessing.cleaning.replacing``).
"""

import math
from collections.abc import Iterable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc


def find_sentinels(column: pa.ChunkedArray, wanted: Iterable[Any]) -> pa.Array:
    """Return the distinct values of a column that stand for none.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
        Of texts or numbers.
    wanted : iterable
        Such values; texts without regard to case and white space around them, numbers as numbers.

    Returns
    -------
    pyarrow.Array

    Examples
    --------
    >>> find_sentinels(pa.chunked_array([["N/A ", "-1.0", "1"]]), ["n/a", -1]).to_pylist()
    ['N/A ', '-1.0']
    """
    texts = {str(value).strip().casefold() for value in wanted}
    numbers = {number for value in wanted if (number := _as_number(value)) is not None}
    distinct = column.unique().drop_null().to_pylist()
    return pa.array([value for value in distinct if _is_sentinel(value, texts, numbers)], column.type)


def remove_sentinels(column: pa.ChunkedArray, wanted: Iterable[Any]) -> pa.ChunkedArray:
    """Return a column with the values missing that stand for none."""
    return pc.if_else(pc.is_in(column, find_sentinels(column, wanted)), pa.scalar(None, column.type), column)


def _is_sentinel(value: Any, texts: set[str], numbers: set[float]) -> bool:
    if isinstance(value, str):
        return value.strip().casefold() in texts or _as_number(value) in numbers
    return value in numbers


def _as_number(value: Any) -> float | None:
    if isinstance(value, bool):
        return None
    try:
        number = float(value)
    except ValueError:
        return None
    return number if math.isfinite(number) else None
