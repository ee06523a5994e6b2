"""A branch of a lake: what others wrote is read where it lies, as it was at one moment; what is written is its own.

Nothing is copied, and nothing of the other lake can be written through a branch. Stays out: which tables are shared.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable
from pyarrow import fs

from lakemill.exceptions import LakeError
from lakemill.lake.storage import Lake


@dataclass(frozen=True)
class Shared:
    """What a branch reads of the lake that it was taken from.

    Attributes
    ----------
    versions : mapping of str to int
        The version of each table that is read; -1 where there was none.
    parts : mapping of str to (str, str)
        Tables of which only the rows with one value of a partition column are read, beside the branch's own rows, which
        have other values: by table the column and the value. Of tables that are not named here all rows are read, and
        the branch has none of its own.
    documents : tuple of str
        Folders of documents.
    """

    versions: Mapping[str, int]
    parts: Mapping[str, tuple[str, str]] = field(default_factory=dict)
    documents: tuple[str, ...] = ()

    def takes_whole(self, table: str) -> bool:
        """Tell whether a branch reads all of a table, and writes nothing to it."""
        return table in self.versions and table not in self.parts


class Branch(Lake):
    """A lake of its own that reads some tables of another one.

    Parameters
    ----------
    address : str
        Where what is written to the branch lies.
    base : Lake
        The other lake.
    shared : Shared
    """

    def __init__(self, address: str, base: Lake, shared: Shared) -> None:
        super().__init__(address, base.workflow)
        self._base = base
        self._shared = shared

    def read(
        self,
        table: str,
        partitions: list[str] | None = None,
        *,
        where: dict[str, str] | None = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Read a table, or some partitions of it: rows of the other lake first, then the branch's own."""
        own = super().read(table, partitions, where=where, columns=columns, version=version)
        if (part := self._find_part(table, where or {})) is None:
            return own
        held = self._base.read(
            table, partitions, where={**(where or {}), **part}, columns=columns, version=self._shared.versions[table]
        )
        return held if own is None else pa.concat_tables([held, own], promote_options="default")

    def read_document(self, name: str) -> dict[str, Any] | None:
        """Return a document, of the other lake where it lies in a folder that is shared; None where there is none."""
        held = super().read_document(name)
        is_shared = any(name.startswith(f"{folder}/") for folder in self._shared.documents)
        return self._base.read_document(name) if held is None and is_shared else held

    def open(self, table: str, version: int | None = None) -> DeltaTable | None:
        """Return a table, for this room: of a shared one the version that the branch has."""
        if not self._shared.takes_whole(table):
            return super().open(table, version)
        pinned = self._shared.versions[table]
        return None if pinned < 0 else self._base.open(table, pinned if version is None else version)

    def files_of(self, table: str) -> fs.FileSystem:
        """Return a table's folder as a file system, for this room."""
        return self._base.files_of(table) if self._shared.takes_whole(table) else super().files_of(table)

    def require_own(self, table: str, within: Mapping[str, str] | None = None) -> None:
        """Raise where a table, or these rows of it, are the other lake's.

        Raises
        ------
        LakeError
        """
        column, value = self._shared.parts.get(table, ("", ""))
        if self._shared.takes_whole(table) or (column and (within or {}).get(column, value) == value):
            raise LakeError(
                "a branch does not write what it reads of another lake",
                where=f"{self.workflow}.{table}",
                remedy="write it to the lake itself",
            )

    def _find_part(self, table: str, where: Mapping[str, str]) -> dict[str, str] | None:
        """Return which rows of the other lake belong to what is asked for; None for none."""
        if table not in self._shared.parts or self._shared.versions[table] < 0:
            return None
        column, value = self._shared.parts[table]
        return {column: value} if where.get(column, value) == value else None

    def _list_keys(self, table: str) -> list[dict[str, str]]:
        keys = super()._list_keys(table)
        part = self._find_part(table, {})
        held = self._base.open(table, self._shared.versions[table]) if part is not None else None
        if part is None or held is None:
            return keys
        return keys + [one for one in held.partitions() if part.items() <= one.items()]
