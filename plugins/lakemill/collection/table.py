"""From what was delivered to the one table of a workflow: types, the query, the columns that have a part to play.

Stays out: judging rows. A value that cannot be read is told of, with its row; who refuses it is not decided here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.delivery import PROVENANCE
from lakemill.collection.event_times import read_event_times
from lakemill.collection.text_types import TYPES, TypeFinder, read_as, read_instants
from lakemill.config import Workflow
from lakemill.config.dataset import find_column
from lakemill.config.features import ALL
from lakemill.config.sources import MEDIA, MqttSource, Source, SqlSource
from lakemill.exceptions import TableError, suggest
from lakemill.lake import PARTITION, Pieces, run_query

NONE: Mapping[str, str] = MappingProxyType({})


@dataclass(frozen=True)
class BuiltTable:
    """The table, and where values could not be read.

    Attributes
    ----------
    rows : pyarrow.Table
    unreadable : dict of str to pyarrow.ChunkedArray
        For columns with such values: bool by row.
    """

    rows: pa.Table
    unreadable: dict[str, pa.ChunkedArray]


def name_texts(workflow: Workflow, kinds: Mapping[str, str] = NONE) -> frozenset[str]:
    """Return the columns that stay text as delivered: what cleaning reads; without a query keys, texts, classes too.

    Guessed by partition, one value could be spelt ``1`` in March and ``1.0`` in April.
    """
    read_later = frozenset(name for rule in workflow.clean if rule.reads for name in rule.named)
    if workflow.table.sql is not None:
        return read_later
    label = workflow.table.label
    features = workflow.features
    classes = (label.column, *workflow.labels.annotators) if label.problem == "classification" else ()
    column = find_column(workflow.dataset)
    split_by = () if column is None or column in features.read_as_numbers else (column,)
    found = [name for name, kind in kinds.items() if kind in ("text", "empty")]
    series = {name for window in features.windows for name in window.by} - {*features.read_as_numbers}
    kinds_of_texts = (*features.categorical, *features.text, *found, *classes, *split_by)
    texts = frozenset({*workflow.table.key, *kinds_of_texts, *series})
    return (texts - {workflow.table.event_time}) | read_later


def is_read_later(workflow: Workflow, name: str, kind: str = "") -> bool:
    """Tell whether a column's texts stay as delivered until a cleaning rule reads them; ``kind`` as it was found."""
    label = workflow.table.label
    is_number = name in workflow.features.read_as_numbers or (name == label.column and label.problem == "regression")
    has_type = is_number or kind in ("number", "boolean", "timestamp")
    return any(
        name in rule.named and (rule.reads or (rule.rule == "sentinels" and has_type)) for rule in workflow.clean
    )


def type_source(delivered: pa.Table, source: Source, *, where: str, texts: frozenset[str] = frozenset()) -> BuiltTable:
    """Give delivered texts their types, declared or found.

    Parameters
    ----------
    delivered : pyarrow.Table
        Rows of a ``raw_`` table.
    source : Source
    where : str
        Workflow file and key, for errors.
    texts : frozenset of str
        Columns whose types are not found, as from `name_texts`.

    Returns
    -------
    BuiltTable
        Without the columns of provenance; rows in the order of delivery.

    Raises
    ------
    TableError
        If a column with a declared type was not delivered.
    """
    return type_pieces(Pieces(delivered.schema, lambda: iter([delivered])), source, where=where, texts=texts)


def type_pieces(delivered: Pieces, source: Source, *, where: str, texts: frozenset[str] = frozenset()) -> BuiltTable:
    """Do what `type_source` does without holding the delivered texts in memory: types are found first, then read."""
    names = [name for name in delivered.schema.names if name not in PROVENANCE]
    schema = pa.schema([delivered.schema.field(name) for name in names])
    for name in source.types:
        if name not in names:
            raise TableError(f"types: no column {name!r}", where=where, remedy=suggest(name, names))
    finders: dict[str, TypeFinder] = {}
    if _are_types_found(source, schema):
        open_names = (name for name in names if name not in texts and name not in source.types)
        finders = {name: TypeFinder() for name in open_names if pa.types.is_string(schema.field(name).type)}
    for piece in delivered.read() if finders else ():
        for name, finder in finders.items():
            finder.add(piece.column(name))
    wanted = {name: TYPES[kind] for name, kind in source.types.items()}
    found = {name: finder.found for name, finder in finders.items()}
    typed = [_type_piece(piece, names, wanted, found) for piece in delivered.read()]
    rows = pa.concat_tables([one.rows for one in typed]) if typed else _make_typed(schema, wanted, found)
    unreadable = {
        name: pa.chunked_array([chunk for one in typed for chunk in one.unreadable[name].chunks], pa.bool_())
        for name in wanted
    }
    order = _find_order([one.places for one in typed])
    if order is not None:
        rows = rows.take(order)
        unreadable = {name: bad.take(order) for name, bad in unreadable.items()}
    return BuiltTable(rows, {name: bad for name, bad in unreadable.items() if pc.any(bad).as_py()})


