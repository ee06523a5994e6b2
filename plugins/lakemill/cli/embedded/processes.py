"""Operating-system processes: whose children they are, how they are found again, and how they are ended.

Stays out: which processes an installation consists of (``keeper.py``), how one is restarted (``service.py``).
Parent-death signals and the adoption of orphans exist on Linux only; elsewhere these calls quietly do nothing.
"""

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path

import psutil

# Set in the environment of everything the keeper starts and of nothing else. LAKEMILL_STATE would not do: a user may
# export that one in a shell, and the shell must not be taken for a leftover.
MARK = "LAKEMILL_KEPT_FOR"
LEFTOVER_SECONDS = 3.0  # not more: without a keeper there is no API server left to which a task could say anything

_PR_SET_PDEATHSIG = 1
_PR_SET_CHILD_SUBREAPER = 36
_IS_LINUX = sys.platform.startswith("linux")
_LIBC = ctypes.CDLL(None, use_errno=True) if _IS_LINUX else None  # loaded here: too late between fork and exec


def adopt_orphans() -> None:
    """Make the calling process the parent of grandchildren whose own parent ends."""
    if _LIBC is not None:
        _LIBC.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)


def die_with_parent(signal_number: int) -> Callable[[], None]:
    """Return a ``preexec_fn`` that has the child signalled when its parent ends, for whatever reason.

    Parameters
    ----------
    signal_number : int
        The signal that the kernel sends to the child.

    Returns
    -------
    Callable[[], None]
    """
    parent = os.getpid()

    def prepare() -> None:
        if _LIBC is None:
            return
        _LIBC.prctl(_PR_SET_PDEATHSIG, signal_number, 0, 0, 0)
        if os.getppid() != parent:  # it ended between the fork and the call above
            os.kill(os.getpid(), signal.SIGKILL)

    return prepare


def reap_orphans(own: set[int]) -> None:
    """Collect ended children that were adopted, leaving those in ``own`` to whoever waits for them.

    Parameters
    ----------
    own : set of int
        Process ids that must stay collectable.
    """
    with suppress(ChildProcessError):  # no children at all
        while ended := os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
            if ended.si_pid in own:
                return
            os.waitpid(ended.si_pid, os.WNOHANG)


def is_alive(process: psutil.Process) -> bool:
    """Return whether the process runs; a zombie doesn't.

    Parameters
    ----------
    process : psutil.Process

    Returns
    -------
    bool
    """
    try:
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    except psutil.NoSuchProcess:
        return False


def find_descendants(excluding: set[int]) -> list[psutil.Process]:
    """Return the children of this process and theirs, without the trees that start at the ids in ``excluding``.

    Parameters
    ----------
    excluding : set of int
        Process ids.

    Returns
    -------
    list of psutil.Process
    """
    found: list[psutil.Process] = []
    for child in psutil.Process().children():
        if child.pid in excluding:
            continue
        found.append(child)
        with suppress(psutil.NoSuchProcess):
            found.extend(child.children(recursive=True))
    return [process for process in found if is_alive(process)]


def find_marked(state: Path) -> list[psutil.Process]:
    """Return this user's processes that a keeper of this state folder has started, directly or not.

    Parameters
    ----------
    state : Path
        The state folder, as the keeper knows it.

    Returns
    -------
    list of psutil.Process
    """
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # ended meanwhile, or someone else's
            if process.uids().real == os.getuid() and process.environ().get(MARK) == str(state) and is_alive(process):
                found.append(process)
    return found


def end_processes(processes: Iterable[psutil.Process], *, grace_seconds: float) -> None:
    """End processes with SIGTERM, and with SIGKILL those that are left after the grace.

    Parameters
    ----------
    processes : iterable of psutil.Process
    grace_seconds : float
        How long SIGTERM may take.
    """
    processes = list(processes)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.terminate()
    _, left = psutil.wait_procs(processes, timeout=grace_seconds)
    kill_processes(left)


def kill_processes(processes: Iterable[psutil.Process]) -> None:
    """End processes with SIGKILL and wait until they are gone.

    Parameters
    ----------
    processes : iterable of psutil.Process
    """
    processes = list(processes)
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.kill()
    psutil.wait_procs(processes, timeout=5)
