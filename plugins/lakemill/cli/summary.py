"""The table of a workflow's partitions, from the verdicts in the lake.

Stays out: Airflow. It shows what the lake holds, whoever brought it there.
"""

from dataclasses import dataclass
from typing import Any

from rich.box import HORIZONTALS
from rich.console import Group
from rich.table import Table
from rich.text import Text

from lakemill.config import Workflow
from lakemill.config.sources import MqttSource
from lakemill.lake import Lake
from lakemill.lake.deliveries import read_deliveries
from lakemill.lake.landing import count_landed, landed_files, landed_partitions
from lakemill.lake.verdicts import Verdict, read_all_verdicts

COLOURS = {
    "roll back": "red",
    "retrain": "yellow",
    "alert": "red",
    "note": "cyan",
    "blocked": "red",
    "fail": "red",
    "pass": "green",
}
TOLD = ("floor", "better than naive", "against champion", "leakage")  # of the gate's rules, where all are met
REMARKS = ("note", "warning")
ACTS = ("alert", "retrain", "roll back")  # findings that ask for these need words; the others are in ``verdicts``


@dataclass(frozen=True)
class Verdicts:
    """The verdicts of a workflow by kind, each by partition."""

    ingestion: dict[str, Verdict]
    monitoring: dict[str, Verdict]
    gate: dict[str, Verdict]

    @classmethod
    def read(cls, lake: Lake) -> "Verdicts":
        """Read them from the lake."""
        verdicts = read_all_verdicts(lake)
        return cls(verdicts["ingestion"], verdicts["monitoring"], verdicts["gate"])

    @property
    def blocked(self) -> dict[str, tuple[str, ...]]:
        """Blocked partitions with their reasons."""
        return {key: one.reasons for key, one in self.ingestion.items() if one.verdict == "blocked"}

    def is_done(self, key: str) -> bool:
        """Tell whether a partition is through all DAGs."""
        if key in self.ingestion and self.ingestion[key].verdict == "blocked":
            return True
        return key in self.monitoring and (self.monitoring[key].verdict != "retrain" or key in self.gate)


def show_partitions(workflow: Workflow, lake: Lake) -> Group:
    """Return what to print of a workflow's partitions.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake

    Returns
    -------
    rich.console.Group
        A table, whose ``quarantined`` are rows of the workflow's table, and below it what the sources' suites refused,
        what was refused as it was delivered, and what has landed and is not ingested.
    """
    verdicts = Verdicts.read(lake)
    names = ("rows", "clean", "quarantined", "duplicates")
    published = [one.evidence for one in verdicts.ingestion.values() if one.verdict != "blocked"]
    totals = [f"{sum(evidence[name] for evidence in published):,}" for name in names]
    title = f"{workflow.workflow}: {workflow.description}"
    table = Table(title=title, title_justify="left", show_footer=True, box=HORIZONTALS, padding=(0, 1, 0, 0))
    for heading, total in zip(("rows in", "clean", "quarantined", "duplicates"), totals, strict=True):
        if heading == "rows in":
            table.add_column("partition", footer="sum", no_wrap=True)
        table.add_column(heading, justify="right", footer=total, no_wrap=True)
    for heading in ("champion", workflow.train.metric, "drifted"):
        table.add_column(heading, justify="right", no_wrap=True)
    for heading in ("verdict", "gate"):
        table.add_column(heading, no_wrap=True)
    for key in sorted({*verdicts.ingestion, *verdicts.monitoring, *verdicts.gate}):
        table.add_row(key, *_row(verdicts, key, names))
    return Group(table, *_notes(verdicts), *_note_refused(workflow, lake), *_note_landed(workflow, lake))


def _note_refused(workflow: Workflow, lake: Lake) -> list[Text]:
    """Return a line for each delivery of which something was refused before it was rows of a table."""
    lines = []
    for name in workflow.collect:
        parts = {key: part for record in read_deliveries(lake, name).values() for key, part in record.parts.items()}
        for key, part in sorted(parts.items()):
            counts = [(part.refused - part.files, "row(s)"), (part.files, "file(s)")]
            if told := " and ".join(f"{count:,} {what}" for count, what in counts if count):
                lines.append(Text(f"{key}  quarantine: {told} of {name} as delivered", style="dim"))
    return lines


