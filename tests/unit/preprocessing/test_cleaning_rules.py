"""What each rule makes of values: tables of cases; none loses a row in silence, none touches what is clean."""

from datetime import datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter, ValidationError

from lakemill.config.cleaning import CleaningRule
from lakemill.exceptions import TableError
from lakemill.preprocessing.cleaning import RULES, Cleaned, Context

UTC = timezone.utc
NEW_YORK = Context(("id",), "at", "America/New_York")


def apply(rule: dict, rows: pa.Table, context: Context = NEW_YORK) -> Cleaned:
    made = TypeAdapter(CleaningRule).validate_python(rule)
    before = rows.to_pydict()
    done = RULES[made.rule](made, rows, context)
    assert rows.to_pydict() == before
    assert len(done.rows) == len(rows) - sum(effect.dropped for effect in done.effects)
    return done


def read(rule: dict, values: list, context: Context = NEW_YORK):
    """The values afterwards, the number of cells changed, and the positions of refused rows."""
    done = apply({"columns": ["x"], **rule}, pa.table({"x": pa.array(values)}), context)
    refused = {at for one in done.refusals for at, bad in enumerate(one.rows.to_pylist()) if bad}
    return done.rows.column("x").to_pylist(), sum(effect.cells for effect in done.effects), refused


@pytest.mark.parametrize(
    ("decimal", "text", "number"),
    [
        (".", "12.5", 12.5),
        (".", "1,234.5", 1234.5),
        (".", "1,234,567", 1234567.0),
        (".", "12,34", None),
        (".", "1.234,5", None),
        (".", "1 234.5", 1234.5),
        (".", "1'234'567.25", 1234567.25),
        (".", "€ 5", 5.0),
        (".", "-$5", -5.0),
        (".", "\u22125", -5.0),
        (".", "1e3", 1000.0),
        (".", ".5", 0.5),
        (".", "inf", None),
        (".", "12 34", None),
        (",", "12,5", 12.5),
        (",", "1.234,5", 1234.5),
        (",", "1.234", 1234.0),
        (",", "12.5", None),
        ("either", "12,5", 12.5),
        ("either", "12.5", 12.5),
        ("either", "1.234,5", 1234.5),
        ("either", "1,234.5", 1234.5),
        ("either", "1.234.567", 1234567.0),
        ("either", "1,234", None),
        ("either", "0.125", 0.125),
        ("either", "x", None),
    ],
)
def test_texts_are_read_as_numbers_or_refused(decimal, text, number):
    values, _, refused = read({"rule": "numbers", "decimal": decimal}, [text, None])
    assert values == [number, None]
    assert refused == (set() if number is not None else {0})


@pytest.mark.parametrize(("value", "number"), [(5, 5.0), (2.5, 2.5)])
def test_what_is_a_number_already_stays(value, number):
    assert read({"rule": "numbers", "decimal": ","}, [value]) == ([number], 0, set())


DISTANCES = {"rule": "units", "to": "km", "units": {"mi": 1.609344, "m": 0.001, "m2": 0.5}}


@pytest.mark.parametrize(
    ("fields", "text", "amount"),
    [
        ({}, "3", 3.0),
        ({}, "3 km", 3.0),
        ({}, "2mi", 3.218688),
        ({}, "2 MI", 3.218688),
        ({}, "1,500 m", 1.5),
        ({}, "4 m2", 2.0),
        ({}, "4 miles", None),
        ({}, "far", None),
        ({"low": 1, "high": 100}, "5000", 5.0),
        ({"low": 1, "high": 100}, "5000 km", 5000.0),
        ({"low": 1, "high": 100}, "0.9", 1.4484096),
        ({"low": 1, "high": 100}, "1e9", 1e9),
    ],
    ids=["none", "the wanted", "another", "in capitals", "thousands", "with a digit", "unknown", "no amount", "by size",
         "stated beats size", "by the other end", "no unit fits"],
)  # fmt: skip
def test_amounts_are_brought_to_one_unit(fields, text, amount):
    values, _, refused = read({**DISTANCES, **fields}, [text])
    assert values == [pytest.approx(amount) if amount is not None else None]
    assert refused == ({0} if amount is None else set())


