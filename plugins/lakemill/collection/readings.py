"""Readings out of messages: what sensors publish, a micro-batch at a time, as rows by partition and what is refused.

Pure: no broker, no lake, no clock. Stays out: how messages come, and where rows go.
"""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain
from zoneinfo import ZoneInfo

import pyarrow as pa
import pyarrow.compute as pc

from lakemill.collection.delivery import LONGEST_NAME, PROVENANCE, Refused
from lakemill.collection.event_times import cut_by_partition, read_event_times
from lakemill.collection.reading_batch import Message, ReadingBatch, decode_json, show
from lakemill.config import Partition
from lakemill.config.sources import MqttSource
from lakemill.lake.column_types import find_alike

MOST_FIELDS = 1_000
INSTANT = pa.timestamp("us", "UTC")
Levels = dict[str, dict[str, str] | None]


@dataclass(frozen=True)
class Readings:
    """What a micro-batch of messages holds.

    Attributes
    ----------
    rows : dict of str to pyarrow.Table
        By partition of the event time: texts as delivered, ``source_file`` (the topic), ``source_row`` (the number of
        the reading in its message, from 1), ``ingested_at`` (when it was received).
    refused : dict of str to list of Refused
        By partition of when it was received: the first of the workflow where that lies before it, the last after it.
    """

    rows: dict[str, pa.Table]
    refused: dict[str, list[Refused]]

    @property
    def count(self) -> int:
        """Number of readings."""
        return sum(len(rows) for rows in self.rows.values())

    @property
    def count_refused(self) -> int:
        """Number of refused readings and messages."""
        return sum(map(len, self.refused.values()))


class TopicPattern:
    """A topic as a workflow file names it, with levels in braces.

    Parameters
    ----------
    topic : str

    Examples
    --------
    >>> pattern = TopicPattern("house/{house}/power")
    >>> pattern.subscription, pattern.names, pattern.match("house/7/power"), pattern.match("garden/7/power")
    ('house/+/power', ('house',), {'house': '7'}, None)
    """

    def __init__(self, topic: str) -> None:
        levels = topic.split("/")
        self.names = tuple(level[1:-1] for level in levels if _is_name(level))
        self.subscription = "/".join("+" if _is_name(level) else level for level in levels)
        parts = ["([^/]*)" if _is_name(level) else _as_pattern(level) for level in levels]
        self._pattern = re.compile("/".join(parts).replace("/(?:.*)", "(?:/.*)?"), re.DOTALL)

    def match(self, topic: str) -> dict[str, str] | None:
        """Return the values of the levels in braces, None where a topic is not of this pattern."""
        found = self._pattern.fullmatch(topic)
        return dict(zip(self.names, found.groups(), strict=True)) if found else None