def _note_landed(workflow: Workflow, lake: Lake) -> list[Text]:
    """Return a line for each source with readings that no run of ingestion has taken yet."""
    lines = []
    for name in (name for name, source in workflow.collect.items() if isinstance(source, MqttSource)):
        keys = landed_partitions(lake, name)
        count = sum(count_landed(lake, path) for key in keys for path in landed_files(lake, name, key))
        if count:
            named = keys[0] if len(keys) == 1 else f"{keys[0]} to {keys[-1]}"
            lines.append(
                Text(f"{name}: {count:,} readings of {named} have landed and are not ingested", style="yellow")
            )
    return lines


def _row(verdicts: Verdicts, key: str, names: tuple[str, ...]) -> list[Any]:
    ingested, judged, gated = verdicts.ingestion.get(key), verdicts.monitoring.get(key), verdicts.gate.get(key)
    cells: list[Any] = []
    if ingested is None or ingested.verdict == "blocked":
        cells += [_coloured(ingested.verdict if ingested else ""), "", "", ""]
    else:
        cells += [f"{ingested.evidence[name]:,}" for name in names]
    if judged is None:
        cells += ["", "", "", ""]
    else:
        found = judged.evidence
        cells.append(f"v{found['champion']}" if found["champion"] else "none")
        cells.append(f"{found['score']:.4f}" if found["score"] is not None else "")
        cells.append(f"{len(found['drifted'])}/{found['columns']}" if found["columns"] else "")
        cells.append(_coloured(judged.verdict))
    cells.append(_gate(gated))
    return cells


def _gate(gated: Verdict | None) -> Text:
    if gated is None:
        return Text("")
    found = gated.evidence
    if found.get("version") is None:  # there was nothing to judge
        return _coloured(gated.verdict)
    score = f"{found['score']:.4f}" if found.get("score") is not None else "undefined"
    return Text.assemble(_coloured(gated.verdict), f" v{found['version']} {score}")


def _coloured(word: str) -> Text:
    return Text(word, style=COLOURS.get(word, ""))


def _notes(verdicts: Verdicts) -> list[Text]:
    """Return a line for each thing that needs words: refused rows of sources, what was found, what the gate said."""
    lines = []
    for key in sorted({*verdicts.ingestion, *verdicts.monitoring, *verdicts.gate}):
        ingested, judged, gated = verdicts.ingestion.get(key), verdicts.monitoring.get(key), verdicts.gate.get(key)
        if ingested is not None:
            refused = ingested.evidence.get("refused", {})
            lines += [f"{key}  quarantine: {count} row(s) of {name}" for name, count in refused.items() if count]
            lines += [f"{key}  {ingested.verdict}: {reason}" for reason in ingested.reasons]
        if judged is not None and judged.verdict != "nothing":
            drifted = judged.evidence["drifted"]
            columns = f"; drifted: {', '.join(drifted)}" if drifted else ""
            lines.append(f"{key}  {judged.verdict}: {judged.reasons[0]}{columns}")
            found = [one for one in judged.evidence.get("findings", ()) if one["holds"] and one["follows"] in ACTS]
            lines += [f"{key}  {one['finding'].replace('_', ' ')}: {one['text']}" for one in found]
        if gated is not None:
            findings = gated.evidence.get("findings") or ()
            told = [one["text"] for one in findings if not one["is_met"]]
            if gated.verdict == "pass":  # the rest stands in the verdict and on the model's card
                told = [one["text"] for one in findings if one["rule"] in TOLD or one["text"].startswith(REMARKS)]
            lines.append(f"{key}  gate {gated.verdict}: {'; '.join(told or gated.reasons)}")
    return [Text(line, style="dim") for line in lines]
