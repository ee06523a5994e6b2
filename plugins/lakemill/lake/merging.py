"""Landed files merged into a partition of a table: one row kept of each identity, in one order, whatever came when.

By DuckDB within a limit of memory; what does not fit is sorted on disk. Stays out: when that is done, and removing
what was merged.
"""

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from deltalake import DeltaTable

from lakemill.exceptions import LakeError
from lakemill.lake.column_types import fit_column, plain_field
from lakemill.lake.part_files import read_part
from lakemill.lake.storage import PARTITION, Lake
from lakemill.lake.streams import PartitionWriter, StaleReadError, active_files

MEMORY = "512MB"
ROWS = 20_000  # a piece
TRIES = 50  # each lost try is a commit of another, so among fewer writers all come through
IS_LANDED = "is_landed"
LANDED = pa.field(IS_LANDED, pa.bool_())
SetAside = Callable[[list[dict[str, Any]], str], None]


@dataclass(frozen=True)
class Merge:
    """What is merged into what, and how rows are told apart.

    Attributes
    ----------
    table, partition : str
    within : dict of str to str
        Further partition columns with their one value.
    identity : tuple of str
        Columns that name a row: one is kept of each.
    first_by : tuple of str
        Columns by which the first of an identity is found.
    order : tuple of str
        Columns that rows are sorted by; identity comes after them.
    provenance : tuple of str
        Columns that the digest leaves out.
    may_grow : bool
        Whether columns that the table lacks are added; to one that never had rows they are in any case.
    where : str
        What is told in errors.
    set_aside : callable, optional
        Takes landed rows with values in columns that the table may not get, and why; without it they are an error.
    """

    table: str
    partition: str
    identity: tuple[str, ...]
    first_by: tuple[str, ...]
    order: tuple[str, ...] = ()
    within: tuple[tuple[str, str], ...] = ()
    provenance: tuple[str, ...] = ()
    may_grow: bool = False
    where: str = ""
    set_aside: SetAside | None = None


@dataclass(frozen=True)
class Merged:
    """A partition after a merge.

    Attributes
    ----------
    rows : int
    has_changed : bool
        Whether a landed row was new to it.
    digest : str
        The same for the same rows, but for their provenance.
    """

    rows: int
    has_changed: bool
    digest: str


def merge_landed(lake: Lake, merge: Merge, paths: Sequence[str], *, scratch: Path) -> Merged:
    """Merge landed files into a partition, in one commit; nothing is committed where they hold nothing new.

    Parameters
    ----------
    lake : Lake
    merge : Merge
    paths : sequence of str
        Files, as from `landed_files`.
    scratch : Path
        A folder for what does not fit into memory.

    Returns
    -------
    Merged

    Raises
    ------
    LakeError
        If a file cannot be read, or has columns that the table lacks and may not get.
    """
    for attempt in range(TRIES):
        try:
            return _merge(lake, merge, paths, scratch)
        except StaleReadError:
            if attempt == TRIES - 1:
                raise
    raise AssertionError("unreachable: the last attempt returns or raises")


def count_rows(lake: Lake, table: str, partition: str, within: dict[str, str] | None = None) -> int:
    """Return the number of rows of a partition, without reading them.

    Parameters
    ----------
    lake : Lake
    table : str
    partition : str
    within : dict, optional
        Further partition columns with their one value.
    """
    return sum(active_files(lake.open(table), [partition], within or {}).values())


def ensure_table(lake: Lake, table: str, columns: pa.Schema) -> None:
    """Make a table without rows if there is none.

    Parameters
    ----------
    lake : Lake
    table : str
    columns : pyarrow.Schema
        Without that of the partition.
    """
    if lake.open(table) is None:
        schema = pa.schema([*columns, pa.field(PARTITION, pa.string())])
        DeltaTable.create(lake.uri(table), schema=schema, partition_by=[PARTITION], mode="ignore")


