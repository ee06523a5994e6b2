"""How a workflow file says what is fitted of what was tried."""

from datetime import timedelta

import pytest

from lakemill.config import load_workflow
from lakemill.config.choosing import Choose
from lakemill.exceptions import ConfigError

LOGISTIC = {"plain": {"estimator": "sklearn.linear_model.LogisticRegression"}}


def declare(choose):
    return {"train": {"metric": "roc_auc", "candidates": LOGISTIC, **({} if choose is None else {"choose": choose})}}


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        (None, Choose(rule="best")),
        ("best", Choose(rule="best")),
        ("cheapest", Choose(rule="cheapest")),
        ({"best_under": "30 seconds"}, Choose(rule="best", best_under=timedelta(seconds=30))),
    ],
)
def test_what_is_said_is_meant(make_project, said, meant):
    assert make_project(workflow=declare(said))[1].train.choose == meant


@pytest.mark.parametrize(
    ("said", "told"),
    [
        ("quickest", "train.choose: must be 'best' or 'cheapest'; got 'quickest'"),
        (True, "train.choose: must be best, cheapest or {best_under: 30 seconds}"),
        ({"best_under": "30 candles"}, "train.choose.best_under: must be a number and one of millisecond"),
        ({"best_under": "0 seconds"}, "train.choose: best_under must be longer than nothing"),
        ({"best_undr": "1 minute"}, "unknown key 'train.choose.best_undr'\n  -> did you mean 'best_under'?"),
        ({"rule": "cheapest", "best_under": "1 minute"}, "train.choose: must be cheapest or best_under, not both"),
    ],
)
def test_what_is_wrong_is_told(make_project, said, told):
    with pytest.raises(ConfigError) as error:
        make_project(workflow=declare(said))

    assert told in str(error.value)


def test_a_file_that_says_the_default_or_nothing_means_the_same_models(make_project):
    nothing, best, cheapest = (make_project(workflow=declare(one))[1] for one in (None, "best", "cheapest"))

    assert "choose" not in nothing.train.model_dump()
    assert nothing.training_hash() == best.training_hash() != cheapest.training_hash()


def test_a_saved_workflow_is_read_again(make_project):
    settings, declared = make_project(workflow=declare({"best_under": "30 seconds"}))

    assert load_workflow(settings.workflows / "parcels.yaml", settings) == declared
    assert type(declared).model_validate(declared.model_dump()) == declared
