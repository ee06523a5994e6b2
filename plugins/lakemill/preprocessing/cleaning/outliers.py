"""Values far from the rest, by limits learnt from the past, or from the partition where that is declared.

Stays out: declared limits (``ranges.py``), and which partitions are the past.
"""

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.config.cleaning import Outliers
from lakemill.preprocessing.cleaning.cells import exchange, handle, merge, put_column
from lakemill.preprocessing.cleaning.contract import Cleaned, Context, Effect

OF_A_NORMAL = 1.4826  # standard deviations of a normal distribution in a median absolute deviation


def judge_outliers(rule: Outliers, rows: pa.Table, context: Context) -> Cleaned:
    """Flag, clip or remove values beyond what was learnt, or refuse their rows.

    A group that was learnt too little of has the limits of all rows; where these are too few too, or their spread is 0,
    nothing is judged.
    """
    needed = [*rule.columns, *rule.by]
    learnt_from = rows if rule.learn_from == "partition" else context.read_past(needed, rule.partitions)
    parts = []
    for name in rule.columns:
        low, high, said = _limits_by_row(rule, name, rows, learnt_from)
        part = _judge(rule, rows, name, low, high, said)
        rows = part.rows
        parts.append(part)
    return merge(parts, rows)


def find_limits(values: np.ndarray, *, method: str, distance: float) -> tuple[float, float]:
    """Return the limits beyond which a value is an outlier.

    Parameters
    ----------
    values : ndarray of float64
        None missing, at least one.
    method : {"mad", "iqr"}
    distance : float

    Returns
    -------
    low, high : float
        Both NaN where the spread is 0.

    Examples
    --------
    >>> find_limits(np.array([1.0, 2.0, 3.0, 4.0, 100.0]), method="iqr", distance=1.5)
    (-1.0, 7.0)
    """
    if method == "mad":
        middle = float(np.median(values))
        spread = OF_A_NORMAL * float(np.median(np.abs(values - middle)))
        low = high = middle
    else:
        low, high = (float(quartile) for quartile in np.quantile(values, [0.25, 0.75]))
        spread = high - low
    if not spread > 0:
        return float("nan"), float("nan")
    return low - distance * spread, high + distance * spread


def _limits_by_row(
    rule: Outliers, name: str, rows: pa.Table, learnt_from: pa.Table | None
) -> tuple[np.ndarray, np.ndarray, str]:
    source = "this partition" if rule.learn_from == "partition" else "the past"
    nothing = np.full(len(rows), np.nan)
    values = _as_floats(learnt_from.column(name)) if learnt_from is not None else np.array([])
    there = np.isfinite(values)
    if there.sum() < rule.rows or learnt_from is None:
        return nothing, nothing, f"not judged: {there.sum()} of {rule.rows} values of {source}"
    whole = find_limits(values[there], method=rule.method, distance=rule.distance)
    said = f"beyond {whole[0]:.6g} to {whole[1]:.6g}, learnt from {there.sum()} values of {source}"
    if not rule.by:
        if np.isnan(whole[0]):
            said = f"not judged: the values of {source} have no spread"
        return np.full(len(rows), whole[0]), np.full(len(rows), whole[1]), said
    said = f"beyond the limits of its {', '.join(rule.by)}, learnt from {there.sum()} values of {source}"
    limits = {
        group: find_limits(found.to_numpy(), method=rule.method, distance=rule.distance)
        for group, found in pd.Series(values[there]).groupby(_groups(rule, learnt_from)[there], sort=False)
        if len(found) >= rule.rows
    }
    own = _groups(rule, rows)
    distinct, inverse = np.unique(own, return_inverse=True) if len(own) else (own, np.array([], int))
    found = np.array([limits.get(group, whole) for group in distinct], float).reshape(-1, 2)
    return found[inverse, 0], found[inverse, 1], said


def _judge(rule: Outliers, rows: pa.Table, name: str, low: np.ndarray, high: np.ndarray, said: str) -> Cleaned:
    values = _as_floats(rows.column(name))
    with np.errstate(invalid="ignore"):
        beyond = (values < low) | (values > high)
    if said.startswith("not judged"):
        flagged = handle(rows, name, pa.array(beyond), action=rule.action, why=said, flag=rule.flag_of(name))
        return Cleaned(flagged.rows, (Effect(name, said),))
    if rule.action != "clip":
        return handle(rows, name, pa.array(beyond), action=rule.action, why=said, flag=rule.flag_of(name))
    with np.errstate(invalid="ignore"):
        clipped = np.where(values < low, low, np.where(values > high, high, values))
    column = rows.column(name)
    after = pa.array(np.where(beyond, clipped, values), mask=np.asarray(column.is_null())).cast(pa.float64())
    if not pa.types.is_floating(column.type):
        rows = put_column(rows, name, column.cast(pa.float64()))  # limits are no whole numbers
    rows, effects = exchange(rows, name, after.cast(rows.schema.field(name).type), said)
    return Cleaned(rows, tuple(effects))


def _as_floats(column: pa.ChunkedArray) -> np.ndarray:
    return column.cast(pa.float64()).to_numpy(zero_copy_only=False)


def _groups(rule: Outliers, rows: pa.Table) -> np.ndarray:
    """Return the group of each row as one text."""
    joined = np.full(len(rows), "", dtype=object)
    for name in rule.by:
        texts = rows.column(name).cast(pa.string()).fill_null("").to_numpy(zero_copy_only=False)
        joined = joined + "\x1f" + texts.astype(object)
    return joined
