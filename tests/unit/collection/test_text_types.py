"""Types are found and read without losing a value."""

import math
from datetime import date, datetime, timezone

import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from lakemill.collection.text_types import TYPES, TypeFinder, infer_type, read_as, read_instants

NAIVE, AWARE = pa.timestamp("us"), pa.timestamp("us", "UTC")


def column(*texts: str | None) -> pa.ChunkedArray:
    return pa.chunked_array([pa.array(texts, pa.string())])


@pytest.mark.parametrize(
    ("texts", "kind"),
    [
        (["1", "-2", None], pa.int64()),
        (["9223372036854775807"], pa.int64()),
        (["1", "2.5"], pa.float64()),
        (["1e3", "-0.5"], pa.float64()),
        (["0", "0.0"], pa.float64()),
        (["true", "false", None], pa.bool_()),
        (["TRUE", "False"], pa.bool_()),
        (["2024-01-31", "2024-01-31 10:00:00.123456"], NAIVE),
        (["2024-01-31T10:00:00Z", "2024-01-31 10:00:00+02:00"], AWARE),
        (["0001-01-01"], NAIVE),
        ([None, None], pa.null()),
        ([], pa.null()),
        (["a", "1"], pa.string()),
        (["2024-01-31", "2024-01-31T10:00:00Z"], pa.string()),
        (["2024-02-30"], pa.string()),
    ],
)
def test_the_narrowest_type_that_reads_every_text_is_found(texts, kind):
    assert infer_type(column(*texts)) == kind


@pytest.mark.parametrize(
    "texts",
    [["007"], ["1", "02"], ["-01"], ["00"], ["0x1F", "0x1f"], ["12345678901234567890"], ["12345678901234567", "1.5"]],
)
def test_codes_that_a_number_would_mangle_are_texts(texts):
    assert infer_type(column(*texts)) == pa.string()


@pytest.mark.parametrize("text", ["inf", "-inf", "NaN", "1e999"])
def test_what_is_no_finite_number_makes_no_numbers(text):
    assert infer_type(column("1.5", text)) == pa.string()


@pytest.mark.parametrize(
    ("wanted", "text", "value"),
    [
        ("integer", "7", 7),
        ("integer", "7.5", None),
        ("integer", "99999999999999999999", None),
        ("number", "7", 7.0),
        ("number", "seven", None),
        ("number", "inf", None),
        ("number", "nan", None),
        ("boolean", "true", True),
        ("boolean", "yes", None),
        ("timestamp", "2024-01-31", datetime(2024, 1, 31)),
        ("timestamp", "31.01.2024", None),
        ("timestamp", "2024-01-31T10:00:00Z", None),
        ("text", "007", "007"),
    ],
)
def test_a_text_is_read_as_its_declared_type_or_told(wanted, text, value):
    values, unreadable = read_as(column(text, None), TYPES[wanted])
    assert values.to_pylist() == [value, None]
    assert unreadable.to_pylist() == [value is None, False]
    assert values.type == TYPES[wanted]


def test_one_bad_value_does_not_harm_the_others():
    values, unreadable = read_as(column("1", "x", "2", "x", None, "1"), pa.int64())
    assert values.to_pylist() == [1, None, 2, None, None, 1]
    assert unreadable.to_pylist() == [False, True, False, True, False, False]


@pytest.mark.parametrize(
    ("delivered", "wanted", "values"),
    [
        (pa.array([1, 2]), pa.string(), ["1", "2"]),
        (pa.array([1.0, 2.5]), pa.int64(), [1, None]),
        (pa.array([True, None]), pa.string(), ["true", None]),
        (pa.array([1.0, float("nan")]), pa.float64(), [1.0, None]),
        (pa.array([date(2024, 1, 31)]), NAIVE, [datetime(2024, 1, 31)]),
        (pa.nulls(2), pa.float64(), [None, None]),
        (pa.array(["1", "x"], pa.large_string()), pa.int64(), [1, None]),
        (pa.array(["1", "2"]).dictionary_encode(), pa.string(), ["1", "2"]),
    ],
)
def test_values_that_came_with_a_type_are_read_too(delivered, wanted, values):
    assert read_as(pa.chunked_array([delivered]), wanted)[0].to_pylist() == values


texts = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.integers(-(10**25), 10**25).map(str),
    st.floats().map(str),
    st.booleans().map(str),
    st.datetimes().map(str),
    st.datetimes(timezones=st.just(timezone.utc)).map(lambda moment: moment.isoformat()),
    st.from_regex(r"\A[+-]?[0-9a-fx._: ]{1,6}\Z"),
)


@given(st.lists(texts, max_size=8), st.sampled_from(sorted(TYPES)))
def test_every_value_is_read_or_told_unreadable(some, name):
    values, unreadable = read_as(column(*some), TYPES[name])
    for text, value, is_told in zip(some, values.to_pylist(), unreadable.to_pylist(), strict=True):
        assert (text is None) == (value is None and not is_told)
        assert (text is not None) == ((value is not None) != is_told)


