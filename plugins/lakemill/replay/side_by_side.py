"""Replays of several policies at once, each in a process of its own; one after the other where there is one worker.

A process that is told to end, or whose parent is gone, leaves a branch that is gone on with the next time.
Stays out: what a replay does (``running.py``).
"""

import logging
import multiprocessing
import os
import queue
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from multiprocessing.context import SpawnProcess
from typing import Any

from lakemill.exceptions import LakemillError, RunError
from lakemill.replay.branches import Place
from lakemill.replay.running import replay

ASK_EVERY_SECONDS = 0.2
Report = Callable[[str, int, str], None]  # the policy, how many of its partitions are done, what is done now


@dataclass(frozen=True)
class _Ended:
    error: LakemillError | None = None
    text: str = ""


def replay_all(places: Mapping[str, Place], *, workers: int, report: Report) -> None:
    """Replay policies, going on where each was left.

    Parameters
    ----------
    places : mapping of str to Place
        By policy. Those of one branch are replayed once.
    workers : int
        Processes at once.
    report : callable
        Told of each policy's progress.

    Raises
    ------
    LakemillError
        Of the first policy that fails; the others are ended.
    """
    names: dict[str, list[str]] = {}
    for name, place in places.items():
        names.setdefault(place.folder.name, []).append(name)
    by_branch = {place.folder.name: place for place in places.values()}

    def tell(branch: str, done: int, text: str) -> None:
        for name in names[branch]:
            report(name, done, text)

    if workers == 1 or len(by_branch) == 1:
        for branch, place in by_branch.items():
            replay(place, report=partial(tell, branch))
        return
    threads = max(1, (os.cpu_count() or 1) // workers)
    _run_processes(by_branch, workers, threads, tell)


def _run_processes(places: Mapping[str, Place], workers: int, threads: int, tell: Report) -> None:
    context = multiprocessing.get_context("spawn")  # libraries with threads do not stand being forked
    told: Any = context.Queue()
    waiting, running = dict(places), dict[str, SpawnProcess]()
    try:
        while waiting or running:
            while waiting and len(running) < workers:
                branch, place = next(iter(waiting.items()))
                del waiting[branch]
                process = context.Process(target=_work, args=(branch, place, threads, told, os.getpid()), daemon=True)
                process.start()
                running[branch] = process
            branch, what = _hear(told, running)
            if isinstance(what, _Ended):
                running.pop(branch).join()
                if what.error is not None or what.text:
                    raise what.error or RunError(what.text, where=f"the replay in {places[branch].folder}")
            elif what is not None:
                tell(branch, *what)
    finally:
        for process in running.values():
            process.terminate()
        for process in running.values():
            process.join()


def _hear(told: Any, running: Mapping[str, SpawnProcess]) -> tuple[str, Any]:
    """Return what a process says; of one that says nothing any more, that it has ended."""
    try:
        said: tuple[str, Any] = told.get(timeout=ASK_EVERY_SECONDS)
        return said
    except queue.Empty:
        for branch, process in running.items():
            if not process.is_alive():
                try:
                    said = told.get(timeout=ASK_EVERY_SECONDS)  # its last words may have come meanwhile
                    return said
                except queue.Empty:
                    return branch, _Ended(text=f"its process ended with {process.exitcode}")
        return "", None


def _work(branch: str, place: Place, threads: int, told: Any, parent: int) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of Ctrl-C all hear: the parent ends this process
    for name in ("alembic", "mlflow", "optuna"):
        logging.getLogger(name).setLevel(logging.WARNING)

    def report(done: int, text: str) -> None:
        if os.getppid() != parent:
            sys.exit(1)
        told.put((branch, (done, text)))

    try:
        replay(place, threads=threads, report=report)
        told.put((branch, _Ended()))
    except LakemillError as error:
        told.put((branch, _Ended(error)))
    except Exception as error:
        logging.getLogger(__name__).exception("the replay failed")
        told.put((branch, _Ended(text=f"{type(error).__name__}: {error}")))
