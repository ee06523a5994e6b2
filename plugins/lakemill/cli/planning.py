"""Plans of workflows, with all that this machine knows: a lake or none, a registry or none, sources or none.

What is not known here is a note of the plan, not an error. Stays out: options and formats.
"""

import os
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from lakemill.cli.connections import EnvironmentConnections
from lakemill.config import Settings, Workflow
from lakemill.delivery.pending import Pending, find_pending
from lakemill.delivery.plan import Plan, Tried, compare_files
from lakemill.delivery.quick_training import Champion, Outcome, load_champion, train_quickly
from lakemill.delivery.samples import Columns, Inputs, Sample, compare_columns, count_rows, read_columns, run_sample
from lakemill.delivery.trees import Tree
from lakemill.exceptions import ConfigError, LakemillError
from lakemill.lake import Lake
from lakemill.registry.ledger import find_champion

AIRFLOW = "LAKEMILL_AIRFLOW"  # address of a remote one


@dataclass(frozen=True)
class Planner:
    """What plans are made with.

    Attributes
    ----------
    settings : Settings
    now : datetime
    tree : Tree or None
        What files are compared with.
    is_sampled : bool
        Whether changed workflows are run on a sample.
    keys : tuple of str
        Partitions of the sample; the last published one, else the first, where there are none.
    rows : int
        Of the sample: at most so many of each source and partition.
    """

    settings: Settings
    now: datetime
    tree: Tree | None = None
    is_sampled: bool = False
    keys: tuple[str, ...] = ()
    rows: int = 50_000

    def plan(self, workflow: Workflow) -> Plan:
        """Return the plan of a workflow."""
        notes: list[str] = []
        lake = self._find_lake(workflow, notes)
        pending = self._find_pending(workflow, lake, notes) if lake is not None else None
        found = compare_files(workflow, self.settings.project, self.tree, pending=pending)
        if self.tree is None and pending is None:
            notes.append("there is nothing to compare with: give --against, or a lake")
        if self.is_sampled and found.is_any:
            try:
                found = replace(found, tried=self._try(workflow, lake if pending is not None else None, notes))
            except LakemillError as error:
                notes.append(f"not run on a sample: {error}")
        return replace(found, notes=(*found.notes, *dict.fromkeys(notes)))

    def _find_lake(self, workflow: Workflow, notes: list[str]) -> Lake | None:
        address = self.settings.lake
        if "://" in address or Path(address).is_dir():
            return Lake(address, workflow.workflow)
        notes.append("no lake is known here, so neither what is ingested nor which models there are: LAKEMILL_LAKE")
        return None

    def _find_pending(self, workflow: Workflow, lake: Lake, notes: list[str]) -> Pending | None:
        looks = sees_deliveries(self.settings, os.environ.get(AIRFLOW))
        if not looks:
            notes.append(f"new deliveries are not looked for from here: {workflow.workflow}.arrivals does that")
        try:
            return find_pending(
                workflow,
                lake,
                project=self.settings.project,
                connections=EnvironmentConnections(os.environ),
                now=self.now,
                looks_at_deliveries=looks,
                report=notes.append,
            )
        except (LakemillError, OSError) as error:
            notes.append(f"the lake {self.settings.lake} cannot be read: {error}")
            return None

    def _try(self, workflow: Workflow, lake: Lake | None, notes: list[str]) -> Tried:
        """Run a workflow on a sample and train on it; where no lake has its present columns, run it as it was too."""
        published = sorted(lake.partitions("clean")) if lake is not None else []
        keys = self._choose_partitions(workflow, published)
        before = self.tree.workflows.get(workflow.workflow) if self.tree is not None else None
        with TemporaryDirectory(prefix="lakemill-plan-") as folder:
            scratch = Lake(f"{folder}/after", workflow.workflow)
            sample = self._run(workflow, keys, scratch, self.settings.project, lake, notes)
            counts: dict[str, int] = {}
            columns: Columns | None = None
            if published and lake is not None:
                counts = count_rows(lake, keys)
                columns = compare_columns(read_columns(lake), sample.columns, against="the table clean in the lake")
            elif before is not None and self.tree is not None:
                other, project = Lake(f"{folder}/before", workflow.workflow), self.tree.settings.project
                held = self._run(before, keys, other, project, lake, notes)
                counts, against = held.counts, f"the same sample by {self.tree.name}"
                columns = compare_columns(held.columns, sample.columns, against=against)
            return Tried(sample, counts, columns, self._train(workflow, scratch, sample, lake, notes))

    def _choose_partitions(self, workflow: Workflow, published: list[str]) -> list[str]:
        if wrong := [key for key in self.keys if not workflow.partition.holds(key)]:
            raise ConfigError(
                f"{wrong[0]!r} is no partition of {workflow.workflow}",
                where="--partition",
                remedy=f"keys look like {workflow.partition.start}",
            )
        return sorted(self.keys) or published[-1:] or [workflow.partition.start]

    def _run(
        self, workflow: Workflow, keys: list[str], scratch: Lake, project: Path, lake: Lake | None, notes: list[str]
    ) -> Sample:
        inputs = Inputs(self.settings.project, EnvironmentConnections(os.environ), self.now, lake, notes.append)
        return run_sample(workflow, keys, scratch, project=project, inputs=inputs, rows=self.rows)

    def _train(
        self, workflow: Workflow, scratch: Lake, sample: Sample, lake: Lake | None, notes: list[str]
    ) -> Outcome | None:
        champion = self._load_champion(workflow, lake, notes) if lake is not None else None
        try:
            return train_quickly(workflow, scratch, sample.partitions, champion)
        except LakemillError as error:
            notes.append(f"no quick training: {error.problem}")
            return None

    def _load_champion(self, workflow: Workflow, lake: Lake, notes: list[str]) -> Champion | None:
        from lakemill.cli.kept_models import open_registry

        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        if find_champion(lake, as_of=self.now) is None:
            return None
        try:
            return load_champion(workflow, lake, open_registry(workflow, self.settings), as_of=self.now)
        except (LakemillError, OSError) as error:
            notes.append(f"not compared with the champion: {error}")
            return None


def sees_deliveries(settings: Settings, airflow: str | None) -> bool:
    """Tell whether sources look from here as they do from tasks.

    Files have other dates in another checkout, so on a machine beside the installation they all would seem new.
    """
    return "://" not in settings.lake and not airflow
