"""The ``lakemill`` command.

Light at the top, so that ``--help`` answers at once; each command imports what it needs.
Stays out: doing the work.
"""

import os
import sys
import time
from datetime import UTC, datetime
from typing import Annotated

import typer
from rich.console import Console

from lakemill.cli.cleaning import cleaning
from lakemill.cli.datasets import app as datasets_app
from lakemill.cli.deploy import deploy
from lakemill.cli.diagnose import diagnose
from lakemill.cli.failures import show_blocked, show_failures
from lakemill.cli.init import app as init_app
from lakemill.cli.labels import app as labels_app
from lakemill.cli.lake import app as lake_app
from lakemill.cli.plan import choose_checked, plan
from lakemill.cli.predict import predict
from lakemill.cli.quarantine import app as quarantine_app
from lakemill.cli.replay import replay
from lakemill.cli.report import report
from lakemill.cli.rollback import ledger, rollback
from lakemill.cli.suites import data_docs, suggest_expectations
from lakemill.cli.times import times
from lakemill.cli.verdicts import verdicts
from lakemill.config import Settings, Workflow, find_workflow, load_settings, load_workflows
from lakemill.exceptions import ConfigError, LakemillError

app = typer.Typer(no_args_is_help=True, add_completion=False, help="Machine-learning workflows on Apache Airflow.")
app.add_typer(lake_app, name="lake")
app.add_typer(quarantine_app, name="quarantine")
app.command()(suggest_expectations)
app.command()(data_docs)
app.command()(cleaning)
app.command()(diagnose)
app.command()(times)
app.command()(predict)
app.command()(report)
app.command()(rollback)
app.command()(ledger)
app.command()(verdicts)
app.command()(replay)
app.command()(plan)
app.command()(deploy)
app.add_typer(labels_app, name="labels")
app.add_typer(datasets_app, name="datasets")
app.add_typer(init_app, name="init")
WIDTH = None if sys.stdout.isatty() else 120  # in a log the width is ours to choose
console = Console(width=WIDTH, highlight=False)
errors = Console(stderr=True, soft_wrap=True, highlight=False)

Name = Annotated[str, typer.Argument(help="Name of a file in include/workflows, without .yaml.")]
First = Annotated[str | None, typer.Option("--from", help="First partition; the workflow's start by default.")]
Last = Annotated[str | None, typer.Option("--to", help="Last partition; the workflow's end by default.")]
SourceName = Annotated[str | None, typer.Argument(help="Name of a source of kind mqtt; all if left out.")]
OptionalName = Annotated[str | None, typer.Argument(help="Name of a workflow; all if left out.")]


def main() -> None:
    """Run the command; an error that the user can mend is one message, not a traceback."""
    os.environ.setdefault("GOMP_SPINCOUNT", "300")  # before libraries load: threads must not spin beside other work
    try:
        sys.exit(app(standalone_mode=False))  # what typer.Exit was raised with, None where it was not
    except (KeyboardInterrupt, typer.Abort):
        errors.print("interrupted")
        sys.exit(130)
    except LakemillError as error:
        errors.print("[red]error:[/red] ", end="")
        errors.print(str(error), markup=False)
        sys.exit(1)
    except Exception as error:
        if not hasattr(error, "format_message"):  # typer's own errors of usage have it
            raise
        errors.print(f"error: {error.format_message()}\n  -> lakemill --help", markup=False)
        sys.exit(2)


@app.command()
def check(workflow: OptionalName = None) -> None:
    """Check workflow files, with their SQL, suites and estimators."""
    choose_checked(
        [workflow] if workflow else None,
        load_settings(),
        report=lambda one: console.print(f"[green]ok[/green] {one.workflow}: {one.description}"),
    )


@app.command()
def schema() -> None:
    """Print the JSON schema of workflow files: every key with its meaning."""
    import json

    sys.stdout.write(json.dumps(Workflow.model_json_schema(), indent=2) + "\n")


@app.command()
def status(workflow: OptionalName = None) -> None:
    """Show the installation, and each workflow's partitions."""
    from lakemill.cli.embedded import find_running
    from lakemill.cli.summary import show_partitions
    from lakemill.lake import Lake

    settings = load_settings()
    running = find_running(settings)
    console.print(f"Airflow runs at {running.airflow_url}" if running else "Airflow does not run (make up starts it)")
    if running and running.broker:
        console.print(f"the MQTT broker runs at {running.broker}")
    workflows, faults = _chosen(workflow, settings)
    for one in workflows:
        console.print(show_partitions(one, Lake(settings.lake, one.workflow)))
    for fault in faults:
        errors.print(str(fault), markup=False)


@app.command()
def up() -> None:
    """Start Airflow with its UI and leave it running."""
    from lakemill.cli.embedded import find_running, start

    settings = load_settings()
    if running := find_running(settings):
        console.print(f"Airflow runs already at {running.airflow_url}")
        return
    with console.status("starting") as shown:
        running = start(settings, attached=False, report=shown.update)
    console.print(f"Airflow runs at [bold]{running.airflow_url}[/bold]; make down stops it")


@app.command()
def down() -> None:
    """Stop Airflow."""
    from lakemill.cli.embedded import stop

    with console.status("stopping") as shown:
        stopped = stop(load_settings(), report=shown.update)
    console.print("stopped" if stopped else "nothing was running")


