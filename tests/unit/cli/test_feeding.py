"""Recorded readings through a real broker and a real collector into the landing area, with Airflow's API played."""

import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timezone
from functools import partial
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from mqtt_for_tests import NoConnections, free_port, start_embedded, wait_until
from rich.console import Console
from workflows_for_tests import make_workflow

from lakemill.cli import feeding
from lakemill.cli.airflow_api import AirflowApi
from lakemill.cli.embedded import Running
from lakemill.cli.feeding import feed_recorded
from lakemill.collection.collector import Collector
from lakemill.exceptions import CollectionError, RunError
from lakemill.lake import Lake
from lakemill.lake.landing import count_landed, landed_files, landed_partitions

DAYS = ["2020-01-01", "2020-01-02"]
METERS = {
    "kind": "mqtt",
    "topic": "plant/{id}",
    "event_time": "at",
    "key": ["id", "at"],
    "every": "0.1 seconds",
    "replay": {"path": "meters_{partition}.csv", "topic": "plant/{id}"},
}
WORKFLOW = make_workflow(collect={"items": METERS})


@dataclass
class Plant:
    """An installation of a broker and a lake; the rest of it is played."""

    lake: Lake
    folder: Path
    api: AirflowApi
    running: Running
    asked: Any

    def feed(self, keys: list[str] = DAYS) -> tuple[int, str]:
        said = StringIO()
        console = Console(file=said, width=120)
        connections = NoConnections()
        count = feed_recorded(
            WORKFLOW, keys, self.api, self.lake, self.running, console, project=self.folder, connections=connections
        )
        return count, said.getvalue()

    def collect(self, stop: threading.Event) -> threading.Thread:
        collector = Collector(
            WORKFLOW.collect["items"],
            name="items",
            workflow=WORKFLOW,
            lake=self.lake,
            connections=NoConnections(),
            broker=str(self.running.broker),
            now=partial(datetime.now, timezone.utc),
        )
        thread = threading.Thread(target=collector.run, args=(stop,))
        thread.start()
        return thread

    def count(self) -> dict[str, int]:
        return {
            key: sum(count_landed(self.lake, path) for path in landed_files(self.lake, "items", key))
            for key in landed_partitions(self.lake, "items")
        }


@pytest.fixture
def plant(airflow: Any, tmp_path: Path) -> Iterator[Plant]:
    for key in DAYS:
        lines = [f"{number % 3},{key} 10:{number:02}:00,1" for number in range(30)]
        (tmp_path / f"meters_{key}.csv").write_text("\n".join(["id,at,size", *lines, ""]))
    airflow.answer("GET", "/dags/small.arrivals", {"is_stale": False})
    airflow.answer("PATCH", "/dags/small.arrivals", {})
    port = free_port()
    running = Running(airflow.url, 1, time.time(), broker=f"mqtt://127.0.0.1:{port}")
    with start_embedded(port, tmp_path), AirflowApi(airflow.url) as api:
        yield Plant(Lake(str(tmp_path / "lake"), "small"), tmp_path, api, running, airflow)


@pytest.fixture
def collected(plant: Plant) -> Iterator[Plant]:
    """The same, with a collector that has subscribed."""
    stop = threading.Event()
    thread = plant.collect(stop)
    wait_until(lambda: plant.lake.read_document("collectors/items"))
    yield plant
    stop.set()
    thread.join()


def test_recorded_readings_have_landed_when_feeding_ends(collected: Plant) -> None:
    count, said = collected.feed()

    assert count == 60
    assert "items: 60 recorded readings of 2 partitions were published and have landed" in said
    assert collected.count() == dict.fromkeys(DAYS, 30)
    assert collected.asked.bodies("PATCH", "/dags/small.arrivals") == [{"is_paused": False}]


def test_partitions_that_have_readings_are_not_fed_again(collected: Plant) -> None:
    collected.feed(DAYS[:1])

    assert collected.feed()[0] == 30
    assert collected.feed() == (0, "")


def test_what_was_cut_off_is_fed_again(collected: Plant) -> None:
    (collected.folder / f"meters_{DAYS[1]}.csv").rename(collected.folder / "away.csv")
    with pytest.raises(CollectionError, match=f"meters_{DAYS[1]}.csv"):
        collected.feed()
    (collected.folder / "away.csv").rename(collected.folder / f"meters_{DAYS[1]}.csv")

    assert collected.feed()[0] == 60  # which of them came the first time is not known; of each one is kept
    assert collected.feed()[0] == 0


def test_without_a_collector_it_is_an_error_not_an_endless_wait(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SUBSCRIBE_SECONDS", 0.5)
    plant.lake.write_document("collectors/items", {"subscribed_at": "2020-01-01T00:00:00+00:00"})  # one long gone

    with pytest.raises(RunError, match=r"small: items: no collector has subscribed .*\n  -> see logs/triggerer.log"):
        plant.feed()
    assert plant.count() == {}


def test_readings_that_do_not_land_are_an_error_that_counts_them(plant: Plant, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(feeding, "SILENCE_SECONDS", 0.5)
    plant.lake.write_document("collectors/items", {"subscribed_at": "2999-01-01T00:00:00+00:00"})

    with pytest.raises(RunError, match="30 of 30 readings have not landed"):
        plant.feed()


def test_an_installation_that_was_started_without_a_broker_is_told_how_to_get_one(plant: Plant) -> None:
    plant.running = Running(plant.running.airflow_url, 1, time.time())

    with pytest.raises(CollectionError, match="the embedded broker does not run"):
        plant.feed()
