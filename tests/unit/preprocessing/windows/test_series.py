"""Windows: what they give on rows that one can count, that they look back only, and that nothing else matters."""

import math
from datetime import UTC, datetime, timedelta
from typing import Any

import duckdb
import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakemill.config.windows import Window
from lakemill.exceptions import TableError
from lakemill.preprocessing.windows import add_windows

START = datetime(2020, 1, 1, tzinfo=UTC)
MOMENT = pa.timestamp("us", "UTC")


def table(hours: list[float], values: list[float | None], **columns: Any) -> pa.Table:
    at = pa.array([START + timedelta(hours=hour) for hour in hours], MOMENT)
    return pa.table({"id": range(len(hours)), "at": at, "x": pa.array(values, pa.float64()), **columns})


def add(rows: pa.Table, *windows: Window, past: pa.Table | None = None) -> pa.Table:
    return add_windows(rows, past, windows, event_time="at", key=["id"])


def make(rows: pa.Table, **said: Any) -> dict[str, list[Any]]:
    made = add(rows, Window.model_validate({"columns": ["x"], **said}))
    return {name.removeprefix("x_"): made.column(name).to_pylist() for name in made.column_names[rows.num_columns :]}


def test_a_lag_by_time_is_the_last_value_by_then():
    rows = table([0, 1, 2, 2.5, 6], [10, 20, None, 40, 50])

    assert make(rows, lags=["1 hour"], tolerance="1 hour") == {"lag_1_hour": [None, 10, 20, 20, None]}
    assert make(rows, lags=["1 hour"], tolerance="3 hours") == {"lag_1_hour": [None, 10, 20, 20, 40]}
    assert make(rows, lags=["2 hours"]) == {"lag_2_hours": [None, None, 10, 10, 40]}


def test_a_lag_by_rows_counts_rows_within_its_tolerance():
    rows = table([0, 1, 2, 6], [10, None, 30, 40])

    assert make(rows, lags=[1], tolerance="1 day") == {"lag_1_row": [None, 10, None, 30]}
    assert make(rows, lags=[2], tolerance="1 day") == {"lag_2_rows": [None, None, 10, None]}
    assert make(rows, lags=[1], tolerance="2 hours") == {"lag_1_row": [None, 10, None, None]}


def test_a_difference_is_the_own_value_minus_the_lag():
    rows = table([0, 1, 2], [10, 25, None])

    assert make(rows, differences=["1 hour"]) == {"difference_1_hour": [None, 15, None]}


def test_a_window_closed_right_holds_the_row_and_one_closed_left_its_other_end():
    rows = table([0, 1, 2, 3], [1, 2, 4, 8])
    said: dict[str, Any] = {"rolling": {"2 hours": ["sum", "count"]}}

    assert make(rows, **said) == {"sum_2_hours": [1, 3, 6, 12], "count_2_hours": [1, 2, 2, 2]}
    assert make(rows, **said, closed="left") == {"sum_2_hours": [None, 1, 3, 6], "count_2_hours": [0, 1, 2, 2]}


def test_a_window_may_end_before_the_row():
    rows = table([0, 1, 2, 3], [1, 2, 4, 8])

    assert make(rows, rolling={"2 hours": ["sum"]}, ago="1 hour") == {"sum_2_hours_1_hour_ago": [None, 1, 3, 6]}


def test_statistics_leave_out_missing_values_and_say_so_where_there_is_none():
    rows = table([0, 1, 2, 3, 9], [None, 1, math.inf, 4, None])
    statistics = ["count", "sum", "mean", "std", "min", "max"]

    made = make(rows, rolling={"3 hours": statistics})

    assert [made[f"{name}_3_hours"][3] for name in statistics] == [2, 5, 2.5, math.sqrt(4.5), 1, 4]
    assert [made[f"{name}_3_hours"][1] for name in statistics] == [1, 1, 1, None, 1, 1]
    for row in (0, 4):
        assert [made[f"{name}_3_hours"][row] for name in statistics] == [0, None, None, None, None, None]


def test_series_do_not_see_each_other_and_a_row_of_no_series_sees_itself_only():
    rows = table([0, 0, 1, 1, 2, 2], [1, 2, 4, 8, 16, 32], house=["a", "b", "a", "b", None, None])

    made = make(rows, by=["house"], lags=["1 hour"], rolling={"1 day": ["sum"]})

    assert made == {"lag_1_hour": [None, None, 1, 2, None, None], "sum_1_day": [1, 2, 5, 10, 16, 32]}


def test_rows_of_one_moment_are_in_one_window_and_stand_by_key():
    rows = table([0, 0, 1], [1, 2, 4])

    made = make(rows, lags=["1 hour", 1], tolerance="1 hour", rolling={"1 hour": ["sum"]})

    assert made == {"lag_1_hour": [None, None, 2], "lag_1_row": [None, 1, 2], "sum_1_hour": [3, 3, 4]}


def test_numbers_of_any_type_can_be_looked_back_on_and_texts_not():
    rows = table([0, 1], [0, 0])
    for values in (pa.array([1, 2]), pa.array([True, True]), pa.array([1.0, 2.0], pa.float32())):
        assert make(rows.set_column(2, "x", values), lags=["1 hour"]) == {"lag_1_hour": [None, 1]}

    with pytest.raises(TableError, match="'x' is string, and windows look back on numbers"):
        make(rows.set_column(2, "x", pa.array(["1", "2"])), lags=["1 hour"])


