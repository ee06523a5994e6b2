"""Plots of a diagnosis as PNG, and a page of its own that shows them with what was found.

Stays out: figures; all of them come with the diagnosis.
"""

import io
from typing import TYPE_CHECKING

from lakemill.pages.markup import Html, element, section, table
from lakemill.pages.markup import make_page as html_page
from lakemill.pages.plots import embed

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from lakemill.registry.diagnosis import Diagnosis

BLUE, ORANGE, GREY, RED = "#1f6feb", "#d9730d", "#8b949e", "#c93c37"
MOST_BARS = 20
MOST_SLICES = 15
DOTS_PER_INCH = 120
FOOT = (
    "All advice comes from training and validation rows; no test row was read. Intervals take rows to be independent."
)
TITLES = {
    "learning_curve": "Would more rows help?",
    "calibration": "Does it come as it is predicted?",
    "importance": "What does the model look at?",
    "slices": "Where does it err?",
}


def draw_plots(found: "Diagnosis") -> dict[str, bytes]:
    """Draw all plots.

    Parameters
    ----------
    found : Diagnosis

    Returns
    -------
    dict of str to bytes
        PNG by name: ``learning_curve``, ``calibration``, ``importance``, ``slices``.
    """
    bars = min(len(found.importances), MOST_BARS)
    plots = {
        "learning_curve": _draw(_draw_curve, found, 4.5),
        "calibration": _draw(_draw_calibration, found, 5.5),
        "importance": _draw(_draw_importance, found, 1.6 + 0.28 * bars),
    }
    if found.slices:
        plots["slices"] = _draw(_draw_slices, found, 1.8 + 0.3 * min(len(found.slices), MOST_SLICES))
    return plots


def make_page(found: "Diagnosis") -> str:
    """Return a page that needs no other file.

    Parameters
    ----------
    found : Diagnosis

    Returns
    -------
    str
        HTML.
    """
    title = f"{found.workflow}, model {found.version}"
    about = (
        f"{found.estimator}, as of {found.as_of}, {found.rows['train']:,} training and "
        f"{found.rows['validation']:,} validation rows."
    )
    findings = [
        element(
            "li",
            element("b", one.rule),
            f": {one.advice} ",
            element("small", f"{one.figures} (said from {one.threshold} on)"),
        )
        for one in found.findings
    ]
    said = element("ol", *findings) if findings else element("p", "Nothing found that should be changed.")
    notes = [element("p", note, class_="soft") for note in found.notes]
    return html_page(
        title,
        element("h1", title),
        element("p", about, class_="soft"),
        section("Scores", _tabulate(found)),
        section("What to change next", said, *notes),
        *(section(TITLES[name], embed(image, says=name)) for name, image in draw_plots(found).items()),
        element("p", element("small", FOOT)),
    )


def _tabulate(found: "Diagnosis") -> Html:
    scores = {
        "naive": found.scale.naive,
        "validation": found.validation,
        "training": found.train,
        "test, kept by the gate": found.test,
    }
    told = {name: f"{value:.4f}" for name, value in scores.items() if value is not None}
    return table(("", *told), [(found.metric, *told.values())])


def _draw(draw, found: "Diagnosis", height: float) -> bytes:  # type: ignore[no-untyped-def]  # one of those below
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, height), layout="constrained")
    axes = figure.subplots()
    axes.spines[["top", "right"]].set_visible(False)
    draw(axes, found)
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=DOTS_PER_INCH)
    return buffer.getvalue()


