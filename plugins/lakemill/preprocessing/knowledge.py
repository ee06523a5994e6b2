"""What cleaning rules may know beside their rows: clean rows of the past, and values that are known elsewhere.

The past of a partition are the partitions before it, whatever has come since: so a backfill cannot leak.
Stays out: what rules make of it.
"""

from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from lakemill.config import Workflow
from lakemill.config.cleaning import Outliers, Reference
from lakemill.exceptions import LakeError, TableError, suggest
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing.cleaning.contract import Context


def make_context(workflow: Workflow, key: str, lake: Lake, *, project: Path) -> Context:
    """Return what the rules of a workflow may know when they clean a partition.

    Raises
    ------
    LakeError
        Of its ``read_past``, if an earlier partition that the rule learns from has not been ingested: what it learnt
        would depend on the order of runs.
    TableError
        Of its ``read_known``, if the file or source does not have the column.
    """
    interval = workflow.partition.interval(key)

    def read_past(columns: Sequence[str], partitions: int) -> pa.Table | None:
        earlier = workflow.partition.earlier(key)[-partitions:]
        require_ingested(workflow, lake, key, earlier)
        if not earlier:
            return None
        held = [one for one in earlier if lake.holds("clean", one)]
        rows = lake.read("clean", held) if held else None
        if rows is None or any(name not in rows.column_names for name in columns):
            return None
        # in one order, whatever files the rows lie in
        return rows.select([*dict.fromkeys([*columns, "partition"])]).sort_by("partition").select(list(columns))

    def read_known(rule: Reference) -> pa.Array:
        where = f"include/workflows/{workflow.workflow}.yaml: clean (reference)"
        if rule.source is not None:
            rows = lake.read(f"raw_{rule.source}", [key])
            found = pa.table({}) if rows is None else rows
        else:
            found = _read_file(project / str(rule.file), where)
        if rule.column not in found.column_names:
            raise TableError(
                f"{rule.file or rule.source} has no column {rule.column!r}",
                where=where,
                remedy=suggest(rule.column, found.column_names),
            )
        values = pc.unique(found.column(rule.column).cast(pa.string())).drop_null()
        return pc.utf8_trim_whitespace(values)

    return Context(
        key=workflow.table.key,
        event_time=workflow.table.event_time,
        timezone=workflow.partition.timezone,
        interval=(interval.start, interval.end),
        read_past=read_past,
        read_known=read_known,
    )


def partitions_learnt_from(workflow: Workflow, key: str) -> list[str]:
    """Return the earlier partitions that the rules of a workflow learn from when they clean one, in order."""
    most = [rule.partitions for rule in workflow.clean if isinstance(rule, Outliers) and rule.learns_from_past]
    return workflow.partition.earlier(key)[-max(most) :] if most else []


def find_not_ingested(workflow: Workflow, key: str, lake: Lake) -> list[str]:
    """Return the partitions that must be ingested, or blocked, before this one can be cleaned."""
    needed = partitions_learnt_from(workflow, key)
    if not needed:
        return []
    ingested = read_verdicts(lake, "ingestion")
    return [one for one in needed if one not in ingested]


def require_ingested(workflow: Workflow, lake: Lake, key: str, earlier: list[str]) -> None:
    """Raise where one of these partitions has been neither published nor blocked."""
    ingested = read_verdicts(lake, "ingestion") if earlier else {}
    missing = [one for one in earlier if one not in ingested]
    if missing:
        raise LakeError(
            f"clean (outliers) learns from earlier partitions, and {missing[0]} has not been ingested",
            where=f"{workflow.workflow} {key}",
            remedy="ingest the earlier partitions first, or write learn_from: partition",
        )


def _read_file(path: Path, where: str) -> pa.Table:
    try:
        if path.suffix == ".parquet":
            return pq.read_table(path)
        with pa.input_stream(path, compression="detect") as stream:
            header = pa_csv.read_csv(stream).column_names
        texts = pa_csv.ConvertOptions(column_types=dict.fromkeys(header, pa.string()), strings_can_be_null=True)
        with pa.input_stream(path, compression="detect") as stream:
            return pa_csv.read_csv(stream, convert_options=texts)
    except (OSError, pa.ArrowInvalid) as error:
        raise TableError(
            f"{path.name} cannot be read: {error}", where=where, remedy="give a CSV or Parquet file"
        ) from None