def test_a_unit_may_stand_in_a_column_of_its_own_which_then_says_the_wanted_one():
    rule = {
        "rule": "units",
        "columns": ["x"],
        "to": "°C",
        "unit_column": "u",
        "units": {"°F": {"factor": 5 / 9, "offset": -160 / 9}},
    }
    done = apply(rule, pa.table({"x": [50.0, 10.0, 1.0], "u": ["°f ", None, "K"]}))
    assert done.rows.to_pydict() == {"x": [pytest.approx(10), 10, None], "u": ["°C", None, "K"]}
    assert [one.rows.to_pylist() for one in done.refusals] == [[False, False, True]]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["yes", "Ja ", "1", "TRUE", None], [True, True, True, True, None]),
        (["no", "nein", "0", "false"], [False] * 4),
        ([1, 0, None], [True, False, None]),
        ([1.0, 0.0], [True, False]),
        ([True, False], [True, False]),
        (["maybe"], [None]),
    ],
)
def test_words_and_numbers_are_read_as_booleans(values, found):
    assert read({"rule": "booleans"}, values)[0] == found


def at(*parts: int) -> datetime:
    return datetime(*parts, tzinfo=UTC)


@pytest.mark.parametrize(
    ("fields", "text", "moment"),
    [
        ({}, "2013-01-31", at(2013, 1, 31, 5)),
        ({}, "2013-07-31 10:00", at(2013, 7, 31, 14)),
        ({}, "2013-01-31T10:00:00Z", at(2013, 1, 31, 10)),
        ({}, "2013-01-31 10:00+02:00", at(2013, 1, 31, 8)),
        ({}, "31.01.2013 10:00", at(2013, 1, 31, 15)),
        ({}, "31 Jan 2013", at(2013, 1, 31, 5)),
        ({"timezone": "Asia/Tokyo"}, "2013-01-31", at(2013, 1, 30, 15)),
        ({}, "01/02/2013", None),
        ({"day_first": True}, "01/02/2013", at(2013, 2, 1, 5)),
        ({"day_first": False}, "01/02/2013 09:30", at(2013, 1, 2, 14, 30)),
        ({"formats": ["seconds"]}, "1360000000", at(2013, 2, 4, 17, 46, 40)),
        ({"formats": ["milliseconds"]}, "1360000000000", at(2013, 2, 4, 17, 46, 40)),
        ({"formats": ["%d%b%y"]}, "05Feb13", at(2013, 2, 5, 5)),
        ({"formats": ["%Y-%m-%d %H:%M %z"]}, "2013-01-31 10:00 +0100", at(2013, 1, 31, 9)),
        ({}, "2013-02-30", None),
        ({}, "soon", None),
        ({"ambiguous": "earliest"}, "2013-11-03 01:30", at(2013, 11, 3, 5, 30)),
        ({"ambiguous": "latest"}, "2013-11-03 01:30", at(2013, 11, 3, 6, 30)),
        ({"ambiguous": "quarantine"}, "2013-11-03 01:30", None),
        ({"nonexistent": "latest"}, "2013-03-10 02:30", at(2013, 3, 10, 7)),
        ({"nonexistent": "quarantine"}, "2013-03-10 02:30", None),
    ],
)
def test_texts_are_read_as_moments(fields, text, moment):
    values, _, refused = read({"rule": "dates", **fields}, [text])
    assert values == [moment]
    assert refused == ({0} if moment is None else set())


def test_the_hour_that_comes_twice_is_counted_even_where_one_is_taken():
    done = apply({"rule": "dates", "columns": ["x"]}, pa.table({"x": ["2013-11-03 01:30", "2013-11-03 03:30"]}))
    assert [(effect.why, effect.cells) for effect in done.effects] == [
        ("a local time that comes twice: the earliest taken", 1)
    ]


def test_times_without_a_zone_are_localised_and_with_one_stay():
    naive = [datetime(2013, 11, 3, 1, 30)]
    assert read({"rule": "dates", "ambiguous": "latest"}, naive)[0] == [at(2013, 11, 3, 6, 30)]
    assert read({"rule": "dates"}, [at(2013, 11, 3, 1, 30)])[0] == [at(2013, 11, 3, 1, 30)]


