"""Sources that are files, in a folder or an object store: some for each partition, or one that is cut by event time.

Stays out: formats (``formats/``), and writing to the lake.
"""

import fnmatch
import hashlib
from collections.abc import Callable, Iterator
from typing import BinaryIO

from pyarrow import fs

from lakemill.collection.delivery import Delivery, Piece, Request
from lakemill.collection.formats import peek_columns, read_files
from lakemill.collection.input_files import InputFile
from lakemill.collection.stores import open_store
from lakemill.config.sources import FilesSource
from lakemill.exceptions import CollectionError, NothingDeliveredError

SIGNS = "*?"
MOST_PEEKED = 100
SPARSE = (".json", ".ndjson", ".jsonl")


def open_files(source: FilesSource, request: Request) -> Delivery:
    """Find the files for one partition, or the one for all.

    Parameters
    ----------
    source : FilesSource
    request : Request

    Returns
    -------
    Delivery

    Raises
    ------
    CollectionError
        If there is no such file, or the store cannot be reached.
    """
    is_whole = source.event_time is not None and "{partition}" not in source.path
    shown = source.path.replace("{partition}", request.key)
    credentials = request.connections.credentials(source.connection) if source.connection else None
    store, path = open_store(shown, project=request.project, credentials=credentials, where=request.where)
    common = path.removesuffix(shown.split("://", 1)[-1])
    found = _find(store, common, path.removeprefix(common), request)
    if not found:
        raise NothingDeliveredError(
            f"no file {shown} for partition {request.key}",
            where=request.where,
            remedy=f"bring the file there, mend the path, or clear the run when it has come ({_nearby(store, path)})",
        )
    names = {info.path: _show(info.path, common, shown) for info in found}
    files = [InputFile(names[info.path], info.size, _opener(store, info.path)) for info in found]
    state = "\n".join(f"{names[info.path]} {info.size} {info.mtime_ns}" for info in found)
    is_sparse = source.format in ("json", "ndjson") or any(part in shown for part in SPARSE)

    def read() -> Iterator[Piece]:
        return read_files(files, source)

    def peek() -> list[list[str]]:
        step = -(-len(files) // MOST_PEEKED)
        some = [file for file in files[::step] if not any(part in file.shown for part in SPARSE)]
        return peek_columns(some, source) if len(some) > 1 else []

    return Delivery(
        location=shown,
        fingerprint=hashlib.sha256(state.encode()).hexdigest()[:16],
        pieces=read,
        is_whole=is_whole,
        is_sparse=is_sparse,
        peek=peek,
    )


def _find(store: fs.FileSystem, common: str, path: str, request: Request) -> list[fs.FileInfo]:
    """Return the files of a pattern, which stands in the workflow's part of the path only."""
    try:
        if not any(sign in path for sign in SIGNS):
            info = store.get_file_info(common + path)
            return [info] if info.type == fs.FileType.File else []
        first = min(path.index(sign) for sign in SIGNS if sign in path)
        folder = (common + path[:first]).rpartition("/")[0]
        selector = fs.FileSelector(folder, allow_not_found=True, recursive="/" in path[first:])
        return sorted(
            (
                info
                for info in store.get_file_info(selector)
                if info.type == fs.FileType.File and _matches(info.path.removeprefix(common), path)
            ),
            key=lambda info: str(info.path),
        )
    except OSError as error:
        raise CollectionError(
            f"cannot look for {path}: {error}", where=request.where, remedy="see the address and its connection"
        ) from None


def _matches(found: str, pattern: str) -> bool:
    """Tell whether a path is one of a pattern: * within a folder's name, ** for any number of folders."""
    parts, wanted = found.split("/"), pattern.replace("[", "[[]").split("/")  # a bracket stands for itself
    if "**" not in wanted:
        return len(parts) == len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
    at = wanted.index("**")
    begin, end = wanted[:at], wanted[at + 1 :]
    return (
        len(parts) >= len(begin) + len(end)
        and all(map(fnmatch.fnmatchcase, parts[:at], begin))
        and (not end or all(map(fnmatch.fnmatchcase, parts[-len(end) :], end)))
    )


def _show(found: str, common: str, shown: str) -> str:
    """Return a found path as people wrote its pattern: relative, or with the store's scheme."""
    scheme = f"{shown.split('://')[0]}://" if "://" in shown else ""
    return scheme + found.removeprefix(common)


def _opener(store: fs.FileSystem, path: str) -> Callable[[], BinaryIO]:
    def open_file() -> BinaryIO:
        if isinstance(store, fs.LocalFileSystem):
            return open(path, "rb", buffering=1 << 20)  # noqa: PTH123  the caller closes it
        return store.open_input_file(path)

    return open_file


def _nearby(store: fs.FileSystem, path: str) -> str:
    folder, _, _ = path.rpartition("/")
    try:
        found = store.get_file_info(fs.FileSelector(folder))
    except OSError:
        return f"no folder {folder.rpartition('/')[2]}"
    names = sorted(info.base_name for info in found if info.type == fs.FileType.File)
    return f"the folder holds {len(names)} files" + (f", {names[0]} to {names[-1]}" if names else "")