@dataclass(frozen=True)
class _Typed:
    """A piece of a delivery with its types, where values could not be read, and where its rows stood."""

    rows: pa.Table
    unreadable: dict[str, pa.ChunkedArray]
    places: pa.Table


def _type_piece(
    piece: pa.Table, names: list[str], wanted: Mapping[str, pa.DataType], found: Mapping[str, pa.DataType]
) -> _Typed:
    columns, unreadable = {}, {}
    for name in names:
        values = piece.column(name)
        if name in wanted:
            values, unreadable[name] = read_as(values, wanted[name])
        elif name in found:
            kind = found[name]
            values = values.cast(kind) if not pa.types.is_null(kind) else pa.chunked_array([pa.nulls(len(values))])
        columns[name] = values
    places = {"file": piece.column("source_file").fill_null("").dictionary_encode(), "row": piece.column("source_row")}
    return _Typed(pa.table(columns), unreadable, pa.table(places))


def _make_typed(schema: pa.Schema, wanted: Mapping[str, pa.DataType], found: Mapping[str, pa.DataType]) -> pa.Table:
    types = {**{field.name: field.type for field in schema}, **found, **wanted}
    return pa.schema(list(types.items())).empty_table()


def _find_order(places: list[pa.Table]) -> pa.Array | None:
    """Return the positions of rows in the order of their files and of their rows in these, None if they have it."""
    if not sum(map(len, places)):
        return None
    together = pa.concat_tables(places).unify_dictionaries()
    files = together.column("file").combine_chunks()
    names = files.dictionary.to_pylist()
    ranks = np.argsort(np.argsort(np.array(names, dtype=object), kind="stable"))
    rank = ranks[files.indices.to_numpy(zero_copy_only=False)]
    row = together.column("row").to_numpy()
    is_after = (rank[1:] > rank[:-1]) | ((rank[1:] == rank[:-1]) & (row[1:] >= row[:-1]))
    return None if is_after.all() else pa.array(np.lexsort((row, rank)))


def _are_types_found(source: Source, delivered: pa.Schema) -> bool:
    """Tell whether texts are looked at for their types: not where the source gave its columns types itself."""
    if isinstance(source, (SqlSource, *MEDIA)):
        return isinstance(source, MEDIA) and source.manifest is not None
    return getattr(source, "format", "") != "parquet" and all(pa.types.is_string(kind) for kind in delivered.types)


def build_table(
    workflow: Workflow, sources: dict[str, pa.Table], *, project: Path, kinds: Mapping[str, str] = NONE
) -> BuiltTable:
    """Make the one table of the sources' rows.

    Parameters
    ----------
    workflow : Workflow
    sources : dict of str to pyarrow.Table
        Typed rows by source; of labels that come later nothing is seen.
    project : Path
        What the path of the query starts at.
    kinds : mapping of str to str
        Of features that the workflow file names no kind of, as found by `column_kinds.find_kinds`.

    Returns
    -------
    BuiltTable
        Numeric features and a regression's label are doubles, categorical features, texts and classes texts, dates and
        the event time moments in UTC; other columns as they come.

    Raises
    ------
    TableError
        If the query fails, or a column is missing that the workflow names.
    """
    sql = workflow.table.sql
    sources = {name: rows for name, rows in sources.items() if name in workflow.table_sources}
    if sql is None:
        rows = next(iter(sources.values()))
    else:
        rows = run_query((project / sql).read_text(encoding="utf-8"), sources, where=sql)
    require_columns(workflow, rows.column_names)
    if PARTITION in rows.column_names:
        raise TableError(
            f"a column of the table is named {PARTITION!r}, as the lake names its own",
            where=sql or f"include/workflows/{workflow.workflow}.yaml",
            remedy="give it another name",
        )
    columns, unreadable = {}, {}
    for name in rows.column_names:
        values, bad = rows.column(name), None
        is_open = pa.types.is_string(values.type) or pa.types.is_temporal(values.type)
        if is_open and is_read_later(workflow, name, kinds.get(name, "")):
            values = _settle(values)
        else:
            values, bad = read_by_part(workflow, name, values, kinds.get(name, ""))
        columns[name] = values
        if bad is not None and pc.any(bad).as_py():
            unreadable[name] = bad
    return BuiltTable(pa.table(columns), unreadable)


