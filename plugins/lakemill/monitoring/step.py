"""The step ``judge``: everything that monitoring finds of one partition, made into one verdict.

Stays out: the measures and the rules, each in a module of its own.
"""

import json
import math
from datetime import datetime
from typing import Any

from lakemill.config import Workflow
from lakemill.evaluation.standard_errors import make_interval
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring import findings
from lakemill.monitoring.challenged import Match, challenge, describe, tell_whether_it_helped
from lakemill.monitoring.decay import judge_decay
from lakemill.monitoring.decision import Facts, decide
from lakemill.monitoring.estimated import find_estimated
from lakemill.monitoring.finding_drift import (
    Found,
    find_data_drift,
    find_drift_together,
    find_label_shift,
    find_prediction_drift,
)
from lakemill.monitoring.findings import Finding, round_figure
from lakemill.monitoring.performance import Performance, find_matured, read_predictions, score_predictions
from lakemill.monitoring.quality import judge_quality
from lakemill.monitoring.rolling_back import is_in_charge, take_back
from lakemill.monitoring.wording import describe_drift, put_in_evidence
from lakemill.registry.ledger import Entry, find_champion
from lakemill.registry.models import Registry


def judge_partition(
    workflow: Workflow, key: str, lake: Lake, registry: Registry, *, recorded_at: datetime | None = None
) -> dict[str, Any]:
    """Judge one partition as of its end, by the champion that was in charge of it; roll back where that follows.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    registry : Registry
    recorded_at : datetime, optional
        When a rollback is written down; the end of the partition if left out.

    Returns
    -------
    dict
        ``partition``, ``verdict`` (nothing, note, alert, retrain or roll back), ``reason``, and the ``findings`` that
        hold, each with its text.
    """
    interval = workflow.partition.interval(key)
    champion = find_champion(lake, as_of=interval.start)
    gates, judged = (
        {at: one for at, one in read_verdicts(lake, kind).items() if at < key and workflow.partition.holds(at)}
        for kind in ("gate", "monitoring")
    )
    ingested = {
        at: one for at, one in read_verdicts(lake, "ingestion").items() if at <= key and workflow.partition.holds(at)
    }
    data = find_data_drift(workflow, key, lake, registry, champion)
    predictions = find_prediction_drift(workflow, key, lake, champion)
    together = find_drift_together(workflow, key, lake, champion)
    labels = find_label_shift(workflow, key, lake, champion)
    made = read_predictions(workflow, lake, find_matured(workflow, key, lake))
    performance, expected = score_predictions(workflow, made), _expected_score(champion, gates)
    worse_than_candidate, last = challenge(workflow, key, lake, registry, champion, made, judged, by="candidate")
    worse_than_previous, before = challenge(workflow, key, lake, registry, champion, made, judged, by="previous")
    estimated = find_estimated(workflow, key, lake, registry, champion, made, expected, judged)
    found = (
        judge_quality(workflow, ingested.get(key), (one for at, one in ingested.items() if at < key)),
        _judge_data_drift(workflow, data, together),
        _judge_drift("prediction_drift", predictions),
        _judge_drift("label_shift", labels),
        estimated.performance,
        _judge_realised(workflow, performance, expected),
        estimated.concept_drift,
        worse_than_candidate,
        worse_than_previous,
    )
    facts = Facts(
        partitions=sum(one.verdict != "blocked" for one in ingested.values()),
        has_champion=champion is not None,
        since_training=len(workflow.partition.keys(max(gates), key)) - 1 if gates else None,
        has_changed=bool(gates) and _asks_for_another(workflow, gates[max(gates)]),
        findings={one.name: one.holds for one in found},
        is_in_charge=is_in_charge(workflow, key, lake, champion),
    )
    decision = decide(facts, workflow.retrain, workflow.decide)
    evidence = {
        "champion": champion.version if champion else None,
        "metric": workflow.train.metric,
        "score": _number(performance.score),
        "standard_error": round_figure(performance.standard_error),
        "expected": _number(expected),
        "rows": performance.rows,
        "digest": ingested[key].evidence.get("digest") if key in ingested else None,
        **_find_labels_digest(ingested.get(key)),
        **put_in_evidence(data.drifts, data.drifted, data.moved or {}),
        "prediction_drift": put_in_evidence(predictions.drifts, predictions.drifted, {}),
        "label_shift": put_in_evidence(labels.drifts, labels.drifted, {}),
        "drift_together": put_in_evidence(together.drifts, together.drifted, {}) if workflow.monitor.together else None,
        "against_candidate": _describe(last),
        "against_previous": _describe(before),
        "last_training": tell_whether_it_helped(workflow, champion, before, judged),
        "findings": findings.put_in_evidence(found, workflow.decide),
        **estimated.evidence,
        "facts": vars(facts),
    }  # fmt: skip
    json.dumps(evidence, allow_nan=False)
    if decision.verdict == "roll back":  # before the verdict, which later partitions wait for
        reason = next(one.text for one in found if one.name == "worse_than_previous")
        take_back(workflow, key, lake, registry, before, reason=reason, recorded_at=recorded_at or interval.end)
    record_verdict(lake, Verdict("monitoring", key, interval.end, decision.verdict, (decision.reason,), evidence))
    told = [{"finding": one.name, "text": one.text} for one in found if one.holds]
    return {"partition": key, "verdict": decision.verdict, "reason": decision.reason, "findings": told}


def _judge_data_drift(workflow: Workflow, data: Found, together: Found) -> Finding:
    if not data.drifts:
        return Finding("data_drift", None, "there is nothing to compare it with")
    enough = max(1, workflow.monitor.columns * len(data.drifts))
    named = f": {', '.join(data.drifted)}" if data.drifted else ""
    text = f"{len(data.drifted)} of {len(data.drifts)} columns have drifted{named}"
    if together.drifted:
        text += "; all columns together tell it from the reference"
    return Finding("data_drift", len(data.drifted) >= enough or bool(together.drifted), text)


def _judge_drift(name: str, found: Found) -> Finding:
    told = [f"{one.column}: {describe_drift(one)}" for one in found.drifts if one.column in found.drifted]
    if not found.drifts:
        return Finding(name, None, "there is nothing to compare it with")
    return Finding(name, bool(found.drifted), "; ".join(told) or "none found")


def _judge_realised(workflow: Workflow, performance: Performance, expected: float) -> Finding:
    evidence = {
        "score": _number(performance.score),
        "standard_error": round_figure(performance.standard_error),
        "expected": _number(expected),
        "rows": performance.rows,
    }
    return judge_decay(
        workflow,
        "realised_performance",
        score=performance.score,
        interval=make_interval(performance.score, performance.standard_error),
        rows=performance.rows,
        expected=expected,
        evidence=evidence,
    )


def _describe(match: Match | None) -> dict[str, Any] | None:
    return describe(match) if match is not None else None


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


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
