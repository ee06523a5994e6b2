"""Features after tuning: what each group is worth and takes, and which single ones the model can do without.

Both fit the tuned model again on the rows that its trials were fitted on, and compare on the same validation rows.
Stays out: the search with groups switched on and off (``training.tuning``).
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.config.training import SWITCH
from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.importance import MOST_ROWS, measure_importance
from lakemill.evaluation.metrics import METRICS, predict_naively
from lakemill.evaluation.predictions import Prediction, join, predict
from lakemill.evaluation.scale import measure_scale
from lakemill.preprocessing.splitting import Split
from lakemill.registry.caution import ONE_STANDARD_ERROR
from lakemill.training.estimators import make_pipeline
from lakemill.training.feature_switches import find_left_out, leave_out, turn
from lakemill.training.measuring import measure
from lakemill.training.tuning import Tuned, choose_tuning_rows

MOST_MIXED, LEAST_ROWS = 1_000_000, 500  # values that are mixed in one go over all features; rows at least
PARTS = (1.0, 0.5, 0.25)  # of the features without importance, the least important first, that are tried to leave out
CONFIDENCE = 0.95


@dataclass(frozen=True)
class GroupPrice:
    """What a group of features is worth to a model, and what it takes.

    Attributes
    ----------
    group : str
    columns : tuple of str
    is_on : bool
        Whether the tuned model has it.
    gain, low, high : float
        By how much the model with it is better on validation rows, in the metric's unit, and the 95 % interval of that.
    seconds, seconds_without : float
        CPU seconds of a fit on the rows of a trial, with the group and without it.
    """

    group: str
    columns: tuple[str, ...]
    is_on: bool
    gain: float
    low: float
    high: float
    seconds: float
    seconds_without: float


class _Rows:
    """The rows of a candidate's trials, and models fitted on them with several parameters."""

    def __init__(
        self, workflow: Workflow, candidate: str, X: pd.DataFrame, y: np.ndarray, split: Split, classes: tuple[str, ...]
    ) -> None:
        self._workflow, self._candidate, self.classes = workflow, workflow.train.candidates[candidate], classes
        self.metric = METRICS[workflow.train.metric]
        self._X, self._y, self.folds = X, y, choose_tuning_rows(workflow, X, y, split)
        self.labels = np.concatenate([y[held] for _, held in self.folds])

    def fit(self, parameters: dict[str, Any]) -> tuple[list[Pipeline], float]:
        """Return a model of each fold, and the CPU seconds of fitting them."""
        made = []
        with measure() as cost:
            for train, _ in self.folds:
                pipeline = make_pipeline(
                    self._candidate,
                    self._workflow.features,
                    problem=self._workflow.table.label.problem,
                    parameters=parameters,
                    seed=self._workflow.train.seed,
                )
                made.append(pipeline.fit(self._X.iloc[train], self._y[train]))
        return made, cost.cpu_seconds

    def held(self, fold: int) -> tuple[pd.DataFrame, np.ndarray]:
        """Return the rows of a fold that are scored."""
        _, held = self.folds[fold]
        return self._X.iloc[held], self._y[held]

    def predict(self, models: Sequence[Pipeline]) -> list[Prediction]:
        """Return what models say of the rows that each of them is scored on."""
        return [predict(one, self.held(fold)[0]).align(self.classes) for fold, one in enumerate(models)]

    def score(self, predictions: Sequence[Prediction]) -> float:
        """Return the mean score over folds, greater is better."""
        gains = [self.metric.gain(self.metric(self.held(fold)[1], one), 0.0) for fold, one in enumerate(predictions)]
        return float(np.mean(gains))

    def compare(self, ones: Sequence[Prediction], others: Sequence[Prediction], *, confidence: float) -> Difference:
        """Return by how much the first ones are better."""
        seed = self._workflow.train.seed
        return compare_paired(self.metric, self.labels, join(ones), join(others), confidence=confidence, seed=seed)


def select_features(
    workflow: Workflow, tuned: Tuned, X: pd.DataFrame, y: np.ndarray, split: Split, *, classes: tuple[str, ...]
) -> Tuned:
    """Leave out features without importance, where the model without them is no worse by one standard error.

    Parameters
    ----------
    workflow : Workflow
    tuned : Tuned
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
    classes : tuple of str

    Returns
    -------
    Tuned
        ``parameters`` with ``features.without``; as it was where no feature can go.

    Notes
    -----
    Mixed one at a time, of two features that say the same each seems idle. So all idle ones are left out only where a
    model fitted without them is as good; else half of them are tried, then a quarter, the least important first.
    """
    rows = _Rows(workflow, tuned.candidate, X, y, split, classes)
    models, _ = rows.fit(tuned.parameters)
    idle = _find_idle(workflow, rows, models)
    before = rows.predict(models)
    for part in PARTS:
        names = idle[: int(np.ceil(part * len(idle)))]
        if not names or len(names) == X.shape[1] - len(find_left_out(workflow.features, tuned.parameters)):
            continue
        parameters = leave_out(tuned.parameters, names)
        made = rows.predict(rows.fit(parameters)[0])
        if rows.compare(made, before, confidence=ONE_STANDARD_ERROR).high >= 0:
            return replace(tuned, parameters=parameters, score=rows.score(made))
    return tuned


def price_groups(
    workflow: Workflow, tuned: Tuned, X: pd.DataFrame, y: np.ndarray, split: Split, *, classes: tuple[str, ...]
) -> list[GroupPrice]:
    """Fit the tuned model with each group of features and without it.

    Parameters
    ----------
    workflow : Workflow
    tuned : Tuned
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
    classes : tuple of str

    Returns
    -------
    list of GroupPrice
        In the order of the workflow file; of groups that have features.
    """
    groups = [one for one in workflow.features.groups if workflow.features.columns_of(one)]
    if not groups:
        return []
    rows = _Rows(workflow, tuned.candidate, X, y, split, classes)
    models, seconds = rows.fit(tuned.parameters)
    made, prices = rows.predict(models), []
    for group in groups:
        columns = workflow.features.columns_of(group)
        is_on = tuned.parameters.get(f"{SWITCH}{group}", True)
        models, other_seconds = rows.fit(turn(tuned.parameters, group, on=not is_on))
        both, times = (made, rows.predict(models)), (seconds, other_seconds)
        (one, other), (its, others) = (both, times) if is_on else (both[::-1], times[::-1])
        found = rows.compare(one, other, confidence=CONFIDENCE)
        prices.append(GroupPrice(group, columns, is_on, found.gain, found.low, found.high, its, others))
    return prices


def _find_idle(workflow: Workflow, rows: _Rows, models: Sequence[Pipeline]) -> list[str]:
    """Return the features without importance in any fold, the least important first."""
    most = int(np.clip(MOST_MIXED // len(workflow.features.columns), LEAST_ROWS, MOST_ROWS))
    losses: dict[str, list[float]] = {}
    needed: set[str] = set()
    for fold, model in enumerate(models):
        X, y = rows.held(fold)
        naive = predict_naively(y, len(y), problem=workflow.table.label.problem).align(rows.classes)
        span = measure_scale(rows.metric, rows.metric(y, naive)).span
        for one in measure_importance(
            model, X, y, metric=rows.metric, classes=rows.classes, span=span, seed=workflow.train.seed, most=most
        ):
            losses.setdefault(one.feature, []).append(one.loss)
            if not one.is_idle:
                needed.add(one.feature)
    means = {name: float(np.mean(found)) for name, found in losses.items() if name not in needed}
    return sorted(means, key=lambda name: (means[name], name))
