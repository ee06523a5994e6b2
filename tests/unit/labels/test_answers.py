"""Answers made into corrections: what is taken, and what is refused with a reason."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from workflows_for_tests import make_rows, make_workflow, publish

from lakemill.labels.answers import Answer, AnswerError, list_classes, make_corrections
from lakemill.lake import Lake
from lakemill.lake.label_corrections import record_corrections
from lakemill.lake.row_names import name_rows

KEY = "2020-01-01"
NOW = datetime(2020, 2, 1, tzinfo=UTC)


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def ask(lake: Lake, problem: str = "binary") -> tuple[Any, list[str], list[str]]:
    """Publish rows; return the workflow, their names and their labels as text."""
    workflow = make_workflow(problem)
    rows = make_rows(workflow, KEY, 40, problem=problem)
    publish(workflow, lake, KEY, rows)
    return workflow, name_rows(rows, ("id",)), rows.column("label").cast(pa.string()).to_pylist()


def take(workflow: Any, lake: Lake, *answers: Answer) -> list[Any]:
    return make_corrections(workflow, lake, answers, who="ann", known_at=NOW)


def test_a_label_an_unsure_and_a_drop_are_taken(lake: Lake) -> None:
    workflow, names, given = ask(lake)
    other = "false" if given[0] == "true" else "true"

    made = take(
        workflow,
        lake,
        Answer("line 2", KEY, names[0], given[0], other, "seen again"),
        Answer("line 3", KEY, names[1], given[1], "unsure"),
        Answer("line 4", KEY, names[2], given[2], "drop"),
    )

    assert [(one.action, one.label, one.who) for one in made] == [
        ("label", other, "ann"),
        ("unsure", None, "ann"),
        ("drop", None, "ann"),
    ]
    assert (made[0].given, made[0].reason, made[0].known_at) == (given[0], "seen again", NOW)


def test_what_was_answered_before_is_not_taken_again(lake: Lake) -> None:
    workflow, names, given = ask(lake)
    answer = Answer("line 2", KEY, names[0], given[0], "unsure")
    record_corrections(lake, take(workflow, lake, answer))

    assert make_corrections(workflow, lake, [answer], who="ben", known_at=NOW.replace(month=3)) == []


def test_an_answer_about_a_corrected_label_speaks_of_the_delivered_one(lake: Lake) -> None:
    workflow, names, given = ask(lake)
    other = "false" if given[0] == "true" else "true"
    record_corrections(lake, take(workflow, lake, Answer("line 2", KEY, names[0], given[0], other)))

    (made,) = make_corrections(
        workflow, lake, [Answer("2", KEY, names[0], other, given[0])], who="ben", known_at=NOW.replace(month=3)
    )

    assert (made.given, made.label) == (given[0], given[0])


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"key": '["7"]'}, 'line 2: no row with a label has the key ["7"] in partition 2020-01-01'),
        ({"partition": "2020-01-09"}, "in partition 2020-01-09"),
        ({"text": "ture"}, "line 2: 'ture' is none of the classes: did you mean 'true'?"),
        ({"given": "elsewhat"}, "line 2: the label was 'elsewhat' when it was asked about, and is "),
    ],
)
def test_answers_that_fit_no_row_are_refused_and_none_is_taken(lake: Lake, change: dict[str, str], said: str) -> None:
    workflow, names, given = ask(lake)
    good = {"where": "line 2", "partition": KEY, "key": names[0], "given": given[0], "text": "unsure"}

    with pytest.raises(AnswerError) as caught:
        take(workflow, lake, Answer("line 1", KEY, names[1], given[1], "drop"), Answer(**{**good, **change}))

    assert said in str(caught.value)
    assert str(caught.value).endswith("-> mend them: none of the answers was taken")


def test_values_may_be_written_in_another_way(lake: Lake) -> None:
    workflow, names, given = ask(lake, "regression")

    (made,) = take(workflow, lake, Answer("line 2", KEY, names[0], f"{float(given[0]):.25f}", "12.50"))

    assert (made.given, made.label) == (given[0], "12.50")
    with pytest.raises(AnswerError, match=r"'twelve' is no double, nor unsure or drop"):
        take(workflow, lake, Answer("line 2", KEY, names[0], given[0], "twelve"))


def test_the_classes_are_those_of_all_published_rows(lake: Lake) -> None:
    assert list_classes(make_workflow(), lake) == []
    workflow, *_ = ask(lake)
    assert list_classes(workflow, lake) == ["false", "true"]
