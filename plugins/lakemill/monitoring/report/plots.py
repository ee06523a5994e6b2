"""The plots of a report: two distributions side by side, and performance over time with its events.

Stays out: figures; all of them come with what is drawn.
"""

from typing import TYPE_CHECKING

from lakemill.monitoring.report.distributions import Distribution
from lakemill.monitoring.report.figures import format_value, shorten
from lakemill.monitoring.report.timeline import KINDS, Timeline
from lakemill.pages.markup import Html
from lakemill.pages.plots import CURRENT, GREEN, INK, LINE, ORANGE, RED, REFERENCE, SOFT, draw

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

WIDTH = 3.0  # inches of a distribution
TIMELINE_WIDTH = 10.5
MOST_LETTERS = 15  # of a category's name
MOST_TICKS = 14
DASHES = (0, (4, 2))
LANES = {"alarm": (RED, "o"), "training": (SOFT, "s"), "promotion": (GREEN, "^"), "rejection": (RED, "x")}
LANES |= {"rollback": (RED, "v")}


def draw_distribution(found: Distribution, *, of: str) -> Html:
    """Draw how a column's values lay in the reference, grey, and how they lie now, blue."""
    says = f"Distribution of {of}: reference grey, this partition blue"
    if found.kind == "categorical":
        height = 0.1 + 0.27 * len(found.names)
        return draw(lambda figure: _draw_bars(figure, found, height), width=WIDTH, height=height, says=says)
    return draw(lambda figure: _draw_steps(figure, found), width=WIDTH, height=1.2, says=says)


def draw_timeline(timeline: Timeline) -> Html:
    """Draw realised performance by partition, and below it what happened, each kind of event in a lane of its own."""
    lanes = [kind for kind in KINDS if any(event.kind == kind for event in timeline.events)]
    upper, lower = 2.4, 0.24 * len(lanes)
    height = upper + lower + 0.75

    def make(figure: "Figure") -> None:
        left, width = 0.085, 0.9
        score = figure.add_axes((left, (lower + 0.45) / height, width, upper / height))
        _draw_scores(score, timeline)
        bottom = score
        if lanes:
            bottom = figure.add_axes((left, 0.45 / height, width, lower / height), sharex=score)
            _draw_lanes(bottom, timeline, lanes)
            score.tick_params(labelbottom=False, length=0)
        _mark_partitions(bottom, timeline)

    says = f"{timeline.metric} by partition, with events; the table below has the same figures"
    return draw(make, width=TIMELINE_WIDTH, height=height, says=says)


def _draw_steps(figure: "Figure", found: Distribution) -> None:
    """Draw on the bare figure: axes would take longer than all the rest."""
    from matplotlib.patches import PathPatch
    from matplotlib.path import Path

    bottom, top = 0.2, 0.97
    highest = max(max(side) for side in found.shares) or 1.0
    bins = len(found.edges) - 1
    places = [0.02 + 0.96 * at / bins for at in range(bins + 1)]
    looks = ({"facecolor": LINE, "edgecolor": REFERENCE}, {"facecolor": "none", "edgecolor": CURRENT})
    for shares, look, line in zip(found.shares, looks, (0.6, 1.3), strict=True):
        points = [(places[0], bottom)]
        for at, share in enumerate(shares):
            height = bottom + (top - bottom) * max(0.0, share) / highest
            points += [(places[at], height), (places[at + 1], height)]
        points.append((places[-1], bottom))
        figure.add_artist(PathPatch(Path(points), linewidth=line, **look))
    figure.add_artist(PathPatch(Path([(0.02, bottom), (0.98, bottom)]), edgecolor=SOFT, linewidth=0.6))
    for share, side in ((0.0, "left"), (0.5, "center"), (1.0, "right")):
        value = found.edges[0] + share * (found.edges[-1] - found.edges[0])
        figure.text(0.02 + 0.96 * share, 0.02, format_value(value), ha=side, va="bottom", color=SOFT, size=8)


def _draw_bars(figure: "Figure", found: Distribution, height: float) -> None:
    from matplotlib.patches import Rectangle

    left, right, step = 0.38, 0.84, 0.27 / height
    highest = max(max(side) for side in found.shares) or 1.0
    for at, (name, before, now) in enumerate(zip(found.names, *found.shares, strict=True)):
        middle = 1 - 0.05 / height - (at + 0.5) * step
        for share, place, colour in ((before, middle, REFERENCE), (now, middle - 0.38 * step, CURRENT)):
            width = (right - left) * share / highest
            figure.add_artist(Rectangle((left, place), width, 0.36 * step, facecolor=colour, linewidth=0))
        figure.text(left - 0.02, middle, shorten(name, MOST_LETTERS), ha="right", va="center", color=INK, size=8)
        longest = left + (right - left) * max(before, now) / highest
        figure.text(longest + 0.015, middle, f"{now:.1%}", ha="left", va="center", color=SOFT, size=8)


