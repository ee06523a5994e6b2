"""Alarms over many windows: almost none without drift, and a shift by a quarter of a standard deviation is found.

The full table is of ``benchmarks/drift.py``.
"""

from functools import reduce

import numpy as np
import pyarrow as pa
import pytest

from lakemill.config.monitoring import Monitor
from lakemill.monitoring.drift import compare_profiles
from lakemill.monitoring.limits import Earlier
from lakemill.monitoring.sketches import ColumnProfile, merge, profile_column

COLUMNS = 15
Profiles = dict[str, ColumnProfile]


def draw_window(draw: np.random.Generator, rows: int, *, shift: float = 0.0) -> Profiles:
    """Normal, skewed and whole numbers in turn; the first column may be shifted."""
    window = {}
    for number in range(COLUMNS):
        values = draw.normal(shift if number == 0 else 0.0, 1, rows)
        values = (values, np.exp(values), np.floor(4 * values))[number % 3]
        window[str(number)] = profile_column(str(number), pa.chunked_array([values]), "numeric")
    return window


def watch(reference: Profiles, windows: list[Profiles]) -> list[list[str]]:
    """Return the columns that alarm in each window, those before it being its past."""
    monitor, past, found, alarms = Monitor(), {}, {}, []
    for window in windows:
        drifts = compare_profiles(reference, window, monitor, past=past)
        alarms.append([one.column for one in drifts if one.alarms(found.get(one.column, ()), monitor)])
        for one in drifts:
            found.setdefault(one.column, []).append(one.is_found)
            for test in () if one.is_found else one.tests:
                earlier = Earlier(test.difference.effect, test.difference.chance)
                past.setdefault((one.column, test.statistic), []).append(earlier)
    return alarms


def draw_reference(draw: np.random.Generator, rows: int) -> Profiles:
    windows = [draw_window(draw, rows) for _ in range(5)]
    return {name: reduce(merge, [window[name] for window in windows]) for name in windows[0]}


@pytest.mark.thorough
@pytest.mark.parametrize("rows", [300, 1000])
def test_without_drift_windows_do_not_alarm(rows: int) -> None:
    draw = np.random.default_rng(rows)
    reference = draw_reference(draw, rows)

    alarms = watch(reference, [draw_window(draw, rows) for _ in range(100)])

    assert sum(map(bool, alarms)) <= 1


@pytest.mark.parametrize(("past", "least"), [(0, 8), (1, 6), (12, 8)])  # of one, chance may make a wide limit
def test_a_shift_by_a_quarter_deviation_is_found_within_two_windows_of_a_thousand_rows(past: int, least: int) -> None:
    found = 0
    for seed in range(8):
        draw = np.random.default_rng(seed)
        quiet = [draw_window(draw, 1000) for _ in range(past)]
        shifted = [draw_window(draw, 1000, shift=0.25) for _ in range(2)]
        alarms = watch(draw_reference(draw, 1000), [*quiet, *shifted])
        assert not any(alarms[:past])
        found += any("0" in columns for columns in alarms[past:])

    assert found >= least
