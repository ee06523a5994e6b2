"""``python -m lakemill.cli.embedded.keeper STATE``: the one process that owns all services of an embedded installation.

It starts them, restarts those that end, and stops them all when it is told to, when the process that holds its leash
ends, or when something fails. Stays out: what people call (``installation.py``), and how one service is run
(``service.py``), prepared (``preparation.py``) and ended (``supervision.py``).
"""

import argparse
import logging
import os
import select
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from lakemill.cli.embedded.environment import environment, make_absolute, prepare_home
from lakemill.cli.embedded.health import find_unhealthy, read_health
from lakemill.cli.embedded.ports import choose_port, is_listening
from lakemill.cli.embedded.postgres import end_leftover_server, make_server
from lakemill.cli.embedded.preparation import (
    Preparation,
    find_preparations,
    is_answering,
    needs_broker,
    note_prepared,
)
from lakemill.cli.embedded.processes import (
    LEFTOVER_SECONDS,
    MARK,
    adopt_orphans,
    end_processes,
    find_marked,
)
from lakemill.cli.embedded.reports import Reports
from lakemill.cli.embedded.running import (
    Running,
    find_keeper,
    hold_lock,
    remove_running,
    write_running,
)
from lakemill.cli.embedded.service import Service, StartError, read_last_lines, rotate_log
from lakemill.cli.embedded.supervision import Supervision
from lakemill.config.settings import Settings, load_settings

START_SECONDS = 180.0
COMPONENTS = {
    "api-server": ["api-server"],
    "scheduler": ["scheduler", "--skip-serve-logs"],  # its log server would listen on all interfaces
    "dag-processor": ["dag-processor"],
    "triggerer": ["triggerer", "--skip-serve-logs"],
}
PRELOADED = {"scheduler": "tasks", "dag-processor": "dags"}  # what they import before they fork

logger = logging.getLogger("lakemill.keeper")


class StopRequestedError(Exception):
    """Somebody wants the installation to end."""