@given(st.lists(texts, max_size=8))
@example(["12345678901234567890", "12345678901234567891"])
@example(["0x1F", "31"])
@example(["nan", "inf", "1"])
@example(["007", "7"])
def test_a_type_that_is_found_reads_every_value(some):
    delivered = column(*some)
    found = infer_type(delivered)
    assert (found == pa.null()) == (set(some) <= {None})
    read = delivered.cast(found if found != pa.null() else pa.string())
    assert pc.is_valid(read).to_pylist() == [text is not None for text in some]
    assert not [value for value in read.to_pylist() if isinstance(value, float) and not math.isfinite(value)]


@given(st.lists(st.integers(-(10**30), 10**30), min_size=1, max_size=6))
def test_whole_numbers_stay_as_different_as_they_were(numbers):
    delivered = column(*map(str, numbers))
    read = delivered.cast(infer_type(delivered))
    assert len(set(read.to_pylist())) == len(set(numbers))


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=1, max_size=6))
def test_floats_come_back_bit_by_bit(numbers):
    values, _ = read_as(column(*map(repr, numbers)), pa.float64())
    assert values.to_pylist() == numbers


def utc(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=timezone.utc)


@pytest.mark.parametrize(
    ("text", "zone", "moment"),
    [
        ("2024-01-31 10:00:00", "UTC", utc(2024, 1, 31, 10)),
        ("2024-01-31 10:00:00", "America/New_York", utc(2024, 1, 31, 15)),
        ("2024-07-31 10:00:00", "America/New_York", utc(2024, 7, 31, 14)),
        ("2024-01-31", "Asia/Tokyo", utc(2024, 1, 30, 15)),
        ("2024-01-31T10:00:00Z", "America/New_York", utc(2024, 1, 31, 10)),
        ("2024-01-31T10:00:00+02:00", "America/New_York", utc(2024, 1, 31, 8)),
        ("2013-11-03 01:30:00", "America/New_York", utc(2013, 11, 3, 5, 30)),
        ("2013-03-10 02:30:00", "America/New_York", utc(2013, 3, 10, 7)),
        ("noon", "UTC", None),
        (None, "UTC", None),
    ],
    ids=["UTC", "winter", "summer", "a date", "Z", "an offset", "an hour twice", "no such hour", "no time", "none"],
)
def test_a_time_is_a_moment_in_the_partitions_zone_unless_it_says_its_own(text, zone, moment):
    instants, unreadable = read_instants(column(text), zone)
    assert instants.to_pylist() == [moment]
    assert unreadable.to_pylist() == [text is not None and moment is None]
    assert instants.type == AWARE


def test_times_with_and_without_a_zone_may_stand_in_one_column():
    instants, unreadable = read_instants(
        column("2024-01-31 10:00", "2024-01-31T10:00Z", "noon", None), "America/New_York"
    )
    assert instants.to_pylist() == [utc(2024, 1, 31, 15), utc(2024, 1, 31, 10), None, None]
    assert unreadable.to_pylist() == [False, False, True, False]


@pytest.mark.parametrize(
    ("delivered", "moment"),
    [
        (pa.array([date(2024, 1, 31)]), utc(2024, 1, 31, 5)),
        (pa.array([datetime(2024, 1, 31, 10)], NAIVE), utc(2024, 1, 31, 15)),
        (pa.array([datetime(2024, 1, 31, 10)], AWARE), utc(2024, 1, 31, 10)),
        (pa.array([utc(2024, 1, 31, 10)], pa.timestamp("ms", "Europe/Paris")), utc(2024, 1, 31, 10)),
        (pa.array([1_706_695_200_000_000_001], pa.timestamp("ns")), utc(2024, 1, 31, 15)),
        (pa.array([1_706_695_200_000_000_001], pa.timestamp("ns", "UTC")), utc(2024, 1, 31, 10)),
        (pa.array(["2024-01-31T10:00Z"], pa.large_string()), utc(2024, 1, 31, 10)),
    ],
    ids=["dates", "naive", "aware", "another zone", "naive nanoseconds", "nanoseconds", "long texts"],
)
def test_times_that_came_with_a_type_are_moments_too(delivered, moment):
    instants, unreadable = read_instants(pa.chunked_array([delivered]), "America/New_York")
    assert (instants.to_pylist(), unreadable.to_pylist()) == ([moment], [False])


@given(st.lists(st.sampled_from([None, "1", "-20", "0", "007", "1.5", "1e400", "nan", "true", "12345678901234567890",
                                 "2024-01-31", "2024-01-31T10:00Z", "x"]), max_size=6), st.integers(0, 6))  # fmt: skip
def test_a_type_found_in_pieces_is_that_of_all_at_once(texts, cut):
    finder = TypeFinder()
    for piece in (texts[:cut], texts[cut:]):
        finder.add(pa.chunked_array([pa.array(piece, pa.string())]))
    assert finder.found == infer_type(pa.chunked_array([pa.array(texts, pa.string())]))
