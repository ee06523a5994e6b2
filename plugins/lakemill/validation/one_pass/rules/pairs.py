"""Expectations on two columns of a row."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Folds
from lakemill.validation.one_pass.kinds import LeftToGreatExpectationsError
from lakemill.validation.one_pass.rule import Check, Rule
from lakemill.validation.one_pass.rules.columns import Fails, check_rows
from lakemill.validation.one_pass.rules.records import Ignored, alike, missing_of, require_comparable
from lakemill.validation.one_pass.slices import Mask, Slice

IGNORED: dict[str, Ignored] = {"both_values_are_missing": "all", "either_value_is_missing": "any", "neither": "none"}


def _check(columns: tuple[str, str], fails: Fails, arguments: Arguments, condition: Condition) -> Check:
    ignored = IGNORED[arguments.choice("ignore_row_if", *IGNORED)]
    return check_rows(columns, fails, partial(missing_of, columns, ignored), "pairs", arguments.share(), condition)


def _two(arguments: Arguments, *kinds: Any) -> tuple[str, str]:
    one, other = arguments.column("column_A", of=kinds), arguments.column("column_B", of=kinds)
    if one == other:
        raise LeftToGreatExpectationsError
    return one, other


def _greater(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = _two(arguments, "whole", "real", "text", "moment")
    require_comparable(columns, arguments)
    compare = pc.greater_equal if arguments.flag("or_equal") else pc.greater

    def fails(rows: Slice) -> Mask:
        rows.require_exact(*columns)
        return pc.invert(compare(rows.plain(columns[0]), rows.plain(columns[1])).fill_null(False))

    return _check(columns, fails, arguments, condition)


def _equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = _two(arguments, "whole", "real", "text", "moment")
    require_comparable(columns, arguments)

    def fails(rows: Slice) -> Mask:
        rows.require_exact(*columns)
        return pc.invert(alike(*columns, rows).fill_null(False))

    return _check(columns, fails, arguments, condition)


def _in_set(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = _two(arguments, "whole", "real", "text")
    pairs = arguments.pairs("value_pairs_set", (arguments.kinds[columns[0]], arguments.kinds[columns[1]]))

    def fails(rows: Slice) -> Mask:
        rows.require_exact(*columns)
        return _not_among(pairs, *(_encode(rows.values(name)) for name in columns))

    return _check(columns, fails, arguments, condition)


def _encode(values: pa.Array) -> tuple[list[Any], Any]:
    """Return a column's different values, a missing one last, and the number of its value for each row."""
    encoded = values if isinstance(values, pa.DictionaryArray) else values.dictionary_encode()
    different = encoded.dictionary.to_pylist()
    numbers = encoded.indices.cast(pa.int64()).fill_null(len(different)).to_numpy(zero_copy_only=False)
    return [*different, None], numbers


def _not_among(pairs: set[tuple[Any, Any]], one: tuple[list[Any], Any], other: tuple[list[Any], Any]) -> Mask:
    width = len(other[0])
    found, rows = np.unique(one[1] * width + other[1], return_inverse=True)
    fails = [(one[0][pair // width], other[0][pair % width]) not in pairs for pair in found.tolist()]
    return pa.array(np.array(fails, bool)[rows])


PAIRS: dict[str, Rule] = {
    "expect_column_pair_values_a_to_be_greater_than_b": _greater,
    "expect_column_pair_values_to_be_equal": _equal,
    "expect_column_pair_values_to_be_in_set": _in_set,
}
