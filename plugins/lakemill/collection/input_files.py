"""Files that hold rows, wherever they lie: what a reader of a format is given.

Stays out: where they come from, and what is in them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO

POINTER = b"version https://git-lfs.github.com/spec/"


@dataclass(frozen=True)
class InputFile:
    """A file of a delivery.

    Attributes
    ----------
    shown : str
        Its path or address, as people see it and as ``source_file`` keeps it.
    size : int
        In bytes.
    open : callable
        Opens it for reading from its beginning.
    """

    shown: str
    size: int
    open: Callable[[], BinaryIO]


def find_pointer(begin: bytes) -> str | None:
    """Return what is wrong where only a pointer of Git LFS lies in a file's place, None where it is the file.

    Parameters
    ----------
    begin : bytes
        The file's first bytes, a hundred or more.

    Examples
    --------
    >>> find_pointer(b"version https://git-lfs.github.com/spec/v1"), find_pointer(b"id,at")
    ('a pointer of Git LFS, not the file itself: run `git lfs pull` where it comes from', None)
    """
    if begin.startswith(POINTER):
        return "a pointer of Git LFS, not the file itself: run `git lfs pull` where it comes from"
    return None
