"""The flights of 2013 come out of collecting, typing and the query as the published analysis counts them.

The counts of the joined table are those of the tidymodels article on the same data
(https://www.tidymodels.org/start/recipes/): 325,819 flights with weather, 16.1 % of them 30 minutes late or more.
"""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pytest

from lakemill.collection import build_table, collect_source, type_source
from lakemill.collection.delivery import Request
from lakemill.collection.files import open_files
from lakemill.config import find_workflow, load_settings
from lakemill.lake import Lake

pytestmark = pytest.mark.thorough  # the year of flights takes half a minute to collect

ROOT = Path(__file__).resolve().parents[3]
NOW = datetime(2024, 1, 1, tzinfo=timezone.utc)
ONLY_KNOWN_AFTERWARDS = {
    "departure_time",
    "arrival_time",
    "departure_delay",
    "arrival_delay",
    "air_time",
    "late",
}


@pytest.fixture(scope="module")
def flights():
    return find_workflow("flights", load_settings())


def build_month(flights, key: str, keep=lambda name, rows: rows) -> pa.Table:
    sources = {}
    for name, source in flights.collect.items():
        request = Request(name, flights.partition, key, None, ROOT, "", None, ROOT)  # a file needs no lake and no keys
        pieces = list(open_files(source, request).pieces())
        assert [one for piece in pieces for one in piece.refused] == []
        rows = pa.concat_tables([piece.rows for piece in pieces])
        typed = type_source(rows, source, where="")
        assert typed.unreadable == {}
        sources[name] = keep(name, typed.rows)
    built = build_table(flights, sources, project=ROOT)
    assert built.unreadable == {}
    return built.rows


@pytest.fixture(scope="module")
def year(collected_flights):
    assert len(collected_flights.months) == 12
    return pa.concat_tables(collected_flights.months.values())


def count(mask) -> int:
    return pc.sum(mask).as_py()


def test_the_year_has_every_flight_once(year, flights):
    assert len(year) == 336_776
    assert len(year.group_by(list(flights.table.key)).aggregate([])) == 336_776


def test_flights_without_weather_stay_with_their_weather_missing(year):
    weather = ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    without = year.filter(pc.is_null(year["visib"]))  # the one column that no weather row lacks
    assert len(without) == 1_556
    assert [without[name].null_count for name in weather] == [1_556] * len(weather)


def test_with_weather_and_an_arrival_they_are_those_of_the_published_analysis(year):
    complete = pc.is_valid(year["visib"])
    for name in ("departure_time", "arrival_delay", "air_time"):
        complete = pc.and_(complete, pc.is_valid(year[name]))
    published = year.filter(complete)
    assert len(published) == 325_819
    assert round(count(pc.equal(published["late"], "true")) / len(published), 3) == 0.161


def test_cancelled_flights_have_no_label(year):
    cancelled = year.filter(pc.is_null(year["departure_time"]))
    assert len(cancelled) == 8_255
    assert cancelled["late"].null_count == 8_255
    assert year["late"].null_count == year["arrival_delay"].null_count == 9_430


def test_a_flight_is_late_from_30_minutes_on(year):
    known = year.filter(pc.is_valid(year["late"]))
    assert known["late"].equals(pc.greater_equal(known["arrival_delay"], 30).cast(pa.string()))


def test_each_flight_lies_in_the_month_of_its_scheduled_departure(flights):
    for key in ("2013-03", "2013-11"):
        interval = flights.partition.interval(key)
        times = build_month(flights, key)["scheduled_departure"]
        assert interval.start <= pc.min(times).as_py() <= pc.max(times).as_py() < interval.end


def test_scheduled_departures_are_on_the_local_clock_that_the_file_gives(year):
    local = pc.local_timestamp(year["scheduled_departure"].cast(pa.timestamp("us", "America/New_York")))
    assert pc.hour(local).cast(pa.float64()).equals(year["departure_hour"])


