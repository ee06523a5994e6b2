"""Digits with seeded label noise, and what a model says of them that has not seen each: made once for all tests."""

from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from lakemill.labels.judges import predict_classes


@dataclass(frozen=True)
class Noisy:
    """Labels of which some are wrong, and out-of-fold probabilities learnt from them."""

    labels: np.ndarray
    is_wrong: np.ndarray
    probabilities: np.ndarray


@cache
def make_noisy(rate: float, kind: str) -> Noisy:
    """Digits with this share of labels replaced: by any other (even) or by the next class (by class)."""
    import pandas as pd

    X, y = load_digits(return_X_y=True)
    draw = np.random.default_rng(1)
    is_wrong = np.zeros(len(y), dtype=bool)
    is_wrong[draw.choice(len(y), round(rate * len(y)), replace=False)] = True
    steps = draw.integers(1, 10, len(y)) if kind == "even" else 1
    labels = np.where(is_wrong, (y + steps) % 10, y)
    judge = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=300))
    probabilities = predict_classes(lambda: judge, pd.DataFrame(X), labels, count=10, folds=4, seed=0)
    return Noisy(labels, is_wrong, probabilities)


@pytest.fixture
def noisy():
    """Function ``(rate, kind) -> Noisy``."""
    return make_noisy
