"""Rows of any number, streamed into partitions of a table: Parquet files that no reader sees before the one commit.

Stays out: what the rows mean, and when a partition has changed.
"""

import random
import time
from collections.abc import Set
from types import TracebackType
from typing import Any, Self

import pyarrow as pa
import pyarrow.compute as pc
from deltalake import CommitProperties, DeltaTable, Schema
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction

from lakemill.exceptions import LakeError, MisfitError, suggest
from lakemill.lake.column_types import find_alike, fit_column, plain_field
from lakemill.lake.part_files import PartFile, read_part
from lakemill.lake.storage import COMMIT_TRIES, KEEP_VERSIONS, PARTITION, Lake

ROW_GROUP_BYTES = 32 * 2**20  # of rows in memory, before they are encoded
BUFFERED_BYTES = 192 * 2**20  # of all partitions together
FILE_BYTES = 1 * 2**30  # of rows in memory; a file then has a fraction of it
MOST_OPEN = 32  # files at once: on an object store each holds some megabytes
MOST_FILES = 8  # of a partition, where its rows came scattered: more are made one before they are committed


class StaleReadError(LakeError):
    """A partition has changed since it was read."""


class PartitionWriter:
    """A stream of rows into partitions of one table.

    As a context it removes what it wrote unless that was committed.

    Parameters
    ----------
    lake : Lake
    table : str
    within : dict, optional
        Further partition columns with their one value.
    may_grow : bool
        Whether columns that the table lacks are added; else they are an error.
    columns_may_lack : bool
        Whether rows may lack columns of the table, which are then null; else that is an error.
    where : str
        What is told in errors.
    based_on : set of str, optional
        Where what is written was made of the partitions' own rows: the files that these were read from, as
        `active_files` gives them. If they are others when it is committed, that is an error.
    gives_columns : bool
        Whether what is written gives the table its columns anew, where no other partition has rows at the commit.
    """

    def __init__(
        self,
        lake: Lake,
        table: str,
        *,
        within: dict[str, str] | None = None,
        may_grow: bool = False,
        columns_may_lack: bool = True,
        where: str = "",
        based_on: Set[str] | None = None,
        gives_columns: bool = False,
    ) -> None:
        lake.require_own(table, within)
        self._lake = lake
        self._table = table
        self._within = within or {}
        self._may_grow = may_grow
        self._columns_may_lack = columns_may_lack
        self._where = where or f"{lake.workflow}.{table}"
        self._based_on = based_on
        self._gives_columns = gives_columns
        self._held = None if gives_columns else self._columns_of(lake.open(table))
        self._schema = self._held
        self._untyped: dict[str, None] = {}  # columns that have had no value yet
        self._buffers: dict[str, list[pa.Table]] = {}
        self._sizes: dict[str, int] = {}
        self._buffered = 0
        self._parts: dict[str, PartFile] = {}
        self._numbers: dict[str, int] = {}
        self._actions: dict[str, list[AddAction]] = {}
        self._paths: set[str] = set()
        self._is_handed_over = False  # a commit was tried: what became of the files is the log's to say

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._is_handed_over:
            self.abandon()

    def write(self, partition: str, rows: pa.Table, *, may_lack: bool = False) -> None:
        """Take rows of a partition; they are kept in the order that they come in.

        Parameters
        ----------
        partition : str
        rows : pyarrow.Table
            Without the columns of partitions.
        may_lack : bool
            Whether these may lack columns, though others may not.

        Raises
        ------
        MisfitError
            If columns or their types don't fit the table; the writer is as it was, and may go on with other rows.
        LakeError
            If the lake cannot be written to.
        """
        rows = self._conform(rows, partition, may_lack=may_lack)
        if len(rows) == 0:
            return
        self._buffers.setdefault(partition, []).append(rows)
        self._sizes[partition] = self._sizes.get(partition, 0) + rows.nbytes
        self._buffered += rows.nbytes
        if self._sizes[partition] >= ROW_GROUP_BYTES:
            self._flush(partition)
        elif self._buffered >= BUFFERED_BYTES:
            self._flush(max(self._sizes, key=lambda key: self._sizes[key]))

    def commit(self, partitions: list[str]) -> bool:
        """Make what was written the content of these partitions, in one commit; what was written of others is dropped.

        Parameters
        ----------
        partitions : list of str
            Of which nothing was written become empty.

        Returns
        -------
        bool
            Whether there was anything to write or to remove.

        Raises
        ------
        LakeError
            If it cannot be committed. Unless the columns do not fit, what was written stays, unseen: the commit may
            have come through though the store did not say so.
        StaleReadError
            If the partitions are not any more as they were read.
        """
        for partition in {*self._actions, *self._parts, *self._buffers}:
            self._finish(partition, is_wanted=partition in partitions)
        for attempt in range(COMMIT_TRIES):
            try:
                return self._commit(sorted(set(partitions)), is_again=attempt > 0)
            except DeltaError as error:
                if attempt == COMMIT_TRIES - 1:
                    raise LakeError(
                        f"could not commit: {error}", where=self._where, remedy="run it again: nothing was replaced"
                    ) from error
                time.sleep(random.uniform(0.01, 0.05) * (attempt + 1))
            except OSError as error:
                raise self._tell(error) from error
        raise AssertionError("unreachable: the last attempt returns or raises")

    def abandon(self) -> None:
        """Remove what was written."""
        self._buffers, self._sizes, self._buffered = {}, {}, 0
        for partition in list(self._parts):
            self._parts.pop(partition).discard()
        self._drop(set(self._paths))

    # -- committing ---------------------------------------------------------------------------------------------------

    def _commit(self, partitions: list[str], *, is_again: bool) -> bool:
        current = self._lake.open(self._table)
        is_anew = self._gives_columns and self._schema is not None and not _has_others(current, partitions)
        if not is_anew:
            self._adopt(self._columns_of(current))
        if self._schema is None:
            return False
        self._schema = self._whole_schema(self._schema)
        keys = [PARTITION, *self._within]
        columns = pa.schema([*self._schema, *(pa.field(name, pa.string()) for name in keys)])
        if current is None:
            current = DeltaTable.create(self._lake.uri(self._table), schema=columns, partition_by=keys)
        actions = [action for partition in partitions for action in self._actions.get(partition, [])]
        if is_again and actions and {action.path for action in actions} <= _paths_in(current):
            return True  # the commit before had come through, though it was not told so
        if self._based_on is not None and active_files(current, partitions, self._within).keys() != self._based_on:
            raise StaleReadError("another process has written it since it was read", where=self._where)
        before = {key[PARTITION] for key in current.partitions() if self._within.items() <= key.items()}
        if not actions and not before & set(partitions):
            return False
        if is_anew and set(columns) != set(pa.schema(current.schema().to_arrow())):
            schema = Schema.from_arrow(columns)
        else:
            schema = self._add_columns(current, self._schema).schema()
        filters: list[Any] = [(PARTITION, "in", partitions)]
        self._is_handed_over = True
        current.create_write_transaction(
            actions,
            "overwrite",
            schema,
            keys,
            partition_filters=filters + [(name, "=", value) for name, value in self._within.items()],
            commit_properties=CommitProperties(
                custom_metadata={PARTITION: ",".join(partitions[:100]), **self._within}, max_commit_retries=0
            ),
            post_commithook_properties=KEEP_VERSIONS,
        )
        return True

    def _whole_schema(self, schema: pa.Schema) -> pa.Schema:
        names = set(schema.names)
        return pa.schema([*schema, *(pa.field(name, pa.string()) for name in self._untyped if name not in names)])

    def _add_columns(self, current: DeltaTable, schema: pa.Schema) -> DeltaTable:
        held = set(pa.schema(current.schema().to_arrow()).names)
        added = [field for field in schema if field.name not in held]
        if not added:
            return current
        current.alter.add_columns(
            list(Schema.from_arrow(pa.schema(added)).fields), post_commithook_properties=KEEP_VERSIONS
        )
        return DeltaTable(self._lake.uri(self._table))

    def _adopt(self, held: pa.Schema | None) -> None:
        """Bring what was written to the columns of a table that others have made or changed meanwhile."""
        if held is None or (self._held is not None and held.equals(self._held)):
            return
        self._held = held
        if self._schema is None:
            self._schema = held
            return
        own = self._whole_schema(self._schema)
        fits = all(held.field(field.name).type == field.type for field in self._schema if field.name in held.names)
        fits &= self._may_grow or set(own.names) <= set(held.names)
        fits &= self._columns_may_lack or set(held.names) <= set(own.names)
        mine = [field for field in self._schema if field.name not in held.names]
        self._schema = pa.schema([*held, *mine] if fits else held)
        if not fits:  # each piece is now fitted or refused as if the table had been there from the first
            for partition in list(self._actions):
                self._rewrite(partition)

    def _finish(self, partition: str, *, is_wanted: bool) -> None:
        if not is_wanted:
            self._buffered -= self._sizes.pop(partition, 0)
            self._buffers.pop(partition, None)
        self._flush(partition)
        if partition in self._parts:
            self._close(partition)
        found = self._actions.get(partition, [])
        if not is_wanted:
            self._drop({action.path for action in self._actions.pop(partition, [])})
        elif len(found) > MOST_FILES and sum(action.size for action in found) < len(found) * ROW_GROUP_BYTES // 4:
            self._rewrite(partition)

    def _rewrite(self, partition: str) -> None:
        old = self._actions.pop(partition, [])
        for action in old:
            for rows in read_part(self._lake, self._table, action.path):
                self.write(partition, rows)
        self._flush(partition)
        if partition in self._parts:
            self._close(partition)
        self._drop({action.path for action in old})

    # -- fitting rows to the table ------------------------------------------------------------------------------------

    def _columns_of(self, current: DeltaTable | None) -> pa.Schema | None:
        if current is None:
            return None
        columns = pa.schema(current.schema().to_arrow())
        return pa.schema([plain_field(field) for field in columns if field.name not in (PARTITION, *self._within)])

    def _conform(self, rows: pa.Table, partition: str, *, may_lack: bool) -> pa.Table:
        """Bring rows to the table's columns and types."""
        where = f"{self._where} {partition}"
        self._require_names(rows, where)
        known = {*(self._schema.names if self._schema is not None else ()), *self._untyped}
        new = [field for field in rows.schema if field.name not in known]
        if new and self._held is not None and not self._may_grow:
            raise MisfitError(
                f"column {new[0].name!r} is new; the table has not had it",
                where=where,
                remedy=f"{suggest(new[0].name, self._held.names)}; 'columns: grow' at the source adds new ones",
                columns=[field.name for field in new],
            )
        schema = pa.schema([]) if self._schema is None else self._schema
        given, held = set(rows.column_names), set(schema.names)  # once: Arrow makes a new list each time it is asked
        lacking = [name for name in schema.names if name not in given]
        if lacking and len(rows) and self._held is not None and not (may_lack or self._columns_may_lack):
            raise MisfitError(
                f"column {lacking[0]!r} is missing; earlier deliveries had it",
                where=where,
                remedy=f"{suggest(lacking[0], rows.column_names)}; with 'columns: grow' at the source it becomes null",
            )
        untyped = dict.fromkeys(field.name for field in new if pa.types.is_null(field.type))
        typed = [
            _plain(field, where) for field in rows.schema if field.name not in held and not pa.types.is_null(field.type)
        ]
        schema = pa.schema([*schema, *typed])
        columns = {
            field.name: fit_column(rows.column(field.name), field, where=where)
            if field.name in given
            else pa.nulls(len(rows), field.type)
            for field in schema
        }
        self._untyped |= untyped
        self._schema = schema
        return pa.table(columns, schema=schema)

    def _require_names(self, rows: pa.Table, where: str) -> None:
        names = rows.column_names
        taken = [name for name in names if name.lower() in (PARTITION, *self._within)]
        held = self._schema.names if self._schema is not None else []
        alike = find_alike(names) or find_alike(sorted({*names, *held}))
        if taken:
            raise MisfitError(
                f"column {taken[0]!r} has the name of one of the lake's own",
                where=where,
                remedy="give it another name where it is delivered",
                columns=taken,
            )
        if alike:
            new = [name for name in alike if name not in held and names.count(name) == 1]
            raise MisfitError(
                f"column {alike[0]!r} comes twice"
                if alike[0] == alike[1]
                else f"columns {alike[0]!r} and {alike[1]!r}: capitals do not tell columns of a table apart",
                where=where,
                remedy="give one of them another name where it is delivered",
                # of two that are new the one that fewer rows have
                columns=[max(new, key=lambda name: (rows.column(name).null_count, name))] if new else [],
            )

    # -- files ----------------------------------------------------------------------------------------------------

    def _flush(self, partition: str) -> None:
        tables = self._buffers.pop(partition, [])
        self._buffered -= self._sizes.pop(partition, 0)
        if not tables:
            return
        rows = pa.concat_tables(tables, promote_options="default")
        try:
            part = self._parts.pop(partition, None)
            if part is not None and (part.schema != rows.schema or part.taken > FILE_BYTES):
                self._parts[partition] = part
                self._close(partition)
                part = None
            self._parts[partition] = part or self._open_part(partition, rows.schema)  # the last used stands last
            self._parts[partition].write(rows)
        except OSError as error:
            raise self._tell(error) from error

    def _open_part(self, partition: str, schema: pa.Schema) -> PartFile:
        if len(self._parts) >= MOST_OPEN:
            self._close(next(iter(self._parts)))
        number = self._numbers[partition] = self._numbers.get(partition, -1) + 1
        part = PartFile(self._lake, self._table, {PARTITION: partition, **self._within}, number, schema)
        self._paths.add(part.path)
        return part

    def _close(self, partition: str) -> None:
        try:
            action = self._parts.pop(partition).close()
        except OSError as error:
            raise self._tell(error) from error
        self._actions.setdefault(partition, []).append(action)

    def _drop(self, paths: set[str]) -> None:
        for path in paths:
            self._lake.remove(f"{self._table}/{path}")
        self._paths -= paths

    def _tell(self, error: OSError) -> LakeError:
        return LakeError(
            f"the lake cannot be written to: {error}", where=self._where, remedy="make room or way, and run it again"
        )


