"""The step ``collect`` of readings: what has landed of a partition, merged into its rows.

Readings that come later land too, and are merged when the partition is collected again. Stays out: receiving them.
"""

import hashlib
import json
import uuid
from datetime import datetime
from functools import partial
from typing import Any

import pyarrow as pa

from lakemill.collection.delivery import LONGEST_TEXT, Refused, Request
from lakemill.collection.readings import INSTANT, TopicPattern
from lakemill.config.sources import MqttSource
from lakemill.lake import quarantine
from lakemill.lake.deliveries import Part, Record, read_deliveries, record_delivery
from lakemill.lake.landing import clear_unfinished, land, landed_files, landed_partitions, remove_landed
from lakemill.lake.locks import hold_lock
from lakemill.lake.merging import Merge, Merged, count_rows, ensure_table, merge_landed

PROVENANCE = {"source_file": pa.string(), "source_row": pa.int64(), "ingested_at": INSTANT, "delivery": pa.string()}


def collect_landed(source: MqttSource, request: Request, *, ingested_at: datetime) -> dict[str, Any]:
    """Merge what has landed of a partition into ``raw_<source>``, and all that was refused into quarantine.

    A reading that came twice, by its key, is kept as it was first received. Killed anywhere and run again, the same
    rows are there: a landed file is removed only when its rows are in the table for good.

    Parameters
    ----------
    source : MqttSource
    request : Request
    ingested_at : datetime
        Of the record of the delivery; rows keep when they were received.

    Returns
    -------
    dict
        ``source``, ``rows`` (all of the partition), ``malformed``, ``delivery``, ``changed``.

    Raises
    ------
    LakeError
        If all readings have a field that the table has no column for, and ``columns`` is ``fixed``: they stay landed.
        Beside others they are refused.
    """
    with hold_lock(request.lake, f"refused-{request.source}"):
        _sweep_refused(request)
    with hold_lock(request.lake, f"landed-{request.source}-{request.key}"):
        return _collect(source, request, ingested_at)


def _collect(source: MqttSource, request: Request, ingested_at: datetime) -> dict[str, Any]:
    lake, name, key = request.lake, request.source, request.key
    clear_unfinished(lake, name, f"collect {key}")  # under the lock, so of a killed one
    paths = landed_files(lake, name, key)
    names = dict.fromkeys((*TopicPattern(source.topic).names, *source.key, source.event_time))
    ensure_table(lake, f"raw_{name}", pa.schema({**dict.fromkeys(names, pa.string()), **PROVENANCE}))
    merged = _merge(source, request, paths) if paths else None
    with hold_lock(lake, f"refused-{name}"):  # what did not fit; before the landed files go
        _sweep_refused(request)
    held = read_deliveries(lake, name, [key]).get(key)
    before = held.parts.get(key) if held is not None else None
    refused = count_rows(lake, quarantine.TABLE, key, {"source": name, "step": "collect"})
    rows = merged.rows if merged is not None else count_rows(lake, f"raw_{name}", key)
    digest = merged.digest if merged is not None else before.digest if before is not None else ""
    part = Part(rows, refused, digest)
    record = Record(_name(request, part), "", source.topic, ingested_at, {key: part})
    if held is None or part != before:
        record_delivery(lake, name, key, record)
    remove_landed(lake, paths)  # after the record: if this is cut off before it, they are merged and recorded again
    has_changed = before is None or (part.rows, part.digest) != (before.rows, before.digest)
    return {
        "source": name,
        "rows": rows,
        "malformed": refused,
        "delivery": held.delivery if held is not None and part == before else record.delivery,
        "changed": has_changed or (merged is not None and merged.has_changed),
    }


def _merge(source: MqttSource, request: Request, paths: list[str]) -> Merged:
    merge = Merge(
        table=f"raw_{request.source}",
        partition=request.key,
        identity=source.key,
        first_by=("ingested_at", "source_file", "source_row", "delivery"),
        order=(source.event_time,),
        provenance=("ingested_at", "delivery"),
        may_grow=source.columns == "grow",
        where=f"{request.where} ({source.topic})",
        set_aside=partial(_refuse, request),
    )
    return merge_landed(request.lake, merge, paths, scratch=request.scratch)


def _refuse(request: Request, rows: list[dict[str, Any]], reason: str) -> None:
    """Land readings that do not fit as refused: killed after it and run again, they are the same."""
    refused = []
    for row in rows:
        said = {name: value for name, value in row.items() if value is not None and name not in PROVENANCE}
        text = json.dumps(said, ensure_ascii=False)[:LONGEST_TEXT]
        refused.append(Refused(reason, row["source_file"], row["source_row"], text))
    land(
        request.lake,
        request.source,
        f"misfit-{uuid.uuid4().hex}",
        {},
        {request.key: refused},
        writer=f"collect {request.key}",
    )


def _sweep_refused(request: Request) -> None:
    """Bring all that was refused into quarantine, each of a partition's once, however often it came."""
    for key in landed_partitions(request.lake, request.source, refused=True):
        paths = landed_files(request.lake, request.source, key, refused=True)
        merge = Merge(
            table=quarantine.TABLE,
            partition=key,
            within=(("source", request.source), ("step", "collect")),
            identity=("row", "reasons"),
            first_by=(),
            provenance=("reasons",),
            may_grow=True,
            where=f"{request.where}: quarantine",
        )
        merge_landed(request.lake, merge, paths, scratch=request.scratch)
        remove_landed(request.lake, paths)


def _name(request: Request, part: Part) -> str:
    said = f"{request.source}\n{request.key}\n{part.digest}\n{part.rows}"
    return hashlib.sha256(said.encode()).hexdigest()[:16]
