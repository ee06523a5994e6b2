"""The broker of an embedded installation as a process of its own: no message of quality 1 is lost on its way."""

import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from mqtt_for_tests import free_port, start_embedded, wait_until
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion

MANY = 3_000


@pytest.fixture
def port(tmp_path: Path) -> Iterator[int]:
    found = free_port()
    with start_embedded(found, tmp_path):
        yield found


class Subscriber:
    """A client with a session that lasts, which acknowledges when it is told to."""

    def __init__(self, port: int) -> None:
        self.received: list[MQTTMessage] = []
        self.is_subscribed = threading.Event()
        self.client = Client(CallbackAPIVersion.VERSION2, "subscriber", clean_session=False, manual_ack=True)
        self.client.on_message = lambda client, data, message: self.received.append(message)
        self.client.on_connect = lambda *answer: self.client.subscribe("plant/#", 1)
        self.client.on_subscribe = lambda *answer: self.is_subscribed.set()
        self.client.connect("127.0.0.1", port)
        self.client.loop_start()
        assert self.is_subscribed.wait(10)

    @property
    def numbers(self) -> list[int]:
        return [int(message.payload) for message in self.received]

    def acknowledge(self) -> None:
        for message in self.received:
            self.client.ack(message.mid, message.qos)

    def leave(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()

    def break_off(self) -> None:
        """As when its machine is switched off."""
        self.client.on_connect = None
        self.client.socket().close()
        self.client.loop_stop()


def publish(port: int, count: int = MANY) -> None:
    client = Client(CallbackAPIVersion.VERSION2)
    client.connect("127.0.0.1", port)
    client.loop_start()
    sent = [client.publish("plant/7", str(number), qos=1) for number in range(count)]
    for one in sent:
        one.wait_for_publish(30)
    client.disconnect()
    client.loop_stop()


def test_messages_come_in_their_order(port: int) -> None:
    subscriber = Subscriber(port)

    publish(port)

    wait_until(lambda: len(subscriber.received) >= MANY)
    assert subscriber.numbers == list(range(MANY))
    subscriber.leave()


def test_what_comes_while_a_subscriber_is_away_is_delivered_when_it_is_back(port: int) -> None:
    Subscriber(port).leave()

    publish(port)

    back = Subscriber(port)
    wait_until(lambda: len(back.received) >= MANY)
    assert back.numbers == list(range(MANY))
    back.leave()


@pytest.mark.thorough
def test_what_a_subscriber_has_not_acknowledged_comes_again_after_its_connection_broke(port: int) -> None:
    first = Subscriber(port)
    publish(port)
    wait_until(lambda: len(first.received) >= MANY)

    first.break_off()

    back = Subscriber(port)
    wait_until(lambda: len(set(back.numbers)) >= MANY)
    back.leave()


@pytest.mark.thorough
def test_a_slow_subscriber_is_waited_for(port: int) -> None:
    slow = Subscriber(port)
    publish(port, 20_500)  # more than are sent without an acknowledgement
    wait_until(lambda: len(slow.received) >= 10_000)
    time.sleep(6)  # amqtt itself gives a message up after five

    assert len(slow.received) == 10_000
    slow.acknowledge()

    wait_until(lambda: len(slow.received) >= 20_000)
    slow.acknowledge()
    wait_until(lambda: len(slow.received) >= 20_500)
    assert slow.numbers == list(range(20_500))
    slow.leave()


def test_what_was_acknowledged_does_not_come_again(port: int) -> None:
    first = Subscriber(port)
    publish(port, 100)
    wait_until(lambda: len(first.received) == 100)
    first.acknowledge()
    time.sleep(0.5)
    first.leave()

    back = Subscriber(port)
    publish(port, 1)
    wait_until(lambda: back.received)
    assert back.numbers == [0]
    back.leave()
