"""Faults that are put into clean rows are found, and good rows are left alone."""

import pytest
from faults_for_tests import measure

LEAST_FOUND = {
    "mixed date formats": 1.0,
    "decimal commas": 1.0,
    "unit slips": 0.99,
    "misspelt categories": 0.95,
    "sentinels": 1.0,
    "outliers": 0.99,
    "words for booleans": 1.0,
    "exact duplicates": 1.0,
    "near-duplicates": 0.95,
    "gaps": 0.99,
}


@pytest.fixture(scope="module")
def measured():
    return measure(4_000, seed=5)


@pytest.mark.parametrize("kind", LEAST_FOUND)
def test_faults_are_found(measured, kind):
    result = next(one for one in measured[0] if one.kind == kind)
    assert result.seeded > 20
    assert result.found >= LEAST_FOUND[kind] * result.seeded
    assert result.touched <= 0.002 * result.good


def test_no_good_row_is_lost(measured):
    assert measured[1] == 0