@pytest.mark.parametrize(
    ("fields", "text", "found"),
    [
        ({}, " a  b ", "a b"),
        ({}, "a\u00a0\u2003b", "a b"),
        ({}, "zero\u200bwidth\ufeff", "zerowidth"),
        ({}, "u\u0308", "\u00fc"),
        ({"unicode": "NFKC"}, "\uff21\ufb01", "Afi"),
        ({"case": "lower"}, "ÄB", "äb"),
        ({"case": "title"}, "new york", "New York"),
        ({"white_space": "trim"}, " a  b ", "a  b"),
        ({"white_space": "keep", "invisible": "keep"}, " a\u200b", " a\u200b"),
        ({}, "\u200b ", None),
        ({}, "plain", "plain"),
    ],
)
def test_texts_are_brought_to_one_form(fields, text, found):
    assert read({"rule": "text", **fields}, [text, None])[0] == [found, None]


@pytest.mark.parametrize(
    ("values", "found"),
    [
        (["?", " N/A ", "-1", "x", None], [None, None, None, "x", None]),
        (["-1.0", "9999", "99990"], [None, None, "99990"]),
        ([-1, 9999, 7], [None, None, 7]),
        ([-1.0, 0.5], [None, 0.5]),
        ([True, False], [True, False]),
    ],
)
def test_sentinels_are_missing(values, found):
    assert read({"rule": "sentinels", "values": ["?", "n/a", -1, 9999]}, values)[0] == found


TOWNS = {"rule": "categories", "vocabulary": {"Berlin": ["BLN"], "Paris": [], "Bern": [], "Berne": []}}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Berlin", "Berlin"),
        (" berlin", "Berlin"),
        ("BLN", "Berlin"),
        ("Berlim", "Berlin"),
        ("Pairs", "Paris"),
        ("Bernn", "Bernn"),
        ("Rome", "Rome"),
        ("Par", "Par"),
        (None, None),
    ],
)
def test_spellings_are_brought_to_the_vocabulary_and_doubtful_ones_left(text, found):
    assert read(TOWNS, [text, "Paris"])[0] == [found, "Paris"]


@pytest.mark.parametrize(
    ("unknown", "values", "refused"),
    [("leave", ["Rome"], set()), ("missing", [None], set()), ("quarantine", ["Rome"], {0}), ("flag", ["Rome"], set())],
)
def test_what_is_like_no_category(unknown, values, refused):
    found = read({**TOWNS, "unknown": unknown}, ["Rome"])
    assert (found[0], found[2]) == (values, refused)


def test_categories_that_are_like_two_alike_are_counted():
    done = apply({**TOWNS, "columns": ["x"], "unknown": "flag"}, pa.table({"x": ["Bernn", "Rome", "Bern"]}))
    assert {effect.why: effect.flagged for effect in done.effects} == {
        "like two categories alike": 1,
        "like no category": 1,
    }
    assert done.rows.column("x_is_unknown").to_pylist() == [True, True, False]


@pytest.mark.parametrize(
    ("fields", "rows", "flag"),
    [
        ({"action": "quarantine"}, {"x": [1, 3, None], "y": [2, 2, 2]}, None),
        ({"action": "missing", "columns": ["x"]}, {"x": [None, 3, None], "y": [2, 2, 2]}, None),
        ({"action": "flag", "flag": "odd"}, {"x": [1, 3, None], "y": [2, 2, 2]}, [True, False, False]),
    ],
)
def test_rows_that_do_not_meet_a_condition(fields, rows, flag):
    done = apply(
        {"rule": "require", "condition": "x > y -- of course", **fields}, pa.table({"x": [1, 3, None], "y": [2, 2, 2]})
    )
    expected = rows if flag is None else {**rows, "odd": flag}
    assert done.rows.to_pydict() == expected
    assert [one.rows.to_pylist() for one in done.refusals] == (
        [[True, False, False]] if fields["action"] == "quarantine" else []
    )


@pytest.mark.parametrize("condition", ["x >", "1=1) FROM rows; SELECT (1", "sum(x) > 1", "nothing > 1", "x + 'a'"])
def test_a_condition_that_is_none_is_told(condition):
    with pytest.raises(TableError):
        apply({"rule": "require", "condition": condition}, pa.table({"x": [1, 2]}))


def test_values_that_the_reference_does_not_know():
    context = Context(("id",), read_known=lambda rule: pa.array(["JFK", "1"]))
    rule = {"rule": "reference", "columns": ["x"], "file": "airports.csv", "column": "code", "unknown": "flag"}
    done = apply(rule, pa.table({"x": ["JFK", "jfk", None]}), context)
    assert done.rows.column("x_is_unknown").to_pylist() == [False, True, False]
    assert apply({**rule, "unknown": "missing"}, pa.table({"x": [1, 2]}), context).rows.column("x").to_pylist() == [
        1,
        None,
    ]


