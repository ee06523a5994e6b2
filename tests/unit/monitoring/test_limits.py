"""Limits that are learnt: what was usual is no finding, what was not is one, and little past says little."""

import numpy as np
import pytest

from lakemill.monitoring.differences import Difference
from lakemill.monitoring.limits import Earlier, hold_against_past

CHANCE = 0.0004


def difference(effect: float, *, freedom: float = 1.0) -> Difference:
    return Difference(effect, 1e-12, CHANCE, freedom)


def past(*effects: float, is_of_season: bool = False) -> list[Earlier]:
    return [Earlier(effect, CHANCE, is_of_season) for effect in effects]


def test_without_a_past_nothing_is_explained() -> None:
    assert hold_against_past(difference(0.3), []).p_value == 0


@pytest.mark.parametrize(
    ("effects", "effect", "is_unusual"),
    [
        ([0.02] * 12, 0.2, True),
        ([0.02] * 12, 0.03, False),
        ([0.2, 0.1, 0.25, 0.15] * 3, 0.3, False),
        ([0.2, 0.1, 0.25, 0.15] * 3, 1.0, True),
        ([0.3], 0.4, False),
        ([0.02], 0.5, True),
    ],
)
def test_what_was_usual_is_explained(effects: list[float], effect: float, is_unusual: bool) -> None:
    assert (hold_against_past(difference(effect), past(*effects)).p_value < 0.001) == is_unusual


def test_a_season_explains_what_the_year_does_not() -> None:
    summers, others = past(0.4, 0.38, 0.42, 0.41, is_of_season=True), past(*[0.02] * 20)

    assert hold_against_past(difference(0.4), [*others, *summers]).p_value > 0.1
    assert hold_against_past(difference(0.4), others).p_value < 1e-6


def test_one_partition_of_the_season_counts_beside_the_rest() -> None:
    seen = [*past(*[0.02] * 20), *past(0.4, is_of_season=True)]

    assert hold_against_past(difference(0.45), seen).p_value > 0.01


def test_in_a_steady_season_less_is_unusual_than_in_the_year() -> None:
    seen = [*past(*[0.3] * 12), *past(*[0.02] * 12, is_of_season=True)]

    assert hold_against_past(difference(0.2), seen).p_value < 0.001


@pytest.mark.parametrize("freedom", [1.0, 5.0])
@pytest.mark.parametrize("spread", [0.0, 0.02, 0.1])
def test_partitions_of_one_past_are_seldom_unusual(freedom: float, spread: float) -> None:
    """Effects are of chance and of a spread between partitions; the prior costs up to two more in a hundred."""
    draw = np.random.default_rng(0)

    def effects(count: int) -> np.ndarray:
        by_chance = CHANCE * draw.chisquare(freedom, count) / freedom
        return np.sqrt(by_chance + (spread * draw.normal(0, 1, count)) ** 2)

    unusual = sum(
        hold_against_past(difference(effects(1)[0], freedom=freedom), past(*effects(12))).p_value < 0.01
        for _ in range(1000)
    )

    assert unusual <= 35
