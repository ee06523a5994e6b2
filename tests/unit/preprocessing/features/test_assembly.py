"""Features are fitted on training rows and take whatever comes later."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from sklearn.base import clone

from lakemill.config.features import Features
from lakemill.config.table import Label
from lakemill.preprocessing.features import MISSING, make_frame, make_target, make_transformer

FEATURES = Features(numeric=("weight", "size"), categorical=("depot",))
ENCODINGS = ("ordinal", "one_hot", "target")


def rows_of(count: int, seed: int = 0) -> pa.Table:
    draw = np.random.default_rng(seed)
    depots = draw.choice(["N", "S", "W"], count)
    weight = draw.normal(10, 3, count)
    return pa.table(
        {
            "weight": pa.array(weight, mask=draw.random(count) < 0.1),
            "size": draw.integers(1, 9, count),
            "depot": pa.array(depots.astype(object), mask=draw.random(count) < 0.1),
            "late": (depots == "N") ^ (draw.random(count) < 0.2),
        }
    )


TRAIN = rows_of(400)
X, y = make_frame(TRAIN, FEATURES), make_target(TRAIN, Label(column="late", problem="classification"))


def fitted(encode: str, frame=X, features=FEATURES, target=y):
    return make_transformer(features, encode=encode, sparse=False, seed=0).fit(frame, target)


# -- frames -----------------------------------------------------------------------------------------------------------


def test_a_frame_has_numbers_first_and_no_missing_category():
    rows = pa.table({"depot": ["N", None], "size": [1, None], "weight": [0.5, None], "late": [True, None]})
    frame = make_frame(rows, FEATURES)
    expected = pd.DataFrame({"weight": [0.5, np.nan], "size": [1.0, np.nan]}).assign(
        depot=np.array(["N", MISSING], dtype=object)
    )
    pd.testing.assert_frame_equal(frame, expected, check_dtype=False)
    assert [frame[name].dtype for name in ("weight", "size")] == [np.float64, np.float64]


def test_columns_without_any_value_are_columns_still():
    rows = pa.table({"depot": pa.nulls(2, pa.string()), "size": pa.nulls(2, pa.int64()), "weight": pa.nulls(2)})
    frame = make_frame(rows, FEATURES)
    assert frame["depot"].tolist() == [MISSING] * 2
    assert frame[["weight", "size"]].isna().all(axis=None)


def test_no_rows_make_a_frame_of_the_same_columns():
    assert make_frame(TRAIN.slice(0, 0), FEATURES).shape == (0, 3)


def test_booleans_are_numbers_or_categories_as_asked_for():
    rows = pa.table({"a": [True, False, None]})
    assert make_frame(rows, Features(numeric=("a",)))["a"].tolist()[:2] == [1.0, 0.0]
    assert make_frame(rows, Features(categorical=("a",)))["a"].tolist() == ["true", "false", MISSING]


@pytest.mark.parametrize(
    ("problem", "values", "target"),
    [
        ("classification", [True, False], ["true", "false"]),
        ("classification", ["b", "a"], ["b", "a"]),
        ("classification", [2, 1], ["2", "1"]),
        ("regression", [2, 1], [2.0, 1.0]),
        ("regression", [0.5, 1.5], [0.5, 1.5]),
    ],
)
def test_labels_are_texts_or_numbers(problem, values, target):
    found = make_target(pa.table({"late": values}), Label(column="late", problem=problem))
    assert found.tolist() == target
    assert found.dtype == (np.float64 if problem == "regression" else object)


# -- the transformer ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("encode", "columns"), [("ordinal", 1), ("one_hot", 4), ("target", 1)])
def test_categories_come_first_then_numbers_and_where_they_were_missing(encode, columns):
    found = fitted(encode).transform(X)
    assert found.shape == (400, columns + 2 + 1)  # of the two numbers one has missing values
    numbers = found[:, columns : columns + 2]
    assert np.allclose(numbers.mean(axis=0), 0)
    assert np.allclose(numbers.std(axis=0), 1)
    assert np.isfinite(found).all()


@pytest.mark.parametrize(
    ("encode", "unknown"),
    [("ordinal", [[-1]]), ("one_hot", [[0, 0, 0, 0]]), ("target", [[np.mean(y == "true")]])],
)
def test_a_category_that_training_never_saw_is_taken(encode, unknown):
    new = X.iloc[:1].assign(depot=np.array(["X"], dtype=object))
    width = len(unknown[0])
    np.testing.assert_allclose(fitted(encode).transform(new)[:, :width].astype(float), unknown)


@pytest.mark.parametrize("encode", ENCODINGS)
def test_columns_without_any_value_in_training_are_taken(encode):
    empty = X.assign(weight=np.nan, depot=MISSING)
    transformer = fitted(encode, empty)
    assert np.isfinite(transformer.transform(empty)).all()
    assert transformer.transform(X.iloc[:5]).shape[0] == 5


@pytest.mark.parametrize("encode", ENCODINGS)
def test_a_column_that_is_missing_only_later_is_taken(encode):
    complete = X.fillna({"weight": 1.0})
    found = fitted(encode, complete).transform(complete.iloc[:5].assign(size=np.nan))
    assert np.isfinite(found).all()


@pytest.mark.parametrize("encode", ENCODINGS)
@pytest.mark.parametrize("features", [Features(numeric=("size",)), Features(categorical=("depot",))])
def test_one_kind_of_features_is_enough(encode, features):
    frame = X[list(features.columns)]
    assert fitted(encode, frame, features).transform(frame).shape[0] == 400


def test_more_categories_than_boosting_takes_are_kept_below_its_limit():
    names = np.array([f"depot {number:04}" for number in range(600)], dtype=object)
    frame = pd.DataFrame({"weight": 0.0, "size": 1.0, "depot": names})
    target = np.array(["true", "false"] * 300, dtype=object)
    codes = fitted("ordinal", frame, target=target).transform(frame)[:, 0]
    assert np.nanmax(codes) < 255


def test_target_encoding_in_training_does_not_show_a_row_its_own_label():
    alone = pd.DataFrame({"weight": 0.0, "size": 1.0, "depot": [f"d{number}" for number in range(100)]}, dtype=object)
    target = np.array(["true", "false"] * 50, dtype=object)
    transformer = make_transformer(FEATURES, encode="target", sparse=False, seed=0)
    codes = transformer.fit_transform(alone.astype({"weight": float, "size": float}), target)[:, 0].astype(float)
    assert codes.std() < 0.1


@pytest.mark.parametrize("encode", ENCODINGS)
def test_the_same_seed_gives_the_same_numbers(encode):
    transformers = [make_transformer(FEATURES, encode=encode, sparse=False, seed=3) for _ in "ab"]
    one, other = (transformer.fit_transform(X, y) for transformer in transformers)
    np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("encode", ENCODINGS)
def test_rows_are_transformed_by_themselves_whatever_stands_beside_them(encode):
    transformer = fitted(encode)
    before = fitted(encode).transform(X)
    test = make_frame(rows_of(100, seed=1), FEATURES)
    order = np.random.default_rng(2).permutation(100)
    together = transformer.transform(test)
    np.testing.assert_array_equal(transformer.transform(test.iloc[order]), together[order])
    np.testing.assert_array_equal(transformer.transform(test.iloc[:1]), together[:1])
    np.testing.assert_array_equal(transformer.transform(X), before)


@pytest.mark.parametrize("encode", ENCODINGS)
def test_frames_are_left_as_they_were_and_the_transformer_can_be_cloned(encode):
    frame = X.copy(deep=True)
    clone(make_transformer(FEATURES, encode=encode, sparse=False, seed=0)).fit_transform(frame, y)
    pd.testing.assert_frame_equal(frame, X)
