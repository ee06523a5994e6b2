"""Slower on as many rows: by a factor and by seconds, and not by one odd training."""

import math

import pytest

from lakemill.config.gate import TrainingTime
from lakemill.evaluation.pace import Pace


@pytest.mark.parametrize(
    ("seconds", "rows", "earlier", "is_slower"),
    [
        (30.0, 1000, (), False),
        (30.0, 1000, (0.010,), True),
        (20.0, 1000, (0.010,), True),
        (19.9, 1000, (0.010,), False),
        (60.0, 6000, (0.010, 0.010), False),  # more rows, as quick a row
        (3.0, 1000, (0.001,), False),  # three times, but two seconds only
        (30.0, 1000, (0.010, 0.010, 0.900), True),  # one odd training that was slow
        (12.0, 1000, (0.010, 0.010, 0.0001), False),  # one that was quick
        (30.0, 1000, (0.0,), False),
    ],
)
def test_slower(seconds: float, rows: int, earlier: tuple[float, ...], is_slower: bool) -> None:
    assert Pace("fit of plain", rows, seconds, earlier).is_slower(TrainingTime()) is is_slower


def test_without_earlier_trainings_nothing_is_usual() -> None:
    pace = Pace("fit of plain", 10, 1.0)

    assert math.isnan(pace.usual)
    assert math.isnan(pace.times)


def test_it_says_what_took_how_long() -> None:
    assert str(Pace("trials of plain", 2000, 30.0, (0.005, 0.007, 0.006))) == (
        "trials of plain took 30.0 CPU s to fit 2,000 rows, 2.5 times the usual 12.0 s of 3 earlier training(s)"
    )
