"""Recorded readings published through mosquitto while collectors are killed and the broker is started again.

Used by a test with some readings and by a benchmark with very many. Stays out: asserting.
"""

import sys
import threading
import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from mqtt_for_tests import (
    NOW,
    NoConnections,
    Running,
    free_port,
    make_plant,
    make_request,
    start_collecting,
    start_mosquitto,
)

from lakemill.collection.landed import collect_landed
from lakemill.collection.publishing import Published, publish_recorded
from lakemill.lake import Lake
from lakemill.lake.landing import landed_partitions

HOUSES = 50
DAYS = 10
AWAY_SECONDS = 1.0
START = datetime(2024, 3, 1, tzinfo=timezone.utc)


@dataclass
class Storm:
    """What happened.

    Attributes
    ----------
    published, seconds : messages, and how long it took until all were in the lake's landing area
    kills, restarts : how often a collector was killed, and the broker started again
    rows, distinct : rows of the raw table, and distinct keys of these
    is_complete : whether the rows are the ones that were published, value by value
    """

    published: int = 0
    seconds: float = 0.0
    kills: int = 0
    restarts: int = 0
    landed: int = 0
    rows: int = 0
    distinct: int = 0
    is_complete: bool = False
    log: list[str] = field(default_factory=list)


def write_recording(path: Path, count: int) -> None:
    """Readings of houses, in the order of their event times, over some days."""
    step = timedelta(days=DAYS) / count * 0.99
    with path.open("w") as file:
        file.write("house,at,watts,note\n")
        for number in range(count):
            moment = (START + number * step).isoformat(timespec="microseconds")
            file.write(f"{number % HOUSES},{moment},{number}.50,reading {number}\n")


def run_storm(folder: Path, count: int, *, kills: int, restarts: int, say=lambda text: None) -> Storm:
    """Publish, kill, start again; then collect all partitions and count."""
    write_recording(folder / "recording.csv", count)
    port, storm = free_port(), Storm()
    broker = f"mqtt://127.0.0.1:{port}"
    replay = {"path": "recording.csv", "topic": "house/{house}/power"}
    plant = make_plant(broker, replay=replay, every="0.5 seconds")
    lake = Lake(str(folder / "lake"), "plant")
    events = sorted(
        [((n + 1) / (kills + 1), "kill") for n in range(kills)]
        + [((n + 0.6) / (restarts + 0.2), "restart") for n in range(restarts)]
    )
    progress: list[Published] = [Published(0, 0)]
    failures: list[Exception] = []

    def publish() -> None:
        try:
            progress.append(
                publish_recorded(
                    plant.collect["meters"],
                    plant,
                    ["2024-03-01"],
                    name="meters",
                    broker=broker,
                    connections=NoConnections(),
                    project=folder,
                    report=progress.append,
                )
            )
        except Exception as error:
            failures.append(error)

    mosquitto = start_mosquitto(port, folder)
    collecting = start_collecting(plant, lake, folder)
    publisher = threading.Thread(target=publish, daemon=True)
    began = time.monotonic()
    try:
        publisher.start()
        for share, event in events:
            while publisher.is_alive() and progress[-1].messages < share * count:
                time.sleep(0.05)
            say(f"{event} after {progress[-1].messages:,} messages")
            if event == "kill":
                collecting.kill()
                time.sleep(AWAY_SECONDS)
                collecting = start_collecting(plant, lake, folder)
                storm.kills += 1
            else:
                mosquitto.end(60)
                time.sleep(AWAY_SECONDS)
                mosquitto = start_mosquitto(port, folder)
                storm.restarts += 1
        publisher.join()
        storm.published = progress[-1].messages
        say(f"published all after {time.monotonic() - began:.0f} s")
        _await_quiet(collecting, lake)
        storm.seconds = time.monotonic() - began
        collecting.end(30)
    finally:
        for running in (collecting, mosquitto):
            running.end()
    if failures:
        raise failures[0]
    _count(storm, plant, lake, count)
    return storm


def _await_quiet(collecting: Running, lake: Lake) -> None:
    """Wait until nothing has landed for some seconds."""
    folder, seen, since = lake.local_folder / "_landing", -1, time.monotonic()
    while time.monotonic() - since < 3 and collecting.process.poll() is None:
        found = sum(1 for path in folder.rglob("*.parquet"))
        if found != seen:
            seen, since = found, time.monotonic()
        time.sleep(0.2)


def _count(storm: Storm, plant, lake: Lake, count: int) -> None:
    import pyarrow.parquet as pq

    storm.landed = sum(pq.read_metadata(path).num_rows for path in (lake.local_folder / "_landing").rglob("*.parquet"))
    for key in landed_partitions(lake, "meters"):
        collected = collect_landed(plant.collect["meters"], make_request(plant, lake, key), ingested_at=NOW)
        storm.rows += collected["rows"]
    rows = lake.read("raw_meters", columns=["house", "at", "watts", "note"])
    keys = rows.select(["house", "at"]).group_by(["house", "at"]).aggregate([])
    storm.distinct = keys.num_rows
    numbers = pc.cast(pc.replace_substring(rows.column("watts"), ".50", ""), pa.int64())
    notes = pc.binary_join_element_wise("reading", pc.cast(numbers, pa.string()), " ")
    storm.is_complete = (
        pc.sort_indices(numbers) is not None
        and rows.num_rows == count == storm.distinct
        and pc.unique(numbers).sort().equals(pa.array(range(count), pa.int64()))
        and pc.all(pc.equal(notes, rows.column("note"))).as_py()
    )


if __name__ == "__main__":
    import tempfile

    with tempfile.TemporaryDirectory() as place:
        print(run_storm(Path(place), int(sys.argv[1]), kills=3, restarts=1, say=print))
