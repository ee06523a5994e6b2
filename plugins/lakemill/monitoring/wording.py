"""What drift is called in a verdict's evidence: figures with a sentence for people.

Stays out: what is found (``drift.py``).
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

from lakemill.monitoring.drift import ColumnDrift, Judged
from lakemill.monitoring.findings import round_figure

MOST_COLUMNS = 20  # kept with the verdict; the table ``drift`` has all
WORDS = {
    "null_share": "the share of missing values has changed by {:.1%}",
    "kolmogorov_smirnov": "the distribution differs by {:.3f} (Kolmogorov-Smirnov)",
    "rank_shift": "values have shifted: one of now lies above one of the reference in 50 % +- {:.1%}",
    "out_of_range": "{:.1%} of values lie beyond all of the reference",
    "total_variation": "categories' shares differ by {:.1%} in all",
    "new_categories": "{:.1%} of rows have a category that is new",
    "vanished_categories": "categories of {:.1%} of the reference's rows do not come any more",
    "classifier": "a classifier tells the rows from the reference's, its AUC lies {:.3f} above one half",
}


def describe_drift(drift: ColumnDrift) -> str:
    """Say what was found of a column, and why it counts; of one of which nothing was found, why not."""
    if not drift.tests:
        return "too few rows to judge"
    told = [one for one in drift.tests if one.is_found]
    if told:
        return "; ".join(_describe(one) for one in sorted(told, key=lambda one: -one.size))
    largest = max(drift.tests, key=lambda one: one.size)
    if largest.size < 1:
        return "no difference that counts"
    explained = "the past" if largest.limit.p_value > largest.difference.p_value else "chance"
    return f"{_describe(largest)}: {explained} explains it"


def put_in_evidence(
    drifts: Sequence[ColumnDrift], drifted: Sequence[str], moved: Mapping[str, float]
) -> dict[str, Any]:
    """Return drift as evidence of a verdict.

    Parameters
    ----------
    drifts : sequence of ColumnDrift
    drifted : sequence of str
        The columns that alarm.
    moved : dict of str to float
        By how much a column's drift moves the predictions, where that is known.

    Returns
    -------
    dict
        ``drifted``, ``columns`` and ``drift``: what moves predictions most first, then the largest effect.
    """
    ranked = sorted(drifts, key=lambda one: -moved.get(one.column, -1.0))
    listed = [
        {
            "column": one.column,
            "effect": round_figure(one.effect),
            "p_value": round_figure(one.p_value),
            "is_found": one.is_found,
            "has_drifted": one.column in drifted,
            "moves_predictions_by": round_figure(moved.get(one.column, math.nan)),
            "why": describe_drift(one),
            "statistics": {name: round_figure(value) for name, value in _gather(one).items()},
        }
        for one in ranked[:MOST_COLUMNS]
    ]
    order = {one.column: place for place, one in enumerate(ranked)}
    return {"drifted": sorted(drifted, key=lambda name: order[name]), "columns": len(drifts), "drift": listed}


def _describe(one: Judged) -> str:
    said = WORDS[one.statistic].format(one.difference.effect)
    if one.limit.partitions == 0:
        return said
    return f"{said}; usual in {one.limit.partitions} earlier partitions: {one.limit.usual:.3f}"


def _gather(one: ColumnDrift) -> dict[str, float]:
    return {test.statistic: test.difference.effect for test in one.tests} | dict(one.described or {})
