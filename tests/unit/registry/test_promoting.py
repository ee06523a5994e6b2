"""Promotions and rollbacks: ledger, aliases and tags agree, whatever is killed; the past stays as it was."""

import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sklearn.dummy import DummyClassifier
from sklearn.pipeline import Pipeline
from workflows_for_tests import end_of, make_rows, make_workflow, publish

from lakemill.config import Workflow
from lakemill.exceptions import RegistryError
from lakemill.lake import Lake
from lakemill.lake.verdicts import Verdict, record_verdict
from lakemill.registry.approval import Answer
from lakemill.registry.challengers import find_candidate, find_predecessor
from lakemill.registry.ledger import TABLE, find_champion, read_entries
from lakemill.registry.models import Fitted, Registry
from lakemill.registry.promoting import TAG, align_registry, promote
from lakemill.registry.rolling_back import roll_back

FIRST, SECOND, THIRD, FOURTH = (f"2020-01-0{day}" for day in range(1, 5))
WORKFLOW = make_workflow()
NOW = datetime(2030, 1, 1, tzinfo=UTC)


class House:
    """A lake and a registry in which a version is fitted, judged and promoted in one call."""

    def __init__(self, lake: Lake, registry: Registry) -> None:
        self.lake, self.registry, self.minutes = lake, registry, 0

    def judge(self, key: str, *, verdict: str = "pass") -> str:
        """A version of which the gate has said something."""
        publish(WORKFLOW, self.lake, key, make_rows(WORKFLOW, key, 4))
        pipeline = Pipeline([("estimate", DummyClassifier(strategy="prior"))]).fit([[0.0], [1.0]], ["no", "yes"])
        snapshot = f"snapshot {key}"
        version = self.registry.add(Fitted(pipeline, snapshot, end_of(WORKFLOW, key), {}, {}, {}))
        evidence = {"version": version, "snapshot": snapshot}
        record_verdict(self.lake, Verdict("gate", key, end_of(WORKFLOW, key), verdict, (), evidence))
        align_registry(self.lake, self.registry)
        return version

    def promote(self, key: str, version: str | None = None, **said: Any) -> str:
        version = version or self.judge(key)
        promote(self.lake, self.registry, version=version, as_of=end_of(WORKFLOW, key), recorded_at=self.now(), **said)
        return version

    def roll_back(self, **said: Any) -> Any:
        given = {"who": "Ada", "reason": "bad", "recorded_at": self.now(), **said}
        return roll_back(WORKFLOW, self.lake, self.registry, **given)

    def now(self) -> datetime:
        self.minutes += 1
        return NOW + timedelta(minutes=self.minutes)

    def champion(self, key: str) -> str | None:
        """The version that scores a partition."""
        found = find_champion(self.lake, as_of=WORKFLOW.partition.interval(key).start)
        return found.version if found else None

    @property
    def aliases(self) -> tuple[str | None, str | None]:
        return self.registry.find_alias("champion"), self.registry.find_alias("candidate")


@pytest.fixture
def house(lake: Lake, open_registry: Callable[[Workflow], Registry]) -> House:
    return House(lake, open_registry(WORKFLOW))


def test_the_live_alias_follows_the_ledger_and_the_last_that_was_judged_is_the_candidate(house: House) -> None:
    assert house.aliases == (None, None)
    first = house.judge(FIRST)
    assert house.aliases == (None, first)
    house.promote(FIRST, first)
    assert house.aliases == (first, None)
    refused = house.judge(SECOND, verdict="fail")
    assert house.aliases == (first, refused)


def test_a_rollback_puts_the_champion_before_in_charge_from_the_next_partition_on(house: House) -> None:
    first, second = house.promote(FIRST), house.promote(SECOND)
    publish(WORKFLOW, house.lake, THIRD, make_rows(WORKFLOW, THIRD, 4))

    entry = house.roll_back()

    assert (entry.version, entry.instead_of, entry.who, entry.reason) == (first, second, "Ada", "bad")
    assert [house.champion(key) for key in (SECOND, THIRD, FOURTH)] == [first, second, first]
    assert house.aliases == (first, None)
    assert house.registry.tags(second)[TAG] == f"taken back as of {end_of(WORKFLOW, THIRD).isoformat()}"


