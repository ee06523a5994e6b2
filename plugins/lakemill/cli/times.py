"""The command ``lakemill times``: what trainings and scorings cost, beside the scores that were reached.

Light at the top, as ``main`` is. Stays out: measuring, choosing, and drawing.
"""

import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.box import HORIZONTALS
from rich.console import Console
from rich.table import Table
from rich.text import Text

from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError, suggest

if TYPE_CHECKING:
    from lakemill.lake import Lake
    from lakemill.lake.times import Time
    from lakemill.registry.training_times import Release

MEGABYTE = 1_000_000  # bytes


def times(
    workflow: Annotated[str, typer.Argument(help="Name of a workflow.")],
    trials: Annotated[str | None, typer.Option(help="The trials of this model version.")] = None,
    releases: Annotated[bool, typer.Option("--releases", help="All model versions.")] = False,
    plot: Annotated[Path | None, typer.Option(help="PNG file: score against training time, with the front.")] = None,
) -> None:
    """Show what trials, fits, evaluations and scorings took; of trials and releases, with their scores."""
    from lakemill.lake import Lake
    from lakemill.lake.times import read_times

    _check_options(trials, releases, plot)
    settings = load_settings()
    declared = find_workflow(workflow, settings)
    lake = Lake(settings.lake, workflow)
    found = read_times(lake)
    if not found:
        raise LakeError("no times are known yet", where=workflow, remedy=f"run it first: lakemill run {workflow}")
    console = Console(width=None if sys.stdout.isatty() else 120, highlight=False)
    if trials is not None:
        png = _tell_trials(declared, lake, found, trials.removeprefix("v"), console, is_drawn=plot is not None)
    elif releases or plot is not None:
        png = _tell_releases(declared, lake, found, console, is_drawn=plot is not None)
    else:
        console.print(show_work(workflow, found))
        png = None
    _note_slower(declared, found, console)
    if plot is not None and png is not None:
        plot.write_bytes(png)
        console.print(f"drawn: {plot}", soft_wrap=True, markup=False)


def show_work(workflow: str, found: "Sequence[Time]") -> Table:
    """Return a table of what each partition's trials, fits, evaluations and scorings took.

    Parameters
    ----------
    workflow : str
    found : sequence of Time

    Returns
    -------
    rich.table.Table
    """
    sums: dict[tuple[str, str], list[Time]] = {}
    for one in found:
        sums.setdefault((one.partition, one.what), []).append(one)
    shown = _table(f"{workflow}: what was measured", ("partition", "what"), ("times", "rows", *COSTS))
    for (partition, what), ones in sums.items():
        shown.add_row(partition, what, f"{len(ones):,}", f"{sum(one.rows for one in ones):,}", *_costs(ones))
    shown.add_section()
    shown.add_row("sum", "", f"{len(found):,}", "", *_costs(found))
    return shown


def show_trials(workflow: str, trials: "Sequence[Time]", fit: "Time", front: "Sequence[Time]") -> Table:
    """Return a table of a training's trials, with those on the front and the one that was fitted marked.

    Parameters
    ----------
    workflow : str
    trials : sequence of Time
    fit : Time
    front : sequence of Time
        Of the trials.

    Returns
    -------
    rich.table.Table
    """
    title = f"{workflow} v{fit.version}: {len(trials)} trials as of the end of {fit.partition}"
    shown = _table(title, ("candidate", "trial"), (str(fit.metric), "± 1 SE", "rows", "fit CPU s", *COSTS))
    shown.add_column("")
    shown.add_column("parameters", overflow="fold")
    for one in trials:
        is_fitted = (one.candidate, one.trial) == (fit.candidate, fit.trial)
        marks = [word for word, is_so in (("front", one in front), ("fitted", is_fitted)) if is_so]
        shown.add_row(
            str(one.candidate),
            str(one.trial),
            _number(one.score),
            _number(one.standard_error),
            f"{one.rows:,}",
            f"{one.fit_cpu_seconds or 0.0:.2f}",
            *_costs([one]),
            " ".join(marks),
            Text(", ".join(f"{name}={_value(value)}" for name, value in one.parameters.items())),
        )
    return shown


