"""Expectations on several columns of a row together."""

from collections.abc import Callable
from functools import partial, reduce
from itertools import combinations
from typing import Literal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Folds
from lakemill.validation.one_pass.kinds import NUMBERS, Kind, LeftToGreatExpectationsError
from lakemill.validation.one_pass.rule import Check, Rule
from lakemill.validation.one_pass.rules.columns import check_rows
from lakemill.validation.one_pass.slices import Mask, Slice

Ignored = Literal["any", "all", "none"]
IGNORED: dict[str, Ignored] = {"all_values_are_missing": "all", "any_value_is_missing": "any", "never": "none"}
MOST_ADDED = 7  # of eight columns and more numpy adds the numbers up in another order


def missing_of(columns: tuple[str, ...], ignored: Ignored, rows: Slice) -> Mask:
    """Return where any, or all, of some columns are missing."""
    if ignored == "none" or (ignored == "all" and not all(rows.values(name).null_count for name in columns)):
        return None
    lacking = [rows.missing(name) for name in columns if ignored == "all" or rows.values(name).null_count]
    return reduce(pc.and_ if ignored == "all" else pc.or_, lacking) if lacking else None


def alike(one: str, other: str, rows: Slice) -> pa.BooleanArray:
    """Return where two columns are equal; null where either is missing."""
    return pc.equal(rows.plain(one), rows.plain(other))


def require_comparable(columns: tuple[str, ...], arguments: Arguments) -> None:
    """Leave columns of different kinds, which pandas compares by rules of their own, to it."""
    kinds = {"number" if arguments.kinds[name] in NUMBERS else arguments.kinds[name] for name in columns}
    zones = {arguments.has_zone(name) for name in columns}
    if len(kinds) > 1 or len(zones) > 1:
        raise LeftToGreatExpectationsError


def _check(
    columns: tuple[str, ...],
    fails: Callable[[tuple[str, ...], Slice], Mask],
    arguments: Arguments,
    condition: Condition,
) -> Check:
    ignored = IGNORED[arguments.choice("ignore_row_if", *IGNORED)]
    ignores = partial(missing_of, columns, ignored)
    return check_rows(columns, partial(fails, columns), ignores, "records", arguments.share(), condition)


COMPARED: tuple[Kind, ...] = ("whole", "real", "text")


def _unique_within(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = arguments.columns(of=COMPARED)
    require_comparable(columns, arguments)
    return _check(columns, _some_alike, arguments, condition)


def _some_alike(columns: tuple[str, ...], rows: Slice) -> Mask:
    rows.require_exact(*columns)
    return reduce(pc.or_, (_same(one, other, rows) for one, other in combinations(columns, 2)))


def _same(one: str, other: str, rows: Slice) -> pa.BooleanArray:
    """Return where two columns are equal, or both missing."""
    same = alike(one, other, rows).fill_null(False)
    if not rows.values(one).null_count or not rows.values(other).null_count:
        return same
    return pc.or_(same, pc.and_(rows.missing(one), rows.missing(other)))


def _all_equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = arguments.columns(of=COMPARED)
    require_comparable(columns, arguments)
    return _check(columns, _some_different, arguments, condition)


def _some_different(columns: tuple[str, ...], rows: Slice) -> Mask:
    rows.require_exact(*columns)
    return pc.invert(reduce(pc.and_, (_same(columns[0], other, rows) for other in columns[1:])))


def _sum_equal(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns, total = arguments.columns(of=("whole", "real")), arguments.number("sum_total")
    if total is None or len(columns) > MOST_ADDED:
        raise LeftToGreatExpectationsError
    return _check(columns, partial(_sum_differs, total), arguments, condition)


def _sum_differs(total: float, columns: tuple[str, ...], rows: Slice) -> Mask:
    rows.require_exact(*columns)
    added = np.zeros(rows.rows)
    with np.errstate(invalid="ignore", over="ignore"):
        for name in columns:
            added = added + rows.values(name).cast(pa.float64()).fill_null(np.nan).to_numpy(zero_copy_only=False)
        return pa.array(~(added == total))


RECORDS: dict[str, Rule] = {
    "expect_select_column_values_to_be_unique_within_record": _unique_within,
    "expect_multicolumn_values_to_be_equal": _all_equal,
    "expect_multicolumn_sum_to_equal": _sum_equal,
}
