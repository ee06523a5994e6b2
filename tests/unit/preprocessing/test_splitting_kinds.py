"""Kinds of splits: parts that share no row, group or moment, the same each time; faults are told plainly."""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from workflows_for_tests import make_rows, make_workflow

from lakemill.exceptions import TrainingError
from lakemill.preprocessing.features import make_target
from lakemill.preprocessing.splitting import Split, split_rows
from lakemill.preprocessing.splitting.by_chance import fold_by_group, split_at_random, split_by_group
from lakemill.preprocessing.splitting.by_time import fold_by_time, split_by_time
from lakemill.preprocessing.splitting.by_value import split_by_hash

SHARES = {"validation": 0.2, "test": 0.2}
DATASETS: dict[str, dict[str, Any]] = {
    "time": {"split": "time", "gap": "1 hour"},
    "random": {"split": "random"},
    "stratified": {"split": "stratified"},
    "stratified by a column": {"split": "stratified", "column": "colour"},
    "group": {"split": "group", "column": "customer"},
    "hash of the key": {"split": "hash"},
    "hash of a column": {"split": "hash", "column": "customer"},
    "predefined": {"split": "predefined", "column": "part"},
}
FOLDED = {name: {**one, "folds": 3} for name, one in DATASETS.items() if name != "predefined"}


def split(dataset: dict[str, Any], *, count: int = 200, problem: str = "binary") -> tuple[Split, pa.Table]:
    workflow = make_workflow(problem, dataset=dataset)
    rows = make_rows(workflow, "2020-01-01", count, problem=problem)
    customers = [f"customer {number % 20}" for number in range(count)]
    parts = [("train", "train", "validation", "test")[number % 4] for number in range(count)]
    rows = rows.append_column("customer", pa.array(customers)).append_column("part", pa.array(parts))
    return split_rows(workflow, rows, make_target(rows, workflow.table.label)), rows


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_each_row_is_in_one_part_or_accounted_for_and_each_time_in_the_same(dataset):
    made, rows = split(dataset)

    everywhere = np.concatenate([*made.parts.values(), made.left_out])
    assert sorted(everywhere.tolist()) == list(range(rows.num_rows))
    assert all(len(part) > 10 and part.tolist() == sorted(part) for part in made.parts.values())
    again, _ = split(dataset)
    assert [part.tolist() for part in again.parts.values()] == [part.tolist() for part in made.parts.values()]


@pytest.mark.parametrize("dataset", FOLDED.values(), ids=FOLDED)
def test_folds_are_of_training_and_validation_rows_only_and_validate_each_row_once(dataset):
    made, _ = split(dataset)

    assert len(made.folds) == 3
    held = np.concatenate([held for _, held in made.folds])
    assert len(set(held.tolist())) == len(held)
    for train, fold in made.folds:
        assert not set(train.tolist()) & set(fold.tolist())
        assert not set(np.concatenate([train, fold]).tolist()) & set(made.test.tolist())
    if dataset["split"] != "time":
        assert sorted(held.tolist()) == sorted(made.fit.tolist())


def test_without_folds_a_trial_is_scored_on_the_validation_rows():
    made, _ = split(DATASETS["predefined"])
    ((train, held),) = made.tuning
    assert (train.tolist(), held.tolist()) == (made.train.tolist(), made.validation.tolist())


@given(st.lists(st.integers(0, 60), min_size=5, max_size=80), st.integers(0, 12))
def test_the_gap_lies_between_the_parts_and_the_test_rows_stay(hours, gap):
    times = pd.Series(pd.Timestamp("2024-01-01", tz="UTC") + pd.to_timedelta(sorted(hours), unit="h"))
    plain, made = split_by_time(times, **SHARES), split_by_time(times, **SHARES, gap=timedelta(hours=gap))
    assert made.test.tolist() == plain.test.tolist()
    assert sorted(np.concatenate([*made.parts.values(), made.left_out]).tolist()) == list(range(len(times)))
    for older, newer in ((made.train, made.validation), (made.train, made.test), (made.validation, made.test)):
        if len(older) and len(newer):
            assert times[newer[0]] - times[older[-1]] >= timedelta(hours=gap)


def test_time_folds_expand_and_keep_the_gap():
    times = pd.Series(pd.date_range("2024-01-01", periods=40, freq="h"))
    folds = fold_by_time(times, np.arange(30), folds=4, gap=timedelta(hours=3))
    assert [(train[0], train[-1], held[0], held[-1]) for train, held in folds] == [
        (0, 3, 6, 11), (0, 9, 12, 17), (0, 15, 18, 23), (0, 21, 24, 29),
    ]  # fmt: skip


