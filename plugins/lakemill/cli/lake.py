"""The commands under ``lakemill lake``: looking into a workflow's tables, asking them in SQL, tidying them up.

Light at the top, as ``main`` is. Stays out: the doing, which is ``lakemill.lake``'s, and how tables look on a screen.
"""

import sys
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError, suggest

if TYPE_CHECKING:
    from lakemill.lake import Lake

app = typer.Typer(no_args_is_help=True, help="Look into the lake's tables, query them, tidy them up.")

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]
OptionalTable = Annotated[str | None, typer.Argument(help="Name of a table; all if left out.")]
AsOf = Annotated[str | None, typer.Option(help='A moment, in UTC unless it says otherwise: "2026-11-24 10:00".')]


@app.command()
def history(
    workflow: Name,
    table: OptionalTable = None,
    last: Annotated[int, typer.Option(min=1, help="How many versions of each table, the newest first.")] = 20,
) -> None:
    """Show what happened to tables: when, what, to which partitions, rows and files that came and went."""
    from lakemill.cli.lake_tables import show_history
    from lakemill.lake.history import read_history

    lake = _open(workflow)
    for name in _chosen(lake, table):
        _console().print(show_history(name, read_history(lake, name, last=last)))


@app.command()
def show(
    workflow: Name,
    table: OptionalTable = None,
    partition: Annotated[str | None, typer.Option(help="Only this partition, by its key.")] = None,
    as_of: AsOf = None,
    version: Annotated[int | None, typer.Option(help="A version of the table.")] = None,
    rows: Annotated[int, typer.Option(min=0, help="How many of the first rows.")] = 10,
) -> None:
    """Show all tables of a workflow; or the columns, partitions and first rows of one."""
    from lakemill.cli.lake_tables import show_rows, show_state, show_tables
    from lakemill.lake.history import find_version
    from lakemill.lake.reading import describe_table, find_version_of, read_first_rows

    moment = _read_moment(as_of)
    _require_one("--as-of, --version", moment is not None, version is not None)
    lake, console = _open(workflow), _console()
    if table is None:
        if partition is not None or version is not None:
            raise ConfigError(
                "a version or a partition is one of a table", where="--version, --partition", remedy="name the table"
            )
        found = {
            name: find_version(lake, name, moment) if moment else lake.version(name) for name in _chosen(lake, None)
        }
        states = [describe_table(lake, name, number) for name, number in found.items() if number >= 0]
        console.print(show_tables(workflow, states))
        return
    number = find_version_of(lake, table, version=version, as_of=moment)
    state = describe_table(lake, table, number)
    if partition is not None and partition not in state.partitions:
        raise LakeError(
            f"no partition {partition!r} in version {number}",
            where=f"{workflow}.{table}",
            remedy=suggest(partition, list(state.partitions)[-20:]),
        )
    console.print(show_state(state, partition))
    if rows:
        console.print(show_rows(read_first_rows(lake, table, number, rows, partition), width=console.width))


@app.command()
def sql(
    workflow: Name,
    query: Annotated[str, typer.Argument(help="One SELECT over the workflow's tables, in DuckDB's SQL.")],
    as_of: AsOf = None,
    csv: Annotated[bool, typer.Option("--csv", help="Write all rows as CSV.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Write all rows as JSON, one object a line.")] = False,
    rows: Annotated[int, typer.Option(min=1, help="How many rows to show at most, as a table.")] = 100,
) -> None:
    """Ask a workflow's tables in SQL; nothing can be changed by it."""
    from lakemill.cli.lake_tables import show_rows, take_rows, write_csv, write_json
    from lakemill.lake.reading import query_lake

    moment = _read_moment(as_of)
    _require_one("--csv, --json", csv, json)
    lake, console = _open(workflow), _console()
    with query_lake(lake, query, as_of=moment) as found:
        if csv:
            write_csv(found, sys.stdout)
        elif json:
            write_json(found, sys.stdout)
        else:
            shown, has_more = take_rows(found, rows)
            console.print(show_rows(shown, width=console.width))
            if has_more:
                console.print(f"the first {rows} rows; --rows shows more, --csv and --json write all")


@app.command()
def compact(workflow: Name, table: OptionalTable = None) -> None:
    """Make many small files of a partition one; rows and their order stay, and so do older versions."""
    from lakemill.lake.maintenance import compact_table

    lake, console = _open(workflow), _console()
    for name in _chosen(lake, table):
        done = compact_table(lake, name)
        before, after = sum(one.files_before for one in done), sum(one.files_after for one in done)
        console.print(
            f"{name}: {before} files of {len(done)} partition(s) are {after} now" if done else f"{name}: compact"
        )


@app.command()
def vacuum(
    workflow: Name,
    table: OptionalTable = None,
    keep: Annotated[float, typer.Option(min=0, help="Days for which older versions stay readable.")] = 30,
    yes: Annotated[bool, typer.Option("--yes", help="Remove; without it only told what would be removed.")] = False,
) -> None:
    """Remove files that no version within the days to keep needs, nor any snapshot; without --yes only list them."""
    from lakemill.cli.lake_tables import show_unneeded
    from lakemill.lake.maintenance import find_unneeded, remove_unneeded

    lake, console = _open(workflow), _console()
    tables = _chosen(lake, table) if table is not None else None
    found = find_unneeded(lake, tables, now=datetime.now(UTC), keep=timedelta(days=keep))
    if not found:
        console.print("nothing to remove")
        return
    console.print(show_unneeded(found))
    if yes:
        remove_unneeded(lake, found)
    console.print(f"removed {len(found)} file(s)" if yes else "nothing was removed: --yes does it")


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)  # in a log the width is ours to choose


def _open(workflow: str) -> "Lake":
    from lakemill.lake import Lake
    from lakemill.lake.reading import list_tables

    settings = load_settings()
    is_name = workflow.replace("_", "a").isalnum()
    lake = Lake(settings.lake, workflow if is_name else "_")
    if not is_name or not list_tables(lake):  # the file need not be good for its tables to be looked at
        find_workflow(workflow, settings)
        raise LakeError("has no tables yet", where=workflow, remedy=f"lakemill run {workflow} makes them")
    return lake


def _chosen(lake: "Lake", table: str | None) -> list[str]:
    from lakemill.lake.reading import list_tables

    known = list_tables(lake)
    if table is not None and table not in known:
        raise LakeError(f"no table {table!r}", where=lake.workflow, remedy=suggest(table, known))
    return known if table is None else [table]


def _read_moment(text: str | None) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"no moment: {text!r}",
            where="--as-of",
            remedy='write it like "2026-11-24 10:00" or 2026-11-24T10:00:00+01:00',
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _require_one(names: str, is_one_given: bool, is_other_given: bool) -> None:
    if is_one_given and is_other_given:
        raise ConfigError("both given", where=names, remedy="give one of them")
