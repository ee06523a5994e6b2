"""The form that asks about a candidate: when it asks, and what it makes of answers and of silence."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml
from airflow.sdk.exceptions import AirflowSkipException, TaskAwaitingInput
from workflows_for_tests import end_of

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.orchestration import approval
from lakemill.orchestration.approval import ApprovalForm, read_answer
from lakemill.registry.approval import Answer, record_answer

KEY = "2020-01-01"
MOMENT = datetime(2020, 2, 2, tzinfo=UTC)
EVIDENCE = {"version": "3", "champion": None, "difference": None, "findings": [], "changed": None}


@pytest.fixture
def ask(workflow: Workflow, lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Any]:
    """Function that runs the task: what it returns, or the body of the form that it waits with."""
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(approval.HITLOperator, "execute", lambda self, context: wait(self, asked))

    def ask(when: str, *, verdict: str = "pass") -> Any:
        path = tmp_path / "include" / "workflows" / "small.yaml"
        path.write_text(yaml.safe_dump({**yaml.safe_load(path.read_text()), "approve": when}))
        record_verdict(lake, Verdict("gate", KEY, end_of(workflow, KEY), verdict, (), EVIDENCE))
        form = make(verdict)
        try:
            return form.execute({})
        except TaskAwaitingInput:
            return form.body

    return ask


def wait(form: ApprovalForm, asked: list[dict[str, Any]]) -> None:
    raise TaskAwaitingInput(method_name="execute_complete", timeout=None)


def make(verdict: str = "pass") -> ApprovalForm:
    taken = {"id": "abc", "partition": KEY}
    return ApprovalForm(task_id="approve", workflow="small", taken=taken, verdict=verdict, subject="?")


def test_where_nobody_is_to_be_asked_it_goes_on(ask: Callable[..., Any]) -> None:
    assert ask("never") is None
    assert ask("on risk") is None
    assert read_answer(None) is None


def test_a_candidate_that_was_refused_is_asked_about_by_nobody(ask: Callable[..., Any]) -> None:
    with pytest.raises(AirflowSkipException, match="the gate did not let it through"):
        ask("always", verdict="fail")


def test_it_waits_with_the_evidence(ask: Callable[..., Any]) -> None:
    assert "Version 3, trained as of the end of 2020-01-01" in ask("always")


def test_what_was_answered_is_not_asked_again(ask: Callable[..., Any], lake: Lake) -> None:
    answer = Answer(False, "ann", "no", MOMENT)
    record_answer(lake, answer, version="3", as_of=MOMENT, snapshot="abc")

    assert read_answer(ask("always")) == answer


@pytest.mark.parametrize(
    ("option", "user", "said", "answer"),
    [
        ("Approve", {"id": "7", "name": "ann"}, "", Answer(True, "ann", "answered in Airflow", MOMENT)),
        ("Reject", {"id": "7", "name": ""}, " bad ", Answer(False, "7", "bad", MOMENT)),
        ("Reject", None, "", Answer(False, "nobody", "no answer in time", MOMENT)),
    ],
)
def test_answers_and_silence(option: str, user: Any, said: str, answer: Answer) -> None:
    event = {
        "chosen_options": [option],
        "params_input": {"reason": said},
        "responded_at": MOMENT,
        "responded_by_user": user,
    }

    assert read_answer(make().execute_complete({}, event)) == answer
