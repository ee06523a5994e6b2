"""The landing area: what came by itself, kept durably until the partition that it belongs to is collected.

``_landing/<source>/<partition>/<batch>.parquet`` holds rows, ``_landing/<source>/_refused/<partition>/...`` what is
refused. A file is there whole or not at all, and is removed only when its rows are in a table for good.
Stays out: where rows come from, and how they are merged (``merging.py``).
"""

import fcntl
import hashlib
import os
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
from pyarrow import fs

from lakemill.exceptions import LakeError
from lakemill.lake.quarantine import RefusedInput, as_rows
from lakemill.lake.storage import Lake

FOLDER = "_landing"
REFUSED = "_refused"
UNFINISHED = "_unfinished"
COLLECTOR = "collector"


def land(
    lake: Lake,
    source: str,
    batch: str,
    rows: Mapping[str, pa.Table],
    refused: Mapping[str, Sequence[RefusedInput]],
    *,
    writer: str = COLLECTOR,
) -> None:
    """Keep a micro-batch; when this returns, a loss of power takes nothing of it.

    Parameters
    ----------
    lake : Lake
    source : str
    batch : str
        Its id: no other has it.
    rows : mapping of str to pyarrow.Table
        By partition; ``delivery`` is added, the batch.
    refused : mapping of str to sequence of RefusedInput
        By partition.
    writer : str
        Who keeps it, one process at a time: what it was killed over is cleared when it begins again, and nobody else's.

    Raises
    ------
    LakeError
        If it cannot be written.
    """
    try:
        for key, table in rows.items():
            delivered = table.append_column("delivery", pa.repeat(pa.scalar(batch, pa.string()), len(table)))
            _write(lake, source, f"{key}/{batch}", delivered, writer)
        for key, found in refused.items():
            _write(lake, source, f"{REFUSED}/{key}/{batch}", as_rows(found), writer)
    except OSError as error:
        raise LakeError(
            f"cannot keep what came: {error}",
            where=f"{lake.workflow} {FOLDER}/{source}",
            remedy="make room or way; what was not kept was not acknowledged and comes again",
        ) from error


def landed_partitions(lake: Lake, source: str, *, refused: bool = False) -> list[str]:
    """Return the partitions that something has landed for, in order.

    Parameters
    ----------
    lake : Lake
    source : str
    refused : bool
        Whether what is refused is meant, and not rows.
    """
    folder = _folder(source, REFUSED if refused else "")
    found = lake.files.get_file_info(fs.FileSelector(folder, allow_not_found=True, recursive=True))
    places = [info.path.removeprefix(f"{folder}/").split("/") for info in found if info.path.endswith(".parquet")]
    return sorted({place[0] for place in places if len(place) == 2})


def landed_files(lake: Lake, source: str, partition: str, *, refused: bool = False) -> list[str]:
    """Return the files that have landed for a partition, oldest first, for `read_landed` and `remove_landed`.

    Parameters
    ----------
    lake : Lake
    source : str
    partition : str
    refused : bool
        Whether what is refused is meant, and not rows.
    """
    folder = _folder(source, f"{REFUSED}/{partition}" if refused else partition)
    found = lake.files.get_file_info(fs.FileSelector(folder, allow_not_found=True))
    return sorted(info.path for info in found if info.path.endswith(".parquet"))


def count_landed(lake: Lake, path: str) -> int:
    """Return the number of rows of a landed file; 0 where it has just been removed.

    Parameters
    ----------
    lake : Lake
    path : str
        As from `landed_files`.
    """
    try:
        with lake.files.open_input_file(path) as file:
            return int(pq.read_metadata(file).num_rows)
    except FileNotFoundError:
        return 0


def remove_landed(lake: Lake, paths: Sequence[str]) -> None:
    """Remove landed files whose rows are in a table; one that is gone already is no error."""
    for path in paths:
        lake.remove(path)


@contextmanager
def claim_landing(lake: Lake, source: str) -> Iterator[None]:
    """Be the one process of this machine that lands a source's rows.

    Parameters
    ----------
    lake : Lake
    source : str

    Raises
    ------
    LakeError
        If another process is it.
    """
    folder = lake.local_folder
    if folder is None:
        named = hashlib.sha256(f"{lake.address}/{lake.workflow}".encode()).hexdigest()[:16]
        folder = Path(tempfile.gettempdir()) / f"lakemill-{os.getuid()}-{named}"
    path = folder / "_locks" / f"landing-{source}"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise LakeError(
                "another process of this machine collects it already",
                where=f"{lake.workflow}: {source}",
                remedy="one is enough: stop one of them",
            ) from None
        clear_unfinished(lake, source)
        yield


def clear_unfinished(lake: Lake, source: str, writer: str = COLLECTOR) -> None:
    """Remove what a killed process was writing: nobody was told that it was kept.

    Parameters
    ----------
    lake : Lake
    source : str
    writer : str
        Who it was; the caller must be sure that no other process is it now.
    """
    folder = lake.local_folder
    if folder is not None:
        for path in (folder / _folder(source, UNFINISHED) / writer).glob("*"):
            path.unlink(missing_ok=True)


def _write(lake: Lake, source: str, name: str, rows: pa.Table, writer: str) -> None:
    path = f"{_folder(source)}/{name}.parquet"
    root = lake.local_folder
    if root is None:  # an object appears whole, or not at all
        with lake.files.open_output_stream(path) as out:
            pq.write_table(rows, out, compression="zstd")
        return
    unfinished = root / _folder(source, UNFINISHED) / writer / name.replace("/", " ")
    _make_folder(unfinished.parent)
    with unfinished.open("wb") as out:
        pq.write_table(rows, out, compression="zstd")
        out.flush()
        os.fsync(out.fileno())
    _make_folder((root / path).parent)
    unfinished.replace(root / path)
    _sync_folder((root / path).parent)


def _make_folder(folder: Path) -> None:
    """Make a folder that a loss of power leaves in place."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _folder(source: str, below: str = "") -> str:
    return f"{FOLDER}/{source}/{below}".rstrip("/")
