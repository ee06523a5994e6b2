"""Expectations on one number of a column: its extremes, mean, median, sum, deviation, and how much of it is there."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from lakemill.validation.one_pass.arguments import Arguments, Limit
from lakemill.validation.one_pass.folds import Condition, Count, Extremes, Folds, Moments, Numbers
from lakemill.validation.one_pass.kinds import CLEAR, NUMBERS, LeftToGreatExpectationsError
from lakemill.validation.one_pass.results import judge_between
from lakemill.validation.one_pass.rule import Check, Rule, TableVerdict

DOUBT = 1e-12  # of the sum of sizes: sums of doubles in other orders differ by less


def _limits(arguments: Arguments, column: str) -> tuple[tuple[Limit, Limit], tuple[bool, bool]]:
    limits = arguments.limit("min_value", column), arguments.limit("max_value", column)
    return limits, (arguments.flag("strict_min"), arguments.flag("strict_max"))


def _extreme(arguments: Arguments, folds: Folds, condition: Condition, *, greatest: bool) -> Check:
    column = arguments.column(of=("whole", "real", "moment"))
    limits, strict = _limits(arguments, column)
    extremes = folds.one(Extremes, column, condition)

    def judge() -> TableVerdict:
        found = extremes.greatest if greatest else extremes.least
        if found is None and arguments.kinds[column] == "moment":
            raise LeftToGreatExpectationsError  # pandas has a value for no moment, which is compared all the same
        return judge_between(None if found is None else _as_python(found), limits, strict)

    return Check((extremes,), judge)


def _as_python(found: pa.Scalar) -> Any:
    return (
        pd.Timestamp(found.value, unit=found.type.unit, tz=found.type.tz)
        if pa.types.is_timestamp(found.type)
        else found.as_py()
    )


def _from_moments(
    arguments: Arguments,
    folds: Folds,
    condition: Condition,
    *,
    observe: Callable[[Moments], float],
    doubt: Callable[[Moments], float],
) -> Check:
    column = arguments.column(of=NUMBERS)
    limits = arguments.number("min_value"), arguments.number("max_value")
    strict = arguments.flag("strict_min"), arguments.flag("strict_max")
    moments = folds.one(Moments, column, condition)

    def judge() -> TableVerdict:
        observed = observe(moments)
        unsure = doubt(moments)
        if any(limit is not None and abs(observed - limit) <= unsure for limit in limits):
            raise LeftToGreatExpectationsError
        return judge_between(observed, limits, strict)

    return Check((moments,), judge)


def _sum(moments: Moments) -> float:
    return moments.sum


def _mean(moments: Moments) -> float:
    return moments.sum / moments.count if moments.count else math.nan


def _deviation(moments: Moments) -> float:
    return math.sqrt(moments.squares / (moments.count - 1)) if moments.count > 1 else math.nan


def _doubt_of_sum(moments: Moments) -> float:
    return moments.size * DOUBT


def _doubt_of_mean(moments: Moments) -> float:
    return moments.size * DOUBT / max(1, moments.count)


def _doubt_of_deviation(moments: Moments) -> float:
    return 1e-9 * moments.largest


def _median(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=NUMBERS)
    limits, strict = _limits(arguments, column)
    numbers = folds.one(Numbers, column, condition)

    def judge() -> TableVerdict:
        found = np.concatenate(numbers.parts) if numbers.parts else np.empty(0)
        with np.errstate(invalid="ignore"):  # infinities on both sides of the middle
            return judge_between(float(np.median(found)) if len(found) else None, limits, strict)

    return Check((numbers,), judge)


def _share_present(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=CLEAR)
    limits = arguments.number("min_value"), arguments.number("max_value")
    strict = arguments.flag("strict_min"), arguments.flag("strict_max")
    count = folds.one(Count, column, condition)

    def judge() -> TableVerdict:
        return judge_between((count.rows - count.missing) / count.rows if count.rows else 0, limits, strict)

    return Check((count,), judge)


AGGREGATES: dict[str, Rule] = {
    "expect_column_min_to_be_between": partial(_extreme, greatest=False),
    "expect_column_max_to_be_between": partial(_extreme, greatest=True),
    "expect_column_sum_to_be_between": partial(_from_moments, observe=_sum, doubt=_doubt_of_sum),
    "expect_column_mean_to_be_between": partial(_from_moments, observe=_mean, doubt=_doubt_of_mean),
    "expect_column_stdev_to_be_between": partial(_from_moments, observe=_deviation, doubt=_doubt_of_deviation),
    "expect_column_median_to_be_between": _median,
    "expect_column_proportion_of_non_null_values_to_be_between": _share_present,
}
