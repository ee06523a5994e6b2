"""Values replaced by others, and values that stand for none made missing.

Stays out: spellings of categories (``categories.py``).
"""

import math
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Replace, Sentinels
from lakemill.preprocessing.cleaning.cells import combine, exchange
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect


def replace_values(rule: Replace, rows: pa.Table, context: Context) -> Cleaned:
    """Replace values by others; a value that the column's type cannot hold matches nothing."""
    effects: list[Effect] = []
    for name in rule.columns:
        before = after = rows.column(name)  # hits are looked for in what was there before: a: b, b: a swaps
        for found, replacement in rule.values.items():
            try:
                hits = pc.fill_null(pc.equal(before, pa.scalar(found).cast(before.type)), False)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError):
                continue
            new = pa.scalar(None, before.type) if replacement is None else pa.scalar(replacement).cast(before.type)
            after = pc.if_else(hits, new, after)
        rows, done = exchange(rows, name, after, "replaced")
        effects += done
    return Cleaned(rows, tuple(effects))


def remove_sentinels(rule: Sentinels, rows: pa.Table, context: Context) -> Cleaned:
    """Make values missing that stand for none, among texts and among numbers."""
    texts = {str(value).strip().casefold() for value in rule.values}
    numbers = {number for value in rule.values if (number := _as_number(value)) is not None}
    effects: list[Effect] = []
    for name in rule.columns:
        column = rows.column(name)
        if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type) or pa.types.is_null(column.type):
            continue
        distinct = column.unique().drop_null()
        hits = [value for value in distinct.to_pylist() if _is_sentinel(value, texts, numbers)]
        is_hit = pc.is_in(column, combine(pa.chunked_array([pa.array(hits, column.type)])))
        after = pc.if_else(is_hit, pa.scalar(None, column.type), column)
        rows, done = exchange(rows, name, after, "stands for a missing value")
        effects += done
    return Cleaned(rows, tuple(effects))


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
