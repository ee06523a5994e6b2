"""The gate: rules over the evidence of one evaluation; each says whether it is met, and with which figures.

Stays out: gathering evidence (``registry.releases``). To add a rule: a function here and a line in ``RULES``.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass

from lakemill.config.quantities import read_share
from lakemill.config.workflow import Gate
from lakemill.evaluation.comparison import Difference
from lakemill.evaluation.leakage import Proof
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.pace import Pace


@dataclass(frozen=True)
class Evidence:
    """What is known of a candidate on the untouched test rows.

    Attributes
    ----------
    metric : Metric
    score, naive : float
        Of the candidate and of a naive model.
    against_champion : Difference or None
        None where there is no champion.
    proofs : tuple of Proof
        That nothing leaks; none where they were skipped.
    paces : tuple of Pace
        How long the parts of the training took; none where they were not measured.
    """

    metric: Metric
    score: float
    naive: float
    against_champion: Difference | None
    proofs: tuple[Proof, ...] = ()
    paces: tuple[Pace, ...] = ()


@dataclass(frozen=True)
class Finding:
    """What a rule found.

    Attributes
    ----------
    rule : str
    is_met : bool
    text : str
        With the figures.
    """

    rule: str
    is_met: bool
    text: str


def judge(evidence: Evidence, gate: Gate) -> list[Finding]:
    """Apply all rules.

    Parameters
    ----------
    evidence : Evidence
    gate : Gate

    Returns
    -------
    list of Finding
        The candidate is let through if all are met.
    """
    return [rule(evidence, gate) for rule in RULES]


def check_floor(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a score that is a number, and not worse than the floor."""
    name, score = evidence.metric.name, evidence.score
    if math.isnan(score):
        return Finding("floor", False, f"{name} is not defined on the test rows")
    if gate.floor is None:
        return Finding("floor", True, f"{name} {score:.4f}, no floor set")
    met = evidence.metric.gain(score, gate.floor) >= 0
    return Finding("floor", met, f"{name} {score:.4f} {'reaches' if met else 'misses'} the floor {gate.floor:g}")


def check_naive(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a score that is better than a naive model's by the margin."""
    wanted = gate.better_than_naive
    margin = read_share(wanted) * abs(evidence.naive) if isinstance(wanted, str) else wanted
    gain = evidence.metric.gain(evidence.score, evidence.naive)
    met = gain >= margin and gain > 0
    text = f"{gain:+.4f} against a naive model ({evidence.naive:.4f}), asked for {margin:+.4f}"
    return Finding("better than naive", met, text)


def check_champion(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for a candidate that is not worse than the champion by more than the margin, with confidence."""
    difference, wanted = evidence.against_champion, gate.against_champion
    if difference is None:
        return Finding("against champion", True, "first model: no champion")
    met = difference.low >= -wanted.margin
    text = (
        f"{difference.gain:+.4f} against the champion on the same rows, {wanted.confidence:.0%} interval "
        f"[{difference.low:+.4f}, {difference.high:+.4f}], margin {wanted.margin:g}"
    )
    return Finding("against champion", met, text)


def check_leakage(evidence: Evidence, gate: Gate) -> Finding:
    """Ask for proofs that nothing leaks, or only tell of those that fail, where the workflow says so."""
    failed = [f"{proof.name}: no, {proof.text}" for proof in evidence.proofs if not proof.holds]
    if not evidence.proofs:
        return Finding("leakage", True, "leakage not looked for (gate.leakage: skip)")
    if not failed:
        doubts = [f"; {proof.text}" for proof in evidence.proofs if proof.is_doubtful]
        return Finding("leakage", True, f"no leak found by {len(evidence.proofs)} proofs" + "".join(doubts))
    met = gate.leakage.action != "refuse"
    return Finding("leakage", met, ("warning: " if met else "") + "; ".join(failed))


def note_training_time(evidence: Evidence, gate: Gate) -> Finding:
    """Tell where training got slower on as many rows; nothing is refused for it."""
    rule, compared = "training time", [pace for pace in evidence.paces if pace.earlier]
    if slower := [str(pace) for pace in compared if pace.is_slower(gate.training_time)]:
        return Finding(rule, True, f"note: training got slower: {'; '.join(slower)}")
    if not compared:
        return Finding(rule, True, "no earlier training time to compare with")
    return Finding(rule, True, "training no slower than before")


RULES: tuple[Callable[[Evidence, Gate], Finding], ...] = (
    check_floor,
    check_naive,
    check_champion,
    check_leakage,
    note_training_time,
)
