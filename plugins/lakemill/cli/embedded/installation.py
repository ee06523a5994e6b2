"""The embedded installation as others see it: find it, start it, stop it, speak to it.

All state is under ``settings.state``; all addresses are on the loopback; no root is needed. The services belong to a
keeper process (``keeper.py``), so an installation outlives its starter or ends with it, as the starter wishes.
"""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import psutil

from lakemill.cli.embedded.environment import environment, make_absolute, settings_variables
from lakemill.cli.embedded.health import read_health
from lakemill.cli.embedded.postgres import end_leftover_server
from lakemill.cli.embedded.processes import (
    LEFTOVER_SECONDS,
    end_processes,
    find_marked,
    kill_processes,
)
from lakemill.cli.embedded.reports import describe_failure, describe_holder, follow
from lakemill.cli.embedded.running import (
    KEEPER_MODULE,
    Running,
    find_keeper,
    hold_lock,
    read_running,
    remove_running,
)
from lakemill.cli.embedded.service import read_last_lines
from lakemill.config.settings import Settings

__all__ = ["Running", "environment", "find_running", "start", "stop"]

_STOP_SECONDS = 40.0
_LEFTOVER_ROUNDS = 5

# Keepers of this process, with the write end of each leash: closing it would end an attached installation.
_started: dict[Path, tuple[subprocess.Popen[bytes], int | None]] = {}


def find_running(settings: Settings) -> Running | None:
    """Return the installation of this state folder if it runs and its API answers.

    Parameters
    ----------
    settings : Settings

    Returns
    -------
    Running or None
    """
    running = read_running(make_absolute(settings).state)
    return running if running is not None and read_health(running.airflow_url) is not None else None


def start(settings: Settings, *, attached: bool, report: Callable[[str], None]) -> Running:
    """Start the installation and wait until it is healthy; give the running one if there is one.

    Parameters
    ----------
    settings : Settings
    attached : bool
        Whether it ends with this process, however that ends. One that runs already keeps its own way.
    report : Callable[[str], None]
        Is called with each phase, such as ``starting PostgreSQL``.

    Returns
    -------
    Running

    Raises
    ------
    ServiceError
        When a service doesn't start; everything is stopped again then.
    """
    settings = make_absolute(settings)
    if (running := find_running(settings)) is not None:
        report(f"already running at {running.airflow_url}")
        return running
    if (keeper := find_keeper(settings.state)) is not None:
        raise describe_holder(keeper, state=settings.state)
    _release(settings.state)  # of an earlier keeper that was killed
    (settings.state / "logs").mkdir(parents=True, exist_ok=True)
    with os.fdopen(_spawn_keeper(settings, attached=attached), "r") as reports:
        try:
            for phase in follow(reports, state=settings.state):
                report(phase)
        except BaseException:  # also Ctrl-C: nothing may be left half started
            _release(settings.state)
            raise
    started = read_running(settings.state)
    if started is None:
        log = settings.state / "logs" / "keeper.log"
        raise describe_failure("keeper", "ended right after the start", log, read_last_lines(log), state=settings.state)
    return started


def _spawn_keeper(settings: Settings, *, attached: bool) -> int:
    """Start a keeper; give the read end of its reports."""
    reports, reports_write = os.pipe()
    leash, leash_write = os.pipe() if attached else (None, None)
    inherited = [reports_write] if leash is None else [reports_write, leash]
    options = ["--reports", str(reports_write)] + ([] if leash is None else ["--leash", str(leash)])
    with (settings.state / "logs" / "keeper.log").open("ab") as log:
        keeper = subprocess.Popen(
            [sys.executable, "-P", "-m", KEEPER_MODULE, str(settings.state), *options],
            env=os.environ | settings_variables(settings),
            cwd=settings.state,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,  # Ctrl-C in the terminal must not hit it
            pass_fds=inherited,
        )
    for descriptor in inherited:
        os.close(descriptor)
    _started[settings.state] = (keeper, leash_write)
    return reports


def stop(settings: Settings, *, report: Callable[[str], None]) -> bool:
    """Stop the installation, whoever started it, and whatever a keeper that was killed has left behind.

    Parameters
    ----------
    settings : Settings
    report : Callable[[str], None]

    Returns
    -------
    bool
        False when nothing ran.
    """
    state = make_absolute(settings).state
    if not state.exists():
        return False
    has_keeper = (pid := find_keeper(state)) is not None
    if pid is not None:
        report("stopping Airflow and PostgreSQL")
        _end_keeper(pid)
    _release(state)
    return _end_leftovers(state, report) or has_keeper


def _end_keeper(pid: int) -> None:
    try:
        keeper = psutil.Process(pid)
        keeper.terminate()
        keeper.wait(timeout=_STOP_SECONDS)
    except psutil.TimeoutExpired:
        kill_processes([keeper])
    except psutil.NoSuchProcess:
        pass


def _end_leftovers(state: Path, report: Callable[[str], None]) -> bool:
    with hold_lock(state) as is_held:
        if not is_held:  # somebody has started it anew: not ours to touch
            return False
        had_leftovers = False
        for _ in range(_LEFTOVER_ROUNDS):  # what is about to be ended may just be starting another
            leftovers = find_marked(state)
            if not leftovers:
                break
            had_leftovers = True
            report("ending processes that were left behind")
            end_processes(leftovers, grace_seconds=LEFTOVER_SECONDS)
        had_server = end_leftover_server(state)
        remove_running(state)
    return had_leftovers or had_server


def _release(state: Path) -> None:
    """Let go of a keeper that this process has started, and wait until it has ended."""
    keeper, leash = _started.pop(state, (None, None))
    if leash is not None:
        os.close(leash)
    if keeper is None:
        return
    if keeper.poll() is None:
        keeper.terminate()
    try:
        keeper.wait(timeout=_STOP_SECONDS)
    except subprocess.TimeoutExpired:
        keeper.kill()
        keeper.wait()
