"""The learning curve: a model's pipeline fitted again on growing shares of its training rows.

Shares are drawn at random from all training rows, so the curve answers whether more rows of the same kind would help.
The rows that a half leaves out are unseen, yet of the same period as those it was fitted on: what is lost from these to
the validation rows is no overfitting, but that validation rows differ. scikit-learn's `learning_curve` returns scores
only; here predictions are kept too, for paired intervals. Stays out: what follows from it (``advice.py``).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.base import clone
from sklearn.model_selection import train_test_split
from sklearn.pipeline import Pipeline

from lakemill.evaluation.comparison import Difference, compare_paired
from lakemill.evaluation.diagnosis.scores import CONFIDENCE, compare_unpaired
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction, predict

SHARES = (1 / 8, 1 / 4, 1 / 2)
HALF = SHARES[-1]
MOST_DRAWS = 3
LEAST_ROWS = 30
MOST_SCORED_ROWS = 20_000  # more hardly move a score, and cost as much as fitting
Report = Callable[[str, float], None]


@dataclass(frozen=True)
class Rows:
    """Rows with their labels.

    Attributes
    ----------
    X : DataFrame of shape (n_rows, n_features)
    y : ndarray of shape (n_rows,)
    """

    X: pd.DataFrame
    y: np.ndarray

    def take(self, at: np.ndarray) -> "Rows":
        """Return some of them."""
        return Rows(self.X.iloc[at], self.y[at])

    def thin(self, most: int, *, seed: int) -> "Rows":
        """Return so many at most, drawn by the seed, in their order."""
        if len(self.y) <= most:
            return self
        return self.take(np.sort(np.random.default_rng(seed).choice(len(self.y), size=most, replace=False)))


@dataclass(frozen=True)
class Point:
    """A share of the training rows.

    Attributes
    ----------
    rows : int
    train, validation : tuple of float
        Scores on the rows fitted on and on validation rows, one a draw.
    seconds : float
        CPU seconds of one fit, the mean over draws.
    """

    rows: int
    train: tuple[float, ...]
    validation: tuple[float, ...]
    seconds: float


@dataclass(frozen=True)
class LearningCurve:
    """What came of fitting on growing shares.

    Attributes
    ----------
    points : tuple of Point
        By rows; the last one has all training rows.
    doubling : Difference or None
        What all rows gain over half of them on the validation rows: the mean gain, and the widest bounds of all draws.
        None where half the rows are too few.
    shift : Difference or None
        By how much a model of half the rows is better on the other half than on the validation rows.
    fitted : Pipeline
        On all training rows.
    prediction : Prediction
        Its own, for the validation rows.
    unseen : tuple of (ndarray, Prediction) or None
        Labels and predictions of the half that the first draw left out.
    """

    points: tuple[Point, ...]
    doubling: Difference | None
    shift: Difference | None
    fitted: Pipeline
    prediction: Prediction
    unseen: tuple[np.ndarray, Prediction] | None

    @property
    def train(self) -> float:
        """Score on training rows, of the model of all of them."""
        return self.points[-1].train[0]

    @property
    def validation(self) -> float:
        """Score on validation rows, of the same model."""
        return self.points[-1].validation[0]


def count_draws(*, training_seconds: float | None, fit_seconds: float | None) -> int:
    """Return how often each share is drawn, so that the curve costs at most about what the training did.

    Parameters
    ----------
    training_seconds, fit_seconds : float or None
        CPU seconds of the whole training, and of its last fit; one draw where they are not known.

    Returns
    -------
    int
        From 1 to 3.

    Examples
    --------
    >>> count_draws(training_seconds=10.0, fit_seconds=5.0), count_draws(training_seconds=60.0, fit_seconds=5.0)
    (1, 3)
    """
    if not training_seconds or not fit_seconds:
        return 1
    return int(np.clip((training_seconds / fit_seconds - 1) // sum(SHARES), 1, MOST_DRAWS))


def trace_learning(
    pipeline: Pipeline,
    train: Rows,
    validation: Rows,
    *,
    metric: Metric,
    classes: tuple[str, ...],
    draws: int,
    seed: int,
    report: Report = lambda text, share: None,
) -> LearningCurve:
    """Fit a pipeline on an eighth, a quarter, half and all of the training rows.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted or not; it is not changed.
    train, validation : Rows
    metric : Metric
    classes : tuple of str
        All of them; empty for regression.
    draws : int
        Of each share.
    seed : int
    report : callable
        ``report(text, share)``: what is done now, and how much of the work is done, in [0, 1].

    Returns
    -------
    LearningCurve
    """
    cost, done = draws * sum(SHARES) + 1, 0.0
    points: list[Point] = []
    halves: list[Prediction] = []
    unseen: list[tuple[np.ndarray, Prediction]] = []
    for share in SHARES:
        count = int(share * len(train.y))
        scores: list[tuple[float, float, float]] = []
        for draw in range(draws):
            report(f"fitting on {count:,} of {len(train.y):,} training rows", done / cost)
            done += share
            at, rest = _draw(train.y, count, is_classes=bool(classes), seed=seed + 1000 * draw)
            if count < LEAST_ROWS or (classes and len(set(train.y[at])) < 2):
                continue
            part = train.take(at)
            fitted, seconds = fit_timed(pipeline, part)
            seen, held = part.thin(MOST_SCORED_ROWS, seed=seed), predict(fitted, validation.X).align(classes)
            of_seen = metric(seen.y, predict(fitted, seen.X).align(classes))
            scores.append((of_seen, metric(validation.y, held), seconds))
            if share == HALF:
                halves.append(held)
                others = train.take(rest).thin(MOST_SCORED_ROWS, seed=seed)
                unseen.append((others.y, predict(fitted, others.X).align(classes)))
        if scores:
            seen_scores, held_scores, times = zip(*scores, strict=True)
            points.append(Point(count, seen_scores, held_scores, float(np.mean(times))))
    report(f"fitting on all {len(train.y):,} training rows", done / cost)
    fitted, seconds = fit_timed(pipeline, train)
    prediction = predict(fitted, validation.X).align(classes)
    seen = train.thin(MOST_SCORED_ROWS, seed=seed)
    of_seen = metric(seen.y, predict(fitted, seen.X).align(classes))
    points.append(Point(len(train.y), (of_seen,), (metric(validation.y, prediction),), seconds))
    gains = [
        compare_paired(metric, validation.y, prediction, half, confidence=CONFIDENCE, seed=seed) for half in halves
    ]
    shifts = [
        compare_unpaired(metric, other, (validation.y, half), seed=seed)
        for other, half in zip(unseen, halves, strict=True)
    ]
    return LearningCurve(tuple(points), _join(gains), _join(shifts), fitted, prediction, unseen[0] if unseen else None)


def fit_timed(pipeline: Pipeline, rows: Rows) -> tuple[Pipeline, float]:
    """Fit a copy of a pipeline; return it with the CPU seconds that it took."""
    began = time.process_time()
    fitted = clone(pipeline).fit(rows.X, rows.y)
    return fitted, time.process_time() - began


def _draw(y: np.ndarray, count: int, *, is_classes: bool, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Draw so many rows, with the shares of classes kept where there are enough of each; and the others."""
    try:
        drawn, rest = train_test_split(
            np.arange(len(y)), train_size=count, stratify=y if is_classes else None, random_state=seed
        )
    except ValueError:  # a class has one row only, or there are more classes than rows to draw
        mixed = np.random.default_rng(seed).permutation(len(y))
        drawn, rest = mixed[:count], mixed[count:]
    return np.sort(drawn), np.sort(rest)


def _join(found: list[Difference]) -> Difference | None:
    if not found:
        return None
    gains, lows, highs = ([getattr(one, name) for one in found] for name in ("gain", "low", "high"))
    return Difference(float(np.mean(gains)), float(np.min(lows)), float(np.max(highs)))
