"""The commands ``lakemill rollback`` and ``lakemill ledger``: an earlier model in charge again, and who was when.

Light at the top, as ``main`` is. Stays out: what a rollback is (``registry.rolling_back``).
"""

import getpass
import sys
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import LakeError

if TYPE_CHECKING:
    from rich.table import Table

    from lakemill.registry.ledger import Entry

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]


def rollback(
    workflow: Name,
    to: Annotated[str | None, typer.Option(help="Version; the one before the champion if left out.")] = None,
    reason: Annotated[str, typer.Option(help="Kept in the ledger.")] = "by hand",
    rescore: Annotated[
        bool,
        typer.Option(
            "--rescore",
            help="Take the champion back from the moment it took charge on, and score again what it has scored.",
        ),
    ] = False,
    by: Annotated[str | None, typer.Option(help="Who does it; your name on this machine if left out.")] = None,
) -> None:
    """Put an earlier model in charge again: from the next partition on, or for what is scored already too."""
    from lakemill.cli.kept_models import open_registry
    from lakemill.lake import Lake
    from lakemill.registry.rolling_back import roll_back

    began, console = time.monotonic(), _console()
    settings = load_settings()
    declared = find_workflow(workflow, settings)
    lake = Lake(settings.lake, workflow)
    registry = open_registry(declared, settings)
    entry = roll_back(
        declared,
        lake,
        registry,
        who=by or getpass.getuser(),
        reason=reason,
        recorded_at=datetime.now(UTC),
        to=to,
        is_retroactive=rescore,
    )
    if entry is None:
        console.print(f"version {to} is in charge already; nothing was changed", markup=False)
    else:
        told = f"version {entry.version} in charge instead of {entry.instead_of} as of {entry.as_of:%Y-%m-%d %H:%M %Z}"
        console.print(f"{told} (after {time.monotonic() - began:.1f} s)", markup=False)
    if rescore:
        from lakemill.registry.ledger import find_latest
        from lakemill.scoring import find_outdated, score_partition

        latest = find_latest(lake)
        for key in find_outdated(declared, lake, since=latest.as_of) if latest else []:
            scored = score_partition(declared, key, lake, registry)
            console.print(f"{key}: {scored['scored']:,} rows scored again by version {scored['version']}", markup=False)


def ledger(workflow: Name) -> None:
    """Show who was put in charge when, by whom and why."""
    from lakemill.lake import Lake
    from lakemill.registry.ledger import read_entries

    entries = read_entries(Lake(load_settings().lake, find_workflow(workflow, load_settings()).workflow))
    if not entries:
        raise LakeError("no model has been in charge yet", where=workflow, remedy=f"train one: lakemill run {workflow}")
    _console().print(_show(workflow, entries))


def _show(workflow: str, entries: "list[Entry]") -> "Table":
    from rich.box import HORIZONTALS
    from rich.table import Table

    shown = Table(title=f"{workflow}: ledger", title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("as of", "recorded", "action", "version", "who"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("reason")
    for one in entries:
        version = f"v{one.version}" + (f", not v{one.instead_of}" if one.instead_of else "")
        moments = (f"{one.as_of:%Y-%m-%d %H:%M}", f"{one.recorded_at:%Y-%m-%d %H:%M}")
        shown.add_row(*moments, one.action, version, one.who, one.reason)
    return shown


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)
