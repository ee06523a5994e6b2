"""Rows named by text: what a person's answer about a row, or a label that came later, is joined by.

Stays out: what is joined.
"""

import json

import pyarrow as pa
import pyarrow.compute as pc


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
    texts = [as_texts(rows.column(name)).to_pylist() for name in key]
    return [json.dumps(parts, ensure_ascii=False) for parts in zip(*texts, strict=True)]


def as_texts(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return values as texts, the same for the same value; booleans as ``true`` and ``false``, as classes are.

    Examples
    --------
    >>> as_texts(pa.chunked_array([[1.0, 0.5, None]])).to_pylist()
    ['1', '0.5', None]
    """
    return pc.cast(values, pa.string())
