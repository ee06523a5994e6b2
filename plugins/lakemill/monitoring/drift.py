"""Data drift: how far a column's current profile lies from its reference, and whether chance could do that.

A column drifts only if both the distance is large and chance is excluded, all columns corrected for: with many rows
any difference is significant, with few rows any distance is likely. Stays out: what follows (``decision.py``).
"""

import math
from collections import Counter
from dataclasses import dataclass

import numpy as np
from scipy.special import kolmogorov
from scipy.stats import chi2_contingency, false_discovery_control

from lakemill.monitoring.profiles import OTHERS, ColumnProfile

POINTS = 100  # quantiles of the reference at which the distribution functions are compared
LEAST_EXPECTED = 5  # rows of a category, by chance alone, on the smaller side (Cochran, 1954)


@dataclass(frozen=True)
class ColumnDrift:
    """How one column differs.

    Attributes
    ----------
    column : str
    effect : float
        In [0, 1]: Kolmogorov-Smirnov distance of numbers, total variation of categories, or the difference of the
        shares of missing values where that is larger. NaN where one side has too few rows.
    p_value : float
        Corrected for the number of columns. NaN as above.
    has_drifted : bool
    """

    column: str
    effect: float
    p_value: float
    has_drifted: bool


def compare_profiles(
    reference: dict[str, ColumnProfile],
    current: dict[str, ColumnProfile],
    *,
    effect: float,
    confidence: float,
    least_rows: int,
) -> list[ColumnDrift]:
    """Compare all columns that both sides have, as the same kind.

    Parameters
    ----------
    reference, current : dict of str to ColumnProfile
    effect : float in (0, 1]
        Distances under it are no drift.
    confidence : float in (0, 1)
        Chance must be excluded so far.
    least_rows : int
        Columns with fewer rows on a side are not judged.

    Returns
    -------
    list of ColumnDrift
        The largest effect first.

    Notes
    -----
    p-values: Kolmogorov's limit distribution at the effective size nm/(n+m); chi-square of the contingency table for
    categories (the rare ones together) and for missing values; of the two the smaller, doubled. Correction by Benjamini
    and Hochberg (1995).
    """
    names = sorted(name for name in set(reference) & set(current) if reference[name].kind == current[name].kind)
    judged = [name for name in names if min(reference[name].count, current[name].count) >= least_rows]
    found = [_compare(reference[name], current[name]) for name in judged]
    corrected = false_discovery_control([p_value for _, p_value in found]) if found else []
    drifts = [
        ColumnDrift(name, distance, float(p_value), bool(distance >= effect and p_value <= 1 - confidence))
        for name, (distance, _), p_value in zip(judged, found, corrected, strict=True)
    ]
    drifts += [ColumnDrift(name, math.nan, math.nan, False) for name in names if name not in judged]
    return sorted(drifts, key=lambda one: (-one.effect if one.effect == one.effect else math.inf, one.column))


def _compare(reference: ColumnProfile, current: ColumnProfile) -> tuple[float, float]:
    nulls = abs(reference.null_share - current.null_share)
    null_p = _chi_square([[reference.nulls, reference.values], [current.nulls, current.values]])
    if min(reference.values, current.values) == 0:
        return nulls, null_p
    compare = _compare_numbers if reference.kind == "numeric" else _compare_categories
    distance, p_value = compare(reference, current)
    return max(nulls, distance), min(1.0, 2 * min(null_p, p_value))


def _compare_numbers(reference: ColumnProfile, current: ColumnProfile) -> tuple[float, float]:
    shares = np.linspace(0, 1, POINTS + 1)
    points = np.unique([side.digest.get_quantile(share) for side in (reference, current) for share in shares])
    distance = max(
        abs(reference.digest.get_rank(at) - current.digest.get_rank(at))
        for point in points
        for at in (point, np.nextafter(point, np.inf))
    )
    effective = reference.values * current.values / (reference.values + current.values)
    return float(distance), float(kolmogorov(math.sqrt(effective) * distance))


def _compare_categories(reference: ColumnProfile, current: ColumnProfile) -> tuple[float, float]:
    counts = _align(reference.categories, current.categories)
    shares = counts / counts.sum(axis=1, keepdims=True)
    return float(np.abs(shares[0] - shares[1]).sum() / 2), _chi_square(_pool_rare(counts))


def _align(reference: Counter[str], current: Counter[str]) -> np.ndarray:
    """Return the counts of both by category; what one may have counted among its others is one with them."""
    sides = (reference, current)
    apart = set(reference) | set(current)
    for side in sides:
        apart = apart & set(side) if side[OTHERS] else apart
    names = sorted(apart - {OTHERS})
    counts = np.array([[side[name] for name in names] + [0] for side in sides], dtype=float)
    counts[:, -1] = [sum(side.values()) for side in sides] - counts.sum(axis=1)
    return counts


def _pool_rare(counts: np.ndarray) -> np.ndarray:
    """Put the others (last) and categories too rare for chi-square together; new ones are rare or others by chance."""
    expected = counts.sum(axis=0) * counts.sum(axis=1).min() / counts.sum()
    rare = expected < LEAST_EXPECTED
    rare[-1] = True
    return np.column_stack([counts[:, ~rare], counts[:, rare].sum(axis=1)])


def _chi_square(counts: np.ndarray | list[list[int]]) -> float:
    table = np.asarray(counts, dtype=float)
    table = table[:, table.sum(axis=0) > 0]
    if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
        return 1.0
    return float(chi2_contingency(table).pvalue)
