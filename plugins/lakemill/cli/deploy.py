"""The command ``lakemill deploy``: starts what the workflow files ask for and the lake lacks, and nothing else.

Light at the top, as ``main`` is. Stays out: finding what that is (``delivery.pending``), bringing files to Airflow.
"""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakemill.cli.plan import Names, choose_checked, errors
from lakemill.config import Settings, Workflow, load_settings
from lakemill.config.suites import find_changed
from lakemill.exceptions import ConfigError, RunError

if TYPE_CHECKING:
    from lakemill.cli.airflow_api import AirflowApi
    from lakemill.delivery.pending import Pending

TOKEN = "LAKEMILL_AIRFLOW_TOKEN"  # noqa: S105  # the variable's name
AIRFLOW = "LAKEMILL_AIRFLOW"
SECONDS_UNTIL_SHOWN = 400.0  # Airflow looks for new DAG files every 300 s by default


def deploy(
    workflows: Names = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be started.")] = False,
    wait: Annotated[bool, typer.Option(help="Follow what is started to its end.")] = True,
    airflow: Annotated[
        str | None, typer.Option(envvar=AIRFLOW, help=f"Address of a remote Airflow; its token in {TOKEN}.")
    ] = None,
) -> None:
    """Start what changed workflow files ask for: ingestion, training; nothing where nothing has changed."""
    from lakemill.cli.following import TasksFailedError

    settings = load_settings()
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    chosen = choose_checked(workflows, settings)
    _require_lake(settings, airflow)
    deployer = Deployer(settings, console, datetime.now(UTC), airflow=airflow, waits=wait)
    asked = {one.workflow: deployer.find(one) for one in chosen}
    todo = [one for one in chosen if deployer.tell(one, asked[one.workflow])]
    if dry_run or not todo:
        console.print("nothing was started: --dry-run" if todo else "nothing to do: nothing was started")
        return
    try:
        with deployer.open_airflow() as api:
            for one in todo:
                deployer.deploy(one, asked[one.workflow], api)
    except TasksFailedError as failure:
        from lakemill.cli.failures import show_failures

        show_failures(failure, settings, errors)
        raise typer.Exit(1) from None


def _require_lake(settings: Settings, airflow: str | None) -> None:
    if airflow and "://" not in settings.lake and not Path(settings.lake).is_dir():
        raise ConfigError(
            f"there is no lake at {settings.lake}, so what {airflow} has done already is not known",
            where="LAKEMILL_LAKE",
            remedy="set it to the lake that this Airflow writes to",
        )


