"""Training-scoring skew: the same rows on the way of training and on that of scoring, their features and their scores.

The way of scoring is that of ``scored_rows.py``. Stays out: what follows.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

CLOSE = 1e-6  # numbers this near are equal: sums of many rows at once end in other last digits


@dataclass(frozen=True)
class Skew:
    """What differs between the two ways.

    Attributes
    ----------
    rows : int
        That were compared.
    lacking : int
        Test rows that the way of scoring does not have.
    features : dict of str to int
        Rows with another value, by feature; none where all agree.
    scores : int
        Rows with another score.
    largest : float
        Between two scores of a row.
    partition : str
        Whose rows they are.
    """

    rows: int
    lacking: int
    features: dict[str, int]
    scores: int
    largest: float
    partition: str

    @property
    def is_there(self) -> bool:
        """Whether anything differs."""
        return bool(self.lacking or self.features or self.scores)


def compare_ways(
    by_training: tuple[pd.DataFrame, np.ndarray], by_scoring: tuple[pd.DataFrame, np.ndarray], partition: str
) -> Skew:
    """Hold features and scores of the same rows against each other.

    Parameters
    ----------
    by_training, by_scoring : tuple of (DataFrame, ndarray)
        Features and scores, with the rows' names as index; the second may hold further rows.
    partition : str

    Returns
    -------
    Skew
    """
    (X, scores), (its_X, its_scores) = by_training, by_scoring
    at = its_X.index.get_indexer(X.index)
    known = at >= 0
    features = {}
    for name in X.columns:
        differ = _differ(X[name].to_numpy()[known], its_X[name].to_numpy()[at[known]])
        if differ.any():
            features[str(name)] = int(differ.sum())
    apart = np.abs(scores[known] - its_scores[at[known]])
    is_other = apart > CLOSE * np.maximum(1.0, np.abs(scores[known]))
    if is_other.ndim > 1:
        is_other, apart = is_other.any(axis=1), apart.max(axis=1)
    largest = float(apart.max()) if len(apart) else 0.0
    return Skew(int(known.sum()), int((~known).sum()), features, int(is_other.sum()), largest, partition)


def _differ(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    if one.dtype.kind == "f":
        return ~np.isclose(one, other.astype("float64"), rtol=CLOSE, atol=0.0, equal_nan=True)
    is_missing = pd.isna(one) & pd.isna(other)
    return np.asarray((one != other) & ~is_missing)
