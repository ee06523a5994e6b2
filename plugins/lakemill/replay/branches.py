"""Branches of the lake by what they hang on: the policy, the code, the first partition; kept as far as they have come.

A branch whose partitions are what they were is gone on with; one whose partitions have changed is made anew.
Stays out: running partitions (``running.py``).
"""

import hashlib
import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import version as installed_version
from pathlib import Path
from typing import Any

import optuna

from lakemill.config import Workflow
from lakemill.config.versions import CODE, hash_code
from lakemill.lake import Lake
from lakemill.lake.branch import Branch, Shared
from lakemill.lake.label_corrections import TABLE as CORRECTIONS
from lakemill.lake.late_labels import TABLE as LATE
from lakemill.lake.locks import hold_lock
from lakemill.lake.verdicts import TABLE as VERDICTS
from lakemill.lake.verdicts import read_verdicts
from lakemill.monitoring.profiles import CLEAN
from lakemill.monitoring.profiles import TABLE as PROFILES
from lakemill.registry.models import Registry
from lakemill.training.snapshots import code_version

# what ingestion and people have written; verdicts first: what they speak of is in the tables that are opened after them
TABLES = (VERDICTS, PROFILES, LATE, CORRECTIONS, "clean")
PARTS = {VERDICTS: ("kind", "ingestion"), PROFILES: ("of", CLEAN)}
DOCUMENTS = ("column_kinds",)
KEPT = "replayed"  # documents of a branch: a partition that is done
# rooms that neither replays nor what they find depends on
OUTWARD = ("cli", "orchestration", "delivery", "validation")
EMPTY = f"empty-{installed_version('mlflow')}.db"  # a database that MLflow has made its tables in


@dataclass(frozen=True)
class Place:
    """Where a policy is replayed, and from what.

    Attributes
    ----------
    workflow : Workflow
        Under this policy.
    lake : str
        Address of the lake that is read.
    versions : dict of str to int
        Of its tables.
    folder : Path
        Of the branch: its tables, models and their database.
    inputs : dict of str to str
        By partition, in order: a digest of all that is known when it is replayed.
    """

    workflow: Workflow
    lake: str
    versions: dict[str, int]
    folder: Path
    inputs: dict[str, str]

    @property
    def keys(self) -> tuple[str, ...]:
        """The partitions that are replayed."""
        return tuple(self.inputs)

    @property
    def studies(self) -> str:
        """SQLAlchemy URL of the studies: all branches share it, since trials hang on their snapshot alone."""
        return f"sqlite:///{self.folder.parent / 'studies.db'}?timeout=120"


def pin_versions(lake: Lake) -> dict[str, int]:
    """Return the present versions of the tables that branches read."""
    return {table: lake.version(table) for table in TABLES}


def open_branch(place: Place) -> Branch:
    """Return the branch of a place."""
    base = Lake(place.lake, place.workflow.workflow)
    return Branch(str(place.folder / "lake"), base, Shared(place.versions, PARTS, DOCUMENTS))


def open_registry(place: Place) -> Registry:
    """Return the models of a branch, in a database of their own; make sure of that of studies."""
    root, database = place.folder.parent, place.folder / "mlflow.db"
    place.folder.mkdir(parents=True, exist_ok=True)
    with hold_lock(Lake(str(root.parent), root.name), "databases"):  # tables are made by one process at a time
        if not (root / EMPTY).exists():
            draft = root / f"{EMPTY}.unfinished"
            draft.unlink(missing_ok=True)
            Registry(place.workflow, address=f"sqlite:///{draft}", artifacts=str(root)).versions()
            draft.replace(root / EMPTY)
        optuna.storages.RDBStorage(place.studies)
    if not database.exists():
        draft = database.with_suffix(".unfinished")
        shutil.copyfile(root / EMPTY, draft)
        draft.replace(database)
    return Registry(place.workflow, address=f"sqlite:///{database}", artifacts=str(place.folder / "models"))


def name_branch(workflow: Workflow, first: str) -> str:
    """Return a branch's name: the same for the same policy, first partition and code.

    Returns
    -------
    str
        16 hexadecimal digits.
    """
    said = [workflow.model_dump_json(), first, _hash_code(), code_version(workflow)]
    return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:16]


def digest_inputs(workflow: Workflow, lake: Lake, keys: Sequence[str]) -> dict[str, str]:
    """Return, for each of some partitions, a digest of what is known at its end: rows, labels, people's answers.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    keys : sequence of str
        In order.

    Returns
    -------
    dict of str to str
        16 hexadecimal digits by partition.
    """
    verdicts = {at: one for at, one in read_verdicts(lake, "ingestion").items() if workflow.partition.holds(at)}
    corrections = lake.read(CORRECTIONS, columns=["answer", "known_at"])
    answers = [] if corrections is None else corrections.to_pylist()
    digests: dict[str, str] = {}
    for key in keys:
        end = workflow.partition.interval(key).end
        known: list[Any] = [sorted(one["answer"] for one in answers if one["known_at"] < end)]
        for at, verdict in verdicts.items():
            if at <= key:
                labels = (verdict.evidence.get("labels") or {}).get("digest")
                known.append([at, verdict.verdict == "blocked", verdict.evidence.get("digest"), labels])
        digests[key] = hashlib.sha256(json.dumps(known).encode()).hexdigest()[:16]
    return digests


def count_kept(place: Place) -> int:
    """Return how many partitions, from the first on, are done already; a branch that no longer holds is emptied.

    Parameters
    ----------
    place : Place

    Returns
    -------
    int
    """
    lake = Lake(str(place.folder / "lake"), place.workflow.workflow)
    for number, (key, inputs) in enumerate(place.inputs.items()):
        held = lake.read_document(f"{KEPT}/{key}")
        if held is None:
            return number
        if held["inputs"] != inputs:
            shutil.rmtree(place.folder)
            return 0
    return len(place.inputs)


def keep(place: Place, lake: Lake, key: str, told: Mapping[str, Any]) -> None:
    """Note that a partition is done."""
    lake.write_document(f"{KEPT}/{key}", {"inputs": place.inputs[key], **told})


def read_kept(lake: Lake, key: str) -> dict[str, Any]:
    """Return what was noted of a partition that is done."""
    return lake.read_document(f"{KEPT}/{key}") or {}


@lru_cache
def _hash_code() -> str:
    rooms = sorted(path.name for path in CODE.iterdir() if path.is_dir() and path.name not in OUTWARD)
    return hash_code(CODE, tuple(one for one in rooms if not one.startswith("_")))
