"""Rows with the same features and different labels: at least one of them is wrong, or the features don't tell enough.

Stays out: rows that are only alike.
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd

LARGEST = 20  # rows; where more are alike, the features are few and coarse, and different labels are no fault


@dataclass(frozen=True)
class Conflicts:
    """Conflicts among n rows.

    Attributes
    ----------
    rows : int
        Rows in groups of equal features whose labels differ.
    groups : int
    group : ndarray of shape (n,), int
        The group of each row in a conflict that is small enough to be looked at; -1 for all others.
    """

    rows: int
    groups: int
    group: np.ndarray


def find_conflicts(X: pd.DataFrame, labels: np.ndarray) -> Conflicts:
    """Find rows with equal features and different labels.

    Parameters
    ----------
    X : DataFrame of shape (n, n_features)
        Missing values equal one another.
    labels : ndarray of shape (n,)

    Returns
    -------
    Conflicts

    Examples
    --------
    >>> found = find_conflicts(pd.DataFrame({"x": [1, 1, 2, 2]}), np.array(["a", "b", "a", "a"]))
    >>> found.rows, found.groups, found.group.tolist()
    (2, 1, [0, 0, -1, -1])
    """
    alike = X.groupby(list(X.columns), dropna=False, sort=False).ngroup().to_numpy()
    frame = pd.DataFrame({"group": alike, "label": labels})
    seen = frame.groupby("group")["label"].agg(["nunique", "size"])
    differ = seen[seen["nunique"] > 1]
    small = differ.index[differ["size"] <= LARGEST]
    group = np.where(np.isin(alike, small), alike, -1)
    return Conflicts(int(differ["size"].sum()), len(differ), group)
