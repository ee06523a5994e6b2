"""What of a partition is judged: its sources with their types, and the table that is made of them.

Stays out: judging.
"""

from pathlib import Path

import pyarrow as pa

from lakemill.collection import BuiltTable, build_table, name_label_columns, name_texts, read_kinds, type_pieces
from lakemill.config import TABLE, Workflow
from lakemill.exceptions import LakeError
from lakemill.lake import Lake


def read_source(workflow: Workflow, name: str, key: str, lake: Lake) -> BuiltTable:
    """Return the rows that a source delivered for a partition, with their types.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The source.
    key : str
        The partition.
    lake : Lake

    Returns
    -------
    BuiltTable
        Of labels that come later their columns stay text; none may have come yet.

    Raises
    ------
    LakeError
        If the source was never collected.
    """
    raw = lake.stream(f"raw_{name}", key)
    are_labels = name == workflow.table.label.source
    if raw is None and are_labels:
        return BuiltTable(pa.table({one: pa.array([], pa.string()) for one in name_label_columns(workflow)}), {})
    if raw is None:
        raise LakeError(f"no table raw_{name}", where=f"{workflow.workflow} {key}", remedy="run collect first")
    where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
    texts = name_texts(workflow, read_kinds(workflow, lake) or {})
    if are_labels:
        texts |= frozenset(name_label_columns(workflow))
    return type_pieces(raw, workflow.collect[name], where=where, texts=texts)


def read_judged(workflow: Workflow, name: str, key: str, lake: Lake, *, project: Path) -> pa.Table:
    """Return the rows of an earlier partition as its suite sees them, without judging any of them again.

    Parameters
    ----------
    workflow : Workflow
    name : str
        A source, or ``table``.
    key : str
        The partition.
    lake : Lake
    project : Path
        What relative paths start at.

    Returns
    -------
    pyarrow.Table
        The table is made of all delivered rows, those that a source's own suite refuses included.
    """
    if name != TABLE:
        return read_source(workflow, name, key, lake).rows
    sources = {source: read_source(workflow, source, key, lake).rows for source in workflow.table_sources}
    return build_table(workflow, sources, project=project, kinds=read_kinds(workflow, lake) or {}).rows
