"""How a regression scores while its labels are not known: a small model says how large errors are likely to be.

Stays out: classes (``confidence.py``).
"""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.evaluation.metrics import Metric
from lakemill.evaluation.predictions import Prediction
from lakemill.evaluation.standard_errors import find_standard_error
from lakemill.monitoring.scored_rows import SAID, ScoredRows
from lakemill.training.estimators import make_pipeline

TREES = {"max_iter": 60, "max_leaf_nodes": 15, "min_samples_leaf": 30, "l2_regularization": 1.0}
CANDIDATE = Candidate(
    estimator="sklearn.ensemble.HistGradientBoostingRegressor",
    parameters={**TREES, "early_stopping": False},
    search={},
)
DRAWS = 20  # errors that are drawn of each row
SMALLEST = 1e-3  # of the mean error: no row's is expected to be less
LARGEST = 5.0  # times its expected size: a single error counts no more in the stream of errors


@dataclass(frozen=True)
class LossModel:
    """How large errors are likely to be.

    Attributes
    ----------
    pipeline : Pipeline
        From features and prediction to the size of the error.
    ratios : ndarray
        Errors of known rows with their sign, by the size that a model of other rows expected; their mean size is 1.
    least : float
        In the label's unit.
    """

    pipeline: Pipeline
    ratios: np.ndarray
    least: float

    def find_sizes(self, rows: ScoredRows) -> np.ndarray:
        """Return how large each row's error is likely to be, in the label's unit."""
        return np.maximum(self.pipeline.predict(_put_together(rows)), self.least)

    def estimate(self, metric: Metric, rows: ScoredRows, *, seed: int) -> tuple[float, float]:
        """Return the score to be expected of rows without labels, and its standard error by sampling.

        Parameters
        ----------
        metric : Metric
        rows : ScoredRows
            With features.
        seed : int

        Returns
        -------
        tuple of float
            NaN where the metric is not defined.

        Notes
        -----
        Each row is taken with 20 errors of its size, drawn from each twentieth of those of the known rows by theirs.
        """
        said, draw = rows.prediction.predicted, np.random.default_rng(seed)
        places = (np.arange(DRAWS)[:, None] + draw.random((DRAWS, len(said)))) / DRAWS  # one of each twentieth
        ratios = np.sort(self.ratios)[(places * len(self.ratios)).astype(int)]
        drawn = said + self.find_sizes(rows) * ratios
        score = metric(drawn.ravel(), Prediction(np.tile(said, DRAWS)))
        once = drawn[draw.integers(0, DRAWS, len(said)), np.arange(len(said))]
        return score, find_standard_error(metric, once, Prediction(said), seed=seed)

    def find_unexpected(self, rows: ScoredRows) -> np.ndarray:
        """Return each row's unexpected error: by how many times it exceeds the size that was expected of it.

        Returns
        -------
        ndarray of shape (n,)
            Without unit, at least -1, at most 4; its mean is near 0 as long as what is to be learnt stays the same.
        """
        assert rows.y is not None  # noqa: S101  # only known rows are asked for
        sizes = np.abs(rows.y - rows.prediction.predicted) / self.find_sizes(rows)
        return np.asarray(np.minimum(sizes, LARGEST) - np.minimum(np.abs(self.ratios), LARGEST).mean())


def learn_losses(known: ScoredRows, features: Features, *, seed: int) -> LossModel:
    """Learn how large a model's errors are.

    Parameters
    ----------
    known : ScoredRows
        With labels and features, that the model was not fitted on.
    features : Features
        Of the model.
    seed : int

    Returns
    -------
    LossModel
    """
    X, y = _put_together(known), np.asarray(known.y, dtype="float64")
    errors = y - known.prediction.predicted
    sizes, with_prediction = np.abs(errors), features.model_copy(update={"numeric": (*features.numeric, SAID)})
    least = max(SMALLEST * float(sizes.mean()), np.finfo("float64").tiny)

    def fit(at: np.ndarray) -> Pipeline:
        pipeline = make_pipeline(CANDIDATE, with_prediction, problem="regression", parameters={}, seed=seed)
        return pipeline.fit(X[at], sizes[at])

    expected, is_even = np.empty(len(sizes)), np.arange(len(sizes)) % 2 == 0
    for held in (is_even, ~is_even):
        expected[held] = fit(~held).predict(X[held])
    ratios = errors / np.maximum(expected, least)
    return LossModel(fit(np.full(len(sizes), True)), ratios / max(np.abs(ratios).mean(), SMALLEST), least)


def _put_together(rows: ScoredRows) -> pd.DataFrame:
    assert rows.X is not None  # noqa: S101  # a regression's rows are read with their features
    return rows.X.assign(**{SAID: rows.prediction.predicted})
