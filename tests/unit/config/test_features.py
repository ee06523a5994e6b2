"""The section of features: kinds, settings, and what they mean together."""

import pytest
from workflows_for_tests import make_workflow

from lakemill.config.features import Features, Transform
from lakemill.config.workflow import Workflow


def test_columns_stand_by_kind_numbers_first():
    features = Features(text=("t",), dates=("d",), categorical=("c",), numeric=("n",))

    assert features.columns == ("n", "c", "d", "t")
    assert [features.kind_of(name) for name in (*features.columns, "x")] == [
        "numeric",
        "categorical",
        "dates",
        "text",
        None,
    ]


def test_a_columns_own_settings_go_over_those_of_all():
    features = Features(
        numeric=("a", "b"), transform=Transform(scale="robust", impute="mean"), by_column={"b": {"scale": "none"}}
    )

    assert (features.settings_of("a").scale, features.settings_of("a").impute) == ("robust", "mean")
    assert (features.settings_of("b").scale, features.settings_of("b").impute) == ("none", "mean")


def test_settings_that_mean_the_same_make_one_training_hash():
    said = make_workflow(features={"numeric": ["size"], "by_column": {"size": {"scale": "standard"}}})
    other = make_workflow(features={"numeric": ["size"], "by_column": {"size": {"impute": "median"}}})
    differs = make_workflow(features={"numeric": ["size"], "by_column": {"size": {"scale": "none"}}})

    assert said.training_hash() == other.training_hash() != differs.training_hash()


@pytest.mark.parametrize("given", [["size", "colour"], {"auto": ["size", "colour"]}])
def test_a_list_names_columns_whose_kind_is_found(given):
    features = make_workflow(features=given).features

    assert (features.auto, features.columns, features.are_open) == (("size", "colour"), (), True)


def test_found_features_close_the_section_and_leave_the_files_hash():
    workflow = make_workflow(features={"auto": "all", "categorical": ["zip"], "drop": ["noise"]})
    closed = workflow.with_features(workflow.features.close({"numeric": ["size"], "categorical": ["colour"]}))

    assert closed.features.columns == ("size", "zip", "colour")
    assert not closed.features.are_open
    assert closed.training_hash() == workflow.training_hash()


def test_dates_have_the_zone_of_the_partitions_unless_they_have_one():
    berlin = {"every": "day", "start": "2020-01-01", "timezone": "Europe/Berlin"}

    assert make_workflow(partition=berlin).features.timezone == "Europe/Berlin"
    told = make_workflow(partition=berlin, features={"dates": ["at"], "timezone": "Asia/Tokyo"})
    assert told.features.timezone == "Asia/Tokyo"


def test_every_key_is_described():
    described = Workflow.model_json_schema()["$defs"]

    for section in ("Features", "Transform"):
        assert all(one.get("description") for one in described[section]["properties"].values())
