"""The known faults of the shipped flights, each counted where a person sees it; a suite proposed from the year."""

import shutil
from datetime import datetime, timezone
from pathlib import Path

import pytest

from lakemill.lake import Lake
from lakemill.lake.quarantine import count_refused
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.validation import validate_partition
from lakemill.validation.expectations import run_suite
from lakemill.validation.inputs import read_judged
from lakemill.validation.suggesting import suggest_suite

pytestmark = pytest.mark.thorough  # the year of flights takes half a minute to collect

NOW = datetime(2026, 1, 1, tzinfo=timezone.utc)


@pytest.fixture(scope="module")
def year(collected_flights, tmp_path_factory: pytest.TempPathFactory):
    """The year validated: workflow, lake, project, and what validation said of each month."""
    flights, project = collected_flights.workflow, collected_flights.project
    folder = shutil.copytree(collected_flights.lake, tmp_path_factory.mktemp("validated"), dirs_exist_ok=True)
    lake, said = Lake(str(folder), "flights"), {}
    for key in collected_flights.months:
        said[key] = validate_partition(flights, key, lake, project=project)
        record_verdict(lake, Verdict("ingestion", key, NOW, "published"))
    return flights, lake, project, said


def count(said: dict, name: str, words: str) -> dict[str, int]:
    """Rows by month that fail the expectation of a source or the table with these words."""
    return {
        key: one["rows"]
        for key, found in said.items()
        for one in found["expectations"][name]["found"]
        if one["expectation"].startswith(words)
    }


def test_the_wind_of_1048_mph_and_the_flight_of_17_miles_are_refused_and_nothing_else(year):
    _, lake, _, said = year
    refused = {key: counts for key in said if (counts := count_refused(lake, key))}
    assert refused == {"2013-02": {"weather": 1}, "2013-07": {"table": 1}}
    assert '"wind_speed": 1048.36058' in lake.read("quarantine", ["2013-02"]).column("row")[0].as_py()
    assert '"distance": 17.0' in lake.read("quarantine", ["2013-07"]).column("row")[0].as_py()
    assert sum(found["rows"] for found in said.values()) == 336_776
    assert [found["warnings"] for found in said.values()] == [[]] * 12


def test_flights_without_a_weather_row_are_counted(year):
    counts = count(year[3], "table", "every flight has a weather row")
    assert sum(counts.values()) == 1_556
    assert counts["2013-12"] == 932


def test_the_hour_that_comes_twice_is_counted_once_for_each_airport_and_turn(year):
    assert count(year[3], "weather", "an hour of local time comes once") == {"2013-11": 6}


def test_cancelled_flights_and_those_without_a_label_are_counted(year):
    assert sum(count(year[3], "table", "column_values_to_not_be_null(column=departure_time").values()) == 8_255
    assert sum(count(year[3], "table", "column_values_to_not_be_null(column=late").values()) == 9_430


@pytest.mark.parametrize("name", ["weather", "table"])
def test_the_suite_proposed_from_the_year_passes_on_its_months(year, name):
    flights, lake, project, said = year
    suite = suggest_suite(flights, name, lake, project=project)["expectations"]
    failed = [
        (key, outcome.expectation)
        for key in list(said)[::4]  # all would only take longer
        for outcome in run_suite(read_judged(flights, name, key, lake, project=Path(project)), suite, where=name)
        if not outcome.success
    ]
    assert failed == []
    assert len(suite) > 30
