"""Scores to be expected: of classes from calibrated probabilities, for every metric there is."""

import numpy as np
import pytest

from lakemill.evaluation.metrics import METRICS
from lakemill.evaluation.predictions import Prediction
from lakemill.monitoring.confidence import learn_confidence
from lakemill.monitoring.loss_model import learn_losses
from lakemill.monitoring.scored_rows import ScoredRows

OF_CLASSES = ("roc_auc", "average_precision", "log_loss", "brier_score", "accuracy", "balanced_accuracy", "f1_macro")
OF_VALUES = ("mean_absolute_error", "root_mean_squared_error", "median_absolute_error", "r2")


def draw_rows(seed: int, classes: int, *, count: int = 5000, confidence: float = 1.0, easy: float = 0.0) -> ScoredRows:
    """Rows whose labels come by chances; the model says these, more or less confidently than is right."""
    draw = np.random.default_rng(seed)
    logits = draw.normal(0, 1.5 + easy, (count, classes))
    true, said = (np.exp(one) / np.exp(one).sum(axis=1, keepdims=True) for one in (logits, confidence * logits))
    names = np.array([f"c{number}" for number in range(classes)], dtype=object)
    y = names[(draw.random((count, 1)) > true.cumsum(axis=1)).sum(axis=1).clip(max=classes - 1)]
    return ScoredRows(Prediction(names[said.argmax(1)], said, tuple(names)), y)


@pytest.mark.parametrize("name", OF_CLASSES)
@pytest.mark.parametrize(("classes", "confidence"), [(2, 1.0), (2, 3.0), (4, 2.0)])
def test_a_score_is_estimated_without_labels(name: str, classes: int, confidence: float) -> None:
    known = draw_rows(0, classes, confidence=confidence)
    now = draw_rows(1, classes, confidence=confidence, easy=1.0)
    metric = METRICS[name]

    score, error = learn_confidence(known).estimate(metric, ScoredRows(now.prediction), seed=0)

    came = metric(now.y, now.prediction)
    assert abs(score - came) < 4 * error
    assert 0 < error < 0.05 * max(1.0, came)


def test_errors_are_unexpected_only_where_chances_are_wrong() -> None:
    confidence = learn_confidence(draw_rows(0, 3, confidence=2.0))
    harder = draw_rows(1, 3, confidence=2.0, easy=-1.0)
    other = ScoredRows(harder.prediction, np.roll(harder.y, 1))

    as_expected, beyond = (confidence.find_unexpected(one).mean() for one in (harder, other))

    assert abs(as_expected) < 0.02
    assert beyond > 0.05


def test_a_class_that_the_model_does_not_know_is_an_error() -> None:
    rows = draw_rows(0, 2)
    strange = ScoredRows(rows.prediction, np.full(len(rows), "new", dtype=object))

    assert learn_confidence(rows).find_unexpected(strange).min() > 0.3


def test_one_class_alone_teaches_nothing_and_breaks_nothing() -> None:
    rows = draw_rows(0, 2)
    alone = ScoredRows(rows.prediction, np.full(len(rows), "c0", dtype=object))

    assert learn_confidence(alone).find_chances(rows.prediction) == pytest.approx(rows.prediction.probabilities)


def draw_values(seed: int, *, centre: float = 0.0, count: int = 4000) -> ScoredRows:
    """Rows whose errors are larger where a feature is."""
    import pandas as pd

    draw = np.random.default_rng(seed)
    X = pd.DataFrame({"a": draw.normal(centre, 1, count), "b": draw.choice(["x", "y"], count).astype(object)})
    said = 3 * X["a"].to_numpy()
    y = said + draw.normal(size=count) * np.exp(0.5 * X["a"].to_numpy())
    return ScoredRows(Prediction(said), y, X)


@pytest.mark.parametrize("name", OF_VALUES)
def test_a_score_of_numbers_is_estimated_without_labels(name: str) -> None:
    from lakemill.config.features import Features

    features = Features(numeric=("a",), categorical=("b",))
    known, now = draw_values(0), draw_values(1, centre=0.7)
    metric = METRICS[name]

    score, error = learn_losses(known, features, seed=0).estimate(metric, now, seed=0)

    came = metric(now.y, now.prediction)
    assert abs(score - came) < 5 * error
    assert abs(score - came) < abs(metric(known.y, known.prediction) - came)  # than if nothing had moved
