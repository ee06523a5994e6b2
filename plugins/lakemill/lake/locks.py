"""A lock that one process of a machine holds at a time, for work that is done once and used by many.

It saves work and is never needed for the lake to be right: on an object store, and between machines, nothing is locked.
Stays out: what is done under it.
"""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager

from lakemill.lake.storage import Lake


@contextmanager
def hold_lock(lake: Lake, name: str) -> Iterator[None]:
    """Wait for a lock of a workflow and hold it; the end of the process lets go of it too.

    Parameters
    ----------
    lake : Lake
    name : str
    """
    folder = lake.local_folder
    if folder is None:
        yield
        return
    path = folder / "_locks" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield
