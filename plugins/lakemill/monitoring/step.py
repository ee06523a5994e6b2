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
from lakemill.monitoring.drift import ColumnDrift, compare_profiles
from lakemill.monitoring.performance import Performance, realise
from lakemill.monitoring.profiles import profile_windows, read_profile
from lakemill.registry.ledger import Entry, find_champion
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of

MOST_COLUMNS = 20  # of the drift, kept with the verdict


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
    drifts = _find_drift(workflow, key, lake, champion)
    drifted = [one.column for one in drifts if one.has_drifted]
    performance = realise(workflow, key, lake)
    expected = _expected_score(champion, gates)
    facts = Facts(
        partitions=len(published),
        has_champion=champion is not None,
        since_training=len(workflow.partition.keys(max(gates), key)) - 1 if gates else None,
        has_changed=bool(gates) and _asks_for_another(workflow, gates[max(gates)]),
        has_drifted=bool(drifts) and len(drifted) >= max(1, workflow.monitor.columns * len(drifts)),
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
        "drifted": drifted,
        "columns": len(drifts),
        "drift": [{**vars(one), "effect": _number(one.effect), "p_value": _number(one.p_value)} for one in drifts]
        [:MOST_COLUMNS],
        "facts": vars(facts),
    }  # fmt: skip
    json.dumps(evidence, allow_nan=False)
    record_verdict(lake, Verdict("monitoring", key, interval.end, decision.verdict, (decision.reason,), evidence))
    return {"verdict": decision.verdict, "reason": decision.reason}


def _find_labels_digest(ingested: Verdict | None) -> dict[str, str]:
    """Return what tells which later labels this judgement knew, where the workflow has such labels."""
    labels = ingested.evidence.get("labels") if ingested is not None else None
    return {"labels": labels["digest"]} if labels else {}


def _find_drift(workflow: Workflow, key: str, lake: Lake, champion: Entry | None) -> list[ColumnDrift]:
    """Compare the partition with the partitions that the champion was trained on."""
    if champion is None:
        return []
    snapshot = lake.read_document(f"snapshots/{champion.snapshot}") or {}
    reference, current = read_profile(lake, snapshot["partitions"]), read_profile(lake, [key])
    features = features_of(workflow, lake, champion.snapshot)
    if features.windows:
        of = profile_windows(workflow, [*snapshot["partitions"], key], lake, features.windows)
        reference |= read_profile(lake, snapshot["partitions"], of=of)
        current |= read_profile(lake, [key], of=of)
    seen = {*features.numbers, *features.categorical}  # what the champion does not see does not count
    return compare_profiles(
        {name: one for name, one in reference.items() if name in seen},
        {name: one for name, one in current.items() if name in seen},
        effect=workflow.monitor.effect,
        confidence=workflow.monitor.confidence,
        least_rows=workflow.monitor.rows,
    )


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
