"""Tuned parameters, taken only where they show: on few validation rows the best of many trials is often best by chance.

Asked of candidates whose first trial took the estimator's own values. Stays out: the search (``training.tuning``).
"""

from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from lakemill.config import Workflow
from lakemill.evaluation.comparison import compare_paired
from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction, predict
from lakemill.preprocessing.splitting import Split
from lakemill.training.drawing import untuned_parameters
from lakemill.training.estimators import make_pipeline
from lakemill.training.tuning import Tuned, thin

ONE_STANDARD_ERROR = 0.6827  # the two-sided interval that reaches so far to either side


def prefer_untuned(
    workflow: Workflow, tuned: Tuned, X: pd.DataFrame, y: np.ndarray, split: Split, *, classes: tuple[str, ...]
) -> Tuned:
    """Return what tuning found, or the estimator's own values where it is not better by one standard error.

    Parameters
    ----------
    workflow : Workflow
    tuned : Tuned
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    split : Split
        Both are fitted again on training rows and compared on validation rows.
    classes : tuple of str

    Returns
    -------
    Tuned
    """
    candidate, seed = workflow.train.candidates[tuned.candidate], workflow.train.seed
    own = untuned_parameters(candidate)
    if not candidate.untuned_first or set(own) != set(candidate.search) or own == tuned.parameters:
        return tuned
    train, metric = thin(split.train, workflow.train.budget.rows, seed), METRICS[workflow.train.metric]
    X_validation, y_validation = X.iloc[split.validation], y[split.validation]

    def predict_with(parameters: dict[str, Any]) -> Prediction:
        problem = workflow.table.label.problem
        pipeline = make_pipeline(candidate, workflow.features, problem=problem, parameters=parameters, seed=seed)
        return predict(pipeline.fit(X.iloc[train], y[train]), X_validation).align(classes)

    found, untuned = predict_with(tuned.parameters), predict_with(own)
    difference = compare_paired(metric, y_validation, found, untuned, confidence=ONE_STANDARD_ERROR, seed=seed)
    if difference.low > 0:
        return tuned
    return replace(tuned, parameters=own, score=metric.gain(metric(y_validation, untuned), 0.0))