def _draw_curve(axes: "Axes", found: "Diagnosis") -> None:
    for name, colour in (("train", BLUE), ("validation", ORANGE)):
        rows = [point.rows for point in found.curve]
        scores = [getattr(point, name) for point in found.curve]
        axes.plot(rows, [sum(one) / len(one) for one in scores], "o-", color=colour, label=f"{_word(name)} rows")
        axes.fill_between(
            rows, [min(one) for one in scores], [max(one) for one in scores], color=colour, alpha=0.2, linewidth=0
        )
    axes.axhline(found.scale.naive, color=GREY, linestyle="--", label="naive model")
    ceiling = (found.label_noise or {}).get("ceiling")
    if ceiling is not None:
        axes.axhline(ceiling, color=RED, linestyle=":", label="ceiling of wrong labels")
    axes.set_xscale("log", base=2)
    axes.set_xticks([point.rows for point in found.curve], [f"{point.rows:,}" for point in found.curve])
    axes.minorticks_off()
    better = "greater is better" if found.greater_is_better else "less is better"
    axes.set(xlabel="training rows", ylabel=f"{found.metric} ({better})", title="Learning curve")
    axes.legend(frameon=False)


def _word(name: str) -> str:
    return {"train": "training"}.get(name, name)


def _draw_calibration(axes: "Axes", found: "Diagnosis") -> None:
    values = [one for curve in found.calibration.curves for one in (*curve.predicted, *curve.observed)]
    ends = (0.0, 1.0) if found.problem == "classification" else (min(values), max(values))
    axes.plot(ends, ends, color=GREY, linestyle="--", label="calibrated")
    for curve in found.calibration.curves:
        below, above = (
            [max(0.0, abs(a - b)) for a, b in zip(curve.observed, side, strict=True)]
            for side in (curve.low, curve.high)
        )
        label = f"{found.label} = {curve.name}" if curve.name else "validation rows"
        axes.errorbar(curve.predicted, curve.observed, yerr=[below, above], fmt="o-", capsize=3, label=label)
    if found.problem == "classification":
        axes.set(xlabel="predicted probability (mean of the bin)", ylabel="observed share, with 95 % interval")
    else:
        axes.set(
            xlabel=f"predicted {found.label} (mean of the bin)", ylabel=f"observed {found.label}, mean, 95 % interval"
        )
    axes.set_title("Calibration on validation rows")
    axes.legend(frameon=False)


def _draw_importance(axes: "Axes", found: "Diagnosis") -> None:
    shown = found.importances[:MOST_BARS][::-1]
    axes.barh(
        [one.feature for one in shown],
        [one.loss for one in shown],
        xerr=[2 * one.deviation for one in shown],
        color=[GREY if one.is_idle else BLUE for one in shown],
        capsize=2,
    )
    axes.axvline(0, color="black", linewidth=0.8)
    axes.set(
        xlabel=f"loss of {found.metric} when the feature's values are mixed (± 2 standard deviations)",
        title="Permutation importance on validation rows (grey: within noise)",
    )


def _draw_slices(axes: "Axes", found: "Diagnosis") -> None:
    shown = found.slices[:MOST_SLICES][::-1]
    for at, one in enumerate(shown):
        colour = RED if one.is_bad else BLUE
        axes.plot([one.low, one.high], [at, at], color=colour, linewidth=2)
        axes.plot(one.error, at, "o", color=colour)
        axes.plot(one.expected, at, "|", color="black", markersize=12)
    axes.plot([], [], "o-", color=BLUE, label="error, 95 % interval for all slices together")
    axes.plot([], [], "o-", color=RED, label="beyond chance and expectation")
    axes.plot([], [], "|", color="black", markersize=12, linestyle="none", label="expected from the labels' variety")
    axes.set_yticks(range(len(shown)), [f"{one.feature} {one.level} ({one.share:.0%})" for one in shown])
    unit = f", squared unit of {found.label}" if found.error == "mean_squared_error" else (
        f", unit of {found.label}" if found.error == "mean_absolute_error" else ""
    )  # fmt: skip
    axes.set(xlabel=f"{found.error}{unit}", title=f"Slices of the validation rows, the worst of {len(found.slices)}")
    axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12 - 0.6 / (len(shown) + 1)), ncols=1)