def _merge(lake: Lake, merge: Merge, paths: Sequence[str], scratch: Path) -> Merged:
    opened = lake.open(merge.table)
    within = dict(merge.within)
    held = active_files(opened, [merge.partition], within)
    has_rows = opened is not None and len(opened.partitions()) > 0
    may_grow = merge.may_grow or not has_rows
    schema = _find_schema(lake, opened, paths, (PARTITION, *within))
    misfits = _find_misfits(lake, opened, paths, schema, may_grow=may_grow) if merge.set_aside else {}
    schema = pa.schema([field for field in schema if field.name not in misfits])
    numbers = {name: f"c{number}" for number, name in enumerate(schema.names)}
    pieces = _read(lake, merge, held, paths, schema, misfits)
    digest = _Digest([name for name in schema.names if name not in merge.provenance])
    count, landed = 0, 0
    with (
        PartitionWriter(
            lake,
            merge.table,
            within=within,
            may_grow=may_grow,
            where=merge.where,
            based_on=held.keys(),
        ) as writer,
        duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": str(scratch / "duckdb")}) as connection,
    ):
        # numbers for names: those of columns are any text, and DuckDB does not tell capitals apart
        plain = pa.schema([*(schema.field(name).with_name(number) for name, number in numbers.items()), LANDED])
        batches = (batch.rename_columns(plain.names) for batch in pieces)
        connection.execute("SET TimeZone = 'UTC'; SET preserve_insertion_order = false")
        connection.register("incoming", pa.RecordBatchReader.from_batches(plain, batches))
        for batch in connection.sql(_query(merge, numbers)).to_arrow_reader(ROWS):
            rows = pa.Table.from_batches([batch])
            landed += pc.sum(rows.column(IS_LANDED)).as_py()
            count += len(rows)
            rows = rows.drop_columns([IS_LANDED]).rename_columns(schema.names)
            digest.update(rows)
            writer.write(merge.partition, rows)
        if landed:
            writer.commit([merge.partition])
    _make_durable(lake, merge.table, merge.partition, within)
    return Merged(count, landed > 0, digest.hexdigest())


def _query(merge: Merge, numbers: dict[str, str]) -> str:
    identity = [numbers[name] for name in merge.identity]
    first_by = [*(numbers[name] for name in merge.first_by), IS_LANDED]  # of two that are equal, the one that is there
    order = [*(numbers[name] for name in merge.order), *identity]
    return (
        f"SELECT {', '.join(numbers.values())}, {IS_LANDED} FROM incoming "  # noqa: S608  names of our own
        f"QUALIFY row_number() OVER (PARTITION BY {', '.join(identity)} ORDER BY {', '.join(first_by)}) = 1 "
        f"ORDER BY {', '.join(order)}"
    )


def _find_schema(lake: Lake, opened: DeltaTable | None, paths: Sequence[str], keys: tuple[str, ...]) -> pa.Schema:
    """Return the columns of the table, then those that are new, by name."""
    held = pa.schema(opened.schema().to_arrow()) if opened is not None else pa.schema([])
    fields = {field.name: plain_field(field) for field in held if field.name not in keys}
    new: dict[str, pa.Field] = {}
    for path in paths:
        with _open(lake, path) as file:
            new |= {field.name: plain_field(field) for field in file.schema_arrow if field.name not in fields}
    return pa.schema([*fields.values(), *(new[name] for name in sorted(new))])


def _find_misfits(
    lake: Lake, opened: DeltaTable | None, paths: Sequence[str], schema: pa.Schema, *, may_grow: bool
) -> dict[str, str]:
    """Return columns that the table may not get, and why; none where no landed row does without them."""
    held = set(pa.schema(opened.schema().to_arrow()).names) if opened is not None else set()
    counts = _count_values(lake, paths, [name for name in schema.names if name not in held])
    misfits: dict[str, str] = {}
    taken = {name.lower(): name for name in held}
    for name in sorted(counts, key=lambda name: (-counts[name], name)):  # of two alike the one that more rows have
        if name.lower() in taken:
            other = taken[name.lower()]
            misfits[name] = f"fields {name!r} and {other!r}: capitals do not tell columns of a table apart"
        elif not may_grow:
            misfits[name] = f"field {name!r} is new; 'columns: grow' at the source adds new ones"
        else:
            taken[name.lower()] = name
    return misfits if misfits and _has_others(lake, paths, list(misfits)) else {}


def _count_values(lake: Lake, paths: Sequence[str], names: Sequence[str]) -> dict[str, int]:
    counts = dict.fromkeys(names, 0)
    for path in paths if names else ():
        with _open(lake, path) as file:
            found = [name for name in names if name in file.schema_arrow.names]
            rows = file.read(columns=found)
            for name in found:
                counts[name] += len(rows) - rows.column(name).null_count
    return counts


