"""Levels: rare and unknown ones, in every coding."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.config.features import Features, Transform
from lakemill.preprocessing.features import count_coded, make_transformer
from lakemill.preprocessing.features.levels import RARE, HashedLevels, RareLevels

CODINGS = ("ordinal", "one_hot", "hashed", "target")
X = pd.DataFrame({"depot": ["N"] * 60 + ["S"] * 38 + ["W", "E"], "lane": ["1", "2"] * 50}, dtype=object)
y = np.array(["late", "in time"] * 30 + ["late"] * 40, dtype=object)


def fitted(encode: str, frame: pd.DataFrame = X, **settings):
    features = Features(categorical=("depot", "lane"), transform=Transform(**settings))
    return make_transformer(features, encode=encode, sparse=False, seed=0).fit(frame, y[: len(frame)])


@pytest.mark.parametrize("encode", CODINGS)
def test_rare_levels_are_one_and_an_unknown_one_is_of_them(encode):
    new = pd.DataFrame({"depot": ["W", "E", "X"], "lane": ["1"] * 3}, dtype=object)

    found = fitted(encode, rare=0.05, buckets=16).transform(new)

    assert (found == found[0]).all()
    assert (found[0] != fitted(encode, rare=0.05, buckets=16).transform(X.iloc[:1])[0]).any()


@pytest.mark.parametrize(
    ("share", "stay"), [(0.0, ["E", "N", "S", "W"]), (0.01, ["E", "N", "S", "W"]), (0.02, ["N", "S"]), (0.5, ["N"])]
)
def test_levels_stay_from_their_share_on(share, stay):
    rare = RareLevels(share=share).fit(X[["depot"]])

    assert rare.levels_[0].tolist() == stay
    assert set(rare.transform(X[["depot"]])["depot"]) == {*stay, *([RARE] if len(stay) < 4 else [])}


def test_hashes_are_of_column_and_level():
    hashed = HashedLevels(buckets=2**16).fit_transform(pd.DataFrame({"a": ["x", "y"], "b": ["y", "x"]}))

    assert hashed.sum(axis=1).tolist() == [2, 2]
    assert not (hashed[0] == hashed[1]).all()


def test_columns_coded_by_order_come_first_wherever_they_are_declared():
    features = Features(categorical=("lane", "depot"), by_column={"lane": {"encode": "one_hot"}})

    transformer = make_transformer(features, encode="ordinal", sparse=False, seed=0)

    assert [columns for _, _, columns in transformer.transformers] == [["depot"], ["lane"]]
    assert count_coded(features, encode="ordinal") == 1
    assert count_coded(features, encode="one_hot") == 0


def test_no_rows_have_buckets_too():
    assert HashedLevels(buckets=8).fit(X).transform(X.iloc[:0]).shape == (0, 8)


@given(st.lists(st.text(max_size=5), min_size=1, max_size=15), st.integers(0, 14), st.sampled_from(CODINGS))
def test_a_rows_levels_do_not_depend_on_the_rows_beside_it(levels, at, encode):
    rows = pd.DataFrame({"depot": levels, "lane": ["1"] * len(levels)}, dtype=object)
    at %= len(levels)

    transformer = FITTED[encode]

    np.testing.assert_array_equal(transformer.transform(rows)[at], transformer.transform(rows.iloc[[at]])[0])


FITTED = {encode: fitted(encode, rare=0.05) for encode in CODINGS}
