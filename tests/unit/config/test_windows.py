"""Windows in a workflow file: what they may say, and what their columns are named."""

import json
from datetime import timedelta

import pytest
from pydantic import ValidationError
from workflows_for_tests import make_workflow

from lakemill.config.windows import Window
from lakemill.config.workflow import Workflow


def window(**said):
    return Window.model_validate({"columns": ["power"], **said})


def names(one):
    return [column.name for column in one.made]


def with_windows(*windows, **sections):
    features = {"numeric": ["size", "noise"], "categorical": ["colour"], "windows": list(windows)}
    return make_workflow(**{"features": features, **sections})


@pytest.mark.parametrize(
    ("said", "made"),
    [
        ({"lags": ["15 minutes", "24 hours", 4], "tolerance": "2 days"}, "lag_15_minutes lag_1_day lag_4_rows"),
        ({"differences": ["90 minutes"]}, "difference_90_minutes"),
        ({"rolling": {"3 hours": ["mean", "std"], "1 week": ["max"]}}, "mean_3_hours std_3_hours max_7_days"),
        ({"rolling": {"1 hour": ["mean"]}, "ago": "23 hours"}, "mean_1_hour_23_hours_ago"),
        ({"lags": ["1 day"], "rolling": {"1 hour": ["sum"]}, "suffix": "here"}, "lag_1_day_here sum_1_hour_here"),
    ],
)  # fmt: skip
def test_columns_are_named_by_what_they_are(said, made):
    assert names(window(**said)) == [f"power_{name}" for name in made.split()]


@pytest.mark.parametrize(
    ("said", "days"),
    [
        ({"lags": ["1 day"]}, 2),  # the lag, and as much again
        ({"lags": ["1 day"], "tolerance": "3 days"}, 4),
        ({"differences": [5], "tolerance": "3 days"}, 3),
        ({"rolling": {"2 days": ["mean"], "1 day": ["max"]}}, 2),
        ({"rolling": {"2 days": ["mean"]}, "ago": "7 days"}, 9),
    ],
)
def test_a_window_reaches_as_far_as_anything_in_it(said, days):
    assert window(**said).reach == timedelta(days=days)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        ({}, "makes no column"),
        ({"columns": [], "lags": ["1 day"]}, "at least 1 item"),
        ({"lags": [2]}, "tolerance: lags by rows need it"),
        ({"lags": [0], "tolerance": "1 day"}, "must be from 1 to"),
        ({"lags": [True], "tolerance": "1 day"}, "must be a number and one of millisecond"),
        ({"lags": ["-1 day"]}, "must be a number and one of millisecond"),
        ({"lags": ["0 days"]}, "must be whole seconds, above 0"),
        ({"rolling": {"0.5 seconds": ["mean"]}}, "must be whole seconds, above 0"),
        ({"rolling": {"40000 days": ["mean"]}}, "at most 36525 days"),
        ({"rolling": {"1 day": ["median"]}}, "'count', 'sum', 'mean'"),
        ({"rolling": {"1 day": []}}, "at least 1 item"),
        ({"lags": ["1 day"], "closed": "both"}, "'right' or 'left'"),
    ],
)
def test_what_makes_no_sense_is_refused(said, text):
    with pytest.raises(ValidationError, match=text):
        window(**said)


def test_windows_are_dumped_as_they_are_written():
    said = {"columns": ["power"], "lags": ["90 minutes", 2], "tolerance": "1 day", "rolling": {"3 hours": ["mean"]}}
    one = Window.model_validate(said)

    dumped = json.loads(one.model_dump_json())

    assert said.items() <= dumped.items()
    assert Window.model_validate(dumped) == one


def test_what_windows_make_are_numeric_features():
    workflow = with_windows({"columns": ["size"], "lags": ["1 day"]})
    features = workflow.features

    assert features.columns == ("size", "noise", "size_lag_1_day", "colour")
    assert features.kind_of("size_lag_1_day") == "numeric"
    assert features.close({}).made == ("size_lag_1_day",)


def test_a_column_that_is_looked_back_on_need_be_no_feature():
    workflow = with_windows({"columns": ["weight"], "lags": ["1 day"]})

    assert workflow.features.read_as_numbers == ("size", "noise", "weight")
    assert "weight" not in workflow.features.columns


def test_windows_change_the_training_hash_and_none_do_not():
    assert with_windows().training_hash() == make_workflow().training_hash()
    one = with_windows({"columns": ["size"], "lags": ["1 day"]})
    other = with_windows({"columns": ["size"], "lags": ["1 day"], "by": ["colour"]})
    assert len({make_workflow().training_hash(), one.training_hash(), other.training_hash()}) == 3


@pytest.mark.parametrize(
    ("said", "sections", "text"),
    [
        ({"columns": ["label"]}, {}, "'label' is a label, and cannot be looked back on"),
        ({"columns": ["size"], "by": ["label"]}, {}, "'label' is a label"),
        ({"columns": ["size"], "by": ["anna"]}, {"labels": {"annotators": ["anna", "ben"]}}, "'anna' is a label"),
        ({"columns": ["colour"]}, {}, "'colour' stands under categorical"),
        ({"columns": ["size", "size_lag_1_day"]}, {}, "'size_lag_1_day' stands under windows"),
        ({"columns": ["at"]}, {}, "the event time 'at' is no number"),
        ({"columns": ["size", "size"]}, {}, "size_lag_1_day named twice: give one of the windows a suffix"),
    ],
)
def test_what_cannot_be_looked_back_on_is_refused(said, sections, text):
    with pytest.raises(ValidationError, match=text):
        with_windows({"lags": ["1 day"], **said}, **sections)


def test_a_column_that_is_known_later_cannot_be_looked_back_on():
    table = make_workflow().table.model_dump() | {"known_after": {"delay": "8 hours"}}

    with pytest.raises(ValidationError, match=r"'delay' is known only later \(table.known_after\)"):
        with_windows({"columns": ["delay"], "lags": ["1 day"]}, table=table)


def test_a_windows_column_cannot_be_the_key():
    table = make_workflow().table.model_dump() | {"key": ["size_lag_1_day"]}

    with pytest.raises(ValidationError, match="'size_lag_1_day' has another part: give the window a suffix"):
        with_windows({"columns": ["size"], "lags": ["1 day"]}, table=table)


def test_every_key_is_described():
    described = Workflow.model_json_schema()["$defs"]["Window"]["properties"]

    assert all(one.get("description") for one in described.values())
