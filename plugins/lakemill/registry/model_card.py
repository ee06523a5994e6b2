"""A model card: what a version is for, what it was made of, how good it is and where it is not, for people.

Pure functions of what is known about a version; one content, as Markdown and as HTML. Stays out: keeping it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from lakemill.config import Workflow
from lakemill.config.training import SWITCH
from lakemill.evaluation.standard_errors import make_interval
from lakemill.pages.markup import badge, element, make_page, table, tile
from lakemill.pages.markup import section as make_section
from lakemill.training.feature_switches import find_left_out
from lakemill.training.found_features import close_features

Row = tuple[str, ...]
GATE = "Gate"
GROUPS = "Groups of features"
# columns to the right, by section
NUMBERS = {"Scores on test rows": (1, 2, 3), "Slices": (1, 2, 3, 4), GROUPS: (3, 4, 5)}
PARTS = ("train", "validation", "test")


@dataclass(frozen=True)
class Section:
    """A part of the card.

    Attributes
    ----------
    title : str
    head : tuple of str
        Headings of the columns.
    rows : sequence of tuple of str
    """

    title: str
    head: Row
    rows: Sequence[Row]


@dataclass(frozen=True)
class Figure:
    """A figure that the card begins with.

    Attributes
    ----------
    name, value : str
    note : str
        What it is to be compared with.
    """

    name: str
    value: str
    note: str = ""


@dataclass(frozen=True)
class Card:
    """The content of a card.

    Attributes
    ----------
    title : str
    question : str
        That the model answers.
    verdict : str
        The gate's.
    partition : str
        At whose end it was trained and judged.
    figures : tuple of Figure
    sections : tuple of Section
    """

    title: str
    question: str
    verdict: str
    partition: str
    figures: tuple[Figure, ...]
    sections: tuple[Section, ...]


def make_card(
    workflow: Workflow,
    version: str,
    *,
    tags: dict[str, str],
    details: dict[str, Any],
    parameters: dict[str, str],
    figures: dict[str, float],
    evaluated: dict[str, Any],
    partition: str = "",
) -> Card:
    """Bring together what is known about a version.

    Parameters
    ----------
    workflow : Workflow
    version : str
    tags, details : dict
        Of the version, as the registry keeps them.
    parameters : dict of str to str
        What was fitted.
    figures : dict of str to float
        What was measured of it.
    evaluated : dict
        What `evaluate` returned.
    partition : str
        At whose end it was judged.

    Returns
    -------
    Card
    """
    sections = (
        Section("Question", ("", ""), _tell_question(workflow, version, tags)),
        Section("Data", ("", ""), _tell_data(workflow, tags, details, figures, evaluated)),
        Section("Features", ("column", ""), _tell_features(workflow, details, evaluated)),
        *_tell_groups(details),
        Section("Model", ("", ""), _tell_model(tags, parameters, details)),
        Section("Scores on test rows", ("metric", "this model", "95 % interval", "champion"), _tell_scores(evaluated)),
        Section("Slices", ("slice", "rows", "score", "held against", "gain"), _tell_slices(evaluated)),
        Section(GATE, ("rule", "met", "found"), _tell_gate(evaluated)),
        Section("Labels", ("", ""), _tell_labels(evaluated)),
        Section("Cost", ("", ""), _tell_cost(figures)),
        Section("Limits", ("",), _tell_limits(workflow, evaluated)),
    )
    title, verdict = f"{workflow.workflow}, version {version}", str(evaluated["verdict"])
    return Card(title, workflow.description, verdict, partition, _tell_first(tags, figures, evaluated), sections)


def write_markdown(card: Card) -> str:
    """Return a card as Markdown."""
    lines = [f"# {_escape(card.title)}", "", _escape(card.question), "", f"**Gate: {card.verdict}**", ""]
    lines += [f"- {one.name}: **{one.value}**{f' ({one.note})' if one.note else ''}" for one in card.figures]
    for one in card.sections:
        lines += ["", f"## {one.title}", "", _markdown_row(one.head), _markdown_row(tuple("---" for _ in one.head))]
        lines += [_markdown_row(row) for row in one.rows]
    return "\n".join(lines) + "\n"


def write_html(card: Card, *, report: str | None = None) -> str:
    """Return a card as one HTML page that needs nothing else.

    Parameters
    ----------
    card : Card
    report : str, optional
        The address of the report of the partition at whose end it was judged.

    Returns
    -------
    str
    """
    way = [element("nav", element("a", f"← report of {card.partition}", href=report))] if report else []
    verdict = badge(f"gate {card.verdict}", "good" if card.verdict == "pass" else "bad")
    return make_page(
        card.title,
        *way,
        element("h1", card.title),
        element("p", card.question, class_="soft"),
        element("p", verdict, class_="lead"),
        element("div", *(tile(one.name, one.value, one.note) for one in card.figures), class_="tiles"),
        *(
            make_section(one.title, table(one.head, _mark(one), numbers=NUMBERS.get(one.title, ())))
            for one in card.sections
        ),
    )


def _mark(part: Section) -> Sequence[Row]:
    """Return a section's rows, with what a rule of the gate came to in its colour."""
    tones = {"yes": "good", "no": "bad"}
    if part.title != GATE:
        return part.rows
    return [(rule, badge(met, tones.get(met, "")), *rest) for rule, met, *rest in part.rows]


