"""The plan of a workflow: what has changed in its files, what a lake lacks for it, what a sample shows.

Stays out: how it is told (``cli.plan_texts``), and doing it.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lakemill.config import Workflow
from lakemill.config.versions import CODE, describe_parts, digest_part, hash_code
from lakemill.delivery.changes import Change, compare_parts
from lakemill.delivery.pending import Pending
from lakemill.delivery.quick_training import Outcome
from lakemill.delivery.samples import Columns, Sample
from lakemill.delivery.trees import Tree


@dataclass(frozen=True)
class Tried:
    """What a run on a sample shows.

    Attributes
    ----------
    sample : Sample
    before : dict of str to int
        Counts of the same partitions as they are now, where they are known.
    columns : Columns or None
        Against the columns as they are now; None where these are not known.
    outcome : Outcome or None
        Of a quick training; None where there was none.
    """

    sample: Sample
    before: dict[str, int]
    columns: Columns | None
    outcome: Outcome | None


@dataclass(frozen=True)
class Plan:
    """What a workflow's files ask for.

    Attributes
    ----------
    workflow : str
    version : str
        The code version, of the workflow's files and of the package: eight hexadecimal digits.
    against : str or None
        What its files are compared with.
    is_added, is_removed : bool
        Whether the workflow is there on one side only.
    changes : tuple of Change
    trains : bool
        Whether the files ask for another model than those that they are compared with.
    pending : Pending or None
        None where the lake is not known here.
    tried : Tried or None
    notes : tuple of str
        What is not known here.
    """

    workflow: str
    version: str
    against: str | None = None
    is_added: bool = False
    is_removed: bool = False
    changes: tuple[Change, ...] = ()
    trains: bool = False
    pending: Pending | None = None
    tried: Tried | None = None
    notes: tuple[str, ...] = ()

    @property
    def is_any(self) -> bool:
        """Whether anything changes."""
        asked = self.pending is not None and self.pending.is_any
        return bool(self.changes or self.trains or self.is_added or self.is_removed or asked)

    @property
    def ingests(self) -> bool:
        """Whether the change of the files is one for which partitions are ingested again."""
        return any(change.effect.ingests for change in self.changes)

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return {**asdict(self), "is_any": self.is_any, "ingests": self.ingests}


def compare_files(
    workflow: Workflow,
    project: Path,
    tree: Tree | None,
    *,
    pending: Pending | None = None,
    tried: Tried | None = None,
    notes: Sequence[str] = (),
) -> Plan:
    """Plan a workflow.

    Parameters
    ----------
    workflow : Workflow
        As its files stand.
    project : Path
    tree : Tree or None
        What its files are compared with; with nothing if None.
    pending : Pending, optional
        What a lake lacks for it.
    tried : Tried, optional
    notes : sequence of str

    Returns
    -------
    Plan
    """
    name = workflow.workflow
    parts = describe_parts(workflow, project)
    version = digest_part({**parts, "code": hash_code(CODE)})
    plan = Plan(name, version, pending=pending, tried=tried, notes=tuple(notes))
    if tree is None:
        return plan
    if (before := tree.workflows.get(name)) is None:
        faults = [f"in {tree.name} the file cannot be read: {one}" for one in tree.faults if f"/{name}.y" in one.where]
        return replace(plan, against=tree.name, is_added=True, notes=(*notes, *faults))
    return replace(
        plan,
        against=tree.name,
        changes=compare_parts(describe_parts(before, tree.settings.project, code=tree.code), parts),
        trains=before.training_hash() != workflow.training_hash(),
    )


def plan_removed(name: str, tree: Tree) -> Plan:
    """Plan a workflow that is only there in what is compared with."""
    note = "its DAGs are gone; its tables and models stay until somebody deletes them"
    return Plan(name, "", against=tree.name, is_removed=True, notes=(note,))
