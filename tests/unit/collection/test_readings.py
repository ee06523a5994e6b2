"""Readings out of messages: what is kept as delivered, and what is refused with which reason."""

from datetime import datetime, timedelta, timezone

import pytest
from mqtt_for_tests import make_plant
from pydantic import ValidationError

from lakemill.collection.reading_batch import Message
from lakemill.collection.readings import MessageReader, Readings, TopicPattern

RECEIVED = datetime(2024, 3, 5, 12, tzinfo=timezone.utc)
TOPIC = "house/7/power"


def read(*payloads: bytes | str, topic: str = TOPIC, **source) -> Readings:
    workflow = make_plant("mqtt://localhost", **source)
    payloads = [payload.encode() if isinstance(payload, str) else payload for payload in payloads]
    messages = [Message(topic, payload, RECEIVED + timedelta(seconds=n)) for n, payload in enumerate(payloads)]
    return MessageReader(workflow.collect["meters"], workflow.partition).read(messages)


def rows_of(readings: Readings) -> list[dict]:
    return [row for rows in readings.rows.values() for row in rows.to_pylist()]


def reasons_of(readings: Readings) -> list[str]:
    return [one.reason for refused in readings.refused.values() for one in refused]


def test_values_are_kept_as_text_as_they_were_written():
    payload = (
        '{"at": "2024-03-01T10:00Z", "a": 1.50, "b": 1e3, "c": true, "d": null, "e": "x", "f": {"g": [0.10, "h"]}}'
    )
    (row,) = rows_of(read(payload))
    assert row == {
        "house": "7",
        "at": "2024-03-01T10:00Z",
        "a": "1.50",
        "b": "1e3",
        "c": "true",
        "d": None,
        "e": "x",
        "f": '{"g": [0.10, "h"]}',
        "source_file": TOPIC,
        "source_row": 1,
        "ingested_at": RECEIVED,
    }


def test_texts_that_mean_no_value_are_none():
    (row,) = rows_of(read('{"at": "2024-03-01", "a": -999, "b": "NA", "c": NaN}', missing=["-999", "NA"]))
    assert (row["a"], row["b"], row["c"]) == (None, None, None)


def test_a_message_may_hold_a_list_and_its_good_readings_are_kept_beside_bad_ones():
    readings = read('[{"at": "2024-03-01"}, 3, {"at": "soon"}, {"at": "2024-03-02"}]')
    assert [(row["at"], row["source_row"]) for row in rows_of(readings)] == [("2024-03-01", 1), ("2024-03-02", 4)]
    assert reasons_of(readings) == ["no object with names and values", "at: no event time that can be read"]
    assert [one.source_row for one in readings.refused["2024-03-05"]] == [2, 3]
    assert readings.refused["2024-03-05"][1].text == '{"house": "7", "at": "soon"}'


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        ("", "empty"),
        ("{", "not JSON: Expecting property name enclosed in double quotes: line 1 column 2 (char 1)"),
        ('{"at": 1}, {"at": 2}', "not JSON: Extra data: line 1 column 10 (char 9)"),
        ("[]", "a list without readings"),
        ("42", "no object with names and values"),
        (b'{"at": "\xff"}', "not UTF-8: invalid start byte at byte 8"),
        ('{"a":' * 100_000, "nested too deep"),
        ('{"at": "2024-03-01", "a": ' + "[" * 300 + "]" * 300 + "}", "nested too deep"),
        ('{"at": "2024-03-01", "a": "\\ud800"}', "has half of a surrogate pair"),
        ('{"at": "2024-03-01", "\\ud800": 1}', "a field's name has half of a surrogate pair"),
        ('{"at": "2024-03-01", "delivery": 1}', "a field is named 'delivery', as the lake names its own"),
        ('{"at": "2024-03-01", "": 1}', "a field without a name"),
        ('{"at": "2024-03-01", "V": 1, "v": 2}', "fields 'V' and 'v': capitals do not tell columns apart"),
        ('{"at": "2024-03-01", "house": "8"}', "house: another one than the '7' of its topic"),
        ('{"watts": 1}', "at: no event time"),
        ('{"at": null}', "at: no event time"),
        ('{"at": "noon"}', "at: no event time that can be read"),
        ('{"at": 1e300}', "at: no event time that can be read"),
        ('{"at": "2024-02-29T22:59:59Z"}', "at: before 2024-03-01, the workflow's first partition"),
        ('{"at": "2024-03-01", "a": "' + "x" * 2000 + '"}', "2,029 bytes, more than 2,000"),
    ],
)
def test_what_is_no_reading_is_refused_with_a_reason(payload, reason):
    # a key without the event time, so that the event time is what is told
    readings = read(
        payload, '{"at": "2024-03-01", "good": 1}', key=["house"], largest=2000 if "xxx" in str(payload) else "1 MB"
    )
    assert reasons_of(readings) == [reason]
    assert [row["good"] for row in rows_of(readings)] == ["1"]


