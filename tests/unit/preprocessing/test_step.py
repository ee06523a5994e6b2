"""The steps ``clean`` and ``publish``: what is accepted becomes the content of ``clean``, once."""

import json
from datetime import datetime, timezone

import pyarrow as pa
import pytest

from lakemill.exceptions import BlockedPartitionError, LakeError, TableError
from lakemill.lake.cleaning import Line, read_reports
from lakemill.lake.verdicts import Verdict, read_verdicts, record_verdict
from lakemill.preprocessing import clean_partition, publish_partition
from lakemill.preprocessing.step import digest_rows

KEY = "2024-03-01"
DAY = datetime(2024, 3, 1, tzinfo=timezone.utc)
VALIDATED = {"rows": 4, "quarantined": 1, "refused": {"parcels": 0}, "warnings": []}
RULES = [{"rule": "strip"}, {"rule": "strip"}, {"rule": "duplicates"}]


@pytest.fixture
def publish(make_project, lake):
    """Function that cleans and publishes accepted rows of these ids; returns the results of both steps."""
    _, workflow = make_project(workflow={"clean": RULES})

    def run(*ids: str, warnings=()):
        at = pa.array([DAY] * len(ids), pa.timestamp("us", "UTC"))
        lake.stage("validate", KEY, pa.table({"id": pa.array(ids, pa.string()), "sent_at": at}))
        cleaned = clean_partition(workflow, KEY, lake)
        validated = {**VALIDATED, "warnings": list(warnings)}
        return cleaned, publish_partition(workflow, KEY, lake, validated=validated, cleaned=cleaned)

    return run


def published(lake) -> list[str]:
    return lake.read("clean", [KEY]).column("id").to_pylist()


def test_accepted_rows_are_cleaned_and_published(publish, lake):
    cleaned, result = publish("b", " a", "b")
    assert cleaned == {
        "rows": 2,
        "duplicates": 1,
        "changed": {"strip": 1, "duplicates": 0},
        "dropped": {"duplicates": 1},
        "flagged": {},
        "refused": 0,
        "accepted": 0,
    }
    assert result == {"rows": 2, "changed": True, "is_judged": False}
    assert published(lake) == ["a", "b"]


def test_the_verdict_says_how_the_rows_came_about(publish, lake):
    publish("b", " a", "b")
    verdict = read_verdicts(lake, "ingestion")[KEY]
    assert (verdict.verdict, verdict.reasons) == ("published", ())
    assert verdict.as_of == datetime(2024, 3, 2, tzinfo=timezone.utc)
    digest = verdict.evidence.pop("digest")
    assert verdict.evidence == {
        **VALIDATED,
        "duplicates": 1,
        "cells": {"strip": 1, "duplicates": 0},
        "dropped": {"duplicates": 1},
        "flagged": {},
        "clean": 2,
    }
    assert digest == digest_rows(lake.staged("clean", KEY))


def test_publishing_again_changes_nothing(publish, lake):
    publish("b", "a")
    versions = lake.version("clean"), lake.version("verdicts")
    assert publish("a", "b")[1] == {"rows": 2, "changed": False, "is_judged": False}
    assert (lake.version("clean"), lake.version("verdicts")) == versions


def test_rows_that_were_judged_are_known_again_and_others_are_not(publish, lake):
    publish("a", "b")
    digest = read_verdicts(lake, "ingestion")[KEY].evidence["digest"]
    record_verdict(lake, Verdict("monitoring", KEY, DAY, "nothing", (), {"digest": digest}))
    assert publish("b", "a")[1]["is_judged"] is True
    assert publish("a", "c")[1]["is_judged"] is False
    assert publish("a", "c")[1]["is_judged"] is False  # a run that was killed after the commit finds it unchanged


def test_other_rows_take_the_place_of_those_before(publish, lake):
    publish("a", "b")
    first = read_verdicts(lake, "ingestion")[KEY].evidence["digest"]
    assert publish("a", "c")[1]["changed"] is True
    assert published(lake) == ["a", "c"]
    assert read_verdicts(lake, "ingestion")[KEY].evidence["digest"] != first


def test_an_empty_partition_is_published_as_such(publish, lake):
    assert publish()[1]["rows"] == 0
    assert published(lake) == []
    assert read_verdicts(lake, "ingestion")[KEY].evidence["clean"] == 0


