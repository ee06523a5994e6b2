"""The replayer: publishes recorded readings as sensors would, as fast as it is told.

Stays out: receiving them.
"""

import bz2
import csv
import gzip
import io
import json
import lzma
import re
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby, islice
from pathlib import Path
from typing import IO, Any

from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTProtocolVersion

from lakemill.collection.brokers import (
    KEEPALIVE_SECONDS,
    UNSUPPORTED_PROTOCOL,
    make_client,
    parse_broker,
    refuse_lasting,
)
from lakemill.collection.delivery import Connections
from lakemill.collection.readings import TopicPattern
from lakemill.config import Workflow
from lakemill.config.sources import EMBEDDED, MqttSource, Replay
from lakemill.exceptions import CollectionError, suggest

MOST_WAITING = 2_000  # messages that the broker has not acknowledged yet
SILENCE_SECONDS = 60.0  # of a broker that acknowledges nothing
REPORT_MESSAGES = 1_000
OPENERS: dict[str, Callable[..., IO[str]]] = {".gz": gzip.open, ".xz": lzma.open, ".bz2": bz2.open}
NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")


@dataclass(frozen=True)
class Published:
    """What was published, and that the broker has.

    Attributes
    ----------
    messages, readings : int
    """

    messages: int
    readings: int


def publish_recorded(
    source: MqttSource,
    workflow: Workflow,
    keys: Sequence[str],
    *,
    name: str,
    broker: str,
    connections: Connections,
    project: Path,
    per_second: float | None = None,
    report: Callable[[Published], None] = lambda published: None,
) -> Published:
    """Publish the recorded readings of some partitions, in the order of their files, at QoS 1.

    Parameters
    ----------
    source : MqttSource
        With ``replay``.
    workflow : Workflow
    keys : sequence of str
        Partitions; a path without ``{partition}`` is published once.
    name : str
        The source's name.
    broker : str
        Its address.
    connections : Connections
    project : Path
        What the path of the files starts at.
    per_second : float, optional
        Messages; as fast as the broker takes them if left out.
    report : callable
        Told from time to time how many were published.

    Returns
    -------
    Published
        When the broker has acknowledged all of them.

    Raises
    ------
    CollectionError
        If there is nothing to replay, a file is missing or cannot be read, or the broker is away for a minute.
    """
    where = f"include/workflows/{workflow.workflow}.yaml: collect.{name}.replay"
    if source.replay is None:
        raise CollectionError(
            "there is nothing to replay", where=where, remedy="name recorded files: replay: {path: ..., topic: ...}"
        )
    paths = list(dict.fromkeys(project / source.replay.path.replace("{partition}", key) for key in keys))
    missing = [path for path in paths if not path.is_file()]
    if missing:
        raise CollectionError(f"no file {missing[0]}", where=where, remedy="bring it there, or mend the path")
    outgoing = _Outgoing(source, broker, connections, where)
    readings, began = 0, time.monotonic()
    with outgoing:
        for path in paths:
            for topic, payload, count in _make_messages(source, source.replay, path, where):
                if per_second is not None:
                    time.sleep(max(0.0, began + outgoing.sent / per_second - time.monotonic()))
                outgoing.publish(topic, payload)
                readings += count
                if outgoing.sent % REPORT_MESSAGES == 0:
                    report(Published(outgoing.sent, readings))
        outgoing.wait(0)
    published = Published(outgoing.sent, readings)
    report(published)
    return published


