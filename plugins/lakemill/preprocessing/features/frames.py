"""Clean rows as frames for scikit-learn: features as numbers, texts and moments, labels as classes or numbers.

Stays out: everything that is learnt from rows.
"""

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config.features import Features
from lakemill.config.table import Label

MISSING = "(missing)"


def make_frame(rows: pa.Table, features: Features) -> pd.DataFrame:
    """Return the features of clean rows as a frame.

    Parameters
    ----------
    rows : pyarrow.Table
    features : Features
        None of them still to be found.

    Returns
    -------
    DataFrame of shape (n_rows, n_features)
        Numbers as float64, missing or infinite ones NaN; categories as texts, missing ones ``(missing)``; moments as
        datetime64 in UTC without a zone, missing ones NaT; texts, missing ones empty.
    """
    columns: dict[str, Any] = {}
    for name in features.numbers:
        numbers = rows.column(name).cast(pa.float64()).to_numpy(zero_copy_only=False).astype("float64")
        columns[name] = np.where(np.isfinite(numbers), numbers, np.nan)
    for name in features.categorical:
        columns[name] = _as_texts(rows.column(name), MISSING)
    for name in features.dates:
        moments = rows.column(name).cast(pa.timestamp("us", "UTC"))
        columns[name] = moments.cast(pa.timestamp("us")).to_numpy(zero_copy_only=False).astype("datetime64[us]")
    for name in features.text:
        columns[name] = _as_texts(rows.column(name), "")
    return pd.DataFrame(columns, columns=list(features.columns), index=range(len(rows)))


def _as_texts(values: pa.ChunkedArray, missing: str) -> np.ndarray:
    """Return texts of which equal ones, as far as they lie in one chunk, are one object: they cost a pointer each."""
    parts = [np.empty(0, dtype=object)]
    for chunk in pc.fill_null(values.cast(pa.string()), missing).chunks:
        coded = chunk.dictionary_encode()
        parts.append(np.asarray(coded.dictionary.to_pylist(), dtype=object)[coded.indices.to_numpy()])
    return np.concatenate(parts)


def make_target(rows: pa.Table, label: Label) -> np.ndarray:
    """Return the labels of clean rows: classes as texts, values as float64.

    Parameters
    ----------
    rows : pyarrow.Table
        With no label missing.
    label : Label

    Returns
    -------
    ndarray of shape (n_rows,)

    Examples
    --------
    >>> make_target(pa.table({"late": [True, False]}), Label(column="late", problem="classification")).tolist()
    ['true', 'false']
    """
    values = rows.column(label.column)
    if label.problem == "regression":
        return values.cast(pa.float64()).to_numpy().astype("float64")
    return _as_texts(values, "")
