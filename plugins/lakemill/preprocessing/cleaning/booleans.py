"""Words and numbers read as true and false."""

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.cleaning import Booleans
from lakemill.preprocessing.cleaning.cells import (
    are_set,
    as_texts,
    combine,
    count,
    handle,
    map_distinct,
    merge,
    put_column,
    show_examples,
)
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect


def read_booleans(rule: Booleans, rows: pa.Table, context: Context) -> Cleaned:
    """Read what is declared as true and as false; what is boolean already stays."""
    words = {str(word).strip().casefold(): meaning for meaning in (True, False) for word in _words(rule, meaning)}

    def read(values: pa.Array) -> pa.Array:
        return pa.array([words.get(_normalise(value)) for value in values.to_pylist()], pa.bool_())

    parts = []
    for name in rule.columns:
        column = rows.column(name)
        if pa.types.is_boolean(column.type):
            continue
        found = map_distinct(as_texts(column), read)
        bad = pc.and_(pc.is_valid(column), pc.is_null(found))
        handled = handle(rows, name, bad, action=rule.unreadable, why="cannot be read as true or false")
        plain = pc.is_in(as_texts(column), pa.array(["true", "false"]))
        changed = are_set(pc.and_(pc.is_valid(found), pc.invert(combine(plain))))
        cells = count(changed)
        done = Effect(name, "read as true or false", cells=cells, examples=show_examples(column, found, changed))
        rows = put_column(rows, name, found)
        parts.append(Cleaned(rows, ((done,) if cells else ()) + handled.effects, handled.refusals))
    return merge(parts, rows)


def _words(rule: Booleans, meaning: bool) -> tuple[str | int | bool, ...]:
    return rule.true if meaning else rule.false


def _normalise(text: str) -> str:
    text = text.strip().casefold()
    return text.removesuffix(".0")  # a column of numbers with gaps is read as 1.0 and 0.0
