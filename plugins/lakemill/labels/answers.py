"""People's answers made into corrections: checked against the rows that they speak of, all or none.

Stays out: how they were asked (a CSV file, a form).
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.exceptions import LakemillError, suggest
from lakemill.lake import Lake, late_labels
from lakemill.lake.label_corrections import Correction, can_be_read, read_corrections
from lakemill.lake.row_names import as_texts, name_rows
from lakemill.lake.storage import PARTITION
from lakemill.preprocessing.late_labels import label_rows

UNSURE, DROP = "unsure", "drop"
MOST_PROBLEMS = 5  # told at once


class AnswerError(LakemillError):
    """Answers that cannot be taken."""


@dataclass(frozen=True)
class Answer:
    """What somebody said of one row.

    Attributes
    ----------
    where : str
        The line or field that it stands in, for errors.
    partition, key : str
        The row, the key as by `name_rows`.
    given : str
        The label that was asked about.
    text : str
        The right label, ``unsure`` or ``drop``.
    reason : str
    """

    where: str
    partition: str
    key: str
    given: str
    text: str
    reason: str = ""


def make_corrections(
    workflow: Workflow, lake: Lake, answers: Iterable[Answer], *, who: str, known_at: datetime
) -> list[Correction]:
    """Check answers and make corrections of them.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    answers : iterable of Answer
    who : str
    known_at : datetime
        The moment from which on trainings see them.

    Returns
    -------
    list of Correction
        Without those that say what the last answer about the row said.

    Raises
    ------
    AnswerError
        If a row is not there, its label is another one by now, or an answer is no label. Then none is taken.
    """
    asked = list(answers)
    held = {(one.partition, one.key): one for one in read_corrections(lake, as_of=known_at)}
    labels, kind = _read_labels(workflow, lake, sorted({one.partition for one in asked}), as_of=known_at)
    classes = list_classes(workflow, lake) if workflow.table.label.problem == "classification" else []
    problems, made = [], []
    for one in asked:
        row = (one.partition, one.key)
        before = held.get(row)
        fault = _find_fault(one, labels.get(row), before, classes, kind)
        if fault is not None:
            problems.append(f"{one.where}: {fault}")
            continue
        given = labels[row]
        assert given is not None  # noqa: S101  # else it is a fault
        action, label = (one.text, None) if one.text in (UNSURE, DROP) else ("label", one.text)
        if before is not None and (before.given, before.action, before.label) == (given, action, label):
            continue
        made.append(Correction(one.partition, one.key, given, action, label, who, one.reason, known_at))
    if problems:
        more = f"\nand {len(problems) - MOST_PROBLEMS} more" if len(problems) > MOST_PROBLEMS else ""
        raise AnswerError("\n".join(problems[:MOST_PROBLEMS]) + more, remedy="mend them: none of the answers was taken")
    return made


def list_classes(workflow: Workflow, lake: Lake) -> list[str]:
    """Return the classes of all published labels, in order; nothing where none is published."""
    table, column = "clean", workflow.table.label.column
    if workflow.table.label.source is not None:
        table, column = late_labels.TABLE, "label"
    rows = lake.read(table, columns=[column])
    return [] if rows is None else sorted(pc.unique(as_texts(rows.column(column))).drop_null().to_pylist())


def _read_labels(
    workflow: Workflow, lake: Lake, partitions: list[str], *, as_of: datetime
) -> tuple[dict[tuple[str, str], str | None], pa.DataType]:
    table = workflow.table
    own = () if table.label.source is not None else (table.label.column,)
    rows = lake.read("clean", partitions, columns=[*dict.fromkeys((*table.key, *own)), PARTITION])
    if rows is None:
        return {}, pa.string()
    rows = label_rows(workflow, lake, rows, as_of=as_of)
    given = as_texts(rows.column(table.label.column)).to_pylist()
    found = zip(rows.column(PARTITION).to_pylist(), name_rows(rows, table.key), given, strict=True)
    return {(partition, key): text for partition, key, text in found}, rows.schema.field(table.label.column).type


def _find_fault(
    one: Answer, label: str | None, before: Correction | None, classes: list[str], kind: pa.DataType
) -> str | None:
    if label is None:
        return f"no row with a label has the key {one.key} in partition {one.partition}"
    if one.given not in (label, before.label if before else label) and not _are_equal(one.given, label, kind):
        return f"the label was {one.given!r} when it was asked about, and is {label!r} now"
    if one.text in (UNSURE, DROP):
        return None
    if classes and one.text not in classes:
        return f"{one.text!r} is none of the classes: {suggest(one.text, [*classes, UNSURE, DROP])}"
    return None if can_be_read(one.text, kind) else f"{one.text!r} is no {kind}, nor {UNSURE} or {DROP}"


def _are_equal(text: str, other: str, kind: pa.DataType) -> bool:
    """Tell whether two texts are one value: a spreadsheet may write a number in another way."""
    if not (pa.types.is_floating(kind) and can_be_read(text, kind)):
        return False
    return float(text) == float(other)