def test_a_retroactive_rollback_holds_from_when_the_champion_took_charge(house: House) -> None:
    first, _ = house.promote(FIRST), house.promote(SECOND)
    publish(WORKFLOW, house.lake, THIRD, make_rows(WORKFLOW, THIRD, 4))

    house.roll_back(is_retroactive=True)

    assert [house.champion(key) for key in (SECOND, THIRD, FOURTH)] == [first, first, first]


def test_a_version_that_was_taken_back_does_not_come_back_by_a_retry_of_its_promotion(house: House) -> None:
    first, second = house.promote(FIRST), house.promote(SECOND)
    house.roll_back()
    written = house.lake.version(TABLE)

    house.promote(SECOND, second)

    assert house.aliases == (first, None)
    assert house.champion(THIRD) == first
    assert house.lake.version(TABLE) == written


def test_rollbacks_one_after_the_other_go_further_back_and_a_later_promotion_takes_charge(house: House) -> None:
    first, second, third = (house.promote(key) for key in (FIRST, SECOND, THIRD))

    assert [house.roll_back().version for _ in range(2)] == [second, first]
    with pytest.raises(RegistryError, match=r"version 1 is the first that was in charge\n  -> there is none before it"):
        house.roll_back()
    fourth = house.promote(FOURTH)
    assert house.aliases == (fourth, None)
    assert house.roll_back().version == first
    assert house.roll_back(to=f"v{third}").version == third


def test_a_rollback_is_fulfilled_once_however_often_its_run_asks(house: House) -> None:
    first = [house.promote(key) for key in (FIRST, SECOND, THIRD)]

    asked = [house.roll_back(request="run 7") for _ in range(3)]

    assert [one.version for one in asked] == [first[1]] * 3
    assert len(read_entries(house.lake, "rollback")) == 1


def test_a_rollback_to_the_version_in_charge_changes_nothing(house: House) -> None:
    house.promote(FIRST)
    assert house.roll_back(to="1") is None


@pytest.mark.parametrize(("to", "remedy"), [("9", "known: 1"), ("2", "known: 1")])
def test_only_what_has_been_in_charge_can_be_rolled_back_to(house: House, to: str, remedy: str) -> None:
    house.promote(FIRST)
    house.judge(SECOND, verdict="fail")
    with pytest.raises(RegistryError, match=rf"version '{to}' has never been in charge\n  -> {remedy}"):
        house.roll_back(to=to)


def test_without_a_champion_nothing_is_rolled_back(house: House) -> None:
    house.judge(FIRST, verdict="fail")
    with pytest.raises(RegistryError, match="no model is in charge"):
        house.roll_back()


def test_a_model_that_cannot_be_loaded_is_not_rolled_back_to(house: House, tmp_path: Path) -> None:
    house.promote(FIRST), house.promote(SECOND)
    next(iter(sorted((tmp_path / "models").rglob("model.skops")))).write_bytes(b"")
    for one in (tmp_path / "models").rglob("model.skops"):
        one.write_bytes(b"")
    with pytest.raises(RegistryError, match="its file is not the one that was kept"):
        house.roll_back()
    assert house.aliases == ("2", None)


def test_clocks_that_differ_do_not_undo_a_rollback(house: House) -> None:
    first, _ = house.promote(FIRST), house.promote(SECOND)

    house.roll_back(recorded_at=NOW - timedelta(days=1))

    assert house.aliases == (first, None)


def test_a_backfill_of_the_past_writes_history_and_moves_no_alias(house: House) -> None:
    late = house.promote(FOURTH)

    early = house.promote(FIRST)

    assert house.aliases == (late, None)
    assert [house.champion(key) for key in (FIRST, SECOND, FOURTH, "2020-01-05")] == [None, early, early, late]
    assert house.registry.tags(early)[TAG] == f"promotion as of {end_of(WORKFLOW, FIRST).isoformat()}"


def test_a_backfill_keeps_what_was_in_charge_before_a_rollback(house: House) -> None:
    first, second = house.promote(FIRST), house.promote(THIRD)
    house.roll_back()

    between = house.promote(SECOND)

    assert [house.champion(key) for key in (SECOND, THIRD, FOURTH)] == [first, between, first]
    assert house.aliases[0] == first
    assert second not in house.aliases


