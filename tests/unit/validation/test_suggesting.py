"""A suite proposed from history: every past partition passes it, and says how it was got."""

import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.collection import collect_source
from lakemill.exceptions import LakeError
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.validation.expectations import run_suite
from lakemill.validation.observing import observe
from lakemill.validation.suggesting import find_tolerance, propose, suggest_suite
from lakemill.validation.suites import open_suite

KEYS = ["2024-03-01", "2024-03-02", "2024-03-03", "2024-03-04"]


def make_day(number: int, **columns) -> pa.Table:
    count = 40 + number
    usual = {
        "id": [f"{KEYS[number]}-{n}" for n in range(count)],
        "depot": [("N", "S")[n % 2] for n in range(count)],
        "code": [f"{chr(65 + n % 26)}{chr(65 + number)}{n % 10}{n // 10}" for n in range(count)],
        "weight": [float(n % 7 + number) for n in range(count)],
        "note": [None] * count,
    }
    return pa.table({**usual, **{name: make(count) for name, make in columns.items()}})


def suggest(days: list[pa.Table]) -> list[dict]:
    seen = [observe(key, rows, days=1.0, keys=[("id",)]) for key, rows in zip(KEYS, days, strict=False)]
    return propose(seen, required=["id"])


def of(expectations: list[dict], kind: str, column: str | None = None) -> list[dict]:
    return [one for one in expectations if one["type"] == f"expect_{kind}" and one["kwargs"].get("column") == column]


def test_all_past_days_pass_and_every_expectation_says_how_it_was_got():
    days = [make_day(number) for number in range(4)]
    suite = suggest(days)
    assert all(outcome.success for day in days for outcome in run_suite(day, suite, where="suite"))
    assert all("partitions" in one["meta"]["notes"] for one in suite)


def test_rules_of_structure_act_and_all_others_warn():
    suite = suggest([make_day(number) for number in range(4)])
    acting = {(one["type"], one["kwargs"].get("column")): one["meta"]["action"] for one in suite}
    assert {what: action for what, action in acting.items() if action != "warn"} == {
        ("expect_table_columns_to_match_set", None): "block",
        ("expect_column_values_to_be_unique", "id"): "quarantine",
        ("expect_column_values_to_not_be_null", "id"): "quarantine",
    }
    assert len(acting) > 8


def test_a_key_that_was_broken_once_is_not_proposed():
    days = [make_day(number) for number in range(3)]
    days.append(make_day(3, id=lambda count: ["same", "same", *map(str, range(count - 2))]))
    assert of(suggest(days), "column_values_to_be_unique", "id") == []


def test_categories_codes_and_missing_values():
    suite = suggest([make_day(number) for number in range(4)])
    assert of(suite, "column_values_to_be_in_set", "depot")[0]["kwargs"]["value_set"] == ["N", "S"]
    assert of(suite, "column_values_to_match_regex", "code")[0]["kwargs"]["regex"] == "^[A-Z0-9]{4}$"
    assert of(suite, "column_values_to_not_be_null", "id")[0]["meta"]["action"] == "quarantine"
    assert of(suite, "column_values_to_not_be_null", "note") == []


def test_a_category_that_one_day_alone_had_is_forgiven_in_that_share():
    days = [make_day(number) for number in range(3)]
    days.append(make_day(3, depot=lambda count: ["W"] * 4 + ["N"] * (count - 4)))
    kwargs = of(suggest(days), "column_values_to_be_in_set", "depot")[0]["kwargs"]
    assert kwargs["value_set"] == ["N", "S", "W"]
    assert kwargs["mostly"] == pytest.approx(1 - 4 / 43, abs=1e-3)


def test_limits_hold_what_lay_farthest_outside_the_others_once_more():
    days = [make_day(number) for number in range(4)]  # the greatest weight is 6, 7, 8, 9; the least 0, 1, 2, 3
    kwargs = of(suggest(days), "column_values_to_be_between", "weight")[0]["kwargs"]
    assert (kwargs["min_value"], kwargs["max_value"]) == (0, 10)  # what was never negative does not become so


@given(st.lists(st.floats(-1e6, 1e6), min_size=3, max_size=20))
def test_each_value_lies_in_the_range_of_the_others_with_the_tolerance(values):
    found = find_tolerance(values, [str(number) for number in range(len(values))])
    for left_out, value in enumerate(values):
        others = values[:left_out] + values[left_out + 1 :]
        assert min(others) - found.margin - 1e-6 <= value <= max(others) + found.margin + 1e-6


def test_the_proposal_is_a_suite_that_loads(project, lake, tmp_path):
    settings, parcels = project
    now = datetime(2024, 4, 1, tzinfo=timezone.utc)
    with pytest.raises(LakeError, match="0 published"):
        suggest_suite(parcels, "table", lake, project=settings.project)
    for key in KEYS[:3]:
        collect_source(parcels, "parcels", key, lake, project=settings.project, ingested_at=now, connections=None)
        record_verdict(lake, Verdict("ingestion", key, now, "published"))
    for name in ("table", "parcels"):
        suite = suggest_suite(parcels, name, lake, project=settings.project)
        path = tmp_path / f"{name}.json"
        path.write_text(json.dumps(suite))
        assert len(open_suite(path, where=name)) > 5
