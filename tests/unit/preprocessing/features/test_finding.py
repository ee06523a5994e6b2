"""Which columns are features, and of which kind, where nobody says."""

from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pytest

from lakemill.config.features import Features
from lakemill.preprocessing.features.finding import find_features

COUNT = 100
DRAW = np.random.default_rng(0)
LABEL = DRAW.random(COUNT) < 0.5
WORDS = ["red", "wool", "scarf", "old", "hat", "blue"]
COLUMNS = {
    "weight": ("number", DRAW.normal(size=COUNT)),
    "pieces": ("number", DRAW.integers(0, 5, COUNT)),
    "is_new": ("boolean", DRAW.random(COUNT) < 0.5),
    "depot": ("text", DRAW.choice(["N", "S"], COUNT).tolist()),
    "zip": ("text", [f"z{number // 3}" for number in range(COUNT)]),
    "said": ("text", [" ".join(DRAW.choice(WORDS, 6)) for _ in range(COUNT)]),
    "ordered": ("timestamp", [datetime(2024, 1, 1) + timedelta(hours=int(one)) for one in DRAW.integers(0, 99, COUNT)]),
    "gappy": ("number", [1.0 if number % 3 else None for number in range(COUNT)]),
}
KIND = {
    "weight": "numeric",
    "pieces": "numeric",
    "is_new": "numeric",
    "depot": "categorical",
    "zip": "categorical",
    "said": "text",
    "ordered": "dates",
    "gappy": "numeric",
}
USELESS = {
    "unit": ("text", ["kg"] * COUNT, "has one value only"),
    "year": ("number", [2024.0] * COUNT, "has one value only"),
    "nothing": ("number", pa.nulls(COUNT, pa.float64()), "has no value"),
    "later": ("empty", pa.nulls(COUNT, pa.string()), "has no value in the first partition"),
    "row": ("number", np.arange(COUNT) + 7.0, "numbers the rows"),
    "shuffled": ("number", DRAW.permutation(COUNT).astype(float), "numbers the rows"),
    "ticket": ("number", np.cumsum(DRAW.integers(1, 9, COUNT)).astype(float), "numbers the rows"),
    "uuid": ("text", [f"u-{number:x}" for number in DRAW.permutation(10**6)[:COUNT]], "names the rows"),
    "outcome": ("text", np.where(LABEL, "yes", "no").tolist(), "says the label in other words"),
    "again": ("boolean", LABEL, "says the label in other words"),
    "tags": ("other", [["a"]] * COUNT, "is of a type without features, list<item: string>"),
}


def find(columns, features=None):
    rows = pa.table({name: values for name, (_, values, *_) in columns.items()} | {"late": LABEL})
    kinds = {name: kind for name, (kind, *_) in columns.items()}
    return find_features(rows, features or Features(auto="all"), kinds, label="late")


@pytest.mark.parametrize("name", COLUMNS)
def test_a_column_is_of_the_kind_that_its_values_show(name):
    found = find({name: COLUMNS[name]})

    assert (found.kinds, found.left_out) == ({KIND[name]: [name]}, {})


@pytest.mark.parametrize("name", USELESS)
def test_a_column_of_no_use_is_left_out_with_its_reason(name):
    kind, values, reason = USELESS[name]

    found = find({name: (kind, values)})

    assert (found.kinds, found.left_out) == ({}, {name: reason})


def test_all_columns_together_keep_their_order():
    found = find({**USELESS, **COLUMNS})

    assert found.kinds["numeric"] == ["weight", "pieces", "is_new", "gappy"]
    assert found.left_out.keys() == USELESS.keys()


def test_what_the_file_names_or_drops_is_not_looked_at():
    features = Features(auto="all", categorical=("pieces",), drop=("weight", "unit"))

    found = find({**COLUMNS, "unit": USELESS["unit"]}, features)

    assert {"pieces", "weight", "unit"}.isdisjoint(
        [*(name for names in found.kinds.values() for name in names), *found.left_out]
    )


def test_a_regressions_label_is_known_by_its_values_only():
    values = DRAW.normal(size=COUNT)
    rows = pa.table({"twin": values, "other": values + DRAW.normal(size=COUNT), "late": values})

    found = find_features(rows, Features(auto="all"), {"twin": "number", "other": "number"}, label="late")

    assert (found.kinds, found.left_out) == ({"numeric": ["other"]}, {"twin": "says the label in other words"})


def test_few_rows_may_all_differ_by_chance():
    rows = pa.table({"n": [3.0, 1.0, 2.0], "t": ["c", "a", "b"], "late": [True, False, True]})

    found = find_features(rows, Features(auto="all"), {"n": "number", "t": "text"}, label="late")

    assert found.kinds == {"numeric": ["n"], "categorical": ["t"]}
