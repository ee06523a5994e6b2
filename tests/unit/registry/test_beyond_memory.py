"""Training runs on snapshots that do not fit into the memory that they are given."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import predict
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_verdicts
from lakemill.preprocessing.features import make_frame
from lakemill.registry import evaluating, label_audit, promoting, releases
from lakemill.registry.ledger import Entry, record_entry
from lakemill.registry.models import Registry
from lakemill.training.snapshots import read_snapshot, take_snapshot
from lakemill.training.training_rows import TrainingRows, load_training_rows

DAYS = ("2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04")
COUNT = 2000  # rows a day
LITTLE = "600 kB"
Open = Callable[[Workflow], Registry]
LINEAR = {"estimator": "sklearn.linear_model.SGDClassifier", "parameters": {"loss": "log_loss"}, "search": {}}


def declare(problem: str = "binary", *, memory: str = LITTLE, **train: Any) -> Workflow:
    whole = make_workflow(problem)
    given = {**whole.train.model_dump(), "memory": memory, "budget": {"trials": 1}, **train}
    return make_workflow(problem, train=given)


def fill(lake: Lake, problem: str = "binary", days: tuple[str, ...] = DAYS) -> Workflow:
    workflow = make_workflow(problem)
    for key in days:
        publish(workflow, lake, key, make_rows(workflow, key, COUNT, problem=problem))
    return workflow


def take(workflow: Workflow, lake: Lake, key: str = DAYS[-1]) -> str:
    return str(take_snapshot(workflow, lake, as_of=end_of(workflow, key))["id"])


def load(workflow: Workflow, lake: Lake) -> TrainingRows:
    return load_training_rows(workflow, lake, take(workflow, lake))


def run(workflow: Workflow, lake: Lake, registry: Registry, studies: str) -> dict[str, Any]:
    snapshot, as_of = take(workflow, lake), end_of(workflow, DAYS[-1])
    label_audit.audit_snapshot(workflow, lake, snapshot, partition=DAYS[-1], as_of=as_of)
    releases.tune(workflow, lake, snapshot, studies=studies)
    tuned = [releases.take_best(workflow, lake, snapshot, one, studies=studies) for one in workflow.train.candidates]
    version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
    evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)
    promoting.decide(workflow, lake, registry, partition=DAYS[-1], as_of=as_of, version=version, evaluated=evaluated)
    return {"snapshot": snapshot, "version": version, **evaluated}


def test_where_all_rows_fit_all_are_used_in_their_order(lake: Lake) -> None:
    fill(lake)
    workflow = declare(memory="1 GB")

    loaded = load(workflow, lake)

    rows = read_snapshot(workflow, lake, take(workflow, lake))
    assert (loaded.sampled, loaded.whole) == (None, None)
    assert loaded.rows.equals(rows.select(loaded.rows.column_names))
    assert loaded.X.equals(make_frame(rows, workflow.features))
    assert sum(loaded.counts.values()) == len(DAYS) * COUNT


def test_the_same_id_gives_the_same_sample_whatever_the_order_and_the_files_in_the_lake(
    lake: Lake, tmp_path: Path
) -> None:
    fill(lake)
    other = Lake(str(tmp_path / "other"), "small")
    fill(other, days=tuple(reversed(DAYS)))
    workflow = declare()

    one, again, elsewhere = load(workflow, lake), load(workflow, lake), load(workflow, other)

    assert len(one.rows) < len(DAYS) * COUNT
    assert one.rows.equals(again.rows)
    assert one.rows.equals(elsewhere.rows)
    assert all((one.split.parts[name] == part).all() for name, part in elsewhere.split.parts.items())


def test_a_sample_takes_no_more_than_the_memory_and_keeps_each_row_in_its_part(lake: Lake) -> None:
    fill(lake)
    loaded = load(declare(), lake)
    whole, sampled = loaded.whole, loaded.sampled
    assert whole is not None
    assert sampled is not None

    assert 6 * sampled["row_bytes"] * len(loaded.rows) <= 600_000
    assert len(loaded.rows) == sampled["train"] + sampled["validation"] + len(loaded.split.test)
    ids = whole.rows.index.column("id").to_numpy()
    for name, part in loaded.split.parts.items():
        here = loaded.rows.column("id").to_numpy()[part]
        assert len(here)
        assert set(here) <= set(ids[whole.split.parts[name]])


def test_a_sample_has_the_shares_of_classes_and_more_of_newer_rows(lake: Lake) -> None:
    fill(lake)
    loaded = load(declare(), lake)
    whole = loaded.whole
    assert whole is not None

    drawn, of = whole.sample.fit, np.sort(whole.split.fit)
    assert np.mean(whole.y[drawn] == "true") == pytest.approx(np.mean(whole.y[of] == "true"), abs=0.002)
    oldest, newest = of[: len(of) // 8], of[-len(of) // 8 :]
    assert np.isin(newest, drawn).sum() == pytest.approx(4 * np.isin(oldest, drawn).sum(), rel=0.05)


def test_a_rare_class_is_not_lost(lake: Lake) -> None:
    workflow = make_workflow("multiclass")
    for key in DAYS:
        rows = make_rows(workflow, key, COUNT, problem="multiclass")
        labels = rows.column("label").to_pylist()
        labels[:3] = ["rare"] * 3
        publish(workflow, lake, key, rows.set_column(rows.column_names.index("label"), "label", [labels]))

    loaded = load(declare("multiclass"), lake)

    assert loaded.classes == ("high", "low", "middle", "rare")
    assert np.sum(loaded.y[loaded.split.fit] == "rare") == 12  # those of the fourth day are old enough to be fitted on


@pytest.mark.thorough
@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_whole_run_says_what_was_sampled_and_judges_on_all_test_rows(
    lake: Lake, open_registry: Open, tmp_path: Path, problem: str
) -> None:
    fill(lake, problem)
    workflow = declare(problem)
    registry = open_registry(workflow)

    ended = run(workflow, lake, registry, f"sqlite:///{tmp_path / 'studies.db'}")

    rows = read_snapshot(workflow, lake, ended["snapshot"])
    loaded = load(workflow, lake)
    assert loaded.whole is not None
    test = loaded.whole.split.test
    prediction = predict(registry.load(ended["version"]), make_frame(rows, workflow.features).iloc[test])
    assert ended["rows"] == len(test)
    assert ended["score"] == pytest.approx(METRICS[workflow.train.metric](loaded.whole.y[test], prediction))
    assert [proof["name"] for proof in ended["proofs"] if not proof["holds"]] == []
    details = registry.details(ended["version"])
    assert details["sampled"] == ended["sampled"]
    assert details["sampled"]["of"] == {name: len(part) for name, part in loaded.whole.split.parts.items()}
    verdict = read_verdicts(lake, "gate")[DAYS[-1]]
    assert verdict.reasons[-1] == f"rows: {ended['sampled']['text']}"
    assert "training and validation rows, as train.memory allows" in verdict.reasons[-1]


@pytest.mark.thorough
def test_a_champion_is_compared_on_all_test_rows(lake: Lake, open_registry: Open, tmp_path: Path) -> None:
    fill(lake)
    workflow = declare()
    registry, studies = open_registry(workflow), f"sqlite:///{tmp_path / 'studies.db'}"
    earlier = take(workflow, lake, DAYS[1])
    early = end_of(workflow, DAYS[1])
    releases.tune(workflow, lake, earlier, studies=studies)
    tuned = [releases.take_best(workflow, lake, earlier, "plain", studies=studies)]
    champion = releases.fit(workflow, lake, registry, earlier, tuned, as_of=early)
    record_entry(lake, Entry(champion, early, earlier, "let through"), recorded_at=end_of(workflow, DAYS[-1]))

    ended = run(workflow, lake, registry, studies)

    assert ended["champion"] == champion
    assert ended["difference"]["low"] <= ended["difference"]["gain"] <= ended["difference"]["high"]


@pytest.mark.thorough
def test_an_estimator_that_learns_piece_by_piece_sees_each_row_in_each_epoch(
    lake: Lake, open_registry: Open, tmp_path: Path
) -> None:
    fill(lake)
    workflow = declare(candidates={"linear": LINEAR}, epochs=3)
    registry = open_registry(workflow)

    ended = run(workflow, lake, registry, f"sqlite:///{tmp_path / 'studies.db'}")

    loaded = load(workflow, lake)
    assert loaded.whole is not None
    estimator = registry.load(ended["version"])[-1]
    assert estimator.t_ == 1 + 3 * len(loaded.whole.split.fit)  # scikit-learn counts the rows that it has seen
    assert ended["sampled"]["epochs"] == 3
    assert ended["verdict"] == "pass"


def test_pieces_hold_each_row_once_with_its_label_in_another_order_each_epoch(lake: Lake) -> None:
    fill(lake)
    loaded = load(declare(candidates={"linear": LINEAR}), lake)
    whole = loaded.whole
    assert whole is not None
    sizes = read_snapshot(loaded.workflow, lake, take(loaded.workflow, lake)).column("size").to_numpy()
    wanted = dict(zip(sizes[whole.split.fit], whole.y[whole.split.fit], strict=True))

    first, second = ([(X["size"].to_numpy(), y) for X, y in loaded.fit_frames(epoch)] for epoch in (0, 1))

    for pieces in (first, second):
        seen = [(size, label) for part, labels in pieces for size, label in zip(part, labels, strict=True)]
        assert len(seen) == len(wanted)
        assert dict(seen) == wanted
    assert [size for part, _ in first for size in part] != [size for part, _ in second for size in part]


def test_windows_of_a_sample_look_back_on_all_rows(lake: Lake) -> None:
    fill(lake)
    window = {"columns": ["size"], "rolling": {"2 hours": ["mean"]}, "lags": ["1 day"], "tolerance": "1 hour"}
    train = {**make_workflow().train.model_dump(), "memory": LITTLE}
    workflow = make_workflow(features={"numeric": ["size"], "windows": [window]}, train=train)

    loaded = load(workflow, lake)

    assert loaded.whole is not None
    whole = make_frame(read_snapshot(workflow, lake, take(workflow, lake)), workflow.features)
    expected = whole.iloc[loaded.whole.sample.positions].reset_index(drop=True)
    pd.testing.assert_frame_equal(loaded.X, expected, check_exact=True)
    for places, X in loaded.test_frames():
        expected = whole.iloc[loaded.whole.sample.scored[places]].reset_index(drop=True)
        pd.testing.assert_frame_equal(X, expected, check_exact=True)


def test_settings_of_memory_do_not_change_what_is_told_by_files_without_them() -> None:
    whole = make_workflow()
    assert declare(memory="2 GiB", budget={"trials": 3}).training_hash() == whole.training_hash()
    assert declare(budget={"trials": 3}).training_hash() != whole.training_hash()
