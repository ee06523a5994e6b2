"""The step ``collect`` of readings: what has landed becomes rows, once, and is recorded."""

import json
import shutil
from datetime import datetime, timedelta, timezone

import pytest
from mqtt_for_tests import NOW, NoConnections, make_plant, make_request, write_reading

from lakemill.collection import collect_source
from lakemill.collection.landed import collect_landed
from lakemill.collection.reading_batch import Message
from lakemill.collection.readings import MessageReader
from lakemill.exceptions import LakeError
from lakemill.lake import Lake
from lakemill.lake.deliveries import read_deliveries
from lakemill.lake.landing import land, landed_files, landed_partitions

DAY = "2024-03-01"
LATER = NOW + timedelta(days=1)


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "plant")


class Plant:
    """Messages on their way: landed as a collector does, collected as the step does."""

    def __init__(self, lake: Lake, scratch, **source) -> None:
        self.lake = lake
        self.scratch = scratch
        self.workflow = make_plant("mqtt://localhost", **source)
        self.source = self.workflow.collect["meters"]
        self.count = 0

    def receive(self, *payloads: bytes, topic: str = "house/7/power", at: datetime = NOW) -> None:
        self.count += 1
        messages = [Message(topic, payload, at + timedelta(seconds=self.count)) for payload in payloads]
        readings = MessageReader(self.source, self.workflow.partition).read(messages)
        land(self.lake, "meters", f"b{self.count}", readings.rows, readings.refused)

    def collect(self, key: str = DAY, at: datetime = NOW) -> dict:
        request = make_request(self.workflow, self.lake, key, self.scratch)
        return collect_landed(self.source, request, ingested_at=at)


@pytest.fixture
def plant(lake, tmp_path) -> Plant:
    return Plant(lake, tmp_path)


def quarantined(lake: Lake) -> list[tuple[str, str, str]]:
    rows = lake.read("quarantine")
    return [
        (row["partition"], row["reasons"][0], json.loads(row["row"])["text"])
        for row in (rows.to_pylist() if rows is not None else [])
    ]


