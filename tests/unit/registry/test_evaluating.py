"""What the gate refuses, on rows in which the fault is known; all of it through the steps of a training."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.registry import promoting
from lakemill.registry.approval import find_reasons_to_ask
from lakemill.registry.evaluating import evaluate
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.training_rows import load_rows
from lakemill.training.estimators import make_pipeline
from lakemill.training.snapshots import take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"
QUICK = {"leakage": "skip"}
LOGISTIC = "sklearn.linear_model.LogisticRegression"


@dataclass(frozen=True)
class Trained:
    """Where a model is kept, and what the gate says of it."""

    lake: Lake
    open_registry: Callable[[Workflow], Registry]

    def judge(self, workflow: Workflow, key: str = FIRST, *, promote: bool = False) -> dict[str, Any]:
        registry, as_of = self.open_registry(workflow), end_of(workflow, key)
        snapshot = take_snapshot(workflow, self.lake, as_of=as_of)["id"]
        loaded = load_rows(workflow, self.lake, snapshot)
        candidate, problem = workflow.train.candidates["plain"], workflow.table.label.problem
        pipeline = make_pipeline(candidate, workflow.features, problem=problem, parameters={}, seed=0)
        pipeline.fit(loaded.X.iloc[loaded.split.fit], loaded.y[loaded.split.fit])
        version = registry.add(Fitted(pipeline, snapshot, as_of, {}, {}, {}))
        evaluated = evaluate(workflow, self.lake, registry, snapshot, version)
        assert evaluate(workflow, self.lake, registry, snapshot, version) == evaluated  # a retry says the same
        if promote:
            later = datetime(2030, 1, 1, tzinfo=UTC)
            promoting.promote(self.lake, registry, version=version, as_of=as_of, recorded_at=later)
        return evaluated


@pytest.fixture
def trained(lake: Lake, open_registry: Callable[[Workflow], Registry]) -> Trained:
    registries: dict[str, Registry] = {}
    return Trained(lake, lambda workflow: registries.setdefault("one", open_registry(workflow)))


def declare(*, estimator: str = LOGISTIC, gate: dict[str, Any] | None = None, **sections: Any) -> Workflow:
    train = {"metric": "roc_auc", "candidates": {"plain": {"estimator": estimator, "search": {}}}}
    sections = {"features": {"numeric": ["size", "noise"]}, **sections}
    return make_workflow(train=train, gate={**QUICK, **(gate or {})}, **sections)


def told_of(evaluated: dict[str, Any], rule: str) -> tuple[bool, str]:
    found = next(one for one in evaluated["findings"] if one["rule"] == rule)
    return found["is_met"], found["text"]


def refusals_of(evaluated: dict[str, Any]) -> list[str]:
    assert evaluated["verdict"] == ("pass" if all(one["is_met"] for one in evaluated["findings"]) else "fail")
    return [one["rule"] for one in evaluated["findings"] if not one["is_met"]]


def with_airport(rows: pa.Table, *, is_turned: bool) -> pa.Table:
    """Every fifth row is of the airport z, where what is big elsewhere is small, or is not."""
    at_z = np.arange(len(rows)) % 5 == 0
    labels = rows.column("label").to_numpy(zero_copy_only=False)
    place = rows.column_names.index("label")
    rows = rows.append_column("airport", pa.array(np.where(at_z, "z", "y")))
    return rows.set_column(place, "label", pa.array(labels ^ at_z if is_turned else labels))


def test_a_first_model_is_let_in_by_floor_and_naive_model_and_marked_as_first(trained: Trained) -> None:
    workflow = declare(gate={"floor": 0.7})
    publish(workflow, trained.lake, FIRST, make_rows(workflow, FIRST, 400))

    evaluated = trained.judge(workflow)

    assert (refusals_of(evaluated), evaluated["is_first"]) == ([], True)
    assert told_of(evaluated, "against champion") == (True, "first model: no champion")
    assert {one["metric"] for one in evaluated["figures"]} >= {"roc_auc", "precision", "calibration_error", "f1_macro"}
    assert all(one["low"] <= one["score"] <= one["high"] for one in evaluated["figures"][:3])
    assert evaluated["importances"][0]["feature"] == "size"


@pytest.mark.parametrize("slices", [["airport"], {"columns": ["airport"], "action": "note"}])
def test_a_model_that_is_good_on_average_and_bad_at_one_airport_is_refused(trained: Trained, slices: Any) -> None:
    workflow = declare(gate={"floor": 0.6, "slices": slices})
    publish(workflow, trained.lake, FIRST, with_airport(make_rows(workflow, FIRST, 2000), is_turned=True))

    evaluated = trained.judge(workflow)

    is_met, text = told_of(evaluated, "slices")
    assert refusals_of(evaluated) == ([] if is_met else ["slices"])
    assert is_met == isinstance(slices, dict)
    assert "airport z (60 rows): roc_auc" in text
    assert evaluated["score"] > 0.7


def test_a_candidate_that_is_worse_than_the_champion_at_one_airport_alone_is_refused_for_it(trained: Trained) -> None:
    features = {"numeric": ["size"], "categorical": []}
    knows_airports = declare(features={"numeric": ["size", "size_at_z"], "categorical": ["airport"]})
    does_not = declare(features=features, gate={"slices": ["airport"], "against_champion": {"margin": 0.5}})
    for key in (FIRST, SECOND):
        rows = with_airport(make_rows(knows_airports, key, 1000), is_turned=True)
        size_at_z = rows.column("size").to_numpy() * (rows.column("airport").to_numpy(zero_copy_only=False) == "z")
        publish(knows_airports, trained.lake, key, rows.append_column("size_at_z", pa.array(size_at_z)))
    trained.judge(knows_airports, promote=True)

    evaluated = trained.judge(does_not, SECOND)

    assert refusals_of(evaluated) == ["slices"]
    assert "airport z" in told_of(evaluated, "slices")[1]
    assert "against the champion v1" in told_of(evaluated, "slices")[1]


def test_the_same_model_at_all_airports_is_let_in(trained: Trained) -> None:
    workflow = declare(gate={"slices": ["airport"]})
    publish(workflow, trained.lake, FIRST, with_airport(make_rows(workflow, FIRST, 2000), is_turned=False))

    assert refusals_of(trained.judge(workflow)) == []


def test_a_slice_column_that_is_not_in_the_table_is_told_before_anything_is_fitted(lake: Lake) -> None:
    workflow = declare(gate={"slices": ["color"]})
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))["id"]

    with pytest.raises(TrainingError, match=r"gate.slices: no column 'color' in the table\n  -> did you mean 'colour'"):
        load_rows(workflow, lake, snapshot)


@pytest.mark.thorough
@pytest.mark.parametrize(("limit", "refused"), [("1 millisecond", ["scoring time"]), ("1 second", [])])
def test_a_model_that_takes_too_long_for_a_row_is_refused(trained: Trained, limit: str, refused: list[str]) -> None:
    workflow = declare(estimator="estimators_for_tests.Sleepy", gate={"scoring_time": limit})
    publish(workflow, trained.lake, FIRST, make_rows(workflow, FIRST, 200))

    evaluated = trained.judge(workflow)

    assert refusals_of(evaluated) == refused
    assert min(evaluated["scoring"]["candidate"]) >= 0.002


@pytest.mark.thorough
def test_a_model_whose_scores_depend_on_the_rows_beside_is_refused_for_skew(trained: Trained) -> None:
    workflow = declare(estimator="estimators_for_tests.Centred")
    draw = np.random.default_rng(0)
    rows = make_rows(workflow, FIRST, 400)
    drift = np.linspace(-1, 1, 400) + draw.normal(0, 0.1, 400)  # so that test rows are other company than the day's
    publish(workflow, trained.lake, FIRST, rows.set_column(rows.column_names.index("noise"), "noise", pa.array(drift)))

    evaluated = trained.judge(workflow)

    assert "skew" in refusals_of(evaluated)
    assert "so a row's score depends on the rows beside it" in told_of(evaluated, "skew")[1]


def test_features_that_scoring_makes_otherwise_are_refused_and_named(
    trained: Trained, monkeypatch: pytest.MonkeyPatch
) -> None:
    from lakemill.evaluation import scored_rows

    def read_otherwise(workflow: Workflow, lake: Lake, keys: list[str], **said: Any) -> pa.Table:
        rows = lake.read("clean", keys, version=said.get("version"))
        return rows.set_column(rows.column_names.index("size"), "size", pa.array(rows.column("size").to_numpy() * 2.54))

    monkeypatch.setattr(scored_rows, "read_clean", read_otherwise)
    workflow = declare()
    publish(workflow, trained.lake, FIRST, make_rows(workflow, FIRST, 400))

    evaluated = trained.judge(workflow)

    assert refusals_of(evaluated) == ["skew"]
    assert "size differs in " in told_of(evaluated, "skew")[1]


@pytest.mark.parametrize(
    ("dataset", "refused"),
    [({"split": "group", "column": "speaker"}, ["floor", "better than naive"]), ({"split": "random"}, [])],
)
def test_a_model_that_learns_the_recording_instead_of_the_language_is_refused_once_speakers_are_kept_apart(
    trained: Trained, dataset: dict[str, Any], refused: list[str]
) -> None:
    channels = [f"mel_{one}" for one in range(6)]
    gate = {"floor": 0.75, "better_than_naive": 0.2, "slices": {"action": "note"}}
    by_neighbours = "sklearn.neighbors.KNeighborsClassifier"
    workflow = declare(features={"numeric": channels}, dataset=dataset, gate=gate, estimator=by_neighbours)
    draw, count, speakers = np.random.default_rng(3), 1200, 120
    speaker = draw.integers(0, speakers, count)
    voices = draw.normal(
        0, 1, (speakers, len(channels))
    )  # of a speaker and a microphone; nothing in it is of the language
    heard = voices[speaker] + draw.normal(0, 0.2, (count, len(channels)))
    rows = make_rows(workflow, FIRST, count).select(["id", "at"])
    for place, name in enumerate(channels):
        rows = rows.append_column(name, pa.array(heard[:, place]))
    rows = rows.append_column("speaker", pa.array([f"s{one:03}" for one in speaker]))
    speaks_french = np.arange(speakers) % 2 == 0
    rows = rows.append_column("label", pa.array(np.where(speaks_french[speaker], "fr", "it")))
    publish(workflow, trained.lake, FIRST, rows)

    assert [one for one in refusals_of(trained.judge(workflow)) if one != "calibration"] == refused


@pytest.mark.parametrize(("wanted", "refused"), [({}, ["against champion"]), ({"margin": 0.2}, [])])
def test_a_tie_keeps_the_champion_unless_the_workflow_gives_a_margin(
    trained: Trained, wanted: dict[str, float], refused: list[str]
) -> None:
    workflow = declare(gate={"against_champion": wanted, "slices": {"action": "note"}})
    for key in (FIRST, SECOND):
        publish(workflow, trained.lake, key, make_rows(workflow, key, 400))
    trained.judge(workflow, promote=True)

    evaluated = trained.judge(workflow, SECOND)

    assert refusals_of(evaluated) == refused
    assert (evaluated["champion"], evaluated["is_first"]) == ("1", False)
    assert evaluated["difference"]["low"] <= 0 <= evaluated["difference"]["high"]


def test_a_champion_of_another_scikit_learn_is_told_and_the_candidate_judged_as_a_first_model(trained: Trained) -> None:
    workflow = declare(gate={"slices": {"action": "note"}})
    for key in (FIRST, SECOND):
        publish(workflow, trained.lake, key, make_rows(workflow, key, 400))
    trained.judge(workflow, promote=True)
    registry = trained.open_registry(workflow)
    registry._client.set_model_version_tag("small", "1", "sklearn_version", "0.24.1")

    evaluated = trained.judge(workflow, SECOND)

    why = "the champion v1 cannot be loaded: it was fitted by scikit-learn 0.24.1, installed is "
    is_met, told = told_of(evaluated, "against champion")
    assert (refusals_of(evaluated), is_met) == ([], True)
    assert told.startswith(f"judged as a first model: {why}")
    assert (evaluated["champion"], evaluated["champion_score"], evaluated["is_first"]) == ("1", None, False)
    asks = declare(approve="on risk")
    assert any(one.startswith(f"not compared: {why}") for one in find_reasons_to_ask(asks, evaluated))


@pytest.mark.parametrize(
    ("test", "refused"),
    [
        ({"test": "direction", "column": "size", "by": 1, "score": "rises"}, []),
        ({"test": "direction", "column": "size", "by": 1, "score": "falls"}, ["behaviour"]),
        ({"test": "invariance", "column": "noise", "values": [-1, 0, 1], "tolerance": 0.2}, []),
        ({"test": "invariance", "column": "size", "values": [-1, 0, 1], "tolerance": 0.2}, ["behaviour"]),
        ({"test": "invariance", "column": "size", "values": ["big"]}, ["behaviour"]),
    ],
)
def test_a_model_that_does_not_behave_as_declared_is_refused(
    trained: Trained, test: dict[str, Any], refused: list[str]
) -> None:
    workflow = declare(gate={"behaviour": [test]})
    publish(workflow, trained.lake, FIRST, make_rows(workflow, FIRST, 300))

    assert refusals_of(trained.judge(workflow)) == refused


@pytest.mark.parametrize(
    ("costs", "text"),
    [
        ({"false_positive": 1, "false_negative": 5}, "a row, "),
        ({"matrix": {"true": {"flase": 5}}}, "gate.costs: no class 'flase': classes are false, true"),
    ],
)
def test_costs_are_weighed_and_of_classes_that_there_are(trained: Trained, costs: dict[str, Any], text: str) -> None:
    workflow = declare(gate={"costs": costs})
    publish(workflow, trained.lake, FIRST, make_rows(workflow, FIRST, 300))

    evaluated = trained.judge(workflow)

    is_met, told = told_of(evaluated, "cost")
    assert (is_met, text in told) == ("matrix" not in costs, True)


def test_a_series_is_held_against_its_last_value(trained: Trained) -> None:
    table = {
        "key": ["house", "at"],
        "event_time": "at",
        "label": {"column": "label", "problem": "regression", "known_after": "15 minutes"},
    }
    train = {
        "metric": "mean_absolute_error",
        "candidates": {"plain": {"estimator": "sklearn.linear_model.Ridge", "search": {}}},
    }
    workflow = make_workflow(
        "regression", table=table, train=train, features={"numeric": ["noise"]}, gate={"leakage": "skip"}
    )
    rows = make_rows(workflow, FIRST, 400, problem="regression")
    walk = np.cumsum(np.random.default_rng(0).normal(0, 1, 400))
    rows = rows.set_column(rows.column_names.index("label"), "label", pa.array(walk))
    publish(workflow, trained.lake, FIRST, rows.append_column("house", pa.array(["one"] * 400)))

    evaluated = trained.judge(workflow)

    assert evaluated["naive_name"] == "the last value"
    assert "better than naive" in refusals_of(evaluated)
    assert "against the last value" in told_of(evaluated, "better than naive")[1]
