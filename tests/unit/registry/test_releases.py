"""Training runs on a small real workflow, from the snapshot to the promotion."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import optuna
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import TrainingError
from lakemill.lake import Lake
from lakemill.lake.verdicts import TABLE as VERDICTS
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry import evaluating, promoting, releases
from lakemill.registry.ledger import TABLE as LEDGER
from lakemill.registry.ledger import find_champion
from lakemill.registry.models import Registry
from lakemill.training.snapshot_rows import SnapshotRows
from lakemill.training.snapshots import open_snapshot, take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"
LATER = datetime(2030, 1, 1, tzinfo=UTC)
Open = Callable[[Workflow], Registry]


@dataclass(frozen=True)
class Training:
    """The tasks of a training DAG, one after another."""

    workflow: Workflow
    lake: Lake
    registry: Registry
    studies: str

    def run(self, key: str) -> dict[str, Any]:
        as_of = end_of(self.workflow, key)
        snapshot = take_snapshot(self.workflow, self.lake, as_of=as_of)["id"]
        names = self.workflow.train.candidates
        releases.tune(self.workflow, self.lake, snapshot, studies=self.studies)
        tuned = [releases.take_best(self.workflow, self.lake, snapshot, name, studies=self.studies) for name in names]
        version = releases.fit(self.workflow, self.lake, self.registry, snapshot, tuned, as_of=as_of)
        evaluated = evaluating.evaluate(self.workflow, self.lake, self.registry, snapshot, version)
        verdict = promoting.decide(
            self.workflow, self.lake, self.registry, partition=key, as_of=as_of, version=version, evaluated=evaluated
        )
        promoted = None
        if verdict == "pass":
            promoted = promoting.promote(self.lake, self.registry, version=version, as_of=as_of, recorded_at=LATER)
        return {
            "snapshot": snapshot,
            "tuned": tuned,
            "version": version,
            "evaluated": evaluated,
            "verdict": verdict,
            "promoted": promoted,
        }

    def versions_of_tables(self) -> tuple[int, int]:
        return self.lake.version(VERDICTS), self.lake.version(LEDGER)


@pytest.fixture
def train(lake: Lake, open_registry: Open, tmp_path: Path) -> Callable[[Workflow], Training]:
    return lambda workflow: Training(workflow, lake, open_registry(workflow), f"sqlite:///{tmp_path / 'studies.db'}")


def publish_day(workflow: Workflow, lake: Lake, key: str, **rows: Any) -> None:
    publish(workflow, lake, key, make_rows(workflow, key, **rows))


@pytest.mark.thorough
@pytest.mark.parametrize("problem", ["binary", "multiclass", "regression"])
def test_a_candidate_that_learns_something_takes_charge_from_its_snapshots_moment(
    train: Callable[[Workflow], Training], lake: Lake, problem: str
) -> None:
    workflow = make_workflow(problem)
    publish_day(workflow, lake, FIRST, problem=problem)
    training = train(workflow)

    ended = training.run(FIRST)

    assert (ended["version"], ended["verdict"]) == ("1", "pass")
    assert ended["promoted"] == {"version": "1", "live": True}
    assert ended["evaluated"]["rows"] == 15
    assert find_champion(lake, as_of=end_of(workflow, FIRST)).version == "1"
    assert find_champion(lake, as_of=workflow.partition.interval(FIRST).start) is None
    assert read_verdicts(lake, "gate")[FIRST].evidence["score"] == ended["evaluated"]["score"]
    assert training.registry.tags("1")["gate"] == "pass"


@pytest.mark.thorough
@pytest.mark.parametrize("problem", ["binary", "regression"])
def test_the_same_training_again_changes_nothing(
    train: Callable[[Workflow], Training], lake: Lake, problem: str
) -> None:
    workflow = make_workflow(problem, gate={"against_champion": {"margin": 100.0}, "better_than_naive": 0.001})
    training = train(workflow)
    for key in (FIRST, SECOND):
        publish_day(workflow, lake, key, problem=problem)
    first, second = training.run(FIRST), training.run(SECOND)
    before = training.versions_of_tables()
    assert second["evaluated"]["champion"] == "1"

    again = [training.run(key) for key in (SECOND, FIRST, SECOND)]

    assert again == [second, {**first, "promoted": {"version": "1", "live": False}}, second]
    assert training.versions_of_tables() == before
    assert training.registry.count_versions() == 2
    assert training.registry.champion() == "2"


@pytest.mark.thorough
def test_one_run_after_the_other_or_in_one_backfill_gives_the_same_models(
    train: Callable[[Workflow], Training], lake: Lake
) -> None:
    workflow = make_workflow()
    training = train(workflow)
    publish_day(workflow, lake, FIRST)
    alone = training.run(FIRST)

    publish_day(workflow, lake, SECOND)

    assert training.run(FIRST)["evaluated"] == alone["evaluated"]


@pytest.mark.thorough
def test_a_backfilled_training_does_not_move_todays_champion(train: Callable[[Workflow], Training], lake: Lake) -> None:
    workflow = make_workflow(gate={"against_champion": {"margin": 1.0}})
    training = train(workflow)
    for key in (FIRST, SECOND):
        publish_day(workflow, lake, key)
    training.run(SECOND)

    backfilled = training.run(FIRST)

    assert backfilled["promoted"] == {"version": "2", "live": False}
    assert training.registry.champion() == "1"
    assert find_champion(lake, as_of=end_of(workflow, FIRST)).version == "2"
    assert find_champion(lake, as_of=end_of(workflow, SECOND)).version == "1"
    assert backfilled["evaluated"]["champion"] is None


@pytest.mark.thorough
def test_of_two_models_of_one_moment_the_later_stays_live_when_the_earlier_is_promoted_again(
    train: Callable[[Workflow], Training], lake: Lake
) -> None:
    workflow = make_workflow(gate={"against_champion": {"margin": 1.0}})
    changed = make_workflow(
        gate={"against_champion": {"margin": 1.0}}, features={"numeric": ["size"], "categorical": []}
    )
    publish_day(workflow, lake, FIRST)
    train(workflow).run(FIRST)
    snapshot = take_snapshot(changed, lake, as_of=end_of(changed, FIRST))["id"]
    after = Training(changed, lake, train(changed).registry, train(changed).studies)
    releases.tune(changed, lake, snapshot, studies=after.studies)
    tuned = [releases.take_best(changed, lake, snapshot, "plain", studies=after.studies)]
    version = releases.fit(changed, lake, after.registry, snapshot, tuned, as_of=end_of(changed, FIRST))
    moment = {"as_of": end_of(changed, FIRST), "recorded_at": LATER.replace(year=2031)}
    promoting.promote(lake, after.registry, version=version, **moment)

    again = promoting.promote(lake, after.registry, version="1", **moment)

    assert again == {"version": "1", "live": False}
    assert after.registry.champion() == version == "2"


def test_a_candidate_that_learns_nothing_is_kept_with_its_evidence_and_does_not_take_charge(
    train: Callable[[Workflow], Training], lake: Lake
) -> None:
    workflow = make_workflow(features={"numeric": ["noise"]}, gate={"better_than_naive": 0.3})
    publish_day(workflow, lake, FIRST)

    ended = train(workflow).run(FIRST)

    assert (ended["verdict"], ended["promoted"]) == ("fail", None)
    assert find_champion(lake, as_of=LATER) is None
    assert read_verdicts(lake, "gate")[FIRST].verdict == "fail"
    assert any(reason.startswith("better than naive: ") for reason in read_verdicts(lake, "gate")[FIRST].reasons)


@pytest.mark.parametrize(
    ("action", "verdict", "text"),
    [
        ("refuse", "fail", "leakage: no feature tells nearly all alone: no, leak alone reaches 1.000"),
        ("warn", "pass", "leakage: warning: no feature tells nearly all alone: no, leak alone"),
        ("skip", "pass", "leakage: leakage not looked for"),
    ],
)
def test_a_feature_that_gives_the_label_away_is_said_and_refused_unless_the_workflow_says_otherwise(
    train: Callable[[Workflow], Training], lake: Lake, action: str, verdict: str, text: str
) -> None:
    workflow = make_workflow(features={"numeric": ["noise", "leak"]}, gate={"leakage": action})
    rows = make_rows(workflow, FIRST, 200)
    leak = [2.0 * label + 0.001 * number for number, label in enumerate(rows.column("label").to_pylist())]
    publish(workflow, lake, FIRST, rows.append_column("leak", [leak]))

    ended = train(workflow).run(FIRST)

    assert ended["verdict"] == verdict
    told = read_verdicts(lake, "gate")[FIRST]
    assert any(reason.startswith(text) for reason in told.reasons)
    assert len(told.evidence["proofs"]) == (0 if action == "skip" else 7)


@pytest.mark.thorough
@pytest.mark.parametrize("dataset", [{"split": "hash", "folds": 3}, {"split": "stratified"}, {"gap": "2 hours"}])
def test_training_runs_on_any_split(train: Callable[[Workflow], Training], lake: Lake, dataset: dict[str, Any]) -> None:
    workflow = make_workflow(dataset=dataset)
    publish_day(workflow, lake, FIRST, count=200)

    ended = train(workflow).run(FIRST)

    assert ended["verdict"] == "pass"
    assert all(proof["holds"] for proof in ended["evaluated"]["proofs"])


def test_the_best_of_several_candidates_is_fitted(train: Callable[[Workflow], Training], lake: Lake) -> None:
    blind = {"estimator": "sklearn.dummy.DummyClassifier"}
    seeing = {"estimator": "sklearn.linear_model.LogisticRegression"}
    workflow = make_workflow(train={"metric": "log_loss", "candidates": {"blind": blind, "seeing": seeing}})
    publish_day(workflow, lake, FIRST)
    training = train(workflow)

    ended = training.run(FIRST)

    assert type(training.registry.load(ended["version"])["estimate"]).__name__ == "LogisticRegression"
    assert [one["candidate"] for one in training.registry.details("1")["tuned"]] == ["blind", "seeing"]


@pytest.mark.thorough
def test_a_training_by_one_worker_and_by_two_keeps_the_same_model(
    open_registry: Open, lake: Lake, tmp_path: Path
) -> None:
    plain = {"estimator": "sklearn.linear_model.LogisticRegression"}
    trees = {"estimator": "sklearn.ensemble.HistGradientBoostingClassifier", "parameters": {"max_iter": 5}}
    workflow = make_workflow(
        train={"metric": "roc_auc", "candidates": {"plain": plain, "trees": trees}, "budget": {"trials": 4}}
    )
    publish_day(workflow, lake, FIRST)
    as_of = end_of(workflow, FIRST)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
    registry = open_registry(workflow)
    learnt, kept = [], []
    for workers in (1, 2):
        studies = f"sqlite:///{tmp_path / f'studies{workers}.db'}"
        optuna.storages.RDBStorage(studies)  # as an installation makes its tables before anything runs
        with ThreadPoolExecutor(workers) as pool:
            given = {"studies": studies, "threads": 1}
            run = [
                pool.submit(releases.tune, workflow, lake, snapshot, worker=f"{number}", **given)
                for number in range(workers)
            ]
        counts = [one.result() for one in run]
        assert {name: sum(one[name] for one in counts) for name in ("plain", "trees")} == {"plain": 4, "trees": 4}
        tuned = [releases.take_best(workflow, lake, snapshot, name, studies=studies) for name in ("plain", "trees")]
        version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
        kept.append([{**one, "seconds": 0.0} for one in tuned])
        learnt.append(registry.tags(version)["learnt_sha256"])
        registry._client.delete_model_version(workflow.workflow, version)

    assert kept[0] == kept[1]
    assert learnt[0] == learnt[1]


def test_parameters_cannot_be_taken_before_a_trial_has_ended(lake: Lake, tmp_path: Path) -> None:
    workflow = make_workflow()
    publish_day(workflow, lake, FIRST)
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, FIRST))["id"]

    with pytest.raises(TrainingError, match="no trial has ended\n  -> run the task tune again"):
        releases.take_best(workflow, lake, snapshot, "plain", studies=f"sqlite:///{tmp_path / 'studies.db'}")


@pytest.mark.parametrize("count", [0, 29])
def test_too_few_rows_are_an_error_with_a_remedy(train: Callable[[Workflow], Training], lake: Lake, count: int) -> None:
    workflow = make_workflow()
    publish_day(workflow, lake, FIRST, count=count)

    with pytest.raises(TrainingError, match=rf"only {count} rows .*, 30 are needed\n  -> raise retrain\.first_after"):
        train(workflow).run(FIRST)


def test_labels_that_are_not_known_yet_leave_too_few_rows(train: Callable[[Workflow], Training], lake: Lake) -> None:
    workflow = make_workflow(known_after="2 days")
    publish_day(workflow, lake, FIRST)

    with pytest.raises(TrainingError, match=r"only 0 rows"):
        train(workflow).run(FIRST)


def test_training_rows_of_one_class_are_an_error_with_a_remedy(
    train: Callable[[Workflow], Training], lake: Lake
) -> None:
    workflow = make_workflow()
    publish_day(workflow, lake, FIRST, shift=50)

    with pytest.raises(TrainingError, match=r"the 70 train rows hold 1 class\(es\), 2 are needed\n  -> raise"):
        train(workflow).run(FIRST)


def test_validation_rows_of_one_class_are_an_error_with_a_remedy(
    train: Callable[[Workflow], Training], lake: Lake
) -> None:
    workflow = make_workflow()
    rows = make_rows(workflow, FIRST)
    labels = rows.column("label").to_pylist()[:70] + [True] * 30
    publish(workflow, lake, FIRST, rows.set_column(5, "label", [labels]))

    with pytest.raises(TrainingError, match=r"the 15 validation rows hold 1 class\(es\), 2 are needed\n  -> raise"):
        train(workflow).run(FIRST)


def test_rows_that_cannot_be_trained_on_are_the_gates_verdict_with_its_reason(lake: Lake) -> None:
    workflow = make_workflow()
    publish_day(workflow, lake, FIRST, shift=50)
    as_of = end_of(workflow, FIRST)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]

    lacking = releases.check_rows(workflow, lake, snapshot, partition=FIRST, as_of=as_of)

    assert lacking == "the 70 train rows hold 1 class(es), 2 are needed"
    verdict = read_verdicts(lake, "gate")[FIRST]
    assert (verdict.verdict, verdict.reasons) == ("fail", (lacking,))
    assert verdict.evidence["training"] == workflow.training_hash()


def test_rows_that_can_be_trained_on_leave_no_verdict(lake: Lake) -> None:
    workflow = make_workflow()
    publish_day(workflow, lake, FIRST)
    as_of = end_of(workflow, FIRST)
    snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]

    assert releases.check_rows(workflow, lake, snapshot, partition=FIRST, as_of=as_of) is None
    assert read_verdicts(lake, "gate") == {}


@pytest.mark.thorough
def test_a_champion_with_other_windows_of_the_same_names_is_compared_with_its_own(
    train: Callable[[Workflow], Training], lake: Lake, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_window(**said: Any) -> Workflow:
        window = {"columns": ["size"], "rolling": {"2 hours": ["mean"]}, **said}
        return make_workflow(features={"numeric": ["size"], "windows": [window]}, gate={"leakage": "skip"})

    first, then = with_window(), with_window(by=["colour"])
    for key in (FIRST, SECOND):
        publish_day(first, lake, key)
    train(first).run(FIRST)
    asked = []

    def note(*where: Any, **said: Any) -> SnapshotRows:
        asked.append(said)
        return open_snapshot(*where, **said)

    monkeypatch.setattr(evaluating, "open_snapshot", note)

    ended = train(then).run(SECOND)

    assert ended["evaluated"]["champion"] == "1"
    assert [said["windows"] for said in asked if said] == [first.features.windows]
