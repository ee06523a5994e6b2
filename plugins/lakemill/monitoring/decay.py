"""Decay: a score, realised or estimated, held against what the champion scored at the gate.

Stays out: the scores (``performance.py``, ``estimated.py``), and what follows (``decision.py``).
"""

import math
from collections.abc import Mapping
from typing import Any

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.monitoring.findings import Finding

SAID = {"realised_performance": ("", "label"), "estimated_performance": (" is expected", "score")}


def judge_decay(
    workflow: Workflow,
    name: str,
    *,
    score: float,
    interval: tuple[float, float],
    rows: int,
    expected: float,
    evidence: Mapping[str, Any],
) -> Finding:
    """Tell whether a champion scores worse than at the gate.

    Parameters
    ----------
    workflow : Workflow
    name : {"realised_performance", "estimated_performance"}
    score : float
    interval : tuple of float
        Of 95 %; NaN where it is not known.
    rows : int
        That the score is of.
    expected : float
        At the gate; NaN where it is not known.
    evidence : mapping
        Of the finding.

    Returns
    -------
    Finding
        It holds where the score is worse by more than ``monitor.decay``, and the better end of its interval is worse
        than at the gate, too.
    """
    metric, limit = METRICS[workflow.train.metric], workflow.monitor.decay
    word, of = SAID[name]
    if limit is None:
        return Finding(name, None, "monitor.decay gives no limit", evidence)
    if rows < workflow.monitor.rows:
        return Finding(name, None, f"{rows:,} rows with a {of}, {workflow.monitor.rows} are needed", evidence)
    if math.isnan(expected) or math.isnan(score):
        return Finding(name, None, "it cannot be compared with the gate's score", evidence)
    ends = [end for end in interval if not math.isnan(end)] or [score]
    has_decayed = metric.gain(score, expected) < -limit and all(metric.gain(end, expected) < 0 for end in ends)
    told = f"{metric.name} {score:.4f}{word} ({min(ends):.4f} to {max(ends):.4f}), {expected:.4f} at the gate"
    return Finding(name, has_decayed, told, {**evidence, "limit": limit})
