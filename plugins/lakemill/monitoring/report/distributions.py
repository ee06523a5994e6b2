"""Distributions: two profiles of a column as shares of rows that can be drawn side by side.

Stays out: which profiles (``gathering.py``), drawing (``plots.py``).
"""

from dataclasses import dataclass

import numpy as np

from lakemill.monitoring.sketches import OTHERS, ColumnProfile

BINS = 30
TAIL = 0.005  # of both ends of both sides, that is not drawn where it lies far out
MOST_BARS = 8  # categories that are named, the rest together


@dataclass(frozen=True)
class Side:
    """What of one side's rows is told beside the picture."""

    rows: int
    null_share: float
    mean: float | None = None


@dataclass(frozen=True)
class Distribution:
    """A column of both sides.

    Attributes
    ----------
    kind : {"numeric", "categorical"}
    reference, current : Side
    edges : tuple of float
        Of the bins of a numeric column.
    names : tuple of str
        Of the categories that have a bar; the last one may stand for the rest.
    shares : tuple of (tuple of float, tuple of float)
        Of the rows with a value, by bin or category: the reference's, the current ones.
    """

    kind: str
    reference: Side
    current: Side
    edges: tuple[float, ...] = ()
    names: tuple[str, ...] = ()
    shares: tuple[tuple[float, ...], tuple[float, ...]] = ((), ())


def distribute(reference: ColumnProfile | None, current: ColumnProfile | None) -> Distribution | None:
    """Return a column's distributions; None where a side is missing, or is of another kind.

    Parameters
    ----------
    reference, current : ColumnProfile or None

    Returns
    -------
    Distribution or None
        Without bins where a side has no values.
    """
    if reference is None or current is None or reference.kind != current.kind:
        return None
    sides = [Side(one.count, one.null_share, None if np.isnan(one.mean) else one.mean) for one in (reference, current)]
    if min(reference.values, current.values) == 0:
        return Distribution(reference.kind, *sides)
    cut = _cut_numbers if reference.kind == "numeric" else _cut_categories
    found = cut(reference, current)
    return Distribution(reference.kind, *sides, **found)


def _cut_numbers(reference: ColumnProfile, current: ColumnProfile) -> dict[str, tuple]:  # type: ignore[type-arg]
    sides = (reference.digest, current.digest)
    low = min(side.get_quantile(TAIL) for side in sides)
    high = max(side.get_quantile(1 - TAIL) for side in sides)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    edges[-1] = np.nextafter(high, np.inf)  # what lies on the last edge belongs to the last bin
    ranks = [np.array(side.get_cdf(edges.tolist())[:-1]) for side in sides]
    return {"edges": tuple(edges.tolist()), "shares": tuple(tuple(np.diff(one).tolist()) for one in ranks)}


def _cut_categories(reference: ColumnProfile, current: ColumnProfile) -> dict[str, tuple]:  # type: ignore[type-arg]
    sides = [{name: count / one.values for name, count in one.categories.items()} for one in (reference, current)]
    named = sorted({*sides[0], *sides[1]} - {OTHERS}, key=lambda name: (-max(_both(sides, name)), name))
    kept = named if len(named) <= MOST_BARS + 1 else named[:MOST_BARS]
    shares = [[side.get(name, 0.0) for name in kept] for side in sides]
    rest = [1.0 - sum(one) for one in shares]
    if len(kept) < len(named) or any(side.get(OTHERS) for side in sides):
        kept = [*kept, f"{len(named) - len(kept):,} others" if len(kept) < len(named) else "others"]
        shares = [[*one, max(0.0, left)] for one, left in zip(shares, rest, strict=True)]
    return {"names": tuple(kept), "shares": tuple(tuple(one) for one in shares)}


def _both(sides: list[dict[str, float]], name: str) -> tuple[float, float]:
    return sides[0].get(name, 0.0), sides[1].get(name, 0.0)
