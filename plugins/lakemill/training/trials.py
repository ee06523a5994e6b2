"""What is told of a trial besides its score: its standard error and its cost, kept with the trial by Optuna.

Stays out: running trials (``tuning.py``), and which one is chosen (``choosing.py``).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from lakemill.config.training import Candidate
from lakemill.training.measuring import Cost

if TYPE_CHECKING:
    from lakemill.training.rounds import SharedStudy

COST = "cost"  # the attribute of Optuna's trial


class Scored(float):
    """A score that knows its standard error; of a plain float none is known.

    Parameters
    ----------
    score : float
    standard_error : float

    Examples
    --------
    >>> one = Scored(0.7, 0.02)
    >>> one + 0.1, one.standard_error
    (0.7999999999999999, 0.02)
    """

    standard_error: float

    def __new__(cls, score: float, standard_error: float) -> "Scored":
        """Make a float and keep the standard error beside it."""
        made = super().__new__(cls, score)
        made.standard_error = standard_error
        return made


@dataclass(frozen=True)
class Told:
    """A trial that has ended, with what it cost.

    Attributes
    ----------
    number : int
        Its position.
    parameters : dict
    score : float or None
        Greater is better; None where the metric was not defined.
    standard_error : float or None
    rows : int
        Rows that were fitted, over all folds.
    cpu_seconds, fit_cpu_seconds, wall_seconds : float
        The first is what the trial itself took. The second is what fitting takes, transformers included: trials that
        differ in the estimator only share these, so that it may be more than the first.
    peak_bytes : int
    """

    number: int
    parameters: dict[str, Any]
    score: float | None
    standard_error: float | None
    rows: int
    cpu_seconds: float
    fit_cpu_seconds: float
    wall_seconds: float
    peak_bytes: int


def describe_cost(whole: Cost, fits: float, scores: Sequence[float], *, rows: int) -> dict[str, Any]:
    """Return what is kept with a trial: what it cost, and the standard error of its score.

    Parameters
    ----------
    whole : Cost
        Of fitting and scoring, over all folds.
    fits : float
        CPU seconds of fitting, over all folds, transformers included, whichever trial fitted them.
    scores : sequence of float
        A fold each; where there is one only, its own standard error counts.
    rows : int
        Fitted, over all folds.

    Returns
    -------
    dict
        Attributes of Optuna's trial.
    """
    error = find_standard_error(scores)
    cost = {
        "standard_error": error if np.isfinite(error) else None,
        "rows": rows,
        "fit_cpu_seconds": fits,
        **vars(whole),
    }
    return {"seconds": whole.cpu_seconds, COST: cost}


def find_standard_error(scores: Sequence[float]) -> float:
    """Return the standard error of the mean of a trial's scores: over folds, or the only one's own.

    Examples
    --------
    >>> find_standard_error([Scored(0.7, 0.02)]), round(find_standard_error([0.6, 0.7, 0.8]), 4)
    (0.02, 0.0577)
    """
    if len(scores) == 1:
        return float(getattr(scores[0], "standard_error", np.nan))
    return float(np.std(scores, ddof=1) / np.sqrt(len(scores)))


def read_trials(study: "SharedStudy", candidate: Candidate) -> list[Told]:
    """Return the trials of a study that have ended, by position, whoever ran them; not those fitted unmeasured.

    Parameters
    ----------
    study : SharedStudy
    candidate : Candidate
        Whose choices Optuna keeps as positions in lists.

    Returns
    -------
    list of Told
    """
    found = []
    for trial in study.done():
        if COST in trial.user_attrs:
            score = trial.value if trial.value is not None and np.isfinite(trial.value) else None
            position = trial.user_attrs["position"]
            found.append(Told(position, undraw(trial.params, candidate), score, **trial.user_attrs[COST]))
    return found


def undraw(drawn: dict[str, Any], candidate: Candidate) -> dict[str, Any]:
    """Turn positions in lists of choices back into the choices: Optuna keeps only simple ones."""
    spaces = candidate.space
    return {name: space[value] if isinstance(space := spaces[name], list) else value for name, value in drawn.items()}
