"""The replayer against a real broker: recorded readings come out as sensors would have sent them."""

import gzip
import lzma
import threading
import time
from collections.abc import Iterator

import pytest
from mqtt_for_tests import NoConnections, free_port, make_plant, start_embedded, wait_until
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion

from lakemill.collection.publishing import Published, publish_recorded
from lakemill.exceptions import CollectionError

ROWS = "house,at,watts,note\n7,2024-03-01T10:00,1.50,on\n7,2024-03-01T11:00,,off\n8,2024-03-01T10:00,007,true\n"
REPLAY = {"path": "meters_{partition}.csv", "topic": "house/{house}/power"}


@pytest.fixture(scope="module")
def broker(tmp_path_factory) -> Iterator[str]:
    port = free_port()
    with start_embedded(port, tmp_path_factory.mktemp("broker")):
        yield f"mqtt://127.0.0.1:{port}"


@pytest.fixture
def received(broker) -> Iterator[list[tuple[str, str]]]:
    """Topics and payloads, as they come."""
    found: list[tuple[str, str]] = []
    subscribed = threading.Event()
    client = Client(CallbackAPIVersion.VERSION2)
    client.on_subscribe = lambda *arguments: subscribed.set()
    client.on_message = lambda client, data, message: found.append((message.topic, message.payload.decode()))
    host, port = broker.removeprefix("mqtt://").split(":")
    client.connect(host, int(port))
    client.loop_start()
    client.subscribe("house/#", qos=1)
    assert subscribed.wait(10)
    yield found
    client.disconnect()
    client.loop_stop()


@pytest.fixture
def publish(broker, tmp_path):
    def run(*keys: str, address: str = broker, per_second: float | None = None, report=lambda said: None, **source):
        workflow = make_plant("embedded", **{"replay": REPLAY, **source})
        return publish_recorded(
            workflow.collect["meters"],
            workflow,
            keys or ["2024-03-01"],
            name="meters",
            broker=address,
            connections=NoConnections(),
            project=tmp_path,
            per_second=per_second,
            report=report,
        )

    (tmp_path / "meters_2024-03-01.csv").write_text(ROWS)
    return run


def test_rows_are_published_as_json_with_numbers_as_they_were_written(publish, received):
    told = []
    assert publish(report=told.append) == told[-1] == Published(messages=3, readings=3)
    wait_until(lambda: len(received) == 3)
    assert received == [
        ("house/7/power", '{"at": "2024-03-01T10:00", "watts": 1.50, "note": "on"}'),
        ("house/7/power", '{"at": "2024-03-01T11:00", "watts": null, "note": "off"}'),
        ("house/8/power", '{"at": "2024-03-01T10:00", "watts": "007", "note": true}'),
    ]


def test_several_readings_go_into_a_message_of_one_topic(publish, received):
    assert publish(replay={**REPLAY, "readings": 5}) == Published(messages=2, readings=3)
    wait_until(lambda: len(received) == 2)
    assert received[0][1].startswith('[{"at": "2024-03-01T10:00"')
    assert received[0][1].endswith('"off"}]')


@pytest.mark.parametrize(
    ("names", "payload"),
    [
        (["watts", "at"], "1.50,2024-03-01T10:00\n,2024-03-01T11:00\n"),
        ([], "at,watts,note\n2024-03-01T10:00,1.50,on\n2024-03-01T11:00,,off\n"),
    ],
)
def test_csv_is_published_with_or_without_its_names(publish, received, names, payload):
    publish(payload="csv", names=names, replay={**REPLAY, "readings": 2})
    wait_until(lambda: len(received) == 2)
    assert received[0] == ("house/7/power", payload)


def test_compressed_files_of_several_partitions_are_published_in_order(publish, received, tmp_path):
    for day, opener, suffix in (("2024-03-02", gzip.open, "gz"), ("2024-03-03", lzma.open, "xz")):
        with opener(tmp_path / f"{day}.csv.{suffix}", "wt") as file:
            file.write(f"house,at\n1,{day}\n")
    for suffix, day in (("gz", "2024-03-02"), ("xz", "2024-03-03")):
        publish(day, replay={"path": f"{{partition}}.csv.{suffix}", "topic": "house/{house}/power"})
    wait_until(lambda: len(received) == 2)
    assert [payload for _, payload in received] == ['{"at": "2024-03-02"}', '{"at": "2024-03-03"}']


def test_a_speed_is_kept(publish):
    began = time.monotonic()
    publish(per_second=10)
    assert 0.2 <= time.monotonic() - began < 2


@pytest.mark.parametrize(
    ("content", "replay", "error"),
    [
        (ROWS, None, "nothing to replay"),
        (ROWS, {**REPLAY, "path": "other.csv"}, r"no file .*other\.csv"),
        (ROWS, {**REPLAY, "topic": "house/{huose}"}, r"no column 'huose'(.|\n)*did you mean 'house'"),
        ("house,at\na/b,2024\n", REPLAY, "'a/b', which is no level of a topic"),
        ("house,at\n7\n", REPLAY, "line 2 has 1 fields, the first 2"),
    ],
)
def test_what_cannot_be_replayed_is_told(publish, tmp_path, content, replay, error):
    (tmp_path / "meters_2024-03-01.csv").write_text(content)
    with pytest.raises(CollectionError, match=error):
        publish(replay=replay)


def test_a_broker_that_is_not_there_is_told(publish):
    with pytest.raises(CollectionError, match="does not answer"):
        publish(address=f"mqtt://127.0.0.1:{free_port()}")
