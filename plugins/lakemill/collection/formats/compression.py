"""Compressed files and archives, opened as streams of plain bytes; damage ends a stream instead of raising.

Stays out: what the bytes mean.
"""

import bz2
import gzip
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any, BinaryIO

import zstandard

from lakemill.collection.input_files import InputFile

MAGICS = {b"\x1f\x8b": "gz", b"BZh": "bz2", b"\xfd7zXZ\x00": "xz", b"\x28\xb5\x2f\xfd": "zst", b"PK\x03\x04": "zip"}
CHUNK_BYTES = 1 << 20
BOMB_BYTES = 256 * 2**20  # less is harmless however small it was
BOMB_RATIO = 500
FAULTS = (OSError, EOFError, zlib.error, lzma.LZMAError, zstandard.ZstdError, zipfile.BadZipFile, RuntimeError)
OPENERS: dict[str, Callable[[BinaryIO], Any]] = {
    "gz": lambda raw: gzip.GzipFile(fileobj=raw),
    "bz2": bz2.BZ2File,
    "xz": lzma.LZMAFile,
    "zst": lambda raw: zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True),
}


class PlainStream(io.RawIOBase):
    """Bytes of a file, decompressed; what is damaged ends it early.

    Parameters
    ----------
    raw : file
    consumed : callable
        Number of bytes of the file read so far.
    largest : int
        A stream of more bytes is ended there.

    Attributes
    ----------
    fault : str or None
        Why it ended early.
    """

    def __init__(self, raw: BinaryIO, consumed: Callable[[], int], largest: int) -> None:
        self._raw = raw
        self._consumed = consumed
        self._largest = largest
        self._returned = 0
        self.fault: str | None = None

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def readinto(self, buffer: object) -> int:
        """Read into a buffer; 0 at the end, and where damage begins."""
        view = memoryview(buffer)  # type: ignore[arg-type]
        if self.fault is not None:
            return 0
        try:
            # one read at a time: what came before the damage is not lost with it
            read = (self._raw.read1 if hasattr(self._raw, "read1") else self._raw.read)(len(view)) or b""
        except FAULTS as error:
            self.fault = f"cut off or damaged after {self._returned:,} bytes: {error or type(error).__name__}"
            return 0
        if self._returned + len(read) > self._largest:
            self.fault = f"more than {self._largest:,} bytes"
            read = read[: self._largest - self._returned]
        self._returned += len(read)
        if self._returned > BOMB_BYTES and self._returned > BOMB_RATIO * max(1, self._consumed()):
            self.fault = f"expands to more than {BOMB_RATIO} times its size: a decompression bomb"
            return 0
        view[: len(read)] = read
        return len(read)


def find_compression(file: InputFile) -> str | None:
    """Return how a file is compressed, by its first bytes: gz, bz2, xz, zst, zip or None."""
    with file.open() as raw:
        begin = raw.read(8)
    return next((name for magic, name in MAGICS.items() if begin.startswith(magic)), None)


def open_plain(file: InputFile, compression: str | None, largest: int, stack: ExitStack) -> PlainStream:
    """Open a file that is compressed in some way, or not.

    Parameters
    ----------
    file : InputFile
    compression : {"gz", "bz2", "xz", "zst"} or None
    largest : int
        In bytes.
    stack : ExitStack
        Closes it.

    Returns
    -------
    PlainStream
    """
    raw = stack.enter_context(file.open())
    opened = OPENERS[compression](raw) if compression else raw
    return PlainStream(opened, raw.tell if compression else lambda: 1 << 62, largest)


def list_members(file: InputFile, stack: ExitStack) -> Iterator[InputFile]:
    """Yield the files of a zip archive, in its order, without folders and what systems put beside.

    Parameters
    ----------
    file : InputFile
    stack : ExitStack
        Closes the archive.

    Raises
    ------
    zipfile.BadZipFile
        If its directory cannot be read.
    """
    archive = zipfile.ZipFile(stack.enter_context(file.open()))
    stack.callback(archive.close)
    for info in archive.infolist():
        name = info.filename
        if info.is_dir() or name.startswith("__MACOSX/") or name.rsplit("/", 1)[-1].startswith("."):
            continue
        yield InputFile(f"{file.shown}/{name}", info.file_size, lambda info=info: _open_member(archive, info))  # type: ignore[misc]


def _open_member(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> BinaryIO:
    if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(1, info.compress_size):
        raise zipfile.BadZipFile(f"expands to more than {BOMB_RATIO} times its size: a decompression bomb")
    return archive.open(info)  # type: ignore[return-value]
