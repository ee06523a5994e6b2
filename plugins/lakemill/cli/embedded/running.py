"""What a running installation leaves in its state folder, so that any process finds it: ``running.json`` and a lock.

Stays out: asking the installation anything over the network (``health.py``), starting and stopping.
"""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil

from lakemill.cli.embedded.processes import is_alive

KEEPER_MODULE = "lakemill.cli.embedded.keeper"


@dataclass(frozen=True)
class Running:
    """What a running installation tells about itself.

    Attributes
    ----------
    airflow_url : str
        Address of Airflow's pages and REST API, without a slash at the end.
    pid : int
        The keeper's process id.
    started_at : float
        When the keeper began, in seconds since the epoch.
    components : Mapping[str, int]
        Process ids by component name.
    broker : str or None
        Address of the MQTT broker, where a workflow needs one.
    """

    airflow_url: str
    pid: int
    started_at: float
    components: Mapping[str, int] = field(default_factory=dict)
    broker: str | None = None

    @property
    def port(self) -> int:
        """The API server's port."""
        return int(self.airflow_url.rpartition(":")[2])


def read_running(state: Path) -> Running | None:
    """Return what ``running.json`` says, or None when it is missing, unreadable or of a keeper that has ended.

    Parameters
    ----------
    state : Path

    Returns
    -------
    Running or None
    """
    try:
        running = Running(**json.loads((state / "running.json").read_text()))
    except (OSError, ValueError, TypeError):
        return None
    return running if find_keeper(state) == running.pid else None


def write_running(state: Path, running: Running) -> None:
    """Replace ``running.json`` in one step.

    Parameters
    ----------
    state : Path
    running : Running
    """
    draft = state / "running.json.new"
    draft.write_text(json.dumps(asdict(running), indent=2) + "\n")
    draft.replace(state / "running.json")


def remove_running(state: Path) -> None:
    """Remove ``running.json`` if it is there.

    Parameters
    ----------
    state : Path
    """
    (state / "running.json").unlink(missing_ok=True)


def find_keeper(state: Path) -> int | None:
    """Return the process id of this folder's living keeper, or None.

    The id comes from the lock file and counts only if that process is a keeper and was told this folder: after a
    reboot the same number may belong to anything.

    Parameters
    ----------
    state : Path

    Returns
    -------
    int or None
    """
    try:
        keeper = psutil.Process(int((state / "keeper.lock").read_text()))
        words = keeper.cmdline()
    except (OSError, ValueError, psutil.Error):
        return None
    return keeper.pid if is_alive(keeper) and KEEPER_MODULE in words and str(state) in words else None


@contextmanager
def hold_lock(state: Path) -> Iterator[bool]:
    """Hold the folder's lock, which ends with the process; gives False when another process holds it.

    Parameters
    ----------
    state : Path

    Yields
    ------
    bool
        Whether the lock is held now.
    """
    descriptor = os.open(state / "keeper.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
            return
        os.ftruncate(descriptor, 0)
        os.write(descriptor, str(os.getpid()).encode())
        yield True
    finally:
        os.close(descriptor)
