"""What may stand under ``collect``: a kind with its keys, and nothing else."""

import pytest
from pydantic import TypeAdapter, ValidationError

from lakemill.config.sources import FilesSource, MqttSource, Source

SOURCE = TypeAdapter(Source)
MQTT = {"kind": "mqtt", "topic": "house/{house}/power", "event_time": "at", "key": ["at"]}


def test_a_source_without_a_kind_is_one_of_files():
    assert isinstance(SOURCE.validate_python({"path": "x.csv"}), FilesSource)


KINDS = {
    "files": {"path": "x_{partition}.csv"},
    "http": {"kind": "http", "url": "https://example.org/x.csv"},
    "sql": {"kind": "sql", "connection": "shop", "query": "SELECT * FROM sales WHERE at >= :start AND at < :end"},
    "mqtt": MQTT,
    "images": {"kind": "images", "path": "pictures/{partition}"},
    "audio": {"kind": "audio", "path": "sounds/{partition}"},
    "video": {"kind": "video", "path": "films/{partition}"},
}


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_is_read_and_written_back(kind):
    source = SOURCE.validate_python(KINDS[kind])
    assert source.kind == kind
    assert SOURCE.validate_python(source.model_dump()) == source


FAULTS = {
    "a kind that is not known": ({"kind": "ftp", "path": "x"}, "does not match any of the expected tags"),
    "a key of another kind": ({"path": "x", "url": "https://x"}, "Extra inputs are not permitted"),
    "no path": ({"path": ""}, "at least 1 character"),
    "a size without a unit that is known": ({"path": "x", "largest": "5 apples"}, "must be a number and one of B, kB"),
    "an encoding that is not known": ({"path": "x", "csv": {"encoding": "utf-9"}}, "must be the name of an encoding"),
    "a delimiter of two characters": ({"path": "x", "csv": {"delimiter": "||"}}, "at most 1 character"),
    "a file by http": ({"kind": "http", "url": "file:///etc/passwd"}, "url"),
    "half a hash": ({"kind": "http", "url": "https://x/y", "sha256": "abc"}, "must be 64 hexadecimal digits"),
    "names for JSON": ({**MQTT, "names": ["a"]}, "names: only csv needs them"),
    "a broker that is no address": ({**MQTT, "broker": "localhost"}, "broker: must be embedded, mqtt://"),
}


@pytest.mark.parametrize(("said", "told"), FAULTS.values(), ids=FAULTS)
def test_what_makes_no_sense_is_refused(said, told):
    with pytest.raises(ValidationError, match=told):
        SOURCE.validate_python(said)


def test_durations_and_sizes_are_read_as_people_write_them():
    source = MqttSource.model_validate({**MQTT, "every": "2 seconds", "largest": "64 kB"})
    assert (source.every.total_seconds(), source.largest) == (2.0, 64_000)
