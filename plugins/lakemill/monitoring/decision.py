"""The decision: what follows from what monitoring found. Pure rules over facts, the first that applies decides.

Stays out: gathering facts (``step.py``). To add a rule: a function here and a line in ``RULES``.
"""

from collections.abc import Callable
from dataclasses import dataclass

from lakemill.config.workflow import Retrain


@dataclass(frozen=True)
class Facts:
    """What is known about a workflow as of the end of a partition.

    Attributes
    ----------
    partitions : int
        Published so far.
    has_champion : bool
    since_training : int or None
        Partitions since the last training; None where there was none.
    has_changed : bool
        Whether the workflow file has changed since the last training.
    has_drifted, has_decayed : bool
    """

    partitions: int
    has_champion: bool
    since_training: int | None
    has_changed: bool
    has_drifted: bool
    has_decayed: bool


@dataclass(frozen=True)
class Decision:
    """What follows.

    Attributes
    ----------
    verdict : str
        ``nothing``, ``note``, ``alert`` or ``retrain``.
    reason : str
    """

    verdict: str
    reason: str


def decide(facts: Facts, rules: Retrain) -> Decision:
    """Return the decision of the first rule that applies.

    Examples
    --------
    >>> facts = Facts(3, False, since_training=None, has_changed=False, has_drifted=False, has_decayed=False)
    >>> decide(facts, Retrain(first_after=3))
    Decision(verdict='retrain', reason='first training: 3 partitions of history')
    """
    for rule in RULES:
        decision = rule(facts, rules)
        if decision is not None:
            return decision
    return Decision("nothing", "nothing found")


def train_first(facts: Facts, rules: Retrain) -> Decision | None:
    """Without a champion, train when there is history enough."""
    if facts.has_champion:
        return None
    if facts.partitions < rules.first_after:
        return Decision("nothing", f"history of {facts.partitions} partitions, {rules.first_after} are needed")
    if _cools_down(facts, rules):
        return Decision("nothing", "no champion; the last training lies less than the cooldown back")
    return Decision("retrain", f"first training: {facts.partitions} partitions of history")


def train_by_cadence(facts: Facts, rules: Retrain) -> Decision | None:
    """Train every so many partitions."""
    if rules.every is None or facts.since_training is None or facts.since_training < rules.every:
        return None
    return Decision("retrain", f"cadence: {facts.since_training} partitions since the last training")


def train_on_change(facts: Facts, rules: Retrain) -> Decision | None:
    """Train when the workflow file asks for another model."""
    if not facts.has_changed or _cools_down(facts, rules):
        return None
    return Decision("retrain", "the workflow file has changed since the last training")


def train_on_finding(facts: Facts, rules: Retrain) -> Decision | None:
    """Let a finding retrain where the workflow says so; else it is a note, in the cooldown an alert."""
    found = [name for name, holds in (("decay", facts.has_decayed), ("drift", facts.has_drifted)) if holds]
    if not found:
        return None
    acting = [name for name in found if name in rules.findings]
    if not acting:
        return Decision("note", f"{' and '.join(found)}, which retrain.findings leaves out")
    if _cools_down(facts, rules):
        return Decision("alert", f"{' and '.join(acting)}, but the last training lies less than the cooldown back")
    return Decision("retrain", " and ".join(acting))


RULES: tuple[Callable[[Facts, Retrain], Decision | None], ...] = (
    train_first,
    train_by_cadence,
    train_on_change,
    train_on_finding,
)


def _cools_down(facts: Facts, rules: Retrain) -> bool:
    return facts.since_training is not None and facts.since_training < rules.cooldown