def _tell_first(
    tags: Mapping[str, str], figures: Mapping[str, float], evaluated: Mapping[str, Any]
) -> tuple[Figure, ...]:
    """Return the figures that one asks for first."""
    metric, score = str(evaluated["metric"]), evaluated["score"]
    told = [Figure(metric, _number(score) or "undefined", "on test rows")]
    champion = evaluated.get("champion_score")
    told.append(Figure("naive model", _number(evaluated["naive"]) or "undefined"))
    told.append(Figure("champion before", _number(champion) or "none"))
    if "rows_train" in figures:
        told.append(Figure("training rows", f"{int(figures['rows_train']):,}"))
    if "fit_cpu_seconds" in figures:
        told.append(Figure("fit", f"{figures['fit_cpu_seconds']:,.1f} s", "CPU"))
    if "as_of" in tags:
        told.append(Figure("knows nothing after", tags["as_of"][:10]))
    return tuple(told)


def _tell_question(workflow: Workflow, version: str, tags: dict[str, str]) -> list[Row]:
    label = workflow.table.label
    return [
        ("question", workflow.description),
        ("predicted", f"{label.column} ({label.problem})"),
        ("one row is", f"a {', '.join(workflow.table.key)} at {workflow.table.event_time}"),
        ("version", f"{version} of {workflow.workflow}"),
        ("knows nothing later than", tags.get("as_of", "")),
    ]


def _tell_data(
    workflow: Workflow,
    tags: dict[str, str],
    details: dict[str, Any],
    figures: dict[str, float],
    evaluated: dict[str, Any],
) -> list[Row]:
    snapshot = details.get("snapshot") or {}
    keys = snapshot.get("partitions") or []
    split = workflow.dataset.model_dump(mode="json", exclude_none=True)
    rows = ", ".join(f"{int(figures[f'rows_{part}']):,} {part}" for part in PARTS if f"rows_{part}" in figures)
    sampled = evaluated.get("sampled")
    told: list[Row] = [
        ("snapshot", tags.get("snapshot", "")),
        ("partitions", f"{len(keys)}: {keys[0]} to {keys[-1]}" if keys else ""),
        ("sources", ", ".join(f"{name} ({one.kind})" for name, one in workflow.collect.items())),
        ("split", ", ".join(f"{name} {_say(value)}" for name, value in split.items())),
        ("rows", rows),
        ("labels put right by people", f"{len(snapshot.get('corrections', [])):,}"),
        ("drift is told from", "the profiles of these partitions"),
    ]
    if sampled:
        told.append(("sampled", str(sampled["text"])))
    return told


def _tell_features(workflow: Workflow, details: dict[str, Any], evaluated: dict[str, Any]) -> list[Row]:
    kinds = (details.get("features") or {}).get("kinds") or {
        kind: getattr(workflow.features, kind) for kind in ("numeric", "categorical", "dates", "text")
    }
    told: list[Row] = [(name, kind) for kind, names in kinds.items() for name in names]
    told += [(name, "numeric, looks back on earlier rows") for name in workflow.features.made]
    features = close_features(workflow.features, kinds) if workflow.features.are_open else workflow.features
    gone = find_left_out(features, (details.get("fit") or {}).get("parameters") or {})
    told = [(name, f"{said}, left out by tuning" if name in gone else said) for name, said in told]
    told += [(name, f"left out: {why}") for name, why in (evaluated.get("left_out") or {}).items()]
    return told


def _tell_groups(details: dict[str, Any]) -> tuple[Section, ...]:
    """Return what groups of features are worth to the candidate that was fitted; nothing where there are none."""
    fitted = details.get("fit") or {}
    chosen, parameters = fitted.get("candidate"), fitted.get("parameters") or {}
    tuned: dict[str, Any] = next((one for one in details.get("tuned") or () if one["candidate"] == chosen), {})
    rows = [
        (
            str(one["group"]),
            ", ".join(one["columns"]),
            "yes" if parameters.get(f"{SWITCH}{one['group']}", True) else "no",
            _number(one["gain"]),
            _interval(one["low"], one["high"]),
            f"{one['seconds'] - one['seconds_without']:+,.2f}",
        )
        for one in tuned.get("groups") or ()
    ]
    head = ("group", "features", "in the model", "gain by it", "95 % interval", "CPU s of a trial's fit")
    return (Section(GROUPS, head, rows),) if rows else ()