def _plain(field: pa.Field, where: str) -> pa.Field:
    try:
        return plain_field(field)
    except LakeError as error:
        raise MisfitError(
            f"column {field.name!r}: {error.problem}", where=where, remedy=error.remedy, columns=[field.name]
        ) from None


def active_files(opened: DeltaTable | None, partitions: list[str], within: dict[str, str]) -> dict[str, int]:
    """Return the files that hold the rows of some partitions, with their numbers of rows.

    Parameters
    ----------
    opened : DeltaTable or None
        None has none.
    partitions : list of str
    within : dict
        Further partition columns with their one value.
    """
    if opened is None:
        return {}
    files = pa.table(opened.get_add_actions(flatten=True))
    wanted = {PARTITION: partitions, **{name: [value] for name, value in within.items()}}
    for name, values in wanted.items():
        files = files.filter(pc.is_in(files.column(f"partition.{name}"), pa.array(values, pa.string())))
    return dict(zip(files.column("path").to_pylist(), files.column("num_records").to_pylist(), strict=True))


def has_other_rows(lake: Lake, table: str, partitions: list[str]) -> bool:
    """Tell whether a table has rows of other partitions than these.

    Parameters
    ----------
    lake : Lake
    table : str
    partitions : list of str
    """
    return _has_others(lake.open(table), partitions)


def _has_others(opened: DeltaTable | None, partitions: list[str]) -> bool:
    return opened is not None and any(found[PARTITION] not in partitions for found in opened.partitions())


def _paths_in(table: DeltaTable) -> set[str]:
    return set(pa.table(table.get_add_actions()).column("path").to_pylist())
