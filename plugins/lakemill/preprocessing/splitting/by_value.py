"""Rows split by what they say themselves: a hash of a value, or a column that names the part.

No row's part depends on any other row's. Stays out: chance.
"""

import hashlib
from collections import Counter

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from sklearn.model_selection import PredefinedSplit

from lakemill.preprocessing.splitting.parts import Fold, Split

PARTS = ("train", "validation", "test")
PIECE_ROWS = 100_000


def split_by_hash(rows: pa.Table, columns: tuple[str, ...], *, validation: float, test: float) -> Split:
    """Split rows by a hash of what some columns say; equal values stay together.

    Parameters
    ----------
    rows : pyarrow.Table
    columns : tuple of str
    validation, test : float in (0, 1)
        Chance of a value to be in that part: the shares of rows come near it as values grow in number.

    Returns
    -------
    Split

    Examples
    --------
    >>> rows = pa.table({"id": range(1000)})
    >>> split = split_by_hash(rows, ("id",), validation=0.2, test=0.2)
    >>> len(split.train), len(split.validation), len(split.test)
    (606, 199, 195)
    """
    at = _place(rows, columns, "part")
    return Split(
        np.flatnonzero(at >= test + validation), np.flatnonzero((at >= test) & (at < test + validation)),
        np.flatnonzero(at < test),
    )  # fmt: skip


def fold_by_hash(rows: pa.Table, columns: tuple[str, ...], at: np.ndarray, *, folds: int) -> tuple[Fold, ...]:
    """Make folds of the rows at some positions by a hash that has nothing to do with that of `split_by_hash`."""
    numbers = (_place(rows, columns, "fold")[at] * folds).astype("int64")
    return tuple((at[train], at[held]) for train, held in PredefinedSplit(numbers).split())


def split_as_said(parts: pa.ChunkedArray) -> Split:
    """Split rows by a column that says train, validation or test.

    Parameters
    ----------
    parts : pyarrow.ChunkedArray

    Returns
    -------
    Split

    Raises
    ------
    ValueError
        If it says anything else.
    """
    texts = parts.cast(pa.string())
    counted = ((one["values"], one["counts"]) for one in pc.value_counts(texts).to_pylist())
    others = Counter({value: count for value, count in counted if value not in PARTS})
    if others:
        shown = ", ".join(f"{value!r} ({count} rows)" for value, count in others.most_common(3))
        raise ValueError(f"must say train, validation or test for every row; also says {shown}")
    train, validation, test = (np.flatnonzero(pc.equal(texts, part).to_numpy()) for part in PARTS)
    return Split(train, validation, test)


def name_rows(rows: pa.Table, columns: tuple[str, ...]) -> np.ndarray:
    """Return a text for each row, the same for equal values of some columns and no others, on every machine.

    Examples
    --------
    >>> name_rows(pa.table({"a": ["x", None], "b": [1, 2]}), ("a", "b")).tolist()
    ["('x', '1')", "(None, '2')"]
    """
    values = [rows.column(name).cast(pa.string()).to_pylist() for name in columns]
    return np.asarray([repr(one) for one in zip(*values, strict=True)], dtype=object)


def number_values(values: np.ndarray) -> np.ndarray:
    """Return the number of each value among all that there are, in their order; they are hashed, not sorted.

    Splitters that sort what they are given make the same of these numbers, in less time.

    Examples
    --------
    >>> number_values(np.array(["b", "a", "b"], dtype=object)).tolist()
    [1, 0, 1]
    """
    codes, found = pd.factorize(values)
    return np.argsort(np.argsort(found))[codes]


def _place(rows: pa.Table, columns: tuple[str, ...], purpose: str) -> np.ndarray:
    """Return a number in [0, 1) for each row, evenly spread, another one for each purpose; pieces keep memory low."""
    key, places = purpose.encode(), [np.empty(0)]
    for start in range(0, len(rows), PIECE_ROWS):
        codes, names = pd.factorize(name_rows(rows.slice(start, PIECE_ROWS), columns))
        digests = (hashlib.blake2b(str(one).encode(), digest_size=6, key=key).digest() for one in names)
        hashes = [int.from_bytes(digest, "big") for digest in digests]
        places.append(np.asarray(hashes, dtype="float64")[codes] / 2**48)
    return np.concatenate(places)
