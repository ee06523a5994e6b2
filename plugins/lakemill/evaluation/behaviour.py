"""Tests of behaviour: features of test rows are changed, and scores may move as the workflow file says.

To add a kind: a model in ``config/behaviour.py``, a function here, a line in ``TESTS``. Stays out: what follows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.config.behaviour import Direction, Invariance
from lakemill.evaluation.predictions import Prediction, predict


@dataclass(frozen=True)
class Behaviour:
    """What came of one test.

    Attributes
    ----------
    test : str
        In words, like ``hour raised by 2: the score rises``.
    share : float
        Of the rows of which it holds, in [0, 1].
    least : float
        That is asked for.
    worst : float
        The furthest that a score moved against it; 0 where none did.
    holds : bool
    problem : str or None
        Why it could not be run; it then does not hold.
    """

    test: str
    share: float
    least: float
    worst: float
    holds: bool
    problem: str | None = None


def run_tests(pipeline: Pipeline, X: pd.DataFrame, tests: Sequence[Invariance | Direction]) -> list[Behaviour]:
    """Run tests of behaviour on some rows.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    X : DataFrame of shape (n, n_features)
    tests : sequence of Invariance or Direction

    Returns
    -------
    list of Behaviour
        In their order.
    """
    return [TESTS[type(test)](pipeline, X, test) for test in tests]


def _test_invariance(pipeline: Pipeline, X: pd.DataFrame, test: Invariance) -> Behaviour:
    told = f"{test.column} made {', '.join(str(one) for one in test.values)}: the score stays within {test.tolerance:g}"
    if (problem := _find_problem(pipeline, X, test)) is not None:
        return Behaviour(told, 0.0, test.share, 0.0, False, problem)
    values = [float(one) if _is_number(X, test.column) else str(one) for one in test.values]
    scores = [_score(pipeline, X, test.of)] if len(values) == 1 else []
    scores += [_score(pipeline, X.assign(**{test.column: value}), test.of) for value in values]
    apart = np.max(scores, axis=0) - np.min(scores, axis=0)
    return _judge(told, apart, test.tolerance, test.share)


def _test_direction(pipeline: Pipeline, X: pd.DataFrame, test: Direction) -> Behaviour:
    told = f"{test.column} raised by {test.by:g}: the score {test.score}"
    if (problem := _find_problem(pipeline, X, test)) is not None:
        return Behaviour(told, 0.0, test.share, 0.0, False, problem)
    if not _is_number(X, test.column):
        return Behaviour(told, 0.0, test.share, 0.0, False, f"{test.column} is no number")
    X = X[X[test.column].notna()]
    if X.empty:
        return Behaviour(told, 0.0, test.share, 0.0, False, f"{test.column} has no value in any row")
    raised = X.assign(**{test.column: X[test.column] + test.by})
    change = _score(pipeline, raised, test.of) - _score(pipeline, X, test.of)
    return _judge(told, -change if test.score == "rises" else change, test.tolerance, test.share)


def _judge(told: str, against: np.ndarray, tolerance: float, least: float) -> Behaviour:
    share = float((against <= tolerance).mean())
    return Behaviour(told, share, least, float(max(0.0, against.max())), share >= least)


def _find_problem(pipeline: Pipeline, X: pd.DataFrame, test: Invariance | Direction) -> str | None:
    classes = [str(one) for one in getattr(pipeline, "classes_", ())]
    if test.column not in X.columns:
        return f"{test.column} is no feature of the model"
    if test.of is not None and test.of not in classes:
        return f"{test.of} is no class of the model"
    if test.of is None and len(classes) > 2:
        return "of several classes one must be named (of)"
    if isinstance(test, Invariance) and _is_number(X, test.column) and not all(map(_reads_as_number, test.values)):
        return f"{test.column} is a number, and {test.values} are not"
    return None


def _is_number(X: pd.DataFrame, column: str) -> bool:
    return bool(pd.api.types.is_numeric_dtype(X[column]))


def _reads_as_number(value: Any) -> bool:
    try:
        float(value)
    except ValueError:
        return False
    return True


def _score(pipeline: Pipeline, X: pd.DataFrame, of: str | None) -> np.ndarray:
    prediction: Prediction = predict(pipeline, X)
    if of is None or prediction.probabilities is None:
        return prediction.score
    return np.asarray(prediction.probabilities[:, [str(one) for one in prediction.classes].index(of)])


TESTS: dict[type, Callable[[Pipeline, pd.DataFrame, Any], Behaviour]] = {
    Invariance: _test_invariance,
    Direction: _test_direction,
}
