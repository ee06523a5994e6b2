"""The ceiling that wrong labels put on a metric: what a model would score that knows the truth and is judged by them.

Stays out: how many labels are wrong (``labels``).
"""

import numpy as np

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction

ROWS = 20_000


def limit_by_classes(metric: Metric, classes: tuple[str, ...], prior: np.ndarray, transition: np.ndarray) -> float:
    """Return what the best model would score against noisy classes.

    Parameters
    ----------
    metric : Metric
    classes : tuple of str
    prior : ndarray of shape (n_classes,)
        Shares of the true classes.
    transition : ndarray of shape (n_classes, n_classes)
        ``transition[i, j]``: share of rows truly of class i that are labelled j.

    Returns
    -------
    float
        NaN where the metric is not defined.

    Examples
    --------
    >>> from lakemill.evaluation.metrics import METRICS
    >>> flips = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> limit_by_classes(METRICS["accuracy"], ("a", "b"), np.array([0.5, 0.5]), flips)
    0.9
    """
    joint = np.rint(prior[:, None] * transition * ROWS).astype(int)
    true, given = (np.repeat(index.ravel(), joint.ravel()) for index in np.indices(joint.shape))
    names = np.asarray(classes, dtype=object)
    best = Prediction(names[transition[true].argmax(axis=1)], transition[true], classes)
    return metric(names[given], best)


def limit_by_values(metric: Metric, given: np.ndarray, mended: np.ndarray) -> float:
    """Return what a model would score that predicts each value rightly, the wrong ones as they were put right.

    Parameters
    ----------
    metric : Metric
    given, mended : ndarray of shape (n,)

    Returns
    -------
    float
    """
    return metric(given, Prediction(mended))


def find_attenuation(metric: Metric, prior: np.ndarray, transition: np.ndarray) -> float:
    """Return how much of a true gain of one model on another shows against noisy classes, at least.

    Parameters
    ----------
    metric : Metric
    prior : ndarray of shape (n_classes,)
        Shares of the true classes.
    transition : ndarray of shape (n_classes, n_classes)
        ``transition[i, j]``: share of rows truly of class i that are labelled j, whatever their features.

    Returns
    -------
    float
        In [0, 1]; NaN where nothing is known of the metric.

    Notes
    -----
    With a and b the shares of wrong labels among those of either class, the area under the curve against noisy labels
    is (1 - a - b) times the true one, plus (a + b) / 2, and so is balanced accuracy (Menon, van Rooyen, Ong and
    Williamson, Learning from corrupted binary labels via class-probability estimation, ICML 2015); of many classes the
    least over classes. A row that one model alone predicts rightly adds its class's share of right labels, less that
    of the label that the other predicts, to the gain in accuracy.

    Examples
    --------
    >>> from lakemill.evaluation.metrics import METRICS
    >>> flips = np.array([[0.9, 0.1], [0.1, 0.9]])
    >>> round(find_attenuation(METRICS["roc_auc"], np.array([0.5, 0.5]), flips), 3)
    0.8
    """
    if metric.name == "accuracy":
        others = transition - 2 * np.eye(len(prior))  # so that no class is the greatest of its own row
        return float(np.clip((np.diag(transition) - others.max(axis=1)).min(), 0.0, 1.0))
    if metric.name == "roc_auc" or (metric.name == "balanced_accuracy" and len(prior) == 2):
        joint = prior[:, None] * transition
        labelled = joint.sum(axis=0)
        if not (labelled > 0).all() or not (labelled < 1).all():
            return float("nan")
        right = np.diag(joint) / labelled  # of the labels of a class
        missed = (prior - np.diag(joint)) / (1 - labelled)  # truly of it, among the labels of others
        return float(np.clip((right - missed).min(), 0.0, 1.0))
    return float("nan")