def test_midnight_is_delivered_as_2400(year):
    assert count(pc.equal(year["departure_time"], 2400)) == 29
    assert count(pc.equal(year["arrival_time"], 2400)) == 150


def test_flights_in_the_hour_that_comes_twice_have_the_weather_of_their_own_hour(flights):
    twice = [datetime(2013, 11, 3, hour, tzinfo=timezone.utc) for hour in (5, 6)]  # 1 o'clock in New York, both
    weather = {}

    def put_flights_into_that_hour(name, rows):
        if name == "weather":
            weather.update({row["time_hour"]: row for row in rows.to_pylist() if row["origin"] == "EWR"})
            return rows
        ewr = rows.filter(pc.equal(rows["origin"], "EWR")).slice(0, 1).to_pylist()[0]  # the year has none then
        clock = {"month": 11, "day": 3, "hour": 1, "minute": 30, "sched_dep_time": 130}
        more = [{**ewr, **clock, "flight": 10_000, "time_hour": hour} for hour in twice]
        return pa.concat_tables([rows, pa.Table.from_pylist(more, schema=rows.schema)])

    november = build_month(flights, "2013-11", put_flights_into_that_hour)
    assert len(november) == 27_268 + 2
    assert [weather[hour]["hour"] for hour in twice] == [1, 1]
    ours = november.filter(pc.equal(november["flight"], 10_000)).sort_by("scheduled_departure").to_pylist()
    assert [row["scheduled_departure"] for row in ours] == [hour + timedelta(minutes=30) for hour in twice]
    assert [row["humid"] for row in ours] == [weather[hour]["humid"] for hour in twice]
    assert ours[0]["humid"] != ours[1]["humid"]


def test_no_feature_is_known_only_after_departure(flights, year):
    assert set(year.column_names) >= ONLY_KNOWN_AFTERWARDS
    assert ONLY_KNOWN_AFTERWARDS & set(flights.features.columns) == set()


def test_no_feature_changes_when_all_that_is_known_afterwards_does(flights):
    afterwards = ("dep_time", "dep_delay", "arr_time", "arr_delay", "air_time", "tailnum")

    def forget(name, rows):
        if name == "flights":
            for column in afterwards:
                at = rows.column_names.index(column)
                rows = rows.set_column(at, column, pa.nulls(len(rows), rows.schema.field(column).type))
        return rows

    names = list(dict.fromkeys((*flights.table.key, *flights.features.columns)))
    order = [(name, "ascending") for name in flights.table.key]
    known = build_month(flights, "2013-02").select(names).sort_by(order)
    assert known.equals(build_month(flights, "2013-02", forget).select(names).sort_by(order))


@pytest.mark.parametrize("column", ["temp", "wind_speed"])
def test_the_weather_is_that_of_the_hour_of_departure(flights, column):
    weather = {}

    def keep_weather(name, rows):
        if name == "weather":
            weather.update({(row["origin"], row["time_hour"]): row[column] for row in rows.to_pylist()})
        return rows

    for row in build_month(flights, "2013-06", keep_weather).slice(0, 3_000).to_pylist():
        hour = row["scheduled_departure"].replace(minute=0)
        assert weather.get((row["origin"], hour)) == row[column]


def test_a_wind_of_1048_mph_is_refused_and_nothing_else_of_its_month(flights, tmp_path):
    from lakemill.validation import validate_partition

    lake = Lake(str(tmp_path), "flights")
    for name in flights.collect:
        collect_source(flights, name, "2013-02", lake, project=ROOT, ingested_at=NOW, connections=None)
    found = validate_partition(flights, "2013-02", lake, project=ROOT)
    assert (found["rows"], found["quarantined"], found["refused"]) == (24_951, 0, {"flights": 0, "weather": 1})
    refused = lake.read("quarantine").to_pylist()
    assert [(row["source"], row["step"]) for row in refused] == [("weather", "validate")]
    assert '"wind_speed": 1048.36058' in refused[0]["row"]
    assert [reason.split("(")[0] for reason in refused[0]["reasons"]] == ["column_values_to_be_between"]
