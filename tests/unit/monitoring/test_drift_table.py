"""The past as of a partition: what was found wrong is left out, until a champion has learnt from it."""

from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.monitoring.differences import Difference
from lakemill.monitoring.drift import ColumnDrift, Judged
from lakemill.monitoring.drift_table import DATA, PREDICTIONS, History, find_season, read_history, record_drift
from lakemill.monitoring.limits import Limit


def drift(effect: float, *, column: str = "x", is_found: bool = False) -> ColumnDrift:
    difference = Difference(effect, 0.5, 0.001)
    test = Judged("kolmogorov_smirnov", difference, Limit(0.5, float("nan"), 0), 0.5, 0.05, is_found)
    return ColumnDrift(column, effect, 0.5, is_found=is_found, tests=(test,))


def read(workflow: Workflow, key: str, lake: Lake, known: Any = (), of: str = DATA) -> History:
    return read_history(workflow, key, lake, of=of, known=known)


def effects(history: History, column: str = "x") -> list[float]:
    return [one.effect for one in history.past.get((column, "kolmogorov_smirnov"), ())]


def test_only_what_came_before_is_the_past(lake: Lake) -> None:
    workflow = make_workflow()
    for day in (1, 2, 3, 4):
        record_drift(lake, f"2020-01-0{day}", [drift(day / 10)], of=DATA)

    assert effects(read(workflow, "2020-01-03", lake)) == [0.1, 0.2]
    assert effects(read(workflow, "2020-01-01", lake)) == []
    assert effects(read(workflow, "2020-01-03", lake, of=PREDICTIONS)) == []


def test_what_was_found_is_no_past_until_the_champion_knows_it(lake: Lake) -> None:
    workflow = make_workflow()
    record_drift(lake, "2020-01-01", [drift(0.1), drift(0.2, column="y")], of=DATA)
    record_drift(lake, "2020-01-02", [drift(0.9, is_found=True), drift(0.3, column="y")], of=DATA)

    unknown, known = (read(workflow, "2020-01-03", lake, one) for one in ((), {"2020-01-02"}))

    assert (effects(unknown), effects(unknown, "y")) == ([0.1], [0.2, 0.3])
    assert (unknown.found["x"], unknown.found["y"]) == ([False, True], [False, False])
    assert (effects(known), known.found["x"]) == ([0.1, 0.9], [False, False])
    assert unknown.partitions_found == {"2020-01-02"}


def test_the_past_is_bounded_and_reaches_back_to_the_same_season(lake: Lake) -> None:
    workflow = make_workflow(monitor={"history": 2})
    for day in range(1, 16):
        record_drift(lake, f"2020-01-{day:02}", [drift(day / 100)], of=DATA)

    history = read(workflow, "2020-01-16", lake)  # a Thursday, like the 2nd and the 9th

    assert effects(history) == [0.02, 0.09, 0.14, 0.15]
    assert [one.is_of_season for one in history.past["x", "kolmogorov_smirnov"]] == [True, True, False, False]


@pytest.mark.parametrize(
    ("every", "start", "key", "alike"),
    [
        ("month", "2013-01", "2014-03", "2013-03"),
        ("day", "2013-01-01", "2013-02-08", "2013-02-01"),
        ("hour", "2013-01-01T00", "2013-02-08T05", "2013-01-01T05"),
    ],
)
def test_seasons_are_months_weekdays_and_hours(every: str, start: str, key: str, alike: str) -> None:
    workflow = make_workflow(partition={"every": every, "start": start})

    assert find_season(workflow, key) == find_season(workflow, alike)
    assert find_season(workflow, key) != find_season(workflow, start)


def test_years_have_no_season(lake: Lake) -> None:
    workflow = make_workflow(partition={"every": "year", "start": "2013"})
    record_drift(lake, "2013", [drift(0.1)], of=DATA)

    (earlier,) = read(workflow, "2014", lake).past["x", "kolmogorov_smirnov"]
    assert not earlier.is_of_season


def test_the_same_again_writes_nothing(lake: Lake) -> None:
    for _ in range(2):
        record_drift(lake, "2020-01-01", [drift(0.1)], of=DATA)

    assert lake.version("drift") == 0
