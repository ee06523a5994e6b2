"""A lasting session with an MQTT broker: messages are taken as they come, and acknowledged when that is said.

One thread does it all, so that an acknowledgement never goes to another connection than its message came by: numbers of
messages begin anew with each. What is not acknowledged when a connection ends, the broker sends again by the next.

What a broker keeps for a session is its own to say. For mosquitto: ``persistence true`` carries sessions through its
restart; ``max_queued_messages 0`` lifts the limit of 1,000 messages, beyond which it drops what comes while the owner
of the session is away; ``max_inflight_messages`` (20) holds for MQTT 3.1.1 only, by MQTT 5 the session says how many.
Stays out: what messages mean, and when they are safe.
"""

import logging
import select
import ssl
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from typing import Any

from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from lakemill.collection.brokers import (
    KEEPALIVE_SECONDS,
    UNSUPPORTED_PROTOCOL,
    Broker,
    make_client,
    refuse_lasting,
)
from lakemill.collection.delivery import Connections
from lakemill.exceptions import CollectionError

KEPT_SECONDS = 30 * 24 * 3600  # that a broker keeps a session whose owner is away
MOST_IN_FLIGHT = 65_535
ANSWER_SECONDS = 10.0
FIRST_ANSWER_SECONDS = 3.0  # before another protocol is tried
FAREWELL_SECONDS = 2.0
TAKEN_OVER = 142

log = logging.getLogger(__name__)


class ConnectionLostError(Exception):
    """The broker is not there any more, or not yet."""


