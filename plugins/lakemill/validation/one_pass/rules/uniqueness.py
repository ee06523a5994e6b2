"""Expectations that no value, or no combination of values, comes twice; and how many different values there are."""

from functools import partial
from typing import Any

import numpy as np
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakemill.validation.one_pass.arguments import Arguments
from lakemill.validation.one_pass.folds import Condition, Count, Folds
from lakemill.validation.one_pass.keys import Lane, exact_keys, keys_of_texts, row_keys, text_keys
from lakemill.validation.one_pass.kinds import KEYED, LeftToGreatExpectationsError
from lakemill.validation.one_pass.results import judge_between
from lakemill.validation.one_pass.rule import Check, RowsVerdict, Rule, TableVerdict
from lakemill.validation.one_pass.rules.records import IGNORED, Ignored, missing_of
from lakemill.validation.one_pass.slices import NOWHERE, Positions, Slice

SAMPLE = 4096  # rows that tell whether a slice has few different values
_BUCKETS = np.uint64(20)  # bits


class Keys:
    """The keys of all rows, or of the values of one column that are not missing.

    Parameters
    ----------
    columns : tuple of str
    ignored : str
        Which rows to leave out by their missing values: ``any``, ``all`` or ``none``.
    condition : callable or None
        Which rows to take.
    """

    def __init__(self, columns: tuple[str, ...], ignored: Ignored, condition: Condition = None) -> None:
        self.columns = columns
        self.condition = condition
        self.rows = self.ignored = 0
        self.is_exact = True
        self._ignored = ignored
        self._lanes: list[tuple[Lane, ...]] = []
        self._positions: list[Positions | range] = []

    def measure(self, rows: Slice) -> tuple[int, tuple[Lane, ...], Positions | range, bool]:
        """Make the keys."""
        rows = rows.subset(self.condition)
        left_out = missing_of(self.columns, self._ignored, rows)
        lanes = _lanes_of(rows, self.columns)
        is_exact = all(rows.kinds[name] != "whole" or rows.is_exact(name) for name in self.columns)
        if left_out is None or not left_out.true_count:
            return rows.rows, lanes, rows.span(), is_exact
        kept = pc.invert(left_out)
        local = kept.to_numpy(zero_copy_only=False)
        return rows.rows, tuple(lane[local] for lane in lanes), rows.positions(kept), is_exact

    def add(self, measured: tuple[int, tuple[Lane, ...], Positions | range, bool]) -> None:
        """Keep them."""
        rows, lanes, positions, is_exact = measured
        self.rows += rows
        self.ignored += rows - len(lanes[0])
        self.is_exact &= is_exact
        self._lanes.append(lanes)
        self._positions.append(positions)

    def repeated(self) -> Positions:
        """Return the positions of rows whose key comes twice or more often."""
        first = [lanes[0] for lanes in self._lanes]
        if not first or _ascends(first):
            return NOWHERE
        ordered = np.concatenate(first)
        ordered.sort()
        if not np.any(ordered[1:] == ordered[:-1]):
            return NOWHERE
        lanes = [np.concatenate(parts) for parts in zip(*self._lanes, strict=True)]
        found = _find_repeated(lanes, ordered)
        if not len(found):
            return found
        ends = np.cumsum([len(one) for one in self._positions])
        cuts = np.searchsorted(found, ends)
        places = zip(self._positions, ends, np.split(found, cuts[:-1]), strict=True)
        return np.concatenate([_positions_in(part, local - (end - len(part))) for part, end, local in places])


class DifferentValues:
    """How many different values a column has.

    Parameters
    ----------
    column : str
    condition : callable or None
    """

    def __init__(self, column: str, condition: Condition = None) -> None:
        self.columns = (column,)
        self.condition = condition
        self._lanes: list[tuple[Lane, ...]] = []

    def measure(self, rows: Slice) -> tuple[Lane, ...]:
        """Make the keys of the values, each once where they are few."""
        rows, name = rows.subset(self.condition), self.columns[0]
        rows.require_exact(name)
        values = rows.plain(name).drop_null()
        if len(pc.unique(values[:SAMPLE])) <= len(values[:SAMPLE]) // 2:
            values = pc.unique(values)
        if rows.kinds[name] == "text":
            return text_keys(values)
        return (exact_keys(Slice.of_column(name, values, rows.kinds), name),)

    def add(self, measured: tuple[Lane, ...]) -> None:
        """Keep them."""
        self._lanes.append(measured)

    def count(self) -> int:
        """Return their number."""
        if not self._lanes:
            return 0
        lanes = [np.concatenate(parts) for parts in zip(*self._lanes, strict=True)]
        ordered = np.sort(lanes[0])
        number = int(np.count_nonzero(ordered[1:] != ordered[:-1])) + bool(len(ordered))
        if len(lanes) == 1:
            return number
        # the same first lane of another second one is another value
        rows = _of_repeated_first(lanes[0], ordered)
        pairs = np.unique(np.stack([lane[rows] for lane in lanes]), axis=1)
        return number + pairs.shape[1] - len(np.unique(pairs[0]))


