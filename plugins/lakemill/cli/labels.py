"""The commands under ``lakemill labels``: what was found of the labels, the queue out, people's answers in.

Light at the top, as ``main`` is. Stays out: the finding, and what answers become (``lakemill.labels``).
"""

import csv
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console

from lakemill.config import Workflow, find_workflow, load_settings
from lakemill.exceptions import ConfigError, LakeError

if TYPE_CHECKING:
    from rich.table import Table

    from lakemill.labels.answers import Answer
    from lakemill.lake import Lake
    from lakemill.lake.verdicts import Verdict

app = typer.Typer(no_args_is_help=True, help="Look at labels that may be wrong, and put them right.")

Name = Annotated[str, typer.Argument(help="Name of a workflow.")]
ABOUT = ("given", "suggested", "probability", "suspicion", "is_flagged", "reason")
ANSWER, COMMENT = "answer", "comment"


@app.command()
def show(workflow: Name) -> None:
    """Show what each training's audit found of its labels, and how annotators agree."""
    from lakemill.lake.label_corrections import read_corrections
    from lakemill.lake.label_reviews import read_queue
    from lakemill.lake.verdicts import read_verdicts

    declared, lake = _open(workflow)
    verdicts = read_verdicts(lake, "labels")
    if not verdicts:
        raise LakeError("no labels were audited yet", where=workflow, remedy=f"run a training: lakemill run {workflow}")
    console = _console()
    console.print(_show_audits(declared, verdicts))
    for key, verdict in verdicts.items():
        console.print(f"{key}  {verdict.verdict}: {verdict.reasons[0]}", style="dim", markup=False)
    latest = list(verdicts.values())[-1].evidence.get("agreement")
    if latest:
        console.print(_show_agreement(latest))
    _, queue = read_queue(lake)
    console.print(f"{len(queue):,} label(s) wait for an answer; {len(read_corrections(lake)):,} row(s) were answered")


@app.command()
def review(
    workflow: Name,
    output: Annotated[Path | None, typer.Option(help="CSV file to write; on the screen if left out.")] = None,
    most: Annotated[int | None, typer.Option(min=1, help="How many, the most suspicious first.")] = None,
) -> None:
    """Write the queue of suspicious labels, to be answered in its column ``answer``.

    An answer is the right label, ``unsure`` or ``drop``; an empty one says nothing.
    """
    from lakemill.lake.label_reviews import read_queue

    declared, lake = _open(workflow)
    partition, queue = read_queue(lake)
    if not queue:
        _console().print("nothing to review" if partition else "nothing to review: no training has found anything yet")
        return
    key = declared.table.key
    heads = ["rank", "partition", *key, "event_time", *ABOUT, ANSWER, COMMENT]
    rows = [
        [
            one.rank,
            one.row_partition,
            *one.key_values,
            one.event_time.isoformat(),
            *(getattr(one, name) for name in ABOUT),
        ]
        for one in queue[:most]
    ]
    if output is None:
        writer = csv.writer(sys.stdout)
        writer.writerows([heads, *([*row, "", ""] for row in rows)])
        return
    with output.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file).writerows([heads, *([*row, "", ""] for row in rows)])
    _console().print(
        f"{len(rows):,} labels in {output}: write the right label, 'unsure' or 'drop' into its column 'answer', then\n"
        f"lakemill labels correct {workflow} {output} --by YOUR_NAME",
        soft_wrap=True,  # a command to be copied
    )


@app.command()
def correct(
    workflow: Name,
    file: Annotated[Path, typer.Argument(help="CSV file as written by review, with answers.")],
    by: Annotated[str, typer.Option(help="Who answered.")],
    known_at: Annotated[
        str | None,
        typer.Option(help="From when on trainings see the answers, in UTC unless it says otherwise; now by default."),
    ] = None,
) -> None:
    """Take answers in: trainings as of a later moment see them, those as of an earlier one do not."""
    from lakemill.labels.answers import make_corrections
    from lakemill.lake.label_corrections import record_corrections

    declared, lake = _open(workflow)
    moment = _read_moment(known_at)
    answers, unanswered = _read_answers(declared, file)
    made = make_corrections(declared, lake, answers, who=by, known_at=moment)
    added = record_corrections(lake, made)
    _console().print(
        f"{added:,} answer(s) taken, known from {moment.isoformat(timespec='seconds')} on; "
        f"{len(answers) - added:,} had been given before, {unanswered:,} row(s) have none"
    )


