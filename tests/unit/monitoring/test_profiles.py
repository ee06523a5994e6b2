"""Profiles: equal rows give equal bytes, and parts merged tell the same as the whole."""

import hashlib
import math
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from datasketches import tdigest_double
from hypothesis import given, settings
from hypothesis import strategies as st
from workflows_for_tests import make_rows, make_workflow, publish

from lakemill.lake import Lake
from lakemill.monitoring.profiles import TABLE, profile_partition, profile_predictions, read_profile
from lakemill.monitoring.sketches import COMPRESSION, MOST_CATEGORIES, ColumnProfile, merge, profile_column

FIRST, SECOND = "2020-01-01", "2020-01-02"
numbers = st.lists(st.none() | st.floats(-1e9, 1e9), max_size=300)
categories = st.lists(st.none() | st.sampled_from(["red", "green", "blue", "", "(missing)"]), max_size=100)


def sketch(values: Any, kind: str = "numeric") -> ColumnProfile:
    wanted = pa.float64() if kind == "numeric" else pa.string()
    return profile_column("x", pa.chunked_array([pa.array(values, wanted, from_pandas=False)], wanted), kind)


@given(first=numbers, second=numbers)
@settings(max_examples=60, deadline=None)
def test_numeric_parts_merged_are_the_whole(first: list[float | None], second: list[float | None]) -> None:
    merged, whole = merge(sketch(first), sketch(second)), sketch(first + second)

    assert (merged.count, merged.nulls) == (whole.count, whole.nulls)
    if whole.values:
        assert merged.mean == pytest.approx(whole.mean, rel=1e-9, abs=1e-3)
        assert merged.standard_deviation == pytest.approx(whole.standard_deviation, rel=1e-6, abs=1e-3)
        assert merged.digest.get_min_value() == whole.digest.get_min_value()
        assert merged.digest.get_max_value() == whole.digest.get_max_value()
    else:
        assert math.isnan(merged.mean)
        assert merged.digest.is_empty()


@given(first=categories, second=categories)
@settings(max_examples=60, deadline=None)
def test_categorical_parts_merged_are_the_whole(first: list[str | None], second: list[str | None]) -> None:
    merged, whole = (
        merge(sketch(first, "categorical"), sketch(second, "categorical")),
        sketch(first + second, "categorical"),
    )

    assert merged == whole
    assert sum(whole.categories.values()) == whole.values


@pytest.mark.parametrize("name", ["normal", "lognormal", "integers", "mostly zero"])
def test_ranks_of_many_merged_parts_are_near_the_true_ones(name: str) -> None:
    draw = np.random.default_rng(0)
    values = {
        "normal": draw.normal(0, 1, 60_000),
        "lognormal": draw.lognormal(0, 3, 60_000),
        "integers": draw.integers(0, 10, 60_000).astype(float),
        "mostly zero": np.where(draw.random(60_000) < 0.9, 0.0, draw.random(60_000)),
    }[name]
    parts = [sketch(part) for part in np.array_split(values, 12)]
    merged = parts[0]
    for part in parts[1:]:
        merged = merge(merged, part)

    for share in (0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999):
        at = np.quantile(values, share)
        assert (values < at).mean() - 0.003 <= merged.digest.get_rank(at) <= (values <= at).mean() + 0.003


def test_the_order_of_rows_changes_neither_counts_nor_moments() -> None:
    values = np.random.default_rng(0).normal(0, 1, 1000)
    one, other = sketch(values), sketch(values[::-1])

    assert (one.count, one.nulls) == (other.count, other.nulls)
    assert one.mean == pytest.approx(other.mean)


