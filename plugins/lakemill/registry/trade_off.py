"""Score against training time as a picture: trials of one training, or releases over the months, with their front.

Stays out: choosing (``training.choosing``), and the tables of the command line.
"""

import io
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.lake.times import Time
from lakemill.registry.training_times import Release
from lakemill.training.choosing import find_front

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# told apart by people who see colours otherwise: Okabe and Ito, Color Universal Design (2008)
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00")
MARKERS = ("o", "s", "^", "D", "v", "P")
FRONT, CHOSEN = "#555555", "#000000"
SIZE = (8.0, 5.0)  # inches
ROOM, ROOM_FOR_NAMES = 0.08, 0.22  # right of the slowest, as a share
WIDE = 20.0  # times from the least to the most seconds; from there on the axis is logarithmic


@dataclass(frozen=True)
class Point:
    """One model in the picture.

    Attributes
    ----------
    group : str
        Its colour and marker: the candidate.
    seconds : float
        CPU seconds.
    score : float
        In the metric's unit.
    standard_error : float or None
        Drawn as a bar to either side; None for no bar.
    name : str
        Written beside it; empty for nothing.
    is_chosen : bool
    """

    group: str
    seconds: float
    score: float
    standard_error: float | None = None
    name: str = ""
    is_chosen: bool = False


def draw_trials(workflow: Workflow, trials: Sequence[Time], fit: Time) -> bytes:
    """Draw the trials of one training, and mark the one whose parameters were fitted.

    Parameters
    ----------
    workflow : Workflow
    trials : sequence of Time
    fit : Time

    Returns
    -------
    bytes
        PNG.
    """
    metric = METRICS[workflow.train.metric]
    points = [
        Point(
            group=str(one.candidate),
            seconds=one.fit_cpu_seconds or 0.0,
            score=one.score,
            is_chosen=(one.candidate, one.trial) == (fit.candidate, fit.trial),
        )
        for one in trials
        if one.score is not None
    ]
    rows = sorted({one.rows for one in trials})
    told = f"{rows[0]:,}" if len(rows) == 1 else f"{rows[0]:,} to {rows[-1]:,}" if rows else "no"
    return draw_points(
        points,
        title=f"{workflow.workflow}: {len(points)} trials as of the end of {fit.partition}",
        seconds_label=f"CPU time of fitting {told} rows (s)",
        score_label=f"{metric.name} on validation rows",
        greater_is_better=metric.greater_is_better,
        chosen_label="fitted",
        band=_find_band(trials, greater_is_better=metric.greater_is_better),
    )


def draw_releases(workflow: Workflow, releases: Sequence[Release], *, in_charge: str | None) -> bytes:
    """Draw model versions by what their training cost, and mark the one in charge.

    Parameters
    ----------
    workflow : Workflow
    releases : sequence of Release
    in_charge : str or None
        A version.

    Returns
    -------
    bytes
        PNG.
    """
    metric = METRICS[workflow.train.metric]
    points = [
        Point(
            group=one.candidate,
            seconds=one.training_seconds,
            score=one.score,
            standard_error=one.standard_error,
            name=f"v{one.version}  {one.partition}",
            is_chosen=one.version == in_charge,
        )
        for one in releases
        if one.score is not None
    ]
    return draw_points(
        points,
        title=f"{workflow.workflow}: {len(points)} releases",
        seconds_label="CPU time of training: all trials and the fit (s)",
        score_label=f"{metric.name} ± one standard error, each on its own test rows",
        greater_is_better=metric.greater_is_better,
        chosen_label="in charge",
    )


