"""Tables of a comparison of policies, for the terminal.

Stays out: figures; all of them come with the comparison.
"""

from typing import TYPE_CHECKING

from rich.box import HORIZONTALS
from rich.console import Group
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from lakemill.replay.outcome import Comparison, Outcome, Step

LEGEND = (
    "v1: the model in charge; worse: than at the gate, beyond chance; !: monitoring found drift or decay; "
    "+v2: trained at the end of it and put in charge, -v2: refused by the gate"
)
COLOURS = {"pass": "green", "fail": "red"}


def show_comparison(found: "Comparison") -> Group:
    """Return what to print of a comparison.

    Parameters
    ----------
    found : Comparison
    """
    parts: list[Table | Text] = [_show_partitions(found), Text(LEGEND, style="dim"), _show_policies(found)]
    compared = found.compared
    over = f"over {compared[0]} to {compared[-1]}, by rows" if compared else "of no partition in common"
    parts.append(
        Text(f"mean {found.metric} {over}; false: an alarm though the champion was as good as expected", "dim")
    )
    parts.append(Text("missed: worse than expected, and no alarm; CPU s: training, scoring and judging", "dim"))
    parts += [Text(f"note: {note}", style="yellow") for note in found.notes]
    return Group(*parts)


def _show_partitions(found: "Comparison") -> Table:
    shown = _table(f"{found.workflow}: {found.metric} of each partition, realised")
    shown.add_column("partition", no_wrap=True)
    for outcome in found.outcomes:
        shown.add_column(outcome.policy, no_wrap=True)
    for number, key in enumerate(found.partitions):
        shown.add_row(key, *(tell_step(outcome.steps[number]) for outcome in found.outcomes))
    return shown


def tell_step(step: "Step") -> Text:
    """Return a partition under a policy in a few signs."""
    said = Text("" if step.score is None else f"{step.score:.4f} v{step.champion}")
    if step.is_worse:
        said.append(" worse", style="yellow")
    if step.has_alarm:
        said.append(" !", style="bold red")
    if step.gate is not None:
        sign = "+" if step.gate == "pass" else "-"
        said.append(f" {sign}v{step.trained}" if step.trained else f" {sign}", style=COLOURS.get(step.gate, ""))
    return said


def _show_policies(found: "Comparison") -> Table:
    shown = _table("policies")
    shown.add_column("policy", no_wrap=True)
    numbers = (f"mean {found.metric}", "trainings", "in charge", "alarms", "false", "missed", "CPU s", "of training")
    for heading in numbers:
        shown.add_column(heading, justify="right", no_wrap=True)
    shown.add_column("")
    for outcome in found.outcomes:
        shown.add_row(outcome.policy, *tell_figures(found, outcome), outcome.about)
    return shown


def tell_figures(found: "Comparison", outcome: "Outcome") -> tuple[str, ...]:
    """Return a policy's figures as texts: mean score, trainings, models in charge, alarms, CPU seconds."""
    mean = found.mean_score(outcome)
    return (
        f"{mean:.4f}" if mean == mean else "",
        str(outcome.trainings),
        str(outcome.promotions),
        str(outcome.alarms),
        str(outcome.false_alarms),
        str(outcome.missed_alarms),
        f"{outcome.cpu_seconds:,.1f}",
        f"{sum(one.training_cpu_seconds for one in outcome.steps):,.1f}",
    )


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