def name_needed(workflow: Workflow) -> dict[str, str]:
    """Return the columns that the table must have, by the place in the workflow file that names them.

    Parameters
    ----------
    workflow : Workflow
    """
    named = {f"table.key: {name}": name for name in workflow.table.key}
    named["table.event_time"] = workflow.table.event_time
    if workflow.table.label.source is None:
        named["table.label.column"] = workflow.table.label.column
    named.update({f"labels.annotators: {name}": name for name in workflow.labels.annotators})
    if (column := find_column(workflow.dataset)) is not None:
        named["dataset.column"] = column
    named.update({f"table.known_after: {name}": name for name in workflow.table.known_after})
    added: list[str] = []
    for rule in workflow.clean:
        named.update({f"clean ({rule.rule}): {name}": name for name in rule.named if name not in added})
        added += rule.added
    named.update({f"gate.slices: {name}": name for name in workflow.gate.slices.columns if name not in added})
    features = workflow.features
    auto = features.auto if features.auto != ALL else ()
    for window in features.windows:
        named.update({f"features.windows: {name}": name for name in (*window.columns, *window.by) if name not in added})
    added += features.made
    named.update({f"features: {name}": name for name in (*features.columns, *auto) if name not in added})
    return named


def require_columns(workflow: Workflow, columns: list[str]) -> None:
    """Check that a table has all columns that its workflow names.

    Parameters
    ----------
    workflow : Workflow
    columns : list of str

    Raises
    ------
    TableError
        With the first that is missing.
    """
    made_by = workflow.table.sql or "the source"
    label = workflow.table.label
    if label.source is not None and label.column in columns:
        raise TableError(
            f"table.label: {label.column!r} comes later from {label.source}, but the table made by {made_by} has it",
            where=f"include/workflows/{workflow.workflow}.yaml",
            remedy="leave it out of the table, or leave out table.label.source",
        )
    for rule in workflow.clean:
        for name in rule.added:
            if name in columns:
                raise TableError(
                    f"clean ({rule.rule}): adds {name!r}, which is a column of the table made by {made_by}",
                    where=f"include/workflows/{workflow.workflow}.yaml",
                    remedy="give that column another name",
                )
    for name in workflow.features.made:
        if name in columns:
            raise TableError(
                f"features.windows: makes {name!r}, which is a column of the table made by {made_by}",
                where=f"include/workflows/{workflow.workflow}.yaml",
                remedy="give that column another name, or the window a suffix",
            )
    for key, name in name_needed(workflow).items():
        if name not in columns:
            raise TableError(
                f"{key.split(':')[0]}: no column {name!r} in the table made by {made_by}",
                where=f"include/workflows/{workflow.workflow}.yaml",
                remedy=suggest(name, columns),
            )


def read_by_part(
    workflow: Workflow, name: str, values: pa.ChunkedArray, kind: str = ""
) -> tuple[pa.ChunkedArray, pa.ChunkedArray | None]:
    """Give a column the type of its part in the workflow, or of the kind that was found.

    Returns
    -------
    values : pyarrow.ChunkedArray
    unreadable : pyarrow.ChunkedArray of bool or None
        None for a column that plays no part.
    """
    label, features = workflow.table.label, workflow.features
    if name == workflow.table.event_time:
        if _are_seconds(workflow, values.type):
            instants = read_event_times(values.cast(pa.string()), workflow.partition.timezone)
            return instants, pc.and_(pc.is_valid(values), pc.is_null(instants))
        return read_instants(values, workflow.partition.timezone)
    is_label = name in (label.column, *workflow.labels.annotators)
    if name in features.dates or kind == "timestamp":
        return read_instants(_settle(values), workflow.partition.timezone)
    if name in features.read_as_numbers or kind == "number" or (is_label and label.problem == "regression"):
        return read_as(_booleans_as_numbers(values), pa.float64())
    if kind == "boolean":
        return read_as(values, pa.bool_())
    if is_label or name in (*features.categorical, *features.text) or kind in ("text", "empty"):
        return read_as(_settle(values), pa.string())
    return _settle(values), None


def _are_seconds(workflow: Workflow, kind: pa.DataType) -> bool:
    """Tell whether numbers are moments: sensors may count seconds since 1970."""
    is_number = pa.types.is_integer(kind) or pa.types.is_floating(kind)
    return is_number and any(isinstance(source, MqttSource) for source in workflow.collect.values())


def _booleans_as_numbers(values: pa.ChunkedArray) -> pa.ChunkedArray:
    return values.cast(pa.int8()) if pa.types.is_boolean(values.type) else values


def _settle(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Bring a column without a part to the few types that tables keep."""
    kind = values.type
    if pa.types.is_null(kind):
        return values.cast(pa.string())
    if pa.types.is_integer(kind):
        return values.cast(pa.int64())
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind):
        numbers = values.cast(pa.float64())
        return pc.if_else(pc.is_nan(numbers), pa.scalar(None, pa.float64()), numbers)
    if pa.types.is_timestamp(kind):
        return values.cast(pa.timestamp("us", kind.tz))
    return values
