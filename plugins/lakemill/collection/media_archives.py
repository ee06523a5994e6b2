"""Media files in archives: listed, and read without ever being unpacked to a path that the archive names.

Stays out: folders (``media_files.py``), and whether a file is media.
"""

import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from functools import partial
from typing import BinaryIO, cast

from lakemill.collection.delivery import Refused
from lakemill.collection.formats.compression import BOMB_BYTES, BOMB_RATIO, FAULTS, find_compression, open_plain
from lakemill.collection.input_files import InputFile
from lakemill.collection.media_families import is_hidden
from lakemill.collection.media_files import MediaFile

# NotImplementedError is what zipfile says of a compression that it does not know
DAMAGE = (*FAULTS, tarfile.TarError, zlib.error, lzma.LZMAError, NotImplementedError, ValueError, UnicodeError)
Keep = Callable[[BinaryIO], str]


def list_archive(
    file: MediaFile, prefix: str, stack: ExitStack, *, largest: int, keep: Keep
) -> tuple[list[MediaFile], list[Refused]]:
    """Return the files of an archive.

    Parameters
    ----------
    file : MediaFile
        The archive.
    prefix : str
        What their names begin with.
    stack : ExitStack
        Closes what is opened.
    largest : int
        In bytes; a larger file of the archive is not read.
    keep : callable
        Keeps a stream in the lake and returns its SHA-256: files of a tar can be read once only, in their order.

    Returns
    -------
    files : list of MediaFile
    refused : list of Refused
        The archive itself, where it, or its end, cannot be read.
    """
    try:
        compression = find_compression(file.input)
        if compression == "zip":
            return list(_list_zip(file.input, prefix, stack)), []
        files: list[MediaFile] = []
        fault = _list_tar(file.input, prefix, compression, files, largest, keep)
    except DAMAGE as error:
        if not is_damage(error):
            raise
        return [], [Refused(f"an archive that cannot be read: {error or type(error).__name__}", file.input.shown)]
    if fault is None:
        return files, []
    reason = f"an archive that is cut off or damaged after {len(files):,} files: {fault}"
    return files, [Refused(reason, file.input.shown)]


def is_damage(error: BaseException) -> bool:
    """Tell whether an error lies in the bytes, not in the system that reads or writes them."""
    return not (isinstance(error, OSError) and error.errno is not None)


def _list_zip(file: InputFile, prefix: str, stack: ExitStack) -> Iterator[MediaFile]:
    archive = zipfile.ZipFile(stack.enter_context(file.open()))
    stack.callback(archive.close)
    for info in archive.infolist():
        name = info.filename.replace("\\", "/")
        if info.is_dir() or is_hidden(name):
            continue
        reason = _leads_out(name) or _is_bomb(info)
        if info.flag_bits & 1:
            reason = reason or "encrypted"
        if (info.external_attr >> 16) & 0o170000 == 0o120000:
            reason = "a link"
        opened = cast(Callable[[], BinaryIO], partial(archive.open, info))
        yield MediaFile(prefix + name, InputFile(f"{file.shown}/{name}", info.file_size, opened), reason=reason)


def _is_bomb(info: zipfile.ZipInfo) -> str | None:
    if info.file_size > BOMB_BYTES and info.file_size > BOMB_RATIO * max(1, info.compress_size):
        return f"expands to more than {BOMB_RATIO} times its size: a decompression bomb"
    return None


def _list_tar(
    file: InputFile, prefix: str, compression: str | None, files: list[MediaFile], largest: int, keep: Keep
) -> str | None:
    """Go through a tar archive; return why it ends early, None where it does not."""
    with ExitStack() as stack:
        plain = open_plain(file, compression, 1 << 62, stack)
        try:
            archive = stack.enter_context(tarfile.open(fileobj=plain, mode="r|"))
            for member in archive:
                name = member.name.removeprefix("./")
                if member.isdir() or is_hidden(name):
                    continue
                shown = f"{file.shown}/{name}"
                reason = _leads_out(name)
                if not member.isfile():
                    reason = "a link, or no file at all"
                elif member.size > largest:
                    reason = f"{member.size:,} bytes, more than {largest:,}"
                if reason is not None:
                    files.append(MediaFile(prefix + name, InputFile(shown, member.size, file.open), reason=reason))
                    continue
                sha256 = keep(cast(BinaryIO, archive.extractfile(member)))
                if plain.fault is None:
                    files.append(MediaFile(prefix + name, InputFile(shown, member.size, file.open), sha256=sha256))
        except (*DAMAGE, AttributeError) as error:
            if not is_damage(error):
                raise
            return plain.fault or str(error) or type(error).__name__
        return plain.fault


def _leads_out(name: str) -> str | None:
    parts = name.split("/")
    if name.startswith("/") or ".." in parts or ":" in parts[0]:
        return "a path that leads out of the archive"
    return None
