"""Scoring: by the champion as of the partition's start, the same however often."""

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LinearRegression
from sklearn.pipeline import Pipeline
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.lake import Lake, storage
from lakemill.lake.times import SCORING, read_times
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.preprocessing.features import make_frame, make_target
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.models import Registry
from lakemill.scoring import SHADOW, TABLE, find_outdated, score_partition
from lakemill.training.estimators import make_pipeline
from lakemill.training.found_features import settle_features
from lakemill.training.snapshots import read_snapshot, take_snapshot

FIRST, SECOND, THIRD = (f"2020-01-0{day}" for day in range(1, 4))


class Models:
    """A registry of pipelines by version: what scoring needs of one."""

    def __init__(self, **pipelines: Pipeline) -> None:
        self.pipelines = pipelines

    def load(self, version: str) -> Pipeline:
        return self.pipelines[f"v{version}"]


@pytest.fixture
def lake(tmp_path: Path) -> Lake:
    return Lake(str(tmp_path / "lake"), "small")


def fit(workflow: Workflow, problem: str, *, seed: int = 0) -> Pipeline:
    rows = make_rows(workflow, FIRST, 200, problem=problem, seed=seed)
    candidate, label = workflow.train.candidates["plain"], workflow.table.label
    pipeline = make_pipeline(candidate, workflow.features, problem=label.problem, parameters={}, seed=0)
    return pipeline.fit(make_frame(rows, workflow.features), make_target(rows, label))


def promote(lake: Lake, version: str, as_of: datetime) -> None:
    entry = Entry(version, as_of, f"snapshot{version}", "let through")
    record_entry(lake, entry, recorded_at=datetime(2030, 1, int(version), tzinfo=UTC))


def score(workflow: Workflow, key: str, lake: Lake, **pipelines: Pipeline) -> dict[str, Any]:
    return score_partition(workflow, key, lake, cast(Registry, Models(**pipelines)))


def read(lake: Lake, key: str) -> Callable[[str], list[Any]]:
    rows = lake.read(TABLE, [key])
    return lambda name: rows.column(name).to_pylist()


def test_without_a_champion_scores_are_null_with_that_reason(lake: Lake) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, FIRST, 10)
    publish(workflow, lake, FIRST, rows)

    scored = score(workflow, FIRST, lake)

    assert scored == {"rows": 10, "scored": 0, "version": None, "changed": True}
    column = read(lake, FIRST)
    assert column("id") == rows.column("id").to_pylist()
    assert column("reason") == [f"no champion as of the start of {FIRST}"] * 10
    for name in ("score", "predicted", "classes", "probabilities", "model_version"):
        assert column(name) == [None] * 10


def test_the_champion_is_the_one_as_of_the_partitions_start(lake: Lake) -> None:
    workflow = make_workflow()
    for key in (FIRST, SECOND, THIRD):
        publish(workflow, lake, key, make_rows(workflow, key, 10))
    promote(lake, "1", end_of(workflow, FIRST))
    promote(lake, "2", end_of(workflow, SECOND))
    models = {"v1": fit(workflow, "binary"), "v2": fit(workflow, "binary", seed=1)}

    versions = [score(workflow, key, lake, **models)["version"] for key in (THIRD, FIRST, SECOND)]

    assert versions == ["2", None, "1"]
    assert set(read(lake, SECOND)("model_version")) == {"1"}
    assert set(read(lake, SECOND)("reason")) == {None}


def test_two_classes(lake: Lake) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, SECOND)
    publish(workflow, lake, SECOND, rows)
    promote(lake, "1", end_of(workflow, FIRST))
    pipeline = fit(workflow, "binary")

    assert score(workflow, SECOND, lake, v1=pipeline)["scored"] == 100

    column = read(lake, SECOND)
    np.testing.assert_allclose(column("score"), pipeline.predict_proba(make_frame(rows, workflow.features))[:, 1])
    assert column("predicted") == [str(share > 0.5).lower() for share in column("score")]


def test_probabilities_of_many_classes_sum_to_one(lake: Lake) -> None:
    workflow = make_workflow("multiclass")
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, problem="multiclass"))
    promote(lake, "1", end_of(workflow, FIRST))

    score(workflow, SECOND, lake, v1=fit(workflow, "multiclass"))

    column = read(lake, SECOND)
    probabilities = np.array(column("probabilities"))
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert column("classes") == [["high", "low", "middle"]] * 100
    assert column("predicted") == [
        names[at] for names, at in zip(column("classes"), probabilities.argmax(axis=1), strict=True)
    ]
    np.testing.assert_array_equal(column("score"), probabilities.max(axis=1))


def test_values(lake: Lake) -> None:
    workflow = make_workflow("regression")
    rows = make_rows(workflow, SECOND, problem="regression")
    publish(workflow, lake, SECOND, rows)
    promote(lake, "1", end_of(workflow, FIRST))
    pipeline = fit(workflow, "regression")

    score(workflow, SECOND, lake, v1=pipeline)

    column = read(lake, SECOND)
    np.testing.assert_array_equal(column("score"), pipeline.predict(make_frame(rows, workflow.features)))
    assert set(column("predicted")) == {None}
    assert column("probabilities") == column("classes") == [None] * 100


