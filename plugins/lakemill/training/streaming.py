"""Learning piece by piece: estimators with ``partial_fit`` see all rows in turn, however many there are.

The transformers before them are fitted on a sample. Stays out: reading rows, and drawing the sample.
"""

from collections.abc import Callable, Iterator

import numpy as np
import pandas as pd
from sklearn.base import is_classifier
from sklearn.pipeline import Pipeline

from lakemill.exceptions import TrainingError

Pieces = Iterator[tuple[pd.DataFrame, np.ndarray]]


def can_learn_in_pieces(pipeline: Pipeline) -> bool:
    """Tell whether a pipeline's estimator learns piece by piece.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted or not.

    Returns
    -------
    bool
        False too where its parameters need all rows at once.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression, SGDClassifier
    >>> [
    ...     can_learn_in_pieces(Pipeline([("estimate", one)]))
    ...     for one in (SGDClassifier(), SGDClassifier(class_weight="balanced"), LogisticRegression())
    ... ]
    [True, False, False]
    """
    estimator = pipeline.steps[-1][1]
    needs_all = (
        getattr(estimator, "class_weight", None) == "balanced" or getattr(estimator, "early_stopping", False) is True
    )
    return hasattr(estimator, "partial_fit") and not needs_all


def fit_in_pieces(
    pipeline: Pipeline,
    X: pd.DataFrame,
    y: np.ndarray,
    read_epoch: Callable[[int], Pieces],
    *,
    classes: np.ndarray,
    epochs: int,
    where: str = "",
) -> Pipeline:
    """Fit the transformers on a sample, then the estimator on all rows, several times over.

    Parameters
    ----------
    pipeline : Pipeline
        Not fitted, of an estimator that `can_learn_in_pieces`.
    X : DataFrame of shape (n_sampled, n_features)
    y : ndarray of shape (n_sampled,)
    read_epoch : callable
        ``read_epoch(epoch) -> iterator of (X, y)``: all rows, in an order that may differ from epoch to epoch.
    classes : ndarray
        All there are, in order; not used for numbers.
    epochs : int
    where : str
        For errors.

    Returns
    -------
    Pipeline
        The same, fitted.

    Raises
    ------
    TrainingError
        If the estimator refuses its parameters or the rows.
    """
    transformers, estimator = pipeline[:-1], pipeline.steps[-1][1]
    transformers.fit(X, y)
    known = {"classes": classes} if is_classifier(estimator) else {}
    for epoch in range(epochs):
        for some, labels in read_epoch(epoch):
            try:
                estimator.partial_fit(transformers.transform(some), labels, **known)
            except (ValueError, TypeError) as error:  # scikit-learn's word for: not with these parameters
                raise TrainingError(
                    f"cannot learn piece by piece: {error}",
                    where=where,
                    remedy="mend its parameters, or raise train.memory so that all rows fit",
                ) from error
            known = {}
    return pipeline