# -- outliers --------------------------------------------------------------------------------------------------------

PAST = pa.table({"x": [float(value) for value in range(100)] * 2, "g": ["a"] * 100 + ["b"] * 100})


def knowing(past: pa.Table | None) -> Context:
    return Context(("id",), read_past=lambda columns, partitions: past)


@pytest.mark.parametrize(
    ("action", "found", "refused"),
    [
        ("flag", [50.0, 1e6, None], set()),
        ("missing", [50.0, None, None], set()),
        ("clip", [50.0, pytest.approx(271.89), None], set()),
        ("quarantine", [50.0, 1e6, None], {1}),
    ],
)
def test_outliers_are_judged_by_the_past(action, found, refused):
    values, _, bad = read({"rule": "outliers", "action": action}, [50.0, 1e6, None], knowing(PAST))
    assert (values, bad) == (found, refused)


@pytest.mark.parametrize("past", [None, PAST.slice(0, 50), pa.table({"x": [1.0] * 200})])
def test_without_enough_of_a_past_or_a_spread_nothing_is_judged_and_that_is_said(past):
    done = apply({"rule": "outliers", "columns": ["x"], "action": "missing"}, pa.table({"x": [1e9]}), knowing(past))
    assert done.rows.column("x").to_pylist() == [1e9]
    assert done.effects[0].why.startswith("not judged")


def test_each_group_has_limits_of_its_own():
    past = pa.table(
        {"x": [float(v) for v in range(100)] + [1000.0 + v for v in range(100)], "g": ["a"] * 100 + ["b"] * 100}
    )
    rule = {"rule": "outliers", "columns": ["x"], "by": ["g"], "action": "missing"}
    rows = pa.table({"x": [1000.0, 1000.0, 1.0], "g": ["a", "b", "b"]})
    assert apply(rule, rows, knowing(past)).rows.column("x").to_pylist() == [None, 1000.0, None]


def test_the_partition_itself_only_teaches_where_that_is_declared():
    rows = pa.table({"x": [*map(float, range(100)), 1e6]})
    assert apply({"rule": "outliers", "columns": ["x"], "action": "missing"}, rows, knowing(None)).rows.equals(rows)
    rule = {
        "rule": "outliers",
        "columns": ["x"],
        "action": "missing",
        "learn_from": "partition",
        "method": "iqr",
        "distance": 3,
    }
    assert apply(rule, rows).rows.column("x").to_pylist() == [*map(float, range(100)), None]


# -- duplicates and gaps -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("fields", "kept"),
    [
        ({"order_by": "v", "keep": "last"}, [1, 3]),
        ({"order_by": "v", "keep": "first"}, [2, 3]),
        ({"columns": ["w"], "keep": "first"}, [0]),
        ({"whole_row": True, "keep": "first"}, [0, 1, 2]),
    ],
)
def test_what_makes_rows_duplicates_and_which_is_kept(fields, kept):
    rows = pa.table({"id": [1, 1, 1, 2], "v": [5, 9, None, 1], "w": ["a", "a", "a", "a"]})
    if "whole_row" in fields:
        rows = pa.table({"id": [1, 1, 2, 1], "v": [5, 9, None, 9]})
    assert apply({"rule": "duplicates", **fields}, rows).kept.to_pylist() == kept


def series(*values, minutes=None, by=None) -> pa.Table:
    times = [at(2020, 1, 1) + timedelta(minutes=m) for m in (minutes or range(0, 10 * len(values), 10))]
    return pa.table({"at": times, "x": pa.array(values, pa.float64()), "s": by or ["a"] * len(values)})


@pytest.mark.parametrize(
    ("fields", "rows", "filled"),
    [
        ({}, series(1, None, 3), [1, 2, 3]),
        ({}, series(1, None, None, 4), [1, 2, 3, 4]),
        ({}, series(1, None, 4, minutes=[0, 10, 30]), [1, 2, 4]),
        ({}, series(None, 1, None), [None, 1, None]),
        ({"longest": "15 minutes"}, series(1, None, 3), [1, None, 3]),
        ({"fill": "last"}, series(1, None, 3, None), [1, 1, 3, 3]),
        ({"fill": "last", "longest": "10 minutes"}, series(1, None, None), [1, 1, None]),
        ({"fill": "none"}, series(1, None, 3), [1, None, 3]),
        (
            {"by": ["s"]},
            series(1, 5, None, None, 3, 7, minutes=[0, 0, 10, 10, 20, 20], by=[*"ababab"]),
            [1, 5, 2, 6, 3, 7],
        ),
        ({}, series(3, None, 1, minutes=[20, 10, 0]), [3, 2, 1]),
        ({}, series(), []),
    ],
)
def test_gaps_are_filled_up_to_a_limit_and_marked(fields, rows, filled):
    done = apply({"rule": "gaps", "columns": ["x"], **fields}, rows)
    assert done.rows.column("x").to_pylist() == filled
    assert done.rows.column("x_was_missing").to_pylist() == [value is None for value in rows.column("x").to_pylist()]


