"""The faults of the year of flights, as the cleaning report counts them month by month."""

import shutil
from pathlib import Path

import pytest

from lakemill.lake import Lake
from lakemill.lake.cleaning import TABLE, read_reports
from lakemill.preprocessing import clean_partition

pytestmark = pytest.mark.thorough  # the year of flights takes half a minute to collect

ROOT = Path(__file__).resolve().parents[3]
# counted in the files with pandas
MIDNIGHTS = {
    "departure_time": [0, 3, 3, 3, 1, 1, 6, 2, 2, 1, 1, 6],
    "arrival_time": [11, 14, 15, 6, 13, 20, 11, 12, 8, 14, 10, 16],
}
WITHOUT_WEATHER = [52, 29, 0, 16, 0, 0, 42, 204, 21, 165, 95, 932]


@pytest.fixture(scope="module")
def year(collected_flights, tmp_path_factory):
    """The lake after cleaning twelve months, with nothing refused before; the workflow; what the step returned."""
    flights, returned = collected_flights.workflow, {}
    folder = shutil.copytree(collected_flights.lake, tmp_path_factory.mktemp("cleaned"), dirs_exist_ok=True)
    lake = Lake(str(folder), "flights")
    for key, rows in collected_flights.months.items():
        lake.stage("validate", key, rows)
        returned[key] = clean_partition(flights, key, lake, project=ROOT)
    return lake, flights, returned


def counts(lake, column: str, field: str) -> list[int]:
    reports = read_reports(lake)
    return [sum(getattr(line, field) for line in lines if line.column == column) for lines in reports.values()]


def test_midnight_as_2400_is_mended_month_by_month(year):
    assert {name: counts(year[0], name, "cells") for name in MIDNIGHTS} == MIDNIGHTS
    assert (sum(MIDNIGHTS["departure_time"]), sum(MIDNIGHTS["arrival_time"])) == (29, 150)


def test_flights_without_weather_are_marked_month_by_month(year):
    assert counts(year[0], "visib", "flagged") == WITHOUT_WEATHER
    assert sum(WITHOUT_WEATHER) == 1_556


def test_no_flight_is_dropped_or_refused(year):
    assert sum(one["rows"] for one in year[2].values()) == 336_776
    assert {(one["duplicates"], one["refused"]) for one in year[2].values()} == {(0, 0)}


def test_each_mended_value_has_an_example(year):
    line = next(line for line in read_reports(year[0], ["2013-01"])["2013-01"] if line.column == "arrival_time")
    assert (line.rule, line.why, line.examples) == ("replace", "replaced", ("2400 -> 0",))


def test_cleaning_a_month_again_changes_nothing(year):
    lake, flights, returned = year
    before, rows = lake.version(TABLE), lake.staged("clean", "2013-07")
    assert clean_partition(flights, "2013-07", lake, project=ROOT) == returned["2013-07"]
    assert lake.version(TABLE) == before
    assert lake.staged("clean", "2013-07").equals(rows)
