"""Expectations on the table as a whole: its rows' number, its columns, their types."""

from functools import partial
from itertools import zip_longest
from typing import Any

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Count, Folds
from lakemill.validation.one_pass.kinds import LeftToGreatExpectationsError
from lakemill.validation.one_pass.results import judge_between
from lakemill.validation.one_pass.rule import Check, Rule, TableVerdict


def _row_count_between(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    limits = arguments.whole("min_value"), arguments.whole("max_value")
    strict = arguments.flag("strict_min"), arguments.flag("strict_max")
    if limits[0] is not None and limits[1] is not None and limits[0] > limits[1]:
        raise LeftToGreatExpectationsError
    count = folds.one(Count, None, condition)
    return Check((count,), lambda: judge_between(count.rows, limits, strict))


def _row_count_equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    wanted, count = arguments.whole("value"), folds.one(Count, None, condition)
    if wanted is None:
        raise LeftToGreatExpectationsError
    return Check((count,), lambda: TableVerdict(count.rows == wanted, {"observed_value": count.rows}))


def _known(verdict: TableVerdict, condition: Condition) -> Check:
    if condition is not None:
        raise LeftToGreatExpectationsError
    return Check((), lambda: verdict)


def _column_count_between(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    limits = arguments.number("min_value"), arguments.number("max_value")
    return _known(judge_between(len(arguments.table_columns), limits, (False, False)), condition)


def _column_count_equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    wanted, number = arguments.whole("value"), len(arguments.table_columns)
    if wanted is None:
        raise LeftToGreatExpectationsError
    return _known(TableVerdict(number == wanted, {"observed_value": number}), condition)


def _exists(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column, place = arguments.text("column"), arguments.whole("column_index")
    if not column:
        raise LeftToGreatExpectationsError
    columns = arguments.table_columns
    found = column in (columns[place : place + 1 or None] if place else columns)
    return _known(TableVerdict(found, {}), condition)


def _columns_in_order(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    wanted, columns = list(arguments.texts("column_list")), arguments.table_columns
    result: dict[str, Any] = {"observed_value": columns}
    if wanted != columns:
        places = enumerate(zip_longest(wanted, columns))
        result["details"] = {
            "mismatched": [
                {"Expected Column Position": place, "Expected": one, "Found": other}
                for place, (one, other) in places
                if one != other
            ]
        }
    return _known(TableVerdict(wanted == columns, result), condition)


def _columns_as_set(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    wanted, columns = set(arguments.texts("column_set")), set(arguments.table_columns)
    is_exact = arguments.flag("exact_match", default=True)
    others, lacking = sorted(columns - wanted), sorted(wanted - columns)
    result: dict[str, Any] = {"observed_value": sorted(columns)}
    mismatched = {name: found for name, found in (("unexpected", others), ("missing", lacking)) if found}
    if mismatched:
        result["details"] = {"mismatched": mismatched}
    return _known(TableVerdict(not lacking and not (is_exact and others), result), condition)


# what a type is called by, for each type that pandas holds values as; in a list of types, texts go by none of these
TYPES: dict[str, tuple[str, ...]] = {
    "int8": ("int8",),
    "int16": ("int16",),
    "int32": ("int32",),
    "int64": ("int64", "int"),
    "uint8": ("uint8",),
    "uint16": ("uint16",),
    "uint32": ("uint32",),
    "float64": ("float64", "float", "double"),
    "str": ("str",),
    "bool": ("bool",),
}
NAMES = {name for names in TYPES.values() for name in names}


def _of_type(arguments: Arguments, folds: Folds, condition: Condition, *, several: bool) -> Check:
    column = arguments.column(of=("whole", "real", "text", "boolean"))
    wanted = arguments.texts("type_list") if several else (arguments.text("type_"),)
    if not NAMES.issuperset(wanted) or arguments.share() != 1 or condition is not None:
        raise LeftToGreatExpectationsError
    count = folds.one(Count, column)
    kind, held = arguments.kinds[column], str(arguments.type_of(column))

    def judge() -> TableVerdict:
        if kind == "boolean" and count.missing:
            raise LeftToGreatExpectationsError  # then pandas holds objects, which are looked at one by one
        name = {"text": "str", "boolean": "bool", "real": "float64"}.get(kind, "float64" if count.missing else held)
        success = any(one in TYPES[name] for one in wanted) and not (several and kind == "text")
        return TableVerdict(success, {"observed_value": name})

    return Check((count,), judge)


TABLES: dict[str, Rule] = {
    "expect_table_row_count_to_be_between": _row_count_between,
    "expect_table_row_count_to_equal": _row_count_equal,
    "expect_table_column_count_to_be_between": _column_count_between,
    "expect_table_column_count_to_equal": _column_count_equal,
    "expect_column_to_exist": _exists,
    "expect_table_columns_to_match_ordered_list": _columns_in_order,
    "expect_table_columns_to_match_set": _columns_as_set,
    "expect_column_values_to_be_of_type": partial(_of_type, several=False),
    "expect_column_values_to_be_in_type_list": partial(_of_type, several=True),
}
