"""The decision: what follows from what monitoring found. Pure rules over facts; what is strongest decides.

Stays out: gathering facts (``step.py``). To add a rule: a function here and a line in ``RULES``.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from lakemill.config.deciding import RANKS, Decide
from lakemill.config.training import Retrain


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
    findings : mapping of str to bool or None
        Whether each finding of the section ``decide`` holds; None where that cannot be told.
    is_in_charge : bool
        Whether the champion that was judged is still in charge at the end of the partition.
    """

    partitions: int
    has_champion: bool
    since_training: int | None
    has_changed: bool
    findings: Mapping[str, bool | None]
    is_in_charge: bool = True


@dataclass(frozen=True)
class Decision:
    """What follows.

    Attributes
    ----------
    verdict : str
        ``nothing``, ``note``, ``alert``, ``retrain`` or ``roll back``.
    reason : str
    """

    verdict: str
    reason: str


def decide(facts: Facts, rules: Retrain, table: Decide) -> Decision:
    """Return the strongest decision of all rules that apply; of equally strong ones the first.

    A rollback goes before a training: what is due is trained at the next partition, against the model in charge then.

    Parameters
    ----------
    facts : Facts
    rules : Retrain
    table : Decide

    Examples
    --------
    >>> facts = Facts(3, False, since_training=None, has_changed=False, findings={})
    >>> decide(facts, Retrain(first_after=3), Decide())
    Decision(verdict='retrain', reason='first training: 3 partitions of history')
    """
    decisions = [decision for rule in RULES if (decision := rule(facts, rules, table)) is not None]
    return max(decisions, key=lambda one: _rank(one.verdict), default=Decision("nothing", "nothing found"))


def train_first(facts: Facts, rules: Retrain, table: Decide) -> Decision | None:
    """Without a champion, train when there is history enough."""
    if facts.has_champion:
        return None
    if facts.partitions < rules.first_after:
        return Decision("nothing", f"history of {facts.partitions} partitions, {rules.first_after} are needed")
    if _cools_down(facts, rules):
        return Decision("nothing", "no champion; the last training lies less than the cooldown back")
    return Decision("retrain", f"first training: {facts.partitions} partitions of history")


def train_by_cadence(facts: Facts, rules: Retrain, table: Decide) -> Decision | None:
    """Train every so many partitions."""
    if not facts.has_champion or rules.every is None or facts.since_training is None:
        return None
    if facts.since_training < rules.every:
        return None
    return Decision("retrain", f"cadence: {facts.since_training} partitions since the last training")


def train_on_change(facts: Facts, rules: Retrain, table: Decide) -> Decision | None:
    """Train when the workflow file asks for another model."""
    if not facts.has_champion or not facts.has_changed or _cools_down(facts, rules):
        return None
    return Decision("retrain", "the workflow file has changed since the last training")


def follow_findings(facts: Facts, rules: Retrain, table: Decide) -> Decision | None:
    """Do what the table says of what was found: the strongest, for the reason of all findings that ask for it.

    In the cooldown a training is an alert, and so is a rollback of a champion that another model has followed already.
    """
    asked = {name: table.follow(name) for name, holds in facts.findings.items() if holds}
    strongest = max(asked.values(), key=_rank, default="nothing")
    if strongest == "nothing":
        return None
    told = " and ".join(name.replace("_", " ") for name in asked if asked[name] == strongest)
    if strongest == "retrain" and not facts.has_champion:
        return Decision("alert", f"{told}, but there is no champion")
    if strongest == "retrain" and _cools_down(facts, rules):
        return Decision("alert", f"{told}, but the last training lies less than the cooldown back")
    if strongest == "roll back" and not facts.is_in_charge:
        return Decision("alert", f"{told}, but another model has taken charge meanwhile")
    return Decision(strongest, told)


RULES: tuple[Callable[[Facts, Retrain, Decide], Decision | None], ...] = (
    train_first,
    train_by_cadence,
    train_on_change,
    follow_findings,
)


def _rank(verdict: str) -> int:
    return [str(one) for one in RANKS].index(verdict)


def _cools_down(facts: Facts, rules: Retrain) -> bool:
    return facts.since_training is not None and facts.since_training < rules.cooldown
