"""Where there is nothing to learn, nothing is learnt: the candidate on permuted labels scores like chance.

Stays out: how good the candidate is.
"""

import warnings

import numpy as np
import pandas as pd
import pyarrow as pa
from scipy import stats
from sklearn.base import clone
from threadpoolctl import threadpool_limits

from lakemill.evaluation.leakage.case import Case, Proof
from lakemill.evaluation.leakage.skill import measure_skill
from lakemill.evaluation.predictions import predict
from lakemill.preprocessing.features import make_frame, make_target

NAME = "permuted labels score like chance"
MOST_ROWS = 1000  # to fit on, and as many to score
DRAWS = 5
CONFIDENCE = 0.999  # one-sided: one false alarm in a thousand trainings
LEAST = 0.05  # skill that matters


def check_permuted_labels(case: Case) -> Proof:
    """Fit the candidate on rows whose labels were exchanged at random, and score it on others, several times.

    Labels are exchanged before features are made of rows, so that whatever takes them on the way shows.

    Notes
    -----
    The limit is the lower end of Student's t interval of the mean skill over the draws. Skill is 2 AUC - 1, or the rank
    correlation for numbers: 0 is chance.
    """
    train, test = case.draw(case.split.fit, MOST_ROWS), case.draw(case.split.test, MOST_ROWS)
    rows = case.rows.take(pa.array(np.concatenate([train, test])))
    label, place = case.workflow.table.label, case.rows.column_names.index(case.workflow.table.label.column)
    skills = []
    for number in range(DRAWS):
        order = np.random.default_rng([case.seed, number]).permutation(len(rows))
        exchanged = rows.set_column(place, label.column, rows.column(label.column).take(pa.array(order)))
        X, y = make_frame(exchanged, case.workflow.features), make_target(exchanged, label)
        skill = _fit_and_measure(case, X, y, len(train))
        if skill is not None and not np.isnan(skill):
            skills.append(skill)
    if len(skills) < 2:
        return Proof(NAME, True, "not told: too few rows of each class")
    mean, error = float(np.mean(skills)), float(stats.sem(skills))
    low = mean - float(stats.t.ppf(CONFIDENCE, len(skills) - 1)) * error
    figures = {"skill": mean, "low": low, "draws": len(skills)}
    found = f"skill {mean:+.3f} on permuted labels, surely above {low:+.3f}"
    if low > 0 and mean > LEAST:
        text = f"{found}: a feature or a transformer knows labels of rows that it is not fitted on"
        return Proof(NAME, False, text, figures)
    return Proof(NAME, True, f"skill {mean:+.3f} on permuted labels, where 0 is chance", figures)


def _fit_and_measure(case: Case, X: pd.DataFrame, y: np.ndarray, count: int) -> float | None:
    try:
        with warnings.catch_warnings(), threadpool_limits(1):
            warnings.simplefilter("ignore")  # that nothing can be learnt is the point
            fitted = clone(case.pipeline).fit(X.iloc[:count], y[:count])
            prediction = predict(fitted, X.iloc[count:])
    except ValueError:  # scikit-learn's word for: not on this draw, as of a class too few
        return None
    classes = prediction.classes
    scores = prediction.predicted if prediction.probabilities is None else prediction.probabilities
    return measure_skill(y[count:], scores, classes=classes)
