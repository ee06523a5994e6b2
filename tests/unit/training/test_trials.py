"""What is told of trials with their score: costs by Optuna, standard errors of one fold and of several."""

import math
from pathlib import Path

import numpy as np
import optuna
import pytest
from workflows_for_tests import make_rows, make_workflow

from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import Split
from lakemill.training.trials import Scored, find_standard_error, read_trials
from lakemill.training.tuning import open_study, run_trials

WORKFLOW = make_workflow()
CANDIDATE = WORKFLOW.train.candidates["plain"]


def tune(storage: optuna.storages.BaseStorage, reached: list[float], folds: int = 0) -> list:
    rows = make_rows(WORKFLOW, "2020-01-01", 100)
    scores = iter(reached)
    parts = tuple((np.arange(60), np.arange(60, 80)) for _ in range(folds))
    split = Split(np.arange(60), np.arange(60, 80), np.arange(80, 100), folds=parts)
    study = open_study(WORKFLOW, "plain", study_name="study", storage=storage)
    run_trials(
        WORKFLOW, {"plain": study}, make_frame(rows, WORKFLOW.features), make_target(rows, WORKFLOW.table.label), split,
        score=lambda *given: next(scores), worker="alone",
    )  # fmt: skip
    return read_trials(study, CANDIDATE)


def test_each_trial_is_told_with_its_cost() -> None:
    told = tune(optuna.storages.InMemoryStorage(), [Scored(0.5, 0.02), 0.7, math.nan])

    assert [(one.number, one.score, one.standard_error, one.rows) for one in told] == [
        (0, 0.5, 0.02, 60),
        (1, 0.7, None, 60),
        (2, None, None, 60),
    ]
    assert all(set(one.parameters) == {"C"} for one in told)
    assert told[0].cpu_seconds >= told[0].fit_cpu_seconds  # it has fitted the transformers
    assert all(one.cpu_seconds > 0 and one.fit_cpu_seconds > 0 for one in told)
    assert all(one.wall_seconds > 0 and one.peak_bytes > 0 for one in told)


def test_over_folds_rows_add_up_and_the_standard_error_is_that_of_their_mean() -> None:
    told = tune(optuna.storages.InMemoryStorage(), [0.6, 0.7, 0.8] * 3, folds=3)

    assert [(round(one.score, 9), one.rows) for one in told] == [(0.7, 180)] * 3
    assert told[0].standard_error == pytest.approx(0.1 / math.sqrt(3))


def test_what_was_told_is_told_again_the_same(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path / 'studies.db'}"
    first = tune(optuna.storages.RDBStorage(address), [0.5, 0.7, 0.6])

    assert tune(optuna.storages.RDBStorage(address), []) == first


def test_a_plain_score_has_no_standard_error() -> None:
    assert math.isnan(find_standard_error([0.5]))
