"""The audit as a whole: what becomes a suspect and why, what is flagged, and what cannot be audited."""

from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from workflows_for_tests import make_rows, make_workflow, with_nulls

from lakemill.config import Workflow
from lakemill.labels.audit import Audit, audit_labels
from lakemill.labels.judges import make_judge

KEY = "2020-01-01"


def audit(workflow: Workflow, rows: pa.Table) -> Any:
    problem = workflow.table.label.problem
    return audit_labels(workflow, rows, lambda: make_judge(workflow.features, problem=problem, seed=0))


def make_noisy(problem: str, count: int = 600) -> tuple[Workflow, pa.Table, np.ndarray]:
    """Rows whose every twentieth label is wrong."""
    workflow = make_workflow(problem, features={"numeric": ["size"], "categorical": ["colour"]})
    rows = make_rows(workflow, KEY, count, problem=problem)
    wrong = np.arange(5, count, 20)
    labels = rows.column("label").to_pylist()
    for row in wrong:
        labels[row] = {
            "binary": lambda given: not given,
            "multiclass": lambda given: "high" if given == "low" else "low",
            "regression": lambda given: given + 30,
        }[problem](labels[row])
    return workflow, rows.set_column(5, "label", pa.array(labels, rows.schema.field("label").type)), wrong


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_seeded_errors_come_first_in_the_queue(problem: str) -> None:
    workflow, rows, wrong = make_noisy(problem)

    found = audit(workflow, rows)

    assert isinstance(found, Audit)
    assert (found.rows, found.of, found.is_clear) == (600, 600, True)
    assert found.low <= 0.05 <= found.high
    first = [one.row for one in found.suspects[:10]]
    assert len({*first} & {*wrong}) >= 8
    assert all(one.is_flagged and one.reason.startswith("the model says") for one in found.suspects[:10])
    assert [one.given for one in found.suspects[:3]] == [
        str(rows.column("label").cast(pa.string())[row].as_py()) for row in first[:3]
    ]


def test_values_are_mended_only_where_they_are_flagged() -> None:
    workflow, rows, wrong = make_noisy("regression")

    found = audit(workflow, rows)

    assert np.flatnonzero(found.given != found.mended).tolist() == found.flagged.tolist()
    assert {*wrong} <= {*found.flagged}
    assert np.abs(found.mended[wrong] - (found.given[wrong] - 30)).max() < 10


def test_rows_in_conflict_are_suspects_with_their_reason() -> None:
    workflow, rows, _ = make_noisy("binary")
    twin = rows.slice(0, 1)
    twin = twin.set_column(0, "id", pa.array([1], pa.int64()))
    twin = twin.set_column(5, "label", pa.array([not rows.column("label")[0].as_py()]))

    found = audit(workflow, pa.concat_tables([rows, twin]))

    told = {one.row: one.reason for one in found.suspects}
    assert found.conflicts.rows == 2
    assert {0, 600} <= {*told}
    assert "1 row(s) with the same features are labelled" in told[0]


def test_what_annotators_together_say_against_the_label_comes_first() -> None:
    workflow, rows, _ = make_noisy("binary")
    workflow = make_workflow(features=workflow.features.model_dump(), labels={"annotators": ["anna", "ben"]})
    said = rows.column("label").cast(pa.string()).to_pylist()
    said[42] = "false" if said[42] == "true" else "true"
    rows = rows.append_column("anna", pa.array(said)).append_column("ben", pa.array(said))

    found = audit(workflow, rows)

    assert found.suspects[0].row == 42
    assert found.suspects[0].suggested == said[42]
    assert found.suspects[0].reason.startswith(f"annotators together say {said[42]}")
    assert found.agreement.alpha == 1.0


def test_annotators_that_the_rows_do_not_have_yet_said_nothing() -> None:
    workflow = make_workflow(labels={"annotators": ["anna", "ben"]})

    found = audit(workflow, make_rows(workflow, KEY, 200))

    assert found.agreement.labelled == {"anna": 0, "ben": 0}


def test_no_more_rows_are_audited_than_asked_for_and_always_the_same() -> None:
    workflow, rows, _ = make_noisy("binary")
    workflow = make_workflow(features=workflow.features.model_dump(), labels={"rows": 250})

    first, second = audit(workflow, rows), audit(workflow, rows)

    assert (first.rows, first.of) == (250, 600)
    assert (first.rate, first.suspects) == (second.rate, second.suspects)


def few(rows: pa.Table) -> pa.Table:
    return rows.slice(0, 99)


def of_one_class(rows: pa.Table) -> pa.Table:
    return rows.set_column(5, "label", pa.array([True] * len(rows)))


@pytest.mark.parametrize(
    ("change", "said"),
    [(few, "99 rows with a label that others have too, 100 are needed"), (of_one_class, "all 200 rows have the label")],
)
def test_what_cannot_be_audited_says_why(change: Any, said: str) -> None:
    workflow = make_workflow()

    assert audit(workflow, change(make_rows(workflow, KEY, 200))).startswith(said)


def test_a_class_too_rare_for_each_fold_is_left_out() -> None:
    workflow = make_workflow("multiclass")
    rows = make_rows(workflow, KEY, 300, problem="multiclass")
    labels = rows.column("label").to_pylist()
    labels[:4] = ["odd"] * 4

    found = audit(workflow, rows.set_column(5, "label", pa.array(labels)))

    assert (found.rows, found.classes) == (296, ("high", "low", "middle"))


def test_missing_features_are_no_hindrance() -> None:
    workflow, rows, _ = make_noisy("binary")

    assert isinstance(audit(workflow, with_nulls(rows, "size", list(range(0, 600, 7)))), Audit)
