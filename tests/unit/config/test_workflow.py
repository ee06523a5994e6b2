"""What a workflow file means, once it is read."""

from pathlib import Path
from typing import get_args

import pytest
from pydantic import BaseModel, ValidationError

from lakemill.config import METRICS, Workflow, load_settings, load_workflow
from lakemill.config.cleaning import CleaningRule, LimitRange
from lakemill.config.dataset import TimeSplit
from lakemill.config.features import Features
from lakemill.config.gate import AgainstChampion, Gate
from lakemill.config.monitoring import Monitor
from lakemill.config.table import PREDICTION_COLUMNS, Table
from lakemill.config.training import Budget, Candidate, Range
from lakemill.evaluation.scores import SCHEMA

ROOT = Path(__file__).resolve().parents[3]

NAN, INFINITY = float("nan"), float("inf")


def changed(workflow: Workflow, **sections):
    return Workflow.model_validate({**workflow.model_dump(), **sections})


def test_the_flights_workflow_is_a_good_one():
    flights = load_workflow(ROOT / "include/workflows/flights.yaml", load_settings())
    assert (flights.workflow, flights.train.metric, len(flights.features.columns)) == ("flights", "roc_auc", 15)


def test_without_cleaning_rules_duplicates_are_dropped(project):
    assert [rule.rule for rule in project[1].clean] == ["duplicates"]


def test_one_suite_belongs_to_the_table(project):
    assert project[1].suites == {"table": "include/expectations/parcels.json"}


@pytest.mark.parametrize(
    "sections",
    [
        {"table": {"key": ["id"], "event_time": "at", "label": {"column": "late", "problem": "classification"}}},
        {"features": {"numeric": ["weight"]}},
        {"clean": []},
        {"dataset": {"test": "20 %"}},
    ],
)
def test_the_training_hash_changes_with_what_a_model_depends_on(project, sections):
    assert changed(project[1], **sections).training_hash() != project[1].training_hash()


@pytest.mark.parametrize(
    "sections",
    [
        {"description": "Other words"},
        {"monitor": {"effect": 0.5}},
        {"retrain": {"every": 9}},
        {"gate": {"floor": 0.9}},
        {"decide": {"data_drift": "retrain"}},
        {"notify": []},
    ],
)
def test_the_training_hash_stays_where_only_monitoring_changes(project, sections):
    assert changed(project[1], **sections).training_hash() == project[1].training_hash()


@pytest.mark.parametrize(
    ("section", "values", "said"),
    [
        (TimeSplit, {"validation": "50 %", "test": "50 %"}, "leave rows to train on"),
        (TimeSplit, {"test": 0}, "must be above 0"),
        (Features, {}, "names no column"),
        (Features, {"numeric": ["a", "b"], "categorical": ["b"]}, "b named twice"),
        (Range, {"low": 2, "high": 2}, "low must be under high"),
        (Range, {"low": 0, "high": 1, "log": True}, "above 0 with log"),
        (Gate, {"better_than_naive": "much"}, "must be a share like '15 %'"),
        (Gate, {"better_than_naive": NAN}, "finite number"),
        (Gate, {"floor": NAN}, "finite number"),
        (Gate, {"floor": -INFINITY}, "finite number"),
        (Gate, {"floor": "nan"}, "finite number"),
        (AgainstChampion, {"margin": INFINITY}, "finite number"),
        (AgainstChampion, {"confidence": 0}, "greater than 0"),
        (AgainstChampion, {"confidence": "100 %"}, "less than 1"),
        (Monitor, {"confidence": "0 %"}, "greater than 0"),
        (Monitor, {"confidence": 1}, "less than 1"),
        (Monitor, {"decay": INFINITY}, "finite number"),
        (Budget, {"minutes": INFINITY}, "finite number"),
        (Range, {"low": 0, "high": INFINITY}, "finite number"),
        (LimitRange, {"rule": "range", "columns": ["a"], "low": NAN}, "finite number"),
        (Candidate, {"estimator": "a.B", "search": {"c": [1], "d": []}}, "d is an empty list"),
    ],
)
def test_a_section_that_does_not_hold_together_is_refused(section, values, said):
    with pytest.raises(ValidationError, match=said):
        section(**values)


@pytest.mark.parametrize("name", PREDICTION_COLUMNS)
@pytest.mark.parametrize("place", ["key", "event_time", "label"])
def test_names_of_the_lakes_own_columns_are_refused(name, place):
    label = {"column": name if place == "label" else "late", "problem": "classification"}
    key, event_time = ["id", name] if place == "key" else ["id"], name if place == "event_time" else "at"

    with pytest.raises(ValidationError, match=f"{place}.*: the lake has a column '{name}' of its own: rename this one"):
        Table(key=key, event_time=event_time, label=label)


def test_all_columns_that_scoring_adds_are_known():
    assert {*SCHEMA.names, "model_version", "partition"} == set(PREDICTION_COLUMNS)


def test_a_parameter_of_an_estimator_may_be_anything():
    assert Candidate(estimator="a.B", parameters={"limit": INFINITY}).parameters == {"limit": INFINITY}


def test_a_workflow_cannot_be_changed(project):
    with pytest.raises(ValidationError, match="frozen"):
        project[1].description = "Other words"


def test_each_kind_of_problem_has_metrics_of_its_own():
    assert set(METRICS) == {"classification", "regression"}
    assert not set(METRICS["classification"]) & set(METRICS["regression"])


def test_every_key_of_the_schema_that_a_user_meets_first_is_described():
    top = Workflow.model_json_schema()["properties"]
    own = [name for name in ("workflow", "description", "collect", "expectations", "clean") if name in top]
    assert len(own) == 5
    assert all(top[name].get("description") for name in own)


def test_every_section_refuses_unknown_keys():
    def models(annotation):
        if isinstance(annotation, type) and issubclass(annotation, BaseModel):
            yield annotation
            for field in annotation.model_fields.values():
                yield from models(field.annotation)
        for part in getattr(annotation, "__args__", ()):
            yield from models(part)

    found = set(models(Workflow))
    assert len(found) > 10
    assert {model.__name__ for model in found if model.model_config.get("extra") != "forbid"} == set()


@pytest.mark.parametrize("rule", get_args(get_args(CleaningRule)[0]), ids=lambda rule: rule.__name__)
def test_every_key_of_a_cleaning_rule_is_described(rule: type[BaseModel]) -> None:
    properties = rule.model_json_schema()["properties"]
    assert [name for name, found in properties.items() if not found.get("description")] == []
