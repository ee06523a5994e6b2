"""The costs of trainings: kept once, compared with earlier ones, and weighed against the score."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import mlflow
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.times import EVALUATION, FIT, TABLE, TRIAL, Time, read_times, record_times
from lakemill.lake.verdicts import read_verdicts
from lakemill.registry import evaluating, promoting, releases
from lakemill.registry.models import Registry
from lakemill.registry.training_times import gather_paces, list_releases
from lakemill.training.snapshots import take_snapshot

FIRST, SECOND = "2020-01-01", "2020-01-02"
# the slow one has the better score on these rows; both are far above chance
FOREST = {"estimator": "sklearn.ensemble.RandomForestClassifier", "parameters": {"n_estimators": 200}, "search": {}}
LINEAR = {"estimator": "sklearn.linear_model.LogisticRegression", "search": {}}
Open = Callable[[Workflow], Registry]


@pytest.fixture(autouse=True)
def no_folds(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each trial is one fit, though rows are few."""
    monkeypatch.setattr("lakemill.preprocessing.splitting.rows.FEW_ROWS", 0)


def declare(choose: Any = "best", **sections: Any) -> Workflow:
    train = {"metric": "log_loss", "candidates": {"forest": FOREST, "linear": LINEAR}, "choose": choose}
    return make_workflow(train=train, **sections)


def tune_all(workflow: Workflow, lake: Lake, folder: Path, key: str = FIRST) -> tuple[str, list[dict[str, Any]]]:
    publish(workflow, lake, key, make_rows(workflow, key))
    snapshot = take_snapshot(workflow, lake, as_of=end_of(workflow, key))["id"]
    studies = f"sqlite:///{folder / 'studies.db'}"
    releases.tune(workflow, lake, snapshot, studies=studies)
    return snapshot, [
        releases.take_best(workflow, lake, snapshot, name, studies=studies) for name in ("forest", "linear")
    ]


def set_trials(lake: Lake, snapshot: str, **figures: dict[str, Any]) -> None:
    """Make the measured figures of trials what the test needs: times on a busy machine are no ground for a test."""
    for one in read_times(lake, TRIAL, snapshot=snapshot):
        record_times(
            lake, [replace(one, **figures[str(one.candidate)])], of=f"{snapshot}-{one.candidate}", is_anew=True
        )


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("choose", "fitted", "why"),
    [
        ("best", "forest", "the best score"),
        ("cheapest", "linear", "the cheapest within one standard error (0.2) of the best score: 0.5"),
        ({"best_under": "10 seconds"}, "linear", "the best score under 10 s"),
        ({"best_under": "2 minutes"}, "forest", "the best score under 120 s"),
    ],
)
def test_the_workflow_says_what_is_fitted(
    lake: Lake, open_registry: Open, tmp_path: Path, choose: Any, fitted: str, why: str
) -> None:
    workflow = declare(choose)
    snapshot, tuned = tune_all(workflow, lake, tmp_path)
    for one, score in zip(tuned, (-0.3, -0.4), strict=True):
        one["score"] = score
    set_trials(
        lake, snapshot, forest={"score": 0.3, "standard_error": 0.2, "fit_cpu_seconds": 70 * 0.6},
        linear={"score": 0.4, "standard_error": 0.2, "fit_cpu_seconds": 70 * 0.006},
    )  # fmt: skip
    registry = open_registry(workflow)

    version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=end_of(workflow, FIRST))

    (told,) = read_times(lake, FIT)
    assert (told.candidate, told.version, told.score, told.rows) == (
        fitted,
        "1",
        0.3 if fitted == "forest" else 0.4,
        85,
    )
    assert told.note.startswith(why)
    steps = registry.load(version).steps
    assert type(steps[-1][1]).__name__ == {"forest": "RandomForestClassifier", "linear": "LogisticRegression"}[fitted]


def test_trials_fit_and_evaluation_are_in_the_lake_and_in_mlflow(
    lake: Lake, open_registry: Open, tmp_path: Path
) -> None:
    workflow = declare()
    snapshot, tuned = tune_all(workflow, lake, tmp_path)
    registry = open_registry(workflow)
    version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=end_of(workflow, FIRST))
    evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)

    kept = read_times(lake)

    assert [(one.what, one.candidate, one.rows) for one in kept] == [
        (TRIAL, "forest", 70),
        (TRIAL, "linear", 70),
        (FIT, kept[2].candidate, 85),
        (EVALUATION, None, 15),
    ]
    assert all(one.partition == FIRST and one.metric == "log_loss" and one.standard_error > 0 for one in kept)
    assert all(one.cpu_seconds > 0 and one.wall_seconds > 0 and one.peak_bytes > 1_000_000 for one in kept)
    assert kept[3].score == evaluated["score"]
    assert evaluated["choice"] == "the best score"
    (run,) = mlflow.search_runs(search_all_experiments=True, output_format="list")
    assert run.data.metrics["trial_forest_score"] == kept[0].score
    assert run.data.metrics["fit_cpu_seconds"] == kept[2].cpu_seconds
    png = mlflow.artifacts.download_artifacts(f"runs:/{run.info.run_id}/trials.png", dst_path=str(tmp_path / "drawn"))
    assert Path(png).read_bytes().startswith(b"\x89PNG")


