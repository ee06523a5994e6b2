"""Tuned parameters, taken only where they show: on few validation rows the best of many trials is often best by chance.

Asked of candidates whose first trial took the estimator's own values. Stays out: the search (``training.tuning``).
"""

from dataclasses import replace

from lakemill.registry.trial_rows import ONE_STANDARD_ERROR, TrialRows
from lakemill.training.drawing import untuned_parameters
from lakemill.training.tuning import Tuned


def prefer_untuned(rows: TrialRows, tuned: Tuned) -> Tuned:
    """Return what tuning found, or the estimator's own values where it is not better by one standard error.

    Parameters
    ----------
    rows : TrialRows
        Of the candidate; both are fitted on them again.
    tuned : Tuned

    Returns
    -------
    Tuned
    """
    own = untuned_parameters(rows.candidate)
    if not rows.candidate.untuned_first or set(own) != set(rows.candidate.space) or own == tuned.parameters:
        return tuned
    found, untuned = rows.fit(tuned.parameters), rows.fit(own)
    if rows.compare(found, untuned, confidence=ONE_STANDARD_ERROR).low > 0:
        return tuned
    return replace(tuned, parameters=own, score=rows.score(untuned))
