"""The services of one keeper together: which of them ended, their restarts, their common end.

Stays out: which services there are and what they need before they start (``keeper.py``).
"""

import logging
import time
from contextlib import suppress
from pathlib import Path

import psutil

from lakemill.cli.embedded.postgres import remove_socket_folder, stop_server
from lakemill.cli.embedded.processes import (
    find_descendants,
    find_marked,
    kill_processes,
    reap_orphans,
)
from lakemill.cli.embedded.service import Service, StartError

KILL_ROUNDS = 5
TERM_SECONDS = (3.0, 3.0)  # how long to wait after the first and the second SIGTERM

logger = logging.getLogger("lakemill.keeper")


class Supervision:
    """Services by name, in the order of their start.

    Parameters
    ----------
    state : Path
    """

    def __init__(self, state: Path) -> None:
        self.state = state
        self.services: dict[str, Service] = {}

    def start(self, service: Service) -> None:
        """Start a service and watch it from now on.

        Parameters
        ----------
        service : Service
        """
        self.services[service.name] = service
        service.start()

    @property
    def pids(self) -> dict[str, int]:
        """Process ids of the services that run, by name."""
        return {name: service.pid for name, service in self.services.items() if service.pid is not None}

    def check_none_ended(self) -> None:
        """Raise ``StartError`` when a service has ended, except one that was to end and did so well."""
        for service in self.services.values():
            if service.exit_code is not None and not (service.is_job and service.exit_code == 0):
                raise StartError(service.name, f"ended with code {service.exit_code}", log=service.log)

    def revive(self) -> bool:
        """Restart what has ended, each after its pause.

        Returns
        -------
        bool
            Whether something was restarted.

        Raises
        ------
        StartError
            When a service ended too often.
        """
        reap_orphans({service.process.pid for service in self.services.values() if service.process})
        before = self.pids
        for service in self.services.values():
            if service.pid is None:
                self._revive(service)
        return self.pids.keys() > before.keys()

    def _revive(self, service: Service) -> None:
        if service.restart_at is None:
            pause = service.schedule_restart()
            if pause is None:
                raise StartError(service.name, f"has ended {service.deaths} times", log=service.log)
            logger.warning("%s ended with code %s; restart in %.0f s", service.name, service.exit_code, pause)
        elif time.monotonic() >= service.restart_at:
            service.start()
            logger.info("%s restarted as %s", service.name, service.pid)

    def stop_all(self) -> None:
        """End the components, then all that is left of them, and PostgreSQL last.

        A scheduler with running tasks waits for them until it gets a second SIGTERM; then it signs off, and the next
        start takes the interrupted tasks up again at once. The tasks themselves outlive SIGTERM and are killed.
        """
        database = self.services.pop("postgres", None)
        server = {database.pid} if database is not None and database.pid is not None else set()
        for seconds in TERM_SECONDS:
            self._terminate_components(seconds, excluding=server)
        for _ in range(KILL_ROUNDS):  # what is about to be killed may just be starting another
            left = [*find_descendants(server), *find_marked(self.state)]
            if not left:
                break
            logger.warning("killing %s", sorted({process.pid for process in left}))
            kill_processes(left)
        for pid in server:
            with suppress(psutil.NoSuchProcess):
                stop_server(psutil.Process(pid))
        remove_socket_folder(self.state)

    def _terminate_components(self, seconds: float, *, excluding: set[int]) -> None:
        for process in find_descendants(excluding):
            with suppress(psutil.NoSuchProcess):
                process.terminate()
        give_up_at = time.monotonic() + seconds
        while find_descendants(excluding) and time.monotonic() < give_up_at:
            time.sleep(0.05)