def test_a_field_whose_name_differs_in_capitals_alone_is_the_one_that_the_workflow_names():
    plant = make_plant("mqtt://localhost")
    payload = b'[{"AT": "2024-03-01", "Watts": 1, "more": 2}, {"at": "2024-03-02", "watts": 3}]'
    reader = MessageReader(plant.collect["meters"], plant.partition, ["watts"])
    rows = rows_of(reader.read([Message(TOPIC, payload, RECEIVED)]))
    assert [(row["at"], row["watts"]) for row in rows] == [("2024-03-01", "1"), ("2024-03-02", "3")]


def test_a_reading_without_a_part_of_its_key_is_refused():
    assert reasons_of(read('{"at": "2024-03-01"}', key=["house", "phase"])) == ["phase: missing, but part of the key"]


def test_too_many_fields_are_refused():
    fields = ", ".join(f'"f{n}": {n}' for n in range(1_001))
    readings = read(f'{{"at": "2024-03-01", {fields}}}', '{"at": "2024-03-01"}')
    assert reasons_of(readings) == ["1,002 fields, more than 1,000"]
    assert len(rows_of(readings)) == 1


def test_numbers_are_not_limited_in_length():
    digits = "1" * 5_000
    assert rows_of(read(f'{{"at": "2024-03-01", "a": {digits}}}'))[0]["a"] == digits


@pytest.mark.parametrize(
    ("at", "partition"),
    [
        ('"2024-03-02T22:59:59.999999Z"', "2024-03-02"),
        ('"2024-03-02T23:00:00Z"', "2024-03-03"),
        ('"2024-03-02T23:00:00"', "2024-03-02"),
        ('"2024-03-02 23:30:00+02:00"', "2024-03-02"),
        ('"2024-03-02T23:00:00.123456789Z"', "2024-03-03"),
        ("1709420399.5", "2024-03-02"),
        ("1709420400", "2024-03-03"),
        ("1.7094204e9", "2024-03-03"),
        ('"1709420400"', "2024-03-03"),
    ],
)
def test_a_reading_lies_in_the_partition_of_its_event_time(at, partition):
    # in Paris, where the day ends at 23:00 in UTC; a text without a zone is in that of the workflow
    readings = read(f'{{"at": {at}}}', '{"at": "2024-03-07"}', '{"at": 1709800000}')
    assert list(readings.rows) == [partition, "2024-03-07"]


@pytest.mark.parametrize(
    ("received_at", "partition"),
    [("2024-03-04T23:30", "2024-03-05"), ("1999-01-01T00:00", "2024-03-01"), ("2030-01-01T00:00", "2024-03-31")],
)
def test_what_is_refused_lies_in_the_partition_that_it_was_received_in(received_at, partition):
    workflow = make_plant("mqtt://localhost")
    within = workflow.partition.model_copy(update={"end": "2024-03-31"})
    moment = datetime.fromisoformat(received_at).replace(tzinfo=timezone.utc)
    readings = MessageReader(workflow.collect["meters"], within).read([Message(TOPIC, b"?", moment)])
    assert list(readings.refused) == [partition]


def test_csv_is_read_by_given_names():
    readings = read("2024-03-01,1.50\n2024-03-02,\n", "2024-03-01", payload="csv", names=["at", "watts"])
    assert [(row["at"], row["watts"], row["source_row"]) for row in rows_of(readings)] == [
        ("2024-03-01", "1.50", 1),
        ("2024-03-02", None, 2),
    ]
    assert reasons_of(readings) == ["1 fields instead of 2"]


def test_csv_is_read_by_the_names_in_its_first_line():
    readings = read('at,note\r\n2024-03-01,"a, b"\r\n2024-03-01\r\n', "at,note\n", payload="csv", key=["house"])
    assert [(row["note"], row["source_row"]) for row in rows_of(readings)] == [("a, b", 1)]
    assert reasons_of(readings) == ["1 fields instead of 2", "a line with names only"]


def test_broken_quotes_in_csv_are_refused_from_there_on():
    readings = read('2024-03-01,a\n2024-03-02,"b\n', payload="csv", names=["at", "note"])
    assert [row["note"] for row in rows_of(readings)] == ["a"]
    assert reasons_of(readings) == ["not CSV from here on: unexpected end of data"]


def test_a_message_of_another_topic_is_refused():
    assert reasons_of(read('{"at": "2024-03-01"}', topic="garden/7")) == ["its topic is none of house/{house}/power"]


@pytest.mark.parametrize(
    ("template", "topic", "found"),
    [
        ("a/{b}/c", "a/1/c", {"b": "1"}),
        ("a/{b}/c", "a/1/2/c", None),
        ("{a}/+/{c}", "1/2/3", {"a": "1", "c": "3"}),
        ("a/#", "a/b/c", {}),
        ("a/#", "a", {}),
        ("a/#", "ab", None),
        ("a.b/{c}", "axb/1", None),
        ("#", "a/b", {}),
    ],
)
def test_topics_are_matched_level_by_level(template, topic, found):
    assert TopicPattern(template).match(topic) == found


@pytest.mark.parametrize("topic", ["a/b{c}", "a/#/b", "{a}/{a}", "a+/b", "{1}", "{}", "x/{delivery}"])
def test_a_topic_that_cannot_be_subscribed_to_is_refused_with_the_workflow(topic):
    with pytest.raises(ValidationError, match="topic"):
        make_plant("mqtt://localhost", topic=topic)
