"""Columns of rows: looked at value by distinct value, exchanged, compared, with examples of what changed.

Stays out: what a value should be.
"""

from collections.abc import Callable
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.preprocessing.cleaning.contract import Cleaned, Effect, Refusal

EXAMPLES = 5


def put_column(rows: pa.Table, name: str, column: Any) -> pa.Table:
    """Return rows with a column in place of the one of its name, or added."""
    if name in rows.column_names:
        return rows.set_column(rows.column_names.index(name), name, column)
    return rows.append_column(name, column)


def map_distinct(column: pa.ChunkedArray, function: Callable[[pa.Array], pa.Array]) -> pa.Array:
    """Apply a function of an array of distinct values, none missing, to a column.

    Parameters
    ----------
    column : pyarrow.ChunkedArray
    function : callable
        From an array to one of the same length.

    Returns
    -------
    pyarrow.Array
        Missing where the column is.

    Examples
    --------
    >>> map_distinct(pa.chunked_array([["a", None, "a"]]), pc.utf8_upper).to_pylist()
    ['A', None, 'A']
    """
    encoded = combine(column.dictionary_encode())
    return function(encoded.dictionary).take(encoded.indices)


def combine(column: Any) -> pa.Array:
    """Return a column as one array."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks()
        if isinstance(column, pa.ChunkedArray):  # of no chunk, or too long for one
            column = pa.concat_arrays(column.chunks) if column.num_chunks else pa.array([], column.type)
    return column


def as_texts(column: Any) -> Any:
    """Return a column as texts."""
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def are_set(mask: Any) -> pa.Array:
    """Return a mask as one array without nulls: null is false."""
    return combine(pc.fill_null(mask, False))


def count(mask: Any) -> int:
    """Return how many are true."""
    return int(pc.sum(mask).as_py() or 0)


def find_changes(before: pa.ChunkedArray, after: Any) -> pa.Array:
    """Return where two columns of one type differ, missing being a value."""
    same = pc.fill_null(pc.equal(before, after), False)
    if pa.types.is_floating(before.type):
        same = pc.or_(same, are_set(pc.and_(pc.is_nan(before), pc.is_nan(after))))
    both_missing = pc.and_(pc.is_null(before), pc.is_null(after))
    return combine(pc.invert(pc.or_(same, both_missing)))


def show_examples(before: Any, after: Any, where: pa.Array) -> tuple[str, ...]:
    """Return the first distinct changes in words.

    Examples
    --------
    >>> show_examples(pa.array(["a", "b"]), pa.array(["A", None]), pa.array([True, True]))
    ("'a' -> 'A'", "'b' -> missing")
    """
    found: dict[str, None] = {}
    positions = pc.indices_nonzero(where)
    for position in positions[:1000]:
        at = position.as_py()
        found[f"{_show(before[at].as_py())} -> {_show(after[at].as_py())}"] = None
        if len(found) == EXAMPLES:
            break
    return tuple(found)


def show_values(column: Any, where: pa.Array) -> tuple[str, ...]:
    """Return the first distinct values of a column at some rows."""
    found: dict[str, None] = {}
    for position in pc.indices_nonzero(where)[:1000]:
        found[_show(column[position.as_py()].as_py())] = None
        if len(found) == EXAMPLES:
            break
    return tuple(found)


def exchange(rows: pa.Table, name: str, after: Any, why: str) -> tuple[pa.Table, list[Effect]]:
    """Put another column of the same type in place of one, and say what changed."""
    before = rows.column(name)
    changed = find_changes(before, after)
    cells = count(changed)
    effects = [Effect(name, why, cells=cells, examples=show_examples(before, after, changed))] if cells else []
    return put_column(rows, name, after), effects


def handle(rows: pa.Table, name: str, bad: Any, *, action: str, why: str, flag: str = "") -> Cleaned:
    """Make bad values of a column missing, refuse or flag their rows, or leave them, counted.

    Parameters
    ----------
    rows : pyarrow.Table
    name : str
        The column.
    bad : array of bool
    action : {"missing", "quarantine", "flag", "leave"}
    why : str
        The reason, without the column's name.
    flag : str, optional
        Name of the flag's column; a flag that is there already stays.

    Returns
    -------
    Cleaned
    """
    bad = are_set(bad)
    column, found = rows.column(name), count(bad)
    shown = show_values(column, bad) if found else ()
    if action == "flag":
        flags = pc.or_(are_set(rows.column(flag)), bad) if flag in rows.column_names else bad
        rows = put_column(rows, flag, flags)
    if not found:
        return Cleaned(rows)
    if action == "missing":
        after = pc.if_else(bad, pa.scalar(None, column.type), column)
        effect = Effect(name, why, cells=found, examples=show_examples(column, after, bad))
        return Cleaned(put_column(rows, name, after), (effect,))
    if action == "quarantine":
        return Cleaned(rows, (Effect(name, why, refused=found, examples=shown),), (Refusal(bad, f"{name}: {why}"),))
    return Cleaned(rows, (Effect(name, why, flagged=found if action == "flag" else 0, examples=shown),))


def merge(parts: list[Cleaned], rows: pa.Table) -> Cleaned:
    """Return what came of several steps of one rule that drop nothing, ``rows`` being the last of them."""
    return Cleaned(
        rows,
        tuple(effect for part in parts for effect in part.effects),
        tuple(refusal for part in parts for refusal in part.refusals),
    )


def _show(value: Any) -> str:
    if value is None:
        return "missing"
    if isinstance(value, (str, int, float)):
        text = repr(value)
        return text if len(text) <= 60 else f"{text[:59]}…"
    return str(value)
