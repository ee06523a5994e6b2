"""The arguments of an expectation, read strictly: whatever is written in an unusual way is left to Great Expectations.

It then refuses the arguments, or knows what to do with them.
"""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import pyarrow as pa

from lakemill.validation.one_pass.kinds import NUMBERS, Kind, LeftToGreatExpectationsError, kind_of

Limit = float | datetime | None
MOMENT = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d{6})?)?(Z|[+-]\d\d:\d\d)?")


class Arguments:
    """An expectation's keyword arguments over the columns of a table.

    Parameters
    ----------
    kwargs : dict
    schema : pyarrow.Schema

    Attributes
    ----------
    kinds : dict of str to Kind
        By column.
    """

    def __init__(self, kwargs: Mapping[str, Any], schema: pa.Schema) -> None:
        self.kinds: dict[str, Kind] = {column.name: kind_of(column.type) for column in schema}
        self._schema = schema
        self._left = dict(kwargs)
        self._left.pop("catch_exceptions", None)
        self._left.pop("batch_id", None)

    @property
    def table_columns(self) -> list[str]:
        """All columns of the table."""
        return list(self.kinds)

    def type_of(self, column: str) -> pa.DataType:
        """Return a column's type."""
        return self._schema.field(column).type

    def has_zone(self, column: str) -> bool:
        """Tell whether a column is one of moments with a time zone."""
        return self.kinds[column] == "moment" and self.type_of(column).tz is not None

    def column(self, name: str = "column", *, of: tuple[Kind, ...] | None = None) -> str:
        """Read a column's name, of one of some kinds."""
        return self._known_column(self._left.pop(name, None), of)

    def columns(self, name: str = "column_list", *, of: tuple[Kind, ...] | None = None) -> tuple[str, ...]:
        """Read a list of two columns or more."""
        written = self._left.pop(name, None)
        if not isinstance(written, list) or len(written) < 2 or len(set(map(str, written))) < len(written):
            raise LeftToGreatExpectationsError
        return tuple(self._known_column(one, of) for one in written)

    def choice(self, name: str, default: str, *others: str) -> str:
        """Read one of some words."""
        written = self._left.pop(name, default)
        if written not in (default, *others):
            raise LeftToGreatExpectationsError
        return written

    def share(self, name: str = "mostly") -> float:
        """Read a share in [0, 1], by default 1."""
        written = self._left.pop(name, 1)
        if not _is_number(written) or not 0 <= written <= 1:
            raise LeftToGreatExpectationsError
        return float(written)

    def flag(self, name: str, *, default: bool = False) -> bool:
        """Read a yes or no."""
        written = self._left.pop(name, default)
        if not isinstance(written, bool):
            raise LeftToGreatExpectationsError
        return written

    def whole(self, name: str) -> int | None:
        """Read a whole number."""
        written = self._left.pop(name, None)
        if written is not None and (not isinstance(written, int) or isinstance(written, bool)):
            raise LeftToGreatExpectationsError
        return written

    def number(self, name: str) -> float | None:
        """Read a number, as a double."""
        written = self._left.pop(name, None)
        if written is not None and not _is_number(written):
            raise LeftToGreatExpectationsError
        return None if written is None else float(written)

    def limit(self, name: str, column: str) -> Limit:
        """Read a limit of a column's values: a number, or a moment written in full."""
        kind = self.kinds[column]
        if kind in NUMBERS or self._left.get(name) is None:
            return self.number(name)
        written = self._left.pop(name)
        if kind != "moment" or not isinstance(written, str) or not MOMENT.fullmatch(written):
            raise LeftToGreatExpectationsError
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            raise LeftToGreatExpectationsError from None
        if (moment.tzinfo is not None) != self.has_zone(column):
            raise LeftToGreatExpectationsError
        return moment

    def text(self, name: str) -> str:
        """Read a text."""
        written = self._left.pop(name, None)
        if not isinstance(written, str):
            raise LeftToGreatExpectationsError
        return written

    def texts(self, name: str) -> tuple[str, ...]:
        """Read a list of texts that is not empty."""
        written = self._left.pop(name, None)
        if not isinstance(written, list) or not written or not all(isinstance(one, str) for one in written):
            raise LeftToGreatExpectationsError
        return tuple(written)

    def value_set(self, name: str, kind: Kind) -> list[Any]:
        """Read values as a column of some kind holds them: texts, or numbers."""
        written = self._left.pop(name, None)
        if not isinstance(written, list) or not written or not all(_fits(one, kind) for one in written):
            raise LeftToGreatExpectationsError
        return written

    def pairs(self, name: str, kinds: tuple[Kind, Kind]) -> set[tuple[Any, Any]]:
        """Read pairs of values as two columns hold them; either may be missing."""
        written = self._left.pop(name, None)
        if not isinstance(written, list) or not all(isinstance(one, list | tuple) and len(one) == 2 for one in written):
            raise LeftToGreatExpectationsError
        for pair in written:
            if not all(one is None or _fits(one, kind) for one, kind in zip(pair, kinds, strict=True)):
                raise LeftToGreatExpectationsError
        return {(one, other) for one, other in written}

    def condition(self) -> tuple[Any, Any]:
        """Take what says which rows are spoken of, and how that is written."""
        return self._left.pop("row_condition", None), self._left.pop("condition_parser", None)

    def end(self) -> None:
        """Make sure that nothing is left unread."""
        if self._left:
            raise LeftToGreatExpectationsError

    def _known_column(self, written: Any, of: tuple[Kind, ...] | None) -> str:
        if not isinstance(written, str) or written not in self.kinds:
            raise LeftToGreatExpectationsError
        if of is not None and self.kinds[written] not in of:
            raise LeftToGreatExpectationsError
        return written


def _is_number(written: Any) -> bool:
    return isinstance(written, int | float) and not isinstance(written, bool) and abs(written) < 2**53


def _fits(value: Any, kind: Kind) -> bool:
    if kind in NUMBERS:
        return _is_number(value)
    return kind == "text" and isinstance(value, str)
