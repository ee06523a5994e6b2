"""Delta tables of one workflow: partitions replaced in one atomic commit, read back as Arrow tables.

Stays out: files beside the tables (``folder.py``), and what the rows mean. No other room opens a table of the lake.
"""

import time
from collections.abc import Iterator, Mapping
from functools import reduce
from operator import and_
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable, PostCommitHookProperties, write_deltalake
from deltalake.exceptions import CommitFailedError, DeltaError, TableNotFoundError

from lakemill.exceptions import LakeError
from lakemill.lake.folder import Folder, Pieces

PARTITION = "partition"
# snapshots name versions: the logs of old ones must not be cleaned away, as Delta does by default after 30 days
KEEP_VERSIONS = PostCommitHookProperties(cleanup_expired_logs=False)
PIECE_ROWS = 100_000
COMMIT_TRIES = 20  # other partitions' commits may come between; each try reads the newest version


class Lake(Folder):
    """The tables of one workflow, beside what else lies in its folder.

    Parameters
    ----------
    address : str
        The lake's folder, or its ``s3://`` address; keys and endpoint of an object store come from the usual
        ``AWS_`` variables.
    workflow : str
        Name of the workflow: its tables lie under ``<address>/<workflow>/<table>``.
    """

    def replace_partition(
        self,
        table: str,
        partition: str,
        rows: pa.Table,
        *,
        within: dict[str, str] | None = None,
        ignoring: tuple[str, ...] = (),
    ) -> bool:
        """Make ``rows`` the content of a partition, in one atomic commit; nothing is written if they are that already.

        Parameters
        ----------
        table : str
        partition : str
            Its key; the column ``partition`` is added.
        rows : pyarrow.Table
            In an order that says nothing or is the same for the same content.
        within : dict, optional
            Further columns with their one value: only these rows of the partition are replaced.
        ignoring : tuple of str
            Columns that don't count when contents are compared.

        Returns
        -------
        bool
            Whether a new version of the table was written.

        Raises
        ------
        LakeError
            If the columns' types don't fit those of the table.
        """
        self.require_own(table, within)
        keys = {PARTITION: partition, **(within or {})}
        for name, value in keys.items():
            if name in rows.column_names:
                rows = rows.drop_columns([name])
            rows = rows.append_column(name, pa.array([value] * len(rows), pa.string()))
        rows = rows.combine_chunks()  # Delta's writer keeps the order of rows within a chunk only
        for attempt in range(COMMIT_TRIES):
            current = self.open(table)
            if current is not None:
                rows = self._fit(rows, current, table, partition)
                if self._holds(current, keys, rows, ignoring):
                    return False
            try:
                self._commit(table, rows, keys, current)
                return True
            except (CommitFailedError, DeltaError) as error:
                if attempt == COMMIT_TRIES - 1:
                    raise LakeError(
                        f"could not commit: {error}", where=f"{self.workflow}.{table} {partition}"
                    ) from error
                time.sleep(0.02 * (attempt + 1))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def append(self, table: str, row: dict[str, Any], *, identity: tuple[str, ...], schema: pa.Schema) -> bool:
        """Add a row to an append-only table, unless one with the same identity is there.

        Parameters
        ----------
        table : str
        row : dict
        identity : tuple of str
            Columns of text that name the row.
        schema : pyarrow.Schema

        Returns
        -------
        bool
            Whether it was added.
        """
        self.require_own(table)
        for attempt in range(COMMIT_TRIES):
            current = self.open(table)
            if current is not None:
                held = self._select(current, {name: row[name] for name in identity})
                if held.num_rows:
                    return False
            try:
                write_deltalake(
                    current or self.uri(table),
                    pa.Table.from_pylist([row], schema=schema),
                    mode="append" if current is not None else "error",
                    schema_mode="merge" if current is not None else None,  # columns that are newer than the table
                    # none of its own: appends don't conflict for Delta, but a row of this identity may have come
                    commit_properties=CommitProperties(max_commit_retries=0),
                    post_commithook_properties=KEEP_VERSIONS,
                )
                return True
            except (CommitFailedError, DeltaError):
                if attempt == COMMIT_TRIES - 1:
                    raise
                time.sleep(0.02 * (attempt + 1))
        raise AssertionError("unreachable: the last attempt returns or raises")

    def read(
        self,
        table: str,
        partitions: list[str] | None = None,
        *,
        where: dict[str, str] | None = None,
        columns: list[str] | None = None,
        version: int | None = None,
    ) -> pa.Table | None:
        """Read a table, or some partitions of it.

        Parameters
        ----------
        table : str
        partitions : list of str, optional
            Their keys; all if left out.
        where : dict, optional
            Columns of text and the one value that is wanted.
        columns : list of str, optional
        version : int, optional
            A version of the table; the newest if left out.

        Returns
        -------
        pyarrow.Table or None
            None where the table does not exist.
        """
        opened = self.open(table, version)
        if opened is None:
            return None
        wanted = {name: [value] for name, value in (where or {}).items()}
        if partitions is not None:
            wanted[PARTITION] = partitions
        return self._rows(opened, wanted, columns)

    def stream(self, table: str, partition: str, *, within: dict[str, str] | None = None) -> Pieces | None:
        """Return the rows of a partition (and of these values of further partition columns), to be read piece by piece.

        As often as asked for; None without the table.
        """
        opened = self.open(table)
        if opened is None:
            return None
        dataset = self._dataset(opened)
        wanted = {PARTITION: partition, **(within or {})}
        is_wanted = reduce(and_, [pc.field(name) == value for name, value in wanted.items()])

        def read() -> Iterator[pa.Table]:
            scanner = dataset.scanner(
                filter=is_wanted, batch_size=PIECE_ROWS, batch_readahead=1, fragment_readahead=1, use_threads=False
            )
            for batch in scanner.to_batches():
                yield _plain(pa.Table.from_batches([batch]))

        return Pieces(_plain(dataset.schema.empty_table()).schema, read)

    def holds(self, table: str, partition: str, within: dict[str, str] | None = None) -> bool:
        """Tell whether a table has rows of a partition (and of these values of further partition columns)."""
        keys = {PARTITION: partition, **(within or {})}
        return any(keys.items() <= found.items() for found in self._list_keys(table))

    def partitions(self, table: str) -> list[str]:
        """Return the keys of a table's partitions, in order."""
        return sorted({str(found[PARTITION]) for found in self._list_keys(table)})

    def version(self, table: str) -> int:
        """Return a table's newest version, -1 where there is none."""
        opened = self.open(table)
        return opened.version() if opened is not None else -1

    # -- inside -------------------------------------------------------------------------------------------------------

    def require_own(self, table: str, within: Mapping[str, str] | None = None) -> None:
        """Raise where a table, or these rows of it, are another lake's; all are this one's own but in a branch."""

    def open(self, table: str, version: int | None = None) -> DeltaTable | None:
        """Return a table, None where there is none, for this room."""
        try:
            return DeltaTable(self.uri(table), version=version)
        except (TableNotFoundError, DeltaError) as error:
            if version is None and isinstance(error, TableNotFoundError):
                return None
            if version is None:
                raise
            raise LakeError(
                f"version {version} of the table is not there any more",
                where=f"{self.workflow}.{table}",
                remedy="take a new snapshot: run the training from its first task",
            ) from None

    def _list_keys(self, table: str) -> list[dict[str, str]]:
        """Return the values of the partition columns that a table has rows of."""
        opened = self.open(table)
        return opened.partitions() if opened is not None else []

    def _commit(self, table: str, rows: pa.Table, keys: dict[str, str], current: DeltaTable | None) -> None:
        properties = CommitProperties(custom_metadata=dict(keys), max_commit_retries=0)
        target = current if current is not None else self.uri(table)
        if current is None:
            write_deltalake(
                target,
                rows,
                mode="error",
                partition_by=list(keys),
                commit_properties=properties,
                post_commithook_properties=KEEP_VERSIONS,
            )
            return
        write_deltalake(
            target,
            rows,
            mode="overwrite",
            predicate=" AND ".join(f"{name} = '{value}'" for name, value in keys.items()),
            commit_properties=properties,
            post_commithook_properties=KEEP_VERSIONS,
            schema_mode="merge",
        )

    def _select(self, opened: DeltaTable, keys: dict[str, str]) -> pa.Table:
        return self._rows(opened, {name: [value] for name, value in keys.items()})

    def _rows(self, opened: DeltaTable, wanted: dict[str, list[str]], columns: list[str] | None = None) -> pa.Table:
        dataset = self._dataset(opened)
        filters = [pc.field(name).isin(pa.array(values, pa.string())) for name, values in wanted.items()]
        return _plain(dataset.to_table(columns, reduce(and_, filters) if filters else None))

    def _dataset(self, opened: DeltaTable) -> ds.Dataset:
        # with pyarrow's own file system: deltalake's aborts the process at exit, when its threads outlive Python
        table = opened.table_uri.rstrip("/").rsplit("/", 1)[-1]
        return opened.to_pyarrow_dataset(filesystem=self.files_of(table))

    def _holds(self, opened: DeltaTable, keys: dict[str, str], rows: pa.Table, ignoring: tuple[str, ...]) -> bool:
        held = self._select(opened, keys)
        names = [name for name in rows.column_names if name not in ignoring]
        if held.num_rows != rows.num_rows or any(name not in held.column_names for name in names):
            return False
        return all(_is_equal(held.column(name), rows.column(name)) for name in names)

    def _fit(self, rows: pa.Table, opened: DeltaTable, table: str, partition: str) -> pa.Table:
        """Bring columns to the table's types where nothing is lost by it; add columns that only the table has."""
        columns = {}
        for field in pa.schema(opened.schema().to_arrow()):
            if field.name not in rows.column_names:
                columns[field.name] = pa.nulls(len(rows), field.type)
                continue
            try:
                columns[field.name] = rows.column(field.name).cast(field.type, safe=True)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise LakeError(
                    f"column {field.name!r} is {rows.schema.field(field.name).type}, in the table {field.type}",
                    where=f"{self.workflow}.{table} {partition}",
                    remedy="name its type under 'types' of the source, or CAST it in the table's SQL",
                ) from error
        columns.update({name: rows.column(name) for name in rows.column_names if name not in columns})
        return pa.table(columns)


def _is_equal(one: pa.ChunkedArray, other: pa.ChunkedArray) -> bool:
    if one.equals(other) or one.type != other.type or not pa.types.is_floating(one.type):
        return bool(one.equals(other))
    # NaN equals nothing, itself included: compare where it stands, and the numbers without it
    nans, others = pc.is_nan(one), pc.is_nan(other)
    return bool(nans.equals(others) and pc.if_else(nans, 0.0, one).equals(pc.if_else(others, 0.0, other)))


def _plain(table: pa.Table) -> pa.Table:
    """Undo the view types that Delta's reader may give, so that equal content has equal types."""
    swaps = {pa.string_view(): pa.string(), pa.binary_view(): pa.binary(), pa.large_string(): pa.string()}
    fields = [field.with_type(swaps.get(field.type, field.type)).with_nullable(True) for field in table.schema]
    return table.cast(pa.schema(fields))
