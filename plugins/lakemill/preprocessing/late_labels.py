"""Labels that came later than their rows, joined to these as they were known at a moment.

Of several labels of one row the one counts that became known last by then. Stays out: where labels are kept
(``lake.late_labels``), and whether a row is ready to train or judge a model (``training.snapshots``).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.text_types import read_as, read_instants
from lakemill.config import Workflow
from lakemill.lake import PARTITION, Lake
from lakemill.lake.late_labels import TABLE, read_labels
from lakemill.lake.row_names import as_texts, name_each, name_texts

KNOWN_FROM = "label known from"  # a column that joined rows have besides, until it is known which of them count
INSTANT = pa.timestamp("us", "UTC")


@dataclass(frozen=True)
class LateLabels:
    """The labels known as of a moment, one of each name.

    Attributes
    ----------
    names : pyarrow.Array of string
        Of rows, as by `name_rows`.
    labels : pyarrow.Array of string
    known_from : pyarrow.Array of timestamp[us, UTC]
        When the first label of the row became known.
    contradicted : int
        Names that had another label before.
    """

    names: pa.Array
    labels: pa.Array
    known_from: pa.Array
    contradicted: int

    @property
    def digest(self) -> str:
        """The same for the same labels, whenever and however often they were delivered: 16 hexadecimal digits."""
        digest = hashlib.sha256()
        order = pc.sort_indices(self.names)
        for name, label in zip(self.names.take(order).to_pylist(), self.labels.take(order).to_pylist(), strict=True):
            digest.update(repr((name, label)).encode())
        return digest.hexdigest()[:16]


def find_known(
    workflow: Workflow,
    lake: Lake,
    *,
    as_of: datetime,
    types: pa.Schema | None = None,
    version: int | None = None,
) -> LateLabels:
    """Return the labels that were known as of a moment.

    A label is known from the moment that its delivery says; without such a column, or where that is earlier, from
    the end of the partition that it was delivered with.

    Parameters
    ----------
    workflow : Workflow
        With ``table.label.source``.
    lake : Lake
    as_of : datetime
    types : pyarrow.Schema, optional
        Types of the table's key, by which ``007`` and ``7`` may be the same; texts as delivered if left out.
    version : int, optional
        Of the table of labels, -1 for before there was one; the newest if left out.

    Returns
    -------
    LateLabels
    """
    ends = {
        key: workflow.partition.interval(key).end for key in lake.partitions(TABLE) if workflow.partition.holds(key)
    }
    ends = {key: end for key, end in ends.items() if end <= as_of}
    rows = read_labels(lake, sorted(ends), version=version)
    rows = rows.filter(pc.equal(pc.list_value_length(rows.column("key")), len(workflow.table.key)))  # of today's key
    just_before = {key: end - timedelta(microseconds=1) for key, end in ends.items()}  # known as of the very end
    given = pc.unique(rows.column(PARTITION))
    delivered = pa.array([just_before[key] for key in given.to_pylist()], INSTANT)
    known = delivered.take(pc.index_in(rows.column(PARTITION), given))
    said = pc.coalesce(rows.column("known_at"), known)
    known = pc.if_else(pc.greater(said, known), said, known)
    rows = rows.append_column("known", known).append_column("said", said)
    rows = rows.filter(pc.less(known, pa.scalar(as_of, INSTANT)))
    rows = rows.append_column("name", _name(workflow, rows, types)).filter(pc.is_valid(pc.field("name")))
    rows = rows.sort_by([(name, "ascending") for name in ("said", PARTITION, "row")])
    rows = rows.append_column("place", pa.array(np.arange(len(rows))))
    found = rows.group_by("name").aggregate([("place", "max"), ("known", "min"), ("label", "count_distinct")])
    return LateLabels(
        found.column("name").combine_chunks(),
        rows.column("label").take(found.column("place_max")).combine_chunks(),
        found.column("known_min").combine_chunks(),
        int(pc.sum(pc.greater(found.column("label_count_distinct"), 1)).as_py() or 0),
    )


def join_labels(workflow: Workflow, rows: pa.Table, known: LateLabels, *, twice: pa.Array | None = None) -> pa.Table:
    """Give rows the labels that were known.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        Of ``clean``.
    known : LateLabels
        Found with the types of these rows.
    twice : pyarrow.Array of string, optional
        Names that several rows have; of ``rows`` themselves if left out. Nobody knows which one the label is of, so
        none of them gets it.

    Returns
    -------
    pyarrow.Table
        With the label's column, null where it was not known, and the column `KNOWN_FROM`.
    """
    names = name_each(rows, workflow.table.key)
    places = pc.index_in(names, known.names)
    several = find_twice(names) if twice is None else twice
    places = pc.if_else(pc.is_in(names, several), pa.scalar(None, pa.int32()), places)
    kind = pa.float64() if workflow.table.label.problem == "regression" else pa.string()
    labels = known.labels.cast(kind).take(places)
    rows = rows.append_column(workflow.table.label.column, labels)
    return rows.append_column(KNOWN_FROM, known.known_from.take(places))


def label_rows(
    workflow: Workflow, lake: Lake, rows: pa.Table, *, as_of: datetime, version: int | None = None
) -> pa.Table:
    """Return rows with their labels as known at a moment; as they are where the table has labels itself.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    rows : pyarrow.Table
        Of ``clean``, of all partitions that count.
    as_of : datetime
    version : int, optional
        Of the table of labels; the newest if left out.

    Returns
    -------
    pyarrow.Table
    """
    if workflow.table.label.source is None:
        return rows
    return join_labels(workflow, rows, find_known(workflow, lake, as_of=as_of, types=rows.schema, version=version))


def find_twice(names: pa.Array) -> pa.Array:
    """Return the names that occur more than once.

    Examples
    --------
    >>> find_twice(pa.array(["a", "b", "a"])).to_pylist()
    ['a']
    """
    counts = pc.value_counts(names)
    return counts.field("values").filter(pc.greater(counts.field("counts"), 1))


def _name(workflow: Workflow, rows: pa.Table, types: pa.Schema | None) -> pa.Array:
    """Return the names that rows of these types would have; null where a text is no value of them."""
    keys = rows.column("key").combine_chunks()
    parts = []
    unreadable = pa.array(np.zeros(len(rows), dtype=bool))
    for place, name in enumerate(workflow.table.key):
        texts = pc.list_element(keys, place) if len(keys) else pa.array([], pa.string())
        kind = types.field(name).type if types is not None else pa.string()
        if not pa.types.is_string(kind):
            column = pa.chunked_array([texts])
            is_instant = pa.types.is_timestamp(kind) and kind.tz
            values, bad = read_instants(column, workflow.partition.timezone) if is_instant else read_as(column, kind)
            unreadable = pc.or_(unreadable, bad.combine_chunks())
            texts = as_texts(values.cast(kind)).combine_chunks()
        parts.append(texts)
    return pc.if_else(unreadable, pa.scalar(None, pa.string()), name_texts(parts))
