"""Finding media files: in a folder and those below it, on this machine or in an object store.

Stays out: archives (``media_archives.py``), and whether a file is media.
"""

import io
import os
import re
import stat
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, cast

from pyarrow import fs

from lakemill.collection.delivery import Request
from lakemill.collection.input_files import InputFile
from lakemill.collection.media_families import is_hidden
from lakemill.collection.stores import open_store
from lakemill.exceptions import CollectionError

SIGNS = "*?"
ARCHIVES = (".zip", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst")


@dataclass(frozen=True)
class MediaFile:
    """A file that may be media.

    Attributes
    ----------
    name : str
        Its path below the folder or in the archive, with ``/``.
    input : InputFile
    stamp : int
        When it was changed, as the store tells it; 0 in an archive.
    reason : str or None
        Why it is refused without being opened.
    sha256 : str or None
        Where the lake keeps it already.
    """

    name: str
    input: InputFile
    stamp: int = 0
    reason: str | None = None
    sha256: str | None = None


@dataclass(frozen=True)
class Found:
    """What a path leads to.

    Attributes
    ----------
    shown : str
        The path, as people wrote it.
    files : list of MediaFile
        In the order of their names.
    are_archives : bool
        Whether these hold the files that are wanted.
    is_single : bool
        Whether the path names one file.
    """

    shown: str
    files: list[MediaFile]
    are_archives: bool = False
    is_single: bool = False


def find_files(path: str, connection: str | None, request: Request) -> Found:
    """Find what a path leads to.

    Parameters
    ----------
    path : str
        A folder, an archive, a file, or a pattern: * and ? stand for parts of a name, ** for any folders.
    connection : str or None
        Of the object store.
    request : Request

    Returns
    -------
    Found

    Raises
    ------
    CollectionError
        If there is no such file or folder, or the store cannot be reached.
    """
    shown = path.replace("{partition}", request.key).rstrip("/")
    parts = shown.split("/")
    first = next((number for number, part in enumerate(parts) if any(sign in part for sign in SIGNS)), len(parts))
    base, pattern = "/".join(parts[:first]), "/".join(parts[first:])
    credentials = request.connections.credentials(connection) if connection else None
    store, folder = open_store(base or ".", project=request.project, credentials=credentials, where=request.where)
    try:
        info = store.get_file_info(folder)
        if info.type == fs.FileType.File and not pattern:
            name = parts[-1]
            one = MediaFile(name, InputFile(shown, info.size, _opener(store, folder)), info.mtime_ns or 0)
            return Found(shown, [one], are_archives=_is_archive(name), is_single=True)
        walk = _walk_folder(folder) if isinstance(store, fs.LocalFileSystem) else _walk_store(store, folder)
        is_wanted = re.compile(_as_expression(pattern or "**"), re.DOTALL).fullmatch
        files = [
            MediaFile(name, InputFile(f"{base}/{name}" if base else name, size, opened), stamp, reason)
            for name, size, stamp, reason, opened in walk
            if is_wanted(name) and not is_hidden(name)
        ]
    except OSError as error:
        raise CollectionError(
            f"cannot look for {shown}: {error}", where=request.where, remedy="see the path and its connection"
        ) from None
    if not files:
        raise CollectionError(
            f"no files in {shown} for partition {request.key}",
            where=request.where,
            remedy=f"bring them there, mend the path, or clear the run when they have come ({_nearby(store, folder)})",
        )
    return Found(shown, sorted(files, key=lambda file: file.name), are_archives=_is_archive(pattern))


def _is_archive(name: str) -> bool:
    return name.lower().endswith(ARCHIVES)


def _as_expression(pattern: str) -> str:
    """Return a pattern of paths as a regular expression.

    Examples
    --------
    >>> bool(re.fullmatch(_as_expression("**/*.png"), "x.png")), bool(re.fullmatch(_as_expression("*.png"), "a/x.png"))
    (True, False)
    """
    expression = ""
    parts = pattern.split("/")
    for number, part in enumerate(parts):
        is_last = number == len(parts) - 1
        if part == "**":
            expression += ".+" if is_last else "(?:.+/)?"
            continue
        signs = {"*": "[^/]*", "?": "[^/]"}
        expression += "".join(signs.get(sign, re.escape(sign)) for sign in part) + ("" if is_last else "/")
    return expression


Walked = tuple[str, int, int, str | None, Callable[[], BinaryIO]]


def _walk_folder(folder: str) -> Iterator[Walked]:
    """Yield the files below a folder of this machine; links are followed, but into no folder twice."""
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        place = waiting.pop()
        try:
            status = os.stat(place)  # noqa: PTH116  names need not be text, which a Path could not show
            entries = list(os.scandir(place))
        except FileNotFoundError:
            continue
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        for entry in entries:
            name = os.path.relpath(entry.path, folder)
            shown = os.fsencode(name).decode("utf-8", "backslashreplace")
            try:
                found = entry.stat()
            except OSError:
                yield shown, 0, 0, "a link that leads nowhere", _opener(None, entry.path)
                continue
            if stat.S_ISDIR(found.st_mode):
                waiting.append(entry.path)
                continue
            reason = None if stat.S_ISREG(found.st_mode) else "no file, but a device or a pipe"
            yield shown, found.st_size, found.st_mtime_ns, reason, _opener(None, entry.path)


def _walk_store(store: fs.FileSystem, folder: str) -> Iterator[Walked]:
    for info in store.get_file_info(fs.FileSelector(folder, recursive=True, allow_not_found=True)):
        if info.type == fs.FileType.File:
            name = info.path.removeprefix(folder).lstrip("/")
            yield name, info.size, info.mtime_ns or 0, None, _opener(store, info.path)


def _opener(store: fs.FileSystem | None, path: str) -> Callable[[], BinaryIO]:
    def open_file() -> BinaryIO:
        if store is None or isinstance(store, fs.LocalFileSystem):
            return open(path, "rb")  # noqa: PTH123  the caller closes it
        return cast(BinaryIO, io.BufferedReader(_StoreStream(store, path), 1 << 20))

    return open_file


class _StoreStream(io.RawIOBase):
    """A file of an object store; that the store fails is no fault of the file's."""

    def __init__(self, store: fs.FileSystem, path: str) -> None:
        self._path = path
        with self._telling():
            self._file = store.open_input_file(path)

    @contextmanager
    def _telling(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            remedy = "clear the run when the store answers again"
            raise CollectionError(f"cannot read {self._path}: {error}", where="object store", remedy=remedy) from None

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        with self._telling():
            content = self._file.read(len(memoryview(buffer)))
        memoryview(buffer)[: len(content)] = content
        return len(content)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        self._file.seek(offset, whence)
        return int(self._file.tell())

    def tell(self) -> int:
        return int(self._file.tell())

    def close(self) -> None:
        if not self.closed:
            self._file.close()
        super().close()


def _nearby(store: fs.FileSystem, folder: str) -> str:
    if not isinstance(store, fs.LocalFileSystem):
        return "nothing is there"
    path = Path(folder)
    if path.is_dir():
        return f"the folder {path.name} holds nothing that fits"
    if not path.parent.is_dir():
        return f"no folder {path.parent.name}"
    names = sorted(found.name for found in path.parent.iterdir() if not found.name.startswith("."))
    return f"{path.parent.name} holds {len(names)} others" + (f", {names[0]} to {names[-1]}" if names else "")
