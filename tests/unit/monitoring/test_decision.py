"""The decision, by a table of cases, in the order of the rules."""

from typing import Any

import pytest

from lakemill.config.workflow import Retrain
from lakemill.monitoring.decision import RULES, Decision, Facts, decide


def know(**facts: Any) -> Facts:
    """A champion in charge for long, and nothing found."""
    usual = {
        "partitions": 12,
        "has_champion": True,
        "since_training": 8,
        "has_changed": False,
        "has_drifted": False,
        "has_decayed": False,
    }
    return Facts(**{**usual, **facts})


NO_CHAMPION = {"has_champion": False, "since_training": None}
BOTH = {"has_drifted": True, "has_decayed": True}
ALL = {**BOTH, "has_changed": True}


@pytest.mark.parametrize(
    ("facts", "rules", "verdict", "reason"),
    [
        # first training
        ({**NO_CHAMPION, "partitions": 2}, {"first_after": 3}, "nothing", "history of 2 partitions, 3 are needed"),
        ({**NO_CHAMPION, "partitions": 3}, {"first_after": 3}, "retrain", "first training: 3 partitions of history"),
        ({**NO_CHAMPION, "since_training": 1}, {"cooldown": 2}, "nothing", "no champion; the last training lies less"),
        ({**NO_CHAMPION, "since_training": 2}, {"cooldown": 2}, "retrain", "first training"),
        ({**NO_CHAMPION, "since_training": 1, **ALL}, {"cooldown": 2, "every": 1}, "nothing", "no champion"),
        # cadence
        ({"since_training": 3}, {"every": 4}, "nothing", "nothing found"),
        ({"since_training": 4}, {"every": 4}, "retrain", "cadence: 4 partitions since the last training"),
        ({"since_training": 9}, {"every": 4}, "retrain", "cadence: 9"),
        ({"since_training": 9}, {}, "nothing", "nothing found"),
        ({"since_training": 1}, {"every": 1, "cooldown": 5}, "retrain", "cadence: 1"),
        ({"since_training": None}, {"every": 1}, "nothing", "nothing found"),
        ({"since_training": 4, **ALL}, {"every": 4}, "retrain", "cadence"),
        # a changed workflow file
        ({"has_changed": True}, {}, "retrain", "the workflow file has changed"),
        ({"has_changed": True, "since_training": 1}, {"cooldown": 2}, "nothing", "nothing found"),
        ({"has_changed": True, "since_training": 2}, {"cooldown": 2}, "retrain", "the workflow file has changed"),
        (ALL, {}, "retrain", "the workflow file has changed"),
        ({**ALL, "since_training": 1}, {"cooldown": 2}, "alert", "decay and drift, but the last training lies less"),
        # findings
        ({"has_drifted": True}, {}, "retrain", "drift"),
        ({"has_decayed": True}, {}, "retrain", "decay"),
        (BOTH, {}, "retrain", "decay and drift"),
        ({"has_drifted": True}, {"findings": []}, "note", "drift, which retrain.findings leaves out"),
        ({"has_drifted": True}, {"findings": ["decay"]}, "note", "drift, which"),
        (BOTH, {"findings": ["decay"]}, "retrain", "decay"),
        (BOTH, {"findings": []}, "note", "decay and drift, which"),
        ({"has_drifted": True, "since_training": 1}, {"cooldown": 2}, "alert", "drift, but"),
        ({"has_drifted": True, "since_training": 2}, {"cooldown": 2}, "retrain", "drift"),
        ({"has_drifted": True, "since_training": 1}, {"cooldown": 2, "findings": []}, "note", "drift, which"),
        ({"has_drifted": True, "since_training": None}, {"cooldown": 2}, "retrain", "drift"),
        # nothing
        ({}, {}, "nothing", "nothing found"),
    ],
)
def test_what_follows(facts: dict[str, Any], rules: dict[str, Any], verdict: str, reason: str) -> None:
    decision = decide(know(**facts), Retrain(**rules))

    assert decision.verdict == verdict
    assert decision.reason.startswith(reason)


def test_the_first_rule_that_applies_decides() -> None:
    facts, rules = know(**ALL, since_training=4), Retrain(every=4)
    decisions = [rule(facts, rules) for rule in RULES]

    assert [decision is not None for decision in decisions] == [False, True, True, True]
    assert decide(facts, rules) == decisions[1] == Decision("retrain", "cadence: 4 partitions since the last training")
