"""The command ``lakemill verdicts``: what monitoring found of each partition, and what followed.

Light at the top, as ``main`` is. Stays out: judging.
"""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console, Group, RenderableType

from lakemill.config import find_workflow, load_settings
from lakemill.config.deciding import FINDINGS
from lakemill.exceptions import LakeError, suggest

if TYPE_CHECKING:
    from lakemill.lake.verdicts import Verdict

COLOURS = {"roll back": "red", "retrain": "yellow", "alert": "red", "note": "cyan"}


def verdicts(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    partition: Annotated[str | None, typer.Option(help="Only this partition, by its key, with all texts.")] = None,
) -> None:
    """Show what monitoring found: data quality, drift, label shift, performance, and what followed from it."""
    from lakemill.lake import Lake
    from lakemill.lake.notifications import find_failed
    from lakemill.lake.verdicts import read_verdicts

    settings = load_settings()
    find_workflow(workflow, settings)
    lake = Lake(settings.lake, workflow)
    judged = read_verdicts(lake, "monitoring")
    if not judged or partition not in (None, *judged):
        known = list(judged)[-20:]
        raise LakeError(
            "nothing has been judged yet" if not judged else f"no verdict on partition {partition!r}",
            where=workflow,
            remedy=suggest(partition, known) if partition and known else f"run it first: lakemill run {workflow}",
        )
    console = Console(width=None if sys.stdout.isatty() else 160, highlight=False)
    console.print(show_verdicts(workflow, judged) if partition is None else show_verdict(judged[partition]))
    for key, failed in find_failed(lake).items():
        for way, why in failed.items() if partition in (None, key) else ():
            console.print(f"nobody was told of {key} by {way.partition(': ')[2]}: {why}", style="red", markup=False)


def show_verdicts(workflow: str, judged: "dict[str, Verdict]") -> Group:
    """Return what to print of monitoring's verdicts: a line a partition, a column a finding.

    Parameters
    ----------
    workflow : str
    judged : dict of str to Verdict
        By partition.
    """
    from rich.box import HORIZONTALS
    from rich.table import Table
    from rich.text import Text

    shown = Table(title=f"{workflow}: verdicts", title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("partition", "verdict"):
        shown.add_column(heading, no_wrap=True)
    for name in FINDINGS:
        shown.add_column(name.replace("_", "\n"), no_wrap=True)
    for key, one in judged.items():
        found = {finding["finding"]: finding for finding in one.evidence.get("findings", ())}
        shown.add_row(key, _colour(one.verdict), *(_cell(found.get(name)) for name in FINDINGS))
    lines = [Text(line) for line in _tell_trainings(judged)]
    return Group(shown, Text("-: no; ?: cannot be told", style="dim"), *lines)


def show_verdict(judged: "Verdict") -> RenderableType:
    """Return what to print of one verdict: every finding with its text."""
    from rich.box import HORIZONTALS
    from rich.table import Table

    title = f"{judged.partition}: {judged.verdict}, {judged.reasons[0]}"
    shown = Table(title=title, title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in ("finding", "holds", "follows"):
        shown.add_column(heading, no_wrap=True)
    shown.add_column("why", overflow="fold")
    for one in judged.evidence.get("findings", ()):
        holds = {True: "yes", False: "no", None: "?"}[one["holds"]]
        follows = _colour(one["follows"] if one["holds"] else "")
        shown.add_row(one["finding"].replace("_", " "), holds, follows, one["text"])
    return Group(shown, *_tell_trainings({judged.partition: judged}))


def _cell(found: dict[str, Any] | None) -> Any:
    if found is None or found["holds"] is None:
        return "?"
    return _colour(found["follows"]) if found["holds"] else "-"


def _colour(word: str) -> Any:
    from rich.text import Text

    return Text(word, style=COLOURS.get(word, ""))


def _tell_trainings(judged: "dict[str, Verdict]") -> list[str]:
    """Return a line for each champion that was compared with the one before: what is known of it last."""
    last = {}
    for one in judged.values():
        if told := one.evidence.get("last_training"):
            last[told["version"], told["against"]] = told
    words = {True: "helped", False: "did harm", None: "not shown to have helped"}
    return [
        f"training of v{told['version']}: {words[told['helped']]}, {told['gain']:+.4f} against v{told['against']} "
        f"on the same {told['rows']:,} rows of {told['partitions']} partition(s), "
        f"interval [{told['low']:+.4f}, {told['high']:+.4f}]"
        for told in last.values()
    ]
