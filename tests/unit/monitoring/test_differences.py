"""Statistics of two profiles: known values, the library's own, and what chance alone makes of them."""

import math
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import ks_2samp, mannwhitneyu, wasserstein_distance

from lakemill.monitoring.differences import FLOORS, STATISTICS, Difference, measure_differences
from lakemill.monitoring.sketches import ColumnProfile, profile_column


def sketch(values: Any, kind: str = "numeric") -> ColumnProfile:
    wanted = pa.float64() if kind == "numeric" else pa.string()
    return profile_column("x", pa.chunked_array([pa.array(values, wanted)]), kind)


def measure(reference: Any, current: Any, kind: str = "numeric") -> dict[str, Difference]:
    return measure_differences(sketch(reference, kind), sketch(current, kind))


def normal(count: int, *, mean: float = 0.0, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(mean, 1, count)


def counted(**counts: int) -> list[str]:
    return [name for name, count in counts.items() for _ in range(count)]


@pytest.mark.parametrize("mean", [0.0, 0.1, 1.0])
def test_of_numbers_profiles_tell_what_the_library_reads_from_rows(mean: float) -> None:
    reference, current = normal(5000), normal(3000, mean=mean, seed=1)

    found = measure(reference, current)

    above = mannwhitneyu(current, reference).statistic / (5000 * 3000)
    quartiles = np.quantile(reference, [0.25, 0.75])
    moved = wasserstein_distance(reference, current) / ((quartiles[1] - quartiles[0]) / 1.349)
    assert found["kolmogorov_smirnov"].effect == pytest.approx(ks_2samp(reference, current).statistic, abs=0.004)
    assert found["rank_shift"].effect == pytest.approx(abs(above - 0.5), abs=0.001)
    assert found["wasserstein"].effect == pytest.approx(moved, abs=0.05)
    shifted = mannwhitneyu(current, reference).pvalue
    assert found["rank_shift"].p_value == pytest.approx(shifted, rel=0.2, abs=1e-12)


@pytest.mark.parametrize(
    ("statistic", "reference", "current", "effect"),
    [
        ("total_variation", counted(a=60, b=40), counted(a=30, b=70), 0.3),
        ("new_categories", counted(a=60, b=40), counted(a=30, c=10), 0.25),
        ("vanished_categories", counted(a=60, b=40), counted(a=30, c=10), 0.4),
        ("null_share", [*counted(a=60), *[None] * 40], counted(a=100), 0.4),
    ],
)
def test_shares_are_what_one_can_count(statistic: str, reference: Any, current: Any, effect: float) -> None:
    assert measure(reference, current, "categorical")[statistic].effect == pytest.approx(effect)


def test_the_population_stability_index_is_that_of_the_textbook() -> None:
    found = measure(counted(a=60_000, b=40_000), counted(a=30_000, b=70_000), "categorical")["population_stability"]

    assert found.effect == pytest.approx(
        (0.3 - 0.6) * math.log(0.3 / 0.6) + (0.7 - 0.4) * math.log(0.7 / 0.4), rel=1e-3
    )


def test_one_huge_value_hides_nothing() -> None:
    reference, shifted = normal(5000), np.append(normal(5000, mean=1, seed=1), 1e9)

    found = measure(reference, shifted)

    assert found["population_stability"].effect > 0.5
    assert found["kolmogorov_smirnov"].effect > 0.3
    assert measure(np.append(reference, 1e9), shifted)["wasserstein"].effect == pytest.approx(1, abs=0.1)


def test_values_beyond_the_reference_are_counted() -> None:
    found = measure(np.linspace(0, 1, 1000), np.linspace(0.25, 1.25, 1000))["out_of_range"]

    assert found.effect == pytest.approx(0.25, abs=0.01)
    assert found.p_value < 1e-9


@pytest.mark.parametrize("name", sorted(FLOORS.keys() - {"classifier"}))
def test_chance_alone_seldom_makes_small_p_values(name: str) -> None:
    """Also where values are skewed, whole, or of many categories; at 300 rows against 3000."""
    kinds = STATISTICS[name].kinds if name in STATISTICS else {"numeric", "categorical"}
    draws = {
        "numeric": [
            lambda draw, count: draw.normal(0, 1, count),
            lambda draw, count: draw.lognormal(0, 2, count),
            lambda draw, count: draw.integers(0, 4, count).astype(float),
        ],
        "categorical": [
            lambda draw, count: draw.choice(["a", "b", "c"], count, p=[0.6, 0.3, 0.1]),
            lambda draw, count: [f"town {one}" for one in draw.zipf(1.7, count)],
        ],
    }
    tries, small = 0, 0
    for kind in kinds:
        for make in draws[kind]:
            for seed in range(60):
                draw = np.random.default_rng(seed)
                found = measure(list(make(draw, 3000)), list(make(draw, 300)), kind)[name]
                tries, small = tries + 1, small + (found.p_value <= 0.01)

    assert small <= 0.01 * tries + 3 * math.sqrt(0.01 * tries)


@pytest.mark.parametrize("kind", ["numeric", "categorical"])
def test_a_column_without_values_on_a_side_has_its_null_share_only(kind: str) -> None:
    assert list(measure([None] * 100, ["1"] * 100 if kind == "categorical" else [1.0] * 100, kind)) == ["null_share"]
