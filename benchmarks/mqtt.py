"""``python benchmarks/mqtt.py [MESSAGES]``: collecting over mosquitto, and how fast one collector is.

First recorded readings (1,000,000 by default) are published while a collector is killed five times with SIGKILL and the
broker started again twice; every reading must be in the lake once. Then one collector, on one core, takes what has
waited for it at a broker on the other. Needs mosquitto (tests/services/run installs it).
"""

import os
import resource
import sys
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / "plugins"), str(HERE.parent / "tests" / "unit")]

from mqtt_for_tests import NoConnections, free_port, make_plant, start_mosquitto, wait_until  # noqa: E402
from mqtt_storm import run_storm, write_recording  # noqa: E402

from lakemill.collection.collector import Collector, Landed  # noqa: E402
from lakemill.collection.publishing import publish_recorded  # noqa: E402
from lakemill.lake import Lake  # noqa: E402

KILLS, RESTARTS = 5, 2
WAITING = 200_000  # readings


def main() -> None:
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 1_000_000
    with tempfile.TemporaryDirectory(prefix="lakemill-") as place:
        storm = run_storm(Path(place), count, kills=KILLS, restarts=RESTARTS, say=lambda text: print(text, flush=True))
    print(
        f"{storm.published:,} messages in {storm.seconds:.0f} s, {storm.kills} kills, {storm.restarts} restarts: "
        f"{storm.landed:,} landed, {storm.rows:,} rows, {storm.distinct:,} distinct: "
        + ("each once" if storm.is_complete else "NOT each once"),
        flush=True,
    )
    for readings in (1, 20):
        with tempfile.TemporaryDirectory(prefix="lakemill-") as place:
            measure_speed(Path(place), WAITING, readings)
    sys.exit(0 if storm.is_complete else 1)


def measure_speed(folder: Path, count: int, readings: int) -> None:
    write_recording(folder / "recording.csv", count)
    port, stop = free_port(), threading.Event()
    cores = sorted(os.sched_getaffinity(0))
    broker = f"mqtt://127.0.0.1:{port}"
    # readings of one topic, so that they follow each other
    replay = {"path": "recording.csv", "topic": "power/all", "readings": readings}
    plant = make_plant(broker, replay=replay, topic="power/+", every="1 second")
    source = plant.collect["meters"]
    lake = Lake(str(folder / "lake"), "plant")
    said = {"name": "meters", "broker": broker, "connections": NoConnections()}
    collector = Collector(source, workflow=plant, lake=lake, now=lambda: datetime.now(UTC), **said)
    os.sched_setaffinity(0, {cores[0]})  # the broker inherits it
    with start_mosquitto(port, folder):
        os.sched_setaffinity(0, set(cores))
        subscribing = threading.Thread(target=collector.run, args=(stop,))
        subscribing.start()
        wait_until(lambda: lake.read_document("collectors/meters"))
        stop.set()
        subscribing.join()
        published = publish_recorded(source, plant, ["2024-03-01"], project=folder, **said)
        os.sched_setaffinity(0, {cores[-1]})
        stop.clear()
        taken: list[Landed] = []

        def take(landed: Landed) -> None:
            taken.append(landed)
            if sum(one.messages for one in taken) >= published.messages:
                stop.set()

        began, used = time.monotonic(), time.process_time()
        collector.run(stop, take)
        seconds, used = time.monotonic() - began, time.process_time() - used
        os.sched_setaffinity(0, set(cores))
    rows = sum(one.rows for one in taken)
    print(
        f"one collector on one core, {readings} readings a message: {published.messages / seconds:,.0f} messages and "
        f"{rows / seconds:,.0f} readings a second ({len(taken)} batches, {used / seconds:.0%} of the core, "
        f"peak {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:,.0f} MiB)",
        flush=True,
    )


if __name__ == "__main__":
    main()
