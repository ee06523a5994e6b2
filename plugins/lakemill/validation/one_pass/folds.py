"""What a pass gathers: a fold measures each slice on its own, in any thread, and adds the measures up in their order.

A fold is shared by the expectations that need the same. Stays out: judging.
"""

from collections.abc import Callable, Hashable
from typing import Any, Protocol, TypeVar, cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.validation.one_pass.slices import Mask, Positions, Slice

SHOWN = 200  # Great Expectations shows no more of the failing values either
Condition = Callable[[Slice], Mask] | None


class Fold(Protocol):
    """Something gathered over the slices of a table."""

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns that it reads."""

    def measure(self, rows: Slice) -> Any:
        """Measure a slice; changes nothing."""

    def add(self, measured: Any) -> None:
        """Take up the measure of the next slice."""


F = TypeVar("F", bound=Fold)


class Folds:
    """The folds of a pass, each there once."""

    def __init__(self) -> None:
        self._known: dict[Hashable, Fold] = {}

    def one(self, kind: type[F], *arguments: Hashable) -> F:
        """Return the fold of a kind with these arguments."""
        key = (kind, *arguments)
        if key not in self._known:
            self._known[key] = kind(*arguments)
        return cast(F, self._known[key])


class Count:
    """How many rows there are, and how many of these lack a value.

    Parameters
    ----------
    column : str or None
    condition : callable or None
        Which rows to take.
    """

    def __init__(self, column: str | None, condition: Condition = None) -> None:
        self.columns = (column,) if column else ()
        self.condition = condition
        self.rows = self.missing = 0

    def measure(self, rows: Slice) -> tuple[int, int]:
        """Count both."""
        rows = rows.subset(self.condition)
        return rows.rows, sum(rows.values(name).null_count for name in self.columns)

    def add(self, measured: tuple[int, int]) -> None:
        """Add them up."""
        self.rows += measured[0]
        self.missing += measured[1]


class FailingRows:
    """The rows of which something is true, with the first of their values.

    Parameters
    ----------
    columns : tuple of str
        What is shown of such rows.
    fails : callable
        Function of a slice that gives a mask.
    ignores : callable, optional
        Function of a slice that gives a mask of rows that are not spoken of.
    condition : callable or None
        Which rows to take.
    """

    def __init__(
        self,
        columns: tuple[str, ...],
        fails: Callable[[Slice], Mask],
        ignores: Callable[[Slice], Mask],
        condition: Condition = None,
    ) -> None:
        self.columns = columns
        self.condition = condition
        self.rows = self.ignored = 0
        self.failing: list[Positions] = []
        self.shown: list[pa.Table] = []
        self._fails = fails
        self._ignores = ignores

    def measure(self, rows: Slice) -> tuple[int, int, Positions, pa.Table | None]:
        """Find them in a slice."""
        rows = rows.subset(self.condition)
        ignored, failing = self._ignores(rows), self._fails(rows)
        if failing is not None and ignored is not None and ignored.true_count:
            failing = pc.and_(failing, pc.invert(ignored))
        positions = rows.positions(failing)
        shown = rows.shown(self.columns, failing, SHOWN) if len(positions) else None
        return rows.rows, ignored.true_count if ignored is not None else 0, positions, shown

    def add(self, measured: tuple[int, int, Positions, pa.Table | None]) -> None:
        """Take them up; values only until there are enough to show."""
        rows, ignored, positions, shown = measured
        self.rows += rows
        self.ignored += ignored
        if len(positions):
            self.failing.append(positions)
        if shown is not None and sum(map(len, self.shown)) < SHOWN:
            self.shown.append(shown)


class Extremes:
    """The least and the greatest value of a column.

    Parameters
    ----------
    column : str
    condition : callable or None
    """

    def __init__(self, column: str, condition: Condition = None) -> None:
        self.columns = (column,)
        self.condition = condition
        self.least: pa.Scalar | None = None
        self.greatest: pa.Scalar | None = None

    def measure(self, rows: Slice) -> tuple[pa.Scalar, pa.Scalar]:
        """Find both."""
        found = pc.min_max(rows.subset(self.condition).plain(self.columns[0]))
        return found["min"], found["max"]

    def add(self, measured: tuple[pa.Scalar, pa.Scalar]) -> None:
        """Keep what lies further out."""
        least, greatest = measured
        if not least.is_valid:
            return
        if self.least is None or pc.less(least, self.least).as_py():
            self.least = least
        if self.greatest is None or pc.greater(greatest, self.greatest).as_py():
            self.greatest = greatest


class Moments:
    """Number, sum, sum of sizes, and sum of squared distances from the mean, of a column's numbers.

    Parameters
    ----------
    column : str
    condition : callable or None

    Notes
    -----
    Sums of squares of two parts are put together as Chan, Golub and LeVeque do (1979).
    """

    def __init__(self, column: str, condition: Condition = None) -> None:
        self.columns = (column,)
        self.condition = condition
        self.count = 0
        self.sum = self.size = self.squares = self.largest = 0.0

    def measure(self, rows: Slice) -> tuple[int, float, float, float, float]:
        """Measure a slice."""
        numbers = rows.subset(self.condition).numbers(self.columns[0])
        if not len(numbers):
            return 0, 0.0, 0.0, 0.0, 0.0
        with np.errstate(invalid="ignore", over="ignore"):  # infinities give NaN, as they do in pandas
            total = float(numbers.sum())
            sizes = np.abs(numbers)
            distances = numbers - total / len(numbers)
            distances *= distances  # and not distances @ distances, for which BLAS wakes threads of its own
            return len(numbers), total, float(sizes.sum()), float(distances.sum()), float(sizes.max())

    def add(self, measured: tuple[int, float, float, float, float]) -> None:
        """Put both parts together."""
        count, total, size, squares, largest = measured
        if not count:
            return
        with np.errstate(invalid="ignore", over="ignore"):
            if self.count:
                apart = total / count - self.sum / self.count
                self.squares += apart * apart * (self.count * count / (self.count + count))
            self.squares += squares
            self.count += count
            self.sum += total
            self.size += size
            self.largest = max(self.largest, largest)


class Numbers:
    """All numbers of a column, eight bytes each.

    Parameters
    ----------
    column : str
    condition : callable or None
    """

    def __init__(self, column: str, condition: Condition = None) -> None:
        self.columns = (column,)
        self.condition = condition
        self.parts: list[Any] = []

    def measure(self, rows: Slice) -> Any:
        """Return them."""
        return rows.subset(self.condition).numbers(self.columns[0])

    def add(self, measured: Any) -> None:
        """Keep them."""
        self.parts.append(measured)
