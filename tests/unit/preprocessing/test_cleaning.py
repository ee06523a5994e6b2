"""Cleaning rules mend values, say what they did, and leave what they were given alone."""

from datetime import datetime, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import TypeAdapter

from lakemill.config import Workflow
from lakemill.config.cleaning import CleaningRule
from lakemill.exceptions import TableError
from lakemill.preprocessing.cleaning import RULES, Context, clean_rows

DAY = datetime(2024, 3, 1, tzinfo=timezone.utc)


def apply(rule: dict, rows: pa.Table, key: tuple[str, ...] = ("id",)):
    made = TypeAdapter(CleaningRule).validate_python(rule)
    done = RULES[made.rule](made, rows, Context(key))
    return done.rows, sum(one.cells for one in done.effects), sum(one.dropped for one in done.effects)


def mend(rule: dict, values, kind: pa.DataType | None = None):
    rows = pa.table({"x": pa.array(values, kind)})
    found, cells, _ = apply({"columns": ["x"], **rule}, rows)
    assert rows.column("x").to_pylist() == list(values)
    assert found.schema == rows.schema
    return found.column("x").to_pylist(), cells


@pytest.mark.parametrize(
    ("mapping", "values", "mended", "cells"),
    [
        ({2400: 0}, [2400, 1200, None], [0, 1200, None], 1),
        ({2400: None}, [2400, 2400], [None, None], 2),
        ({2400: 0}, [2400.0, 12.5], [0.0, 12.5], 1),
        ({"N/K": "unknown", "?": None}, ["N/K", "?", "x", None], ["unknown", None, "x", None], 2),
        ({1: 2, 2: 3}, [1, 2, 3], [2, 3, 3], 2),
        ({"a": "b", "b": "a"}, ["a", "b"], ["b", "a"], 2),
        ({"many": 0}, [1, 2], [1, 2], 0),
        ({2.5: 0}, [2, 3], [2, 3], 0),
        ({2400: 0}, ["2400", "x"], ["0", "x"], 1),
        ({True: False}, [True, False, None], [False, False, None], 1),
        ({5: 6}, [1, 2], [1, 2], 0),
        ({1: 2}, [], [], 0),
    ],
    ids=[
        "a number",
        "by nothing",
        "in doubles",
        "texts",
        "a chain is no chain",
        "a swap",
        "a text among numbers",
        "a fraction among integers",
        "a number among texts",
        "booleans",
        "not there",
        "no rows",
    ],
)
def test_values_are_replaced(mapping, values, mended, cells):
    kind = pa.int64() if not values else None
    assert mend({"rule": "replace", "values": mapping}, values, kind) == (mended, cells)


@pytest.mark.parametrize(
    ("rule", "values", "mended", "cells"),
    [
        ({"low": 0, "high": 10}, [-1, 0, 5, 10, 11, None], [None, 0, 5, 10, None, None], 2),
        ({"low": 0, "high": 10, "outside": "clip"}, [-1, 0, 5, 10, 11, None], [0, 0, 5, 10, 10, None], 2),
        ({"low": 0.5}, [0.4, 0.5], [None, 0.5], 1),
        ({"high": 0.5}, [0.4, 0.6], [0.4, None], 1),
        ({"low": 0.5}, [0, 1], [None, 1], 1),
        ({}, [-1, 1], [-1, 1], 0),
    ],
)
def test_values_out_of_a_range_are_missing_or_moved_to_its_ends(rule, values, mended, cells):
    assert mend({"rule": "range", **rule}, values) == (mended, cells)


def test_texts_are_stripped_and_empty_ones_are_missing():
    values = [" a ", "\tb\n", "c d", "", "  ", None, "\u00a0e"]
    assert mend({"rule": "strip"}, values) == (["a", "b", "c d", None, None, None, "e"], 5)


def test_without_columns_all_texts_are_stripped_and_nothing_else():
    rows = pa.table({"id": [1], "a": [" x"], "b": ["y "], "flag": [True]})
    found, cells, _ = apply({"rule": "strip"}, rows)
    assert (found.to_pylist(), cells) == ([{"id": 1, "a": "x", "b": "y", "flag": True}], 2)


