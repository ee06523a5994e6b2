"""The gate: each rule by a table of cases."""

import math
from dataclasses import replace
from typing import Any

import pytest

from lakemill.config.workflow import Gate
from lakemill.evaluation.comparison import Difference
from lakemill.evaluation.gate import (
    RULES,
    Evidence,
    Finding,
    check_champion,
    check_floor,
    check_leakage,
    check_naive,
    judge,
    note_training_time,
)
from lakemill.evaluation.leakage import Proof
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.pace import Pace

NAN = math.nan
SOUND, DOUBTFUL = Proof("fine", True, "all is well"), Proof("fine", True, "x alone reaches 0.85", is_doubtful=True)
LEAKING = Proof("no key on both sides", False, "3 keys are")
UP, DOWN = "roc_auc", "log_loss"  # greater is better; lower is better


def gather(name: str, score: float, *, naive: float = 0.5, against: Difference | None = None) -> Evidence:
    return Evidence(METRICS[name], score, naive, against)


@pytest.mark.parametrize(
    ("name", "score", "floor", "is_met", "text"),
    [
        (UP, 0.7, None, True, "roc_auc 0.7000, no floor set"),
        (UP, 0.7, 0.65, True, "roc_auc 0.7000 reaches the floor 0.65"),
        (UP, 0.65, 0.65, True, "reaches"),
        (UP, 0.6, 0.65, False, "roc_auc 0.6000 misses the floor 0.65"),
        (DOWN, 0.5, 0.6, True, "reaches"),
        (DOWN, 0.6, 0.6, True, "reaches"),
        (DOWN, 0.7, 0.6, False, "misses"),
        (UP, NAN, None, False, "roc_auc is not defined on the test rows"),
        (DOWN, NAN, 0.6, False, "not defined"),
    ],
)
def test_the_floor(name: str, score: float, floor: float | None, is_met: bool, text: str) -> None:
    finding = check_floor(gather(name, score), Gate(floor=floor))

    assert (finding.rule, finding.is_met) == ("floor", is_met)
    assert text in finding.text


@pytest.mark.parametrize(
    ("name", "score", "naive", "margin", "is_met"),
    [
        (UP, 0.56, 0.5, 0.05, True),
        (UP, 0.75, 0.5, 0.25, True),
        (UP, 0.54, 0.5, 0.05, False),
        (UP, 0.56, 0.5, "10 %", True),
        (UP, 0.54, 0.5, "10 %", False),
        (UP, 0.5, 0.5, 0.0, False),
        (UP, 0.501, 0.5, "0 %", True),
        (UP, 0.4, 0.5, 0.0, False),
        (UP, 0.4, 0.5, -1.0, False),
        (DOWN, 0.5, 0.7, 0.1, True),
        (DOWN, 0.65, 0.7, 0.1, False),
        (DOWN, 0.6, 0.7, "10 %", True),
        (DOWN, 0.65, 0.7, "10 %", False),
        (DOWN, 0.9, 0.7, 0.0, False),
        ("r2", 0.1, -0.2, "100 %", True),
        ("r2", -0.1, -0.2, "100 %", False),
        (UP, NAN, 0.5, 0.0, False),
        (UP, 0.9, NAN, 0.0, False),
        (UP, 0.9, NAN, "5 %", False),
    ],
)
def test_better_than_naive(name: str, score: float, naive: float, margin: Any, is_met: bool) -> None:
    finding = check_naive(gather(name, score, naive=naive), Gate(better_than_naive=margin))

    assert (finding.rule, finding.is_met) == ("better than naive", is_met)


def test_the_margin_on_a_naive_model_is_shown_in_the_metrics_unit() -> None:
    finding = check_naive(gather(UP, 0.62, naive=0.5), Gate(better_than_naive="10 %"))

    assert finding.text == "+0.1200 against a naive model (0.5000), asked for +0.0500"


@pytest.mark.parametrize(
    ("against", "margin", "is_met"),
    [
        (None, 0.0, True),
        (Difference(0.02, 0.01, 0.03), 0.0, True),
        (Difference(0.0, 0.0, 0.0), 0.0, True),
        (Difference(0.02, -0.01, 0.05), 0.0, False),
        (Difference(0.02, -0.01, 0.05), 0.01, True),
        (Difference(0.02, -0.011, 0.05), 0.01, False),
        (Difference(-0.02, -0.03, -0.01), 0.05, True),
        (Difference(NAN, NAN, NAN), 1.0, False),
    ],
)
@pytest.mark.parametrize("name", [UP, DOWN])  # a difference is a gain, whichever way the metric runs
def test_against_the_champion(name: str, against: Difference | None, margin: float, is_met: bool) -> None:
    gate = Gate.model_validate({"against_champion": {"margin": margin}})

    finding = check_champion(gather(name, 0.7, against=against), gate)

    assert (finding.rule, finding.is_met) == ("against champion", is_met)


@pytest.mark.parametrize(
    ("proofs", "action", "is_met", "text"),
    [
        ((SOUND, SOUND), "refuse", True, "no leak found by 2 proofs"),
        ((SOUND, DOUBTFUL), "refuse", True, "no leak found by 2 proofs; x alone reaches 0.85"),
        ((SOUND, LEAKING), "refuse", False, "no key on both sides: no, 3 keys are"),
        ((SOUND, LEAKING), "warn", True, "warning: no key on both sides: no, 3 keys are"),
        ((), "skip", True, "leakage not looked for (gate.leakage: skip)"),
    ],
)
def test_the_proofs_of_no_leakage(proofs: tuple[Proof, ...], action: str, is_met: bool, text: str) -> None:
    finding = check_leakage(replace(gather(UP, 0.7), proofs=proofs), Gate.model_validate({"leakage": action}))

    assert finding == Finding("leakage", is_met, text)


@pytest.mark.parametrize(
    ("paces", "text"),
    [
        ((), "no earlier training time to compare with"),
        ((Pace("fit of plain", 100, 9.0),), "no earlier training time to compare with"),
        ((Pace("fit of plain", 100, 9.0, (0.08,)), Pace("fit of other", 100, 9.0)), "training no slower than before"),
        ((Pace("fit of plain", 100, 90.0, (0.1,)),), "note: training got slower: fit of plain took 90.0 CPU s"),
    ],
)
def test_training_time_is_noted_and_never_refused(paces: tuple[Pace, ...], text: str) -> None:
    finding = note_training_time(replace(gather(UP, 0.7), paces=paces), Gate())

    assert (finding.rule, finding.is_met) == ("training time", True)
    assert finding.text.startswith(text)


def test_all_rules_are_judged_even_after_one_is_not_met() -> None:
    findings = judge(gather(UP, 0.4, against=Difference(0.1, 0.05, 0.2)), Gate(floor=0.65))

    assert [(finding.rule, finding.is_met) for finding in findings] == [
        ("floor", False),
        ("better than naive", False),
        ("against champion", True),
        ("leakage", True),
        ("training time", True),
    ]
    assert len(RULES) == len(findings)


def test_findings_are_values() -> None:
    assert check_floor(gather(UP, 0.7), Gate()) == Finding("floor", True, "roc_auc 0.7000, no floor set")
