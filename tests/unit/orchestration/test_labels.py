"""The form of doubtful labels: what it asks, and what becomes of its answers."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from workflows_for_tests import make_rows, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.label_corrections import read_corrections
from lakemill.lake.label_reviews import Review, record_reviews
from lakemill.lake.row_names import name_rows
from lakemill.orchestration import labels
from lakemill.orchestration.labels import LEAVE, SAVE, ReviewForm

KEY = "2020-01-01"
MOMENT = datetime(2020, 2, 2, tzinfo=UTC)


@pytest.fixture
def queue(workflow: Workflow, lake: Lake) -> list[Review]:
    rows = make_rows(workflow, KEY, 40)
    publish(workflow, lake, KEY, rows)
    names, given = name_rows(rows, ("id",)), ["true" if one else "false" for one in rows.column("label").to_pylist()]
    found = [
        Review(
            n + 1, KEY, names[n], MOMENT, given[n], "true" if given[n] == "false" else "false", 0.9, 0.9, True, "!", "s"
        )
        for n in range(4)
    ]
    record_reviews(lake, KEY, found)
    return found


@pytest.fixture
def form(queue: list[Review], run_of: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    monkeypatch.setattr(labels, "get_current_context", lambda: {"params": {"rows": 3}})
    return labels.find_suspects.function("small")


def answered(saved: bool = True, **answers: str) -> dict[str, Any]:
    said = {name.replace("_", " "): text for name, text in answers.items()}
    return {"is_saved": saved, "answers": said, "who": "ann", "known_at": MOMENT.isoformat()}


def test_the_form_has_a_field_for_each_of_the_first_rows(form: dict[str, Any], queue: list[Review]) -> None:
    assert list(form["fields"]) == ["row 1", "row 2", "row 3"]
    first = form["fields"]["row 1"]
    assert first["title"] == f"id {queue[0].key_values[0]}: {queue[0].given}, or {queue[0].suggested}?"
    assert first["options"] == ["", "false", "true", "unsure", "drop"]


def test_answers_become_corrections_of_whom_gave_them_and_when(
    form: dict[str, Any], queue: list[Review], lake: Lake
) -> None:
    said = answered(row_1=queue[0].suggested, row_2=" drop ", row_3="")

    assert labels.keep_answers.function("small", form, said) == {"answers": 2, "added": 2}
    assert labels.keep_answers.function("small", form, said) == {"answers": 2, "added": 0}
    held = {one.key: one for one in read_corrections(lake)}
    assert [held[one.key].action for one in queue[:2]] == ["label", "drop"]
    assert {(one.who, one.known_at) for one in held.values()} == {("ann", MOMENT)}


def test_what_is_left_changes_nothing(form: dict[str, Any], lake: Lake) -> None:
    with pytest.raises(AirflowSkipException, match="left as it is"):
        labels.keep_answers.function("small", form, answered(saved=False, row_1="drop"))
    assert read_corrections(lake) == []


def test_an_answer_that_is_no_class_fails_plainly(form: dict[str, Any]) -> None:
    with pytest.raises(AirflowFailException, match="row 1: 'perhaps' is none of the classes"):
        labels.keep_answers.function("small", form, answered(row_1="perhaps"))


def test_without_suspects_nobody_is_asked(workflow: Workflow, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(labels, "get_current_context", lambda: {"params": {"rows": 3}})

    with pytest.raises(AirflowSkipException, match="no label waits for an answer"):
        labels.find_suspects.function("small")


@pytest.mark.parametrize(("option", "is_saved"), [(SAVE, True), (LEAVE, False)])
def test_the_operator_returns_who_answered_what_and_when(form: dict[str, Any], option: str, is_saved: bool) -> None:
    operator = ReviewForm(task_id="ask", form=form, subject="Which?")
    event = {
        "chosen_options": [option],
        "params_input": {"row 1": "true", "row 2": "", "row 3": "unsure"},
        "responded_at": MOMENT,
        "responded_by_user": {"id": "7", "name": "ann"},
    }

    found = operator.execute_complete({}, event)

    answers = {"row 1": "true", "row 2": "", "row 3": "unsure"}
    assert found == {"is_saved": is_saved, "answers": answers, "who": "ann", "known_at": MOMENT.isoformat()}
