"""Policies: what each changes, which are compared, and which changes a replay cannot take."""

from pathlib import Path
from typing import Any

import pytest
from workflows_for_tests import make_workflow

from lakemill.config import Workflow
from lakemill.config.deciding import FINDINGS
from lakemill.exceptions import ConfigError
from lakemill.replay.policies import POLICIES, choose_policies, require_replayable

RULES = {"first_after": 2, "every": 4, "cooldown": 3}


def declare(**sections: Any) -> Workflow:
    return make_workflow(**{"retrain": RULES, **sections})


@pytest.mark.parametrize(
    ("name", "every", "acting"), [("never", None, set()), ("every", 1, set()), ("drift", None, {"data_drift"})]
)
def test_a_fixed_policy_changes_when_models_are_trained_and_nothing_else(
    name: str, every: int | None, acting: set[str]
) -> None:
    workflow = declare()

    made = POLICIES[name][1](workflow)

    assert made.retrain.every == every
    assert {one for one in FINDINGS if made.decide.follow(one) != "note"} == acting
    assert (made.retrain.first_after, made.retrain.cooldown) == (2, 3)
    assert made.model_copy(update={"retrain": workflow.retrain, "decide": workflow.decide}) == workflow
    assert made.training_hash() == workflow.training_hash()


def test_the_changed_workflow_is_compared_with_its_file() -> None:
    file, changed = declare(), declare(monitor={"effect": 0.2})

    plain, beside = choose_policies(file, None), choose_policies(file, changed)

    assert [one.name for one in plain] == ["never", "every", "drift", "workflow"]
    effects = {one.name: one.workflow.monitor.effect for one in beside}
    assert effects == {"never": 0.2, "every": 0.2, "drift": 0.2, "workflow": 0.05, "changed": 0.2}
    assert [one.name for one in choose_policies(file, changed, ["workflow", "never"])] == ["never", "workflow"]


@pytest.mark.parametrize(("name", "remedy"), [("nevr", "did you mean 'never'"), ("changed", "give --set too")])
def test_an_unknown_policy_is_told(name: str, remedy: str) -> None:
    with pytest.raises(ConfigError, match=f"no policy '{name}'\n  -> {remedy}"):
        choose_policies(declare(), None, [name])


@pytest.mark.parametrize(
    "sections",
    [
        {"monitor": {"effect": 0.2}},
        {"retrain": {"every": 1}},
        {"gate": {"floor": 0.9}},
        {"features": {"numeric": ["size"]}},
        {"known_after": "2 days"},
    ],
)
def test_what_follows_publishing_can_be_changed(sections: dict[str, Any]) -> None:
    require_replayable(declare(), declare(**sections), Path())


@pytest.mark.parametrize(
    ("sections", "part"),
    [
        ({"clean": []}, "cleaning"),
        ({"collect": {"items": {"path": "others_{partition}.csv"}}}, "sources"),
        ({"features": {"numeric": ["size", "noise"], "categorical": ["colour", "shape"]}}, "column types"),
        ({"partition": {"every": "day", "start": "2020-01-02"}}, "span"),
    ],
)
def test_what_would_publish_other_rows_cannot(sections: dict[str, Any], part: str) -> None:
    with pytest.raises(ConfigError, match=f"would change {part}, and so the partitions"):
        require_replayable(declare(), declare(**sections), Path())
