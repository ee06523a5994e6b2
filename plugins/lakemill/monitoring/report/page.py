"""The page of a report: what was gathered, in the order in which people ask.

What follows, what was found, how good the scores are, what has changed. Stays out: gathering, and drawing.
"""

from dataclasses import dataclass
from zoneinfo import ZoneInfo

from lakemill.monitoring.report.columns import DRIFTED
from lakemill.monitoring.report.evidence import TONES
from lakemill.monitoring.report.figures import format_interval, format_moment, format_number, format_span
from lakemill.monitoring.report.gathering import Report
from lakemill.monitoring.report.page_columns import write_columns, write_predictions
from lakemill.monitoring.report.plots import draw_timeline
from lakemill.monitoring.report.timeline import Timeline
from lakemill.pages.markup import Html, badge, element, make_page, section, table, tile

MOST_EVENTS = 12  # that are shown unasked
FOOT = (
    "Made of profiles, verdicts and the ledger alone: no rows were read. Distributions come from sketches; the "
    "outermost 0.5 % of a number's values are not drawn. Effects are on the scale of a Kolmogorov-Smirnov distance; "
    "p-values are corrected for all columns (Benjamini-Hochberg), and the larger of chance's and the past's."
)


@dataclass(frozen=True)
class Links:
    """Where a page leads, where it is served; each an address, or None.

    Attributes
    ----------
    earlier, later : str or None
        The reports of the neighbouring partitions.
    card : str or None
        The champion's model card.
    """

    earlier: str | None = None
    later: str | None = None
    card: str | None = None


def write_page(report: Report, links: Links | None = None) -> str:
    """Return a report as an HTML page that needs no other file; the same report gives the same bytes.

    Parameters
    ----------
    report : Report
    links : Links, optional

    Returns
    -------
    str
    """
    title, leads = f"{report.workflow.workflow} {report.partition}", links or Links()
    return make_page(
        f"{title}: {report.verdict.verdict}",
        *_write_ways(leads),
        element("h1", title),
        *_write_lead(report),
        _write_tiles(report),
        _write_statements(report),
        _write_timeline(report),
        write_columns(report),
        write_predictions(report),
        _write_champion(report, leads),
        element("p", element("small", FOOT)),
    )


def _write_ways(links: Links) -> list[Html]:
    ways = (("← earlier", links.earlier), ("later →", links.later))
    written = [element("a", text, href=way) for text, way in ways if way]
    return [element("nav", *written)] if written else []


def _write_lead(report: Report) -> list[Html]:
    zone, verdict = ZoneInfo(report.workflow.partition.timezone), report.verdict
    start, end = (format_moment(at, zone) for at in (report.interval.start, report.interval.end))
    lead = [_tell(verdict.verdict), element("span", "; ".join(verdict.reasons))]
    if report.gate is not None:
        lead.append(element("span", "the training that it asked for: ", _tell(report.gate.verdict)))
    return [
        element("p", report.workflow.description, class_="soft"),
        element("p", f"{start} to {end} ({zone.key}), judged by what was known at its end", class_="soft"),
        element("p", *lead, class_="lead"),
    ]


def _write_tiles(report: Report) -> Html:
    last = report.timeline.scored[-1]
    drifting = sum(one.state == DRIFTED for one in report.columns)
    judged = sum(one.effect is not None for one in report.columns)
    trained = f"trained on {format_span(report.reference)}" if report.champion else ""
    expected = f"{format_number(last.expected)} at the gate" if last.expected is not None else ""
    return element(
        "div",
        tile("model in charge", f"v{last.champion}" if last.champion else "none", trained),
        tile(report.timeline.metric, format_number(last.score) or "not known", expected),
        tile("rows whose label became known", f"{last.rows:,}"),
        tile("columns that drift", f"{drifting} of {judged}" if report.champion else "not judged"),
        class_="tiles",
    )


def _write_statements(report: Report) -> Html:
    rows = [(one.subject, badge(one.word, one.tone), one.text) for one in report.statements]
    return section("What was found", table(("watched", "found", ""), rows))


def _write_timeline(report: Report) -> Html:
    timeline = report.timeline
    shown = f"The last {len(timeline.partitions)} partitions; {timeline.earlier:,} came before."
    return section(
        "Performance over time",
        *([element("p", shown, class_="soft")] if timeline.earlier else []),
        _draw(timeline),
        *_write_events(report),
        element("details", element("summary", "all figures"), _write_scores(report)),
    )


def _draw(timeline: Timeline) -> Html:
    if not timeline.events and all(
        one.score is None and one.expected is None and one.estimated is None for one in timeline.scored
    ):
        return element("p", "No partition has a score whose label is known yet.", class_="soft")
    return element("div", draw_timeline(timeline), class_="wide")


def _write_events(report: Report) -> list[Html]:
    told = [(one.partition, one.kind, one.text) for one in report.timeline.events]
    if not told:
        return [element("p", "Nothing has happened yet.", class_="soft")]
    head = ("partition", "event", "")
    older = [
        element(
            "details", element("summary", f"{len(told) - MOST_EVENTS} older ones"), table(head, told[:-MOST_EVENTS])
        )
    ]
    return [table(head, told[-MOST_EVENTS:]), *(older if len(told) > MOST_EVENTS else [])]


def _write_scores(report: Report) -> Html:
    timeline = report.timeline
    rows = [
        (
            key,
            f"v{one.champion}" if one.champion else "none",
            format_number(one.score),
            format_interval(one.score_low, one.score_high),
            format_number(one.estimated),
            format_interval(one.low, one.high),
            format_number(one.expected),
            f"{one.rows:,}",
        )
        for key, one in zip(timeline.partitions, timeline.scored, strict=True)
    ]
    head = (
        "partition",
        "champion",
        timeline.metric,
        "95 % interval",
        "estimated",
        "95 % interval",
        "at the gate",
        "rows judged",
    )
    return table(head, rows, numbers=(2, 3, 4, 5, 6, 7))


def _write_champion(report: Report, links: Links) -> Html:
    entry, name = report.champion, report.workflow.workflow
    if entry is None:
        return section("Model in charge", element("p", "None was in charge when the partition began.", class_="soft"))
    since = format_moment(entry.as_of, ZoneInfo(report.workflow.partition.timezone))
    card: str = f"model_card.html among the artifacts of {name}, version {entry.version}, in MLflow"
    if links.card:
        card = element("a", f"model card of version {entry.version}", href=links.card)
    rows = [
        ("model", f"{name}, version {entry.version}"),
        ("in charge from", f"{since}: {entry.action} by {entry.who}, {entry.reason}"),
        ("trained on", f"{format_span(report.reference)}; snapshot {entry.snapshot}"),
        ("model card", card),
    ]
    return section("Model in charge", table(("", ""), rows))


def _tell(verdict: str) -> Html:
    return badge(verdict, TONES.get(verdict, ""))
