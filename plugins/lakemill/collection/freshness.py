"""Which partitions are to be ingested again: other files made them, something else was delivered, they are marked.

A mark is somebody's word that rows or rules were mended. Stays out: publishing them anew, and sources that only reading
can tell about (http, sql).
"""

import hashlib
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lakemill.collection.delivery import Connections, Request
from lakemill.collection.kinds import open_delivery
from lakemill.collection.step import name_delivery
from lakemill.config import Workflow
from lakemill.config.sources import MEDIA, FilesSource, MqttSource, Source
from lakemill.config.versions import name_makers
from lakemill.exceptions import CollectionError, NothingDeliveredError
from lakemill.lake import Lake
from lakemill.lake.deliveries import NOT_YET, WHOLE, Record, read_deliveries
from lakemill.lake.landing import landed_files, landed_partitions
from lakemill.lake.marks import read_marks
from lakemill.lake.verdicts import MADE_BY, Verdict, read_verdicts


@dataclass(frozen=True)
class Stale:
    """A partition that has to be ingested again.

    Attributes
    ----------
    partition : str
    reasons : tuple of str
        What came, by source; why it is marked.
    state : str
        The same for as long as nothing else comes.
    """

    partition: str
    reasons: tuple[str, ...]
    state: str


def find_stale(
    workflow: Workflow,
    lake: Lake,
    *,
    project: Path,
    connections: Connections,
    report: Callable[[str], None] = lambda text: None,
    looks_at_files: bool = False,
    looks_at_deliveries: bool = True,
) -> list[Stale]:
    """Return the partitions with an ingestion verdict for which something else was delivered since, or a mark made.

    Where asked for, those too that other parts of the workflow's files or of the code have made (`PARTS`). What was
    ingested by an older version, which noted no parts, is not among them.

    Of one file that holds all partitions only reading it can tell which have changed: all are named, and collecting
    finds the others as they were.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    project : Path
        What relative paths start at.
    connections : Connections
    report : callable
        Told of a source that cannot be opened now: it makes nothing stale.
    looks_at_files : bool
        Whether the parts that made a partition are compared with those that there are now.
    looks_at_deliveries : bool
        False where sources are not seen from here as tasks see them: then they, and marks, are not looked at.

    Returns
    -------
    list of Stale
        In the order of partitions.
    """
    verdicts = {key: one for key, one in read_verdicts(lake, "ingestion").items() if workflow.partition.holds(key)}
    ingested = list(verdicts) if looks_at_deliveries else []
    found: dict[str, dict[str, str]] = {}
    states: dict[str, list[str]] = {}
    changed: dict[str, str] = {}
    for key, parts in _find_made_otherwise(verdicts, name_makers(workflow, project) if looks_at_files else {}).items():
        changed[key] = f"{', '.join(parts)} changed"
        states[key] = [f"{name} {digest}" for name, digest in parts.items()]
    with tempfile.TemporaryDirectory(prefix="lakemill-") as scratch:
        for name, source in workflow.collect.items() if ingested else ():
            if isinstance(source, MqttSource):
                what, news = (
                    "late readings",
                    {key: " ".join(paths) for key, paths in _find_landed(lake, name, ingested)},
                )
            elif isinstance(source, (FilesSource, *MEDIA)):
                where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
                start = Request(name, workflow.partition, ingested[0], lake, project, where, connections, Path(scratch))
                what, news = "a new delivery", _find_delivered(source, start, ingested, report)
            else:
                continue
            for key, state in news.items():
                found.setdefault(key, {})[name] = what
                states.setdefault(key, []).append(f"{name} {state}")
    marks = {key: made for key, made in read_marks(lake).items() if key in ingested}
    for key, made in marks.items():
        states.setdefault(key, []).extend(mark.name for mark in made)
    return [
        Stale(
            key,
            (
                *([changed[key]] if key in changed else []),
                *(f"{name}: {what}" for name, what in found.get(key, {}).items()),
                *dict.fromkeys(mark.reason for mark in marks.get(key, ())),
            ),
            hashlib.sha256("\n".join(states[key]).encode()).hexdigest()[:16],
        )
        for key in sorted(states)
    ]


def find_late(workflow: Workflow, lake: Lake) -> dict[str, tuple[str, ...]]:
    """Return what has landed for partitions that have an ingestion verdict already, by partition, in order.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake

    Returns
    -------
    dict of str to tuple of str
        Paths of landed files.
    """
    sources = [name for name, source in workflow.collect.items() if isinstance(source, MqttSource)]
    if not any(landed_partitions(lake, name) for name in sources):
        return {}
    ingested = [key for key in read_verdicts(lake, "ingestion") if workflow.partition.holds(key)]
    late: dict[str, tuple[str, ...]] = {}
    for name in sources:
        for key, paths in _find_landed(lake, name, ingested):
            late[key] = (*late.get(key, ()), *paths)
    return dict(sorted(late.items()))


def note_run(lake: Lake, partition: str, run_id: str, *, tried: str | None = None) -> None:
    """Keep which run ingests a partition: that run is cleared when the partition is stale.

    Parameters
    ----------
    lake : Lake
    partition : str
    run_id : str
    tried : str, optional
        The state (of `Stale`) that it was cleared for.
    """
    lake.write_document(f"runs/{partition}", {"run_id": run_id, "tried": tried})


def read_run(lake: Lake, partition: str) -> dict[str, str | None] | None:
    """Return the ``run_id`` that ingests a partition, and what it was last cleared for; None where none is known."""
    return lake.read_document(f"runs/{partition}")


def _find_made_otherwise(verdicts: Mapping[str, Verdict], makers: Mapping[str, str]) -> dict[str, dict[str, str]]:
    """Return the partitions that were made by other parts than these, with what these are by now."""
    found = {}
    for key, verdict in verdicts.items():
        made_by = verdict.evidence.get(MADE_BY, makers)
        if others := {name: digest for name, digest in makers.items() if made_by.get(name) != digest}:
            found[key] = others
    return found


def _find_landed(lake: Lake, source: str, ingested: Sequence[str]) -> list[tuple[str, list[str]]]:
    landed = sorted(set(landed_partitions(lake, source)) & set(ingested))
    # one whose files are merged and removed meanwhile has none
    return [(key, paths) for key in landed if (paths := landed_files(lake, source, key))]


def _find_delivered(
    source: Source, start: Request, ingested: Sequence[str], report: Callable[[str], None]
) -> dict[str, str]:
    """Return the partitions whose delivery is another than the lake holds, each with the name of that."""
    held = read_deliveries(start.lake, start.source)
    found, reported = {}, set()
    for key in ingested:
        try:
            delivery = open_delivery(source, replace(start, key=key))
        except CollectionError as error:
            if isinstance(error, NothingDeliveredError) and key in held and held[key].fingerprint == NOT_YET:
                continue
            if error.problem not in reported:  # an address that does not answer is the same for all partitions
                report(f"{start.source}: cannot be looked at: {error.problem}")
                reported.add(error.problem)
            continue
        named = name_delivery(source, delivery)
        if delivery.is_whole:
            return dict.fromkeys(ingested, str(named)) if _is_other(named, held.get(WHOLE)) else {}
        if _is_other(named, held.get(key)):
            found[key] = str(named)
    return found


def _is_other(named: str | None, held: Record | None) -> bool:
    """Tell whether a delivery is another than the lake holds; without a record ingestion itself is not done with it."""
    return held is not None and named is not None and named != held.fingerprint