def test_no_rows_have_columns_all_the_same():
    made = add(table([], []), Window(columns=("x",), lags=(timedelta(hours=1),)))

    assert (made.num_rows, made.schema.field("x_lag_1_hour").type) == (0, pa.float64())


# -- on rows at random -----------------------------------------------------------------------------------------------

WINDOWS = [
    Window.model_validate({"columns": ["x", "y"], "by": ["house", "room"], "closed": closed, "suffix": closed, **said})
    for closed in ("right", "left")
    for said in (
        {
            "lags": ["1 hour", "7 hours", 1, 3],
            "differences": ["2 hours", 2],
            "tolerance": "5 hours",
            "rolling": {
                "3 hours": ["count", "sum", "mean", "std", "min", "max"],
                "1 day": ["count", "sum", "mean", "std", "min", "max"],
            },
        },
        {"rolling": {"2 hours": ["mean", "std"]}, "ago": "5 hours"},
    )
]
MADE = [column.name for window in WINDOWS for column in window.made]


def draw(seed: int, count: int = 400) -> pa.Table:
    """Rows of six series in four days, with rows of one moment, missing values and rows of no series."""
    random = np.random.default_rng(seed)
    hours = np.round(random.uniform(0, 96, count), 1).tolist()
    values = random.lognormal(0, 3, (2, count)) * 10.0 ** random.integers(-3, 9)
    missing = random.random((3, count)) < 0.1
    return table(
        hours,
        np.where(missing[0], None, values[0]).tolist(),
        y=pa.array(np.where(missing[1], None, values[1]).tolist(), pa.float64()),
        house=pa.array(np.where(missing[2], None, random.choice(["a", "b"], count)).tolist(), pa.string()),
        room=pa.array(random.integers(0, 3, count)),
    )


def values_by_id(rows: pa.Table) -> pa.Table:
    return rows.sort_by("id").select(["id", *MADE]).combine_chunks()


@pytest.mark.parametrize("seed", range(8))
def test_what_comes_later_changes_no_bit(seed: int):
    rows = draw(seed)
    middle = pa.scalar(START + timedelta(hours=48), MOMENT)
    is_later = pc.greater(rows.column("at"), middle)
    expected = values_by_id(add(rows, *WINDOWS).filter(pc.invert(is_later)))

    gone = add(rows.filter(pc.invert(is_later)), *WINDOWS)
    changed = rows.set_column(2, "x", pc.if_else(is_later, pc.add(pc.multiply(rows.column("x"), -3.0), 1e6), rows["x"]))
    renamed = changed.set_column(4, "house", pc.if_else(is_later, "a", changed.column("house")))

    assert values_by_id(gone) == expected
    assert values_by_id(add(renamed, *WINDOWS).filter(pc.invert(is_later))) == expected


@pytest.mark.parametrize("seed", range(8))
def test_the_order_of_rows_changes_no_bit(seed: int):
    rows = draw(seed)

    shuffled = rows.take(pa.array(np.random.default_rng(seed).permutation(len(rows))))

    assert values_by_id(add(shuffled, *WINDOWS)) == values_by_id(add(rows, *WINDOWS))


@pytest.mark.parametrize("seed", range(8))
def test_how_rows_are_cut_into_parts_changes_no_bit(seed: int):
    rows, reach = draw(seed), max(window.reach for window in WINDOWS)
    moments = rows.column("at")
    parts = []
    for hour in range(0, 96, 17):
        start, end = (START + timedelta(hours=one) for one in (hour, hour + 17))
        is_own = pc.and_(pc.greater_equal(moments, pa.scalar(start, MOMENT)), pc.less(moments, pa.scalar(end, MOMENT)))
        since = pc.greater_equal(moments, pa.scalar(start - reach, MOMENT))
        past = rows.filter(pc.and_(since, pc.less(moments, pa.scalar(start, MOMENT))))
        parts.append(add(rows.filter(is_own), *WINDOWS, past=past))

    assert values_by_id(pa.concat_tables(parts)) == values_by_id(add(rows, *WINDOWS))


@pytest.mark.parametrize("seed", range(3))
def test_rolling_statistics_are_those_of_sql(seed: int):
    rows = draw(seed).filter(pc.is_valid(draw(seed).column("house")))
    made = add(rows, WINDOWS[0]).sort_by("id")
    functions = {"count": "count", "sum": "sum", "mean": "avg", "std": "stddev_samp", "min": "min", "max": "max"}
    asked = ", ".join(f"{function}(x) OVER past AS {name}" for name, function in functions.items())
    query = f"""
        SELECT id, {asked} FROM rows WINDOW past AS (
            PARTITION BY house, room ORDER BY epoch_us("at")
            RANGE BETWEEN {3 * 3600 * 10**6 - 1} PRECEDING AND CURRENT ROW
        ) ORDER BY id
    """
    with duckdb.connect(config={"threads": 1}) as connection:
        connection.register("rows", rows)
        expected = connection.sql(query).to_arrow_table()

    for name in functions:
        ours = made.column(f"x_{name}_3_hours_right").to_numpy()
        np.testing.assert_allclose(ours, expected.column(name).to_numpy().astype("float64"), rtol=1e-9, equal_nan=True)