def test_only_the_named_columns_are_stripped():
    found, *_ = apply({"rule": "strip", "columns": ["a"]}, pa.table({"a": [" x"], "b": [" y"]}))
    assert found.to_pylist() == [{"a": "x", "b": " y"}]


@pytest.mark.parametrize(("keep", "kept"), [("first", ["a1", "b1", "c1"]), ("last", ["b1", "a3", "c1"])])
def test_of_rows_with_one_key_the_first_or_last_delivered_is_kept(keep, kept):
    rows = pa.table({"id": ["a", "a", "b", "a", "c"], "v": ["a1", "a2", "b1", "a3", "c1"]})
    found, _, dropped = apply({"rule": "duplicates", "keep": keep}, rows)
    assert (found.column("v").to_pylist(), dropped) == (kept, 2)


def test_all_columns_of_a_key_count():
    rows = pa.table({"id": [1, 1, 1], "day": [1, 2, 1]})
    found, *_ = apply({"rule": "duplicates"}, rows, key=("id", "day"))
    assert found.to_pydict() == {"id": [1, 1], "day": [2, 1]}


def test_no_rows_have_no_duplicates():
    rows = pa.table({"id": pa.array([], pa.int64())})
    assert apply({"rule": "duplicates"}, rows) == (rows, 0, 0)


@given(st.lists(st.integers(0, 5)), st.sampled_from(["first", "last"]))
def test_each_key_is_kept_once(ids, keep):
    rows = pa.table({"id": pa.array(ids, pa.int64()), "at": pa.array(range(len(ids)), pa.int64())})
    found, _, dropped = apply({"rule": "duplicates", "keep": keep}, rows)
    assert sorted(found.column("id").to_pylist()) == sorted(set(ids))
    assert dropped == len(ids) - len(set(ids))
    assert set(map(str, found.to_pylist())) <= set(map(str, rows.to_pylist()))


# -- all rules of a workflow ----------------------------------------------------------------------------------------


def with_rules(workflow: Workflow, *rules: dict) -> Workflow:
    return Workflow.model_validate({**workflow.model_dump(), "clean": rules})


def parcels(**columns) -> pa.Table:
    count = len(next(iter(columns.values())))
    usual = {"id": list(map(str, range(count))), "sent_at": [DAY] * count, "weight": [1.0] * count}
    return pa.table({**usual, **columns})


def test_rules_apply_in_the_order_of_the_file(project):
    strip, drop = {"rule": "strip", "columns": ["id"]}, {"rule": "duplicates"}
    rows = parcels(id=["a", " a"])
    assert len(clean_rows(with_rules(project[1], strip, drop), rows).rows) == 1
    with pytest.raises(TableError, match="clean leaves 1 rows whose key"):
        clean_rows(with_rules(project[1], drop, strip), rows)


def test_each_rule_is_counted(project):
    ranged = {"rule": "range", "columns": ["weight"], "high": 5}
    rules = with_rules(project[1], ranged, {"rule": "duplicates"})
    applied = clean_rows(rules, parcels(id=["a", "a"], weight=[9.0, 1.0])).applied
    assert [(one.position, one.rule, one.rows, one.cells, one.dropped) for one in applied] == [
        (1, "range", 2, 1, 0),
        (2, "duplicates", 2, 0, 1),
    ]


def test_rows_are_sorted_by_event_time_and_key_whatever_the_delivery(project):
    later = DAY.replace(hour=1)
    rows = parcels(id=["b", "a", "c"], sent_at=[DAY, DAY, later])
    expected = clean_rows(project[1], rows).rows
    assert expected.column("id").to_pylist() == ["a", "b", "c"]
    assert clean_rows(project[1], rows.take([2, 1, 0])).rows.equals(expected)


def test_without_rules_rows_are_sorted_only(project):
    found = clean_rows(with_rules(project[1]), parcels(id=["b", "a", "c"]))
    assert (found.rows.column("id").to_pylist(), found.applied) == (["a", "b", "c"], [])


def test_without_the_rule_rows_that_share_a_key_are_an_error_with_the_remedy(project):
    with pytest.raises(TableError, match=r"add \{rule: duplicates, keep: last\}"):
        clean_rows(with_rules(project[1]), parcels(id=["b", "a", "a"]))


