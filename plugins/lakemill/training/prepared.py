"""Rows made into numbers once for all trials with equal transformers: what is searched seldom concerns these.

Stays out: the estimator, and which rows are fitted and scored.
"""

from collections import OrderedDict
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, TransformerMixin

from lakemill.training.digest import digest_learnt
from lakemill.training.measuring import Cost, measure

MOST_BYTES = 256 * 2**20  # of all that is kept; the newest is kept in any case


class Remembering(TransformerMixin, BaseEstimator):
    """A fitted transformer that has transformed some rows already, and returns these from memory.

    Parameters
    ----------
    fitted : transformer
    X : DataFrame of shape (n_rows, n_features)
    transformed : ndarray or sparse matrix of shape (n_rows, n_columns)
    """

    def __init__(self, fitted: Any, X: pd.DataFrame, transformed: Any) -> None:
        self.fitted = fitted
        self.X = X
        self.transformed = transformed

    def fit(self, X: pd.DataFrame, y: np.ndarray | None = None) -> "Remembering":
        """Learn nothing: it has been fitted."""
        return self

    def transform(self, X: pd.DataFrame) -> Any:
        """Return the rows transformed."""
        return self.transformed if X is self.X else self.fitted.transform(X)

    def __sklearn_is_fitted__(self) -> bool:
        """Tell scikit-learn that it is."""
        return True


@dataclass(frozen=True)
class Prepared:
    """Rows to fit on and rows to score, as an estimator takes them.

    Attributes
    ----------
    transformer : Remembering
        Of the rows to score.
    train : ndarray or sparse matrix of shape (n_train, n_columns)
    cost : Cost
        Of fitting the transformer on the rows to fit on, and transforming these.
    """

    transformer: Remembering
    train: Any
    cost: Cost


class Preparations:
    """What was prepared, by rows and transformer; the oldest is let go where it grows too large.

    Parameters
    ----------
    most_bytes : int
    """

    def __init__(self, most_bytes: int = MOST_BYTES) -> None:
        self._most_bytes = most_bytes
        self._kept: OrderedDict[tuple[int, str], Prepared] = OrderedDict()

    def prepare(self, fold: int, transformer: Any, train: pd.DataFrame, y: np.ndarray, held: pd.DataFrame) -> Prepared:
        """Return what was prepared of a fold by an equal transformer, or prepare it.

        Parameters
        ----------
        fold : int
            The same for the same rows.
        transformer : transformer
            Not fitted.
        train : DataFrame of shape (n_train, n_features)
        y : ndarray of shape (n_train,)
        held : DataFrame of shape (n_held, n_features)

        Returns
        -------
        Prepared
        """
        name = (fold, digest_learnt(transformer))  # of one that has learnt nothing yet: of what it was made with
        if name not in self._kept:
            with measure() as cost:
                transformed = transformer.fit_transform(train, y)
            remembering = Remembering(transformer, held, transformer.transform(held))
            self._kept[name] = Prepared(remembering, transformed, cost)
        self._kept.move_to_end(name)
        while len(self._kept) > 1 and sum(map(_count_bytes, self._kept.values())) > self._most_bytes:
            self._kept.popitem(last=False)
        return self._kept[name]


def _count_bytes(prepared: Prepared) -> int:
    return _bytes_of(prepared.train) + _bytes_of(prepared.transformer.transformed)


def _bytes_of(rows: Any) -> int:
    if sparse.issparse(rows):
        return int(rows.data.nbytes + rows.indices.nbytes + rows.indptr.nbytes)
    return int(rows.nbytes)
