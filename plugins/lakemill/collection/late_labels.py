"""Labels that a source of their own brings later than the rows: taken from its rows, and what is wrong with these.

Stays out: which rows they belong to (``preprocessing.late_labels``), and refusing.
"""

from dataclasses import dataclass

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.text_types import read_as, read_instants
from lakemill.config import Workflow
from lakemill.exceptions import TableError, suggest
from lakemill.lake.late_labels import SCHEMA
from lakemill.lake.row_names import as_texts, name_each


@dataclass(frozen=True)
class TakenLabels:
    """Labels of one delivery.

    Attributes
    ----------
    labels : pyarrow.Table
        As in ``lake.late_labels.SCHEMA``; of one row one label for each moment.
    counts : dict of str to int
        ``labels`` kept; rows ``without_label``, which say nothing yet; ``repeated``, which say again what another row
        says; ``contradicted``, whose place a later row of the delivery takes with another label.
    """

    labels: pa.Table
    counts: dict[str, int]


def name_label_columns(workflow: Workflow) -> tuple[str, ...]:
    """Return the columns of a label's own source that are read."""
    label = workflow.table.label
    return tuple(
        dict.fromkeys((*workflow.table.label_key, label.column, *([label.known_at] if label.known_at else [])))
    )


def find_label_faults(workflow: Workflow, rows: pa.Table) -> dict[str, pa.ChunkedArray]:
    """Find the rows of a label's own source that cannot be used.

    Parameters
    ----------
    workflow : Workflow
        With ``table.label.source``.
    rows : pyarrow.Table
        Of that source.

    Returns
    -------
    dict of str to pyarrow.ChunkedArray
        For each reason a bool by row.

    Raises
    ------
    TableError
        If a column is missing.
    """
    label = workflow.table.label
    for name in name_label_columns(workflow):
        if name not in rows.column_names:
            raise TableError(
                f"table.label: no column {name!r} in what {label.source} delivers",
                where=f"include/workflows/{workflow.workflow}.yaml",
                remedy=suggest(name, rows.column_names),
            )
    faults = {f"{name}: missing, but names the row": pc.is_null(rows.column(name)) for name in workflow.table.label_key}
    if label.problem == "regression":
        faults[f"{label.column}: cannot be read as a number"] = _read_label(workflow, rows)[1]
    if label.known_at:
        known_at, unreadable = read_instants(rows.column(label.known_at), workflow.partition.timezone)
        faults[f"{label.known_at}: cannot be read as a moment"] = unreadable
        has_label = pc.is_valid(rows.column(label.column))
        missing = pc.and_(pc.and_(pc.is_null(known_at), has_label), pc.invert(unreadable))
        faults[f"{label.known_at}: missing, but the row has a label"] = missing
    return faults


def take_labels(workflow: Workflow, rows: pa.Table) -> TakenLabels:
    """Take the labels from rows without faults.

    Parameters
    ----------
    workflow : Workflow
        With ``table.label.source``.
    rows : pyarrow.Table
        Of that source, in the order of delivery.

    Returns
    -------
    TakenLabels
    """
    label = workflow.table.label
    keys = [as_texts(rows.column(name)).combine_chunks() for name in workflow.table.label_key]
    moments = pa.nulls(len(rows), SCHEMA.field("known_at").type)
    if label.known_at:
        moments = read_instants(rows.column(label.known_at), workflow.partition.timezone)[0].combine_chunks()
    texts = as_texts(_read_label(workflow, rows)[0]).combine_chunks()
    found = pa.table(
        {
            "name": name_each(rows, workflow.table.label_key),
            "label": texts,
            "known_at": moments,
            "row": pa.array(np.arange(len(rows))),
        }
    )
    said = found.filter(pc.is_valid(found.column("label")))
    last = said.group_by(["name", "known_at"]).aggregate([("row", "max")]).column("row_max")
    distinct = said.group_by(["name", "known_at", "label"]).aggregate([]).num_rows
    kept = said.filter(pc.is_in(said.column("row"), last.combine_chunks()))
    at = kept.column("row")
    key = _make_lists([one.take(at.combine_chunks()) for one in keys], len(kept))
    labels = pa.table({"key": key, **{name: kept.column(name) for name in ("label", "known_at", "row")}}).cast(SCHEMA)
    return TakenLabels(
        labels,
        {
            "labels": len(kept),
            "without_label": len(found) - len(said),
            "repeated": len(said) - distinct,
            "contradicted": distinct - len(kept),
        },
    )


def _read_label(workflow: Workflow, rows: pa.Table) -> tuple[pa.ChunkedArray, pa.ChunkedArray]:
    is_number = workflow.table.label.problem == "regression"
    return read_as(rows.column(workflow.table.label.column), pa.float64() if is_number else pa.string())


def _make_lists(parts: list[pa.Array], count: int) -> pa.Array:
    """Return one list a row, of the parts' values."""
    size = len(parts)
    if size == 1:
        values = parts[0]
    else:
        order = np.arange(count * size).reshape(size, count).T.ravel()
        values = pa.concat_arrays(parts).take(pa.array(order))
    return pa.ListArray.from_arrays(pa.array(np.arange(count + 1) * size, pa.int32()), values)