def _has_others(lake: Lake, paths: Sequence[str], names: Sequence[str]) -> bool:
    """Tell whether there are landed rows without values in some columns."""
    for path in paths:
        with _open(lake, path) as file:
            found = [name for name in names if name in file.schema_arrow.names]
            if not found or not pc.all(_have_values(file.read(columns=found), found)).as_py():
                return True
    return False


def _have_values(rows: pa.Table, names: Iterable[str]) -> pa.ChunkedArray:
    found = pa.chunked_array([pa.array([False] * len(rows), pa.bool_())])
    for name in names:
        found = pc.or_(found, pc.is_valid(rows.column(name)))
    return found


def _take_aside(rows: pa.Table, merge: Merge, misfits: dict[str, str]) -> pa.Table:
    for name, reason in misfits.items():
        if name in rows.column_names and merge.set_aside is not None:
            is_odd = _have_values(rows, [name])
            if pc.any(is_odd).as_py():
                merge.set_aside(rows.filter(is_odd).to_pylist(), reason)
                rows = rows.filter(pc.invert(is_odd))
    return rows


def _read(
    lake: Lake, merge: Merge, held: Iterable[str], paths: Sequence[str], schema: pa.Schema, misfits: dict[str, str]
) -> Iterator[pa.RecordBatch]:
    for path in held:
        for rows in read_part(lake, merge.table, path):
            yield from _conform(rows, schema, merge.where, is_landed=False)
    for path in paths:
        with _open(lake, path) as file:
            for batch in file.iter_batches(batch_size=ROWS):
                rows = _take_aside(pa.Table.from_batches([batch]), merge, misfits)
                yield from _conform(rows, schema, merge.where, is_landed=True)


def _conform(rows: pa.Table, schema: pa.Schema, where: str, *, is_landed: bool) -> Iterator[pa.RecordBatch]:
    columns = [
        fit_column(rows.column(field.name), field, where=where)
        if field.name in rows.column_names
        else pa.nulls(len(rows), field.type)
        for field in schema
    ]
    columns.append(pa.repeat(pa.scalar(is_landed), len(rows)))
    # a delivered column may have any name, that of ours too
    yield from pa.Table.from_arrays(columns, schema=pa.schema([*schema, LANDED])).to_batches()


@contextmanager
def _open(lake: Lake, path: str) -> Iterator[pq.ParquetFile]:
    try:
        with lake.files.open_input_file(path) as source, pq.ParquetFile(source) as file:
            yield file
    except (OSError, pa.ArrowException) as error:
        raise LakeError(
            f"cannot read what landed: {error}",
            where=f"{lake.workflow} {path}",
            remedy="if the file is damaged, move it away: what it held is lost unless its sender has it",
        ) from error


class _Digest:
    """A hash of rows that does not depend on how they are cut into pieces."""

    def __init__(self, names: list[str]) -> None:
        self._columns = {name: (hashlib.blake2b(), hashlib.blake2b()) for name in sorted(names)}

    def update(self, rows: pa.Table) -> None:
        for name, (lengths, texts) in self._columns.items():
            values = rows.column(name).cast(pa.string()).combine_chunks()
            lengths.update(pc.fill_null(pc.binary_length(values), -1).to_numpy(zero_copy_only=False))
            texts.update("".join(pc.drop_null(values).to_pylist()).encode())

    def hexdigest(self) -> str:
        whole = hashlib.blake2b(digest_size=8)
        for name, (lengths, texts) in self._columns.items():
            whole.update(name.encode() + lengths.digest() + texts.digest())
        return whole.hexdigest()


def _make_durable(lake: Lake, table: str, partition: str, within: dict[str, str]) -> None:
    """Bring a partition and the table's log through a loss of power, before what it was made of is removed."""
    root = lake.local_folder
    opened = lake.open(table)
    if root is None or opened is None:
        return
    paths = [root / table / path for path in active_files(opened, [partition], within)]
    paths.append(root / table / "_delta_log" / f"{opened.version():020}.json")
    for path in (*paths, *{path.parent for path in paths}):
        descriptor = os.open(path, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
