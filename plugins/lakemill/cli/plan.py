"""The command ``lakemill plan``: what a change of workflow files, queries, suites or code does. It changes nothing.

Light at the top, as ``main`` is. Stays out: finding it (``delivery``), wording it (``plan_texts.py``).
"""

import sys
from collections.abc import Callable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.console import Console

from lakemill.config import Settings, Workflow, find_workflow, load_settings, load_workflows
from lakemill.exceptions import ConfigError, LakemillError

CHANGES = 2  # as terraform's plan has it
errors = Console(stderr=True, soft_wrap=True, highlight=False)

Names = Annotated[list[str] | None, typer.Argument(help="Names of workflows; all if left out.")]


def plan(
    workflows: Names = None,
    against: Annotated[
        str | None, typer.Option(help="Commit, branch or tag, or a folder: what files are compared with.")
    ] = None,
    run_sample: Annotated[
        bool, typer.Option("--run-sample", help="Run each changed workflow on a sample, in a lake that is thrown away.")
    ] = False,
    partition: Annotated[
        list[str] | None, typer.Option(help="Of the sample, may be repeated; the last published one, else the first.")
    ] = None,
    rows: Annotated[int, typer.Option(min=100, help="Of the sample: at most so many of each source.")] = 50_000,
    format: Annotated[Literal["text", "json", "markdown"], typer.Option(help="Of what is told.")] = "text",
    output: Annotated[Path | None, typer.Option(help="File to write it to, instead of the terminal.")] = None,
    detailed_exitcode: Annotated[
        bool, typer.Option("--detailed-exitcode", help="Exit with 2 where anything changes, with 0 where nothing does.")
    ] = False,
) -> None:
    """Show what a change does: partitions, snapshots, models, the gate. Nothing is changed."""
    from lakemill.cli.plan_texts import FORMATS
    from lakemill.cli.planning import Planner
    from lakemill.delivery.plan import plan_removed
    from lakemill.delivery.trees import open_tree

    settings, now = load_settings(), datetime.now(UTC)
    chosen = choose_checked(workflows, settings)
    with open_tree(against, settings) if against is not None else nullcontext() as tree:
        planner = Planner(settings, now, tree, is_sampled=run_sample, keys=tuple(partition or ()), rows=rows)
        plans = [planner.plan(one) for one in chosen]
        if tree is not None and not workflows:
            plans += [
                plan_removed(name, tree) for name in tree.workflows if name not in {one.workflow for one in chosen}
            ]
    text = FORMATS[format](plans)
    if output is None:
        sys.stdout.write(text)
    else:
        _write(output, text)
    if detailed_exitcode and any(one.is_any for one in plans):
        raise typer.Exit(CHANGES)


def choose_checked(
    names: list[str] | None, settings: Settings, *, report: Callable[[Workflow], None] = lambda one: None
) -> list[Workflow]:
    """Return the workflows of these names, all by default, after the checks of ``lakemill check``; report good ones.

    Raises
    ------
    ConfigError
        If there is none.
    typer.Exit
        With status 1 where any has a fault; all faults are told.
    """
    from lakemill.cli.checking import check_workflow

    chosen: list[Workflow] = []
    faults: list[LakemillError] = []
    if names:
        for name in dict.fromkeys(names):
            try:
                chosen.append(find_workflow(name, settings))
            except LakemillError as error:
                faults.append(error)
    else:
        loaded, broken = load_workflows(settings)
        chosen, faults = list(loaded.values()), list(broken)
    for one in chosen:
        try:
            check_workflow(one, settings)
            report(one)
        except LakemillError as error:
            faults.append(error)
    for fault in faults:
        errors.print("[red]error:[/red] ", end="")
        errors.print(str(fault), markup=False)
    if faults:
        raise typer.Exit(1)
    if not chosen:
        raise ConfigError("no workflow files", where="include/workflows", remedy="write one: lakemill schema")
    return chosen


def _write(output: Path, text: str) -> None:
    try:
        output.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ConfigError(
            f"cannot be written: {error.strerror}", where=str(output), remedy="give another file"
        ) from None
