"""Keeping a lake small and quick: many small files made one, and files removed that nothing needs any more.

What a table holds is never changed by it, nor what a snapshot pins. Stays out: when it is done, and asking for it.
"""

import time
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import PurePosixPath

import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import DeltaError
from deltalake.transaction import AddAction, RemoveAction
from pyarrow import fs

from lakemill.exceptions import LakeError
from lakemill.lake import late_labels
from lakemill.lake.column_types import plain_field
from lakemill.lake.history import DataFile, list_files, read_commits
from lakemill.lake.part_files import PIECE_ROWS, PartFile
from lakemill.lake.reading import list_tables
from lakemill.lake.storage import COMMIT_TRIES, KEEP_VERSIONS, PARTITION, Lake
from lakemill.lake.streams import ROW_GROUP_BYTES

SMALL_BYTES = 64 * 2**20  # two files under this in a partition are worth a compaction
LARGE_BYTES = 256 * 2**20  # then the next one is begun
DONE = "done"  # what a commit says of itself beside Delta's own words
PINNED = "clean"  # the table whose versions snapshots name; those of labels that came later too, where there are such
WRITING = timedelta(hours=24)  # files that no commit names may be of a task that still runs, so long


@dataclass(frozen=True)
class Compacted:
    """A partition whose files were made fewer."""

    partition: str
    rows: int
    files_before: int
    files_after: int


@dataclass(frozen=True)
class Unneeded:
    """A file that nothing needs.

    Attributes
    ----------
    path : str
        Within the workflow's folder.
    size : int
        In bytes.
    why : str
        ``replaced``, ``never committed``, ``staged`` or ``unfinished``.
    """

    path: str
    size: int
    why: str


def compact_table(lake: Lake, table: str) -> list[Compacted]:
    """Make the files of each partition one, as far as a file may be large; rows and their order stay.

    Parameters
    ----------
    lake : Lake
    table : str

    Returns
    -------
    list of Compacted
        One for each partition that had several files; each is a commit, which older versions don't see.
    """
    groups: dict[tuple[tuple[str, str], ...], list[DataFile]] = defaultdict(list)
    for one in list_files(lake, table):
        if one.keys:
            groups[tuple(one.keys.items())].append(one)
    small = [item for item in sorted(groups.items()) if sum(one.size < SMALL_BYTES for one in item[1]) > 1]
    found = [_compact(lake, table, dict(keys), files) for keys, files in small]
    return [one for one in found if one is not None]


def find_unneeded(lake: Lake, tables: list[str] | None = None, *, now: datetime, keep: timedelta) -> list[Unneeded]:
    """Return the files that nothing needs, without removing them.

    Needed are the files of each table's newest version, of every version that was the newest at any time within
    ``keep``, and of those that a snapshot pins. Files that no commit names are needed as long as a task may be at work
    on them.

    Parameters
    ----------
    lake : Lake
    tables : list of str, optional
        All, and what tasks have handed on, if left out.
    now : datetime
        With a time zone.
    keep : timedelta

    Returns
    -------
    list of Unneeded
        In the order of their paths.

    Raises
    ------
    LakeError
        If a log or a snapshot cannot be read: then nobody knows what is needed.
    """
    pins = read_pins(lake)
    found = []
    for table in list_tables(lake) if tables is None else tables:
        found += _find_in_table(lake, table, pins.get(table, set()), now=now, keep=keep)
    if tables is None:
        found += _find_handed_on(lake, now=now, keep=keep)
    return sorted(found, key=lambda one: one.path)


def remove_unneeded(lake: Lake, found: list[Unneeded]) -> None:
    """Remove files that `find_unneeded` has found."""
    for one in found:
        lake.remove(one.path)


def read_pins(lake: Lake) -> dict[str, set[int]]:
    """Return the versions of tables that snapshots need, so that the rows of any model can be read again.

    Raises
    ------
    LakeError
        If a snapshot cannot be read.
    """
    pins: dict[str, set[int]] = {PINNED: set()}
    folder = fs.FileSelector("_documents/snapshots", allow_not_found=True)
    for info in lake.files.get_file_info(folder):
        path = PurePosixPath(info.path)
        if path.suffix != ".json":
            continue
        try:
            snapshot = lake.read_document(f"snapshots/{path.stem}") or {}
            pins[PINNED].add(int(snapshot["version"]))
            if "labels" in snapshot:
                pins.setdefault(late_labels.TABLE, set()).add(int(snapshot["labels"]["version"]))
        except (ValueError, KeyError, TypeError) as error:
            raise LakeError(
                f"the snapshot does not say what it needs: {error!r}",
                where=f"{lake.workflow}/{info.path}",
                remedy="bring it back from a backup, or remove it: then its model's rows may go",
            ) from None
    return pins


