"""What is checked of a workflow before its first run."""

import json
from pathlib import Path
from typing import Any

import pytest

from lakemill.cli.checking import check_workflow
from lakemill.config import Settings, Workflow, load_settings
from lakemill.exceptions import LakemillError


def declare(project: Path, **changes: Any) -> tuple[Workflow, Settings]:
    settings = load_settings()
    import yaml

    content = yaml.safe_load((settings.workflows / "small.yaml").read_text())
    return Workflow.model_validate({**content, **changes}), settings


def with_sql(project: Path, sql: str) -> dict[str, Any]:
    (project / "table.sql").write_text(sql)
    label = {"column": "label", "problem": "classification"}
    return {"table": {"sql": "table.sql", "key": ["id"], "event_time": "at", "label": label}}


def with_suite(project: Path, suite: Any) -> dict[str, Any]:
    (project / "suite.json").write_text(suite if isinstance(suite, str) else json.dumps(suite))
    return {"expectations": "suite.json"}


def with_estimator(estimator: str, **candidate: Any) -> dict[str, Any]:
    return {"train": {"metric": "roc_auc", "candidates": {"other": {"estimator": estimator, **candidate}}}}


def test_a_good_workflow_passes(project: Path) -> None:
    check_workflow(*declare(project, **with_sql(project, "SELECT * FROM items")))


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELEC * FROM items", "table.sql: "),
        ("SELECT 1; SELECT 2", "table.sql: must be exactly one SELECT"),
        ("DROP TABLE items", "table.sql: must be exactly one SELECT"),
    ],
)
def test_wrong_sql_is_named_with_its_file(project: Path, sql: str, message: str) -> None:
    with pytest.raises(LakemillError) as refused:
        check_workflow(*declare(project, **with_sql(project, sql)))

    assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        ({}, None),
        ({"split": "group", "column": "customer"}, "dataset.column: no column 'customer' in the table made by"),
    ],
)
def test_a_column_that_the_query_does_not_make_is_found_before_anything_runs(
    project: Path, dataset: dict[str, Any], missing: str | None
) -> None:
    features = {"numeric": ["size"]}
    sections = {
        **with_sql(project, 'SELECT id, "at", size, label FROM items'),
        "features": features,
        "dataset": dataset,
    }
    workflow, settings = declare(project, **sections)
    if missing is None:
        check_workflow(workflow, settings)
    else:
        with pytest.raises(LakemillError, match=missing):
            check_workflow(workflow, settings)


@pytest.mark.parametrize("suite", ["{", {"name": "x", "expectations": [{"type": "expect_nothing_of_the_kind"}]}])
def test_a_wrong_suite_is_named_with_its_file(project: Path, suite: Any) -> None:
    with pytest.raises(LakemillError, match=r"suite\.json"):
        check_workflow(*declare(project, **with_suite(project, suite)))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (with_estimator("sklearn.linear_model.LogisticRegresion"), "did you mean 'LogisticRegression'"),
        (with_estimator("sklearn.linear_model.Ridge"), "is not for classification"),
        (with_estimator("sklearn.linear_model.LogisticRegression", parameters={"c": 1}), "no parameter 'c'"),
    ],
)
def test_a_wrong_candidate_is_named_with_its_key(project: Path, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(LakemillError) as refused:
        check_workflow(*declare(project, **changes))

    assert str(refused.value).startswith("include/workflows/small.yaml: train.candidates.other: ")
    assert message in str(refused.value)


def test_a_condition_that_cannot_be_parsed_is_named(project: Path) -> None:
    rule = {"rule": "require", "condition": "size >"}
    with pytest.raises(LakemillError, match=r"small\.yaml: clean \(require\): size >"):
        check_workflow(*declare(project, clean=[rule]))