@pytest.mark.parametrize(
    ("values", "count", "nulls", "mean", "deviation"),
    [
        ([1.0, 3.0, None], 3, 1, 2.0, 1.0),
        ([5.0] * 7, 7, 0, 5.0, 0.0),
        ([None, None], 2, 2, math.nan, math.nan),
        ([], 0, 0, math.nan, math.nan),
        ([1.0, math.nan, 3.0], 3, 1, 2.0, 1.0),
        ([math.nan], 1, 1, math.nan, math.nan),
    ],
    ids=["nulls", "constant", "only nulls", "empty", "a NaN is a null", "only NaN"],
)
def test_numbers_are_counted(values: list[Any], count: int, nulls: int, mean: float, deviation: float) -> None:
    profile = sketch(values)

    assert (profile.count, profile.nulls) == (count, nulls)
    assert (profile.mean, profile.standard_deviation) == pytest.approx((mean, deviation), nan_ok=True)
    assert profile.digest.is_empty() == (count == nulls)


@pytest.mark.parametrize(
    ("values", "nulls", "counts"),
    [
        (["a", "b", "a", None], 1, {"a": 2, "b": 1}),
        ([None], 1, {}),
        ([], 0, {}),
        (["", "a"], 0, {"": 1, "a": 1}),
    ],
)
def test_categories_are_counted(values: list[str | None], nulls: int, counts: dict[str, int]) -> None:
    profile = sketch(values, "categorical")

    assert (profile.nulls, profile.categories) == (nulls, Counter(counts))


def test_of_many_categories_the_frequent_are_kept_and_the_others_counted_together() -> None:
    names = [f"{number:05}" for number in range(MOST_CATEGORIES + 50)]
    profile = sketch(names + names[:10] * 2, "categorical")

    assert len(profile.categories) == MOST_CATEGORIES + 1
    assert profile.categories[""] == 50
    assert profile.categories["00003"] == 3
    assert sum(merge(profile, profile).categories.values()) == 2 * profile.count


@pytest.mark.parametrize("values", [[True, False, None], [1, 2, None], [1.5, None]])
def test_categories_of_any_type_are_texts(values: list[Any]) -> None:
    profile = profile_column("x", pa.chunked_array([pa.array(values)]), "categorical")

    assert profile.values == sum(profile.categories.values()) == len(values) - 1


@pytest.mark.parametrize("kind", [pa.int64(), pa.float32(), pa.bool_()])
def test_numbers_of_any_type_are_numbers(kind: pa.DataType) -> None:
    values = pa.chunked_array([pa.array([1, 0, None]).cast(kind)])

    assert profile_column("x", values, "numeric").mean == 0.5


@pytest.mark.parametrize("count", [10_001, 200_000])
@pytest.mark.parametrize("name", ["normal", "lognormal", "integers", "mostly zero"])
def test_a_digest_that_is_cut_here_ranks_like_one_that_the_library_fills(name: str, count: int) -> None:
    draw = np.random.default_rng(0)
    values = {
        "normal": draw.normal(0, 1, count),
        "lognormal": draw.lognormal(0, 3, count),
        "integers": draw.integers(0, 10, count).astype(float),
        "mostly zero": np.where(draw.random(count) < 0.9, 0.0, draw.random(count)),
    }[name]
    filled = tdigest_double(COMPRESSION)
    filled.update(values)
    points = np.unique(np.quantile(values, np.linspace(0.001, 0.999, 500))).tolist()
    points = [point + 0.005 for point in points] if name == "integers" else points

    ours, library = (np.array(digest.get_cdf(points)[:-1]) for digest in (sketch(values).digest, filled))
    ordered = np.sort(values)
    low, high = (np.searchsorted(ordered, points, side=side) / count for side in ("left", "right"))

    def miss(ranks: np.ndarray) -> float:
        return float(np.maximum(np.maximum(low - ranks, ranks - high), 0).max())

    assert miss(ours) <= max(miss(library), 0.002)
    assert sketch(values).digest.get_total_weight() == count


def test_infinity_is_no_value() -> None:
    profile = sketch([1.0, math.inf, -math.inf, 3.0, math.nan])

    assert (profile.count, profile.nulls, profile.mean, profile.extremes) == (5, 3, 2.0, (1.0, 3.0))


def test_chunks_in_memory_give_the_same_sketch_as_one() -> None:
    values = np.random.default_rng(0).normal(0, 1, 5000)
    parts = pa.chunked_array(np.array_split(values, 7))

    assert profile_column("x", parts, "numeric").digest.serialize() == sketch(values).digest.serialize()


