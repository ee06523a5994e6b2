"""A record batch as the rules see it: missing values are null, positions are those in the table.

What one rule has computed of it, others find again.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from lakemill.validation.one_pass.kinds import EXACT, Kind, LeftToGreatExpectationsError

Positions = NDArray[np.int64]
NOWHERE: Positions = np.empty(0, np.int64)
Mask: TypeAlias = "pa.BooleanArray | None"  # None: nowhere true


class Slice:
    """Some rows of a table, one after the other.

    Parameters
    ----------
    batch : pyarrow.RecordBatch
    kinds : mapping of str to Kind
        By column.
    first : int
        The position of its first row in the table.
    positions : ndarray of int64, optional
        The positions of its rows, if some in between are left out.
    """

    def __init__(
        self, batch: pa.RecordBatch, kinds: Mapping[str, Kind], first: int, positions: Positions | None = None
    ) -> None:
        self.rows: int = batch.num_rows
        self.kinds = kinds
        self._batch = batch
        self._first = first
        self._positions = positions
        self._known: dict[tuple[Any, ...], Any] = {}

    @classmethod
    def of_column(cls, name: str, values: pa.Array, kinds: Mapping[str, Kind]) -> "Slice":
        """Return some values of a column as rows of their own."""
        return cls(pa.record_batch([values], names=[name]), kinds, 0)

    def values(self, name: str) -> pa.Array:
        """Return a column; of text it may be encoded as a dictionary."""
        return self.once(("values", name), lambda: self._read(name))

    def text(self, name: str, test: Callable[[pa.Array], pa.BooleanArray]) -> Mask:
        """Return where a text passes a test, which is asked once for each entry of a dictionary."""
        values = self.values(name)
        if not isinstance(values, pa.DictionaryArray):
            return test(values)
        found = test(values.dictionary)
        return found.take(values.indices) if found.true_count else None

    def missing(self, name: str) -> pa.BooleanArray:
        """Return where a column is missing."""
        return self.once(("missing", name), lambda: self.values(name).is_null())

    def plain(self, name: str) -> pa.Array:
        """Return a column without a dictionary."""
        values = self.values(name)
        return values.dictionary_decode() if isinstance(values, pa.DictionaryArray) else values

    def numbers(self, name: str) -> NDArray[np.float64]:
        """Return a column's numbers without those that are missing.

        Raises
        ------
        LeftToGreatExpectationsError
            If there are whole numbers that are no doubles.
        """
        return self.once(("numbers", name), lambda: self._as_doubles(name))

    def require_exact(self, *names: str) -> None:
        """Refuse whole numbers that are no doubles: what pandas makes of them hangs on the whole column.

        Raises
        ------
        LeftToGreatExpectationsError
        """
        for name in names:
            if self.kinds[name] == "whole" and not self.is_exact(name):
                raise LeftToGreatExpectationsError

    def is_exact(self, name: str) -> bool:
        """Tell whether all whole numbers of a column are doubles too."""
        return self.once(("exact", name), lambda: self._find_exact(name))

    def positions(self, mask: Mask) -> Positions:
        """Return where in the table a mask is true."""
        if mask is None or not mask.true_count:
            return NOWHERE
        local = np.flatnonzero(mask.fill_null(False).to_numpy(zero_copy_only=False))
        return local + self._first if self._positions is None else self._positions[local]

    def span(self) -> Positions | range:
        """Return the positions of all rows."""
        return range(self._first, self._first + self.rows) if self._positions is None else self._positions

    def shown(self, names: tuple[str, ...], mask: Mask, limit: int) -> pa.Table:
        """Return the first rows of which a mask is true."""
        local = pc.indices_nonzero(mask)[:limit]
        return pa.table([self.plain(name).take(local) for name in names], names=list(names))

    def subset(self, condition: Any) -> "Slice":
        """Return the rows that meet a condition: a function of a slice that gives a mask."""
        if condition is None:
            return self
        return self.once(("subset", condition), lambda: self._choose(condition(self)))

    def once(self, key: tuple[Any, ...], compute: Callable[[], Any]) -> Any:
        """Return what was computed under a key, computing it the first time."""
        if key not in self._known:
            self._known[key] = compute()
        return self._known[key]

    def _read(self, name: str) -> pa.Array:
        values = self._batch.column(name)
        if not pa.types.is_floating(values.type) or not np.isnan(pc.sum(values).as_py() or 0.0):
            return values
        return pc.if_else(pc.is_nan(values), pa.scalar(None, values.type), values)

    def _as_doubles(self, name: str) -> NDArray[np.float64]:
        self.require_exact(name)
        values = self.values(name).drop_null()
        return values.to_numpy(zero_copy_only=False).astype(np.float64, copy=False)

    def _find_exact(self, name: str) -> bool:
        values = self.values(name)
        if values.type.bit_width < 64:
            return True
        ends = pc.min_max(values).as_py()
        return ends["min"] is None or (ends["min"] >= -EXACT and ends["max"] <= EXACT)

    def _choose(self, mask: Mask) -> "Slice":
        kept = pa.array(np.zeros(self.rows, bool)) if mask is None else mask.fill_null(False)
        return Slice(self._batch.filter(kept), self.kinds, 0, self.positions(kept))
