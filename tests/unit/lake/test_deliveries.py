"""What a source delivered is remembered by partition, and each record takes the place of the one before."""

from datetime import UTC, datetime

import pytest

from lakemill.lake.deliveries import WHOLE, Part, Record, read_deliveries, record_delivery

MONDAY = datetime(2024, 3, 4, 7, 30, tzinfo=UTC)


def record_of(fingerprint: str = "f", **parts: Part) -> Record:
    return Record("d1", fingerprint, "include/data/parcels.csv", MONDAY, parts)


def test_a_record_is_read_as_it_was_kept(lake):
    record = record_of(a=Part(3, 1, "12ab"), b=Part(0, 0, ""))
    record_delivery(lake, "parcels", WHOLE, record)
    assert read_deliveries(lake, "parcels") == {WHOLE: record}


def test_where_nothing_was_delivered_there_is_no_record(lake):
    assert read_deliveries(lake, "parcels") == {}
    record_delivery(lake, "parcels", "a", record_of())
    assert read_deliveries(lake, "parcels", ["b"]) == {}
    assert read_deliveries(lake, "weather") == {}


def test_a_later_record_takes_the_place_of_the_earlier_one(lake):
    record_delivery(lake, "parcels", "a", record_of("old"))
    record_delivery(lake, "parcels", "a", record_of("new"))
    assert read_deliveries(lake, "parcels") == {"a": record_of("new")}


def test_sources_and_partitions_do_not_touch_each_other(lake):
    for source in ("parcels", "weather"):
        for key in ("a", "b"):
            record_delivery(lake, source, key, record_of(f"{source} {key}"))
    record_delivery(lake, "parcels", "a", record_of("another"))
    assert {key: one.fingerprint for key, one in read_deliveries(lake, "weather").items()} == {
        "a": "weather a",
        "b": "weather b",
    }
    assert read_deliveries(lake, "parcels", ["b"])["b"].fingerprint == "parcels b"


def test_the_same_record_again_changes_nothing(lake):
    record_delivery(lake, "parcels", "a", record_of(a=Part(1, 0, "x")))
    before = lake.version("deliveries")
    record_delivery(lake, "parcels", "a", record_of(a=Part(1, 0, "x")))
    assert lake.version("deliveries") == before


@pytest.mark.parametrize("partitions", [0, 1, 9_000])
def test_a_delivery_may_hold_any_number_of_partitions(lake, partitions):
    parts = {f"{number:05}": Part(number, 1, f"{number:x}") for number in range(partitions)}
    record_delivery(lake, "parcels", WHOLE, record_of(**parts))
    assert read_deliveries(lake, "parcels")[WHOLE].parts == parts
    counts = lake.read("deliveries").to_pylist()[0]
    assert (counts["rows"], counts["refused"]) == (sum(range(partitions)), partitions)
