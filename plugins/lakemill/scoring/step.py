"""The step ``score``: a partition's rows by the model that was in charge at its start, and by its challengers.

Rows are read, scored and written piece by piece. Stays out: what a model says of rows (``evaluation.scores``).
"""

import logging
from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.config import Workflow
from lakemill.evaluation.scored_rows import PIECE_ROWS, read_rows
from lakemill.evaluation.scores import score_rows, without_scores
from lakemill.exceptions import RegistryError
from lakemill.lake import Lake
from lakemill.lake.contents import ContentDigest
from lakemill.lake.streams import PartitionWriter
from lakemill.lake.times import SCORING, Time, record_times
from lakemill.registry.challengers import FINDERS, Challenger
from lakemill.registry.ledger import Entry, find_champion
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of
from lakemill.training.measuring import measure

TABLE = "predictions"
SHADOW = "shadow_predictions"


def score_partition(workflow: Workflow, key: str, lake: Lake, registry: Registry) -> dict[str, Any]:
    """Score one partition of ``clean`` into ``predictions``, and by challengers into ``shadow_predictions``.

    The champion is the one as of the partition's start: a later one has seen its labels.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    registry : Registry

    Returns
    -------
    dict
        ``rows``, ``scored``, ``version`` of the champion or None, ``changed`` (whether the table was).
    """
    start = workflow.partition.interval(key).start
    champion = find_champion(lake, as_of=start)
    reason = f"no champion as of the start of {key}"
    with measure() as cost:
        counts = _score(workflow, key, lake, registry, champion, table=TABLE, reason=reason)
    if champion is not None and counts["rows"]:
        rows = counts["rows"]
        told = Time(key, SCORING, snapshot=champion.snapshot, version=champion.version, rows=rows, **vars(cost))
        record_times(lake, [told], of=champion.version, is_anew=bool(counts["changed"]))
    for name in workflow.score.shadow:
        _score_beside(workflow, key, lake, registry, name, as_of=start)
    version = champion.version if champion else None
    return {"rows": counts["rows"], "scored": counts["scored"], "version": version, "changed": bool(counts["changed"])}


def find_outdated(workflow: Workflow, lake: Lake, *, since: datetime) -> list[str]:
    """Return the partitions whose scores are by another model than the one in charge at their start, in order.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    since : datetime
        Partitions that start earlier are not looked at.

    Returns
    -------
    list of str
    """
    calendar = workflow.partition
    outdated = []
    for key in lake.partitions(TABLE):
        if not calendar.holds(key) or calendar.interval(key).start < since:
            continue
        rows = lake.read(TABLE, [key], columns=["model_version"])
        versions = set() if rows is None else set(pc.unique(rows.column("model_version")).to_pylist()) - {None}
        champion = find_champion(lake, as_of=calendar.interval(key).start)
        if versions and versions != {champion.version if champion else None}:
            outdated.append(key)
    return outdated


def _score_beside(workflow: Workflow, key: str, lake: Lake, registry: Registry, name: str, *, as_of: datetime) -> None:
    """Score a partition by a challenger; what is wrong with it is told, and costs the champion's scores nothing."""
    challenger = FINDERS[name](lake, as_of=as_of)
    within, reason = {"challenger": name}, f"no challenger ({name}) as of the start of {key}"
    try:
        _score(workflow, key, lake, registry, challenger, table=SHADOW, reason=reason, within=within)
    except RegistryError as error:
        logging.getLogger(__name__).warning("no shadow scores: %s", error)
        _score(workflow, key, lake, registry, None, table=SHADOW, reason=error.problem, within=within)


def _score(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    model: Entry | Challenger | None,
    *,
    table: str,
    reason: str,
    within: dict[str, str] | None = None,
) -> dict[str, int]:
    """Make a model's scores (or none, for a reason) the content of a partition of a table, unless they are that."""
    counts = {"rows": 0, "scored": 0, "changed": 0}

    def count(pieces: Iterator[pa.Table]) -> Iterator[pa.Table]:
        for piece in pieces:
            counts["rows"] += len(piece)
            counts["scored"] += len(piece) - piece.column("score").null_count
            yield piece

    with PartitionWriter(lake, table, within=within, may_grow=True) as writer:
        made = count(_scores(workflow, key, lake, registry, model, reason))
        if _write(writer, key, made, _held(lake, table, key, within)):
            counts["changed"] = int(writer.commit([key]))
    return counts


def _scores(
    workflow: Workflow, key: str, lake: Lake, registry: Registry, model: Entry | Challenger | None, reason: str
) -> Iterator[pa.Table]:
    features = features_of(workflow, lake, model.snapshot) if model else workflow.features
    names = list(dict.fromkeys((*workflow.table.key, workflow.table.event_time)))
    pipeline = None
    for rows in _read(workflow, key, lake, windows=features.windows if model else ()):
        if model is None:
            scores, versions = without_scores(len(rows), reason), pa.nulls(len(rows), pa.string())
        else:
            pipeline = pipeline or registry.load(model.version)  # a partition without rows needs none
            scores = score_rows(pipeline, rows, features)
            is_scored = scores.column("score").is_valid()
            versions = pc.if_else(is_scored, model.version, pa.scalar(None, pa.string()))
        scored = rows.select([name for name in names if name in rows.column_names])
        for name in scores.column_names:
            if name == "reason":
                scored = scored.append_column("model_version", versions)
            scored = scored.append_column(name, scores.column(name))
        yield scored


def _read(workflow: Workflow, key: str, lake: Lake, *, windows: Any) -> Iterator[pa.Table]:
    if not windows:
        pieces = lake.stream("clean", key)
        yield from (piece for piece in (pieces.read() if pieces is not None else ()) if len(piece))
        return
    rows = read_rows(workflow, lake, key, windows)
    yield from (rows.slice(start, PIECE_ROWS) for start in range(0, len(rows), PIECE_ROWS))


def _held(lake: Lake, table: str, key: str, within: dict[str, str] | None) -> Iterator[pa.Table] | None:
    """Return what a table holds of the partition; None where it holds nothing."""
    if not lake.holds(table, key, within):
        return None
    pieces = lake.stream(table, key, within=within)
    return pieces.read() if pieces is not None else None


def _write(writer: PartitionWriter, key: str, made: Iterator[pa.Table], held: Iterator[pa.Table] | None) -> bool:
    """Write rows to where no reader sees them; tell whether they differ from those that are held."""
    digest: ContentDigest | None = None
    before = next(held, None) if held is not None else None
    names: list[str] = []
    for piece in made:
        writer.write(key, piece)
        names = piece.column_names
        if before is not None and set(names) <= set(before.column_names):
            digest = digest or ContentDigest(names)
            digest.add(_as_held(piece, before.schema))
    if before is None or held is None or digest is None:
        return before is not None or bool(names)
    own = ContentDigest(names)
    for piece in (before, *held):
        own.add(piece)
    return own != digest


def _as_held(piece: pa.Table, schema: pa.Schema) -> pa.Table:
    try:
        return piece.cast(pa.schema([schema.field(name) for name in piece.column_names]))
    except pa.ArrowInvalid:  # then they differ
        return piece
