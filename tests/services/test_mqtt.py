"""Readings over mosquitto: collectors killed, the broker started again, passwords and rights."""

import json
import shutil
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt_for_tests import (
    NOW,
    NoConnections,
    free_port,
    make_plant,
    start_collecting,
    start_mosquitto,
    wait_until,
    write_reading,
)
from mqtt_storm import run_storm
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from lakemill.collection import Credentials
from lakemill.collection.collector import Collector, Landed
from lakemill.collection.publishing import publish_recorded
from lakemill.exceptions import CollectionError
from lakemill.lake import Lake

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


@pytest.fixture(scope="module", autouse=True)
def _has_mosquitto() -> None:
    assert shutil.which("/usr/sbin/mosquitto"), "tests/services/run installs it"


@pytest.fixture
def guarded(tmp_path) -> Iterator[str]:
    """A broker that knows ``admin`` (password volts), who may do nothing."""
    rights = tmp_path / "rights.json"
    subprocess.run(["mosquitto_ctrl", "dynsec", "init", rights, "admin", "volts"], check=True, capture_output=True)
    said = json.loads(rights.read_text())
    said["clients"][0]["roles"] = []
    rights.write_text(json.dumps(said))
    plugin = next(Path("/usr/lib").glob("*/mosquitto_dynamic_security.so"))
    settings = ("allow_anonymous false", f"plugin {plugin}", f"plugin_opt_config_file {rights}")
    port = free_port()
    with start_mosquitto(port, tmp_path, *settings):
        yield f"mqtt://127.0.0.1:{port}"


def collect(broker: str, lake: Lake, password: str = "volts") -> None:
    """Run a collector for some seconds at most."""
    plant, stop = make_plant(broker, connection="plant"), threading.Event()
    connections = NoConnections(plant=Credentials(login="admin", password=password))
    collector = Collector(
        plant.collect["meters"],
        name="meters",
        workflow=plant,
        lake=lake,
        connections=connections,
        broker=broker,
        now=lambda: NOW,
    )
    ending = threading.Timer(20, stop.set)
    ending.start()
    try:
        collector.run(stop)
    finally:
        ending.cancel()


def test_each_reading_is_there_once_whatever_is_killed(tmp_path):
    storm = run_storm(tmp_path, 50_000, kills=4, restarts=1, say=print)
    assert (storm.published, storm.kills, storm.restarts) == (50_000, 4, 1)
    assert storm.landed > storm.rows, "nothing was delivered twice: the kills came to nothing"
    assert (storm.rows, storm.distinct, storm.is_complete) == (50_000, 50_000, True)


def test_a_wrong_password_is_told(guarded, tmp_path):
    with pytest.raises(CollectionError, match=r"refuses (.|\n)*see the connection 'plant'"):
        collect(guarded, Lake(str(tmp_path / "lake"), "plant"), password="wrong")


def test_a_topic_that_may_not_be_read_is_told(guarded, tmp_path):
    with pytest.raises(CollectionError, match=r"refuses the subscription of house/\+/power"):
        collect(guarded, Lake(str(tmp_path / "lake"), "plant"))


def test_batches_are_larger_than_what_mosquitto_grants_to_others(tmp_path):
    port, stop, taken = free_port(), threading.Event(), []
    with start_mosquitto(port, tmp_path, "max_inflight_messages 20"):
        lake = Lake(str(tmp_path / "lake"), "plant")
        plant = make_plant(f"mqtt://127.0.0.1:{port}", every="2 seconds", batch=500)
        collector = Collector(
            plant.collect["meters"],
            name="meters",
            workflow=plant,
            lake=lake,
            connections=NoConnections(),
            broker=f"mqtt://127.0.0.1:{port}",
            now=lambda: NOW,
        )
        with start_collecting(plant, lake, tmp_path):
            pass  # its session stays
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        client.connect("127.0.0.1", port)
        client.loop_start()
        for number in range(2_000):
            sent = client.publish("house/7/power", write_reading(7, f"2024-03-01T00:{number // 60}:{number % 60}"), 1)
        sent.wait_for_publish(20)
        client.disconnect()
        client.loop_stop()

        def take(landed: Landed) -> None:
            taken.append(landed.messages)

        thread = threading.Thread(target=collector.run, args=(stop, take))
        thread.start()
        wait_until(lambda: sum(taken) == 2_000)
        stop.set()
        thread.join()
    assert max(taken) >= 500


# paho leaves the socket of a failed handshake to the garbage collector
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
def test_tls_is_spoken_with_brokers_whose_certificate_is_trusted(tmp_path, monkeypatch):
    certificate, key = tmp_path / "certificate.pem", tmp_path / "key.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True)
    port, stop, taken = free_port(), threading.Event(), []
    lake = Lake(str(tmp_path / "lake"), "plant")
    replay = {"path": "recording.csv", "topic": "house/{house}/power"}
    (tmp_path / "recording.csv").write_text("house,at\n7,2024-03-01\n")
    plant = make_plant(f"mqtts://localhost:{port}", replay=replay)
    said = {"name": "meters", "broker": f"mqtts://localhost:{port}", "connections": NoConnections()}
    collector = Collector(plant.collect["meters"], workflow=plant, lake=lake, now=lambda: NOW, **said)
    with start_mosquitto(port, tmp_path, f"certfile {certificate}", f"keyfile {key}"):
        with pytest.raises(CollectionError, match=r"the certificate of mqtts://localhost:\d+ is not to be trusted"):
            collector.run(stop)
        monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
        thread = threading.Thread(target=collector.run, args=(stop, taken.append))
        thread.start()
        wait_until(lambda: lake.read_document("collectors/meters"))
        publish_recorded(plant.collect["meters"], plant, ["2024-03-01"], project=tmp_path, **said)
        wait_until(lambda: taken)
        stop.set()
        thread.join()
    assert taken[0].rows == 1
