"""One supervised child process: its command, its log, its ends and restarts.

Stays out: which services there are and in which order they start (``keeper.py``).
"""

import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from lakemill.cli.embedded.processes import die_with_parent

MAX_RESTARTS = 5
STEADY_SECONDS = 600.0  # after this long without an end, earlier ends are forgotten


class StartError(Exception):
    """A service doesn't start or doesn't stay.

    Parameters
    ----------
    component : str
    reason : str
        Continues a sentence that begins with the component.
    log : Path, optional
        Where to read on, when not in the keeper's own log.
    """

    def __init__(self, component: str, reason: str, *, log: Path | None = None) -> None:
        self.component = component
        self.reason = reason
        self.log = log
        super().__init__(f"{component} {reason}")


def pause_before_restart(deaths: int) -> float | None:
    """Return how many seconds to wait before the next start, or None to give up.

    Parameters
    ----------
    deaths : int
        How often the service has ended by itself so far, at least 1.

    Returns
    -------
    float or None

    Examples
    --------
    >>> [pause_before_restart(deaths) for deaths in (1, 2, 5, 6)]
    [1.0, 2.0, 16.0, None]
    """
    return 2.0 ** (deaths - 1) if deaths <= MAX_RESTARTS else None


@dataclass
class Service:
    """A child process in a session of its own, which is signalled when the keeper ends.

    Attributes
    ----------
    name : str
    command : Sequence[str]
    environment : Mapping[str, str]
    log : Path
        Gets standard output and error; the previous start's is kept beside it as ``.1``.
    folder : Path
        Where it runs: what it writes to no particular place lands here.
    is_job : bool
        Whether it is to end by itself.
    parent_death_signal : int
        What the service gets when the keeper ends without stopping it.
    account : tuple of int, optional
        User and group id to run as, when not the keeper's.
    """

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    folder: Path
    is_job: bool = False
    parent_death_signal: int = signal.SIGTERM
    account: tuple[int, int] | None = None
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)
    deaths: int = field(default=0, init=False)
    restart_at: float | None = field(default=None, init=False)
    _started_at: float = field(default=0.0, init=False)

    def start(self) -> None:
        """Start the process."""
        if self.process is None:
            rotate_log(self.log)
        user, group = self.account or (None, None)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                self.command,
                env=dict(self.environment),
                cwd=self.folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                user=user,
                group=group,
                extra_groups=[] if self.account else None,
                preexec_fn=die_with_parent(self.parent_death_signal),
            )
        self.restart_at = None
        self._started_at = time.monotonic()

    @property
    def pid(self) -> int | None:
        """The process id, or None when the service doesn't run."""
        return self.process.pid if self.process is not None and self.process.poll() is None else None

    @property
    def exit_code(self) -> int | None:
        """The exit code, or None when the service runs or was never started."""
        return self.process.poll() if self.process is not None else None

    def schedule_restart(self) -> float | None:
        """Note an end and plan the next start.

        Returns
        -------
        float or None
            Seconds until then; None when it has ended too often.
        """
        now = time.monotonic()
        self.deaths = 1 if now - self._started_at > STEADY_SECONDS else self.deaths + 1
        pause = pause_before_restart(self.deaths)
        self.restart_at = None if pause is None else now + pause
        return pause


def rotate_log(log: Path) -> None:
    """Move the log of the previous start aside.

    Parameters
    ----------
    log : Path
    """
    if log.exists():
        log.replace(log.with_name(log.name + ".1"))


def read_last_lines(log: Path, count: int = 15) -> list[str]:
    """Return the last lines of a log; none when there is no log.

    Parameters
    ----------
    log : Path
    count : int

    Returns
    -------
    list of str
    """
    try:
        with log.open("rb") as file:
            file.seek(max(0, log.stat().st_size - 65_536))
            return file.read().decode(errors="replace").splitlines()[-count:]
    except OSError:
        return []