class Keeper:
    """The installation of one state folder, from its start to its end.

    Parameters
    ----------
    settings : Settings
    leash : int or None
        A pipe's read end; its end of file means stop.
    reports : Reports
        Where the starter listens.
    """

    def __init__(self, settings: Settings, *, leash: int | None, reports: Reports) -> None:
        self.settings = settings
        self.state = settings.state
        self.reports = reports
        self.supervision = Supervision(settings.state)
        self._leash = leash
        self._stop_reason = ""
        self._awaited = "postgres"
        self._deadline = time.monotonic() + START_SECONDS

    def request_stop(self, signal_number: int, _frame: object) -> None:
        """Remember a signal; it is acted upon between two steps.

        Parameters
        ----------
        signal_number : int
        """
        self._stop_reason = signal.Signals(signal_number).name

    def run(self) -> int:
        """Start, watch and stop everything.

        Returns
        -------
        int
            The exit code.
        """
        is_wanted = False
        try:
            self._watch(self._start_all())
        except StopRequestedError as request:
            is_wanted = True
            failure = StartError("keeper", f"was stopped: {request}")  # of interest to a starter that still waits
            logger.info("stopping: %s", request)
        except StartError as error:
            failure = error
            logger.error("stopping: %s", error)
        except Exception as error:  # whatever it is: the services must not outlive the keeper
            failure = StartError("keeper", f"failed: {error}")
            logger.exception("stopping")
        finally:
            remove_running(self.state)
            self.supervision.stop_all()
            logger.info("stopped")
        self._report_failure(failure)
        return 0 if is_wanted else 1

    def _report_failure(self, failure: StartError) -> None:
        log = failure.log or self._log("keeper")
        content = {"component": failure.component, "reason": failure.reason, "log": str(log)}
        self.reports.send("failed", content | {"lines": read_last_lines(log)})

    def _start_all(self) -> Running:
        started_at = time.time()
        self._end_leftovers()
        prepare_home(self.state)
        port = choose_port(self.state, os.environ.get("LAKEMILL_AIRFLOW__API__PORT"))
        broker_port = choose_port(self.state, None, component="broker") if needs_broker(self.settings) else None
        if broker_port is not None:
            self.settings = replace(self.settings, broker=f"mqtt://127.0.0.1:{broker_port}")
        variables = environment(self.settings, port) | {MARK: str(self.state)}
        self._start_postgres()
        self._start_broker(broker_port, variables)
        preparations = self._start_preparations(variables)
        self._finish_preparation(preparations.pop("airflow", None))
        self._say("starting Airflow")
        components_since = time.time()
        for name, arguments in COMPONENTS.items():
            preload = {"LAKEMILL_PRELOAD": PRELOADED[name]} if name in PRELOADED else {}
            self._start_python(name, ["-m", "airflow", *arguments], variables | preload)
        for preparation in preparations.values():
            self._finish_preparation(preparation)
        self._await_health(variables["AIRFLOW__API__BASE_URL"], since=components_since)
        running = Running(variables["AIRFLOW__API__BASE_URL"], os.getpid(), started_at, self.supervision.pids)
        running = replace(running, broker=self.settings.broker)
        write_running(self.state, running)
        logger.info("running at %s", running.airflow_url)
        self.reports.send("running")
        return running

    def _end_leftovers(self) -> None:
        remove_running(self.state)
        if leftovers := find_marked(self.state):
            self._say("ending what an earlier start left behind")
            logger.warning("ending leftovers %s", [process.pid for process in leftovers])
            end_processes(leftovers, grace_seconds=LEFTOVER_SECONDS)
        if end_leftover_server(self.state):
            logger.warning("a leftover PostgreSQL was stopped")

    def _start_postgres(self) -> None:
        self._say("starting PostgreSQL")
        try:
            self.supervision.start(make_server(self.state, self._log("postgres")))
        except (OSError, subprocess.SubprocessError) as error:
            raise StartError("postgres", f"cannot be set up: {error}") from error
        while not is_answering(self.state):
            self._pause(0.05)

    def _start_broker(self, port: int | None, variables: dict[str, str]) -> None:
        if port is None:
            return
        self._say("starting the MQTT broker")
        self._awaited = "broker"
        self._start_python("broker", ["-m", "lakemill.cli.embedded.broker", str(port)], variables)
        while not is_listening(port):
            self._pause(0.05)

    def _start_preparations(self, variables: dict[str, str]) -> dict[str, Preparation]:
        preparations = find_preparations(self.settings, variables)
        if preparations:
            self._say("preparing the databases")
        for preparation in preparations.values():
            self._start_python(preparation.name, preparation.arguments, variables, is_job=True)
        return preparations

    def _finish_preparation(self, preparation: Preparation | None) -> None:
        if preparation is None:
            return
        self._awaited = preparation.name
        while self.supervision.services[preparation.name].exit_code is None:
            self._pause(0.05)
        self.supervision.check_none_ended()
        del self.supervision.services[preparation.name]
        note_prepared(self.state, preparation)

    def _await_health(self, airflow_url: str, *, since: float) -> None:
        self._say("waiting for Airflow")
        while unhealthy := find_unhealthy(read_health(airflow_url), since=since):
            self._awaited = unhealthy
            self._pause(0.1)

    def _start_python(
        self, name: str, arguments: list[str], variables: dict[str, str], *, is_job: bool = False
    ) -> None:
        command = [sys.executable, "-P", *arguments]  # -P: nothing is imported from the folder it runs in
        self.supervision.start(Service(name, command, variables, self._log(name), self.state, is_job=is_job))

    def _watch(self, running: Running) -> None:
        while True:
            self._sleep(0.3)
            if self.supervision.revive():
                write_running(self.state, replace(running, components=self.supervision.pids))

    def _pause(self, seconds: float) -> None:
        """Wait a little during the start; raise when it can't succeed any more."""
        self._sleep(seconds)
        self.supervision.check_none_ended()
        if time.monotonic() > self._deadline:
            reason = f"is not ready after {START_SECONDS:.0f} seconds"
            raise StartError(self._awaited, reason, log=self._log(self._awaited))

    def _sleep(self, seconds: float) -> None:
        """Wait a little; raise ``StopRequestedError`` as soon as somebody wants the end."""
        watched = [] if self._leash is None else [self._leash]
        readable, _, _ = select.select(watched, [], [], seconds)
        if readable and not os.read(readable[0], 1):
            raise StopRequestedError("the process that started this installation has ended")
        if self._stop_reason:
            raise StopRequestedError(self._stop_reason)

    def _say(self, phase: str) -> None:
        logger.info("%s", phase)
        self.reports.send("phase", phase)

    def _log(self, name: str) -> Path:
        return self.state / "logs" / f"{name}.log"


def open_log(log: Path) -> None:
    """Send standard output, standard error and logging into a fresh log.

    Parameters
    ----------
    log : Path
    """
    rotate_log(log)
    with log.open("ab") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")


def main() -> int:
    """Run a keeper as the command line says.

    Returns
    -------
    int
        The exit code.
    """
    parser = argparse.ArgumentParser(prog="keeper")
    parser.add_argument("state", type=Path)
    parser.add_argument("--leash", type=int, help="file descriptor whose end of file means stop")
    parser.add_argument("--reports", type=int, help="file descriptor for messages")
    arguments = parser.parse_args()
    settings = make_absolute(load_settings())
    reports = Reports(arguments.reports)
    with hold_lock(settings.state) as is_held:
        if not is_held:
            reports.send("held", find_keeper(settings.state))
            return 1
        open_log(settings.state / "logs" / "keeper.log")
        adopt_orphans()
        keeper = Keeper(settings, leash=arguments.leash, reports=reports)
        for signal_number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(signal_number, keeper.request_stop)
        return keeper.run()


if __name__ == "__main__":
    sys.exit(main())
