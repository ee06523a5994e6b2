"""The command ``lakemill cleaning``: what the rules of a workflow did to its partitions.

Light at the top, as ``main`` is. Stays out: cleaning, and keeping the report.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group

from lakemill.config import find_workflow, load_settings
from lakemill.exceptions import LakeError, suggest

if TYPE_CHECKING:
    from lakemill.lake.cleaning import Line

COUNTS = ("cells", "dropped", "refused", "flagged")


def cleaning(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    partition: Annotated[str | None, typer.Option(help="Only this partition, by its key, with examples.")] = None,
) -> None:
    """Show what the cleaning rules did: cells changed, rows dropped, refused and flagged, and why."""
    from lakemill.lake import Lake
    from lakemill.lake.cleaning import TABLE, read_reports

    settings = load_settings()
    find_workflow(workflow, settings)
    lake = Lake(settings.lake, workflow)
    reports = read_reports(lake, None if partition is None else [partition])
    if not reports:
        held = lake.partitions(TABLE)
        raise LakeError(
            "no cleaning report" + (f" of partition {partition!r}" if partition else ""),
            where=workflow,
            remedy=suggest(partition, held[-20:]) if partition and held else f"run it first: lakemill run {workflow}",
        )
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    console.print(show_report(workflow, reports, with_examples=partition is not None))


def show_report(workflow: str, reports: "dict[str, list[Line]]", *, with_examples: bool) -> Group:
    """Return what to print of cleaning reports.

    Parameters
    ----------
    workflow : str
    reports : dict of str to list of Line
        By partition.
    with_examples : bool
        Whether each line's examples stand below it; then rules that found nothing are listed too.
    """
    from rich.box import HORIZONTALS
    from rich.table import Table
    from rich.text import Text

    shown = Table(box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("partition", "rule", "column"):
        shown.add_column(heading, overflow="fold", no_wrap=heading == "partition")
    for heading in COUNTS:
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("why", overflow="fold")
    sums = dict.fromkeys(COUNTS, 0)
    for key, lines in reports.items():
        for line in lines:
            for name in COUNTS:
                sums[name] += getattr(line, name)
            if line.why or with_examples:
                shown.add_row(
                    key,
                    *(_cell(value) for value in (f"{line.position} {line.rule}", line.column)),
                    *_counts(line),
                    _why(line, with_examples),
                )
    shown.add_section()
    shown.add_row("sum", "", "", *(f"{sums[name]:,}" for name in COUNTS), "")
    return Group(Text(f"{workflow}: cleaning of {len(reports)} partition(s)"), shown)


def _counts(line: "Line") -> list[str]:
    return [f"{count:,}" if (count := getattr(line, name)) else "" for name in COUNTS]


def _why(line: "Line", with_examples: bool) -> Any:
    return _cell("\n".join([line.why or "nothing to do", *(f"  {one}" for one in line.examples if with_examples)]))


def _cell(text: str) -> Any:
    from rich.text import Text

    return Text(text)  # what stands in the data is no markup
