"""Files kept as they were delivered, each once, under the SHA-256 of its bytes: ``objects/ab/abcdef...``.

Written in pieces, so that a file of any size fits; a file that is there already is not written again. Stays out: what
the bytes mean, and which row speaks of them.
"""

import hashlib
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from lakemill.lake.storage import Lake

CHUNK_BYTES = 1 << 20


class Readable(Protocol):
    """Something that is read from its beginning to its end."""

    def read(self, size: int = -1, /) -> bytes:
        """Return the next bytes, none at the end."""


@dataclass(frozen=True)
class KeptObject:
    """A file that the lake keeps.

    Attributes
    ----------
    sha256 : str
        Of its bytes, 64 hexadecimal digits: its name.
    bytes : int
    path : Path
        Where this machine can read it, as long as the context lasts that it came from.
    """

    sha256: str
    bytes: int
    path: Path


def name_object(sha256: str) -> str:
    """Return the path of an object below the workflow's folder.

    Examples
    --------
    >>> name_object("ab" + "0" * 62)[:14]
    'objects/ab/ab0'
    """
    return f"objects/{sha256[:2]}/{sha256}"


@contextmanager
def keep_object(lake: Lake, stream: Readable, scratch: Path) -> Iterator[KeptObject]:
    """Keep what a stream delivers; a stream that breaks off with an error leaves nothing behind.

    Parameters
    ----------
    lake : Lake
    stream : file
        Read to its end.
    scratch : Path
        A folder for temporary files, used where the lake does not lie on this machine.

    Yields
    ------
    KeptObject
    """
    folder = lake.local_folder
    beside = folder / "objects" if folder is not None else scratch
    beside.mkdir(parents=True, exist_ok=True)
    unfinished = beside / f"{os.getpid()}-{uuid.uuid4().hex}.unfinished"
    try:
        sha256, size = _copy(stream, unfinished)
        name = name_object(sha256)
        if folder is not None:
            yield KeptObject(sha256, size, _move(unfinished, folder / name, size))
        else:
            if lake.size_of(name) != size:
                _upload(lake, unfinished, name)
            yield KeptObject(sha256, size, unfinished)
    finally:
        unfinished.unlink(missing_ok=True)


@contextmanager
def fetch_object(lake: Lake, sha256: str, scratch: Path) -> Iterator[Path]:
    """Give a path of this machine under which an object can be read.

    Parameters
    ----------
    lake : Lake
    sha256 : str
        Of an object that the lake keeps.
    scratch : Path
        A folder for temporary files, used where the lake does not lie on this machine.

    Yields
    ------
    Path
    """
    folder = lake.local_folder
    if folder is not None:
        yield folder / name_object(sha256)
        return
    copy = scratch / f"{uuid.uuid4().hex}.object"
    try:
        with lake.open_for_reading(name_object(sha256)) as stream:
            _copy(stream, copy)
        yield copy
    finally:
        copy.unlink(missing_ok=True)


def _copy(stream: Readable, path: Path) -> tuple[str, int]:
    digest, size = hashlib.sha256(), 0
    with path.open("wb") as out:
        while chunk := stream.read(CHUNK_BYTES):
            digest.update(chunk)
            size += len(chunk)
            out.write(chunk)
    return digest.hexdigest(), size


def _move(unfinished: Path, path: Path, size: int) -> Path:
    """Bring a finished file to its place, unless it is there whole already."""
    if not (path.is_file() and path.stat().st_size == size):
        path.parent.mkdir(exist_ok=True)
        unfinished.replace(path)
    return path


def _upload(lake: Lake, path: Path, name: str) -> None:
    with path.open("rb") as stream, lake.open_for_writing(name) as out:
        while chunk := stream.read(CHUNK_BYTES):
            out.write(chunk)