@app.command()
def run(
    workflow: Name = "flights",
    first: First = None,
    last: Last = None,
) -> None:
    """Run a workflow's history: start Airflow, backfill ingestion, follow all four DAGs, show the table."""
    from lakemill.cli.airflow_api import AirflowApi
    from lakemill.cli.checking import check_workflow
    from lakemill.cli.connections import EnvironmentConnections
    from lakemill.cli.embedded import find_running, start, stop
    from lakemill.cli.feeding import feed_recorded
    from lakemill.cli.following import TasksFailedError, require_earlier, run_history
    from lakemill.cli.summary import Verdicts, show_partitions
    from lakemill.collection.freshness import find_stale
    from lakemill.config.suites import find_changed
    from lakemill.lake import Lake

    settings = load_settings()
    declared = find_workflow(workflow, settings)
    keys = _keys(declared, first, last)
    check_workflow(declared, settings)
    lake = Lake(settings.lake, workflow)
    require_earlier(declared, keys, lake)  # before Airflow is started, which takes a while
    began = time.monotonic()
    was_running = find_running(settings)
    try:
        with console.status("starting Airflow") as shown:
            running = was_running or start(settings, attached=True, report=shown.update)
        started = time.monotonic()
        console.print(f"Airflow runs at {running.airflow_url} (after {started - began:.0f} s)")
        connections, project = EnvironmentConnections(os.environ), settings.project
        with AirflowApi(running.airflow_url) as api:
            feed_recorded(declared, keys, api, lake, running, console, project=project, connections=connections)
            stale = find_stale(
                declared, lake, project=project, connections=connections, report=_mention, looks_at_files=True
            )
            changed_at = find_changed(declared, settings, now=datetime.now(UTC))
            has_run = run_history(declared, keys, api, lake, console, stale=stale, changed_at=changed_at)
        ended = time.monotonic()
        console.print(show_partitions(declared, lake))
        blocked = {key: reasons for key, reasons in Verdicts.read(lake).blocked.items() if key in keys}
        console.print(
            f"{len(keys) - len(blocked)} partitions through all four DAGs in {ended - started:.0f} s"
            if has_run
            else f"nothing to do: all {len(keys)} partitions are through all four DAGs; nothing was changed"
        )
        if blocked:
            show_blocked(blocked, errors)
            raise typer.Exit(1)
    except TasksFailedError as failure:
        show_failures(failure, settings, errors)
        raise typer.Exit(1) from None
    finally:
        if not was_running:
            stop(settings, report=lambda phase: None)


@app.command()
def collect(workflow: Name, source: SourceName = None) -> None:
    """Receive readings in the foreground, where Airflow's triggerer is not to do it; Ctrl-C ends it."""
    from lakemill.cli.collecting import collect_until_told
    from lakemill.cli.connections import EnvironmentConnections
    from lakemill.lake import Lake

    settings = load_settings()
    declared = find_workflow(workflow, settings)
    totals = collect_until_told(
        declared,
        source,
        Lake(settings.lake, workflow),
        connections=EnvironmentConnections(os.environ),
        broker=_find_broker(settings),
        console=console,
    )
    console.print(
        f"collected {totals['messages']:,} messages: {totals['rows']:,} readings, {totals['refused']:,} refused"
    )


@app.command()
def publish(
    workflow: Name,
    source: SourceName = None,
    first: First = None,
    last: Last = None,
    per_second: Annotated[
        float | None, typer.Option(min=0.001, help="Messages; as many as the broker takes by default.")
    ] = None,
) -> None:
    """Publish recorded readings to the broker, as sensors would."""
    from lakemill.cli.collecting import publish_sources
    from lakemill.cli.connections import EnvironmentConnections

    settings = load_settings()
    declared = find_workflow(workflow, settings)
    publish_sources(
        declared,
        source,
        _keys(declared, first, last),
        project=settings.project,
        connections=EnvironmentConnections(os.environ),
        broker=_find_broker(settings),
        per_second=per_second,
        console=console,
    )


def _find_broker(settings: Settings) -> str | None:
    from lakemill.cli.embedded import find_running

    running = find_running(settings)
    return running.broker if running and running.broker else settings.broker


def _mention(text: str) -> None:
    errors.print(text, markup=False)


def _chosen(name: str | None, settings: Settings) -> tuple[list[Workflow], list[LakemillError]]:
    if name is not None:
        return [find_workflow(name, settings)], []
    workflows, faults = load_workflows(settings)
    return list(workflows.values()), list(faults)


def _keys(workflow: Workflow, first: str | None, last: str | None) -> list[str]:
    partition = workflow.partition
    now = datetime.now(UTC)
    try:
        earliest = first or partition.start
        latest = last or partition.end or partition.last_ended(now)
        keys = partition.keys(earliest, latest)
    except ValueError as error:
        raise ConfigError(str(error), where="--from, --to", remedy="give keys of partitions") from None
    if not keys:
        raise ConfigError(
            f"no partition from {earliest} to {latest}", where="--from, --to", remedy="give an earlier first"
        )
    return keys


if __name__ == "__main__":
    main()
