"""Suites are read with their faults told, and run with the failing rows told by position."""

import json

import pyarrow as pa
import pytest

from lakemill.exceptions import ConfigError, TableError
from lakemill.validation.expectations import load_suite, run_suite

ROWS = pa.table({"weight": [1.0, 50.0, None, 200.0], "depot": ["N", None, "S", "N"], "id": [1, 1, 2, 3]})


def one(kind: str, action: str | None = None, **kwargs) -> dict:
    return {"type": kind, "kwargs": kwargs, "meta": {"action": action} if action else {}}


def run(kind: str, **kwargs):
    return run_suite(ROWS, [one(kind, **kwargs)], where="suite.json")[0]


# -- reading ------------------------------------------------------------------------------------------------------


@pytest.fixture
def load(tmp_path):
    def read(content):
        path = tmp_path / "suite.json"
        path.write_text(content if isinstance(content, str) else json.dumps(content))
        return load_suite(path, where="suite.json")

    return read


@pytest.mark.parametrize("extra", [{"name": "s"}, {}, {"id": None, "notes": "by hand"}])
def test_a_suite_as_great_expectations_writes_it_is_read(load, extra):
    expectation = {"type": "expect_column_to_exist", "kwargs": {"column": "id"}, "id": "x", "severity": "critical"}
    found = load(
        {**extra, "expectations": [{**expectation, "meta": {"action": "block"}}, {**expectation, "meta": None}]}
    )
    assert [(one["type"], one["kwargs"], one["meta"]) for one in found] == [
        ("expect_column_to_exist", {"column": "id"}, {"action": "block"}),
        ("expect_column_to_exist", {"column": "id"}, {}),
    ]


NO_SUITES = {
    "no JSON": "expectations:",
    "nothing": "",
    "a list": [],
    "no expectations": {"name": "s"},
    "expectations that are nothing": {"expectations": None},
    "expectations that are texts": {"expectations": ["expect_column_to_exist"]},
    "expectations by name": {"expectations": {"expect_column_to_exist": {"column": "id"}}},
    "an expectation without kwargs": {"expectations": [{"type": "expect_column_to_exist"}]},
    "an expectation whose meta is a text": {
        "expectations": [{"type": "expect_column_to_exist", "kwargs": {}, "meta": "block"}]
    },
}


@pytest.mark.parametrize("content", NO_SUITES.values(), ids=NO_SUITES)
def test_what_is_no_suite_is_told_with_how_to_write_one(load, content):
    with pytest.raises(ConfigError) as caught:
        load(content)
    assert str(caught.value).startswith("suite.json: not a Great Expectations suite (")
    assert '"expectations": [{"type": ' in caught.value.remedy


def test_a_missing_file_is_told(tmp_path):
    with pytest.raises(ConfigError, match="FileNotFoundError"):
        load_suite(tmp_path / "none.json", where="none.json")


@pytest.mark.parametrize(
    ("wrong", "problem", "remedy"),
    [
        (
            one("expect_column_values_to_be_betwen", column="id"),
            "unknown expectation 'expect_column_values_to_be_betwen'",
            "did you mean 'expect_column_values_to_be_between'?",
        ),
        (one("expect_column_to_exist", "quarantin"), "unknown action 'quarantin'", "did you mean 'quarantine'?"),
        (one("expect_column_to_exist", "ignore"), "unknown action 'ignore'", "known: block, quarantine, warn"),
        ({**one("x"), "type": 5}, "unknown expectation '5'", "known: "),
    ],
)
def test_an_unknown_expectation_or_action_is_told_with_its_place(load, wrong, problem, remedy):
    with pytest.raises(ConfigError) as caught:
        load({"expectations": [one("expect_column_to_exist", column="id"), wrong]})
    assert str(caught.value).startswith(f"suite.json: expectations.1: {problem}\n  -> {remedy}")


