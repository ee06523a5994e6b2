"""Snapshots: a dataset pinned as of a moment, and the rows of it.

Stays out: splitting and fitting.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

import lakemill
from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.lake.label_corrections import apply_corrections, read_corrections
from lakemill.lake.late_labels import TABLE as LATE
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing.late_labels import KNOWN_FROM, find_known, label_rows
from lakemill.preprocessing.windows import read_clean
from lakemill.training.estimators import find_distributions

ROOMS_THAT_FIT = ("preprocessing", "training", "evaluation")


def take_snapshot(workflow: Workflow, lake: Lake, *, as_of: datetime) -> dict[str, Any]:
    """Pin what may be learnt from as of a moment; the same content gives the same id.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    as_of : datetime
        Only partitions that had ended by then, and labels known by then, belong to it.

    Returns
    -------
    dict
        ``id`` (16 hexadecimal digits), ``as_of``, ``partitions``, ``version`` of the table ``clean``; where people had
        put labels right by then, ``corrections``, the ids of their answers; where labels come later than rows,
        ``labels``: the digest of those known by then, their number, how many had been others before, and the
        ``version`` of their table.

    Raises
    ------
    TrainingError
        If no partition had been published by then.
    """
    digests = {
        key: verdict.evidence["digest"]
        for key, verdict in read_verdicts(lake, "ingestion").items()
        if verdict.verdict != "blocked"
        and workflow.partition.holds(key)
        and workflow.partition.interval(key).end <= as_of
    }
    if not digests:
        raise TrainingError(
            f"no partition was published as of {as_of.isoformat()}",
            where=f"{workflow.workflow}.training",
            remedy=f"run {workflow.workflow}.ingestion first, or train as of a later moment",
        )
    parts: dict[str, Any] = {"partitions": digests, "as_of": as_of.isoformat(), "workflow": workflow.training_hash()}
    parts["code"] = code_version(workflow)
    if corrections := read_corrections(lake, sorted(digests), as_of=as_of):
        parts["corrections"] = [one.answer for one in corrections]
    version = lake.version(LATE)  # before they are read: what is committed meanwhile is not in the snapshot
    if workflow.table.label.source is not None:
        known = find_known(workflow, lake, as_of=as_of, version=version)
        parts["labels"] = {"digest": known.digest, "known": len(known.names), "contradicted": known.contradicted}
    identity = hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:16]
    held = lake.read_document(f"snapshots/{identity}")
    if held is not None:
        return held
    snapshot = {**parts, "id": identity, "partitions": sorted(digests), "version": lake.version("clean")}
    if "labels" in parts:
        snapshot["labels"] = {**parts["labels"], "version": version}
    lake.write_document(f"snapshots/{identity}", snapshot)
    return snapshot


def read_snapshot(
    workflow: Workflow, lake: Lake, identity: str, *, windows: Sequence[Window] | None = None
) -> pa.Table:
    """Return the rows of a snapshot: those with a label known by its moment, as put right by then, by time and key.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    identity : str
        Its id.
    windows : sequence of Window, optional
        Of another model than the one to be trained; the workflow file's if left out.

    Returns
    -------
    pyarrow.Table
        With the columns of windows; these look back on all rows of the snapshot's partitions.

    Raises
    ------
    TrainingError
        If there is no such snapshot.
    """
    snapshot = lake.read_document(f"snapshots/{identity}")
    if snapshot is None:
        raise TrainingError(f"no snapshot {identity}", where=workflow.workflow, remedy="run snapshot first")
    windows = workflow.features.windows if windows is None else windows
    partitions, table_version = snapshot["partitions"], snapshot["version"]
    rows = read_clean(workflow, lake, partitions, windows=windows, published=partitions, version=table_version)
    assert rows is not None  # noqa: S101  # the snapshot names a version of it
    as_of = datetime.fromisoformat(snapshot["as_of"])
    rows = label_rows(workflow, lake, rows, as_of=as_of, version=snapshot.get("labels", {}).get("version"))
    if answers := snapshot.get("corrections"):
        corrections = read_corrections(lake, snapshot["partitions"], answers=answers)
        rows = apply_corrections(rows, corrections, key=workflow.table.key, label=workflow.table.label.column)
    rows = mature_rows(workflow, rows, as_of=as_of)
    order = dict.fromkeys((workflow.table.event_time, *workflow.table.key))
    return rows.sort_by([(name, "ascending") for name in order])


def mature_rows(workflow: Workflow, rows: pa.Table, *, as_of: datetime, since: datetime | None = None) -> pa.Table:
    """Return the rows whose label was known as of a moment (and, if asked for, not yet as of an earlier one).

    What becomes known at the very moment comes after it, as an event at a partition's end belongs to the next one: so
    each row becomes known in exactly one partition, and never before its own.

    Parameters
    ----------
    workflow : Workflow
    rows : pyarrow.Table
        Those whose labels come later with these, as known at ``as_of``.
    as_of : datetime
    since : datetime, optional

    Returns
    -------
    pyarrow.Table
    """
    label = workflow.table.label
    event_time = rows.column(workflow.table.event_time)
    known = pc.less(event_time, pa.scalar(as_of - label.known_after, event_time.type))
    if since is not None:
        is_new = pc.greater_equal(event_time, pa.scalar(since - label.known_after, event_time.type))
        if KNOWN_FROM in rows.column_names:  # and before as_of, else there would be no label
            known_from = rows.column(KNOWN_FROM)
            is_new = pc.or_(is_new, pc.greater_equal(known_from, pa.scalar(since, known_from.type)))
        known = pc.and_(known, is_new)
    rows = rows.filter(pc.and_(known, pc.is_valid(rows.column(label.column))))
    return rows.drop_columns([KNOWN_FROM]) if KNOWN_FROM in rows.column_names else rows


def code_version(workflow: Workflow) -> str:
    """Return a hash of the code that fits models and of the libraries that it calls, the candidates' own among them."""
    digest = hashlib.sha256()
    root = Path(lakemill.__file__).parent
    audits = ("labels",) if workflow.labels.audit and workflow.labels.flagged == "drop" else ()
    for room in (*ROOMS_THAT_FIT, *audits):
        for path in sorted((root / room).rglob("*.py")):
            digest.update(path.read_bytes())
    for package in dict.fromkeys(("scikit-learn", "numpy", "optuna", *find_distributions(workflow))):
        digest.update(f"{package}={version(package)}".encode())
    return digest.hexdigest()[:16]
