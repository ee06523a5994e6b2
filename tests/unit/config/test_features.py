"""The section of features: kinds, settings, and what they mean together."""

import re

import pytest
from pydantic import ValidationError
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


GROUPED = {"numeric": ["size", "noise"], "categorical": ["colour"], "groups": {"looks": ["colo*"]}}


@pytest.mark.parametrize(
    ("groups", "said"),
    [
        ({"looks": ["color"]}, "groups.looks: 'color' is no feature"),
        ({"a": ["size"], "b": ["s*"]}, "groups: 'size' is in two groups"),
        ({"a": ["size", "noise"], "b": ["colour"]}, "leave a feature outside of all groups"),
        ({"without": ["size"]}, "'without' is no name for a group"),
        ({"Looks": ["size"]}, "groups.Looks"),
    ],
)
def test_groups_that_cannot_be_switched_are_refused(groups, said):
    with pytest.raises(ValidationError, match=re.escape(said)):
        make_workflow(features={**GROUPED, "groups": groups})


def test_groups_are_searched_beside_the_parameters_of_every_candidate():
    candidate = make_workflow(features=GROUPED).train.candidates["plain"]

    assert candidate.space == {**candidate.search, "features.looks": [True, False]}
    assert make_workflow().train.candidates["plain"].space == candidate.search
    usual = make_workflow(features=GROUPED, train={}).suit(columns=500, classes=10).train.candidates
    assert all("features.looks" in one.space for one in usual.values())


def test_a_file_without_groups_keeps_its_hash_and_one_with_groups_has_another():
    plain = make_workflow(features={**GROUPED, "groups": {}})

    assert plain.training_hash() == make_workflow().training_hash()
    assert make_workflow(features=GROUPED).training_hash() != plain.training_hash()
    assert (
        make_workflow(train={"metric": "roc_auc", "select": "importance"}).training_hash()
        != make_workflow(train={"metric": "roc_auc"}).training_hash()
    )


def test_without_a_search_of_its_own_a_group_is_first_tried_with_and_left_out_only_where_that_shows():
    bayes = {"metric": "roc_auc", "candidates": {"plain": {"estimator": "sklearn.naive_bayes.GaussianNB"}}}

    assert make_workflow(features=GROUPED, train=bayes).train.candidates["plain"].untuned_first
    assert not make_workflow(train=bayes).train.candidates["plain"].untuned_first
    assert not make_workflow(features=GROUPED).train.candidates["plain"].untuned_first  # the file has a search


def test_some_columns_of_media_files_can_be_grouped():
    calls = {"kind": "audio", "path": "calls/{partition}", "label": "folder", "extract": {"mfcc": {"coefficients": 3}}}
    groups = {"loudness": ["mfcc_0_*"], "spread": ["mfcc_1_sd", "mfcc_2_sd"]}

    features = make_workflow(collect={"items": calls}, features={"numeric": ["mfcc_*"], "groups": groups}).features

    assert features.columns_of("loudness") == ("mfcc_0_mean", "mfcc_0_sd")
    assert features.columns_of("spread") == ("mfcc_1_sd", "mfcc_2_sd")
    with pytest.raises(ValidationError, match="leave a feature outside of all groups"):
        make_workflow(collect={"items": calls}, features={"numeric": ["mfcc_*"], "groups": {"all": ["mfcc_*"]}})


def test_a_name_that_no_listed_column_has_is_refused_though_kinds_are_still_to_be_found():
    with pytest.raises(ValidationError, match=r"groups\.a: 'colr' is no feature"):
        make_workflow(features={"auto": ["size", "colour"], "groups": {"a": ["colr"]}})


def test_groups_of_features_that_are_found_are_known_once_they_are():
    features = make_workflow(features={"auto": "all", "groups": {"looks": ["col*", "gone"]}}).features

    assert features.columns_of("looks") == ()
    assert features.close({"numeric": ["size"], "categorical": ["colour"]}).columns_of("looks") == ("colour",)