def test_a_profile_comes_back_from_the_lake_as_it_was(lake: Lake) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, FIRST)
    publish(workflow, lake, FIRST, rows)
    profile_partition(workflow, FIRST, lake)

    held = read_profile(lake, [FIRST])

    assert set(held) == {"size", "noise", "colour"}
    fresh = profile_column("size", rows.column("size"), "numeric")
    assert held["size"].digest.serialize() == fresh.digest.serialize()
    assert (held["size"].mean, held["size"].count) == (fresh.mean, 100)
    assert held["colour"] == profile_column("colour", rows.column("colour"), "categorical")


def test_the_same_partition_again_writes_nothing(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))

    assert [profile_partition(workflow, FIRST, lake)["changed"] for _ in range(2)] == [True, False]
    assert lake.version(TABLE) == 0


def test_predictions_are_profiled_by_the_model_that_made_them(lake: Lake) -> None:
    workflow = make_workflow()
    made = {"score": [0.2, 0.4, None], "predicted": ["no", "yes", None], "model_version": ["1", "1", None]}
    lake.replace_partition("predictions", FIRST, pa.table(made))

    held = read_profile(lake, [FIRST], of=profile_predictions(workflow, FIRST, lake, "1"))

    assert (held["score"].count, held["score"].mean) == (2, pytest.approx(0.3))
    assert held["predicted"].categories == {"no": 1, "yes": 1}
    assert read_profile(lake, [FIRST], of=profile_predictions(workflow, FIRST, lake, "2"))["score"].count == 0


def test_partitions_are_merged_when_read(lake: Lake) -> None:
    workflow = make_workflow()
    for key, count in ((FIRST, 100), (SECOND, 40)):
        publish(workflow, lake, key, make_rows(workflow, key, count))
        profile_partition(workflow, key, lake)

    assert {one.count for one in read_profile(lake, [FIRST, SECOND]).values()} == {140}
    assert {one.count for one in read_profile(lake, [SECOND]).values()} == {40}
    assert read_profile(lake, ["2020-01-09"]) == {}


def test_a_partition_without_rows_has_an_empty_profile(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 0))

    assert profile_partition(workflow, SECOND, lake)["rows"] == 0
    assert {one.count for one in read_profile(lake, [SECOND]).values()} == {0}
    profile_partition(workflow, FIRST, lake)
    assert read_profile(lake, [FIRST, SECOND])["size"].count == 100


def test_a_feature_that_changed_its_kind_is_read_as_what_it_is_now(lake: Lake) -> None:
    workflow = make_workflow()
    changed = make_workflow(features={"numeric": ["size"], "categorical": ["colour", "noise"]})
    for key, one in ((FIRST, workflow), (SECOND, changed)):
        publish(one, lake, key, make_rows(one, key))
        profile_partition(one, key, lake)

    held = read_profile(lake, [FIRST, SECOND])

    assert (held["noise"].kind, held["noise"].count) == ("categorical", 100)
    assert held["size"].count == 200


PROFILING = """
import hashlib, sys
sys.path[:0] = sys.argv[1:]
import numpy as np, pyarrow as pa
from lakemill.monitoring.sketches import pack, profile_column
draw = np.random.default_rng(0)
size = profile_column("x", pa.chunked_array([draw.lognormal(0, 1, 20000)]), "numeric")
drawn = pa.array(draw.choice(list("abcdef"), 999).astype(object))
colour = profile_column("y", pa.chunked_array([drawn]), "categorical")
print(hashlib.sha256(repr([sorted(pack(one).items()) for one in (size, colour)]).encode()).hexdigest())
"""


def test_the_same_rows_give_the_same_bytes_in_any_process() -> None:
    plugins = str(Path(__file__).parents[3] / "plugins")
    told = {
        subprocess.run(
            [sys.executable, "-c", PROFILING, plugins],
            env={**os.environ, "PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for seed in ("1", "2")
    }

    assert len(told) == 1
    assert len(told.pop().strip()) == hashlib.sha256().digest_size * 2