class MessageReader:
    """Reads the messages of one source.

    Parameters
    ----------
    source : MqttSource
    partition : Partition
        How the workflow is cut.
    named : iterable of str
        Columns that the workflow file names: a field whose name differs in capitals alone is taken for one of these.
    """

    def __init__(self, source: MqttSource, partition: Partition, named: Iterable[str] = ()) -> None:
        self._source = source
        self._partition = partition
        self._zone = ZoneInfo(partition.timezone)
        self._pattern = TopicPattern(source.topic)
        own = (*self._pattern.names, *source.key, source.event_time)
        self._spelling = {name.lower(): name for name in (*named, *own)}
        self._missing = pa.array(source.missing, pa.string())

    def read(self, messages: Sequence[Message]) -> Readings:
        """Read a micro-batch.

        Parameters
        ----------
        messages : sequence of Message
            In the order that they came in.

        Returns
        -------
        Readings
        """
        batch = ReadingBatch()
        levels: Levels = {}
        for message in messages:
            if message.topic not in levels:
                levels[message.topic] = self._pattern.match(message.topic)
            self._take(message, levels[message.topic], batch)
        rows = self._as_table(batch, levels)
        if rows is None:
            return Readings({}, self._by_partition(batch.refused))
        times = read_event_times(rows.column(self._source.event_time), self._partition.timezone)
        good = pa.array([True] * len(rows))
        for reason, is_bad in self._judge(rows, times):
            for number in pc.indices_nonzero(pc.and_(good, is_bad)).to_pylist():
                batch.refuse_row(number, reason)
            good = pc.and_(good, pc.invert(is_bad))
        if not pc.all(good).as_py():
            rows, times = rows.filter(good), times.filter(good)
        parts = dict(cut_by_partition(rows, times, self._partition))
        return Readings(parts, self._by_partition(batch.refused))

    # -- a message --------------------------------------------------------------------------------------------------

    def _take(self, message: Message, levels: Mapping[str, str] | None, batch: ReadingBatch) -> None:
        if levels is None:
            batch.refuse(message, f"its topic is none of {self._source.topic}")
        elif len(message.payload) > self._source.largest:
            batch.refuse(message, f"{len(message.payload):,} bytes, more than {self._source.largest:,}")
        else:
            try:
                text = message.payload.decode().removeprefix("\ufeff")
                if self._source.payload == "csv":
                    self._take_csv(message, text, batch)
                else:
                    self._take_json(message, text, batch)
            except UnicodeDecodeError as error:
                batch.refuse(message, f"not UTF-8: {error.reason} at byte {error.start}")

    def _take_json(self, message: Message, text: str, batch: ReadingBatch) -> None:
        try:
            value = decode_json(text)
        except RecursionError:
            batch.refuse(message, "nested too deep")
            return
        except ValueError as error:
            batch.refuse(message, f"not JSON: {error}" if text.strip() else "empty")
            return
        if type(value) is dict:
            batch.add(message, 1, value)
        elif type(value) is not list:
            batch.refuse(message, "no object with names and values")
        elif not value:
            batch.refuse(message, "a list without readings")
        else:
            for number, one in enumerate(value, 1):
                if type(one) is dict:
                    batch.add(message, number, one)
                else:
                    batch.refuse(message, "no object with names and values", number, show(one))

    def _take_csv(self, message: Message, text: str, batch: ReadingBatch) -> None:
        lines = csv.reader(io.StringIO(text, newline=""), strict=True)
        names: Sequence[str] = self._source.names
        number = 0
        try:
            for fields in lines:
                if not fields:
                    continue
                if not names:
                    names = fields
                    if len(set(names)) < len(names):
                        batch.refuse(message, "two fields have the same name")
                        return
                    continue
                number += 1
                if len(fields) == len(names):
                    batch.add(message, number, dict(zip(names, fields, strict=True)))
                else:
                    batch.refuse(message, f"{len(fields)} fields instead of {len(names)}", number, ",".join(fields))
        except csv.Error as error:
            batch.refuse(message, f"not CSV from here on: {error}", number + 1)
            return
        if number == 0:
            batch.refuse(message, "a line with names only" if names and text.strip() else "empty")

    # -- all rows of a batch ----------------------------------------------------------------------------------------

    def _as_table(self, batch: ReadingBatch, levels: Levels) -> pa.Table | None:
        self._refuse_names(batch)
        if self._pattern.names:
            self._add_levels(batch, levels)
        columns = batch.as_columns()
        if not batch.rows:
            return None
        for name, values in columns.items():
            if pc.any(pc.is_in(values, self._missing)).as_py():
                columns[name] = pc.if_else(pc.is_in(values, self._missing), pa.scalar(None, pa.string()), values)
        for name in (*self._source.key, self._source.event_time):
            columns.setdefault(name, pa.nulls(len(batch.rows), pa.string()))
        columns["source_file"] = pa.array([message.topic for message, _ in batch.origins], pa.string())
        columns["source_row"] = pa.array([number for _, number in batch.origins], pa.int64())
        columns["ingested_at"] = pa.array([message.received_at for message, _ in batch.origins], INSTANT)
        return pa.table(columns)

    def _refuse_names(self, batch: ReadingBatch) -> None:
        names = set(chain.from_iterable(batch.rows))
        faults = {name: reason for name in names if (reason := _find_fault(name))}
        has_alike = len({name.lower() for name in names}) < len(names)
        if faults or has_alike or len(names) > MOST_FIELDS:
            batch.drop(lambda row: _judge_names(row, faults))
        known = {name: self._spelling.get(name.lower(), name) for name in names}
        batch.rename({name: kept for name, kept in known.items() if name != kept})

    def _add_levels(self, batch: ReadingBatch, levels: Levels) -> None:
        contradictions: dict[int, str] = {}
        for place, ((message, _), row) in enumerate(zip(batch.origins, batch.rows, strict=True)):
            from_topic = levels[message.topic] or {}
            for name in from_topic.keys() & row.keys():
                if row[name] != from_topic[name]:
                    contradictions[place] = f"{name}: another one than the {from_topic[name]!r} of its topic"
            batch.rows[place] = {**from_topic, **row}
        if contradictions:
            batch.drop_rows(contradictions)

    def _judge(self, rows: pa.Table, times: pa.ChunkedArray) -> Iterator[tuple[str, pa.ChunkedArray]]:
        """Yield reasons for which readings are refused, and of which they hold."""
        for name in self._source.key:
            yield f"{name}: missing, but part of the key", pc.is_null(rows.column(name))
        event_time = self._source.event_time
        yield f"{event_time}: no event time", pc.is_null(rows.column(event_time))
        yield f"{event_time}: no event time that can be read", pc.is_null(times)
        start = self._partition.interval(self._partition.start).start
        is_early = pc.fill_null(pc.less(times, pa.scalar(start, INSTANT)), False)
        yield f"{event_time}: before {self._partition.start}, the workflow's first partition", is_early

    def _by_partition(self, refused: list[tuple[datetime, Refused]]) -> dict[str, list[Refused]]:
        parts: dict[str, list[Refused]] = defaultdict(list)
        for received_at, one in refused:
            key = max(received_at.astimezone(self._zone).strftime(self._partition.key_format), self._partition.start)
            parts[min(key, self._partition.end) if self._partition.end else key].append(one)
        return dict(parts)


def _is_name(level: str) -> bool:
    return level.startswith("{") and level.endswith("}")


def _as_pattern(level: str) -> str:
    return {"+": "[^/]*", "#": "(?:.*)"}.get(level) or re.escape(level)


def _judge_names(row: Mapping[str, object], faults: Mapping[str, str]) -> str | None:
    for name in row:
        if name in faults:
            return faults[name]
    if len(row) > MOST_FIELDS:
        return f"{len(row):,} fields, more than {MOST_FIELDS:,}"
    alike = find_alike(list(row))
    return f"fields {alike[0]!r} and {alike[1]!r}: capitals do not tell columns apart" if alike else None


def _find_fault(name: str) -> str | None:
    """Return why a field's name cannot be a column's."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return "a field's name has half of a surrogate pair"
    if name.lower() in PROVENANCE:
        return f"a field is named {name!r}, as the lake names its own"
    if not name.strip():
        return "a field without a name"
    return "a field's name is too long" if len(name) > LONGEST_NAME else None