def _draw_scores(axes: "Axes", timeline: Timeline) -> None:
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(LINE)
    axes.grid(axis="y", color=LINE, linewidth=0.6)
    axes.set_axisbelow(True)
    scored = [(at, one.score) for at, one in enumerate(timeline.scored) if one.score is not None]
    expected = [(at, one.expected) for at, one in enumerate(timeline.scored) if one.expected is not None]
    for at, one in enumerate(timeline.scored):
        if one.estimated is not None:
            if one.low is not None and one.high is not None:
                axes.vlines(at, one.low, one.high, color=SOFT, linewidth=5, alpha=0.25)
            axes.plot(at, one.estimated, "_", color=SOFT, markersize=9)
    for at, one in enumerate(timeline.scored):
        if one.score_low is not None and one.score_high is not None:
            axes.vlines(at, one.score_low, one.score_high, color=CURRENT, linewidth=1)
    axes.plot([at for at, _ in scored], [score for _, score in scored], "o-", color=CURRENT, markersize=4)
    for at, value in expected:
        axes.hlines(value, at - 0.5, at + 0.5, color=ORANGE, linewidth=1.3, linestyle=DASHES)
    axes.plot([], [], "o-", color=CURRENT, markersize=4, label="realised, 95 % interval")
    if any(one.estimated is not None for one in timeline.scored):
        axes.plot([], [], "_", color=SOFT, markersize=9, label="estimated before labels, 95 % interval")
    axes.plot([], [], color=ORANGE, linewidth=1.3, linestyle=DASHES, label="expected: the champion's at the gate")
    for place, name in _find_changes(timeline):
        axes.axvline(place - 0.5, color=LINE, linewidth=1)
        axes.text(place - 0.45, 1.0, name, transform=axes.get_xaxis_transform(), va="top", size=8, color=SOFT)
    axes.set_xlim(-0.6, len(timeline.partitions) - 0.4)
    axes.set_ylabel(timeline.metric, color=SOFT)
    axes.tick_params(colors=SOFT, labelcolor=INK)
    if scored or expected or any(one.estimated is not None for one in timeline.scored):
        axes.legend(frameon=False, ncols=3, loc="lower left", bbox_to_anchor=(0, 1.0), borderaxespad=0, fontsize=8)
    else:
        axes.set_yticks([])
        axes.text(0.5, 0.5, "no partition has a score yet", transform=axes.transAxes, ha="center", color=SOFT)


def _find_changes(timeline: Timeline) -> list[tuple[int, str]]:
    """Return where another model is in charge than before, and its name."""
    before, found = None, []
    for place, one in enumerate(timeline.scored):
        if one.champion is not None and one.champion != before:
            found.append((place, f"v{one.champion}"))
            before = one.champion
    return found


def _draw_lanes(axes: "Axes", timeline: Timeline, lanes: list[str]) -> None:
    order = {key: place for place, key in enumerate(timeline.partitions)}
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.spines["bottom"].set_color(LINE)
    axes.set_ylim(len(lanes) - 0.5, -0.5)
    axes.set_yticks(range(len(lanes)), lanes)
    for lane, kind in enumerate(lanes):
        colour, marker = LANES[kind]
        axes.axhline(lane, color=LINE, linewidth=0.5, zorder=0)
        for is_good in (True, False):
            at = [
                order[event.partition] for event in timeline.events if event.kind == kind and event.is_good == is_good
            ]
            is_refused = kind == "training" and not is_good
            axes.scatter(at, [lane] * len(at), marker=marker, s=30, color=RED if is_refused else colour)
    axes.tick_params(length=0, labelcolor=INK)


def _mark_partitions(axes: "Axes", timeline: Timeline) -> None:
    step = -(-len(timeline.partitions) // MOST_TICKS)
    places = range(len(timeline.partitions) - 1, -1, -step)  # the last one has its name
    axes.set_xticks(list(places), [timeline.partitions[place] for place in places])
    if len(timeline.partitions[0]) > 8:
        axes.tick_params(axis="x", labelsize=7)
    axes.tick_params(axis="x", labelbottom=True, colors=SOFT, labelcolor=INK)
