"""Expectations on the values of one column, row by row."""

import math
import warnings
from collections.abc import Callable
from functools import partial
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.validation.one_pass.arguments import Arguments, Limit
from lakemill.validation.one_pass.folds import Condition, FailingRows, Folds
from lakemill.validation.one_pass.kinds import CLEAR, KEYED, LeftToGreatExpectationsError
from lakemill.validation.one_pass.rule import Check, RowsVerdict, Rule, Style
from lakemill.validation.one_pass.slices import NOWHERE, Mask, Slice

Fails = Callable[[Slice], Mask]


def check_values(
    column: str, fails: Fails, arguments: Arguments, condition: Condition, *, style: Style = "values"
) -> Check:
    """Make the check of a column's values; a missing value neither passes nor fails, except by the nulls' own style."""
    mostly = arguments.share()
    ignores = _nothing if style == "nulls" else partial(_missing, column)
    return check_rows((column,), fails, ignores, style, mostly, condition)


def check_rows(
    columns: tuple[str, ...], fails: Fails, ignores: Fails, style: Style, mostly: float, condition: Condition
) -> Check:
    """Make the check of rows by a mask of those that fail and a mask of those that are not spoken of."""
    fold = FailingRows(columns, fails, ignores, condition)

    def judge() -> RowsVerdict:
        failing = pa.concat_arrays([pa.array(part) for part in fold.failing]).to_numpy() if fold.failing else NOWHERE
        shown = pa.concat_tables(fold.shown) if fold.shown else None
        return RowsVerdict(style, columns, fold.rows, fold.ignored, mostly, failing, shown)

    return Check((fold,), judge)


def _missing(column: str, rows: Slice) -> Mask:
    return rows.missing(column) if rows.values(column).null_count else None


def _nothing(rows: Slice) -> Mask:
    return None


# -- missing ----------------------------------------------------------------------------------------------------------


def _not_null(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=CLEAR)
    return check_values(column, partial(_missing, column), arguments, condition, style="nulls")


def _null(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=KEYED)
    return check_values(column, lambda rows: rows.values(column).is_valid(), arguments, condition, style="nulls")


# -- limits -----------------------------------------------------------------------------------------------------------


def _between(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=("whole", "real", "moment"))
    least, greatest = (arguments.limit(name, column) for name in ("min_value", "max_value"))
    require_order(least, greatest)
    outside = outside_of(least, greatest, arguments)
    return check_values(column, lambda rows: outside(rows.values(column)), arguments, condition)


def require_order(least: Any, greatest: Any) -> None:
    """Leave it to Great Expectations to refuse limits of which there is none, or which are in the wrong order."""
    if (least is None and greatest is None) or (least is not None and greatest is not None and least > greatest):
        raise LeftToGreatExpectationsError


def outside_of(least: Limit, greatest: Limit, arguments: Arguments) -> Callable[[pa.Array], Mask]:
    """Return the function of an array that tells which values lie outside."""
    below = (pc.less_equal, math.floor) if arguments.flag("strict_min") else (pc.less, math.ceil)
    above = (pc.greater_equal, math.ceil) if arguments.flag("strict_max") else (pc.greater, math.floor)
    tests = [(*test, limit) for test, limit in ((below, least), (above, greatest)) if limit is not None]

    def outside(values: pa.Array) -> Mask:
        masks = [test(values, _as_scalar(limit, values.type, to_whole)) for test, to_whole, limit in tests]
        return masks[0] if len(masks) == 1 else pc.or_(*masks)

    return outside


def _as_scalar(limit: Any, column: pa.DataType, to_whole: Callable[[float], int]) -> pa.Scalar:
    if pa.types.is_timestamp(column):
        return pa.scalar(limit, pa.timestamp("us", column.tz))
    if pa.types.is_integer(column):
        return pa.scalar(to_whole(limit), pa.int64())
    return pa.scalar(limit, pa.float64())


# -- sets -------------------------------------------------------------------------------------------------------------


def _in_set(arguments: Arguments, folds: Folds, condition: Condition, *, wanted: bool = True) -> Check:
    column = arguments.column(of=("whole", "real", "text"))
    among = among_values(arguments.value_set("value_set", arguments.kinds[column]), column)
    if not wanted:
        return check_values(column, among, arguments, condition)
    return check_values(column, lambda rows: _unless(among(rows), rows, column), arguments, condition)


