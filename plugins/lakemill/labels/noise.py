"""How many labels are wrong: the rate at which each true class is given each label, with an interval.

Stays out: which ones (``errors.py``).
"""

from dataclasses import dataclass

import numpy as np

LOWER_HALF, LOW = 0.5, 0.1  # of the rows predicted as a class: those a line is fitted to, and where it is read off
LEAST_ROWS = 20  # of a class that says something
# below these a class is unclear: noise, and what the features don't tell, look alike
LEAST_CERTAINTY = 0.6  # how often the surest rows predicted as a class have its label
LEAST_RECALL = 1 / 3  # share of a class's labels that are predicted as it
DRAWS = 100


@dataclass(frozen=True)
class Noise:
    """Label noise.

    Attributes
    ----------
    rate : float
        Share of wrong labels, in [0, 1].
    low, high : float
        Interval; it allows for chance and for the two ways that the rate could be misread.
    transition : ndarray of shape (n_classes, n_classes)
        ``transition[i, j]``: share of rows truly of class i that are labelled j.
    prior : ndarray of shape (n_classes,)
        Shares of the true classes.
    unclear : tuple of int
        Classes that the model hardly tells from others: their noise cannot be told from what the features don't tell.
    is_clear : bool
        Whether such classes hold so few labels that the rate means something; if not, it is an upper bound at most.
    """

    rate: float
    low: float
    high: float
    transition: np.ndarray
    prior: np.ndarray
    unclear: tuple[int, ...]
    is_clear: bool


def estimate_noise(labels: np.ndarray, probabilities: np.ndarray, *, confidence: float = 0.95, seed: int = 0) -> Noise:
    """Estimate the rate of wrong labels.

    Parameters
    ----------
    labels : ndarray of shape (n,), int
        In [0, n_classes).
    probabilities : ndarray of shape (n, n_classes)
        Out of fold: of models that have not seen the row.
    confidence : float in (0, 1)
        Of the interval.
    seed : int

    Returns
    -------
    Noise

    Notes
    -----
    Taken that a label goes wrong by its class alone, the share of rows of class i with the label j is the same where a
    row looks nothing like j. So, of the rows predicted as i, we look at the half with the lowest probability of j: a
    line through "is labelled j" over the probability, and its value at the lowest tenth. There the model's own
    confusions, which the counts of confident learning (Northcutt, Jiang and Chuang, 2021) contain, have mostly gone.
    The true classes' shares follow from the given ones by inverting the transition matrix, which Patrini et al. (2017)
    read off the surest row of each class.

    The interval goes from the low quantile of a bootstrap of a reading that subtracts too much (a line over three
    quarters of the rows) to the high quantile of one that subtracts too little (the plain mean of the lowest quarter).
    """
    count = probabilities.shape[1]
    transition = _read_transitions(labels, probabilities, LOWER_HALF, LOW)
    rate, transition, prior = _settle(transition, labels)
    unclear = tuple(k for k in range(count) if _is_unclear(labels, probabilities, k))
    is_clear = float(np.isin(labels, unclear).mean()) <= max(0.01, rate / 4)
    generator = np.random.default_rng(seed)
    lows, highs = [], []
    for _ in range(max(20, min(DRAWS, 200_000 // count**2 // 10))):
        rows = generator.integers(0, len(labels), len(labels))
        y, p = labels[rows], probabilities[rows]
        lows.append(_settle(_read_transitions(y, p, 0.75, 0.05), y)[0])
        highs.append(_settle(_read_transitions(y, p, 0.25, None), y)[0])
    tail = (1 - confidence) / 2
    low, high = min(rate, float(np.quantile(lows, tail))), max(rate, float(np.quantile(highs, 1 - tail)))
    return Noise(rate, low if is_clear else 0.0, high, transition, prior, unclear, is_clear)


def _read_transitions(labels: np.ndarray, probabilities: np.ndarray, share: float, at: float | None) -> np.ndarray:
    """Read off how often rows predicted as i, and unlike j, are labelled j: by a line; by the mean without ``at``."""
    count = probabilities.shape[1]
    predicted = probabilities.argmax(axis=1)
    read = np.zeros((count, count))
    for true in range(count):
        rows = np.flatnonzero(predicted == true)
        if len(rows) < LEAST_ROWS:
            continue
        for given in np.flatnonzero(np.arange(count) != true):
            likeness = probabilities[rows, given]
            lowest = np.argsort(likeness, kind="stable")[: max(LEAST_ROWS, int(share * len(rows)))]
            hits, x = labels[rows[lowest]] == given, likeness[lowest]
            read[true, given] = hits.mean()
            spread = x.var()
            if at is not None and spread > 0:
                slope = max(0.0, float(np.mean((x - x.mean()) * hits)) / spread)
                read[true, given] += slope * (np.quantile(likeness, at) - x.mean())
    return read.clip(0.0, 1.0)


def _settle(read: np.ndarray, labels: np.ndarray) -> tuple[float, np.ndarray, np.ndarray]:
    """Make rows of the matrix sum to one, find the true classes' shares, and from both the rate."""
    count = len(read)
    wrong = read.sum(axis=1)
    transition = read / np.maximum(wrong, 1.0)[:, None]
    transition[np.diag_indices(count)] = 1 - transition.sum(axis=1)
    given = np.bincount(labels, minlength=count) / len(labels)
    prior = np.linalg.lstsq(transition.T, given, rcond=None)[0].clip(0.0)
    prior = prior / prior.sum()
    return float(prior @ (1 - np.diag(transition))), transition, prior


def _is_unclear(labels: np.ndarray, probabilities: np.ndarray, k: int) -> bool:
    predicted = probabilities.argmax(axis=1) == k
    rows = np.flatnonzero(predicted)
    if len(rows) < LEAST_ROWS or predicted[labels == k].mean() < LEAST_RECALL:
        return True
    surest = rows[np.argsort(-probabilities[rows, k], kind="stable")[: max(LEAST_ROWS, len(rows) // 10)]]
    return bool((labels[surest] == k).mean() < LEAST_CERTAINTY)