@pytest.mark.thorough
def test_a_training_run_again_keeps_its_times(lake: Lake, open_registry: Open, tmp_path: Path) -> None:
    workflow = declare()
    registry = open_registry(workflow)

    def run() -> None:
        snapshot, tuned = tune_all(workflow, lake, tmp_path)
        version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=end_of(workflow, FIRST))
        evaluating.evaluate(workflow, lake, registry, snapshot, version)

    run()
    before = lake.version(TABLE), read_times(lake)
    run()

    assert (lake.version(TABLE), read_times(lake)) == before


def test_a_fit_that_was_killed_before_its_times_were_kept_has_them_when_it_is_run_again(
    lake: Lake, open_registry: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    workflow = declare()
    registry = open_registry(workflow)
    snapshot, tuned = tune_all(workflow, lake, tmp_path)
    with monkeypatch.context() as patched:
        patched.setattr(releases, "record_fit", lambda *given: None)
        releases.fit(workflow, lake, registry, snapshot, tuned, as_of=end_of(workflow, FIRST))
    assert read_times(lake, FIT) == []

    releases.fit(workflow, lake, registry, snapshot, tuned, as_of=end_of(workflow, FIRST))

    assert [(one.version, one.rows) for one in read_times(lake, FIT)] == [("1", 85)]


def time(partition: str, what: str, candidate: str | None, seconds: float, rows: int = 100, **named: Any) -> Time:
    return Time(
        partition, what, rows, 2 * seconds, seconds, 1, snapshot=named.pop("snapshot", partition), candidate=candidate,
        fit_cpu_seconds=seconds, **named,
    )  # fmt: skip


def test_the_parts_of_a_training_are_held_against_the_same_parts_of_earlier_ones() -> None:
    times = [
        *(time("2020-01", TRIAL, "a", seconds) for seconds in (1.0, 3.0)),
        time("2020-01", TRIAL, "b", 8.0),
        time("2020-01", FIT, "b", 5.0),
        time("2020-02", TRIAL, "a", 6.0, rows=300),
        time("2020-02", FIT, "a", 9.0, rows=300),
        time("2020-02", TRIAL, "a", 1.0, snapshot="another workflow file"),
        time("2020-03", TRIAL, "a", 99.0),
    ]

    paces = {pace.what: pace for pace in gather_paces(times, "2020-02")}

    assert list(paces) == ["trials of a", "fit of a"]
    assert (paces["trials of a"].seconds, paces["trials of a"].rows) == (6.0, 300)
    assert paces["trials of a"].earlier == (0.02,)  # 4 s of 200 rows
    assert paces["fit of a"].earlier == ()  # that of b is another thing
    assert gather_paces(times, "unknown") == ()


def test_only_recent_trainings_say_what_is_usual() -> None:
    times = [time(f"20{year}", FIT, "a", float(year)) for year in range(10, 31)]

    assert gather_paces(times, "2030")[0].earlier == tuple(year / 100 for year in range(18, 30))


@pytest.mark.thorough
def test_a_training_that_got_slower_is_told_by_the_gate_and_not_refused(
    lake: Lake, open_registry: Open, tmp_path: Path
) -> None:
    workflow = declare(gate={"training_time": {"times": 3, "seconds": 10}, "against_champion": {"margin": 9.0}})
    registry = open_registry(workflow)
    told = {}
    for key, seconds in ((FIRST, 70 * 0.1), (SECOND, 140 * 0.5)):
        snapshot, tuned = tune_all(workflow, lake, tmp_path, key)
        set_trials(lake, snapshot, forest={"fit_cpu_seconds": seconds}, linear={"fit_cpu_seconds": 0.1})
        as_of = end_of(workflow, key)
        version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
        evaluated = evaluating.evaluate(workflow, lake, registry, snapshot, version)
        moment = {"partition": key, "as_of": as_of, "version": version}
        promoting.decide(workflow, lake, registry, **moment, evaluated=evaluated)
        told[key] = read_verdicts(lake, "gate")[key]

    assert [one.verdict for one in told.values()] == ["pass", "pass"]
    assert "training time: no earlier training time to compare with" in told[FIRST].reasons
    assert (
        "training time: note: training got slower: trials of forest took 70.0 CPU s to fit 140 rows, "
        "5.0 times the usual 14.0 s of 1 earlier training(s)"
    ) in told[SECOND].reasons


def test_releases_are_listed_with_what_their_training_cost() -> None:
    times = [
        time("2020-02", FIT, "a", 3.0, version="2"),
        time("2020-02", EVALUATION, None, 1.0, version="2", score=0.7, standard_error=0.1),
        time("2020-01", TRIAL, "a", 1.0),
        time("2020-01", TRIAL, "b", 2.0),
        time("2020-01", FIT, "b", 4.0, version="10"),
    ]

    first, second = list_releases(times)

    assert (first.version, first.candidate, first.training_seconds, first.score) == ("10", "b", 14.0, None)
    assert (second.version, second.training_seconds, second.evaluation_seconds, second.score) == ("2", 6.0, 2.0, 0.7)