def _read_answers(workflow: Workflow, file: Path) -> "tuple[list[Answer], int]":
    from lakemill.labels.answers import Answer

    try:
        with file.open(newline="", encoding="utf-8-sig") as stream:
            text = stream.read()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"cannot be read ({error})", where=str(file), remedy="give a CSV file in UTF-8") from None
    head = text.split("\n", 1)[0]
    reader = csv.DictReader(text.splitlines(), delimiter=";" if head.count(";") > head.count(",") else ",")
    key = workflow.table.key
    lacking = [name for name in ("partition", *key, "given", ANSWER) if name not in (reader.fieldnames or ())]
    if lacking:
        raise ConfigError(
            f"no column {lacking[0]!r}",
            where=str(file),
            remedy=f"start from lakemill labels review {workflow.workflow}",
        )
    answers, unanswered = [], 0
    for row in reader:
        said = (row[ANSWER] or "").strip()
        if not said:
            unanswered += 1
            continue
        name = json.dumps([row[column] or None for column in key], ensure_ascii=False)
        where = f"{file} line {reader.line_num}"
        reason = (row.get(COMMENT) or "").strip()
        answers.append(Answer(where, row["partition"], name, row["given"], said, reason))
    return answers, unanswered


def _show_audits(workflow: Workflow, verdicts: "dict[str, Verdict]") -> "Table":
    from rich.box import HORIZONTALS
    from rich.table import Table

    table = Table(title=f"{workflow.workflow}: labels", title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    table.add_column("as of", no_wrap=True)
    for head in ("rows", "noise", "interval", f"ceiling of {workflow.train.metric}", "flagged", "in conflict"):
        table.add_column(head, justify="right", no_wrap=True)
    for key, verdict in verdicts.items():
        found = verdict.evidence
        if "rows" not in found:
            table.add_row(key, "", verdict.verdict)
            continue
        is_clear = verdict.verdict == "estimated"
        table.add_row(
            key,
            f"{found['rows']:,}",
            f"{found['noise_rate']:.1%}" if is_clear else verdict.verdict,
            f"{found['noise_low']:.1%} to {found['noise_high']:.1%}",
            _figure(found["ceiling"]),
            f"{found['flagged']:,}",
            f"{found['conflicts']['rows']:,}",
        )
    return table


def _show_agreement(agreement: dict[str, Any]) -> "Table":
    from rich.box import HORIZONTALS
    from rich.table import Table

    title = f"annotators: Krippendorff's alpha {_figure(agreement['alpha'])}"
    table = Table(title=title, title_justify="left", box=HORIZONTALS, padding=(0, 1, 0, 0))
    table.add_column("annotator", no_wrap=True)
    for head in ("labels", "quality"):
        table.add_column(head, justify="right", no_wrap=True)
    for name, quality in sorted(agreement["quality"].items()):
        table.add_row(name, f"{agreement['labelled'][name]:,}", _figure(quality))
    return table


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.4f}"


def _open(workflow: str) -> "tuple[Workflow, Lake]":
    from lakemill.lake import Lake

    settings = load_settings()
    return find_workflow(workflow, settings), Lake(settings.lake, workflow)


def _read_moment(text: str | None) -> datetime:
    if text is None:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise ConfigError(
            f"no moment: {text!r}", where="--known-at", remedy='give one like "2026-11-24 10:00"'
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _console() -> Console:
    return Console(width=None if sys.stdout.isatty() else 120, highlight=False)
