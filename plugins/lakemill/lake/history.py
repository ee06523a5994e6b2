"""What happened to a table, commit by commit, read from its log; and which version was there at a moment.

Logs are never cleaned, so that all of it is known. Stays out: rows.
"""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import islice
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from lakemill.exceptions import LakeError
from lakemill.lake.storage import PARTITION, Lake

AT_ONCE = 32  # an object store answers slowly, and many questions at a time


@dataclass(frozen=True)
class DataFile:
    """A file of a table.

    Attributes
    ----------
    path : str
        Within the table's folder.
    keys : dict of str to str
        Partition columns with their values.
    rows : int or None
        None where the writer did not say.
    size : int
        In bytes.
    """

    path: str
    keys: dict[str, str]
    rows: int | None
    size: int


@dataclass(frozen=True)
class Commit:
    """One version of a table, and what made it of the one before.

    Attributes
    ----------
    version : int
    at : datetime
        In UTC, by the clock of the machine that wrote it.
    operation : str
    added : tuple of DataFile
    removed : tuple of str
        Paths.
    """

    version: int
    at: datetime
    operation: str
    added: tuple[DataFile, ...] = ()
    removed: tuple[str, ...] = ()


@dataclass(frozen=True)
class Change:
    """A commit, counted.

    Attributes
    ----------
    version : int
    at : datetime
    operation : str
    partitions : tuple of str
        Keys of those that it wrote or emptied, in order.
    files_added, files_removed : int
    rows_added, rows_removed : int or None
        None where a writer did not say.
    """

    version: int
    at: datetime
    operation: str
    partitions: tuple[str, ...] = field(default=())
    files_added: int = 0
    files_removed: int = 0
    rows_added: int | None = 0
    rows_removed: int | None = 0


def read_history(lake: Lake, table: str, *, last: int) -> list[Change]:
    """Return the last changes of a table, the newest first.

    Parameters
    ----------
    lake : Lake
    table : str
    last : int
        How many at most.

    Returns
    -------
    list of Change

    Raises
    ------
    LakeError
        If a part of the log that is needed is gone.
    """
    newest = lake.version(table)
    commits = list(islice(read_commits(lake, table, newest), last))
    if not commits:
        return []
    oldest = commits[-1].version
    known = {one.path: one for one in _list_if_there(lake, table, oldest - 1)}
    changes = []
    for commit in reversed(commits):
        removed = [known.get(path) for path in commit.removed]
        known.update({one.path: one for one in commit.added})
        keys = {one.keys[PARTITION] for one in (*commit.added, *removed) if one is not None and PARTITION in one.keys}
        changes.append(
            Change(
                commit.version,
                commit.at,
                commit.operation,
                tuple(sorted(keys)),
                len(commit.added),
                len(commit.removed),
                _sum_rows(commit.added),
                _sum_rows(removed),
            )
        )
    return changes[::-1]


def find_version(lake: Lake, table: str, as_of: datetime) -> int:
    """Return the newest version of a table that was there at a moment.

    Parameters
    ----------
    lake : Lake
    table : str
    as_of : datetime
        With a time zone.

    Returns
    -------
    int
        -1 where the table was not there yet.
    """
    for commit in read_commits(lake, table, lake.version(table)):
        if commit.at <= as_of:
            return commit.version
    return -1


def list_files(lake: Lake, table: str, version: int | None = None) -> list[DataFile]:
    """Return the files of a version of a table, in the order that their rows are read in; the newest by default."""
    opened = lake.open(table, version)
    if opened is None:
        return []
    names = opened.metadata().partition_columns
    return [
        DataFile(
            path=row["path"],
            keys={name: row[f"partition.{name}"] for name in names},
            rows=row["num_records"],
            size=row["size_bytes"],
        )
        for row in pa.table(opened.get_add_actions(flatten=True)).to_pylist()
    ]


def read_commits(lake: Lake, table: str, newest: int) -> Iterator[Commit]:
    """Yield the commits of a table from a version back to its first.

    Parameters
    ----------
    lake : Lake
    table : str
    newest : int
        The version to begin with; of -1 there is nothing to yield.

    Raises
    ------
    LakeError
        If one of them is gone.
    """
    with ThreadPoolExecutor(max_workers=8) as readers:
        for high in range(newest, -1, -AT_ONCE):
            versions = range(high, max(high - AT_ONCE, -1), -1)
            yield from readers.map(lambda version: _read_commit(lake, table, version), versions)


def _list_if_there(lake: Lake, table: str, version: int) -> list[DataFile]:
    try:
        return list_files(lake, table, version) if version >= 0 else []
    except LakeError:  # then what was removed is not counted
        return []


def _read_commit(lake: Lake, table: str, version: int) -> Commit:
    path = f"{table}/_delta_log/{version:020}.json"
    try:
        with lake.files.open_input_stream(path) as stream:
            lines = [json.loads(line) for line in stream.read().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise LakeError(
            f"version {version} cannot be read from the log: {error}",
            where=f"{lake.workflow}.{table}",
            remedy="bring the file back from a backup: what older versions hold is known from the whole log only",
        ) from None
    told: dict[str, Any] = next((line["commitInfo"] for line in lines if "commitInfo" in line), {})
    return Commit(
        version=version,
        at=datetime.fromtimestamp(told.get("timestamp", 0) / 1000, UTC),
        operation=str(told.get("done") or told.get("operation", "?")).lower().replace(" table", ""),
        added=tuple(_data_file(line["add"]) for line in lines if "add" in line),
        removed=tuple(unquote(line["remove"]["path"]) for line in lines if "remove" in line),
    )


def _data_file(added: dict[str, Any]) -> DataFile:
    stats = json.loads(added.get("stats") or "{}")
    keys: dict[str, str] = added.get("partitionValues") or {}
    return DataFile(unquote(added["path"]), dict(keys), stats.get("numRecords"), int(added["size"]))


def _sum_rows(files: tuple[DataFile, ...] | list[DataFile | None]) -> int | None:
    counts = [one.rows if one is not None else None for one in files]
    return None if None in counts else sum(count for count in counts if count is not None)
