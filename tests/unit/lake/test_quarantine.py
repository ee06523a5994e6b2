"""Refused rows are kept with their reasons, in place of those refused before."""

import datetime
import json

import pytest

from lakemill.lake.quarantine import TABLE, count_refused, keep_refused


def refuse(lake, *ids, source="parcels", step="validate", key="a"):
    refused = [({"id": number}, ["too heavy"]) for number in ids]
    keep_refused(lake, key, source=source, step=step, refused=refused)


def test_a_row_is_kept_with_all_its_reasons(lake):
    row = {"id": "ä", "at": datetime.datetime(2024, 1, 1), "weight": None}
    keep_refused(lake, "a", source="table", step="validate", refused=[(row, ["too heavy", "too late"])])
    kept = lake.read(TABLE).to_pylist()[0]
    assert kept["reasons"] == ["too heavy", "too late"]
    assert json.loads(kept["row"]) == {"id": "ä", "at": "2024-01-01 00:00:00", "weight": None}
    assert (kept["partition"], kept["source"], kept["step"]) == ("a", "table", "validate")


def test_refusing_again_replaces_and_the_same_changes_nothing(lake):
    refuse(lake, 1, 2)
    refuse(lake, 3)
    version = lake.version(TABLE)
    refuse(lake, 3)
    assert lake.version(TABLE) == version
    assert count_refused(lake, "a") == {"parcels": 1}


def test_sources_steps_and_partitions_do_not_replace_each_other(lake):
    refuse(lake, 1)
    refuse(lake, 2, step="collect")
    refuse(lake, 3, 4, source="table")
    refuse(lake, 5, key="b")
    assert count_refused(lake, "a") == {"parcels": 2, "table": 2}
    assert count_refused(lake, "b") == {"parcels": 1}


def test_where_nothing_is_refused_any_more_nothing_is_left(lake):
    refuse(lake, 1)
    refuse(lake)
    assert count_refused(lake, "a") == {}


@pytest.mark.parametrize("key", ["a", "b"])
def test_where_nothing_was_ever_refused_there_is_no_table(lake, key):
    refuse(lake, key=key)
    assert (lake.read(TABLE), count_refused(lake, key)) == (None, {})
