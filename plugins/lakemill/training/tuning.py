"""Tuning of one candidate: an Optuna study that ends the same however often it is broken off and taken up again.

Each trial draws from a sampler seeded by the trial's number, so a trial depends on those before it and on nothing else.
Stays out: what is good (a scoring function is given), and fitting the final model.
"""

import logging
import math
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import optuna
import pandas as pd
from optuna.trial import FrozenTrial, Trial, TrialState
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.config.workflow import Candidate, Range
from lakemill.exceptions import TrainingError
from lakemill.preprocessing.splitting import Split
from lakemill.training.estimators import make_pipeline, read_defaults
from lakemill.training.measuring import Cost, measure
from lakemill.training.trials import tell_cost, undraw

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
        CPU seconds of fitting and scoring, over all trials.
    """

    candidate: str
    parameters: dict[str, Any]
    score: float
    trials: int
    seconds: float


def tune_candidate(
    workflow: Workflow,
    name: str,
    X: pd.DataFrame,
    y: np.ndarray,
    split: Split,
    *,
    score: Score,
    study_name: str,
    storage: optuna.storages.BaseStorage,
) -> Tuned:
    """Search a candidate's parameters within the budget.

    Parameters
    ----------
    workflow : Workflow
    name : str
        The candidate.
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
        Fits on training rows, scores on validation rows; where there are folds, on each of them.
    score : callable
        ``score(pipeline, X, y) -> float``, greater is better; a ``Scored`` also says how sure it is.
    study_name : str
        Trials kept under this name are not run again.
    storage : optuna.storages.BaseStorage

    Returns
    -------
    Tuned

    Raises
    ------
    ConfigError
        If the candidate cannot be built.
    TrainingError
        If no trial has a score: the metric is not defined on the validation rows.
    """
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    logging.getLogger("optuna").setLevel(logging.WARNING)
    candidate, budget, seed = workflow.train.candidates[name], workflow.train.budget, workflow.train.seed
    where = f"include/workflows/{workflow.workflow}.yaml: train.candidates.{name}"
    folds = [(thin(train, budget.rows, seed), held) for train, held in split.tuning]

    def fit_and_score(parameters: dict[str, Any], train: np.ndarray, held: np.ndarray) -> tuple[float, Cost]:
        pipeline = make_pipeline(
            candidate, workflow.features, problem=workflow.table.label.problem, parameters=parameters, seed=seed,
            where=where,
        )  # fmt: skip
        try:
            with measure() as fitting:
                pipeline.fit(X.iloc[train], y[train])
        except (ValueError, TypeError) as error:  # scikit-learn's word for: not with these parameters, not on this data
            raise TrainingError(
                f"cannot be fitted with {parameters or 'its parameters'}: {error}",
                where=where,
                remedy="mend its parameters or search",
            ) from error
        return score(pipeline, X.iloc[held], y[held]), fitting

    def run_trial(trial: Trial) -> float:
        parameters = draw_parameters(trial, candidate)
        with measure() as whole:
            scores, fits = zip(*(fit_and_score(parameters, train, held) for train, held in folds), strict=True)
        tell_cost(trial, whole, fits, scores, rows=sum(len(train) for train, _ in folds))
        reached = float(np.mean(scores))
        return reached if reached == reached else -math.inf  # Optuna would call NaN a failure, and draw the same again

    study = optuna.create_study(study_name=study_name, storage=storage, direction="maximize", load_if_exists=True)
    trials = budget.trials if candidate.search else 1
    deadline = time.monotonic() + 60 * budget.minutes
    while (number := _forget_unfinished(study)) < trials and (number == 0 or time.monotonic() < deadline):
        if number == 0 and candidate.untuned_first and not study.get_trials(states=(TrialState.WAITING,)):
            study.enqueue_trial(_redraw(untuned_parameters(candidate, where=where), candidate))
        study.sampler = optuna.samplers.TPESampler(seed=seed + 1000 * number, n_startup_trials=max(3, trials // 3))
        study.optimize(run_trial, n_trials=1)
    done = study.get_trials(states=(TrialState.COMPLETE,))
    best = max(done, key=_value)  # the first of equals; Optuna leaves that to the database
    if _value(best) == -math.inf:
        raise TrainingError(
            f"{workflow.train.metric} is not defined on the {len(folds[-1][1])} validation rows"
            + (f" of each of {len(folds)} folds" if split.folds else ""),
            where=where,
            remedy="raise retrain.first_after or dataset.validation so that they hold all classes, take fewer folds, "
            "or choose another train.metric",
        )
    return Tuned(
        candidate=name,
        parameters=undraw(best.params, candidate),
        score=_value(best),
        trials=len(done),
        seconds=sum(trial.user_attrs["seconds"] for trial in done),
    )


def _value(trial: FrozenTrial) -> float:
    assert trial.value is not None  # noqa: S101  # it is complete
    return float(trial.value)


def draw_parameters(trial: Trial, candidate: Candidate) -> dict[str, Any]:
    """Draw a value for each searched parameter."""
    return undraw({name: _draw(trial, name, space) for name, space in candidate.search.items()}, candidate)


def _draw(trial: Trial, name: str, space: Range | list[Any]) -> Any:
    if isinstance(space, list):
        return trial.suggest_categorical(name, list(range(len(space))))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def _redraw(parameters: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    """Turn choices into their positions, as Optuna keeps them."""
    spaces = candidate.search
    return {
        name: space.index(value) if isinstance(space := spaces[name], list) else value
        for name, value in parameters.items()
    }


def untuned_parameters(candidate: Candidate, *, where: str = "") -> dict[str, Any]:
    """Return an estimator's own values of the searched parameters, of those whose space holds them.

    Begun with these, a search never ends below no search at all on validation rows.
    """
    own = {**read_defaults(candidate.estimator, where), **candidate.parameters}
    return {name: own[name] for name, space in candidate.search.items() if name in own and _holds(space, own[name])}


def _holds(space: Range | list[Any], value: Any) -> bool:
    if isinstance(space, list):
        return value in space
    return isinstance(value, (int, float)) and space.low <= value <= space.high


def _forget_unfinished(study: optuna.Study) -> int:
    """Count the finished trials; one that was killed is marked failed, and its number's draw is made again."""
    for trial in study.get_trials(deepcopy=False, states=(TrialState.RUNNING,)):
        study.tell(trial.number, state=TrialState.FAIL)
    return len(study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)))


def thin(rows: np.ndarray, most: int, seed: int) -> np.ndarray:
    """Draw so many of some rows at most, in order."""
    if len(rows) <= most:
        return rows
    return np.sort(np.random.default_rng(seed).choice(rows, size=most, replace=False))
