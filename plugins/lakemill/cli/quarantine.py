"""The commands under ``lakemill quarantine``: looking at refused rows, and letting in those that are mended.

Light at the top, as ``main`` is. Stays out: how rows look on a screen or in a file (``quarantine_rows.py``).
"""

import getpass
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError, suggest

if TYPE_CHECKING:
    from lakemill.cli.quarantine_rows import Refused
    from lakemill.lake import Lake

app = typer.Typer(no_args_is_help=True, help="Look at refused rows, and let them in when they or the rules are mended.")

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]
OnePartition = Annotated[str | None, typer.Option("--partition", help="Only this partition, by its key.")]
OneSource = Annotated[str | None, typer.Option("--source", help="Only what was refused of this source, or of 'table'.")]
OneReason = Annotated[str | None, typer.Option("--reason", help="Only rows with a reason that holds this text.")]


@app.command("list")
def list_refused(
    workflow: Name, partition: OnePartition = None, source: OneSource = None, reason: OneReason = None
) -> None:
    """Count refused rows by partition, source, step and reason; a row with several reasons counts for each."""
    from lakemill.cli.quarantine_rows import show_counts

    _, lake = _open(workflow)
    refused = _find(lake, partition, source, reason)
    _console().print(show_counts(refused) if refused else "nothing is refused")


@app.command()
def show(
    workflow: Name,
    partition: OnePartition = None,
    source: OneSource = None,
    reason: OneReason = None,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show at most.")] = 20,
    csv: Annotated[Path | None, typer.Option("--csv", help="Write all of them to this file, to be mended.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Write over a file that is there.")] = False,
) -> None:
    """Show refused rows with their ids and reasons, or write them to a CSV file."""
    from lakemill.cli.quarantine_rows import show_refused, write_refused

    _, lake = _open(workflow)
    refused = _find(lake, partition, source, reason)
    console = _console()
    if csv is not None:
        if csv.exists() and not force:
            raise ConfigError("is there already", where=str(csv), remedy="take another name, or --force")
        written = write_refused(refused, csv)
        console.print(f"{written:,} row(s) written to {csv}; mend values there, then lakemill quarantine release --csv")
        return
    if not refused:
        console.print("nothing is refused")
        return
    console.print(show_refused(refused[:rows], width=console.width))
    if len(refused) > rows:
        console.print(f"{rows} of {len(refused):,} rows; --rows shows more, --csv writes all")


@app.command()
def release(
    workflow: Name,
    partition: Annotated[
        list[str] | None, typer.Option("--partition", help="The rules were mended: judge this partition again.")
    ] = None,
    csv: Annotated[
        Path | None, typer.Option("--csv", help="Rows that were mended, as 'show --csv' wrote them.")
    ] = None,
    accept: Annotated[
        bool, typer.Option("--accept", help="Accept the rows of the file that were not changed as they are.")
    ] = False,
    who: Annotated[str | None, typer.Option(help="Who releases; the user of this machine by default.")] = None,
    why: Annotated[str, typer.Option(help="Kept with the rows.")] = "",
) -> None:
    """Let rows in: rules were mended (--partition), or rows were (--csv). The next ingestion judges them again."""
    from lakemill.cli.quarantine_rows import read_mended
    from lakemill.lake.marks import mark_partition
    from lakemill.lake.released import keep_releases

    declared, lake = _open(workflow)
    if (csv is None) == (partition is None):
        raise ConfigError("give one of them", where="--partition, --csv", remedy="lakemill quarantine release --help")
    at, who, console = datetime.now(UTC), who or getpass.getuser(), _console()
    if partition is not None:
        for key in partition:
            _require_ingested(declared, lake, key)
        for key in partition:
            mark_partition(lake, key, f"released by {who}" + (f": {why}" if why else ""), at=at)
        _say_what_next(workflow, partition, console)
        return
    if csv is None or not csv.is_file():
        raise ConfigError("no such file", where=str(csv), remedy="lakemill quarantine show --csv writes one")
    mended = read_mended(csv, _find(lake, None, None, None), accept=accept, at=at, who=who, why=why)
    for key, releases in mended.releases.items():
        keep_releases(lake, key, releases)
        mark_partition(lake, key, f"{len(releases)} row(s) released by {who}" + (f": {why}" if why else ""), at=at)
    console.print(
        f"{mended.count('mended'):,} row(s) mended, {mended.count('accepted'):,} accepted as they are, "
        f"{mended.unchanged:,} left in quarantine" + (" (unchanged; --accept lets them in)" if mended.unchanged else "")
    )
    if mended.releases:
        _say_what_next(workflow, sorted(mended.releases), console)


def _say_what_next(workflow: str, keys: list[str], console: Console) -> None:
    console.print(
        f"{', '.join(keys)}: judged again by the next lakemill run {workflow}, or when you trigger "
        f"{workflow}.arrivals in Airflow"
    )


def _require_ingested(workflow: Workflow, lake: "Lake", key: str) -> None:
    from lakemill.lake.verdicts import read_verdicts

    known = read_verdicts(lake, "ingestion")
    if not workflow.partition.holds(key) or key not in known:
        raise LakeError(
            f"no partition {key!r} has been ingested", where=workflow.workflow, remedy=suggest(key, list(known)[-20:])
        )


def _find(lake: "Lake", partition: str | None, source: str | None, reason: str | None) -> "list[Refused]":
    from lakemill.cli.quarantine_rows import read_refused

    return read_refused(lake, partition=partition, source=source, reason=reason)


def _open(name: str) -> "tuple[Workflow, Lake]":
    from lakemill.lake import Lake

    settings = load_settings()
    return find_workflow(name, settings), Lake(settings.lake, name)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)  # in a log the width is ours to choose
