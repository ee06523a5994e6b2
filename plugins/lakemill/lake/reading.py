"""Tables as they are and as they were: what there is, what it holds, its rows as of a moment, and SQL over it.

Rows are streamed from their files: a query reads the columns and row groups that it needs. Stays out: printing.
"""

import re
import tempfile
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
import pyarrow.parquet as pq
from deltalake import DeltaTable
from pyarrow import fs

from lakemill.exceptions import LakeError, TableError, suggest
from lakemill.lake.column_types import plain_field
from lakemill.lake.history import DataFile, find_version, list_files
from lakemill.lake.queries import check_syntax
from lakemill.lake.storage import PARTITION, Lake

MEMORY = "1GB"  # of a query; what needs more goes to a temporary folder


@dataclass(frozen=True)
class PartitionState:
    """What a version of a table holds of a partition: rows, files, and their size in bytes."""

    rows: int
    files: int
    size: int


@dataclass(frozen=True)
class TableState:
    """What a version of a table holds.

    Attributes
    ----------
    table : str
    version : int
    columns : dict of str to str
        Types by name.
    partitions : dict of str to PartitionState
        By key, in order.
    """

    table: str
    version: int
    columns: dict[str, str]
    partitions: dict[str, PartitionState]

    @property
    def total(self) -> PartitionState:
        """All partitions together."""
        parts = self.partitions.values()
        return PartitionState(*(sum(getattr(one, name) for one in parts) for name in ("rows", "files", "size")))


def list_tables(lake: Lake) -> list[str]:
    """Return the names of a workflow's tables, in order."""
    folders = lake.files.get_file_info(fs.FileSelector("", allow_not_found=True))
    names = [info.base_name for info in folders if info.type == fs.FileType.Directory]
    return sorted(name for name in names if not name.startswith("_") and lake.open(name) is not None)


def find_version_of(lake: Lake, table: str, *, version: int | None = None, as_of: datetime | None = None) -> int:
    """Return the version of a table that is asked for, once it is sure that it can be read.

    Parameters
    ----------
    lake : Lake
    table : str
    version : int, optional
    as_of : datetime, optional
        Or the newest version that was there at a moment; the newest of all if both are left out.

    Returns
    -------
    int

    Raises
    ------
    LakeError
        If there is no such table, it had no such version, or that version's files are not kept any more.
    """
    where = f"{lake.workflow}.{table}"
    newest = lake.version(table)
    if newest < 0:
        known = list_tables(lake)
        raise LakeError(
            f"no table {table!r}",
            where=lake.workflow,
            remedy=suggest(table, known) if known else f"lakemill run {lake.workflow} makes its tables",
        )
    if as_of is not None:
        version = find_version(lake, table, as_of)
        if version < 0:
            remedy = "give a later one: lakemill lake history shows when the table was made"
            raise LakeError(f"was not there yet at {as_of.isoformat()}", where=where, remedy=remedy)
    if version is None or version == newest:
        return newest
    if not 0 <= version < newest:
        raise LakeError(f"no version {version}", where=where, remedy=f"give one from 0 to {newest}")
    _require_files(lake, table, version)
    return version


def describe_table(lake: Lake, table: str, version: int) -> TableState:
    """Count what a version of a table holds, without reading its rows."""
    opened = _open(lake, table, version)
    found: dict[str, list[DataFile]] = defaultdict(list)
    for one in list_files(lake, table, version):
        found[one.keys.get(PARTITION, "")].append(one)
    partitions = {
        key: PartitionState(
            sum(_count_rows(lake, table, one) for one in files), len(files), sum(one.size for one in files)
        )
        for key, files in sorted(found.items())
    }
    columns = {field.name: str(field.type) for field in pa.schema(opened.schema().to_arrow())}
    return TableState(table, version, columns, partitions)


def read_first_rows(lake: Lake, table: str, version: int, count: int, partition: str | None = None) -> pa.Table:
    """Return the first rows of a version of a table, or of one partition of it."""
    is_wanted = pc.field(PARTITION) == partition if partition is not None else None
    return open_dataset(lake, table, version).scanner(filter=is_wanted, batch_size=max(count, 1)).head(count)


def open_dataset(lake: Lake, table: str, version: int) -> ds.Dataset:
    """Return a version of a table as a dataset, of which nothing is read yet."""
    opened = _open(lake, table, version)
    schema = pa.schema([plain_field(field) for field in pa.schema(opened.schema().to_arrow())])
    # with pyarrow's own file system: deltalake's aborts the process at exit, when its threads outlive Python
    return opened.to_pyarrow_dataset(filesystem=lake.files_of(table), schema=schema)


@contextmanager
def query_lake(lake: Lake, sql: str, *, as_of: datetime | None = None) -> Iterator[pa.RecordBatchReader]:
    """Run one query over a workflow's tables, by their names; times are in UTC.

    It is shut off from files and network but for the tables.

    Parameters
    ----------
    lake : Lake
    sql : str
    as_of : datetime, optional
        The tables as they were at a moment; those that were not there yet are left out.

    Yields
    ------
    pyarrow.RecordBatchReader
        The result, made while it is read.

    Raises
    ------
    TableError
        If the query is wrong.
    """
    check_syntax(sql, where="the query")
    known = list_tables(lake)
    named = [name for name in known if name.lower() in sql.lower()]
    versions = {name: find_version(lake, name, as_of) if as_of else lake.version(name) for name in named}
    with tempfile.TemporaryDirectory(prefix="lakemill-") as scratch, duckdb.connect() as connection:
        connection.execute(f"SET TimeZone = 'UTC'; SET memory_limit = '{MEMORY}'; SET temp_directory = '{scratch}'")
        connection.execute("SET enable_external_access = false; SET python_enable_replacements = false")
        connection.execute("SET lock_configuration = true")
        for name, version in versions.items():
            if version >= 0:
                version = find_version_of(lake, name, version=version)
                connection.register(name, open_dataset(lake, name, version))
        try:
            yield connection.sql(sql).to_arrow_reader(10_000)
        except (duckdb.Error, pa.ArrowException) as error:
            raise _explain(error, known) from None


def _explain(error: Exception, known: list[str]) -> TableError:
    said = str(error).strip()
    unknown = re.search(r"Table with name (\S+) does not exist", said)
    if unknown:  # DuckDB would propose tables of its own
        return TableError(f"no table {unknown[1]!r}", where="the query", remedy=suggest(unknown[1], known))
    return TableError(said, where="the query", remedy="mend the query; the tables are " + ", ".join(known))


def _open(lake: Lake, table: str, version: int) -> DeltaTable:
    opened = lake.open(table, version)
    assert opened is not None  # noqa: S101  # an old version that is gone is an error of its own
    return opened


def _require_files(lake: Lake, table: str, version: int) -> None:
    there = {info.path for info in lake.files_of(table).get_file_info(fs.FileSelector("", recursive=True))}
    gone = [one.path for one in list_files(lake, table, version) if one.path not in there]
    if gone:
        raise LakeError(
            f"of version {version} {len(gone)} file(s) are not kept any more",
            where=f"{lake.workflow}.{table}",
            remedy="give a later version: vacuum has removed what this one held",
        )


def _count_rows(lake: Lake, table: str, file: DataFile) -> int:
    if file.rows is not None:
        return file.rows
    with lake.files_of(table).open_input_file(file.path) as source:
        metadata: Any = pq.read_metadata(source)
    return int(metadata.num_rows)