@pytest.mark.parametrize(
    ("is_yes", "actions", "aliases"),
    [(True, ["approval", "promotion"], ("1", None)), (False, ["rejection"], (None, "1"))],
)
def test_an_answer_is_in_the_ledger_with_who_and_why(
    house: House, is_yes: bool, actions: list[str], aliases: tuple[str | None, str | None]
) -> None:
    answer = Answer(is_yes, "Ada", "I looked at it", NOW)

    for _ in range(2):
        house.promote(FIRST, "1" if house.registry.versions() else None, answer=answer)

    entries = read_entries(house.lake)
    assert [one.action for one in entries] == actions
    assert (entries[0].who, entries[0].reason) == ("Ada", "I looked at it")
    assert house.aliases == aliases


def test_challengers_are_those_of_the_moment(house: House) -> None:
    house.promote(FIRST)
    house.judge(SECOND, verdict="fail")
    house.promote(THIRD)
    moments = {key: end_of(WORKFLOW, key) for key in (FIRST, SECOND, THIRD)}

    candidates = {key: find_candidate(house.lake, as_of=at) for key, at in moments.items()}
    previous = {key: find_predecessor(house.lake, as_of=at) for key, at in moments.items()}

    assert {key: one.version if one else None for key, one in candidates.items()} == {
        FIRST: None,
        SECOND: "2",
        THIRD: None,
    }
    assert {key: one.version if one else None for key, one in previous.items()} == {
        FIRST: None,
        SECOND: None,
        THIRD: "1",
    }


KILLED = """
import os, signal, sys
from datetime import datetime, timezone

from workflows_for_tests import end_of, make_workflow

from lakemill.lake import Lake
from lakemill.registry import ledger, promoting, rolling_back
from lakemill.registry.models import Registry

folder, what, step = sys.argv[1:]

def die_after(owner, name, *, when=lambda *said: True):
    done = getattr(owner, name)
    def die(*args, **rest):
        result = done(*args, **rest)
        if when(*args):
            os.kill(os.getpid(), signal.SIGKILL)
        return result
    setattr(owner, name, die)

if step == "ledger":
    for owner in (promoting, rolling_back):
        die_after(owner, "record_entry")
elif step == "tag":
    die_after(Registry, "tag")
else:
    die_after(Registry, "point", when=lambda registry, alias, version: alias == step)
workflow = make_workflow()
lake = Lake(folder + "/lake", "small")
registry = Registry(workflow, address=f"sqlite:///{folder}/mlflow.db", artifacts=folder + "/models")
now = datetime(2031, 1, 1, tzinfo=timezone.utc)
if what == "promotion":
    promoting.promote(lake, registry, version="2", as_of=end_of(workflow, "2020-01-02"), recorded_at=now)
else:
    rolling_back.roll_back(workflow, lake, registry, who="Ada", reason="bad", recorded_at=now, request="7")
"""


@pytest.mark.thorough
@pytest.mark.parametrize("step", ["ledger", "champion", "candidate", "tag"])
@pytest.mark.parametrize("what", ["promotion", "rollback"])
def test_killed_at_any_step_ledger_aliases_and_tags_agree_after_the_retry(
    house: House, tmp_path: Path, what: str, step: str
) -> None:
    house.promote(FIRST)
    if what == "promotion":
        house.judge(SECOND)
    else:
        house.promote(SECOND)
    paths = [Path(__file__).parents[1], *map(Path, sys.path)]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, paths))}
    command = [sys.executable, "-c", KILLED, str(tmp_path), what, step]

    killed = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert len(read_entries(house.lake)) == (2 if what == "promotion" else 3)
    if what == "promotion":
        house.promote(SECOND, "2")
    else:
        house.roll_back(request="7")

    entries = read_entries(house.lake)
    assert len(entries) == (2 if what == "promotion" else 3)
    champion = "2" if what == "promotion" else "1"
    assert house.champion(THIRD) == champion
    assert house.aliases == (champion, None)
    last = f"{entries[-1].action} as of {end_of(WORKFLOW, SECOND).isoformat()}"
    assert house.registry.tags(champion)[TAG] == last
