"""A run on a sample, in a lake of its own, and what a quick training on it says."""

from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import pytest
from workflows_for_tests import make_rows, make_workflow

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.delivery.quick_training import Champion, Outcome, train_quickly
from lakemill.delivery.samples import Inputs, Sample, compare_columns, run_sample
from lakemill.exceptions import CollectionError, TrainingError
from lakemill.lake import Lake
from lakemill.preprocessing.features.frames import make_frame
from lakemill.training.estimators import make_pipeline

FIRST, SECOND = "2020-01-01", "2020-01-02"
NOW = datetime(2020, 2, 1, tzinfo=timezone.utc)
QUERY = "SELECT * EXCLUDE (noise), size::VARCHAR AS size_text, id::DOUBLE AS number FROM items"


def run(workflow: Workflow, lake: Lake, project: Path, *, rows: int = 1000, held: Lake | None = None) -> Sample:
    told: list[str] = []
    inputs = Inputs(project, connections=None, ingested_at=NOW, held=held, report=told.append)
    return run_sample(workflow, [SECOND], lake, project=project, inputs=inputs, rows=rows)


def learn(workflow: Workflow, features: Features, **rows: Any) -> Champion:
    """A champion that was trained on the first day."""
    learnt = make_rows(workflow, FIRST, 500, **rows)
    pipeline = make_pipeline(
        workflow.train.candidates["plain"], features, problem="classification", parameters={}, seed=0
    )
    labels = learnt.column("label").to_pandas().astype(str).str.lower().to_numpy()
    pipeline.fit(make_frame(learnt, features), labels)
    return Champion("3", pipeline, features, frozenset([FIRST]))


def test_the_columns_and_counts_of_a_changed_query_are_told(workflow: Workflow, lake: Lake, project: Path) -> None:
    before = run(workflow, lake, project)
    (project / "table.sql").write_text(QUERY)
    features = {"numeric": ["size"], "categorical": ["colour"]}
    changed = make_workflow(table=workflow.table.model_dump(), features=features)

    after = run(changed, Lake(f"{lake.address}-after", "small"), project)

    columns = compare_columns(before.columns, after.columns, against="before")
    assert (set(columns.added), set(columns.removed)) == ({"size_text", "number"}, {"noise"})
    assert after.counts == {"rows": 100, "clean": 100, "quarantined": 0, "duplicates": 0}


def test_no_more_rows_go_on_than_are_asked_for(workflow: Workflow, lake: Lake, project: Path) -> None:
    assert run(workflow, lake, project, rows=40).counts["clean"] == 40


def test_a_blocked_sample_says_why(workflow: Workflow, lake: Lake, project: Path) -> None:
    (project / "suite.json").write_text(
        '{"name": "s", "expectations": [{"type": "expect_table_row_count_to_be_between", "kwargs": {"min_value": 500},'
        '"meta": {"action": "block"}}]}'
    )
    strict = workflow.model_copy(update={"expectations": "suite.json"})

    sample = run(strict, lake, project)

    assert sample.problems[0].startswith(f"{SECOND} is blocked: ")
    assert sample.columns == {}


def test_rows_of_the_lake_stand_in_where_a_source_cannot_be_asked(
    workflow: Workflow, lake: Lake, project: Path
) -> None:
    run(workflow, lake, project)
    (project / f"items_{SECOND}.csv").unlink()
    scratch = Lake(f"{lake.address}-scratch", "small")

    assert run(workflow, scratch, project, held=lake).counts["clean"] == 100
    with pytest.raises(CollectionError):
        run(workflow, Lake(f"{lake.address}-other", "small"), project)


def test_a_quick_training_asks_the_rules_of_quality_alone(workflow: Workflow, lake: Lake, project: Path) -> None:
    run(workflow, lake, project)

    outcome = train_quickly(workflow, lake, (SECOND,), None)

    assert (outcome.verdict, outcome.candidate, outcome.champion) == ("pass", "plain", None)
    assert [rule for rule, _, _ in outcome.findings] == ["floor", "better than naive"]
    assert outcome.score > outcome.naive


def test_a_worse_model_than_the_champion_is_said_to_be_refused(workflow: Workflow, lake: Lake, project: Path) -> None:
    run(workflow, lake, project)
    features = {"numeric": ["noise"], "categorical": []}
    blind = make_workflow(table=workflow.table.model_dump(), features=features, gate={"better_than_naive": 0.0})

    outcome = train_quickly(blind, lake, (SECOND,), learn(workflow, workflow.features))

    assert (outcome.verdict, outcome.champion) == ("fail", "3")
    assert [rule for rule, is_met, _ in outcome.findings if not is_met] == ["against champion"]
    assert outcome.champion_score > outcome.score


def test_a_champion_that_lacks_a_column_is_not_asked(workflow: Workflow, lake: Lake, project: Path) -> None:
    run(workflow, lake, project)
    rows = make_rows(workflow, FIRST)
    own = Features(numeric=("size", "gone"), categorical=("colour",))
    champion = learn(workflow, workflow.features)
    assert "gone" not in rows.column_names

    outcome: Outcome = train_quickly(workflow, lake, (SECOND,), Champion("3", champion.pipeline, own, frozenset()))

    assert outcome.champion is None
    assert outcome.notes == ("the champion cannot be asked: the table has no gone any more",)


def test_a_champion_that_has_seen_the_sample_is_said_to_have(workflow: Workflow, lake: Lake, project: Path) -> None:
    run(workflow, lake, project)
    champion = learn(workflow, workflow.features)
    seen = Champion(champion.version, champion.pipeline, champion.features, frozenset([FIRST, SECOND]))

    assert train_quickly(workflow, lake, (SECOND,), seen).notes == (
        f"the champion has learnt from {SECOND}, which speaks for it",
    )


def test_too_few_rows_are_no_training(workflow: Workflow, lake: Lake, project: Path) -> None:
    run(workflow, lake, project, rows=5)

    with pytest.raises(TrainingError):
        train_quickly(workflow, lake, (SECOND,), None)
