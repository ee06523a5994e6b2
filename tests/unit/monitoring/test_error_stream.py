"""The stream of errors: silent while nothing changes, however errors hang together; loud when they grow."""

import numpy as np
import pytest
from scipy.signal import lfilter

from lakemill.monitoring.error_stream import Change, cut_blocks, find_change, measure_inflation

PARTITIONS, ROWS = 12, 500


def draw_errors(seed: int, *, tied: float = 0.0) -> np.ndarray:
    draw = np.random.default_rng(seed)
    errors = draw.normal(size=ROWS * (PARTITIONS + 1))
    return np.sqrt(1 - tied**2) * np.asarray(lfilter([1], [1, -tied], errors))


def watch(errors: np.ndarray) -> list[Change]:
    first, *rest = np.split(errors, PARTITIONS + 1)
    parts = [cut_blocks(one) for one in rest]
    return [find_change(first, parts[:count], effect=0.125) for count in range(1, PARTITIONS + 1)]


@pytest.mark.parametrize("tied", [0.0, 0.9])
def test_errors_that_do_not_change_seldom_alarm(tied: float) -> None:
    alarms = [change.is_found for seed in range(8) for change in watch(draw_errors(seed, tied=tied))]

    assert sum(alarms) <= 1  # of 96


def test_each_detector_finds_errors_that_grow_much() -> None:
    errors = draw_errors(0)
    errors[ROWS * 8 :] += 0.6

    found = watch(errors)

    assert [one.is_found for one in found] == [False] * 7 + [True] * 5
    assert set(found[-1].found_by) == {"ADWIN", "Page-Hinkley", "DDM"}
    assert found[-1].partitions_ago >= 4  # a first suspicion may be earlier
    assert found[-1].now - found[-1].before == pytest.approx(0.6, abs=0.15)


@pytest.mark.parametrize("change", [-0.6, 0.08])
def test_errors_that_shrink_or_grow_by_less_than_counts_are_no_finding(change: float) -> None:
    errors = draw_errors(1)
    errors[ROWS * 8 :] += change

    assert not any(one.is_found for one in watch(errors))


def test_rows_that_hang_together_make_blocks_vary_more() -> None:
    inflations = [
        measure_inflation([cut_blocks(part) for part in np.split(draw_errors(2, tied=tied), 13)], 1.0)
        for tied in (0.0, 0.9)
    ]

    assert inflations[0] == pytest.approx(1, abs=0.3)
    assert inflations[1] == pytest.approx((1 + 0.9) / (1 - 0.9), rel=0.35)


@pytest.mark.parametrize("rows", [0, 19, 80])
def test_too_few_rows_tell_nothing(rows: int) -> None:
    errors = np.random.default_rng(0).normal(size=rows)

    assert find_change(errors, [cut_blocks(errors)], effect=0.125) == Change()
