"""The kinds of columns that a workflow file does not name: found once, in the workflow's first partition, and kept.

The first partition is the calendar's (``partition.start``), not the one that happens to come first: so any order of
partitions, and any number of them at once, gives every column the same type. They are the kinds that columns have when
they are clean: as their rule reads them, and without what stands for no value. Stays out: whether a column is of use.
"""

import hashlib
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakemill.collection.sentinels import remove_sentinels
from lakemill.collection.table import build_table, name_texts, type_source
from lakemill.config import Workflow
from lakemill.config.cleaning import Sentinels
from lakemill.config.features import ALL
from lakemill.exceptions import TableError
from lakemill.lake import Lake

EMPTY = "empty"
READ_AS = {"numbers": "number", "units": "number", "booleans": "boolean", "dates": "timestamp"}  # by cleaning rules


def find_kinds(workflow: Workflow, lake: Lake, *, project: Path) -> dict[str, str]:
    """Return the kinds of the columns that are features of a kind that is to be found.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
        With the first partition's rows as delivered, unless the kinds were found before.
    project : Path
        What the path of the query starts at.

    Returns
    -------
    dict of str to str
        ``number``, ``boolean``, ``text``, ``timestamp``, ``other``, or ``empty`` for a column without any value;
        nothing where the workflow file names all kinds.

    Raises
    ------
    TableError
        If the first partition was not collected, has no rows, or lacks a column.
    """
    if not workflow.features.are_open:
        return {}
    held = read_kinds(workflow, lake)
    if held is not None:
        return held
    first = workflow.partition.start
    sources = {}
    for name, source in workflow.table_sources.items():
        raw = lake.read(f"raw_{name}", [first])
        if raw is None or (raw.num_rows == 0 and len(workflow.table_sources) == 1):
            raise TableError(
                f"the kinds of features are found in the first partition, {first}, and {name} has no rows of it",
                where=f"include/workflows/{workflow.workflow}.yaml",
                remedy=f"ingest {first} first, mend partition.start, or list the columns under features.numeric, "
                "categorical, dates, text",
            )
        raw = _without_sentinels(workflow, raw)
        sources[name] = type_source(raw, source, where=f"collect.{name}", texts=name_texts(workflow)).rows
    rows = build_table(workflow, sources, project=project).rows
    auto = workflow.features.auto
    besides = {*workflow.columns_with_a_part, *workflow.features.columns, *workflow.features.drop}
    names = auto if auto != ALL else [name for name in rows.column_names if name not in besides]
    kinds = {name: _find_kind(workflow, name, rows) for name in names}
    keep_kinds(workflow, lake, kinds)
    return kinds


def needs_first_partition(workflow: Workflow, source: str, lake: Lake) -> bool:
    """Tell whether a source's first partition must be collected before any other, since kinds are found in it."""
    if not workflow.features.are_open or source == workflow.table.label.source:
        return False
    if read_kinds(workflow, lake) is not None:
        return False
    return not lake.holds(f"raw_{source}", workflow.partition.start)


def read_kinds(workflow: Workflow, lake: Lake) -> dict[str, str] | None:
    """Return the kinds that were found before, in the table's order, None where they were not."""
    held = lake.read_document(_document(workflow)) if workflow.features.are_open else None
    return None if held is None else {one["column"]: one["kind"] for one in held["kinds"]}


def keep_kinds(workflow: Workflow, lake: Lake, kinds: dict[str, str]) -> None:
    """Keep kinds for all partitions to come."""
    listed = [{"column": name, "kind": kind} for name, kind in kinds.items()]  # documents sort the keys of a mapping
    lake.write_document(_document(workflow), {"kinds": listed})


def _document(workflow: Workflow) -> str:
    said = workflow.model_dump_json(include={"collect", "table", "features"})
    query: dict[str, object] = {"start": workflow.partition.start, "said": said}
    if rules := [rule.model_dump_json() for rule in workflow.clean if rule.reads or rule.rule == "sentinels"]:
        query["clean"] = rules
    return f"column_kinds/{hashlib.sha256(repr(query).encode()).hexdigest()[:16]}"


def _without_sentinels(workflow: Workflow, raw: pa.Table) -> pa.Table:
    rules = [rule for rule in workflow.clean if isinstance(rule, Sentinels)]
    for rule in rules:
        for name in rule.columns:
            if name in raw.column_names and pa.types.is_string(raw.schema.field(name).type):
                column = remove_sentinels(raw.column(name), rule.values)
                raw = raw.set_column(raw.column_names.index(name), name, column)
    return raw


def _find_kind(workflow: Workflow, name: str, rows: pa.Table) -> str:
    for rule in reversed(workflow.clean):
        if rule.reads and name in getattr(rule, "columns", ()):  # of amounts not the column that names their unit
            return READ_AS[rule.rule]
    is_flag = any(name in rule.added for rule in workflow.clean)
    return "boolean" if is_flag else _kind_of(rows.column(name))


def _kind_of(values: pa.ChunkedArray) -> str:
    kind: Any = values.type
    if values.null_count == len(values):
        return EMPTY
    for name, tests in _TESTS.items():
        if any(is_so(kind) for is_so in tests):
            return name
    return "other"


_TESTS = {
    "boolean": (pa.types.is_boolean,),
    "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
    "text": (pa.types.is_string, pa.types.is_large_string),
    "timestamp": (pa.types.is_timestamp, pa.types.is_date),
}
