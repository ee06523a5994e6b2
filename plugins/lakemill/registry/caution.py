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
from lakemill.evaluation.predictions import Prediction, join, predict
from lakemill.preprocessing.splitting import Split
from lakemill.training.drawing import untuned_parameters
from lakemill.training.estimators import make_pipeline
from lakemill.training.tuning import Tuned, choose_tuning_rows

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
        Both are fitted again on training rows and compared on validation rows, of all folds where there are some.
    classes : tuple of str

    Returns
    -------
    Tuned
    """
    candidate, seed = workflow.train.candidates[tuned.candidate], workflow.train.seed
    own = untuned_parameters(candidate)
    if not candidate.untuned_first or set(own) != set(candidate.space) or own == tuned.parameters:
        return tuned
    metric, folds = METRICS[workflow.train.metric], choose_tuning_rows(workflow, X, y, split)

    def predict_with(parameters: dict[str, Any]) -> list[Prediction]:
        problem = workflow.table.label.problem
        made = []
        for train, held in folds:
            pipeline = make_pipeline(candidate, workflow.features, problem=problem, parameters=parameters, seed=seed)
            made.append(predict(pipeline.fit(X.iloc[train], y[train]), X.iloc[held]).align(classes))
        return made

    found, untuned = predict_with(tuned.parameters), predict_with(own)
    labels = [y[held] for _, held in folds]
    difference = compare_paired(
        metric, np.concatenate(labels), join(found), join(untuned), confidence=ONE_STANDARD_ERROR, seed=seed
    )
    if difference.low > 0:
        return tuned
    scores = [metric.gain(metric(true, one), 0.0) for true, one in zip(labels, untuned, strict=True)]
    return replace(tuned, parameters=own, score=float(np.mean(scores)))
