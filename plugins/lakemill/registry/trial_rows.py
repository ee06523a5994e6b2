"""The rows of a candidate's trials, on which a tuned model is held against itself with other parameters.

Stays out: the trials (``training.tuning``), and what follows from a comparison.
"""

import json
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.config import Workflow
from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction, join, predict
from lakemill.preprocessing.splitting import Split
from lakemill.training.estimators import make_pipeline
from lakemill.training.measuring import measure
from lakemill.training.tuning import choose_tuning_rows

ONE_STANDARD_ERROR = 0.6827  # the two-sided interval that reaches so far to either side


@dataclass(frozen=True)
class Fit:
    """Models of all folds with the same parameters, and what they say.

    Attributes
    ----------
    models : tuple of Pipeline
    predictions : tuple of Prediction
        Of each fold's validation rows.
    seconds : float
        CPU seconds of fitting.
    """

    models: tuple[Pipeline, ...]
    predictions: tuple[Prediction, ...]
    seconds: float


class TrialRows:
    """The rows that a candidate's trials are fitted on and scored on; a model is fitted once for the same parameters.

    Parameters
    ----------
    workflow : Workflow
    candidate : str
        Its name.
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
        Models are fitted on training rows and compared on validation rows, of all folds where there are some.
    classes : tuple of str
    """

    def __init__(
        self,
        workflow: Workflow,
        candidate: str,
        X: pd.DataFrame,
        y: np.ndarray,
        split: Split,
        *,
        classes: tuple[str, ...],
    ) -> None:
        self.workflow, self.candidate, self.classes = workflow, workflow.train.candidates[candidate], classes
        self.metric = METRICS[workflow.train.metric]
        self._X, self._y, self._folds = X, y, choose_tuning_rows(workflow, X, y, split)
        self._labels = [y[held] for _, held in self._folds]
        self._fits: dict[str, Fit] = {}

    @property
    def held(self) -> list[tuple[pd.DataFrame, np.ndarray]]:
        """The validation rows of each fold."""
        return [(self._X.iloc[held], self._y[held]) for _, held in self._folds]

    def fit(self, parameters: dict[str, Any]) -> Fit:
        """Return the candidate with some parameters, fitted on each fold."""
        name = json.dumps(parameters, sort_keys=True, default=str)
        if name not in self._fits:
            with measure() as cost:
                models = tuple(self._fit(parameters, train) for train, _ in self._folds)
            predictions = (predict(one, X).align(self.classes) for one, (X, _) in zip(models, self.held, strict=True))
            self._fits[name] = Fit(models, tuple(predictions), cost.cpu_seconds)
        return self._fits[name]

    def score(self, fitted: Fit) -> float:
        """Return the mean score over folds, greater is better."""
        pairs = zip(self._labels, fitted.predictions, strict=True)
        return float(np.mean([self.metric.gain(self.metric(y, made), 0.0) for y, made in pairs]))

    def compare(self, one: Fit, other: Fit, *, confidence: float) -> Difference:
        """Return by how much the first is better, on the validation rows of all folds."""
        return compare_paired(
            self.metric,
            np.concatenate(self._labels),
            join(one.predictions),
            join(other.predictions),
            confidence=confidence,
            seed=self.workflow.train.seed,
        )

    def _fit(self, parameters: dict[str, Any], train: np.ndarray) -> Pipeline:
        pipeline = make_pipeline(
            self.candidate,
            self.workflow.features,
            problem=self.workflow.table.label.problem,
            parameters=parameters,
            seed=self.workflow.train.seed,
        )
        return pipeline.fit(self._X.iloc[train], self._y[train])
