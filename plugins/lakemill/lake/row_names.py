"""Rows named by text: what a person's answer about a row, or a label that came later, is joined by.

Stays out: what is joined.
"""

import json

import pyarrow as pa
import pyarrow.compute as pc

NEEDS_ESCAPES = r'["\\\x00-\x1f]'


def name_rows(rows: pa.Table, key: tuple[str, ...]) -> list[str]:
    """Return each row's key as a JSON list of texts.

    Parameters
    ----------
    rows : pyarrow.Table
    key : tuple of str
        Columns.

    Returns
    -------
    list of str

    Examples
    --------
    >>> name_rows(pa.table({"carrier": ["AA", "UA"], "flight": [11, None]}), ("carrier", "flight"))
    ['["AA", "11"]', '["UA", null]']
    """
    names: list[str] = name_each(rows, key).to_pylist()
    return names


def name_each(rows: pa.Table, key: tuple[str, ...]) -> pa.Array:
    """Return what `name_rows` does, as an Arrow array."""
    return name_texts([as_texts(rows.column(name)).combine_chunks() for name in key])


def name_texts(parts: list[pa.Array]) -> pa.Array:
    """Return the names of rows whose keys are these texts, one array for each column of the key."""
    names = pc.binary_join_element_wise(*map(_quote, parts), ", ")
    return pc.binary_join_element_wise("[", names, "]", "")


def _quote(texts: pa.Array) -> pa.Array:
    """Return texts as JSON writes them."""
    if not pc.any(pc.match_substring_regex(texts, NEEDS_ESCAPES)).as_py():
        return pc.fill_null(pc.binary_join_element_wise('"', texts, '"', ""), "null")
    return pa.array([json.dumps(text, ensure_ascii=False) for text in texts.to_pylist()], pa.string())


def as_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as texts, the same for the same value; booleans as ``true`` and ``false``, as classes are.

    Examples
    --------
    >>> as_texts(pa.chunked_array([[1.0, 0.5, None]])).to_pylist()
    ['1', '0.5', None]
    """
    return pc.cast(values, pa.string())
