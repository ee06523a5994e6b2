"""Drift of all columns together: whether a classifier can tell the partition from the reference.

It finds what no column shows alone, such as columns that have come apart. It reads rows, a bounded sample, and takes
seconds, so it is asked for (``monitor.together``). Stays out: how much is too much (``drift.py``).
"""

import math
from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from scipy.stats import norm
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import StratifiedKFold, cross_val_predict

from lakemill.config import Workflow
from lakemill.config.features import Features
from lakemill.config.training import Candidate
from lakemill.lake import Lake
from lakemill.monitoring.differences import Difference
from lakemill.monitoring.thinning import spread_evenly
from lakemill.preprocessing.features import make_frame
from lakemill.preprocessing.windows import read_clean
from lakemill.training.estimators import make_pipeline

MOST_ROWS = 5000  # of each side
FOLDS = 5
TREES = {"max_iter": 50, "min_samples_leaf": 20}


def sample_rows(
    workflow: Workflow, lake: Lake, partitions: Sequence[str], features: Features, *, rows: int = MOST_ROWS
) -> pa.Table | None:
    """Return at most so many rows of some partitions, as many of each, evenly over its time.

    Returns
    -------
    pyarrow.Table or None
        None where there are none.
    """
    of_each, parts = math.ceil(rows / max(1, len(partitions))), []
    for key in partitions:
        there = read_clean(workflow, lake, [key], windows=features.windows)
        if there is not None and len(there):
            positions = spread_evenly(len(there), of_each)
            parts.append(there.take(positions))
    return pa.concat_tables(parts, promote_options="default") if parts else None


def tell_apart(reference: pa.Table, current: pa.Table, features: Features, *, seed: int) -> Difference:
    """Return how well a classifier tells rows of both sides apart that it has not seen.

    Parameters
    ----------
    reference, current : pyarrow.Table
        Each with at least `FOLDS` rows.
    features : Features
    seed : int

    Returns
    -------
    Difference
        Its effect is the area under the ROC curve beyond one half, 0 where it is less; p by Mann and Whitney (1947).
    """
    rows = pa.concat_tables([reference, current], promote_options="default")
    is_current = np.repeat([0, 1], [len(reference), len(current)])
    candidate = Candidate(estimator="sklearn.ensemble.HistGradientBoostingClassifier", parameters=TREES, search={})
    pipeline = make_pipeline(candidate, features, problem="classification", parameters={}, seed=seed)
    folds = StratifiedKFold(FOLDS, shuffle=True, random_state=seed)
    scores = cross_val_predict(pipeline, make_frame(rows, features), is_current, cv=folds, method="predict_proba")
    above = float(roc_auc_score(is_current, scores[:, 1])) - 0.5
    variance = (1 / len(reference) + 1 / len(current)) / 12
    return Difference(max(0.0, above), float(norm.sf(above / math.sqrt(variance))), variance)
