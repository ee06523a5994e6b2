"""Categorical columns: levels as numbers, rare and unknown ones included.

Stays out: what a level is (a text, as it stands in the table).
"""

from collections import Counter
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.feature_extraction import FeatureHasher
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, TargetEncoder
from sklearn.utils.validation import check_is_fitted

from lakemill.config.features import Transform

RARE = "(rare)"
MOST_CATEGORIES = 250  # histogram boosting takes 255 at most
LEAST_ROWS = 20  # of a level with a column of its own, where nothing is said of rare ones
BUCKETS = 64


def transform_levels(settings: Transform, *, encode: str, sparse: bool, seed: int) -> Any:
    """Return the unfitted transformer of categorical columns.

    Parameters
    ----------
    settings : Transform
    encode : {"ordinal", "one_hot", "hashed", "target"}
    sparse : bool
        Whether columns may be sparse.
    seed : int
        For the folds of target encoding.

    Returns
    -------
    transformer
    """
    rare = settings.rare
    if encode == "ordinal":
        encoder: Any = OrdinalEncoder(
            handle_unknown="use_encoded_value", unknown_value=-1, max_categories=MOST_CATEGORIES
        )
    elif encode == "one_hot":
        encoder = OneHotEncoder(
            handle_unknown="infrequent_if_exist",
            min_frequency=LEAST_ROWS if rare is None else None,
            max_categories=MOST_CATEGORIES,
            sparse_output=sparse,
        )
    elif encode == "target":
        encoder = TargetEncoder(cv=KFold(5, shuffle=True, random_state=seed))
    else:
        encoder = HashedLevels(buckets=settings.buckets or BUCKETS, sparse=sparse)
    return encoder if rare is None else make_pipeline(RareLevels(share=rare), encoder)


class RareLevels(TransformerMixin, BaseEstimator):
    """Makes one level of all that are rare in training, and of those that it never saw.

    Parameters
    ----------
    share : float in [0, 1]
        Levels of fewer than this share of the training rows are rare.

    Attributes
    ----------
    levels_ : list of ndarray
        The levels of each column that stay, in order.

    Examples
    --------
    >>> rare = RareLevels(share=0.5).fit(pd.DataFrame({"depot": ["N", "N", "S"]}))
    >>> rare.transform(pd.DataFrame({"depot": ["N", "S", "W"]}))["depot"].tolist()
    ['N', '(rare)', '(rare)']
    """

    def __init__(self, share: float = 0.01) -> None:
        self.share = share

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Find the levels that stay."""
        least = self.share * len(X)
        self.levels_ = [
            np.asarray(sorted(level for level, count in Counter(X[name]).items() if count >= least), dtype=object)
            for name in X.columns
        ]
        self.feature_names_in_ = np.asarray(X.columns, dtype=object)
        return self

    def transform(self, X: pd.DataFrame) -> pd.DataFrame:
        """Return the same frame with one name for all rare levels."""
        check_is_fitted(self, "levels_")
        columns = {
            name: np.where(np.isin(X[name].to_numpy(dtype=object), levels), X[name].to_numpy(dtype=object), RARE)
            for name, levels in zip(self.feature_names_in_, self.levels_, strict=True)
        }
        return pd.DataFrame(columns, index=X.index, dtype=object)

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the columns."""
        return self.feature_names_in_


class HashedLevels(TransformerMixin, BaseEstimator):
    """Counts levels in so many buckets that a hash sends them to: nothing is learnt, any level is taken.

    Parameters
    ----------
    buckets : int
        Columns, for all input columns together.
    sparse : bool
    """

    def __init__(self, buckets: int = BUCKETS, sparse: bool = False) -> None:
        self.buckets = buckets
        self.sparse = sparse

    def fit(self, X: pd.DataFrame, y: Any = None) -> Self:
        """Learn nothing but that there are columns."""
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: pd.DataFrame) -> Any:
        """Return the counts, of shape (n_rows, buckets)."""
        check_is_fitted(self, "n_features_in_")
        if len(X) == 0:
            return np.zeros((0, self.buckets))
        tokens = ([f"{name}={level}" for name, level in zip(X.columns, row, strict=True)] for row in X.to_numpy())
        hashed = FeatureHasher(self.buckets, input_type="string", alternate_sign=False).transform(tokens)
        return hashed if self.sparse else hashed.toarray()

    def get_feature_names_out(self, input_features: Any = None) -> np.ndarray:
        """Return the names of the buckets."""
        return np.asarray([f"hash_{number}" for number in range(self.buckets)], dtype=object)