def among_values(values: list[Any], column: str) -> Fails:
    """Return the function of a slice that tells where a column's value is one of some."""
    if isinstance(values[0], str):
        texts = pa.array(values, pa.string())
        return lambda rows: rows.text(column, lambda found: pc.is_in(found, texts.cast(found.type)))
    reals = pa.array([float(one) for one in (*values, *(-0.0 for one in values if one == 0))], pa.float64())
    wholes = pa.array([int(one) for one in values if one == int(one)], pa.int64())

    def among(rows: Slice) -> Mask:
        if rows.kinds[column] == "whole":
            return pc.is_in(rows.values(column).cast(pa.int64()), wholes)
        return pc.is_in(rows.values(column), reals)

    return among


def _unless(mask: Mask, rows: Slice, column: str) -> Mask:
    return rows.values(column).is_valid() if mask is None else pc.invert(mask)


# -- texts ------------------------------------------------------------------------------------------------------------


def _matches(arguments: Arguments, folds: Folds, condition: Condition, *, wanted: bool = True) -> Check:
    column = arguments.column(of=("text",))
    regex = read_regex(arguments.text("regex"))
    return check_values(
        column, lambda rows: rows.text(column, lambda found: _found(regex, found, wanted)), arguments, condition
    )


def _matches_list(arguments: Arguments, folds: Folds, condition: Condition, *, wanted: bool = True) -> Check:
    column = arguments.column(of=("text",))
    regexes = [read_regex(one) for one in arguments.texts("regex_list")]
    combine = pc.or_ if not wanted or arguments.choice("match_on", "any", "all") == "any" else pc.and_

    def fails(found: pa.Array) -> pa.BooleanArray:
        masks = [_found(regex, found, False) for regex in regexes]
        met = masks[0]
        for mask in masks[1:]:
            met = combine(met, mask)
        return pc.invert(met) if wanted else met

    return check_values(column, lambda rows: rows.text(column, fails), arguments, condition)


def read_regex(written: str) -> str:
    """Make sure that pandas can search for an expression."""
    import pandas as pd

    try:
        _search(pd.Series([""], dtype="str"), written)
    except Exception:  # whatever pandas says of an expression, Great Expectations says it too
        raise LeftToGreatExpectationsError from None
    return written


def _found(regex: str, texts: pa.Array, wanted: bool) -> pa.BooleanArray:
    """Search as pandas does, by whatever engine it takes for this expression; give where it fails to be as wanted."""
    found = pa.array(_search(texts.to_pandas(), regex).to_numpy(dtype=bool))
    if texts.null_count:
        found = pc.if_else(texts.is_null(), pa.scalar(None, pa.bool_()), found)
    return pc.invert(found) if wanted else found


def _search(texts: Any, regex: str) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of groups in an expression, which do no harm
        return texts.str.contains(regex)


def _lengths_between(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=("text",))
    least, greatest = (arguments.whole(name) for name in ("min_value", "max_value"))
    require_order(least, greatest)
    outside = outside_of(least, greatest, arguments)
    return _check_lengths(column, outside, arguments, condition)


def _lengths_equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column, length = arguments.column(of=("text",)), arguments.number("value")
    if length is None:
        raise LeftToGreatExpectationsError
    return _check_lengths(column, lambda found: pc.not_equal(found, pa.scalar(length)), arguments, condition)


def _check_lengths(column: str, fails: Callable[[pa.Array], Mask], arguments: Arguments, condition: Condition) -> Check:
    def of_texts(found: pa.Array) -> pa.BooleanArray:
        return fails(pc.utf8_length(found))

    return check_values(column, lambda rows: rows.text(column, of_texts), arguments, condition)


COLUMNS: dict[str, Rule] = {
    "expect_column_values_to_not_be_null": _not_null,
    "expect_column_values_to_be_null": _null,
    "expect_column_values_to_be_between": _between,
    "expect_column_values_to_be_in_set": _in_set,
    "expect_column_values_to_not_be_in_set": partial(_in_set, wanted=False),
    "expect_column_values_to_match_regex": _matches,
    "expect_column_values_to_not_match_regex": partial(_matches, wanted=False),
    "expect_column_values_to_match_regex_list": _matches_list,
    "expect_column_values_to_not_match_regex_list": partial(_matches_list, wanted=False),
    "expect_column_value_lengths_to_be_between": _lengths_between,
    "expect_column_value_lengths_to_equal": _lengths_equal,
}
