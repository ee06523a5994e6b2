"""One measure of how well anything tells the labels, 0 for chance and 1 for perfect, blind to monotone transforms.

Stays out: limits.
"""

from typing import Any

import numpy as np
from scipy import stats
from sklearn.metrics import roc_auc_score


def measure_skill(y: np.ndarray, scores: np.ndarray, *, classes: tuple[Any, ...] = ()) -> float:
    """Return the skill of scores: 2 AUC - 1, the mean over classes, or the rank correlation for numbers.

    Parameters
    ----------
    y : ndarray of shape (n,)
    scores : ndarray of shape (n, n_classes) or (n,)
        Probabilities, or values for numbers.
    classes : tuple
        Of the columns; empty for numbers.

    Returns
    -------
    float
        In [-1, 1]; NaN where y holds one value only.

    Examples
    --------
    >>> measure_skill(np.array(["a", "b"]), np.array([[0.9, 0.1], [0.2, 0.8]]), classes=("a", "b"))
    1.0
    """
    if len(np.unique(y)) < 2:
        return float("nan")
    if not classes:
        return 0.0 if np.ptp(scores) == 0 else float(stats.spearmanr(y, scores).statistic)
    columns = range(1, 2) if len(classes) == 2 else range(len(classes))
    hits = [(y == classes[at], scores[:, at]) for at in columns]
    return float(np.mean([2 * roc_auc_score(hit, column) - 1 for hit, column in hits if hit.any() and not hit.all()]))
