"""Drawing the parameters of a trial: of its number, the seed and the trials given, and of nothing else.

Stays out: which trials a trial may see (``rounds.py``), and fitting.
"""

from collections.abc import Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, Trial

from lakemill.config.training import Candidate, Range
from lakemill.training.estimators import read_defaults
from lakemill.training.trials import undraw


def draw_trial(
    candidate: Candidate, position: int, earlier: Sequence[FrozenTrial], *, trials: int, seed: int, where: str = ""
) -> tuple[dict[str, Any], dict[str, BaseDistribution]]:
    """Draw what a trial tries.

    Parameters
    ----------
    candidate : Candidate
    position : int
        The trial's, from 0 on.
    earlier : sequence of FrozenTrial
        Finished trials that it learns from, in order.
    trials : int
        The budget; the first third is drawn at random.
    seed : int
    where : str
        For errors.

    Returns
    -------
    tuple of dict
        Parameters as Optuna keeps them (`undraw` makes them the estimator's), and their distributions.
    """
    sampler = optuna.samplers.TPESampler(seed=seed + 1000 * position, n_startup_trials=max(3, trials // 3))
    study = optuna.create_study(direction="maximize", sampler=sampler)
    study.add_trials(earlier)
    if position == 0 and candidate.untuned_first:
        study.enqueue_trial(_redraw(untuned_parameters(candidate, where=where), candidate))
    trial = study.ask()
    draw_parameters(trial, candidate)
    return trial.params, trial.distributions


def draw_parameters(trial: Trial, candidate: Candidate) -> dict[str, Any]:
    """Draw a value for each searched parameter."""
    return undraw({name: _draw(trial, name, space) for name, space in candidate.space.items()}, candidate)


def _draw(trial: Trial, name: str, space: Range | list[Any]) -> Any:
    if isinstance(space, list):
        return trial.suggest_categorical(name, list(range(len(space))))
    if isinstance(space.low, int) and isinstance(space.high, int):
        return trial.suggest_int(name, space.low, space.high, log=space.log)
    return trial.suggest_float(name, space.low, space.high, log=space.log)


def _redraw(parameters: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    """Turn choices into their positions, as Optuna keeps them."""
    spaces = candidate.space
    return {
        name: space.index(value) if isinstance(space := spaces[name], list) else value
        for name, value in parameters.items()
    }


def untuned_parameters(candidate: Candidate, *, where: str = "") -> dict[str, Any]:
    """Return an estimator's own values of the searched parameters, of those whose space holds them.

    Begun with these, a search never ends below no search at all on validation rows.
    """
    switches = {name: True for name in candidate.space if name not in candidate.search}
    own = {**read_defaults(candidate.estimator, where), **candidate.parameters, **switches}
    return {name: own[name] for name, space in candidate.space.items() if name in own and _holds(space, own[name])}


def _holds(space: Range | list[Any], value: Any) -> bool:
    if isinstance(space, list):
        return value in space
    return isinstance(value, (int, float)) and space.low <= value <= space.high
