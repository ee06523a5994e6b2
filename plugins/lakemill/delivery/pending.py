"""What a lake lacks for the workflow as its files stand: partitions to ingest, a training, models that follow.

Stays out: bringing it there. Everything is read, nothing written.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from lakemill.collection import Connections
from lakemill.collection.delivery import Request
from lakemill.collection.freshness import find_stale
from lakemill.collection.kinds import open_delivery
from lakemill.config import Workflow
from lakemill.config.sources import MEDIA, FilesSource, MqttSource
from lakemill.exceptions import CollectionError, NothingDeliveredError
from lakemill.lake import Lake
from lakemill.lake.landing import landed_partitions
from lakemill.lake.verdicts import MADE_BY, Verdict, read_all_verdicts
from lakemill.registry.ledger import TABLE as LEDGER
from lakemill.registry.ledger import find_champion


@dataclass(frozen=True)
class Again:
    """A partition that is to be ingested again.

    Attributes
    ----------
    partition : str
    reasons : tuple of str
    """

    partition: str
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Training:
    """A training that the files ask for.

    Attributes
    ----------
    partition : str
        The last one published: it is trained as of its end.
    reason : str
    """

    partition: str
    reason: str


@dataclass(frozen=True)
class Pending:
    """What is to be done that a lake answers to a workflow's files.

    Attributes
    ----------
    is_new : bool
        Whether nothing was ever ingested.
    published : int
        Partitions in the lake.
    missing : tuple of str
        Partitions without any rows yet, in order, of which something is delivered.
    undelivered : tuple of str
        Partitions that have ended, and of which nothing is delivered yet.
    again : tuple of Again
        Partitions that were ingested by other parts, or of which something else is delivered.
    unknown : int
        Partitions of which it is not known what they were made by: they were ingested by an older version.
    training : Training or None
    snapshots : int
        Snapshots that hold partitions which are ingested again.
    models : tuple of str
        Versions that were trained on these.
    champion : str or None
        Version in charge.
    """

    is_new: bool
    published: int
    missing: tuple[str, ...] = ()
    undelivered: tuple[str, ...] = ()
    again: tuple[Again, ...] = ()
    unknown: int = 0
    training: Training | None = None
    snapshots: int = 0
    models: tuple[str, ...] = ()
    champion: str | None = None

    @property
    def is_any(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.missing or self.again or self.training)


def find_pending(
    workflow: Workflow,
    lake: Lake,
    *,
    project: Path,
    connections: Connections,
    now: datetime,
    looks_at_deliveries: bool = True,
    report: Callable[[str], None] = lambda text: None,
) -> Pending:
    """Compare a lake with a workflow's files.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    project : Path
        What relative paths start at.
    connections : Connections
    now : datetime
        Partitions that end later are not missing yet.
    looks_at_deliveries : bool
        False where sources are not seen from here as tasks see them: then only the files of the workflow count.
    report : callable
        Told of a source that cannot be looked at.

    Returns
    -------
    Pending
    """
    verdicts = read_all_verdicts(lake)
    ingested = {key: one for key, one in verdicts["ingestion"].items() if workflow.partition.holds(key)}
    published = [key for key, one in ingested.items() if one.verdict != "blocked"]
    missing = _find_missing(workflow, ingested, lake, now)
    undelivered: tuple[str, ...] = ()
    stale = find_stale(
        workflow,
        lake,
        project=project,
        connections=connections,
        report=report,
        looks_at_files=True,
        looks_at_deliveries=looks_at_deliveries,
    )
    if looks_at_deliveries:
        undelivered = _find_undelivered(workflow, missing, lake, project=project, connections=connections)
    again = tuple(Again(one.partition, one.reasons) for one in stale)
    snapshots, models = _find_models(lake, {one.partition for one in stale})
    champion = find_champion(lake, as_of=now)
    return Pending(
        is_new=not ingested,
        published=len(published),
        missing=tuple(key for key in missing if key not in undelivered),
        undelivered=undelivered,
        again=again,
        unknown=sum(MADE_BY not in one.evidence for one in ingested.values()),
        training=_find_training(workflow, verdicts["gate"], published),
        snapshots=snapshots,
        models=models,
        champion=champion.version if champion is not None else None,
    )


def _find_missing(workflow: Workflow, ingested: dict[str, Verdict], lake: Lake, now: datetime) -> list[str]:
    partition = workflow.partition
    last = partition.last_ended(now)
    keys = partition.keys(partition.start, min(last, partition.end) if partition.end else last)
    missing = [key for key in keys if key not in ingested]
    sensors = [name for name, source in workflow.collect.items() if isinstance(source, MqttSource)]
    for name in sensors if missing else ():  # readings come when they like: later than the last landed is nothing
        newest = max(landed_partitions(lake, name), default="")
        missing = [key for key in missing if key <= newest]
    return missing


def _find_undelivered(
    workflow: Workflow, missing: list[str], lake: Lake, *, project: Path, connections: Connections
) -> tuple[str, ...]:
    """Return the missing partitions at the end of which a source of files says that nothing is there yet.

    One before that holds up those after it, and is to be told when it is run.
    """
    found = set()
    with TemporaryDirectory(prefix="lakemill-") as scratch:
        for name, source in workflow.table_sources.items():
            if not isinstance(source, (FilesSource, *MEDIA)):
                continue
            where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
            start = Request(name, workflow.partition, "", lake, project, where, connections, Path(scratch))
            for key in missing:
                try:
                    open_delivery(source, replace(start, key=key))
                except NothingDeliveredError:
                    found.add(key)
                except CollectionError:
                    break  # that is said when it is collected
    last = max((key for key in missing if key not in found), default="")
    return tuple(key for key in missing if key in found and key > last)


def _find_training(workflow: Workflow, gates: dict[str, Verdict], published: list[str]) -> Training | None:
    """Return the training that a changed file asks for; the first one is asked for by monitoring alone."""
    judged = [key for key in gates if workflow.partition.holds(key)]
    if not judged or not published:
        return None
    last = gates[max(judged)].evidence.get("training", workflow.training_hash())
    if last == workflow.training_hash():
        return None
    return Training(published[-1], f"its training part is another than at the last training, as of {max(judged)}")


def _find_models(lake: Lake, partitions: set[str]) -> tuple[int, tuple[str, ...]]:
    """Return how many snapshots hold any of some partitions, and which promoted versions were trained on these."""
    if not partitions:
        return 0, ()
    names = [name.rsplit("/", 1)[-1] for name in lake.list_documents("snapshots")]
    documents = {name: lake.read_document(f"snapshots/{name}") or {} for name in names}
    held = {name for name, one in documents.items() if partitions & set(one.get("partitions", ()))}
    rows = lake.read(LEDGER)
    promoted = [] if rows is None else rows.sort_by("recorded_at").to_pylist()
    return len(held), tuple(dict.fromkeys(one["version"] for one in promoted if one["snapshot"] in held))