def test_landed_readings_become_rows_with_where_they_come_from(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    collected = plant.collect()
    assert (collected["source"], collected["rows"], collected["malformed"], collected["changed"]) == (
        "meters",
        1,
        0,
        True,
    )
    assert lake.read("raw_meters").to_pylist() == [
        {
            "house": "7",
            "at": "2024-03-01T10:00",
            "watts": "1.5",
            "volts": "230",
            "source_file": "house/7/power",
            "source_row": 1,
            "ingested_at": NOW + timedelta(seconds=1),
            "delivery": "b1",
            "partition": DAY,
        }
    ]
    assert landed_partitions(lake, "meters") == []


def test_the_step_collects_readings_as_any_other_source(plant, lake, tmp_path):
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    collected = collect_source(
        plant.workflow, "meters", DAY, lake, project=tmp_path, ingested_at=NOW, connections=NoConnections()
    )
    assert collected["rows"] == 1


def test_running_it_again_changes_nothing_and_keeps_the_record(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    first = plant.collect()
    again = plant.collect(at=LATER)
    assert again == {**first, "changed": False}
    record = read_deliveries(lake, "meters", [DAY])[DAY]
    assert (record.ingested_at, record.delivery, record.parts[DAY].rows) == (NOW, first["delivery"], 1)


def test_a_partition_without_readings_has_no_rows_but_a_table(plant, lake):
    assert plant.collect()["rows"] == 0
    assert plant.collect()["changed"] is False
    assert {"house", "at"} <= set(lake.read("raw_meters", [DAY]).column_names)
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    assert plant.collect()["rows"] == 1


def test_late_readings_are_added_to_their_own_partition(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T12:00"))
    plant.receive(write_reading(7, "2024-03-02T12:00"))
    plant.collect()
    plant.collect("2024-03-02")
    plant.receive(write_reading(7, "2024-03-01T11:00"), at=LATER)
    assert plant.collect("2024-03-02")["changed"] is False
    late = plant.collect(at=LATER)
    assert (late["rows"], late["changed"]) == (2, True)
    assert lake.read("raw_meters", [DAY]).column("at").to_pylist() == ["2024-03-01T11:00", "2024-03-01T12:00"]


def test_a_reading_that_comes_twice_is_kept_as_it_first_came(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00", watts=1))
    plant.collect()
    plant.receive(write_reading(7, "2024-03-01T10:00", watts=2))
    assert plant.collect()["changed"] is False
    assert lake.read("raw_meters").column("watts").to_pylist() == ["1"]


def test_killed_between_commit_and_removal_it_ends_the_same(plant, lake, tmp_path):
    plant.receive(write_reading(7, "2024-03-01T10:00"), b"broken", write_reading(7, "2024-03-01T11:00"))
    landing = lake.local_folder / "_landing"
    shutil.copytree(landing, tmp_path / "copy")
    first = plant.collect()
    rows, refused = lake.read("raw_meters"), quarantined(lake)
    shutil.copytree(tmp_path / "copy", landing, dirs_exist_ok=True)
    assert plant.collect(at=LATER) == {**first, "changed": False}
    assert lake.read("raw_meters").equals(rows)
    assert quarantined(lake) == refused
    assert landed_partitions(lake, "meters") == landed_partitions(lake, "meters", refused=True) == []


def test_killed_before_the_record_it_tells_the_next_run_that_rows_have_changed(plant, lake, monkeypatch):
    def die(*arguments):
        raise KeyboardInterrupt

    plant.receive(write_reading(7, "2024-03-01T10:00"))
    with monkeypatch.context() as patch:
        patch.setattr("lakemill.collection.landed.record_delivery", die)
        with pytest.raises(KeyboardInterrupt):
            plant.collect()
    assert len(landed_files(lake, "meters", DAY)) == 1
    assert (plant.collect()["changed"], plant.collect()["changed"]) == (True, False)


def test_what_is_refused_goes_to_quarantine_under_when_it_was_received(plant, lake):
    plant.receive(b"broken", at=datetime(2024, 3, 3, 12, tzinfo=timezone.utc))
    plant.receive(b"early", at=datetime(2020, 1, 1, tzinfo=timezone.utc))
    collected = plant.collect()
    reason = "not JSON: Expecting value: line 1 column 1 (char 0)"
    assert sorted(quarantined(lake)) == [(DAY, reason, "early"), ("2024-03-03", reason, "broken")]
    assert collected["malformed"] == 1
    assert plant.collect("2024-03-03")["malformed"] == 1


def test_what_is_refused_is_kept_once_however_often_it_comes(plant, lake):
    for _ in range(3):
        plant.receive(b"broken")
    plant.receive(b"other")
    plant.collect()
    plant.receive(b"broken")
    plant.collect()
    assert sorted(text for _, _, text in quarantined(lake)) == ["broken", "other"]


def test_a_new_field_is_an_error_under_fixed_and_the_readings_stay(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    plant.collect()
    plant.receive(write_reading(7, "2024-03-01T11:00", phase="L1"))
    for _ in range(2):
        with pytest.raises(LakeError, match=r"plant: meters .*column 'phase' is new(.|\n)*columns: grow"):
            plant.collect()
    assert len(landed_files(lake, "meters", DAY)) == 1
    grown = Plant(lake, plant.scratch, columns="grow")
    assert grown.collect()["rows"] == 2
    assert lake.read("raw_meters").column("phase").to_pylist() == [None, "L1"]


def test_readings_with_a_new_field_beside_others_are_refused_and_the_others_kept(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00"))
    plant.collect()
    plant.receive(write_reading(7, "2024-03-01T11:00", phase="L1"), write_reading(7, "2024-03-01T12:00"))
    collected = plant.collect()
    assert (collected["rows"], collected["malformed"]) == (2, 1)
    assert [reason.split(";")[0] for _, reason, _ in quarantined(lake)] == ["field 'phase' is new"]
    assert '"phase": "L1"' in quarantined(lake)[0][2]
    assert landed_files(lake, "meters", DAY) == []
    assert plant.collect()["changed"] is False


@pytest.mark.parametrize("columns", ["fixed", "grow"])
def test_a_field_with_other_capitals_is_refused_and_the_readings_beside_it_kept(lake, tmp_path, columns):
    plant = Plant(lake, tmp_path, columns=columns)
    odd = write_reading(7, "2024-03-01T10:00").replace(b"watts", b"wAtts")
    plant.receive(odd, write_reading(7, "2024-03-01T11:00"))
    plant.receive(write_reading(7, "2024-03-01T12:00"))
    collected = plant.collect()
    assert (collected["rows"], collected["malformed"]) == (2, 1)
    assert "capitals do not tell columns of a table apart" in quarantined(lake)[0][1]


def test_a_field_may_lack(plant, lake):
    plant.receive(write_reading(7, "2024-03-01T10:00"), b'{"at": "2024-03-01T11:00"}')
    plant.collect()
    assert lake.read("raw_meters").column("watts").to_pylist() == ["1.5", None]
