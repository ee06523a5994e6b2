"""Tuning: trials of all candidates, run by any number of workers that share a study for each candidate.

Stays out: which trial is next (``rounds.py``), what it tries (``drawing.py``), what is good (a scoring function is
given), and fitting the final model.
"""

import math
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from sklearn.pipeline import Pipeline
from threadpoolctl import threadpool_limits

from lakemill.config import Workflow
from lakemill.exceptions import TrainingError
from lakemill.preprocessing.splitting import Split
from lakemill.training.estimators import make_pipeline
from lakemill.training.measuring import measure
from lakemill.training.prepared import Preparations
from lakemill.training.rounds import Claim, SharedStudy, value_of
from lakemill.training.trials import describe_cost, undraw

PAUSE_SECONDS = 0.2  # between two looks at trials that others are running
Score = Callable[[Pipeline, pd.DataFrame, np.ndarray], float]


@dataclass(frozen=True)
class Tuned:
    """What tuning found for a candidate.

    Attributes
    ----------
    candidate : str
    parameters : dict
    score : float
        On validation rows, the mean over folds where there are some; greater is better.
    trials : int
    seconds : float
        CPU seconds of fitting and scoring, over all trials; what several trials use of one another counts once.
    """

    candidate: str
    parameters: dict[str, Any]
    score: float
    trials: int
    seconds: float


def open_study(
    workflow: Workflow, name: str, *, study_name: str, storage: optuna.storages.BaseStorage, **options: Any
) -> SharedStudy:
    """Return the study of a candidate that workers share.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The candidate.
    study_name : str
        Trials kept under this name are not run again.
    storage : optuna.storages.BaseStorage
    **options
        Of `SharedStudy`.

    Returns
    -------
    SharedStudy
    """
    train = workflow.train
    return SharedStudy(
        train.candidates[name], train.budget, seed=train.seed, name=study_name, storage=storage,
        where=_place(workflow, name), **options,
    )  # fmt: skip


def run_trials(
    workflow: Workflow,
    studies: dict[str, SharedStudy],
    X: pd.DataFrame,
    y: np.ndarray,
    split: Split,
    *,
    score: Score,
    worker: str,
    threads: int | None = None,
) -> dict[str, int]:
    """Run trials until all studies have ended, whoever runs the others; waits only for trials of living workers.

    Parameters
    ----------
    workflow : Workflow
    studies : dict of str to SharedStudy
        By candidate.
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
        Fits on training rows, scores on validation rows; where there are folds, on each of them.
    score : callable
        ``score(pipeline, X, y) -> float``, greater is better; a ``Scored`` also says how sure it is.
    worker : str
        A name that no other living worker has. Trials that a worker of this name has left are run again at once.
    threads : int or None
        Of one trial; None leaves it to the estimators. It does not change what they learn.

    Returns
    -------
    dict of str to int
        Trials that this worker has run, by candidate.

    Raises
    ------
    ConfigError
        If a candidate cannot be built.
    TrainingError
        If a candidate cannot be fitted, or no trial has a score: the metric is not defined on the validation rows.
    """
    folds = [
        _Fold(X.iloc[train], y[train], X.iloc[held], y[held])
        for train, held in choose_tuning_rows(workflow, X, y, split)
    ]
    preparations = Preparations()
    run = dict.fromkeys(studies, 0)
    for study in studies.values():
        study.take_over(worker)
    while unfinished := [name for name, study in studies.items() if not study.has_ended()]:
        name, claim = _claim_any({name: studies[name] for name in unfinished}, worker)
        if claim is None:
            time.sleep(PAUSE_SECONDS)
            continue
        fits, scores = [], []
        try:
            with studies[name].beating(claim), threadpool_limits(threads), measure() as whole:
                for number, fold in enumerate(folds):
                    pipeline, seconds = _fit(workflow, name, claim.parameters, number, fold, preparations, threads)
                    fits.append(seconds)
                    scores.append(score(pipeline, fold.X_held, fold.y_held))
        except BaseException:  # others need not wait for the beat to stand still
            studies[name].give_up(claim)
            raise
        reached = float(np.mean(scores))
        value = reached if reached == reached else -math.inf  # Optuna would call NaN a failure
        told = describe_cost(whole, sum(fits), scores, rows=sum(len(fold.y_train) for fold in folds))
        studies[name].complete(claim, value, told)
        run[name] += 1
    for name, study in studies.items():
        if max(value_of(trial) for trial in study.done()) == -math.inf:
            raise TrainingError(
                f"{workflow.train.metric} is not defined on the {len(folds[-1].y_held)} validation rows"
                + (f" of each of {len(folds)} folds" if split.folds else ""),
                where=_place(workflow, name),
                remedy="raise retrain.first_after or dataset.validation so that they hold all classes, take fewer "
                "folds, or choose another train.metric",
            )
    return run