def test_the_rows_that_are_given_stay_as_they_were(project):
    rows = parcels(id=[" b", "a", "a"], weight=[9.0, None, 1.0])
    before = rows.to_pydict()
    rules = [
        {"rule": "strip"},
        {"rule": "range", "columns": ["weight"], "high": 5},
        {"rule": "replace", "columns": ["id"], "values": {"a": "z"}},
        {"rule": "duplicates"},
    ]
    assert not clean_rows(with_rules(project[1], *rules), rows).rows.equals(rows)
    assert rows.to_pydict() == before


@pytest.mark.parametrize(
    ("rule", "said"),
    [
        (
            {"rule": "replace", "columns": ["weight"], "values": {1.0: "heavy"}},
            "clean (replace): does not fit its columns (weight is double)",
        ),
        ({"rule": "range", "columns": ["id"], "low": 0}, "clean (range): does not fit its columns (id is string)"),
        (
            {"rule": "range", "columns": ["floor"], "low": 0.5, "outside": "clip"},
            "clean (range): does not fit its columns (floor is int64)",
        ),
    ],
    ids=["a text for a number", "a range of texts", "a fraction for an integer"],
)
def test_a_rule_that_does_not_fit_its_column_is_told(project, rule, said):
    with pytest.raises(TableError) as caught:
        clean_rows(with_rules(project[1], rule), parcels(floor=[0, 1]))
    assert str(caught.value).startswith(f"include/workflows/parcels.yaml: {said}")
    assert "CAST the column in the table's SQL" in str(caught.value)


# -- refused rows ----------------------------------------------------------------------------------------------------


def test_a_refused_row_has_all_its_reasons_and_takes_nobodys_place(project):
    rules = [
        {"rule": "range", "columns": ["weight"], "high": 5, "outside": "quarantine"},
        {"rule": "require", "condition": "weight < 100"},
        {"rule": "duplicates", "keep": "last"},
    ]
    done = clean_rows(with_rules(project[1], *rules), parcels(id=["a", "b", "a"], weight=[1.0, 9.0, 200.0]))
    assert done.rows.select(["id", "weight"]).to_pydict() == {"id": ["a"], "weight": [1.0]}
    assert done.refused == {
        1: ["weight: out of the range from None to 5.0"],
        2: ["weight: out of the range from None to 5.0", "not weight < 100 (require)"],
    }


def test_places_of_refused_rows_are_those_of_the_delivery_after_rows_were_dropped(project):
    rules = [
        {"rule": "duplicates", "keep": "first"},
        {"rule": "range", "columns": ["weight"], "high": 5, "outside": "quarantine"},
    ]
    done = clean_rows(with_rules(project[1], *rules), parcels(id=["a", "a", "b"], weight=[1.0, 1.0, 9.0]))
    assert list(done.refused) == [2]


def test_a_row_that_a_rule_leaves_without_its_key_is_refused(project):
    done = clean_rows(with_rules(project[1], {"rule": "strip"}, {"rule": "duplicates"}), parcels(id=["a", " "]))
    assert done.refused == {1: ["id: missing, but part of the key or the event time"]}


def test_event_times_that_are_read_must_lie_in_the_partition(project):
    context = Context(("id",), "sent_at", "UTC", (DAY, DAY.replace(day=2)))
    rows = parcels(id=["a", "b", "c"], sent_at=["01.03.2024 10:00", "02.03.2024", "soon"])
    done = clean_rows(with_rules(project[1], {"rule": "dates", "columns": ["sent_at"]}), rows, context)
    assert done.rows.column("sent_at").to_pylist() == [DAY.replace(hour=10)]
    assert done.refused == {
        1: ["sent_at: event time outside of the partition"],
        2: ["sent_at: cannot be read as a date"],
    }


def test_a_numeric_feature_that_only_sentinels_are_taken_from_is_a_number_afterwards(project):
    done = clean_rows(
        with_rules(project[1], {"rule": "sentinels", "columns": ["weight"]}), parcels(weight=["1.5", "?", "heavy"])
    )
    assert done.rows.column("weight").to_pylist() == [1.5, None]
    assert done.refused == {2: ["weight: cannot be read as its type"]}
