"""The features of a snapshot: found in its training rows where the workflow file leaves them open, and kept beside it.

A model is given the features of its own snapshot ever after, whatever the workflow file says by then.
Stays out: how they are found (``preprocessing.features.finding``).
"""

from collections.abc import Mapping, Sequence

import pyarrow as pa

from lakemill.collection import read_kinds
from lakemill.config import Workflow
from lakemill.config.features import KINDS, Features
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.preprocessing.features.finding import Found, find_features


def settle_features(workflow: Workflow, lake: Lake, snapshot: str, training_rows: pa.Table) -> Workflow:
    """Return the workflow with the features of a snapshot, and keep them; what was kept before is not found again.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.
    training_rows : pyarrow.Table
        Neither validation nor test rows.

    Returns
    -------
    Workflow

    Raises
    ------
    TrainingError
        If no column is of use, or groups of features do not go with those that were found.
    """
    held = read_found(lake, snapshot)
    if held is None:
        held = _find(workflow, lake, training_rows)
        windows = [one.model_dump(mode="json") for one in workflow.features.windows]
        lake.write_document(f"features/{snapshot}", {**vars(held), **({"windows": windows} if windows else {})})
    if not workflow.features.are_open:
        return workflow
    if not any(held.kinds.values()) and not workflow.features.windows:
        raise TrainingError(
            "no column is of use as a feature: " + "; ".join(f"{name} {why}" for name, why in held.left_out.items()),
            where=f"{workflow.workflow}, snapshot {snapshot}",
            remedy="name columns under features.numeric, categorical, dates, text",
        )
    closed = close_features(workflow.features, held.kinds)
    if (fault := closed.find_fault_of_groups()) is not None:
        raise TrainingError(
            f"features.groups: {fault}",
            where=f"{workflow.workflow}, snapshot {snapshot}",
            remedy=f"found are {', '.join(closed.columns)}",
        )
    return workflow.with_features(closed)


def read_found(lake: Lake, snapshot: str) -> Found | None:
    """Return what was kept of a snapshot's features, None where nothing was."""
    held = lake.read_document(f"features/{snapshot}")
    return None if held is None else Found(held["kinds"], held["left_out"])


def recall_features(workflow: Workflow, lake: Lake, snapshot: str) -> Workflow:
    """Return the workflow with the features that were kept of a snapshot; as it is where none are open or kept."""
    held = read_found(lake, snapshot)
    if held is None or not workflow.features.are_open:
        return workflow
    return workflow.with_features(close_features(workflow.features, held.kinds))


def features_of(workflow: Workflow, lake: Lake, snapshot: str) -> Features:
    """Return the features that a model of this snapshot takes: all columns by kind.

    Parameters
    ----------
    workflow : Workflow
        Asked where nothing was kept.
    lake : Lake
    snapshot : str

    Returns
    -------
    Features
        With the windows that it was trained on.
    """
    held = lake.read_document(f"features/{snapshot}")
    if held is None or not (any(held["kinds"].values()) or held.get("windows")):
        return workflow.features
    kinds = {kind: tuple(held["kinds"].get(kind, ())) for kind in KINDS}
    return Features.model_validate({**kinds, "windows": held.get("windows", ())})


def close_features(features: Features, kinds: Mapping[str, Sequence[str]]) -> Features:
    """Return features with those that were found, by kind, beside those that the file names."""
    return features.close(
        {kind: [name for name in names if name not in features.columns] for kind, names in kinds.items()}
    )


def _find(workflow: Workflow, lake: Lake, rows: pa.Table) -> Found:
    features = workflow.features
    declared = {kind: list(getattr(features, kind)) for kind in KINDS}
    if not features.are_open:
        return Found(declared, {})
    kinds = read_kinds(workflow, lake)
    if kinds is None:
        raise TrainingError(
            "the kinds of features were not found yet",
            where=workflow.workflow,
            remedy=f"ingest {workflow.partition.start} again: they are found when a partition is ingested",
        )
    found = find_features(rows, features, kinds, label=workflow.table.label.column)
    return Found({kind: declared[kind] + found.kinds.get(kind, []) for kind in KINDS}, found.left_out)
