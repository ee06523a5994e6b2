"""Snapshots: a dataset pinned as of a moment.

Stays out: reading its rows (``snapshot_rows.py``), splitting and fitting.
"""

import hashlib
import json
from collections.abc import Sequence
from datetime import datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa

import lakemill
from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.lake.label_corrections import read_corrections
from lakemill.lake.late_labels import TABLE as LATE
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing.late_labels import find_known
from lakemill.training.estimators import find_distributions
from lakemill.training.snapshot_rows import SnapshotRows

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
    return open_snapshot(workflow, lake, identity, windows=windows).take()


def open_snapshot(
    workflow: Workflow, lake: Lake, identity: str, *, windows: Sequence[Window] | None = None
) -> SnapshotRows:
    """Return the rows of a snapshot, of which only a few columns are read yet.

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
    SnapshotRows

    Raises
    ------
    TrainingError
        If there is no such snapshot.
    """
    snapshot = lake.read_document(f"snapshots/{identity}")
    if snapshot is None:
        raise TrainingError(f"no snapshot {identity}", where=workflow.workflow, remedy="run snapshot first")
    return SnapshotRows(workflow, lake, snapshot, windows=workflow.features.windows if windows is None else windows)


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