def test_warnings_are_the_verdicts_reasons(publish, lake):
    publish("a", warnings=["table: too few rows"])
    verdict = read_verdicts(lake, "ingestion")[KEY]
    assert (verdict.verdict, verdict.reasons) == ("warned", ("table: too few rows",))


def test_a_step_whose_predecessor_did_not_run_is_told(project, lake):
    with pytest.raises(LakeError, match=r"nothing staged by validate\n.*clear the run of parcels\.ingestion"):
        clean_partition(project[1], KEY, lake)
    cleaned = {"duplicates": 0, "changed": {}, "dropped": {}, "flagged": {}, "refused": 0, "accepted": 0}
    with pytest.raises(LakeError, match=r"nothing staged by clean\n.*clear the run of parcels\.ingestion"):
        publish_partition(project[1], KEY, lake, validated=VALIDATED, cleaned=cleaned)


# -- what is refused, and the report ---------------------------------------------------------------------------------

RANGED = {"rule": "range", "columns": ["weight"], "high": 5, "outside": "quarantine"}


@pytest.fixture
def clean(make_project, lake):
    """Function that cleans rows of these weights by these rules; returns what the step does."""

    def run(rules, *weights, key=KEY):
        _, workflow = make_project(workflow={"clean": rules})
        start = workflow.partition.interval(key).start
        at = pa.array([start] * len(weights), pa.timestamp("us", "UTC"))
        ids = pa.array([str(number) for number in range(len(weights))], pa.string())
        lake.stage("validate", key, pa.table({"id": ids, "sent_at": at, "weight": pa.array(weights, pa.float64())}))
        return clean_partition(workflow, key, lake)

    return run


def in_quarantine(lake) -> list[tuple]:
    rows = lake.read("quarantine", [KEY])
    found = [] if rows is None else rows.to_pylist()
    return [(row["source"], row["step"], json.loads(row["row"])["weight"], row["reasons"]) for row in found]


def test_refused_rows_go_to_quarantine_as_they_came_with_all_reasons(clean, lake):
    require = {"rule": "require", "condition": "weight < 100"}
    returned = clean([{"rule": "replace", "columns": ["weight"], "values": {7: 700}}, RANGED, require], 1, 7)
    assert (returned["rows"], returned["refused"]) == (1, 1)
    reasons = ["weight: out of the range from None to 5.0", "not weight < 100 (require)"]
    assert in_quarantine(lake) == [("table", "clean", 7.0, reasons)]


def test_a_mended_rule_takes_the_rows_out_of_quarantine_again(clean, lake):
    clean([RANGED], 1, 7)
    clean([{**RANGED, "high": 10}], 1, 7)
    assert in_quarantine(lake) == []


def test_refused_rows_count_as_quarantined_in_the_verdict(clean, make_project, lake):
    cleaned = clean([RANGED], 1, 7)
    _, workflow = make_project(workflow={"clean": [RANGED]})
    publish_partition(workflow, KEY, lake, validated=VALIDATED, cleaned=cleaned)
    assert read_verdicts(lake, "ingestion")[KEY].evidence["quarantined"] == VALIDATED["quarantined"] + 1


def test_a_partition_of_which_all_is_refused_is_blocked(clean, lake):
    with pytest.raises(BlockedPartitionError, match="cleaning refuses all 2 rows: weight: out of the range"):
        clean([RANGED], 8, 7)
    assert read_verdicts(lake, "ingestion")[KEY].verdict == "blocked"
    assert len(in_quarantine(lake)) == 2


def test_the_report_tells_what_each_rule_did_and_is_not_written_twice(clean, lake):
    rules = [RANGED, {"rule": "range", "columns": ["weight"], "low": 1}, {"rule": "strip"}]
    for _ in range(2):
        clean(rules, 0.5, 7, 2)
        assert read_reports(lake) == {
            KEY: [
                Line(1, "range", "weight", "out of the range from None to 5.0", rows=3, refused=1, examples=("7.0",)),
                Line(2, "range", "weight", "out of the range from 1.0 to None", rows=2, cells=1,
                     examples=("0.5 -> missing",)),
                Line(3, "strip", rows=2),
            ]
        }  # fmt: skip
        assert lake.version("cleaning") == 0


# -- what rules know -------------------------------------------------------------------------------------------------

SECOND, THIRD = "2024-03-02", "2024-03-03"
LEARNS = {"rule": "outliers", "columns": ["weight"], "rows": 20, "action": "missing"}


