"""The plot of a comparison of policies, and a page of its own that shows it with the tables.

Stays out: figures; all of them come with the comparison.
"""

import io
from itertools import accumulate
from typing import TYPE_CHECKING

from lakemill.cli.replay_tables import LEGEND, tell_figures, tell_step
from lakemill.evaluation.standard_errors import NORMAL_95
from lakemill.pages.markup import element, section, table
from lakemill.pages.markup import make_page as html_page
from lakemill.pages.plots import embed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lakemill.replay.outcome import Comparison

# told apart by people who see colours otherwise: Okabe and Ito, Color Universal Design (2008)
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9")
DOTS_PER_INCH = 130
WIDTH, LEAST_HEIGHT = 10.0, 3.6  # inches
MOST_NAMED = 18  # partitions on the axis
BESIDE = 0.26  # by how much lines of policies that agree lie beside each other, of a partition's width
LEAST_GAP = 0.13  # between names at the end of lines, of the axis
ABOUT_INTERVALS = (
    "Intervals are of 95 % and take rows to be independent. Worse: the realised score lies under that of the gate by "
    "more than the chance of both. False: an alarm in a partition whose champion was as good as expected; missed: a "
    "worse one, and no alarm."
)


def draw_comparison(found: "Comparison") -> bytes:
    """Draw each policy's scores with trainings and alarms, and its CPU time.

    Parameters
    ----------
    found : Comparison

    Returns
    -------
    bytes
        PNG.
    """
    from matplotlib.figure import Figure

    count = len(found.outcomes)
    figure = Figure(figsize=(WIDTH, LEAST_HEIGHT + 0.5 * count + 1.9), layout="constrained")
    scores, events, costs = figure.subplots(3, 1, height_ratios=[LEAST_HEIGHT, 0.34 * count + 0.3, 1.9], sharex=True)
    for axes in (scores, events, costs):
        axes.spines[["top", "right"]].set_visible(False)
    _draw_scores(scores, found)
    _draw_events(events, found)
    _draw_costs(costs, found)
    step = -(-len(found.partitions) // MOST_NAMED)
    places = range(0, len(found.partitions), step)
    costs.set_xticks(list(places), [found.partitions[place] for place in places], rotation=30, ha="right")
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def make_page(found: "Comparison", image: bytes) -> str:
    """Return a page that needs no other file.

    Parameters
    ----------
    found : Comparison
    image : bytes
        What `draw_comparison` returned.

    Returns
    -------
    str
        HTML.
    """
    policies = [(one.policy, one.about, *tell_figures(found, one)[:-1]) for one in found.outcomes]
    head = ("policy", "", f"mean {found.metric}", "trainings", "in charge", "alarms", "false", "missed", "CPU s")
    partitions = [
        (key, *(str(tell_step(one.steps[number])) for one in found.outcomes))
        for number, key in enumerate(found.partitions)
    ]
    about = (
        f"{found.partitions[0]} to {found.partitions[-1]}, replayed in branches of the lake. "
        f"{found.metric}, {_better(found)}, of each partition by the model that was in charge when it began."
    )
    title = f"{found.workflow}: what other policies would have done"
    return html_page(
        title,
        element("h1", title),
        element("p", about, class_="soft"),
        section(
            "Policies",
            table(head, policies, numbers=range(2, len(head))),
            embed(image, says="score of each partition under each policy, and CPU time"),
            *(element("p", note) for note in found.notes),
        ),
        section(
            "Each partition",
            table(("partition", *(one.policy for one in found.outcomes)), partitions),
            element("p", LEGEND, class_="soft"),
        ),
        element("p", element("small", ABOUT_INTERVALS)),
    )


def _better(found: "Comparison") -> str:
    return "greater is better" if found.greater_is_better else "less is better"


def _draw_scores(axes: "Axes", found: "Comparison") -> None:
    count = len(found.outcomes)
    for number, outcome in enumerate(found.outcomes):
        shift = BESIDE * ((number + 0.5) / count - 0.5)  # equal scores stay visible beside each other
        places = [place + shift for place, one in enumerate(outcome.steps) if one.score is not None]
        scored = [one for one in outcome.steps if one.score is not None]
        axes.errorbar(
            places,
            [one.score for one in scored if one.score is not None],
            yerr=[NORMAL_95 * (one.standard_error or 0.0) for one in scored],
            fmt="o-",
            markersize=4,
            linewidth=1.6,
            elinewidth=0.9,
            color=COLOURS[number % len(COLOURS)],
            label=outcome.policy,
        )
    axes.set(ylabel=f"{found.metric} ({_better(found)})")
    axes.set_title(f"{found.workflow}: realised score of each partition under each policy", loc="left")
    axes.legend(frameon=False, ncols=count, loc="upper right")
    axes.margins(y=0.16)


def _draw_events(axes: "Axes", found: "Comparison") -> None:
    """Draw a row for each policy: trainings, filled where the model took charge, and alarms, true ones and false."""
    count = len(found.outcomes)
    for number, outcome in enumerate(found.outcomes):
        row, colour = count - 1 - number, COLOURS[number % len(COLOURS)]
        for place, one in enumerate(outcome.steps):
            if one.gate is not None:
                face = colour if one.gate == "pass" else "white"
                axes.plot(place, row, "^", color=colour, markerfacecolor=face, markersize=8)
            if one.has_alarm:
                axes.plot(place + 0.22, row, "x" if one.is_worse is False else "*", color="#c93c37", markersize=8)
            elif one.is_worse:
                axes.plot(place + 0.22, row, "o", color="#c93c37", markerfacecolor="none", markersize=7)
    axes.set_yticks(range(count), [one.policy for one in reversed(found.outcomes)])
    axes.set_ylim(-0.6, count - 0.4)
    axes.tick_params(axis="y", length=0)
    signs = [
        axes.plot([], [], "^", color="#57606a", label="trained, took charge")[0],
        axes.plot([], [], "^", color="#57606a", markerfacecolor="white", label="trained, refused")[0],
        axes.plot([], [], "*", color="#c93c37", linestyle="none", label="alarm, and worse")[0],
        axes.plot([], [], "x", color="#c93c37", linestyle="none", label="false alarm")[0],
        axes.plot([], [], "o", color="#c93c37", markerfacecolor="none", linestyle="none", label="worse, no alarm")[0],
    ]
    for sign in signs:
        sign.set_linestyle("none")
    axes.legend(handles=signs, frameon=False, ncols=5, loc="lower left", bbox_to_anchor=(0, 1), fontsize=8.5)


def _draw_costs(axes: "Axes", found: "Comparison") -> None:
    totals = [outcome.cpu_seconds for outcome in found.outcomes]
    top = max(totals) or 1.0
    for number, outcome in enumerate(found.outcomes):
        sums = list(accumulate(one.cpu_seconds for one in outcome.steps))
        axes.step(range(len(sums)), sums, where="mid", color=COLOURS[number % len(COLOURS)], linewidth=1.6)
    for (number, total), height in zip(enumerate(totals), _spread(totals, LEAST_GAP * top), strict=True):
        outcome = found.outcomes[number]
        axes.annotate(
            f"{outcome.policy} {total:,.0f} s",
            (len(outcome.steps) - 0.7, height),
            annotation_clip=False,
            va="center",
            fontsize=8.5,
            color=COLOURS[number % len(COLOURS)],
        )
    axes.set(ylabel="CPU seconds, summed", ylim=(0, 1.1 * top))


def _spread(heights: list[float], gap: float) -> list[float]:
    """Move heights up where they are nearer to each other than a gap, in their order."""
    spread, least = list(heights), -gap
    for number in sorted(range(len(heights)), key=lambda at: heights[at]):
        spread[number] = least = max(heights[number], least + gap)
    return spread
