"""Policies replayed in branches: the same as the steps in the live lake, gone on with, and nothing live touched."""

import shutil
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from workflows_for_tests import block, end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.lake import Lake
from lakemill.lake.verdicts import read_all_verdicts
from lakemill.monitoring.profiles import profile_partition
from lakemill.monitoring.step import judge_partition
from lakemill.registry import promoting, releases
from lakemill.registry.evaluating import evaluate
from lakemill.registry.label_audit import audit_snapshot
from lakemill.registry.ledger import read_entries
from lakemill.registry.models import LEARNT, Registry
from lakemill.replay.branches import Place, open_branch, open_registry
from lakemill.replay.outcome import Outcome, read_outcome
from lakemill.replay.policies import Policy, choose_policies
from lakemill.replay.preparing import choose_partitions, make_places
from lakemill.replay.running import replay
from lakemill.scoring import score_partition
from lakemill.training.snapshots import take_snapshot

KEYS = [f"2020-01-0{day}" for day in range(1, 6)]
NOW = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration


def declare(**sections: Any) -> Workflow:
    return make_workflow(
        **{
            "monitor": {"columns": 0.3, "decay": 0.1},
            "retrain": {"first_after": 1, "findings": ["drift", "decay"]},
            "train": {
                "metric": "roc_auc",
                "candidates": {"plain": {"estimator": "sklearn.linear_model.LogisticRegression", "search": {}}},
                "budget": {"trials": 1},
            },
            **sections,
        }
    )


def ingest(workflow: Workflow, lake: Lake, key: str, *, shift: float = 0.0, seed: int = 0) -> None:
    publish(workflow, lake, key, make_rows(workflow, key, 200, shift=shift, seed=seed))
    profile_partition(workflow, key, lake)


@pytest.fixture
def workflow() -> Workflow:
    return declare()


@pytest.fixture
def history(lake: Lake, workflow: Workflow) -> Lake:
    """Five days; on the fourth all sizes have moved."""
    for key in KEYS:
        ingest(workflow, lake, key, shift=1.5 if key >= KEYS[3] else 0.0)
    return lake


def places_of(workflow: Workflow, lake: Lake, root: Path, *names: str, keys: list[str] = KEYS) -> dict[str, Place]:
    policies = choose_policies(workflow, None, names)
    return make_places(policies, lake, keys, root)


def run(workflow: Workflow, place: Place) -> Outcome:
    replay(place)
    return read_outcome(Policy("any", "", workflow), place)


def bring_through_live(workflow: Workflow, lake: Lake, registry: Registry, studies: str) -> None:
    """What the tasks of the DAGs call, partition by partition."""
    for key in KEYS:
        score_partition(workflow, key, lake, registry)
        if judge_partition(workflow, key, lake, registry)["verdict"] != "retrain":
            continue
        as_of = end_of(workflow, key)
        snapshot = take_snapshot(workflow, lake, as_of=as_of)["id"]
        assert releases.check_rows(workflow, lake, snapshot, partition=key, as_of=as_of) is None
        audit_snapshot(workflow, lake, snapshot, partition=key, as_of=as_of)
        releases.tune(workflow, lake, snapshot, studies=studies)
        tuned = [releases.take_best(workflow, lake, snapshot, "plain", studies=studies)]
        version = releases.fit(workflow, lake, registry, snapshot, tuned, as_of=as_of)
        evaluated = evaluate(workflow, lake, registry, snapshot, version)
        known = {"partition": key, "as_of": as_of, "version": version, "evaluated": evaluated}
        if promoting.decide(workflow, lake, registry, **known) == "pass":
            promoting.promote(lake, registry, version=version, as_of=as_of, recorded_at=NOW)


def without_times(lake: Lake) -> dict[str, Any]:
    """All verdicts but for what was measured in seconds."""
    told = {}
    for kind, verdicts in read_all_verdicts(lake).items():
        for key, one in verdicts.items():
            evidence = {name: value for name, value in one.evidence.items() if name not in ("findings", "scoring", "paces")}
            told[kind, key] = (one.verdict, one.as_of, evidence)
    return told


def test_the_workflows_own_policy_gives_what_the_live_lake_has(
    history: Lake, workflow: Workflow, tmp_path: Path
) -> None:
    live = Registry(workflow, address=f"sqlite:///{tmp_path / 'live.db'}", artifacts=str(tmp_path / "live"))
    place = places_of(workflow, history, tmp_path / "replays", "workflow")["workflow"]  # before anything is judged
    bring_through_live(workflow, history, live, f"sqlite:///{tmp_path / 'live_studies.db'}")
    tables = ("clean", "predictions", "verdicts", "profiles", "drift", "ledger", "times")
    before, champion = {name: history.version(name) for name in tables}, live.champion()

    assert replay(place) == len(KEYS)

    branch, registry = open_branch(place), open_registry(place)
    assert without_times(branch) == without_times(history)
    assert branch.read("predictions", KEYS).sort_by("id").equals(history.read("predictions", KEYS).sort_by("id"))
    assert read_entries(branch) == read_entries(history)
    versions = registry.versions()
    assert len(versions) > 1
    assert [registry.tags(one)[LEARNT] for one in versions] == [live.tags(one)[LEARNT] for one in versions]
    live = Registry(workflow, address=f"sqlite:///{tmp_path / 'live.db'}", artifacts=str(tmp_path / "live"))
    assert ({name: history.version(name) for name in tables}, live.champion()) == (before, champion)
