"""What is known of a champion's performance before a partition's labels are, and what they show once they are there.

Three things, all from the rows that the champion was judged on at the gate: the score to be expected of the partition;
how far earlier estimates were off, as their labels came; and whether errors have grown beyond what was expected.
Stays out: the verdict (``step.py``).
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pandas as pd

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.standard_errors import find_standard_error, make_interval
from lakemill.lake import PARTITION, Lake
from lakemill.lake.verdicts import Verdict
from lakemill.monitoring.concept_drift import find_concept_drift, tell_change
from lakemill.monitoring.confidence import Confidence, learn_confidence
from lakemill.monitoring.decay import judge_decay
from lakemill.monitoring.error_stream import Change
from lakemill.monitoring.findings import Finding, round_figure
from lakemill.monitoring.loss_model import LossModel, learn_losses
from lakemill.monitoring.performance import TRUTH, as_prediction, find_matured, read_predictions
from lakemill.monitoring.scored_rows import ScoredRows, read_scored, read_test_rows
from lakemill.registry.ledger import Entry
from lakemill.registry.models import Registry
from lakemill.training.found_features import features_of

FEWEST_MEASURED = 3  # estimates that have been measured, before their errors widen the interval
MOST_MEASURED = 12  # partitions at once
NOT_ESTIMATED = Finding("estimated_performance", None, "there are no rows to estimate it by")
NOT_LOOKED_FOR = Finding("concept_drift", None, "there are no rows to tell it by")


@dataclass(frozen=True)
class Estimated:
    """What was found.

    Attributes
    ----------
    performance : Finding
        Holds where the score to be expected is worse than at the gate by ``monitor.decay``, and so is the better end of
        its interval than the score at the gate.
    concept_drift : Finding
        Holds where known labels show errors that have grown beyond what was expected of their rows.
    evidence : dict
        ``estimated`` and ``concept_drift``; JSON values, each None where nothing can be told.
    """

    performance: Finding = NOT_ESTIMATED
    concept_drift: Finding = NOT_LOOKED_FOR
    evidence: Mapping[str, Any] = field(default_factory=lambda: {"estimated": None, "concept_drift": None})


def find_estimated(
    workflow: Workflow,
    key: str,
    lake: Lake,
    registry: Registry,
    champion: Entry | None,
    known: pd.DataFrame | None,
    expected: float,
    earlier: Mapping[str, Verdict],
) -> Estimated:
    """Estimate how the champion's scores of a partition will turn out, and hold earlier ones against what did.

    Parameters
    ----------
    workflow : Workflow
    key : str
        The partition.
    lake : Lake
    registry : Registry
    champion : Entry or None
    known : DataFrame or None
        Predictions of rows whose labels became known with the partition, as from `read_predictions`.
    expected : float
        What the champion scored at the gate; NaN where that is not known.
    earlier : mapping of str to Verdict
        Monitoring's of earlier partitions: their estimates are held against the labels that have come since.

    Returns
    -------
    Estimated
        Without a champion, or with fewer test rows than ``monitor.rows``, nothing is told.
    """
    test = None if champion is None else read_test_rows(workflow, lake, registry, champion)
    if champion is None or test is None or len(test) < workflow.monitor.rows:
        return Estimated()
    is_regression = workflow.table.label.problem == "regression"
    features = features_of(workflow, lake, champion.snapshot) if is_regression else None
    expectation: Confidence | LossModel
    expectation = learn_confidence(test) if features is None else learn_losses(test, features, seed=workflow.train.seed)
    change = find_concept_drift(workflow, key, lake, champion, known, test, expectation, features)
    scored = read_scored(workflow, key, lake, champion.version, features)
    estimate = _estimate(workflow, scored, test, expectation)
    estimates = {**_list_estimates(earlier), key: (champion.version, estimate.score)}
    measured = _measure(workflow, key, lake, known, estimates)
    estimate = _widen(estimate, _list_errors(earlier, champion.version))
    decay = judge_decay(
        workflow,
        "estimated_performance",
        score=estimate.score,
        interval=(estimate.low, estimate.high),
        rows=estimate.rows,
        expected=expected,
        evidence={},
    )
    told = {name: round_figure(value) for name, value in vars(estimate).items()}
    evidence = {
        "estimated": {**told, "rows": estimate.rows, "measured": measured},
        "concept_drift": tell_change(change),
    }
    return Estimated(decay, _judge_change(change), evidence)


@dataclass(frozen=True)
class Estimate:
    """A score to be expected, its 95 % interval and the rows that it is of; of earlier ones, how far they were off.

    Attributes
    ----------
    score, low, high, standard_error, usual_error : float
        In the metric's unit; NaN where not known.
    rows : int
    """

    score: float = math.nan
    low: float = math.nan
    high: float = math.nan
    standard_error: float = math.nan
    usual_error: float = math.nan
    rows: int = 0


def _estimate(
    workflow: Workflow, scored: ScoredRows | None, test: ScoredRows, expectation: Confidence | LossModel
) -> Estimate:
    """Estimate a score; its error is that of the rows, and of the test rows that it is learnt from."""
    if scored is None or len(scored) < workflow.monitor.rows:
        return Estimate(rows=0 if scored is None else len(scored))
    metric, seed = METRICS[workflow.train.metric], workflow.train.seed
    score, error = expectation.estimate(metric, scored, seed=seed)
    assert test.y is not None  # noqa: S101  # test rows have labels
    error = math.hypot(error, find_standard_error(metric, test.y, test.prediction, seed=seed))
    low, high = make_interval(score, error)
    return Estimate(score, low, high, standard_error=error, rows=len(scored))


def _widen(estimate: Estimate, errors: list[float]) -> Estimate:
    """Widen an interval to what earlier estimates of the same model were off by."""
    if len(errors) < FEWEST_MEASURED:
        return estimate
    usual = math.sqrt(sum(one**2 for one in errors) / len(errors))
    low, high = make_interval(estimate.score, max(estimate.standard_error, usual))
    return replace(estimate, usual_error=usual, low=low, high=high)


def _judge_change(change: Change) -> Finding:
    if not change.is_found:
        return Finding("concept_drift", False, "errors are as was expected of their rows")
    ago = f", {change.partitions_ago} partitions ago" if change.partitions_ago else ""
    found_by = " and ".join(change.found_by)
    return Finding("concept_drift", True, f"errors have grown beyond what was expected{ago} (told by {found_by})")


def _list_estimates(earlier: Mapping[str, Verdict]) -> dict[str, tuple[str, float]]:
    """Return what was estimated of earlier partitions, and of which model."""
    held = {at: one.evidence for at, one in earlier.items() if one.evidence.get("estimated")}
    return {
        at: (one["champion"], float(one["estimated"]["score"]))
        for at, one in held.items()
        if one["estimated"]["score"] is not None
    }


def _list_errors(earlier: Mapping[str, Verdict], version: str) -> list[float]:
    """Return by how much estimates of a model were off, as the labels of each partition were known last."""
    measured = [
        one
        for verdict in earlier.values()
        for one in (verdict.evidence.get("estimated") or {"measured": ()})["measured"]
    ]
    return list({one["partition"]: float(one["error"]) for one in measured if one["version"] == version}.values())


def _measure(
    workflow: Workflow, key: str, lake: Lake, known: pd.DataFrame | None, estimates: Mapping[str, tuple[str, float]]
) -> list[dict[str, Any]]:
    """Hold the estimates of partitions of which labels became known against the scores by all labels known by now."""
    touched = sorted(set() if known is None else set(known[PARTITION]) & set(estimates))[-MOST_MEASURED:]
    matured = find_matured(workflow, key, lake, partitions=touched) if touched else None
    rows = read_predictions(workflow, lake, matured)
    measured = []
    if rows is None:
        return []
    for at in touched:
        version, estimate = estimates[at]
        came = rows[(rows[PARTITION] == at) & (rows["model_version"] == version)]
        if len(came) < workflow.monitor.rows:
            continue
        prediction = as_prediction(came, workflow.table.label.problem)
        realised = METRICS[workflow.train.metric](came[TRUTH].to_numpy(), prediction)
        if math.isfinite(realised) and math.isfinite(estimate):
            told = {"realised": realised, "estimated": estimate, "error": realised - estimate}
            measured.append(
                {"partition": at, "version": version, "rows": len(came)}
                | {name: round_figure(value) for name, value in told.items()}
            )
    return measured
