"""Rows with the same features and different labels."""

import numpy as np
import pandas as pd
import pytest

from lakemill.labels.conflicts import LARGEST, find_conflicts


def test_missing_values_equal_one_another() -> None:
    X = pd.DataFrame({"x": [np.nan, np.nan, 1.0], "c": ["a", "a", "a"]})

    assert find_conflicts(X, np.array([0, 1, 1])).group.tolist()[2] == -1
    assert find_conflicts(X, np.array([0, 1, 1])).rows == 2


@pytest.mark.parametrize(("size", "is_asked"), [(2, True), (LARGEST, True), (LARGEST + 1, False)])
def test_large_groups_are_counted_and_not_asked_about(size: int, is_asked: bool) -> None:
    found = find_conflicts(pd.DataFrame({"x": [5] * size}), np.arange(size) % 2)

    assert (found.rows, found.groups) == (size, 1)
    assert (found.group >= 0).all() == is_asked


def test_equal_rows_with_one_label_are_no_conflict() -> None:
    found = find_conflicts(pd.DataFrame({"x": [1, 1, 2]}), np.array(["a", "a", "b"]))

    assert (found.rows, found.groups, set(found.group)) == (0, 0, {-1})