@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_scoring_again_changes_nothing(lake: Lake, problem: str) -> None:
    workflow = make_workflow(problem)
    for key in (FIRST, SECOND):
        publish(workflow, lake, key, make_rows(workflow, key, problem=problem))
    promote(lake, "1", end_of(workflow, FIRST))
    pipeline = fit(workflow, problem)
    for key in (FIRST, SECOND):
        assert score(workflow, key, lake, v1=pipeline)["changed"]
    before = lake.version(TABLE)

    for key in (SECOND, FIRST):
        assert not score(workflow, key, lake, v1=pipeline)["changed"]

    assert lake.version(TABLE) == before


def test_a_promotion_after_the_partitions_start_changes_nothing(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    score(workflow, FIRST, lake)

    promote(lake, "1", end_of(workflow, FIRST))

    assert not score(workflow, FIRST, lake, v1=fit(workflow, "binary"))["changed"]


@pytest.mark.parametrize("has_champion", [True, False])
def test_a_partition_without_rows_has_no_scores(lake: Lake, has_champion: bool) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 0))
    if has_champion:
        promote(lake, "1", end_of(workflow, FIRST))

    scored = score(workflow, SECOND, lake, v1=fit(workflow, "binary"))

    assert (scored["rows"], scored["scored"]) == (0, 0)


def test_rows_keep_their_scores_when_the_category_is_new_and_numbers_are_missing(lake: Lake) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, SECOND, 3)
    rows = rows.set_column(4, "colour", [["violet", None, "red"]]).set_column(2, "size", [[None, 1.0, None]])
    publish(workflow, lake, SECOND, rows)
    promote(lake, "1", end_of(workflow, FIRST))

    assert score(workflow, SECOND, lake, v1=fit(workflow, "binary"))["scored"] == 3
    assert all(0 <= share <= 1 for share in read(lake, SECOND)("score"))


def test_what_scoring_cost_is_kept_once_and_anew_for_other_rows(lake: Lake) -> None:
    workflow = make_workflow()
    promote(lake, "1", workflow.partition.interval(FIRST).start)
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    model = fit(workflow, "binary")
    score(workflow, FIRST, lake, v1=model)
    (first,) = read_times(lake)

    score(workflow, FIRST, lake, v1=model)
    assert read_times(lake) == [first]
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST, 90))
    score(workflow, FIRST, lake, v1=model)

    assert (first.what, first.version, first.snapshot, first.rows) == (SCORING, "1", "snapshot1", 100)
    assert first.cpu_seconds > 0
    assert [one.rows for one in read_times(lake)] == [90]


def test_where_nothing_was_scored_nothing_is_measured(lake: Lake) -> None:
    workflow = make_workflow()
    publish(workflow, lake, FIRST, make_rows(workflow, FIRST))
    score(workflow, FIRST, lake)
    promote(lake, "1", workflow.partition.interval(SECOND).start)
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 0))
    score(workflow, SECOND, lake, v1=fit(workflow, "binary"))

    assert read_times(lake) == []


class Recorder:
    """A model of numbers that keeps what it was given."""

    def predict(self, X: pd.DataFrame) -> np.ndarray:
        self.seen = X
        return np.zeros(len(X))


def with_windows(**said: Any) -> Workflow:
    windows = [{"columns": ["size"], "by": ["colour"], **said}]
    return make_workflow("regression", features={"numeric": ["size"], "windows": windows})


def test_windows_give_a_scored_row_the_bits_that_it_is_trained_on_later(lake: Lake) -> None:
    workflow = with_windows(lags=["3 hours", 1], tolerance="1 day", rolling={"36 hours": ["mean", "std", "max"]})
    keys = [FIRST, SECOND, THIRD]
    for key in keys:
        publish(workflow, lake, key, make_rows(workflow, key, problem="regression"))
    record_entry(
        lake, Entry("1", workflow.partition.interval(FIRST).start, "abc", "here"), recorded_at=end_of(workflow, FIRST)
    )
    scored = []
    for key in keys:
        recorder = Recorder()
        score(workflow, key, lake, v1=cast(Pipeline, recorder))
        scored.append(recorder.seen)

    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, THIRD))["id"]
    trained = make_frame(read_snapshot(workflow, lake, snapshot), workflow.features)

    pd.testing.assert_frame_equal(pd.concat(scored, ignore_index=True), trained, check_exact=True)
    assert trained.isna().to_numpy().sum() < 30  # at the very first rows only


def test_a_model_is_given_its_own_windows_when_the_file_has_others(lake: Lake) -> None:
    own, then = with_windows(lags=["1 hour"]), with_windows(rolling={"1 day": ["sum"]})
    rows = make_rows(own, SECOND, problem="regression")
    publish(own, lake, SECOND, rows)
    settle_features(own, lake, "snapshot1", rows)
    promote(lake, "1", end_of(own, FIRST))
    recorder = Recorder()

    score(then, SECOND, lake, v1=cast(Pipeline, recorder))

    assert list(recorder.seen.columns) == ["size", "size_lag_1_hour"]


