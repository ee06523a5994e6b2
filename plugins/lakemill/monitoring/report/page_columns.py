"""The parts of a report's page about columns and predictions: a card with its picture each, and a table of all.

Stays out: the rest of the page (``page.py``).
"""

from collections.abc import Mapping, Sequence

from lakemill.monitoring.report.columns import DRIFTED, FOUND, QUIET, Column
from lakemill.monitoring.report.distributions import Distribution
from lakemill.monitoring.report.figures import format_number, format_p_value, format_span, format_value
from lakemill.monitoring.report.gathering import Report
from lakemill.monitoring.report.plots import draw_distribution
from lakemill.pages.markup import Html, badge, element, section, table

MOST_PLOTS = 20  # columns that are drawn; all are in the table
STATES = {DRIFTED: "bad", FOUND: "warn", QUIET: "good"}
LEGEND = Html(
    '<p class="soft key"><span><i style="background:#d8dee4;border:1px solid #8c959f"></i>reference</span> &#8195;'
    '<span><i style="background:#1f6feb"></i>this partition</span></p>'
)
HEAD = ("column", "drift", "moves predictions by", "effect", "p", "mean", "missing", "statistics (usual in the past)")


def write_columns(report: Report) -> Html:
    """Return the part about columns: those that move predictions most, or differ most, first."""
    if not report.columns:
        return section("Columns", element("p", "No column that is watched has a profile.", class_="soft"))
    drawn = [one for one in report.columns if one.distribution is not None][:MOST_PLOTS]
    said = [_tell_reference(report), "What moves predictions most comes first, then what differs most."]
    if drawn and len(drawn) < len(report.columns):
        said.append(f"The first {len(drawn)} are drawn; the table has all {len(report.columns)}.")
    if report.unwatched:
        said.append(f"Not watched: {', '.join(report.unwatched)}.")
    written = _tabulate(report.columns, is_open=not drawn)
    return section("Columns", element("p", " ".join(said), class_="soft"), *_write_cards(drawn), written)


def write_predictions(report: Report) -> Html:
    """Return the part about predictions."""
    if not report.predictions:
        why = "No model was in charge." if report.champion is None else "There are none to compare yet."
        return section("Predictions", element("p", why, class_="soft"))
    held = "This is the model's first partition: there are no earlier predictions to compare with."
    if report.predictions_reference:
        span = format_span(report.predictions_reference)
        held = f"Against what the same model made of {span}, where nothing was found."
    drawn = [one for one in report.predictions if one.distribution is not None]
    return section("Predictions", element("p", held, class_="soft"), *_write_cards(drawn))


def _tell_reference(report: Report) -> str:
    span = format_span(report.reference)
    if report.champion is not None:
        return f"Against {span}, which the model in charge was trained on."
    if report.reference:
        return f"Against {span}, which came before; nothing is drift without a champion."
    return "There is no earlier partition to compare with."


def _write_cards(columns: Sequence[Column]) -> list[Html]:
    return [LEGEND, element("div", *map(_write_card, columns), class_="cards")] if columns else []


def _write_card(column: Column) -> Html:
    found = column.distribution
    assert found is not None  # noqa: S101  # only such columns get a card
    tone = {DRIFTED: "drifted", FOUND: "found"}.get(column.state, "")
    picture = element("p", "no values on one side", class_="soft")
    if any(found.shares):
        picture = draw_distribution(found, of=column.name)
    moved = f"moves predictions by {column.moved:.4f} on average" if column.moved is not None else ""
    return element(
        "div",
        element("div", element("h3", column.name), badge(column.state, STATES.get(column.state, "")), class_="lead"),
        picture,
        *([element("p", moved)] if moved else []),
        *(element("p", said, class_="soft") for said in (_tell_sides(found), column.why) if said),
        class_=f"card {tone}".strip(),
    )


def _tell_sides(found: Distribution) -> str:
    told = [f"mean {_tell_means(found)}"] if found.kind == "numeric" else []
    if found.reference.null_share or found.current.null_share:
        told.append(f"missing {_tell_missing(found)}")
    if found.names and found.reference.rows:
        sides = list(zip(found.names, *found.shares, strict=True))
        new = [name for name, before, now in sides if before == 0 < now]
        gone = [name for name, before, now in sides if now == 0 < before]
        told += [f"{word}: {', '.join(names)}" for word, names in (("new", new), ("gone", gone)) if names]
    return "; ".join(told)


def _tabulate(columns: Sequence[Column], *, is_open: bool) -> Html:
    rows = [
        (
            one.name,
            badge(one.state, STATES.get(one.state, "")),
            format_number(one.moved),
            format_number(one.effect),
            format_p_value(one.p_value),
            _tell_means(one.distribution),
            _tell_missing(one.distribution),
            _tell_statistics(one.statistics, one.usual),
        )
        for one in columns
    ]
    summary = element("summary", f"all {len(columns)} columns with their statistics")
    return element("details", summary, table(HEAD, rows, numbers=(2, 3, 4, 5, 6)), open="open" if is_open else None)


def _tell_statistics(statistics: Mapping[str, float], usual: Mapping[str, float]) -> Html:
    told = [
        f"{name.replace('_', ' ')} {value:.4g}" + (f" ({usual[name]:.4g})" if name in usual else "")
        for name, value in statistics.items()
    ]
    return element("small", ", ".join(told))


def _tell_means(found: Distribution | None) -> str:
    if found is None or found.kind != "numeric":
        return ""
    before, now = (
        "none" if side.mean is None else format_value(side.mean) for side in (found.reference, found.current)
    )
    return f"{before} → {now}" if found.reference.rows else now


def _tell_missing(found: Distribution | None) -> str:
    if found is None:
        return ""
    before, now = (f"{side.null_share:.1%}" for side in (found.reference, found.current))
    return f"{before} → {now}" if found.reference.rows else now
