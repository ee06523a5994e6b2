"""Rows split by what they say themselves: a hash of a value, or a column that names the part.

No row's part depends on any other row's. Stays out: chance.
"""

import hashlib
from collections import Counter

import numpy as np
import pyarrow as pa
from sklearn.model_selection import PredefinedSplit

from lakemill.preprocessing.splitting.parts import Fold, Split

PARTS = ("train", "validation", "test")


def split_by_hash(names: np.ndarray, *, validation: float, test: float) -> Split:
    """Split rows by a hash of their names; equal names stay together.

    Parameters
    ----------
    names : ndarray of str of shape (n_rows,)
        As from `name_rows`.
    validation, test : float in (0, 1)
        Chance of a name to be in that part: the shares of rows come near it as names grow in number.

    Returns
    -------
    Split

    Examples
    --------
    >>> names = np.array([f"customer {number}" for number in range(1000)])
    >>> split = split_by_hash(names, validation=0.2, test=0.2)
    >>> len(split.train), len(split.validation), len(split.test)
    (574, 197, 229)
    """
    at = _place(names, "part")
    return Split(
        np.flatnonzero(at >= test + validation), np.flatnonzero((at >= test) & (at < test + validation)),
        np.flatnonzero(at < test),
    )  # fmt: skip


def fold_by_hash(rows: np.ndarray, names: np.ndarray, *, folds: int) -> tuple[Fold, ...]:
    """Make folds by a hash of names, one that has nothing to do with that of `split_by_hash`."""
    numbers = (_place(names[rows], "fold") * folds).astype("int64")
    return tuple((rows[train], rows[held]) for train, held in PredefinedSplit(numbers).split())


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
    said = np.asarray(parts.cast(pa.string()).to_pylist(), dtype=object)
    others = Counter(one for one in said if one not in PARTS)
    if others:
        shown = ", ".join(f"{value!r} ({count} rows)" for value, count in others.most_common(3))
        raise ValueError(f"must say train, validation or test for every row; also says {shown}")
    train, validation, test = (np.flatnonzero(said == part) for part in PARTS)
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


def _place(names: np.ndarray, purpose: str) -> np.ndarray:
    """Return a number in [0, 1) for each name, evenly spread, another one for each purpose."""
    unique, numbers = np.unique(names.astype(str), return_inverse=True)
    key = purpose.encode()
    hashes = [int.from_bytes(hashlib.blake2b(one.encode(), digest_size=6, key=key).digest(), "big") for one in unique]
    return np.asarray(hashes, dtype="float64")[numbers] / 2**48 if len(unique) else np.empty(0)
