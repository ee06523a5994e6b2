"""Sensors through a real installation: a broker of its own, a history replayed, and readings that come late."""

import json
import time
from collections.abc import Callable

import pandas as pd
import pytest
from house import House
from meters import DAYS, READINGS, make_readings
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lakemill.cli.embedded import find_running
from lakemill.lake.history import read_history
from lakemill.lake.verdicts import read_verdicts

pytestmark = [pytest.mark.integration, pytest.mark.thorough]

TABLES = ("raw_meters", "clean", "profiles", "predictions")


@pytest.fixture(scope="module")
def replayed(house: House) -> str:
    ended = house.lakemill("run", "meters")
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def await_that(condition: Callable[[], bool], what: str, *, seconds: float = 300) -> None:
    give_up_at = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < give_up_at, what
        time.sleep(0.5)


def publish(house: House, readings: pd.DataFrame) -> None:
    """As a sensor does."""
    running = find_running(house.settings)
    assert running is not None
    assert running.broker is not None
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", int(running.broker.rpartition(":")[2]))
    client.loop_start()
    for reading in readings.to_dict("records"):
        meter = reading.pop("meter")
        client.publish(f"plant/{meter}/load", json.dumps(reading), qos=1).wait_for_publish(10)
    client.disconnect()
    client.loop_stop()


def count_runs(house: House, dag: str) -> dict[str, int]:
    runs = house.api.runs(f"meters.{dag}")
    assert {run.state for run in runs} <= {"queued", "running", "success"}
    done = [run.partition for run in runs if run.state == "success"]
    return {day: done.count(day) for day in DAYS}


def test_a_history_is_replayed_through_the_broker_and_all_dags(house: House, replayed: str):
    assert f"meters: {3 * READINGS} recorded readings of 3 partitions were published and have landed" in replayed
    verdicts = read_verdicts(house.lake("meters"), "ingestion")
    assert {key: (one.evidence["rows"], one.evidence["clean"]) for key, one in verdicts.items()} == dict.fromkeys(
        DAYS, (READINGS, READINGS)
    )
    assert all(count_runs(house, dag) == dict.fromkeys(DAYS, 1) for dag in ("ingestion", "scoring", "monitoring"))


def test_a_second_run_publishes_and_changes_nothing(house: House, replayed: str):
    versions = {table: house.lake("meters").version(table) for table in TABLES}

    ended = house.lakemill("run", "meters")

    assert "nothing was changed" in ended.stdout
    assert {table: house.lake("meters").version(table) for table in TABLES} == versions


def test_late_readings_of_a_past_day_publish_and_score_that_day_again_and_no_other(house: House, replayed: str):
    lake = house.lake("meters")
    versions = {table: lake.version(table) for table in TABLES}
    others = {table: lake.read(table, [DAYS[0], DAYS[2]]) for table in TABLES}

    publish(house, make_readings(DAYS[1], 15, first=READINGS))

    await_that(lambda: count_runs(house, "monitoring")[DAYS[1]] == 2, "not judged again")
    assert len(lake.read("clean", [DAYS[1]])) == len(lake.read("predictions", [DAYS[1]])) == READINGS + 15
    for dag, again in {"ingestion": 1, "scoring": 2, "monitoring": 2}.items():  # ingestion's own run is run again
        assert count_runs(house, dag) == {DAYS[0]: 1, DAYS[1]: again, DAYS[2]: 1}, dag
    for table in TABLES:
        made = [one for one in read_history(lake, table, last=5) if one.version > versions[table]]
        assert {key for one in made for key in one.partitions} == {DAYS[1]}, table
        assert lake.read(table, [DAYS[0], DAYS[2]]).equals(others[table]), table


def test_what_has_landed_and_is_not_ingested_is_told(house: House, replayed: str):
    publish(house, make_readings("2024-05-04", 7))  # after the end of the workflow: nothing ingests it

    await_that(lambda: "7 readings of 2024-05-04 have landed" in house.lakemill("status", "meters").stdout, "not told")