class Session:
    """A session that lasts from one connection to the next.

    Parameters
    ----------
    broker : Broker
    client_id : str
        By which the broker knows it again.
    topic : str
        What is subscribed to, at QoS 1.
    window : int
        Messages that the broker may send before any is acknowledged, by MQTT 5.
    is_plain : bool
        Whether the broker is known to speak MQTT 3.1.1 only.
    connection : str or None
        The Airflow connection with login and password.
    connections : Connections
    where : str
        For errors.
    take : callable
        Given each message's topic, its payload, and the number that it is acknowledged by (None where it is not).
    subscribed : callable
        Called when the broker has granted the subscription.
    """

    def __init__(
        self,
        broker: Broker,
        client_id: str,
        topic: str,
        *,
        window: int,
        is_plain: bool,
        connection: str | None,
        connections: Connections,
        where: str,
        take: Callable[[str, bytes, int | None], None],
        subscribed: Callable[[], None],
    ) -> None:
        self._broker = broker
        self._client_id = client_id
        self._topic = topic
        self._window = min(window, MOST_IN_FLIGHT)
        self._connection = connection
        self._connections = connections
        self._where = where
        self._take = take
        self._subscribed = subscribed
        self._protocol = MQTTProtocolVersion.MQTTv311 if is_plain else None  # of others it is found out
        self._client: Client | None = None
        self._taken = 0
        self._answer: ReasonCode | None = None
        self._failure: CollectionError | None = None
        self._grant_until: float | None = None

    def connect(self) -> None:
        """Connect, and ask for the subscription; messages that wait in the session may come before it is granted.

        Raises
        ------
        ConnectionLostError or OSError
            If the broker is not there: it may be, later.
        CollectionError
            If it refuses the login.
        """
        self.close()
        reason = self._open(self._protocol or MQTTProtocolVersion.MQTTv5)
        if reason is None and self._protocol is None:
            log.warning("%s does not answer to MQTT 5: trying 3.1.1", self._broker)
            self.close()
            reason = self._open(MQTTProtocolVersion.MQTTv311)
        if reason is None or self._client is None:
            raise ConnectionLostError("no answer")
        if reason.is_failure:
            refuse_lasting(reason, self._broker, where=self._where, connection=self._connection)
            raise ConnectionLostError(f"refused: {reason}")
        self._protocol = self._client.protocol
        self._subscribe(self._client)

    def turn(self, seconds: float, is_enough: Callable[[], bool] = lambda: False) -> None:
        """Wait for the broker, take what it has sent, and send what is to be sent.

        Parameters
        ----------
        seconds : float
            To wait, at most.
        is_enough : callable
            Asked after each message whether no more should be taken now.

        Raises
        ------
        ConnectionLostError
        CollectionError
            If the broker refuses the subscription, or another client has taken over the session.
        """
        client = self._client
        socket = client.socket() if client is not None else None
        if client is None or socket is None:
            raise ConnectionLostError("connection lost")
        has_more = getattr(socket, "pending", lambda: 0)()  # read from the network, not yet from TLS
        writing = [socket] if client.want_write() else []
        readable, writable, _ = select.select([socket], writing, [], 0 if has_more else seconds)
        if writable:
            client.loop_write()
        before = -1
        while (readable or has_more) and before < self._taken:
            before = self._taken
            client.loop_read()  # a packet, or the part of it that has come
            if is_enough():
                break
        client.loop_misc()
        if self._failure is not None:
            raise self._failure
        if self._grant_until is not None and time.monotonic() > self._grant_until:
            raise ConnectionLostError("no answer to the subscription")

    def acknowledge(self, numbers: Iterable[int]) -> None:
        """Say that messages of this connection are safe; it is sent with the next turn, or when the session closes."""
        for number in numbers:
            if self._client is not None:
                self._client.ack(number, 1)

    def close(self) -> None:
        """End the connection; the broker keeps the session."""
        client, self._client = self._client, None
        if client is None:
            return
        client.on_disconnect = None
        deadline = time.monotonic() + FAREWELL_SECONDS
        with suppress(OSError):
            client.disconnect()
            while client.want_write() and time.monotonic() < deadline and client.loop_write() == 0:
                time.sleep(0.001)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _open(self, protocol: MQTTProtocolVersion) -> ReasonCode | None:
        """Connect; None where the broker does not answer, as it may where it does not know the protocol."""
        client = make_client(
            self._broker,
            self._client_id,
            protocol,
            connection=self._connection,
            connections=self._connections,
            is_lasting=True,
        )
        client.on_connect = lambda client, data, flags, reason, properties: self._take_answer(reason)
        client.on_subscribe = lambda client, data, mid, reasons, properties: self._take_grant(reasons[0])
        client.on_disconnect = self._take_farewell
        client.on_message = self._take_message
        # packets are queued until a turn writes them, in place of one call of the system for each
        client.on_socket_register_write = lambda client, data, socket: None
        self._client, self._answer, self._grant_until = client, None, None
        try:
            self._dial(client, protocol)
            reason = self._await_answer(ANSWER_SECONDS if self._protocol else FIRST_ANSWER_SECONDS)
        except ConnectionLostError:
            return None
        except ssl.SSLCertVerificationError as error:
            raise CollectionError(
                f"the certificate of {self._broker} is not to be trusted: {error.verify_message}",
                where=self._where,
                remedy="have it signed by an authority that this system knows, or add that to the system's",
            ) from None
        return None if reason is not None and reason.value == UNSUPPORTED_PROTOCOL else reason

    def _dial(self, client: Client, protocol: MQTTProtocolVersion) -> None:
        address = (self._broker.host, self._broker.port, KEEPALIVE_SECONDS)
        if protocol != MQTTProtocolVersion.MQTTv5:
            client.connect(*address)
            return
        properties = Properties(PacketTypes.CONNECT)  # type: ignore[no-untyped-call]
        properties.SessionExpiryInterval = KEPT_SECONDS
        properties.ReceiveMaximum = self._window
        client.connect(*address, clean_start=False, properties=properties)

    def _subscribe(self, client: Client) -> None:
        self._grant_until = time.monotonic() + ANSWER_SECONDS
        if client.protocol == MQTTProtocolVersion.MQTTv5:
            # what the broker retains comes when the subscription is new, not at each connection
            client.subscribe(self._topic, options=SubscribeOptions(qos=1, retainHandling=1))
        else:
            client.subscribe(self._topic, qos=1)

    def _await_answer(self, seconds: float) -> ReasonCode | None:
        deadline = time.monotonic() + seconds
        while self._answer is None and time.monotonic() < deadline:
            self.turn(0.1, lambda: self._answer is not None)
        return self._answer

    def _take_answer(self, reason: ReasonCode) -> None:
        self._answer = reason
        self._taken += 1  # what comes behind it is read too

    def _take_grant(self, granted: ReasonCode) -> None:
        self._grant_until = None
        self._taken += 1
        if granted.is_failure:
            self._failure = CollectionError(
                f"the broker {self._broker} refuses the subscription of {self._topic}: {granted}",
                where=self._where,
                remedy="let this login read the topic in the broker's settings",
            )
            return
        if granted.value < 1:
            log.warning("%s grants %s no redelivery: what comes while it is away is lost", self._broker, self._topic)
        self._subscribed()

    def _take_message(self, client: Client, data: Any, message: MQTTMessage) -> None:
        self._taken += 1
        try:
            topic = message.topic
        except UnicodeDecodeError:  # a broker should not let it through
            topic = "(not UTF-8)"
        self._take(topic, bytes(message.payload), message.mid if message.qos > 0 else None)

    def _take_farewell(self, client: Client, data: Any, flags: Any, reason: ReasonCode, properties: Any) -> None:
        if reason.value == TAKEN_OVER:
            self._failure = CollectionError(
                f"another collector has taken over the session {self._client_id} at {self._broker}",
                where=self._where,
                remedy="run one collector a source, on one machine",
            )
