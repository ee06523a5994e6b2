"""Numbers: every scaling, every way to impute, whatever comes later."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.config.features import Features, Transform
from lakemill.preprocessing.features import make_frame, make_transformer

SCALES = ("standard", "min_max", "robust", "quantile", "power", "unit_norm", "none")
DRAW = np.random.default_rng(0)
X = pd.DataFrame({"a": DRAW.normal(10, 3, 200), "b": DRAW.exponential(2, 200)})
GAPS = X.assign(a=X["a"].mask(DRAW.random(200) < 0.2))


def fitted(frame: pd.DataFrame = GAPS, **settings):
    features = Features(numeric=("a", "b"), transform=Transform(**settings))
    return make_transformer(features, encode="one_hot", sparse=False, seed=0).fit(frame)


@pytest.mark.parametrize(
    ("scale", "holds"),
    [
        ("standard", lambda found: np.allclose(found.mean(axis=0), 0) and np.allclose(found.std(axis=0), 1)),
        ("min_max", lambda found: np.allclose(found.min(axis=0), 0) and np.allclose(found.max(axis=0), 1)),
        ("robust", lambda found: np.allclose(np.median(found, axis=0), 0)),
        ("quantile", lambda found: np.abs(np.median(found, axis=0)).max() < 0.05 and np.abs(found).max() < 5.3),
        ("power", lambda found: np.allclose(found.mean(axis=0), 0) and np.allclose(found.std(axis=0), 1)),
        ("unit_norm", lambda found: np.allclose(np.linalg.norm(found, axis=1), 1)),
        ("none", lambda found: np.array_equal(found, X.to_numpy())),
    ],
)
def test_a_scaling_does_what_its_name_says(scale, holds):
    assert holds(fitted(X, scale=scale).transform(X))


@pytest.mark.parametrize(
    ("impute", "value"),
    [
        ({"impute": "median"}, np.nanmedian(GAPS["a"])),
        ({"impute": "mean"}, np.nanmean(GAPS["a"])),
        ({"impute": "constant", "fill": -7.0}, -7.0),
        ({"impute": "most_frequent"}, np.nanmin(GAPS["a"])),  # all differ: the smallest
        ({"impute": "none"}, np.nan),
    ],
    ids=lambda one: one["impute"] if isinstance(one, dict) else "",
)
def test_what_stands_for_a_missing_number_is_told_beside_it(impute, value):
    found = fitted(scale="none", **impute).transform(GAPS)

    missing = GAPS["a"].isna().to_numpy()
    np.testing.assert_allclose(found[missing, 0], value)
    np.testing.assert_array_equal(found[:, 2], missing)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("indicator", [True, False])
def test_every_scaling_takes_gaps_and_tells_of_them_if_asked(scale, indicator):
    found = fitted(scale=scale, indicator=indicator).transform(GAPS)

    assert found.shape == (200, 3 if indicator else 2)
    assert np.isfinite(found).all()


@pytest.mark.parametrize("scale", SCALES)
def test_a_column_without_any_value_or_with_one_only_is_taken(scale):
    empty = X.assign(a=np.nan, b=3.0)

    transformer = fitted(empty, scale=scale)

    assert np.isfinite(transformer.transform(empty)).all()
    assert np.isfinite(transformer.transform(X)).all()


def test_columns_of_other_settings_are_parts_of_their_own():
    features = Features(numeric=("a", "b"), by_column={"b": {"scale": "none"}})

    transformer = make_transformer(features, encode="one_hot", sparse=False, seed=0).fit(X)

    assert [(name, columns) for name, _, columns in transformer.transformers] == [
        ("numeric", ["a"]),
        ("numeric 2", ["b"]),
    ]
    np.testing.assert_allclose(transformer.transform(X)[:, 1], X["b"])


def test_infinite_numbers_are_missing_ones():
    frame = make_frame(pa.table({"a": [np.inf, -np.inf, np.nan, None, 1.0]}), Features(numeric=("a",)))

    assert frame["a"].isna().tolist() == [True, True, True, True, False]


@given(
    st.lists(st.one_of(st.none(), st.floats(-1e6, 1e6)), min_size=1, max_size=20),
    st.integers(0, 19),
    st.sampled_from(SCALES),
)
def test_a_rows_numbers_do_not_depend_on_the_rows_beside_it(values, at, scale):
    features = Features(numeric=("a", "b"), transform=Transform(scale=scale))
    rows = make_frame(pa.table({"a": pa.array(values, pa.float64()), "b": [1.0] * len(values)}), features)
    at %= len(values)

    transformer = FITTED[scale]

    np.testing.assert_array_equal(transformer.transform(rows)[at], transformer.transform(rows.iloc[[at]])[0])


FITTED = {scale: fitted(scale=scale) for scale in SCALES}
