"""Which labels are likely wrong: classes by the noise and what the model says, values by their residuals.

Stays out: how many there are (``noise.py`` for classes), and what is done with them.
"""

from dataclasses import dataclass

import numpy as np
from cleanlab.count import num_label_issues

from lakemill.labels.noise import Noise

LIMIT = 3.5  # robust standard deviations of a residual, from which on a value is taken for wrong
SURE, WEAK = 5.0, 3.0  # limits for the ends of the interval
EVEN = 0.25  # share of a class's wrong labels that is taken to fall evenly on all others
BIN = 100  # rows that a scale of residuals is taken from at least


@dataclass(frozen=True)
class Suspects:
    """What is thought of each of n labels.

    Attributes
    ----------
    is_flagged : ndarray of shape (n,), bool
        Taken for wrong.
    suspicion : ndarray of shape (n,)
        In [0, 1]; greater is more likely wrong.
    """

    is_flagged: np.ndarray
    suspicion: np.ndarray


def find_wrong_classes(labels: np.ndarray, probabilities: np.ndarray, noise: Noise) -> Suspects:
    """Flag the labels that are most likely wrong, as many as the noise rate says.

    Parameters
    ----------
    labels : ndarray of shape (n,), int
        In [0, n_classes).
    probabilities : ndarray of shape (n, n_classes)
        Out of fold.
    noise : Noise

    Returns
    -------
    Suspects

    Notes
    -----
    The suspicion is the posterior of another true class than the label: probabilities weighed by how often each
    class is given this label. A quarter of that weight is spread evenly over the wrong labels, since a rate that is
    read off a few rows is a rough one.
    """
    count = probabilities.shape[1]
    wrong = 1 - np.diag(noise.transition)
    even = np.repeat(wrong[:, None] / (count - 1), count, axis=1)
    np.fill_diagonal(even, 1 - wrong)
    weights = (1 - EVEN) * noise.transition + EVEN * even
    posterior = probabilities * weights[:, labels].T
    right = posterior[np.arange(len(labels)), labels]
    total = posterior.sum(axis=1)
    suspicion = 1 - np.divide(right, total, out=np.ones(len(labels)), where=total > 0)
    flagged = np.zeros(len(labels), dtype=bool)
    flagged[np.argsort(-suspicion, kind="stable")[: round(noise.rate * len(labels))]] = True
    return Suspects(flagged & (suspicion > 0), suspicion)


def count_confidently(labels: np.ndarray, probabilities: np.ndarray) -> float:
    """Return the share of wrong labels as confident learning counts them: the model's own confusions included.

    Parameters
    ----------
    labels : ndarray of shape (n,), int
        Each class at least once.
    probabilities : ndarray of shape (n, n_classes)
        Out of fold.

    Returns
    -------
    float
        In [0, 1].
    """
    return float(num_label_issues(labels, probabilities) / len(labels))


@dataclass(frozen=True)
class WrongValues:
    """What is thought of n values: the suspects, and the share of wrong ones with its interval."""

    suspects: Suspects
    rate: float
    low: float
    high: float


def find_wrong_values(labels: np.ndarray, predicted: np.ndarray) -> WrongValues:
    """Flag values that lie further from what is predicted than others that are predicted alike.

    Parameters
    ----------
    labels : ndarray of shape (n,)
    predicted : ndarray of shape (n,)
        Out of fold.

    Returns
    -------
    WrongValues
        A target with heavy tails looks like a noisy one: its rate is an upper bound.

    Notes
    -----
    A residual in units of the scale around it, 1.4826 times the median absolute deviation of the rows with predictions
    next to its own, so that a target that scatters more where it is large is not taken for wrong there.
    """
    residuals = labels - predicted
    order = np.argsort(predicted, kind="stable")
    distance = np.zeros(len(labels))
    for rows in np.array_split(order, max(1, len(labels) // BIN)):
        centred = np.abs(residuals[rows] - np.median(residuals[rows]))
        scale = 1.4826 * np.median(centred)
        # a value that most rows have to the last digit leaves no scale: then only other values stand out
        distance[rows] = centred / scale if scale > 0 else np.where(centred > 0, np.inf, 0.0)
    flagged = distance > LIMIT
    low, high = _wilson(distance > SURE)[0], _wilson(distance > WEAK)[1]
    suspects = Suspects(flagged, np.where(np.isinf(distance), 1.0, distance / (1 + distance.clip(max=1e300))))
    return WrongValues(suspects, float(flagged.mean()), low, high)


def _wilson(found: np.ndarray, z: float = 1.96) -> tuple[float, float]:
    """Return the 95 % interval of a share (Wilson, 1927)."""
    n, share = len(found), found.mean()
    middle = (share + z * z / (2 * n)) / (1 + z * z / n)
    half = z / (1 + z * z / n) * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    low = float(middle - half) if share > 0 else 0.0  # not by rounding only
    return max(0.0, low), min(1.0, float(middle + half))
