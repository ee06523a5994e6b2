"""The champion against those it could be exchanged for, the rollback that follows, and whether a training helped."""

import math
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, cast

import numpy as np
import pytest
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.monitoring.profiles import profile_partition
from lakemill.monitoring.step import judge_partition
from lakemill.registry.ledger import Entry, find_champion, read_entries, record_entry
from lakemill.registry.models import CHAMPION, Registry
from lakemill.scoring import score_partition
from lakemill.training.snapshots import take_snapshot

KEYS = [f"2020-01-{day:02}" for day in range(1, 9)]
RECORDED = datetime(2026, 1, 1, tzinfo=UTC)
NO_TRAINING = {"concept_drift": "nothing", "realised_performance": "nothing", "estimated_performance": "nothing"}
AT_ONCE = {"alarm": {"found": 1, "of": 1}}  # what one partition shows is enough


class Sized:
    """Predicts from the size alone, rightly or the other way round."""

    classes_ = np.array(["false", "true"])

    def __init__(self, sign: float) -> None:
        self.sign = sign

    def predict_proba(self, X: Any) -> np.ndarray:
        second = 1 / (1 + np.exp(-self.sign * X["size"].to_numpy()))
        return np.column_stack([1 - second, second])


@dataclass
class Models:
    """A registry: the sign of each version, and where the aliases stand."""

    signs: dict[str, float]
    aliases: dict[str, str | None] = field(default_factory=dict)
    loaded: list[str] = field(default_factory=list)

    def load(self, version: str) -> Any:
        if version not in self.signs:
            raise RegistryError("cannot be loaded", where=version)
        self.loaded.append(version)
        return Sized(self.signs[version])

    def point(self, alias: str, version: str | None) -> None:
        self.aliases[alias] = version

    def tag(self, told: dict[str, str], *, name: str) -> None:
        pass


@dataclass
class World:
    """A workflow whose partitions go by, and models that are put in charge of it."""

    workflow: Workflow
    lake: Lake
    models: Models

    @property
    def registry(self) -> Registry:
        return cast(Registry, self.models)

    def train(self, key: str, version: str, *, promoted: bool = True) -> None:
        as_of = end_of(self.workflow, key)
        snapshot = take_snapshot(self.workflow, self.lake, as_of=as_of)["id"]
        evidence = {"version": version, "snapshot": snapshot, "score": 0.9, "training": self.workflow.training_hash()}
        record_verdict(self.lake, Verdict("gate", key, as_of, "pass" if promoted else "fail", (), evidence))
        if promoted:
            record_entry(self.lake, Entry(version, as_of, snapshot, "let through"), recorded_at=as_of)

    def go_through(self, key: str, count: int = 200) -> dict[str, Any]:
        publish(self.workflow, self.lake, key, make_rows(self.workflow, key, count))
        profile_partition(self.workflow, key, self.lake)
        score_partition(self.workflow, key, self.lake, self.registry)
        return self.judge(key)

    def judge(self, key: str) -> dict[str, Any]:
        return judge_partition(self.workflow, key, self.lake, self.registry, recorded_at=RECORDED)

    def evidence(self, key: str) -> dict[str, Any]:
        return read_verdicts(self.lake, "monitoring")[key].evidence

    def finding(self, key: str, name: str) -> dict[str, Any]:
        return next(one for one in self.evidence(key)["findings"] if one["finding"] == name)


def make_world(lake: Lake, signs: dict[str, float], **sections: Any) -> World:
    return World(make_workflow(**{"monitor": AT_ONCE, **sections}), lake, Models(signs))


def with_two_champions(lake: Lake, signs: dict[str, float], **sections: Any) -> World:
    world = make_world(lake, signs, **sections)
    world.go_through(KEYS[0])
    world.train(KEYS[0], "1")
    world.go_through(KEYS[1])
    world.train(KEYS[1], "2")
    return world


def test_a_champion_that_does_worse_than_the_one_before_is_rolled_back(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0})

    judged = world.go_through(KEYS[2])

    assert (judged["verdict"], judged["reason"]) == ("roll back", "worse than previous")
    end = end_of(world.workflow, KEYS[2])
    (entry,) = read_entries(lake, "rollback")
    assert (entry.version, entry.instead_of, entry.who, entry.as_of) == ("1", "2", "monitoring", end)
    assert entry.recorded_at == RECORDED
    assert entry.reason.startswith(f"{KEYS[2]}: v2 -")
    champions = [find_champion(lake, as_of=world.workflow.partition.interval(key).start) for key in KEYS[1:4]]
    assert [one.version if one else None for one in champions] == ["1", "2", "1"]
    assert world.models.aliases[CHAMPION] == "1"