def read_tuned(workflow: Workflow, name: str, study: SharedStudy) -> Tuned:
    """Return what a candidate's trials have found.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The candidate.
    study : SharedStudy

    Returns
    -------
    Tuned

    Raises
    ------
    TrainingError
        If no trial has ended.
    """
    done = study.done()
    if not done:
        raise TrainingError("no trial has ended", where=_place(workflow, name), remedy="run the task tune again")
    best = max(done, key=value_of)  # the first of equals
    return Tuned(
        candidate=name,
        parameters=undraw(best.params, workflow.train.candidates[name]),
        score=value_of(best),
        trials=len(done),
        seconds=sum(trial.user_attrs["seconds"] for trial in done),
    )


def _claim_any(studies: dict[str, SharedStudy], worker: str) -> tuple[str, Claim | None]:
    for name, study in studies.items():
        if (claim := study.claim(worker)) is not None:
            return name, claim
    return "", None


@dataclass(frozen=True)
class _Fold:
    """Rows that a trial fits on, and rows that it is scored on."""

    X_train: pd.DataFrame
    y_train: np.ndarray
    X_held: pd.DataFrame
    y_held: np.ndarray


def _fit(
    workflow: Workflow,
    name: str,
    parameters: dict[str, Any],
    number: int,
    fold: _Fold,
    preparations: Preparations,
    threads: int | None,
) -> tuple[Pipeline, float]:
    """Return a fitted pipeline, and the CPU seconds of its fit, its transformers' included whoever fitted them."""
    where = _place(workflow, name)
    pipeline = make_pipeline(
        workflow.train.candidates[name], workflow.features, problem=workflow.table.label.problem,
        parameters=parameters, seed=workflow.train.seed, where=where,
    )  # fmt: skip
    if threads is not None and not workflow.train.candidates[name].estimator.startswith("sklearn."):
        own = pipeline.get_params()  # None is one thread to scikit-learn, and all there are to LightGBM and XGBoost
        undecided = [key for key in own if re.fullmatch(r"estimate__(estimator__)?n_jobs", key) and own[key] is None]
        pipeline.set_params(**dict.fromkeys(undecided, threads))
    transformer, estimator = pipeline["transform"], pipeline["estimate"]
    try:
        prepared = preparations.prepare(number, transformer, fold.X_train, fold.y_train, fold.X_held)
        with measure() as cost:
            estimator.fit(prepared.train.copy(), fold.y_train)  # a copy: some estimators overwrite what they are given
    except (ValueError, TypeError) as error:  # scikit-learn's word for: not with these parameters, not on this data
        raise TrainingError(
            f"cannot be fitted with {parameters or 'its parameters'}: {error}",
            where=where,
            remedy="mend its parameters or search",
        ) from error
    fitted = Pipeline([("transform", prepared.transformer), ("estimate", estimator)])
    return fitted, prepared.cost.cpu_seconds + cost.cpu_seconds


def _place(workflow: Workflow, name: str) -> str:
    return f"include/workflows/{workflow.workflow}.yaml: train.candidates.{name}"


def choose_tuning_rows(
    workflow: Workflow, X: pd.DataFrame, y: np.ndarray, split: Split
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return the rows that a trial fits on, as many as the budget allows, and those that it is scored on.

    Parameters
    ----------
    workflow : Workflow
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split

    Returns
    -------
    list of (ndarray of int64, ndarray of int64)
        One pair, or one of each fold.
    """
    classes = len(pd.unique(y)) if workflow.table.label.problem == "classification" else 0
    most = workflow.train.budget.rows_of(X.shape[1], classes)
    return [(_thin(train, most, workflow.train.seed), held) for train, held in split.tuning]


def _thin(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Draw so many of some rows at most, in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))
