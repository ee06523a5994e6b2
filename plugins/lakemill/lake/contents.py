"""A digest of rows that come piece by piece: equal content has the same, however it is cut.

Stays out: what is done where contents differ.
"""

import hashlib
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc


class ContentDigest:
    """A hash of the values of some columns, in order; of their types it knows what the values look like.

    Parameters
    ----------
    names : list of str
        Columns.

    Examples
    --------
    >>> whole, cut = ContentDigest(["x"]), ContentDigest(["x"])
    >>> rows = pa.table({"x": ["a", None, "b"]})
    >>> whole.add(rows)
    >>> cut.add(rows.slice(0, 2)); cut.add(rows.slice(2))
    >>> whole == cut
    True
    """

    def __init__(self, names: list[str]) -> None:
        self._columns = {name: _Column() for name in names}

    def add(self, rows: pa.Table) -> None:
        """Take the next rows."""
        for name, column in self._columns.items():
            for chunk in rows.column(name).chunks:
                column.add(chunk)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, ContentDigest) and self._digests() == other._digests()

    __hash__ = None  # type: ignore[assignment]  # it changes

    def _digests(self) -> dict[str, list[bytes]]:
        return {name: column.digests() for name, column in self._columns.items()}


class _Column:
    """Hashes of which values are there, of their lengths, of what they are; for lists of their items too."""

    def __init__(self) -> None:
        # one for each: mixed, they would depend on where the rows were cut
        self._is_there, self._lengths, self._values = (hashlib.blake2b() for _ in range(3))
        self._items: _Column | None = None

    def add(self, values: Any) -> None:
        self._is_there.update(values.is_valid().to_numpy(zero_copy_only=False).tobytes())
        values = values.drop_null()
        kind = values.type
        if pa.types.is_list(kind):
            self._lengths.update(pc.list_value_length(values).to_numpy().tobytes())
            self._items = self._items or _Column()
            self._items.add(values.flatten())
        elif pa.types.is_string(kind) or pa.types.is_binary(kind):
            self._lengths.update(pc.binary_length(values).to_numpy().tobytes())
            self._values.update(_join(values))
        elif pa.types.is_primitive(kind):
            self._values.update(np.ascontiguousarray(values.to_numpy(zero_copy_only=False)).tobytes())
        else:
            self._values.update("".join(map(repr, values.to_pylist())).encode())

    def digests(self) -> list[bytes]:
        own = [one.digest() for one in (self._is_there, self._lengths, self._values)]
        return own + (self._items.digests() if self._items else [])


def _join(values: Any) -> bytes:
    if len(values) == 0:
        return b""
    offsets = np.frombuffer(values.buffers()[1], "int32")[values.offset : values.offset + len(values) + 1]
    return bytes(values.buffers()[2][offsets[0] : offsets[-1]].to_pybytes()) if offsets[-1] > offsets[0] else b""