# -- all of them -----------------------------------------------------------------------------------------------------

ANY = [
    {"rule": "replace", "columns": ["x"], "values": {"a": "b"}},
    {"rule": "sentinels", "columns": ["x"]},
    {"rule": "strip"},
    {"rule": "text", "case": "lower", "unicode": "NFKC"},
    {"rule": "numbers", "columns": ["x"], "decimal": "either"},
    {"rule": "units", "columns": ["x"], "to": "km", "units": {"mi": 1.6}, "low": 0, "high": 9},
    {"rule": "booleans", "columns": ["x"], "unreadable": "missing"},
    {"rule": "dates", "columns": ["x"], "day_first": True},
    {"rule": "categories", "columns": ["x"], "vocabulary": ["alpha", "beta"], "unknown": "flag"},
    {"rule": "range", "columns": ["y"], "low": 0, "high": 5, "outside": "quarantine"},
    {"rule": "require", "condition": "y > 0"},
    {"rule": "outliers", "columns": ["y"], "learn_from": "partition", "rows": 10, "action": "quarantine"},
    {"rule": "duplicates"},
    {"rule": "near_duplicates", "columns": ["x"]},
    {"rule": "gaps", "columns": ["y"]},
]
TEXTS = st.one_of(
    st.none(),
    st.text(max_size=8),
    st.sampled_from(
        ["1,5", "1.234", "2 mi", "yes", "?", "01/02/2013", "2013-11-03 01:30", "alpha", "alfa", " Beta", "9e9"]
    ),
)


@pytest.mark.thorough
@pytest.mark.parametrize("rule", ANY, ids=lambda rule: rule["rule"])
@given(st.lists(st.tuples(TEXTS, st.one_of(st.none(), st.floats(-10, 10))), max_size=12))
def test_no_rule_loses_a_row_in_silence_and_doing_it_again_changes_nothing(rule, values):
    rows = pa.table(
        {
            "id": pa.array([len(str(text)) for text, _ in values], pa.int64()),
            "at": pa.array([at(2020, 1, 1)] * len(values), pa.timestamp("us", "UTC")),
            "x": pa.array([text for text, _ in values], pa.string()),
            "y": pa.array([number for _, number in values], pa.float64()),
        }
    )
    done = apply(rule, rows)
    kept = range(len(rows)) if done.kept is None else done.kept.to_pylist()
    assert done.rows.column("at").to_pylist() == rows.column("at").take(pa.array(list(kept), pa.int64())).to_pylist()
    assert sum(effect.refused for effect in done.effects) == sum(sum(one.rows.to_pylist()) for one in done.refusals)
    assert all(len(one.rows) == len(done.rows) for one in done.refusals)
    again = apply(rule, done.rows)
    assert again.rows.equals(done.rows)


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        ({"rule": "require", "condition": "x", "action": "missing"}, "columns: name those"),
        ({"rule": "require", "condition": "x", "action": "flag"}, "flag: name the column"),
        ({"rule": "reference", "columns": ["x"], "column": "y"}, "name a file or a source"),
        ({"rule": "dates", "columns": ["x"], "timezone": "Mars/Olympus"}, "name of a time zone"),
        ({"rule": "near_duplicates", "columns": ["x"], "blocks": [["y"]]}, "'y' is not among its columns"),
        ({"rule": "units", "columns": ["x", "y"], "to": "km", "units": {}, "unit_column": "u"}, "one column"),
        ({"rule": "duplicates", "columns": ["x"], "whole_row": True}, "leave them out"),
    ],
)
def test_a_rule_that_contradicts_itself_is_told(rule, said):
    with pytest.raises(ValidationError, match=said):
        TypeAdapter(CleaningRule).validate_python(rule)
