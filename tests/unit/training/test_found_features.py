"""Features of a snapshot: found in its training rows, kept, and the model's own ever after."""

import numpy as np
import pyarrow as pa
import pytest
from workflows_for_tests import make_rows, make_workflow

from lakemill.collection.column_kinds import keep_kinds
from lakemill.config.features import Features
from lakemill.exceptions import TrainingError
from lakemill.training.found_features import features_of, read_found, recall_features, settle_features

ROWS = make_rows(make_workflow(), "2020-01-01", 60)
KINDS = {"size": "number", "noise": "number", "colour": "text", "unit": "text"}


@pytest.fixture
def open_workflow(lake):
    """A workflow without features whose kinds were found."""
    workflow = make_workflow(features={"auto": "all"})
    keep_kinds(workflow, lake, KINDS)
    return workflow


def with_unit(values: list[str]) -> pa.Table:
    return ROWS.append_column("unit", pa.array(values))


def test_features_are_found_and_kept_with_their_reasons(open_workflow, lake):
    settled = settle_features(open_workflow, lake, "abc", with_unit(["kg"] * 60))

    assert settled.features.columns == ("size", "noise", "colour")
    assert settled.training_hash() == open_workflow.training_hash()
    assert read_found(lake, "abc").left_out == {"unit": "has one value only"}


def test_what_was_kept_is_not_found_again_and_another_snapshot_finds_its_own(open_workflow, lake):
    settle_features(open_workflow, lake, "abc", with_unit(["kg"] * 60))
    other = with_unit(["kg", "lb"] * 30)

    assert "unit" not in settle_features(open_workflow, lake, "abc", other).features.columns
    assert "unit" in settle_features(open_workflow, lake, "later", other).features.columns


def test_a_model_keeps_its_features_when_the_file_names_others(lake):
    first, then = make_workflow(features={"numeric": ["size"]}), make_workflow(features={"categorical": ["colour"]})
    settle_features(first, lake, "abc", ROWS)

    assert features_of(then, lake, "abc").columns == ("size",)
    assert features_of(then, lake, "unknown") == then.features


def test_where_no_column_is_of_use_that_is_told(open_workflow, lake):
    useless = {name: pa.array([1.0] * 60) for name in ("size", "noise")}
    rows = pa.table({**useless, "colour": ["red"] * 60, "unit": ["kg"] * 60, "label": np.arange(60) % 2 == 0})

    with pytest.raises(
        TrainingError, match=r"no column is of use as a feature: size has one value only; noise has .*\n  -> name"
    ):
        settle_features(open_workflow, lake, "abc", rows)


@pytest.mark.parametrize(
    ("groups", "fault"),
    [
        ({"a": ["size"], "b": ["s*"]}, "'size' is in two groups"),
        ({"a": ["*"]}, "leave a feature outside of all groups"),
    ],
)
def test_groups_that_do_not_go_with_what_was_found_are_told(lake, groups, fault):
    workflow = make_workflow(features={"auto": "all", "groups": groups})
    keep_kinds(workflow, lake, KINDS)

    with pytest.raises(TrainingError, match=f"features.groups: {fault}.*\n  -> found are size, noise, colour"):
        settle_features(workflow, lake, "abc", with_unit(["kg"] * 60))


def test_kinds_that_were_never_found_are_asked_for(lake):
    with pytest.raises(TrainingError, match=r"not found yet\n  -> ingest 2020-01-01 again"):
        settle_features(make_workflow(features=["size"]), lake, "abc", ROWS)


def test_closed_features_are_the_files_own(lake):
    workflow = make_workflow()

    assert settle_features(workflow, lake, "abc", ROWS) is workflow
    assert features_of(workflow, lake, "abc") == Features(numeric=("size", "noise"), categorical=("colour",))


def test_a_model_keeps_its_windows_too(open_workflow, lake):
    window = {"columns": ["size"], "rolling": {"3 hours": ["mean"]}, "lags": ["1 day", 2], "tolerance": "2 days"}
    first = make_workflow(features={"numeric": ["size"], "windows": [window]})
    then = make_workflow(features={"numeric": ["size"]})
    settle_features(first, lake, "abc", ROWS)

    assert features_of(then, lake, "abc") == Features(numeric=("size",), windows=first.features.windows)


def test_windows_stay_beside_features_that_are_found(lake):
    workflow = make_workflow(features={"auto": "all", "windows": [{"columns": ["size"], "lags": ["1 day"]}]})
    keep_kinds(workflow, lake, KINDS)
    settled = settle_features(workflow, lake, "abc", with_unit(["kg"] * 60))

    assert settled.features.columns == ("size", "noise", "size_lag_1_day", "colour")
    assert features_of(workflow, lake, "abc").columns == settled.features.columns
    assert recall_features(workflow, lake, "abc").features == settled.features
