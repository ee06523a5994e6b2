"""The decision, by a table of cases, in the order of the rules."""

from typing import Any

import pytest

from lakemill.config.deciding import Decide
from lakemill.config.training import Retrain
from lakemill.monitoring.decision import RULES, Decision, Facts, decide


def know(*found: str, **facts: Any) -> Facts:
    """A champion in charge for long, and nothing but these findings."""
    usual = {"partitions": 12, "has_champion": True, "since_training": 8, "has_changed": False}
    return Facts(**{**usual, **facts}, findings={"label_shift": None, **dict.fromkeys(found, True)})


NO_CHAMPION = {"has_champion": False, "since_training": None}
QUALITY, DRIFT, DECAY, WORSE = "data_quality", "data_drift", "realised_performance", "worse_than_previous"
ON_DRIFT = {DRIFT: "retrain"}


@pytest.mark.parametrize(
    ("facts", "rules", "verdict", "reason"),
    [
        # first training
        ({**NO_CHAMPION, "partitions": 2}, {"first_after": 3}, "nothing", "history of 2 partitions, 3 are needed"),
        ({**NO_CHAMPION, "partitions": 3}, {"first_after": 3}, "retrain", "first training: 3 partitions of history"),
        ({**NO_CHAMPION, "since_training": 1}, {"cooldown": 2}, "nothing", "no champion; the last training lies less"),
        ({**NO_CHAMPION, "since_training": 2}, {"cooldown": 2}, "retrain", "first training"),
        ({**NO_CHAMPION, "since_training": 1, "has_changed": True}, {"cooldown": 2, "every": 1}, "nothing", "no champ"),
        # cadence
        ({"since_training": 3}, {"every": 4}, "nothing", "nothing found"),
        ({"since_training": 4}, {"every": 4}, "retrain", "cadence: 4 partitions since the last training"),
        ({"since_training": 9}, {"every": 4}, "retrain", "cadence: 9"),
        ({"since_training": 9}, {}, "nothing", "nothing found"),
        ({"since_training": 1}, {"every": 1, "cooldown": 5}, "retrain", "cadence: 1"),
        ({"since_training": None}, {"every": 1}, "nothing", "nothing found"),
        # a changed workflow file
        ({"has_changed": True}, {}, "retrain", "the workflow file has changed"),
        ({"has_changed": True, "since_training": 1}, {"cooldown": 2}, "nothing", "nothing found"),
        ({"has_changed": True, "since_training": 2}, {"cooldown": 2}, "retrain", "the workflow file has changed"),
    ],
)
def test_trainings_that_are_due(facts: dict[str, Any], rules: dict[str, Any], verdict: str, reason: str) -> None:
    decision = decide(know(**facts), Retrain(**rules), Decide())

    assert decision.verdict == verdict
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    ("found", "facts", "cooldown", "table", "verdict", "reason"),
    [
        ([DRIFT], {}, 1, {}, "note", "data drift"),
        ([DRIFT], {}, 1, {DRIFT: "nothing"}, "nothing", "nothing found"),
        ([DRIFT], {}, 1, ON_DRIFT, "retrain", "data drift"),
        ([DECAY], {}, 1, {}, "retrain", "realised performance"),
        ([QUALITY], {}, 1, {}, "alert", "data quality"),
        ([WORSE], {}, 1, {}, "roll back", "worse than previous"),
        ([WORSE], {}, 1, {WORSE: "alert"}, "alert", "worse than previous"),
        # the strongest decides, for the reason of all that ask for it
        ([DRIFT, DECAY], {}, 1, {}, "retrain", "realised performance"),
        ([DRIFT, DECAY], {}, 1, ON_DRIFT, "retrain", "data drift and realised performance"),
        ([QUALITY, DRIFT, DECAY, WORSE], {}, 1, {}, "roll back", "worse than previous"),
        # in the cooldown
        ([DECAY], {"since_training": 1}, 2, {}, "alert", "realised performance, but the last training lies less"),
        ([DECAY], {"since_training": 2}, 2, {}, "retrain", "realised performance"),
        ([DECAY], {"since_training": None}, 2, {}, "retrain", "realised performance"),
        ([DRIFT], {"since_training": 1}, 2, {}, "note", "data drift"),
        ([WORSE], {"since_training": 1}, 2, {}, "roll back", "worse than previous"),
        # a rollback takes nobody back who is not in charge
        ([WORSE], {"is_in_charge": False}, 1, {}, "alert", "worse than previous, but another model has taken charge"),
        # what is found before there is a champion
        ([QUALITY], {**NO_CHAMPION, "partitions": 1}, 1, {}, "alert", "data quality"),
        (
            [QUALITY],
            {**NO_CHAMPION, "partitions": 1},
            1,
            {QUALITY: "retrain"},
            "alert",
            "data quality, but there is no",
        ),
        ([QUALITY], NO_CHAMPION, 1, {}, "retrain", "first training"),
    ],
)
def test_what_follows_from_findings(
    found: list[str], facts: dict[str, Any], cooldown: int, table: dict[str, Any], verdict: str, reason: str
) -> None:
    rules = Retrain(cooldown=cooldown, first_after=2)

    decision = decide(know(*found, **facts), rules, Decide(**table))

    assert decision.verdict == verdict
    assert decision.reason.startswith(reason)


@pytest.mark.parametrize(
    ("found", "decision"),
    [
        ([], Decision("retrain", "cadence: 4 partitions since the last training")),
        ([QUALITY, DECAY], Decision("retrain", "cadence: 4 partitions since the last training")),
        ([WORSE], Decision("roll back", "worse than previous")),
    ],
)
def test_of_equally_strong_decisions_the_first_counts(found: list[str], decision: Decision) -> None:
    facts, rules, table = know(*found, since_training=4, has_changed=True), Retrain(every=4), Decide()
    decisions = [rule(facts, rules, table) for rule in RULES]

    assert [one is not None for one in decisions] == [False, True, True, bool(found)]
    assert decide(facts, rules, table) == decision


def test_the_file_says_what_has_become_of_the_findings_that_retrain() -> None:
    with pytest.raises(ValueError, match=r"did you mean 'decide: \{data_drift: retrain"):
        Retrain.model_validate({"findings": ["drift"]})


@pytest.mark.parametrize("table", [{DRIFT: "roll back"}, {DRIFT: "shout"}, {"decay": "note"}])
def test_a_table_takes_what_can_follow(table: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"should be|Extra inputs"):
        Decide.model_validate(table)
