"""The gate: each rule by a table of cases."""

import math
from dataclasses import replace
from typing import Any

import pytest

from lakemill.config.gate import Gate
from lakemill.evaluation.behaviour import Behaviour
from lakemill.evaluation.calibration import Calibration
from lakemill.evaluation.comparison import Difference, Figure
from lakemill.evaluation.gate import RULES, Evidence, Finding, LabelNoise, judge
from lakemill.evaluation.gate.parts import check_calibration, check_cost, check_slices
from lakemill.evaluation.gate.quality import check_champion, check_floor, check_naive
from lakemill.evaluation.gate.soundness import check_behaviour, check_leakage, check_skew, note_label_noise
from lakemill.evaluation.gate.speed import check_scoring_time, check_training_time
from lakemill.evaluation.leakage import Proof
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.pace import Pace
from lakemill.evaluation.scoring_time import ScoringPace
from lakemill.evaluation.skew import Skew
from lakemill.evaluation.slices import SliceGain, SliceReport

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
        (Difference(0.0, 0.0, 0.0), 0.0, False),
        (Difference(0.0, 0.0, 0.0), 0.001, True),
        (Difference(0.02, -0.01, 0.05), 0.0, False),
        (Difference(0.02, -0.009, 0.05), 0.01, True),
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

    assert (finding.rule, finding.is_met, finding.text) == ("leakage", is_met, text)


@pytest.mark.parametrize(
    ("paces", "text"),
    [
        ((), "no earlier training time to compare with"),
        ((Pace("fit of plain", 100, 9.0),), "no earlier training time to compare with"),
        ((Pace("fit of plain", 100, 9.0, (0.08,)), Pace("fit of other", 100, 9.0)), "training no slower than before"),
        ((Pace("fit of plain", 100, 90.0, (0.1,)),), "note: training got slower: fit of plain took 90.0 CPU s"),
    ],
)
def test_a_slower_training_is_noted(paces: tuple[Pace, ...], text: str) -> None:
    finding = check_training_time(replace(gather(UP, 0.7), paces=paces), Gate())

    assert (finding.rule, finding.is_met) == ("training time", True)
    assert finding.text.startswith(text)


def test_all_rules_are_judged_even_after_one_is_not_met() -> None:
    findings = judge(gather(UP, 0.4, against=Difference(0.1, 0.05, 0.2)), Gate(floor=0.65))

    assert [(finding.rule, finding.is_met) for finding in findings] == [
        ("floor", False),
        ("better than naive", False),
        ("against champion", True),
        ("slices", True),
        ("cost", True),
        ("calibration", True),
        ("leakage", True),
        ("skew", True),
        ("behaviour", True),
        ("scoring time", True),
        ("training time", True),
        ("label noise", True),
        ("features", True),
    ]
    assert len(RULES) == len(findings)


def test_findings_are_values() -> None:
    expected = Finding("floor", True, "roc_auc 0.7000, no floor set", {"score": 0.7})
    assert check_floor(gather(UP, 0.7), Gate()) == expected


def declare(**gate: Any) -> Gate:
    return Gate.model_validate(gate)


def test_a_gain_that_so_few_rows_cannot_show_is_told() -> None:
    finding = check_champion(gather(UP, 0.7, against=Difference(0.01, -0.01, 0.03)), Gate())

    assert finding.text == (
        "+0.0100 against the champion on the same rows, 95% interval [-0.0100, +0.0300], not better beyond doubt: the "
        "champion stays; a gain of 0.033 would be seen nine times in ten on so many rows"
    )


@pytest.mark.parametrize(
    ("noise", "is_met"),
    [
        (None, True),
        (LabelNoise(0.1, 0.05, 0.1, None, 1.0), True),
        (LabelNoise(0.1, 0.05, 0.1, None, 0.8), False),
        (LabelNoise(0.05, 0.02, 0.1, None, 0.9), False),  # as many wrong labels as may be
        (LabelNoise(0.1, 0.05, 0.1, None, None), True),
    ],
)
def test_where_labels_are_wrong_less_of_a_loss_shows_and_the_margin_knows(
    noise: LabelNoise | None, is_met: bool
) -> None:
    seen = replace(gather(UP, 0.7, against=Difference(-0.005, -0.009, 0.0)), noise=noise)

    assert check_champion(seen, declare(against_champion={"margin": 0.01})).is_met == is_met


def test_a_floor_that_wrong_labels_put_out_of_reach_is_told() -> None:
    seen = replace(gather(UP, 0.7), noise=LabelNoise(0.1, 0.08, 0.12, 0.9, 0.8))

    finding = note_label_noise(seen, Gate(floor=0.95))

    assert finding.is_met
    assert "roc_auc reaches 0.9000 at best, which the floor 0.95 does not allow" in finding.text
    assert "of a gain on the champion 76% shows at least" in finding.text


SMALL = {"rows": 90, "other": 0.7, "low": -0.3}
BAD = SliceGain("airport z", score=0.5, gain=-0.2, high=-0.1, is_worse=True, **SMALL)
UNDER = SliceGain("airport y", score=0.55, gain=0.0, high=0.1, is_worse=False, is_under_floor=True, **SMALL)
FINE = SliceGain("airport x", score=0.7, gain=0.0, high=0.1, is_worse=False, **SMALL)