def _compact(lake: Lake, table: str, keys: dict[str, str], files: list[DataFile]) -> Compacted | None:
    where = f"{lake.workflow}.{table} {keys[PARTITION]}"
    current = lake.open(table)
    assert current is not None  # noqa: S101  # it has files
    written = _write_together(lake, table, current, keys, files)
    paths = {one.path for one in files}
    for attempt in range(COMMIT_TRIES):
        if attempt:
            current = DeltaTable(lake.uri(table))
        if not paths <= {one.path for one in list_files(lake, table, current.version())}:
            break  # replaced meanwhile
        try:
            _commit_compacted(current, keys, written, files)
            return Compacted(keys[PARTITION], sum(one.rows or 0 for one in files), len(files), len(written))
        except DeltaError as error:
            if attempt == COMMIT_TRIES - 1:
                raise LakeError(
                    f"could not commit: {error}", where=where, remedy="do it when less is written"
                ) from error
    for action in written:
        lake.remove(f"{table}/{action.path}")
    return None


def _commit_compacted(
    current: DeltaTable, keys: dict[str, str], written: list[AddAction], files: list[DataFile]
) -> None:
    removed = [
        RemoveAction(
            path=one.path,
            data_change=False,
            deletion_timestamp=int(time.time() * 1000),
            size=one.size,
            partition_values=dict(keys),
        )
        for one in files
    ]
    current.create_write_transaction(
        [*written, *removed],
        "append",
        current.schema(),
        list(keys),
        commit_properties=CommitProperties(custom_metadata={DONE: "compact", **keys}, max_commit_retries=0),
        post_commithook_properties=KEEP_VERSIONS,
    )


def _write_together(
    lake: Lake, table: str, current: DeltaTable, keys: dict[str, str], files: list[DataFile]
) -> list[AddAction]:
    columns = pa.schema(current.schema().to_arrow())
    schema = pa.schema([plain_field(field) for field in columns if field.name not in keys])
    paths = [f"{table}/{one.path}" for one in files]
    dataset = ds.dataset(paths, schema=schema, format="parquet", filesystem=lake.files)
    written: list[AddAction] = []
    part: PartFile | None = None
    rows: list[pa.RecordBatch] = []
    for batch in dataset.to_batches(batch_size=PIECE_ROWS, batch_readahead=2, fragment_readahead=1):
        rows.append(batch)
        if sum(one.nbytes for one in rows) < ROW_GROUP_BYTES:
            continue
        part = part or PartFile(lake, table, keys, len(written), schema)
        part.write(pa.Table.from_batches(rows, schema))
        rows = []
        if part.size > LARGE_BYTES:
            written.append(part.close(is_new=False))
            part = None
    if rows or part is not None:
        part = part or PartFile(lake, table, keys, len(written), schema)
        if rows:
            part.write(pa.Table.from_batches(rows, schema))
        written.append(part.close(is_new=False))
    return written


def _find_in_table(lake: Lake, table: str, pinned: set[int], *, now: datetime, keep: timedelta) -> list[Unneeded]:
    # the files first and the log after them: what is committed in between is found to be needed
    folder = fs.FileSelector(table, recursive=True)
    files = [info for info in lake.files.get_file_info(folder) if info.type == fs.FileType.File]
    newest = lake.version(table)
    is_kept = {newest, *pinned}
    needed: set[str] = set()
    named: set[str] = set()
    there = {one.path for one in list_files(lake, table, newest)}
    superseded_at = now
    for commit in read_commits(lake, table, newest):
        if commit.version in is_kept or superseded_at >= now - keep:
            needed |= there
        named.update(one.path for one in commit.added)
        # what was there before this commit
        there = (there - {one.path for one in commit.added}) | set(commit.removed)
        superseded_at = commit.at
    found = []
    for info in files:
        path = info.path.removeprefix(f"{table}/")
        is_old = info.mtime < now - WRITING
        if path.startswith("_delta_log/"):
            if is_old and ("#" in path or path.endswith(".tmp")):  # of a commit that was killed
                found.append(Unneeded(info.path, info.size, "unfinished"))
        elif path not in needed and (path in named or is_old):
            found.append(Unneeded(info.path, info.size, "replaced" if path in named else "never committed"))
    return found


def _find_handed_on(lake: Lake, *, now: datetime, keep: timedelta) -> list[Unneeded]:
    found = []
    for folder in ("_staging", "_documents", "objects"):
        selector = fs.FileSelector(folder, allow_not_found=True, recursive=folder != "objects")
        for info in lake.files.get_file_info(selector):
            if info.type != fs.FileType.File:
                continue
            if info.base_name.endswith(".unfinished"):
                if info.mtime < now - WRITING:
                    found.append(Unneeded(info.path, info.size, "unfinished"))
            elif folder == "_staging" and info.mtime < now - max(keep, WRITING):
                found.append(Unneeded(info.path, info.size, "staged"))
    return found
