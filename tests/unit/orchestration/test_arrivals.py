"""Collectors within the triggerer, against a real broker and a real lake; runs that are started again."""

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pytest
import yaml
from airflow.sdk.exceptions import AirflowFailException, AirflowSkipException
from airflow.sdk.execution_time import task_runner
from airflow.sdk.execution_time.comms import GetDRCount, TriggerDagRun
from mqtt_for_tests import free_port, start_embedded, wait_until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion
from workflows_for_tests import make_workflow, publish

from lakemill.collection.freshness import note_run, read_run
from lakemill.lake import Lake
from lakemill.lake.landing import land, landed_partitions
from lakemill.orchestration import arrivals
from lakemill.orchestration.arrivals import ReadingsTrigger

FIRST, SECOND = "2020-01-01", "2020-01-02"
METERS = {"kind": "mqtt", "topic": "plant/{id}", "event_time": "at", "key": ["id", "at"], "every": "0.1 seconds"}


@pytest.fixture
def lake(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lake:
    """The lake of the workflow ``small`` of sensors, whose first day is published."""
    folder = tmp_path / "include" / "workflows"
    folder.mkdir(parents=True)
    declared = make_workflow(collect={"items": METERS})
    content = {**declared.model_dump(mode="json", exclude_unset=True), "collect": {"items": METERS}}
    content["table"]["label"]["known_after"] = "0 days"
    (folder / "small.yaml").write_text(yaml.safe_dump(content))
    monkeypatch.setenv("LAKEMILL_PROJECT", str(tmp_path))
    monkeypatch.setenv("LAKEMILL_LAKE", str(tmp_path / "lake"))
    monkeypatch.delenv("LAKEMILL_BROKER", raising=False)
    made = Lake(str(tmp_path / "lake"), "small")
    publish(declared, made, FIRST, pa.table({"id": [1]}))
    return made


@pytest.fixture
def port(lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    found = free_port()
    monkeypatch.setenv("LAKEMILL_BROKER", f"mqtt://127.0.0.1:{found}")
    monkeypatch.setattr(arrivals, "LOOK_EVERY_SECONDS", 0.3)
    with start_embedded(found, tmp_path):
        yield found


def measure(port: int, key: str, count: int = 1) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    for number in range(count):
        payload = json.dumps({"at": f"{key} 10:{number:02}:00", "size": 1})
        client.publish("plant/7", payload, qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def watch(lake: Lake, port: int, do: Callable[[], None], *, seconds: float = 3.0) -> list[Any]:
    """The payloads that a trigger yields within some seconds of what is done while it runs."""

    async def follow(events: AsyncIterator[Any], found: list[Any]) -> None:
        async for event in events:
            found.append(event.payload)

    async def run() -> list[Any]:
        found: list[Any] = []
        following = asyncio.create_task(follow(ReadingsTrigger("small", "items").run(), found))
        await asyncio.to_thread(wait_until, lambda: lake.read_document("collectors/items"))
        await asyncio.to_thread(do)
        await asyncio.sleep(seconds)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return found

    return asyncio.run(run())


def test_late_readings_are_told_of_once(lake: Lake, port: int) -> None:
    assert watch(lake, port, lambda: measure(port, FIRST, 3)) == [{"partitions": [FIRST]}]


def test_readings_in_time_land_and_are_no_event(lake: Lake, port: int) -> None:
    assert watch(lake, port, lambda: measure(port, SECOND)) == []
    assert landed_partitions(lake, "items") == [SECOND]


def test_readings_that_landed_before_are_told_of_too(lake: Lake, port: int) -> None:
    land(lake, "items", "b0", {FIRST: pa.table({"id": ["a"]})}, {})

    assert watch(lake, port, lambda: None) == [{"partitions": [FIRST]}]


def test_what_is_not_taken_is_told_of_again(lake: Lake, port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(arrivals, "REMIND_SECONDS", 1.0)

    told = watch(lake, port, lambda: measure(port, FIRST), seconds=2.7)

    assert told == [{"partitions": [FIRST]}] * 2  # after one second, then not for two


def test_an_ended_trigger_lets_go_of_the_source(lake: Lake, port: int) -> None:
    watch(lake, port, lambda: None, seconds=0.1)

    assert lake.read_document("collectors/items") is None
    watch(lake, port, lambda: None, seconds=0.1)


def test_a_collector_that_cannot_go_on_is_tried_again(
    lake: Lake, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "FIRST_PAUSE_SECONDS", 0.1)
    found = free_port()

    async def run() -> None:
        trigger = ReadingsTrigger("small", "items")
        following = asyncio.create_task(anext(trigger.run()))
        await asyncio.sleep(1)  # without LAKEMILL_BROKER no broker is known
        assert not following.done()
        monkeypatch.setenv("LAKEMILL_BROKER", f"mqtt://127.0.0.1:{found}")
        await asyncio.to_thread(wait_until, lambda: lake.read_document("collectors/items"))
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)

    with start_embedded(found, tmp_path):
        asyncio.run(run())


def test_a_trigger_is_made_again_from_two_names() -> None:
    path, kwargs = ReadingsTrigger("small", "items").serialize()

    assert (path, kwargs) == (
        "lakemill.orchestration.arrivals.ReadingsTrigger",
        {"workflow": "small", "source": "items"},
    )


class Supervisor:
    """What answers a task in Airflow's place: runs by id with their states."""

    def __init__(self, **states: str) -> None:
        self.states = states
        self.cleared: list[tuple[str, str]] = []

    def send(self, message: Any) -> Any:
        if isinstance(message, GetDRCount):
            states = [self.states[one] for one in message.run_ids or () if one in self.states]
            return SimpleNamespace(count=sum(not message.states or state in message.states for state in states))
        assert isinstance(message, TriggerDagRun)
        assert message.reset_dag_run
        self.cleared.append((message.dag_id, message.run_id))
        return SimpleNamespace(ok=True)


@pytest.fixture
def supervise(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Supervisor]:
    def supervise(**states: str) -> Supervisor:
        made = Supervisor(**states)
        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", made, raising=False)
        return made

    return supervise


def find() -> list[dict[str, str]]:
    return arrivals.find_partitions.function("small")


def test_the_run_of_a_late_partition_is_cleared(lake: Lake, supervise: Callable[..., Supervisor]) -> None:
    supervisor = supervise(backfill_1="success")
    note_run(lake, FIRST, "backfill_1")
    land(lake, "items", "b0", {FIRST: pa.table({"id": ["a"]})}, {})

    (stale,) = find()

    assert (stale["partition"], stale["why"]) == (FIRST, "items: late readings")
    assert arrivals.ingest_again.function("small", stale) == "backfill_1"
    assert supervisor.cleared == [("small.ingestion", "backfill_1")]
    assert read_run(lake, FIRST) == {"run_id": "backfill_1", "tried": stale["state"]}


def test_where_nothing_came_late_there_is_nothing_to_do(lake: Lake) -> None:
    with pytest.raises(AirflowSkipException, match="nothing came late or again"):
        find()


@pytest.mark.parametrize("state", ["queued", "running"])
def test_a_run_that_goes_on_is_not_cleared(lake: Lake, supervise: Callable[..., Supervisor], state: str) -> None:
    supervisor = supervise(backfill_1=state)
    note_run(lake, FIRST, "backfill_1")

    with pytest.raises(AirflowSkipException, match="is being ingested already: backfill_1"):
        arrivals.ingest_again.function("small", {"partition": FIRST, "why": "", "state": "abc"})
    assert supervisor.cleared == []


def test_a_run_that_failed_is_cleared_again_only_for_something_new(
    lake: Lake, supervise: Callable[..., Supervisor]
) -> None:
    supervisor = supervise(backfill_1="failed")
    note_run(lake, FIRST, "backfill_1", tried="abc")

    with pytest.raises(AirflowSkipException, match="nothing new since backfill_1 failed"):
        arrivals.ingest_again.function("small", {"partition": FIRST, "why": "", "state": "abc"})
    arrivals.ingest_again.function("small", {"partition": FIRST, "why": "", "state": "def"})

    assert supervisor.cleared == [("small.ingestion", "backfill_1")]


def test_a_partition_whose_run_was_deleted_is_an_error_that_says_what_to_do(
    lake: Lake, supervise: Callable[..., Supervisor]
) -> None:
    supervise()
    note_run(lake, FIRST, "backfill_1")

    with pytest.raises(AirflowFailException, match=f"trigger small.ingestion with the partition key {FIRST}"):
        arrivals.ingest_again.function("small", {"partition": FIRST, "why": "", "state": "abc"})
