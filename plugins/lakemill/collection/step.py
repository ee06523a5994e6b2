"""The step ``collect``: what a source delivers for one partition, streamed into the lake's ``raw_`` table.

Stays out: how a kind of source is read.
"""

import hashlib
import tempfile
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any

import pyarrow as pa

from lakemill.collection.cutting import cut_piece
from lakemill.collection.delivery import PROVENANCE, Connections, Delivery, Piece, Request
from lakemill.collection.fitting import Fitting
from lakemill.collection.headers import Headers, Needed, find_needed
from lakemill.collection.kinds import open_delivery
from lakemill.collection.reading_ahead import read_ahead
from lakemill.config import Workflow
from lakemill.config.sources import MEDIA, FilesSource, HttpSource, MqttSource, Source
from lakemill.exceptions import BlockedPartitionError, NothingDeliveredError
from lakemill.lake import Lake
from lakemill.lake.deliveries import NOT_YET, WHOLE, Part, Record, read_deliveries, record_delivery
from lakemill.lake.locks import hold_lock
from lakemill.lake.quarantine import RefusedWriter
from lakemill.lake.streams import PartitionWriter, has_other_rows
from lakemill.lake.verdicts import record_blocked

READER = "2"  # counted up when a reader makes other rows of the same bytes: then all is read again


def collect_source(
    workflow: Workflow,
    name: str,
    key: str,
    lake: Lake,
    *,
    project: Path,
    ingested_at: datetime,
    connections: Connections,
    report: Callable[[str], None] = lambda text: None,
) -> dict[str, Any]:
    """Bring one source's rows of one partition into ``raw_<source>``.

    A delivery that the lake holds already is not read again. One that holds all partitions is read once for all. Files
    of labels that come later may not be there yet.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The source.
    key : str
        The partition.
    lake : Lake
    project : Path
        What relative paths start at.
    ingested_at : datetime
        When the lake learns these rows.
    connections : Connections
    report : callable
        Told, in a sentence, how far a long delivery is.

    Returns
    -------
    dict
        ``source``, ``rows``, ``malformed`` (what was refused: a row is one, and so is a whole file),
        ``malformed_files`` (the files of these), ``delivery``, ``changed`` (whether the raw table was).

    Raises
    ------
    CollectionError
        If the source cannot be reached, or delivers nothing at all.
    BlockedPartitionError
        If all that it delivered is refused.
    """
    source = workflow.collect[name]
    where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
    with tempfile.TemporaryDirectory(prefix="lakemill-") as scratch:
        request = Request(name, workflow.partition, key, lake, project, where, connections, Path(scratch))
        if isinstance(source, MqttSource):
            from lakemill.collection.landed import collect_landed

            return collect_landed(source, request, ingested_at=ingested_at)
        try:
            delivery = open_delivery(source, request)
        except NothingDeliveredError:
            if name != workflow.table.label.source:
                raise
            return _expect_later(request, ingested_at)
        needed = find_needed(workflow, name, project)
        if not delivery.is_whole:
            return _take(source, delivery, request, key, needed, ingested_at, report)
        # of the runs of a backfill one reads it, and the others find it read
        with hold_lock(lake, f"collect-{name}"):
            return _take(source, delivery, request, WHOLE, needed, ingested_at, report)


def name_delivery(source: Source, delivery: Delivery) -> str | None:
    """Return what tells, before a delivery is read, whether it is the one that the lake holds.

    Returns
    -------
    str or None
        16 hexadecimal digits; None where only reading it can tell.
    """
    if delivery.fingerprint is None:
        return None
    said = "\n".join((READER, source.model_dump_json(), delivery.location, delivery.fingerprint))
    return hashlib.sha256(said.encode()).hexdigest()[:16]


def _take(
    source: Source,
    delivery: Delivery,
    request: Request,
    record_key: str,
    needed: Needed,
    ingested_at: datetime,
    report: Callable[[str], None],
) -> dict[str, Any]:
    held = read_deliveries(request.lake, request.source, [record_key]).get(record_key)
    fingerprint = name_delivery(source, delivery)
    if request.lake.version(f"raw_{request.source}") < 0:
        held = None
    if held is not None and fingerprint is not None and held.fingerprint == fingerprint:
        return _summarise(request, held, changed=False)
    named = fingerprint or hashlib.sha256(f"{delivery.location}\n{record_key}\n{ingested_at}".encode()).hexdigest()[:16]
    parts, changed = _stream(source, delivery, request, needed, named, ingested_at, held, report)
    if not changed and held is not None:  # the same rows under another date or address: theirs stay
        named, ingested_at = held.delivery, held.ingested_at
    record = Record(named, fingerprint or "", delivery.location, ingested_at, parts)
    record_delivery(request.lake, request.source, record_key, record)
    return _summarise(request, record, changed=changed)


def _expect_later(request: Request, ingested_at: datetime) -> dict[str, Any]:
    """Keep in mind that labels of a partition are still to come; what came before stays."""
    record = read_deliveries(request.lake, request.source, [request.key]).get(request.key)
    if record is None:
        record = Record(NOT_YET, NOT_YET, "", ingested_at, {request.key: Part(0, 0, "")})
        record_delivery(request.lake, request.source, request.key, record)
    return _summarise(request, record, changed=False)