def test_one_bad_partition_is_no_ground_and_a_second_one_is(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": 1.0}, monitor={}, decide=NO_TRAINING)
    verdicts = []
    for key, sign in zip(KEYS[2:7], (-1.0, 1.0, 1.0, -1.0, -1.0), strict=True):
        world.models.signs["2"] = sign
        verdicts.append(world.go_through(key)["verdict"])

    assert verdicts == ["nothing", "nothing", "nothing", "nothing", "roll back"]
    first, last = (world.finding(key, "worse_than_previous") for key in (KEYS[2], KEYS[6]))
    assert first["text"].endswith("; worse in 1 of the last 3 partitions, 2 are asked for")
    assert (first["evidence"]["partitions_worse"], last["evidence"]["partitions_worse"]) == (1, 2)


def test_a_partition_that_was_bad_once_counts_with_the_next_but_one(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0}, monitor={}, decide=NO_TRAINING)
    world.go_through(KEYS[2])
    world.models.signs["2"] = 1.0
    world.go_through(KEYS[3])
    world.models.signs["2"] = -1.0

    assert world.go_through(KEYS[4])["verdict"] == "roll back"


@pytest.mark.parametrize(("decay", "verdict"), [(0.5, "roll back"), (1.5, "nothing")])
def test_a_loss_beyond_decay_is_rolled_back_at_once(lake: Lake, decay: float, verdict: str) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0}, monitor={"decay": decay}, decide=NO_TRAINING)

    assert world.go_through(KEYS[2])["verdict"] == verdict


@pytest.mark.thorough
def test_the_partition_after_a_rollback_is_scored_by_the_old_model_and_stays_so(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0})

    verdicts = [world.go_through(key)["verdict"] for key in KEYS[2:5]]

    assert verdicts == ["roll back", "nothing", "nothing"]
    assert set(lake.read("predictions", [KEYS[3]]).column("model_version").to_pylist()) == {"1"}
    assert "worse_than_previous" not in [
        one for one, holds in world.evidence(KEYS[3])["facts"]["findings"].items() if holds
    ]


def test_judging_it_again_says_the_same_and_rolls_back_once(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0})
    judged, before = world.go_through(KEYS[2]), world.evidence(KEYS[2])
    world.go_through(KEYS[3])
    versions = [lake.version(table) for table in ("verdicts", "ledger", "profiles", "drift")]

    assert world.judge(KEYS[2]) == judged
    assert world.evidence(KEYS[2]) == before
    assert [lake.version(table) for table in ("verdicts", "ledger", "profiles", "drift")] == versions


def test_a_rollback_of_the_past_moves_no_live_alias(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0, "3": 1.0})
    publish(world.workflow, lake, KEYS[6], make_rows(world.workflow, KEYS[6]))
    world.train(KEYS[6], "3")  # the live champion, of a later partition than the one that is judged now

    judged = world.go_through(KEYS[2])

    assert judged["verdict"] == "roll back"
    assert world.models.aliases[CHAMPION] == "3"
    assert find_champion(lake, as_of=end_of(world.workflow, KEYS[2])).version == "1"


def test_a_model_that_took_charge_meanwhile_is_not_taken_back(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0, "3": 1.0})
    publish(world.workflow, lake, KEYS[2], make_rows(world.workflow, KEYS[2], 200))
    profile_partition(world.workflow, KEYS[2], lake)
    score_partition(world.workflow, KEYS[2], lake, world.registry)
    world.train(KEYS[2], "3")  # by hand, as of the end of the partition that is judged now

    judged = world.judge(KEYS[2])

    assert judged["verdict"] == "alert"
    assert judged["reason"] == "worse than previous, but another model has taken charge meanwhile"
    assert read_entries(lake, "rollback") == []


@pytest.mark.parametrize("consequence", ["nothing", "note", "alert"])
def test_the_table_says_whether_it_is_rolled_back(lake: Lake, consequence: str) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0}, decide={"worse_than_previous": consequence})

    assert world.go_through(KEYS[2])["verdict"] == consequence
    assert read_entries(lake, "rollback") == []
    assert world.finding(KEYS[2], "worse_than_previous")["holds"] is True


