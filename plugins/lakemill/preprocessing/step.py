"""The steps ``clean`` and ``publish``: accepted rows mended, and made the content of the table ``clean``.

Stays out: the rules (``cleaning``), and what they may know of the past (``knowledge.py``).
"""

import hashlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection import read_kinds
from lakemill.collection.replaying import find_accepted
from lakemill.config import TABLE, Workflow
from lakemill.exceptions import BlockedPartitionError
from lakemill.lake import Lake
from lakemill.lake.cleaning import Line, keep_report
from lakemill.lake.late_labels import keep_labels
from lakemill.lake.quarantine import keep_refused
from lakemill.lake.released import read_releases
from lakemill.lake.verdicts import Verdict, read_verdicts, record_blocked, record_verdict
from lakemill.preprocessing.cleaning import Applied, CleanRows, clean_rows
from lakemill.preprocessing.knowledge import make_context


def clean_partition(
    workflow: Workflow,
    key: str,
    lake: Lake,
    *,
    project: Path = Path(),
    made_by: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    """Clean the accepted rows of one partition and stage them for ``publish``; keep the report, and what is refused.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    project : Path
        What the paths of references start at.
    made_by : mapping of str to str, optional
        Digests of the parts of the workflow (`config.versions.name_makers`), kept with a partition that is blocked.

    Returns
    -------
    dict
        ``rows`` left, ``duplicates`` dropped in all, ``changed`` cells and ``dropped`` rows by rule, ``refused`` rows,
        ``flagged`` by rule, ``accepted``: rows that are in because a person said so.

    Raises
    ------
    BlockedPartitionError
        If all rows are refused.
    """
    accepted = lake.staged("validate", key)
    spared = find_accepted(accepted, read_releases(lake, key), source=TABLE, step="clean").tolist()
    context, kinds = make_context(workflow, key, lake, project=project), read_kinds(workflow, lake) or {}
    cleaned = clean_rows(workflow, accepted, context, accepted=spared, kinds=kinds)
    _keep_refused(lake, key, accepted, cleaned)
    keep_report(lake, key, [line for one in cleaned.applied for line in _report(one)])
    _block_where_all_is_refused(workflow, key, lake, accepted, cleaned, made_by)
    lake.stage("clean", key, cleaned.rows)
    changed: dict[str, int] = {}
    dropped: dict[str, int] = {}
    flagged: dict[str, int] = {}
    for one in cleaned.applied:
        changed[one.rule] = changed.get(one.rule, 0) + one.cells
        dropped[one.rule] = dropped.get(one.rule, 0) + one.dropped
        flagged[one.rule] = flagged.get(one.rule, 0) + sum(effect.flagged for effect in one.effects)
    return {
        "rows": len(cleaned.rows),
        "duplicates": sum(dropped.values()),
        "changed": changed,
        "dropped": {rule: count for rule, count in dropped.items() if count},
        "flagged": {rule: count for rule, count in flagged.items() if count},
        "refused": len(cleaned.refused),
        "accepted": len(set(spared) - set(cleaned.refused)),
    }


def _keep_refused(lake: Lake, key: str, accepted: pa.Table, cleaned: CleanRows) -> None:
    refused = accepted.take(list(cleaned.refused)).to_pylist() if cleaned.refused else []
    rows = list(zip(refused, cleaned.refused.values(), strict=True))  # as they came: they can be mended and replayed
    keep_refused(lake, key, source=TABLE, step="clean", refused=rows)


def _report(one: Applied) -> list[Line]:
    if not one.effects:
        return [Line(one.position, one.rule, rows=one.rows)]
    return [Line(one.position, one.rule, rows=one.rows, **vars(effect)) for effect in one.effects]


def _block_where_all_is_refused(
    workflow: Workflow, key: str, lake: Lake, accepted: pa.Table, cleaned: CleanRows, made_by: Mapping[str, str] | None
) -> None:
    if not len(accepted) or len(cleaned.refused) < len(accepted):
        return
    reasons = sorted({reason for said in cleaned.refused.values() for reason in said})
    as_of, texts = workflow.partition.interval(key).end, [f"clean: {reason}" for reason in reasons]
    record_blocked(lake, key, as_of, texts, made_by=made_by)
    raise BlockedPartitionError(
        f"cleaning refuses all {len(accepted)} rows: " + "; ".join(reasons[:5]),
        where=f"{workflow.workflow} {key}",
        remedy="mend the data or the rules under clean; the rows are in quarantine",
    )


def publish_partition(
    workflow: Workflow, key: str, lake: Lake, *, validated: dict[str, Any], cleaned: dict[str, Any]
) -> dict[str, Any]:
    """Make the cleaned rows the partition's content of ``clean``, in one commit, and record how they came about.

    Labels that came later, for rows of whatever partition, become the partition's content of ``labels``.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    validated, cleaned : dict
        What the steps before returned.

    Returns
    -------
    dict
        ``rows``, ``changed`` (whether the table was), ``is_judged`` (whether these rows have been scored and judged).
    """
    rows = lake.staged("clean", key)
    if "labels" in validated:  # before the verdict: who finds that finds them
        labels = lake.staged("labels", key)
        keep_labels(lake, key, labels)
        validated = {**validated, "labels": {**validated["labels"], "digest": digest_rows(labels)}}
    changed = lake.replace_partition("clean", key, rows)
    digest = digest_rows(rows)
    evidence = {**validated, "duplicates": cleaned["duplicates"], "cells": cleaned["changed"]}
    evidence.update(dropped=cleaned["dropped"], flagged=cleaned["flagged"], clean=len(rows), digest=digest)
    evidence["quarantined"] = validated["quarantined"] + cleaned["refused"]
    if cleaned["accepted"]:
        before = validated.get("released", {}).get(TABLE, {"mended": 0, "accepted": 0})
        let_in = {**before, "accepted": before["accepted"] + cleaned["accepted"]}
        evidence["released"] = {**validated.get("released", {}), TABLE: let_in}
    verdict = "warned" if validated["warnings"] else "published"
    as_of = workflow.partition.interval(key).end
    record_verdict(lake, Verdict("ingestion", key, as_of, verdict, tuple(validated["warnings"]), evidence))
    judged = read_verdicts(lake, "monitoring").get(key)
    is_judged = judged is not None and judged.evidence.get("digest") == digest
    if "labels" in validated:
        is_judged = is_judged and judged is not None and judged.evidence.get("labels") == validated["labels"]["digest"]
    return {"rows": len(rows), "changed": changed, "is_judged": is_judged}


def digest_rows(rows: pa.Table) -> str:
    """Return a digest of a table's content: names, types, values and order.

    Parameters
    ----------
    rows : pyarrow.Table

    Returns
    -------
    str
        16 hexadecimal digits.

    Examples
    --------
    >>> digest_rows(pa.table({"x": [1, 2]})) == digest_rows(pa.table({"x": pa.chunked_array([[1], [2]])}))
    True
    """
    digest = hashlib.sha256()
    for name in rows.column_names:
        column = rows.column(name)
        digest.update(f"{name}:{column.type}:{len(column)}:{column.null_count};".encode())
        digest.update(np.packbits(column.is_valid().to_numpy()).tobytes())
        for part in _as_bytes(column.drop_null()):
            digest.update(part)
    return digest.hexdigest()[:16]


def _as_bytes(values: pa.ChunkedArray) -> Iterator[bytes]:
    """Yield bytes that are equal for equal values, however these lie in memory."""
    if pa.types.is_string(values.type):
        yield pc.binary_length(values).to_numpy().tobytes()
        for chunk in filter(len, values.chunks):
            offsets = np.frombuffer(chunk.buffers()[1], "int32")
            yield chunk.buffers()[2][offsets[chunk.offset] : offsets[chunk.offset + len(chunk)]].to_pybytes()
    elif pa.types.is_primitive(values.type):
        for chunk in values.chunks:
            yield chunk.to_numpy(zero_copy_only=False).tobytes()
    else:
        yield repr(values.to_pylist()).encode()