# -- running --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "kwargs", "rows"),
    [
        ("expect_column_values_to_be_between", {"column": "weight", "min_value": 2, "max_value": 100}, (0, 3)),
        ("expect_column_values_to_be_between", {"column": "weight", "max_value": 1000}, ()),
        ("expect_column_values_to_not_be_null", {"column": "depot"}, (1,)),
        ("expect_column_values_to_be_in_set", {"column": "depot", "value_set": ["N"]}, (2,)),
        ("expect_column_values_to_match_regex", {"column": "depot", "regex": "^[S]$"}, (0, 3)),
        ("expect_column_values_to_be_unique", {"column": "id"}, (0, 1)),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "depot"]}, ()),
        ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "weight", "column_B": "id"}, (0, 2)),
    ],
)
def test_failing_rows_are_told_by_position(kind, kwargs, rows):
    outcome = run(kind, **kwargs)
    assert (tuple(outcome.rows), outcome.success) == (rows, not rows)


def test_mostly_forgives_the_verdict_and_still_tells_the_rows():
    outcome = run("expect_column_values_to_not_be_null", column="depot", mostly=0.5)
    assert (outcome.success, outcome.rows.tolist()) == (True, [1])


@pytest.mark.parametrize(
    ("kind", "kwargs", "success", "observed"),
    [
        ("expect_table_row_count_to_be_between", {"min_value": 5}, False, "observed 4"),
        ("expect_table_row_count_to_be_between", {"max_value": 4}, True, "observed 4"),
        ("expect_column_mean_to_be_between", {"column": "id", "max_value": 1}, False, "observed 1.75"),
        ("expect_column_to_exist", {"column": "wieght"}, False, "observed None"),
    ],
)
def test_an_expectation_of_the_whole_table_tells_what_was_observed(kind, kwargs, success, observed):
    outcome = run(kind, **kwargs)
    assert (outcome.success, outcome.observed, len(outcome.rows)) == (success, observed, 0)


def test_an_outcome_is_told_in_words_with_its_action():
    wanted = one("expect_column_values_to_be_between", "quarantine", column="weight", max_value=100)
    (outcome,) = run_suite(ROWS, [wanted], where="suite.json")
    assert outcome.expectation == "column_values_to_be_between(column=weight, max_value=100)"
    assert (outcome.action, outcome.observed) == ("quarantine", "1 of 4 rows fail")


def test_without_an_action_an_expectation_warns():
    assert run("expect_column_to_exist", column="id").action == "warn"


def test_outcomes_come_in_the_order_of_the_suite():
    kinds = ["expect_column_values_to_be_unique", "expect_column_values_to_not_be_null", "expect_column_to_exist"]
    outcomes = run_suite(ROWS, [one(kind, column="id") for kind in kinds], where="suite.json")
    assert [outcome.expectation.split("(")[0] for outcome in outcomes] == [kind[7:] for kind in kinds]


@pytest.mark.parametrize(
    ("kind", "kwargs"),
    [
        ("expect_column_values_to_not_be_null", {"column": "wieght"}),
        ("expect_column_mean_to_be_between", {"column": "wieght", "max_value": 1}),
        ("expect_compound_columns_to_be_unique", {"column_list": ["id", "wieght"]}),
        ("expect_column_pair_values_a_to_be_greater_than_b", {"column_A": "id", "column_B": "wieght"}),
    ],
)
def test_a_column_that_is_not_there_is_told_with_the_nearest(kind, kwargs):
    with pytest.raises(TableError) as caught:
        run(kind, **kwargs)
    assert str(caught.value) == f"suite.json: {kind}: no column 'wieght'\n  -> did you mean 'weight'?"


@pytest.mark.parametrize(
    ("kind", "kwargs", "said"),
    [
        ("expect_column_values_to_be_between", {"column": "weight"}, "cannot both be None"),
        ("expect_column_values_to_be_between", {"column": "weight", "min_value": 2, "max_value": 1}, "greater"),
        (
            "expect_column_values_to_be_between",
            {"column": "weight", "minimum": 1},
            "minimum extra fields not permitted",
        ),
        ("expect_column_values_to_be_between", {"column": "depot", "min_value": 1}, "same type"),
        ("expect_column_values_to_match_regex", {"column": "depot", "regex": "("}, "regular expression"),
    ],
)
def test_arguments_that_great_expectations_refuses_are_told(kind, kwargs, said):
    with pytest.raises(ConfigError) as caught:
        run(kind, **kwargs)
    assert str(caught.value).startswith(f"suite.json: {kind}: ")
    assert said in str(caught.value)
