"""How much two models differ in what they say of the same rows.

Stays out: which of them is better (``comparison.py``).
"""

import numpy as np

from lakemill.evaluation.predictions import Prediction

PART_OF_DEVIATION = 0.1  # from which on two numbers differ


def measure_change(candidate: Prediction, champion: Prediction) -> float:
    """Return the share of rows of which two models say different things.

    Parameters
    ----------
    candidate, champion : Prediction
        For the same n rows.

    Returns
    -------
    float in [0, 1]
        Of classes, rows with another class; of numbers, rows whose numbers differ by more than a tenth of the standard
        deviation of the champion's. NaN where there are no rows.

    Examples
    --------
    >>> one, other = Prediction(np.array([0.0, 1.0, 2.0, 3.0])), Prediction(np.array([0.0, 1.0, 2.0, 4.0]))
    >>> measure_change(one, other), measure_change(one, one)
    (0.25, 0.0)
    """
    if len(champion.predicted) == 0:
        return float("nan")
    if champion.probabilities is not None:
        return float(np.mean(candidate.predicted.astype(str) != champion.predicted.astype(str)))
    limit = PART_OF_DEVIATION * np.std(champion.predicted)
    return float(np.mean(np.abs(candidate.predicted - champion.predicted) > limit))
