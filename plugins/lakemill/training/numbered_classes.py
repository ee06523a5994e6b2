"""Classifiers that take numbers for classes only (XGBoost's), given any classes.

Stays out: which estimators need it (``estimators.py``).
"""

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.utils import Tags, get_tags
from sklearn.utils.validation import check_is_fitted


class NumberedClasses(ClassifierMixin, BaseEstimator):
    """Numbers the classes before an estimator learns them, and names them in what it predicts.

    Parameters
    ----------
    estimator : estimator
        A classifier with ``predict_proba``.

    Attributes
    ----------
    classes_ : ndarray
        In order.
    estimator_ : estimator
        Fitted on their numbers.
    """

    def __init__(self, estimator: Any = None) -> None:
        self.estimator = estimator

    def fit(self, X: Any, y: Any) -> Self:
        """Fit the estimator on numbered classes."""
        self.classes_, numbers = np.unique(y, return_inverse=True)
        self.estimator_ = clone(self.estimator).fit(X, numbers)
        return self

    def predict_proba(self, X: Any) -> np.ndarray:
        """Return the probability of each class, of shape (n_rows, n_classes)."""
        check_is_fitted(self, "estimator_")
        return self.estimator_.predict_proba(X)

    def predict(self, X: Any) -> np.ndarray:
        """Return the class of each row."""
        return self.classes_[self.predict_proba(X).argmax(axis=1)]

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags
