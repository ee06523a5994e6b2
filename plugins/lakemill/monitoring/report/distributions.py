"""Distributions: two profiles of a column as shares of rows that can be drawn side by side.

Stays out: which profiles (``gathering.py``), drawing (``plots.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from lakemill.monitoring.sketches import OTHERS, ColumnProfile

BINS = 30
TAIL = 0.005  # of both ends of both sides, that is not drawn where it lies far out
MOST_BARS = 8  # categories that are named, the rest together


@dataclass(frozen=True)
class Side:
    """What of one side's rows is told beside the picture."""

    rows: int = 0
    null_share: float = 0.0
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
    """Return a column's distributions; None where there is no current one, or the reference is of another kind.

    Parameters
    ----------
    reference, current : ColumnProfile or None
        Without a reference, as in a workflow's first partition, its shares are 0.

    Returns
    -------
    Distribution or None
        Without bins where a side that is there has no values.
    """
    if current is None or (reference is not None and reference.kind != current.kind):
        return None
    before, now = _sum_up(reference), _sum_up(current)
    if current.values == 0 or (reference is not None and reference.values == 0):
        return Distribution(current.kind, before, now)
    cut = _cut_numbers if current.kind == "numeric" else _cut_categories
    places, shares = cut([current] if reference is None else [reference, current])
    none = (0.0,) * len(shares[0])
    both = (shares[0] if len(shares) == 2 else none, shares[-1])
    if current.kind == "numeric":
        return Distribution(current.kind, before, now, edges=places, shares=both)
    return Distribution(current.kind, before, now, names=places, shares=both)


def _sum_up(one: ColumnProfile | None) -> Side:
    return Side() if one is None else Side(one.count, one.null_share, None if np.isnan(one.mean) else one.mean)


def _cut_numbers(sides: Sequence[ColumnProfile]) -> tuple[tuple[Any, ...], list[tuple[float, ...]]]:
    """Return the edges of bins, and each side's shares in them."""
    low = min(side.digest.get_quantile(TAIL) for side in sides)
    high = max(side.digest.get_quantile(1 - TAIL) for side in sides)
    if low == high:
        low, high = low - 0.5, high + 0.5
    edges = np.linspace(low, high, BINS + 1)
    edges[-1] = np.nextafter(high, np.inf)  # what lies on the last edge belongs to the last bin
    ranks = [np.array(side.digest.get_cdf(edges.tolist())[:-1]) for side in sides]
    return tuple(edges.tolist()), [tuple(np.diff(one).tolist()) for one in ranks]


def _cut_categories(sides: Sequence[ColumnProfile]) -> tuple[tuple[Any, ...], list[tuple[float, ...]]]:
    """Return the names of bars, and each side's shares of them: the most frequent on either side, then the rest."""
    shares = [{name: count / one.values for name, count in one.categories.items()} for one in sides]
    largest = {name: max(one.get(name, 0.0) for one in shares) for side in shares for name in side if name != OTHERS}
    ranked = sorted(largest, key=lambda name: (-largest[name], name))
    named = ranked if len(ranked) <= MOST_BARS + 1 else ranked[:MOST_BARS]
    told = [tuple(one.get(name, 0.0) for name in named) for one in shares]
    if len(named) == len(ranked) and not any(one.get(OTHERS) for one in shares):
        return tuple(named), told
    rest = f"{len(ranked) - len(named):,} others" if len(named) < len(ranked) else "others"
    return (*named, rest), [(*one, max(0.0, 1 - sum(one))) for one in told]