def test_two_models_that_are_alike_are_told_apart_by_nobody(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": 1.0})

    assert world.go_through(KEYS[2])["verdict"] == "nothing"
    found = world.finding(KEYS[2], "worse_than_previous")
    assert (found["holds"], found["evidence"]["gain"], found["evidence"]["rows"]) == (False, 0.0, 200)


def test_both_are_put_to_the_same_rows(lake: Lake) -> None:
    from sklearn.metrics import roc_auc_score

    world = with_two_champions(lake, {"1": 1.0, "2": -1.0})
    world.go_through(KEYS[2])

    rows = lake.read("clean", [KEYS[2]])
    y, size = rows.column("label").to_pylist(), rows.column("size").to_numpy()
    found = world.evidence(KEYS[2])["against_previous"]
    assert found["gain"] == pytest.approx(roc_auc_score(y, -size) - roc_auc_score(y, size), rel=1e-5)
    assert found["low"] < found["gain"] < found["high"] < 0
    assert (found["champion"], found["challenger"], found["rows"]) == ("2", "1", 200)


def test_whether_the_last_training_helped_is_told_from_all_partitions_since(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": -1.0, "2": 1.0})
    for key, count in ((KEYS[2], 100), (KEYS[3], 300)):
        world.go_through(key, count)

    first, second = (world.evidence(key)["last_training"] for key in KEYS[2:4])
    gains = [world.evidence(key)["against_previous"]["gain"] for key in KEYS[2:4]]
    assert (first["helped"], first["rows"], first["partitions"]) == (True, 100, 1)
    assert (second["version"], second["against"], second["helped"]) == ("2", "1", True)
    assert (second["rows"], second["partitions"]) == (400, 2)
    assert second["gain"] == pytest.approx((gains[0] + 3 * gains[1]) / 4, rel=1e-4)
    assert second["high"] - second["low"] < first["high"] - first["low"]


@pytest.mark.parametrize(("signs", "helped"), [({"1": 1.0, "2": -1.0}, False), ({"1": 1.0, "2": 1.0}, None)])
def test_a_training_that_did_harm_or_nothing_is_told_so(
    lake: Lake, signs: dict[str, float], helped: bool | None
) -> None:
    world = with_two_champions(lake, signs)
    world.go_through(KEYS[2])

    assert world.evidence(KEYS[2])["last_training"]["helped"] is helped


def test_a_candidate_that_was_refused_is_compared_on_rows_that_it_has_not_learnt_from(lake: Lake) -> None:
    world = make_world(lake, {"1": -1.0, "2": 1.0}, known_after="36 hours")
    for key in KEYS[:2]:
        world.go_through(key)
    world.train(KEYS[1], "1")
    world.go_through(KEYS[2])
    world.train(KEYS[2], "2", promoted=False)
    judged = [world.go_through(key) for key in KEYS[3:6]]

    found = [world.finding(key, "worse_than_candidate") for key in KEYS[3:6]]
    assert [one["holds"] for one in found] == [None, True, True]
    # labels come a day and a half late: half of the first partition after the candidate's moment, then whole ones
    assert [one["evidence"]["rows"] for one in found] == [0, 100, 200]
    assert [one["verdict"] for one in judged] == ["nothing", "note", "note"]
    assert world.evidence(KEYS[4])["against_previous"] is None


def test_a_challenger_that_cannot_be_loaded_is_said_and_costs_nothing(lake: Lake) -> None:
    world = with_two_champions(lake, {"2": 1.0, "1": 1.0})
    del world.models.signs["1"]

    assert world.go_through(KEYS[2])["verdict"] == "nothing"
    found = world.finding(KEYS[2], "worse_than_previous")
    assert (found["holds"], found["text"]) == (None, "cannot be loaded")


def test_too_few_rows_and_no_other_model_are_said(lake: Lake) -> None:
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0}, monitor={**AT_ONCE, "rows": 50})
    world.go_through(KEYS[2], 49)

    assert "49 rows with a label" in world.finding(KEYS[2], "worse_than_previous")["text"]
    assert world.finding(KEYS[1], "worse_than_previous")["text"] == "there is no other model: the champion before"
    assert world.finding(KEYS[0], "worse_than_previous")["text"] == "there is no champion"
    assert all(world.finding(key, "worse_than_previous")["holds"] is None for key in KEYS[:3])


def test_a_model_with_windows_is_compared_by_what_they_make(lake: Lake) -> None:
    window = {"columns": ["size"], "rolling": {"2 days": ["mean"]}}
    features = {"numeric": ["noise", "size"], "categorical": ["colour"], "windows": [window]}
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0}, features=features)

    assert world.go_through(KEYS[2])["verdict"] == "roll back"


def test_drawn_rows_are_bounded(lake: Lake, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("lakemill.monitoring.challenged.MOST_ROWS", 60)
    world = with_two_champions(lake, {"1": 1.0, "2": -1.0})
    world.go_through(KEYS[2])

    assert world.evidence(KEYS[2])["against_previous"]["rows"] == 60
    assert math.isfinite(world.evidence(KEYS[2])["against_previous"]["gain"])