@dataclass(frozen=True)
class Deployer:
    """What is deployed with.

    Attributes
    ----------
    settings : Settings
    console : rich.console.Console
    now : datetime
    airflow : str or None
        Address of a remote Airflow; the embedded one if None.
    waits : bool
        Whether what is started is followed to its end.
    """

    settings: Settings
    console: Console
    now: datetime
    airflow: str | None = None
    waits: bool = True

    def find(self, workflow: Workflow) -> "Pending":
        """Return what the lake lacks."""
        from lakemill.cli.connections import EnvironmentConnections
        from lakemill.cli.planning import sees_deliveries
        from lakemill.delivery.pending import find_pending
        from lakemill.lake import Lake

        return find_pending(
            workflow,
            Lake(self.settings.lake, workflow.workflow),
            project=self.settings.project,
            connections=EnvironmentConnections(os.environ),
            now=self.now,
            looks_at_deliveries=sees_deliveries(self.settings, self.airflow),
            report=lambda text: errors.print(text, markup=False),
        )

    def tell(self, workflow: Workflow, pending: "Pending") -> bool:
        """Say what is to be done of a workflow; tell whether there is anything."""
        from lakemill.cli.plan_texts import tell_pending
        from lakemill.delivery.plan import compare_files

        lines = list(tell_pending(compare_files(workflow, self.settings.project, None, pending=pending)))
        is_any = pending.is_any or pending.is_new
        self.console.print(f"{workflow.workflow}: {'' if is_any else 'nothing changed'}".rstrip(": "), markup=False)
        for line in lines if is_any else ():
            self.console.print(f"  {line}", markup=False)
        return is_any

    @contextmanager
    def open_airflow(self) -> "Iterator[AirflowApi]":
        """Give the API of the Airflow that is deployed to; an embedded one that is started for it is stopped again."""
        from lakemill.cli.airflow_api import AirflowApi
        from lakemill.cli.embedded import find_running, start, stop

        if self.airflow:
            with AirflowApi(self.airflow, token=os.environ.get(TOKEN)) as api:
                yield api
            return
        was_running = find_running(self.settings)
        if was_running is None and not self.waits:
            raise ConfigError(
                "no Airflow runs", where="--no-wait", remedy="start it: lakemill up; or name one: --airflow"
            )
        try:
            running = was_running or start(self.settings, attached=True, report=lambda phase: None)
            with AirflowApi(running.airflow_url) as api:
                yield api
        finally:
            if was_running is None:
                stop(self.settings, report=lambda phase: None)

    def deploy(self, workflow: Workflow, pending: "Pending", api: "AirflowApi") -> None:
        """Unpause, ingest, train.

        Raises
        ------
        TasksFailedError
            If a run fails.
        RunError
            If a partition was ingested, or a model trained, by other files than these.
        """
        from lakemill.cli.following import list_dags, run_training, unpause_dag
        from lakemill.lake import Lake

        lake = Lake(self.settings.lake, workflow.workflow)
        seconds, changed_at = SECONDS_UNTIL_SHOWN if self.airflow else None, self._changed_at(workflow)
        for dag in list_dags(workflow):
            unpause_dag(api, f"{workflow.workflow}.{dag}", since=changed_at, seconds=seconds)
        if pending.missing or pending.again:
            self._ingest(workflow, pending, api)
            if not self.waits:
                self.console.print("started; a training that is asked for comes with the next deploy or verdict")
                return
            pending = self.find(workflow)  # monitoring may have asked for the training
        if pending.training is not None:
            run_training(workflow, pending.training.partition, api, lake, self.console, follows=self.waits)
        if self.waits:
            self._require_done(workflow)

    def _ingest(self, workflow: Workflow, pending: "Pending", api: "AirflowApi") -> None:
        from lakemill.cli.following import run_history
        from lakemill.collection.freshness import Stale
        from lakemill.lake import Lake

        last = max((*pending.missing, *(one.partition for one in pending.again)))
        keys = workflow.partition.keys(workflow.partition.start, last)
        stale = [Stale(one.partition, one.reasons, state="") for one in pending.again]
        lake = Lake(self.settings.lake, workflow.workflow)
        run_history(
            workflow, keys, api, lake, self.console,
            stale=stale, changed_at=self._changed_at(workflow), follows=self.waits,
        )  # fmt: skip

    def _changed_at(self, workflow: Workflow) -> datetime | None:
        """Return when the workflow's files changed here; another Airflow has files of its own."""
        return None if self.airflow else find_changed(workflow, self.settings, now=datetime.now(UTC))

    def _require_done(self, workflow: Workflow) -> None:
        """Ask the lake whether what was started has made of it what the files ask for."""
        from lakemill.cli.plan_texts import name_keys

        left = replace(self.find(workflow), missing=())  # what came meanwhile is another day's work
        if not left.is_any:
            self.console.print(f"{workflow.workflow}: done")
            return
        again = f"{name_keys([one.partition for one in left.again])}: {left.again[0].reasons[0]}" if left.again else ""
        raise RunError(
            f"what was started has not made this of the lake: {again or 'another training is asked for still'}",
            where=workflow.workflow,
            remedy="where partitions are blocked, lakemill status says why; else Airflow has other workflow files, or "
            "another version of Lakemill, than this machine: bring them there, then deploy again",
        )