def _positions_in(part: Positions | range, local: Positions) -> Positions:
    return local + part.start if isinstance(part, range) else part[local]


def _lanes_of(rows: Slice, columns: tuple[str, ...]) -> tuple[Lane, ...]:
    if len(columns) > 1:
        return row_keys(rows, columns)
    if rows.kinds[columns[0]] == "text":
        return rows.once(("text keys", columns[0]), lambda: keys_of_texts(rows, columns[0]))
    return (exact_keys(rows, columns[0]),)


def _ascends(parts: list[Lane]) -> bool:
    """Tell whether each key is greater than the one before, as numbers given in order are: then none repeats."""
    last = -1
    for part in parts:
        if len(part) and (int(part[0]) <= last or np.any(part[1:] <= part[:-1])):
            return False
        last = int(part[-1]) if len(part) else last
    return True


def _find_repeated(lanes: list[Lane], ordered: Lane) -> NDArray[np.int64]:
    rows = _of_repeated_first(lanes[0], ordered)
    if len(lanes) == 1 or not len(rows):
        return rows
    order = np.lexsort([lane[rows] for lane in lanes])
    alike = np.ones(len(rows) - 1, bool)
    for lane in lanes:
        ordered = lane[rows][order]
        alike &= ordered[1:] == ordered[:-1]
    repeated = np.append(alike, False) | np.append(False, alike)
    return np.sort(rows[order[repeated]])


def _of_repeated_first(lane: Lane, ordered: Lane) -> NDArray[np.int64]:
    """Return the places of keys that come more than once in a lane, of which the ordered lane is given too."""
    repeated = np.unique(ordered[1:][ordered[1:] == ordered[:-1]])
    if not len(repeated):
        return NOWHERE
    # most keys are told apart by a table of some of their bits; the few others are looked up
    table = np.zeros(1 << int(_BUCKETS), bool)
    table[_bucket(repeated)] = True
    near = np.flatnonzero(table[_bucket(lane)])
    places = np.minimum(np.searchsorted(repeated, lane[near]), len(repeated) - 1)
    return near[repeated[places] == lane[near]]


def _bucket(lane: Lane) -> Any:
    return (lane * np.uint64(0x9E3779B97F4A7C15)) >> (np.uint64(64) - _BUCKETS)


def _check_keys(
    columns: tuple[str, ...], ignored: Ignored, style: Any, arguments: Arguments, folds: Folds, condition: Condition
) -> Check:
    mostly = arguments.share()
    keys = folds.one(Keys, columns, ignored, condition)
    missing = [folds.one(Count, column) for column in columns if arguments.kinds[column] == "whole"]

    def judge() -> RowsVerdict:
        if not keys.is_exact and any(count.missing for count in missing):
            raise LeftToGreatExpectationsError  # pandas holds these whole numbers as doubles, some of which are alike
        return RowsVerdict(style, columns, keys.rows, keys.ignored, mostly, keys.repeated())

    return Check((keys, *missing), judge)


def _unique(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    column = arguments.column(of=KEYED)
    return _check_keys((column,), "any", "values", arguments, folds, condition)


def _compound_unique(arguments: Arguments, folds: Folds, condition: Condition) -> Check:
    columns = arguments.columns(of=KEYED)
    ignored = IGNORED[arguments.choice("ignore_row_if", *IGNORED)]
    return _check_keys(columns, ignored, "records", arguments, folds, condition)


def _count_between(arguments: Arguments, folds: Folds, condition: Condition, *, share: bool = False) -> Check:
    column = arguments.column(of=KEYED)
    different = folds.one(DifferentValues, column, condition)
    count = folds.one(Count, column, condition)
    if share:
        least, greatest = (arguments.number(name) for name in ("min_value", "max_value"))
    else:
        least, greatest = (arguments.whole(name) for name in ("min_value", "max_value"))
    strict = arguments.flag("strict_min"), arguments.flag("strict_max")

    def judge() -> TableVerdict:
        number = different.count()
        present = count.rows - count.missing
        observed = number if not share else number / present if present else 0
        return judge_between(observed, (least, greatest), strict)

    return Check((different, count), judge)


UNIQUENESS: dict[str, Rule] = {
    "expect_column_values_to_be_unique": _unique,
    "expect_compound_columns_to_be_unique": _compound_unique,
    "expect_column_unique_value_count_to_be_between": _count_between,
    "expect_column_proportion_of_unique_values_to_be_between": partial(_count_between, share=True),
}
