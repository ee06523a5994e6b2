"""Keys of partitions and the event times that belong to them."""

from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from lakemill.config import Partition

HOUR = timedelta(hours=1)
STARTS = {"year": "2013", "month": "2013-01", "day": "2013-01-01", "hour": "2013-01-01T00"}


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


def cut(every: str, zone: str = "UTC") -> Partition:
    return Partition(every=every, start=STARTS[every], timezone=zone)


@pytest.mark.parametrize(
    ("every", "zone", "key", "start", "end"),
    [
        ("year", "UTC", "2016", utc(2016, 1, 1), utc(2017, 1, 1)),
        ("month", "UTC", "2013-12", utc(2013, 12, 1), utc(2014, 1, 1)),
        ("day", "UTC", "2016-02-29", utc(2016, 2, 29), utc(2016, 3, 1)),
        ("hour", "UTC", "2013-01-31T23", utc(2013, 1, 31, 23), utc(2013, 2, 1)),
        ("year", "Asia/Tokyo", "2013", utc(2012, 12, 31, 15), utc(2013, 12, 31, 15)),
        ("month", "America/New_York", "2013-03", utc(2013, 3, 1, 5), utc(2013, 4, 1, 4)),
        ("month", "America/New_York", "2013-11", utc(2013, 11, 1, 4), utc(2013, 12, 1, 5)),
    ],
)
def test_an_interval_is_cut_at_local_midnight(every, zone, key, start, end):
    found = cut(every, zone).interval(key)
    assert (found.start, found.end) == (start, end)


@pytest.mark.parametrize(("key", "hours"), [("2013-03-09", 24), ("2013-03-10", 23), ("2013-11-03", 25)])
def test_a_day_of_new_york_lasts_as_long_as_its_clocks_say(key, hours):
    found = cut("day", "America/New_York").interval(key)
    assert found.end - found.start == hours * HOUR


@given(
    st.sampled_from(["year", "month", "day"]),
    st.sampled_from(["UTC", "America/New_York", "America/Sao_Paulo", "Asia/Kathmandu", "Pacific/Apia"]),
    st.datetimes(datetime(2013, 1, 1), datetime(2030, 1, 1)),
)
def test_partitions_lie_end_to_end(every, zone, moment):
    partition = cut(every, zone)
    first = moment.strftime(partition.key_format)
    follower = (partition._after(partition.local_start(first))).strftime(partition.key_format)
    assert partition.interval(first).end == partition.interval(follower).start


@pytest.mark.parametrize(
    ("every", "first", "last", "keys"),
    [
        ("year", "2013", "2015", ["2013", "2014", "2015"]),
        ("month", "2013-11", "2014-02", ["2013-11", "2013-12", "2014-01", "2014-02"]),
        ("day", "2013-02-27", "2013-03-01", ["2013-02-27", "2013-02-28", "2013-03-01"]),
        ("hour", "2013-01-31T22", "2013-02-01T00", ["2013-01-31T22", "2013-01-31T23", "2013-02-01T00"]),
        ("month", "2013-02", "2013-02", ["2013-02"]),
        ("month", "2013-02", "2013-01", []),
    ],
)
def test_keys_run_from_the_first_to_the_last(every, first, last, keys):
    assert cut(every).keys(first, last) == keys


def test_a_day_that_is_short_or_long_has_one_key():
    assert cut("day", "America/New_York").keys("2013-03-09", "2013-03-11") == ["2013-03-09", "2013-03-10", "2013-03-11"]


@pytest.mark.parametrize(("key", "earlier"), [("2013-01", []), ("2013-03", ["2013-01", "2013-02"]), ("2012-12", [])])
def test_earlier_keys_begin_at_the_workflows_start(key, earlier):
    assert cut("month").earlier(key) == earlier


@pytest.mark.parametrize(
    ("every", "zone", "moment", "key"),
    [
        ("day", "UTC", utc(2013, 2, 1), "2013-01-31"),
        ("day", "UTC", utc(2013, 2, 1) - timedelta(seconds=1), "2013-01-30"),
        ("month", "America/New_York", utc(2013, 4, 1, 3, 59), "2013-02"),
        ("month", "America/New_York", utc(2013, 4, 1, 4), "2013-03"),
        ("hour", "UTC", utc(2013, 1, 1, 0, 30), "2012-12-31T23"),
        ("year", "UTC", utc(2014, 7, 1), "2013"),
    ],
)
def test_the_last_ended_partition_is_the_newest_that_is_over(every, zone, moment, key):
    assert cut(every, zone).last_ended(moment) == key


@given(st.datetimes(datetime(2013, 1, 2), datetime(2030, 1, 1), timezones=st.just(timezone.utc)))
def test_the_last_ended_partition_has_ended_and_the_next_has_not(moment):
    partition = cut("day", "America/New_York")
    last = partition.interval(partition.last_ended(moment))
    assert last.end <= moment < last.end + 25 * HOUR


@pytest.mark.parametrize(
    ("every", "key"),
    [("month", "2013-1"), ("month", "2013-13"), ("month", "2013-01-01"), ("day", "2013-02-29"), ("hour", "2013-01-01")],
)
def test_a_key_of_another_form_is_refused(every, key):
    with pytest.raises(ValueError, match=f"the key of a partition by {every} looks like 2013-01.*; got '{key}'"):
        cut(every).interval(key)


@pytest.mark.parametrize(("every", "key"), [("year", "9999"), ("month", "9999-12"), ("day", "9999-12-31")])
def test_a_partition_that_ends_after_all_dates_is_refused(every, key):
    with pytest.raises(ValueError, match=f"the partition {key} must begin and end within the years 1 to 9999"):
        cut(every).interval(key)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"end": "2012-12-31"}, r"end \(2012-12-31\) lies before start \(2013-01-01\)"),
        ({"timezone": "Europe/Pariss"}, "must be the name of a time zone like Europe/Paris; got 'Europe/Pariss'"),
        ({"timezone": "America"}, "must be the name of a time zone like Europe/Paris; got 'America'"),
        ({"timezone": ""}, "must be the name of a time zone"),
        ({"start": "2013-01"}, "a partition by day looks like 2013-01-31; got '2013-01'"),
        ({"end": "soon"}, "a partition by day looks like 2013-01-31; got 'soon'"),
        ({"every": "hour", "start": "2013-01-01T00", "timezone": "Europe/Paris"}, "a local hour comes twice a year"),
        ({"every": "week"}, "'hour', 'day', 'month' or 'year'"),
    ],
)
def test_a_partition_section_that_does_not_hold_together_is_refused(changes, said):
    with pytest.raises(ValidationError, match=said):
        Partition(**{"every": "day", "start": "2013-01-01", **changes})


@pytest.mark.parametrize(
    ("every", "written", "key"),
    [("year", 2013, "2013"), ("day", datetime(2013, 1, 31).date(), "2013-01-31"), ("month", "2013-01", "2013-01")],
)
def test_a_key_may_be_what_yaml_makes_of_it(every, written, key):
    assert Partition(every=every, start=written).start == key


@pytest.mark.parametrize(
    ("every", "cron"), [("hour", "0 * * * *"), ("day", "0 0 * * *"), ("month", "0 0 1 * *"), ("year", "0 0 1 1 *")]
)
def test_a_cron_expression_fires_when_a_partition_ends(every, cron):
    assert cut(every).cron == cron
