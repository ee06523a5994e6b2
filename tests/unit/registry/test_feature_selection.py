"""Features after tuning: idle ones go, needed ones stay, and groups are told with what they are worth and take."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.times import TRIAL, read_times
from lakemill.preprocessing.splitting import Split
from lakemill.registry import evaluating, releases
from lakemill.registry.feature_selection import price_groups, select_features
from lakemill.registry.model_card import make_card, write_markdown
from lakemill.registry.models import Registry
from lakemill.registry.trial_rows import TrialRows
from lakemill.training.estimators import make_pipeline
from lakemill.training.snapshots import take_snapshot
from lakemill.training.tuning import Tuned

SPLIT = Split(np.arange(600), np.arange(600, 1000), np.arange(1000, 1100))
FOLDED = replace(SPLIT, folds=((np.arange(500), np.arange(500, 750)), (np.arange(750), np.arange(750, 1000))))
CLASSES = ("false", "true")
NAMES = ("strong", "copy", "weak", "idle", "idler")
TUNED = Tuned("plain", {"C": 1.0}, -0.5, 3, 1.0)


def declare(**features: Any) -> Workflow:
    return make_workflow(features={"numeric": list(NAMES), **features})


def draw(*, seed: int = 0, copies: bool = False) -> tuple[pd.DataFrame, np.ndarray]:
    """Rows whose label follows from two numbers; ``copy`` is another one, or nearly the first again."""
    drawn = np.random.default_rng(seed)
    columns = {name: drawn.normal(size=1100) for name in NAMES}
    if copies:
        columns["copy"] = columns["strong"] + drawn.normal(0, 0.01, 1100)
    hidden = 2 * columns["strong"] + 0.7 * columns["weak"] + (0 if copies else columns["copy"])
    return pd.DataFrame(columns), np.where(hidden + drawn.normal(size=1100) > 0, "true", "false").astype(object)


def gather(workflow: Workflow, X: pd.DataFrame, y: np.ndarray, split: Split = SPLIT) -> TrialRows:
    return TrialRows(workflow, "plain", X, y, split, classes=CLASSES)


def test_the_same_parameters_are_fitted_once() -> None:
    rows = gather(declare(), *draw())

    assert rows.fit({"C": 1.0}) is rows.fit({"C": 1.0})
    assert rows.fit({"C": 2.0}) is not rows.fit({"C": 1.0})


@pytest.mark.parametrize("split", [SPLIT, FOLDED], ids=["validation rows", "folds"])
def test_features_without_importance_are_left_out_and_others_stay(split: Split) -> None:
    selected = select_features(gather(declare(), *draw(), split), TUNED)

    left_out = selected.parameters["features.without"]
    assert selected.parameters == {"C": 1.0, "features.without": left_out}
    assert "idle" in left_out
    assert set(left_out) <= {"idle", "idler"}
    assert selected.score != TUNED.score


def test_where_every_feature_matters_all_stay() -> None:
    X, y = draw()
    workflow = make_workflow(features={"numeric": ["strong", "copy", "weak"]})

    assert select_features(gather(workflow, X[["strong", "copy", "weak"]], y), TUNED) == TUNED


def test_of_two_that_say_the_same_not_both_go() -> None:
    workflow = make_workflow(
        features={"numeric": list(NAMES)},
        train={"metric": "roc_auc", "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}}},
    )

    left_out = select_features(gather(workflow, *draw(copies=True)), TUNED).parameters

    assert not {"strong", "copy"} <= set(left_out.get("features.without", []))


def test_a_group_that_is_off_stays_off_and_what_is_left_is_looked_at() -> None:
    workflow = declare(groups={"rest": ["idle", "copy"]})
    off = replace(TUNED, parameters={"C": 1.0, "features.rest": False})

    selected = select_features(gather(workflow, *draw()), off)

    assert selected.parameters == {"C": 1.0, "features.rest": False, "features.without": ["idler"]}


@pytest.mark.parametrize("is_on", [True, False])
def test_a_group_is_told_with_what_the_model_gains_by_it(is_on: bool) -> None:
    workflow = declare(groups={"needed": ["strong", "copy"], "nothing": ["idle*"]})
    tuned = replace(TUNED, parameters={"C": 1.0, "features.needed": is_on, "features.nothing": True})

    needed, nothing = price_groups(gather(workflow, *draw()), tuned)

    assert (needed.group, needed.columns, needed.is_on) == ("needed", ("strong", "copy"), is_on)
    assert needed.low > 0.1
    assert (nothing.columns, nothing.is_on) == (("idle", "idler"), True)
    assert nothing.low < 0 < nothing.high or abs(nothing.gain) < 0.02
    assert min(needed.seconds, needed.seconds_without) > 0


def test_a_group_is_told_though_all_features_beside_it_could_go() -> None:
    workflow = declare(groups={"needed": ["strong", "copy", "weak"]})

    (needed,) = price_groups(gather(workflow, *draw()), TUNED)
    selected = select_features(gather(workflow, *draw()), TUNED)

    assert needed.low > 0.1
    assert selected.parameters["features.without"] == ["idle", "idler"]


def test_without_groups_nothing_is_fitted_for_their_price() -> None:
    X, y = draw()

    assert price_groups(gather(declare(), X, y), replace(TUNED, parameters={"C": "no number"})) == []


def test_a_model_without_a_group_does_not_look_at_it() -> None:
    workflow, (X, y) = declare(groups={"needed": ["strong", "copy"]}), draw()
    pipeline = make_pipeline(
        workflow.train.candidates["plain"], workflow.features, problem="classification",
        parameters={"C": 1.0, "features.needed": False, "features.without": ["idle"]}, seed=0,
    ).fit(X, y)  # fmt: skip

    other = X.assign(strong=0.0, copy=np.nan, idle=-1e6)
    np.testing.assert_array_equal(pipeline.predict_proba(X), pipeline.predict_proba(other))
    assert not np.array_equal(pipeline.predict_proba(X), pipeline.predict_proba(X.assign(weak=0.0)))


def test_a_training_switches_groups_selects_and_tells_so_in_the_card(
    lake: Lake, open_registry: Callable[[Workflow], Registry], tmp_path: Path
) -> None:
    usual = {"estimator": "sklearn.linear_model.LogisticRegression"}
    train = {"metric": "roc_auc", "candidates": {"plain": usual}, "budget": {"trials": 6}, "select": "importance"}
    groups = {"looks": ["colour"], "chance": ["noise"]}
    workflow = make_workflow(
        features={"numeric": ["size", "noise"], "categorical": ["colour"], "groups": groups}, train=train
    )
    publish(workflow, lake, "2020-01-01", make_rows(workflow, "2020-01-01", count=900))
    as_of, studies = end_of(workflow, "2020-01-01"), f"sqlite:///{tmp_path / 'studies.db'}"
    registry = open_registry(workflow)

    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    releases.tune(workflow, lake, snapshot, studies=studies)
    tuned = releases.take_best(workflow, lake, snapshot, "plain", studies=studies)
    version = releases.fit(workflow, lake, registry, snapshot, [tuned], as_of=as_of)
    evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)

    tried = [one.parameters for one in read_times(lake, TRIAL)]
    assert tried[0] == {"C": 1.0, "features.looks": True, "features.chance": True}  # the estimator's own values
    assert {(one["features.looks"], one["features.chance"]) for one in tried} > {(True, True)}
    assert [one["group"] for one in tuned["groups"]] == ["looks", "chance"]
    assert tuned["groups"][0]["gain"] > 0
    card = make_card(
        workflow, version, tags=registry.tags(version), details=registry.details(version), parameters={}, figures={},
        evaluated=evaluated,
    )  # fmt: skip
    text = write_markdown(card)
    assert "## Groups of features" in text
    assert "| looks | colour | yes |" in text
    found = tuned["parameters"]
    is_off = found["features.chance"] is False or "noise" in found.get("features.without", [])
    assert ("| noise | numeric, left out by tuning |" in text) == is_off