@pytest.mark.parametrize(
    ("slices", "said", "is_met", "text"),
    [
        (None, {}, True, "no slice holds rows enough to be judged"),
        ((FINE,), {}, True, "none of 1 slices is worse than the champion v1 beyond chance; least gain +0.0000 in"),
        ((BAD, FINE), {}, False, "airport z (90 rows): roc_auc 0.5000, -0.2000 against the champion v1, at most -0.1"),
        ((BAD, FINE), {"action": "note"}, True, "note: airport z"),
        ((UNDER,), {"floor": 0.6}, False, "airport y (90 rows): roc_auc 0.5500 misses the floor of slices 0.6"),
        ((BAD,) * 5, {}, False, "and 2 more"),
    ],
)
def test_slices(slices: tuple[SliceGain, ...] | None, said: dict[str, Any], is_met: bool, text: str) -> None:
    report = None if slices is None else SliceReport("the champion v1", 0.01, slices)

    finding = check_slices(replace(gather(UP, 0.7), slices=report), declare(slices=said))

    assert (finding.is_met, text in finding.text) == (is_met, True), finding.text


@pytest.mark.parametrize(
    ("effect", "error", "limit", "is_met", "text"),
    [
        (0.05, 0.01, None, True, "note: off, calibration error 0.06, beyond chance 0.05; no limit set"),
        (0.05, 0.01, 0.03, False, "surely above the limit 0.03: calibrate it"),
        (0.04, 0.01, 0.03, True, "not surely above the limit 0.03"),
        (0.01, 0.01, 0.03, True, "not above the limit 0.03"),
    ],
)
def test_calibration(effect: float, error: float, limit: float | None, is_met: bool, text: str) -> None:
    found = Calibration((), effect + 0.01, effect, error, effect > 0.02, 0.5, 0.5)

    finding = check_calibration(replace(gather(UP, 0.7), calibration=found), Gate(calibration=limit))

    assert (finding.is_met, text in finding.text) == (is_met, True), finding.text


@pytest.mark.parametrize(
    ("cost", "difference", "problem", "is_met"),
    [
        (0.4, None, None, True),
        (0.6, None, None, False),
        (0.4, Difference(-0.1, -0.2, -0.05), None, False),
        (0.4, Difference(-0.1, -0.2, 0.05), None, True),
        (0.4, None, "no class 'x'", False),
    ],
)
def test_cost(cost: float, difference: Difference | None, problem: str | None, is_met: bool) -> None:
    champion = None if difference is None else Difference(0.3, 0.2, 0.4)
    figures = (Figure("cost", cost, 0.0, 1.0, champion, difference),)
    seen = replace(gather(UP, 0.7), figures=figures, cost_without=0.5, cost_problem=problem)

    assert check_cost(seen, declare(costs={"false_positive": 1, "false_negative": 2})).is_met == is_met


@pytest.mark.parametrize(
    ("seconds", "champion", "said", "is_met"),
    [
        ((0.003, 0.002, 0.004), (), "1 millisecond", False),
        ((0.003, 0.0009, 0.004), (), "1 millisecond", True),  # the fastest: others were held up
        ((0.06, 0.06, 0.06), (0.01, 0.01, 0.01), {}, True),
        ((0.06, 0.06, 0.06), (0.01, 0.01, 0.01), {"action": "refuse"}, False),
        ((0.06, 0.01, 0.01), (0.01, 0.01, 0.01), {"action": "refuse"}, True),  # one repeat alone was held up
        ((0.02, 0.02, 0.02), (0.01, 0.01, 0.01), {"action": "refuse", "times": 1.5}, False),
    ],
)
def test_scoring_time(seconds: tuple[float, ...], champion: tuple[float, ...], said: Any, is_met: bool) -> None:
    seen = replace(gather(UP, 0.7), scoring=ScoringPace(100, seconds, champion))

    assert check_scoring_time(seen, declare(scoring_time=said)).is_met == is_met


@pytest.mark.parametrize(
    ("said", "is_met"),
    [({}, True), ({"action": "refuse"}, False), ({"limit": "2 minutes"}, True), ({"limit": "1 minute"}, False)],
)
def test_training_time_is_refused_where_the_workflow_says_so(said: dict[str, Any], is_met: bool) -> None:
    seen = replace(gather(UP, 0.7), paces=(Pace("fit of plain", 100, 90.0, (0.1,)),))

    assert check_training_time(seen, declare(training_time=said)).is_met == is_met


@pytest.mark.parametrize(
    ("skew", "action", "is_met", "text"),
    [
        (Skew(9, 0, {}, 0, 0.0, "d"), "refuse", True, "9 test rows of d have the same features and scores"),
        (Skew(9, 0, {"size": 3}, 2, 0.1, "d"), "refuse", False, "size differs in 3 rows; 2 rows are scored otherwise"),
        (Skew(9, 0, {}, 2, 0.1, "d"), "note", True, "note: of 9 test rows of d: 2 rows are scored otherwise"),
        (Skew(9, 4, {}, 0, 0.0, "d"), "refuse", False, "4 test rows are not scored"),
        (None, "skip", True, "not looked for"),
    ],
)
def test_skew(skew: Skew | None, action: str, is_met: bool, text: str) -> None:
    finding = check_skew(replace(gather(UP, 0.7), skew=skew), declare(skew=action))

    assert (finding.is_met, text in finding.text) == (is_met, True), finding.text


def test_behaviour_is_refused_with_the_share_of_rows_that_do_not_behave() -> None:
    held, failed = Behaviour("a", 1.0, 0.95, 0.0, True), Behaviour("b: rises", 0.5, 0.95, 0.2, False)

    finding = check_behaviour(replace(gather(UP, 0.7), behaviours=(held, failed)), Gate())

    assert (finding.is_met, finding.text) == (False, "b: rises: in 50.0% of rows, asked for 95.0%, worst 0.2")
