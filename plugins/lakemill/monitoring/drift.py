"""Drift of columns: what differs by more than the floor, chance and the workflow's own past explain.

With many rows any difference is certain, with few any is likely, and partitions differ for reasons of their own. So all
three must be excluded, chance and the past for all columns together. Stays out: the statistics (``differences.py``),
what follows (``decision.py``).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import false_discovery_control

from lakemill.config.monitoring import Monitor
from lakemill.monitoring.differences import FLOORS, Difference, measure_differences
from lakemill.monitoring.limits import Earlier, Limit, hold_against_past
from lakemill.monitoring.sketches import ColumnProfile

STRONG = 2  # times the floor, and a hundredth of the chance that is allowed: alarms at once
Past = Mapping[tuple[str, str], Sequence[Earlier]]  # by column and statistic


@dataclass(frozen=True)
class Judged:
    """What one tested statistic of a column came to.

    Attributes
    ----------
    statistic : str
    difference : Difference
    limit : Limit
    p_value : float
        The larger of chance's and the past's, corrected for all tests of all columns.
    floor : float
        Least effect that counts.
    is_found : bool
    """

    statistic: str
    difference: Difference
    limit: Limit
    p_value: float
    floor: float
    is_found: bool

    @property
    def size(self) -> float:
        """The effect in multiples of its floor."""
        return self.difference.effect / self.floor


@dataclass(frozen=True)
class ColumnDrift:
    """How one column differs.

    Attributes
    ----------
    column : str
    effect : float
        Size of the difference on the scale of a Kolmogorov-Smirnov distance or total variation, in [0, 1]: of what was
        found the largest, else of all. NaN where one side has too few rows.
    p_value : float
        Least of the tests' corrected ones. NaN as above.
    is_found : bool
        Whether the partition alone shows it.
    is_strong : bool
        Whether it shows so much that no other partition need confirm it.
    tests : tuple of Judged
    described : dict of str to float
        The statistics that are not tested.
    """

    column: str
    effect: float
    p_value: float
    is_found: bool = False
    is_strong: bool = False
    tests: tuple[Judged, ...] = ()
    described: Mapping[str, float] | None = None

    def alarms(self, found_before: Sequence[bool], monitor: Monitor) -> bool:
        """Tell whether it is drift, given in which of the partitions before it was found, the last one last."""
        window = found_before[len(found_before) - monitor.alarm.of + 1 :] if monitor.alarm.of > 1 else ()
        return self.is_strong or (self.is_found and 1 + sum(window) >= monitor.alarm.found)


def compare_profiles(
    reference: Mapping[str, ColumnProfile],
    current: Mapping[str, ColumnProfile],
    monitor: Monitor,
    *,
    past: Past | None = None,
) -> list[ColumnDrift]:
    """Compare all columns that both sides have, as the same kind.

    Parameters
    ----------
    reference, current : dict of str to ColumnProfile
    monitor : Monitor
        Floor, confidence, and least rows.
    past : dict, optional
        What statistics said of earlier partitions, by column and statistic.

    Returns
    -------
    list of ColumnDrift
        The largest effect first; columns with too few rows last.

    Notes
    -----
    p-values of all tests of all columns are corrected together by Benjamini and Hochberg (1995). Where nothing has
    changed they hold the share of comparisons that find anything to ``1 - confidence``.
    """
    names = sorted(name for name in set(reference) & set(current) if reference[name].kind == current[name].kind)
    judged = [name for name in names if min(reference[name].count, current[name].count) >= monitor.rows]
    measured = {name: measure_differences(reference[name], current[name]) for name in judged}
    found = judge_differences(measured, monitor, past=past or {})
    found += [ColumnDrift(name, math.nan, math.nan) for name in names if name not in judged]
    return sorted(found, key=lambda one: (math.inf if math.isnan(one.effect) else -one.effect, one.column))


def judge_differences(
    measured: Mapping[str, Mapping[str, Difference]], monitor: Monitor, *, past: Past
) -> list[ColumnDrift]:
    """Hold measured differences against chance, the past and the floor.

    Parameters
    ----------
    measured : dict of str to dict of str to Difference
        By column and statistic.
    monitor : Monitor
    past : dict

    Returns
    -------
    list of ColumnDrift
        In the order of the columns.
    """
    tests = [(column, name) for column, named in measured.items() for name in named if name in FLOORS]
    limits = {(at, name): hold_against_past(measured[at][name], past.get((at, name), ())) for at, name in tests}
    raw = [max(measured[at][name].p_value, limits[at, name].p_value) for at, name in tests]
    corrected = dict(zip(tests, false_discovery_control(raw) if raw else [], strict=True))
    found = []
    for column, named in measured.items():
        judged = [
            _judge(name, named[name], limits[column, name], float(corrected[column, name]), monitor)
            for name in named
            if name in FLOORS
        ]
        described = {name: one.effect for name, one in named.items() if name not in FLOORS}
        found.append(_sum_up(column, judged, described, monitor))
    return found


def _judge(name: str, difference: Difference, limit: Limit, p_value: float, monitor: Monitor) -> Judged:
    floor = monitor.effect * FLOORS[name]
    is_found = difference.effect >= floor and p_value <= 1 - monitor.confidence
    return Judged(name, difference, limit, p_value, floor, bool(is_found))


def _sum_up(column: str, judged: list[Judged], described: Mapping[str, float], monitor: Monitor) -> ColumnDrift:
    telling = [one for one in judged if one.is_found] or judged
    certain = (1 - monitor.confidence) / 100
    return ColumnDrift(
        column=column,
        effect=min(1.0, max(one.size for one in telling) * monitor.effect),
        p_value=float(np.min([one.p_value for one in judged])),
        is_found=any(one.is_found for one in judged),
        is_strong=any(one.is_found and one.size >= STRONG and one.p_value <= certain for one in judged),
        tests=tuple(judged),
        described=dict(described),
    )