def show_releases(
    workflow: Workflow, releases: "Sequence[Release]", *, verdicts: dict[str, str], in_charge: str | None
) -> Table:
    """Return a table of model versions, with what their training took.

    Parameters
    ----------
    workflow : Workflow
    releases : sequence of Release
    verdicts : dict of str to str
        The gate's, by version.
    in_charge : str or None
        A version.

    Returns
    -------
    rich.table.Table
    """
    shown = _table(
        f"{workflow.workflow}: training time in CPU seconds",
        ("partition", "version", "candidate"),
        (workflow.train.metric, "± 1 SE", "rows", "trials", "fit", "evaluation"),
    )
    for heading in ("gate", ""):
        shown.add_column(heading, no_wrap=True)
    for one in releases:
        marks = ["in charge"] if one.version == in_charge else []
        marks += ["slower"] if any(pace.is_slower(workflow.gate.training_time) for pace in one.paces) else []
        seconds = (one.trials_seconds, one.fit_seconds, one.evaluation_seconds)
        shown.add_row(
            one.partition,
            f"v{one.version}",
            one.candidate,
            _number(one.score),
            _number(one.standard_error),
            f"{one.rows:,}",
            *(f"{value:,.1f}" for value in seconds),
            verdicts.get(one.version, ""),
            ", ".join(marks),
        )
    return shown


COSTS = ("CPU s", "wall s", "peak MB")


def _check_options(trials: str | None, releases: bool, plot: Path | None) -> None:
    if trials is not None and releases:
        raise ConfigError("only one of them can be shown", where="--trials, --releases", remedy="leave one out")
    if plot is not None and plot.suffix.lower() != ".png":
        raise ConfigError(f"must end with .png; got {plot}", where="--plot", remedy="name a PNG file")
    if plot is not None and not plot.absolute().parent.is_dir():
        raise ConfigError(f"no folder {plot.parent}", where="--plot", remedy="make it first")


def _tell_trials(
    workflow: Workflow, lake: "Lake", found: "Sequence[Time]", version: str, console: Console, *, is_drawn: bool
) -> bytes | None:
    from lakemill.evaluation.metrics import METRICS
    from lakemill.lake.times import FIT, TRIAL
    from lakemill.training.choosing import find_front

    fits = {str(one.version): one for one in found if one.what == FIT}
    if version not in fits:
        raise LakeError(
            f"no fit of version {version!r} was measured",
            where=f"{workflow.workflow}: --trials",
            remedy=suggest(version, sorted(fits, key=int)) if fits else f"lakemill run {workflow.workflow}",
        )
    fit = fits[version]
    trials = [one for one in found if one.what == TRIAL and one.snapshot == fit.snapshot]
    metric = METRICS[str(fit.metric)]
    nothing = float("nan")
    places = find_front(
        [(one.fit_cpu_seconds or 0.0, nothing if one.score is None else metric.gain(one.score, 0.0)) for one in trials]
    )
    console.print(show_trials(workflow.workflow, trials, fit, [trials[place] for place in places]))
    console.print(f"fitted: {fit.note}", markup=False)
    if not is_drawn:
        return None
    from lakemill.registry.trade_off import draw_trials

    return draw_trials(workflow, trials, fit)


def _tell_releases(
    workflow: Workflow, lake: "Lake", found: "Sequence[Time]", console: Console, *, is_drawn: bool
) -> bytes | None:
    from lakemill.lake.verdicts import read_verdicts
    from lakemill.registry.ledger import find_champion
    from lakemill.registry.training_times import list_releases

    champion = find_champion(lake, as_of=datetime.now(UTC))
    in_charge = champion.version if champion else None
    verdicts = {str(one.evidence.get("version")): one.verdict for one in read_verdicts(lake, "gate").values()}
    releases = list_releases(found)
    console.print(show_releases(workflow, releases, verdicts=verdicts, in_charge=in_charge))
    if not is_drawn:
        return None
    from lakemill.registry.trade_off import draw_releases

    return draw_releases(workflow, releases, in_charge=in_charge)


def _note_slower(workflow: Workflow, found: "Sequence[Time]", console: Console) -> None:
    from lakemill.registry.training_times import list_releases

    for one in list_releases(found):
        for pace in one.paces:
            if pace.is_slower(workflow.gate.training_time):
                console.print(f"{one.partition}  v{one.version} slower: {pace}", style="yellow", markup=False)


def _table(title: str, words: Sequence[str], numbers: Sequence[str]) -> Table:
    shown = Table(title=title, title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading in words:
        shown.add_column(heading, no_wrap=True)
    for heading in numbers:
        shown.add_column(heading, justify="right", no_wrap=True)
    return shown


def _costs(ones: "Sequence[Time]") -> tuple[str, str, str]:
    return (
        f"{sum(one.cpu_seconds for one in ones):,.2f}",
        f"{sum(one.wall_seconds for one in ones):,.2f}",
        f"{max(one.peak_bytes for one in ones) / MEGABYTE:,.0f}",
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else json.dumps(value, default=str)
