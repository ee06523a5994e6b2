"""Expectations on the set of a column's values, while these are few."""

from collections import Counter
from functools import partial
from typing import Any

import pyarrow.compute as pc

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Folds
from lakemill.validation.one_pass.kinds import LeftToGreatExpectationsError
from lakemill.validation.one_pass.rule import Check, Rule, TableVerdict
from lakemill.validation.one_pass.slices import Slice

MOST = 100_000  # different values
LISTED = 20  # Great Expectations lists no more of them either


class Values:
    """The different values of a column, and how often each comes.

    Parameters
    ----------
    column : str
    condition : callable or None
    """

    def __init__(self, column: str, condition: Condition = None) -> None:
        self.columns = (column,)
        self.condition = condition
        self.counts: Counter[Any] = Counter()

    def measure(self, rows: Slice) -> dict[Any, int]:
        """Count them."""
        rows, name = rows.subset(self.condition), self.columns[0]
        rows.require_exact(name)
        counted = pc.value_counts(rows.values(name).drop_null())
        values = counted.field(0)
        if len(values) > MOST:
            raise LeftToGreatExpectationsError
        as_held = values.dictionary_decode() if rows.kinds[name] == "text" and hasattr(values, "dictionary") else values
        return dict(zip(as_held.to_pylist(), counted.field(1).to_pylist(), strict=True))

    def add(self, measured: dict[Any, int]) -> None:
        """Add them up."""
        self.counts.update(measured)
        if len(self.counts) > MOST:
            raise LeftToGreatExpectationsError


def _set(arguments: Arguments, folds: Folds, condition: Condition, *, unexpected: bool, missing: bool) -> Check:
    column = arguments.column(of=("whole", "real", "text"))
    wanted = set(arguments.value_set("value_set", arguments.kinds[column]))
    values = folds.one(Values, column, condition)

    def judge() -> TableVerdict:
        found = set(values.counts)
        others, lacking = sorted(found - wanted), sorted(wanted - found)
        result: dict[str, Any] = {"observed_value": None}
        if unexpected:
            result |= {"unexpected_count": len(others)}
        if missing:
            result |= {"missing_count": len(lacking)}
        if unexpected:
            result |= {"partial_unexpected_list": others[:LISTED]}
        if missing:
            result |= {"partial_missing_list": lacking[:LISTED]}
        return TableVerdict(not (unexpected and others) and not (missing and lacking), result)

    return Check((values,), judge)


def _most_common(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=("whole", "real", "text"))
    wanted = set(arguments.value_set("value_set", arguments.kinds[column]))
    may_tie = arguments.flag("ties_okay")
    values = folds.one(Values, column, condition)

    def judge() -> TableVerdict:
        most = max(values.counts.values(), default=0)
        common = sorted(value for value, count in values.counts.items() if count == most)
        among = wanted.intersection(common)
        success = bool(among) if may_tie else len(common) == 1 and len(among) == 1
        return TableVerdict(success, {"observed_value": common})

    return Check((values,), judge)


DISTINCT: dict[str, Rule] = {
    "expect_column_distinct_values_to_be_in_set": partial(_set, unexpected=True, missing=False),
    "expect_column_distinct_values_to_contain_set": partial(_set, unexpected=False, missing=True),
    "expect_column_distinct_values_to_equal_set": partial(_set, unexpected=True, missing=True),
    "expect_column_most_common_value_to_be_in_set": _most_common,
}
