"""The step ``judge``: everything that monitoring finds of one partition, made into one verdict.

Stays out: the measures and the rules, each in a module of its own.
"""

import json
import math
from typing import Any

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring.decision import Facts, decide
from lakemill.monitoring.estimated import find_estimated
from lakemill.monitoring.finding_drift import find_data_drift, find_drift_together, find_prediction_drift
from lakemill.monitoring.performance import Performance, realise
from lakemill.monitoring.wording import put_in_evidence
from lakemill.registry.ledger import Entry, find_champion
from lakemill.registry.models import Registry


def judge_partition(workflow: Workflow, key: str, lake: Lake, registry: Registry) -> dict[str, Any]:
    """Judge one partition as of its end, by the champion that was in charge of it.

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
        ``verdict`` (nothing, note, alert or retrain) and ``reason``.
    """
    interval = workflow.partition.interval(key)
    champion = find_champion(lake, as_of=interval.start)
    gates = {
        at: verdict for at, verdict in read_verdicts(lake, "gate").items() if at < key and workflow.partition.holds(at)
    }
    ingested = read_verdicts(lake, "ingestion")
    published = [
        at
        for at, verdict in ingested.items()
        if at <= key and verdict.verdict != "blocked" and workflow.partition.holds(at)
    ]
    data = find_data_drift(workflow, key, lake, registry, champion)
    predictions = find_prediction_drift(workflow, key, lake, champion)
    together = find_drift_together(workflow, key, lake, champion)
    enough = max(1, workflow.monitor.columns * len(data.drifts))
    performance = realise(workflow, key, lake)
    expected = _expected_score(champion, gates)
    estimated = find_estimated(workflow, key, lake, registry, champion, expected)
    facts = Facts(
        partitions=len(published),
        has_champion=champion is not None,
        since_training=len(workflow.partition.keys(max(gates), key)) - 1 if gates else None,
        has_changed=bool(gates) and _asks_for_another(workflow, gates[max(gates)]),
        has_drifted=len(data.drifted) >= enough or bool(together.drifted),
        has_decayed=_has_decayed(workflow, performance, expected),
    )
    decision = decide(facts, workflow.retrain)
    evidence = {
        "champion": champion.version if champion else None,
        "metric": workflow.train.metric,
        "score": _number(performance.score),
        "expected": _number(expected),
        "rows": performance.rows,
        "digest": ingested[key].evidence.get("digest") if key in ingested else None,
        **_find_labels_digest(ingested.get(key)),
        **put_in_evidence(data.drifts, data.drifted, data.moved or {}),
        "prediction_drift": put_in_evidence(predictions.drifts, predictions.drifted, {}),
        "drift_together": put_in_evidence(together.drifts, together.drifted, {}) if workflow.monitor.together else None,
        **estimated.evidence,
        "facts": vars(facts),
    }  # fmt: skip
    json.dumps(evidence, allow_nan=False)
    record_verdict(lake, Verdict("monitoring", key, interval.end, decision.verdict, (decision.reason,), evidence))
    return {"verdict": decision.verdict, "reason": decision.reason}


def _find_labels_digest(ingested: Verdict | None) -> dict[str, str]:
    """Return what tells which later labels this judgement knew, where the workflow has such labels."""
    labels = ingested.evidence.get("labels") if ingested is not None else None
    return {"labels": labels["digest"]} if labels else {}


def _expected_score(champion: Entry | None, gates: dict[str, Verdict]) -> float:
    """Return what the champion scored at the gate, NaN where that is not known."""
    for verdict in gates.values():
        if champion is not None and verdict.evidence.get("version") == champion.version:
            score = verdict.evidence["score"]
            return math.nan if score is None else float(score)
    return math.nan


def _asks_for_another(workflow: Workflow, last: Verdict) -> bool:
    """Tell whether the file has changed since the last training, whether or not that one was let through."""
    return last.evidence.get("training", workflow.training_hash()) != workflow.training_hash()


def _has_decayed(workflow: Workflow, performance: Performance, expected: float) -> bool:
    limit = workflow.monitor.decay
    if limit is None or performance.rows < workflow.monitor.rows or math.isnan(expected):
        return False
    return METRICS[workflow.train.metric].gain(performance.score, expected) < -limit


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
