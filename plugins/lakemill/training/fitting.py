"""Fitting the chosen pipeline: on the rows in memory, or, where these are a sample and it can be, on all there are.

Stays out: choosing it.
"""

from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline

from lakemill.training.streaming import can_learn_in_pieces, fit_in_pieces
from lakemill.training.training_rows import TrainingRows


def fit_rows(pipeline: Pipeline, loaded: TrainingRows, *, where: str = "") -> Pipeline:
    """Fit a pipeline on training and validation rows.

    Parameters
    ----------
    pipeline : Pipeline
        Not fitted.
    loaded : TrainingRows
    where : str
        For errors.

    Returns
    -------
    Pipeline
        The same, fitted.
    """
    X, y = loaded.X.iloc[loaded.split.fit], loaded.y[loaded.split.fit]
    if loaded.whole is None or not can_learn_in_pieces(pipeline):
        return pipeline.fit(X, y)
    classes = np.unique(y)  # the sample holds some rows of each
    return fit_in_pieces(
        pipeline, X, y, loaded.fit_frames, classes=classes, epochs=loaded.workflow.train.epochs, where=where
    )


def tell_sampled(loaded: TrainingRows, pipeline: Pipeline) -> dict[str, Any] | None:
    """Return how many rows of how many a model was fitted on, and how they were drawn; None where on all."""
    if loaded.sampled is None:
        return None
    if not can_learn_in_pieces(pipeline):
        return {**loaded.sampled, "epochs": None}
    epochs = loaded.workflow.train.epochs
    also = f"the estimator saw all rows, {epochs} times each, its transformers the sample"
    return {**loaded.sampled, "epochs": epochs, "text": f"{loaded.sampled['text']}; {also}"}


def count_fitted(loaded: TrainingRows, pipeline: Pipeline) -> int:
    """Return how many rows a model has seen: those in memory, or all where it learnt piece by piece."""
    if loaded.sampled is None or not can_learn_in_pieces(pipeline):
        return len(loaded.split.fit)
    return int(loaded.sampled["of"]["train"] + loaded.sampled["of"]["validation"])
