"""Tuning: the same end however often it is broken off and whoever runs the trials, within its budget."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pandas as pd
import pytest
from optuna.trial import TrialState
from sklearn.pipeline import Pipeline
from tuning_for_tests import SEARCH, SPLIT, declare, score, start_worker, tune, without_time
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.config.training import Candidate
from lakemill.exceptions import TrainingError
from lakemill.training.tuning import Tuned


def open_studies(path: Path) -> optuna.storages.RDBStorage:
    return optuna.storages.RDBStorage(f"sqlite:///{path}")


@pytest.fixture(scope="module")
def uninterrupted() -> Tuned:
    return without_time(tune(declare()))


def test_twice_the_same_gives_the_same(uninterrupted: Tuned) -> None:
    assert without_time(tune(declare())) == uninterrupted


def test_another_seed_draws_others(uninterrupted: Tuned) -> None:
    assert tune(declare(seed=1)).parameters != uninterrupted.parameters


class BreakOffError(Exception):
    """Stands for the end of the process."""


@pytest.mark.parametrize("after", [0, 1, 3, 7])
def test_a_broken_off_study_taken_up_again_ends_the_same(tmp_path: Path, uninterrupted: Tuned, after: int) -> None:
    scored = 0

    def break_off(*given: Any) -> float:
        nonlocal scored
        scored += 1
        if scored > after:
            raise BreakOffError
        return score(*given)

    with pytest.raises(BreakOffError):
        tune(declare(), open_studies(tmp_path / "studies.db"), scored=break_off)

    assert without_time(tune(declare(), open_studies(tmp_path / "studies.db"))) == uninterrupted


def read_trials(storage: Any) -> list[tuple[int, dict[str, Any], float | None]]:
    """Position, parameters and value of the finished trials."""
    study = optuna.load_study(study_name="study", storage=storage)
    done = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    return sorted(((one.user_attrs["position"], one.params, one.value) for one in done), key=lambda one: one[0])


def list_workers(storage: Any) -> list[tuple[str, TrialState]]:
    """Who has claimed a trial, and what became of it."""
    study = optuna.load_study(study_name="study", storage=storage)
    return [(one.user_attrs["worker"], one.state) for one in study.get_trials(deepcopy=False)]


@pytest.fixture(scope="module")
def alone() -> list[tuple[int, dict[str, Any], float | None]]:
    storage = optuna.storages.InMemoryStorage()
    tune(declare(), storage)
    return read_trials(storage)


@pytest.mark.thorough
def test_two_processes_run_the_same_trials_as_one(tmp_path: Path, alone: Any, uninterrupted: Tuned) -> None:
    studies = tmp_path / "studies.db"
    storage = open_studies(studies)
    workers = [start_worker(f"sqlite:///{studies}", name, tmp_path / "meeting") for name in ("one", "two")]

    assert [worker.wait(300) for worker in workers] == [0, 0]
    assert read_trials(storage) == alone
    assert {name for name, state in list_workers(storage) if state is TrialState.COMPLETE} == {"one", "two"}
    assert without_time(tune(declare(), storage)) == uninterrupted


@pytest.mark.thorough
@pytest.mark.parametrize("successor", ["two", "one", "three"])
def test_what_a_killed_process_left_is_run_by_another_and_ends_the_same(
    tmp_path: Path, alone: Any, successor: str
) -> None:
    """By the one beside it, by its own retry, or by one that is started afterwards."""
    studies, fates = tmp_path / "studies.db", {"two": "lives" if successor == "two" else "killed", "one": "killed"}
    storage = open_studies(studies)
    workers = [start_worker(f"sqlite:///{studies}", name, tmp_path / "meeting", fates[name]) for name in fates]
    ended = dict(zip(fates, [worker.wait(300) for worker in workers], strict=True))
    assert ended == {name: 0 if fate == "lives" else -9 for name, fate in fates.items()}
    if successor != "two":
        assert read_trials(storage) == []
        tune(declare(), storage, worker=successor, grace=0.5)

    assert read_trials(storage) == alone
    killed = {name for name, fate in fates.items() if fate == "killed"}
    assert killed <= {name for name, state in list_workers(storage) if state is TrialState.FAIL}


def test_a_study_that_has_ended_fits_nothing_again(tmp_path: Path) -> None:
    ended = tune(declare(), open_studies(tmp_path / "studies.db"))

    def refuse(*given: Any) -> float:
        raise AssertionError("scored again")

    assert tune(declare(), open_studies(tmp_path / "studies.db"), scored=refuse) == ended


@pytest.mark.parametrize(
    ("workflow", "trials"),
    [(declare(trials=5), 5), (declare(trials=1), 1), (declare({}, trials=5), 1), (declare(minutes=1e-9), 2)],
    ids=["five", "one", "nothing to search", "no time for a second round"],
)
def test_the_budget_limits_trials(workflow: Workflow, trials: int) -> None:
    assert tune(workflow).trials == trials


@pytest.mark.parametrize(("most", "fitted"), [(100, 100), (119, 119), (120, 120), (50_000, 120)])
def test_trials_fit_at_most_so_many_training_rows(most: int, fitted: int) -> None:
    counts = []

    def note_rows(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        counts.append((int(pipeline["transform"].fitted.named_transformers_["numeric"][1].n_samples_seen_), len(X)))
        return score(pipeline, X, y)

    tune(declare(trials=2, rows=most), scored=note_rows)

    assert counts == [(fitted, 40)] * 2


def test_with_folds_a_trial_is_fitted_on_each_and_its_score_is_their_mean() -> None:
    folds = tuple((np.arange(80), np.arange(start, start + 20)) for start in (80, 100, 140))
    counts: list[int] = []
    reached = iter([0.25, 0.5, 0.75] * 2)

    def give(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        counts.append(X.index[0])
        return next(reached)

    tuned = tune(declare(trials=2), scored=give, split=replace(SPLIT, folds=folds))

    assert (counts, tuned.score, tuned.trials) == ([80, 100, 140] * 2, 0.5, 2)


def test_choices_may_be_any_values() -> None:
    weights = [None, "balanced", {"true": 3.0, "false": 1.0}]
    tuned = tune(declare({"class_weight": weights}, trials=6))

    assert tuned.parameters["class_weight"] in weights


@pytest.mark.parametrize(
    ("reached", "found"),
    [([0.1, 0.9, 0.5], 1), ([0.5, 0.5, 0.5], 0), ([float("nan"), 0.2, 0.1], 1), ([-3.0, float("nan"), -2.0], 2)],
    ids=["best", "first of equals", "undefined first", "undefined between"],
)
def test_the_best_trial_wins(tmp_path: Path, reached: list[float], found: int) -> None:
    drawn: list[float] = []

    def give(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        drawn.append(pipeline["estimate"].C)
        return reached[len(drawn) - 1]

    tuned = tune(declare({"C": SEARCH["C"]}, trials=3), open_studies(tmp_path / "studies.db"), scored=give)

    assert (tuned.score, tuned.parameters["C"], tuned.trials) == (reached[found], drawn[found], 3)


def test_a_metric_that_is_never_defined_is_an_error_with_a_remedy_not_an_endless_search() -> None:
    with pytest.raises(TrainingError, match=r"roc_auc is not defined on the 40 validation rows\n  -> raise"):
        tune(declare(trials=3, minutes=0.2), scored=lambda *given: float("nan"))


def test_ranges_are_drawn_within_their_ends_and_whole_where_both_are() -> None:
    candidate = Candidate.model_validate({"estimator": "x.Y", "search": SEARCH})
    tuned = tune(declare())

    assert candidate.search["C"].low <= tuned.parameters["C"] <= candidate.search["C"].high
    assert isinstance(tuned.parameters["max_iter"], int)
    assert 50 <= tuned.parameters["max_iter"] <= 150


def drawn_values(workflow: Workflow, storage: Any = None) -> list[float]:
    drawn: list[float] = []

    def note(pipeline: Pipeline, X: pd.DataFrame, y: np.ndarray) -> float:
        drawn.append(pipeline["estimate"].C)
        return score(pipeline, X, y)

    tune(workflow, storage, scored=note)
    return drawn


def with_usual_search(trials: int = 4) -> Workflow:
    logistic = {"estimator": "sklearn.linear_model.LogisticRegression"}
    return make_workflow(
        train={"metric": "roc_auc", "candidates": {"plain": logistic}, "budget": {"trials": trials, "rows": 100}}
    )


def test_a_usual_search_begins_with_the_estimators_own_values_and_so_never_ends_below() -> None:
    drawn = drawn_values(with_usual_search())

    assert drawn[0] == 1.0
    assert len(set(drawn)) == 4
    assert tune(with_usual_search()).score >= tune(with_usual_search(trials=1)).score


def test_a_search_of_the_file_draws_its_first_trial() -> None:
    assert drawn_values(declare({"C": SEARCH["C"]}, trials=1)) != [1.0]


def test_a_usual_search_that_was_killed_at_its_first_trial_ends_the_same(tmp_path: Path) -> None:
    def break_off(*given: Any) -> float:
        raise BreakOffError

    with pytest.raises(BreakOffError):
        tune(with_usual_search(), open_studies(tmp_path / "studies.db"), scored=break_off)

    assert drawn_values(with_usual_search(), open_studies(tmp_path / "studies.db")) == drawn_values(with_usual_search())
