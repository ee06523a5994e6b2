"""The table ``label_corrections``: people's answers about labels, append-only, each with the moment it became known.

Who acts as of a moment sees the answers that were known by then: a training of the past is not changed by an answer of
today. Stays out: which labels to ask about (``label_reviews.py``).
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.lake.row_names import as_texts, name_rows
from lakemill.lake.storage import PARTITION, Lake

TABLE = "label_corrections"
ACTIONS = ("label", "unsure", "drop")
SCHEMA = pa.schema(
    [
        ("answer", pa.string()),
        ("key", pa.string()),
        ("given", pa.string()),
        ("action", pa.string()),
        ("label", pa.string()),
        ("who", pa.string()),
        ("reason", pa.string()),
        ("known_at", pa.timestamp("us", "UTC")),
    ]
)


@dataclass(frozen=True)
class Correction:
    """An answer about one row's label.

    Attributes
    ----------
    partition, key : str
        The row: its partition, and its key as by `name_rows`.
    given : str
        The label that was asked about, as text; the answer holds as long as the row has it.
    action : str
        ``label`` (the right one is ``label``, which may be the given one), ``unsure`` (nothing is changed) or ``drop``
        (the row neither trains nor judges a model).
    label : str or None
    who, reason : str
        Who said so, and why.
    known_at : datetime
    """

    partition: str
    key: str
    given: str
    action: str
    label: str | None
    who: str
    reason: str
    known_at: datetime

    @property
    def answer(self) -> str:
        """Its id: 16 hexadecimal digits, the same for the same answer."""
        said = repr(
            (self.partition, self.key, self.given, self.action, self.label, self.who, self.known_at.timestamp())
        )
        return hashlib.sha256(said.encode()).hexdigest()[:16]


def record_corrections(lake: Lake, corrections: Iterable[Correction]) -> int:
    """Append answers; one that is there already is not added again.

    Parameters
    ----------
    lake : Lake
    corrections : iterable of Correction

    Returns
    -------
    int
        How many were added.
    """
    held = lake.read(TABLE, columns=["answer"])
    known = set() if held is None else set(held.column("answer").to_pylist())
    by_partition: dict[str, dict[str, Correction]] = defaultdict(dict)
    for one in corrections:
        if one.answer not in known:
            by_partition[one.partition][one.answer] = one
    for partition, found in by_partition.items():
        rows = [{"answer": answer, **vars(one)} for answer, one in sorted(found.items())]
        batch = hashlib.sha256("".join(sorted(found)).encode()).hexdigest()[:16]
        # a batch of its own: replacing it replaces nothing, and a second try finds it there
        lake.replace_partition(TABLE, partition, pa.Table.from_pylist(rows, schema=SCHEMA), within={"batch": batch})
    return sum(map(len, by_partition.values()))


def read_corrections(
    lake: Lake,
    partitions: list[str] | None = None,
    *,
    as_of: datetime | None = None,
    answers: Iterable[str] | None = None,
) -> list[Correction]:
    """Return the answers that hold: of each row, the one that became known last.

    Parameters
    ----------
    lake : Lake
    partitions : list of str, optional
        Of the rows; all if left out.
    as_of : datetime, optional
        Only answers known before this moment; all if left out.
    answers : iterable of str, optional
        Only these, by their ids.

    Returns
    -------
    list of Correction
        In the order of their ids.
    """
    rows = lake.read(TABLE, partitions)
    wanted = None if answers is None else set(answers)
    last: dict[tuple[str, str], Correction] = {}
    for row in [] if rows is None else rows.to_pylist():
        one = _as_correction(row)
        if (as_of is not None and one.known_at >= as_of) or (wanted is not None and one.answer not in wanted):
            continue
        held = last.get((one.partition, one.key))
        if held is None or (one.known_at, one.answer) > (held.known_at, held.answer):
            last[one.partition, one.key] = one
    return sorted(last.values(), key=lambda one: one.answer)


def apply_corrections(rows: pa.Table, corrections: list[Correction], *, key: tuple[str, ...], label: str) -> pa.Table:
    """Put right what people said was wrong.

    Parameters
    ----------
    rows : pyarrow.Table
        Of ``clean``, with the column ``partition``.
    corrections : list of Correction
        One a row at most.
    key : tuple of str
    label : str
        Columns.

    Returns
    -------
    pyarrow.Table
        Labels replaced and rows dropped; what was asked about another label than the row has now changes nothing.
    """
    said = {(one.partition, one.key): one for one in corrections if one.action != "unsure"}
    if not said or rows.num_rows == 0:
        return rows
    asked = pa.array(sorted({partition for partition, _ in said}), rows.schema.field(PARTITION).type)
    at = np.flatnonzero(pc.is_in(rows.column(PARTITION), value_set=asked).to_numpy(zero_copy_only=False))
    part = rows.take(pa.array(at))
    partitions = part.column(PARTITION).to_pylist()
    given = as_texts(part.column(label)).to_pylist()
    mended: dict[int, str | None] = {}
    dropped = np.zeros(rows.num_rows, dtype=bool)
    for row, partition, name, text in zip(at.tolist(), partitions, name_rows(part, key), given, strict=True):
        one = said.get((partition, name))
        if one is None or one.given != text:
            continue
        if one.action == "drop":
            dropped[row] = True
        elif one.label != text:
            mended[row] = one.label
    if mended:
        is_mended = np.zeros(rows.num_rows, dtype=bool)
        is_mended[list(mended)] = True
        right = _read_as(list(mended.values()), rows.schema.field(label).type)  # rows are told in their order
        labels = pc.replace_with_mask(rows.column(label).combine_chunks(), pa.array(is_mended), right)
        rows = rows.set_column(rows.column_names.index(label), label, labels)
    return rows.filter(pa.array(~dropped)) if dropped.any() else rows


def name_settled(corrections: list[Correction]) -> set[tuple[str, str, str | None]]:
    """Return (partition, key, label) of what need not be asked again: labels asked about, and those given instead."""
    asked = {(one.partition, one.key, one.given) for one in corrections}
    return asked | {(one.partition, one.key, one.label) for one in corrections if one.action == "label"}


def can_be_read(text: str, kind: pa.DataType) -> bool:
    """Tell whether a text is a value of a column's type."""
    try:
        _read_as([text], kind)
    except pa.ArrowInvalid:
        return False
    return True


def _read_as(texts: list[str | None], kind: pa.DataType) -> pa.Array:
    return pa.array(texts, pa.string()).cast(kind)


def _as_correction(row: dict[str, Any]) -> Correction:
    names = ("key", "given", "action", "label", "who", "reason", "known_at")
    return Correction(partition=row[PARTITION], **{name: row[name] for name in names})
