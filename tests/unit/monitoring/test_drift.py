"""Drift: large and certain differences are found, small or uncertain ones are not."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lakemill.config.monitoring import Monitor
from lakemill.monitoring.drift import ColumnDrift, compare_profiles
from lakemill.monitoring.sketches import ColumnProfile, merge, profile_column

COLOURS = np.array(["red", "green", "blue", "white"], dtype=object)
SHARES = [0.4, 0.3, 0.2, 0.1]


def sketch(values: Any, kind: str = "numeric") -> dict[str, ColumnProfile]:
    wanted = pa.float64() if kind == "numeric" else pa.string()
    return {"x": profile_column("x", pa.chunked_array([pa.array(values, wanted)]), kind)}


def normal(count: int, *, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, count)


def colours(count: int, *, shares: Any = SHARES, seed: int = 0) -> list[str]:
    return list(np.random.default_rng(seed).choice(COLOURS, count, p=shares))


def towns(count: int, *, number: int = 300, first: int = 0, seed: int = 0) -> list[str]:
    """Draw from many categories, the second half as frequent as the first, the third a third (Zipf)."""
    weights = 1 / np.arange(1, number + 1)
    drawn = np.random.default_rng(seed).choice(number, count, p=weights / weights.sum())
    return [f"town {first + one}" for one in drawn]


def compare(
    reference: dict[str, ColumnProfile], current: dict[str, ColumnProfile], *, effect: float = 0.2, least_rows: int = 50
) -> list[ColumnDrift]:
    return compare_profiles(reference, current, Monitor(effect=effect, rows=least_rows))


def profile_many(count: int, *, seed: int) -> dict[str, ColumnProfile]:
    """Ten columns of many kinds, without and with missing values."""
    draw = np.random.default_rng(seed)
    columns = {
        **{f"normal{number}": draw.normal(0, 1, count) for number in range(3)},
        "skewed": draw.lognormal(0, 2, count),
        "whole": draw.integers(0, 5, count).astype(float),
        "constant": np.zeros(count),
    }
    profiles = {name: sketch(values)["x"] for name, values in columns.items()}
    gaps = np.where(draw.random(count) < 0.2, None, draw.normal(0, 1, count).astype(object))
    profiles["gaps"] = sketch(gaps.tolist())["x"]
    for number in range(2):
        profiles[f"colour{number}"] = sketch(draw.choice(COLOURS, count, p=SHARES), "categorical")["x"]
    profiles["town"] = sketch(towns(count, seed=seed), "categorical")["x"]
    return profiles


@pytest.mark.parametrize(("count", "effect"), [(50, 0.2), (50, 0.01), (300, 0.01), (2000, 0.01)])
def test_without_drift_at_most_one_comparison_in_a_hundred_finds_any(count: int, effect: float) -> None:
    """The promise of confidence 99 %, all ten columns together; with an effect of 0.01 nothing but it holds back."""
    reference = profile_many(5000, seed=1)
    seeds = 100

    alarms = sum(
        any(one.is_found for one in compare(reference, profile_many(count, seed=100 + seed), effect=effect))
        for seed in range(seeds)
    )

    assert alarms <= 3  # of 100; four or more happen by chance less than once in fifty times


@pytest.mark.parametrize(("rows", "count"), [(5000, 50), (5000, 300), (5000, 3000), (50_000, 300)])
def test_more_categories_than_are_counted_are_no_drift(rows: int, count: int) -> None:
    reference = sketch(towns(rows, number=3000), "categorical")
    assert reference["x"].categories[""] > 0
    alarms = sum(
        compare(reference, sketch(towns(count, number=3000, seed=seed), "categorical"), effect=0.01)[0].is_found
        for seed in range(1, 31)
    )

    assert alarms <= 2


def test_many_categories_that_others_take_the_place_of_are_drift() -> None:
    reference = sketch(towns(20_000, number=3000), "categorical")
    current = sketch(towns(700, number=3000) + towns(300, number=20, first=5000), "categorical")

    assert compare(reference, current)[0].is_found


@pytest.mark.parametrize("count", [50, 500, 5000])
def test_a_shift_by_one_standard_deviation_is_found(count: int) -> None:
    found = [
        compare(sketch(normal(5000)), sketch(normal(count, mean=1, seed=seed)))[0].is_found for seed in range(1, 21)
    ]

    assert all(found)


def test_a_tiny_shift_is_no_drift_however_certain() -> None:
    (drift,) = compare(sketch(normal(1_000_000)), sketch(normal(1_000_000, mean=0.05, seed=1)))

    assert drift.p_value < 1e-6
    assert drift.effect == pytest.approx(0.02, abs=0.005)  # 2 Phi(0.05 / 2) - 1
    assert not drift.is_found


def test_a_large_distance_of_few_rows_is_no_drift() -> None:
    found = [
        compare(sketch(normal(10)), sketch(normal(10, seed=seed)), effect=0.05, least_rows=2)[0] for seed in range(1, 6)
    ]

    assert all(drift.effect > 0.05 and not drift.is_found for drift in found)


def test_the_effect_is_the_kolmogorov_smirnov_distance() -> None:
    from scipy.stats import ks_2samp

    one, other = normal(4000), normal(3000, mean=0.7, seed=1)
    (drift,) = compare(sketch(one), sketch(other))

    assert drift.effect == pytest.approx(ks_2samp(one, other).statistic, abs=0.01)


def test_the_effect_of_categories_is_their_total_variation() -> None:
    reference, current = ["red"] * 60 + ["blue"] * 40, ["red"] * 30 + ["blue"] * 70
    (drift,) = compare(sketch(reference, "categorical"), sketch(current, "categorical"))

    assert drift.effect == pytest.approx(0.3)
    assert drift.is_found


@pytest.mark.parametrize(
    ("reference", "current"),
    [
        (normal(2000), [None] * 600 + list(normal(400, seed=1))),
        ([None] * 1200 + list(normal(800)), normal(1000, seed=1)),
        (normal(2000), [None] * 1000),
        ([None] * 2000, normal(1000)),
    ],
    ids=["more are missing", "fewer are missing", "all are missing", "none were there"],
)
def test_a_jump_of_the_share_of_missing_values_is_drift(reference: Any, current: Any) -> None:
    (drift,) = compare(sketch(list(reference)), sketch(list(current)))

    assert drift.is_found
    assert drift.effect >= 0.5


@pytest.mark.parametrize(
    ("reference", "current", "has_drifted"),
    [
        (colours(1000), ["violet"] * 100, True),
        (colours(1000), colours(70) + ["violet"] * 30, True),
        (colours(1000), colours(98) + ["violet"] * 2, False),
        (colours(1000), ["red"] * 100, True),
        (["red"] * 1000, ["red"] * 100, False),
        ([str(number) for number in range(1000)], [str(number) for number in range(1000, 2000)], False),
    ],
    ids=["only new", "many new", "few new", "others gone", "one for ever", "identifiers, always new"],
)
def test_new_categories_are_drift_where_they_are_many(reference: Any, current: Any, has_drifted: bool) -> None:
    assert compare(sketch(reference, "categorical"), sketch(current, "categorical"))[0].is_found == has_drifted


@pytest.mark.parametrize(
    ("reference", "current", "has_drifted"),
    [
        (np.zeros(500), np.zeros(100), False),
        (np.zeros(500), np.full(100, 1e-9), True),
        (np.zeros(500), np.repeat([0.0, 1.0], [90, 10]), False),
        (np.zeros(500), np.repeat([0.0, 1.0], [50, 50]), True),
        (np.repeat([0.0, 1.0], [250, 250]), np.repeat([0.0, 1.0], [40, 60]), False),
        (np.repeat([0.0, 1.0], [250, 250]), np.repeat([0.0, 1.0], [10, 90]), True),
    ],
)
def test_numbers_with_many_equal_values(reference: np.ndarray, current: np.ndarray, has_drifted: bool) -> None:
    assert compare(sketch(reference), sketch(current))[0].is_found == has_drifted


@pytest.mark.parametrize(("reference", "current"), [(49, 1000), (1000, 49), (0, 1000), (1000, 0), (0, 0)])
def test_few_rows_on_a_side_are_not_judged(reference: int, current: int) -> None:
    (drift,) = compare(sketch(normal(reference)), sketch(normal(current, mean=9)))

    assert (drift.column, drift.is_found) == ("x", False)
    assert math.isnan(drift.effect)
    assert math.isnan(drift.p_value)


def test_columns_that_one_side_lacks_or_has_as_another_kind_are_left_out() -> None:
    number, text = sketch(normal(100))["x"], sketch(["a"] * 100, "categorical")["x"]

    drifts = compare({"a": number, "b": number, "c": number}, {"a": number, "b": text, "d": number})

    assert [drift.column for drift in drifts] == ["a"]


def test_nothing_to_compare_is_no_drift() -> None:
    assert compare({}, sketch(normal(100))) == []


def test_the_largest_effect_comes_first_and_what_was_not_judged_last() -> None:
    reference = {name: sketch(normal(1000))["x"] for name in "abcd"}
    current = {
        "a": sketch(normal(10))["x"],
        **{name: sketch(normal(200, mean=mean, seed=1))["x"] for name, mean in (("b", 0.2), ("c", 2), ("d", 1))},
    }

    assert [drift.column for drift in compare(reference, current)] == ["c", "d", "b", "a"]


def test_more_columns_ask_for_more_certainty() -> None:
    shifted = sketch(normal(80, mean=0.4, seed=3))["x"]
    reference = {name: sketch(normal(5000))["x"] for name in ("x", *"abcdefghij")}
    alone = compare({"x": reference["x"]}, {"x": shifted})[0]
    others = {name: sketch(normal(80, seed=7))["x"] for name in "abcdefghij"}
    among = {drift.column: drift for drift in compare(reference, {"x": shifted, **others})}["x"]

    assert among.effect == alone.effect
    assert among.p_value > alone.p_value


def test_a_reference_of_merged_partitions_finds_the_same_as_one_of_all_rows() -> None:
    parts = [sketch(normal(500, seed=seed))["x"] for seed in range(8)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merge(merged, part)
    whole = sketch(np.concatenate([normal(500, seed=seed) for seed in range(8)]))
    current = sketch(normal(400, mean=0.6, seed=50))

    assert compare({"x": merged}, current)[0].effect == pytest.approx(compare(whole, current)[0].effect, abs=0.005)
