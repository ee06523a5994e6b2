"""Features after tuning: what each group is worth and takes, and which single ones the model can do without.

Both fit the tuned model again on the rows that its trials were fitted on, and compare on the same validation rows.
Stays out: the search with groups switched on and off (``training.tuning``).
"""

from dataclasses import dataclass, replace

import numpy as np

from lakemill.config.training import SWITCH
from lakemill.evaluation.importance import MOST_ROWS, measure_importance
from lakemill.evaluation.metrics import predict_naively
from lakemill.evaluation.scale import measure_scale
from lakemill.registry.trial_rows import ONE_STANDARD_ERROR, Fit, TrialRows
from lakemill.training.feature_switches import find_left_out, leave_out, turn
from lakemill.training.tuning import Tuned

MOST_MIXED, LEAST_ROWS = 1_000_000, 500  # values that are mixed in one go over all features; rows at least
PARTS = (1.0, 0.5, 0.25)  # of the features without importance, the least important first, that are tried to leave out
CONFIDENCE = 0.95


@dataclass(frozen=True)
class GroupPrice:
    """What a group of features is worth to a model, and what it takes.

    Attributes
    ----------
    group : str
    columns : tuple of str
    is_on : bool
        Whether the tuned model has it.
    gain, low, high : float
        By how much the model with it is better on validation rows, in the metric's unit, and the 95 % interval of that.
    seconds, seconds_without : float
        CPU seconds of a fit on the rows of a trial, with the group and without it.
    """

    group: str
    columns: tuple[str, ...]
    is_on: bool
    gain: float
    low: float
    high: float
    seconds: float
    seconds_without: float


def select_features(rows: TrialRows, tuned: Tuned) -> Tuned:
    """Leave out features without importance, where the model without them is no worse by one standard error.

    Parameters
    ----------
    rows : TrialRows
    tuned : Tuned

    Returns
    -------
    Tuned
        ``parameters`` with ``features.without``; as it was where no feature can go.

    Notes
    -----
    Mixed one at a time, of two features that say the same each seems idle. So all idle ones are left out only where a
    model fitted without them is as good; else half of them are tried, then a quarter, the least important first.
    """
    features, before = rows.workflow.features, rows.fit(tuned.parameters)
    idle, left = _find_idle(rows, before), set(features.columns) - find_left_out(features, tuned.parameters)
    for part in PARTS:
        names = idle[: int(np.ceil(part * len(idle)))]
        if not names or len(names) == len(left):
            continue
        parameters = leave_out(tuned.parameters, names)
        made = rows.fit(parameters)
        if rows.compare(made, before, confidence=ONE_STANDARD_ERROR).high >= 0:
            return replace(tuned, parameters=parameters, score=rows.score(made))
    return tuned


def price_groups(rows: TrialRows, tuned: Tuned) -> list[GroupPrice]:
    """Fit the tuned model with each group of features and without it.

    Parameters
    ----------
    rows : TrialRows
    tuned : Tuned

    Returns
    -------
    list of GroupPrice
        In the order of the workflow file; of groups that have features.
    """
    features, prices = rows.workflow.features, []
    for group in features.groups:
        columns = features.columns_of(group)
        if not columns:
            continue
        having, lacking = (rows.fit(turn(tuned.parameters, group, on=on)) for on in (True, False))
        found = rows.compare(having, lacking, confidence=CONFIDENCE)
        is_on = tuned.parameters.get(f"{SWITCH}{group}", True)
        prices.append(
            GroupPrice(group, columns, is_on, found.gain, found.low, found.high, having.seconds, lacking.seconds)
        )
    return prices


def _find_idle(rows: TrialRows, fitted: Fit) -> list[str]:
    """Return the features without importance in any fold, the least important first."""
    train, problem = rows.workflow.train, rows.workflow.table.label.problem
    most = int(np.clip(MOST_MIXED // len(rows.workflow.features.columns), LEAST_ROWS, MOST_ROWS))
    losses: dict[str, list[float]] = {}
    needed: set[str] = set()
    for model, (X, y) in zip(fitted.models, rows.held, strict=True):
        naive = predict_naively(y, len(y), problem=problem).align(rows.classes)
        span = measure_scale(rows.metric, rows.metric(y, naive)).span
        for one in measure_importance(
            model, X, y, metric=rows.metric, classes=rows.classes, span=span, seed=train.seed, most=most
        ):
            losses.setdefault(one.feature, []).append(one.loss)
            if not one.is_idle:
                needed.add(one.feature)
    means = {name: float(np.mean(found)) for name, found in losses.items() if name not in needed}
    return sorted(means, key=lambda name: (means[name], name))