def _tell_model(tags: dict[str, str], parameters: dict[str, str], details: dict[str, Any]) -> list[Row]:
    told: list[Row] = [(name, str(value)) for name, value in parameters.items()]
    told.append(("chosen because", str((details.get("fit") or {}).get("note") or "")))
    named = {"sklearn_version": "scikit-learn", "package": "code", "commit": "commit", "training": "workflow file"}
    named |= {"learnt_sha256": "digest of what it learnt", "model_sha256": "SHA-256 of its file"}
    told += [(text, tags[name]) for name, text in named.items() if name in tags]
    return told


def _tell_scores(evaluated: dict[str, Any]) -> list[Row]:
    if evaluated.get("figures"):
        return [
            (
                str(one["metric"]),
                _number(one["score"]),
                _interval(one["low"], one["high"]),
                _number((one.get("champion") or {}).get("gain")),
            )
            for one in evaluated["figures"]
        ]
    score, error = evaluated["score"], evaluated.get("standard_error")
    interval = ""
    if score is not None and error is not None:
        interval = _interval(*make_interval(score, error))
    return [(evaluated["metric"], _number(score), interval, _number(evaluated.get("champion_score")))]


def _tell_slices(evaluated: dict[str, Any]) -> list[Row]:
    found = evaluated.get("slices") or {}
    return [
        (str(one["cut"]), f"{one['rows']:,}", _number(one["score"]), _number(one["other"]), _number(one["gain"]))
        for one in found.get("slices") or ()
    ] or [("none was looked at", "", "", "", "")]


def _tell_gate(evaluated: dict[str, Any]) -> list[Row]:
    met = {True: "yes", False: "no"}
    told: list[Row] = [("verdict", met[evaluated["verdict"] == "pass"], str(evaluated["verdict"]))]
    return told + [(one["rule"], met[bool(one["is_met"])], one["text"]) for one in evaluated["findings"]]


def _tell_labels(evaluated: dict[str, Any]) -> list[Row]:
    noise = evaluated.get("label_noise")
    if not noise:
        return [("label noise", "not estimated")]
    return [(name.replace("_", " "), _say(value)) for name, value in noise.items()]


def _tell_cost(figures: dict[str, float]) -> list[Row]:
    named = {"fit_cpu_seconds": "CPU seconds of the fit", "fit_seconds": "seconds of the fit"}
    told: list[Row] = [(text, f"{figures[name]:,.2f}") for name, text in named.items() if name in figures]
    tuning = sum(value for name, value in figures.items() if name.startswith("tuning_seconds_"))
    peak = figures.get("fit_peak_bytes")
    told.append(("seconds of all trials", f"{tuning:,.2f}"))
    if peak:
        told.append(("memory of the fit", f"{peak / 2**20:,.0f} MiB"))
    return told


def _tell_limits(workflow: Workflow, evaluated: dict[str, Any]) -> list[Row]:
    told = ["It was judged on rows of this snapshot alone; later ones may differ, which monitoring watches for."]
    if workflow.features.made:
        told.append("Its windows look back on earlier rows: whoever serves it elsewhere must bring these numbers.")
    if workflow.features.text:
        told.append("Drift of texts and dates is not watched.")
    told += [f"The gate notes: {one['text']}" for one in evaluated["findings"] if _is_noted(one)]
    told += [f"Refused: {one['rule']}: {one['text']}" for one in evaluated["findings"] if not one["is_met"]]
    return [(one,) for one in told]


def _is_noted(finding: dict[str, Any]) -> bool:
    return bool(finding["is_met"]) and str(finding["text"]).startswith(("note", "warning"))


def _say(value: Any) -> str:
    if value is None:
        return "not known"
    return f"{value:,.4f}" if isinstance(value, float) else f"{value:,}" if type(value) is int else str(value)


def _number(value: Any) -> str:
    return f"{value:,.4f}" if isinstance(value, (int, float)) and not isinstance(value, bool) else ""


def _interval(low: float | None, high: float | None) -> str:
    return "" if low is None or high is None else f"{low:,.4f} to {high:,.4f}"


def _markdown_row(cells: Row) -> str:
    return "| " + " | ".join(_escape(cell) for cell in cells) + " |"


def _escape(text: str) -> str:
    return text.replace("|", "\\|").replace("<", "&lt;").replace("\n", " ")
