"""What a column's drift does to the predictions: the champion's scores as they are, and as they were without it.

The column's values are put back to where they would lie in the reference, all else left as it is; how far scores move
is the harm. Reads a bounded sample of rows, where columns have drifted only. Stays out: finding drift (``drift.py``).
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.pipeline import Pipeline

from lakemill.evaluation.predictions import Prediction, predict
from lakemill.monitoring.sketches import OTHERS, ColumnProfile
from lakemill.preprocessing.features.frames import MISSING

MOST_ROWS = 2000
MOST_COLUMNS = 10


@dataclass(frozen=True)
class Harm:
    """What the drift of one column does.

    Attributes
    ----------
    moved : float
        Mean distance by which predictions move: of values, or half of what all classes' probabilities move, in [0, 1].
    raised : float
        Mean of score with the drift less score without it.
    """

    moved: float
    raised: float


def measure_harm(
    pipeline: Pipeline,
    X: pd.DataFrame,
    reference: Mapping[str, ColumnProfile],
    current: Mapping[str, ColumnProfile],
    *,
    seed: int,
) -> dict[str, Harm]:
    """Tell how far each column's drift moves a model's scores.

    Parameters
    ----------
    pipeline : Pipeline
        Fitted.
    X : DataFrame of shape (n, n_features)
        Rows of the partition.
    reference, current : dict of str to ColumnProfile
        Of the columns that are asked about; others are ignored.
    seed : int
        For values that are drawn, where the share of a category or of missing values fell.

    Returns
    -------
    dict of str to Harm
        By column, that of the most harm first.
    """
    scored, found = predict(pipeline, X), {}
    for name in sorted(set(reference) & set(current) & set(X.columns)):
        if min(reference[name].values, current[name].values) == 0:
            continue
        draw = np.random.default_rng(seed)
        put_back = _put_back_numbers if reference[name].kind == "numeric" else _put_back_categories
        values = put_back(X[name].to_numpy(), reference[name], current[name], draw)
        without = predict(pipeline, X.assign(**{name: values}))
        found[name] = Harm(_distance(scored, without), float((scored.score - without.score).mean()))
    return dict(sorted(found.items(), key=lambda one: (-one[1].moved, one[0])))


def _distance(one: Prediction, other: Prediction) -> float:
    if one.probabilities is None or other.probabilities is None:
        return float(np.abs(one.score - other.score).mean())
    return float(np.abs(one.probabilities - other.probabilities).sum(axis=1).mean() / 2)


def _put_back_numbers(
    values: np.ndarray, reference: ColumnProfile, current: ColumnProfile, draw: np.random.Generator
) -> np.ndarray:
    """Move each value to the reference's quantile of its rank; values and gaps are drawn to the reference's share."""
    numbers = values.astype("float64").copy()
    is_there = np.isfinite(numbers)
    points, inverse = np.unique(numbers[is_there], return_inverse=True)
    if len(points):
        below = np.array(current.digest.get_cdf(points.tolist())[:-1])
        through = np.array(current.digest.get_cdf(np.nextafter(points, np.inf).tolist())[:-1])
        moved = [reference.digest.get_quantile(rank) for rank in np.clip((below + through) / 2, 0, 1)]
        numbers[is_there] = np.array(moved)[inverse]
    gone, come = _change_shares(reference.null_share, current.null_share)
    drawn, ranks = draw.random(len(numbers)), draw.random(len(numbers))
    filled = np.flatnonzero(~is_there & (drawn < come))
    numbers[filled] = [reference.digest.get_quantile(rank) for rank in ranks[filled]]
    numbers[is_there & (drawn < gone)] = np.nan
    return numbers


def _change_shares(reference: float, current: float) -> tuple[float, float]:
    """Return with which probability a value must go, and a gap be filled, to come to the reference's share of gaps."""
    gone = max(0.0, reference - current) / (1 - current) if current < 1 else 0.0
    return gone, max(0.0, current - reference) / current if current else 0.0


def _put_back_categories(
    values: np.ndarray, reference: ColumnProfile, current: ColumnProfile, draw: np.random.Generator
) -> np.ndarray:
    """Redraw as few rows as come to the reference's shares: those of what is more frequent now."""
    sides = [_shares(side) for side in (reference, current)]
    names = sorted({*sides[0], *sides[1]} - {OTHERS})
    before, now = (np.array([side.get(name, 0.0) for name in names]) for side in sides)
    lacking = np.maximum(before - now, 0.0)
    if not lacking.sum():
        return values
    stays = {name: min(1.0, one / other) if other else 1.0 for name, one, other in zip(names, before, now, strict=True)}
    redrawn = draw.random(len(values)) >= np.array([stays.get(str(value), 1.0) for value in values])
    put_back = values.copy()
    put_back[redrawn] = draw.choice(np.array(names, dtype=object), int(redrawn.sum()), p=lacking / lacking.sum())
    return put_back


def _shares(side: ColumnProfile) -> dict[str, float]:
    return {name: count / side.count for name, count in side.categories.items()} | {MISSING: side.null_share}
