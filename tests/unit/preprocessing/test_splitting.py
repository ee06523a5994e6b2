"""The newest rows judge, the newer tune, the oldest train."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lakemill.preprocessing.splitting import split_by_time

START = pd.Timestamp("2024-01-01", tz="UTC")


def moments(hours) -> pd.Series:
    return pd.Series(START + pd.to_timedelta(sorted(hours), unit="h"), dtype="datetime64[us, UTC]")


@pytest.mark.parametrize(
    ("hours", "validation", "test", "sizes"),
    [
        (range(10), 0.2, 0.2, (6, 2, 2)),
        (range(100), 0.15, 0.15, (70, 15, 15)),
        ([0, 1, 2, 3, 4, 5, 6, 7, 7, 7], 0.2, 0.2, (6, 1, 3)),
        ([0, 1, 2, 3, 4, 5, 5, 5, 8, 9], 0.2, 0.2, (5, 3, 2)),
        ([0] * 10, 0.2, 0.2, (0, 0, 10)),
        ([], 0.2, 0.2, (0, 0, 0)),
        ([0], 0.2, 0.2, (1, 0, 0)),
    ],
    ids=["ten", "a hundred", "one moment at the end", "one moment at a cut", "one moment", "none", "one row"],
)
def test_shares_are_cut_where_a_moment_begins(hours, validation, test, sizes):
    split = split_by_time(moments(hours), validation=validation, test=test)
    assert (len(split.train), len(split.validation), len(split.test)) == sizes


shares = st.tuples(st.floats(0.05, 0.45), st.floats(0.05, 0.45))


@given(st.lists(st.integers(0, 30), max_size=60), shares)
def test_parts_are_disjoint_complete_and_in_order(hours, wanted):
    split = split_by_time(moments(hours), validation=wanted[0], test=wanted[1])
    assert np.concatenate([split.train, split.validation, split.test]).tolist() == list(range(len(hours)))


@given(st.lists(st.integers(0, 30), max_size=60), shares)
def test_rows_of_one_moment_stay_together(hours, wanted):
    times = moments(hours)
    split = split_by_time(times, validation=wanted[0], test=wanted[1])
    parts = [set(times.iloc[part]) for part in (split.train, split.validation, split.test)]
    for older, newer in ((0, 1), (0, 2), (1, 2)):
        assert not parts[older] & parts[newer]
        assert not parts[older] or not parts[newer] or max(parts[older]) < min(parts[newer])


@given(st.integers(0, 200), shares)
def test_where_moments_differ_the_shares_are_met(count, wanted):
    split = split_by_time(moments(range(count)), validation=wanted[0], test=wanted[1])
    assert abs(len(split.test) - count * wanted[1]) <= 1
    assert abs(len(split.validation) - count * wanted[0]) <= 1


def test_the_final_model_is_fitted_on_training_and_validation_rows():
    split = split_by_time(moments(range(10)), validation=0.2, test=0.2)
    assert split.fit.tolist() == list(range(8))
