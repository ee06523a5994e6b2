"""Tuned values are taken only where they are better by a standard error."""

from dataclasses import replace

import numpy as np
import pytest
from workflows_for_tests import make_rows, make_workflow

from lakemill.preprocessing.features import make_frame, make_target
from lakemill.preprocessing.splitting import Split
from lakemill.registry.caution import prefer_untuned
from lakemill.registry.trial_rows import TrialRows
from lakemill.training.tuning import Tuned

SPLIT = Split(np.arange(300), np.arange(300, 450), np.arange(450, 500))
CLASSES = ("false", "true")
ESTIMATOR = "sklearn.linear_model.LogisticRegression"


FOLDED = replace(SPLIT, folds=((np.arange(200), np.arange(200, 325)), (np.arange(325), np.arange(325, 450))))


def prefer(found: dict[str, float], split: Split = SPLIT, **candidate) -> Tuned:
    workflow = make_workflow(
        train={"metric": "log_loss", "candidates": {"plain": {"estimator": ESTIMATOR, **candidate}}}
    )
    rows = make_rows(workflow, "2020-01-01", 500)
    X, y = make_frame(rows, workflow.features), make_target(rows, workflow.table.label)
    return prefer_untuned(
        TrialRows(workflow, "plain", X, y, split, classes=CLASSES), Tuned("plain", found, -0.1, 5, 1.0)
    )


@pytest.mark.parametrize(
    ("found", "candidate", "taken"),
    [
        ({"C": 1.001}, {}, {"C": 1.0}),
        ({"C": 0.001}, {}, {"C": 1.0}),
        ({"C": 1.0}, {}, {"C": 1.0}),
        ({"C": 0.001}, {"search": {"C": [0.001, 1.0]}}, {"C": 0.001}),
        ({"C": 1.001}, {"search": {"C": {"low": 0.1, "high": 9.0}}, "untuned_first": True}, {"C": 1.0}),
        ({"C": 3.0}, {"search": {"C": {"low": 2.0, "high": 9.0}}, "untuned_first": True}, {"C": 3.0}),
    ],
    ids=["no better", "worse", "the same", "the file's own search", "asked for", "own values not searched"],
)
def test_what_is_not_better_by_a_standard_error_gives_way(found, candidate, taken):
    assert prefer(found, **candidate).parameters == taken


def test_what_is_better_beyond_chance_stays_as_it_is():
    weak = {"parameters": {"C": 1e-4}, "search": {"C": [1e-4, 1.0]}, "untuned_first": True}

    tuned = prefer({"C": 1.0}, **weak)

    assert (tuned.parameters, tuned.score) == ({"C": 1.0}, -0.1)


def test_what_gave_way_brings_its_own_score():
    assert prefer({"C": 0.001}).score < -0.1


def test_folds_are_compared_on_the_validation_rows_of_all_and_scored_by_their_mean():
    weak = {"parameters": {"C": 1e-4}, "search": {"C": [1e-4, 1.0]}, "untuned_first": True}
    alone = [prefer({"C": 0.001}, replace(SPLIT, train=train, validation=held)) for train, held in FOLDED.folds]

    assert prefer({"C": 1.0}, FOLDED, **weak).parameters == {"C": 1.0}
    assert prefer({"C": 0.001}, FOLDED).score == pytest.approx(np.mean([one.score for one in alone]))