@given(st.lists(st.sampled_from("abcdefgh"), min_size=30, max_size=60).filter(lambda one: len(set(one)) >= 5))
def test_a_group_is_never_on_two_sides(names):
    groups = np.asarray(names, dtype=object)
    made = split_by_group(groups, **SHARES, seed=1)
    sides = [set(groups[part]) for part in made.parts.values()]
    assert sum(len(side) for side in sides) == len(set(names))
    for train, held in fold_by_group(made.fit, groups, folds=2, seed=1):
        assert not set(groups[train]) & set(groups[held])


@given(st.sets(st.integers(0, 10_000), max_size=60), st.sets(st.integers(0, 10_000), max_size=60))
def test_a_hashed_row_stays_in_its_part_when_rows_are_added(first, added):
    def parts(numbers):
        rows = pa.table({"id": pa.array(sorted(numbers), pa.int64())})
        made = split_by_hash(rows, ("id",), **SHARES)
        return {sorted(numbers)[at]: part for part, rows in made.parts.items() for at in rows}

    assert parts(first).items() <= parts(first | added).items()


def test_hashes_are_these_on_every_machine():
    made = split_by_hash(pa.table({"id": list(range(12))}), ("id",), **SHARES)
    assert {name: part.tolist() for name, part in made.parts.items()} == HASHED


HASHED = {"train": [0, 7, 9], "validation": [1, 2, 5], "test": [3, 4, 6, 8, 10, 11]}


@pytest.mark.parametrize("seed", range(3))
def test_a_stratified_split_keeps_the_shares_of_classes(seed):
    classes = np.asarray(["rare"] * 20 + ["usual"] * 180)
    made = split_at_random(200, **SHARES, seed=seed, classes=classes)
    assert [int((classes[part] == "rare").sum()) for part in made.parts.values()] == [12, 4, 4]


@pytest.mark.parametrize(
    ("dataset", "count", "said"),
    [
        (
            {"split": "group", "column": "customers"},
            200,
            "no column 'customers' to split by\n  -> did you mean 'customer'",
        ),
        (
            {"split": "predefined", "column": "customer"},
            200,
            r"must say train, validation or test .*'customer 0' \(10 rows\)",
        ),
        (
            {"split": "group", "column": "customer"},
            2,
            "customer: .*\n  -> mend the rows, or choose another dataset.split",
        ),
        (
            {"split": "time", "gap": "20 hours"},
            200,
            "there are no train rows\n  -> raise retrain.first_after .*dataset.gap",
        ),
        ({"split": "stratified", "column": "id"}, 200, r"id: .*least populated"),
        ({"split": "random", "folds": 20}, 12, "number of splits n_splits=20 greater than"),
    ],
    ids=["no column", "other values", "too few groups", "all in the gap", "no two of a class", "too many folds"],
)
def test_what_cannot_be_split_is_one_message_with_a_remedy(dataset, count, said):
    with pytest.raises(TrainingError, match=f"(?s){said}") as refused:
        split(dataset, count=count)
    assert refused.value.where.endswith("small.yaml: dataset")
    assert refused.value.remedy


def test_numbers_are_split_without_regard_to_classes():
    made, _ = split({"split": "random", "folds": 4}, problem="regression")
    assert [len(part) for part in made.parts.values()] == [140, 30, 30]


@pytest.mark.parametrize("dataset", DATASETS.values(), ids=DATASETS)
def test_few_rows_are_folded_where_the_file_does_not_say_but_for_parts_that_it_names(dataset):
    made, _ = split(dataset)

    assert len(made.folds) == (0 if dataset["split"] == "predefined" else 5)
    assert not {row for fold in made.folds for part in fold for row in part.tolist()} & set(made.test.tolist())


def test_folds_of_few_rows_in_time_leave_each_model_the_older_half_at_least():
    made, _ = split({"split": "time"})

    assert [(len(train), len(held)) for train, held in made.folds] == [(85 + 17 * n, 17) for n in range(5)]
    assert all(train.max() < held.min() for train, held in made.folds)


def test_many_rows_are_not_folded():
    made, _ = split({"split": "random"}, count=2_400)

    assert made.folds == ()


def test_few_rows_with_a_class_that_a_fold_would_lack_are_tuned_on_the_validation_rows():
    workflow = make_workflow(dataset={"split": "time"})
    rows = make_rows(workflow, "2020-01-01", 200)
    y = np.where(np.arange(200) % 25 == 0, "true", "false").astype(object)

    made = split_rows(workflow, rows, y)

    assert made.folds == ()
    assert len(set(y[made.validation])) == 2
