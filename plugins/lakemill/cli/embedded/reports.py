"""The words that a keeper sends to its starter through a pipe, a line of JSON each.

Stays out: what either of them does about it.
"""

import json
import os
from collections.abc import Iterable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

from lakemill.cli.embedded.service import read_last_lines
from lakemill.exceptions import ServiceError


class Reports:
    """The keeper's end of the pipe; the starter may have gone.

    Parameters
    ----------
    descriptor : int or None
        The pipe's write end.
    """

    def __init__(self, descriptor: int | None) -> None:
        self._descriptor = descriptor

    def send(self, kind: str, content: Any = None) -> None:
        """Send one message.

        Parameters
        ----------
        kind : str
            ``phase``, ``running``, ``held`` or ``failed``.
        content : Any
            What JSON can say.
        """
        if self._descriptor is not None:
            with suppress(BrokenPipeError):
                os.write(self._descriptor, json.dumps([kind, content]).encode() + b"\n")


def follow(lines: Iterable[str], *, state: Path) -> Iterator[str]:
    """Give the phases that a keeper goes through, until it says that everything runs.

    Parameters
    ----------
    lines : iterable of str
        The starter's end of the pipe.
    state : Path

    Yields
    ------
    str
        A phase, such as ``starting PostgreSQL``.

    Raises
    ------
    ServiceError
        When the keeper says that a service failed, or ends without a word.
    """
    for line in lines:
        kind, content = json.loads(line)
        if kind == "phase":
            yield content
        elif kind == "running":
            return
        elif kind == "held":
            raise describe_holder(content, state=state)
        else:
            raise describe_failure(**content, state=state)
    log = state / "logs" / "keeper.log"
    raise describe_failure("keeper", "ended without a word", log, read_last_lines(log), state=state)


def describe_holder(pid: int | None, *, state: Path) -> ServiceError:
    """Return the error that tells people which process has the state folder.

    Parameters
    ----------
    pid : int or None
    state : Path

    Returns
    -------
    ServiceError
    """
    return ServiceError(
        f"process {pid or '(unknown)'} has this installation, which doesn't answer (yet, or any more)",
        where=str(state),
        remedy="wait a moment, or stop the installation",
    )


def describe_failure(component: str, reason: str, log: str | Path, lines: list[str], *, state: Path) -> ServiceError:
    """Return the error that tells people which service failed, with the end of its log.

    Parameters
    ----------
    component : str
    reason : str
    log : str or Path
    lines : list of str
    state : Path

    Returns
    -------
    ServiceError
    """
    problem = "\n".join([f"{component} {reason}", *(f"  | {line}" for line in lines)])
    return ServiceError(problem, where=str(state), remedy=f"the whole log is in {log}")