def test_a_partition_scored_in_pieces_has_the_same_scores(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    workflow = make_workflow()
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND))
    promote(lake, "1", end_of(workflow, FIRST))
    pipeline = fit(workflow, "binary")
    score(workflow, SECOND, lake, v1=pipeline)
    whole = read(lake, SECOND)

    monkeypatch.setattr(storage, "PIECE_ROWS", 7)
    score(workflow, SECOND, lake, v1=pipeline)

    np.testing.assert_allclose(read(lake, SECOND)("score"), whole("score"))
    assert read(lake, SECOND)("predicted") == whole("predicted")


def test_rows_that_the_model_refuses_have_the_reason_and_the_partition_its_scores(lake: Lake) -> None:
    workflow = make_workflow("regression", features={"numeric": ["size"]})
    rows = make_rows(workflow, SECOND, 6, problem="regression")
    publish(workflow, lake, SECOND, rows.set_column(2, "size", [[1.0, None, 2.0, None, 3.0, 4.0]]))
    promote(lake, "1", end_of(workflow, FIRST))
    plain = Pipeline([("estimate", LinearRegression())]).fit(pd.DataFrame({"size": [1.0, 2.0]}), [1.0, 2.0])

    scored = score(workflow, SECOND, lake, v1=plain)

    assert (scored["rows"], scored["scored"]) == (6, 4)
    column = read(lake, SECOND)
    assert column("model_version") == ["1", None, "1", None, "1", "1"]
    assert [one is None for one in column("reason")] == [True, False, True, False, True, True]
    assert not score(workflow, SECOND, lake, v1=plain)["changed"]


def judge(lake: Lake, version: str, key: str, as_of: datetime) -> None:
    evidence = {"version": version, "snapshot": f"snapshot{version}"}
    record_verdict(lake, Verdict("gate", key, as_of, "fail", (), evidence))


def test_challengers_score_beside_the_champion_each_with_its_version(lake: Lake) -> None:
    workflow = make_workflow(score={"shadow": ["candidate", "previous"]})
    for key in (SECOND, THIRD):
        publish(workflow, lake, key, make_rows(workflow, key, 10))
    promote(lake, "1", workflow.partition.interval(FIRST).start)
    promote(lake, "2", end_of(workflow, FIRST))
    judge(lake, "3", SECOND, end_of(workflow, SECOND))
    models = {f"v{number}": fit(workflow, "binary", seed=number) for number in (1, 2, 3)}

    for key in (SECOND, THIRD):
        score(workflow, key, lake, **models)

    def versions(key: str, challenger: str) -> set[str | None]:
        rows = lake.read(SHADOW, [key], where={"challenger": challenger})
        assert len(rows) == 10
        return set(rows.column("model_version").to_pylist())

    assert {key: versions(key, "previous") for key in (SECOND, THIRD)} == {SECOND: {"1"}, THIRD: {"1"}}
    assert {key: versions(key, "candidate") for key in (SECOND, THIRD)} == {SECOND: {None}, THIRD: {"3"}}
    assert set(read(lake, THIRD)("model_version")) == {"2"}
    before = lake.version(SHADOW)
    score(workflow, THIRD, lake, **models)
    assert lake.version(SHADOW) == before


def test_a_challenger_that_cannot_be_loaded_costs_the_champion_nothing(lake: Lake) -> None:
    workflow = make_workflow(score={"shadow": ["previous"]})
    publish(workflow, lake, SECOND, make_rows(workflow, SECOND, 10))
    promote(lake, "1", workflow.partition.interval(FIRST).start)
    promote(lake, "2", end_of(workflow, FIRST))

    class Damaged(Models):
        def load(self, version: str) -> Pipeline:
            if version == "1":
                raise RegistryError("its file is not the one that was kept")
            return super().load(version)

    score_partition(workflow, SECOND, lake, cast(Registry, Damaged(v2=fit(workflow, "binary"))))

    assert set(read(lake, SECOND)("model_version")) == {"2"}
    reasons = lake.read(SHADOW, [SECOND]).column("reason").to_pylist()
    assert reasons == ["its file is not the one that was kept"] * 10


def test_partitions_scored_by_another_than_the_one_in_charge_are_outdated(lake: Lake) -> None:
    workflow = make_workflow()
    for key in (FIRST, SECOND, THIRD):
        publish(workflow, lake, key, make_rows(workflow, key, 10))
    promote(lake, "1", end_of(workflow, FIRST))
    models = {f"v{number}": fit(workflow, "binary", seed=number) for number in (1, 2)}
    for key in (FIRST, SECOND, THIRD):
        score(workflow, key, lake, **models)
    start = workflow.partition.interval(FIRST).start
    assert find_outdated(workflow, lake, since=start) == []

    promote(lake, "2", end_of(workflow, FIRST))
    assert find_outdated(workflow, lake, since=start) == [SECOND, THIRD]
    assert find_outdated(workflow, lake, since=end_of(workflow, SECOND)) == [THIRD]
    score(workflow, SECOND, lake, **models)
    assert find_outdated(workflow, lake, since=start) == [THIRD]
