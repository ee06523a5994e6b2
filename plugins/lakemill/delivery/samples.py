"""A workflow run on a few partitions in a lake of its own, which is thrown away: what comes out, and in which columns.

Stays out: the model that may be made of it (``quick_training.py``).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from lakemill.collection import Connections, collect_source, needs_first_partition
from lakemill.config import Workflow
from lakemill.config.sources import MqttSource
from lakemill.exceptions import BlockedPartitionError, CollectionError
from lakemill.lake import PARTITION, Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.validation import validate_partition


@dataclass(frozen=True)
class Sample:
    """What came of a run on a sample.

    Attributes
    ----------
    partitions : tuple of str
    counts : dict of str to int
        Rows of the table (``rows``), ``clean``, ``quarantined`` and ``duplicates``.
    columns : dict of str to str
        Types of the columns of ``clean``, by name.
    problems : tuple of str
        Why a partition is blocked, what expectations warned of.
    """

    partitions: tuple[str, ...]
    counts: dict[str, int]
    columns: dict[str, str]
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Inputs:
    """Where the rows of a sample come from.

    Attributes
    ----------
    project : Path
        What the paths of files with data start at.
    connections : Connections
    ingested_at : datetime
    held : Lake or None
        Gives the rows as they were delivered, of sources that cannot be asked again or not from here.
    report : callable
        Told of such a source.
    """

    project: Path
    connections: Connections
    ingested_at: datetime
    held: Lake | None = None
    report: Callable[[str], None] = lambda text: None


@dataclass(frozen=True)
class Columns:
    """How the columns of a table differ from those of another.

    Attributes
    ----------
    against : str
        What they are compared with.
    added, removed, changed : dict of str to str
        Types by column; of changed ones both.
    """

    against: str
    added: dict[str, str]
    removed: dict[str, str]
    changed: dict[str, str]


def run_sample(
    workflow: Workflow,
    keys: Sequence[str],
    scratch: Lake,
    *,
    project: Path,
    inputs: Inputs,
    rows: int,
) -> Sample:
    """Ingest some partitions into a lake of their own.

    Parameters
    ----------
    workflow : Workflow
    keys : sequence of str
        Partitions.
    scratch : Lake
        Empty.
    project : Path
        What the paths of queries, suites and references start at.
    inputs : Inputs
    rows : int
        At most so many rows of each source and partition go on, the first ones.

    Returns
    -------
    Sample

    Raises
    ------
    LakemillError
        If a source cannot be read, or the table cannot be built.
    """
    problems: list[str] = []
    for key in keys:
        try:
            for name in workflow.collect:
                for at in _list_needed(workflow, name, key, scratch):
                    _bring(workflow, name, at, scratch, inputs)
                    _cut(scratch, f"raw_{name}", at, rows)
            validated = validate_partition(workflow, key, scratch, project=project)
            cleaned = clean_partition(workflow, key, scratch, project=project)
            publish_partition(workflow, key, scratch, validated=validated, cleaned=cleaned)
            problems += validated["warnings"]
        except BlockedPartitionError as blocked:
            problems.append(f"{key} is blocked: {blocked.problem}")
    return Sample(tuple(keys), count_rows(scratch, keys), read_columns(scratch), tuple(dict.fromkeys(problems)))


def count_rows(lake: Lake, keys: Sequence[str]) -> dict[str, int]:
    """Return how many rows some partitions had, and what became of them, as their verdicts tell."""
    told = [one.evidence for key, one in read_verdicts(lake, "ingestion").items() if key in keys]
    names = ("rows", "clean", "quarantined", "duplicates")
    return {name: sum(int(evidence.get(name, 0)) for evidence in told) for name in names}


def read_columns(lake: Lake) -> dict[str, str]:
    """Return the types of the columns of ``clean``, by name; none where there is no such table."""
    rows = lake.read("clean", [])
    return {} if rows is None else {field.name: str(field.type) for field in rows.schema if field.name != PARTITION}


def compare_columns(before: dict[str, str], after: dict[str, str], *, against: str) -> Columns:
    """Return which columns are new, gone, or of another type.

    Examples
    --------
    >>> compare_columns({"a": "int64", "b": "string"}, {"a": "double", "c": "string"}, against="the lake")
    Columns(against='the lake', added={'c': 'string'}, removed={'b': 'string'}, changed={'a': 'int64 -> double'})
    """
    return Columns(
        against,
        {name: kind for name, kind in after.items() if name not in before},
        {name: kind for name, kind in before.items() if name not in after},
        {name: f"{before[name]} -> {kind}" for name, kind in after.items() if before.get(name, kind) != kind},
    )


def _list_needed(workflow: Workflow, name: str, key: str, scratch: Lake) -> list[str]:
    """Return the partitions of a source that one partition needs: the first one too where kinds are found in it."""
    first = [workflow.partition.start] if needs_first_partition(workflow, name, scratch) else []
    return list(dict.fromkeys((*first, key)))


def _bring(workflow: Workflow, name: str, key: str, scratch: Lake, inputs: Inputs) -> None:
    """Collect a source, or take what the lake holds of it, and tell of that."""
    try:
        if isinstance(workflow.collect[name], MqttSource):
            raise CollectionError(
                "readings of sensors cannot be asked for again",
                where=f"collect.{name}",
                remedy="set LAKEMILL_LAKE to a lake that holds them",
            )
        collect_source(
            workflow,
            name,
            key,
            scratch,
            project=inputs.project,
            ingested_at=inputs.ingested_at,
            connections=inputs.connections,
        )
    except BlockedPartitionError:
        raise
    except CollectionError as error:
        rows = inputs.held.read(f"raw_{name}", [key]) if inputs.held is not None else None
        if rows is None or not len(rows):
            raise
        scratch.replace_partition(f"raw_{name}", key, rows)
        inputs.report(f"{name}: its rows are those in the lake, {error.problem}")


def _cut(scratch: Lake, table: str, key: str, rows: int) -> None:
    held = scratch.read(table, [key])
    if held is not None and len(held) > rows:
        scratch.replace_partition(table, key, held.slice(0, rows))
