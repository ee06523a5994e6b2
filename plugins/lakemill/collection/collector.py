"""A collector: receives a source's messages from a broker, and lands them before it says that it has them.

A message is acknowledged only when it is durable. What is not acknowledged the broker sends again, after a killed
collector, a lost connection or its own restart: so a message may land twice, and is kept once when its partition is
collected. Stays out: the connection (``sessions.py``), what messages mean (``readings.py``), where they are kept
(``lake/landing.py``).
"""

import logging
import threading
import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone

from lakemill.collection.brokers import parse_broker
from lakemill.collection.delivery import Connections
from lakemill.collection.reading_batch import Message
from lakemill.collection.readings import MessageReader, TopicPattern
from lakemill.collection.sessions import ConnectionLostError, Session
from lakemill.collection.table import name_needed
from lakemill.config import Workflow
from lakemill.config.sources import EMBEDDED, MqttSource
from lakemill.lake import Lake
from lakemill.lake.landing import claim_landing, land

BATCH_BYTES = 4 * 2**20  # of payloads; as rows they take a hundredfold at worst
# A broker sends so many messages without an acknowledgement, then waits: by MQTT 5 as many as the session asks for, or
# as few as the broker grants; by 3.1.1 it does not say how many (20 for mosquitto). So silence ends a batch too.
QUIET_MESSAGES = 20
QUIET_SECONDS = 0.02
TURN_SECONDS = 0.2
PAUSE_SECONDS = (0.5, 30.0)  # before the next try to connect: the first, the longest

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Landed:
    """A micro-batch that is durable.

    Attributes
    ----------
    messages, rows, refused : int
    partitions : frozenset of str
        That rows have landed for.
    """

    messages: int
    rows: int
    refused: int
    partitions: frozenset[str]


class Collector:
    """Receives the messages of one source.

    Parameters
    ----------
    source : MqttSource
    name : str
        The source's name.
    workflow : Workflow
    lake : Lake
    connections : Connections
    broker : str
        Its address, also where the source says ``embedded``.
    now : callable
        Gives the moment, with a time zone, that a message is received at.
    """

    def __init__(
        self,
        source: MqttSource,
        *,
        name: str,
        workflow: Workflow,
        lake: Lake,
        connections: Connections,
        broker: str,
        now: Callable[[], datetime],
    ) -> None:
        where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}"
        self._source = source
        self._name = name
        self._lake = lake
        self._now = now
        self._broker = parse_broker(broker, where=where)
        self._reader = MessageReader(source, workflow.partition, name_needed(workflow).values())
        self._session = Session(
            self._broker,
            f"lakemill-{workflow.workflow}-{name}",
            TopicPattern(source.topic).subscription,
            window=2 * source.batch,  # the next batch comes while this one lands
            is_plain=source.broker == EMBEDDED,
            connection=source.connection,
            connections=connections,
            where=where,
            take=self._take,
            subscribed=self._tell,
        )
        self._batch: list[Message] = []
        self._bytes = 0
        self._numbers: list[int] = []  # by which the batch's messages are acknowledged, those of this connection
        self._began = self._last = 0.0
        self._received_at = datetime.min.replace(tzinfo=timezone.utc)

    def run(self, stop: threading.Event, report: Callable[[Landed], None] = lambda landed: None) -> None:
        """Receive and land until told to stop; a broker that is away is waited for.

        While it is subscribed, or the broker keeps its session, the lake has the document ``collectors/<source>``.

        Parameters
        ----------
        stop : threading.Event
        report : callable
            Told of each micro-batch that has landed.

        Raises
        ------
        CollectionError
            If the broker refuses the login or the subscription.
        LakeError
            If another collector of this machine has the source, or the lake cannot be written to.
        """
        pause, longest = PAUSE_SECONDS
        with claim_landing(self._lake, self._name):
            self._forget()  # what a killed one said
            try:
                while not stop.is_set():
                    try:
                        self._session.connect()
                        pause, _ = PAUSE_SECONDS
                        self._receive(stop, report)
                    except (OSError, ConnectionLostError) as error:
                        self._numbers.clear()
                        self._land(report)
                        log.warning("%s: %s; trying again in %.1f s", self._broker, error, pause)
                        stop.wait(pause)
                        pause = min(2 * pause, longest)
                self._land(report)
            finally:
                self._forget()
                self._session.close()

    def _receive(self, stop: threading.Event, report: Callable[[Landed], None]) -> None:
        while not stop.is_set():
            left = self._until() - time.monotonic()
            if self._batch and (left <= 0 or self._is_full()):
                self._land(report)
            else:
                self._session.turn(max(0.0, min(left, TURN_SECONDS)), self._is_full)

    def _take(self, topic: str, payload: bytes, number: int | None) -> None:
        # later than the one before it, whatever the clock does: the first of two is found by it
        self._received_at = max(self._now(), self._received_at + timedelta(microseconds=1))
        self._last = time.monotonic()
        if not self._batch:
            self._began = self._last
        self._batch.append(Message(topic, payload, self._received_at))
        self._bytes += len(payload)
        if number is not None:
            self._numbers.append(number)

    def _until(self) -> float:
        """When the batch ends if nothing comes."""
        if not self._batch:
            return time.monotonic() + TURN_SECONDS
        until = self._began + self._source.every.total_seconds()
        return min(until, self._last + QUIET_SECONDS) if len(self._batch) >= QUIET_MESSAGES else until

    def _is_full(self) -> bool:
        return len(self._batch) >= self._source.batch or self._bytes >= BATCH_BYTES

    def _land(self, report: Callable[[Landed], None]) -> None:
        """Make the batch durable, then acknowledge it."""
        if not self._batch:
            return
        readings = self._reader.read(self._batch)
        batch = f"{self._batch[0].received_at:%Y%m%dT%H%M%S%f}-{uuid.uuid4().hex[:8]}"
        land(self._lake, self._name, batch, readings.rows, readings.refused)
        landed = Landed(len(self._batch), readings.count, readings.count_refused, frozenset(readings.rows))
        self._session.acknowledge(self._numbers)
        self._batch, self._numbers, self._bytes = [], [], 0
        report(landed)

    def _tell(self) -> None:
        subscribed_at = self._now().isoformat()
        self._lake.write_document(f"collectors/{self._name}", {"subscribed_at": subscribed_at})
        log.info("%s: subscribed", self._broker)

    def _forget(self) -> None:
        self._lake.remove(f"_documents/collectors/{self._name}.json")
