"""Files that hold rows, wherever they lie: what a reader of a format is given.

Stays out: where they come from, and what is in them.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import BinaryIO


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
