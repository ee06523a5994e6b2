"""The collector against a real broker: nothing that was acknowledged is lost, whatever is killed."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from mqtt_for_tests import (
    NOW,
    NoConnections,
    Running,
    free_port,
    make_plant,
    make_request,
    start_collecting,
    start_embedded,
    wait_until,
    write_reading,
)
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lakemill.collection.collector import Collector, Landed
from lakemill.collection.landed import collect_landed
from lakemill.config import Workflow
from lakemill.exceptions import CollectionError, LakeError
from lakemill.lake import Lake
from lakemill.lake.landing import landed_partitions

DAY = "2024-03-01"


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[str]:
    port = free_port()
    with start_embedded(port, tmp_path_factory.mktemp("broker")):
        yield f"mqtt://127.0.0.1:{port}"


@pytest.fixture
def lake(tmp_path) -> Lake:
    return Lake(str(tmp_path / "lake"), "plant")


@pytest.fixture
def plant(request) -> Workflow:
    return make_own_plant(request.node.name)


def make_own_plant(name: str, **source) -> Workflow:
    # of each test its own topics and name: the broker keeps sessions
    return make_plant("embedded", topic=f"{name}/{{house}}", **source).model_copy(update={"workflow": name})


@contextmanager
def publishing(workflow: Workflow, broker: str) -> Iterator:
    """A function that publishes payloads for house 7, and returns when the broker has them."""
    source = workflow.collect["meters"]
    client = Client(CallbackAPIVersion.VERSION2)
    host, port = broker.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()

    def publish(*payloads: bytes) -> None:
        sent = [client.publish(source.topic.replace("{house}", "7"), payload, qos=1) for payload in payloads]
        for one in sent:
            one.wait_for_publish(10)

    yield publish
    client.disconnect()
    client.loop_stop()


class Collecting:
    """A collector in a thread, subscribed; as a context it is stopped."""

    def __init__(self, workflow: Workflow, lake: Lake, broker: str, connections=None) -> None:
        source = workflow.collect["meters"]
        self.landed: list[Landed] = []
        self.failure: Exception | None = None
        self.stop = threading.Event()
        self._lake = lake
        self._collector = Collector(
            source,
            name="meters",
            workflow=workflow,
            lake=lake,
            connections=connections or NoConnections(),
            broker=broker,
            now=lambda: NOW,
        )
        self._thread = threading.Thread(target=self._run)

    def _run(self) -> None:
        try:
            self._collector.run(self.stop, self.landed.append)
        except Exception as error:
            self.failure = error

    def __enter__(self) -> "Collecting":
        self._thread.start()
        wait_until(lambda: self._lake.read_document("collectors/meters") or not self._thread.is_alive())
        return self

    def __exit__(self, *error: object) -> None:
        self.stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()

    @property
    def messages(self) -> int:
        return sum(landed.messages for landed in self.landed)


def at(number: int) -> str:
    return f"2024-03-01T{number // 3600 % 24:02}:{number // 60 % 60:02}:{number % 60:02}Z"


def times_in(workflow: Workflow, lake: Lake, key: str = DAY) -> list[str]:
    """Collect a partition and return its event times."""
    collect_landed(workflow.collect["meters"], make_request(workflow, lake, key), ingested_at=NOW)
    return lake.read("raw_meters", [key]).column("at").to_pylist()


def test_messages_land_in_their_partitions_and_are_reported(plant, broker, lake):
    with Collecting(plant, lake, broker) as collecting, publishing(plant, broker) as publish:
        publish(write_reading(7, at(0)), write_reading(7, "2024-03-02T12:00"), b"broken")
        wait_until(lambda: collecting.messages == 3)
    assert landed_partitions(lake, "meters") == [DAY, "2024-03-02"]
    assert sum(landed.rows for landed in collecting.landed) == 2
    assert sum(landed.refused for landed in collecting.landed) == 1
    assert frozenset().union(*(landed.partitions for landed in collecting.landed)) == {DAY, "2024-03-02"}
    assert times_in(plant, lake) == [at(0)]


def test_late_readings_land_in_their_own_partition(plant, broker, lake):
    with Collecting(plant, lake, broker) as collecting, publishing(plant, broker) as publish:
        publish(write_reading(7, "2024-03-09T12:00"))
        wait_until(lambda: collecting.messages == 1)
        publish(write_reading(7, at(0)))
        wait_until(lambda: collecting.messages == 2)
    assert landed_partitions(lake, "meters") == [DAY, "2024-03-09"]


def test_what_is_in_memory_lands_before_it_ends(broker, lake):
    slow = make_own_plant("slow", every="1 hour")
    with Collecting(slow, lake, broker) as collecting, publishing(slow, broker) as publish:
        publish(*(write_reading(7, at(n)) for n in range(5)))
        time.sleep(0.3)
        assert collecting.messages == 0
    assert collecting.messages == 5
    assert len(times_in(slow, lake)) == 5


def test_a_full_batch_lands_at_once(broker, lake):
    slow = make_own_plant("full", every="1 hour", batch=10)
    with Collecting(slow, lake, broker) as collecting, publishing(slow, broker) as publish:
        publish(*(write_reading(7, at(n)) for n in range(10)))
        wait_until(lambda: collecting.messages == 10)


def test_what_comes_while_it_is_away_is_delivered_when_it_is_back(plant, broker, lake):
    with publishing(plant, broker) as publish:
        with Collecting(plant, lake, broker):
            pass
        publish(*(write_reading(7, at(n)) for n in range(50)))
        with Collecting(plant, lake, broker) as collecting:
            wait_until(lambda: collecting.messages == 50)
    assert times_in(plant, lake) == [at(n) for n in range(50)]


def test_what_was_not_durable_is_not_acknowledged(plant, broker, lake):
    with publishing(plant, broker) as publish:
        with Collecting(plant, lake, broker) as collecting:
            (lake.local_folder / "_landing").rmdir() if (lake.local_folder / "_landing").exists() else None
            (lake.local_folder / "_landing").write_text("in the way")
            publish(*(write_reading(7, at(n)) for n in range(5)))
            wait_until(lambda: collecting.failure is not None)
        assert isinstance(collecting.failure, LakeError)
        (lake.local_folder / "_landing").unlink()
        with Collecting(plant, lake, broker) as collecting:
            wait_until(lambda: collecting.messages == 5)
    assert len(times_in(plant, lake)) == 5


def test_it_says_that_it_is_subscribed_and_that_it_is_not_any_more(plant, broker, lake):
    with Collecting(plant, lake, broker):
        assert set(lake.read_document("collectors/meters")) == {"subscribed_at"}
    assert lake.read_document("collectors/meters") is None


def test_a_second_collector_is_refused(plant, broker, lake):
    with Collecting(plant, lake, broker):
        other = Collecting(plant, lake, broker)
        other._run()
        assert "another process of this machine" in str(other.failure)


@pytest.mark.thorough
def test_a_broker_that_is_away_is_waited_for(lake, tmp_path, caplog):
    port = free_port()
    plant, broker = make_plant("embedded"), f"mqtt://127.0.0.1:{port}"
    collecting = Collecting(plant, lake, broker)
    collecting._thread.start()
    wait_until(lambda: "trying again" in caplog.text)
    with start_embedded(port, tmp_path), publishing(plant, broker) as publish:
        wait_until(lambda: lake.read_document("collectors/meters"))
        publish(write_reading(7, at(0)))
        wait_until(lambda: collecting.messages == 1)
    wait_until(lambda: caplog.text.count("trying again") > 1)
    with (
        start_embedded(port, tmp_path),
        publishing(plant, broker) as publish,
    ):  # subscribed again, though it lost all it knew
        wait_until(lambda: (publish(write_reading(7, at(1))), collecting.messages > 1)[1])
    collecting.__exit__()
    assert times_in(plant, lake) == [at(0), at(1)]


def test_a_broker_s_address_that_is_none_is_told(plant, broker, lake):
    with pytest.raises(CollectionError, match=r"collect\.meters: a broker's address is mqtt://host:port"):
        Collecting(plant, lake, "http://localhost")


@pytest.mark.thorough
def test_a_collect_process_that_is_killed_again_and_again_loses_nothing(plant, broker, lake, tmp_path):
    numbers = iter(range(100_000))
    published = 0

    def start() -> Running:
        return start_collecting(plant, lake, tmp_path, broker=broker)

    collecting = start()
    with publishing(plant, broker) as publish:
        for _ in range(3):
            for _ in range(10):
                publish(*(write_reading(7, at(next(numbers))) for _ in range(50)))
                published += 50
            collecting.kill()
            publish(*(write_reading(7, at(next(numbers))) for _ in range(50)))
            published += 50
            collecting = start()
        last = next(numbers)
        publish(write_reading(7, at(last)))
    with collecting:
        wait_until(lambda: at(last) in times_in(plant, lake))
        assert collecting.end() == 0
    assert times_in(plant, lake) == [at(n) for n in range(published + 1)]
    assert "Traceback" not in collecting.log.read_text()


def test_a_collect_process_lands_what_it_has_when_it_is_asked_to_end(broker, lake, tmp_path):
    slow = make_own_plant("ended", every="1 hour")
    with publishing(slow, broker) as publish, start_collecting(slow, lake, tmp_path, broker=broker) as collecting:
        publish(*(write_reading(7, at(n)) for n in range(5)))
        time.sleep(0.5)
        assert collecting.end() == 0
    assert len(times_in(slow, lake)) == 5