def make_past(make_project, lake, key, weights):
    _, workflow = make_project()
    at = pa.array([workflow.partition.interval(key).start] * len(weights), pa.timestamp("us", "UTC"))
    lake.replace_partition("clean", key, pa.table({"sent_at": at, "weight": pa.array(weights, pa.float64())}))
    record_verdict(lake, Verdict("ingestion", key, DAY, "published"))


def test_limits_are_learnt_from_the_partitions_before_and_not_from_those_after(clean, make_project, lake):
    make_past(make_project, lake, KEY, [float(value) for value in range(30)])
    assert clean([LEARNS], 500.0, 5.0, key=SECOND)["changed"] == {"outliers": 1}
    before = lake.staged("clean", SECOND)
    make_past(make_project, lake, THIRD, [100.0 * value for value in range(3000)])
    clean([LEARNS], 500.0, 5.0, key=SECOND)
    assert lake.staged("clean", SECOND).equals(before)


def test_a_missing_past_is_an_error_and_not_another_result(clean, lake):
    with pytest.raises(LakeError, match=r"learns from earlier partitions, and 2024-03-01 has not been ingested"):
        clean([LEARNS], 500.0, key=SECOND)


def test_the_first_partition_has_nothing_to_learn_from_and_says_so(clean, lake):
    assert clean([LEARNS], 500.0)["changed"] == {"outliers": 0}
    assert read_reports(lake)[KEY][0].why == "not judged: 0 of 20 values of the past"


@pytest.mark.parametrize("place", [{"file": "known.csv"}, {"source": "parcels"}])
def test_references_are_read_from_a_file_or_a_source(make_project, lake, place):
    rule = {"rule": "reference", "columns": ["id"], "column": "code", **place}
    settings, workflow = make_project(workflow={"clean": [rule]}, files={"known.csv": "code,name\n007,a\nx,b\n"})
    lake.replace_partition("raw_parcels", KEY, pa.table({"code": ["007", " x"]}))
    at = pa.array([DAY] * 3, pa.timestamp("us", "UTC"))
    lake.stage("validate", KEY, pa.table({"id": ["007", "x", "7"], "sent_at": at, "weight": [1.0, 1.0, 3.0]}))
    assert clean_partition(workflow, KEY, lake, project=settings.project)["rows"] == 2
    assert [row[2:] for row in in_quarantine(lake)] == [(3.0, [f"id: not among code of {next(iter(place.values()))}"])]


def test_a_reference_without_the_column_is_told(make_project, lake):
    rule = {"rule": "reference", "columns": ["id"], "column": "cod", "file": "known.csv"}
    settings, workflow = make_project(workflow={"clean": [rule]}, files={"known.csv": "code\n1\n"})
    lake.stage("validate", KEY, pa.table({"id": ["1"], "sent_at": pa.array([DAY], pa.timestamp("us", "UTC"))}))
    with pytest.raises(TableError, match=r"known.csv has no column 'cod'\n.*did you mean 'code'"):
        clean_partition(workflow, KEY, lake, project=settings.project)


# -- digests ----------------------------------------------------------------------------------------------------------

BASE = {"x": [1, 2], "y": ["a", None]}


@pytest.mark.parametrize(
    "other",
    [
        {"x": [2, 1], "y": ["a", None]},
        {"x": [1, 2], "y": ["a", ""]},
        {"x": [1, 2], "y": ["a", "None"]},
        {"x": [1.0, 2.0], "y": ["a", None]},
        {"x": [1, 2], "z": ["a", None]},
        {"y": ["a", None], "x": [1, 2]},
        {"x": [1, 2]},
        {"x": [1], "y": ["a"]},
    ],
    ids=["order", "empty", "a word", "type", "name", "order of columns", "a column less", "a row less"],
)
def test_a_digest_differs_where_content_does(other):
    assert digest_rows(pa.table(other)) != digest_rows(pa.table(BASE))


def test_a_digest_does_not_see_how_content_lies_in_memory():
    table = pa.table(BASE)
    apart = pa.concat_tables([table.slice(0, 1), table.slice(1)])
    assert apart.column("x").num_chunks == 2
    assert digest_rows(apart) == digest_rows(table) == digest_rows(pa.table(BASE))


def test_a_digest_stays_the_same_from_one_day_to_the_next():
    rows = pa.table({"at": pa.array([DAY], pa.timestamp("us", "UTC")), "x": [0.1], "ok": [True], "tags": [["a", "b"]]})
    assert digest_rows(rows) == "85b4505dae3b82b5"
