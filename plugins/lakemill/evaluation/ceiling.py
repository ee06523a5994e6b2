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