def draw_points(
    points: Sequence[Point],
    *,
    title: str,
    seconds_label: str,
    score_label: str,
    greater_is_better: bool,
    chosen_label: str,
    band: tuple[float, float] | None = None,
) -> bytes:
    """Draw models by their score and training time.

    Parameters
    ----------
    points : sequence of Point
        Those whose score or time is not a number are left out.
    title, seconds_label, score_label : str
        The labels with their units.
    greater_is_better : bool
    chosen_label : str
        What is marked.
    band : (float, float), optional
        Scores that lie within one standard error of the best.

    Returns
    -------
    bytes
        PNG; an empty pair of axes that says so where there is no point.
    """
    from matplotlib.figure import Figure  # not pyplot: that keeps figures, and asks for a screen

    drawn = [one for one in points if math.isfinite(one.score) and math.isfinite(one.seconds)]
    figure = Figure(figsize=SIZE, layout="constrained")
    axes = figure.add_subplot()
    axes.set_title(title)
    axes.set_xlabel(seconds_label)
    axes.set_ylabel(f"{score_label}\n{'greater' if greater_is_better else 'less'} is better")
    axes.grid(color="#dddddd", linewidth=0.6)
    axes.set_axisbelow(True)
    if drawn:
        _scale(axes, drawn)
        if band is not None:
            axes.axhspan(*band, color="#0072B2", alpha=0.08, linewidth=0, label="within one standard error of the best")
        _draw_front(axes, drawn, greater_is_better=greater_is_better)
        _draw_groups(axes, drawn)
        _mark_chosen(axes, drawn, chosen_label)
        figure.legend(loc="outside lower center", ncols=3, frameon=False, fontsize="small")
    else:
        axes.text(0.5, 0.5, "nothing was measured", transform=axes.transAxes, ha="center", color=FRONT)
    out = io.BytesIO()
    figure.savefig(out, format="png", dpi=150)
    return out.getvalue()


def _scale(axes: "Axes", points: Sequence[Point]) -> None:
    from matplotlib.ticker import LogLocator, NullLocator

    seconds = [one.seconds for one in points]
    least, most = min(seconds), max(seconds)
    room = ROOM_FOR_NAMES if any(one.name for one in points) else ROOM
    axes.margins(y=0.12)
    axes.spines[["top", "right"]].set_visible(False)
    if least > 0 and most / least >= WIDE:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_major_formatter(lambda value, _: f"{value:g}")
        axes.xaxis.set_minor_locator(NullLocator())
        width = (most / least) ** room
        axes.set_xlim(least / width, most * width)
    else:
        axes.set_xlim(0.0, max((1 + room) * most, 1e-3))


def _draw_front(axes: "Axes", points: Sequence[Point], *, greater_is_better: bool) -> None:
    sign = 1 if greater_is_better else -1
    front = [points[place] for place in find_front([(one.seconds, sign * one.score) for one in points])]
    # a step: with so much time, the best that is to be had; to the right edge, since more time loses nothing
    seconds = [*(one.seconds for one in front), axes.get_xlim()[1]]
    scores = [*(one.score for one in front), front[-1].score]
    axes.plot(
        seconds, scores, drawstyle="steps-post", color=FRONT, linewidth=1.2, linestyle="--", zorder=2,
        label="front: no other is both quicker and better",
    )  # fmt: skip


def _draw_groups(axes: "Axes", points: Sequence[Point]) -> None:
    for place, group in enumerate(dict.fromkeys(one.group for one in points)):
        members = [one for one in points if one.group == group]
        seconds, scores = [one.seconds for one in members], [one.score for one in members]
        colour, marker = COLOURS[place % len(COLOURS)], MARKERS[place % len(MARKERS)]
        errors = [one.standard_error or 0.0 for one in members]
        if any(errors):
            axes.errorbar(seconds, scores, yerr=errors, fmt="none", ecolor=colour, alpha=0.5, capsize=3, zorder=2)
        axes.scatter(seconds, scores, s=42, color=colour, marker=marker, edgecolor="white", label=group, zorder=3)
        for one in members:
            axes.annotate(one.name, (one.seconds, one.score), (7, 7), textcoords="offset points", fontsize="small")


def _mark_chosen(axes: "Axes", points: Sequence[Point], label: str) -> None:
    chosen = [one for one in points if one.is_chosen]
    axes.scatter(
        [one.seconds for one in chosen], [one.score for one in chosen],
        s=190, facecolor="none", edgecolor=CHOSEN, linewidth=1.6, label=label if chosen else None, zorder=4,
    )  # fmt: skip


def _find_band(trials: Sequence[Time], *, greater_is_better: bool) -> tuple[float, float] | None:
    known = [(one.score, one.standard_error) for one in trials if one.score is not None]
    if not known:
        return None
    score, error = (max if greater_is_better else min)(known, key=lambda pair: pair[0])
    if error is None:
        return None
    return (score - error, score) if greater_is_better else (score, score + error)
