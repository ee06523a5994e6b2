"""Profiles: sketches of a partition's columns and predictions, kept as rows of the lake's table ``profiles``.

Drift is computed from these without reading rows again. Stays out: what a sketch is (``sketches.py``), and comparing
them (``drift.py``).
"""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection import read_kinds
from lakemill.config import Workflow
from lakemill.config.windows import Window
from lakemill.lake import PARTITION, Lake
from lakemill.monitoring.performance import find_matured
from lakemill.monitoring.sketches import SCHEMA, ColumnProfile, merge, pack, profile_column, unpack
from lakemill.preprocessing.features import make_target
from lakemill.preprocessing.windows import iterate_clean

TABLE = "profiles"
CLEAN, LABEL = "clean", "label"
PREDICTED = {"score": "numeric", "predicted": "categorical"}  # columns of predictions; of numbers only the score


def profile_partition(workflow: Workflow, key: str, lake: Lake) -> dict[str, Any]:
    """Profile the features of one partition of ``clean``.

    Returns
    -------
    dict
        ``columns``, ``rows``, ``changed``.
    """
    kinds = _choose_kinds(workflow, lake)
    rows = lake.read("clean", [key], columns=[*kinds, PARTITION])
    profiles = [
        profile_column(name, rows.column(name) if rows is not None else pa.chunked_array([], pa.string()), kind)
        for name, kind in kinds.items()
    ]
    changed = _keep(lake, key, profiles, of=CLEAN)
    return {"columns": len(profiles), "rows": len(rows) if rows is not None else 0, "changed": changed}


def profile_windows(workflow: Workflow, keys: list[str], lake: Lake, windows: Sequence[Window]) -> str:
    """Profile what windows make of the last of some partitions, and of those before it that lack that.

    The partitions that windows reach back to must be there; when a partition's own profile is made, they may not be.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        The partition that is judged comes last.
    lake : Lake
    windows : sequence of Window

    Returns
    -------
    str
        What to ask `read_profile` for: it bears a hash of the windows, so that profiles of others are not compared.
    """
    of = name_windows(windows)
    lacking = [key for key in keys[:-1] if not lake.holds(TABLE, key, {"of": of})]
    there = [key for key in (*lacking, keys[-1]) if lake.holds("clean", key)]
    names = [column.name for window in windows for column in window.made]
    for rows in iterate_clean(workflow, lake, there, windows=windows) if there else ():
        for key in pc.unique(rows.column(PARTITION)).to_pylist():
            part = rows.filter(pc.equal(rows.column(PARTITION), key))
            _keep(lake, key, [profile_column(name, part.column(name), "numeric") for name in names], of=of)
    return of


def name_windows(windows: Sequence[Window]) -> str:
    """Return what the profiles of these windows are asked for by."""
    said = "\n".join(window.model_dump_json() for window in windows)
    return f"windows-{hashlib.sha256(said.encode()).hexdigest()[:16]}"


def name_predictions(version: str) -> str:
    """Return what the profiles of a model's predictions are asked for by."""
    return f"predictions-{version}"


def profile_predictions(workflow: Workflow, key: str, lake: Lake, version: str) -> str:
    """Profile what one model made of a partition: the score, and of classes the one that it predicted.

    Parameters
    ----------
    workflow : Workflow
    key : str
    lake : Lake
    version : str
        Of the model; rows that another one scored are left out.

    Returns
    -------
    str
        What to ask `read_profile` for.
    """
    of = name_predictions(version)
    rows = lake.read("predictions", [key], where={"model_version": version}, columns=list(PREDICTED))
    if rows is not None:
        kinds = PREDICTED if workflow.table.label.problem == "classification" else {"score": "numeric"}
        _keep(lake, key, [profile_column(name, rows.column(name), kind) for name, kind in kinds.items()], of=of)
    return of


def profile_labels(workflow: Workflow, keys: list[str], lake: Lake) -> None:
    """Profile the labels that became known with the last of some partitions, and with those before it that lack that.

    Parameters
    ----------
    workflow : Workflow
    keys : list of str
        The partition that is judged comes last.
    lake : Lake
    """
    label = workflow.table.label
    kind = "numeric" if label.problem == "regression" else "categorical"
    for key in [*(one for one in keys[:-1] if not lake.holds(TABLE, one, {"of": LABEL})), keys[-1]]:
        matured = find_matured(workflow, key, lake)
        known = make_target(matured, label) if matured is not None else np.array([])
        values = pa.chunked_array([pa.array(known, pa.float64() if kind == "numeric" else pa.string())])
        _keep(lake, key, [profile_column(label.column, values, kind)], of=LABEL)


def _keep(lake: Lake, key: str, profiles: list[ColumnProfile], *, of: str) -> bool:
    packed = pa.Table.from_pylist([pack(one) for one in profiles], schema=SCHEMA)
    return lake.replace_partition(TABLE, key, packed, within={"of": of})


def _choose_kinds(workflow: Workflow, lake: Lake) -> dict[str, str]:
    """Return how features are sketched; moments and texts are not: each partition has its own."""
    kinds = dict.fromkeys(workflow.features.numeric, "numeric")
    kinds.update(dict.fromkeys(workflow.features.categorical, "categorical"))
    found = read_kinds(workflow, lake) if workflow.features.are_open else None
    sketched = {"number": "numeric", "boolean": "numeric", "text": "categorical"}
    kinds.update({name: sketched[kind] for name, kind in (found or {}).items() if kind in sketched})
    return kinds


def read_profile(lake: Lake, keys: list[str], *, of: str = CLEAN) -> dict[str, ColumnProfile]:
    """Return the merged profile of some partitions.

    Parameters
    ----------
    lake : Lake
    keys : list of str
    of : str
        What was profiled: the table ``clean``, its label, or what `profile_windows` returned.

    Returns
    -------
    dict of str to ColumnProfile
        By column; columns that a partition lacks, or has as another kind than the last one, are merged from the others.
    """
    rows = lake.read(TABLE, keys, where={"of": of})
    merged: dict[str, ColumnProfile] = {}
    for row in sorted(rows.to_pylist() if rows is not None else [], key=lambda one: str(one["partition"])):
        one = unpack(row)
        held = merged.get(one.column)
        # of another kind where the workflow file has changed in between
        merged[one.column] = one if held is None or held.kind != one.kind else merge(held, one)
    return merged
