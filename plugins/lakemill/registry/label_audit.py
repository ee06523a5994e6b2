"""The step ``audit_labels`` of a training run: the snapshot's labels audited, and what was found kept in the lake.

Stays out: the audit itself (``labels``), and what people answer.
"""

import math
from datetime import datetime
from typing import Any

import pyarrow as pa
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.evaluation.ceiling import find_attenuation, limit_by_classes, limit_by_values
from lakemill.evaluation.metrics import METRICS
from lakemill.labels.audit import Audit, audit_labels, choose_rows
from lakemill.labels.judges import make_judge
from lakemill.lake import Lake
from lakemill.lake.label_corrections import name_settled, read_corrections
from lakemill.lake.label_reviews import Review, record_reviews
from lakemill.lake.row_names import name_rows
from lakemill.lake.storage import PARTITION
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.preprocessing.features import make_target
from lakemill.training.estimators import make_pipeline
from lakemill.training.found_features import recall_features
from lakemill.training.snapshots import open_snapshot

DIGITS = 6  # of figures that are kept; the last ones differ from one processor to the next


def audit_snapshot(workflow: Workflow, lake: Lake, snapshot: str, *, partition: str, as_of: datetime) -> dict[str, Any]:
    """Audit the labels of a snapshot; the same snapshot gives the same findings.

    Its figures become a verdict of the kind ``labels``, its suspects the queue of reviews, and the positions of rows
    that are kept from fitting a document.

    Parameters
    ----------
    workflow : Workflow
    lake : Lake
    snapshot : str
        Its id.
    partition : str
        The last one that it knows.
    as_of : datetime

    Returns
    -------
    dict
        ``verdict`` (estimated, unclear or skipped), ``reason``, and the figures.
    """
    if not workflow.labels.audit:
        return {"verdict": "skipped", "reason": "labels.audit is false"}
    workflow = recall_features(workflow, lake, snapshot)
    known = open_snapshot(workflow, lake, snapshot)
    at = choose_rows(workflow, make_target(known.index, workflow.table.label))
    named = {*known.index.column_names, *workflow.features.columns, *workflow.labels.annotators, PARTITION}
    rows = known.take(at, [name for name in known.schema.names if name in named])
    found = audit_labels(workflow, rows, lambda: _make_model(workflow), of=len(known))
    figures: dict[str, Any] = {"snapshot": snapshot}
    if isinstance(found, str):
        verdict, reason, dropped = "skipped", found, []
    else:
        figures |= _describe(workflow, found)
        verdict, reason = _judge(found, figures, workflow.train.metric)
        is_dropping = workflow.labels.flagged == "drop"
        dropped = [int(row) for row in at[found.flagged]] if is_dropping else []
        record_reviews(lake, partition, _make_queue(workflow, lake, rows, found, snapshot, as_of))
    lake.write_document(
        f"label_audits/{snapshot}", {**figures, "verdict": verdict, "reason": reason, "dropped": dropped}
    )
    record_verdict(lake, Verdict("labels", partition, as_of, verdict, (reason,), figures))
    return {"verdict": verdict, "reason": reason, **figures}


def read_audit(lake: Lake, snapshot: str) -> dict[str, Any]:
    """Return what was found of a snapshot's labels; nothing where they were not audited."""
    return lake.read_document(f"label_audits/{snapshot}") or {}


def summarise_noise(audit: dict[str, Any]) -> dict[str, Any] | None:
    """Return what the gate keeps of an audit with its evidence; None where there was none."""
    names = ("verdict", "noise_rate", "noise_low", "noise_high", "ceiling", "attenuation", "flagged")
    return {name: audit.get(name) for name in names} | {"dropped": len(audit["dropped"])} if audit else None


def _make_model(workflow: Workflow) -> Pipeline:
    name, problem, seed = workflow.labels.candidate, workflow.table.label.problem, workflow.train.seed
    if name is None:
        return make_judge(workflow.features, problem=problem, seed=seed)
    where = f"include/workflows/{workflow.workflow}.yaml: train.candidates.{name}"
    candidate = workflow.train.candidates[name].suit(len(workflow.features.columns))
    return make_pipeline(candidate, workflow.features, problem=problem, parameters={}, seed=seed, where=where)


def _describe(workflow: Workflow, found: Audit) -> dict[str, Any]:
    metric = METRICS[workflow.train.metric]
    if found.transition is None or found.prior is None:
        ceiling, attenuation = limit_by_values(metric, found.given, found.mended), math.nan
    else:
        ceiling = limit_by_classes(metric, found.classes, found.prior, found.transition)
        attenuation = find_attenuation(metric, found.prior, found.transition)
    agreement = found.agreement
    return {
        "rows": found.rows,
        "of": found.of,
        "noise_rate": _round(found.rate),
        "noise_low": _round(found.low),
        "noise_high": _round(found.high),
        "noise_counted": None if found.counted is None else _round(found.counted),
        "unclear": list(found.unclear),
        "metric": metric.name,
        "ceiling": _round(ceiling) if found.is_clear else None,
        "attenuation": _round(attenuation) if found.is_clear else None,
        "flagged": len(found.flagged),
        "conflicts": {"rows": found.conflicts.rows, "groups": found.conflicts.groups},
        "agreement": agreement
        and {
            "alpha": _round(agreement.alpha),
            "quality": {name: _round(value) for name, value in agreement.quality.items()},
            "labelled": agreement.labelled,
        },
    }


def _judge(found: Audit, figures: dict[str, Any], metric: str) -> tuple[str, str]:
    told = f"{found.rows:,} of {found.of:,} rows audited"
    if not found.is_clear:
        classes = ", ".join(found.unclear[:5])
        return "unclear", f"noise cannot be told from what the features don't tell of {classes}; {told}"
    rate = f"{found.rate:.1%} of labels wrong, between {found.low:.1%} and {found.high:.1%}"
    ceiling = f"; with them {metric} reaches {figures['ceiling']:.4f} at best" if figures["ceiling"] is not None else ""
    return "estimated", f"{rate}{ceiling}; {len(found.flagged):,} flagged; {told}"


def _make_queue(
    workflow: Workflow, lake: Lake, rows: pa.Table, found: Audit, snapshot: str, as_of: datetime
) -> list[Review]:
    """Return the most suspicious rows, without those that somebody had answered about by then."""
    settled = name_settled(read_corrections(lake, as_of=as_of))
    part = rows.take(pa.array([one.row for one in found.suspects], pa.int64()))
    names, partitions = name_rows(part, workflow.table.key), part.column(PARTITION).to_pylist()
    times = part.column(workflow.table.event_time).to_pylist()
    queue: list[Review] = []
    for one, name, partition, at in zip(found.suspects, names, partitions, times, strict=True):
        if (partition, name, one.given) in settled:
            continue
        if len(queue) == workflow.labels.reviews:
            break
        queue.append(
            Review(
                rank=len(queue) + 1,
                row_partition=partition,
                key=name,
                event_time=at,
                given=one.given,
                suggested=one.suggested,
                probability=None if one.probability is None else round(one.probability, DIGITS),
                suspicion=round(one.suspicion, DIGITS),
                is_flagged=one.is_flagged,
                reason=one.reason,
                snapshot=snapshot,
            )
        )
    return queue


def _round(value: float) -> float | None:
    return round(value, DIGITS) if math.isfinite(value) else None
