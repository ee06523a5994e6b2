"""What a fitted pipeline says of rows, in one form for all kinds of problems.

Stays out: keeping it.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline


@dataclass(frozen=True)
class Prediction:
    """Predictions for n rows.

    Attributes
    ----------
    predicted : ndarray of shape (n,)
        The class, or the value.
    probabilities : ndarray of shape (n, n_classes) or None
        In [0, 1]; None for regression.
    classes : tuple
        In the order of the columns of ``probabilities``; empty for regression.
    """

    predicted: np.ndarray
    probabilities: np.ndarray | None = None
    classes: tuple[Any, ...] = ()

    @property
    def score(self) -> np.ndarray:
        """One number a row: the value; the second class's probability of two; the predicted class's of many."""
        if self.probabilities is None:
            return self.predicted.astype("float64")
        return self.probabilities[:, 1] if len(self.classes) == 2 else self.probabilities.max(axis=1)

    def align(self, classes: tuple[Any, ...]) -> "Prediction":
        """Return the same for these classes: one that the model does not know has the probability 0.

        Parameters
        ----------
        classes : tuple
            With all of the model's; nothing is changed for a regression.

        Examples
        --------
        >>> known = Prediction(np.array(["a"]), np.array([[0.8, 0.2]]), ("a", "c"))
        >>> known.align(("a", "b", "c")).probabilities.tolist()
        [[0.8, 0.0, 0.2]]
        """
        if self.probabilities is None or classes == self.classes:
            return self
        probabilities = np.zeros((len(self.predicted), len(classes)))
        probabilities[:, [classes.index(name) for name in self.classes]] = self.probabilities
        return Prediction(self.predicted, probabilities, classes)

    def take(self, rows: np.ndarray) -> "Prediction":
        """Return the predictions for some rows."""
        probabilities = None if self.probabilities is None else self.probabilities[rows]
        return Prediction(self.predicted[rows], probabilities, self.classes)


def predict(pipeline: Pipeline, X: pd.DataFrame) -> Prediction:
    """Predict rows.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted. A classifier without ``predict_proba`` is taken to be certain.
    X : DataFrame of shape (n, n_features)

    Returns
    -------
    Prediction
    """
    classes = getattr(pipeline, "classes_", None)
    if classes is None:
        return Prediction(np.asarray(pipeline.predict(X), dtype="float64"))
    if hasattr(pipeline, "predict_proba"):
        probabilities = pipeline.predict_proba(X)
        return Prediction(classes[probabilities.argmax(axis=1)], probabilities, tuple(classes))
    predicted = pipeline.predict(X)
    return Prediction(predicted, (predicted[:, None] == classes[None, :]).astype("float64"), tuple(classes))


def predict_pieces(pipeline: Pipeline, pieces: Iterable[tuple[np.ndarray, pd.DataFrame]]) -> Prediction:
    """Predict rows that come piece by piece.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    pieces : iterable of (ndarray of int64, DataFrame)
        The place of each row in the result, and its features.

    Returns
    -------
    Prediction
        In the order of the places.
    """
    made = [(places, predict(pipeline, X)) for places, X in pieces]
    order = np.argsort(np.concatenate([places for places, _ in made]), kind="stable")
    predicted = np.concatenate([one.predicted for _, one in made])[order]
    first = made[0][1]
    if first.probabilities is None:
        return Prediction(predicted)
    probabilities = np.concatenate([one.probabilities for _, one in made if one.probabilities is not None])[order]
    return Prediction(predicted, probabilities, first.classes)


def join(parts: Sequence[Prediction]) -> Prediction:
    """Return the predictions for the rows of all parts, of which all are of the same classes.

    Examples
    --------
    >>> join([Prediction(np.array([1.0])), Prediction(np.array([2.0, 3.0]))]).predicted.tolist()
    [1.0, 2.0, 3.0]
    """
    predicted = np.concatenate([one.predicted for one in parts])
    probabilities = [one.probabilities for one in parts if one.probabilities is not None]
    return Prediction(predicted, np.concatenate(probabilities) if probabilities else None, parts[0].classes)