class _Outgoing:
    """A connection over which messages are published; lost, it comes back and publishes again what was not received."""

    def __init__(self, source: MqttSource, broker: str, connections: Connections, where: str) -> None:
        self._broker = parse_broker(broker, where=where)
        self._source = source
        self._connections = connections
        self._where = where
        self._changed = threading.Condition()
        self._acknowledged = 0
        self._reason: Any = None
        self.sent = 0
        self._client: Client | None = None

    def __enter__(self) -> "_Outgoing":
        is_known = self._source.broker == EMBEDDED  # to speak 3.1.1 only
        reason = None if is_known else self._connect(MQTTProtocolVersion.MQTTv5)
        if reason is None or reason.value == UNSUPPORTED_PROTOCOL:
            reason = self._connect(MQTTProtocolVersion.MQTTv311)
        if reason is None or reason.is_failure:
            self._stop()
            if reason is not None:
                refuse_lasting(reason, self._broker, where=self._where, connection=self._source.connection)
            raise CollectionError(
                f"the broker {self._broker} {f'refuses: {reason}' if reason is not None else 'does not answer'}",
                where=self._where,
                remedy="start it, or mend its address",
            )
        return self

    def __exit__(self, *error: object) -> None:
        self._stop()

    def publish(self, topic: str, payload: bytes) -> None:
        assert self._client is not None  # noqa: S101  within the context only
        if self.sent - self._acknowledged >= MOST_WAITING:
            self.wait(MOST_WAITING // 2)
        self._client.publish(topic, payload, qos=1)
        self.sent += 1

    def wait(self, most: int) -> None:
        """Wait until at most so many messages are not acknowledged."""
        with self._changed:
            while self.sent - self._acknowledged > most:
                before = self._acknowledged
                if not self._changed.wait(SILENCE_SECONDS) and self._acknowledged == before:
                    raise CollectionError(
                        f"the broker {self._broker} has acknowledged nothing for {SILENCE_SECONDS:.0f} s",
                        where=self._where,
                        remedy="start it again; publishing again is harmless, a reading is kept once",
                    )

    def _connect(self, protocol: MQTTProtocolVersion) -> Any:
        self._stop()
        self._reason = None
        client = make_client(
            self._broker,
            f"lakemill-replay-{uuid.uuid4().hex[:8]}",
            protocol,
            connection=self._source.connection,
            connections=self._connections,
        )
        client.max_inflight_messages = MOST_WAITING
        client.on_connect = self._take_answer
        client.on_publish = self._take_acknowledgement
        client.reconnect_delay_set(1, 10)
        try:
            client.connect(self._broker.host, self._broker.port, KEEPALIVE_SECONDS)
        except OSError:
            return None
        self._client = client
        client.loop_start()
        with self._changed:
            self._changed.wait_for(lambda: self._reason is not None, timeout=5)
        return self._reason

    def _take_answer(self, client: Client, data: Any, flags: Any, reason: Any, properties: Any) -> None:
        with self._changed:
            self._reason = reason
            self._changed.notify_all()

    def _take_acknowledgement(self, client: Client, data: Any, mid: int, reason: Any, properties: Any) -> None:
        self._acknowledged += 1  # only here, in the client's thread
        if self._acknowledged % 100 == 0 or self._acknowledged >= self.sent - 1:
            with self._changed:
                self._changed.notify_all()

    def _stop(self) -> None:
        if self._client is not None:
            self._client.disconnect()
            self._client.loop_stop()
            self._client = None


def _make_messages(source: MqttSource, replay: Replay, path: Path, where: str) -> Iterator[tuple[str, bytes, int]]:
    """Yield topics and payloads, with the number of readings in each."""
    from_topic = TopicPattern(source.topic).names
    for topic, rows in groupby(_read_rows(path, where), lambda row: _name_topic(replay.topic, row, where)):
        while some := list(islice(rows, replay.readings)):
            bodies = [{name: text for name, text in row.items() if name not in from_topic} for row in some]
            yield topic, _write(bodies, source), len(bodies)


def _read_rows(path: Path, where: str) -> Iterator[dict[str, str]]:
    opener = OPENERS.get(path.suffix, open)
    try:
        with opener(path, "rt", encoding="utf-8-sig", newline="") as file:
            rows = csv.reader(file)
            names = next(rows, [])
            for fields in rows:
                if fields and len(fields) != len(names):
                    raise ValueError(f"line {rows.line_num} has {len(fields)} fields, the first {len(names)}")
                if fields:
                    yield dict(zip(names, fields, strict=True))
    except (OSError, EOFError, ValueError, csv.Error, lzma.LZMAError) as error:
        raise CollectionError(f"{path}: {error}", where=where, remedy="mend the file") from None


def _name_topic(template: str, row: dict[str, str], where: str) -> str:
    def fill(found: re.Match[str]) -> str:
        value = row.get(found[1])
        if value is None:
            raise CollectionError(f"topic: no column {found[1]!r}", where=where, remedy=suggest(found[1], list(row)))
        if not value or set(value) & set("/+#\0"):
            raise CollectionError(
                f"topic: {found[1]} is {value!r}, which is no level of a topic",
                where=where,
                remedy="take another column",
            )
        return value

    return re.sub(r"\{([^{}/]+)\}", fill, template)


def _write(rows: list[dict[str, str]], source: MqttSource) -> bytes:
    if source.payload == "json":
        texts = [
            "{" + ", ".join(f"{json.dumps(name)}: {_as_json(text)}" for name, text in row.items()) + "}" for row in rows
        ]
        return (texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]").encode()
    out = io.StringIO()
    names = source.names or tuple(rows[0])
    lines = csv.writer(out, lineterminator="\n")
    if not source.names:
        lines.writerow(names)
    lines.writerows([row.get(name, "") for name in names] for row in rows)
    return out.getvalue().encode()


def _as_json(text: str) -> str:
    """Write a text as a sensor would: numbers as such."""
    if text == "":
        return "null"
    return text if text in ("true", "false") or NUMBER.fullmatch(text) else json.dumps(text, ensure_ascii=False)
