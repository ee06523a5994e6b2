"""Approval: whether a person is asked, and what they are shown."""

from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.registry.approval import describe_candidate, find_reasons_to_ask

CALM: dict[str, Any] = {
    "champion": "1",
    "difference": {"gain": 0.05, "low": 0.04, "high": 0.06},
    "changed": 0.02,
    "findings": [
        {"rule": "floor", "is_met": True, "text": "roc_auc 0.8000, no floor set"},
        {"rule": "training time", "is_met": True, "text": "note: training got slower"},
    ],
}
FIRST = {**CALM, "champion": None, "difference": None, "changed": None}


def found(rule: str, text: str) -> dict[str, Any]:
    return {"findings": [*CALM["findings"], {"rule": rule, "is_met": True, "text": text}]}


@pytest.mark.parametrize(
    ("approve", "evaluated", "reasons"),
    [
        ("never", {**CALM, "changed": 0.9}, []),
        ("always", CALM, ["approve: always"]),
        ("on risk", CALM, []),
        ("on risk", FIRST, []),
        ("on risk", {**CALM, "changed": 0.11}, ["big change: 11.0% of predictions differ"]),
        ({"when": "on risk", "changed": "50 %"}, {**CALM, "changed": 0.11}, []),
        ("on risk", {**CALM, "difference": {"gain": 0.01, "low": 0.001, "high": 0.019}}, ["small margin: +0.0100"]),
        ("on risk", {**CALM, "difference": {"gain": None, "low": None, "high": None}}, []),
        ("on risk", {**CALM, **found("leakage", "warning: one alone")}, ["leakage: warning: one alone"]),
        ("on risk", {**CALM, **found("slices", "note: worse in one")}, ["slices: note: worse in one"]),
        ("always", {**CALM, "changed": 0.2}, ["big change: 20.0%"]),
    ],
)
def test_why_a_person_is_asked(approve: Any, evaluated: dict[str, Any], reasons: list[str]) -> None:
    told = find_reasons_to_ask(make_workflow(approve=approve), evaluated)

    assert len(told) == len(reasons)
    assert all(one.startswith(wanted) for one, wanted in zip(told, reasons, strict=True))


def test_a_person_is_shown_the_question_the_reasons_and_all_findings() -> None:
    workflow = make_workflow(approve={"when": "always", "within": "2 hours"})

    shown = describe_candidate(workflow, CALM, ["small margin"], version="2", partition="2020-01-02")

    for told in (workflow.description, "Version 2", "2020-01-02", "version 1", "small margin", "2:00:00"):
        assert told in shown
    assert all(one["text"] in shown for one in CALM["findings"])
    assert "it would be the first" in describe_candidate(workflow, FIRST, [], version="1", partition="2020-01-01")


def test_asking_a_person_changes_no_training() -> None:
    assert make_workflow(approve="always", score={"shadow": ["previous"]}).training_hash() == (
        make_workflow().training_hash()
    )
