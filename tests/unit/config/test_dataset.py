"""How rows are split and what must not leak, as a workflow file says it."""

from datetime import timedelta

import pytest
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.config.dataset import GroupSplit, HashSplit, PredefinedSplit, RandomSplit, StratifiedSplit, TimeSplit
from lakemill.exceptions import ConfigError

TABLE = {"key": ["id"], "event_time": "at", "label": {"column": "label", "problem": "classification"}}
REGRESSION = {**TABLE, "label": {"column": "label", "problem": "regression"}}


@pytest.mark.parametrize(
    ("dataset", "kind"),
    [
        ({}, TimeSplit()),
        ({"validation": "20 %"}, TimeSplit(validation=0.2)),
        ({"split": "time", "gap": "2 days", "folds": 5}, TimeSplit(gap=timedelta(days=2), folds=5)),
        ({"split": "random"}, RandomSplit(split="random")),
        ({"split": "stratified"}, StratifiedSplit(split="stratified")),
        ({"split": "group", "column": "customer"}, GroupSplit(split="group", column="customer")),
        ({"split": "hash"}, HashSplit(split="hash")),
        ({"split": "predefined", "column": "part"}, PredefinedSplit(split="predefined", column="part")),
    ],
)
def test_each_kind_of_split_has_its_model_and_time_is_the_usual_one(dataset, kind):
    assert make_workflow(dataset=dataset).dataset == kind


def test_keys_that_are_new_change_no_hash_where_they_are_not_given():
    hashes = {
        make_workflow().training_hash(),
        make_workflow(dataset={"split": "time", "gap": "0 days"}).training_hash(),
        make_workflow(table={**TABLE, "known_after": {}}).training_hash(),
    }
    assert hashes == {"d5e570999f7cc604"}


@pytest.mark.parametrize(
    "sections",
    [
        {"dataset": {"gap": "1 day"}},
        {"dataset": {"folds": 3}},
        {"dataset": {"split": "hash"}},
        {"table": {**TABLE, "known_after": {"departed": "1 hour"}}},
    ],
)
def test_another_split_is_another_hash(sections):
    assert make_workflow(**sections).training_hash() != make_workflow().training_hash()


def test_a_workflow_survives_being_dumped():
    workflow = make_workflow(dataset={"split": "group", "column": "customer", "folds": 4})
    assert Workflow.model_validate(workflow.model_dump()) == workflow


@pytest.mark.parametrize(
    ("sections", "said"),
    [
        ({"dataset": {"split": "group", "column": "label"}}, "dataset.column: the label 'label' cannot decide"),
        ({"dataset": {"split": "predefined", "column": "size"}}, "features: 'size' tells what a row is used for"),
        (
            {"dataset": {"split": "stratified"}, "table": REGRESSION, "train": None},
            "stratified keeps the shares of classes",
        ),
        (
            {"table": {**TABLE, "known_after": {"size": "8 hours"}}},
            "features: 'size' is known only 8:00:00 after the event",
        ),
        ({"table": {**TABLE, "known_after": {"label": "1 day"}}}, "the label has its own, label.known_after"),
        ({"table": {**TABLE, "known_after": {"at": "1 day"}}}, "'at' is the event time itself"),
        ({"gate": {"leakage": {"allow": ["sise"]}}}, "gate.leakage.allow: 'sise' is no feature"),
    ],
)
def test_what_cannot_be_is_refused_when_the_file_is_read(sections, said):
    if sections.get("train", 0) is None:
        sections = {**sections, "train": make_workflow("regression").train.model_dump()}
    with pytest.raises(ValueError, match=said):
        make_workflow(**sections)


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ({"split": "groups"}, r"dataset: no split 'groups'\n  -> did you mean 'group'"),
        ({"split": "group"}, "key 'dataset.column' is missing"),
        ({"split": "random", "gap": "1 day"}, r"unknown key 'dataset.gap'\n  -> remove it: it belongs to another kind"),
        ({"split": "hash", "fold": 3}, r"unknown key 'dataset.fold'\n  -> did you mean 'folds'"),
        ({"folds": 1}, "dataset.folds: .*greater than or equal to 2"),
        ({"gap": "a day"}, "dataset.gap: must be a number and one of"),
        ({"validation": "60 %", "test": "40 %"}, "leave rows to train on"),
    ],
)
def test_slips_in_the_file_are_told_with_a_remedy(make_project, dataset, said):
    with pytest.raises(ConfigError, match=f"(?s){said}"):
        make_project(workflow={"dataset": dataset})


def test_a_feature_that_is_known_at_the_event_time_may_be_declared_so():
    assert make_workflow(table={**TABLE, "known_after": {"size": "0 days"}}).features.columns[0] == "size"


def test_the_schema_describes_every_key_of_splits_and_of_leakage():
    defined = Workflow.model_json_schema()["$defs"]
    kinds = ("TimeSplit", "RandomSplit", "StratifiedSplit", "GroupSplit", "HashSplit", "PredefinedSplit", "Leakage")
    silent = [
        f"{kind}.{key}"
        for kind in kinds
        for key, one in defined[kind]["properties"].items()
        if not one.get("description")
    ]
    assert silent == []
