"""How a classifier scores while its labels are not known: by the chances of each class, which its probabilities tell.

What a probability of the model means is learnt from rows with labels that it was not fitted on. Then each row is taken
to be of each class as often as its chance says. That holds as long as what is to be learnt stays the same, wherever
rows lie; where it changes, what came differs from this estimate, which is how the change is told.
Stays out: numbers (``loss_model.py``).
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from sklearn.isotonic import IsotonicRegression
from sklearn.linear_model import LogisticRegression

from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.evaluation.weighted import prepare
from lakemill.monitoring.scored_rows import ScoredRows
from lakemill.monitoring.thinning import spread_evenly

SMALLEST = 1e-6  # probability that a logarithm is taken of
DOUBT, ENOUGH = 2.0, 1000  # standard errors by which curves must be better than steps, of so many rows and more
MOST_CELLS = 20_000_000  # rows by classes by classes; of more, fewer rows are taken
Calibrate = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True)
class Confidence:
    """What a model's probabilities mean.

    Attributes
    ----------
    classes : tuple of str
    calibrations : tuple of callable
        One a class, of two classes the second's only: from its probability to its chance.
    """

    classes: tuple[str, ...]
    calibrations: tuple[Calibrate, ...]

    def find_chances(self, prediction: Prediction) -> np.ndarray:
        """Return the chance of each class, of shape (n, n_classes), each row's sum 1."""
        shares = np.asarray(prediction.align(self.classes).probabilities)
        if len(self.classes) == 2:
            second = self.calibrations[0](shares[:, 1])
            return np.column_stack([1 - second, second])
        chances = np.column_stack([one(shares[:, place]) for place, one in enumerate(self.calibrations)])
        total = chances.sum(axis=1, keepdims=True)
        return np.divide(chances, total, out=np.full_like(chances, 1 / len(self.classes)), where=total > 0)

    def estimate(self, metric: Metric, rows: ScoredRows, *, seed: int) -> tuple[float, float]:
        """Return the score to be expected of rows without labels, and its standard error by sampling.

        Parameters
        ----------
        metric : Metric
        rows : ScoredRows
        seed : int

        Returns
        -------
        tuple of float
            NaN where the metric is not defined.

        Notes
        -----
        The metric of rows that each count once for every class, weighed by its chance. The standard error is that of
        the score by one set of labels drawn from the chances.
        """
        names = np.asarray(self.classes, dtype=object)
        count = len(names)
        most = max(1, MOST_CELLS // count**2)
        at = spread_evenly(len(rows), most)
        prediction = rows.prediction.take(at).align(self.classes)
        chances = self.find_chances(prediction)
        each = prediction.take(np.repeat(np.arange(len(at)), count))
        score = float(prepare(metric, np.tile(names, len(at)), each)(chances.reshape(1, -1))[0])
        draw = np.random.default_rng(seed).random((len(at), 1))
        drawn = names[np.minimum((draw > chances.cumsum(axis=1)).sum(axis=1), count - 1)]
        error = find_standard_error(metric, drawn, prediction, seed=seed) * np.sqrt(len(at) / len(rows))
        return score, float(error)

    def find_unexpected(self, rows: ScoredRows) -> np.ndarray:
        """Return each row's unexpected error: how much less probability than expected was given to what came.

        Returns
        -------
        ndarray of shape (n,)
            In [-1, 1]; its mean is 0 as long as chances are right, in whatever rows. It is the row's Brier score
            beyond the one to be expected of it.
        """
        prediction = rows.prediction.align(self.classes)
        shares = np.asarray(prediction.probabilities)
        is_it = np.asarray(rows.y, dtype=object)[:, None] == np.asarray(self.classes, dtype=object)[None, :]
        return np.asarray((self.find_chances(prediction) * shares).sum(axis=1) - (shares * is_it).sum(axis=1))


def learn_confidence(known: ScoredRows) -> Confidence:
    """Learn what a model's probabilities mean.

    Parameters
    ----------
    known : ScoredRows
        With labels, that the model was not fitted on.

    Returns
    -------
    Confidence

    Notes
    -----
    By isotonic regression (Zadrozny and Elkan, KDD 2002), which follows whatever a model says, or where it is better on
    held out rows by beta calibration (Kull, Silva Filho and Flach, AISTATS 2017), which few rows suffice for. A class
    that these rows lack, or that all of them are of, keeps its probability.
    """
    classes = tuple(str(one) for one in known.prediction.classes)
    shares, y = np.asarray(known.prediction.probabilities), np.asarray(known.y, dtype=object)
    columns = [1] if len(classes) == 2 else range(len(classes))
    return Confidence(classes, tuple(_calibrate(shares[:, one], y == classes[one]) for one in columns))


def _calibrate(share: np.ndarray, is_it: np.ndarray) -> Calibrate:
    halves = [np.arange(len(share)) % 2 == side for side in (0, 1)]
    if any(len(set(is_it[half].tolist())) < 2 for half in halves):
        return _as_it_is
    losses = []
    for fit in (_by_steps, _by_logarithms):
        chances = np.empty(len(share))
        for half in halves:
            chances[half] = fit(share[~half], is_it[~half])(share[half])
        losses.append((chances - is_it) ** 2)
    gain = losses[0] - losses[1]
    doubt = DOUBT * gain.std(ddof=1) / np.sqrt(len(gain)) if len(gain) >= ENOUGH else 0.0
    return _by_logarithms(share, is_it) if gain.mean() > doubt else _by_steps(share, is_it)


def _as_it_is(share: np.ndarray) -> np.ndarray:
    return share


def _by_logarithms(share: np.ndarray, is_it: np.ndarray) -> Calibrate:
    def take_logarithms(one: np.ndarray) -> np.ndarray:
        inside = np.clip(one, SMALLEST, 1 - SMALLEST)
        return np.column_stack([np.log(inside), np.log1p(-inside)])

    model = LogisticRegression(C=1e3, solver="newton-cholesky").fit(take_logarithms(share), is_it)
    return lambda one: np.asarray(model.predict_proba(take_logarithms(one))[:, 1])


def _by_steps(share: np.ndarray, is_it: np.ndarray) -> Calibrate:
    margin = 0.5 / (len(share) + 1)  # nothing is certain by so many rows
    steps = IsotonicRegression(y_min=margin, y_max=1 - margin, out_of_bounds="clip").fit(share, is_it)
    return lambda one: np.asarray(steps.predict(one))