def _stream(
    source: Source,
    delivery: Delivery,
    request: Request,
    needed: Needed,
    named: str,
    ingested_at: datetime,
    held: Record | None,
    report: Callable[[str], None],
) -> tuple[dict[str, Part], bool]:
    """Read a delivery into the lake; only partitions whose rows are others than the lake's are written."""
    counts: dict[str, list[int]] = defaultdict(lambda: [0, 0, 0])
    digests: dict[str, Any] = defaultdict(lambda: hashlib.sha256())
    # features of media come and go with the workflow file, which says so itself
    may_grow = source.columns == "grow" or isinstance(source, MEDIA)
    table = f"raw_{request.source}"
    reasons: list[str] = []
    # as long as the table has no rows but those that this delivery replaces, it is the first, and gives the columns
    is_first = not has_other_rows(request.lake, table, [request.key, *(held.parts if held is not None else ())])
    fitting = Fitting(_read_headers(source, delivery, request, needed, is_first))
    told = 0
    with (
        PartitionWriter(
            request.lake,
            table,
            may_grow=may_grow,
            columns_may_lack=may_grow or delivery.is_sparse,
            where=f"{request.where} ({delivery.location})",
            gives_columns=is_first,
        ) as rows,
        RefusedWriter(request.lake, source=request.source, step="collect") as refused,
        closing(read_ahead(delivery.pieces)) as pieces,
    ):

        def write(key: str, taken: pa.Table, may_lack: bool) -> None:
            rows.write(key, _stamp(taken, named, ingested_at), may_lack=may_lack)

        for piece in map(fitting.admit, pieces):
            for key, part in _by_partition(source, delivery, request, piece):
                if len(part.rows) or set(part.rows.column_names) - set(PROVENANCE):  # else it only tells of refusals
                    part = fitting.fit(part, partial(write, key))
                counts[key][0] += len(part.rows)
                counts[key][1] += len(part.refused)
                counts[key][2] += sum(one.source_row is None for one in part.refused)
                _digest(digests[key], part)
                refused.write(key, part.refused)
                reasons += [one.reason for one in part.refused[: 3 - len(reasons)]]
            total = sum(count[0] for count in counts.values())
            if total // 1_000_000 > told:
                told = total // 1_000_000
                report(f"{delivery.location}: {total:,} rows")
        fitting.require_any(sum(count[0] for count in counts.values()))
        if not delivery.is_whole:
            counts.setdefault(request.key, [0, 0, 0])
        parts = {
            key: Part(count[0], count[1], digests[key].hexdigest()[:16], count[2]) for key, count in counts.items()
        }
        before = held.parts if held is not None else {}
        changed = sorted(key for key in {*parts, *before} if parts.get(key) != before.get(key))
        if changed:
            refused.commit(changed)
        _require_rows(delivery, request, parts, reasons)  # else good rows from before would give way to none
        if changed:
            rows.commit(changed)
    return parts, bool(changed)


def _read_headers(
    source: Source, delivery: Delivery, request: Request, needed: Needed, is_first: bool
) -> Headers | None:
    """Return what judges the columns of files; None for a source whose columns come of one query, or of ourselves."""
    if not isinstance(source, FilesSource | HttpSource):
        return None
    table = request.lake.open(f"raw_{request.source}")
    held = [] if is_first or table is None else [field.name for field in table.schema().fields]
    return Headers(
        [name for name in held if name not in PROVENANCE],
        needed,
        peeked=delivery.peek() if is_first and source.columns == "fixed" else (),
        is_fixed=source.columns == "fixed",
        where=f"{request.where} ({delivery.location})",
    )


def _require_rows(delivery: Delivery, request: Request, parts: dict[str, Part], reasons: list[str]) -> None:
    """Stop where nothing but refused input came: a partition without rows would pass for one where nothing happened."""
    if any(part.rows for part in parts.values()) or not any(part.refused for part in parts.values()):
        return
    text = f"all of {delivery.location} is refused: {'; '.join(dict.fromkeys(reasons))}"
    record_blocked(request.lake, request.key, request.partition.interval(request.key).end, [text])
    raise BlockedPartitionError(
        text,
        where=request.where,
        remedy="it is in quarantine with the reasons; bring a good one and clear the run",
    )


def _by_partition(source: Source, delivery: Delivery, request: Request, piece: Piece) -> Iterator[tuple[str, Piece]]:
    if not delivery.is_whole:
        yield request.key, piece
        return
    column = getattr(source, "event_time")  # noqa: B009  kinds without it never deliver a whole
    yield from cut_piece(piece, column, request.partition, where=request.where)


def _stamp(rows: pa.Table, named: str, ingested_at: datetime) -> pa.Table:
    constants = {
        "delivery": pa.array([named], pa.string()),
        "ingested_at": pa.array([ingested_at], pa.timestamp("us", "UTC")),
    }
    for name, value in constants.items():
        rows = rows.append_column(name, pa.repeat(value[0], len(rows)))
    return rows


def _digest(digest: Any, part: Piece) -> None:
    for batch in part.rows.combine_chunks().to_batches():
        digest.update(batch.serialize())
    for one in part.refused:
        digest.update(repr(one).encode())


def _summarise(request: Request, record: Record, *, changed: bool) -> dict[str, Any]:
    part = record.parts.get(request.key, Part(0, 0, ""))
    return {
        "source": request.source,
        "rows": part.rows,
        "malformed": part.refused,
        "malformed_files": part.files,
        "delivery": record.delivery,
        "changed": changed,
    }
