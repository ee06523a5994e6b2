"""Values replaced by others, and values that stand for none made missing.

Stays out: spellings of categories (``categories.py``).
"""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection import sentinels
from lakemill.config.cleaning import Replace, Sentinels
from lakemill.preprocessing.cleaning.cells import exchange
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
    effects: list[Effect] = []
    for name in rule.columns:
        column = rows.column(name)
        if pa.types.is_boolean(column.type) or pa.types.is_temporal(column.type) or pa.types.is_null(column.type):
            continue
        after = sentinels.remove_sentinels(column, rule.values)
        rows, done = exchange(rows, name, after, "stands for a missing value")
        effects += done
    return Cleaned(rows, tuple(effects))
