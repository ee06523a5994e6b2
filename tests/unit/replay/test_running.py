"""Policies replayed in branches: the same as the steps in the live lake, gone on with, and nothing live touched."""

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
from lakemill.replay.training import STEPS
from lakemill.scoring import score_partition
from lakemill.training.snapshots import take_snapshot

KEYS = [f"2020-01-0{day}" for day in range(1, 5)]
NOW = datetime(2030, 1, 1, tzinfo=UTC)
pytestmark = pytest.mark.filterwarnings("ignore")  # notes of MLflow's database migration


def declare(**sections: Any) -> Workflow:
    return make_workflow(
        **{
            "monitor": {"columns": 0.3, "decay": 0.1},
            "retrain": {"first_after": 1},
            "decide": {"data_drift": "retrain"},
            "labels": {"audit": False},
            "gate": {"better_than_naive": "1 %", "leakage": "skip"},
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
    """Four days; on the third all sizes have moved."""
    for key in KEYS:
        ingest(workflow, lake, key, shift=1.5 if key >= KEYS[2] else 0.0)
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
            evidence = {
                name: value
                for name, value in one.evidence.items()
                if name not in ("scoring", "paces") and (kind == "monitoring" or name != "findings")
            }
            told[kind, key] = (one.verdict, one.as_of, evidence)
    return told


@pytest.mark.thorough
def test_the_workflows_own_policy_gives_what_the_live_lake_has(history: Lake, workflow: Workflow, root: Path) -> None:
    workflow = declare(labels={}, gate={"better_than_naive": "1 %"})  # with all that a training does
    live = Registry(workflow, address=f"sqlite:///{root.parent / 'live.db'}", artifacts=str(root.parent / "live"))
    place = places_of(workflow, history, root, "workflow")["workflow"]  # before anything is judged
    bring_through_live(workflow, history, live, f"sqlite:///{root.parent / 'live_studies.db'}")
    tables = ("clean", "predictions", "verdicts", "profiles", "drift", "ledger", "times")
    before, champion = {name: history.version(name) for name in tables}, live.champion()

    told: list[str] = []
    assert replay(place, report=lambda done, text: told.append(f"{done} {text}")) == len(KEYS)

    steps = [f"training, {step}" for step in STEPS]
    assert told[:10] == [f"0 {KEYS[0]}: {one}" for one in ("scoring", "judging", *steps)]
    assert told[-1] == "4 done"
    branch, registry = open_branch(place), open_registry(place)
    assert without_times(branch) == without_times(history)
    assert branch.read("predictions", KEYS).sort_by("id").equals(history.read("predictions", KEYS).sort_by("id"))
    assert read_entries(branch) == read_entries(history)
    versions = registry.versions()
    assert len(versions) > 1
    assert [registry.tags(one)[LEARNT] for one in versions] == [live.tags(one)[LEARNT] for one in versions]
    live = Registry(workflow, address=f"sqlite:///{root.parent / 'live.db'}", artifacts=str(root.parent / "live"))
    assert ({name: history.version(name) for name in tables}, live.champion()) == (before, champion)


@pytest.mark.thorough
def test_what_is_done_is_kept_and_gone_on_with(history: Lake, workflow: Workflow, root: Path) -> None:
    part = places_of(workflow, history, root, "never", keys=KEYS[:2])["never"]
    assert replay(part) == 2
    whole = places_of(workflow, history, root, "never")["never"]
    assert whole.folder == part.folder

    assert [replay(whole), replay(whole), replay(part)] == [2, 0, 0]

    told = run(workflow, whole)
    assert [one.partition for one in told.steps] == KEYS
    assert [one.champion for one in told.steps] == [None, "1", "1", "1"]
    assert (told.trainings, told.promotions) == (1, 1)
    # the shift is found, and the model no worse for it: a straight line goes on
    assert [one.has_alarm for one in told.steps] == [False, False, True, True]
    assert (told.alarms, told.false_alarms, told.missed_alarms) == (2, 2, 0)


def test_other_rows_make_a_branch_anew(history: Lake, root: Path) -> None:
    workflow = declare(retrain={"first_after": 3})
    place = places_of(workflow, history, root, "never", keys=KEYS[:2])["never"]
    replay(place)
    ingest(workflow, history, KEYS[1], seed=1)

    changed = places_of(workflow, history, root, "never", keys=KEYS[:2])["never"]

    assert changed.folder == place.folder
    assert replay(changed) == 2
    assert open_branch(changed).read("predictions", [KEYS[1]]).num_rows == 200


@pytest.mark.thorough
def test_policies_differ_in_when_they_train(history: Lake, workflow: Workflow, root: Path) -> None:
    places = places_of(workflow, history, root)

    told = {name: run(workflow, place) for name, place in places.items()}

    trained = {
        name: [one.partition[-1] for one in outcome.steps if one.gate is not None] for name, outcome in told.items()
    }
    assert trained["never"] == ["1"]
    assert trained["every"] == ["1", "2", "3", "4"]
    assert trained["drift"] == ["1", "3", "4"]
    assert trained["workflow"] == ["1", "3", "4"]
    assert len({place.studies for place in places.values()}) == 1
    assert told["every"].cpu_seconds > told["never"].cpu_seconds > 0


@pytest.mark.thorough
def test_a_later_first_partition_learns_from_those_before(history: Lake, workflow: Workflow, root: Path) -> None:
    place = places_of(workflow, history, root, "never", keys=KEYS[2:4])["never"]

    told = run(workflow, place)

    assert [(one.partition, one.champion, one.gate) for one in told.steps] == [
        (KEYS[2], None, "pass"),
        (KEYS[3], "1", None),
    ]
    snapshot = read_entries(open_branch(place))[0].snapshot
    assert open_branch(place).read_document(f"snapshots/{snapshot}")["partitions"] == KEYS[:3]


@pytest.mark.thorough
def test_a_blocked_partition_is_passed_over(lake: Lake, workflow: Workflow, root: Path) -> None:
    for key in KEYS:
        block(workflow, lake, key) if key == KEYS[1] else ingest(workflow, lake, key)

    keys, blocked = choose_partitions(workflow, lake, None, None)

    assert (keys, blocked) == ([KEYS[0], KEYS[2], KEYS[3]], [KEYS[1]])
    told = run(workflow, places_of(workflow, lake, root, "never", keys=keys)["never"])
    assert [one.champion for one in told.steps] == [None, "1", "1"]


def test_a_branch_reads_the_versions_of_its_start(history: Lake, workflow: Workflow, root: Path) -> None:
    place = places_of(workflow, history, root, "never", keys=KEYS[:1])["never"]
    before = open_branch(place).read("clean", [KEYS[0]])

    ingest(workflow, history, KEYS[0], seed=7)

    assert open_branch(place).read("clean", [KEYS[0]]).equals(before)
    assert not history.read("clean", [KEYS[0]]).equals(before)
    current = replace(place, versions={name: history.version(name) for name in place.versions})
    assert open_branch(current).read("clean", [KEYS[0]]).equals(history.read("clean", [KEYS[0]]))
