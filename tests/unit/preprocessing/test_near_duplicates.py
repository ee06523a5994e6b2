"""Rows that are nearly the same are found on FEBRL's sets and larger ones, and one of each group is kept."""

import time

import numpy as np
import pyarrow as pa
import pytest
from records_for_tests import count_pairs, make_records, read_febrl

from lakemill.config.cleaning import NearDuplicates
from lakemill.preprocessing.cleaning import RULES, Context
from lakemill.preprocessing.cleaning.blocking import choose_blocks, pair_in_blocks
from lakemill.preprocessing.cleaning.likeness import measure_bits, prepare
from lakemill.preprocessing.cleaning.near_duplicates import group_rows


def find_in(rows: pa.Table, persons: np.ndarray, **fields) -> tuple[float, float]:
    rule = NearDuplicates(rule="near_duplicates", columns=tuple(rows.column_names), **fields)
    return count_pairs(group_rows(rule, rows), persons)


@pytest.mark.parametrize("number", ["1", "2", "3", "4"])
def test_duplicates_of_febrl_are_found_by_the_defaults(number):
    precision, recall = find_in(*read_febrl(number))
    assert precision >= 0.99
    assert recall >= 0.96


@pytest.mark.parametrize("number", ["2", "3"])
def test_they_are_found_without_the_number_that_names_a_person(number):
    rows, persons = read_febrl(number)
    precision, recall = find_in(rows.drop_columns(["soc_sec_id"]), persons)
    assert precision >= 0.99
    assert recall >= 0.94


def test_they_are_found_among_persons_who_live_together():
    precision, recall = find_in(*make_records(5_000, seed=1, households=0.1))
    assert precision >= 0.95
    assert recall >= 0.98


def test_twice_the_rows_cost_about_twice_as_much_not_four_times():
    pairs = []
    for count in (5_000, 20_000):
        rows, _ = make_records(count, seed=2)
        columns = {name: prepare(rows.column(name)) for name in rows.column_names}
        codes = {name: column.codes for name, column in columns.items()}
        pairs.append(len(pair_in_blocks(codes, choose_blocks(measure_bits(columns), count), 10)))
    assert pairs[1] < 6 * pairs[0]


def test_rows_that_are_all_equal_are_not_compared_all_with_all():
    rows = pa.table({"name": ["ann"] * 3_000, "town": ["ulm"] * 3_000})
    began = time.process_time()
    groups = group_rows(NearDuplicates(rule="near_duplicates", columns=("name", "town")), rows)
    assert time.process_time() - began < 20
    assert len(groups) == 3_000


PEOPLE = pa.table(
    {
        "id": [1, 2, 3, 4, 5, 6, 7],
        "name": [
            "anna schmidt",
            "ana schmidt",
            "petra jonas",
            "mary miller",
            "peter jones",
            "peter jones",
            "tom baker",
        ],
        "phone": ["1", "2", "3", "4", None, "6", "7"],
        "town": ["hamburg", "hamburg", None, "leeds", "london", "londn", "york"],
        "price": [10.0, 10.01, 7.0, 8.0, 7.0, 7.0, 3.0],
    }
)


def apply(rows=PEOPLE, **fields):
    rule = NearDuplicates(rule="near_duplicates", **{"columns": ("name", "town"), **fields})
    return RULES[rule.rule](rule, rows, Context(("id",)))


@pytest.mark.parametrize(
    ("keep", "kept"), [("first", [1, 3, 4, 5, 7]), ("last", [2, 3, 4, 6, 7]), ("most_complete", [1, 3, 4, 6, 7])]
)
def test_of_each_group_one_is_kept(keep, kept):
    done = apply(keep=keep)
    assert done.rows.column("id").to_pylist() == kept
    assert done.kept.to_pylist() == [number - 1 for number in kept]
    assert [effect.dropped for effect in done.effects] == [2]
    assert any("ana schmidt" in example for example in done.effects[0].examples)


def test_others_can_be_refused_or_flagged_instead():
    refused = apply(action="quarantine")
    assert (len(refused.rows), refused.refusals[0].rows.to_pylist()) == (
        7,
        [False, True, False, False, False, True, False],
    )
    flagged = apply(action="flag")
    assert flagged.rows.column("is_near_duplicate").to_pylist() == [False, True, False, False, False, True, False]
    assert [effect.flagged for effect in flagged.effects] == [2]


def test_numbers_may_be_so_far_apart():
    fields = {"columns": ("name", "price"), "keep": "first"}
    assert apply(**fields, within={"price": 0.1}).rows.column("id").to_pylist() == [1, 3, 4, 5, 7]


@pytest.mark.parametrize("count", [0, 1])
def test_few_rows_have_no_duplicates(count):
    assert apply(PEOPLE.slice(0, count)).rows.equals(PEOPLE.slice(0, count))


def test_rows_without_values_are_no_duplicates():
    rows = pa.table({"id": [1, 2, 3], "name": pa.array([None] * 3, pa.string()), "town": ["", None, " "]})
    assert len(apply(rows).rows) == 3


def test_blocks_that_are_declared_are_the_only_ones():
    assert apply(blocks=(("town",),)).rows.column("id").to_pylist() == [1, 3, 4, 5, 6, 7]  # london is no londn
